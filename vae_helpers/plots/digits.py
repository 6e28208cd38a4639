"""Figures of digits and of the latent plane."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from vae_helpers.plots.base import BLUE, DIGIT_COLOURS, ORANGE, TWO_LINES, freeze_layout


def tile(images, columns):
    """Images [n, 28, 28] side by side in rows of `columns`: [rows * 28, columns * 28]."""
    n, height, width = images.shape
    rows = -(-n // columns)
    filled = np.zeros((rows * columns, height, width), dtype=images.dtype)
    filled[:n] = images
    grid = filled.reshape(rows, columns, height, width).swapaxes(1, 2)
    return grid.reshape(rows * height, columns * width)  # [rows, 28, columns, 28] -> 2-D


THERE_AND_BACK = ["digits", "back"] * 2 + ["draws"] * 2  # its rows


def there_and_back(originals, reconstructions, samples):
    """Ten digits with what came back below each, then ten draws: 3 x [10, 28, 28] to six rows."""
    rows = [part.reshape(2, 5, 28, 28) for part in (originals, reconstructions, samples)]
    order = [rows[0][0], rows[1][0], rows[0][1], rows[1][1], rows[2][0], rows[2][1]]
    return tile(np.concatenate(order), 5)


def training_progress(
    codes, labels, originals, reconstructions, steps, neg_elbo, total, fig=None
):
    """A first VAE while it trains: latent plane, digits in and out, and the falling −ELBO.

    codes [n, 2] with labels [n]; originals and reconstructions [10, 28, 28] in [0, 1];
    steps [t] of a `total`, and neg_elbo [t] in nats per image.
    """
    if fig is None:
        fig = Figure(figsize=(9.6, 3.7), layout="constrained")
        plane, digits, curve = fig.subplots(1, 3, width_ratios=[1.15, 1, 1])
        fig.artists_of = {
            "plane": new_plane(plane),
            "digits": new_picture(digits, 4, 5),
            "curve": curve.plot([], [], color=BLUE)[0],
            "now": curve.plot([], [], "o", color=BLUE)[0],
        }
        digits.set_title("Digits in (odd rows)\nand what comes back (even rows)")
        curve.set(xlabel="training step", ylabel="−ELBO (nats per image)", title=TWO_LINES)
        curve.set(ylim=(140, 600), yscale="log")
        curve.yaxis.set_major_locator(FixedLocator([100, 120, 150, 200, 300, 500]))
        curve.yaxis.set_major_formatter("{x:.0f}")
        curve.yaxis.set_minor_locator(NullLocator())
        freeze_layout(fig)
    move_plane(fig.artists_of["plane"], codes, labels)
    rows = np.stack([originals.reshape(2, 5, 28, 28), reconstructions.reshape(2, 5, 28, 28)], 1)
    fig.artists_of["digits"].set_data(tile(rows.reshape(20, 28, 28), 5))
    fig.artists_of["curve"].set_data(steps, neg_elbo)
    fig.artists_of["now"].set_data(steps[-1:], neg_elbo[-1:])
    curve = fig.artists_of["now"].axes
    curve.set_xlim(-0.03 * total, 1.04 * total)
    curve.set_ylim(min(140, 0.97 * min(neg_elbo)), max(600, 1.03 * max(neg_elbo)))
    curve.set_title(
        f"After {steps[-1]:,} steps:\n{neg_elbo[-1]:.0f} nats per image"
    )
    fig.caption = (
        f"After {steps[-1]:,} steps the −ELBO on {len(codes):,} test digits is "
        f"{neg_elbo[-1]:.0f} nats per image; it was {neg_elbo[0]:.0f} at the start."
    )
    return fig


def plane_growth(codes, labels, steps, fig=None):
    """The latent plane at several moments: codes [moment, n, 2], labels [n], steps [moment]."""
    if fig is None:
        fig = Figure(figsize=(9.6, 2.9), layout="constrained")
        panels = fig.subplots(1, len(steps), sharey=True)
        fig.artists_of = {"planes": [new_plane(axes, apart=1.0) for axes in panels]}
        for axes in panels[1:]:
            axes.set_ylabel("")
        freeze_layout(fig)
    for plane, moment, step in zip(fig.artists_of["planes"], codes, steps):
        move_plane(plane, moment, labels)
        plane[0].axes.set_title(f"after {step:,} steps")
    fig.caption = "The latent plane after " + ", ".join(f"{step:,}" for step in steps) + " steps."
    return fig


def cluster_widths(codes, labels, widths, guess=None, fig=None):
    """How wide each digit's cluster is in the plane, and what the learner guessed of digit 1.

    codes [n, 2], labels [n]; widths [10] as `evaluation.cluster_widths` gives them;
    guess: "tight", "wide" or None.
    """
    if fig is None:
        fig = Figure(figsize=(9.6, 4.4), layout="constrained")
        plane, bars = fig.subplots(1, 2, width_ratios=[1, 1.15])
        fig.artists_of = {
            "plane": new_plane(plane),
            "bars": bars.bar(range(10), np.zeros(10), color=DIGIT_COLOURS),
            "typical": bars.plot([-0.6, 9.5], [0, 0], "--", color="black", linewidth=1)[0],
            "label": bars.text(9.6, 0, "median\ndigit", va="center"),
            "guess": bars.bar(1, 0, width=0.9, color="none", edgecolor=ORANGE, linewidth=2.5)[0],
        }
        bars.set(xlabel="digit", ylabel="width (median distance to the centre)")
        bars.set(xticks=range(10), xlim=(-0.7, 11), ylim=(0, 2), title=TWO_LINES)
        freeze_layout(fig)
    typical, top = np.median(widths), 1.2 * max(widths)
    move_plane(fig.artists_of["plane"], codes, labels)
    for bar, width in zip(fig.artists_of["bars"], widths):
        bar.set_height(width)
    fig.artists_of["typical"].set_ydata([typical, typical])
    fig.artists_of["label"].set_y(typical)
    frame = fig.artists_of["guess"]
    frame.axes.set_ylim(0, top)
    low, high = (0, typical) if guess == "tight" else (typical, 0.98 * top)
    frame.set(visible=guess is not None, y=low, height=high - low)
    verdict = f"Digit 1 is {widths[1] / typical:.1f} times as wide as the median digit"
    guessed = "no guess committed" if guess is None else f"your guess: {guess} (frame)"
    frame.axes.set_title(f"{verdict}\n{guessed}")
    fig.caption = f"{verdict}; {guessed}."
    return fig


def latent_explorer(codes, labels, point, digit, fig=None):
    """The explorer's still twin: the plane with a point in it, and the digit decoded there.

    codes [n, 2], labels [n]; point [2]; digit [28, 28] in [0, 1].
    """
    if fig is None:
        fig = Figure(figsize=(7.2, 4.4), layout="constrained")
        plane, side = fig.subplots(1, 2, width_ratios=[1.6, 1])
        fig.artists_of = {
            "plane": new_plane(plane),
            "point": plane.plot([], [], "o", markersize=13, zorder=9, markerfacecolor="none",
                                markeredgecolor="black", markeredgewidth=2.5)[0],
            "digit": new_picture(side, 1, 1),
        }
        side.set_title(TWO_LINES)
        freeze_layout(fig)
    move_plane(fig.artists_of["plane"], codes, labels)
    fig.artists_of["point"].set_data([point[0]], [point[1]])
    fig.artists_of["digit"].set_data(digit)
    where = f"z = ({point[0]:.2f}, {point[1]:.2f})".replace("-", "−")
    fig.artists_of["digit"].axes.set_title(f"The decoder draws this\nat {where}")
    fig.caption = f"The latent plane of {len(codes):,} digits, and the digit decoded at {where}."
    return fig


def latent_sliders(point, digit, fig=None):
    """The still twin of an explorer without a plane: a bar for each latent, and the digit.

    point [latent]; digit [28, 28] in [0, 1].
    """
    if fig is None:
        fig = Figure(figsize=(7.2, 4.4), layout="constrained")
        axes, side = fig.subplots(1, 2, width_ratios=[1.6, 1])
        numbers = range(1, len(point) + 1)
        fig.artists_of = {
            "bars": list(axes.bar(numbers, [0.0] * len(point), color=BLUE)),
            "digit": new_picture(side, 1, 1),
        }
        axes.axhline(0, color="#666666", linewidth=0.8)
        axes.set(xlabel="latent dimension", ylabel="value of z", ylim=(-4, 4))
        axes.set_xticks(numbers[:: 1 + len(point) // 11])  # 20 numerals would touch
        axes.set_title("Where the decoder is asked")
        side.set_title("The decoder draws this")
        freeze_layout(fig)
    for bar, value in zip(fig.artists_of["bars"], point, strict=True):
        bar.set_height(value)
    fig.artists_of["digit"].set_data(digit)
    where = ", ".join(f"{value:.2f}" for value in point).replace("-", "−")
    fig.caption = f"The values of {len(point)} latents, and the digit decoded at z = ({where})."
    return fig


def digit_grid(images, columns, title, fig=None):
    """Images [n, 28, 28] in [0, 1] as one picture, `columns` to a row."""
    rows = -(-len(images) // columns)
    shape = (28 * rows, 28 * columns)
    if fig is None or fig.artists_of["digits"].get_array().shape != shape:
        fig = Figure(figsize=(4.8, 4.8 * rows / columns + 0.3), layout="constrained")
        axes = fig.subplots()
        fig.artists_of = {"digits": new_picture(axes, rows, columns)}
        axes.set_title(" ")
        freeze_layout(fig)
    fig.artists_of["digits"].set_data(tile(images, columns))
    fig.artists_of["digits"].axes.set_title(title)
    fig.caption = title
    return fig


def new_plane(axes, apart=0.6):
    """An empty latent plane in `axes`: its artists, for `move_plane`."""
    axes.set(xlabel="z₁", ylabel="z₂", xlim=(-4, 4), ylim=(-4, 4), aspect="equal")
    axes.set_title(TWO_LINES)
    points = axes.scatter([], [], s=5, alpha=0.6, linewidths=0)
    # Some of the colours are too pale for letters: they frame a dark numeral on white.
    badge = {"boxstyle": "round,pad=0.12", "facecolor": "white", "linewidth": 1.4}
    style = {"size": 10, "weight": "bold", "ha": "center", "va": "center", "clip_on": True}
    numerals = [
        axes.text(0, 0, str(digit), color="#222222", bbox=badge | {"edgecolor": colour}, **style)
        for digit, colour in enumerate(DIGIT_COLOURS)
    ]
    return points, numerals, apart


def move_plane(plane, codes, labels):
    """Show codes [n, 2] with labels [n] in a plane from `new_plane`."""
    points, numerals, apart = plane
    points.set_offsets(codes)
    points.set_facecolor(DIGIT_COLOURS[labels])
    points.axes.set_title(f"Latent plane: {len(codes):,} test digits,\nnumerals near class medians")
    present = [digit for digit in range(10) if (labels == digit).any()]
    medians = np.array([np.median(codes[labels == digit], axis=0) for digit in present])
    for numeral in numerals:
        numeral.set_visible(False)
    if len(present) > 1 and np.ptp(medians, axis=0).max() < apart:
        return  # over a single speck they would say nothing
    for digit, place in zip(present, _spread(medians, apart)):
        numerals[digit].set_visible(True)
        numerals[digit].set_position(place)


def _spread(places, apart, rounds=40):
    """The places [k, 2] pushed gently apart, so that numerals over mixed classes stay legible."""
    # A small fixed offset tells places apart that coincide.
    angle = np.arange(len(places))[:, None] + np.array([0, np.pi / 2])
    places = places + 1e-3 * np.cos(angle)  # [k, 2]
    for _ in range(rounds):
        gap = places[:, None] - places[None]  # [k, k, 2]
        distance = np.linalg.norm(gap, axis=-1, keepdims=True) + np.eye(len(places))[..., None]
        places = places + (0.25 * np.clip(apart - distance, 0, None) * gap / distance).sum(1)
    return places


def new_picture(axes, rows, columns):
    axes.set_axis_off()
    return axes.imshow(np.zeros((28 * rows, 28 * columns)), cmap="gray_r", vmin=0, vmax=1)


def labelled_picture(axes, labels, columns):
    """A `new_picture` with a word to the left of each of its rows."""
    picture = new_picture(axes, len(labels), columns)
    axes.set_axis_on()
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set(xticks=[], yticks=[28 * row + 14 for row in range(len(labels))])
    axes.set_yticklabels(labels, fontsize=8.5)
    axes.tick_params(length=0)
    return picture
