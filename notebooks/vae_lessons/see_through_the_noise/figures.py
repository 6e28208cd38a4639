"""Figures of notebook 06: the noisy latent space of a young VAE, and the plateau."""

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from vae_helpers.plots.base import BLUE, ORANGE, TWO_LINES, freeze_layout, styled
from vae_helpers.plots.digits import move_plane, new_picture, new_plane, tile


@styled
def noise_plane(
    codes, labels, step, noise, noises, purities, chance, noise_to_signal, guess=None, fig=None
):
    """Codes with more or less of their noise, and how many of their neighbours share the label.

    codes [n, 2] with labels [n], shown in units of their own spread; step: of training;
    noise: what the posteriors' standard deviation is multiplied with, one of `noises`, and
    `purities` at all of them; chance: the purity of codes that know nothing;
    noise_to_signal: variance of the draws by that of the means; guess: a purity, or None.
    """
    codes, labels, places = np.asarray(codes), np.asarray(labels), list(noises)
    if fig is None:
        fig = _empty_plane(places)
    parts, here = fig.artists_of, places.index(noise)
    centred = codes - codes.mean(0)
    spread = np.sqrt((centred**2).sum(1).mean() / 2)
    move_plane(parts["plane"], centred / spread, labels)
    parts["chance"].set_ydata([chance, chance])
    parts["curve"].set_data(range(len(places)), purities)
    parts["here"].set_data([here], [purities[here]])
    parts["guess"].set_data([] if guess is None else [places.index(1)],
                            [] if guess is None else [guess])
    share = f"{purities[here]:.0%} of neighbours share the label"
    ratio = f"noise-to-signal {float(f'{noise_to_signal:.2g}'):,g}"
    guessed = "" if guess is None else f"; your guess {guess:.0%}"
    parts["plane"][0].axes.set_title(f"After {step:,} steps, noise × {noise:g}:\n{ratio}")
    parts["here"].axes.set_title(f"{share}\nchance {chance:.0%}{guessed}")
    fig.caption = (f"After {step:,} steps, with noise × {noise:g} ({ratio}), {share}; chance is "
                   f"{chance:.0%}{guessed}.")
    return fig


def _empty_plane(noises):
    """The figure of codes under noise with its axes, and no codes yet."""
    fig = Figure(figsize=(9.6, 4.5), layout="constrained")
    plane, curve = fig.subplots(1, 2, width_ratios=[1, 1.1])
    fig.artists_of = {
        "plane": new_plane(plane, apart=0.45),
        "chance": curve.axhline(0, color="#777777", linestyle="--", label="chance"),
        "curve": curve.plot([], [], ".-", color=BLUE, label="at each noise")[0],
        "here": curve.plot([], [], "o", color=BLUE, markersize=11, label="as shown")[0],
        "guess": curve.plot([], [], "D", color=ORANGE, markersize=10, fillstyle="none",
                            markeredgewidth=2, label="your guess")[0],
    }
    plane.set(xlabel="main axis of the means (in spreads of the cloud)",
              ylabel="second axis (in spreads of the cloud)")
    curve.set(xlabel="noise (times the posterior's standard deviation)", ylim=(0, 1.18),
              ylabel="neighbours with the same label (share)", title=TWO_LINES,
              xlim=(-0.5, len(noises) - 0.5), xticks=range(len(noises)),
              yticks=np.linspace(0, 1, 6))
    curve.set_xticklabels([f"{value:g}" for value in noises])
    curve.legend(loc="upper center", ncols=4, fontsize=9, columnspacing=1, handlelength=1.4)
    freeze_layout(fig)
    return fig


@styled
def swapped_pair(means, draws, swaps, steps, names):
    """Draws of two digits' posteriors at several moments: whose draw lies nearer to whom?

    means [moments, 2, 2]; draws [moments, 2, k, 2]; swaps [moments, 2]: how probably a draw of
    each lies nearer to the other's mean; steps [moments]; names: of the two digits.
    """
    means, draws, swaps = (np.asarray(values) for values in (means, draws, swaps))
    fig = Figure(figsize=(9.6, 3.1), layout="constrained")
    panels = fig.subplots(1, len(steps))
    for axes, mean, draw, swap, step in zip(panels, means, draws, swaps, steps):
        pair = list(zip(mean, draw, names, (BLUE, ORANGE), "os"))
        for _, own, _, colour, mark in pair:
            axes.plot(*own.T, mark, color=colour, alpha=0.35, markersize=3)
        for place, _, name, colour, mark in pair:
            axes.plot(*place[:, None], mark, color=colour, markersize=11, label=name,
                      markeredgecolor="black")
            axes.text(*place, name[-1], size=8, weight="bold", color="white", ha="center",
                      va="center")
        everything = np.concatenate([*draw, mean])  # [2k + 2, 2]
        middle = (everything.max(0) + everything.min(0)) / 2
        reach = 0.55 * np.ptp(everything, axis=0).max()
        axes.set(xlabel="main axis of the means", xlim=(middle[0] - reach, middle[0] + reach),
                 ylim=(middle[1] - reach, middle[1] + reach),
                 title=f"after {step:,} steps\n{swap.mean():.0%} of draws swap")
    panels[0].set_ylabel("second axis")
    words = ", ".join(f"{swap.mean():.0%} after {step:,} steps" for swap, step in zip(swaps, steps))
    fig.caption = f"Draws of {names[0]} and {names[1]} nearer to the other's mean: {words}."
    return fig


