"""The figure of notebook 03's calculator: where a loss lies on the axis of β."""

import math

import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.base import BLUE, ORANGE, TWO_LINES, freeze_layout

LOWEST, HIGHEST = 1e-7, 1e7  # what lies beyond is marked there, by an arrow
LEFT, RIGHT = LOWEST / 2, 2 * HIGHEST  # the ends of the axis, with room for the arrows
# Rules of thumb, not laws: where a region ends depends on the data.
WEAK, STRONG = 0.2, 5.0
REGIONS = [
    (LEFT, WEAK, "the KL hardly counts", "#DDDDDD"),
    (WEAK, STRONG, "near the ELBO", "#D5EBDD"),
    (STRONG, RIGHT, "the KL weighs too much: latents may collapse", "#F6DDD0"),
]


def hidden_beta(beta, line, name, source, guess=None, fig=None):
    """The β that a loss really optimises, on a log axis, with the loss's code below it.

    beta: the effective β; line: the code, up to five lines; name: whose loss it is; source:
    where it stands, or "". guess: the β that the learner committed, or None. A value off the
    axis is marked at its end by an arrow; the title and the caption have its number.
    """
    if fig is None:
        fig = _empty_axis()
    if math.isclose(beta, 1):
        region = "this is the ELBO"
    else:
        region = next(words for _, end, words, _ in REGIONS if beta <= end or end == RIGHT)
    guessed = "" if guess is None else f"; your guess (hollow mark): {_written(guess)}"
    parts = fig.artists_of
    place = _mark(parts["mark"], beta, 0.5, "o")
    right = place < 1e3  # on which side of its mark the number has room
    parts["value"].set(x=place * 1.7 if right else place / 1.7, ha="left" if right else "right",
                       text=f"β = {_written(beta)}")
    if guess is None:
        parts["guess"].set_data([], [])
    else:
        _mark(parts["guess"], guess, 0.2, "D")
    parts["code"].set_text(line)
    parts["mark"].axes.set_title(f"{name}: β = {_written(beta)}\n{region}{guessed}")
    code = line.replace("\n", "; ")
    fig.caption = (
        f"{name}: the loss optimises β = {_written(beta)}, {region}{guessed}. The regions are a rule "
        f"of thumb. The code: {code}" + (f". Source: {source}" if source else "")
    )
    return fig


def _empty_axis():
    """The figure with its regions and no values yet."""
    fig = Figure(figsize=(9.6, 2.9), layout="constrained")
    axes, below = fig.subplots(2, 1, height_ratios=[2, 1])
    below.axis("off")
    for start, end, words, colour in REGIONS:
        axes.axvspan(start, end, color=colour, linewidth=0)
        axes.text(math.sqrt(start * end), 0.94, words, ha="center", va="top", fontsize=9)
    axes.axvline(1, ymax=0.75, color="#555555", linestyle="--", linewidth=1)
    fig.artists_of = {
        "mark": axes.plot([], [], "o", color=BLUE, markersize=12)[0],
        # On white, because it may lie across a border.
        "value": axes.text(1, 0.5, "", va="center", color=BLUE, weight="bold", in_layout=False,
                           bbox={"fc": "white", "ec": "none", "alpha": 0.8, "pad": 2}),
        "guess": axes.plot([], [], "D", color=ORANGE, markersize=9, fillstyle="none")[0],
        "code": below.text(0, 1, "", va="top", family="monospace", fontsize=8.5),
    }
    axes.set(xscale="log", xlim=(LEFT, RIGHT), ylim=(0, 1), yticks=[], title=TWO_LINES,
             xlabel="β of the objective distortion + β · rate")
    freeze_layout(fig)
    return fig


def _mark(artist, value, height, marker):
    """Put the artist at this value, or an arrow at the axis' end; returns where it is."""
    place = np.clip(value, LOWEST, HIGHEST)
    artist.set(data=([place], [height]),
               marker="<" if value < LOWEST else ">" if value > HIGHEST else marker)
    return place


def _written(value):
    """The value in at least four digits: 9.8e-05, 0.5, 50,176, 2.5e+08."""
    return f"{value:,.0f}" if 1e3 <= value < HIGHEST else f"{value:.4g}"
