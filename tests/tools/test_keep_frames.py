"""The frames of views: which positions, what a page is told, and where they are kept."""

import gzip
import json
import math
from pathlib import Path

import keep_frames
import lab
import nbformat
import pytest
from ipywidgets import FloatLogSlider, FloatSlider, IntSlider, SelectionSlider, ToggleButtons
from keep_frames import MOST, VERSION, choices, coarse, frames
from matplotlib.figure import Figure
from nbformat.v4 import new_code_cell, new_notebook
from test_normalise import notebook_environment

from site_pages.pages import slug
from vae_helpers.widgets import View

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
KEPT = sorted((NOTEBOOKS / "frames").glob("*/*.json.gz"))


@pytest.mark.parametrize("counts, present", [
    ([9], [3]), ([101, 221], [30, 90]), ([41, 181], [20, 51]), ([2000], [1999]),
    ([30, 30, 2], [0, 29, 1]), ([5, 4], [2, None]),
])
def test_a_grid_has_both_ends_and_the_present_position_and_no_more_than_it_may(counts, present):
    numbers = coarse(counts, present)
    assert math.prod(map(len, numbers)) <= MOST
    for count, here, kept in zip(counts, present, numbers):
        assert {0, here or 0, count - 1} <= set(kept) and kept == sorted(set(kept))
    if math.prod(counts) <= MOST:
        assert [len(kept) for kept in numbers] == counts
    else:
        assert math.prod(map(len, numbers)) > MOST / 4, "finer steps would do"


def test_too_many_controls_are_refused():
    with pytest.raises(ValueError, match="name fewer `axes` of the view"):
        coarse([9] * 7, [4] * 7)


def test_a_reader_is_told_what_jupyterlab_tells():
    assert choices(FloatSlider(1, min=0, max=1, step=0.5)) == [
        (0, "0.00"), (0.5, "0.50"), (1, "1.00")]
    assert choices(SelectionSlider(options=[(0.1, 1), ("b", 2)])) == [(1, "0.1"), (2, "b")]


def test_a_value_between_two_options_stands_for_the_nearer_one():
    told = choices(FloatLogSlider(0.05, base=10, min=-2, max=0, step=0.5))
    assert told[1] == (0.05, "0.05") and len(told) == 5


def plot(a, b):
    fig = Figure(figsize=(2, 1))
    fig.text(0, 0, f"{6 / a}, {b}")
    fig.caption = f"a is {a}, b is {b}"
    return fig


def test_a_view_is_its_controls_its_commands_and_a_frame_for_each_position(capsys):
    controls = {"a": IntSlider(1, min=0, max=2, description="A"),
                "b": ToggleButtons(options=["x", "y"], value="y", description="B")}
    told = frames(View("one", plot, controls, lambda a, b: {"a": a, "b": b}))
    assert told["version"] == VERSION and told["size"] == [200, 100]
    assert told["controls"] == [
        {"label": "A", "kind": "slider", "options": ["0", "1", "2"], "present": 1},
        {"label": "B", "kind": "choice", "options": ["x", "y"], "present": 1}]
    assert told["captions"] == [None, None] + [f"a is {a}, b is {b}" for a in (1, 2) for b in "xy"]
    assert told["frames"][:2] == [None, None] and "ZeroDivisionError" in capsys.readouterr().out
    for frame in told["frames"][2:]:
        assert [one for one in (told["commands"][i] for i in frame) if "letters" in one]
    assert controls["a"].value == 1, "the controls stand as before"


def test_make_notebooks_keeps_the_frames_of_open_views(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path, kept = tmp_path / "good.ipynb", tmp_path / "frames" / "good"
    source = """
from ipywidgets import IntSlider
from matplotlib.figure import Figure
from vae_helpers.widgets import View
def plot(x):
    fig = Figure(figsize=(1, 1))
    fig.caption = f"x is {x}"
    return fig
view = View("q & r", plot, {"x": IntSlider(1, min=0, max=2)}, lambda x: {"x": x})
by_hand = View("by hand", plot)
"""
    for cell in (source, "1"):
        nbformat.write(new_notebook(cells=[new_code_cell(cell)]), path)
        lab.notebooks(notebook_environment(tmp_path, ledger=0), [str(path)])
        assert len(nbformat.read(path, 4).cells) == 1
        if cell == source:
            assert [file.name for file in kept.iterdir()] == ["q-r.json.gz"]
            assert json.loads(gzip.decompress((kept / "q-r.json.gz").read_bytes()))[
                "captions"] == ["x is 0", "x is 1", "x is 2"]
    assert not kept.exists(), "a notebook without views keeps none"


def views(path):
    """{slug: alternative text} of the views in a stored notebook."""
    outputs = [output for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
               for output in cell.get("outputs", ())]
    return {slug("".join(output["data"]["text/plain"]).removeprefix("View: ")):
            output["metadata"]["image/png"]["alt"]
            for output in outputs if "image/png" in output.get("data", {})
            and "".join(output["data"]["text/plain"]).startswith("View: ")}


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_kept_frames_are_those_of_the_stored_run(path):
    """The caption at the controls' present position is that of the stored picture."""
    told = json.loads(gzip.decompress(path.read_bytes()))
    counts = [len(control["options"]) for control in told["controls"]]
    assert len(told["frames"]) == len(told["captions"]) == math.prod(counts) <= MOST
    assert None not in told["frames"]
    present = 0
    for control, count in zip(told["controls"], counts):
        present = present * count + control["present"]
    stored = views(NOTEBOOKS / f"{path.parent.name}.ipynb")
    assert told["captions"][present] == stored[path.name.removesuffix(".json.gz")]


def test_all_frames_are_small():
    sizes = [path.stat().st_size for path in KEPT]
    assert len(KEPT) > 20 and max(sizes) < 3e6 and sum(sizes) < 8e6


def test_a_file_is_named_by_its_view():
    assert slug("β sweep: 1") == "sweep-1" and keep_frames.slug is slug
