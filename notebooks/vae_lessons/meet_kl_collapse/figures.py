"""Figures of notebook 05: what β, the decoder's noise and the cures do to the latents."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from vae_helpers.plots.base import BLUE, GREEN, ORANGE, TWO_LINES, freeze_layout, styled
from vae_helpers.plots.digits import labelled_picture, new_picture, tile

GREY = "#999999"
LEAST_SLOPE = 0.1  # the lower end of an axis of slopes
THERE_AND_BACK = ["digits", "back"] * 2 + ["draws"] * 2  # its rows


def there_and_back(originals, reconstructions, samples):
    """Ten digits with what came back below each, then ten draws: 3 x [10, 28, 28] to six rows."""
    rows = [part.reshape(2, 5, 28, 28) for part in (originals, reconstructions, samples)]
    order = [rows[0][0], rows[1][0], rows[0][1], rows[1][1], rows[2][0], rows[2][1]]
    return tile(np.concatenate(order), 5)


@styled
def beta_sweep(
    beta, originals, reconstructions, samples, rate_per_latent, rates, distortions, here, floor,
    plateau, fig=None,
):
    """One model of a sweep over β: its digits, its latents and its place on the curve.

    originals, reconstructions, samples: [10, 28, 28] in [0, 1]; rate_per_latent: [latent], nats;
    rates, distortions: of all models [β]; here: which of them this is. floor: the pixels' own
    entropy; plateau: the distortion of the mean image. Nats per test image.
    """
    latents = len(rate_per_latent)
    if fig is None:
        fig = _empty_sweep(latents, max(rates), floor, plateau)
    parts = fig.artists_of
    parts["digits"].set_data(there_and_back(originals, reconstructions, samples))
    for bar, rate in zip(parts["bars"], sorted(rate_per_latent, reverse=True)):
        bar.set_height(max(rate, 0.004))
    parts["none"].set_visible(max(rate_per_latent) < 0.004)
    parts["curve"].set_data(rates, distortions)
    parts["here"].set_data([rates[here]], [distortions[here]])
    used = int((np.asarray(rate_per_latent) > 0.01).sum())
    parts["none"].axes.set_title(f"{used} of {latents} latents cost\nmore than 0.01 nats")
    parts["here"].axes.set_title(f"β = {beta:g}: rate {rates[here]:.1f},\n"
                                 f"distortion {distortions[here]:.0f}")
    fig.caption = (
        f"β = {beta:g}: rate {rates[here]:.1f} and distortion {distortions[here]:.1f} nats per "
        f"test image; {used} of {latents} latents cost more than 0.01 nats. The floor is "
        f"{floor:.1f}, the mean image {plateau:.1f}."
    )
    return fig


def _empty_sweep(latents, highest_rate, floor, plateau):
    """The sweep's figure with its axes, its floor and its plateau, and no model yet."""
    fig = Figure(figsize=(9.6, 3.9), layout="constrained")
    digits, bars, curve = fig.subplots(1, 3, width_ratios=[1.25, 0.9, 1.15])
    numbers = range(1, latents + 1)
    fig.artists_of = {
        "digits": labelled_picture(digits, THERE_AND_BACK, 5),
        "bars": bars.bar(numbers, 0, color=BLUE),
        "none": bars.text(0.5, 0.5, "all rates are\nbelow 0.004 nats", ha="center",
                          transform=bars.transAxes),
        "curve": curve.plot([], [], "o-", color=GREY, markersize=4)[0],
        "here": curve.plot([], [], "o", color=BLUE, markersize=11)[0],
    }
    digits.set_title("Digits, what comes back,\nand draws from the prior")
    bars.set(xlabel="latent, busiest first", ylabel="rate (nats per image)", ylim=(0.004, 30),
             yscale="log", title=TWO_LINES, xticks=numbers)
    bars.yaxis.set_major_locator(FixedLocator([0.01, 0.1, 1, 10]))
    bars.yaxis.set_major_formatter("{x:g}")
    bars.axhline(0.01, color=GREY, linestyle=":")
    curve.set(xlabel="rate (nats per image)", ylabel="distortion (nats per image)",
              title=TWO_LINES, ylim=(0, 225), xlim=(-4, 1.05 * highest_rate + 4))
    for height, words in ((floor, "the pixels' own entropy"), (plateau, "the mean image")):
        curve.axhline(height, color=GREY, linestyle="--", linewidth=1)
        curve.text(curve.get_xlim()[1], height - 4, words, ha="right", va="top", fontsize=8.5)
    freeze_layout(fig)
    return fig


