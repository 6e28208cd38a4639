"""Figures of notebook 09: a plane of codes, paths, measures compared, and projections."""

import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.base import (
    BLUE,
    DIGIT_COLOURS,
    GREEN,
    ORANGE,
    TWO_LINES,
    freeze_layout,
    styled,
)
from vae_helpers.plots.digits import labelled_picture, new_picture, tile
from vae_lessons.start_here.planes import move_plane, new_plane


@styled
def prior_map(pictures, places, labels, edges, thin, marks, spacing, guess=None):
    """What the decoder draws on a grid over the prior's plane, and where codes lie in it.

    pictures [k, k, 28, 28] in [0, 1], from the largest z₂ down; places [n, 2], the codes in the
    coordinates of the picture, and labels [n]; edges [side + 1], of cells of equal prior
    probability, and thin [side, side], whether each holds under half its share of codes, from the
    largest z₂ down; marks: {place: z} for the axes; spacing: of the grid, in words; guess: of the
    share of thin cells, or None.
    """
    fig = Figure(figsize=(9.6, 5.4), layout="constrained")
    drawn, dense = fig.subplots(1, 2)
    new_picture(drawn, *pictures.shape[:2]).set_data(
        tile(np.asarray(pictures).reshape(-1, 28, 28), len(pictures)))
    drawn.set_title(f"The decoder draws something in every cell:\n{len(pictures)} × "
                    f"{len(pictures)} cells of {spacing}")
    dense.pcolormesh(edges, edges, np.where(thin[::-1], 1.0, np.nan), cmap="Greys", vmin=0, vmax=5,
                     zorder=0)
    plane = new_plane(dense, apart=0.07 * np.ptp(edges))
    move_plane(plane, places, labels)
    for numeral in plane[1]:  # whole inside the frame
        margin = 0.03 * np.ptp(edges)
        numeral.set_position(np.clip(numeral.get_position(), edges[0] + margin,
                                     edges[-1] - margin))
    guessed = "" if guess is None else f"; your guess: {guess:.0%}"
    share = np.mean(thin)
    dense.set(xlim=(edges[0], edges[-1]), ylim=(edges[0], edges[-1]), xticks=list(marks),
              yticks=list(marks))
    names = [f"{z:g}".replace("-", "−") for z in marks.values()]
    dense.set_xticklabels(names)
    dense.set_yticklabels(names)
    dense.set_title(f"Grey: {share:.0%} of {thin.size} equally probable cells\n"
                    f"hold under half their share of draws{guessed}")
    fig.caption = (
        f"Left, {len(pictures)} by {len(pictures)} decoded pictures, cells of {spacing}. Right, "
        f"{len(places):,} draws in the same coordinates, numerals near class medians; "
        f"{share:.0%} of {thin.size} cells of equal probability, in grey, hold under half their "
        f"share of draws{guessed}.")
    fig.draw_without_rendering()  # once before it counts: the first layout cuts the titles
    return fig


