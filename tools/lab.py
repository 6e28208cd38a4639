#!/usr/bin/env python3
"""Every command of this repository: python3 tools/lab.py COMMAND [ARGS]

  lab           open JupyterLab on the first notebook; ARGS go to JupyterLab
  test          ruff, unit tests, notebooks as stored, widgets; ARGS go to pytest
  test-browser  the notebooks in a real browser; ARGS go to pytest
  notebooks     run notebooks, store their outputs, write CLAIMS.md; ARGS are notebook files
  benchmark     measure; ARGS are a benchmark's name (none: the list) and its options
  student       copy the notebooks without solutions to student/; edited copies are kept
  grade         run submitted notebooks, report what their checks say; ARGS are files, or --help
  site          write the notebooks as web pages to site/, or to the folder in ARGS

Packages are installed into .venv at the first command and whenever
pyproject.toml changes. PIP_ARGS in the environment is passed to pip install.
"""
# Kept free of syntax and calls newer than Python 3.6, so that an old Python
# gets our message and not a SyntaxError.
import hashlib
import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WINDOWS = os.name == "nt"
IS_ROOT = not WINDOWS and os.geteuid() == 0
BROWSERS = ["chromium", "chromium-browser", "google-chrome", "chrome"]
SITE = ["tools/site_pages/build.py"]
WITHOUT_BROWSER = ["training_speed"]
BENCHMARKS = WITHOUT_BROWSER + [
    "slider_latency", "notebook_cost", "classroom", "explorer_latency", "live_training"]
# pip's settings that would install somewhere else; 0 also overrides pip's configuration files.
ELSEWHERE = {"PIP_USER": "0", "PIP_TARGET": "", "PIP_PREFIX": "", "PIP_ROOT": ""}
# Variables that a program of the environment does not inherit. With these, pip would use another
# Python or install nothing, and Python would import other files, or not those beside a script.
FOREIGN = ["PIP_DRY_RUN", "PIP_PYTHON", "PYTHONHOME", "PYTHONPATH", "PYTHONSAFEPATH"]
QUIET_LAB = {"@jupyterlab/apputils-extension:notification": {
    "fetchNews": "false", "checkForUpdates": False}}


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


class Environment:
    """The virtual environment .venv of the repository, and methods to run programs in it."""

    def __init__(self, root):
        self.root = Path(root)
        self.folder = self.root / ".venv"
        self.bin = self.folder / ("Scripts" if WINDOWS else "bin")
        self.python = self.bin / ("python.exe" if WINDOWS else "python")
        self.stamp = self.folder / "installed.json"

    def ensure(self, *extras):
        """Make the environment and install what is missing; does nothing when all is there."""
        fault = self.fault()
        if fault:
            check_python()
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
                          "activate it, pip install -e . (or uv pip install -e .), jupyter lab.")
        if owner and owner != root and Path(owner, ".venv").exists():
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
        target = ".[{}]".format(",".join(wanted["extras"])) if wanted["extras"] else "."
        print(f"Installing into {self.folder} (the first time this takes some minutes)", flush=True)
        command = [str(self.python), "-m", "pip", "install"]
        command += pip_args(os.environ.get("PIP_ARGS", "")) + ["-e", target]
        if subprocess.call(command, cwd=str(self.root), env=self.variables()):
            raise Trouble("pip could not install the packages; its lines above say why.")
        check_torch(self.python, self.variables())
        self.stamp.write_text(json.dumps(wanted, indent=1) + "\n", encoding="utf-8")

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


def tool(name):
    """The path of a script beside this one."""
    return str(Path(__file__).resolve().with_name(name + ".py"))


def lab(env, args):
    env.ensure()
    # JupyterLab's folder of default settings; ours turn off everything that needs the network.
    settings = env.folder / "share" / "jupyter" / "lab" / "settings"
    settings.mkdir(parents=True, exist_ok=True)
    text = json.dumps(QUIET_LAB, indent=1) + "\n"
    (settings / "overrides.json").write_text(text, encoding="utf-8")
    command = ["-m", "jupyterlab", "--ServerApp.root_dir=" + str(env.root)] + args
    # Print the address of the notebook; keep the extension manager from asking a registry.
    command += ["--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb",
                "--LabApp.extension_manager=readonly"]
    # Jupyter refuses an option that is given twice.
    if not any(arg.startswith(("--ip", "--ServerApp.ip")) for arg in args):
        command.append("--ip=127.0.0.1")
    # In a container the user is root, which Jupyter refuses by default.
    return env.run(command + (["--allow-root"] if IS_ROOT else []), hand_over=True)


