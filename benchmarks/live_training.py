#!/usr/bin/env python3
"""The latency of the live training panel, and the training speed that it costs.

    python benchmarks/live_training.py [--quick]

Opens a panel in JupyterLab in Chromium, trains, and prints milliseconds and images per second:

* β acts: from the keydown on its slider to the start of the first step with the new value.
* β trained: from the keydown to the end of that step.
* pause: from the click on Pause to the end of the last step.
* other cells: from a request of the page to the kernel's reply, during training.
* rate: images per second in the panel, and without a page, measured alternately.

The page and the kernel use the same clock.
"""

import json
import time

import numpy as np
import report
from in_browser import PACKAGES, jupyter, run

TIMES = 30
SECONDS = 10  # of training, for a rate
ROUNDS = 5
CELL = """
import json
import time
from vae_lessons.train_live.lab import train_and_listen
from vae_lessons.train_live.panel import TrainingPanel

panel = TrainingPanel(train_and_listen)
panel.controls["epochs"].value = 100
single, ends = panel.step, []

def timed():
    start = 1000 * time.time()
    record = single()
    ends.append((1000 * time.time(), record.beta, panel._seen[-1], start))
    return record

panel.step = timed
panel
"""
HEADLESS = """
end, before = time.monotonic() + SECONDS, panel._seen[-1]
start = time.monotonic()
while time.monotonic() < end:
    panel.step()
print((panel._seen[-1] - before) / (time.monotonic() - start))
"""
CLOCK = """() => {
    for (const kind of ["keydown", "pointerdown"])
        window.addEventListener(kind, () => { window.pressed = Date.now(); }, true);
}"""


def ends(lab):
    """Each step since the last call, [step, 4]: its end (ms), β, images used so far, start (ms)."""
    return np.array(json.loads(lab.ask_kernel("print(json.dumps(ends)); ends.clear()")))


def pressed(lab):
    return lab.page.evaluate("() => window.pressed")


def measure_beta(lab, count):
    """Milliseconds from the keydown to the start and to the end of the first step: [2, time]."""
    handle, times = lab.page.get_by_role("slider", name="β", exact=True), []
    for turn in range(count):
        ends(lab)
        handle.press("ArrowRight" if turn < count / 2 else "ArrowLeft")
        time.sleep(1)
        steps = ends(lab)
        changed = steps[steps[:, 1] == steps[-1, 1]]
        times.append(changed[0, [3, 0]] - pressed(lab))
    return np.array(times).T


def measure_pause(lab, count):
    times = []
    for _ in range(count):
        toggle(lab)
        time.sleep(0.5)
        ends(lab)
        toggle(lab)
        lab.page.get_by_text("Paused after").wait_for()
        steps = ends(lab)
        times.append(max(0.0, steps[-1, 0] - pressed(lab)) if len(steps) else 0.0)
    return times


def measure_cells(lab, count):
    times = []
    for _ in range(count):
        times.append(lab.page.evaluate("""async () => {
            const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
            const start = performance.now();
            await kernel.requestExecute({ code: "6 * 7", store_history: false }).done;
            return performance.now() - start;
        }"""))
        time.sleep(0.2)
    return times


def measure_rates(lab, rounds, length):
    """Images per second without the page and in the panel: [round, 2]."""
    rates = []
    for _ in range(rounds):
        headless = float(lab.ask_kernel(HEADLESS.replace("SECONDS", str(length))))
        toggle(lab)
        time.sleep(1)
        ends(lab)
        time.sleep(length)
        steps = ends(lab)
        toggle(lab)
        lab.page.get_by_text("Paused after").wait_for()
        seconds = (steps[-1, 0] - steps[0, 0]) / 1000
        rates.append((headless, (steps[-1, 2] - steps[0, 2]) / seconds))
    return np.array(rates)


def toggle(lab):
    lab.page.locator("[title='Train on, or pause']").click()


def main():
    options = report.options(__doc__)
    count, rounds, length = (3, 1, 2) if options.quick else (TIMES, ROUNDS, SECONDS)
    with (report.Section("live_training.py", PACKAGES, options.quick) as section,
          jupyter(live=[CELL]) as (browser, server)):
        lab = run(browser, server, "live.ipynb")
        lab.page.evaluate(CLOCK)
        toggle(lab)
        time.sleep(2)
        acts, trained = measure_beta(lab, count)
        times = {"β acts": acts, "β trained": trained, "other cells": measure_cells(lab, count)}
        toggle(lab)
        lab.page.get_by_text("Paused after").wait_for()
        times["pause"] = measure_pause(lab, count)
        section.add(report.table(
            ["", "times", "median, ms", "p95, ms", "largest, ms"],
            [[name, len(one), *(f"{v:.0f}" for v in report.quantiles(one))]
             for name, one in times.items()]))
        rates = measure_rates(lab, rounds, length)
        headless, live = np.median(rates, 0)
        section.add(f"Images a second: {headless:.0f} without a page, {live:.0f} live, ratio "
                    f"{np.median(rates[:, 1] / rates[:, 0]):.2f} (medians of {rounds} rounds).")
        lab.close()


if __name__ == "__main__":
    main()
