"""Figures of notebook 06's second half: the plateau, who stays there, and what helps."""

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from vae_helpers.plots.base import BLUE, ORANGE, TWO_LINES, freeze_layout
from vae_helpers.plots.digits import new_picture, tile

SHARES = LinearSegmentedColormap.from_list("shares", ["#FFFFFF", "#8DB8DA"])


def settled_decoder(drawn, mean_image, distortion, closed_form, guess=None, fig=None):
    """What a collapsed decoder draws at several z, beside the mean of the training images.

    drawn [k, 28, 28] and mean_image [28, 28], in [0, 1]; distortion: the model's on the
    training images, closed_form: the mean image's, in nats; guess: in words, or None.
    """
    drawn, mean_image = np.asarray(drawn), np.asarray(mean_image)
    if fig is None:
        fig = Figure(figsize=(9.6, 1.9), layout="constrained")
        left, middle, right = fig.subplots(1, 3, width_ratios=[1, len(drawn), 1])
        for axes in (left, middle, right):
            axes.set_title(TWO_LINES)
        fig.artists_of = {
            "mean": new_picture(left, 1, 1),
            "drawn": new_picture(middle, 1, len(drawn)),
            "difference": new_picture(right, 1, 1),
        }
        left.set_title("the mean\nimage")
        right.set_title("largest\ndifference")
        freeze_layout(fig)
    difference = np.abs(drawn - mean_image).max(0)  # [28, 28]
    parts = fig.artists_of
    parts["mean"].set_data(mean_image)
    parts["drawn"].set_data(tile(drawn, len(drawn)))
    parts["difference"].set_data(difference)
    finding = (f"At any z one picture: {distortion:.1f} nats, the mean image "
               f"{closed_form:.1f} nats")
    guessed = "no guess committed" if guess is None else f"your guess: {guess}"
    parts["drawn"].axes.set_title(f"{finding}\n{guessed}")
    fig.caption = (f"{finding}; the largest difference in any of {len(drawn)} pictures is "
                   f"{difference.max():.3f} of full ink; {guessed}.")
    return fig


def collapse_map(
    staying, silent, betas, learning_rates, seeds, threshold, guess=None, fig=None
):
    """How many seeds stay on the plateau, over β and learning rate, one panel a build.

    staying: {build: [learning rates, betas]} of `seeds`; silent: likewise, how many of them
    have an encoder that says the same for all images; threshold: the β above which the
    plateau is stable; guess: how many stay at the largest learning rate and the third β of the
    first build, or None.
    """
    if fig is None:
        fig = Figure(figsize=(9.6, 3.7), layout="constrained")
        panels = fig.subplots(1, len(staying), sharey=True)
        fig.artists_of = {"edges": [], "guess": None}
        for axes, (build, count) in zip(panels, staying.items()):
            rows, columns = np.shape(count)
            fig.artists_of[build] = (
                axes.imshow(np.zeros((rows, columns)), cmap=SHARES, vmin=0, vmax=seeds,
                            aspect="auto", origin="lower"),
                [[axes.text(k, row, "", ha="center", va="center") for k in range(columns)]
                 for row in range(rows)],
            )
            fig.artists_of["edges"].append((
                axes.axvline(0, color=ORANGE, linestyle="--"),
                axes.text(0, -0.42, "", color="#A04000", ha="right", va="bottom", fontsize=9),
            ))
            axes.set(xlabel="β", xticks=range(columns), yticks=range(rows), title=TWO_LINES)
            axes.set_xticklabels([f"{beta:g}" for beta in betas])
            axes.set_yticklabels([f"{rate:g}" for rate in learning_rates])
        panels[0].set_ylabel("learning rate (Adam)")
        fig.artists_of["guess"] = panels[0].text(2, len(learning_rates) - 0.62, "", ha="center",
                                                 va="center", fontsize=9, color="#A04000")
        freeze_layout(fig)
    parts = fig.artists_of
    below = np.asarray(betas) < threshold
    place = below.sum() - 0.5  # between two columns
    words = []
    for (build, count), (edge, name) in zip(staying.items(), parts["edges"]):
        count = np.asarray(count)  # [learning rates, betas]
        picture, texts = parts[build]
        picture.set_data(count)
        for text, stay, mute in zip(np.ravel(texts), count.ravel(), np.ravel(silent[build])):
            text.set_text(f"{stay} of {seeds}" + (f"\n{mute} silent" if stay else ""))
        edge.set_xdata([place, place])
        name.set(x=place - 0.04, text=f"β* = {threshold:.0f}")
        picture.axes.set_title(
            f"{build}:\nbelow β* {count[:, below].sum()} of "
            f"{count[:, below].size * seeds} runs stay, {np.asarray(silent[build])[:, below].sum()} "
            "of them silent")
        words.append(f"{build}: " + "; ".join(
            f"learning rate {rate:g}: " + ", ".join(
                f"{stay} ({mute} silent) at β = {beta:g}"
                for stay, mute, beta in zip(*line, betas))
            for rate, line in zip(learning_rates, zip(count, silent[build]))))
    parts["guess"].set_text("" if guess is None else f"your guess: {guess}")
    fig.caption = (f"Of {seeds} seeds, how many stay on the plateau (threshold β = "
                   f"{threshold:.0f}, dashed). " + ". ".join(words) + ".")
    return fig


