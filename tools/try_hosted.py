"""Try the wheel in an environment like that of a notebook service, such as Google Colab.

The environment has the packages of tests/tools/hosted.txt. A notebook that was opened alone there
must say what to install; installing the wheel must replace no package; then notebooks 00 and 05,
alone in an empty folder, must give their stored outputs.
"""

import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import make_wheel

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = "00_start_here.ipynb", "05_meet_kl_collapse.ipynb"
# Runs the cell that says what to install where the package is missing.
GUARD = """import json, sys
cells = json.load(open(sys.argv[1], encoding="utf-8"))["cells"]
guard, = [cell for cell in cells if "guard" in cell["metadata"].get("tags", [])]
try:
    exec("".join(guard["source"]))
except ModuleNotFoundError as error:
    print(error)"""


def run(python, *arguments, folder=None):
    """What a Python prints when it runs with these arguments; ends this script if it fails."""
    done = subprocess.run([python, *arguments], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"error: {' '.join(map(str, arguments))}\n"
                         f"{done.stdout[-5000:]}{done.stderr[-5000:]}")
    return done.stdout


def main(place):
    """Try all in the folder `place`."""
    venv.create(place / "env", with_pip=True)
    python = str(next(path for folder in ("bin", "Scripts")
                      for path in (place / "env" / folder).glob("python*")))
    run(python, "-m", "pip", "install", "-r", ROOT / "tests" / "tools" / "hosted.txt")
    alone = place / "alone"
    alone.mkdir()
    for name in NOTEBOOKS:
        shutil.copy(ROOT / "notebooks" / name, alone)
    said = run(python, "-c", GUARD, NOTEBOOKS[0], folder=alone)
    if "%pip install" not in said:
        raise SystemExit("error: a notebook without the package does not say what to install: "
                         + said)
    print(said)
    before = set(run(python, "-m", "pip", "freeze").splitlines())
    run(python, "-m", "pip", "install", make_wheel.build(ROOT, place))
    after = set(run(python, "-m", "pip", "freeze").splitlines())
    if before - after or len(after - before) != 1:
        raise SystemExit(f"error: installing the wheel replaced {sorted(before - after)} and "
                         f"brought {sorted(after - before)}")
    print("Installing the wheel moved no other package.")
    run(python, "-m", "pip", "install", "nbval")
    shutil.copy(ROOT / "tests" / "notebooks" / "sanitize.cfg", alone)
    print(run(python, "-m", "pytest", "--nbval", "--nbval-current-env", "--nbval-sanitize-with",
              "sanitize.cfg", "--rootdir", alone, *NOTEBOOKS, folder=alone))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(main(Path(folder)))
