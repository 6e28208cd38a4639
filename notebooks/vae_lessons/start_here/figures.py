"""Figures of notebook 00: a first VAE, its plane while it grows, and many seeds."""

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.markers import MarkerStyle
from matplotlib.patches import Ellipse
from matplotlib.path import Path
from matplotlib.ticker import FixedLocator, NullLocator

from vae_helpers.plots.base import BLUE, DIGIT_COLOURS, ORANGE, TWO_LINES, freeze_layout, styled
from vae_helpers.plots.digits import move_plane, new_picture, new_plane, tile

BAR = Path([(-0.2, -0.8), (0.2, -0.8), (0.2, 0.8), (-0.2, 0.8), (-0.2, -0.8)], closed=True)
DOT, TRIANGLE, CROSS, DIAMOND = (
    marker.get_path().transformed(marker.get_transform())
    for marker in map(MarkerStyle, ("o", "^", "X", "D"))
)
# Shapes tell apart the digits whose colours are near each other: 1, 4 and 7; 5 and 8; 1 and 9.
SHAPES = [DOT, BAR, DOT, DOT, TRIANGLE, DIAMOND, DOT, CROSS, DOT, DOT]
SHAPES_IN_WORDS = "Ones are bars, fours triangles, fives diamonds, sevens crosses, others dots."
AWAY = 0.3  # a numeral farther than this from its class's median is tied to it by a line


def _new_plane(axes, apart=0.6, size=11):
    """An empty latent plane for `_move_plane`: digits of size points², numerals with leaders."""
    parts = new_plane(axes, apart=apart)
    parts[0].set_sizes([size])
    leaders = axes.add_collection(LineCollection([], colors="#222222", linewidths=0.9, zorder=2.5))
    ring = {"facecolors": "white", "edgecolors": "#222222", "linewidths": 0.9}
    ends = axes.scatter([], [], s=16, zorder=2.6, **ring)
    return parts, leaders, ends


def _move_plane(plane, codes, labels):
    """Show codes [n, 2] with labels [n]: a shape and a colour for each digit.

    Lines lead from numerals that stand beside their class to its median.
    """
    parts, leaders, ends = plane
    move_plane(parts, codes, labels)
    points, numerals, _ = parts
    points.set_paths([SHAPES[label] for label in labels])
    lines = []
    for digit, numeral in enumerate(numerals):
        if numeral.get_visible():
            median = np.median(codes[labels == digit], axis=0)
            if np.linalg.norm(median - numeral.get_position()) > AWAY:
                lines.append([median, numeral.get_position()])
    leaders.set_segments(lines)
    ends.set_offsets(np.reshape([median for median, _ in lines], (-1, 2)))


@styled
def one_way(image, mean, sd, point, decoded, distortion, rate):
    """One image's way through a VAE: in, to a cloud in the latent plane, and out again.

    image and decoded [28, 28] in [0, 1]; mean, sd and point [2] of the encoder's Gaussian and of
    the draw from it that was decoded; distortion and rate in nats.
    """
    fig = Figure(figsize=(9.6, 3.4), layout="constrained")
    into, read, plane, draw, out = fig.subplots(1, 5, width_ratios=[1, 0.4, 1.6, 0.4, 1])
    new_picture(into, 1, 1).set_data(image)
    into.set_title("A digit goes in")
    for axes, word in ((read, "encoder"), (draw, "decoder")):
        axes.set(xlim=(0, 1), ylim=(-1, 1))
        axes.set_axis_off()
        axes.annotate("", (0.95, 0), (0.05, 0), arrowprops={"arrowstyle": "-|>", "lw": 2})
        axes.text(0.5, 0.12, word, ha="center")
    plane.set(xlabel="z₁", ylabel="z₂", xlim=(-3.2, 3.2), ylim=(-3.2, 3.2), aspect="equal")
    plane.set_title(f"It becomes a cloud (orange):\nrate {rate:.1f} nats")
    for radius in (1, 2):
        circle = {"fill": False, "linestyle": "--", "edgecolor": "#777777"}
        plane.add_patch(Ellipse((0, 0), 2 * radius, 2 * radius, **circle))
        cloud = {"facecolor": to_rgba(ORANGE, 0.35), "edgecolor": ORANGE, "linewidth": 1.5}
        plane.add_patch(Ellipse(mean, *(2 * radius * sd), **cloud))
    plane.plot(*point, "x", color="black", markersize=5, markeredgewidth=1.3)
    plane.text(0, -2.1, "prior (dashed)", ha="center", va="top", color="#555555")
    new_picture(out, 1, 1).set_data(decoded)
    out.set_title(f"This comes back:\ndistortion {distortion:.0f} nats")
    fig.caption = (
        f"A digit's cloud in the latent plane has its centre at ({mean[0]:.2f}, {mean[1]:.2f}) and "
        f"standard deviations {sd[0]:.2f} and {sd[1]:.2f}; the rate is {rate:.1f} nats and the "
        f"distortion {distortion:.0f} nats."
    )
    return fig


