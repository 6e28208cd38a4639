"""The glossary's entries are in order, and each links to a section of a notebook."""

import json
import re
import unicodedata
from pathlib import Path

from site_pages import pages

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
WORDS, SYMBOLS = (FOLDER / "GLOSSARY.md").read_text(encoding="utf-8").split("\n## ")[1:]
ENTRIES = re.findall(r"^\* .*$", WORDS, re.MULTILINE)
ROWS = re.findall(r"^\| .*$", SYMBOLS, re.MULTILINE)[1:]  # without the table's head
LEADS = re.compile(r" \[Notebook (\d\d)\]\((\1_\w+\.ipynb)#(\S+)\)(?: \|)?$")


def test_the_words_are_in_alphabetical_order():
    words = [re.match(r"\* \*\*(.+?)\*\*", entry)[1] for entry in ENTRIES]
    plain = [unicodedata.normalize("NFKD", word).encode("ascii", "ignore").lower()
             for word in words]
    assert plain == sorted(set(plain))


def test_every_entry_leads_to_a_section():
    leads = [LEADS.search(entry) for entry in [*ENTRIES, *ROWS]]
    assert leads and all(leads)


def symbols(table):
    """The symbols in the first column of a table's rows."""
    firsts = re.findall(r"^\| (.*?) \| ", table, re.MULTILINE)
    return [symbol for first in firsts for symbol in first.split(", ")]


def test_the_card_in_notebook_00_has_the_glossary_s_symbols():
    cells = json.loads((FOLDER / "00_start_here.ipynb").read_text(encoding="utf-8"))["cells"]
    (card,) = [text for text in map(pages.source, cells) if "Going deeper: notation" in text[:30]]
    on_card = symbols(card)[1:]
    assert len(on_card) > 20 and set(on_card) <= set(symbols(SYMBOLS))
