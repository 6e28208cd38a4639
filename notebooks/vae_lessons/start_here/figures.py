"""Figures of notebook 00: a first VAE, its latent plane during training, and many seeds."""

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.markers import MarkerStyle
from matplotlib.patches import Ellipse
from matplotlib.path import Path
from matplotlib.ticker import FixedLocator, NullLocator

from vae_helpers.plots.base import BLUE, DIGIT_COLOURS, ORANGE, TWO_LINES, freeze_layout, styled
from vae_helpers.plots.digits import digit_grid, labelled_picture, new_picture, tile
from vae_lessons.start_here.planes import move_plane, new_plane

BAR = Path([(-0.2, -0.8), (0.2, -0.8), (0.2, 0.8), (-0.2, 0.8), (-0.2, -0.8)], closed=True)
DOT, TRIANGLE, CROSS, DIAMOND = (
    marker.get_path().transformed(marker.get_transform())
    for marker in map(MarkerStyle, ("o", "^", "X", "D"))
)
# Digits with similar colours have different shapes: 1, 4 and 7; 5 and 8; 1 and 9.
SHAPES = [DOT, BAR, DOT, DOT, TRIANGLE, DIAMOND, DOT, CROSS, DOT, DOT]
SHAPES_IN_WORDS = "Ones are bars, fours triangles, fives diamonds, sevens crosses, others dots."
NUMERALS_IN_WORDS = "A numeral stands where its class is the most frequent one."
OUTLINED = 4, 5  # their clusters overlap those of digits with similar colours
AWAY = 0.3  # a numeral farther than this from its class gets a line to it
CELLS, CELL = 40, 0.2  # squares along a side of the plane, and their side


def _new_plane(axes, apart=0.6, size=11):
    """An empty latent plane for `_move_plane`, with markers of size points² and numerals."""
    parts = new_plane(axes, apart=apart)
    parts[0].set_sizes([size])
    leaders = axes.add_collection(LineCollection([], colors="#222222", linewidths=0.9, zorder=2.5))
    ring = {"facecolors": "white", "edgecolors": "#222222", "linewidths": 0.9}
    ends = axes.scatter([], [], s=16, zorder=2.6, **ring)
    return parts, leaders, ends


def _move_plane(plane, codes, labels):
    """Show codes [n, 2] with labels [n]: a shape and a colour for each digit.

    Each numeral is at the `own_places` of its class, or beside it with a line to that position.
    """
    parts, leaders, ends = plane
    digits = np.unique(labels)
    places = own_places(codes, labels)[digits]  # [digits, 2]
    move_plane(parts, places, digits)  # puts the numerals there, without overlap
    points, numerals, _ = parts
    points.set(offsets=codes, paths=[SHAPES[label] for label in labels],
               facecolors=DIGIT_COLOURS[labels], edgecolors="black",
               linewidths=0.4 * np.isin(labels, OUTLINED))
    lines = [
        [place, numerals[digit].get_position()] for digit, place in zip(digits, places)
        if numerals[digit].get_visible()
        and np.linalg.norm(place - numerals[digit].get_position()) > AWAY
    ]
    leaders.set_segments(lines)
    ends.set_offsets(np.reshape([place for place, _ in lines], (-1, 2)))


def own_places(codes, labels):
    """Where each digit is the most frequent one: codes [n, 2], labels [n] to [10, 2].

    This is the median of those codes of the digit around which, in a square of side 1, the digit
    is the most frequent one; if there is no such code, the median of all its codes.
    """
    cells = np.clip(((codes + 4) / CELL).astype(int), 0, CELLS - 1)  # [n, 2]
    counts = np.zeros((10, CELLS + 4, CELLS + 4))
    np.add.at(counts, (labels, *(cells + 2).T), 1)
    near = sum(counts[:, i:i + CELLS, j:j + CELLS] for i in range(5) for j in range(5))
    owner = near.argmax(0)[tuple(cells.T)]  # [n]: the most frequent digit around each code
    places = np.zeros((10, 2))
    for digit in np.unique(labels):
        own = codes[(labels == digit) & (owner == digit)]
        places[digit] = np.median(own if len(own) else codes[labels == digit], axis=0)
    return places


