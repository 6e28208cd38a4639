"""Fixtures: one server and one browser per process for all tests of this folder."""

import shutil
from pathlib import Path

import pytest
from answered import answered

from .explorer_page import open_alone
from .harness import Server, open_browser

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """JupyterLab with a copy of the notebooks in which every exercise has a right answer."""
    root = tmp_path_factory.mktemp("root") / "notebooks"
    ignored = shutil.ignore_patterns(".ipynb_checkpoints")
    shutil.copytree(NOTEBOOKS, root, ignore=ignored)
    for path in NOTEBOOKS.glob("*.ipynb"):
        (root / path.name).write_text(answered(path), encoding="utf-8")
    with Server(root, tmp_path_factory.mktemp("private")) as server:
        yield server


@pytest.fixture(scope="session")
def browser():
    with open_browser() as browser:
        yield browser


@pytest.fixture
def alone(browser):
    """A function that opens an explorer on a page without kernel and widget manager."""
    pages = []

    def open_page(explorer, **options):
        pages.append(browser.new_page(**options))
        return open_alone(pages[-1], explorer)

    yield open_page
    for page in pages:
        page.close()