def remedies(stored, live, off, mute, guess=None, fig=None):
    """How far below the mean image's distortion runs get, with and without a remedy.

    stored: {remedy: [seeds]} in nats per image, the first without any; live: {remedy: value},
    for some; off: {remedy: how many of the seeds have left the plateau}; mute: {remedy: how
    many have an encoder whose means are the same for all images}; guess: a remedy.
    """
    if fig is None:
        fig = Figure(figsize=(9.6, 1.2 + 0.5 * len(stored)), layout="constrained")
        axes = fig.subplots()
        fig.artists_of = {
            "stored": axes.plot([], [], "o", color=BLUE, alpha=0.7, label="stored seeds")[0],
            "live": axes.plot([], [], "D", color=ORANGE, markersize=9, label="this run")[0],
            "counts": [axes.text(1.01, row, "", transform=axes.get_yaxis_transform(),
                                 va="center") for row in range(len(stored))],
        }
        axes.axvline(0, color="#777777", linestyle="--", label="the mean image")
        axes.set(yticks=range(len(stored)), ylim=(len(stored) - 0.4, -0.6),
                 title=TWO_LINES, xlabel="nats per image below the distortion of the mean image")
        axes.set_yticklabels(stored)
        axes.legend(loc="upper right", fontsize=9)
        for row, text in enumerate(fig.artists_of["counts"]):
            text.set_text("10 of 10 leave, 10 mute")  # keeps the room
        freeze_layout(fig)
    parts, rows = fig.artists_of, {name: row for row, name in enumerate(stored)}
    parts["stored"].set_data(np.concatenate(list(stored.values())), np.concatenate(
        [np.full(len(values), rows[name]) for name, values in stored.items()]))
    parts["live"].set_data(list(live.values()), [rows[name] for name in live])
    farthest = max(*map(max, stored.values()), *live.values())
    parts["live"].axes.set_xlim(-3, 1.1 * farthest)
    for text, (name, values) in zip(parts["counts"], stored.items()):
        text.set_text(f"{off[name]} of {len(values)} leave, {mute[name]} mute")
    untreated, *treated = stored
    fewest = min(off[name] for name in treated)
    guessed = "no guess committed" if guess is None else f"your guess: {guess}"
    finding = (f"{off[untreated]} of {len(stored[untreated])} untreated runs leave the plateau, "
               f"at least {fewest} with any remedy")
    parts["live"].axes.set_title(f"{finding}\n{guessed}")
    fig.caption = f"{finding}; {guessed}. Medians: " + ", ".join(
        f"{name} {np.median(values):.1f} nats below the mean image, {mute[name]} mute in the mean"
        for name, values in stored.items()) + "."
    return fig
