"""Figures of notebook 03 on batch normalisation: lagging statistics, dead units, speed."""

import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.base import BLUE, GREEN, ORANGE, styled

STYLES = ((BLUE, "-", "o"), (ORANGE, "--", "s"), (GREEN, ":", "^"))  # in the order of the curves


@styled
def statistics_lag(runs, live, guess=None):
    """−ELBO after each epoch, with three kinds of batch norm statistics; in nats per image.

    runs: {recipe: {kind: [epochs]}}, medians over seeds. The kinds are "evaluation" (running
    statistics), "renewed" (recomputed statistics), "training" (statistics of each batch), and
    "lag", the difference "evaluation" − "renewed". live: {recipe: {kind: value}} of one run after
    the first epoch, for some recipes and kinds. guess: the learner's guess of the cause, or None.
    """
    fig = Figure(figsize=(9.6, 3.8), layout="constrained")
    panels = fig.subplots(1, len(runs), sharey=True)
    ways = {"evaluation": "running statistics", "renewed": "recomputed statistics",
            "training": "training batches"}
    lags = []
    for axes, (name, run) in zip(panels, runs.items()):
        epochs = range(1, len(run["training"]) + 1)
        for (mode, label), (colour, line, mark) in zip(ways.items(), STYLES):
            axes.plot(epochs, run[mode], line, color=colour, marker=mark, markersize=5, label=label)
        values = list(live.get(name, {}).values())
        axes.plot([1] * len(values), values, "D", color="black", markersize=9, fillstyle="none",
                  label="this run")
        axes.set(xlabel="epochs", ylim=(110, 350), xticks=epochs, xlim=(0.3, len(epochs) + 0.5))
        first, last = (f"{round(run['lag'][k])}".replace("-", "−") for k in (0, -1))
        axes.set_title(f"{name}:\nlag {first} nats, at the end {last}")
        lags.append(name.replace("\n", " ") + f": {first} after the first epoch, {last} at the end")
    panels[0].set_ylabel("−ELBO (nats per image,\nlower is better)")
    panels[0].legend(loc="upper right", fontsize=9)
    fig.suptitle("Slow running statistics make a model look worse than it is", x=0.01, ha="left",
                 fontsize=12)
    fig.caption = ("−ELBO with running statistics minus −ELBO with recomputed ones, in nats. "
                   + "; ".join(lags) + ".")
    if guess is not None:
        panels[-1].text(0.97, 0.95, f"your guess:\n{guess}", ha="right", va="top", color=ORANGE,
                        transform=panels[-1].transAxes)
        fig.caption += f" Your guess: {guess}."
    return fig


@styled
def dead_units(arms, units, heads):
    """The number of dead encoder units, with and without batch norm: medians and range over seeds.

    A dead unit is 0 for every test image. arms: {name: {"hidden": [seeds, epochs], "heads":
    [seeds, epochs]}}; the first two arms have a learning rate of 0.01, the first with batch norm,
    the second without. units, heads: the total numbers of hidden units and of the heads' outputs.
    """
    fig = Figure(figsize=(9.6, 3.6), layout="constrained")
    panels = fig.subplots(1, 2)
    what, told = {"hidden": "hidden units", "heads": "outputs of the heads"}, []
    for axes, key, whole in zip(panels, ("hidden", "heads"), (units, heads)):
        medians = {}
        for (name, arm), (colour, line, mark) in zip(arms.items(), STYLES):
            seeds = np.asarray(arm[key])  # [seeds, epochs]
            epochs, medians[name] = np.arange(1, seeds.shape[1] + 1), np.median(seeds, 0)
            axes.fill_between(epochs, seeds.min(0), seeds.max(0), color=colour, alpha=0.15, lw=0)
            axes.plot(epochs, medians[name], line, color=colour, marker=mark, label=name)
        axes.set(xlabel="epochs", xticks=epochs, ylim=(-0.04 * whole, 1.08 * whole),
                 ylabel=f"{what[key]} that are 0 for all\ntest images (of {whole})")
        told.append(", ".join(f"{values[-1]:g} {name}" for name, values in medians.items()))
        if key == "hidden":
            axes.set_title(_what_dies(list(medians.values()), whole))
        else:
            some = list(medians.values())[0][-1] > 0
            axes.set_title("Some outputs of the heads are silent\nwith batch norm too" if some else
                           "No output of the heads is silent\nwith batch norm")
    panels[0].legend(loc="center right", fontsize=9)
    fig.caption = (f"Dead hidden units of {units} after the last epoch, medians: {told[0]}. Silent "
                   f"outputs of the heads, of {heads}: {told[1]}.")
    return fig


