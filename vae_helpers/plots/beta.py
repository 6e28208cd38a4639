"""The figure of notebook 03's calculator: where a loss lies on the axis of β."""

import math

import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.base import BLUE, ORANGE, TWO_LINES, freeze_layout

LOWEST, HIGHEST = 1e-4, 1e5  # the ends of the axis; what lies beyond is marked there
# Rules of thumb, not laws: where a region ends depends on the data.
WEAK, STRONG = 0.2, 5.0
REGIONS = [
    (LOWEST, WEAK, "the KL hardly counts", "#DDDDDD"),
    (WEAK, STRONG, "near the ELBO (β = 1)", "#D5EBDD"),
    (STRONG, HIGHEST, "the KL dominates: expect collapse", "#F6DDD0"),
]


def hidden_beta(beta, line, name, guess=None, fig=None):
    """The β that a loss really optimises, on a log axis, with the loss's code below it.

    beta: the effective β; line: the code, up to seven lines; name: whose loss it is.
    guess: the β that the learner committed, or None.
    """
    if fig is None:
        fig = Figure(figsize=(9.6, 3.8), layout="constrained")
        axes, below = fig.subplots(2, 1, height_ratios=[1.3, 1])
        below.axis("off")
        for start, end, words, colour in REGIONS:
            axes.axvspan(start, end, color=colour, linewidth=0)
            axes.text(math.sqrt(start * end), 0.93, words, ha="center", va="top", fontsize=9)
        axes.axvline(1, ymax=0.3, color="#555555", linestyle="--", linewidth=1)
        fig.artists_of = {
            "mark": axes.plot([], [], "o", color=BLUE, markersize=12)[0],
            "value": axes.text(1, 0.5, "", va="center", color=BLUE, weight="bold"),
            "guess": axes.plot([], [], "D", color=ORANGE, markersize=9, fillstyle="none")[0],
            "code": below.text(0, 1, "", va="top", family="monospace", fontsize=8.5),
        }
        axes.set(xscale="log", xlim=(LOWEST, HIGHEST), ylim=(0, 1), yticks=[], title=TWO_LINES,
                 xlabel="β of the objective distortion + β · rate")
        freeze_layout(fig)
    if math.isclose(beta, 1):
        region = "this is the ELBO"
    else:
        region = next(words for _, end, words, _ in REGIONS if beta <= end or end == HIGHEST)
    guessed = "" if guess is None else f"; your guess (diamond): {guess:.4g}"
    parts = fig.artists_of
    place = np.clip(beta, LOWEST, HIGHEST)
    parts["mark"].set_data([place], [0.5])
    right = place < 100  # on which side of its mark the number has room
    parts["value"].set(x=place * 1.35 if right else place / 1.35, ha="left" if right else "right",
                       text=f"β = {beta:.4g}")
    parts["guess"].set_data([] if guess is None else [np.clip(guess, LOWEST, HIGHEST)],
                            [] if guess is None else [0.25])
    parts["code"].set_text(line)
    parts["mark"].axes.set_title(f"{name}: β = {beta:.4g}\n{region}{guessed}")
    fig.caption = f"{name}: the loss optimises β = {beta:.4g}, {region}{guessed}. The code: {line}"
    return fig