def memory():
    """This computer's memory in gigabytes, or infinity if it is unknown."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (AttributeError, ValueError):  # Windows
        return float("inf")


def side_by_side():
    """pytest's options for parallel test processes: one per processor, at most four.

    Each needs 3 GB of memory: up to 1.7 GB for the tests, 1.2 GB for a notebook's kernel. The
    tests of a file, or the cells of a notebook, run in one process.
    """
    at_once = min(os.cpu_count() or 1, 4, max(1, memory() // 3))
    return ["-n", str(int(at_once)), "--dist", "loadfile"]


def run_tests(env, args, **how):
    return (env.run(["-m", "ruff", "check", "--quiet"])
            or env.run(["-m", "pytest"] + side_by_side() + args, **how))


def test(env, args):
    env.ensure("test")
    return run_tests(env, args, hand_over=True)


def find_browser(variables=os.environ):
    """The path of Chromium or Chrome: the variable CHROMIUM if set, else the first on PATH."""
    names = [variables["CHROMIUM"]] if variables.get("CHROMIUM") else BROWSERS
    paths = [shutil.which(name, path=variables.get("PATH")) for name in names]
    found = [path for path in paths if path]
    if not found:
        raise Trouble("no browser found under the name " + " or ".join(names) + ". Install one "
                      "(Debian: apt-get install chromium) or set CHROMIUM to its path.")
    return found[0]


def run_browser_tests(env, args, browser, **how):
    return run_tests(env, ["tests/browser"] + args, CHROMIUM=browser, **how)


def test_browser(env, args):
    browser = find_browser()
    env.ensure("test")
    return run_browser_tests(env, args, browser, hand_over=True)


def notebooks(env, args):
    """Run and store each notebook, then write CLAIMS.md.

    A notebook with an error, or with a claim that does not hold, is not changed.
    """
    env.ensure()
    failed, paths = 0, [Path(arg).resolve(strict=True) for arg in args]
    for path in paths or sorted((env.root / "notebooks").glob("*.ipynb")):
        started = time.time()
        failed = env.run([tool("execute"), str(path)])
        if failed:
            break
        print(f"{path.name}: stored in {time.time() - started:.0f} s", flush=True)
    drifted = env.run(["tools/ledger.py"])  # also after a failure, for the notebooks stored before
    if failed:
        raise Trouble(f"{path.name} failed and was not changed; the lines above say why.")
    if drifted:
        raise Trouble("CLAIMS.md was not changed; the line above says why.")


def write_copies(env, folder):
    """Copy the notebooks without solutions; the script needs no installed package."""
    return subprocess.call([sys.executable, tool("student"), str(env.root), str(folder)])


def benchmark(env, args):
    """Run a benchmark in the environment; it stores its results in benchmarks/RESULTS.md."""
    if not args or args[0] not in BENCHMARKS:
        raise Trouble("name one of these in ARGS: " + ", ".join(BENCHMARKS)
                      + "; --help after it says more.")
    variables = {} if args[0] in WITHOUT_BROWSER else {"CHROMIUM": find_browser()}
    env.ensure("test")
    return env.run(["benchmarks/" + args[0] + ".py"] + args[1:], hand_over=True, **variables)


def student(env, args):
    return write_copies(env, env.root / "student")


def grade(env, args):
    """Grade submitted notebooks; their paths are relative to the current folder."""
    env.ensure()
    return env.run([tool("grade")] + args, hand_over=True, folder=os.getcwd())


def site(env, args):
    """Write the web pages from the stored outputs of the notebooks; nothing is run."""
    env.ensure("site")
    return env.run(SITE + args, hand_over=True)


COMMANDS = {"lab": lab, "test": test, "test-browser": test_browser, "notebooks": notebooks,
            "benchmark": benchmark, "student": student, "grade": grade, "site": site}


def run_command(command, args):
    """Run a command; returns its exit status. Trouble is shown as one line."""
    for stream in (sys.stdout, sys.stderr):  # print ? for characters that the terminal lacks
        if hasattr(stream, "reconfigure"):  # not in Python 3.6
            stream.reconfigure(errors="replace")
    try:
        return command(Environment(ROOT), args)
    except (Trouble, OSError, subprocess.SubprocessError) as trouble:  # say, a full disk
        print(f"error: {trouble}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return 1


def usage(_env, args):
    print(__doc__.strip())
    return 0 if args in (["help"], ["-h"], ["--help"]) else 2


def main(arguments):
    if not arguments or arguments[0] not in COMMANDS:
        return run_command(usage, arguments)
    return run_command(COMMANDS[arguments[0]], arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
