#!/usr/bin/env python3
"""The latency from a slider's move to the new picture: from the kernel, the page and the site.

    python benchmarks/slider_latency.py [--quick] [NOTEBOOK ...]

Opens each notebook in JupyterLab in Chromium, runs it, and moves every slider that has a picture
in its output by arrow keys, one move at a time: first while the kernel draws no frames ahead, then
when the page holds them and another cell keeps the kernel busy. Then it does the same on the site.

A move begins at the browser's time stamp of its keydown. It ends when the last picture that it
changes has been decoded (`img.decode()`), just before the browser can paint it, or when the canvas
has been drawn and read back. Moves that change no pixel are left out.

The first rows are the yardstick: the standard code, `interact` and `plt.show()`, with one panel of
lines and with two. The 95th percentile of a view's answer from the kernel is compared with that of
the yardstick with as many panels.
"""

import json
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import report
from browser.test_notebooks import PICTURES
from in_browser import CHOICE, PACKAGES, chosen, jupyter, run

from site_pages import build

MOVES = 32  # at the two ends of a slider a move changes nothing
TRIES = 8  # after this many moves without a change, a slider counts as moving no picture
QUIET_MS = 100  # between two moves
PAGE_MS, SITE_MS = 20, 16  # aims at the 95th percentile
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
VIEWS = """
import gc as _gc
from vae_helpers import picture as _picture
from vae_helpers.widgets import View as _View
_views = [one for one in _gc.get_objects() if issubclass(type(one), _View) and one.comm]
"""
COUNT_PANELS = VIEWS + """
print(sum(len(one.still().axes) for one in _views if one.model_id == MODEL))
"""
NO_FRAMES = "from vae_helpers import picture; picture.IDLE = 1e9"
DRAW_FRAMES = VIEWS + """
_picture.IDLE = 0.1
for _one in [one for one in _views if one.model_id == MODEL]:
    _one._picture._due = None
    _one.refresh()
"""
ALL_DRAWN = VIEWS + """
print(all(one._picture._due is None for one in _views if one.model_id == MODEL))
"""
BUSY = """() => jupyterapp.shell.currentWidget.sessionContext.session.kernel
    .requestExecute({ code: "import time; time.sleep(600)" })"""
FREE = """() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.interrupt()"""
# `move` is the current move; its promise resolves when its picture has been decoded or drawn.
WATCH = """() => {
    window.addEventListener("keydown", (event) => {
        window.move = { began: event.timeStamp, took: null, ...Promise.withResolvers() };
    }, true);
    const end = () => {
        window.move.took = performance.now() - window.move.began;
        window.move.resolve();
    };
    const sources = new WeakMap();
    const changed = () => [...document.images].filter((picture) => {
        const before = sources.get(picture);
        sources.set(picture, picture.src);
        return before !== picture.src;
    });
    changed();
    new MutationObserver(async () => {
        const pictures = changed();
        if (pictures.length === 0 || !window.move) return;
        await Promise.all(pictures.map((picture) => picture.decode()));
        end();
    }).observe(document.body, { subtree: true, childList: true, attributeFilter: ["src"] });
    window.watchCanvases = () => {
        for (const canvas of document.querySelectorAll("canvas")) {
            const { show } = canvas;
            if (!show || canvas.watched) continue;
            canvas.watched = true;
            canvas.show = (frame) => {
                show(frame);
                canvas.getContext("2d").getImageData(0, 0, 1, 1);
                if (window.move) end();
            };
        }
    };
}"""
AWAIT_PICTURE = "() => Promise.race([move.promise, new Promise((end) => setTimeout(end, 1000))])"


def measure(page, handle, count, pictures):
    """The milliseconds of `count` moves by arrow keys, without those that changed no picture.

    pictures: JavaScript, from the handle to a digest of what is drawn beside it.
    """
    times, shown, (key, back) = [], handle.evaluate(pictures), ("ArrowRight", "ArrowLeft")
    for tried in range(1, count + 1):
        before_move = handle.evaluate(PLACE)
        handle.press(key)
        page.evaluate(AWAIT_PICTURE)
        page.wait_for_timeout(QUIET_MS)
        page.evaluate("watchCanvases()")
        if handle.evaluate(PLACE) == before_move:
            key, back = back, key
        before, shown = shown, handle.evaluate(pictures)
        took = page.evaluate("() => move.took")
        if shown != before and took is not None:
            times.append(took)
        if tried == TRIES and not times:
            break
    return times


PLACE = "(handle) => handle.value ?? handle.parentElement.style.transform"
CANVAS = "(handle) => handle.closest('figure').querySelector('canvas').toDataURL()"


def handles(page):
    """[(name, handle)] of the sliders of a notebook that have a picture in their output."""
    found = page.locator(".jp-OutputArea-child:has(img) .noUi-handle").all()
    return [(handle.get_attribute("aria-label") or "(no name)", handle) for handle in found]


