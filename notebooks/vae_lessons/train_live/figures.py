"""Figures of notebook 04's core: the live training panel, β lowered again, and schedules."""

import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.base import BLUE, GREEN, ORANGE, TWO_LINES, freeze_layout, styled
from vae_helpers.plots.digits import new_picture, tile

TOPS = (2, 5, 10, 20, 50, 100, 1000)  # ends of the rate's axis: few, so that it seldom moves
ROOM = (1, 2, 5, 10, 20, 50, 100)  # and of the epochs': the plan may be far longer than the run


@styled
def training_panel(
    epochs, distortion, rate, validated, validation_neg_elbo, rates, active, originals,
    reconstructions, samples, beta, target_beta, settings, total, plateau, fig=None,
):
    """A VAE while it trains: both parts of the −ELBO, the latents' rates, and digits.

    epochs, distortion, rate [t]: the training minibatches, averaged in groups; validated
    (epochs), validation_neg_elbo [s]; rates, active (True or False) [latent]; originals and
    reconstructions [10, 28, 28] and samples [20, 28, 28] in [0, 1]. beta: of the last step, on its
    way to target_beta; settings: what else the learner has set, in words; total: epochs to be
    trained; plateau: the −ELBO of the mean image. Nats per image.
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
    for bar, height, is_active in zip(parts["rates"], rates, active):
        bar.set(height=height, facecolor=ORANGE if is_active else "white")
    rows = np.stack([originals, reconstructions])  # [2, 10, 28, 28]
    parts["back"].set_data(tile(rows.reshape(20, 28, 28), 10))  # [2, 10, …] -> [20, …]
    parts["samples"].set_data(tile(samples, 10))
    found = f"{sum(active)} of {len(rates)} latents are active"
    weight = f"β = {beta:.3g}" + ("" if beta == target_beta else f" (set to {target_beta:.3g})")
    now = f"Not trained yet ({total:g} epochs planned)"
    if len(epochs):
        now = f"Epoch {epochs[-1]:.1f} of {total:g}: −ELBO {neg_elbo[-1]:.0f} nats"
        for last in validation_neg_elbo[-1:]:
            now += f", on validation digits {last:.0f}"
    curves.set_title(f"{now}\n{weight}, {settings}")
    bars.set_title(f"{found}\n(filled)")
    fig.caption = f"{now}; {weight}, {settings}. {found}: their bars are filled."
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
        "rates": list(bars.bar(range(1, latents + 1), np.zeros(latents), facecolor="white",
                               edgecolor=ORANGE, linewidth=1.5)),
        "back": new_picture(back, 2, 10),
        "samples": new_picture(samples, 2, 10),
    }
    curves.set(xlabel="epochs", ylabel="nats per image", ylim=(0, 380), title=TWO_LINES)
    curves.legend(loc="upper right", ncols=3, fontsize=8)
    bars.set(xlabel="latent", ylabel="rate (nats per image)", xticks=range(1, latents + 1),
             title=TWO_LINES)
    back.set_title("Test digits, their reconstructions below")
    samples.set_title("Decoded draws from the prior")
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
    axes.set_title(f"{len(schedules)} schedules that end at β = {top:g}")
    fig.caption = f"β against the training step: {', '.join(schedules)}; all reach {top:g}."
    return fig


GUESSES = {"as good": (115, 140), "between": (140, 195), "stays": (195, 212)}  # nats
TOP = 225.0  # nats, of the axis
MARKS = {"1": (BLUE, "-"), "20": (GREEN, "--"), "100": (ORANGE, ":")}  # of the β in the middle


@styled
def there_and_back(steps, stored, live_steps, live, raised, plateau, guess=None):
    """−ELBO and active latents of runs whose β was raised for a while, and of runs at β = 1.

    steps [t], stored: {β in the middle: {"neg_elbo", "active": [seed, t]}}; live_steps [s], live:
    {"neg_elbo", "active": [s]}, this notebook's own run; raised: (first, last) step of the high β;
    plateau: −ELBO of the mean image; guess: a key of `GUESSES` or None. Nats per image.
    """
    fig = Figure(figsize=(9.6, 4.0), layout="constrained")
    left, right = fig.subplots(1, 2)
    for axes, name in ((left, "neg_elbo"), (right, "active")):
        axes.axvspan(*raised, color="#EEEEEE")
        for beta, values in stored.items():
            colour, line = MARKS[beta]
            label = f"β = 1, {beta}, 1" if beta != "1" else "β = 1 throughout"
            seeds = np.asarray(values[name], dtype=float)  # [seed, t]
            inside = np.where(seeds > TOP, np.nan, seeds)  # a run that leaves the picture has a gap
            axes.plot(steps, inside.T, line, color=colour, linewidth=0.8, alpha=0.35)
            for place in np.argwhere(seeds > TOP):
                axes.plot(steps[place[1]], TOP - 4, "^", color=colour, markersize=7)
                axes.annotate(f"one seed: {seeds[tuple(place)]:,.0f}", (steps[place[1]], TOP - 4),
                              (-8, 0), textcoords="offset points", ha="right", va="center",
                              fontsize=9, color=colour)
            axes.plot(steps, np.median(seeds, 0), line, color=colour, linewidth=2.5, label=label)
        axes.plot(live_steps, live[name], "D", color="black", markersize=5, label="this run")
        axes.set_xlabel("training step (grey: while β is high)")
    left.axhline(plateau, color="#777777", linewidth=1)
    left.text(steps[-1], plateau + 1, "the mean image", ha="right", va="bottom", fontsize=9,
              color="#555555")
    left.set(ylabel="−ELBO (nats per image, lower is better)", ylim=(115, TOP),
             xlim=(0, 1.07 * steps[-1]))
    right.set(ylabel="active latents, of 8", ylim=(-0.4, 8.6))
    right.legend(loc="lower right", fontsize=9)
    _title_there_and_back(fig, left, right, stored, guess)
    return fig


def _title_there_and_back(fig, left, right, stored, guess):
    ends = {beta: {name: np.median(np.asarray(values[name], dtype=float), 0)[-1]
                   for name in ("neg_elbo", "active")} for beta, values in stored.items()}
    guessed = ""
    if guess is not None:
        left.axhspan(*GUESSES[guess], xmin=0.97, color=ORANGE, alpha=0.5)
        guessed = f" (your guess: {guess}, shaded)"
    left.set_title(f"The run does not recover: {ends['100']['neg_elbo']:.0f} nats after\nβ = 100, "
                   f"{ends['1']['neg_elbo']:.0f} without{guessed}")
    right.set_title(f"Its latents become active again: {ends['100']['active']:g} of 8\n"
                    f"in the end, {ends['1']['active']:g} without (medians)")
    told = "; ".join(f"β = {beta} in the middle: {end['neg_elbo']:.0f} nats and {end['active']:g} "
                     "active latents" for beta, end in ends.items())
    fig.caption = f"Medians at the end. {told}{guessed}."


@styled
def schedules_compared(objective, distortion, live, beta):
    """Distortion + β · rate, and distortion, at the end of runs with different schedules of β.

    objective, distortion: {schedule: [seeds]}; live: {schedule: (objective, distortion)}, this
    notebook's own run; beta: where all of them end. Nats per test image.
    """
    fig = Figure(figsize=(9.6, 3.4), layout="constrained")
    for column, (axes, values) in enumerate(zip(fig.subplots(1, 2), (objective, distortion))):
        for row, (name, seeds) in enumerate(values.items()):
            spread = row + np.linspace(-0.2, 0.2, len(seeds))
            axes.plot(seeds, spread, "o", color=BLUE, alpha=0.6, label="stored seeds")
            axes.plot([np.median(seeds)] * 2, [row - 0.32, row + 0.32], color="black")
            if name in live:
                axes.plot(live[name][column], row, "D", color=ORANGE, label="this run")
        axes.set_yticks(range(len(values)), list(values))
        axes.invert_yaxis()
    left, right = fig.axes
    left.set_xlabel(f"D + {beta:g} · R (nats per test image, lower is better)")
    right.set_xlabel("D (nats per test image)")
    medians = {name: np.median(seeds) for name, seeds in objective.items()}
    best = min(medians, key=medians.get)
    gain, back = (np.median(np.subtract(values["constant"], values[best]))  # seed by seed
                  for values in (objective, distortion))
    left.set_title(f"{best.capitalize()} ends {gain:.1f} nats below a constant β,\n"
                   "by the objective at the end")
    right.set_title(f"Its reconstructions gain more:\nD is {back:.1f} nats lower")
    handles = dict(zip(*reversed(left.get_legend_handles_labels())))
    right.legend(handles.values(), handles, loc="lower right", fontsize=9)
    fig.caption = (f"Medians over seeds. {best.capitalize()} is below a constant β by {gain:.1f} "
                   f"nats in D + {beta:g} · R, and by {back:.1f} nats in D, seed by seed. Medians "
                   f"of D + {beta:g} · R, each by itself: " + ", ".join(
                       f"{name} {value:.0f}" for name, value in medians.items()) + " nats.")
    return fig
