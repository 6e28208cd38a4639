"""A recorded figure says all that Agg draws, and two frames share what looks the same."""

import json

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from vae_helpers.frames import SHADES, UNITS, commands


def drawn(fig):
    return [json.loads(line) for line in commands(fig)]


def axes_of_pixels(width=200, height=100):
    """Axes that fill a figure, in which a unit is a pixel and y points up."""
    fig = Figure(figsize=(width / 100, height / 100), dpi=100)
    axes = fig.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()
    return fig, axes


def test_a_line_is_where_it_is_drawn_in_tenths_of_a_pixel_from_above():
    fig, axes = axes_of_pixels()
    axes.plot([20, 120], [30, 70], color="#123456", linewidth=72 / 100, linestyle=(0, (4, 2)))
    (line,) = [one for one in drawn(fig) if one.get("stroke") == "#123456"]
    assert line["d"] == "M200 700L1200 300"
    assert line["line"] == UNITS and line["dash"] == pytest.approx([4 * UNITS, 2 * UNITS])
    assert line["clip"] == [0, 0, 200 * UNITS, 100 * UNITS]
    assert "fill" not in line


def test_markers_are_one_shape_and_their_places():
    fig, axes = axes_of_pixels()
    axes.plot([10, 50], [10, 90], "o", color="#123456", alpha=0.5)
    (marks,) = [one for one in drawn(fig) if "at" in one and "letters" not in one]
    assert marks["at"] == [100, 900, 500, 100] and marks["fill"] == "#12345680"


def test_a_scatter_is_its_kinds_and_a_row_for_each_point():
    fig, axes = axes_of_pixels()
    axes.scatter([10, 20, 30], [10, 10, 10], c=["#ff0000", "#00ff00", "#ff0000"], linewidths=0)
    (points,) = [one for one in drawn(fig) if "kinds" in one]
    assert [kind["fill"] for kind in points["kinds"]] == ["#ff0000", "#00ff00"]
    assert np.reshape(points["rows"], (3, 3)).tolist() == [
        [0, 100, 900], [1, 200, 900], [0, 300, 900]]


def test_a_picture_keeps_every_pixel_to_a_shade():
    fig, axes = axes_of_pixels(100, 100)
    grey = np.arange(25).reshape(5, 5) / 24
    axes.imshow(grey, cmap="gray", vmin=0, vmax=1, aspect="auto", extent=(0, 100, 0, 100))
    (picture,) = [one for one in drawn(fig) if "pixels" in one]
    palette = [int(colour[1:3], 16) / 255 for colour in picture["palette"]]
    kept = [palette[ord(letter) - 48] for letter in picture["pixels"]]
    assert picture["width"] == 5
    np.testing.assert_allclose(kept, grey.ravel(), atol=0.5 / SHADES + 2 / 255)
    across, _, _, down, left, top = picture["matrix"]
    assert (across, down) == (200, 200) and (left, top) == (0, 0)  # its first row is the top one


def test_text_is_letters_at_a_place_and_a_letter_is_told_once():
    fig, _ = axes_of_pixels()
    fig.text(0.5, 0.25, "noon", fontsize=10)
    fig.text(0.5, 0.75, "on", fontsize=10, rotation=90)
    found = drawn(fig)
    outlines = {one["glyph"]: one["d"] for one in found if "glyph" in one}
    assert len(outlines) == 2 and len([one for one in found if "glyph" in one]) == 2
    first, second = [one for one in found if "letters" in one]
    assert [letter[0] for letter in first["letters"]] == [
        *(second["letters"][i][0] for i in (1, 0, 0, 1))]
    assert first["at"] == [1000, 750] and (first["angle"], second["angle"]) == (0, 90)


def test_formulas_have_their_letters():
    fig, _ = axes_of_pixels()
    fig.text(0, 0, r"$-\mathcal{L}_K$")
    (formula,) = [one for one in drawn(fig) if "letters" in one]
    sizes = [size for *_, size in formula["letters"]]
    assert len(sizes) == 3 and sizes[2] < sizes[1] == sizes[0]  # K is an index


def test_two_frames_share_what_looks_the_same():
    def frame(height):
        fig, axes = axes_of_pixels()
        axes.plot([0, 200], [height, height])
        axes.set_title("the same")
        return commands(fig)

    first, second = frame(10), frame(20)
    assert len(set(first) ^ set(second)) == 2, "the line of each"
    assert first == frame(10)


def test_what_a_page_cannot_draw_is_refused():
    fig, axes = axes_of_pixels()
    line, = axes.plot([0, 1], [0, 1])
    line.set_clip_path(Circle((0, 0), 1, transform=axes.transData))
    with pytest.raises(NotImplementedError, match="clips by rectangles only"):
        commands(fig)
