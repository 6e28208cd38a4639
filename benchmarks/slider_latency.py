#!/usr/bin/env python3
"""How long a slider's move takes to become a picture, in every notebook.

    python benchmarks/slider_latency.py [NOTEBOOK ...]

Opens each notebook (by default all of notebooks/) in JupyterLab in Chromium, runs it, moves
every slider that has a picture in its output, by arrow keys and then by dragging, one move at
a time, and prints milliseconds. A move

* begins at the browser's time stamp of its keydown or pointermove. For a pointer that holds
  the wait for the next frame: Chromium hands its moves out once a frame;
* ends when the last picture that it changes has been decoded (`img.decode()`), just before
  the browser can paint it.

Moves that leave every pixel as it was are left out, and counted under "same". The first rows
are the yardstick: what everybody does, `interact` and `plt.show()`, with two panels of lines.
The load is the machine's average over the last minute, this run included.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from browser.conftest import NOTEBOOKS  # noqa: E402
from browser.harness import LabPage, Server, open_browser, write_notebook  # noqa: E402
from browser.test_notebooks import PICTURES  # noqa: E402

MOVES = 62  # turning back at the two ends changes nothing
QUIET_MS = 100  # between two moves
YARDSTICK = "interact.ipynb"
CELL = """
import matplotlib.pyplot as plt
import numpy as np
from ipywidgets import interact

z = np.linspace(-4, 4, 401)

@interact(mean=(-2.0, 3.0, 0.05))
def draw(mean=0.0):
    _, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.9))
    left.plot(z, np.exp(-(z**2) / 2), label="prior")
    left.plot(z, np.exp(-((z - mean) ** 2) / 2), label=f"mean {mean:.2f}")
    left.legend()
    right.plot(z, (z - mean) ** 2 / 2)
    right.set_title(f"Distance from {mean:.2f}")
    plt.show()
"""
# `move` is the one under way; its promise is kept when a picture of it has been decoded.
WATCH = """() => {
    for (const kind of ["keydown", "pointermove"]) window.addEventListener(kind, (event) => {
        window.move = { began: event.timeStamp, took: null, ...Promise.withResolvers() };
    }, true);
    const sources = new WeakMap();
    const changed = () => [...document.querySelectorAll(".jp-OutputArea img")].filter((picture) => {
        const before = sources.get(picture);
        sources.set(picture, picture.src);
        return before !== picture.src;
    });
    changed();
    new MutationObserver(async () => {
        const current = window.move, pictures = changed();
        if (pictures.length === 0) return;
        await Promise.all(pictures.map((picture) => picture.decode()));
        current.took = performance.now() - current.began;
        current.resolve();
    }).observe(document.body, { subtree: true, childList: true, attributeFilter: ["src"] });
}"""
AWAIT_PICTURE = "() => Promise.race([move.promise, new Promise((end) => setTimeout(end, 1000))])"


def by_keyboard(page, handle):
    """Step through the slider's range and turn back at its ends; yields after each key."""
    key, back = "ArrowRight", "ArrowLeft"
    handle.focus()
    for _ in range(MOVES):
        place = handle.bounding_box()["x"]
        page.keyboard.press(key)
        yield
        if handle.bounding_box()["x"] == place:
            key, back = back, key


def by_mouse(page, handle):
    """Drag the handle all over the slider, each time far; yields after each move."""
    track = handle.locator("xpath=ancestor::*[contains(@class, 'noUi-base')]").bounding_box()
    handle.hover()
    page.mouse.down()
    for fraction in np.arange(1, MOVES + 1) * 0.618 % 1:
        page.mouse.move(track["x"] + fraction * track["width"], track["y"])
        yield
    page.mouse.up()


def measure(lab, handle, moves):
    """The milliseconds of those moves that changed a picture beside the handle."""
    times, shown = [], handle.evaluate(PICTURES)
    for _ in moves(lab.page, handle):
        lab.page.evaluate(AWAIT_PICTURE)
        lab.settle(QUIET_MS)
        before, shown = shown, handle.evaluate(PICTURES)
        if shown != before:
            times.append(lab.page.evaluate("() => move.took"))
    return times


def print_rows(browser, server, notebook):
    """Two rows for each slider of the notebook: moved by keys, and by mouse."""
    lab = LabPage(browser, server)
    lab.open(notebook)
    if not lab.run_all():
        sys.exit("\n".join([f"{notebook} raises:", *lab.error_outputs()]))
    lab.page.evaluate(WATCH)
    for handle in lab.page.locator(".jp-OutputArea-child:has(img) .noUi-handle").all():
        handle.scroll_into_view_if_needed()
        name = handle.get_attribute("aria-label") or "(no name)"
        for kind, moves in {"keyboard": by_keyboard, "mouse": by_mouse}.items():
            times = measure(lab, handle, moves)
            median, p95 = np.quantile(times, [0.5, 0.95]) if times else (np.nan, np.nan)
            load = os.getloadavg()[0] if hasattr(os, "getloadavg") else np.nan  # not on Windows
            print(f"{notebook:<28} {name:<16} {kind:<8} {len(times):>5} {MOVES - len(times):>5}"
                  f" {median:>6.0f} {p95:>6.0f} {load:>5.1f}", flush=True)
    if lab.errors:
        sys.exit("\n".join([f"{notebook} fails while its sliders move:", *lab.errors]))
    lab.close()


def main():
    notebooks = [Path(name) for name in sys.argv[1:]] or sorted(NOTEBOOKS.glob("*.ipynb"))
    print(f"{'notebook':<28} {'slider':<16} {'by':<8} {'moves':>5} {'same':>5} {'median':>6}"
          f" {'p95':>6} {'load':>5}   ({os.cpu_count()} cores)")
    with tempfile.TemporaryDirectory() as folder, open_browser() as browser:
        root = Path(folder, "root")
        shutil.copytree(NOTEBOOKS, root)
        write_notebook(root / YARDSTICK, CELL)
        for notebook in notebooks:
            shutil.copy(notebook, root)  # it may lie elsewhere
        with Server(root, Path(folder)) as server:
            for name in [YARDSTICK, *(notebook.name for notebook in notebooks)]:
                print_rows(browser, server, name)


if __name__ == "__main__":
    main()