@styled
def one_way(image, mean, sd, point, decoded, distortion, rate):
    """An image, its approximate posterior on the latent plane, and its reconstruction.

    image and decoded: [28, 28] in [0, 1]; mean and sd: [2], of the approximate posterior; point:
    [2], the draw from it that was decoded; distortion and rate in nats.
    """
    fig = Figure(figsize=(9.6, 3.4), layout="constrained")
    into, read, plane, make, out = fig.subplots(1, 5, width_ratios=[1, 0.4, 1.6, 0.4, 1])
    new_picture(into, 1, 1).set_data(image)
    into.set_title("A digit goes in")
    for axes, word in ((read, "encoder"), (make, "decoder")):
        axes.set(xlim=(0, 1), ylim=(-1, 1))
        axes.set_axis_off()
        axes.annotate("", (0.95, 0), (0.05, 0), arrowprops={"arrowstyle": "-|>", "lw": 2})
        axes.text(0.5, 0.12, word, ha="center")
    plane.set(xlabel="z₁", ylabel="z₂", xlim=(-3.2, 3.2), ylim=(-3.2, 3.2), aspect="equal")
    plane.set_title(f"Its approximate posterior\n(orange) has rate {rate:.1f} nats")
    for radius in (1, 2):
        circle = {"fill": False, "linestyle": "--", "edgecolor": "#777777"}
        plane.add_patch(Ellipse((0, 0), 2 * radius, 2 * radius, **circle))
        cloud = {"facecolor": to_rgba(ORANGE, 0.35), "edgecolor": ORANGE, "linewidth": 1.5}
        plane.add_patch(Ellipse(mean, *(2 * radius * sd), **cloud))
    plane.plot(*point, "x", color="black", markersize=5, markeredgewidth=1.3)
    plane.text(0, -2.1, "prior (dashed)", ha="center", va="top", color="#555555")
    new_picture(out, 1, 1).set_data(decoded)
    out.set_title(f"The reconstruction\nhas distortion {distortion:.0f} nats")
    fig.caption = (
        f"The digit's approximate posterior has the mean ({mean[0]:.2f}, {mean[1]:.2f}) and the "
        f"standard deviations {sd[0]:.2f} and {sd[1]:.2f}; the rate is {rate:.1f} nats and the "
        f"distortion {distortion:.0f} nats."
    )
    return fig


@styled
def training_progress(codes, labels, originals, reconstructions, steps, neg_elbo, total, fig=None):
    """A VAE during training: its latent plane, reconstructions, and the −ELBO against the steps.

    codes: [n, 2]; labels: [n]; originals and reconstructions: [10, 28, 28] in [0, 1];
    steps: [t], out of `total`; neg_elbo: [t] in nats per image.
    """
    if fig is None:
        fig = _empty_progress()
    _move_plane(fig.artists_of["plane"], codes, labels)
    plane = fig.artists_of["plane"][0][0].axes
    plane.set_title(f"{len(codes):,} test digits at their\ncodes, after {steps[-1]:,} steps")
    rows = np.stack([originals.reshape(2, 5, 28, 28), reconstructions.reshape(2, 5, 28, 28)], 1)
    fig.artists_of["digits"].set_data(tile(rows.reshape(20, 28, 28), 5))
    fig.artists_of["curve"].set_data(steps, neg_elbo)
    fig.artists_of["now"].set_data(steps[-1:], neg_elbo[-1:])
    curve = fig.artists_of["now"].axes
    curve.set_xlim(-0.03 * total, 1.04 * total)
    curve.set_ylim(min(140, 0.97 * min(neg_elbo)), max(600, 1.03 * max(neg_elbo)))
    curve.set_title(f"The −ELBO is {neg_elbo[-1]:.0f} nats; it began\nat {neg_elbo[0]:.0f} "
                    "(lower is better)")
    fig.caption = (
        f"After {steps[-1]:,} steps the −ELBO on {len(codes):,} test digits is "
        f"{neg_elbo[-1]:.0f} nats per image; it was {neg_elbo[0]:.0f} at the start. "
        f"{SHAPES_IN_WORDS} {NUMERALS_IN_WORDS}"
    )
    return fig


def _empty_progress():
    """The figure of `training_progress` with its axes, before any data."""
    fig = Figure(figsize=(9.6, 3.9), layout="constrained")
    plane, digits, curve = fig.subplots(1, 3, width_ratios=[1.25, 1, 1])
    fig.artists_of = {
        "plane": _new_plane(plane),
        "digits": new_picture(digits, 4, 5),
        "curve": curve.plot([], [], color=BLUE)[0],
        "now": curve.plot([], [], "o", color=BLUE)[0],
    }
    digits.set_title("Digits (odd rows) and what the\ndecoder makes of their codes")
    curve.set(xlabel="training step", ylabel="−ELBO (nats per image, log scale)", title=TWO_LINES)
    curve.set(ylim=(140, 600), yscale="log")
    curve.yaxis.set_major_locator(FixedLocator([100, 120, 150, 200, 300, 500]))
    curve.yaxis.set_major_formatter("{x:.0f}")
    curve.yaxis.set_minor_locator(NullLocator())
    freeze_layout(fig)
    return fig


