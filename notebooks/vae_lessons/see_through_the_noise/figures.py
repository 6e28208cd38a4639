"""Figures of notebook 06's core: codes and their noise, the plateau, and what helps."""

import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.base import BLUE, GREEN, ORANGE, TWO_LINES, freeze_layout, styled
from vae_helpers.plots.digits import new_picture, tile

GREY, DARK = "#777777", "#A04000"
PLATE = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}  # behind a number
MARKED = {0: BLUE, 1: ORANGE, 4: GREEN}  # the digits that are drawn as numerals


@styled
def noise_plane(
    codes, labels, step, noise, noises, purities, chance, guess=None, fig=None
):
    """Codes with more or less of their noise, and how many of their neighbours share the label.

    codes [n, 2] with labels [n], shown in units of their own spread; step: of training;
    noise: what the posteriors' standard deviation is multiplied with, one of `noises`, and
    `purities` at all of them; chance: the purity of codes that do not depend on the image;
    guess: a purity, or None.
    """
    codes, labels, places = np.asarray(codes), np.asarray(labels), list(noises)
    if fig is None:
        fig = _empty_plane(places)
    parts, here = fig.artists_of, places.index(noise)
    centred = codes - codes.mean(0)
    scaled = centred / np.sqrt((centred**2).sum(1).mean() / 2)
    for digit, points in parts["digits"].items():
        points.set_data(*scaled[labels == digit].T)
    parts["others"].set_data(*scaled[~np.isin(labels, list(MARKED))].T)
    parts["chance"].set_ydata([chance, chance])
    parts["curve"].set_data(range(len(places)), purities)
    parts["here"].set_data([here], [purities[here]])
    parts["guess"].set_data([] if guess is None else [places.index(1)],
                            [] if guess is None else [guess])
    share = f"{purities[here]:.0%} of neighbours share the label"
    what = {0: "means (no noise)", 1: "draws (noise × 1)"}.get(noise, f"noise × {noise:g}")
    guessed = "" if guess is None else f"; your guess {guess:.0%}"
    parts["others"].axes.set_title(f"After {step:,} steps: {what}\n"
                                   "(digits 0, 1 and 4 as numerals, others grey)")
    parts["here"].axes.set_title(f"{share}\n(chance {chance:.0%}{guessed})")
    fig.caption = (f"After {step:,} steps, {what}: {share}; chance is {chance:.0%}{guessed}.")
    return fig


def _empty_plane(noises):
    """The figure of codes under noise with its axes, and no codes yet."""
    fig = Figure(figsize=(9.6, 4.6), layout="constrained")
    plane, curve = fig.subplots(1, 2, width_ratios=[1, 1.1])
    fig.artists_of = {
        "others": plane.plot([], [], ".", color="#D0D0D0", markersize=3)[0],
        "digits": {digit: plane.plot([], [], linestyle="", marker=f"${digit}$", markersize=6,
                                     color=colour, markeredgewidth=0.3, alpha=0.8)[0]
                   for digit, colour in MARKED.items()},
        "chance": curve.axhline(0, color=GREY, linestyle="--", label="chance"),
        "curve": curve.plot([], [], ".-", color=BLUE, label="at each noise")[0],
        "here": curve.plot([], [], "o", color=BLUE, markersize=11, label="as shown")[0],
        "guess": curve.plot([], [], "D", color=ORANGE, markersize=10, fillstyle="none",
                            markeredgewidth=2, label="your guess")[0],
    }
    plane.set(xlabel="first main axis of the means (standard deviations)", xlim=(-3.6, 3.6),
              ylabel="second main axis (standard deviations)", ylim=(-3.6, 3.6), aspect="equal",
              title=TWO_LINES)
    curve.set(xlabel="noise (times the posterior's standard deviation)", ylim=(0, 1.18),
              ylabel="neighbours with the same label (share)", title=TWO_LINES,
              xlim=(-0.5, len(noises) - 0.5), xticks=range(len(noises)),
              yticks=np.linspace(0, 1, 6))
    curve.set_xticklabels([f"{value:g}" for value in noises])
    curve.legend(loc="upper center", ncols=4, fontsize=9, columnspacing=1, handlelength=1.4)
    freeze_layout(fig)
    return fig