def ask(lab, handle, code):
    """What the kernel prints when it runs `code` on the view beside a slider."""
    model = json.dumps(handle.evaluate(SHOWN_WIDGET))
    return lab.ask_kernel(code.replace("MODEL", model)).strip()


def in_jupyterlab(browser, server, name, moves, most=None):
    """[(slider, panels, times from the kernel, times from the page)] of a notebook."""
    lab = run(browser, server, name, before=NO_FRAMES)
    lab.unfold()
    lab.page.evaluate(WATCH)
    rows = []
    for slider, handle in handles(lab.page)[:most]:
        handle.scroll_into_view_if_needed()
        panels = int(ask(lab, handle, COUNT_PANELS))
        rows.append([slider, panels, measure(lab.page, handle, moves, PICTURES), []])
    if rows and name != f"{YARDSTICK}.ipynb":
        for row, (_, handle) in zip(rows, handles(lab.page)):
            ask(lab, handle, DRAW_FRAMES)  # along the axes through where the sliders stand now
            while ask(lab, handle, ALL_DRAWN) != "True":
                lab.page.wait_for_timeout(500)
            handle.scroll_into_view_if_needed()
            lab.page.evaluate(BUSY)
            row[3] = measure(lab.page, handle, moves, PICTURES)
            lab.page.evaluate(FREE)
            lab.settle()
    if [error for error in lab.errors if "KeyboardInterrupt" not in error]:
        raise SystemExit("\n".join([f"{name} fails while its sliders move:", *lab.errors]))
    lab.close()
    return rows


def on_site(browser, address, moves):
    """{(slider, how many of that name came before): times} of a page of the site."""
    page, times, named = browser.new_page(viewport={"width": 1280, "height": 900}), {}, Counter()
    page.goto(address)
    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    page.evaluate(WATCH)
    for figure in page.locator(".living").all():
        figure.scroll_into_view_if_needed()
        figure.locator("canvas").wait_for()
        page.evaluate("watchCanvases()")
        for row in figure.locator(".controls > label").all():
            name = row.locator("span").inner_text()
            slider = row.locator("input")
            times[name, named[name]] = measure(page, slider, moves, CANVAS)
            named[name] += 1
    page.close()
    return times


def told(times):
    """Median and 95th percentile as text."""
    return "–" if not times else "{:.0f} / {:.0f}".format(*report.quantiles(times)[:2])


def row(place, slider, panels, kernel, page, site, standard):
    """A row of the table; `standard`: {panels: 95th percentile} of the yardstick."""
    amiss = [text for text, times, most in (
        ("kernel slower than standard", kernel, standard[min(max(panels, 1), 2)]),
        (f"page over {PAGE_MS} ms", page, PAGE_MS), (f"site over {SITE_MS} ms", site, SITE_MS),
    ) if times and report.quantiles(times)[1] > most]
    verdict = ", ".join(amiss) or "holds" if kernel or page or site else "moves no picture"
    return [place, slider, panels, told(kernel), told(page), told(site),
            "yardstick" if place == YARDSTICK else verdict]


def main():
    options = report.options(__doc__, **CHOICE)
    notebooks, partly = chosen(options), bool(options.quick or options.notebooks)
    moves, most = (9, 2) if options.quick else (MOVES, None)
    standard, rows = {1: np.inf, 2: np.inf}, []

    def add(*found):
        rows.append(row(*found, standard))
        print(*rows[-1], sep="   ", flush=True)

    with report.Section("slider_latency.py", PACKAGES, partly) as section, \
            tempfile.TemporaryDirectory() as folder:
        site = Path(folder, "site")
        build.build(site)
        cells = [STANDARD.replace("PANELS", str(panels)) for panels in (1, 2)]
        with jupyter(notebooks, **{YARDSTICK: cells}) as (browser, server):
            yardstick = in_jupyterlab(browser, server, f"{YARDSTICK}.ipynb", moves)
            for panels, (slider, _, kernel, _) in enumerate(yardstick, 1):
                standard[panels] = report.quantiles(kernel)[1]
                add(YARDSTICK, slider, panels, kernel, [], [])
            for path in notebooks:
                times = on_site(browser, f"{site.as_uri()}/{path.stem}.html", moves)
                found, named = in_jupyterlab(browser, server, path.name, moves, most), Counter()
                for slider, panels, kernel, page in found:
                    there = times.get((slider, named[slider]), [])
                    add(path.stem, slider, panels, kernel, page, there)
                    named[slider] += 1
        section.add(report.table(["notebook", "slider", "panels", "kernel, ms", "page, ms",
                                  "site, ms", "verdict"], rows))
        judged = [one[-1] for one in rows if one[-1] not in ("yardstick", "moves no picture")]
        section.add(f"Median / 95th percentile. {judged.count('holds')} of {len(judged)} rows "
                    f"hold: from the page within {PAGE_MS} ms while the kernel is busy, on the "
                    f"site within {SITE_MS} ms, from the kernel no slower than the standard.")


if __name__ == "__main__":
    main()
