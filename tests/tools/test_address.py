"""tools/address.py: what depends on the repository's address, with one and without."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import address
import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
URLS = {"Repository": "https://github.com/someone/vaes"}


def guard_of(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    first = next(cell for cell in cells if cell["cell_type"] == "code")
    assert first["metadata"]["tags"] == ["guard"]
    return "".join(first["source"])


@pytest.fixture
def copy(tmp_path):
    """A copy of the files that the command reads and writes."""
    for name in ("pyproject.toml", "README.md", "vae_helpers/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "notebooks").mkdir()
    for path in NOTEBOOKS[:2]:
        shutil.copy(path, tmp_path / "notebooks")
    return tmp_path


def set_urls(folder, text):
    path = folder / "pyproject.toml"
    project, table = path.read_text(encoding="utf-8"), "[project.urls]\n"
    assert table in project
    path.write_text(project.replace(table, f"{table}{text}\n"), encoding="utf-8")


def test_everything_is_as_the_command_writes_it():
    urls, version = address.read(ROOT)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert address.readme(text, urls) == text, "run python tools/address.py"
    for path in NOTEBOOKS:
        assert guard_of(path) == address.guard(urls, version), "run python tools/address.py"


def test_without_an_address_there_are_no_buttons(copy, capsys):
    set_urls(copy, "# none")
    assert address.main(copy) == 0
    text = (copy / "README.md").read_text(encoding="utf-8")
    assert "colab.research" not in text and "badge" not in text and "<this repository>" in text
    assert "make wheel" in guard_of(copy / "notebooks" / NOTEBOOKS[0].name)


def test_an_address_set_in_one_place_reaches_all(copy, capsys):
    set_urls(copy, 'Repository = "https://github.com/someone/vaes"\n'
                   'Documentation = "https://someone.github.io/vaes"')
    assert address.main(copy) == 0
    told = capsys.readouterr().out.split("\n")
    assert len([line for line in told if line.startswith("written: ")]) == 3
    text = (copy / "README.md").read_text(encoding="utf-8")
    for part in ("https://github.com/someone/vaes/actions/workflows/ci.yml/badge.svg",
                 "colab.research.google.com/github/someone/vaes/blob/HEAD/notebooks/00_start_here",
                 "kaggle.com/kernels/welcome?src=https://github.com/someone/vaes/blob/HEAD",
                 "mybinder.org/v2/gh/someone/vaes/HEAD", "(https://someone.github.io/vaes)",
                 "git clone https://github.com/someone/vaes\ncd vaes\n"):
        assert part in text
    assert "https://github.com/someone/vaes/archive/HEAD.zip" in guard_of(
        copy / "notebooks" / NOTEBOOKS[0].name)
    assert address.main(copy) == 0 and capsys.readouterr().out == ""


@pytest.mark.parametrize("wrong", [
    "http://github.com/a/b", "https://github.com/a/b.git", "https://example.org/a/b",
    "https://github.com/a",
])
def test_an_address_that_makes_no_buttons_is_refused(copy, capsys, wrong):
    set_urls(copy, f'Repository = "{wrong}"')
    before = (copy / "README.md").read_bytes()
    assert address.main(copy) == 1
    assert "https://github.com/OWNER/NAME" in capsys.readouterr().err
    assert (copy / "README.md").read_bytes() == before


@pytest.mark.parametrize("urls, words", [
    ({}, ["make wheel", "%pip install vae_helpers-1.2.3-py3-none-any.whl"]),
    (URLS, ["%pip install https://github.com/someone/vaes/archive/HEAD.zip"]),
])
def test_a_notebook_without_the_package_says_what_to_install(urls, words):
    """Isolated from this environment, as in a kernel that lacks the package."""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", address.guard(urls, "1.2.3")],
                          capture_output=True, text=True)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ModuleNotFoundError: ") and all(word in last for word in words)
    assert ".venv" in last


def test_the_guard_is_silent_where_the_package_is(capsys):
    exec(address.guard(URLS, "1.2.3"), {})
    assert capsys.readouterr() == ("", "")
