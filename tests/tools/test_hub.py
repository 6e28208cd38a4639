"""The series on a server for many: one installation that nobody may write to, homes of all kinds.

The tests run what learners run, as users who may write only where a user may. Where pytest runs as
root they are other users (the right to read everything goes with them, because this Python may lie
in root's home). Elsewhere there is one learner, the user who runs pytest.
"""

import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "notebooks" / "00_start_here.ipynb"
OTHERS = (61001, 61002)  # numbers of users that no computer knows by name
AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="a hub runs on Linux"),
    pytest.mark.skipif(AS_ROOT and not shutil.which("setpriv"),
                       reason="root has no setpriv to become another user"),
]
needs_root = pytest.mark.skipif(not AS_ROOT, reason="only root can do this")

# What the notebooks write and read, and nothing else.
LESSON = """
import os
from vae_helpers import checkpoints, data, models, results, runs, training
from vae_helpers.plots.base import png
from vae_lessons.build_a_vae import checks
from vae_lessons.start_here import figures, lab
from vae_lessons.train_live.tensorboard import RunLog

lab.check_environment()
digits = data.load_mnist()
trainer = training.Trainer(models.VAE(2, (20,), seed=0), digits.train_images[:256], seed=0)
path = runs.new("hub", "run").with_suffix(".ckpt")
training.train(trainer, 3, checkpoint=path)
again = training.Trainer(models.VAE(2, (20,), seed=0), digits.train_images[:256], seed=0)
checkpoints.restore(again, path)
with RunLog(again, runs.new("hub", "log"), digits.test_images[:20]) as log:
    log.write()
figure = figures.grey_digits(digits.train_images[:50], 10, "Digits")
print(len(again.records), png(figure)[:4], len(results.load("kl_collapse")["runs"]) > 4)
print(checks.training_step.judge(...).state, "for user", os.getuid())
print(*sorted(runs.stored("hub")), "in", runs.folder("hub"))
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A folder with both packages to which nobody may write, as an instructor installs them."""
    folder = tmp_path_factory.mktemp("hub") / "installed"
    leave = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "vae_helpers", folder / "vae_helpers", ignore=leave)
    shutil.copytree(ROOT / "notebooks" / "vae_lessons", folder / "vae_lessons", ignore=leave)
    set_writable(folder, False)
    yield folder
    set_writable(folder, True)  # else pytest cannot delete it


