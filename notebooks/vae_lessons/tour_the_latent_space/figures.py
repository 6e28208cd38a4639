"""Figures of notebook 09: ways through a latent space."""

import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.base import BLUE, GREEN, ORANGE, TWO_LINES, freeze_layout, styled
from vae_helpers.plots.digits import move_plane, new_picture, new_plane, tile

FACTORS = (1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8)  # marks of the colour bar


@styled
def prior_map(pictures, ratio, spacing, reach, thin, guess=None, fig=None):
    """What the decoder draws on a grid over the prior's plane, and how dense the codes are there.

    pictures [side, side, 28, 28] in [0, 1] and ratio [side, side], the codes' density over the
    prior's, both from the largest z₂ down; spacing: of the grid, in words; reach: the
    outermost coordinate; thin: the share of equally probable cells with under half their
    share of codes; guess: of it, or None.
    """
    if fig is None:
        fig = Figure(figsize=(9.6, 4.7), layout="constrained")
        drawn, dense = fig.subplots(1, 2, width_ratios=[1, 1.1])
        side = len(ratio)
        fig.artists_of = {
            "pictures": new_picture(drawn, side, side),
            "ratio": dense.imshow(np.zeros((side, side)), cmap="PuOr_r", vmin=-3, vmax=3),
        }
        bar = fig.colorbar(fig.artists_of["ratio"], ax=dense, shrink=0.85, ticks=np.log2(FACTORS))
        bar.ax.set_yticklabels(["1/8", "1/4", "1/2", "1", "2", "4", "8"])
        bar.set_label("codes for each draw of the prior,\nat the middle of a cell")
        dense.set(xticks=[], yticks=[], xlabel="z₁", ylabel="z₂", title=TWO_LINES)
        drawn.set_title(TWO_LINES)
        freeze_layout(fig)
    pictures = np.asarray(pictures).reshape(-1, 28, 28)  # [side, side, 28, 28] -> [side², 28, 28]
    fig.artists_of["pictures"].set_data(tile(pictures, len(ratio)))
    fig.artists_of["ratio"].set_data(np.log2(np.clip(ratio, 1e-9, None)))
    guessed = "" if guess is None else f" (your guess: {guess:.0%})"
    spread = f"z₁ and z₂ from −{reach:.1f} to {reach:.1f}"
    fig.artists_of["pictures"].axes.set_title(f"{spacing.capitalize()}:\n{spread}")
    fig.artists_of["ratio"].axes.set_title(
        f"{thin:.0%} of equally probable cells hold\nunder half their codes{guessed}")
    fig.caption = (
        f"{spacing.capitalize()}, {spread}. The codes' density over the prior's runs from "
        f"{np.min(ratio):.2g} to {np.max(ratio):.2g} on this grid. {thin:.0%} of equally probable "
        f"cells hold under half their share of codes{guessed}.")
    return fig


@styled
def latent_traversal(pictures, values, own, latent, means, rates, fig=None):
    """One latent turned from end to end, where the codes lie along it, and what it costs.

    pictures [k, 28, 28], at the `values` [k] of latent number `latent`, from 0; own: the value
    that the digit itself has; means [n]: of all codes along it; rates [latents], in nats.
    """
    values = np.asarray(values)
    if fig is None:
        fig = _empty_traversal(values, len(rates))
    parts = fig.artists_of
    parts["strip"].set_data(tile(np.asarray(pictures), len(values)))
    share, _ = np.histogram(means, np.linspace(-5, 5, 41), density=True)
    for bar, height in zip(parts["codes"], share):
        bar.set_height(height)
    parts["own"].set_xdata([own, own])
    for k, (bar, rate) in enumerate(zip(parts["bars"], rates)):
        bar.set(height=rate, color=ORANGE if k == latent else BLUE)
    step = np.linalg.norm((pictures[-1] - pictures[0]).ravel())
    parts["strip"].axes.set_title(
        f"Latent {latent + 1} turned from {values[0]:g} to {values[-1]:g}: "
        f"the ends differ by {step:.1f}".replace("-", "−"))
    rank = 1 + sum(rate > rates[latent] for rate in rates)
    parts["bars"][0].axes.set_title(
        f"Its rate: {rates[latent]:.2f} nats, number {rank} of {len(rates)}")
    fig.caption = (
        f"Latent {latent + 1} turned from {values[0]:g} to {values[-1]:g}, the others held: the "
        f"pictures at both ends differ by {step:.1f} (root of the sum of squares). Its rate is "
        f"{rates[latent]:.2f} nats, number {rank} of {len(rates)}.".replace("-", "−"))
    return fig