@styled
def early_latents(steps, stored, live, chance):
    """k-NN purity and signal-to-noise of several nets' codes early in training, one column a net.

    steps [stages]; stored: {net: {"sampled", "means": [seeds, stages], "signal_to_noise":
    [seeds, stages, latent]}}; live: {net: the same without the axis of seeds}, for some nets;
    chance: the purity of codes that do not depend on the image.
    """
    fig = Figure(figsize=(9.6, 5.9), layout="constrained")
    panels, words, most = fig.subplots(2, len(stored), sharex=True, sharey="row"), [], []
    places = np.arange(len(steps))
    for column, ((above, below), (net, seeds)) in enumerate(zip(panels.T, stored.items())):
        own, first = live.get(net), {}
        for kind, mark, colour in (("means", "s", ORANGE), ("sampled", "o", BLUE)):
            values = np.asarray(seeds[kind])  # [seeds, stages]
            first[kind] = np.median(values[:, 0])
            above.plot(np.tile(places, len(values)), values.ravel(), mark, color=colour,
                       alpha=0.35, markersize=4)
            above.plot(places, np.median(values, axis=0), "-", color=colour, marker=mark,
                       markersize=5, label={"means": "means", "sampled": "draws"}[kind])
            if own:
                above.plot(places, own[kind], "D", color=colour, markersize=9, fillstyle="none")
        if own:
            above.text(0.03, 0.96, "◇ your run", transform=above.transAxes, va="top", fontsize=9)
        above.axhline(chance, color=GREY, linestyle="--")
        latents = np.moveaxis(np.asarray(seeds["signal_to_noise"]), 1, 0)  # [stages, seeds, latent]
        _spread_out(below, latents.reshape(len(steps), -1), "o", alpha=0.25, markersize=3)
        if own:
            _spread_out(below, np.asarray(own["signal_to_noise"]), "D", markersize=6,
                        fillstyle="none", alpha=0.8)
        below.axhline(1, color=GREY, linestyle="--")
        if column == 0:
            above.legend(loc="upper left", fontsize=9)
            above.text(3.4, chance - 0.015, "chance", color=GREY, fontsize=9, ha="right", va="top")
            below.text(-0.35, 1.3, "signal = noise", color=GREY, fontsize=9)
        above.set(title=f"{net}\nmeans {first['means']:.0%}, draws {first['sampled']:.0%}",
                  ylim=(0, 1))
        most.append(first["sampled"])
        below.set(xlabel="training steps", yscale="log", ylim=(1e-5, 3e3), xticks=places,
                  xlim=(-0.4, len(steps) - 0.6))
        below.set_xticklabels([f"{step:,}" for step in steps])
        words.append(f"{net}: means {first['means']:.2f}, draws {first['sampled']:.2f}, "
                     f"largest signal-to-noise of any latent {latents[0].max():.2g}")
    panels[0, 0].set_ylabel("neighbours with\nthe same label (share)")
    panels[1, 0].set_ylabel("signal-to-noise\nof each latent")
    fig.suptitle(f"Before training, at most {max(most):.0%} of draws have a neighbour of the same "
                 f"digit (chance {chance:.0%}; medians)", x=0.01, ha="left", fontsize=11)
    fig.caption = f"Before training (chance {chance:.2f}): " + "; ".join(words) + "."
    return fig


def _spread_out(axes, values, mark, **style):
    """Draw values [stages, k] above their stages, side by side."""
    offsets = np.linspace(-0.25, 0.25, values.shape[1])
    places = np.arange(len(values))[:, None] + offsets  # [stages, k]
    axes.plot(places.ravel(), values.ravel(), mark, color=BLUE, **style)


@styled
def collapsed_decoder(pictures, mean_image, distortion, closed_form, guess=None):
    """What a collapsed decoder outputs at several z, beside the mean of the training images.

    pictures [k, 28, 28] and mean_image [28, 28], in [0, 1]; distortion: the model's on the
    training images, closed_form: the mean image's, in nats; guess: in words, or None.
    """
    pictures, mean_image = np.asarray(pictures), np.asarray(mean_image)
    difference = np.abs(pictures - mean_image).max(0)  # [28, 28]
    fig = Figure(figsize=(9.6, 1.5), layout="constrained")
    left, middle, right = fig.subplots(1, 3, width_ratios=[1, len(pictures), 1])
    new_picture(left, 1, 1).set_data(mean_image)
    new_picture(middle, 1, len(pictures)).set_data(tile(pictures, len(pictures)))
    new_picture(right, 1, 1).set_data(difference)
    finding = "The decoder outputs the mean image, whatever z it is given"
    numbers = f"distortion {distortion:.1f} nats per image, mean image {closed_form:.1f}"
    guessed = "" if guess is None else f"; your guess: {guess}"
    left.set_title("mean\nimage")
    middle.set_title(f"{finding}\n({numbers}{guessed})")
    right.set_title("largest\ndifference")
    fig.caption = (f"{finding}: {numbers}; the largest difference in any of {len(pictures)} "
                   f"pictures is {difference.max():.3f}{guessed}.")
    return fig


