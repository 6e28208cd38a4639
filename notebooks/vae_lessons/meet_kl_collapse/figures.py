"""Figures of notebook 05: what β does to digits, codes, rate and distortion."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from vae_helpers.plots.base import BLUE, GREEN, ORANGE, TWO_LINES, freeze_layout, styled
from vae_helpers.plots.digits import labelled_picture, tile

GREY = "#999999"
LEAST_SLOPE = 0.008  # the lower end of an axis of slopes
ROWS = ["digits", "reconstructions"] * 2 + ["samples"] * 2  # of `digit_rows`


def digit_rows(originals, reconstructions, samples):
    """Ten digits, their reconstructions below, then ten samples: 3 x [10, 28, 28] to six rows."""
    rows = [part.reshape(2, 5, 28, 28) for part in (originals, reconstructions, samples)]
    order = [rows[0][0], rows[1][0], rows[0][1], rows[1][1], rows[2][0], rows[2][1]]
    return tile(np.concatenate(order), 5)


@styled
def beta_sweep(
    beta, originals, reconstructions, samples, rate_per_latent, active, betas, rates, distortions,
    here, entropy, plateau, fig=None,
):
    """One model of a sweep over β: its digits, its latents and its place on the curve.

    originals, reconstructions, samples: [10, 28, 28] in [0, 1]; rate_per_latent: [latent], nats;
    active: how many latents are active; betas, rates, distortions: of all models [β]; here: which
    of them this is. entropy: the pixels' entropy; plateau: the distortion of the mean image.
    Nats per test image.
    """
    latents = len(rate_per_latent)
    if fig is None:
        fig = _empty_sweep(latents, betas, max(rates), entropy, plateau)
    parts = fig.artists_of
    parts["digits"].set_data(digit_rows(originals, reconstructions, samples))
    for bar, rate in zip(parts["bars"], sorted(rate_per_latent, reverse=True)):
        bar.set_height(max(rate, 0.004))
    parts["none"].set_visible(max(rate_per_latent) < 0.004)
    parts["curve"].set_data(rates, distortions)
    parts["here"].set_data([rates[here]], [distortions[here]])
    for number, place in zip(parts["betas"], zip(rates, distortions)):
        number.xy = place
    parts["none"].axes.set_title(f"β = {beta:g}: {active} of {latents}\nlatents are active")
    parts["here"].axes.set_title(f"Rate {rates[here]:.1f}, distortion {distortions[here]:.0f}\n"
                                 "nats per test image")
    fig.caption = (
        f"β = {beta:g}: rate {rates[here]:.1f} and distortion {distortions[here]:.1f} nats per "
        f"test image; {active} of {latents} latents are active. The pixels' entropy is "
        f"{entropy:.1f}, the mean image's distortion {plateau:.1f}."
    )
    return fig


def _empty_sweep(latents, betas, highest_rate, entropy, plateau):
    """The sweep's figure with its axes, its entropy and its plateau, and no model yet."""
    fig = Figure(figsize=(9.6, 3.9), layout="constrained")
    digits, bars, curve = fig.subplots(1, 3, width_ratios=[1.25, 0.85, 1.15])
    numbers = range(1, latents + 1)
    fig.artists_of = {
        "digits": labelled_picture(digits, ROWS, 5),
        "bars": bars.bar(numbers, 0, color=BLUE),
        "none": bars.text(0.5, 0.5, "all rates are\nbelow 0.004 nats", ha="center",
                          transform=bars.transAxes),
        "curve": curve.plot([], [], "o-", color=GREY, markersize=4)[0],
        "here": curve.plot([], [], "o", color=BLUE, markersize=11)[0],
        "betas": [curve.annotate(f"{beta:g}", (0, 0), (5, 6), textcoords="offset points",
                                 color="#555555", fontsize=8) for beta in betas],
    }
    curve.text(0.97, 0.6, "numbers: β in training", color="#555555", fontsize=8.5, ha="right",
               transform=curve.transAxes)
    digits.set_title("Digits, reconstructions,\nand samples")
    bars.set(xlabel="latent, largest rate first", ylabel="rate (nats per image)", ylim=(0.004, 30),
             yscale="log", title=TWO_LINES, xticks=numbers)
    bars.yaxis.set_major_locator(FixedLocator([0.01, 0.1, 1, 10]))
    bars.yaxis.set_major_formatter("{x:g}")
    curve.set(xlabel="rate (nats per image)", ylabel="distortion (nats per image)",
              title=TWO_LINES, ylim=(0, 225), xlim=(-4, 1.15 * highest_rate + 4))
    for height, words in ((entropy, "the pixels' entropy"), (plateau, "the mean image")):
        curve.axhline(height, color=GREY, linestyle="--", linewidth=1)
        curve.text(curve.get_xlim()[1], height - 4, words, ha="right", va="top", fontsize=8.5)
    freeze_layout(fig)
    return fig


