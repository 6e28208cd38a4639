#!/usr/bin/env python3
"""Every command of this repository: python3 tools/lab.py COMMAND [ARGS]

  lab           open JupyterLab on the first notebook; ARGS go to JupyterLab
  test          unit tests, notebooks as stored, widgets; ARGS go to pytest
  test-browser  the notebooks in a real browser; ARGS go to pytest
  notebooks     run notebooks, store their outputs, write CLAIMS.md; ARGS are notebook files
  benchmark     measure; ARGS are a benchmark's name (none: the list) and its options
  student       copy the notebooks without solutions to student/; an edited copy is kept
  site          write the notebooks as web pages to site/, or to the folder in ARGS
  ci            install, then test, copies (test fresh student copies), test-browser and site,
                or only those of the four that are in ARGS

Packages are installed into .venv at the first command and whenever
pyproject.toml changes. PIP_ARGS in the environment is passed to pip install.
"""
# Kept free of syntax and calls newer than Python 3.6, so that an old Python
# gets our message and not a SyntaxError.
import array
import base64
import hashlib
import importlib.util
import json
import os
import re
import shlex
import shutil
import struct
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
WITHOUT_BROWSER = ["training_speed", "reliability"]
BENCHMARKS = WITHOUT_BROWSER + ["slider_latency", "notebook_cost", "classroom", "explorer_latency", "live_training"]
# pip's settings that would install somewhere else, and Python's that would import from there.
# The 0 overrules pip's configuration files too.
ELSEWHERE = {"PIP_USER": "0", "PIP_TARGET": "", "PIP_PREFIX": "", "PIP_ROOT": ""}
FOREIGN = ["PYTHONHOME", "PYTHONPATH"]
QUIET_LAB = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}


class Trouble(Exception):
    """Something that the user can put right; shown as one line."""


def check_python(version=sys.version_info, find_spec=importlib.util.find_spec):
    """Raise Trouble if this Python cannot make the environment."""
    number = ".".join(str(part) for part in version[:3])
    if tuple(version[:2]) < (3, 11):
        again = r"py -3.12 tools\lab.py lab" if WINDOWS else "make lab PYTHON=python3.12"
        raise Trouble(f"Python {number} is too old: 3.11 or newer is needed. Try: {again}")
    if find_spec("venv") is None or find_spec("ensurepip") is None:
        raise Trouble(f"Python {number} has no venv module. On Debian or Ubuntu: apt-get install python3-venv")


def pip_args(text, windows=WINDOWS):
    """Split PIP_ARGS as a shell would; on Windows a backslash is part of a path."""
    return [word.replace('"', "") for word in shlex.split(text, posix=False)] if windows else shlex.split(text)