@styled
def training_progress(codes, labels, originals, reconstructions, steps, neg_elbo, total, fig=None):
    """A first VAE while it trains: latent plane, digits in and out, and the falling −ELBO.

    codes [n, 2] with labels [n]; originals and reconstructions [10, 28, 28] in [0, 1];
    steps [t] of a `total`, and neg_elbo [t] in nats per image.
    """
    if fig is None:
        fig = _empty_progress()
    _move_plane(fig.artists_of["plane"], codes, labels)
    plane = fig.artists_of["plane"][0][0].axes
    plane.set_title(f"Where the encoder puts\n{len(codes):,} test digits")
    rows = np.stack([originals.reshape(2, 5, 28, 28), reconstructions.reshape(2, 5, 28, 28)], 1)
    fig.artists_of["digits"].set_data(tile(rows.reshape(20, 28, 28), 5))
    fig.artists_of["curve"].set_data(steps, neg_elbo)
    fig.artists_of["now"].set_data(steps[-1:], neg_elbo[-1:])
    curve = fig.artists_of["now"].axes
    curve.set_xlim(-0.03 * total, 1.04 * total)
    curve.set_ylim(min(140, 0.97 * min(neg_elbo)), max(600, 1.03 * max(neg_elbo)))
    curve.set_title(f"After {steps[-1]:,} steps:\n{neg_elbo[-1]:.0f} nats (less is better)")
    fig.caption = (
        f"After {steps[-1]:,} steps the −ELBO on {len(codes):,} test digits is "
        f"{neg_elbo[-1]:.0f} nats per image; it was {neg_elbo[0]:.0f} at the start. "
        + SHAPES_IN_WORDS
    )
    return fig


def _empty_progress():
    """The progress figure with its axes, and no model yet."""
    fig = Figure(figsize=(9.6, 3.9), layout="constrained")
    plane, digits, curve = fig.subplots(1, 3, width_ratios=[1.25, 1, 1])
    fig.artists_of = {
        "plane": _new_plane(plane),
        "digits": new_picture(digits, 4, 5),
        "curve": curve.plot([], [], color=BLUE)[0],
        "now": curve.plot([], [], "o", color=BLUE)[0],
    }
    digits.set_title("Digits in (odd rows),\nreconstructions (even rows)")
    curve.set(xlabel="training step", ylabel="−ELBO (nats per image)", title=TWO_LINES)
    curve.set(ylim=(140, 600), yscale="log")
    curve.yaxis.set_major_locator(FixedLocator([100, 120, 150, 200, 300, 500]))
    curve.yaxis.set_major_formatter("{x:.0f}")
    curve.yaxis.set_minor_locator(NullLocator())
    freeze_layout(fig)
    return fig


