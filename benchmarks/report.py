"""Code that all benchmarks share: options, the computer's description, tables, RESULTS.md."""

import argparse
import datetime
import importlib.metadata
import os
import platform
import re
import sys
from pathlib import Path

import numpy as np

from vae_helpers.files import print_anything

RESULTS = Path(__file__).with_name("RESULTS.md")
HEAD = """# What the benchmarks measured

Each section was written by the command that it names, on a computer that it describes; those of
tests were copied from what the command printed.
"""
BUSY = 0.5  # load average above which timings are unreliable
# Read at import, before the benchmark's own imports and preparations add to the load.
LOAD = os.getloadavg()[0] if hasattr(os, "getloadavg") else np.nan  # not on Windows


def options(doc, **more):
    """The parsed command line of a benchmark; `more`: {name: settings of `add_argument`}."""
    print_anything()
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true",
                        help="a tiny size, to try the command; nothing is stored")
    for name, settings in more.items():
        parser.add_argument(name, **settings)
    return parser.parse_args()


class Section:
    """A benchmark's section of RESULTS.md, printed while it grows and stored if nothing failed.

    command: the command after "python benchmarks/", also the section's title. packages: names of
    packages whose versions are recorded. quick: store nothing. timed: whether to warn if the
    computer was busy, by the load average when this module was imported.
    """

    def __init__(self, command, packages, quick=False, timed=True):
        self.command, self._quick = command, bool(quick)
        self.parts = [f"`python benchmarks/{command}`", conditions(packages, LOAD)]
        if timed and LOAD > BUSY:
            print(f"\n*** WARNING: the load average is {LOAD:.1f}. Timings on a busy computer "
                  "are worth nothing. ***\n", file=sys.stderr, flush=True)
            self.parts.append("**The computer was busy: do not quote times from this section.**")

    def __enter__(self):
        print(*self.parts, sep="\n", flush=True)
        return self

    def __exit__(self, kind, *_error):
        if kind is None and not self._quick:
            store(self.command, "\n\n".join(self.parts))
            print(f"\nStored in {RESULTS}")

    def add(self, text):
        """Print a paragraph or a table, and keep it for the file."""
        print(f"\n{text}", flush=True)
        self.parts.append(text)


def conditions(packages, load):
    """The date, processor, versions and load average in one line."""
    versions = {"Python": platform.python_version()}
    versions |= {name: importlib.metadata.version(name) for name in packages}
    return (f"{datetime.date.today()}; {processor()}, {os.cpu_count()} cores; "
            + ", ".join(f"{name} {number}" for name, number in versions.items())
            + f"; load average {load:.1f} at the start.")


def processor():
    """The model of the processor. The computer's name is never recorded."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:  # not Linux
        text = ""
    named = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    return named[1] if named else platform.processor() or platform.machine()


def table(head, rows):
    """A Markdown table with padded cells; all columns but the first are right-aligned."""
    head, *rows = ([str(cell) for cell in row] for row in [head, *rows])
    widths = [max(map(len, column)) for column in zip(head, *rows)]

    def line(cells):
        padded = [cell.rjust(width) for cell, width in zip(cells, widths)]
        return f"| {' | '.join([cells[0].ljust(widths[0]), *padded[1:]])} |"

    rule = [":" + "-" * (widths[0] - 1), *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([line(head), f"| {' | '.join(rule)} |", *map(line, rows)])


def quantiles(times):
    """The median, the 95th percentile and the largest."""
    return np.quantile(times, [0.5, 0.95, 1])


def store(title, text, path=RESULTS):
    """Insert or replace a section of the file at `path`; sections are sorted by title."""
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    sections = dict(re.findall(r"^## (.+)\n\n([\s\S]*?)\s*(?=^## |\Z)", old, re.MULTILINE))
    sections[title] = text.strip()
    body = [f"## {name}\n\n{sections[name]}\n" for name in sorted(sections)]
    path.write_text("\n".join([HEAD, *body]), encoding="utf-8")