def check_torch(python, variables=None):
    """Import torch and torchvision with the given Python; explain a failure."""
    code = ("from importlib.metadata import version as v\n"
            "print('torch', v('torch'), 'and torchvision', v('torchvision'), flush=True)\nimport torch, torchvision")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "universal_newlines": True}
    done = subprocess.run([str(python), "-c", code], env=variables, **pipes)
    if done.returncode == 0:
        return
    if "torchvision::nms" in done.stderr:
        raise Trouble(done.stdout.strip() + " do not match (operator torchvision::nms does not exist). "
                      "Take both from one place: delete .venv and run again, with the same index for both in PIP_ARGS.")
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
            if self.folder.exists():
                shutil.rmtree(str(self.folder))
            self.folder.mkdir()
            self.stamp.write_text("{}", encoding="utf-8")  # ours from the first moment on
            venv.create(str(self.folder), symlinks=not WINDOWS, with_pip=True)
        stamp = self.read_stamp()
        wanted = self.description(set(extras).union(stamp.get("extras", ())))
        if stamp != wanted:
            self.install(wanted)

    def fault(self):
        """Why the environment must be made (again), or None if it is usable.

        Raises Trouble, and touches nothing, where it is not one that this script has made here.
        """
        if not os.path.lexists(str(self.folder)):
            return "Making"
        root, owner = str(self.root), self.read_stamp().get("root")
        if self.folder.is_symlink():
            raise Trouble(f"{self.folder} is a link to {os.path.realpath(str(self.folder))}, and what is there "
                          "stays as it is. Remove the link to get an environment of its own here.")
        if not self.stamp.exists():
            raise Trouble(f"{self.folder} was not made by this command, and stays as it is. Rename or remove it, "
                          "or use it: activate it, then python -m pip install -e . && jupyter lab")
        if owner and owner != root and Path(owner, ".venv").exists():
            raise Trouble(f"{self.folder} was made for {owner}, and its programs start from there. "
                          "Remove it, then run again.")
        if owner and owner != root:  # its scripts hold absolute paths
            return "The repository has moved: making again"
        import_pip = [str(self.python), "-c", "import pip"]
        if not self.python.exists() or subprocess.call(import_pip, stderr=subprocess.DEVNULL, env=self.variables()):
            return "No working Python with pip in it: making again"
        return None

    def variables(self, **more):
        """The variables for a program of the environment: nothing leads it to another one."""
        # PATH lets notebooks find tensorboard. Jupyter must take the python3
        # kernel of this environment, not one that the user registered.
        own = {"PATH": str(self.bin) + os.pathsep + os.environ.get("PATH", ""),
               "VIRTUAL_ENV": str(self.folder), "JUPYTER_PREFER_ENV_PATH": "1",
               # A terminal that cannot show a letter shows a question mark.
               "PYTHONIOENCODING": os.environ.get("PYTHONIOENCODING", "").split(":")[0] + ":replace"}
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
        print("Installing into", self.folder, "(the first time this takes some minutes)", flush=True)
        command = [str(self.python), "-m", "pip", "install"] + pip_args(os.environ.get("PIP_ARGS", "")) + ["-e", target]
        if subprocess.call(command, cwd=str(self.root), env=self.variables()):
            raise Trouble("pip could not install the packages; its lines above say why.")
        check_torch(self.python, self.variables())
        self.stamp.write_text(json.dumps(wanted, indent=1) + "\n", encoding="utf-8")

    def run(self, arguments, hand_over=False, **variables):
        """Run python in the activated environment; with hand_over this process becomes it, to get its signals."""
        command, variables = [str(self.python)] + arguments, self.variables(**variables)
        os.chdir(str(self.root))
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


def lab(env, args):
    env.ensure()
    # JupyterLab's place for default settings: nothing asks the network.
    settings = env.folder / "share" / "jupyter" / "lab" / "settings"
    settings.mkdir(parents=True, exist_ok=True)
    (settings / "overrides.json").write_text(json.dumps(QUIET_LAB, indent=1) + "\n", encoding="utf-8")
    command = ["-m", "jupyterlab", "--ServerApp.root_dir=" + str(env.root)] + args
    # The printed address shows the notebook too, and the extension manager asks no registry.
    command += ["--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb", "--LabApp.extension_manager=readonly"]
    if not any(arg.startswith(("--ip", "--ServerApp.ip")) for arg in args):  # Jupyter refuses to be told twice
        command.append("--ip=127.0.0.1")
    # In a container one is root, and Jupyter refuses that by default.
    return env.run(command + (["--allow-root"] if IS_ROOT else []), hand_over=True)


def test(env, args):
    env.ensure("test")
    return env.run(["-m", "pytest"] + args, hand_over=True)


def find_browser(variables=os.environ):
    """The path of Chromium or Chrome: CHROMIUM if set, else the first one on PATH."""
    names = [variables["CHROMIUM"]] if variables.get("CHROMIUM") else BROWSERS
    found = [path for path in (shutil.which(name, path=variables.get("PATH")) for name in names) if path]
    if not found:
        raise Trouble("no browser found under the name " + " or ".join(names) + ". Install one "
                      "(Debian: apt-get install chromium) or set CHROMIUM to its path.")
    return found[0]


