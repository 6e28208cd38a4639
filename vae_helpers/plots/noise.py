"""Figures of notebook 06's first half: the noisy latent space of a young VAE."""

import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.base import BLUE, ORANGE, TWO_LINES, freeze_layout
from vae_helpers.plots.digits import move_plane, new_plane


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
                  xlim=(-0.5, len(places) - 0.5), xticks=range(len(places)),
                  yticks=np.linspace(0, 1, 6))
        curve.set_xticklabels([f"{value:g}" for value in places])
        curve.legend(loc="upper center", ncols=4, fontsize=9, columnspacing=1, handlelength=1.4)
        freeze_layout(fig)
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


def swapped_pair(means, draws, swaps, steps, names, fig=None):
    """Draws of two digits' posteriors at several moments: whose draw lies nearer to whom?

    means [moments, 2, 2]; draws [moments, 2, k, 2]; swaps [moments, 2]: how probably a draw of
    each lies nearer to the other's mean; steps [moments]; names: of the two digits.
    """
    means, draws, swaps = (np.asarray(values) for values in (means, draws, swaps))
    if fig is None:
        fig = Figure(figsize=(9.6, 3.1), layout="constrained")
        panels = fig.subplots(1, len(steps))
        styles = list(zip((BLUE, ORANGE), "os"))
        fig.artists_of = [
            {
                "draws": [axes.plot([], [], mark, color=colour, alpha=0.35, markersize=3)[0]
                          for colour, mark in styles],
                "means": [axes.plot([], [], mark, color=colour, markersize=11, label=name,
                                    markeredgecolor="black")[0]
                          for name, (colour, mark) in zip(names, styles)],
                "numerals": [axes.text(0, 0, name[-1], size=8, weight="bold", color="white",
                                       ha="center", va="center") for name in names],
            }
            for axes in panels
        ]
        for axes in panels:
            axes.set(xlabel="main axis of the means", title=TWO_LINES)
        panels[0].set_ylabel("second axis")
        freeze_layout(fig)
    for parts, mean, draw, swap, step in zip(fig.artists_of, means, draws, swaps, steps):
        for k in range(2):
            parts["draws"][k].set_data(*draw[k].T)
            parts["means"][k].set_data(*mean[k][:, None])
            parts["numerals"][k].set_position(mean[k])
        axes = parts["draws"][0].axes
        everything = np.concatenate([*draw, mean])  # [2k + 2, 2]
        middle = (everything.max(0) + everything.min(0)) / 2
        reach = 0.55 * np.ptp(everything, axis=0).max()
        axes.set(xlim=(middle[0] - reach, middle[0] + reach),
                 ylim=(middle[1] - reach, middle[1] + reach))
        axes.set_title(f"after {step:,} steps\n{swap.mean():.0%} of draws swap")
    words = ", ".join(f"{swap.mean():.0%} after {step:,} steps" for swap, step in zip(swaps, steps))
    fig.caption = f"Draws of {names[0]} and {names[1]} nearer to the other's mean: {words}."
    return fig


def early_latents(steps, stored, live, chance, fig=None):
    """Purity and signal-to-noise of several nets' latents in the first steps, one column a net.

    steps [stages]; stored: {net: {"sampled", "means": [seeds, stages], "signal_to_noise":
    [seeds, stages, latent]}}; live: {net: the same without the axis of seeds}, for some nets;
    chance: the purity of codes that know nothing.
    """
    kinds = (("means", "s", ORANGE), ("sampled", "o", BLUE))
    if fig is None:
        fig = Figure(figsize=(9.6, 5.6), layout="constrained")
        panels = fig.subplots(2, len(stored), sharex=True, sharey="row")
        fig.artists_of = {}
        for (above, below), net in zip(panels.T, stored):
            lines = {
                kind: (
                    above.plot([], [], mark, color=colour, alpha=0.35, markersize=4)[0],
                    above.plot([], [], "-", color=colour, marker=mark, markersize=5, label=kind)[0],
                    above.plot([], [], "D", color=colour, markersize=9, fillstyle="none")[0],
                )
                for kind, mark, colour in kinds
            }
            fig.artists_of[net] = {
                "lines": lines,
                "chance": above.axhline(0, color="#777777", linestyle="--"),
                "latents": below.plot([], [], "o", color=BLUE, alpha=0.25, markersize=3)[0],
                "live": below.plot([], [], "D", color=BLUE, markersize=7, fillstyle="none")[0],
            }
            below.axhline(1, color="#777777", linestyle="--", linewidth=1)
            above.set(title=TWO_LINES, ylim=(0, 1))
            below.set(xlabel="steps of training", yscale="log", ylim=(1e-5, 3e3),
                      xticks=range(len(steps)), xlim=(-0.4, len(steps) - 0.6))
            below.set_xticklabels([f"{step:,}" for step in steps])
        panels[0, 0].set_ylabel("neighbours with\nthe same label (share)")
        panels[1, 0].set_ylabel("signal-to-noise\n(each latent)")
        panels[0, 0].legend(loc="upper left", fontsize=9)
        freeze_layout(fig)
    words = []
    for net, seeds in stored.items():
        parts, own = fig.artists_of[net], live.get(net)
        for kind, (dots, line, diamond) in parts["lines"].items():
            values = np.asarray(seeds[kind])  # [seeds, stages]
            dots.set_data(np.tile(range(len(steps)), len(values)), values.ravel())
            line.set_data(range(len(steps)), np.median(values, axis=0))
            diamond.set_data(range(len(steps)) if own else [], own[kind] if own else [])
        parts["chance"].set_ydata([chance, chance])
        latents = np.moveaxis(np.asarray(seeds["signal_to_noise"]), 1, 0)  # [stages, seeds, latent]
        _spread_out(parts["latents"], latents.reshape(len(steps), -1))
        _spread_out(parts["live"], np.asarray(own["signal_to_noise"]) if own else np.zeros((0, 0)))
        first = {kind: np.median(np.asarray(seeds[kind])[:, 0]) for kind, *_ in kinds}
        line.axes.set_title(
            f"{net}\nat first: means {first['means']:.2f}, sampled {first['sampled']:.2f}")
        words.append(f"{net}: means {first['means']:.2f}, sampled {first['sampled']:.2f}, "
                     f"largest signal-to-noise of any latent {latents[0].max():.2g}")
    fig.caption = f"Before the first step (chance {chance:.2f}): " + "; ".join(words) + "."
    return fig


def _spread_out(dots, values):
    """Put values [stages, k] above their stages, side by side."""
    offsets = np.linspace(-0.25, 0.25, values.shape[1]) if values.shape[1] else np.zeros(0)
    dots.set_data((np.arange(len(values))[:, None] + offsets).ravel(), values.ravel())
