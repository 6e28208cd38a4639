#!/usr/bin/env python3
"""How many learners can share a server: memory and idle processor time of the kernels.

    python benchmarks/classroom.py [--quick] [NOTEBOOK ...]

One JupyterLab server runs all notebooks one after another, and every page stays open. Then, while
nothing runs, the benchmark measures for each kernel and the processes that it started:

* memory: `private` is the memory that only this kernel uses; `fair` adds its part of memory that
  several processes share, such as PyTorch's code; `peak` is the kernel's maximum while it ran, with
  all shared memory counted in full;
* processor time in percent of a core, with the kernel's page and its live views open.

The number of learners at rest follows from the fair memory of their kernels and the memory of the
server. The second number of learners assumes that all run the same notebook at once, each kernel
at its peak. Only Linux reports which memory is shared.
"""

import time

import psutil
import report
from in_browser import CHOICE, PACKAGES, chosen, jupyter, run
from notebook_cost import PEAK

ROOM_GIB = 24
WATCHED = 60  # seconds


def processes(pid):
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def memory(pid):
    """Memory of a process and those it started, in GB: private, and including shared parts."""
    parts = [process.memory_full_info() for process in processes(pid)]
    return sum(p.uss for p in parts) / 1e9, sum(p.pss for p in parts) / 1e9


def busy_seconds(pid):
    times = [process.cpu_times() for process in processes(pid)]
    return sum(t.user + t.system for t in times)


def learners(each, server):
    """How many kernels of `each` GB fit into the memory of ROOM_GIB beside the server."""
    return int((ROOM_GIB * 2**30 / 1e9 - server) // each)


def main():
    options = report.options(__doc__, **CHOICE)
    notebooks, seconds = chosen(options), 5 if options.quick else WATCHED
    packages = (*PACKAGES, "ipykernel")
    partly = options.quick or options.notebooks
    # Other load on the computer does not change a kernel's memory and processor time.
    with report.Section("classroom.py", packages, partly, timed=False) as section:
        with jupyter(notebooks) as (browser, server):
            kernels, peaks, pages = {}, {}, []
            for path in notebooks:
                pages.append(run(browser, server, path.name))
                kernels[path.stem] = int(pages[-1].ask_kernel("import os; print(os.getpid())"))
                peaks[path.stem] = int(pages[-1].ask_kernel(PEAK)) * 1024 / 1e9
                print(f"{path.stem} has run", flush=True)
            time.sleep(10)
            before = {name: busy_seconds(pid) for name, pid in kernels.items()}
            time.sleep(seconds)
            busy = {name: (busy_seconds(pid) - before[name]) / seconds
                    for name, pid in kernels.items()}
            stored = {name: memory(pid) for name, pid in kernels.items()}
            starter = psutil.Process(next(iter(kernels.values()))).parent()
            of_server = starter.memory_full_info().pss / 1e9
        rows = [[name, f"{private:.2f}", f"{fair:.2f}", f"{peaks[name]:.2f}",
                 f"{100 * busy[name]:.1f}", learners(fair, of_server)]
                for name, (private, fair) in stored.items()]
        section.add(report.table(["notebook", "private, GB", "fair, GB", "peak, GB",
                                  "idle, % of a core", f"learners in {ROOM_GIB} GiB"], rows))
        fair, worst = max(fair for _, fair in stored.values()), max(peaks.values())
        section.add(f"The server itself: {of_server:.2f} GB. On {ROOM_GIB} GiB, in the costliest "
                    f"notebook: {learners(fair, of_server)} learners whose kernels rest, "
                    f"{learners(worst, of_server)} who all run it at the same time.")


if __name__ == "__main__":
    main()
