"""View and Prediction keep figure, data and caption consistent."""

import gc
import io
import threading
import weakref

import numpy as np
import pytest
import torch
from ipywidgets import FloatSlider, ToggleButtons
from matplotlib.figure import Figure
from PIL import Image

from vae_helpers import models, widgets
from vae_helpers.plots.base import NOTE_HEIGHT
from vae_lessons.start_here.explorer import Explorer


def line(x, guess=None, fig=None):
    """A plot function as in `plots`."""
    if fig is None:
        fig = Figure(figsize=(1, 1))
        fig.subplots().plot([0, 1], [0, 1])
    fig.axes[0].lines[0].set_data([0, 1], [0, 0 if isinstance(x, str) else x])
    fig.caption, fig.artists_of = f"x is {x}, the guess {guess}", {"line": fig.axes[0].lines[0]}
    return fig


def make(**keywords):
    slider = FloatSlider(1.0, min=0.0, max=4.0)
    return slider, widgets.View(
        "a line", line, controls={"x": slider}, compute=lambda x: {"x": 2 * x}, **keywords
    )


def test_a_view_draws_at_once():
    _, view = make()
    assert view.data == {"x": 2.0}
    assert bytes(view._picture.png[:4]) == b"\x89PNG"
    assert "x is 2.0" in view._picture.caption


def test_a_moved_control_redraws():
    slider, view = make()
    before = bytes(view._picture.png)
    slider.value = 4.0
    assert view.data == {"x": 8.0}
    assert bytes(view._picture.png) != before
    assert "x is 8.0" in view._picture.caption


def test_a_view_without_controls_is_drawn_by_hand():
    view = widgets.View("by hand", line)
    assert view.data == {}
    view.draw(x=3)
    assert view.data == {"x": 3}


def test_still_is_a_figure_of_its_own():
    slider, view = make()
    slider.value = 3.0
    still = view.still()
    assert still is not view._figure
    assert still.caption == view._figure.caption


def test_the_representation_never_changes():
    slider, view = make()
    before = repr(view)
    slider.value = 0.0
    assert repr(view) == before == "View: a line"


def test_a_page_without_a_kernel_gets_a_picture():
    slider, view = make()
    slider.value = 3.0
    bundle, metadata = view._repr_mimebundle_()
    stored, shown = (np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"), float)
                     for picture in (bundle["image/png"], bytes(view._picture.png)))
    assert np.abs(stored[:-NOTE_HEIGHT] - shown).mean() < 1  # 256 colours
    assert stored[-NOTE_HEIGHT:].min() < 128  # the line that says where the controls work
    assert metadata["image/png"]["alt"] == "x is 6.0, the guess None"
    assert bundle["text/plain"] == "View: a line"
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "image/png" not in widgets.View("by hand", line)._repr_mimebundle_()


def test_a_failing_callback_is_shown():
    slider = FloatSlider(1.0, min=0.0, max=4.0)
    view = widgets.View(
        "fails", line, controls={"x": slider}, compute=lambda x: {"x": 1 / x}
    )
    with pytest.raises(ZeroDivisionError):
        slider.value = 0.0
    assert "ZeroDivisionError" in view._picture.caption
    slider.value = 2.0
    assert "x is 0.5" in view._picture.caption


def test_texts_are_shown_as_texts():
    view = widgets.View("by hand", line)
    view.draw(x="<script>")
    assert view._picture.caption == "x is <script>, the guess None"  # the page sets it as text


