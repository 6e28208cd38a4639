"""Figures of notebook 11."""

import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.base import BLUE, GREEN, ORANGE, styled
from vae_helpers.plots.digits import labelled_picture, tile

SHOWN = 5  # digits of each kind for each run
GREY = "#777777"


@styled
def gallery(originals, reconstructions, samples, neg_elbo):
    """The runs side by side: reconstructions and samples, one row for each run.

    originals: [SHOWN, 28, 28]; reconstructions, samples: {letter: [SHOWN, 28, 28]};
    neg_elbo: {letter: nats per image}, in evaluation mode.
    """
    fig = Figure(figsize=(8.6, 5.9), layout="constrained")
    left, right = fig.subplots(1, 2)
    rows = ["images", *(f"run {letter}" for letter in reconstructions)]
    labelled_picture(left, rows, SHOWN).set_data(
        tile(np.concatenate([originals, *reconstructions.values()]), SHOWN))
    blank = np.zeros_like(originals)
    values = ["", *(f"{value:.0f} nats" for value in neg_elbo.values())]
    labelled_picture(right, values, SHOWN).set_data(
        tile(np.concatenate([blank, *samples.values()]), SHOWN))
    left.set_title("Reconstructions")
    right.set_title("−ELBO per image; samples from the prior")
    fig.suptitle("Three runs reconstruct every digit as the same grey blur",
                 x=0.01, ha="left", fontsize=11)
    fig.caption = (
        "Eight runs, A to H. Left: reconstructions of five digits; right: five samples. −ELBO in "
        "evaluation mode, nats per validation image: " + ", ".join(
            f"{letter} {value:.0f}" for letter, value in neg_elbo.items()) + ".")
    return fig


@styled
def examination(letter, log, modes, mean_image, rates, active, variances, numbers):
    """What the instruments show of one run.

    log: {"step", "distortion", "rate": [rows]}. modes: {mode: −ELBO} of validation images.
    mean_image: its distortion. rates, active: [latent], nats per image and whether the
    latent is active. variances: of q(z|x) [n, latent]. numbers: {measurement: (value, range of
    healthy runs)}.
    """
    fig = Figure(figsize=(8.6, 5.9), layout="constrained")
    (curves, bars), (spread, table) = fig.subplots(2, 2)
    _curves(curves, log, modes, mean_image)
    places = np.arange(1, len(rates) + 1)
    bars.bar(places, rates, color=[BLUE if on else "white" for on in active], edgecolor=BLUE)
    bars.set(xlabel="latent", ylabel="rate (nats per image)", xticks=places,
             ylim=(0, max(4.0, 1.1 * max(rates))))
    bars.set_title(f"{int(np.sum(active))} of {len(active)} latents active (filled)")
    spread.hist(np.log10(variances.ravel()), bins=np.linspace(-4.05, 1.05, 52), color=GREY)
    spread.axvline(0, color=ORANGE, linewidth=1, label="the prior's variance")
    spread.set(xlabel="log₁₀ of the variance of q(z|x), lower: more precise codes",
               ylabel="number of variances")
    spread.set_title("Posterior variances")
    spread.legend(loc="upper left", fontsize=8.5)
    _table(table, numbers)
    fig.suptitle(f"Run {letter}", x=0.01, ha="left", fontsize=11)
    read = ", ".join(f"{name} {text}" for name, (text, _healthy) in numbers.items())
    fig.caption = (f"Run {letter}: {read}; {int(np.sum(active))} of {len(active)} latents are "
                   "active.")
    return fig


def _curves(axes, log, modes, mean_image):
    """−ELBO during training, by the log, and what evaluation finds of the trained model."""
    axes.plot(log["step"], log["distortion"] + log["rate"], color=BLUE, label="from the log")
    axes.axhline(mean_image, color=GREY, linestyle=":", label="mean image")
    for (mode, value), marker, colour in zip(modes.items(), "so", (ORANGE, GREEN)):
        axes.plot(1.04 * log["step"][-1], value, marker, color=colour, markersize=7,
                  fillstyle="none", label=mode)
    axes.set(xlabel="training step", ylabel="nats per image", ylim=(90, 290))
    axes.set_title("−ELBO, lower is better")
    axes.legend(fontsize=8.5)


def _table(axes, numbers):
    """The measurements as text, one line for each, and the range of healthy runs."""
    axes.set_axis_off()
    axes.text(1.0, 1.0, "healthy", va="bottom", ha="right", fontsize=8.5, color=GREY)
    for row, (name, (text, healthy)) in enumerate(numbers.items()):
        height = 0.97 - 0.95 * row / len(numbers)
        axes.text(0.0, height, name, va="top", fontsize=8.5)
        axes.text(0.68, height, text, va="top", ha="right", fontsize=8.5, weight="bold")
        axes.text(1.0, height, healthy, va="top", ha="right", fontsize=8.5, color=GREY)


