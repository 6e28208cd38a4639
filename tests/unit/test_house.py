"""Rules for the code: which module imports which, the size of files, and the use of test images."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from vae_lessons import LESSONS

ROOT = Path(__file__).resolve().parents[2]
CORE = sorted((ROOT / "vae_helpers").rglob("*.py"))
ROOMS = ROOT / "notebooks" / "vae_lessons"
OF_LESSONS = sorted(ROOMS.glob("*/**/*.py"))


def room(path):
    """The lesson to which the module at `path` belongs."""
    return path.relative_to(ROOMS).parts[0]


def imported(path):
    """The lessons that the module at `path` imports."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = [node.module for node in nodes if isinstance(node, ast.ImportFrom)]
    names += [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    return {(*name.split("."), "")[1] for name in names if name.split(".")[0] == "vae_lessons"}


def test_there_is_one_room_for_each_notebook():
    notebooks = sorted(path.stem[3:] for path in (ROOT / "notebooks").glob("*.ipynb"))
    rooms = sorted({room(path) for path in OF_LESSONS})
    assert sorted(LESSONS) == notebooks == rooms
    assert [path.stem[3:] for path in sorted((ROOT / "notebooks").glob("*.ipynb"))] == [*LESSONS]


@pytest.mark.parametrize("path", CORE + OF_LESSONS, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path):
    own = LESSONS.index(room(path)) + 1 if path in OF_LESSONS else 0
    assert imported(path) <= set(LESSONS[:own]), "it imports a later lesson, or all of them"


def test_the_core_is_small_and_so_is_every_file():
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in CORE + OF_LESSONS}
    assert sum(lines[path] for path in CORE) <= 3000
    assert {path: count for path, count in lines.items() if count > 350} == {}


SCRIPTS = [path for folder in ("benchmarks", "tools") for path in (ROOT / folder).glob("*.py")]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_imports_vae_helpers_before_torch(path):
    """vae_helpers sets how PyTorch's threads wait, which torch reads when it is imported."""
    text = path.read_text(encoding="utf-8")
    names = re.findall(r"^(?:from|import) (torch|vae_helpers)", text, re.M)
    assert names == sorted(names, reverse=True)


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_reading_results_imports_no_lesson():
    done = run("import sys; from vae_helpers import results; results.load('start_here'); "
               "print([name for name in sys.modules if 'vae_lessons' in name])")
    assert done.stdout == "[]\n", done.stderr


def test_lessons_of_another_version_say_so():
    done = run("import vae_helpers; vae_helpers.__version__ = '9'; import vae_lessons")
    assert "and the installed one is 9" in done.stderr and "pip install -e ." in done.stderr


@pytest.mark.parametrize("module", [
    "vae_helpers.data", "vae_helpers.training", "vae_helpers.widgets", "vae_helpers.results",
    "vae_helpers.plots.digits", "vae_lessons.start_here.explorer",
])
def test_an_import_changes_nothing_in_the_process(module):
    """The only exception is the variable for how OpenMP's threads wait."""
    done = run(
        "import matplotlib, os, torchvision.datasets, torch; "
        "before = dict(matplotlib.rcParams), torch.get_num_threads(), torch.get_default_dtype(); "
        f"names = set(os.environ); import {module}; "
        "after = dict(matplotlib.rcParams), torch.get_num_threads(), torch.get_default_dtype(); "
        "print(before == after, set(os.environ) - names <= {'GOMP_SPINCOUNT'})")
    assert done.stdout == "True True\n", done.stderr


def code_of(path):
    """The Python code of a module or a notebook, without magic commands."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return text
    cells = ["".join(cell["source"]) for cell in json.loads(text)["cells"]
             if cell["cell_type"] == "code"]
    return "\n".join(re.sub(r"^%.*$", "", cell, flags=re.M) for cell in cells)


PAGES = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", PAGES + OF_LESSONS + CORE, ids=lambda path: path.stem)
def test_nothing_that_chooses_is_given_test_images(path):
    """`results.choose` and the trainer's validation must not get test images."""
    given = []
    for call in ast.walk(ast.parse(code_of(path))):
        if isinstance(call, ast.Call):
            if ast.unparse(call.func).endswith("choose"):
                given += call.args
            given += [word.value for word in call.keywords if word.arg == "validation_images"]
    assert not [ast.unparse(node) for node in given if "test" in ast.unparse(node)]


def test_what_is_said_to_choose_does():
    """Notebooks 03, 05, 07 and 08, or their lessons, choose with `results.choose`."""
    choosing = {room(path) for path in OF_LESSONS if "results.choose(" in code_of(path)}
    choosing |= {path.stem[3:] for path in PAGES if "results.choose(" in code_of(path)}
    assert choosing == {LESSONS[number] for number in (3, 5, 7, 8)}