@styled
def curve_slopes(betas, stored, live, guess=None):
    """Slopes of the rate–distortion curve between neighbouring β, each in its box from β₁ to β₂.

    betas: [b]; stored: secants [seeds, b − 1]; live: {pair's number: secant}; guess: a
    secant that the learner committed for the live pair, or None.
    """
    low, high, stored = np.asarray(betas)[:-1], np.asarray(betas)[1:], np.asarray(stored)
    fig = Figure(figsize=(9.6, 3.9), layout="constrained")
    axes = fig.subplots()
    _slope_boxes(axes, low, high)
    _slope_dots(axes, np.arange(len(low)), stored, "o", BLUE, "stored seeds")
    axes.plot(list(live), list(live.values()), "D", color=ORANGE, markersize=8, label="this run")
    asked = [] if guess is None else list(live)[:1]  # the pair that the guess is about
    axes.plot(asked, [guess for _ in asked], "D", color=ORANGE, fillstyle="none", markersize=12,
              markeredgewidth=2, label="your guess")
    axes.legend(loc="upper left", fontsize=8.5)
    inside = ((stored > low) & (stored < high)).all(0)  # [pairs]
    names = [f"{a:g} → {b:g}" for a, b in zip(low, high)]
    within = [name for name, kept in zip(names, inside) if kept]
    axes.set_title(f"In {len(within)} of {len(names)} pairs every seed's slope lies between its "
                   "two β")
    fig.caption = (
        f"Every stored seed's slope lies between its two β for {', '.join(within) or 'no pair'}. "
        "Median slopes: " + ", ".join(
            f"{name}: {median:.3g}" for name, median in zip(names, np.median(stored, 0)))
        + (f". Your guess: {guess:g}." if guess is not None else "."))
    return fig


def _slope_boxes(axes, low, high):
    """A column for each pair of neighbours, with a box from β₁ to β₂ on a log scale."""
    axes.bar(range(len(low)), high - low, bottom=low, width=0.7, color="#DDEEFF",
             label="from β₁ to β₂")
    axes.set(yscale="log", ylim=(LEAST_SLOPE, 1.6 * max(high)), xlim=(-0.5, len(low) - 0.5),
             xlabel="pair of neighbours β₁ → β₂",
             ylabel="rise of the distortion ÷ fall of the rate\n(nats per nat, training images)")
    axes.set_xticks(range(len(low)), [f"{a:g} → {b:g}" for a, b in zip(low, high)])
    axes.yaxis.set_major_formatter("{x:g}")


def _slope_dots(axes, places, slopes, marker, colour, label):
    """Slopes [seeds, pairs]; those below the axis as triangles at its lower end."""
    at = np.broadcast_to(places, slopes.shape)
    axes.plot(at.ravel(), slopes.ravel(), marker, color=colour, alpha=0.6, label=label)
    off = at[slopes < LEAST_SLOPE]
    axes.plot(off, np.full(len(off), 1.15 * LEAST_SLOPE), "v", color=colour, alpha=0.6,
              label=f"below {LEAST_SLOPE}" if len(off) else None)


