"""Layer 3 itself: a control that does nothing is found, and every kind is moved."""

from pathlib import Path

import ipywidgets
import numpy as np
import pytest
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


def view(control, compute):
    return widgets.View("on trial", blank, controls={"x": control}, compute=compute)


@pytest.mark.parametrize("control, expected", [
    (ipywidgets.FloatSlider(1, min=0, max=4), [0, 2, 4]),
    (ipywidgets.IntSlider(1, min=0, max=5), [0, 2, 5]),
    (ipywidgets.FloatLogSlider(1, base=10, min=-2, max=2), [0.01, 1, 100]),
    (ipywidgets.SelectionSlider(options=[1, 3, 9]), [1, 3, 9]),
    (ipywidgets.ToggleButtons(options=[("a", 1), ("b", 2)]), [1, 2, 2]),
    (ipywidgets.Dropdown(options={"a": 1, "b": 2, "c": 3}, value=2), [1, 2, 3]),
    (ipywidgets.Checkbox(False), [False, True]),
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


def test_views_are_found_wherever_they_are_kept(walk):
    kept = {"deep": [view(ipywidgets.Checkbox(False), lambda x: {"x": x})]}
    assert kept["deep"][0] in walk["live_views"]()


def test_an_unknown_control_is_refused(walk):
    with pytest.raises(AssertionError, match="does not know how to move it"):
        walk["stations"](ipywidgets.Text("free"))
