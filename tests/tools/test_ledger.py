"""CLAIMS.md is what the stored notebooks and the hand-written statements say."""


import ledger
import nbformat
import pytest
from ledger import LedgerError

from vae_helpers.claims import claim, claims

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


def notebook(*rows):
    """A stored notebook with a cell that showed these claims."""
    cell = nbformat.v4.new_code_cell("claims(...)")
    data, metadata = claims(*rows)._repr_mimebundle_()
    cell.outputs = [nbformat.v4.new_output("execute_result", data, metadata=metadata)]
    return nbformat.v4.new_notebook(cells=[
        nbformat.v4.new_markdown_cell("# Try it"),
        nbformat.v4.new_markdown_cell("Text\n\n## What is it?\n\nText"), cell,
        nbformat.v4.new_markdown_cell("## The end"),
    ])


@pytest.fixture
def folder(tmp_path):
    """A folder with one notebook and one statement."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    row = claim("t.one", "what it says of p(x|z)", 1500, 1, 3000, "nats")
    nbformat.write(notebook(row), folder / "00_t.ipynb")
    (folder / "the_note.toml").write_text(NOTE, encoding="utf-8")
    return folder


def test_a_statement_and_a_claim_are_written_out(folder):
    link = "notebooks/00_t.ipynb#What-is-it?"
    assert ledger.compose(folder).endswith(f"""\
| More is p(x\\|z) | **refined** | Less | [`t.one`]({link}) 1,500<br>[00: What is it?]({link}) |

## The claims, notebook by notebook

1 claims; all hold.

### [00 Try it](notebooks/00_t.ipynb)

| claim | measured | over seeds | holds within |
|---|---|---|---|
| [`t.one`]({link}): what it says of p(x\\|z) | 1,500 |  | 1 … 3,000 nats |
""")


def test_what_claims_shows_is_what_is_read():
    rows = [claim("t.one", "One", 1234.5, 1, 2000, "nats, within 5 of it"),
            claim("t.two", "Two", [-2, 1, 2.5], -3, 3, "nats (in all seeds)", of="median")]
    found = ledger.claims_of(notebook(*rows), "00_t.ipynb")
    assert [one.claim for one in found] == rows
    assert [(one.figure, one.spread) for one in found] == [("1,230", ""), ("1", "-2 … 2.5")]
    assert {one.place for one in found} == {"00_t.ipynb#What-is-it?"}


def test_a_claim_that_does_not_hold_is_not_written_down():
    with pytest.raises(LedgerError, match="00_t.ipynb is stored with a claim that fails: t.one"):
        ledger.claims_of(notebook(claim("t.one", "One", 5, 1, 3)), "00_t.ipynb")


def test_a_notebook_without_outputs_is_named_with_the_remedy():
    with pytest.raises(LedgerError, match="make notebooks ARGS=notebooks/00_t.ipynb"):
        ledger.claims_of(notebook(), "notebooks/00_t.ipynb")


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
