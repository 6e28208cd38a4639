"""Readers with a colour vision deficiency can distinguish the colours of a figure.

Colour blindness is simulated by the method of Machado, Oliveira and Fernandes (2009), at full
severity. Distances are in CAM02-UCS, where 1 is about the smallest visible difference. Both come
from the package colorspacious.
"""

import functools
import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from colorspacious import cspace_convert, deltaE
from matplotlib import colormaps
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.colors import to_hex, to_rgb, to_rgba
from test_plots import CASES, drawn

from vae_helpers.plots.base import BLUE, DIGIT_COLOURS, GREEN, ORANGE
from vae_lessons.start_here import explorer
from vae_lessons.start_here.planes import latent_explorer

VISIONS = {None: None, "protanopia": "protanomaly", "deuteranopia": "deuteranomaly",
           "tritanopia": "tritanomaly"}
LEAST = 10
EXPLORER = Path(explorer.__file__).parent
# {figure: how marks differ apart from their colours}, where colours are nearer than LEAST.
HELPED = {
    "cluster_widths": "the axis has a numeral below each digit's bar",
    "hidden_beta": "words stand in each region",
    "along_mean": "each line has its noise written at its end",
    "collapse_map": "each circle has its number of seeds in it",
    "flattened": "each point is a numeral",
    "rescaled_codes": "one of the two kinds of bars is hatched",
    "tsne_map": "each point is a numeral",
    "training_gaps": "each band surrounds a line with its own dashes and marks",
}


def seen(colour, vision):
    """A colour as a reader with this kind of vision sees it, in sRGB from 0 to 1."""
    if VISIONS[vision] is None:
        return np.array(to_rgb(colour))
    space = {"name": "sRGB1+CVD", "cvd_type": VISIONS[vision], "severity": 100}
    return np.clip(cspace_convert(to_rgb(colour), space, "sRGB1"), 0, 1)


@functools.cache
def distance(one, other, vision):
    return float(deltaE(seen(one, vision), seen(other, vision), input_space="sRGB1"))


def too_near(colours):
    """Pairs of positions of colours nearer to each other than LEAST: {vision: pairs}."""
    return {
        vision: [(i, j) for i, j in itertools.combinations(range(len(colours)), 2)
                 if distance(colours[i], colours[j], vision) < LEAST]
        for vision in VISIONS
    }


def test_the_simulation_confuses_what_it_should():
    """With Machado's matrices a protanope confuses these two colours, and a tritanope does not."""
    rose, grey = DIGIT_COLOURS[[1, 9]]
    assert distance(rose, grey, "protanopia") < 2 < 25 < distance(rose, grey, None)
    assert distance(rose, grey, "tritanopia") > 25
    assert distance("black", "white", None) == pytest.approx(100, abs=1)
    for vision in VISIONS:
        np.testing.assert_allclose(seen("#808080", vision), to_rgb("#808080"), atol=1e-3)


def test_the_colours_of_lines():
    assert too_near([BLUE, ORANGE, GREEN, "black", "white"]) == dict.fromkeys(VISIONS, [])


def test_the_colours_of_digits_and_what_their_numerals_save():
    """A protanope cannot distinguish ten colours: rose and grey, olive and sand look alike."""
    alike = dict.fromkeys(VISIONS, []) | {"protanopia": [(1, 9), (5, 8)]}
    assert too_near(list(DIGIT_COLOURS)) == alike
    codes = np.random.default_rng(0).normal(size=(200, 2))
    fig = latent_explorer(codes, np.arange(200) % 10, [0, 0], np.zeros((28, 28)))
    shown = [text.get_text() for text in fig.axes[0].texts if text.get_visible()]
    assert shown == list("0123456789")


def test_both_ends_of_a_colour_bar_and_its_middle_are_told_apart():
    ends = [to_hex(colormaps["PuOr_r"](place)) for place in (0.0, 0.5, 1.0)]
    assert too_near(ends) == dict.fromkeys(VISIONS, [])


def over_white(colour, alpha=None):
    *rgb, opaque = to_rgba(colour, alpha)
    return to_hex(1 - opaque * (1 - np.array(rgb)))


def marks(axes):
    """The colours in `axes` by kind of mark: {all properties but the colour: colours}."""
    found = {}
    for line in axes.lines:
        shape = "line", line.get_linestyle(), line.get_marker(), line.get_linewidth()
        found.setdefault(shape, set()).add(over_white(line.get_color(), line.get_alpha()))
    for patch in axes.patches:
        found.setdefault("area", set()).add(over_white(patch.get_facecolor()))
    for dots in axes.collections:
        if isinstance(dots, QuadMesh):  # a colour bar: neighbouring colours must be similar
            continue
        faces = {over_white(face) for face in dots.get_facecolor()}
        if not (isinstance(dots, PathCollection) and faces <= DIGITS):
            found.setdefault(type(dots), set()).update(faces)
    return found


DIGITS = {over_white(colour, 0.6) for colour in DIGIT_COLOURS}


@functools.cache
def confused(case):
    return [
        (vision, colours[i], colours[j])
        for axes in drawn(case).axes for colours in map(sorted, marks(axes).values())
        for vision, pairs in too_near(colours).items() for i, j in pairs
    ]


@pytest.mark.parametrize("case", range(len(CASES)), ids=lambda case: CASES[case][0].__name__)
def test_marks_of_one_shape_in_one_panel(case):
    """Lines of the same style, bars and dots differ in colour, or in what HELPED says."""
    assert confused(case) == [] or CASES[case][0].__name__ in HELPED


def test_nothing_is_helped_that_needs_no_help():
    needy = {CASES[case][0].__name__ for case in range(len(CASES)) if confused(case)}
    assert needy == set(HELPED)


def test_the_explorer_s_colours_are_these():
    """The explorer's blue and orange on white and black; its other colours are grey."""
    files = [*EXPLORER.glob("*.css"), *EXPLORER.glob("*.js")]
    text = "".join(path.read_text(encoding="utf-8") for path in files)
    colours = {to_hex(found) for found in re.findall(r"#[0-9a-f]{6}\b|#[0-9a-f]{3}\b", text)}
    hues = {colour for colour in colours if len(set(to_rgb(colour))) > 1}
    assert hues == {BLUE.lower(), ORANGE.lower()}