def test_browser(env, args):
    browser = find_browser()
    env.ensure("test")
    return env.run(["-m", "pytest", "tests/browser"] + args, hand_over=True, CHROMIUM=browser)


def normalise(text):
    """A notebook's JSON as nbformat writes it, without what differs from run to run or machine to machine."""
    notebook = json.loads(text)
    notebook["metadata"].pop("widgets", None)
    for output in [output for cell in notebook["cells"] for output in cell.get("outputs", ())]:
        # A random id of a widget that lives no longer; without it the text beside it is shown.
        output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
        # The frame of a server that runs no longer; nbval sees what stood there before it.
        if "tensorboard-frame" in "".join(output.get("data", {}).get("text/html", "")):
            output["data"] = {"text/plain": ["Launching TensorBoard..."]}
        if "text" in output:  # measured text with a folder in it says nothing on another machine
            output["text"] = [re.sub(r"⟨[^⟩]*[/\\][^⟩]*⟩", "⟨…⟩", line) for line in output["text"]]
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook["metadata"].update(kernelspec=kernel, language_info={"name": "python"})
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def halved(data):
    """The same numbers in half the bytes: base64 of float32 as base64 of float16."""
    values = array.array("f", base64.b64decode(data))
    if sys.byteorder == "big":
        values.byteswap()
    return base64.b64encode(struct.pack("<{}e".format(len(values)), *values)).decode("ascii")


def explorers(notebook):
    """What each explorer of a notebook just run showed, in the order of its outputs."""
    stored = notebook["metadata"].get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {})
    found = []
    for output in [output for cell in notebook["cells"] for output in cell.get("outputs", ())]:
        view = output.get("data", {}).get("application/vnd.jupyter.widget-view+json", {})
        widget = stored.get("state", {}).get(view.get("model_id"), {"state": {}})
        if widget["state"].get("_anywidget_id") == "vae_helpers.explorer.Explorer":
            data = {buffer["path"][0]: buffer["data"] for buffer in widget["buffers"]}
            found.append({name: widget["state"][name] for name in ("point", "extent", "colours", "widths")})
            found[-1].update(codes=data["codes"], labels=data["labels"], weights_float16=halved(data["weights"]))
            if data.get("images"):
                found[-1]["encoder_widths"] = widget["state"]["encoder_widths"]
                found[-1].update(images=data["images"], encoder_float16=halved(data["encoder"]))
    return found


def keep_explorers(path, notebook):
    """Keep beside a notebook what its explorers showed: the static site has no other decoder."""
    kept, states = path.parent / "explorers" / (path.stem + ".json"), explorers(notebook)
    if states:
        kept.parent.mkdir(exist_ok=True)
        kept.write_bytes((json.dumps(states, indent=1, sort_keys=True) + "\n").encode("utf-8"))
    elif kept.exists():
        kept.unlink()


def notebooks(env, args):
    """Run each notebook and store it in place, one with an error stays as it was; then the ledger."""
    env.ensure()
    options = ["kernel_name=python3", "timeout=600", "store_widget_state=True", "record_timing=False"]
    command = ["-m", "nbconvert", "--to=notebook", "--execute", "--inplace", "--log-level=WARN"]
    command += ["--ExecutePreprocessor." + option for option in options]
    failed = 0
    for path in [Path(arg).resolve(strict=True) for arg in args] or sorted((env.root / "notebooks").glob("*.ipynb")):
        started = time.time()
        failed = env.run(command + [str(path)])
        if failed:
            break
        text = path.read_bytes().decode("utf-8")
        keep_explorers(path, json.loads(text))
        path.write_bytes(normalise(text).encode("utf-8"))
        print(f"{path.name}: stored in {time.time() - started:.0f} s", flush=True)
    drifted = env.run(["-m", "vae_helpers.ledger"])  # also of those stored before one that failed
    if failed:
        raise Trouble(f"{path.name} failed and is stored as it was; the lines above say where.")
    if drifted:
        raise Trouble("CLAIMS.md is as it was; the line above says why.")


