"""Figures of the latent plane, and the explorer's static figures."""

import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.base import BLUE, DIGIT_COLOURS, TWO_LINES, styled
from vae_helpers.plots.digits import new_picture


@styled
def latent_explorer(codes, labels, point, digit):
    """A static figure of the explorer: the latent plane with a point, and its decoded digit.

    codes [n, 2], labels [n]; point [2]; digit [28, 28] in [0, 1].
    """
    fig = Figure(figsize=(7.2, 4.4), layout="constrained")
    plane, side = fig.subplots(1, 2, width_ratios=[1.6, 1])
    move_plane(new_plane(plane), codes, labels)
    plane.plot(*point, "o", markersize=13, zorder=9, markerfacecolor="none",
               markeredgecolor="black", markeredgewidth=2.5)
    new_picture(side, 1, 1).set_data(digit)
    where = f"z = ({point[0]:.2f}, {point[1]:.2f})".replace("-", "−")
    side.set_title(f"The decoder draws this\nat {where}")
    fig.caption = f"The latent plane of {len(codes):,} digits, and the digit decoded at {where}."
    return fig


@styled
def latent_sliders(point, digit):
    """A static figure of an explorer with sliders: a bar for each latent, and the decoded digit.

    point [latent]; digit [28, 28] in [0, 1].
    """
    fig = Figure(figsize=(7.2, 4.4), layout="constrained")
    axes, side = fig.subplots(1, 2, width_ratios=[1.6, 1])
    numbers = range(1, len(point) + 1)
    axes.bar(numbers, point, color=BLUE)
    axes.axhline(0, color="#666666", linewidth=0.8)
    axes.set(xlabel="latent dimension", ylabel="value of z", ylim=(-4, 4))
    axes.set_xticks(numbers[:: 1 + len(point) // 11])  # 20 labels would overlap
    axes.set_title("The values of z")
    side.set_title("The decoder draws this")
    new_picture(side, 1, 1).set_data(digit)
    where = ", ".join(f"{value:.2f}" for value in point).replace("-", "−")
    fig.caption = f"The values of {len(point)} latents, and the digit decoded at z = ({where})."
    return fig


def new_plane(axes, apart=0.6):
    """Draw an empty latent plane in `axes`; returns its artists, for `move_plane`.

    apart: the smallest distance between two numerals.
    """
    axes.set(xlabel="z₁", ylabel="z₂", xlim=(-4, 4), ylim=(-4, 4), aspect="equal")
    axes.set_title(TWO_LINES)
    points = axes.scatter([], [], s=5, alpha=0.6, linewidths=0)
    # Some colours are too pale for text, so each is the frame of a dark numeral on white.
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
        return  # all classes in one place: ten numerals would say nothing
    for digit, place in zip(present, _spread(medians, apart)):
        numerals[digit].set_visible(True)
        numerals[digit].set_position(place)


def _spread(places, apart, rounds=40):
    """The positions [k, 2] moved apart, so that numerals over mixed classes do not overlap."""
    # Positions that coincide get a small offset, so that they have a direction to move in.
    angle = np.arange(len(places))[:, None] + np.array([0, np.pi / 2])
    places = places + 1e-3 * np.cos(angle)  # [k, 2]
    for _ in range(rounds):
        gap = places[:, None] - places[None]  # [k, k, 2]
        distance = np.linalg.norm(gap, axis=-1, keepdims=True) + np.eye(len(places))[..., None]
        places = places + (0.25 * np.clip(apart - distance, 0, None) * gap / distance).sum(1)
    return places