def test_callbacks_from_many_threads_leave_one_consistent_state():
    slider, view = make()

    def move(start):
        for step in range(10):
            slider.value = (start + step) % 4

    threads = [threading.Thread(target=move, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    slider.value = 0.25
    assert view.data == {"x": 0.5} and "x is 0.5" in view._picture.caption


def test_close_closes_the_parts():
    _, view = make()
    view.close()
    assert view._picture.comm is None and view.comm is None


def test_nobody_guesses_unattended():
    prediction = widgets.Prediction("t.guess", "Up or down?", ToggleButtons(options=["up", "down"]))
    _, view = make(prediction=prediction)
    assert prediction.guess is None
    assert view.data["guess"] is None


def test_a_late_guess_redraws_the_result_over_it():
    answer = ToggleButtons(options=["up", "down"])
    prediction = widgets.Prediction("t.guess", "Up or down?", answer)
    _, view = make(prediction=prediction)
    by_hand = widgets.View("by hand", line, prediction=prediction)
    by_hand.draw(x=3)
    answer.value = "down"
    assert view.data["guess"] is None, "choosing is not committing"
    prediction._commit.click()
    assert view.data["guess"] == by_hand.data["guess"] == "down"
    assert "the guess down" in by_hand._picture.caption
    assert repr(prediction) == "Prediction: t.guess"


def test_committing_nothing_asks_for_a_choice():
    answer = ToggleButtons(options=["up", "down"], value=None)
    prediction = widgets.Prediction("t.guess", "Up or down?", answer)
    prediction._commit.click()
    assert prediction.guess is None and "Choose an answer first" in prediction._reply.value
    answer.value = "up"
    prediction._commit.click()
    assert prediction.guess == "up" and "Committed: up" in prediction._reply.value


def test_committing_before_anything_is_drawn_is_harmless():
    prediction = widgets.Prediction("t.guess", "Up or down?", ToggleButtons(options=["up"]))
    view = widgets.View("by hand", line, prediction=prediction)
    prediction._commit.click()
    assert view.data == {}
    view.draw(x=1)
    assert view.data["guess"] == "up"


class Shell:
    """A fake of IPython's shell in JupyterLab: `cell` runs for the `run`th time."""

    cell, run = "a", 1

    def get_parent(self):
        return {"metadata": {"cellId": self.cell}, "header": {"msg_id": str(self.run)}}


@pytest.fixture
def shell(monkeypatch):
    shell = Shell()
    monkeypatch.setattr(widgets, "get_ipython", lambda: shell)
    monkeypatch.setattr(widgets, "_made", {})
    return shell


def test_a_cell_run_again_closes_the_views_of_its_earlier_run(shell):
    _, first = make()
    _, beside = make()
    shell.cell = "b"
    _, elsewhere = make()
    assert first.comm and beside.comm and elsewhere.comm, "two views of a cell, and another cell's"
    shell.cell, shell.run = "a", 2
    _, again = make()
    assert first.comm is None and beside.comm is None
    assert first._figure is None and first.data == {}, "IPython's history may hold the view"
    assert again.comm and elsewhere.comm and again.data


def test_a_control_made_in_another_cell_outlives_the_runs_of_this_one(shell):
    control = FloatSlider(1.0, min=0.0, max=4.0)
    for shell.run in (1, 2, 3):
        view = widgets.View("a line", line, {"x": control}, lambda x: {"x": x})
    control.value = 3.0
    assert control.comm and view.data == {"x": 3.0}


def test_a_run_again_frees_the_pixels_of_its_earlier_figures_at_once(shell):
    gc.disable()  # without a collection, figures with reference cycles stay in memory
    try:
        figure = weakref.ref(make()[1]._figure)
        shell.run = 2
        make()
        assert figure() is None
    finally:
        gc.enable()


def test_a_cell_run_again_closes_the_explorer_of_its_earlier_run(shell):
    model, codes, labels = models.VAE(2, seed=0), torch.zeros(3, 2), torch.zeros(3, dtype=int)
    first, beside = (Explorer(model, codes, labels) for _ in range(2))
    assert first.comm and beside.comm
    shell.run = 2
    again = Explorer(model, codes, labels)
    assert first.comm is None and beside.comm is None and again.comm
    assert first.weights == b"" and again.weights, "IPython's history may hold the explorer"


def test_a_cell_run_thirty_times_keeps_one_view(shell):
    views = []
    for shell.run in range(30):
        views.append(make()[1])
    assert [view.data == {} for view in views] == 29 * [True] + [False]


def test_where_cells_have_no_name_every_view_lives_on(shell):
    shell.cell = None
    views = [make()[1] for shell.run in range(3)]
    assert all(view.comm and view.data for view in views)


def test_a_closed_view_is_drawn_by_nobody(monkeypatch):
    prediction = widgets.Prediction("p", "Which?", ToggleButtons(options=["a", "b"], value="a"))
    shared, drawn = FloatSlider(1.0, min=0.0, max=4.0), []

    def compute(x):
        drawn.append(x)
        return {"x": x}

    views = [widgets.View("a line", line, {"x": shared}, compute, prediction) for _ in range(2)]
    shared.value = 2.0
    assert drawn == [1.0, 1.0, 2.0, 2.0]
    for _ in range(2):  # closing twice is allowed
        views[0].close()
    drawn.clear()
    prediction._keep(None)
    assert drawn == [2.0] and views[0].data == {} and views[1].data["guess"] == "a"
    views[1].close()
    assert prediction._followers == []