@styled
def early_latents(steps, stored, live, chance):
    """Purity and signal-to-noise of several nets' latents in the first steps, one column a net.

    steps [stages]; stored: {net: {"sampled", "means": [seeds, stages], "signal_to_noise":
    [seeds, stages, latent]}}; live: {net: the same without the axis of seeds}, for some nets;
    chance: the purity of codes that know nothing.
    """
    fig = Figure(figsize=(9.6, 5.6), layout="constrained")
    panels, words = fig.subplots(2, len(stored), sharex=True, sharey="row"), []
    for (above, below), (net, seeds) in zip(panels.T, stored.items()):
        own, first = live.get(net), {}
        for kind, mark, colour in (("means", "s", ORANGE), ("sampled", "o", BLUE)):
            values = np.asarray(seeds[kind])  # [seeds, stages]
            first[kind] = np.median(values[:, 0])
            above.plot(np.tile(range(len(steps)), len(values)), values.ravel(), mark,
                       color=colour, alpha=0.35, markersize=4)
            above.plot(range(len(steps)), np.median(values, axis=0), "-", color=colour,
                       marker=mark, markersize=5, label=kind)
            if own:
                above.plot(range(len(steps)), own[kind], "D", color=colour, markersize=9,
                           fillstyle="none")
        above.axhline(chance, color="#777777", linestyle="--")
        latents = np.moveaxis(np.asarray(seeds["signal_to_noise"]), 1, 0)  # [stages, seeds, latent]
        _spread_out(below, latents.reshape(len(steps), -1), "o", alpha=0.25, markersize=3)
        if own:
            _spread_out(below, np.asarray(own["signal_to_noise"]), "D", markersize=7,
                        fillstyle="none")
        below.axhline(1, color="#777777", linestyle="--", linewidth=1)
        told = f"means {first['means']:.2f}, sampled {first['sampled']:.2f}"
        above.set(title=f"{net}\nat first: {told}", ylim=(0, 1))
        below.set(xlabel="steps of training", yscale="log", ylim=(1e-5, 3e3),
                  xticks=range(len(steps)), xlim=(-0.4, len(steps) - 0.6))
        below.set_xticklabels([f"{step:,}" for step in steps])
        words.append(f"{net}: {told}, "
                     f"largest signal-to-noise of any latent {latents[0].max():.2g}")
    panels[0, 0].set_ylabel("neighbours with\nthe same label (share)")
    panels[1, 0].set_ylabel("signal-to-noise\n(each latent)")
    panels[0, 0].legend(loc="upper left", fontsize=9)
    fig.caption = f"Before the first step (chance {chance:.2f}): " + "; ".join(words) + "."
    return fig


def _spread_out(axes, values, mark, **style):
    """Draw values [stages, k] above their stages, side by side."""
    offsets = np.linspace(-0.25, 0.25, values.shape[1])
    places = np.arange(len(values))[:, None] + offsets  # [stages, k]
    axes.plot(places.ravel(), values.ravel(), mark, color=BLUE, **style)


SHARES = LinearSegmentedColormap.from_list("shares", ["#FFFFFF", "#8DB8DA"])


@styled
def settled_decoder(drawn, mean_image, distortion, closed_form, guess=None):
    """What a collapsed decoder draws at several z, beside the mean of the training images.

    drawn [k, 28, 28] and mean_image [28, 28], in [0, 1]; distortion: the model's on the
    training images, closed_form: the mean image's, in nats; guess: in words, or None.
    """
    drawn, mean_image = np.asarray(drawn), np.asarray(mean_image)
    difference = np.abs(drawn - mean_image).max(0)  # [28, 28]
    fig = Figure(figsize=(9.6, 1.9), layout="constrained")
    left, middle, right = fig.subplots(1, 3, width_ratios=[1, len(drawn), 1])
    new_picture(left, 1, 1).set_data(mean_image)
    new_picture(middle, 1, len(drawn)).set_data(tile(drawn, len(drawn)))
    new_picture(right, 1, 1).set_data(difference)
    finding = (f"At any z one picture: {distortion:.1f} nats, the mean image "
               f"{closed_form:.1f} nats")
    guessed = "no guess committed" if guess is None else f"your guess: {guess}"
    left.set_title("the mean\nimage")
    middle.set_title(f"{finding}\n{guessed}")
    right.set_title("largest\ndifference")
    fig.caption = (f"{finding}; the largest difference in any of {len(drawn)} pictures is "
                   f"{difference.max():.3f} of full ink; {guessed}.")
    return fig


