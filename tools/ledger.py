"""CLAIMS.md, the scoreboard, and notebooks/claims.json, the ledger of all claims.

``python tools/ledger.py`` writes both, and the scoreboard's pictures, from the notebooks as they
are stored and from ``notebooks/the_note.toml``: the statements, their verdicts and sentences.
"""

import argparse
import json
import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from site_pages.pages import picture
from vae_helpers.claims import Claim, measured
from vae_helpers.files import atomic_write, print_anything

ROOT = Path(__file__).resolve().parent.parent
VERDICTS = ("confirmed", "refined", "imprecise", "refuted", "context")
NUMBER = re.compile(r"\{(\w+\.\w+)(?::(\w+))?(?:\|([^{}]+))?\}")  # {id}, {id:form} or {id|words}
INTRODUCTION = """\
# Scoreboard: which claims hold?

This series began as a short note on variational autoencoders (VAEs). We tested the note's {note}
statements and added {series} of our own.

* **The note's {note} statements**: {of_note}.
* **The {series} that the series adds**: {of_series}.

**Refined** means true under a condition that was not said; **imprecise**, partly true or true in
one reading only; **context**, a description with nothing to test.

**Words.** A VAE is trained to raise the **ELBO**, a lower bound on log p(x), the log probability of
an image. −ELBO, lower is better, is distortion (what a reconstruction loses) plus rate (the KL from
**q**, the encoder's distribution of an image's codes, to the prior), in **nats** (a nat is
1.44 bits). The **KL weight β** multiplies the rate in the training loss; the ELBO has β = 1. In
**posterior collapse** q is nearly the prior for every image, so codes tell the decoder nothing. A
latent is **active** if its mean differs from image to image. More words are in the
[glossary](notebooks/GLOSSARY.md).

**Data.** The VAEs are trained on MNIST: handwritten digits of 28 × 28 grey pixels. The theory is
measured in a small Gaussian model, in which every term is known exactly. The *original recipe* is
the VAE that came with the note.

**Try it.** Begin with [notebook 00](notebooks/00_start_here.ipynb): `make lab`, typed in the
repository's folder, opens it. The [README](README.md) says what is needed.

Each linked number leads to the place in a notebook where it is measured again whenever that
notebook runs. A number over several seeds (random starts) is their median, unless its range is
given. [All {claims} claims](notebooks/claims.json) that the notebooks make have their ranges in one
data file, which is a table to search on the web pages (`make site`).

## Eight to look at
"""


def _figure(value):
    """A number as the scoreboard prints it: three digits, and a true minus sign."""
    return measured(value).strip("⟨⟩").replace("-", "−")


def _power(claim):
    """10 to the power of the claim's value, to one digit: "5 × 10²¹"."""
    digit, power = f"{10**claim.value:.0e}".split("e")
    raised = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    return f"{digit} × 10{str(int(power)).translate(raised)}"


# How {id:form} prints a claim; without a form it is the value.
FORMS = {
    "": lambda claim: _figure(claim.value),
    "size": lambda claim: _figure(abs(claim.value)),
    "percent": lambda claim: f"{_figure(100 * claim.value)}\N{NO-BREAK SPACE}%",
    "points": lambda claim: f"{_figure(100 * claim.value)} percentage points",
    "range": lambda claim: f"{_figure(claim.least)} to {_figure(claim.most)}",
    "power": _power,
}


class LedgerError(ValueError):
    """Notebooks and statements do not fit together; the message says where."""


class Stored(NamedTuple):
    """A claim as its notebook stored it, and the heading above it as a link."""

    claim: Claim
    place: str


class Notebook(NamedTuple):
    """What the ledger needs of a stored notebook.

    links: {heading: its link}. pictures: {heading: [(PNG, alternative text) of each below it]}.
    """

    title: str
    claims: list
    links: dict
    pictures: dict


def anchor(heading):
    """The place of a heading, as JupyterLab and GitHub name it: it has - for each space."""
    return quote(heading.replace(" ", "-"), safe="?,:;'()=β")


