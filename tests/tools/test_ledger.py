"""CLAIMS.md is what the stored notebooks and the hand-written statements say."""

import re

import ledger
import nbformat
import pytest
from ledger import LedgerError

from vae_helpers.claims import claim

STATEMENT = {"says": "More is less", "verdict": "refuted", "found": "It is not"}
NOTE = """
[[section]]
title = "Theory"
about = "Of much."
[[section.statement]]
says = "More is p(x|z)"
verdict = "refined"
found = "Less"
claims = ["t.one"]
told = ["00_t.ipynb#What is it?"]
"""


def test_the_ledger_is_current():
    assert ledger.LEDGER.read_text(encoding="utf-8") == ledger.compose(), (
        "CLAIMS.md is not what the stored notebooks say: python tools/ledger.py"
    )


def test_every_statement_of_the_note_is_there():
    """The statements of each section, by count: one that is lost would not be missed else."""
    text = ledger.LEDGER.read_text(encoding="utf-8")
    sections = text.split("## The claims, notebook by notebook")[0].split("\n### ")[1:]
    counted = {part.splitlines()[0]: part.count("| **") for part in sections}
    assert counted == {
        "Theory": 15, "The variance laws behind the theory": 12, "Practical highlights": 4,
        "The sample": 9, "The sample, looked at closely": 12,
    }


def test_bands_listed_are_bands_checked():
    """A closing table that says `0 … 1 nats` stands for a check of 0 … 1."""
    compared = 0
    for _, claims, _ in ledger.read().values():
        for one in claims:
            ends = re.search(r"(\S+) … (\S+)", one.band.replace("−", "-"))
            if ends:
                assert [float(end) for end in ends.groups()] == [float(one.low), float(one.high)], (
                    one
                )
                compared += 1
    assert compared > 100


def notebook(*lines, listed=("t.one",)):
    """A stored notebook with a cell that printed `lines` and a closing table."""
    cell = nbformat.v4.new_code_cell("claim(...)")
    cell.outputs = [nbformat.v4.new_output("stream", text="\n".join(lines) + "\n")]
    rows = "\n".join(f"| `{id}`: what it says | 1 … 3 nats |" for id in listed)
    return nbformat.v4.new_notebook(cells=[
        nbformat.v4.new_markdown_cell("# Try it"),
        nbformat.v4.new_markdown_cell("Text\n\n## What is it?\n\nText"), cell,
        nbformat.v4.new_markdown_cell(f"## The end\n\n| claim | band |\n|---|---|\n{rows}"),
    ])


@pytest.fixture
def folder(tmp_path):
    """A folder with one notebook and one statement."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    line = "claim t.one: ⟨1,500⟩ nats, as it is, within 1 … 3: holds"
    nbformat.write(notebook(line), folder / "00_t.ipynb")
    (folder / "the_note.toml").write_text(NOTE, encoding="utf-8")
    return folder


def test_a_statement_and_a_claim_are_written_out(folder):
    link = "notebooks/00_t.ipynb#What-is-it?"
    assert ledger.compose(folder).endswith(f"""\
| More is p(x\\|z) | **refined** | Less | [`t.one`]({link}) 1,500<br>[00: What is it?]({link}) |

## The claims, notebook by notebook

1 claims; all hold.

### [00 Try it](notebooks/00_t.ipynb)

| claim | measured | over seeds | band | verdict |
|---|---|---|---|---|
| [`t.one`]({link}): what it says | 1,500 |  | 1 … 3 nats | holds |
""")


def printed(capsys, *arguments, **of):
    """The one claim that the ledger reads from what `claim` prints."""
    claim("t.one", *arguments, **of)
    (found,) = ledger.claims_of(notebook(capsys.readouterr().out), "00_t.ipynb")
    return found


def test_what_claim_prints_is_what_is_read(capsys):
    plain = printed(capsys, 1234.5, 1, 2000, "nats, ends within 5 of it, within reach")
    assert (plain.figure, plain.spread, plain.of) == ("1,230", "", "")
    assert (plain.low, plain.high) == ("1", "2000")
    seeds = printed(capsys, [-2, 1, 2.5], -3, 3, "nats (in all seeds)")
    assert (seeds.figure, seeds.spread, seeds.of) == ("1", "-2 … 2.5, 3 seeds", "all")
    median = printed(capsys, [-2, 1, 2.5], 0, 1e-7 + 1, "", of="median")
    assert (median.figure, median.of, median.low, median.high) == ("1", "median", "0", "1")


@pytest.mark.parametrize("listed", [(), ("t.one", "t.two")])
def test_claims_printed_must_be_those_listed(listed):
    with pytest.raises(LedgerError, match="00_t.ipynb: printed or listed at its end, but not both"):
        ledger.claims_of(
            notebook("claim t.one: ⟨2⟩, within 1 … 3: holds", listed=listed), "00_t.ipynb"
        )


def test_a_notebook_without_outputs_is_named_with_the_remedy():
    with pytest.raises(LedgerError, match="make notebooks ARGS=notebooks/00_t.ipynb"):
        ledger.claims_of(notebook("nothing"), "notebooks/00_t.ipynb")


@pytest.mark.parametrize(("change", "message"), [
    ({"claims": ["t.two"]}, "names the claim t.two, which no stored notebook makes"),
    ({"told": ["00_t.ipynb#Nowhere"]}, "00_t.ipynb#Nowhere, a heading that no stored"),
    ({"verdict": "perhaps", "told": []}, "'perhaps' is none of confirmed, refined"),
    ({}, "nothing decides it"),
])
def test_a_statement_that_fits_nothing_is_an_error(change, message):
    with pytest.raises(LedgerError, match=message):
        ledger.evidence_for(STATEMENT | change, {}, {})


@pytest.mark.parametrize("name", ["00_t.ipynb", "the_note.toml"])
@pytest.mark.parametrize("content", [b'{"cells": [', b"\xff"])
def test_a_damaged_file_is_named(folder, name, content):
    (folder / name).write_bytes(content)
    with pytest.raises(LedgerError, match=f"{name} cannot be read: .* take git's copy back"):
        ledger.compose(folder)


def test_the_command_writes_it_or_says_why_not(folder, monkeypatch, capsys):
    monkeypatch.setattr(ledger, "LEDGER", folder / "CLAIMS.md")
    monkeypatch.setattr(ledger.compose, "__defaults__", (folder,))
    ledger.main([])
    before = ledger.LEDGER.read_text(encoding="utf-8")
    assert before == ledger.compose(folder)
    wrong = NOTE.replace("t.one", "t.gone")
    (folder / "the_note.toml").write_text(wrong, encoding="utf-8")
    with pytest.raises(SystemExit, match="1"):
        ledger.main([])
    assert "error: 'More is p(x|z)' names the claim t.gone" in capsys.readouterr().err
    assert ledger.LEDGER.read_text(encoding="utf-8") == before
