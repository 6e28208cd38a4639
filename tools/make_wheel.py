"""Write a wheel to dist/: one file with both packages, the stored results and MNIST.

It is built from the files that git knows, since an old build/ would bring deleted modules into it.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def copy_source(root, folder):
    """Copy the files that git knows in `root`, as they are now, to `folder`.

    Raises `SystemExit` if `root` is not a clone, since then there is no list of its files.
    """
    listed = subprocess.run(  # a clone may have another owner, as in a container
        ["git", "-c", f"safe.directory={root}", "ls-files", "-z"], cwd=root, capture_output=True)
    if listed.returncode:
        raise SystemExit(f"{root} is not a git clone: {listed.stderr.decode().strip()}. Clone the "
                         "repository, or install from this folder: python -m pip install .")
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (root / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, folder / name)


def build(root, folder, *options):
    """Build the wheel of the repository `root` into `folder`; returns its path.

    options: more options for `pip wheel`.
    """
    with tempfile.TemporaryDirectory() as place:
        copy_source(root, Path(place, "source"))
        subprocess.run([sys.executable, "-m", "pip", "--quiet", "wheel", "--no-deps", *options,
                        "--wheel-dir", Path(place, "wheels"), Path(place, "source")], check=True)
        wheel, = Path(place, "wheels").glob("*.whl")
        folder.mkdir(parents=True, exist_ok=True)
        return Path(shutil.move(wheel, folder / wheel.name))


if __name__ == "__main__":
    try:
        made = build(ROOT, ROOT / "dist")
    except subprocess.CalledProcessError:
        sys.exit("error: the wheel was not built; the lines above say why.")
    print(f"{made}: {made.stat().st_size / 1e6:.1f} MB. Install it anywhere with "
          f"`pip install {made.name}`.")