@styled
def code_clouds(codes, rates):
    """Codes of digits in two latents' plane, one panel a β, with a circle of the prior.

    codes: {β: draws from q(z|x) [n, 2]}; rates: {β: the model's rate, nats per test image}. The
    circle has radius 2: 86 % of the prior's draws lie inside.
    """
    fig = Figure(figsize=(9.6, 3.5), layout="constrained")
    panels = fig.subplots(1, len(codes), sharex=True, sharey=True)
    around = np.linspace(0, 2 * np.pi, 100)
    reach, shares = 1.05 * max(np.abs(places).max() for places in codes.values()), {}
    for axes, (beta, places) in zip(panels, codes.items()):
        axes.plot(*np.asarray(places).T, ".", color=BLUE, alpha=0.45, markersize=3)
        axes.plot(2 * np.cos(around), 2 * np.sin(around), color=ORANGE, linewidth=2)
        shares[beta] = (np.linalg.norm(places, axis=1) < 2).mean()
        axes.set(xlabel="latent of largest rate", xlim=(-reach, reach), ylim=(-reach, reach),
                 aspect="equal",
                 title=f"β = {beta:g}: rate {rates[beta]:.0f},\n{100 * shares[beta]:.0f} % inside")
    panels[0].set_ylabel("latent of second largest rate")
    panels[0].text(0.5, 0.97, "circle: 86 % of\nthe prior's draws", color=ORANGE, ha="center",
                   va="top", transform=panels[0].transAxes, fontsize=8.5)
    first, *_, last = shares.values()
    way = "leave" if last < first else "stay in"
    fig.suptitle(f"As β falls, the codes {way} the region where the prior draws", x=0.01,
                 ha="left", fontsize=11)
    fig.caption = ("Codes of test digits in two latents. Inside the orange circle of radius 2, "
                   "where 86 % of the prior's draws lie: "
                   + ", ".join(f"{100 * share:.0f} % at β = {beta:g}"
                               for beta, share in shares.items()) + ".")
    return fig


@styled
def rescaled_codes(betas, mean_part, rate, rescaled, slopes, rescaled_slopes):
    """What the rate pays for at small β, and what is left of it if the codes are scaled down.

    betas: [b]; mean_part, rate, rescaled: [seeds, b], nats per training image; slopes,
    rescaled_slopes: [seeds, b − 1].
    """
    fig = Figure(figsize=(9.6, 3.7), layout="constrained")
    bars, axes = fig.subplots(1, 2)
    mean, total, least = (np.median(values, 0) for values in (mean_part, rate, rescaled))
    numbers = np.arange(len(betas))
    bars.bar(numbers, total - mean, width=0.6, color=BLUE, label="for narrow q(z|x)")
    bars.bar(numbers, mean, width=0.6, bottom=total - mean, color=ORANGE, hatch="//",
             edgecolor="white", label="for means far from 0")
    bars.plot(numbers, least, "_", color="black", markersize=34, markeredgewidth=2,
              label="total, codes rescaled")
    bars.set_xticks(numbers, [f"{beta:g}" for beta in betas])
    bars.set(xlabel="β in training", ylabel="rate (nats per training image)",
             title=f"At β = {betas[0]:g}, {100 * mean[0] / total[0]:.0f} % of the rate pays\n"
                   "for means far from 0")
    bars.legend(fontsize=8.5, markerscale=0.5)
    low, high = np.asarray(betas)[:-1], np.asarray(betas)[1:]
    _slope_boxes(axes, low, high)
    _slope_dots(axes, np.arange(len(low)) - 0.12, np.asarray(slopes), "o", BLUE, "as trained")
    _slope_dots(axes, np.arange(len(low)) + 0.12, np.asarray(rescaled_slopes), "s", GREEN,
                "codes rescaled")
    before, after = np.median(slopes, 0)[0], np.median(rescaled_slopes, 0)[0]
    axes.set(title=f"Rescaling makes the first slope\n{after / before:.1f} times as large",
             ylabel="slope (nats per nat)")
    axes.legend(loc="upper left", fontsize=8.5)
    fig.caption = (
        "Medians over seeds. Rate: " + ", ".join(
            f"{a:.1f} at β = {beta:g}, of which ½ m² {b:.1f}, and {c:.1f} with rescaled codes"
            for beta, a, b, c in zip(betas, total, mean, least))
        + f". First slope: {before:.3f} as trained, {after:.3f} rescaled.")
    return fig


@styled
def decoded_samples(rows):
    """The same draws of z, decoded by several models, one row a model: {label: [n, 28, 28]}."""
    images = np.concatenate(list(rows.values()))
    columns = len(images) // len(rows)
    fig = Figure(figsize=(7.6, 0.65 * len(rows) + 0.4), layout="constrained")
    axes = fig.subplots()
    labelled_picture(axes, list(rows), columns).set_data(tile(images, columns))
    axes.set_title("With rescaled codes, the samples get dark strokes, but few are digits")
    fig.caption = f"The same {columns} draws from the prior, decoded by the models: " + ", ".join(
        f"{name}, {100 * part.mean():.0f} % ink" for name, part in rows.items()) + "."
    return fig


