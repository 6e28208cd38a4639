"""Figures of notebook 03: a VAE's parts, the hidden β, and how recipes compare."""

import math

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from vae_helpers.plots.base import BLUE, GREEN, ORANGE, TWO_LINES, freeze_layout, styled

ARROWS = [("x", "mean coder"), ("x", "logvar coder"), ("mean coder", "mean"),
          ("logvar coder", "logvar"), ("mean", "z"), ("logvar", "z"), ("z", "decoder"),
          ("decoder", "logits")]


@styled
def vae_graph(encoder, decoder, pixels):
    """The parts of a `lab.CoderVAE` and what flows between them.

    encoder, decoder: widths of the coders, each of which has one layer more of its last width;
    pixels: of an image.
    """
    latent = encoder[-1]
    fig = Figure(figsize=(9.6, 3.6), layout="constrained")
    axes = fig.subplots()
    axes.set(xlim=(0, 9.6), ylim=(0, 3.6))
    axes.axis("off")
    boxes = _boxes(encoder, decoder, pixels)
    for x, y, width, words, colour in boxes.values():
        axes.add_patch(FancyBboxPatch((x, y), width, 0.8, boxstyle="round,pad=0.03", fc=colour,
                                      ec="#555555"))
        axes.text(x + width / 2, y + 0.4, words, ha="center", va="center", fontsize=8)
    arrow = {"arrowstyle": "->", "color": "#555555"}
    for start, end in ARROWS:
        (x, y, width, *_), (to_x, to_y, *_) = boxes[start], boxes[end]
        axes.annotate("", (to_x - 0.03, to_y + 0.4), (x + width + 0.03, y + 0.4), arrowprops=arrow)
    axes.text(5.8, 0.85, "ε ~ N(0, I)", ha="center", fontsize=8)
    axes.annotate("", (5.8, 1.37), (5.8, 1.0), arrowprops=arrow)
    axes.text(4.8, 0.05, "in every coder batch norm, dense, ReLU for each width, "
              "then one dense layer more", ha="center", fontsize=8)
    axes.set_title("Two coders read the image, one draws it")
    fig.caption = (
        f"x goes through two coders to mean and logvar, {latent} numbers each; z is drawn from "
        f"them and goes through a third coder to {pixels} logits."
    )
    return fig


def _boxes(encoder, decoder, pixels):
    """The parts of the graph: {name: (x, y, width, words, colour)}."""
    latent = encoder[-1]
    encoder, decoder = (" → ".join(map(str, [*widths, widths[-1]]))
                        for widths in (encoder, decoder))
    return {
        "x": (0.1, 1.4, 0.9, f"x\n[batch, {pixels}]", "#EEEEEE"),
        "mean coder": (1.5, 2.3, 1.9, f"coder\n{encoder}", "#CCE5F2"),
        "logvar coder": (1.5, 0.5, 1.9, f"coder\n{encoder}", "#CCE5F2"),
        "mean": (3.9, 2.3, 1.0, f"mean\n[batch, {latent}]", "#EEEEEE"),
        "logvar": (3.9, 0.5, 1.0, f"logvar\n[batch, {latent}]", "#EEEEEE"),
        "z": (5.2, 1.4, 1.2, "z = mean +\nexp(½ logvar) ε", "#F7DCCB"),
        "decoder": (6.7, 1.4, 1.75, f"coder\n{decoder}", "#CCE5F2"),
        "logits": (8.7, 1.4, 0.85, f"logits\n[batch, {pixels}]", "#EEEEEE"),
    }


@styled
def ladder(stored, live, steps, plateau):
    """−ELBO of several recipes: stored seeds, and live runs over them. Nats per test image.

    stored: {recipe: {"renewed": [seeds], "evaluation": [seeds]}}, measured with renewed and
    with running statistics; live: {recipe: {"value": one run's, "stored": [seeds]}} for some of
    them, with renewed statistics, the stored ones after as many epochs; steps: the recipes
    of which each goes on from the one before; plateau: of a decoder that draws the mean image.
    """
    rows = {recipe: row for row, recipe in enumerate(stored)}
    medians = {recipe: np.median(values["renewed"]) for recipe, values in stored.items()}
    fig = Figure(figsize=(9.6, 1.3 + 0.55 * len(stored)), layout="constrained")
    axes = fig.subplots()
    axes.axvline(plateau, color="#999999", label="the mean image")
    axes.plot(*_points({rows[r]: values["renewed"] for r, values in stored.items()}),
              "o", color=BLUE, alpha=0.7, label="stored seeds")
    axes.plot(*_points({rows[r] + 0.28: values["evaluation"] for r, values in stored.items()}),
              "|", color="#555555", markersize=8, label="… running statistics")
    axes.plot(*_points({rows[r] - 0.28: run["stored"] for r, run in live.items()}),
              "o", color=ORANGE, fillstyle="none", label="… at this run's epoch")
    axes.plot(*_points({rows[r] - 0.28: [run["value"]] for r, run in live.items()}),
              "D", color=ORANGE, markersize=8, label="this run")
    for recipe, row in rows.items():
        axes.text(min(stored[recipe]["renewed"]) - 2, row, f"{medians[recipe]:.0f}", ha="right",
                  va="center", fontsize=9)
    axes.set(yticks=range(len(stored)), ylim=(len(stored) - 0.5, -0.5),
             xlabel="−ELBO at β = 1 (nats per test image)", xlim=(105, 215))
    axes.set_yticklabels(stored)
    fig.legend(loc="outside lower center", ncols=5, fontsize=9)
    gains = ", ".join(f"{step} {medians[step] - medians[before]:+.0f}"
                      for before, step in zip(steps, steps[1:])).replace("-", "−")
    axes.set_title(f"{steps[0]} {medians[steps[0]]:.0f} nats; {gains}")
    fig.caption = "Median −ELBO in nats per test image, renewed statistics (running ones): " + (
        ", ".join(f"{recipe} {medians[recipe]:.1f} ({np.median(values['evaluation']):.1f})"
                  for recipe, values in stored.items())) + "."
    return fig


