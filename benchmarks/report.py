"""What all benchmarks share: options, the machine in words, tables, and a place in RESULTS.md."""

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
BUSY = 0.5  # load average above which a timing says more about the others
# Read at once: a benchmark's own imports and preparations are no load of others.
LOAD = os.getloadavg()[0] if hasattr(os, "getloadavg") else np.nan  # not on Windows


def options(doc, **more):
    """The command line of a benchmark whose docstring is `doc`; `more`: {name: add_argument's}."""
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
    """A benchmark's section of RESULTS.md, printed as it grows and stored when all went well.

    command: what follows "python benchmarks/", also the section's title. packages: those whose
    versions matter. quick: nothing is stored. timed: whether a busy computer spoils it, by
    the load average when this module was imported.
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
    """Date, kind of computer, versions and load, in a line."""
    versions = {"Python": platform.python_version()}
    versions |= {name: importlib.metadata.version(name) for name in packages}
    return (f"{datetime.date.today()}; {processor()}, {os.cpu_count()} cores; "
            + ", ".join(f"{name} {number}" for name, number in versions.items())
            + f"; load average {load:.1f} at the start.")


def processor():
    """The processor's kind, never the computer's name."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:  # not Linux
        text = ""
    named = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    return named[1] if named else platform.processor() or platform.machine()


def table(head, rows):
    """A Markdown table that reads well as text too; all columns but the first to the right."""
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
    """Put a section in its place, sorted by title; the others stay as they are."""
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    sections = dict(re.findall(r"^## (.+)\n\n([\s\S]*?)\s*(?=^## |\Z)", old, re.MULTILINE))
    sections[title] = text.strip()
    body = [f"## {name}\n\n{sections[name]}\n" for name in sorted(sections)]
    path.write_text("\n".join([HEAD, *body]), encoding="utf-8")