@styled
def collapse_map(staying, betas, learning_rates, seeds, guess=None):
    """How many seeds are still collapsed, over β and learning rate, one panel a build.

    staying: {build: [learning rates, betas]} of `seeds`; guess: how many at the largest learning
    rate and the second β of the last build, or None.
    """
    fig = Figure(figsize=(9.6, 3.6), layout="constrained")
    panels, words = fig.subplots(1, len(staying), sharey=True), []
    for axes, (build, counts) in zip(panels, staying.items()):
        for (row, column), stay in np.ndenumerate(np.asarray(counts)):
            place = betas[column], learning_rates[row]
            axes.plot(*place, "o", markersize=31, color=BLUE, alpha=0.75 * stay / seeds)
            axes.plot(*place, "o", markersize=31, color=GREY, fillstyle="none")
            axes.text(*place, f"{stay}", ha="center", va="center")
        axes.set(xlabel="KL weight β", xscale="log", yscale="log", title=build,
                 xlim=(0.6, 70), ylim=(learning_rates[0] / 2, learning_rates[-1] * 2))
        axes.set_xticks(betas, [f"{beta:g}" for beta in betas])
        axes.set_yticks(learning_rates, [f"{rate:g}" for rate in learning_rates])
        axes.minorticks_off()
        words.append(f"{build}: " + "; ".join(
            f"learning rate {rate:g}: " + ", ".join(
                f"{stay} at β = {beta:g}" for stay, beta in zip(line, betas))
            for rate, line in zip(learning_rates, np.asarray(counts))))
    panels[0].set_ylabel("learning rate")
    if guess is not None:
        panels[-1].text(betas[1], 1.62 * learning_rates[-1], f"your guess: {guess}", ha="center",
                        va="center", fontsize=9, color=DARK)
    shares = np.mean(list(map(np.asarray, staying.values())), axis=(0, 1)) / seeds  # [betas]
    told = ", ".join(f"{'none' if share == 0 else 'all' if share == 1 else 'some'} at {beta:g}"
                     for share, beta in zip(shares, betas))
    fig.suptitle(f"Runs still collapsed after 200 steps, by β: {told} (numbers: of {seeds} seeds)",
                 x=0.01, ha="left", fontsize=11)
    fig.caption = f"Of {seeds} seeds, still collapsed after 200 steps. " + ". ".join(words) + "."
    return fig


@styled
def remedies(distortion, objective, live, beta, guess=None):
    """What each remedy gains on the mean image, by distortion and by the objective.

    distortion, objective: {remedy: [seeds]}, nats per image below the mean image's, the first
    without any remedy; live: {remedy: (the same two numbers)}, for some; guess: a remedy.
    """
    rows = {name: row for row, name in enumerate(objective)}
    fig = Figure(figsize=(9.6, 1.7 + 0.56 * len(rows)), layout="constrained")
    panels = fig.subplots(1, 2, sharey=True)
    medians = {}
    for k, (axes, gains) in enumerate(zip(panels, (distortion, objective))):
        for name, values in gains.items():
            apart = rows[name] + np.linspace(-0.17, 0.17, len(values))  # so that no seed is hidden
            axes.plot(values, apart, "o", color=BLUE, alpha=0.6, markersize=5,
                      label="a stored seed" if rows[name] == 0 else None)
            axes.plot(np.median(values), rows[name] - 0.33, "v", color="black", markersize=6,
                      label="median" if rows[name] == 0 else None)
            medians[k, name] = np.median(values)
            axes.text(medians[k, name], rows[name] - 0.45, f"{medians[k, name]:.1f}", ha="center",
                      va="bottom", fontsize=9, bbox=PLATE)
        places = [rows[name] for name in live]
        axes.plot([pair[k] for pair in live.values()], places, "D", color=ORANGE, markersize=8,
                  fillstyle="none", markeredgewidth=2, label="this run")
        axes.axvline(0, color=GREY, linestyle="--", label="the mean image")
        axes.set(yticks=range(len(rows)), ylim=(len(rows) - 0.5, -0.9))
    axes.set_yticklabels(rows)
    panels[0].set(xlabel="distortion below the mean image's\n(nats per image; right is better)",
                  title=f"Gain in D: largest with {max(rows, key=lambda name: medians[0, name])}")
    panels[1].set(xlabel=f"D + {beta:g} R below the mean image's\n"
                         "(nats per image; right is better)",
                  title=f"Gain in D + {beta:g} R: largest with "
                        f"{max(rows, key=lambda name: medians[1, name])}")
    panels[1].set_xlim(panels[0].get_xlim())
    panels[1].legend(loc="lower right", fontsize=9)
    guessed = "" if guess is None else f"Your guess: {guess}"
    fig.suptitle(guessed, x=0.01, ha="left", fontsize=10, color=DARK)
    fig.caption = "Median gains on the mean image, by distortion and by the objective, in nats " \
        "per image: " + ", ".join(f"{name} {medians[0, name]:.1f} and {medians[1, name]:.1f}"
                                  for name in rows) + f". {guessed}".rstrip(". ") + "."
    return fig
