#!/usr/bin/env python3
"""Every command of this repository: python3 tools/lab.py COMMAND [ARGS]

  lab           open JupyterLab on the first notebook; ARGS go to JupyterLab
  test          ruff, unit tests, notebooks as stored, widgets; ARGS go to pytest
  test-browser  the notebooks in a real browser; ARGS go to pytest
  notebooks     run notebooks, store their outputs, write CLAIMS.md; ARGS are notebook files
  benchmark     measure; ARGS are a benchmark's name (none: the list) and its options
  student       copy the notebooks without solutions to student/; an edited copy is kept
  grade         run notebooks handed in, tell what their checks said; ARGS are files, or --help
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
import tempfile
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
# pip's settings that would install somewhere else; the 0 overrules pip's configuration files too.
ELSEWHERE = {"PIP_USER": "0", "PIP_TARGET": "", "PIP_PREFIX": "", "PIP_ROOT": ""}
# What a program of the environment does not inherit: with these pip would use another Python or
# install nothing, and Python would import from elsewhere, or no file that lies beside a script.
FOREIGN = ["PIP_DRY_RUN", "PIP_PYTHON", "PYTHONHOME", "PYTHONPATH", "PYTHONSAFEPATH"]
QUIET_LAB = {"@jupyterlab/apputils-extension:notification": {
    "fetchNews": "false", "checkForUpdates": False}}


class Trouble(Exception):
    """Something that the user can put right; shown as one line."""


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
    """PIP_ARGS split into words as a shell would; on Windows a backslash is part of a path."""
    words = shlex.split(text, posix=not windows)
    return [word.replace('"', "") for word in words] if windows else words


def check_torch(python, variables=None):
    """Import torch and torchvision with the given Python; explain a failure."""
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
    """The virtual environment beside the repository's files, and how to run things in it."""

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
            import venv  # only now, since check_python says where it is missing
            self.clear()
            venv.create(str(self.folder), symlinks=not WINDOWS, with_pip=True)
        stamp = self.read_stamp()
        wanted = self.description(set(extras).union(stamp.get("extras", ())))
        if stamp != wanted:
            self.install(wanted)

    def clear(self):
        """Empty the folder but for the stamp, so that it is ours whenever this is cut off."""
        self.folder.mkdir(exist_ok=True)
        self.stamp.write_text("{}", encoding="utf-8")
        for path in self.folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(str(path))
            elif path != self.stamp:
                path.unlink()

    def fault(self):
        """Why the environment must be made (again), or None if it is usable.

        Raises Trouble, and touches nothing, where it is not one that this script has made here.
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
        """The variables for a program of the environment: nothing leads it to another one."""
        # PATH lets notebooks find tensorboard. Jupyter must take the python3
        # kernel of this environment, not one that the user registered.
        encoding = os.environ.get("PYTHONIOENCODING", "").split(":")[0]
        own = {"PATH": str(self.bin) + os.pathsep + os.environ.get("PATH", ""),
               "VIRTUAL_ENV": str(self.folder), "JUPYTER_PREFER_ENV_PATH": "1",
               # A terminal that cannot show a letter shows a question mark.
               "PYTHONIOENCODING": encoding + ":replace"}
        kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        return dict(kept, **dict(own, **dict(ELSEWHERE, **more)))

    def description(self, extras):
        """What the stamp file says once these extras are installed."""
        digest = hashlib.sha256((self.root / "pyproject.toml").read_bytes()).hexdigest()
        return {"pyproject": digest, "extras": sorted(extras), "root": str(self.root)}

    def read_stamp(self):
        try:
            return json.loads(self.stamp.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def install(self, wanted):
        """Install the project with the wanted extras; the stamp is written only after success."""
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
        """The exit status of python, run in the activated environment.

        With hand_over this process becomes that python, so that signals reach it.
        """
        command, variables = [str(self.python)] + arguments, self.variables(**variables)
        os.chdir(str(folder or self.root))
        if hand_over and not WINDOWS:
            os.execve(command[0], command, variables)
        process, interrupted = subprocess.Popen(command, env=variables), False
        while process.poll() is None:
            try:
                process.wait()
            except KeyboardInterrupt:  # the child got it too and ends in its own way
                interrupted = True
        if interrupted:
            raise KeyboardInterrupt
        return process.returncode


def tool(name):
    """The path of a script beside this one."""
    return str(Path(__file__).resolve().with_name(name + ".py"))


def lab(env, args):
    env.ensure()
    # JupyterLab's place for default settings: nothing asks the network.
    settings = env.folder / "share" / "jupyter" / "lab" / "settings"
    settings.mkdir(parents=True, exist_ok=True)
    text = json.dumps(QUIET_LAB, indent=1) + "\n"
    (settings / "overrides.json").write_text(text, encoding="utf-8")
    command = ["-m", "jupyterlab", "--ServerApp.root_dir=" + str(env.root)] + args
    # The printed address shows the notebook too, and the extension manager asks no registry.
    command += ["--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb",
                "--LabApp.extension_manager=readonly"]
    # Jupyter refuses to be told twice.
    if not any(arg.startswith(("--ip", "--ServerApp.ip")) for arg in args):
        command.append("--ip=127.0.0.1")
    # In a container one is root, and Jupyter refuses that by default.
    return env.run(command + (["--allow-root"] if IS_ROOT else []), hand_over=True)


def memory():
    """Gigabytes of this computer's memory, or infinity where it does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (AttributeError, ValueError):  # Windows
        return float("inf")


