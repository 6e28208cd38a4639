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
about = "Of {t.one} things."
[[section.statement]]
says = "More is p(x|z)"
verdict = "refined"
found = "Less by {t.one} nats, {t.one|or so}."
told = "00_t.ipynb#What is it?"
picture = "00_t.ipynb#What is it?"
caption = "Each dot is one."
[[section]]
title = "More"
about = "Ours."
added = true
[[section.statement]]
says = "So it is"
verdict = "confirmed"
found = "It is {t.one:size}."
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
        "The note: theory": 15, "Added by the series: the variance laws behind the theory": 12,
        "The note: practical advice": 4, "The note: the original recipe": 9,
        "Added by the series: the original recipe, looked at closely": 12,
    }
    assert {part["title"] for part in Ledger().sections if part.get("added")} == {
        title for title in counted if title.startswith("Added by the series: ")}
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

**“More is p(x|z)”** **Refined.** {found}

![A curve.](notebooks/pictures/00-what-is-it.png)

*Each dot is one.*

## Theory

Of [1,500]({link}) things.

| statement | what the series finds |
|---|---|
| More is p(x\\|z) | **Refined.** See above, with a picture. |

## More

Ours.

| statement | what the series finds |
|---|---|
| So it is | **Confirmed.** It is [1,500]({link}). |
""")
    assert Ledger(root).pictures == {"notebooks/pictures/00-what-is-it.png": PNG}


def test_the_notes_statements_and_those_of_the_series_are_counted_apart(root):
    assert """
* **The note's 1 statements**: 1 refined.
* **The 1 that the series adds**: 1 confirmed.
""" in Ledger(root).scoreboard


@pytest.mark.parametrize(("form", "value", "shown"), [
    ("", -0.0361, "−0.0361"), (":size", -0.0361, "0.0361"),
    (":percent", 0.9541, "95.4\N{NO-BREAK SPACE}%"), (":points", 0.049, "4.9 percentage points"),
    (":range", [-1.18, 3, 11.92], "−1.18 to 11.9"), (":power", 21.67, "5 × 10²¹"),
    (":power", -2.0, "1 × 10⁻²"), ("|so", 3, "so"),
])
def test_a_number_is_printed_in_the_form_that_its_sentence_asks_for(root, form, value, shown):
    row = claim("t.one", "One", value, -20, 30)
    nbformat.write(notebook(row), root / "notebooks/00_t.ipynb")
    text = NOTE.replace("{t.one:size}", f"{{t.one{form}}}")
    (root / "notebooks/the_note.toml").write_text(text, encoding="utf-8")
    assert f"It is [{shown}](notebooks/00_t.ipynb" in Ledger(root).scoreboard


def test_a_statement_may_show_another_picture_than_the_first(root):
    stored = nbformat.read(root / "notebooks/00_t.ipynb", 4)
    second = nbformat.from_dict(stored.cells[2] | {"id": "second"})
    second.outputs[0].data["image/png"] = b64encode(PNG + b", the second").decode()
    stored.cells.insert(3, second)
    nbformat.write(stored, root / "notebooks/00_t.ipynb")
    (root / "notebooks/the_note.toml").write_text(
        NOTE.replace("caption", "which = 2\ncaption"), encoding="utf-8")
    assert Ledger(root).pictures == {
        "notebooks/pictures/00-what-is-it-2.png": PNG + b", the second"}


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
    ("caption", "which = 2\ncaption", "asks for picture 2, but 00_t.ipynb#What is it. has 1"),
    ("{t.one:size}", "{t.one:colour}", "asks for a form that is none of size, percent, points"),
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