def _points(rows):
    """The x and the y of all points of {y: [x of its points]}."""
    return ([x for places in rows.values() for x in places],
            [y for y, places in rows.items() for _ in places])


@styled
def learning_curves(curves, reached, without):
    """−ELBO after each epoch, against epochs and against seconds, and where runs catch up.

    curves: {recipe: {"neg_elbo": [seeds, epochs], "seconds": [seeds, epochs]}}; without: the
    recipe that the others are held against; reached: {another recipe: {"epochs": [seeds],
    "seconds": [seeds]}}, when each seed stands where the same seed `without` ends.
    """
    fig = Figure(figsize=(9.6, 4.0), layout="constrained")
    left, right = fig.subplots(1, 2, sharey=True)
    ends = np.asarray(curves[without]["neg_elbo"])[:, -1]
    for (name, curve), colour, line in zip(curves.items(), (BLUE, ORANGE, GREEN), ("-", "--", ":")):
        neg_elbo, seconds = (np.asarray(curve[key]).T for key in ("neg_elbo", "seconds"))
        epochs = np.arange(1, len(neg_elbo) + 1)
        left.plot(epochs, neg_elbo, line, color=colour)
        right.plot(seconds, neg_elbo, line, color=colour)[0].set_label(name)
        if name in reached:
            left.plot(reached[name]["epochs"], ends, "o", color=colour, fillstyle="none")
            right.plot(reached[name]["seconds"], ends, "o", color=colour, fillstyle="none")
    longest = max(np.max(curve["seconds"]) for curve in curves.values())
    left.set(ylabel="−ELBO, renewed statistics\n(nats per test image)", xlabel="epochs",
             ylim=(110, 215), xlim=(0.5, len(epochs) + 0.5))
    right.set(xlabel="seconds of processor time, one thread", xlim=(0, 1.03 * longest))
    right.legend(loc="upper right", fontsize=9)
    median = np.median(np.asarray(curves[without]["seconds"])[:, -1])
    in_epochs, in_seconds = (", ".join(f"{np.median(places[key]):.1f} with {name}"
                                       for name, places in reached.items())
                             for key in ("epochs", "seconds"))
    left.set_title(f"{len(epochs)} epochs {without}:\n{in_epochs}")
    right.set_title(f"{median:.0f} seconds {without}:\n{in_seconds}")
    fig.caption = (
        f"As good as {len(epochs)} epochs ({median:.1f} seconds) {without}, medians: "
        f"epochs {in_epochs}; seconds {in_seconds}."
    )
    return fig


@styled
def statistics_lag(runs, live, guess=None):
    """−ELBO in three ways, after each epoch; in nats.

    runs: {recipe: {"evaluation", "renewed", "training": [epochs]}}: in evaluation mode with
    running statistics, with renewed ones, and over training batches. live: {recipe: {some of
    these: a run's value after the first epoch}}. guess: the learner's words for why they differ.
    """
    fig = Figure(figsize=(9.6, 3.8), layout="constrained")
    panels = fig.subplots(1, len(runs), sharey=True)
    lags = []
    for axes, (name, run) in zip(panels, runs.items()):
        epochs = range(1, len(run["training"]) + 1)
        for mode, label, line, colour, mark in (
            ("evaluation", "running statistics", "-", BLUE, "o"),
            ("renewed", "renewed statistics", ":", GREEN, "^"),
            ("training", "in training", "--", ORANGE, "s"),
        ):
            axes.plot(epochs, run[mode], line, color=colour, marker=mark, label=label)
        values = list(live.get(name, {}).values())
        axes.plot([1] * len(values), values, "D", color="black", markersize=9, fillstyle="none",
                  label="this run")
        axes.set(xlabel="epochs", ylim=(110, 350), xticks=epochs, xlim=(0.3, len(epochs) + 0.5))
        first, last = (f"{round(run['evaluation'][k] - run['renewed'][k]):+d}".replace("-", "−")
                       for k in (0, -1))
        axes.set_title(f"{name}:\nlag {first} nats, at the end {last}")
        lags.append(f"{name} {first}, at the end {last}")
    panels[0].set_ylabel("−ELBO (nats per image)")
    panels[0].legend(loc="upper right", fontsize=9)
    fig.caption = ("Running less renewed statistics, −ELBO in nats after the first epoch and the "
                   "last: " + "; ".join(lags) + ".")
    if guess is not None:
        panels[-1].text(0.97, 0.95, f"your guess:\n{guess}", ha="right", va="top", color=ORANGE,
                        transform=panels[-1].transAxes)
        fig.caption += f" your guess: {guess}."
    return fig


