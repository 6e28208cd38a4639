#!/usr/bin/env python3
"""The latency from a slider's move to the new picture, in every notebook.

    python benchmarks/slider_latency.py [--quick] [NOTEBOOK ...]

Opens each notebook in JupyterLab in Chromium, runs it, moves every slider that has a picture in
its output, by arrow keys and then by dragging, one move at a time. A move

* begins at the browser's time stamp of its keydown or pointermove. For a pointer this includes
  the wait for the next frame, since Chromium delivers pointer moves once per frame;
* ends when the last picture that it changes has been decoded (`img.decode()`), just before
  the browser can paint it.

Moves that change no pixel are left out. The first rows are the yardstick: the standard code,
`interact` and `plt.show()`, with one panel of lines and with two. The 95th percentile of a view is
compared with that of the yardstick with as many panels, for keys and for the mouse separately.
"""

import json

import numpy as np
import report
from browser.test_notebooks import PICTURES
from in_browser import CHOICE, PACKAGES, chosen, jupyter, run

MOVES = 32  # at the two ends of a slider a move changes nothing
TRIES = 8  # after this many moves without a change, a slider counts as moving no picture
QUIET_MS = 100  # between two moves
AIM_MS = {1: 50, 2: 100}  # at the 95th percentile, by panels (2: or more)
YARDSTICK = "interact"
STANDARD = """
import matplotlib.pyplot as plt
import numpy as np
from ipywidgets import interact

z = np.linspace(-4, 4, 401)

@interact(mean=(-2.0, 3.0, 0.05))
def draw(mean=0.0):
    _, panels = plt.subplots(1, PANELS, figsize=(4.8 * PANELS, 3.9), squeeze=False)
    panels[0, 0].plot(z, np.exp(-(z**2) / 2), label="prior")
    panels[0, 0].plot(z, np.exp(-((z - mean) ** 2) / 2), label=f"mean {mean:.2f}")
    panels[0, 0].legend()
    for panel in panels[0, 1:]:
        panel.plot(z, (z - mean) ** 2 / 2)
        panel.set_title(f"Distance from {mean:.2f}")
    plt.show()
"""
# The kernel's id of the widget in whose output a control is.
SHOWN_WIDGET = """(control) => {
    const cell = control.closest(".jp-Cell"), output = control.closest(".jp-OutputArea-child");
    const position = [...cell.querySelectorAll(".jp-OutputArea-child")].indexOf(output);
    const model = jupyterapp.shell.currentWidget.content.widgets
        .find((widget) => widget.node === cell).model;
    return model.outputs.toJSON()[position]
        .data["application/vnd.jupyter.widget-view+json"].model_id;
}"""
COUNT_PANELS = """
import gc as _gc
from vae_helpers.widgets import View as _View
print(sum(len(one.still().axes) for one in _gc.get_objects()
          if isinstance(one, _View) and one.model_id == MODEL))
"""
# `move` is the current move; its promise resolves when its picture has been decoded.
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


def by_keyboard(page, handle, count):
    """Step through the slider's range and turn back at its ends; yields after each key."""
    key, back = "ArrowRight", "ArrowLeft"
    handle.focus()
    for _ in range(count):
        place = handle.bounding_box()["x"]
        page.keyboard.press(key)
        yield
        if handle.bounding_box()["x"] == place:
            key, back = back, key


def by_mouse(page, handle, count):
    """Drag the handle to distant positions of the slider; yields after each move."""
    track = handle.locator("xpath=ancestor::*[contains(@class, 'noUi-base')]").bounding_box()
    handle.hover()
    page.mouse.down()
    for fraction in np.arange(1, count + 1) * 0.618 % 1:
        page.mouse.move(track["x"] + fraction * track["width"], track["y"])
        yield
    page.mouse.up()


