"""View and Prediction: thin shells that keep figure, data and caption together."""

import threading

import pytest
from ipywidgets import FloatSlider, ToggleButtons
from matplotlib.figure import Figure

from vae_helpers import plots, widgets


def line(x, guess=None, fig=None):
    """A figure function in the manner of `plots`."""
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
    assert bytes(view._picture.value[:4]) == b"\x89PNG"
    assert "x is 2.0" in view._text.value


def test_a_moved_control_redraws():
    slider, view = make()
    before = bytes(view._picture.value)
    slider.value = 4.0
    assert view.data == {"x": 8.0}
    assert bytes(view._picture.value) != before
    assert "x is 8.0" in view._text.value


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
    assert bundle["image/png"] == plots.small(bytes(view._picture.value))
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
    assert "ZeroDivisionError" in view._text.value
    slider.value = 2.0
    assert "x is 0.5" in view._text.value


def test_texts_are_shown_as_texts():
    view = widgets.View("by hand", line)
    view.draw(x="<script>")
    assert "&lt;script&gt;" in view._text.value and "<script>" not in view._text.value


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
    assert view.data == {"x": 0.5} and "x is 0.5" in view._text.value


def test_close_closes_the_parts():
    slider, view = make()
    view.close()
    assert slider.comm is None and view.comm is None


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
    assert "the guess down" in by_hand._text.value
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
