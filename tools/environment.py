"""The virtual environment of the repository: made, filled and used with the standard library alone.

Kept free of syntax and calls newer than Python 3.6, so that an old Python gets our message and not
a SyntaxError.
"""
import contextlib
import hashlib
import importlib.util
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import threading
import time
from pathlib import Path

WINDOWS = os.name == "nt"
# Gigabytes of an environment. On Linux PyTorch's wheels carry CUDA.
SIZE = 7 if sys.platform.startswith("linux") else 2
CPU_SIZE = 2
REPORT = 20  # seconds between two lines about the size of an environment that is being filled
NEWEST = (3, 14)  # the newest Python for which PyTorch has wheels (November 2026)
# pip's settings that would install somewhere else; 0 also overrides pip's configuration files.
ELSEWHERE = {"PIP_USER": "0", "PIP_TARGET": "", "PIP_PREFIX": "", "PIP_ROOT": ""}
# Variables that a program of the environment does not inherit. With these, pip would use another
# Python or install nothing, and Python would import other files, or not those beside a script.
FOREIGN = ["PIP_DRY_RUN", "PIP_PYTHON", "PYTHONHOME", "PYTHONPATH", "PYTHONSAFEPATH"]
# What pip's log says, and what helps. A registry that is not reached has no distributions, either,
# so the network comes first.
REMEDIES = [
    (r"No space left on device|not enough space on the disk",
     "The disk is full, or the folder for temporary files is. Free {size} GB and run again; TMPDIR "
     "names another temporary folder. CPU-only wheels need {cpu} GB: Little disk in the README."),
    (r"ProxyError|Tunnel connection failed",
     "The proxy refused the connection. Set HTTPS_PROXY to its address, with name and password if "
     "it wants them: HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT"),
    (r"CERTIFICATE_VERIFY_FAILED",
     "A certificate is unknown, perhaps that of your company's proxy. Name its file: "
     "PIP_ARGS=\"--cert FILE\""),
    (r"NewConnectionError|ConnectTimeoutError|ReadTimeoutError|name resolution",
     "The package registry was not reached. Run again when the network is back: what is installed "
     "already stays. Without internet: see the README."),
    (r"No matching distribution found for torch",
     "PyTorch has no wheel for this Python ({python}). Take Python 3.12 for 64-bit processors: "
     "see Where it runs in the README."),
]


class Trouble(Exception):
    """An error that the user can fix; its message is shown as one line."""


def check_python(version=sys.version_info, find_spec=importlib.util.find_spec):
    """Raise Trouble if this Python cannot make the environment."""
    number = ".".join(str(part) for part in version[:3])
    if tuple(version[:2]) < (3, 11):
        again = r"py -3.12 tools\lab.py lab" if WINDOWS else "make lab PYTHON=python3.12"
        raise Trouble(f"Python {number} is too old: 3.11 or newer is needed. Try: {again}")
    if find_spec("venv") is None or find_spec("ensurepip") is None:
        raise Trouble(f"Python {number} has no venv module. "
                      "On Debian or Ubuntu: apt-get install python3-venv")
    if tuple(version[:2]) > NEWEST:
        newest = ".".join(map(str, NEWEST))
        print(f"Python {number} may be too new for PyTorch. If the installation fails, take Python "
              f"{newest}.", flush=True)


def check_platform(kind=None, maker=None, host=None, bits=None):
    """Raise Trouble if PyTorch has no wheels for this kind of computer or of Python.

    kind: such as linux-x86_64 or win-arm64. maker: CPython or another implementation. host: names
    musl where it is the C library. bits: 32 or 64.
    """
    kind = kind or sysconfig.get_platform()
    if kind.startswith("macosx") and "universal" in kind:
        kind = "macosx-" + platform.machine()
    maker = maker or platform.python_implementation()
    host = host or sysconfig.get_config_var("HOST_GNU_TYPE") or ""
    elsewhere = "Where it runs in the README says what else you can do."
    if maker != "CPython":
        raise Trouble(f"PyTorch has no wheel for {maker}. Run this command with CPython.")
    if (bits or (64 if sys.maxsize > 2 ** 32 else 32)) == 32:
        raise Trouble("PyTorch has no wheel for a 32-bit Python. Install a 64-bit one; on a 32-bit "
                      "processor nothing helps. " + elsewhere)
    if re.match("macosx.*x86_64", kind):
        raise Trouble("PyTorch has no wheel for Intel Macs that is new enough. If this Mac has an "
                      "Apple chip, this Python was made for Intel: install the one for Apple "
                      "silicon. " + elsewhere)
    if kind == "win-arm64":
        raise Trouble("PyTorch has no wheel on PyPI for Python on Arm under Windows. Install the "
                      "64-bit Python for Intel and AMD, which runs there too. " + elsewhere)
    if "musl" in host:
        raise Trouble("PyTorch has no wheel for Linux with musl, such as Alpine. Use a Linux with "
                      "glibc, for example a Debian container. " + elsewhere)


