#!/usr/bin/env python3
"""How reliable the series is: each figure is passed/tried.

    python benchmarks/reliability.py [--quick] [--part PART ...]

nbval         strict nbval of the whole series, ten times with one thread and with two, two
              notebooks at a time; takes hours. Ctrl-C stops it with a table of what was tried, and
              it goes on from there as long as nothing it runs has changed
damaged       200 damaged files of data, checkpoints and stored models, each loaded: passed is a
              named error, or exactly what was in the file before
first-loads   30 processes that load MNIST at the same moment into an empty cache folder
kills         a training run killed 30 times at random moments, and three times in the midst of
              writing a checkpoint, resumed each time: passed if it ends bitwise as one that was not

The last one needs Linux, and `first-loads` does not run on Windows.
"""

import contextlib
import hashlib
import itertools
import json
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import report
from joblib import Parallel, delayed

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from damage import DAMAGES, VICTIMS  # noqa: E402

from vae_helpers import data, files

FILES, LOADS, KILLS, TIMES = 200, 30, 30, 10
AT_ONCE = 2  # notebooks
PACKAGES = ("torch", "torchvision", "numpy", "nbval", "pytest")


def nbval(section, options):
    """Every notebook as stored, again and again."""
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))[: 2 if options.quick else None]
    times, threads = (1, [1]) if options.quick else (TIMES, [1, 2])
    progress = Progress(files.cache_dir() / "benchmarks" / "nbval.json", digest_of_repository())

    def key(turn, count, path):
        return f"{path.name}, {count} threads, time {turn}"

    planned = list(itertools.product(range(1, times + 1), threads, notebooks))
    left = [one for one in planned if key(*one) not in progress.results]
    runs = Parallel(AT_ONCE, prefer="threads", return_as="generator_unordered")(
        delayed(passes_nbval)(*one) for one in left)
    with contextlib.suppress(KeyboardInterrupt):
        for done, (one, passed, seconds) in enumerate(runs, 1):
            progress.keep(key(*one), passed)
            print(f"{done} of {len(left)}: {key(*one)}: {'passed' if passed else 'FAILED'} "
                  f"in {seconds:.0f} s", flush=True)
    tried = {one: progress.results[key(*one)] for one in planned if key(*one) in progress.results}
    section.add(report.table(["notebook", "threads", "passed/tried"], [
        [path.stem, count, passed_of([passed for one, passed in tried.items()
                                      if one[1:] == (count, path)])]
        for count in threads for path in notebooks]))
    section.add(f"In all {passed_of(tried.values())} runs of a notebook, {AT_ONCE} at a time, of "
                f"the {len(planned)} that make the whole.")
    if len(tried) == len(planned):
        progress.forget()


def passes_nbval(turn, count, path):
    """What it was called with, whether the notebook does as stored, and after how many seconds."""
    started = time.monotonic()
    passed = passes_pytest([path], OMP_NUM_THREADS=str(count))
    return (turn, count, path), passed, time.monotonic() - started