def _claims(output, link):
    for row in output.get("metadata", {}).get("claims", ()):
        claim = Claim(**{name: row[name] for name in Claim._fields})
        if not row["holds"]:
            raise LedgerError(f"{link} is stored with a claim that fails: {claim.id}.")
        yield Stored(claim, link)


def notebook_of(stored, file):
    """The `Notebook` of a stored notebook's JSON; `file` is the link to it.

    Raises `LedgerError` for one stored without a claim, and for one with a claim that fails.
    """
    title = "".join(stored["cells"][0]["source"]).splitlines()[0].lstrip("# ")
    heading, claims, links, pictures = "", [], {"": file}, {}
    for cell in stored["cells"]:
        if cell["cell_type"] == "markdown":
            for found in re.findall(r"^##+ (.+)$", "".join(cell["source"]), re.MULTILINE):
                heading = found.strip()
                links[heading] = f"{file}#{anchor(heading)}"
        for output in cell.get("outputs", ()):
            claims += _claims(output, links[heading])
            if "image/png" in output.get("data", {}):
                alt, png = picture(output)
                pictures.setdefault(heading, []).append((png, alt))
    if not claims:
        raise LedgerError(f"{file} is stored without a claim's output: make notebooks ARGS={file}")
    return Notebook(title, claims, links, pictures)


def _parsed(path, parse):
    try:
        return parse(path.read_text(encoding="utf-8"))
    except ValueError as error:  # of the text's encoding, of JSON, of TOML
        raise LedgerError(
            f"{path} cannot be read: {error}. Mend it, or take git's copy back."
        ) from error


