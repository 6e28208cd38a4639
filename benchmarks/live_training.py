#!/usr/bin/env python3
"""How fast the live training panel answers, and what watching it costs.

    python benchmarks/live_training.py

Opens a panel in JupyterLab in Chromium, trains, and prints milliseconds and images a second.

* β acts: from the keydown on its slider to the first step that is made with it.
* β trained: to the end of that step.
* pause: from the click on Pause to the end of the last step.
* other cells: from a request of the page to the kernel's reply, while it trains.
* rate: images a second live, and of the same steps without a page, in turns.

Page and kernel read the same clock. The load is the machine's average over the last minute,
this run included.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from browser.harness import LabPage, Server, open_browser, write_notebook  # noqa: E402

TIMES = 30
SECONDS = 10  # of training, for a rate
ROUNDS = 5
CELL = """
import json
import time
from vae_helpers.panel import TrainingPanel

panel = TrainingPanel()
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
HEADLESS = f"""
end, before = time.monotonic() + {SECONDS}, panel._seen[-1]
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
    """[step, 4]: each step since the last call: its end (ms), β, the images seen, its start."""
    return np.array(json.loads(lab.ask_kernel("print(json.dumps(ends)); ends.clear()")))


def pressed(lab):
    return lab.page.evaluate("() => window.pressed")


def measure_beta(lab):
    """[2, time]: to the start and to the end of the first step."""
    handle, times = lab.page.get_by_role("slider", name="β", exact=True), []
    for turn in range(TIMES):
        ends(lab)
        handle.press("ArrowRight" if turn < TIMES / 2 else "ArrowLeft")
        time.sleep(1)
        steps = ends(lab)
        changed = steps[steps[:, 1] == steps[-1, 1]]
        times.append(changed[0, [3, 0]] - pressed(lab))
    return np.array(times).T


def measure_pause(lab):
    times = []
    for _ in range(TIMES):
        toggle(lab)
        time.sleep(0.5)
        ends(lab)
        toggle(lab)
        lab.page.get_by_text("Paused after").wait_for()
        steps = ends(lab)
        times.append(max(0.0, steps[-1, 0] - pressed(lab)) if len(steps) else 0.0)
    return times


def measure_cells(lab):
    times = []
    for _ in range(TIMES):
        times.append(lab.page.evaluate("""async () => {
            const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
            const start = performance.now();
            await kernel.requestExecute({ code: "6 * 7", store_history: false }).done;
            return performance.now() - start;
        }"""))
        time.sleep(0.2)
    return times


def measure_rates(lab):
    """[round, 2]: images a second without the page's loop, and live."""
    rates = []
    for _ in range(ROUNDS):
        headless = float(lab.ask_kernel(HEADLESS))
        toggle(lab)
        time.sleep(1)
        ends(lab)
        time.sleep(SECONDS)
        steps = ends(lab)
        toggle(lab)
        lab.page.get_by_text("Paused after").wait_for()
        seconds = (steps[-1, 0] - steps[0, 0]) / 1000
        rates.append((headless, (steps[-1, 2] - steps[0, 2]) / seconds))
    return np.array(rates)


def toggle(lab):
    lab.page.locator("[title='Train on, or pause']").click()


def print_times(name, times):
    median, p95 = np.quantile(times, [0.5, 0.95])
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else np.nan  # not on Windows
    print(f"{name:<12} {len(times):>5} {median:>8.0f} {p95:>6.0f} {max(times):>6.0f} {load:>6.1f}",
          flush=True)


def main():
    print(f"{'ms':<12} {'times':>5} {'median':>8} {'p95':>6} {'max':>6} {'load':>6}"
          f"   ({os.cpu_count()} cores)")
    with tempfile.TemporaryDirectory() as folder, open_browser() as browser:
        root = Path(folder, "root")
        root.mkdir()
        write_notebook(root / "live.ipynb", CELL)
        with Server(root, Path(folder)) as server:
            lab = LabPage(browser, server)
            lab.open("live.ipynb")
            if not lab.run_all():
                sys.exit("\n".join(lab.error_outputs()))
            lab.page.evaluate(CLOCK)
            toggle(lab)
            time.sleep(2)
            acts, trained = measure_beta(lab)
            print_times("β acts", acts)
            print_times("β trained", trained)
            print_times("other cells", measure_cells(lab))
            toggle(lab)
            lab.page.get_by_text("Paused after").wait_for()
            print_times("pause", measure_pause(lab))
            rates = measure_rates(lab)
            headless, live = np.median(rates, 0)
            print(f"images a second: headless {headless:.0f}, live {live:.0f}, "
                  f"ratio {np.median(rates[:, 1] / rates[:, 0]):.2f} (median of {ROUNDS})")
            lab.close()


if __name__ == "__main__":
    main()
