"""Figures of notebook 03: a VAE's parts, its first training, the hidden β, and two repairs."""

import math

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from vae_helpers.plots.base import BLUE, ORANGE, TWO_LINES, styled
from vae_helpers.plots.digits import labelled_picture, new_picture, tile

ARROWS = [("x", "mean coder"), ("x", "logvar coder"), ("mean coder", "mean"),
          ("logvar coder", "logvar"), ("mean", "z"), ("logvar", "z"), ("z", "decoder"),
          ("decoder", "logits")]


@styled
def vae_graph(encoder, decoder, pixels):
    """A diagram of a `lab.CoderVAE`: its networks and the tensors between them.

    encoder, decoder: widths of the coders' layers, without the final dense layer; pixels: per
    image.
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
    axes.text(4.8, 0.05, "every coder: batch norm, dense layer and ReLU for each width, then one "
              "more dense layer", ha="center", fontsize=9)
    axes.set_title("Two networks read the image, a third one draws it")
    fig.caption = (
        f"x goes through two coders to mean and logvar, {latent} numbers each; z is drawn from "
        f"them and goes through a third coder to {pixels} logits."
    )
    return fig


def _boxes(encoder, decoder, pixels):
    """The boxes of the diagram: {name: (x, y, width, text, colour)}."""
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
def first_training(losses, mean_image, originals, drawn):
    """The −ELBO of a run after each step, and its reconstructions of some test digits.

    losses: [steps], nats per image; mean_image: the −ELBO of a decoder that returns the mean image;
    originals, drawn: [n, 28, 28] in [0, 1], the digits and their reconstructions from the posterior
    means.
    """
    fig = Figure(figsize=(9.6, 3.2), layout="constrained")
    left, right = fig.subplots(1, 2, width_ratios=[1, 1.25])
    left.axhline(mean_image, color="#777777", linestyle="--")
    left.text(len(losses), mean_image + 6, f"the mean image for every digit: {mean_image:.0f}",
              ha="right", fontsize=9, color="#555555")
    left.plot(range(1, len(losses) + 1), losses, color=BLUE)
    last = float(np.mean(losses[-20:]))
    left.set(xlabel="training step (800 images each)", ylim=(90, 400), xlim=(0, len(losses)),
             ylabel="−ELBO of the batch\n(nats per image, lower is better)")
    below = last < mean_image - 5
    verdict = "falls well below the mean image's" if below else "has not left the mean image's"
    left.set_title(f"The −ELBO {verdict}:\n{last:.0f} nats in the last 20 steps")
    shown = min(len(originals), 6)  # more would be too small
    new_picture(right, 2, shown).set_data(
        tile(np.concatenate([originals[:shown], drawn[:shown]]), shown))
    right.set_title("The reconstructions from the posterior means\n"
                    "(below) are blurrier than the test digits")
    fig.caption = (
        f"Left: the −ELBO {verdict} ({mean_image:.0f} nats) and is {last:.0f} nats at the end. "
        f"Right: {shown} test digits above, their reconstructions below."
    )
    return fig


@styled
def reconstructions(originals, drawn, guess=None):
    """Test digits, and below them several models' reconstructions from the posterior means.

    originals: [n, 28, 28] in [0, 1]; drawn: {model: reconstructions [n, 28, 28]}; title and guess
    are about the last model. guess: the learner's guess, or None.
    """
    columns = len(originals)
    rows = {"test digits": originals} | drawn
    fig = Figure(figsize=(9.6, 0.85 * len(rows) + 0.6), layout="constrained")
    axes = fig.subplots()
    labelled_picture(axes, list(rows), columns).set_data(
        tile(np.concatenate(list(rows.values())), columns))
    name, pictures = list(drawn.items())[-1]
    differ = float(np.asarray(pictures).std(0).mean())  # 0.11 for a model that reconstructs
    finding = "the same blur for every digit" if differ < 0.03 else "each digit differently"
    guessed = "" if guess is None else f"\nyour guess: {guess}"
    axes.set_title(f"{name[0].upper()}{name[1:]} draws {finding}{guessed}")
    fig.caption = (f"{columns} test digits, and their reconstructions from the posterior means by "
                   f"{', '.join(drawn)}. {name[0].upper()}{name[1:]} draws {finding}."
                   + ("" if guess is None else f" Your guess: {guess}."))
    return fig


@styled
def two_repairs(stored, live, mean_image, epochs, guess=None):
    """−ELBO of recipes that differ in two settings: stored seeds, and runs of this notebook.

    stored: {recipe: [seeds]}, −ELBO after `epochs` epochs with the same seeds for all recipes; the
    first recipe is the one that the others repair. live: {recipe: (−ELBO of one run, its epochs)}
    for some recipes; mean_image: −ELBO of a decoder that returns the mean image; guess: the
    learner's guess, or None. All in nats per test image.
    """
    rows = {recipe: row for row, recipe in enumerate(stored)}
    first, *others = (np.asarray(seeds) for seeds in stored.values())
    fig = Figure(figsize=(9.6, 3.4), layout="constrained")
    axes = fig.subplots()
    axes.axvline(mean_image, color="#777777", linestyle="--")
    axes.text(mean_image + 1, len(stored) - 0.55, "the mean image", fontsize=9, color="#555555")
    of_seeds = f" of {len(first)} seeds, {epochs} epochs"
    for row, seeds in enumerate([first, *others]):
        axes.plot([seeds.min(), seeds.max()], [row, row], color=BLUE, linewidth=5, alpha=0.35,
                  solid_capstyle="round", label="_" * (row > 0) + f"range{of_seeds}")
        axes.plot(np.median(seeds), row, "o", color=BLUE, markersize=9,
                  label="_" * (row > 0) + f"median{of_seeds}")
        axes.text(np.median(seeds), row - 0.17, f"{np.median(seeds):.0f}", ha="center",
                  va="bottom", fontsize=10,
                  bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})
    for number, (recipe, (value, spent)) in enumerate(live.items()):
        axes.plot(value, rows[recipe] + 0.25, "D", color=ORANGE, markersize=8, fillstyle="none",
                  label="_" * (number > 0) + f"your run, {spent} epochs")
    axes.set(ylim=(len(stored) - 0.4, -0.7), xlim=(100, 228),
             xlabel="−ELBO at β = 1 (nats per test image, lower is better)")
    axes.set_yticks(range(len(stored)), stored)
    fig.legend(loc="outside lower center", ncols=3, fontsize=9)
    gains = [float(np.median(first - seeds)) for seeds in others]
    axes.set_title(f"Each repair alone gains some 40 nats ({gains[0]:.0f} and {gains[1]:.0f}), "
                   f"both together {gains[2]:.0f}"
                   + ("" if guess is None else f"\nyour guess: {guess}"))
    fig.caption = "Median −ELBO in nats per test image: " + ", ".join(
        f"{recipe} {np.median(seeds):.0f}" for recipe, seeds in stored.items()) + \
        ". Runs of this notebook: " + ", ".join(
            f"{recipe} {value:.0f}" for recipe, (value, _) in live.items()) + "." + \
        ("" if guess is None else f" Your guess: {guess}.")
    fig.caption = fig.caption.replace("\n", " ")
    return fig


LOWEST, HIGHEST = 1e-7, 1e7  # values beyond these are marked here by an arrow
LEFT, RIGHT = LOWEST / 2, 2 * HIGHEST  # the ends of the axis, with room for the arrows
# The borders of the regions are rules of thumb: they depend on the data.
WEAK, STRONG = 0.2, 5.0
REGIONS = [
    (LEFT, WEAK, "the KL hardly counts", "#DDDDDD"),
    (WEAK, STRONG, f"near the ELBO:\n{WEAK:g} to {STRONG:g}", "#D5EBDD"),
    (STRONG, RIGHT, "the KL weighs too much: latents may collapse", "#F6DDD0"),
]


@styled
def hidden_beta(beta, line, name, source, guess=None):
    """The effective β of a loss on a log axis, with the code of the loss below it.

    beta: the effective β; line: the code, up to five lines; name: of the loss; source: where the
    code is published, or "". guess: the β that the learner committed, or None. A value beyond the
    axis is marked at its end by an arrow; the title and the caption give the number.
    """
    fig = _empty_axis()
    if math.isclose(beta, 1):
        region = "this is the ELBO"
    else:
        region = next(words for _, end, words, _ in REGIONS if beta <= end or end == RIGHT)
        region = region.split(":\n")[0]  # without the numbers
    guessed = "" if guess is None else f"; your guess (hollow mark): {_written(guess)}"
    parts = fig.artists_of
    place = _mark(parts["mark"], beta, 0.5, "o")
    right = place < 1e3  # the side of the mark on which the number fits
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
        f"{name}: the loss optimises β = {_written(beta)}, {region}{guessed}. The borders "
        f"of the regions, {WEAK:g} and {STRONG:g}, are our rule of thumb. The code: "
        f"{code}" + (f". Source: {source}" if source else "")
    )
    return fig


def _empty_axis():
    """The figure of `hidden_beta` with its regions, before any values."""
    fig = Figure(figsize=(9.6, 2.9), layout="constrained")
    axes, below = fig.subplots(2, 1, height_ratios=[2, 1])
    below.axis("off")
    for start, end, words, colour in REGIONS:
        axes.axvspan(start, end, color=colour, linewidth=0)
        axes.text(math.sqrt(start * end), 0.94, words, ha="center", va="top", fontsize=9)
    axes.axvline(1, ymax=0.66, color="#555555", linestyle="--", linewidth=1)
    fig.artists_of = {
        "mark": axes.plot([], [], "o", color=BLUE, markersize=12)[0],
        # On white, because the text may cross a border.
        "value": axes.text(1, 0.5, "", va="center", color=BLUE, weight="bold", in_layout=False,
                           bbox={"fc": "white", "ec": "none", "alpha": 0.8, "pad": 2}),
        "guess": axes.plot([], [], "D", color=ORANGE, markersize=9, fillstyle="none")[0],
        "code": below.text(0, 1, "", va="top", family="monospace", fontsize=8.5),
    }
    axes.set(xscale="log", xlim=(LEFT, RIGHT), ylim=(0, 1), yticks=[], title=TWO_LINES,
             xlabel="β of the objective distortion + β · rate")
    return fig


def _mark(artist, value, height, marker):
    """Move the artist to `value`, or to an arrow at the end of the axis; returns its position."""
    place = np.clip(value, LOWEST, HIGHEST)
    artist.set(data=([place], [height]),
               marker="<" if value < LOWEST else ">" if value > HIGHEST else marker)
    return place


def _written(value):
    """The number as text, with at least four digits if it has them: 9.8e-05, 0.5, 50,176."""
    return f"{value:,.0f}" if 1e3 <= value < HIGHEST else f"{value:.4g}"