def check_path(folder):
    """Raise Trouble if the scripts that pip writes would not start in this folder."""
    odd = [] if WINDOWS else [sign for sign in '"$`\\' if sign in str(folder)]
    if odd:
        raise Trouble(f"The path {folder} has the sign {odd[0]} in it, with which programs that "
                      "pip installs do not start. Rename the folder, then run again.")


def check_space(folder, chosen_wheels):
    """Raise Trouble if the packages do not fit beside `folder`.

    chosen_wheels: whether PIP_ARGS is set, which may bring the CPU-only wheels.
    """
    free, needed = shutil.disk_usage(str(folder.parent)).free, CPU_SIZE if chosen_wheels else SIZE
    if free < needed * 1e9:
        raise Trouble(f"Only {free / 1e9:.1f} GB are free in {folder.parent}, and the packages "
                      f"need about {needed}. Nothing was installed. Free some, or see Little disk "
                      f"in the README for wheels without CUDA, which need {CPU_SIZE} GB.")


def pip_args(text, windows=WINDOWS):
    """PIP_ARGS split into words like in a shell; on Windows a backslash is part of a path."""
    words = shlex.split(text, posix=not windows)
    return [word.replace('"', "") for word in words] if windows else words


def check_torch(python, variables=None):
    """Import torch and torchvision with the given Python; raise Trouble if that fails."""
    code = ("from importlib.metadata import version as v\n"
            "print('torch', v('torch'), 'and torchvision', v('torchvision'), flush=True)\n"
            "import torch, torchvision")
    done = subprocess.run([str(python), "-c", code], env=variables, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True)
    if done.returncode == 0:
        return
    if "torchvision::nms" in done.stderr:
        raise Trouble(done.stdout.strip() + " do not match (operator torchvision::nms does not "
                      "exist). Take both from one place: delete .venv and run again, with the same "
                      "index for both in PIP_ARGS.")
    last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    raise Trouble(f"torch and torchvision are installed but cannot be imported: {last}")


def remedy(log):
    """What helps, by the text of pip's log; an empty text if the log says nothing known."""
    for sign, advice in REMEDIES:
        if re.search(sign, log):
            python = "{} {}, {}".format(platform.python_implementation(),
                                        platform.python_version(), sysconfig.get_platform())
            return " " + advice.format(size=SIZE, cpu=CPU_SIZE, python=python)
    return ""


def lower_bounds(pyproject):
    """The lower bounds in the text of pyproject.toml as pip's constraints, one a line.

    Of two bounds for one package the higher one counts: the extras name theirs last.
    """
    import tomllib  # not in Python 3.10
    project = tomllib.loads(pyproject)["project"]
    extras = project["optional-dependencies"]
    lines = project["dependencies"] + extras["lab"] + extras["test"]
    return "".join(f"{name}=={bound}\n" for name, bound in dict(
        line.split(">=") for line in lines).items())