@styled
def collapse_map(staying, silent, betas, learning_rates, seeds, threshold, guess=None):
    """How many seeds stay on the plateau, over β and learning rate, one panel a build.

    staying: {build: [learning rates, betas]} of `seeds`; silent: likewise, how many of them
    have an encoder that says the same for all images; threshold: the β above which the
    plateau is stable; guess: how many stay at the largest learning rate and the third β of the
    first build, or None.
    """
    fig = Figure(figsize=(9.6, 3.7), layout="constrained")
    panels, words = fig.subplots(1, len(staying), sharey=True), []
    below = np.asarray(betas) < threshold
    place = below.sum() - 0.5  # between two columns
    for axes, (build, count) in zip(panels, staying.items()):
        count, mute = np.asarray(count), np.asarray(silent[build])  # [learning rates, betas]
        axes.imshow(count, cmap=SHARES, vmin=0, vmax=seeds, aspect="auto", origin="lower")
        for (row, k), stay in np.ndenumerate(count):
            text = f"{stay} of {seeds}" + (f"\n{mute[row, k]} silent" if stay else "")
            axes.text(k, row, text, ha="center", va="center")
        axes.axvline(place, color=ORANGE, linestyle="--")
        axes.text(place - 0.04, -0.42, f"β* = {threshold:.0f}", color="#A04000", ha="right",
                  va="bottom", fontsize=9)
        axes.set(xlabel="β", xticks=range(len(betas)), yticks=range(len(learning_rates)))
        axes.set_xticklabels([f"{beta:g}" for beta in betas])
        axes.set_yticklabels([f"{rate:g}" for rate in learning_rates])
        axes.set_title(
            f"{build}:\nbelow β* {count[:, below].sum()} of "
            f"{count[:, below].size * seeds} runs stay, {mute[:, below].sum()} of them silent")
        words.append(f"{build}: " + "; ".join(
            f"learning rate {rate:g}: " + ", ".join(
                f"{stay} ({quiet} silent) at β = {beta:g}"
                for stay, quiet, beta in zip(*line, betas))
            for rate, line in zip(learning_rates, zip(count, mute))))
    panels[0].set_ylabel("learning rate (Adam)")
    if guess is not None:
        panels[0].text(2, len(learning_rates) - 0.62, f"your guess: {guess}", ha="center",
                       va="center", fontsize=9, color="#A04000")
    fig.caption = (f"Of {seeds} seeds, how many stay on the plateau (threshold β = "
                   f"{threshold:.0f}, dashed). " + ". ".join(words) + ".")
    return fig


@styled
def remedies(stored, live, off, mute, guess=None):
    """How far below the mean image's distortion runs get, with and without a remedy.

    stored: {remedy: [seeds]} in nats per image, the first without any; live: {remedy: value},
    for some; off: {remedy: how many of the seeds have left the plateau}; mute: {remedy: how
    many have an encoder whose means are the same for all images}; guess: a remedy.
    """
    rows = {name: row for row, name in enumerate(stored)}
    fig = Figure(figsize=(9.6, 1.2 + 0.5 * len(stored)), layout="constrained")
    axes = fig.subplots()
    axes.plot(np.concatenate(list(stored.values())), np.concatenate(
        [np.full(len(values), rows[name]) for name, values in stored.items()]),
        "o", color=BLUE, alpha=0.7, label="stored seeds")
    axes.plot(list(live.values()), [rows[name] for name in live], "D", color=ORANGE, markersize=9,
              label="this run")
    axes.axvline(0, color="#777777", linestyle="--", label="the mean image")
    for name, values in stored.items():
        axes.text(1.01, rows[name], f"{off[name]} of {len(values)} leave, {mute[name]} mute",
                  transform=axes.get_yaxis_transform(), va="center")
    axes.set(yticks=range(len(stored)), ylim=(len(stored) - 0.4, -0.6),
             xlim=(-3, 1.1 * max(*map(max, stored.values()), *live.values())),
             xlabel="nats per image below the distortion of the mean image")
    axes.set_yticklabels(stored)
    axes.legend(loc="upper right", fontsize=9)
    untreated, *treated = stored
    fewest = min(off[name] for name in treated)
    guessed = "no guess committed" if guess is None else f"your guess: {guess}"
    finding = (f"{off[untreated]} of {len(stored[untreated])} untreated runs leave the plateau, "
               f"at least {fewest} with any remedy")
    axes.set_title(f"{finding}\n{guessed}")
    fig.caption = f"{finding}; {guessed}. Medians: " + ", ".join(
        f"{name} {np.median(values):.1f} nats below the mean image, {mute[name]} mute in the mean"
        for name, values in stored.items()) + "."
    return fig
