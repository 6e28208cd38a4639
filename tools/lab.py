#!/usr/bin/env python3
"""Every command of this repository: python3 tools/lab.py COMMAND [ARGS]

  lab           open JupyterLab on the first notebook; ARGS go to JupyterLab
  test          ruff, unit tests, notebooks as stored, widgets; ARGS go to pytest
  test-browser  the notebooks in a real browser; ARGS go to pytest
  test-oldest   unit tests and notebooks with the oldest packages allowed, in .venv-oldest
  notebooks     run notebooks, store their outputs, write CLAIMS.md; ARGS are notebook files
  benchmark     measure; ARGS are a benchmark's name (none: the list) and its options
  student       copy the notebooks without solutions to student/; edited copies are kept
  grade         run submitted notebooks, report what their checks say; ARGS are files, or --help
  wheel         write a wheel to dist/, for Colab, Kaggle or a computer without git
  site          write the notebooks as web pages to site/, or to the folder in ARGS

Packages are installed into .venv at the first command and whenever
pyproject.toml changes. PIP_ARGS in the environment is passed to pip install.
"""
# Like environment.py, kept free of syntax and calls newer than Python 3.6.
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from environment import WINDOWS, Environment, Trouble

ROOT = Path(__file__).resolve().parent.parent
IS_ROOT = not WINDOWS and os.geteuid() == 0
BROWSERS = ["chromium", "chromium-browser", "google-chrome", "chrome"]
SITE = ["tools/site_pages/build.py"]
# The tests that need neither a build of the package nor a browser.
OLDEST = ["tests/unit", "tests/lessons", "notebooks"]
WITHOUT_BROWSER = ["training_speed"]
BENCHMARKS = WITHOUT_BROWSER + [
    "slider_latency", "notebook_cost", "classroom", "explorer_latency", "live_training"]
QUIET_LAB = {"@jupyterlab/apputils-extension:notification": {
    "fetchNews": "false", "checkForUpdates": False}}


def tool(name):
    """The path of a script beside this one."""
    return str(Path(__file__).resolve().with_name(name + ".py"))


def lab(env, args):
    env.ensure("lab")
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
    env.ensure("lab", "test")
    return run_tests(env, args, hand_over=True)


def run_oldest(env, args, **how):
    """Run tests with the oldest versions of all packages that are allowed."""
    oldest = Environment(env.root, oldest=True)
    oldest.ensure("lab", "test")
    return run_tests(oldest, args or OLDEST, **how)


def test_oldest(env, args):
    return run_oldest(env, args, hand_over=True)


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
    env.ensure("lab", "test")
    return run_browser_tests(env, args, browser, hand_over=True)


def notebooks(env, args):
    """Run and store each notebook, then write CLAIMS.md.

    A notebook with an error, or with a claim that does not hold, is not changed.
    """
    env.ensure("lab")
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
    env.ensure("lab", "test")
    return env.run(["benchmarks/" + args[0] + ".py"] + args[1:], hand_over=True, **variables)


def student(env, args):
    return write_copies(env, env.root / "student")


def grade(env, args):
    """Grade submitted notebooks; their paths are relative to the current folder."""
    env.ensure("lab")
    return env.run([tool("grade")] + args, hand_over=True, folder=os.getcwd())


def wheel(env, args):
    """Write one file with packages, results and data to dist/, for pip on another computer."""
    env.ensure()
    return env.run([tool("make_wheel")] + args, hand_over=True)


def site(env, args):
    """Write the web pages from the stored outputs of the notebooks; nothing is run."""
    env.ensure("site")
    return env.run(SITE + args, hand_over=True)


COMMANDS = {"lab": lab, "test": test, "test-browser": test_browser, "test-oldest": test_oldest,
            "notebooks": notebooks, "benchmark": benchmark, "student": student, "grade": grade,
            "wheel": wheel, "site": site}


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
