"""The notebooks run with an installed wheel, without the repository."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import make_wheel
import pytest
import student

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "notebooks" / "00_start_here.ipynb"
COPIED = ROOT / "notebooks" / "08_choose_a_log_variance.ipynb"  # this notebook loads stored models


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The Python of a new environment with our wheel and this environment's other packages."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    built = make_wheel.build(ROOT, folder / "wheels", "--no-build-isolation")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "env"], check=True)
    new = folder / "env" / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run([*pip, "--python", new, "install", "--no-deps", "--no-index", built], check=True)
    where = subprocess.run([new, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
                           capture_output=True, text=True, check=True).stdout.strip()
    # Python does not read .pth files of a folder on its path, so the editable install is ignored.
    Path(where, "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    return new


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """An empty working folder with a separate cache."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setenv("VAE_HELPERS_CACHE", str(tmp_path / "cache"))
    work = tmp_path / "work"
    work.mkdir()
    return work


def without_network():
    """What stands before a command to run it without a network; nothing where that cannot be."""
    only_loopback = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    can = shutil.which("unshare") and subprocess.run(
        [*only_loopback, "true"], capture_output=True).returncode == 0
    return only_loopback if can else []


def test_both_packages_come_from_the_wheel_with_their_data(python, elsewhere):
    code = (
        "import vae_helpers, vae_lessons; from vae_helpers import results; "
        "print(vae_helpers.__file__, vae_lessons.__file__, results.lessons_folder(), sep='\\n')"
    )
    done = subprocess.run([python, "-c", code], cwd=elsewhere, capture_output=True, text=True)
    paths = [Path(line) for line in done.stdout.splitlines()]
    assert len(paths) == 3, done.stderr
    assert all(path.is_relative_to(Path(python).parents[1]) for path in paths), paths


@pytest.mark.parametrize("path, copy", [(NOTEBOOK, shutil.copy), (COPIED, student.write_copy)])
def test_a_notebook_gives_its_stored_outputs(python, elsewhere, path, copy):
    """One notebook unchanged, and one as a copy without solutions; neither has a network."""
    copy(path, elsewhere)
    sanitize = ROOT / "tests" / "notebooks" / "sanitize.cfg"
    done = subprocess.run(
        [*without_network(), python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir",
         elsewhere, "--nbval", "--nbval-current-env", "--nbval-sanitize-with", sanitize, path.name],
        cwd=elsewhere, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
