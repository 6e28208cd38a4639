"""Figures of notebook 09: a larger latent space flattened into a plane."""

import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.base import TWO_LINES, freeze_layout
from vae_helpers.plots.digits import move_plane, new_plane


def flattened(places, labels, names, purities, fig=None):
    """The same codes flattened in several ways: {names} side by side, in units of their spread.

    places [pictures, n, 2], labels [n], names and purities [pictures].
    """
    if fig is None:
        fig = Figure(figsize=(9.6, 5.3), layout="constrained")
        fig.artists_of = {"planes": [_spread_plane(axes) for axes in fig.subplots(1, len(names))]}
        freeze_layout(fig)
    for plane, one, name, purity in zip(fig.artists_of["planes"], places, names, purities):
        move_plane(plane, _in_spreads(one), labels)
        plane[0].axes.set_title(f"{name}: {purity:.0%} of neighbours\nshare their digit")
    fig.caption = "Neighbours in the plane that share their digit: " + ", ".join(
        f"{name} {purity:.0%}" for name, purity in zip(names, purities)) + "."
    return fig


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
