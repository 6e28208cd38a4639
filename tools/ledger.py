"""CLAIMS.md: what the note says, what the notebooks claim, and the figures that decide.

``python tools/ledger.py`` writes it from the notebooks as they are stored and from
``notebooks/the_note.toml``, which restates the note from which the series grew by hand.
"""

import argparse
import json
import re
import tomllib
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from vae_helpers.claims import Claim, measured
from vae_helpers.files import atomic_write, print_anything

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
LEDGER = NOTEBOOKS.parent / "CLAIMS.md"
VERDICTS = ("confirmed", "refined", "imprecise", "refuted", "context")

INTRODUCTION = """\
# Claims

Every sentence of the series that says "smaller", "collapses" or "10 of 10" is followed by a
folded line that unfolds to what was measured for it, and to the band within which it is true.
This ledger lists them all, behind what the note from which the series grew says, and what became
of it.

A figure with a range has one value for each seed: it is their median, and the range goes from
the least to the greatest. The others are of one seed, or the same for every seed. Each claim
links to its place in the notebook, where the figures are measured anew whenever it runs, or,
where they took many seeds or hours, compared anew with stored ones (the `results` of each lesson
in `notebooks/vae_lessons`); they may differ a little from machine to machine.

`python tools/ledger.py` writes this file from the stored notebooks and from
[the_note.toml](notebooks/the_note.toml), and `make notebooks` does so at its end.
"""


class LedgerError(ValueError):
    """Notebooks and hand-written statements do not fit together; the message says where."""


class Stored(NamedTuple):
    """A claim as its notebook stored it, and its place: file and heading, as a link."""

    claim: Claim
    place: str

    @property
    def figure(self):
        """What was measured, without the marks ⟨ and ⟩."""
        return measured(self.claim.value).strip("⟨⟩")

    @property
    def spread(self):
        """The range over seeds, without the marks; empty for a value without seeds."""
        return re.sub("[⟨⟩]", "", self.claim.spread)


def cell(text):
    """Text as a cell of a Markdown table."""
    return text.replace("|", r"\|")


def anchor(heading):
    """The place of a heading, as JupyterLab and GitHub name it: it has - for each space."""
    return quote(heading.strip().replace(" ", "-"), safe="?,:;'()β")


def headings(notebook, file):
    """{number of a cell: link to the nearest heading above it} and {heading: its link}."""
    above, links, link = {}, {}, file
    for number, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] == "markdown":
            for heading in re.findall(r"^##+ (.+)$", "".join(cell["source"]), re.MULTILINE):
                link = f"{file}#{anchor(heading)}"
                links[heading.strip()] = link
        above[number] = link
    return above, links


def claims_of(notebook, file):
    """The claims of a stored notebook, in its order.

    Raises `LedgerError` for a notebook stored without any, and for one that does not hold.
    """
    above, _ = headings(notebook, file)
    found = []
    for number, one in enumerate(notebook["cells"]):
        for output in one.get("outputs", ()):
            for row in output.get("metadata", {}).get("claims", ()):
                claim = Claim(**{name: row[name] for name in Claim._fields})
                if not row["holds"]:
                    raise LedgerError(f"{file} is stored with a claim that fails: {claim.id}.")
                found.append(Stored(claim, above[number]))
    if not found:
        raise LedgerError(f"{file} is stored without a claim's output: make notebooks ARGS={file}")
    return found


def _parsed(path, parse):
    try:
        return parse(path.read_text(encoding="utf-8"))
    except ValueError as error:  # of the text's encoding, of JSON, of TOML
        raise LedgerError(
            f"{path} cannot be read: {error}. Mend it, or take git's copy back."
        ) from error


def read(folder=NOTEBOOKS):
    """{file: (title, claims, headings' links)} of all stored notebooks; damaged: `LedgerError`."""
    found = {}
    for path in sorted(folder.glob("*.ipynb")):
        notebook = _parsed(path, json.loads)
        file = f"{folder.name}/{path.name}"
        title = "".join(notebook["cells"][0]["source"]).splitlines()[0].lstrip("# ")
        found[path.name] = title, claims_of(notebook, file), headings(notebook, file)[1]
    return found


def evidence_for(statement, claims, links):
    """What decides a statement, as links: claims with their figures, and places in the text.

    Raises `LedgerError` for a claim or a place that does not exist, an unknown verdict, and a
    statement that nothing decides.
    """
    says, verdict = statement["says"], statement["verdict"]
    if verdict not in VERDICTS:
        raise LedgerError(f"{says!r}: the verdict {verdict!r} is none of {', '.join(VERDICTS)}.")
    parts = []
    for id in statement.get("claims", ()):
        if id not in claims:
            raise LedgerError(f"{says!r} names the claim {id}, which no stored notebook makes.")
        spread = f" ({claims[id].spread})" if claims[id].spread else ""
        parts.append(f"[`{id}`]({claims[id].place}) {claims[id].figure}{spread}")
    for place in statement.get("told", ()):
        if place not in links:
            raise LedgerError(f"{says!r} names {place}, a heading that no stored notebook has.")
        parts.append(f"[{place.split('_')[0]}: {place.split('#')[1]}]({links[place]})")
    if not parts:
        raise LedgerError(f"{says!r}: nothing decides it; name claims, or places in `told`.")
    return parts


def compose(folder=NOTEBOOKS):
    """The ledger's text. Raises `LedgerError` where notebooks and statements do not fit."""
    notebooks = read(folder)
    claims = {one.claim.id: one for _, made, _ in notebooks.values() for one in made}
    links = {f"{file}#{heading}": link for file, (_, _, places) in notebooks.items()
             for heading, link in places.items()}
    note = _parsed(folder / "the_note.toml", tomllib.loads)
    lines = [INTRODUCTION, "## The note, statement by statement", ""]
    for section in note["section"]:
        lines += [f"### {section['title']}", "", section["about"], "",
                  "| statement | verdict | what the series finds | decided by |",
                  "|---|---|---|---|"]
        for statement in section["statement"]:
            parts = "<br>".join(evidence_for(statement, claims, links))
            says, found = cell(statement["says"]), cell(statement["found"])
            lines.append(f"| {says} | **{statement['verdict']}** | {found} | {parts} |")
        lines.append("")
    lines += ["## The claims, notebook by notebook", "", f"{len(claims)} claims; all hold.", ""]
    for file, (title, made, _) in notebooks.items():
        lines += [f"### [{file[:2]} {title}]({folder.name}/{file})", "",
                  "| claim | measured | over seeds | holds within |", "|---|---|---|---|"]
        lines += [f"| [`{one.claim.id}`]({one.place}): {cell(one.claim.sentence)} | {one.figure} | "
                  f"{one.spread} | {cell(one.claim.band)} |" for one in made]
        lines.append("")
    return "\n".join(lines)


def main(arguments=None):
    """The command line: write the ledger."""
    parser = argparse.ArgumentParser(
        prog="python tools/ledger.py", description="Write CLAIMS.md from the stored notebooks."
    )
    parser.parse_args(arguments)
    try:
        text = compose()
    except LedgerError as error:
        parser.exit(1, f"error: {error}\n")
    with atomic_write(LEDGER) as file:
        file.write(text.encode())


if __name__ == "__main__":
    print_anything()
    main()