@styled
def plane_growth(codes, labels, steps, title):
    """The latent plane at four moments: codes [moment, n, 2], labels [n], steps [moment].

    title: what the four panels show together.
    """
    fig = Figure(figsize=(6.4, 6.0), layout="constrained")
    panels = fig.subplots(2, -(-len(steps) // 2), sharex=True, sharey=True, squeeze=False)
    for axes, moment, step in zip(panels.flat, codes, steps):
        _move_plane(_new_plane(axes, apart=1.0), moment, labels)
        axes.set_title(f"after {step:,} step{'s' * (step != 1)}")
    for axes in panels[:-1].flat:
        axes.set_xlabel("")
    for axes in panels[:, 1:].flat:
        axes.set_ylabel("")
    fig.suptitle(title, x=0.02, ha="left", size=12)
    fig.caption = f"{title}: the latent plane after " + ", ".join(
        f"{step:,}" for step in steps) + f" steps. {SHAPES_IN_WORDS}"
    return fig


@styled
def cluster_widths(codes, labels, widths, guess=None):
    """How wide each digit's cluster is in the plane, and what the learner guessed of digit 1.

    codes [n, 2], labels [n]; widths [10] as `lab.cluster_widths` gives them;
    guess: "tight", "wide" or None.
    """
    typical, top = np.median(widths), 1.2 * max(widths)
    fig = Figure(figsize=(9.6, 4.4), layout="constrained")
    plane, bars = fig.subplots(1, 2, width_ratios=[1, 1.15])
    _move_plane(_new_plane(plane), codes, labels)
    plane.set_title(f"Where the encoder puts\n{len(codes):,} test digits")
    bars.bar(range(10), widths, color=DIGIT_COLOURS)
    bars.plot([-0.6, 9.5], [typical, typical], "--", color="black", linewidth=1)
    bars.text(9.6, typical, "median\ndigit", va="center")
    if guess is not None:
        low, high = (0, typical) if guess == "tight" else (typical, 0.98 * top)
        bars.bar(1, high - low, bottom=low, width=0.9, color="none", edgecolor=ORANGE,
                 linewidth=2.5)
    bars.set(xlabel="digit", ylabel="width (median distance from the centre)")
    bars.set(xticks=range(10), xlim=(-0.7, 11), ylim=(0, top))
    verdict = f"Digit 1 is {widths[1] / typical:.1f} times as wide as the median digit"
    guessed = "no guess committed" if guess is None else f"your guess: {guess} (frame)"
    bars.set_title(f"{verdict}\n{guessed}")
    fig.caption = f"{verdict}; {guessed}."
    return fig


@styled
def seeds_and_live(stored, live, scales, title):
    """Stored results of many seeds with the live one over them, one panel for each quantity.

    stored: {label: values [seeds]}, live: {label: value}; scales: {label: (low, high, mark, word)}:
    the axis goes from low to high, farther where values do, with a line called `word` at `mark`,
    unless that is None. title: what the panels show together.
    """
    fig = Figure(figsize=(9.6, 0.6 + 0.95 * len(stored)), layout="constrained")
    fig.get_layout_engine().set(rect=(0.01, 0, 0.97, 1))  # room for a number at the end of an axis
    panels = fig.subplots(len(stored), 1, squeeze=False)[:, 0]
    for axes, (label, values) in zip(panels, stored.items()):
        low, high, mark, word = scales[label]
        axes.plot(values, np.zeros(len(values)), "o", color=BLUE, alpha=0.7, label="stored seeds")
        axes.plot(live[label], 0, "D", color=ORANGE, markersize=8, label="this run")
        if mark is not None:
            axes.axvline(mark, color="black", linestyle="--", linewidth=1)
            axes.text(mark, 0.55, f" {word}", va="center")
        every = [*values, live[label]]
        axes.set(yticks=[], xlabel=label, ylim=(-1, 1))
        axes.set_xlim(min(low, *every), max(high, *every))
        axes.spines["left"].set_visible(False)
    panels[0].set_title(title)
    panels[0].legend(loc="upper right", ncols=2, fontsize=9, bbox_to_anchor=(1, 1.6))
    fig.caption = f"{title}. " + "; ".join(
        f"{label}: {min(values):.3g} to {max(values):.3g} over {len(values)} stored seeds, "
        f"{live[label]:.3g} in this run"
        for label, values in stored.items()
    )
    return fig
