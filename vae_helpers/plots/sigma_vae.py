"""Figures of notebook 08: a Gaussian decoder and its noise."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from vae_helpers.plots.base import BLUE, GREEN, ORANGE, TWO_LINES, freeze_layout
from vae_helpers.plots.digits import THERE_AND_BACK, labelled_picture, there_and_back

CEILING = 900  # nats; what lies above is drawn at the edge


def noise_sweep(
    name, originals, reconstructions, samples, sigmas, own, refitted, found, here, numbers,
    guess=None, fig=None,
):
    """One model of a sweep over the decoder's σ: its digits, and −ELBO against σ for all.

    name: of the model; originals, reconstructions, samples: [10, 28, 28] in [0, 1]. sigmas:
    the fixed σ [s]; own: −ELBO with that σ [seeds, s], refitted: with the best σ put in after
    training. found: {way of finding σ: (its σ [seeds], −ELBO [seeds])}; here: this model's (σ,
    −ELBO); numbers: words about it. guess: the σ that the learner thinks best, or None. Nats
    per test image.
    """
    if fig is None:
        fig = Figure(figsize=(9.6, 4.1), layout="constrained")
        digits, curve = fig.subplots(1, 2, width_ratios=[1, 1.3])
        fig.artists_of = {
            "digits": labelled_picture(digits, THERE_AND_BACK, 5),
            "own": curve.plot([], [], "o", color=BLUE, alpha=0.5, label="σ fixed")[0],
            "line": curve.plot([], [], color=BLUE, linewidth=1)[0],
            "refitted": curve.plot([], [], "^", color=GREEN, alpha=0.5,
                                   label="… σ put right after training")[0],
            "found": {way: curve.plot([], [], mark, color=ORANGE, markersize=7, alpha=0.7,
                                      label=f"σ {way}")[0]
                      for way, mark in zip(found, ("s", "D"))},
            "here": curve.plot([], [], "o", color="black", fillstyle="none", markersize=15,
                               markeredgewidth=2, label="the model on the left")[0],
            "guess": curve.axvline(1, color=ORANGE, linestyle=":", linewidth=2),
        }
        digits.set_title("Digits, what comes back,\nand draws from the prior")
        curve.set(xscale="log", xlabel="σ of the decoder", title=TWO_LINES,
                  ylabel="−ELBO (nats per test image)", ylim=(-720, 1.1 * CEILING),
                  xlim=(min(sigmas) / 1.4, 1.4 * max(sigmas)))
        curve.xaxis.set_major_locator(FixedLocator(sigmas))
        curve.xaxis.set_minor_locator(NullLocator())
        curve.xaxis.set_major_formatter("{x:g}")
        curve.legend(loc="upper center", fontsize=8.5, ncols=2)
        freeze_layout(fig)
    parts = fig.artists_of
    parts["digits"].set_data(there_and_back(originals, reconstructions, samples))
    own, refitted = np.asarray(own), np.asarray(refitted)
    for kind, values in (("own", own), ("refitted", refitted)):
        parts[kind].set_data(np.broadcast_to(sigmas, values.shape).ravel(),
                             np.minimum(values, CEILING).ravel())
    parts["line"].set_data(sigmas, np.minimum(np.median(own, 0), CEILING))
    for way, (sigma, neg_elbo) in found.items():
        parts["found"][way].set_data(sigma, neg_elbo)
    parts["here"].set_data([here[0]], [min(here[1], CEILING)])
    parts["guess"].set(visible=guess is not None, xdata=[guess or 1] * 2)
    medians = {f"fixed {sigma:g}": median for sigma, median in zip(sigmas, np.median(own, 0))}
    medians |= {way: np.median(neg_elbo) for way, (_, neg_elbo) in found.items()}
    best = min(medians, key=medians.get)
    guessed = "" if guess is None else f" (your guess: {guess:g}, dotted)"
    parts["here"].axes.set_title(f"{name}: {numbers}\nlowest −ELBO: σ {best}{guessed}")
    fig.caption = (f"{name}: {numbers}. Median −ELBO: " + ", ".join(
        f"σ {way} {_signed(median)}" for way, median in medians.items())
        + f" nats per test image{guessed}.")
    return fig


def _signed(value):
    return f"{value:,.0f}".replace("-", "−")