@styled
def curve_slopes(betas, stored, live, guess=None):
    """The rate–distortion curve's secants between neighbouring β, over ln-mean predictions.

    betas: [b]; stored: secants [seeds, b − 1]; live: {pair's number: secant}; guess: a
    secant that the learner committed for the live pair, or None. All are drawn divided by
    (β₂ − β₁)/ln(β₂/β₁), with the pair's own bounds β₁ and β₂ around.
    """
    low, high = np.asarray(betas)[:-1], np.asarray(betas)[1:]
    predicted = (high - low) / np.log(high / low)  # [pairs]
    pairs = np.arange(len(predicted))
    names = [f"{a:g} → {b:g}" for a, b in zip(low, high)]
    ratios = np.asarray(stored) / predicted  # [seeds, pairs]
    fig = Figure(figsize=(9.6, 3.9), layout="constrained")
    axes = fig.subplots()
    axes.bar(pairs, (high - low) / predicted, bottom=low / predicted, width=0.7, color="#DDEEFF",
             label="from β₁ to β₂")
    axes.fill_between([-0.5, len(pairs) - 0.5], 0.8, 1.2, color=GREEN, alpha=0.15, linewidth=0,
                      label="within 20 %")
    axes.axhline(1, color=GREEN, linewidth=1)
    axes.plot(np.broadcast_to(pairs, ratios.shape).ravel(), ratios.ravel(), "o", color=BLUE,
              alpha=0.6, label="stored seeds")
    off = np.nonzero(ratios < LEAST_SLOPE)[1]  # pairs; a slope may be negative
    axes.plot(off, np.full(len(off), 1.12 * LEAST_SLOPE), "v", color=BLUE, alpha=0.6)
    axes.plot(list(live), [secant / predicted[pair] for pair, secant in live.items()], "D",
              color=ORANGE, markersize=8, label="this run")
    asked = [] if guess is None else list(live)[:1]  # the pair that the guess is about
    axes.plot(asked, [guess / predicted[pair] for pair in asked], "D", color=ORANGE,
              fillstyle="none", markersize=12, markeredgewidth=2, label="your guess")
    _slope_axes(axes, names)
    axes.legend(loc="upper left", ncols=5, fontsize=8.5)
    inside = ((ratios > low / predicted) & (ratios < high / predicted)).all(0)  # [pairs]
    within = [name for name, kept in zip(names, inside) if kept]
    axes.set_title(
        f"In {len(within)} of {len(pairs)} pairs every seed's slope lies between its two β")
    fig.caption = (
        f"Every stored seed's secant lies between its two β for {', '.join(within) or 'no pair'}; "
        "medians over the logarithmic mean: " + ", ".join(
            f"{name}: {median:.2f}" for name, median in zip(names, np.median(ratios, 0)))
        + (f". Your guess: {guess:g}." if guess is not None else ".")
    )
    return fig


def _slope_axes(axes, names):
    """A column for each pair of neighbours, and a log scale of ratios."""
    axes.set(yscale="log", ylim=(LEAST_SLOPE, 6), xlim=(-0.5, len(names) - 0.5),
             xlabel="pair of neighbours β₁ → β₂", ylabel="secant ÷ logarithmic mean")
    axes.set_xticks(range(len(names)), names)
    axes.yaxis.set_major_locator(FixedLocator([0.2, 0.5, 0.8, 1, 1.2, 2, 5]))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())


@styled
def active_latents(betas, stored, live, asked, guess=None):
    """Latents in use against β: every stored seed, and live runs over them.

    betas: [b]; stored: counts [seeds, b]; live: {β: count}; guess: the count that the
    learner committed for β = `asked`, or None.
    """
    stored = np.asarray(stored)
    medians = np.median(stored, 0)
    guessed = {} if guess is None else {asked: guess}
    fig = Figure(figsize=(8.4, 3.4), layout="constrained")
    axes = fig.subplots()
    axes.plot(betas, medians, color=BLUE, linewidth=1, label="median of stored seeds")
    axes.plot(np.broadcast_to(betas, stored.shape).ravel(), stored.ravel(), "o", color=BLUE,
              alpha=0.5, label="stored seeds")
    axes.plot(list(live), list(live.values()), "D", color=ORANGE, markersize=8, label="this run")
    axes.plot(list(guessed), list(guessed.values()), "D", color=ORANGE, fillstyle="none",
              markersize=12, markeredgewidth=2, label="your guess")
    _beta_axis(axes, betas, "β")
    axes.set(ylabel="active units (A_u > 0.01)", ylim=(-0.5, 10.8))
    axes.legend(loc="lower left", fontsize=8.5)
    full = max(beta for beta, count in zip(betas, medians) if count == medians.max())
    axes.set_title(f"All {medians.max():g} latents up to β = {full:g}, then fewer and fewer")
    fig.caption = "Median active units: " + ", ".join(
        f"{count:g} at β = {beta:g}" for beta, count in zip(betas, medians)) + "."
    return fig


