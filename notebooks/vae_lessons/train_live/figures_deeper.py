"""Figures of notebook 04's Going deeper: a collapsed recipe, resumed runs, TensorBoard's page."""

import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.base import BLUE, DPI, GREEN, ORANGE, styled


@styled
def too_late(epochs, whole, lowered, plateau):
    """The original recipe to its end, and −ELBO of runs in which β became 1, late or early.

    epochs [t], whole [seed, t]; lowered: {when and for how long: [seeds]}; plateau: −ELBO of the
    mean image. Nats per test image.
    """
    fig = Figure(figsize=(9.6, 3.8), layout="constrained")
    left, right = fig.subplots(1, 2, width_ratios=[1, 1.1], sharey=True)
    left.plot(epochs, np.transpose(whole), color=BLUE, alpha=0.6)
    left.text(epochs[-1], plateau + 3, "the mean image", ha="right", fontsize=9, color="#555555")
    left.set(xlabel="epochs", ylabel="−ELBO (nats per test image)", xscale="log",
             ylim=(130, 225), xlim=(0.9, 1.1 * epochs[-1]))
    left.set_xticks([1, 3, 10, 30, 100], [1, 3, 10, 30, 100])
    left.minorticks_off()
    best = min(values[-1] for values in whole)
    left.set_title(f"The original recipe, {len(whole)} seeds: after\n{epochs[-1]} epochs the best "
                   f"is at {best:.0f} nats")
    for column, values in enumerate(lowered.values()):
        places = column + np.linspace(-0.2, 0.2, len(values))
        right.plot(places, values, "o", color=BLUE, alpha=0.7)
    right.set(xticks=range(len(lowered)), xlim=(-0.6, len(lowered) - 0.4),
              xlabel="when β became 1, and for how long")
    right.set_xticklabels(lowered)
    for axes in (left, right):
        axes.axhline(plateau, color="#777777", linewidth=1)
    found = "; ".join(f"{when}: {min(values):.0f} to {max(values):.0f}"
                      for when, values in lowered.items()).replace("\n", " ")
    right.set_title("The same β = 1 helps far more\nif it is there from the start")
    fig.caption = (f"After {epochs[-1]} epochs of the original recipe the best of {len(whole)} "
                   f"seeds is at {best:.0f} nats. −ELBO, by when β became 1 and for how long: "
                   f"{found} nats.")
    return fig


@styled
def resumed_runs(step, differences):
    """How far runs that were resumed without a part are from the uninterrupted run.

    step: where they were resumed; differences: {what was left out: [t]}, training −ELBO less that
    of the uninterrupted run, nats per image.
    """
    fig = Figure(figsize=(9.6, 3.2), layout="constrained")
    axes = fig.subplots()
    marks = zip(differences.items(), (BLUE, ORANGE, GREEN, "#AA4499"), ("-", "--", ":", "-."))
    for (name, values), colour, line in marks:
        axes.plot(step + np.arange(len(values)), values, line, color=colour, linewidth=2,
                  label=name)
    axes.set(xlabel="training step", ylabel="−ELBO, difference to the\nuninterrupted run (nats)")
    axes.legend(fontsize=9, ncols=2, title="left out", loc="upper left", title_fontsize=9)
    axes.set_ylim(top=1.5 * max(1, *(np.max(values) for values in differences.values())))
    exact = [name for name, values in differences.items() if not np.any(values)]
    axes.set_title("Only the run that got everything back is the same run"
                   if exact == ["nothing"] else f"The same run: {', '.join(exact) or 'none'}")
    largest = ", ".join(f"{name} {np.max(np.abs(values)):.1f}"
                        for name, values in differences.items())
    fig.caption = (f"Largest difference to the uninterrupted run by what was left out: {largest} "
                   "nats per image.")
    return fig


@styled
def browser_page(pixels):
    """A picture of a page, pixel by pixel: uint8 [height, width, 3]."""
    height, width = pixels.shape[:2]
    fig = Figure(figsize=(width / DPI, height / DPI))
    axes = fig.add_axes((0, 0, 1, 1))
    axes.imshow(pixels, interpolation="none")
    axes.axis("off")
    fig.caption = "A page of TensorBoard."
    return fig