@styled
def latent_traversal(pictures, values, own, latent, means, rates, fig=None):
    """One latent moved from end to end, where the codes lie along it, and its rate.

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
        f"Latent {latent + 1} moved from {values[0]:g} to {values[-1]:g}: "
        f"the pictures at the ends are {step:.1f} apart (pixel values)".replace("-", "−"))
    rank = 1 + sum(rate > rates[latent] for rate in rates)
    parts["bars"][0].axes.set_title(
        f"Rate of latent {latent + 1}: {rates[latent]:.2f} nats, number {rank} of {len(rates)}")
    fig.caption = (
        f"Latent {latent + 1} moved from {values[0]:g} to {values[-1]:g}, the others held: the "
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
def three_paths(average, linear, spherical, norms, shell, pair, fig=None):
    """Three paths from one digit to another, and the length of the codes on two of them.

    average (of the end pictures' pixels), linear, spherical: [k, 28, 28] in [0, 1]; norms:
    {"linear", "spherical": [k]}; shell: the lengths between which nine draws of ten from the prior
    lie; pair: the digits, in words.
    """
    if fig is None:
        fig = Figure(figsize=(9.6, 3.7), layout="constrained")
        strips, lengths = fig.subplots(1, 2, width_ratios=[2.3, 1])
        k = len(linear)
        t = np.linspace(0, 1, k)
        names = ["average of\ntwo pictures", "linear\nin z", "spherical\nin z"]
        fig.artists_of = {
            "strips": labelled_picture(strips, names, k),
            "shell": lengths.axhspan(0, 1, color="#DDEEFF", label="90% of prior draws"),
            "linear": lengths.plot(t, np.zeros(k), ".-", color=ORANGE, label="linear")[0],
            "spherical": lengths.plot(t, np.zeros(k), "s-", color=BLUE, markersize=4,
                                      label="spherical")[0],
        }
        lengths.set(xlabel="share of the path", ylabel="length of z", ylim=(0, 7.5),
                    title=TWO_LINES)
        lengths.legend(loc="upper right", fontsize=9)
        strips.set_title(TWO_LINES)
        freeze_layout(fig)
    parts = fig.artists_of
    rows = np.concatenate([average, linear, spherical])  # [3 k, 28, 28]
    parts["strips"].set_data(tile(rows, len(linear)))
    for name in ("linear", "spherical"):
        parts[name].set_ydata(norms[name])
    parts["shell"].set(y=shell[0], height=shell[1] - shell[0])
    least = [min(norms[name]) for name in ("linear", "spherical")]
    parts["strips"].axes.set_title(f"Three paths from {pair}, in {len(linear) - 1} steps\n ")
    parts["linear"].axes.set_title(_shortest(*least, shell[0]))
    fig.caption = (
        f"From {pair}, in {len(linear) - 1} steps. The shortest code has length {least[0]:.1f} on "
        f"the linear path and {least[1]:.1f} on the spherical one; nine draws of ten from the "
        f"prior have a length of {shell[0]:.1f} to {shell[1]:.1f}.")
    return fig


def _shortest(linear, spherical, low):
    """A title about the shortest code of each path; 95 % of prior draws are longer than `low`."""
    if linear < low:
        return "The linear path comes nearer\nto 0 than 95% of prior draws"
    return f"Shortest code: linear {linear:.1f},\nspherical {spherical:.1f}"


@styled
def kinds_compared(stored, live, titles, guess=None, limits=None, even=None):
    """Measures of the same kinds of things, one panel a measure: stored seeds and this run.

    stored: {measure: {kind: values [seeds]}}, live: {measure: {kind: value}}; titles: {measure:
    the finding, of one line}; guess: what the learner expected, in words, or None; limits: of
    every axis, if all have the same; even: where a line marks equal shares. The measure's name
    labels its axis.
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
                 xlim=limits or (low - margin, high + margin), title=f"{titles[measure]}\n ")
        if even is not None:
            axes.axvline(even, color="black", linestyle="--", linewidth=1)
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
    """Measures of pictures at draws from the prior, from where codes are scarce to where dense.

    by_fifth: {"nearest", "confident": [seeds, 5]}; of_codes: {the same: [seeds]}, of pictures at
    draws from q(z|x) of real digits; live: {the same: [5]}; guess: what the learner expected.
    """
    names = {"nearest": ("distance to the nearest real digit (pixel values)",
                         "Where codes are scarce, pictures are farther from digits"),
             "confident": ("classifier is confident (share of pictures)",
                           "The classifier's confidence hardly follows")}
    guessed = "" if guess is None else f"your guess: {guess}"
    fig = Figure(figsize=(9.6, 4.1), layout="constrained")
    left, right = panels = fig.subplots(1, 2)
    for axes, (measure, (label, title)) in zip(panels, names.items()):
        values, codes = np.asarray(by_fifth[measure]), np.asarray(of_codes[measure])
        axes.plot(np.tile(range(5), len(values)), values.ravel(), "o", color=BLUE, alpha=0.5,
                  markersize=5, label="stored seeds")
        axes.plot(range(5), np.median(values, axis=0), "-", color=BLUE, label="their median")
        axes.plot(range(5), live[measure], "D", color=ORANGE, markersize=7, fillstyle="none",
                  markeredgewidth=1.8, label="this run")
        axes.plot(np.full(len(codes), 5), codes, "s", color=GREEN, alpha=0.6, markersize=5,
                  label="at draws from q(z|x)")
        everything = [*values.ravel(), *codes, *live[measure]]
        margin = 0.1 * np.ptp(everything)
        axes.set(xlabel="draws from the prior, sorted by q(z) / p(z)", ylabel=label,
                 xticks=range(6), xlim=(-0.5, 5.5), title=f"{title}\n ",
                 ylim=(min(everything) - margin, max(everything) + margin))
        axes.set_xticklabels(
            ["scarcest\nfifth", "2nd", "3rd", "4th", "densest\nfifth", "draws\nq(z|x)"])
    right.legend(loc="upper left", fontsize=9)
    left.set_title(f"{names['nearest'][1]}\n{guessed or ' '}")
    fig.caption = "Medians over seeds, from the scarcest fifth to the densest: " + "; ".join(
        f"{label} " + ", ".join(f"{v:.2f}" for v in np.median(by_fifth[measure], axis=0))
        + f", at draws from q(z|x) {np.median(of_codes[measure]):.2f}"
        for measure, (label, _) in names.items()
    ) + "; " * bool(guessed) + guessed + "."
    return fig


