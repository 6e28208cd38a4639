"""Figures of notebook 00: a first VAE, its plane while it grows, and many seeds."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from vae_helpers.plots.base import BLUE, DIGIT_COLOURS, ORANGE, TWO_LINES, freeze_layout, styled
from vae_helpers.plots.digits import move_plane, new_picture, new_plane, tile


@styled
def training_progress(codes, labels, originals, reconstructions, steps, neg_elbo, total, fig=None):
    """A first VAE while it trains: latent plane, digits in and out, and the falling −ELBO.

    codes [n, 2] with labels [n]; originals and reconstructions [10, 28, 28] in [0, 1];
    steps [t] of a `total`, and neg_elbo [t] in nats per image.
    """
    if fig is None:
        fig = _empty_progress()
    move_plane(fig.artists_of["plane"], codes, labels)
    rows = np.stack([originals.reshape(2, 5, 28, 28), reconstructions.reshape(2, 5, 28, 28)], 1)
    fig.artists_of["digits"].set_data(tile(rows.reshape(20, 28, 28), 5))
    fig.artists_of["curve"].set_data(steps, neg_elbo)
    fig.artists_of["now"].set_data(steps[-1:], neg_elbo[-1:])
    curve = fig.artists_of["now"].axes
    curve.set_xlim(-0.03 * total, 1.04 * total)
    curve.set_ylim(min(140, 0.97 * min(neg_elbo)), max(600, 1.03 * max(neg_elbo)))
    curve.set_title(f"After {steps[-1]:,} steps:\n{neg_elbo[-1]:.0f} nats per image")
    fig.caption = (
        f"After {steps[-1]:,} steps the −ELBO on {len(codes):,} test digits is "
        f"{neg_elbo[-1]:.0f} nats per image; it was {neg_elbo[0]:.0f} at the start."
    )
    return fig


def _empty_progress():
    """The progress figure with its axes, and no model yet."""
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
    return fig


@styled
def plane_growth(codes, labels, steps):
    """The latent plane at several moments: codes [moment, n, 2], labels [n], steps [moment]."""
    fig = Figure(figsize=(9.6, 2.9), layout="constrained")
    panels = fig.subplots(1, len(steps), sharey=True)
    for axes, moment, step in zip(panels, codes, steps):
        move_plane(new_plane(axes, apart=1.0), moment, labels)
        axes.set_title(f"after {step:,} steps")
    for axes in panels[1:]:
        axes.set_ylabel("")
    fig.caption = "The latent plane after " + ", ".join(f"{step:,}" for step in steps) + " steps."
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
    move_plane(new_plane(plane), codes, labels)
    bars.bar(range(10), widths, color=DIGIT_COLOURS)
    bars.plot([-0.6, 9.5], [typical, typical], "--", color="black", linewidth=1)
    bars.text(9.6, typical, "median\ndigit", va="center")
    if guess is not None:
        low, high = (0, typical) if guess == "tight" else (typical, 0.98 * top)
        bars.bar(1, high - low, bottom=low, width=0.9, color="none", edgecolor=ORANGE,
                 linewidth=2.5)
    bars.set(xlabel="digit", ylabel="width (median distance to the centre)")
    bars.set(xticks=range(10), xlim=(-0.7, 11), ylim=(0, top))
    verdict = f"Digit 1 is {widths[1] / typical:.1f} times as wide as the median digit"
    guessed = "no guess committed" if guess is None else f"your guess: {guess} (frame)"
    bars.set_title(f"{verdict}\n{guessed}")
    fig.caption = f"{verdict}; {guessed}."
    return fig


@styled
def seeds_and_live(stored, live, bands):
    """Stored results of many seeds with the live one over them, one panel a quantity.

    stored: {label: values [seeds]}, live: {label: value}, bands: {label: (low, high)}.
    """
    fig = Figure(figsize=(9.6, 0.55 + 0.85 * len(stored)), layout="constrained")
    fig.get_layout_engine().set(rect=(0.01, 0, 0.97, 1))  # room for a number at the end of an axis
    panels = fig.subplots(len(stored), 1, squeeze=False)[:, 0]
    outside = 0
    for axes, (label, values) in zip(panels, stored.items()):
        low, high = bands[label]
        every = np.array([*values, live[label]])
        outside += int(((every < low) | (every > high)).sum())
        axes.axvspan(low, high, color="#DDEEFF")
        axes.plot(values, np.zeros(len(values)), "o", color=BLUE, alpha=0.7, label="stored seeds")
        axes.plot(live[label], 0, "D", color=ORANGE, markersize=8, label="this run")
        first, last = min(low, every.min()), max(high, every.max())
        margin = 0.1 * (last - first)
        axes.set(yticks=[], xlabel=label, ylim=(-1, 1), xlim=(first - margin, last + margin))
        axes.spines["left"].set_visible(False)
    verdict = f"{outside} results fall outside" if outside else "Every result falls inside"
    panels[0].set_title(f"{verdict} the band (shaded)")
    panels[0].legend(loc="upper right", ncols=2, fontsize=9, bbox_to_anchor=(1, 1.6))
    fig.caption = f"{verdict} the band. " + "; ".join(
        f"{label}: {min(values):.3g} to {max(values):.3g} over {len(values)} stored seeds, "
        f"{live[label]:.3g} in this run"
        for label, values in stored.items()
    )
    return fig