def _beta_axis(axes, betas, label, fontsize=None):
    """Let x be β on a log scale, with a tick at each of these and no other."""
    axes.set(xscale="log", xlabel=label, xlim=(min(betas) / 1.5, max(betas) * 1.5), xticks=betas)
    axes.set_xticklabels([f"{beta:g}" for beta in betas], fontsize=fontsize)
    axes.xaxis.set_minor_locator(NullLocator())


@styled
def two_rulers(betas, own, fair, guess=None):
    """Each model measured by its own objective, and all by one: −ELBO at β = 1.

    betas: [b]; own: distortion + β · rate, fair: distortion + rate, both [seeds, b], nats per
    test image; guess: the β that the learner thinks best, or None.
    """
    fig = Figure(figsize=(9.6, 3.6), layout="constrained")
    left, right = fig.subplots(1, 2, sharex=True)
    best = []
    for axes, values, colour in ((left, np.asarray(own), ORANGE), (right, np.asarray(fair), BLUE)):
        medians = np.median(values, 0)
        best.append(betas[medians.argmin()])
        axes.plot(np.broadcast_to(betas, values.shape).ravel(), values.ravel(), "o", color=colour,
                  alpha=0.5)
        axes.plot(betas, medians, color=colour, linewidth=1)
        _beta_axis(axes, betas, "β in training", fontsize=8.5)
        axes.set_ylim(80, 230)
    guessed = ""
    if guess is not None:
        right.axvline(guess, color=ORANGE, linestyle=":", linewidth=2)
        guessed = f" (your guess: {guess:g}, dotted)"
    left.set_ylabel("nats per test image")
    left.text(0.02, 0.97, "dots: seeds, line: median", va="top", fontsize=8.5,
              transform=left.transAxes)
    left.set_title(f"Own objective, distortion + β · rate:\n“best” at β = {best[0]:g}")
    right.set_title(f"One ruler for all, −ELBO at β = 1:\nbest at β = {best[1]:g}{guessed}")
    fig.caption = (
        f"Measured by its own objective, the model trained at β = {best[0]:g} looks best; by "
        f"−ELBO at β = 1, the one trained at β = {best[1]:g}{guessed}."
    )
    return fig


@styled
def cures_compared(stored, live, labels, guess=None):
    """What each cure of a collapse does, one panel a quantity, one row a cure.

    stored: {quantity: {cure: [seeds]}}; live: {cure: {quantity: value}}, for some cures;
    labels: {quantity: axis label with unit}. The title names the cure whose median of the first
    quantity is lowest, and guess, the one that the learner committed, or None.
    """
    first = next(iter(stored))
    cures = list(stored[first])
    rows = np.arange(len(cures))
    fig = Figure(figsize=(9.6, 1.3 + 0.42 * len(cures)), layout="constrained")
    panels = fig.subplots(1, len(stored), sharey=True)
    for axes, (quantity, of) in zip(panels, stored.items()):
        values = np.array([of[cure] for cure in cures])  # [cures, seeds]
        mine = [found[quantity] for found in live.values()]
        axes.plot(values, rows, "o", color=BLUE, alpha=0.5)
        axes.plot(np.median(values, 1), rows, "|", color=BLUE, markersize=22, markeredgewidth=2)
        axes.plot(mine, [cures.index(cure) for cure in live], "D", color=ORANGE, markersize=8)
        both = [*values.ravel(), *mine]
        margin = 0.06 * (max(both) - min(both)) + 1e-6
        axes.set(xlabel=labels[quantity], xlim=(min(both) - margin, max(both) + margin))
    panels[0].set(yticks=rows, ylim=(len(cures) - 0.5, -0.5))
    panels[0].set_yticklabels(cures)
    marks = "dots: stored seeds, bar: median" + (", diamond: this run" if live else "")
    panels[-1].set_title(marks, fontsize=9, loc="right")
    medians = {cure: np.median(values) for cure, values in stored[first].items()}
    best = min(medians, key=medians.get)
    panels[0].set_title(
        f"Lowest: {best} ({medians[best]:.0f})" + (f"; your guess: {guess}" if guess else ""))
    fig.caption = f"Medians of {labels[first]}: " + ", ".join(
        f"{cure} {median:.1f}" for cure, median in medians.items()) + (
        f". Your guess: {guess}." if guess else ".")
    return fig