def side_by_side():
    """pytest's options for as many test files at a time as there are processors, but four at most.

    Each needs 3 GB: up to 1.7 for the tests, 1.2 for a notebook's kernel. The tests of a file, or
    cells of a notebook, stay together.
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
    """The path of Chromium or Chrome: CHROMIUM if set, else the first one on PATH."""
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
    """Run each notebook and store it, then the ledger.

    One with an error, or with a claim that does not hold, stays as it was.
    """
    env.ensure()
    options = ["kernel_name=python3", "timeout=600", "store_widget_state=True",
               "record_timing=False"]
    command = ["-m", "nbconvert", "--to=notebook", "--execute", "--log-level=WARN"]
    command += ["--ExecutePreprocessor." + option for option in options]
    failed, paths = 0, [Path(arg).resolve(strict=True) for arg in args]
    for path in paths or sorted((env.root / "notebooks").glob("*.ipynb")):
        started = time.time()
        with tempfile.TemporaryDirectory() as folder:
            failed = (env.run(command + ["--output-dir=" + folder, str(path)])
                      or env.run([tool("normalise"), os.path.join(folder, path.name), str(path)]))
        if failed:
            break
        print(f"{path.name}: stored in {time.time() - started:.0f} s", flush=True)
    drifted = env.run(["tools/ledger.py"])  # also of those stored before one that failed
    if failed:
        raise Trouble(f"{path.name} failed and is stored as it was; the lines above say why.")
    if drifted:
        raise Trouble("CLAIMS.md is as it was; the line above says why.")


def write_copies(env, folder):
    """The notebooks without solutions, by a script of its own: nothing need be installed for it."""
    return subprocess.call([sys.executable, tool("student"), str(env.root), str(folder)])


def benchmark(env, args):
    """Run one in the environment; it stores what it measured in benchmarks/RESULTS.md."""
    if not args or args[0] not in BENCHMARKS:
        raise Trouble("name one of these in ARGS: " + ", ".join(BENCHMARKS)
                      + "; --help after it says more.")
    variables = {} if args[0] in WITHOUT_BROWSER else {"CHROMIUM": find_browser()}
    env.ensure("test")
    return env.run(["benchmarks/" + args[0] + ".py"] + args[1:], hand_over=True, **variables)


def student(env, args):
    return write_copies(env, env.root / "student")


def grade(env, args):
    """Run what learners handed in; the files are named from the folder of the call."""
    env.ensure()
    return env.run([tool("grade")] + args, hand_over=True, folder=os.getcwd())


def site(env, args):
    """Nothing is run: the pages show the outputs that the notebooks have stored."""
    env.ensure("site")
    return env.run(SITE + args, hand_over=True)


COMMANDS = {"lab": lab, "test": test, "test-browser": test_browser, "notebooks": notebooks,
            "benchmark": benchmark, "student": student, "grade": grade, "site": site}


def run_command(command, args):
    """The exit status of a command; trouble is shown as one line."""
    for stream in (sys.stdout, sys.stderr):  # a terminal that is not UTF-8 shows a question mark
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