@styled
def decision_table(readings, identified, together, guess=None):
    """How each condition reads with each measurement, over the stored runs.

    readings: {condition: {measurement: (usual reading, share of runs, whether the healthy reading
    differs)}}. identified: {measurement: how many conditions it tells from each other one}.
    together: how many active units and loss weights identify together. guess: the learner's.
    """
    measurements = list(next(iter(readings.values())))
    fig = Figure(figsize=(9.6, 0.48 * len(readings) + 1.9), layout="constrained")
    axes = fig.subplots()
    axes.set(xlim=(0, len(measurements)), ylim=(len(readings) + 1, 0), xticks=[], yticks=[])
    for side in axes.spines.values():
        side.set_visible(False)
    for column, name in enumerate(measurements):
        axes.text(column + 0.5, -0.12, _broken(name), ha="center", va="bottom", weight="bold",
                  fontsize=8)
        axes.text(column + 0.5, len(readings) + 0.15, str(identified[name]), ha="center",
                  va="top", fontsize=9, weight="bold")
    axes.text(-0.08, len(readings) + 0.15, "conditions\nidentified", ha="right", va="top",
              fontsize=8)
    for row, (condition, of_condition) in enumerate(readings.items()):
        axes.text(-0.08, row + 0.5, _broken(condition), ha="right", va="center", weight="bold",
                  fontsize=8)
        for column, (word, share, differs) in enumerate(of_condition.values()):
            axes.fill_between([column + 0.03, column + 0.97], row + 0.05, row + 0.95,
                              color="#F4C9AE" if differs else "#EEEEEE")
            text = _broken(word) + (f"\n{share:.0%}" if share < 1 else "")
            axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=7.5,
                      weight="bold" if differs else "normal")
    guessed = "" if guess is None else f" (your guess: {guess})"
    axes.set_title("Every condition has a measurement that identifies it; active units identify "
                   f"none.\nActive units and loss weights together identify {together} of "
                   f"{len(readings)}{guessed}", pad=34)
    fig.caption = "; ".join(
        f"{condition}: " + ", ".join(f"{name} {word}" for name, (word, _, differs)
                                   in of_condition.items() if differs)
        if any(differs for _, _, differs in of_condition.values()) else f"{condition}: none"
        for condition, of_condition in readings.items())
    fig.caption = (f"Readings that differ from those of healthy runs. {fig.caption}. Conditions "
                   "that each measurement identifies alone: "
                   + ", ".join(f"{name} {count}" for name, count in identified.items())
                   + f"; active units and loss weights together {together}.")
    return fig


def _broken(text):
    """The text on two lines of similar length, if it has more than ten letters."""
    words = text.split()
    if len(text) <= 10 or len(words) == 1:
        return text
    cut = min(range(1, len(words)), key=lambda n: abs(
        len(" ".join(words[:n])) - len(" ".join(words[n:]))))
    return " ".join(words[:cut]) + "\n" + " ".join(words[cut:])


@styled
def readings_of(name, values, limits, unit, identified):
    """The values of one measurement over the stored runs, by condition.

    values: {condition: [runs]}. limits: where the reading changes. identified: the conditions that
    the measurement alone tells from each other one.
    """
    fig = Figure(figsize=(8.2, 3.9), layout="constrained")
    axes = fig.subplots()
    for row, of_condition in enumerate(values.values()):
        shift = np.linspace(-0.25, 0.25, len(of_condition))
        axes.plot(of_condition, row + shift, "o", color=BLUE, markersize=4, fillstyle="none")
    for limit in limits:
        axes.axvline(limit, color=ORANGE, linewidth=1.2)
        axes.text(limit, -0.6, f"limit {limit:g}", color=ORANGE, fontsize=8.5, ha="center")
    axes.set(yticks=range(len(values)), ylim=(len(values) - 0.5, -0.5),
             xlabel=f"{name} ({unit})" if unit else name)
    axes.set_yticklabels(values)
    largest = max(np.max(found) for found in values.values())
    if largest > 20 * limits[0]:
        axes.set_xscale("symlog", linthresh=limits[0])
    title = f'"{name}" identifies: {", ".join(identified) or "no condition"}'
    axes.set_title(title, pad=16)
    medians = ", ".join(f"{name} {np.median(found):.3g}" for name, found in values.items())
    fig.caption = f"{title}. Medians: {medians}."
    return fig