LOWEST, HIGHEST = 1e-7, 1e7  # what lies beyond is marked there, by an arrow
LEFT, RIGHT = LOWEST / 2, 2 * HIGHEST  # the ends of the axis, with room for the arrows
# Rules of thumb, not laws: where a region ends depends on the data.
WEAK, STRONG = 0.2, 5.0
REGIONS = [
    (LEFT, WEAK, "the KL hardly counts", "#DDDDDD"),
    (WEAK, STRONG, "near the ELBO", "#D5EBDD"),
    (STRONG, RIGHT, "the KL weighs too much: latents may collapse", "#F6DDD0"),
]


@styled
def hidden_beta(beta, line, name, source, guess=None, fig=None):
    """The β that a loss really optimises, on a log axis, with the loss's code below it.

    beta: the effective β; line: the code, up to five lines; name: whose loss it is; source:
    where it stands, or "". guess: the β that the learner committed, or None. A value off the
    axis is marked at its end by an arrow; the title and the caption have its number.
    """
    if fig is None:
        fig = _empty_axis()
    if math.isclose(beta, 1):
        region = "this is the ELBO"
    else:
        region = next(words for _, end, words, _ in REGIONS if beta <= end or end == RIGHT)
    guessed = "" if guess is None else f"; your guess (hollow mark): {_written(guess)}"
    parts = fig.artists_of
    place = _mark(parts["mark"], beta, 0.5, "o")
    right = place < 1e3  # on which side of its mark the number has room
    parts["value"].set(x=place * 1.7 if right else place / 1.7, ha="left" if right else "right",
                       text=f"β = {_written(beta)}")
    if guess is None:
        parts["guess"].set_data([], [])
    else:
        _mark(parts["guess"], guess, 0.2, "D")
    parts["code"].set_text(line)
    parts["mark"].axes.set_title(f"{name}: β = {_written(beta)}\n{region}{guessed}")
    code = line.replace("\n", "; ")
    fig.caption = (
        f"{name}: the loss optimises β = {_written(beta)}, {region}{guessed}. The regions are a "
        f"rule of thumb. The code: {code}" + (f". Source: {source}" if source else "")
    )
    return fig


def _empty_axis():
    """The figure with its regions and no values yet."""
    fig = Figure(figsize=(9.6, 2.9), layout="constrained")
    axes, below = fig.subplots(2, 1, height_ratios=[2, 1])
    below.axis("off")
    for start, end, words, colour in REGIONS:
        axes.axvspan(start, end, color=colour, linewidth=0)
        axes.text(math.sqrt(start * end), 0.94, words, ha="center", va="top", fontsize=9)
    axes.axvline(1, ymax=0.75, color="#555555", linestyle="--", linewidth=1)
    fig.artists_of = {
        "mark": axes.plot([], [], "o", color=BLUE, markersize=12)[0],
        # On white, because it may lie across a border.
        "value": axes.text(1, 0.5, "", va="center", color=BLUE, weight="bold", in_layout=False,
                           bbox={"fc": "white", "ec": "none", "alpha": 0.8, "pad": 2}),
        "guess": axes.plot([], [], "D", color=ORANGE, markersize=9, fillstyle="none")[0],
        "code": below.text(0, 1, "", va="top", family="monospace", fontsize=8.5),
    }
    axes.set(xscale="log", xlim=(LEFT, RIGHT), ylim=(0, 1), yticks=[], title=TWO_LINES,
             xlabel="β of the objective distortion + β · rate")
    freeze_layout(fig)
    return fig


def _mark(artist, value, height, marker):
    """Put the artist at this value, or an arrow at the axis' end; returns where it is."""
    place = np.clip(value, LOWEST, HIGHEST)
    artist.set(data=([place], [height]),
               marker="<" if value < LOWEST else ">" if value > HIGHEST else marker)
    return place


def _written(value):
    """The value in at least four digits: 9.8e-05, 0.5, 50,176, 2.5e+08."""
    return f"{value:,.0f}" if 1e3 <= value < HIGHEST else f"{value:.4g}"