@contextlib.contextmanager
def growing(folder):
    """Print the size of `folder` from time to time while it grows, since pip says nothing then."""
    done, started = threading.Event(), time.time()

    def report():
        shown = 0.0
        while not done.wait(REPORT):
            size = sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file()) / 1e9
            if size > shown + 0.1:
                shown = size
                print(f"{size:.1f} GB of about {SIZE} GB installed after "
                      f"{time.time() - started:.0f} s", flush=True)

    thread = threading.Thread(target=report, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


class Environment:
    """A virtual environment of the repository, and methods to run programs in it.

    It is .venv, or with `oldest` .venv-oldest, which has the oldest versions that are allowed.
    """

    def __init__(self, root, oldest=False):
        self.root, self.oldest = Path(root), oldest
        self.folder = self.root / (".venv-oldest" if oldest else ".venv")
        self.bin = self.folder / ("Scripts" if WINDOWS else "bin")
        self.python = self.bin / ("python.exe" if WINDOWS else "python")
        self.stamp = self.folder / "installed.json"

    def ensure(self, *extras):
        """Make the environment and install what is missing; does nothing when all is there."""
        fault = self.fault()
        if fault:
            check_python()
            check_platform()
            check_path(self.folder)
            check_space(self.folder, os.environ.get("PIP_ARGS"))
            print(fault, self.folder, flush=True)
            import venv  # imported here because check_python reports it if missing
            self.clear()
            venv.create(str(self.folder), symlinks=not WINDOWS, with_pip=True)
        stamp = self.read_stamp()
        wanted = self.description(set(extras).union(stamp.get("extras", ())))
        if stamp != wanted:
            self.install(wanted)

    def clear(self):
        """Empty the folder, except for the stamp, which shows that this script made the folder."""
        self.folder.mkdir(exist_ok=True)
        self.stamp.write_text("{}", encoding="utf-8")
        for path in self.folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(str(path))
            elif path != self.stamp:
                path.unlink()

    def fault(self):
        """Why the environment must be made (again), or None if it is usable.

        Raises Trouble, and changes nothing, if this script did not make the environment here.
        """
        if not os.path.lexists(str(self.folder)):
            return "Making"
        root, owner = str(self.root), self.read_stamp().get("root")
        if self.folder.is_symlink():
            raise Trouble(f"{self.folder} is a link to {os.path.realpath(str(self.folder))}. "
                          "Nothing was changed. Remove the link, then run again: that makes an "
                          "environment here.")
        if not self.stamp.exists():
            raise Trouble(f"{self.folder} was not made by this command. Nothing was changed. "
                          "Rename or remove it, then run again. Or use it without this command: "
                          "activate it, pip install -e '.[lab]' (or uv pip install -e '.[lab]'), "
                          "jupyter lab.")
        if owner and owner != root and Path(owner, self.folder.name).exists():
            raise Trouble(f"{self.folder} is a copy of the environment in {owner}; its programs "
                          "use that one. Nothing was changed. Remove it, then run again.")
        if owner and owner != root:  # its scripts hold absolute paths
            return "The repository has moved: making again"
        import_pip = [str(self.python), "-c", "import pip"]
        if not self.python.exists() or subprocess.call(
                import_pip, stderr=subprocess.DEVNULL, env=self.variables()):
            return "No working Python with pip in it: making again"
        return None

    def variables(self, **more):
        """Environment variables for a program, such that it uses this environment only."""
        # PATH lets notebooks find tensorboard. Jupyter must take the python3
        # kernel of this environment, not one that the user registered.
        encoding = os.environ.get("PYTHONIOENCODING", "").split(":")[0]
        own = {"PATH": str(self.bin) + os.pathsep + os.environ.get("PATH", ""),
               "VIRTUAL_ENV": str(self.folder), "JUPYTER_PREFER_ENV_PATH": "1",
               # Print a question mark for a character that the terminal cannot show.
               "PYTHONIOENCODING": encoding + ":replace"}
        kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        return dict(kept, **dict(own, **dict(ELSEWHERE, **more)))

    def description(self, extras):
        """The content of the stamp file once these extras are installed."""
        digest = hashlib.sha256((self.root / "pyproject.toml").read_bytes()).hexdigest()
        return {"pyproject": digest, "extras": sorted(extras), "root": str(self.root)}

    def read_stamp(self):
        try:
            return json.loads(self.stamp.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def install(self, wanted):
        """Install the project with the wanted extras, then write the stamp."""
        self.stamp.write_text("{}", encoding="utf-8")
        log = self.folder / "pip.log"
        if log.exists():
            log.unlink()
        target = ".[{}]".format(",".join(wanted["extras"])) if wanted["extras"] else "."
        print(f"Installing into {self.folder}. The first time this takes two to five minutes and "
              f"about {SIZE} GB; if it is interrupted, run it again.", flush=True)
        command = [str(self.python), "-m", "pip", "install", "--disable-pip-version-check",
                   "--log", str(log)]
        command += pip_args(os.environ.get("PIP_ARGS", "")) + self.constraints() + ["-e", target]
        with growing(self.folder):
            failed = subprocess.call(command, cwd=str(self.root), env=self.variables())
        if failed:
            said = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
            raise Trouble("pip could not install the packages; its lines above say why."
                          + remedy(said))
        check_torch(self.python, self.variables())
        self.stamp.write_text(json.dumps(wanted, indent=1) + "\n", encoding="utf-8")

    def constraints(self):
        """pip's options that hold the packages at the oldest allowed versions."""
        if not self.oldest:
            return []
        path = self.folder / "constraints.txt"
        pyproject = (self.root / "pyproject.toml").read_text(encoding="utf-8")
        path.write_text(lower_bounds(pyproject), encoding="utf-8")
        return ["-c", str(path)]

    def run(self, arguments, hand_over=False, folder=None, **variables):
        """Run python with these arguments in the activated environment; returns its exit status.

        With hand_over, python replaces this process, so that signals reach it.
        """
        command, variables = [str(self.python)] + arguments, self.variables(**variables)
        os.chdir(str(folder or self.root))
        if hand_over and not WINDOWS:
            os.execve(command[0], command, variables)
        process, interrupted = subprocess.Popen(command, env=variables), False
        while process.poll() is None:
            try:
                process.wait()
            except KeyboardInterrupt:  # the child process gets it too and ends by itself
                interrupted = True
        if interrupted:
            raise KeyboardInterrupt
        return process.returncode
