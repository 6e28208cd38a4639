#!/usr/bin/env python3
"""Run notebooks that learners handed in, and report the result of each exercise's check.

The expected exercises are those of the notebook with the same file name in notebooks/, or, if
there is none, those of the submitted file. That file is not changed. An error in a cell does not
stop the other cells, and their printed output is discarded.

states:
  passed, failed, unanswered  the last result of the check
  failed: time                a cell between stub and check ran too long, or a cell before the check
                              could not be stopped
  failed: kernel              the check, or a cell before it, ended the kernel
  missing                     the check never ran
  not graded                  the file could not be run; the diagnosis says why
"""
import argparse
import ast
import contextlib
import csv
import io
import os
import queue
import re
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from subprocess import DEVNULL

import nbformat
from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpecManager

from vae_helpers.files import CACHE_VARIABLE, atomic_write, print_anything

ORIGINALS = Path(__file__).resolve().parent.parent / "notebooks"
FIELDS = "file", "exercise", "state", "diagnosis"
STARTUP, GRACE = 60, 10  # seconds: for a kernel to start, for an interrupted cell to end
CHECK = re.compile(r"\bcheck\.(\w+)\(")
VERDICTS = ("{name: (result.state, result.diagnosis) for name, result in getattr(__import__('sys')"
            ".modules.get('vae_helpers.check.exercise'), 'verdicts', {}).items()}")


class Ended(Exception):
    """No further cell can run. Arguments: the state of the remaining exercises, and why."""


def printable(text):
    """The text without the control characters with which it could write to a terminal."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", "?", str(text))


def read(path):
    """The cells of a notebook file. Raises `ValueError` if the file is not a notebook."""
    try:
        return nbformat.reads(path.read_text(encoding="utf-8-sig"), as_version=4).cells
    except OSError:
        raise
    except Exception as error:  # a damaged file can raise anything
        raise ValueError(f"This is no Jupyter notebook; ask for it again. ({error})") from error


def tagged(cells):
    """The names of the exercises with a stub among these cells."""
    tags = [tag for cell in cells for tag in cell.metadata.get("tags", ())]
    return [tag.partition(":")[2] for tag in tags if tag.startswith("exercise:")]


def by_exercise(cells):
    """Pairs (source, exercises) of the code cells; an exercise extends from its stub to its check.

    Solution cells are left out, since the learner did not write them.
    """
    begun = []
    for cell in cells:
        if cell.cell_type == "code" and "solution" not in cell.metadata.get("tags", ()):
            begun, checked = tagged([cell]) or begun, CHECK.findall(cell.source)
            yield cell.source, checked or begun
            begun = [] if checked else begun


class Kernel:
    """Runs code in a kernel and reads only the replies, so that output cannot fill the memory."""

    def __init__(self, manager, client):
        self._manager, self._client = manager, client
        if not self._reply(client.kernel_info(), STARTUP):
            raise TimeoutError(f"The kernel did not start within {STARTUP} s; grade it again.")

    def run(self, source, limit, **more):
        """The reply, or None if the code was interrupted after `limit` seconds. Raises `Ended`."""
        asked = self._client.execute(source, allow_stdin=False, stop_on_error=False, **more)
        reply = self._reply(asked, limit)
        if reply is None:
            if not self._manager.is_alive():
                raise Ended("failed: kernel", "A cell ended the kernel.")
            self._manager.interrupt_kernel()
            if not self._reply(asked, GRACE):
                raise Ended("failed: time", f"A cell ran for {limit:g} s and could not be stopped.")
        return reply

    def verdicts(self, limit):
        """{exercise: (state, diagnosis)} of the checks that have run."""
        reply = self.run("", limit, silent=True, user_expressions={"verdicts": VERDICTS})
        expressions = reply["content"].get("user_expressions", {}) if reply else {}
        found = expressions.get("verdicts", {}).get("data", {"text/plain": "{}"})
        told = ast.literal_eval(found["text/plain"])  # a learner's code may have changed it
        return {printable(name): (printable(state), printable(diagnosis))
                for name, (state, diagnosis) in told.items()}

    def _reply(self, asked, limit):
        end = time.monotonic() + limit
        while time.monotonic() < end:
            with contextlib.suppress(queue.Empty):
                reply = self._client.get_shell_msg(timeout=min(limit, 1))
                if reply["parent_header"].get("msg_id") == asked:
                    return reply
            if not self._manager.is_alive():
                break
        return None


@contextlib.contextmanager
def kernel():
    """A `Kernel` with this Python, independent of registered kernels, in a temporary folder."""
    manager = KernelManager(kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        environment = dict(os.environ, **{CACHE_VARIABLE: folder})
        manager.start_kernel(cwd=folder, env=environment, stdout=DEVNULL, stderr=DEVNULL)
        client = manager.client()
        try:
            client.start_channels(iopub=False, stdin=False, hb=False)
            yield Kernel(manager, client)
        finally:
            client.stop_channels()
            manager.shutdown_kernel()  # asks first, then kills


def grade(path, limit):
    """Rows (exercise, state, diagnosis) of a notebook; each cell may run for `limit` seconds.

    Raises `ValueError` for a file without exercises, and the errors of `read` and `kernel`.
    """
    cells, original = read(path), ORIGINALS / path.name
    wanted = tagged(read(original) if original.is_file() else cells)
    found, stopped = {}, {}
    with kernel() as running:
        try:
            for source, exercises in by_exercise(cells):
                if running.run(source, limit) is None:
                    why = f"A cell of it ran for {limit:g} s and was stopped."
                    stopped |= dict.fromkeys(exercises, ("failed: time", why))
                found |= running.verdicts(limit)
        except Ended as end:
            stopped |= dict.fromkeys([*exercises, *(set(wanted) - set(found))], end.args)
    missing = "missing", "Its check never ran. Is there an error, or a cell gone, above it?"
    rows = [(name, *(stopped.get(name) or found.get(name) or missing)) for name in wanted or found]
    if not rows:
        raise ValueError("This has no cell tagged exercise:NAME, and no check ran in it.")
    return rows


def write(path, rows):
    """Write all rows as CSV. The file is replaced in one step, so it is always complete.

    A text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    text = io.StringIO(newline="")
    safe = [[re.sub(r"^(?=[=+\-@\t])", "'", part) for part in row] for row in rows]
    csv.writer(text).writerows([FIELDS, *safe])
    with atomic_write(path) as file:
        file.write(text.getvalue().encode("utf-8", "replace"))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--csv", metavar="PATH", help="keep the rows there too, diagnoses in full")
    parser.add_argument("--timeout", type=float, default=120, metavar="SECONDS",
                        help="the longest that a cell may run (%(default)s)")
    options = parser.parse_args()
    line = f"{{:{max(map(len, options.files))}}}  {{:18}}  {{:14}}  {{}}"
    print(line.format(*FIELDS), flush=True)
    rows = []
    for file in options.files:
        try:
            graded = grade(Path(file), options.timeout)
        except Exception as error:  # an error in one file must not stop the others
            graded = [("", "not graded", str(error) or type(error).__name__)]
        for exercise, state, diagnosis in graded:
            print(line.format(file, exercise, state, textwrap.shorten(diagnosis, 80)), flush=True)
            rows.append((file, exercise, state, diagnosis))
        if options.csv:
            write(options.csv, rows)
    return int(any(state == "not graded" for _, _, state, _ in rows))


if __name__ == "__main__":
    print_anything()
    try:
        sys.exit(main())
    except OSError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
