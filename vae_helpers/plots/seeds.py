"""Figures that set a live result beside stored ones."""

import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.base import BLUE, ORANGE, freeze_layout


def seeds_and_live(stored, live, bands, fig=None):
    """Stored results of many seeds with the live one over them, one panel a quantity.

    stored: {label: values [seeds]}, live: {label: value}, bands: {label: (low, high)}.
    """
    if fig is None:
        fig = Figure(figsize=(9.6, 0.55 + 0.85 * len(stored)), layout="constrained")
        fig.get_layout_engine().set(rect=(0.01, 0, 0.97, 1))  # room for a number at the end of an axis
        fig.artists_of = {}
        panels = fig.subplots(len(stored), 1, squeeze=False)[:, 0]
        for axes, label in zip(panels, stored):
            axes.set(yticks=[], xlabel=label, ylim=(-1, 1))
            axes.spines["left"].set_visible(False)
            fig.artists_of[label] = (
                axes.axvspan(0, 1, color="#DDEEFF"),
                axes.plot([], [], "o", color=BLUE, alpha=0.7, label="stored seeds")[0],
                axes.plot([], [], "D", color=ORANGE, markersize=8, label="this run")[0],
            )
        panels[0].set_title(" ")
        panels[0].legend(loc="upper right", ncols=2, fontsize=9, bbox_to_anchor=(1, 1.6))
        freeze_layout(fig)
    outside = 0
    for label, (band, dots, mark) in fig.artists_of.items():
        low, high = bands[label]
        values = np.array([*stored[label], live[label]])
        outside += int(((values < low) | (values > high)).sum())
        first, last = min(low, values.min()), max(high, values.max())
        margin = 0.1 * (last - first)
        band.set(x=low, width=high - low)
        band.axes.set_xlim(first - margin, last + margin)
        dots.set_data(stored[label], np.zeros(len(stored[label])))
        mark.set_data([live[label]], [0])
    verdict = f"{outside} results fall outside" if outside else "Every result falls inside"
    next(iter(fig.artists_of.values()))[0].axes.set_title(f"{verdict} the band (shaded)")
    fig.caption = f"{verdict} the band. " + "; ".join(
        f"{label}: {min(values):.3g} to {max(values):.3g} over {len(values)} stored seeds, "
        f"{live[label]:.3g} in this run"
        for label, values in stored.items()
    )
    return fig


def parts_of_gap(stored, live, fig=None):
    """A quantity and its parts, all in nats per image, on one axis: stored seeds and this run.

    stored: {label: values [seeds]}, live: {label: value}; the first is the whole.
    """
    if fig is None:
        fig = Figure(figsize=(9.6, 3.0), layout="constrained")
        axes = fig.subplots()
        fig.artists_of = {
            label: (
                axes.plot([], [], "o", color=BLUE, alpha=0.7, label="stored seeds")[0],
                axes.plot([], [], "D", color=ORANGE, markersize=8, label="this run")[0],
            )
            for label in stored
        }
        axes.set(yticks=range(len(stored)), xlabel="nats per image", ylim=(len(stored) - 0.5, -0.5))
        axes.set_yticklabels(stored)
        axes.legend(handles=next(iter(fig.artists_of.values())), loc="center right", fontsize=9)
        axes.set_title(" ")
        freeze_layout(fig)
    for row, (label, (dots, mark)) in enumerate(fig.artists_of.items()):
        dots.set_data(stored[label], np.full(len(stored[label]), row))
        mark.set_data([live[label]], [row])
    whole, *parts = stored
    dots.axes.set_xlim(0, 1.1 * max(*stored[whole], live[whole]))
    largest = max(parts, key=live.get)
    dots.axes.set_title(f"Most of the gap is the {largest}")
    fig.caption = f"Most of the gap is the {largest}: " + "; ".join(
        f"{label} {live[label]:.3g} in this run, {min(values):.3g} to {max(values):.3g} over "
        f"{len(values)} stored seeds" for label, values in stored.items()
    )
    return fig
