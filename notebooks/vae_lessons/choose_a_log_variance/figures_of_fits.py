"""Figures of notebook 08: one regression of a scale, in three parametrisations."""

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from vae_helpers.plots.base import TWO_LINES, freeze_layout, styled
from vae_lessons.choose_a_log_variance.figures import STYLES

FAILURES = LinearSegmentedColormap.from_list("failures", ["#FFFFFF", "#E69F00"])


@styled
def fitted_scales(x, truth, stored, live, excess, failures, settings, guess=None, fig=None):
    """σ² as each parametrisation learnt it, every stored seed and this run over the truth.

    x: [points]; truth: log₁₀ σ² [points]; stored: {parametrisation: log₁₀ σ² [seeds, points],
    NaN where it was not finite}; live: {parametrisation: [points]}, for some or none; excess:
    {parametrisation: nats per error [seeds]}, ∞ among them; failures: {parametrisation:
    seeds that failed}; settings: words for the title. guess: a parametrisation, or None.
    """
    if fig is None:
        fig = _empty_fits(stored)
    words = []
    for name, parts in fig.artists_of.items():
        for line, curve in zip(parts["stored"], stored[name]):
            line.set_data(x, np.clip(curve, -8, 8))
        parts["live"].set_data(*([x, live[name]] if name in live else [[], []]))
        parts["truth"].set_data(x, truth)
        median = np.median(excess[name])
        count = f"{failures[name]} of {len(excess[name])} fail"
        chosen = " (your guess)" if guess == name else ""
        parts["truth"].axes.set_title(f"{name}{chosen}:\n{count}, {_nats(median)} off")
        words.append(f"{name}: {count}, median excess {_nats(median)}")
    middle = (truth.min() + truth.max()) / 2
    parts["truth"].axes.set_ylim(middle - 5.5, middle + 5.5)
    fig.caption = f"{settings}. " + "; ".join(words) + "."
    return fig


def _empty_fits(stored):
    """The figure of fitted scales with a panel for each parametrisation, and no curves yet."""
    fig = Figure(figsize=(9.6, 3.9), layout="constrained")
    panels = fig.subplots(1, len(stored), sharey=True)
    fig.artists_of = {}
    for axes, name in zip(panels, stored):
        fig.artists_of[name] = {
            "stored": [axes.plot([], [], color=STYLES[name][0], alpha=0.5, linewidth=1.2,
                                 label="stored seeds" if k == 0 else None)[0]
                       for k in range(len(stored[name]))],
            "live": axes.plot([], [], color="black", linewidth=1.6, linestyle="--",
                              label="this run")[0],
            "truth": axes.plot([], [], color="#999999", linewidth=5, alpha=0.5,
                               label="truth")[0],
        }
        axes.set(xlabel="x", xlim=(-1, 1), title=TWO_LINES)
    panels[0].set_ylabel("log₁₀ σ²")
    panels[0].set_ylim(-7, 7)
    panels[0].legend(loc="upper left", fontsize=9)
    freeze_layout(fig)
    return fig


@styled
def failure_maps(failures, excess, learning_rates, units, seeds, fig=None):
    """Which places each parametrisation fails in, one panel each.

    failures: {parametrisation: seeds that failed [learning rates, units]}; excess: the same for
    the median excess NLL, in nats per error. seeds: how many there are.
    """
    if fig is None:
        fig = Figure(figsize=(9.6, 2.9), layout="constrained")
        panels = fig.subplots(1, len(failures), sharey=True)
        fig.artists_of = {}
        for axes, (name, count) in zip(panels, failures.items()):
            rows, columns = np.shape(count)
            fig.artists_of[name] = (
                axes.imshow(np.zeros((rows, columns)), cmap=FAILURES, vmin=0, vmax=seeds,
                            aspect="auto", origin="lower"),
                [axes.text(k, row, "", ha="center", va="center", fontsize=9)
                 for row in range(rows) for k in range(columns)],
            )
            axes.set(xlabel="unit of the errors", xticks=range(columns), yticks=range(rows),
                     title=TWO_LINES)
            axes.set_xticklabels([f"{unit:g}" for unit in units])
            axes.set_yticklabels([f"{rate:g}" for rate in learning_rates])
        panels[0].set_ylabel("learning rate")
        freeze_layout(fig)
    words = []
    for name, (picture, texts) in fig.artists_of.items():
        count, off = np.asarray(failures[name]), np.asarray(excess[name])
        picture.set_data(count)
        for text, failed, nats in zip(texts, count.ravel(), off.ravel()):
            text.set_text(f"{failed}\n{_nats(nats).removesuffix(' nats')}")
        total = f"{count.sum()} of {seeds * count.size} runs fail"
        picture.axes.set_title(f"{name}:\n{total}")
        words.append(f"{name}: {total}; by unit " + ", ".join(
            f"{failed} at {unit:g}" for unit, failed in zip(units, count.sum(0))))
    fig.caption = (f"Failures among {seeds} seeds at {len(learning_rates)} learning rates. "
                   + ". ".join(words) + ".")
    return fig


def _nats(value):
    """A number of nats in few characters; what is not finite is told so."""
    if not np.isfinite(value):
        return "∞ nats"
    return f"{value:.2f} nats" if value < 10 else f"{value:,.0f} nats"