@styled
def surviving_dimensions(
    noise_variance, eigenvalues, spreads, originals, reconstructions, live=None, guess=None,
    fig=None,
):
    """A linear VAE's latents against the law A_u = 1 − σ²/λ, and what its code keeps of digits.

    eigenvalues: of the data, falling, [shown]; spreads: A_u of trained models, each falling,
    [seeds, latent]; originals, reconstructions: [6, 28, 28] in [0, 1]; live: a run's own A_u
    [latents] or None; guess: the count that the learner committed, or None.
    """
    if fig is None:
        fig = _empty_dimensions(len(eigenvalues))
    eigenvalues, spreads = np.asarray(eigenvalues), np.asarray(spreads)
    order, parts = np.arange(1, len(eigenvalues) + 1), fig.artists_of
    predicted = np.clip(1 - noise_variance / eigenvalues, 0, None)  # [shown]
    counts = (spreads > 0.01).sum(1)  # [seeds]
    surviving, expected = int((eigenvalues > noise_variance).sum()), int((predicted > 0.01).sum())
    parts["spectrum"].set_data(order, eigenvalues)
    parts["noise"].set_ydata([noise_variance] * 2)
    parts["cut"].set_xdata([surviving + 0.5] * 2)
    places = np.broadcast_to(np.arange(1, spreads.shape[1] + 1), spreads.shape)
    parts["stored"].set_data(places.ravel(), spreads.ravel())
    parts["law"].set_data(order, predicted)
    live = [] if live is None else live
    parts["live"].set_data(np.arange(1, len(live) + 1), live)
    parts["guess"].set(visible=guess is not None, xdata=[guess or 1] * 2)
    rows = np.stack([originals.reshape(2, 3, 28, 28), reconstructions.reshape(2, 3, 28, 28)], 1)
    parts["digits"].set_data(tile(rows.reshape(12, 28, 28), 3))
    low, high = counts.min(), counts.max()
    trained = f"{low}" if low == high else f"{low} to {high}"
    guessed = "" if guess is None else f"; your guess: {guess}"
    parts["noise"].axes.set_title(f"σ² = {noise_variance:g}:\n{surviving} eigenvalues above it")
    parts["law"].axes.set_title(f"A_u > 0.01: predicted {expected},\ntrained {trained}{guessed}")
    fig.caption = (
        f"At σ² = {noise_variance:g} {surviving} eigenvalues lie above the noise; the rule "
        f"A_u > 0.01 counts {expected} of them, and {trained} in {len(counts)} stored "
        f"runs{guessed}."
    )
    return fig


def _empty_dimensions(shown):
    """Axes for the first `shown` directions, and no model yet."""
    fig = Figure(figsize=(9.6, 3.8), layout="constrained")
    spectrum, law, digits = fig.subplots(1, 3, width_ratios=[1, 1.25, 0.95])
    fig.artists_of = {
        "spectrum": spectrum.plot([], [], color=GREEN)[0],
        "noise": spectrum.axhline(1, color=ORANGE, linestyle="--"),
        "cut": spectrum.axvline(1, color=ORANGE, linewidth=1),
        "stored": law.plot([], [], "o", color=BLUE, alpha=0.35, markersize=4,
                           label="trained, stored seeds")[0],
        "live": law.plot([], [], "D", color=ORANGE, markersize=6, fillstyle="none",
                         label="this run")[0],
        "law": law.plot([], [], color=GREEN, label="1 − σ²/λ")[0],
        "guess": law.axvline(1, color=ORANGE, linestyle=":", linewidth=2, label="your guess"),
        "digits": new_picture(digits, 4, 3),
    }
    spectrum.set(xlabel="direction, strongest first", ylabel="eigenvalue λ (squared pixel units)",
                 yscale="log", xlim=(0, shown + 1), ylim=(0.03, 8), title=TWO_LINES)
    law.set(xlabel="latent, busiest first", ylabel="A_u, variance of the mean", title=TWO_LINES,
            xlim=(0, shown + 1), ylim=(-0.03, 1.03))
    law.legend(loc="upper right", fontsize=8.5)
    digits.set_title("Digits (odd rows), and\nwhat comes back (even rows)")
    freeze_layout(fig)
    return fig