@styled
def training_on(first, now, fig=None):
    """Digits, their reconstructions before and after more training, and the −ELBO.

    first, now: dictionaries of the arguments of `training_progress`, before and after; the curve
    is that of `now`.
    """
    if fig is None:
        fig = _empty_training_on()
    rows = [first["originals"], first["reconstructions"], now["reconstructions"]]
    fig.artists_of["digits"].set_data(tile(np.concatenate(rows), 10))
    steps, neg_elbo = now["steps"], now["neg_elbo"]
    before, more = first["neg_elbo"][-1], steps[-1] - first["steps"][-1]
    fig.artists_of["curve"].set_data(steps, neg_elbo)
    fig.artists_of["now"].set_data(steps[-1:], neg_elbo[-1:])
    curve = fig.artists_of["now"].axes
    curve.set_xlim(0, max(2 * first["steps"][-1], 1.04 * steps[-1]))
    curve.set_ylim(min(0.93 * before, 0.98 * neg_elbo[-1]), max(1.15 * before, 1.02 * neg_elbo[-1]))
    said = f"−ELBO: {before:.1f} nats, and after\n{more:,} more steps {neg_elbo[-1]:.1f}"
    if not more:
        said = f"−ELBO: {before:.1f} nats,\nnot trained on yet"
    curve.set_title(said)
    fig.caption = said.replace("\n", " ") + " (nats per image, on test digits)."
    return fig


def _empty_training_on():
    """The figure of `training_on` with its axes, before any data."""
    fig = Figure(figsize=(9.6, 2.7), layout="constrained")
    digits, curve = fig.subplots(1, 2, width_ratios=[2, 1])
    fig.artists_of = {
        "digits": labelled_picture(digits, ["digits", "before", "now"], 10),
        "curve": curve.plot([], [], color=BLUE)[0],
        "now": curve.plot([], [], "o", color=BLUE)[0],
    }
    digits.set_title("Test digits, their reconstructions before you train on, and now")
    curve.set(xlabel="training step", ylabel="−ELBO\n(nats per image)", title=TWO_LINES)
    freeze_layout(fig)
    return fig


def grey_digits(images, columns, title):
    """A figure of uint8 images [n, 28, 28], with `columns` images per row."""
    return digit_grid(images.numpy() / 255, columns, title)


@styled
def beside_nearest(made, nearest, title):
    """Decoded pictures, and below each the nearest training digit: both [n, 28, 28]."""
    fig = Figure(figsize=(7.2, 2.2), layout="constrained")
    axes = fig.subplots()
    picture = labelled_picture(axes, ["from the decoder", "nearest digit"], len(made))
    picture.set_data(tile(np.concatenate([made, nearest]), len(made)))
    axes.set_title(title)
    fig.caption = f"{title}: {len(made)} pairs."
    return fig


@styled
def plane_growth(codes, labels, steps, title):
    """The latent plane at four moments: codes [moment, n, 2], labels [n], steps [moment].

    title: the finding from the four panels.
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
        f"{step:,}" for step in steps) + f" steps. {SHAPES_IN_WORDS} {NUMERALS_IN_WORDS}"
    return fig


@styled
def cluster_widths(codes, labels, widths, guess=None):
    """The width of each digit's cluster in the latent plane, with the learner's guess for digit 1.

    codes: [n, 2]; labels: [n]; widths: [10], from `lab.cluster_widths`; guess: "tight", "wide" or
    None.
    """
    typical, top = np.median(widths), 1.2 * max(widths)
    fig = Figure(figsize=(9.6, 4.4), layout="constrained")
    plane, bars = fig.subplots(1, 2, width_ratios=[1, 1.15])
    _move_plane(_new_plane(plane), codes, labels)
    if 1 in labels:
        centre = np.median(codes[labels == 1], axis=0)
        circle = {"fill": False, "edgecolor": "black", "linewidth": 1.5, "zorder": 2.4}
        plane.add_patch(Ellipse(centre, 2 * widths[1], 2 * widths[1], **circle))
    plane.set_title(f"The width of the ones is {widths[1]:.2f}:\nhalf of them lie in the circle")
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
    guessed = "" if guess is None else f"your guess: {guess} (frame)"
    bars.set_title(f"{verdict}\n{guessed}".strip())
    fig.caption = "; ".join(filter(None, [verdict, guessed])) + "."
    return fig


@styled
def seeds_and_live(stored, live, scales, title):
    """Stored results of many seeds and the result of this run, one panel for each quantity.

    stored: {label: values [seeds]}; live: {label: value}; scales: {label: (low, high, mark, word)}:
    the axis goes from low to high, or farther if values do, with a line labelled `word` at `mark`
    unless `mark` is None. title: the finding from all panels.
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
