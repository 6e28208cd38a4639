"""A notebook in JupyterLab with its default setting, which detaches cells out of sight."""

import shutil

import pytest

from .conftest import NOTEBOOKS
from .harness import QUIET, LabPage, Server
from .test_notebooks import PICTURES, assert_calm, move

NOTEBOOK = "08_choose_a_log_variance.ipynb"  # the quickest of those with many views


@pytest.fixture(scope="module")
def lab(browser, tmp_path_factory):
    root = tmp_path_factory.mktemp("windowed")
    shutil.copy(NOTEBOOKS / NOTEBOOK, root)
    with Server(root, tmp_path_factory.mktemp("private"), settings=QUIET) as server:
        lab = LabPage(browser, server)
        try:
            lab.open(NOTEBOOK)
            yield lab
        finally:
            lab.close()


def test_views_live_while_cells_come_and_go(lab):
    """All cells run from the top of the page; then each slider is scrolled to and moved."""
    mode = lab.page.evaluate("jupyterapp.shell.currentWidget.content.notebookConfig.windowingMode")
    assert mode != "none", "this test is for JupyterLab's own setting"
    assert lab.run_all(), lab.error_outputs()
    lab.unfold()  # the sections that go deeper
    handles = sliders(lab)
    for place in (0, -1, 0, len(handles) // 2):  # a view that was out of sight still works
        handle = handles[place]
        handle.scroll_into_view_if_needed()
        picture = handle.locator("xpath=ancestor::*[contains(@class, 'widget-vbox')][1]//img").first
        assert picture.bounding_box()["width"] > 100, "a view laid out while hidden has no width"
        move(lab, handle, "Home")
        assert move(lab, handle, "End")
    assert_calm(lab)


def sliders(lab):
    """The handles of all sliders that move a picture."""
    handles = lab.page.locator(".jp-OutputArea .noUi-handle").all()
    return [handle for handle in handles if handle.evaluate(PICTURES)]


OPEN_VIEWS = """
import gc
from vae_helpers.widgets import View
print(sum(issubclass(type(thing), View) and thing.comm is not None for thing in gc.get_objects()))
"""


def test_a_cell_that_runs_again_closes_its_earlier_view(lab):
    before = lab.ask_kernel(OPEN_VIEWS)
    for _ in range(3):
        sliders(lab)[0].evaluate(
            """async (handle) => {
                const notebook = jupyterapp.shell.currentWidget.content;
                const holds = (cell) => cell.node.contains(handle);
                notebook.deselectAll();
                notebook.activeCellIndex = notebook.widgets.findIndex(holds);
                await jupyterapp.commands.execute("notebook:run-cell");
            }"""
        )
        lab.settle()
    assert int(before) > 1 and lab.ask_kernel(OPEN_VIEWS) == before
    handle = sliders(lab)[0]
    move(lab, handle, "Home")
    assert move(lab, handle, "End"), "the new view is alive"
    assert_calm(lab)
