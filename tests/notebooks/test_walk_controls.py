"""The controls test (layer 3): it moves every kind of control and finds one without effect."""

from pathlib import Path

import ipywidgets
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from vae_helpers import widgets

SOURCE = Path(__file__).with_name("walk_controls.py").read_text()


@pytest.fixture(scope="module")
def walk():
    scope = {}
    exec(SOURCE.removesuffix("walk_controls(live_views())\n"), scope)
    return scope


def blank(x, fig=None):
    fig = fig or Figure(figsize=(1, 1))
    fig.caption, fig.artists_of = "", {}
    return fig


def written(x, fig=None):
    fig = blank(x)
    fig.text(0, 0, str(x))
    return fig


def view(control, compute, plot=written):
    return widgets.View("on trial", plot, controls={"x": control}, compute=compute)


@pytest.mark.parametrize("control, expected", [
    (ipywidgets.FloatSlider(1, min=0, max=4), [0, 2, 4]),
    (ipywidgets.IntSlider(1, min=0, max=5), [0, 2, 5]),
    (ipywidgets.FloatLogSlider(1, base=10, min=-2, max=2), [0.01, 1, 100]),
    (ipywidgets.SelectionSlider(options=[1, 3, 9]), [1, 3, 9]),
    (ipywidgets.ToggleButtons(options=[("a", 1), ("b", 2)]), [1, 2, 2]),
    (ipywidgets.Dropdown(options={"a": 1, "b": 2, "c": 3}, value=2), [1, 2, 3]),
    (ipywidgets.Checkbox(False), [False, True]),
    (ipywidgets.FloatText(4), [4, 8, 12]),
])
def test_every_kind_of_control_is_moved_to_its_ends(walk, control, expected):
    assert walk["stations"](control) == pytest.approx(expected)
    seen = []
    moved = view(control, lambda x: seen.append(x) or {"x": np.array([x])})
    before = control.value
    walk["walk_controls"]([moved])
    assert set(expected) <= set(seen) and control.value == before


def test_a_control_that_changes_nothing_is_found(walk):
    dead = view(ipywidgets.FloatSlider(1, min=0, max=4), lambda x: {"x": np.zeros(3)})
    with pytest.raises(AssertionError, match="View: on trial: moving 'x' changes nothing"):
        walk["walk_controls"]([dead])


@pytest.mark.parametrize("data", [
    lambda: {"rows": {"a": np.zeros(3), "b": [np.ones(2), {"deep": torch.zeros(1)}]}},
    lambda: {"rows": [{"x": float("nan")}, ("a", None, 1.0)]},
])
def test_a_dead_control_is_found_behind_nested_data(walk, data):
    dead = view(ipywidgets.FloatSlider(1, min=0, max=4), lambda x: {"x": data()})
    with pytest.raises(AssertionError, match="View: on trial: moving 'x' changes nothing in .data"):
        walk["walk_controls"]([dead])


@pytest.mark.parametrize("data", [
    lambda x: {"rows": {"a": np.full(3, x)}},
    lambda x: [1, (2, {"deep": torch.tensor([x])})],
    lambda x: {"rows": [], "more": [x]},
    lambda x: {x: "the same"},
])
def test_what_moves_deep_down_is_seen(walk, data):
    assert walk["fingerprint"](data(1.0)) == walk["fingerprint"](data(1.0))
    assert walk["fingerprint"](data(1.0)) != walk["fingerprint"](data(2.0))


@pytest.mark.parametrize("data", [lambda: None, object(), np.array([object()]), {1, 2}])
def test_what_cannot_be_compared_is_refused(walk, data):
    with pytest.raises(AssertionError, match="does not know how|pointers"):
        walk["fingerprint"]({"x": data})


def test_a_control_that_changes_no_picture_is_found(walk):
    unseen = view(ipywidgets.FloatSlider(1, min=0, max=4), lambda x: {"x": x}, plot=blank)
    with pytest.raises(AssertionError, match="changes nothing in the picture"):
        walk["walk_controls"]([unseen])


def test_closed_views_are_left_out(walk):
    closed = view(ipywidgets.Checkbox(False), lambda x: {"x": x})
    closed.close()
    assert closed not in walk["live_views"]()


def test_views_are_found_wherever_they_are_kept(walk):
    kept = {"deep": [view(ipywidgets.Checkbox(False), lambda x: {"x": x})]}
    assert kept["deep"][0] in walk["live_views"]()


def test_an_unknown_control_is_refused(walk):
    with pytest.raises(AssertionError, match="does not know how to move it"):
        walk["stations"](ipywidgets.Text("free"))
