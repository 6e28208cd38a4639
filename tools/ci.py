#!/usr/bin/env python3
"""Continuous integration: python3 tools/ci.py [STEPS]

Installs, then does the first three steps, or those that are named:

  test     the same as `make test`: ruff, unit tests, every stored notebook, its widgets
  browser  the notebooks in a real browser, which is installed if apt-get is available
  site     the notebooks as web pages
  oldest   the same as `make test-oldest`: with the oldest versions of all packages
  hosted   the wheel in an environment like a notebook service's, two notebooks alone

If a step fails, the next steps still run.
"""
# Like lab.py, kept free of syntax and calls newer than Python 3.6.
import os
import shutil
import subprocess
import sys
import time

import lab

USUAL = "test", "browser", "site"


def install_browser():
    """The path of a browser; installs one if there is none and apt-get is available."""
    try:
        return lab.find_browser()
    except lab.Trouble:
        if not shutil.which("apt-get"):
            raise
    apt = ["apt-get"] if lab.IS_ROOT else ["sudo", "-n", "apt-get"]
    variables = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    for step in (["update"], ["install", "-y", "chromium"]):
        subprocess.call(apt + step, env=variables, stdin=subprocess.DEVNULL)
    return lab.find_browser()


def timed(name, work):
    """Do one step and print how long it took; returns whether it failed."""
    started, failed = time.time(), True
    try:
        failed = bool(work())
    except (lab.Trouble, OSError, subprocess.SubprocessError) as trouble:
        print(f"error: {trouble}", file=sys.stderr, flush=True)
    end = "failed" if failed else "done"
    print(f"== {name}: {end} after {time.time() - started:.0f} s", flush=True)
    return failed


def ci(env, args):
    """Do the usual steps, or those in args; returns the number of steps that failed."""
    steps = {
        "test": lambda: lab.run_tests(env, []),
        "browser": lambda: lab.run_browser_tests(env, [], install_browser()),
        "site": lambda: env.run(lab.SITE),
        "oldest": lambda: lab.run_oldest(env, []),
        "hosted": lambda: env.run(["tools/try_hosted.py"])}
    if not set(args) <= set(steps):
        raise lab.Trouble("name some of these steps, or none for the first three: "
                          + ", ".join(steps) + ". Got: " + " ".join(args))
    if timed("install", lambda: env.ensure("lab", "test")):
        return 1
    return sum([timed(name, steps[name]) for name in steps if name in (args or USUAL)])


if __name__ == "__main__":
    sys.exit(lab.run_command(ci, sys.argv[1:]))
