"""CLAIMS.md, its pictures and claims.json are what the stored notebooks and the statements say."""

import json
from base64 import b64encode

import ledger
import nbformat
import pytest
from ledger import Ledger, LedgerError

from vae_helpers.claims import claim, claims

NOTE = """
[[section]]
title = "Theory"
about = "Of much."
[[section.statement]]
says = "More is p(x|z)"
verdict = "refined"
found = "Less by {t.one} nats, {t.one|or so}."
told = "00_t.ipynb#What is it?"
picture = "00_t.ipynb#What is it?"
"""
PNG = b"\x89PNG the bytes of a picture"


@pytest.mark.parametrize("name", sorted(Ledger().files))
def test_what_is_stored_is_current(name):
    assert (ledger.ROOT / name).read_bytes() == Ledger().files[name], (
        f"{name} is not what the stored notebooks say: python tools/ledger.py"
    )


def test_every_statement_of_the_note_is_there():
    """The statements of each section, by count: one that is lost would not be missed else."""
    counted = {part["title"]: len(part["statement"]) for part in Ledger().sections}
    assert counted == {
        "Theory": 15, "The variance laws behind the theory": 12, "Practical advice": 4,
        "The original recipe": 9, "The original recipe, looked at closely": 12,
    }
    assert len(Ledger().shown) == 8


def test_no_picture_is_left_from_before():
    stored = {path.name for path in (ledger.ROOT / "notebooks/pictures").iterdir()}
    assert stored == {name.rsplit("/")[-1] for name in Ledger().pictures}


def notebook(*rows):
    """A stored notebook with a cell that showed these claims, below a picture."""
    cell, drawing = (nbformat.v4.new_code_cell(code) for code in ("claims(...)", "show(...)"))
    data, metadata = claims(*rows)._repr_mimebundle_()
    cell.outputs = [nbformat.v4.new_output("execute_result", data, metadata=metadata)]
    drawing.outputs = [nbformat.v4.new_output(
        "display_data", {"image/png": b64encode(PNG).decode()},
        metadata={"image/png": {"alt": "A curve."}})]
    return nbformat.v4.new_notebook(cells=[
        nbformat.v4.new_markdown_cell("# Try it"),
        nbformat.v4.new_markdown_cell("Text\n\n## What is it?\n\nText"), drawing, cell,
        nbformat.v4.new_markdown_cell("## The end"),
    ])


@pytest.fixture
def root(tmp_path):
    """A folder with one notebook and one statement."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    row = claim("t.one", "what it says of p(x|z)", 1500, 1, 3000, "nats")
    nbformat.write(notebook(row), folder / "00_t.ipynb")
    (folder / "the_note.toml").write_text(NOTE, encoding="utf-8")
    return tmp_path


def test_a_statement_is_written_out_with_its_numbers_as_links(root):
    link = "notebooks/00_t.ipynb#What-is-it?"
    found = f"Less by [1,500]({link}) nats, [or so]({link}). [Notebook 00]({link})."
    assert Ledger(root).scoreboard.endswith(f"""
## Eight to look at

**“More is p(x|z)”** Refined. {found}

![A curve.](notebooks/pictures/00-what-is-it.png)

## Theory

Of much.

| statement | verdict | what the series finds |
|---|---|---|
| More is p(x\\|z) | **refined** | {found} |
""")
    assert Ledger(root).pictures == {"notebooks/pictures/00-what-is-it.png": PNG}


def test_what_claims_shows_is_what_is_read_and_written(root):
    rows = [claim("t.one", "One", 1234.5, 1, 2000, "nats, within 5 of it"),
            claim("t.two", "Two", [-2, 1, 2.5], -3, 3, "nats (in all seeds)", of="median")]
    nbformat.write(notebook(*rows), root / "notebooks/00_t.ipynb")
    place = "notebooks/00_t.ipynb#What-is-it?"
    assert json.loads(Ledger(root).data) == [row._asdict() | {"place": place} for row in rows]


@pytest.mark.parametrize(("rows", "message"), [
    ([claim("t.one", "One", 5, 1, 3)], "is stored with a claim that fails: t.one"),
    ([], "make notebooks ARGS=notebooks/00_t.ipynb"),
])
def test_a_notebook_that_proves_nothing_is_named(root, rows, message):
    nbformat.write(notebook(*rows), root / "notebooks/00_t.ipynb")
    with pytest.raises(LedgerError, match=message):
        Ledger(root)


@pytest.mark.parametrize(("old", "new", "message"), [
    ("{t.one}", "{t.two}", "names the claim t.two, which no stored notebook makes"),
    ("told = \"00_t.ipynb#What is it?", "told = \"00_t.ipynb#Nowhere", "no stored .* a heading"),
    ("told = \"00_t.ipynb", "told = \"01_t.ipynb", "no stored notebook has such a heading"),
    ("picture = \"00_t.ipynb#What is it?", "picture = \"00_t.ipynb#The end", "a picture there"),
    ("refined", "perhaps", "'perhaps' is none of confirmed, refined"),
    ("Less by {t.one} nats, {t.one|or so}.\"\ntold = \"00_t.ipynb#What is it?", "Less.",
     "nothing decides it"),
])
def test_a_statement_that_fits_nothing_is_an_error(root, old, new, message):
    assert old in NOTE
    (root / "notebooks/the_note.toml").write_text(NOTE.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(LedgerError, match=message):
        Ledger(root).files  # noqa: B018


@pytest.mark.parametrize("name", ["00_t.ipynb", "the_note.toml"])
@pytest.mark.parametrize("content", [b'{"cells": [', b"\xff"])
def test_a_damaged_file_is_named(root, name, content):
    (root / "notebooks" / name).write_bytes(content)
    with pytest.raises(LedgerError, match=f"{name} cannot be read: .* take git's copy back"):
        Ledger(root)


def test_the_command_writes_it_or_says_why_not(root, capsys):
    old = root / "notebooks/pictures/old.png"
    old.parent.mkdir()
    old.write_bytes(PNG)
    ledger.main([], root)
    assert not old.exists()
    written = {name: (root / name).read_bytes() for name in Ledger(root).files}
    assert written == Ledger(root).files
    wrong = NOTE.replace("t.one", "t.gone")
    (root / "notebooks/the_note.toml").write_text(wrong, encoding="utf-8")
    with pytest.raises(SystemExit, match="1"):
        ledger.main([], root)
    assert "error: 'More is p(x|z)' names the claim t.gone" in capsys.readouterr().err
    assert written == {name: (root / name).read_bytes() for name in written}
