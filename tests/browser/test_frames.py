"""Frames in JupyterLab: the page draws them while the kernel is busy, and the right ones."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from vae_helpers.frames import commands
from vae_helpers.plots.base import png

from .harness import LabPage, write_notebook
from .ink import drawn, grey, matched

SETUP = """
import time
from ipywidgets import IntSlider, ToggleButtons
from matplotlib.figure import Figure
from vae_helpers import widgets

def line(x, guess=None, fig=None):
    if x == 9:
        raise ValueError("no nines")
    fig = Figure(figsize=(3, 2))
    axes = fig.subplots()
    axes.plot([0, 1], [0, x])
    axes.set(ylim=(0, 10), title=f"x = {x}, {guess}")
    fig.caption = f"x is <b>{x}</b>, the guess {guess}"
    return fig
"""
PREDICTION = """
prediction = widgets.Prediction("t", "Up?", ToggleButtons(options=["up", "down"]))
display(prediction)
"""
VIEW = """
slider = IntSlider(3, min=0, max=9, description="x")
view = widgets.View("a line", line, {"x": slider}, lambda x: {"x": x}, prediction)
view
"""
FULL = "print(len(view._picture._sent), view._picture._due)"
BUSY = """() => {
    const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    window.busy = kernel.requestExecute({ code: "time.sleep(3)" }).done;
}"""


@pytest.fixture
def lab(server, browser, request):
    name = f"frames_{request.node.name[:20]}.ipynb"
    write_notebook(server.root / name, SETUP, PREDICTION, VIEW)
    lab = LabPage(browser, server, device_scale_factor=2)
    lab.name = name
    lab.open(name)
    assert lab.run_all(), lab.error_outputs()
    fill(lab)
    yield lab
    assert [error for error in lab.errors if "no nines" not in error] == []
    lab.close()


def fill(lab):
    """Wait until the page holds the nine frames that can be drawn, and the one that cannot."""
    for _ in range(100):
        if lab.ask_kernel(FULL).split() == ["10", "None"]:
            return
        lab.page.wait_for_timeout(200)
    raise AssertionError(f"the frames did not come: {lab.ask_kernel(FULL)}")


def press(lab, key):
    lab.page.locator(".jp-OutputArea .noUi-handle").press(key)


def shown(lab):
    """(what draws the picture, the caption)"""
    return lab.page.evaluate("""() => {
        const caption = document.querySelector(".vae-caption");
        const drawn = [...caption.parentElement.querySelectorAll("img, canvas")];
        return [drawn.filter((one) => !one.hidden).map((one) => one.tagName).join(),
                caption.textContent];
    }""")


def test_the_page_draws_while_a_cell_keeps_the_kernel_busy(lab):
    lab.page.evaluate(BUSY)
    for x in (4, 5, 6):
        press(lab, "ArrowRight")
        assert shown(lab) == ["CANVAS", f"x is <b>{x}</b>, the guess None"]
    assert lab.page.evaluate("""() => {
        const canvas = document.querySelector(".jp-OutputArea canvas");
        return canvas.width / canvas.clientWidth;
    }""") == pytest.approx(2, abs=0.01), "crisp on a screen of high density"
    lab.page.evaluate("() => busy")
    lab.settle()
    assert shown(lab) == ["CANVAS", "x is <b>6</b>, the guess None"], "no late answer replaces it"
    assert lab.ask_kernel("print(view.data, slider.value)").strip() == (
        "{'x': 6, 'guess': None} 6")


def test_a_committed_guess_discards_the_frames(lab):
    press(lab, "ArrowRight")
    lab.page.get_by_role("button", name="down", exact=True).click()
    lab.page.get_by_role("button", name="Commit").click()
    lab.page.locator(".vae-caption").filter(has_text="the guess down").wait_for()
    fill(lab)
    lab.page.evaluate(BUSY)
    press(lab, "ArrowRight")
    assert shown(lab) == ["CANVAS", "x is <b>5</b>, the guess down"]


def test_a_position_that_cannot_be_drawn_is_left_to_the_kernel(lab):
    press(lab, "End")
    lab.page.locator(".vae-caption").filter(has_text="This view failed: ValueError").wait_for()
    press(lab, "ArrowLeft")
    assert shown(lab) == ["CANVAS", "x is <b>8</b>, the guess None"]


def test_a_page_that_is_loaded_again_gets_them_again(lab):
    press(lab, "ArrowRight")
    lab.page.evaluate("jupyterapp.commands.execute('docmanager:save')")
    lab.page.reload()
    lab.page.locator(".jp-Notebook").wait_for()
    lab.page.wait_for_timeout(1000)
    lab.page.locator(".jp-OutputArea .noUi-handle").wait_for()
    fill(lab)
    lab.page.evaluate(BUSY)
    press(lab, "ArrowRight")
    assert shown(lab) == ["CANVAS", "x is <b>5</b>, the guess None"]


def hard():
    """A figure of all that figures of the series draw."""
    random, x = np.random.default_rng(0), np.linspace(0, 9, 400)
    fig = Figure(figsize=(6, 4), layout="constrained")
    one, two, three, four = fig.subplots(2, 2).ravel()
    one.plot(x, np.sin(x), "-.", label="a dash")
    one.fill_between([0, 9], 0, 0.5, alpha=0.3, hatch="//", edgecolor="white", label="a hatch")
    one.legend()
    two.scatter(*random.normal(size=(2, 300)), c=random.integers(10, size=300), cmap="tab10", s=9)
    three.imshow(random.random((28, 56)), cmap="gray_r")
    three.text(9, 9, "7", bbox={"boxstyle": "round", "facecolor": "white"})
    four.semilogy([1, 10], [1e-3, 1e3], "s--", markerfacecolor="none")
    four.set(xlabel=r"$\mathcal{L}_K$ − log p(x)", ylabel="rotated (nats)", title="log axis")
    return fig


def test_a_frame_is_the_picture_of_agg(browser):
    """Lines, dashes, hatches, markers, digits, text, rotated text, formulas, logarithmic axes."""
    agg, page = grey(png(hard())), browser.new_page(viewport={"width": 1280, "height": 900})
    canvas, ratio = drawn(page, commands(hard()), [600, 400])
    page.close()
    assert ratio == 1 and canvas.shape == agg.shape
    assert matched(agg, canvas) > 0.95 and matched(canvas, agg) > 0.95
    assert matched(agg, np.roll(canvas, 3, axis=1)) < 0.9, "three pixels away it is another"