def damaged(section, options):
    """Files that are not what they were."""
    tried = {}
    for number in range(60 if options.quick else FILES):
        victim = list(VICTIMS)[number % len(VICTIMS)]
        damage = list(DAMAGES)[number // len(VICTIMS) % len(DAMAGES)]
        with tempfile.TemporaryDirectory() as folder:
            outcome = VICTIMS[victim](Path(folder), DAMAGES[damage], number)
        if outcome != "passed":
            print(f"{victim}, {damage}, number {number}: {outcome}", flush=True)
        tried.setdefault((victim, damage), []).append(outcome == "passed")
    section.add(report.table(["file", *DAMAGES], [
        [victim, *(passed_of(tried[victim, damage]) for damage in DAMAGES)] for victim in VICTIMS]))
    section.add(f"In all {passed_of(sum(tried.values(), []))}.")


def first_loads(section, options):
    """Many kernels of one class that start at once."""
    expected, count = fingerprint(data.load_mnist()), 4 if options.quick else LOADS
    context = multiprocessing.get_context("forkserver")  # its children share no used PyTorch
    context.set_forkserver_preload(["vae_helpers.data"])
    start, replies = context.Barrier(count), context.SimpleQueue()
    with tempfile.TemporaryDirectory() as folder:
        children = [context.Process(target=load_at_once, args=(folder, start, replies))
                    for _ in range(count)]
        for child in children:
            child.start()
        for child in children:
            child.join()
        left = [path.name for path in Path(folder).rglob("*.part")]
    passed = 0
    while not replies.empty():  # one that died has sent nothing
        reply = replies.get()
        passed += reply == expected
        if reply != expected:
            print(reply, flush=True)
    section.add(report.table(["", "passed/tried"], [
        [f"{count} loads at the same moment", f"{passed}/{count}"],
        ["no part of a file left lying", passed_of([not left])]]))


def load_at_once(folder, start, replies):
    os.environ[files.CACHE_VARIABLE] = folder
    start.wait(300)
    try:
        replies.put(fingerprint(data.load_mnist()))
    except Exception as error:  # counted, and shown by the parent
        replies.put(repr(error))


def fingerprint(digits):
    return [hashlib.sha256(tensor.numpy()).hexdigest() for tensor in digits]


def kills(section, options):
    """One run that is killed again and again; the unit test does it, with as many kills."""
    count = 3 if options.quick else KILLS
    passed = passes_pytest(["tests/unit/test_checkpoints.py", "-k", "killed_run"],
                           VAE_HELPERS_KILLS=str(count))
    tried = count + 3
    section.add(report.table(["", "passed/tried"], [
        [f"killed {tried} times, resumed, and at the end bitwise the same",
         f"{tried if passed else 0}/{tried}"]]))


def passes_pytest(arguments, **variables):
    """Whether pytest passes; its last lines are shown if not."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | variables, capture_output=True,
                          text=True)
    if done.returncode:
        print(*done.stdout.splitlines()[-30:], sep="\n", flush=True)
    return done.returncode == 0 and re.search(r"\d+ passed", done.stdout) is not None


def passed_of(outcomes):
    return f"{sum(outcomes)}/{len(outcomes)}"


class Progress:
    """{key: bool} in a file, thrown away when it belongs to another state of the repository."""

    def __init__(self, path, state):
        self._path, self._state = path, state
        stored = json.loads(path.read_text()) if path.exists() else {}
        self.results = stored.get("results", {}) if stored.get("state") == state else {}

    def keep(self, key, outcome):
        self.results[key] = outcome
        with files.atomic_write(self._path) as file:
            file.write(json.dumps({"state": self._state, "results": self.results}).encode())

    def forget(self):
        """All is done: the next time begins anew."""
        self._path.unlink(missing_ok=True)


def digest_of_repository():
    """Of all that a run of a notebook depends on: of the notebooks themselves, their code cells."""
    paths = [ROOT / "conftest.py", ROOT / "pyproject.toml"]
    for folder in ("notebooks", "vae_helpers", "tests/notebooks"):
        paths += [path for path in sorted((ROOT / folder).rglob("*"))
                  if path.suffix in (".py", ".js", ".json", ".pt", ".ipynb", ".cfg", ".css", ".gz")
                  and ".ipynb_checkpoints" not in path.parts]
    seen = hashlib.sha256(sys.version.encode())
    for path in paths:
        content = path.read_bytes()
        if path.suffix == ".ipynb":
            cells = json.loads(content)["cells"]
            content = json.dumps([cell for cell in cells if cell["cell_type"] == "code"]).encode()
        seen.update(path.relative_to(ROOT).as_posix().encode() + content)
    return seen.hexdigest()


PARTS = {"damaged": damaged, "first-loads": first_loads, "kills": kills, "nbval": nbval}


def main():
    options = report.options(__doc__, **{
        "--part": {"choices": PARTS, "action": "append", "help": "all, unless given"}})
    for part in options.part or PARTS:
        with report.Section(f"reliability.py --part {part}", PACKAGES, options.quick,
                            timed=False) as section:
            PARTS[part](section, options)


if __name__ == "__main__":
    main()
