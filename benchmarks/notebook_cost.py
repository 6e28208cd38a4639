#!/usr/bin/env python3
"""The seconds and the memory that each notebook needs, compared with its *Takes* line.

    python benchmarks/notebook_cost.py [--quick] [NOTEBOOK ...]

Opens each notebook in JupyterLab in Chromium and presses Run All. The seconds end when every
cell has run and every widget and picture is on the page. The memory is the peak of the kernel's
process; `classroom.py` includes processes that it started (TensorBoard's). The *Takes* line holds
if the notebook needs at most a fifth more time than stated, and not more memory, after rounding.
"""

import re
import time

import nbformat
import report
from browser.harness import LabPage
from in_browser import CHOICE, PACKAGES, chosen, jupyter

MOST_SECONDS, MOST_GB = 60, 1.2
ROOM = 1.2  # the time of two runs may differ by this factor
# In KiB. (getrusage's ru_maxrss would include the peak of the server that started the kernel.)
PEAK = "print(next(line.split()[1] for line in open('/proc/self/status') if 'VmHWM' in line))"


def takes(opening):
    """The seconds and the GB in the *Takes* line of a notebook's first cell.

    Raises `ValueError` if there is no such line, or it cannot be parsed.
    """
    line = next((line for line in opening.splitlines() if line.startswith("**Takes**")), "")
    found = re.match(r"\*\*Takes\*\* .*; (\d+) seconds of computing .*; ([\d.]+) GB", line)
    if found is None:
        raise ValueError(f"No line '**Takes** …; N seconds of computing …; N GB …', but {line!r}.")
    return int(found[1]), float(found[2])


def measure(browser, server, name):
    """Seconds of Run All and the kernel's peak in GB."""
    lab = LabPage(browser, server)
    lab.open(name)
    started = time.monotonic()
    succeeded = lab.run_all()
    seconds = time.monotonic() - started
    if not succeeded:
        raise SystemExit("\n".join([f"{name} raises:", *lab.error_outputs()]))
    gigabytes = int(lab.ask_kernel(PEAK)) * 1024 / 1e9
    lab.close()
    return seconds, gigabytes


def row(name, said, seconds, gigabytes):
    """A row of the table; its last column is "holds" or the limits that were exceeded."""
    amiss = [text for text, is_amiss in {
        f"over {MOST_SECONDS} s": seconds > MOST_SECONDS, f"over {MOST_GB} GB": gigabytes > MOST_GB,
        "Takes: time": seconds > ROOM * said[0], "Takes: memory": round(gigabytes, 1) > said[1],
    }.items() if is_amiss]
    return [name, f"{seconds:.0f}", said[0], f"{gigabytes:.2f}", f"{said[1]:g}",
            ", ".join(amiss) or "holds"]


def main():
    options = report.options(__doc__, **CHOICE)
    notebooks, rows = chosen(options), []
    with report.Section(
        "notebook_cost.py", PACKAGES, options.quick or options.notebooks
    ) as section:
        with jupyter(notebooks) as (browser, server):
            for path in notebooks:
                said = takes(nbformat.read(path, as_version=4).cells[0].source)
                rows.append(row(path.stem, said, *measure(browser, server, path.name)))
                print(*rows[-1], sep="   ", flush=True)
        section.add(report.table(
            ["notebook", "Run All, s", "it says", "peak, GB", "it says", "verdict"], rows))
        section.add(f"Aim: {MOST_SECONDS} s and {MOST_GB} GB at most, and what each one says.")


if __name__ == "__main__":
    main()
