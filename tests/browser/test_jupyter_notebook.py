"""A notebook in Jupyter Notebook 7, which some people use in place of JupyterLab."""

import json
import shutil

import pytest

from .explorer_page import View
from .harness import NOTEBOOKS, LabPage, Server
from .test_notebooks import SCREENSHOTS, move

NOTEBOOK = "00_start_here.ipynb"  # it has the explorer, and a view with a slider
# Its page raises this error, with an empty notebook too: github.com/jupyter/notebook/issues/7862
ITS_OWN = "uncaught: Cannot read properties of undefined (reading 'schema')"


@pytest.fixture(scope="module")
def lab(browser, tmp_path_factory):
    # A server of its own: where JupyterLab has been used, the page raises one more error.
    root = tmp_path_factory.mktemp("alone")
    shutil.copy(NOTEBOOKS / NOTEBOOK, root)
    with Server(root, tmp_path_factory.mktemp("private")) as server:
        lab = LabPage(browser, server)
        try:
            lab.open(NOTEBOOK, app="notebooks")
            assert lab.page.evaluate("jupyterapp.name") == "Jupyter Notebook"
            assert lab.run_all(), lab.error_outputs()
            yield lab
        finally:
            lab.close()


def test_runs_and_shows_all_pictures(lab):
    lab.screenshot(SCREENSHOTS / "jupyter_notebook.png")
    widths = lab.page.locator(".jp-OutputArea img").evaluate_all(
        "(pictures) => pictures.map((picture) => picture.naturalWidth)"
    )
    assert len(widths) > 5 and min(widths) > 100
    assert_calm(lab)


def test_cells_and_sections_are_folded(lab):
    cells = json.loads((lab.server.root / NOTEBOOK).read_text(encoding="utf-8"))["cells"]
    hidden = [cell for cell in cells if cell["metadata"].get("jupyter", {}).get("source_hidden")]
    assert lab.page.locator(".jp-Cell .jp-InputPlaceholder").count() == len(hidden) > 0
    assert lab.page.get_by_text("cells hidden").first.is_visible()


def test_a_slider_moves_its_picture(lab):
    handle = lab.page.locator(".jp-OutputArea .noUi-handle").first
    handle.scroll_into_view_if_needed()
    move(lab, handle, "Home")
    assert move(lab, handle, "End")
    assert_calm(lab)


def test_the_explorer_decodes(lab):
    view = View(lab.page)
    view.press("Home")
    before = view.pixels(view.digit)
    view.press("1")
    assert "digit 1" in view.caption
    assert (view.pixels(view.digit) != before).any()
    assert_calm(lab)


def assert_calm(lab):
    """Assert that no error has appeared on the page or in a callback."""
    lab.settle()
    assert [error for error in lab.errors if error != ITS_OWN] == []
