"""Figures of notebook 04: the live training panel, schedules, and a recipe run to its end."""

import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.base import BLUE, GREEN, ORANGE, TWO_LINES, freeze_layout, styled
from vae_helpers.plots.digits import new_picture, tile

USED = 0.05  # nats of rate from which a latent counts as used, in this picture
TOPS = (2, 5, 10, 20, 50, 100, 1000)  # ends of the rate's axis: few, so that it seldom moves
ROOM = (5, 10, 20, 50, 100)  # and of the epochs', likewise: the plan may be far longer than the run


@styled
def training_panel(
    epochs, distortion, rate, validated, validation_neg_elbo, rates, originals, reconstructions,
    samples, beta, target_beta, settings, total, plateau, fig=None,
):
    """A VAE while it trains: both parts of the −ELBO, the latents' rates, and digits.

    epochs, distortion, rate [t]: the training minibatches, averaged in groups; validated
    (epochs), validation_neg_elbo [s]; rates [latent]; originals and reconstructions [10, 28, 28]
    and samples [20, 28, 28] in [0, 1]. beta: of the last step, on its way to target_beta; settings:
    what else the learner has set, in words; total: epochs to be trained; plateau: the −ELBO of the
    mean image. Nats per image.
    """
    if fig is None:
        fig = _new_figure(len(rates), plateau)
    parts = fig.artists_of
    curves, bars = parts["distortion"].axes, parts["rates"][0].axes
    neg_elbo = np.add(distortion, rate)
    for name, values in (("distortion", distortion), ("rate", rate), ("neg_elbo", neg_elbo)):
        parts[name].set_data(epochs, values)
    parts["validation"].set_data(validated, validation_neg_elbo)
    parts["plateau"].set_ydata([plateau, plateau])
    seen = max([0, *epochs[-1:]])
    room = next((end for end in ROOM if end >= 1.2 * seen), seen)
    curves.set_xlim(0, max(seen, min(total, room)))
    bars.set_ylim(0, next((top for top in TOPS if top > max(rates)), 1.1 * max(rates)))
    for bar, height in zip(parts["rates"], rates):
        bar.set_height(height)
    rows = np.stack([originals, reconstructions])  # [2, 10, 28, 28]
    parts["back"].set_data(tile(rows.reshape(20, 28, 28), 10))  # [2, 10, …] -> [20, …]
    parts["samples"].set_data(tile(samples, 10))
    used = sum(height > USED for height in rates)
    weight = f"β = {beta:.3g}" + ("" if beta == target_beta else f" (set to {target_beta:.3g})")
    now = "Not trained yet"
    if len(epochs):
        now = f"Epoch {epochs[-1]:.1f}: −ELBO {neg_elbo[-1]:.0f} nats"
        for last in validation_neg_elbo[-1:]:
            now += f", on validation digits {last:.0f}"
    curves.set_title(f"{now}\n{weight}, {settings}")
    bars.set_title(f"{used} of {len(rates)} latents carry\nmore than {USED:g} nats")
    fig.caption = (
        f"{now}; {weight}, {settings}. {used} of {len(rates)} latents carry more than "
        f"{USED:g} nats."
    )
    return fig


def _new_figure(latents, plateau):
    fig = Figure(figsize=(9.6, 5.3), layout="constrained")
    above, below = fig.subfigures(2, 1, height_ratios=[2.7, 1])
    curves, bars = above.subplots(1, 2, width_ratios=[2.4, 1])
    back, samples = below.subplots(1, 2)
    fig.artists_of = {
        "plateau": curves.axhline(plateau, color="#999999", linewidth=1,
                                  label="the mean image"),
        "distortion": curves.plot([], [], "--", color=GREEN, label="distortion")[0],
        "rate": curves.plot([], [], ":", color=ORANGE, linewidth=2, label="rate")[0],
        "neg_elbo": curves.plot([], [], color=BLUE, label="−ELBO, training")[0],
        "validation": curves.plot([], [], "o", color="black", markersize=4,
                                  label="−ELBO, validation")[0],
        "rates": list(bars.bar(range(1, latents + 1), np.zeros(latents), color=ORANGE)),
        "back": new_picture(back, 2, 10),
        "samples": new_picture(samples, 2, 10),
    }
    curves.set(xlabel="epochs", ylabel="nats per image", ylim=(0, 380), title=TWO_LINES)
    curves.legend(loc="upper right", ncols=3, fontsize=8)
    bars.set(xlabel="latent", ylabel="rate (nats per image)", xticks=range(1, latents + 1),
             title=TWO_LINES)
    back.set_title("Test digits, and what comes back")
    samples.set_title("Digits from the prior")
    freeze_layout(fig)
    return fig