def write_copies(env, folder):
    """The notebooks without solutions, by a script of its own: nothing need be installed for it."""
    return subprocess.call([sys.executable, str(Path(__file__).with_name("student.py")), str(env.root), str(folder)])


def benchmark(env, args):
    """Run one in the environment; it stores what it measured in benchmarks/RESULTS.md."""
    if not args or args[0] not in BENCHMARKS:
        raise Trouble("name one of these in ARGS: " + ", ".join(BENCHMARKS) + "; --help after it says more.")
    variables = {} if args[0] in WITHOUT_BROWSER else {"CHROMIUM": find_browser()}
    env.ensure("test")
    return env.run(["benchmarks/" + args[0] + ".py"] + args[1:], hand_over=True, **variables)


def student(env, args):
    return write_copies(env, env.root / "student")


def site(env, args):
    """Nothing is run: the pages show the outputs that the notebooks have stored."""
    env.ensure("site")
    return env.run(SITE + args, hand_over=True)


def install_browser():
    """Find a browser; where there is none but apt-get, install one first."""
    try:
        return find_browser()
    except Trouble:
        if not shutil.which("apt-get"):
            raise
    apt = ["apt-get"] if IS_ROOT else ["sudo", "-n", "apt-get"]
    for step in (["update"], ["install", "-y", "chromium"]):
        subprocess.call(apt + step, env=dict(os.environ, DEBIAN_FRONTEND="noninteractive"), stdin=subprocess.DEVNULL)
    return find_browser()


def timed(name, work):
    """Do one step of ci; say how long it took and whether it failed."""
    started, failed = time.time(), True
    try:
        failed = bool(work())
    except (Trouble, OSError, subprocess.SubprocessError) as trouble:
        print(f"error: {trouble}", file=sys.stderr, flush=True)
    print(f"== {name}: {'failed' if failed else 'done'} after {time.time() - started:.0f} s", flush=True)
    return failed


def test_copies(env):
    """The classroom's copies, nothing filled in, give their stored outputs again: fresh ones, not a learner's."""
    with tempfile.TemporaryDirectory() as folder:
        copies = Path(folder) / "student"
        settings = ["-c", str(env.root / "pyproject.toml"), "--rootdir", str(env.root)]
        return write_copies(env, copies) or env.run(["-m", "pytest"] + settings + [str(copies)])


def ci(env, args):
    """Install, then all kinds of tests and the site or those in args, each even if one before it fails."""
    steps = {
        "test": lambda: env.run(["-m", "pytest"]),
        "copies": lambda: test_copies(env),
        "test-browser": lambda: env.run(["-m", "pytest", "tests/browser"], CHROMIUM=install_browser()),
        "site": lambda: env.run(SITE)}
    if not set(args) <= set(steps):
        raise Trouble("ci has the steps " + ", ".join(steps) + "; got: " + " ".join(args))
    return timed("install", lambda: env.ensure("test")) or sum(
        [timed(name, steps[name]) for name in steps if name in args or not args])


COMMANDS = {"lab": lab, "test": test, "test-browser": test_browser, "notebooks": notebooks,
            "benchmark": benchmark, "student": student, "site": site, "ci": ci}


def main(arguments):
    for stream in (sys.stdout, sys.stderr):  # a terminal that is not UTF-8 shows a question mark
        if hasattr(stream, "reconfigure"):  # not in Python 3.6
            stream.reconfigure(errors="replace")
    if not arguments or arguments[0] not in COMMANDS:
        print(__doc__.strip())
        return 0 if arguments in (["help"], ["-h"], ["--help"]) else 2
    try:
        return COMMANDS[arguments[0]](Environment(ROOT), arguments[1:])
    except (Trouble, OSError, subprocess.SubprocessError) as trouble:  # say, a full disk, or ensurepip failing
        print(f"error: {trouble}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