def measure(lab, handle, moves, count):
    """The milliseconds of `count` moves, without those that changed no picture."""
    times, shown = [], handle.evaluate(PICTURES)
    for tried, _ in enumerate(moves(lab.page, handle, count), 1):
        lab.page.evaluate(AWAIT_PICTURE)
        lab.settle(QUIET_MS)
        before, shown = shown, handle.evaluate(PICTURES)
        if shown != before:
            times.append(lab.page.evaluate("() => move.took"))
        if tried == TRIES and not times:
            break
    return times


def panels(lab, handle):
    """The number of panels of the view beside the handle; 0 if it is not a `View`."""
    model = handle.evaluate(SHOWN_WIDGET)
    return int(lab.ask_kernel(COUNT_PANELS.replace("MODEL", json.dumps(model))))


def sliders(browser, server, name, moves, most=None):
    """Run the notebook; yields (slider, panels, {hand: milliseconds}) for each slider."""
    lab = run(browser, server, name)
    lab.page.evaluate(WATCH)
    for handle in lab.page.locator(".jp-OutputArea-child:has(img) .noUi-handle").all()[:most]:
        handle.scroll_into_view_if_needed()
        count = panels(lab, handle)
        yield handle.get_attribute("aria-label") or "(no name)", count, {
            hand: measure(lab, handle, by, moves)
            for hand, by in {"keys": by_keyboard, "mouse": by_mouse}.items()
        }
    if lab.errors:
        raise SystemExit("\n".join([f"{name} fails while its sliders move:", *lab.errors]))
    lab.close()


def row(place, slider, panels, hand, times, standard):
    """A row of the table; `standard`: {(panels, hand): 95th percentile} of the yardstick."""
    if not times:
        return [place, slider, panels, hand, 0, "–", "–", "–", "–", "moves no picture"]
    kind, (median, p95, _) = min(max(panels, 1), 2), report.quantiles(times)
    amiss = [text for text, is_amiss in {
        f"over {AIM_MS[kind]} ms": p95 > AIM_MS[kind],
        "slower than standard": p95 > standard[kind, hand],
    }.items() if is_amiss]
    verdict = "yardstick" if place == YARDSTICK else ", ".join(amiss) or "holds"
    return [place, slider, panels, hand, len(times), f"{median:.0f}", f"{p95:.0f}", AIM_MS[kind],
            f"{p95 / standard[kind, hand]:.2f}", verdict]


def main():
    options = report.options(__doc__, **CHOICE)
    notebooks, partly = chosen(options), bool(options.quick or options.notebooks)
    moves, most = (9, 2) if options.quick else (MOVES, None)
    standard, rows = {}, []

    def add(name, slider, panels, hands):
        for hand, times in hands.items():
            rows.append(row(name, slider, panels, hand, times, standard))
            print(*rows[-1], sep="   ", flush=True)

    with report.Section("slider_latency.py", PACKAGES, partly) as section:
        cells = [STANDARD.replace("PANELS", str(panels)) for panels in (1, 2)]
        with jupyter(notebooks, **{YARDSTICK: cells}) as (browser, server):
            yardstick = sliders(browser, server, f"{YARDSTICK}.ipynb", moves)
            for panels, (slider, _, hands) in enumerate(yardstick, 1):
                standard |= {(panels, hand): report.quantiles(times)[1]
                             for hand, times in hands.items()}
                add(YARDSTICK, slider, panels, hands)
            for path in notebooks:
                for found in sliders(browser, server, path.name, moves, most):
                    add(path.stem, *found)
        section.add(report.table(["notebook", "slider", "panels", "by", "moves", "median, ms",
                                  "p95, ms", "aim", "of standard", "verdict"], rows))
        judged = [one[-1] for one in rows if one[-1] not in ("yardstick", "moves no picture")]
        section.add(f"{judged.count('holds')} of {len(judged)} rows hold. Aim at the 95th "
                    f"percentile: one panel within {AIM_MS[1]} ms, more within {AIM_MS[2]} ms, "
                    "and none slower than the standard.")


if __name__ == "__main__":
    main()