def _empty_traversal(values, latents):
    """The figure of one latent's traversal with its axes and the prior, and no codes yet."""
    fig = Figure(figsize=(9.6, 4.0), layout="constrained")
    strip, codes, bars = fig.subplot_mosaic(
        [["strip", "strip"], ["codes", "bars"]], height_ratios=[0.75, 1]).values()
    numbers = np.arange(1, latents + 1)
    edges = np.linspace(-5, 5, 41)
    fig.artists_of = {
        "strip": new_picture(strip, 1, len(values)),
        "codes": list(codes.bar(edges[:-1], np.zeros(40), 0.25, align="edge", color="#9EC5E8",
                                label="means")),
        "prior": codes.plot(edges, np.exp(-edges**2 / 2) / np.sqrt(2 * np.pi), "--",
                            color="black", linewidth=1, label="prior")[0],
        "own": codes.plot([0, 0], [0, 0.55], color=ORANGE, linewidth=2, label="this digit")[0],
        "bars": list(bars.bar(numbers, np.zeros(latents))),
    }
    for k, value in enumerate(values):
        strip.text(28 * k + 14, 31, f"{value:g}".replace("-", "−"), ha="center", va="top")
    codes.set(xlabel="value of the latent", ylabel="density", xlim=(-5, 5), ylim=(0, 0.6))
    codes.legend(loc="upper right", fontsize=9)
    bars.set(xlabel="latent", ylabel="rate (nats per image)", xticks=numbers, ylim=(0, 3.2))
    bars.set_title(" ")
    strip.set_title(" ")
    freeze_layout(fig)
    return fig


@styled
def two_ways(faded, linear, spherical, norms, shell, pair, fig=None):
    """Three ways from one digit to another, and how far from the origin two of them pass.

    faded (of the pixels), linear, spherical: [k, 28, 28] in [0, 1]; norms: {"linear",
    "spherical": [k]}; shell: the norms between which nine draws of ten from the prior lie;
    pair: the digits, in words.
    """
    if fig is None:
        fig = Figure(figsize=(9.6, 3.6), layout="constrained")
        ways, path = fig.subplots(1, 2, width_ratios=[2.1, 1])
        k = len(linear)
        t = np.linspace(0, 1, k)
        fig.artists_of = {
            "ways": new_picture(ways, 3, k),
            "shell": path.axhspan(0, 1, color="#DDEEFF", label="nine draws of ten"),
            "linear": path.plot(t, np.zeros(k), ".-", color=ORANGE, label="linear")[0],
            "spherical": path.plot(t, np.zeros(k), "s-", color=BLUE, markersize=4,
                                   label="spherical")[0],
        }
        for row, name in enumerate(("pixels\nfaded", "linear", "spherical")):
            ways.text(-4, 28 * row + 14, name, ha="right", va="center")
        path.set(xlabel="share of the way", ylabel="norm of z", ylim=(0, 6.5), title=TWO_LINES)
        path.legend(loc="lower center", fontsize=9, ncols=2, columnspacing=1)
        ways.set_title(TWO_LINES)
        freeze_layout(fig)
    parts = fig.artists_of
    rows = np.concatenate([faded, linear, spherical])  # [3 k, 28, 28]
    parts["ways"].set_data(tile(rows, len(linear)))
    for name in ("linear", "spherical"):
        parts[name].set_ydata(norms[name])
    parts["shell"].set(y=shell[0], height=shell[1] - shell[0])
    least = {name: min(values) for name, values in norms.items()}
    parts["ways"].axes.set_title(f"Nine steps from {pair}\n ")
    parts["linear"].axes.set_title(
        f"nearest to the origin:\nlinear {least['linear']:.1f}, spherical {least['spherical']:.1f}")
    fig.caption = (
        f"From {pair}, in nine steps. The linear way comes within {least['linear']:.1f} of the "
        f"origin, the spherical one within {least['spherical']:.1f}; nine draws of ten from the "
        f"prior have a norm of {shell[0]:.1f} to {shell[1]:.1f}.")
    return fig