def set_writable(folder, writable):
    for path in [folder, *folder.rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        path.chmod(mode | 0o200 if writable else mode & 0o555)


@pytest.fixture
def hub(shared):
    with tempfile.TemporaryDirectory() as folder:  # tmp_path lies in a folder of root's own
        yield Hub(shared, Path(folder))


class Hub:
    """A server whose temporary folder all users share; `start` runs Python as one of them."""

    def __init__(self, shared, folder):
        self._shared, self.folder, self.temporary = shared, folder, folder / "temporary"
        self.folder.chmod(0o755)
        self.temporary.mkdir()
        self.temporary.chmod(0o1777)

    def home(self, user=OTHERS[0]):
        """A home in which the user may write."""
        home = self.folder / f"home-{user}"
        home.mkdir(mode=0o700)
        if AS_ROOT:
            os.chown(home, user, user)
        return home

    def locked_home(self):
        """A home in which nobody may write."""
        home = self.folder / "locked"
        home.mkdir(mode=0o555)
        return home

    def start(self, *arguments, home, user=OTHERS[0], cwd=None, **variables):
        """The process of `python arguments` as this user with this home."""
        keep = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")
        env = {name: os.environ[name] for name in keep if name in os.environ} | {
            "HOME": str(home), "TMPDIR": str(self.temporary), "PYTHONPATH": str(self._shared),
            "PYTHONDONTWRITEBYTECODE": "1"} | variables
        able = ["--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"]
        become = ["setpriv", "--reuid", str(user), "--regid", str(user), "--clear-groups", *able]
        return subprocess.Popen(
            [*(become if AS_ROOT else []), sys.executable, *arguments], env=env, text=True,
            cwd=cwd or self._shared, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def lesson(self, **settings):
        """What LESSON printed and what it wrote to stderr."""
        process = self.start("-c", LESSON, **settings)
        out, err = process.communicate(timeout=300)
        assert not process.returncode, err
        return out, err


def cache_of(user):
    return f"vae_helpers-{user if AS_ROOT else os.getuid()}"


def done(folder, user=OTHERS[0]):
    """What LESSON prints at its end, for a cache in `folder`."""
    return ("verdict      ready\n3 b'\\x89PNG' True\n"
            f"unanswered for user {user if AS_ROOT else os.getuid()}\n"
            f"log run.ckpt in {folder / 'runs' / 'hub'}\n")


def moved(home, why, folder):
    """The message of a cache that moved."""
    return (f"The cache folder {home / '.cache' / 'vae_helpers'} cannot be used: {why}. Logs and "
            f"checkpoints go to {folder}, which may be emptied when the computer restarts. To "
            "choose another folder, set the environment variable VAE_HELPERS_CACHE before you "
            "start Jupyter.\n")


def without_matplotlib(err):
    """The series' own lines on stderr; Matplotlib has some on its own folder in the home."""
    own = [line for line in err.splitlines(keepends=True) if "vae_helpers" in line]
    others = [line for line in err.splitlines() if "vae_helpers" not in line]
    assert all(re.search("matplotlib|MPLCONFIGDIR|font_manager", line, re.I) for line in others)
    return "".join(own)


def test_without_a_home_all_goes_to_a_folder_of_the_user_s_own(hub):
    home = hub.locked_home()
    out, err = hub.lesson(home=home)
    folder = hub.temporary / cache_of(OTHERS[0])
    assert out.endswith(done(folder))
    assert without_matplotlib(err) == moved(home, "Permission denied", folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_chosen_folder_that_cannot_be_written_is_named_and_not_replaced(hub):
    chosen = hub.locked_home() / "chosen"
    process = hub.start("-c", LESSON, home=hub.home(), VAE_HELPERS_CACHE=str(chosen))
    out, err = process.communicate(timeout=300)
    assert (f"verdict      no file can be written to {chosen} (Permission denied): set the "
            "environment variable VAE_HELPERS_CACHE to another folder, and restart\n") in out
    assert f"CheckpointError: The checkpoint {chosen}" in err.splitlines()[-1]
    assert not list(hub.temporary.glob("vae_helpers*"))


@needs_root
@pytest.mark.parametrize("free, why", [(0, "No space left on device"), (10, None)])
def test_a_home_with_little_room_or_none(hub, free, why):
    """free: megabytes. Ten are enough, because MNIST is unzipped elsewhere."""
    home = hub.home()
    size = f"size={max(free, 1)}m,uid={OTHERS[0]},mode=700"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", size, "none", home]).returncode:
        pytest.skip("this container may not mount")
    try:
        if not free:
            (home / "thesis.pdf").write_bytes(bytes(1 << 20))
        out, err = hub.lesson(home=home)
        folder = hub.temporary / cache_of(OTHERS[0]) if why else home / ".cache" / "vae_helpers"
        assert out.endswith(done(folder))
        assert without_matplotlib(err) == (moved(home, why, folder) if why else "")
    finally:
        subprocess.run(["umount", home], check=True)


@needs_root
@pytest.mark.parametrize("homes", [True, False])
def test_two_users_at_once_share_nothing_but_the_installation(hub, homes):
    home = {user: hub.home(user) if homes else hub.folder / "missing" for user in OTHERS}
    running = {user: hub.start("-c", LESSON, home=home[user], user=user) for user in OTHERS}
    for user, process in running.items():
        out, err = process.communicate(timeout=300)
        folder = home[user] / ".cache/vae_helpers" if homes else hub.temporary / cache_of(user)
        assert not process.returncode, err
        assert out.endswith(done(folder, user))
        said = "" if homes else moved(home[user], "Permission denied", folder)
        assert without_matplotlib(err) == said
        written = [folder, *folder.rglob("*")]
        assert {path.stat().st_uid for path in written} == {user}
        private = home[user] if homes else folder
        assert not private.stat().st_mode & 0o077, "the other user cannot look inside"


def test_notebook_00_runs_from_a_folder_that_cannot_be_written(hub):
    place = hub.folder / "course"
    place.mkdir()
    shutil.copy(NOTEBOOK, place)
    set_writable(place, False)
    code = """
import sys, nbformat, nbclient
notebook = nbformat.read("00_start_here.ipynb", as_version=4)
nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
nbformat.write(notebook, sys.stdout)
"""
    home = hub.locked_home()
    process = hub.start("-c", code, home=home, cwd=place)
    out, err = process.communicate(timeout=300)
    assert not process.returncode, err[-3000:]
    said = {"stdout": "", "stderr": ""}
    for cell in nbformat.reads(out, as_version=4).cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                said[output.name] += output.text
    folder = hub.temporary / cache_of(OTHERS[0])
    assert without_matplotlib(said["stderr"]) == moved(home, "Permission denied", folder)
    assert "verdict      ready\n" in said["stdout"]
    assert [path.name for path in place.iterdir()] == [NOTEBOOK.name]
