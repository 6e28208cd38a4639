"""CLAIMS.md, the scoreboard, and notebooks/claims.json, the ledger of all claims.

``python tools/ledger.py`` writes both, and the scoreboard's pictures, from the notebooks as they
are stored and from ``notebooks/the_note.toml``: the statements, their verdicts and sentences.
"""

import argparse
import json
import re
import tomllib
from base64 import b64decode
from collections import Counter
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from vae_helpers.claims import Claim, measured
from vae_helpers.files import atomic_write, print_anything

ROOT = Path(__file__).resolve().parent.parent
VERDICTS = ("confirmed", "refined", "imprecise", "refuted", "context")
NUMBER = re.compile(r"\{(\w+\.\w+)(?:\|([^{}]+))?\}")  # {id} or {id|words}
INTRODUCTION = """\
# Scoreboard: which claims hold?

This series began as a short note on VAEs. We took it sentence by sentence, drew its consequences,
and measured. Of the {count} statements {verdicts}. **Refined** means true under a condition that
was not said; **imprecise**, true in one reading and false in another; **context**, nothing to test.

Each linked number leads to the place in a notebook where it is measured, and is measured again
whenever that notebook runs. A number over several seeds is their median. The series' web pages
have a table of all {claims} claims that the notebooks make, with the ranges over seeds; its data
are in [claims.json](notebooks/claims.json).

## Eight to look at
"""


class LedgerError(ValueError):
    """Notebooks and statements do not fit together; the message says where."""


class Stored(NamedTuple):
    """A claim as its notebook stored it, and the heading above it as a link."""

    claim: Claim
    place: str


class Notebook(NamedTuple):
    """What the ledger needs of a stored notebook.

    links: {heading: its link}. pictures: {heading: (PNG, alternative text) of the first below it}.
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
                png = b64decode("".join(output["data"]["image/png"]))
                pictures.setdefault(heading, (png, output["metadata"]["image/png"]["alt"]))
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

    def found(self, statement):
        """What the series finds, as Markdown: each number a link to where it is measured."""
        def number(found):
            if found[1] not in self.claims:
                raise LedgerError(f"{statement['says']!r} names the claim {found[1]}, "
                                  "which no stored notebook makes.")
            claim, place = self.claims[found[1]]
            figure = measured(claim.value).strip("⟨⟩").replace("-", "−")
            return f"[{found[2] or figure}]({place})"

        text, count = NUMBER.subn(number, statement["found"])
        if "told" in statement:
            text += f" [Notebook {statement['told'][:2]}]({self.place(statement, 'told')})."
        elif not count:
            raise LedgerError(f"{statement['says']!r}: nothing decides it; write a claim's {{id}} "
                              "in its sentence, or name a heading in `told`.")
        if statement["verdict"] not in VERDICTS:
            raise LedgerError(f"{statement['says']!r}: the verdict {statement['verdict']!r} is "
                              f"none of {', '.join(VERDICTS)}.")
        return text

    def place(self, statement, key, of="links"):
        """What stands under the heading that a statement's key names, "FILE#HEADING"."""
        file, _, heading = statement[key].partition("#")
        known = getattr(self.notebooks[file], of) if file in self.notebooks else {}
        if heading not in known:
            raise LedgerError(f"{statement['says']!r} names {statement[key]}: no stored notebook "
                              f"has {'such a heading' if of == 'links' else 'a picture there'}.")
        return known[heading]

    @property
    def pictures(self):
        """{path below the root: PNG} of the statements that are shown with a picture."""
        return {f"notebooks/pictures/{self.name(statement)}": self.place(
            statement, "picture", "pictures")[0] for statement in self.shown}

    @property
    def shown(self):
        """The statements with a picture."""
        return [one for part in self.sections for one in part["statement"] if "picture" in one]

    @staticmethod
    def name(statement):
        """The file's name of a statement's picture."""
        file, _, heading = statement["picture"].partition("#")
        return f"{file[:2]}-{re.sub('[^a-z0-9]+', '-', heading.lower()).strip('-')}.png"

    @property
    def scoreboard(self):
        """The text of CLAIMS.md."""
        statements = [one for part in self.sections for one in part["statement"]]
        counts = Counter(statement["verdict"] for statement in statements)
        lines = [INTRODUCTION.format(
            count=len(statements), claims=len(self.claims),
            verdicts=", ".join(f"{counts[one]} are {one}" for one in VERDICTS))]
        for statement in self.shown:
            alt = self.place(statement, "picture", "pictures")[1].translate(
                {ord("["): "(", ord("]"): ")"})
            lines += [f"**“{statement['says']}”** {statement['verdict'].capitalize()}. "
                      f"{self.found(statement)}", "",
                      f"![{alt}](notebooks/pictures/{self.name(statement)})", ""]
        for section in self.sections:
            lines += [f"## {section['title']}", "", section["about"], "",
                      "| statement | verdict | what the series finds |", "|---|---|---|"]
            lines += ["| " + " | ".join(text.replace("|", r"\|") for text in (
                one["says"], f"**{one['verdict']}**", self.found(one))) + " |"
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
