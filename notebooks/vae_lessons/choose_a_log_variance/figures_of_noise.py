"""Figures of notebook 08's decoders: pixel variances, and a σ that is fixed or learned."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

from vae_helpers.plots.base import BLUE, GREEN, ORANGE, TWO_LINES, freeze_layout, styled
from vae_helpers.plots.digits import labelled_picture
from vae_lessons.meet_kl_collapse.figures import ROWS, digit_rows

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@styled
def pixel_floors(floors, train, test):
    """−log likelihood of images with a Gaussian per pixel, against the smallest variance allowed.

    floors: [f]; train, test: nats per image [f].
    """
    fig = Figure(figsize=(7.2, 3.8), layout="constrained")
    axes = fig.subplots()
    axes.plot(floors, train, "o-", color=BLUE, label="training images")
    axes.plot(floors, test, "s--", color=ORANGE, label="test images")
    axes.set(xscale="log", xlabel="smallest variance that a pixel may have (floor)",
             ylabel="−log likelihood (nats per image)")
    axes.set_yscale("symlog", linthresh=1000)
    axes.yaxis.set_major_locator(FixedLocator([-1000, 0, 1000, 1e4, 1e5, 1e6, 1e7]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.legend(loc="upper right", fontsize=9)
    axes.set(xlim=(0.4 * min(floors), 2.5 * max(floors)),
             ylim=(1.5 * min(*train, *test, -1000), 4 * max(*train, *test, 1000)))
    power = str(round(np.log10(min(
        floor for floor, nats in zip(floors, test) if nats <= min(test) + 10))))
    axes.set_title("Training images reward every lower floor;\n"
                   f"test images pay below a floor of 10{power.translate(SUPERSCRIPTS)}")
    fig.caption = "Floor and −log likelihood of training and test images: " + "; ".join(
        f"{f:.0e}: {a:,.0f} and {b:,.0f}" for f, a, b in zip(floors, train, test)).replace(
            ": -", ": −").replace("and -", "and −") + " nats per image."
    return fig


@styled
def noise_sweep(
    name, originals, reconstructions, samples, sigmas, own, refitted, learned, optimal, here,
    numbers, chosen, guess=None, fig=None,
):
    """One model of a sweep over the decoder's σ: its digits, and −ELBO against σ for all.

    name: of the model; originals, reconstructions, samples: [10, 28, 28] in [0, 1]. sigmas:
    the fixed σ [s]; own: nats above the optimal σ of the same seed [seeds, s], refitted: the
    same with the best σ put in after training. learned: σ and nats above, [seeds] each; optimal:
    its σ [seeds]; here: this model's σ and nats above; numbers: words about it. chosen: the
    fixed σ that validation images choose; guess: the one that the learner thinks best, or None.
    −ELBO in nats per test image.
    """
    if fig is None:
        fig = _empty_sweep(sigmas)
    parts = fig.artists_of
    parts["digits"].set_data(digit_rows(originals, reconstructions, samples))
    own, refitted = np.asarray(own), np.asarray(refitted)
    for kind, values in (("own", own), ("refitted", refitted)):
        parts[kind].set_data(np.broadcast_to(sigmas, values.shape).ravel(), values.ravel())
    parts["line"].set_data(sigmas, np.median(own, 0))
    parts["learned"].set_data(*learned)
    parts["optimal"].set_data(optimal, np.zeros(len(optimal)))
    parts["here"].set_data([here[0]], [here[1]])
    parts["guess"].set(visible=guess is not None, xdata=[guess or 1] * 2)
    guessed = "" if guess is None else f" (your guess: {guess:g}, dotted)"
    medians = np.median(own, 0)
    parts["digits"].axes.set_title(f"{name}:\n{numbers}", fontsize=10)
    first = "The optimal σ beats every fixed σ" if own.min() > 0 else "The optimal σ does not win"
    parts["here"].axes.set_title(f"{first};\nvalidation images choose {chosen:g}{guessed}")
    fig.caption = (f"{name}: {numbers}. Median −ELBO above that of the optimal σ: " + ", ".join(
        f"σ = {sigma:g} {median:,.0f}" for sigma, median in zip(sigmas, medians))
        + f", learned {np.median(learned[1]):.0f} nats per test image{guessed}.")
    return fig


def _empty_sweep(sigmas):
    """The figure of a sweep over σ with its axes, and no model yet."""
    fig = Figure(figsize=(9.6, 4.3), layout="constrained")
    digits, curve = fig.subplots(1, 2, width_ratios=[1, 1.25])
    fig.artists_of = {
        "digits": labelled_picture(digits, ROWS, 5),
        "own": curve.plot([], [], "o", color=BLUE, alpha=0.5, label="fixed σ")[0],
        "line": curve.plot([], [], color=BLUE, linewidth=1)[0],
        "refitted": curve.plot([], [], "^", color=GREEN, alpha=0.5,
                               label="fixed σ, corrected after training")[0],
        "learned": curve.plot([], [], "s", color=ORANGE, markersize=7, alpha=0.7,
                              label="learned σ, from 1")[0],
        "optimal": curve.plot([], [], "D", color="black", markersize=6, label="optimal σ")[0],
        "here": curve.plot([], [], "o", color="black", fillstyle="none", markersize=15,
                           markeredgewidth=2, label="the model on the left")[0],
        "guess": curve.axvline(1, color=ORANGE, linestyle=":", linewidth=2),
    }
    digits.set_title(TWO_LINES)
    curve.set_yscale("symlog", linthresh=10)
    curve.set(xscale="log", xlabel="σ of the decoder", title=TWO_LINES,
              ylabel="−ELBO above the optimal σ\n(nats per test image; lower is better)",
              ylim=(-12, 4e5), xlim=(min(sigmas) / 1.4, 1.4 * max(sigmas)))
    curve.yaxis.set_major_locator(FixedLocator([-10, 0, 10, 100, 1000, 10_000]))
    curve.yaxis.set_minor_locator(NullLocator())
    curve.yaxis.set_major_formatter("{x:,g}")
    curve.xaxis.set_major_locator(FixedLocator(sigmas))
    curve.xaxis.set_minor_locator(NullLocator())
    curve.xaxis.set_major_formatter("{x:g}")
    curve.legend(loc="upper center", fontsize=8.5, ncols=2)
    freeze_layout(fig)
    return fig


@styled
def starts_compared(above, first_error):
    """Where σ learned by the gradient ends, by where it begins.

    above: {start: −ELBO above that of the optimal σ of the same seed [seeds]}, in nats per test
    image; first_error: the root mean square error of an untrained decoder.
    """
    fig = Figure(figsize=(7.2, 3.8), layout="constrained")
    axes = fig.subplots()
    starts = list(above)
    for start, values in above.items():
        axes.plot([start] * len(values), values, "o", color=BLUE, alpha=0.5,
                  label="learned σ, one seed" if start == starts[0] else None)
        axes.plot([start], [np.median(values)], "_", color=BLUE, markersize=26, markeredgewidth=3,
                  label="median" if start == starts[0] else None)
    axes.axhline(0, color="black", linewidth=1, label="optimal σ, same seed")
    axes.axvline(first_error, ymax=0.62, color=ORANGE, linestyle=":", linewidth=2,
                 label=f"error of an untrained decoder, {first_error:.2f}")
    axes.set(xscale="log", xlabel="σ at which training begins", xlim=(0.085, 1.25),
             ylabel="−ELBO above the optimal σ\n(nats per test image; lower is better)")
    axes.xaxis.set_major_locator(FixedLocator(starts))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter("{x:g}")
    axes.legend(loc="upper left", fontsize=8.5)
    highest = max(map(max, above.values()))
    axes.set_ylim(min(-10, min(map(min, above.values())) - 5), 1.6 * highest)
    medians = {start: float(np.median(values)) for start, values in above.items()}
    best = min(medians, key=medians.get)
    axes.set_title(f"The learned σ with the lowest −ELBO begins at {best:g}")
    fig.caption = "Median −ELBO above the optimal σ by start: " + ", ".join(
        f"σ = {start:g} {median:.1f}" for start, median in medians.items()).replace(
            " -", " −") + " nats per test image."
    return fig
