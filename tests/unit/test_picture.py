"""The frames that a view's picture draws ahead: which, in which order, and when not."""

import asyncio
import json
import time

import ipywidgets
import pytest
from ipywidgets import FloatLogSlider, FloatSlider, IntSlider, SelectionSlider, ToggleButtons
from matplotlib.figure import Figure

from vae_helpers import picture
from vae_helpers.picture import Picture, options, place


@pytest.mark.parametrize("control, values", [
    (IntSlider(1, min=0, max=3), [0, 1, 2, 3]),
    (FloatSlider(1, min=0, max=1, step=0.25), [0, 0.25, 0.5, 0.75, 1]),
    (FloatLogSlider(1, base=10, min=-1, max=1, step=0.5), [0.1, 10**-0.5, 1, 10**0.5, 10]),
    (SelectionSlider(options=[1, 3, 9]), [1, 3, 9]),
    (ToggleButtons(options=[("a", 4), ("b", 2)]), [4, 2]),
    (ipywidgets.FloatText(3.5), []),
])
def test_a_control_has_options_and_each_its_place(control, values):
    assert options(control) == pytest.approx(values)
    assert [place(control, value) for value in options(control)] == [*range(len(values))]
    assert all(isinstance(place(control, value), int) for value in options(control))


def test_a_value_between_two_options_has_a_fraction_as_its_place():
    assert place(FloatSlider(0, min=-1, max=1, step=0.5), 0.3) == 2.6
    assert place(ToggleButtons(options=["a"], value=None), None) is None
    assert place(ipywidgets.FloatText(3.5), 3.5) == 3.5


def draw(**values):
    fig = Figure(figsize=(1, 1))
    fig.text(0, 0, str(values))
    fig.caption = str(values)
    return fig


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(picture, "IDLE", 0.05)
    monkeypatch.setattr(picture, "PAUSE", 0.001)


def run(script, controls, axes=None, draw=draw):
    """Run `script(picture)` in a loop as a kernel's; returns what was sent to the page."""
    sent = []

    class Heard(Picture):
        def send(self, content, buffers=None):
            sent.append(content)

    async def main():
        await script(Heard(controls, list(controls) if axes is None else axes, draw))

    asyncio.run(main())
    return sent


def positions(sent):
    return [json.loads(one["at"]) for one in sent if "at" in one]


async def until_rest(shown, seconds=3):
    end = time.monotonic() + seconds
    while shown._due is not None and time.monotonic() < end:
        await asyncio.sleep(0.01)
    assert shown._due is None


def two_sliders():
    return {"a": IntSlider(2, min=0, max=4), "b": SelectionSlider(options=[5, 6, 7], value=5)}


def test_frames_run_along_the_axes_the_nearest_first(quick):
    sent = run(until_rest, two_sliders())
    found = positions(sent)
    assert found[0] == [2, 0] and len(found) == 7 == len(set(map(str, found)))
    distance = [abs(a - 2) + b for a, b in found]
    assert distance == sorted(distance)
    assert all(a == 2 or b == 0 for a, b in found)


def test_a_frame_names_commands_that_were_sent_and_each_is_sent_once(quick):
    sent, known = run(until_rest, two_sliders()), []
    for one in sent:
        known += one["new"]
        assert max(one["frame"]) < len(known)
        assert one["size"] == [100, 100] and one["caption"].startswith("{'a': ")
    assert len(known) == len(set(known))


def test_only_the_axes_that_are_named_are_drawn(quick):
    assert {b for _, b in positions(run(until_rest, two_sliders(), ["a"]))} == {0}
    assert run(until_rest, {}) == []


def test_a_move_postpones_and_goes_on_from_the_new_place(quick):
    async def script(shown):
        await asyncio.sleep(0.03)
        shown.controls[0].value = 4
        shown.draw_ahead()
        await asyncio.sleep(0.03)  # longer than IDLE after the beginning, not after the move
        assert not shown._sent
        await until_rest(shown)

    assert positions(run(script, two_sliders()))[0] == [4, 0]


def test_a_cell_that_kept_the_kernel_busy_postpones(quick):
    async def script(shown):
        time.sleep(0.3)  # a cell
        await asyncio.sleep(0.02)
        assert not shown._sent
        await until_rest(shown)

    assert len(positions(run(script, two_sliders()))) == 7


def test_a_frame_that_fails_is_left_out(quick):
    def fragile(a, b):
        return draw(a=a / (a - 3), b=b)

    assert sorted(a for a, b in positions(run(until_rest, two_sliders(), draw=fragile)) if b == 0
                  ) == [0, 1, 2, 4]


def test_forgotten_frames_are_drawn_again(quick):
    async def script(shown):
        await until_rest(shown)
        shown.forget()
        await until_rest(shown)

    sent = run(script, two_sliders())
    assert len(positions(sent)) == 14 and sent[7] == {"forget": True}
    assert sent[8]["frame"] == sent[0]["frame"], "the numbers begin again"


def test_a_frame_that_is_forgotten_while_it_is_drawn_is_not_sent(quick):
    """A guess is committed on another thread than the one that draws."""
    drawn = []

    def interrupted(a, b):
        drawn.append((a, b))
        if len(drawn) == 3:
            shown[0].forget()
        return draw(a=a, b=b)

    async def script(picture):
        shown.append(picture)
        await until_rest(picture)

    shown = []
    sent = run(script, two_sliders(), draw=interrupted)
    begin = sent.index({"forget": True})
    assert begin == 2 and len(drawn) == 3 + 7 and len(positions(sent[begin:])) == 7


def test_a_closed_picture_draws_no_more(quick):
    async def script(shown):
        shown.close()
        await asyncio.sleep(0.2)
        assert not shown._sent

    assert run(script, two_sliders()) == []


def test_without_a_kernel_nothing_is_drawn_ahead():
    shown = Picture(two_sliders(), ["a", "b"], draw)
    shown.draw_ahead()
    assert not shown._sent
