"""The glossary's entries are in order, and each links to a section that exists."""

import json
import re
import unicodedata
from pathlib import Path
from urllib.parse import unquote

from site_pages import pages

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
WORDS, SYMBOLS = (FOLDER / "GLOSSARY.md").read_text(encoding="utf-8").split("\n## ")[1:]
ENTRIES = re.findall(r"^\* .*$", WORDS, re.MULTILINE)
ROWS = re.findall(r"^\| .*$", SYMBOLS, re.MULTILINE)[1:]  # without the table's head
LEADS = re.compile(r" \[Notebook (\d\d)\]\((\1_\w+\.ipynb)#(\S+)\)(?: \|)?$")


def sections(path):
    """The anchors of a notebook's headings."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    text = "\n".join(pages.source(cell) for cell in cells if cell["cell_type"] == "markdown")
    return {pages.anchor(title) for title in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}


def test_the_words_are_in_alphabetical_order():
    words = [re.match(r"\* \*\*(.+?)\*\*", entry)[1] for entry in ENTRIES]
    plain = [unicodedata.normalize("NFKD", word).encode("ascii", "ignore").lower()
             for word in words]
    assert plain == sorted(set(plain))


def test_every_entry_leads_to_a_section_that_exists():
    there = {path.name: sections(path) for path in FOLDER.glob("*.ipynb")}
    leads = [LEADS.search(entry) for entry in [*ENTRIES, *ROWS]]
    assert all(leads)
    assert [lead[0] for lead in leads if unquote(lead[3]) not in there.get(lead[2], ())] == []


def symbols(table):
    """The symbols in the first column of a table's rows."""
    firsts = re.findall(r"^\| (.*?) \| ", table, re.MULTILINE)
    return [symbol for first in firsts for symbol in first.split(", ")]


def test_the_card_in_notebook_00_has_the_glossary_s_symbols():
    cells = json.loads((FOLDER / "00_start_here.ipynb").read_text(encoding="utf-8"))["cells"]
    (card,) = [text for text in map(pages.source, cells) if "Going deeper: notation" in text[:30]]
    on_card = symbols(card)[1:]
    assert len(on_card) > 20 and set(on_card) <= set(symbols(SYMBOLS))
