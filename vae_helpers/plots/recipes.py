"""Figures of notebook 03: a VAE's parts, and how recipes for training one compare."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from vae_helpers.plots.base import BLUE, GREEN, ORANGE, freeze_layout


def vae_graph(encoder, decoder, pixels, fig=None):
    """The parts of a `models.CoderVAE` and what flows between them.

    encoder, decoder: widths of the coders; pixels: of an image.
    """
    if fig is not None:
        return fig  # it has nothing that could move
    fig = Figure(figsize=(9.6, 3.6), layout="constrained")
    axes = fig.subplots()
    axes.set(xlim=(0, 9.6), ylim=(0, 3.6))
    axes.axis("off")
    latent = encoder[-1]
    boxes = {  # name: (x, y, width, words, colour)
        "x": (0.1, 1.4, 0.9, f"x\n[batch, {pixels}]", "#EEEEEE"),
        "mean coder": (1.5, 2.3, 1.9, "coder\n" + " → ".join(map(str, encoder)), "#CCE5F2"),
        "logvar coder": (1.5, 0.5, 1.9, "coder\n" + " → ".join(map(str, encoder)), "#CCE5F2"),
        "mean": (3.9, 2.3, 1.0, f"mean\n[batch, {latent}]", "#EEEEEE"),
        "logvar": (3.9, 0.5, 1.0, f"logvar\n[batch, {latent}]", "#EEEEEE"),
        "z": (5.3, 1.4, 1.3, "z = mean +\nexp(½ logvar) ε", "#F7DCCB"),
        "decoder": (7.0, 1.4, 1.4, "coder\n" + " → ".join(map(str, decoder)), "#CCE5F2"),
        "logits": (8.7, 1.4, 0.85, f"logits\n[batch, {pixels}]", "#EEEEEE"),
    }
    for x, y, width, words, colour in boxes.values():
        axes.add_patch(FancyBboxPatch((x, y), width, 0.8, boxstyle="round,pad=0.03", fc=colour,
                                      ec="#555555"))
        axes.text(x + width / 2, y + 0.4, words, ha="center", va="center", fontsize=8)
    arrows = [("x", "mean coder"), ("x", "logvar coder"), ("mean coder", "mean"),
              ("logvar coder", "logvar"), ("mean", "z"), ("logvar", "z"), ("z", "decoder"),
              ("decoder", "logits")]
    for start, end in arrows:
        (x, y, width, *_), (to_x, to_y, *_) = boxes[start], boxes[end]
        axes.annotate("", (to_x - 0.03, to_y + 0.4), (x + width + 0.03, y + 0.4),
                      arrowprops={"arrowstyle": "->", "color": "#555555"})
    axes.text(5.95, 0.85, "ε ~ N(0, I)", ha="center", fontsize=8)
    axes.annotate("", (5.95, 1.37), (5.95, 1.0), arrowprops={"arrowstyle": "->", "color": "#555555"})
    axes.set_title("Two coders read the image, one draws it")
    freeze_layout(fig)
    fig.artists_of = {}
    fig.caption = (
        f"x goes through two coders to mean and logvar, {latent} numbers each; z is drawn from them "
        f"and goes through a third coder to {pixels} logits."
    )
    return fig


def ladder(stored, live, plateau, fig=None):
    """−ELBO of several recipes, from worst idea to best: stored seeds, and live runs over them.

    stored: {recipe: [seeds]}; live: {recipe: value}, for some of them; plateau: the −ELBO of a
    decoder that draws the mean image. Nats per test image.
    """
    if fig is None:
        fig = Figure(figsize=(9.6, 0.9 + 0.42 * len(stored)), layout="constrained")
        axes = fig.subplots()
        fig.artists_of = {
            "plateau": axes.axvline(plateau, color="#999999", label="the mean image"),
            "stored": axes.plot([], [], "o", color=BLUE, alpha=0.7, label="stored seeds")[0],
            "live": axes.plot([], [], "D", color=ORANGE, markersize=8, label="this run")[0],
            "medians": [axes.text(0, row, "", ha="right", va="center", fontsize=9)
                        for row in range(len(stored))],
        }
        axes.set(yticks=range(len(stored)), ylim=(len(stored) - 0.5, -0.5),
                 xlabel="−ELBO at β = 1 (nats per test image)", xlim=(105, 215))
        axes.set_yticklabels(stored)
        axes.legend(loc="lower right", fontsize=9)
        axes.set_title(" ")
        freeze_layout(fig)
    parts = fig.artists_of
    parts["plateau"].set_xdata([plateau, plateau])
    rows = {recipe: row for row, recipe in enumerate(stored)}
    parts["stored"].set_data(np.concatenate(list(stored.values())), np.concatenate(
        [np.full(len(values), rows[recipe]) for recipe, values in stored.items()]))
    parts["live"].set_data(list(live.values()), [rows[recipe] for recipe in live])
    medians = {recipe: np.median(values) for recipe, values in stored.items()}
    for words, (recipe, values) in zip(parts["medians"], stored.items()):
        words.set(x=min(values) - 2, text=f"{medians[recipe]:.0f}")
    worst, best = max(medians, key=medians.get), min(medians, key=medians.get)
    parts["live"].axes.set_title(
        f"From “{worst}” ({medians[worst]:.0f}) to “{best}” ({medians[best]:.0f}), medians")
    fig.caption = "Median −ELBO in nats per test image: " + ", ".join(
        f"{recipe} {median:.1f}" for recipe, median in medians.items()) + "."
    return fig


def learning_curves(curves, target, fig=None):
    """−ELBO after each epoch, against epochs and against seconds.

    curves: {recipe: {"neg_elbo": [seeds, epochs], "seconds": [seeds, epochs]}}; target: a −ELBO.
    """
    if fig is None:
        fig = Figure(figsize=(9.6, 3.9), layout="constrained")
        panels = fig.subplots(1, 2, sharey=True)
        fig.artists_of = {"targets": [axes.axhline(target, color="#999999") for axes in panels]}
        for (name, curve), colour, line in zip(curves.items(), (BLUE, ORANGE, GREEN), ("-", "--", ":")):
            fig.artists_of[name] = [
                axes.plot(0, 0, line, color=colour, label=name if seed == 0 else None)[0]
                for axes in panels for seed in range(len(curve["neg_elbo"]))
            ]
        panels[0].set(ylabel="−ELBO in evaluation (nats per test image)", xlabel="epochs",
                      ylim=(110, 240), title=" ")
        panels[1].set(xlabel="seconds of training", title="… and against seconds")
        panels[0].legend(loc="upper right", fontsize=9)
        freeze_layout(fig)
    longest, words = 0, []
    for name, curve in curves.items():
        neg_elbo, seconds = (np.asarray(curve[key]) for key in ("neg_elbo", "seconds"))
        epochs = np.arange(1, neg_elbo.shape[1] + 1)
        of_epochs, of_seconds = np.split(np.array(fig.artists_of[name]), 2)
        for k, values in enumerate(neg_elbo):
            of_epochs[k].set_data(epochs, values)
            of_seconds[k].set_data(seconds[k], values)
        longest = max(longest, seconds.max())
        reached = np.median([np.argmax(v <= target) + 1 if v.min() <= target else np.inf
                             for v in neg_elbo])
        words.append(f"{name} {reached:.0f}" if np.isfinite(reached) else f"{name} not yet")
    for line in fig.artists_of["targets"]:
        line.set_ydata([target, target])
    left, right = (line.axes for line in fig.artists_of["targets"])
    left.set_xlim(0.5, epochs[-1] + 0.5)
    right.set_xlim(0, 1.03 * longest)
    left.set_title(f"Against epochs (grey: {target:.0f} nats) …")
    fig.caption = f"Median epochs to {target:.0f} nats: " + ", ".join(words) + "."
    return fig


def statistics_lag(runs, fig=None):
    """How far evaluation lags behind training: {recipe: {"evaluation", "training": [epochs]}}."""
    if fig is None:
        fig = Figure(figsize=(9.6, 3.6), layout="constrained")
        fig.artists_of = {}
        panels = fig.subplots(1, len(runs), sharey=True)
        for axes, (name, run) in zip(panels, runs.items()):
            fig.artists_of[name] = [
                axes.plot([], [], line, color=colour, marker=mark, label=mode)[0]
                for mode, line, colour, mark in (("evaluation", "-", BLUE, "o"),
                                                 ("training", "--", ORANGE, "s"))
            ]
            axes.set(xlabel="epochs", ylim=(110, 310), xticks=range(1, 1 + len(run["training"])),
                     xlim=(0.5, len(run["training"]) + 0.5), title=" ")
        panels[0].set_ylabel("−ELBO (nats per image)")
        panels[0].legend(loc="upper right", fontsize=9)
        freeze_layout(fig)
    words = []
    for name, run in runs.items():
        for line, mode in zip(fig.artists_of[name], ("evaluation", "training")):
            line.set_data(np.arange(1, len(run[mode]) + 1), run[mode])
        first = run["evaluation"][0] - run["training"][0]
        line.axes.set_title(f"{name}: first epoch {first:+.0f} nats".replace("-", "−"))
        words.append(f"{name} {first:+.0f}".replace("-", "−"))
    fig.caption = "Evaluation less training after the first epoch, in nats: " + ", ".join(words) + "."
    return fig