@styled
def flattened(places, labels, names, purities):
    """The same codes projected in several ways, side by side, in units of their spread.

    places [pictures, n, 2], labels [n], names and purities [pictures].
    """
    fig = Figure(figsize=(9.6, 5.3), layout="constrained")
    for axes, one, name, purity in zip(fig.subplots(1, len(names)), places, names, purities):
        _move_numerals(_numerals(axes), _in_spreads(one), labels)
        axes.set_title(f"{name}: for {purity:.0%} of points the nearest\n"
                       "neighbour has the same label")
    fig.draw_without_rendering()  # once before it counts: the first layout cuts the titles
    fig.caption = "k-NN purity in the plane: " + ", ".join(
        f"{name} {purity:.0%}" for name, purity in zip(names, purities)) + "."
    return fig


@styled
def tsne_map(codes, labels, purity, gaussian, perplexity, closeness, guess=None, fig=None):
    """t-SNE's planes of codes and of draws from one Gaussian at one perplexity.

    codes and gaussian [n, 2]; labels [n], of the codes, which are of a stored seed; purity: k-NN
    purity in their plane; closeness: the median distance to the nearest neighbour in the
    Gaussian's plane, divided by that of a Gaussian in two dimensions; guess: what the learner
    expected of the Gaussian at perplexity 2, or None.
    """
    if fig is None:
        fig = Figure(figsize=(9.6, 5.3), layout="constrained")
        left, right = fig.subplots(1, 2)
        fig.artists_of = {"codes": _numerals(left), "gaussian": _empty_cloud(right)}
        freeze_layout(fig)
    parts = fig.artists_of
    _move_numerals(parts["codes"], _in_spreads(codes), labels)
    parts["gaussian"].set_offsets(_in_spreads(gaussian))
    guessed = " " if guess is None else f"your guess for perplexity 2: {guess}"
    setting = f"perplexity {perplexity:g}"
    parts["codes"][0].axes.set_title(f"Means of a stored seed, {setting}: for {purity:.0%} of\n"
                                     "points the nearest neighbour has the same label")
    groups = "many small groups" if closeness < 0.7 else "no small groups"
    parts["gaussian"].axes.set_title(f"One Gaussian, {setting}: {groups}\n{guessed}")
    fig.caption = (
        f"t-SNE at {setting}. Left, means of {len(codes):,} digits of a stored seed, whose k-NN "
        f"purity is {purity:.0%}; right, {len(gaussian):,} draws from one Gaussian, whose nearest "
        f"neighbours lie {closeness:.2f} times as far apart as in a Gaussian in two dimensions."
        + (f" {guessed.capitalize()}." if guess else ""))
    return fig


def _empty_cloud(axes):
    """An empty scatter of dots in axes that count standard deviations of the points."""
    axes.set(xlabel="first axis (in standard deviations)", xlim=(-3, 3), ylim=(-3, 3),
             ylabel="second axis (in standard deviations)", aspect="equal", title=TWO_LINES)
    return axes.scatter([], [], s=5, linewidths=0, color="#444444")


def _numerals(axes):
    """Ten empty scatters whose points are the numerals 0 to 9."""
    _empty_cloud(axes)
    return [axes.scatter([], [], s=26, marker=f"${digit}$", linewidths=0.3, color=colour)
            for digit, colour in enumerate(DIGIT_COLOURS)]


def _move_numerals(scatters, places, labels):
    """Show places [n, 2] as the numerals of their labels [n]."""
    for digit, scatter in enumerate(scatters):
        scatter.set_offsets(places[np.asarray(labels) == digit])


def _in_spreads(places):
    """Places [n, 2] about their middle, in units of their root mean square coordinate."""
    centred = np.asarray(places) - np.mean(places, axis=0)
    return centred / np.sqrt((centred**2).mean())