@styled
def kinds_compared(stored, live, titles, guess=None):
    """Several measures of the same kinds of things, one panel a measure: stored seeds, this run.

    stored: {measure: {kind: values [seeds]}}, live: {measure: {kind: value}}; titles: {measure:
    the finding, of one line}; guess: what the learner expected, in words, or None. The
    measure's name labels its axis.
    """
    kinds = list(next(iter(stored.values())))
    guessed = "" if guess is None else f"Your guess: {guess}"
    fig = Figure(figsize=(9.6, 1.6 + 0.3 * len(kinds)), layout="constrained")
    panels = fig.subplots(1, len(stored), sharey=True, squeeze=False)[0]
    for axes, measure in zip(panels, stored):
        rows, values = zip(*[(row, value) for row, kind in enumerate(kinds)
                             for value in stored[measure][kind]])
        own = [live[measure][kind] for kind in kinds]
        handles = [
            *axes.plot(values, rows, "o", color=BLUE, alpha=0.5, markersize=5,
                       label="stored seeds"),
            *axes.plot(own, range(len(kinds)), "D", color=ORANGE, markersize=7, fillstyle="none",
                       markeredgewidth=1.8, label="this run"),
        ]
        low, high = min(*values, *own), max(*values, *own)
        margin = 0.08 * (high - low or 1)
        axes.set(xlabel=measure, ylim=(len(kinds) - 0.5, -0.5), yticks=range(len(kinds)),
                 xlim=(low - margin, high + margin), title=f"{titles[measure]}\n ")
        axes.grid(axis="y", color="#E6E6E6", linewidth=0.8)
    panels[0].set_yticklabels(kinds)
    panels[0].set_title(f"{next(iter(titles.values()))}\n{guessed or ' '}")
    fig.legend(handles=handles, loc="outside lower right", ncols=2, fontsize=9)
    fig.caption = guessed + ". " * bool(guessed) + " ".join(
        f"{measure.capitalize()}, median of seeds: " + ", ".join(
            f"{kind} {np.median(values):.3g}" for kind, values in stored[measure].items()) + "."
        for measure in stored)
    return fig