@styled
def beta_schedules(schedules):
    """β against the step: {name: [steps]}, three schedules at most."""
    fig = Figure(figsize=(9.6, 2.9), layout="constrained")
    axes = fig.subplots()
    for (name, betas), line, colour in zip(
            schedules.items(), ("-", "--", ":"), (BLUE, ORANGE, GREEN)):
        axes.plot(betas, line, color=colour, label=name)
    top = max(map(max, schedules.values()))
    axes.set(xlabel="training step", ylabel="β", xlim=(0, 1.02 * len(betas)),
             ylim=(-0.03 * top, 1.08 * top))
    axes.legend(loc="lower right", fontsize=9)
    axes.set_title(f"{len(schedules)} ways to reach β = {top:g}")
    fig.caption = f"β against the training step: {', '.join(schedules)}; all reach {top:g}."
    return fig


GUESSES = {"stays": (195, 218), "half way": (170, 195), "heals": (110, 170)}  # nats


@styled
def too_late(epochs, whole, live_epochs, live, healed, live_healed, plateau, guess=None):
    """The source's recipe to its end, and −ELBO of runs in which β became 1, late or early.

    epochs [t], whole [seed, t]; live_epochs [s], live [s]: this notebook's own run.
    healed: {when: [seeds]}; live_healed: {the same: value}, for some of them.
    plateau: −ELBO of the mean image; guess: a key of `GUESSES` or None. Nats per test image.
    """
    fig = Figure(figsize=(9.6, 4.0), layout="constrained")
    left, right = fig.subplots(1, 2, width_ratios=[1.5, 1], sharey=True)
    left.plot(epochs, np.transpose(whole), color=BLUE, alpha=0.6)[0].set_label("stored seeds")
    left.plot(live_epochs, live, "D", color=ORANGE, label="this run")
    left.axhline(plateau, color="#999999", label="the mean image")
    left.set(xlabel="epochs", ylabel="−ELBO at β = 1 (nats per test image)", xscale="log",
             ylim=(110, 225), xlim=(0.9, 110))
    left.set_xticks([1, 3, 10, 30, 100], [1, 3, 10, 30, 100])
    left.minorticks_off()
    left.legend(loc="lower left", fontsize=9)
    best = min(values[-1] for values in whole)
    left.set_title(f"The source's recipe, {len(whole)} seeds: after\n{epochs[-1]} epochs the best "
                   f"stands at {best:.0f} nats")
    _late_or_early(right, healed, live_healed, plateau)
    found = " against ".join(f"{min(values):.0f} … {max(values):.0f}" for values in healed.values())
    guessed = "no guess committed"
    if guess is not None:
        right.axhspan(*GUESSES[guess], color=ORANGE, alpha=0.2)
        guessed = f"your guess: {guess} (shaded)"
    right.set_title(f"{found} nats;\n{guessed}")
    fig.caption = (f"After {epochs[-1]} epochs as written the best of {len(whole)} seeds stands at "
                   f"{best:.0f} nats. {found} nats; {guessed}.")
    return fig


def _late_or_early(axes, healed, live_healed, plateau):
    """A column of runs for each time at which β became 1."""
    axes.axhline(plateau, color="#999999")
    for column, (when, values) in enumerate(healed.items()):
        axes.plot(column + np.linspace(-0.2, 0.1, len(values)), values, "o", color=BLUE, alpha=0.6)
        if when in live_healed:
            axes.plot(column + 0.25, live_healed[when], "D", color=ORANGE)
    axes.set(xticks=range(len(healed)), xlim=(-0.6, len(healed) - 0.4), xlabel="when β became 1")
    axes.set_xticklabels(healed)
