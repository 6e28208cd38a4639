"""Code that the benchmarks in a browser share: a notebook server, and running a notebook."""

import contextlib
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
from browser.harness import LabPage, Server, open_browser, write_notebook  # noqa: E402

NOTEBOOKS = ROOT / "notebooks"
PACKAGES = ("jupyterlab", "ipywidgets", "matplotlib", "torch")  # whose versions matter
CHOICE = {"notebooks": {"nargs": "*", "type": Path, "help": "all, unless given"}}


def chosen(options):
    """The notebooks of the command line, or all; with --quick only the first ones."""
    found = options.notebooks or sorted(NOTEBOOKS.glob("*.ipynb"))
    return found[:2] if options.quick else found


@contextlib.contextmanager
def jupyter(notebooks=(), **written):
    """A browser and a server with a copy of notebooks/, to which `notebooks` are added.

    written: {stem: cells} of further notebooks.
    """
    with tempfile.TemporaryDirectory() as folder, open_browser() as browser:
        root, private = Path(folder, "root"), Path(folder, "private")
        shutil.copytree(NOTEBOOKS, root, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
        private.mkdir()
        for notebook in notebooks:
            shutil.copy(notebook, root)  # it may be in another folder
        for stem, cells in written.items():
            write_notebook(root / f"{stem}.ipynb", *cells)
        with Server(root, private) as server:
            yield browser, server


def run(browser, server, name, before="pass"):
    """A page on which the notebook has been run, after the code `before`; ends if it raises."""
    lab = LabPage(browser, server)
    lab.open(name)
    lab.ask_kernel(before)
    if not lab.run_all():
        sys.exit("\n".join([f"{name} raises:", *lab.error_outputs()]))
    return lab