@styled
def scarce_codes(by_fifth, of_codes, live, guess=None):
    """Pictures at draws from the prior, from where codes are scarce to where they are dense.

    by_fifth: {"nearest", "sure": [seeds, 5]}; of_codes: {the same: [seeds]}, of pictures at
    real digits' codes; live: {the same: [5]}; guess: what the learner expected, or None.
    """
    names = {"nearest": ("distance to the nearest real digit", "Far from codes, far from digits"),
             "sure": ("pictures that are surely a digit (share)", "Sureness follows far less")}
    guessed = "" if guess is None else f"your guess: {guess}"
    fig = Figure(figsize=(9.6, 3.7), layout="constrained")
    left, right = panels = fig.subplots(1, 2)
    for axes, (measure, (label, title)) in zip(panels, names.items()):
        values, codes = np.asarray(by_fifth[measure]), np.asarray(of_codes[measure])
        axes.plot(np.tile(range(5), len(values)), values.ravel(), "o", color=BLUE, alpha=0.5,
                  markersize=5, label="stored seeds")
        axes.plot(range(5), np.median(values, axis=0), "-", color=BLUE, label="their median")
        axes.plot(range(5), live[measure], "D", color=ORANGE, markersize=7, fillstyle="none",
                  markeredgewidth=1.8, label="this run")
        axes.plot(np.full(len(codes), 5), codes, "s", color=GREEN, alpha=0.6, markersize=5,
                  label="at codes of digits")
        everything = [*values.ravel(), *codes, *live[measure]]
        margin = 0.1 * np.ptp(everything)
        axes.set(xlabel="draws from the prior, by codes per draw there", ylabel=label,
                 xticks=range(6), xlim=(-0.5, 5.5), title=f"{title}\n ",
                 ylim=(min(everything) - margin, max(everything) + margin))
        axes.set_xticklabels(["scarcest\nfifth", "2nd", "3rd", "4th", "densest\nfifth", "codes"])
    right.legend(loc="upper left", fontsize=9)
    left.set_title(f"{names['nearest'][1]}\n{guessed or ' '}")
    fig.caption = "Medians over seeds, from the scarcest fifth to the densest: " + "; ".join(
        f"{label} " + ", ".join(f"{v:.2f}" for v in np.median(by_fifth[measure], axis=0))
        + f", at codes {np.median(of_codes[measure]):.2f}" for measure, (label, _) in names.items()
    ) + "; " * bool(guessed) + guessed + "."
    return fig


@styled
def flattened(places, labels, names, purities):
    """The same codes flattened in several ways: {names} side by side, in units of their spread.

    places [pictures, n, 2], labels [n], names and purities [pictures].
    """
    fig = Figure(figsize=(9.6, 5.3), layout="constrained")
    for axes, one, name, purity in zip(fig.subplots(1, len(names)), places, names, purities):
        move_plane(_spread_plane(axes), _in_spreads(one), labels)
        axes.set_title(f"{name}: {purity:.0%} of neighbours\nshare their digit")
    fig.caption = "Neighbours in the plane that share their digit: " + ", ".join(
        f"{name} {purity:.0%}" for name, purity in zip(names, purities)) + "."
    return fig


@styled
def tsne_map(places, labels, perplexity, cloud, guess=None, fig=None):
    """t-SNE's picture of a cloud at one perplexity.

    places [n, 2], in units of their spread; labels [n], or None for a cloud without classes;
    cloud: what it is, in words; guess: what the learner expected, or None.
    """
    if fig is None:
        fig = Figure(figsize=(5.6, 5.4), layout="constrained")
        fig.artists_of = {"plane": _spread_plane(fig.subplots())}
        freeze_layout(fig)
    plane = fig.artists_of["plane"]
    move_plane(plane, _in_spreads(places), np.zeros(len(places), int) if labels is None else labels)
    if labels is None:
        plane[0].set_facecolor("#444444")
        for numeral in plane[1]:
            numeral.set_visible(False)
    guessed = "" if guess is None else f"\nyour guess: {guess}"
    plane[0].axes.set_title(f"t-SNE of {cloud}, perplexity {perplexity:g}{guessed}")
    fig.caption = f"t-SNE of {cloud}, at perplexity {perplexity:g}{guessed}.".replace("\n", "; ")
    return fig


def _spread_plane(axes):
    plane = new_plane(axes, apart=0.3)
    axes.set(xlabel="first axis (in spreads of the cloud)", xlim=(-3.2, 3.2), ylim=(-3.2, 3.2),
             ylabel="second axis (in spreads of the cloud)", title=TWO_LINES)
    return plane


def _in_spreads(places):
    """Places [n, 2] about their middle, in units of their root mean square coordinate."""
    centred = np.asarray(places) - np.mean(places, axis=0)
    return centred / np.sqrt((centred**2).mean())