def _what_dies(medians, units):
    """The title for the hidden units of the first arm (batch norm) and the second (without)."""
    most = medians[1][-1] > units / 2 and medians[0][-1] < units / 20
    if most:
        return "Without batch norm most hidden units die,\nat a learning rate of 0.01"
    return "Hidden units that are 0 for every image,\nwith batch norm and without"


@styled
def learning_curves(curves, reached, without):
    """−ELBO against epochs and against seconds: medians, and the range over seeds.

    curves: {recipe: {"neg_elbo": [seeds, epochs], "seconds": [seeds, epochs]}}; without: the
    recipe with which the others are compared; reached: {other recipe: {"epochs": [seeds],
    "seconds": [seeds]}}, when each seed reaches the final −ELBO of the same seed of `without`.
    """
    fig = Figure(figsize=(9.6, 4.0), layout="constrained")
    left, right = fig.subplots(1, 2, sharey=True)
    for (name, curve), (colour, line, _) in zip(curves.items(), STYLES):
        neg_elbo, seconds = (np.asarray(curve[key]) for key in ("neg_elbo", "seconds"))
        median, ends = np.median(neg_elbo, 0), np.median(np.asarray(
            curves[without]["neg_elbo"])[:, -1])
        places = {left: np.arange(1, len(median) + 1), right: np.median(seconds, 0)}
        for axes, x in places.items():
            axes.fill_between(x, neg_elbo.min(0), neg_elbo.max(0), color=colour, alpha=0.15, lw=0)
            axes.plot(x, median, line, color=colour, label=name)
        for axes, key in ((left, "epochs"), (right, "seconds")):
            if name in reached:
                axes.plot(np.median(reached[name][key]), ends, "o", color=colour, markersize=9,
                          fillstyle="none", markeredgewidth=2)
    longest = max(np.median(curve["seconds"], 0)[-1] for curve in curves.values())
    left.set(ylabel="−ELBO, recomputed statistics\n(nats per test image, lower is better)",
             xlabel="epochs", ylim=(110, 215), xlim=(0.5, len(median) + 0.5))
    right.set(xlabel="seconds of processor time, one thread", xlim=(0, 1.03 * longest))
    right.legend(loc="upper right", fontsize=9)
    total = np.median(np.asarray(curves[without]["seconds"])[:, -1])
    in_epochs, in_seconds = (" and ".join(f"{np.median(places[key]):.1f}"
                                          for places in reached.values())
                             for key in ("epochs", "seconds"))
    left.set_title(f"With batch norm, {_about(reached, 'epoch')}\nas good as {len(median)} without")
    right.set_title(f"With batch norm, {_about(reached, 'second')}\n"
                    f"as good as {total:.0f} without")
    fig.caption = (
        f"As good as {len(median)} epochs ({total:.1f} seconds) {without}, medians: after "
        f"{in_epochs} epochs, {in_seconds} seconds with {' and '.join(reached)}."
    )
    return fig


def _about(reached, unit):
    """The medians in whole numbers, as the subject of a sentence: "4 epochs are"."""
    counts = sorted({round(float(np.median(places[unit + "s"]))) for places in reached.values()})
    words = " to ".join(str(count) for count in {counts[0]: 0, counts[-1]: 0})
    return f"{words} {unit} is" if words == "1" else f"{words} {unit}s are"