@styled
def active_latents(betas, stored, live, asked, guess=None):
    """Active latents against β: every stored seed, and live runs over them.

    betas: [b]; stored: counts [seeds, b]; live: {β: count}; guess: the count that the
    learner committed for β = `asked`, or None.
    """
    stored = np.asarray(stored)
    medians = np.median(stored, 0)
    guessed = {} if guess is None else {asked: guess}
    fig = Figure(figsize=(8.4, 3.4), layout="constrained")
    axes = fig.subplots()
    axes.plot(betas, medians, color=BLUE, linewidth=1, label="median of stored seeds")
    aside = np.geomspace(0.9, 1.11, len(stored))[:, None]  # so that equal seeds do not overlap
    axes.plot((betas * aside).ravel(), stored.ravel(), "o", color=BLUE, alpha=0.5, markersize=5,
              label="stored seeds, 15 epochs each")
    axes.plot(list(live), list(live.values()), "D", color=ORANGE, markersize=8,
              label="this run, 5 epochs")
    axes.plot(list(guessed), list(guessed.values()), "D", color=ORANGE, fillstyle="none",
              markersize=12, markeredgewidth=2, label="your guess")
    _beta_axis(axes, betas, "β")
    axes.set(ylabel="active latents (of 10)", ylim=(-0.5, 10.8))
    axes.legend(loc="lower left", fontsize=8.5)
    most = stored.max()
    full = [beta for beta, counts in zip(betas, stored.T) if (counts == most).all()]
    none = [beta for beta, counts in zip(betas, stored.T) if (counts == 0).all()]
    axes.set_title((f"All {most} latents are active up to β = {max(full):g}" if full
                    else f"At most {most} latents are active")
                   + (f", none at β = {min(none):g}" if none else ""))
    fig.caption = "Median active latents: " + ", ".join(
        f"{count:g} at β = {beta:g}" for beta, count in zip(betas, medians)) + "."
    return fig


def _beta_axis(axes, betas, label, fontsize=None):
    """Let x be β on a log scale, with a tick at each of these and no other."""
    axes.set(xscale="log", xlabel=label, xlim=(min(betas) / 1.5, max(betas) * 1.5), xticks=betas)
    axes.set_xticklabels([f"{beta:g}" for beta in betas], fontsize=fontsize)
    axes.xaxis.set_minor_locator(NullLocator())


@styled
def own_and_common(betas, own, common, guess=None):
    """Each model measured by its own loss, and all of them by one: −ELBO.

    betas: [b]; own: distortion + β · rate, common: distortion + rate, both [seeds, b], nats per
    test image; guess: the β whose −ELBO the learner thinks nearest to the first model's, or None.
    """
    fig = Figure(figsize=(9.6, 3.6), layout="constrained")
    left, right = fig.subplots(1, 2, sharex=True)
    best = []
    for axes, values, colour in (
            (left, np.asarray(own), ORANGE), (right, np.asarray(common), BLUE)):
        medians = np.median(values, 0)
        best.append(betas[medians.argmin()])
        axes.plot(np.broadcast_to(betas, values.shape).ravel(), values.ravel(), "o", color=colour,
                  alpha=0.5, label="seeds")
        axes.plot(betas, medians, color=colour, linewidth=1, label="median")
        _beta_axis(axes, betas, "β in training", fontsize=8.5)
        axes.set_ylim(80, 230)
    guessed = ""
    if guess is not None:
        right.axvline(guess, color=ORANGE, linestyle=":", linewidth=2)
        guessed = f" (your guess: {guess:g}, dotted)"
    left.set_ylabel("nats per test image, lower is better")
    left.legend(loc="upper left", fontsize=8.5)
    left.set_title(f"Each by its own loss D + βR:\nlowest at β = {best[0]:g}")
    right.set_title(f"All by one measure, −ELBO = D + R:\nlowest at β = {best[1]:g}{guessed}")
    fig.caption = (
        f"By its own loss D + βR, the model trained with β = {best[0]:g} has the lowest value; by "
        f"−ELBO = D + R, the one trained with β = {best[1]:g}{guessed}."
    )
    return fig