class Ledger:
    """The stored notebooks and the statements, and what is written of them.

    Raises `LedgerError` where a file is damaged or the two do not fit together.
    """

    def __init__(self, root=ROOT):
        folder = root / "notebooks"
        self.notebooks = {
            path.name: notebook_of(_parsed(path, json.loads), f"notebooks/{path.name}")
            for path in sorted(folder.glob("*.ipynb"))}
        self.claims = {one.claim.id: one for book in self.notebooks.values() for one in book.claims}
        self.sections = _parsed(folder / "the_note.toml", tomllib.loads)["section"]
        self.statements = [one | {"added": part.get("added", False)}
                           for part in self.sections for one in part["statement"]]

    def numbers(self, text, where):
        """(text with each number as a link to where it is measured, how many numbers)."""
        def number(found):
            name, form, words = found.groups()
            if name not in self.claims:
                raise LedgerError(f"{where!r} names the claim {name}, "
                                  "which no stored notebook makes.")
            if (form or "") not in FORMS:
                raise LedgerError(f"{where!r}: {found[0]} asks for a form that is none of "
                                  f"{', '.join(filter(None, FORMS))}.")
            claim, place = self.claims[name]
            return f"[{words or FORMS[form or ''](claim)}]({place})"

        return NUMBER.subn(number, text)

    def found(self, statement):
        """What the series finds, as Markdown: each number a link to where it is measured."""
        text, count = self.numbers(statement["found"], statement["says"])
        if "told" in statement:
            text += f" [Notebook {statement['told'][:2]}]({self.place(statement, 'told')})."
        elif not count:
            raise LedgerError(f"{statement['says']!r}: nothing decides it; write a claim's {{id}} "
                              "in its sentence, or name a heading in `told`.")
        if statement["verdict"] not in VERDICTS:
            raise LedgerError(f"{statement['says']!r}: the verdict {statement['verdict']!r} is "
                              f"none of {', '.join(VERDICTS)}.")
        return text

    def judged(self, statement, above=False):
        """The verdict and what the series finds, or that it stands above."""
        found = "See above, with a picture." if above else self.found(statement)
        return f"**{statement['verdict'].capitalize()}.** {found}"

    def place(self, statement, key, of="links"):
        """What stands under the heading that a statement's key names, "FILE#HEADING"."""
        file, _, heading = statement[key].partition("#")
        known = getattr(self.notebooks[file], of) if file in self.notebooks else {}
        if heading not in known:
            raise LedgerError(f"{statement['says']!r} names {statement[key]}: no stored notebook "
                              f"has {'such a heading' if of == 'links' else 'a picture there'}.")
        return known[heading]

    def drawn(self, statement):
        """(PNG, alternative text) of a statement's picture."""
        below, which = self.place(statement, "picture", "pictures"), statement.get("which", 1)
        if not 1 <= which <= len(below):
            raise LedgerError(f"{statement['says']!r} asks for picture {which}, but "
                              f"{statement['picture']} has {len(below)}.")
        return below[which - 1]

    @property
    def pictures(self):
        """{path below the root: PNG} of the statements that are shown with a picture."""
        return {f"notebooks/pictures/{self.name(one)}": self.drawn(one)[0] for one in self.shown}

    @property
    def shown(self):
        """The statements with a picture."""
        return [one for one in self.statements if "picture" in one]

    @staticmethod
    def name(statement):
        """The file's name of a statement's picture."""
        file, _, heading = statement["picture"].partition("#")
        name = f"{file[:2]}-{re.sub('[^a-z0-9]+', '-', heading.lower()).strip('-')}"
        return f"{name}-{statement['which']}.png" if "which" in statement else f"{name}.png"

    def counted(self, added):
        """How many statements the note makes, or the series adds, as a `Counter` by verdict."""
        return Counter(one["verdict"] for one in self.statements if one["added"] == added)

    def introduction(self):
        """The text above the pictures."""
        note, series = self.counted(False), self.counted(True)
        return INTRODUCTION.format(
            note=note.total(), series=series.total(), claims=len(self.claims),
            of_note=", ".join(f"{note[one]} {one}" for one in VERDICTS if note[one]),
            of_series=", ".join(f"{series[one]} {one}" for one in VERDICTS if series[one]))

    @property
    def scoreboard(self):
        """The text of CLAIMS.md."""
        lines = [self.introduction()]
        for statement in self.shown:
            alt = self.drawn(statement)[1].translate({ord("["): "(", ord("]"): ")"})
            whose = "Added by the series: " if statement["added"] else ""
            lines += [f"**{whose}“{statement['says']}”** {self.judged(statement)}", "",
                      f"![{alt}](notebooks/pictures/{self.name(statement)})", ""]
            lines += [f"*{statement['caption']}*", ""] if "caption" in statement else []
        for section in self.sections:
            lines += [f"## {section['title']}", "",
                      self.numbers(section["about"], section["title"])[0], "",
                      "| statement | what the series finds |", "|---|---|"]
            lines += ["| " + " | ".join(text.replace("|", r"\|") for text in (
                one["says"], self.judged(one, "picture" in one))) + " |"
                for one in section["statement"]]
            lines.append("")
        return "\n".join(lines)

    @property
    def data(self):
        """The text of claims.json: a list with a line for each claim."""
        rows = [json.dumps(one.claim._asdict() | {"place": one.place}, ensure_ascii=False)
                for one in self.claims.values()]
        return "[\n" + ",\n".join(rows) + "\n]\n"

    @property
    def files(self):
        """{path below the root: bytes} of all that is written."""
        return {"CLAIMS.md": self.scoreboard.encode(), "notebooks/claims.json": self.data.encode(),
                **self.pictures}


def main(arguments=None, root=ROOT):
    """The command line: write the scoreboard, its pictures and the ledger."""
    parser = argparse.ArgumentParser(
        prog="python tools/ledger.py",
        description="Write CLAIMS.md, its pictures and notebooks/claims.json from the notebooks.")
    parser.parse_args(arguments)
    try:
        files = Ledger(root).files
    except LedgerError as error:
        parser.exit(1, f"error: {error}\n")
    for old in root.glob("notebooks/pictures/*.png"):
        if f"notebooks/pictures/{old.name}" not in files:
            old.unlink()
    for name, content in files.items():
        (root / name).parent.mkdir(exist_ok=True)
        with atomic_write(root / name) as file:
            file.write(content)


if __name__ == "__main__":
    print_anything()
    main()
