"""Figures of the linear VAE: which dimensions survive the decoder's noise."""

import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.base import BLUE, GREEN, ORANGE, TWO_LINES, freeze_layout
from vae_helpers.plots.digits import new_picture, tile


def surviving_dimensions(
    noise_variance, eigenvalues, spreads, originals, reconstructions, live=None, guess=None,
    fig=None,
):
    """A linear VAE's latents against the law A_u = 1 − σ²/λ, and what its code keeps of digits.

    eigenvalues: of the data, falling, [shown]; spreads: A_u of trained models, each falling,
    [seeds, latent]; originals, reconstructions: [6, 28, 28] in [0, 1]; live: a run's own A_u
    [latents] or None; guess: the count that the learner committed, or None.
    """
    if fig is None:
        fig = Figure(figsize=(9.6, 3.8), layout="constrained")
        spectrum, law, digits = fig.subplots(1, 3, width_ratios=[1, 1.25, 0.95])
        fig.artists_of = {
            "spectrum": spectrum.plot([], [], color=GREEN)[0],
            "noise": spectrum.axhline(1, color=ORANGE, linestyle="--"),
            "cut": spectrum.axvline(1, color=ORANGE, linewidth=1),
            "stored": law.plot([], [], "o", color=BLUE, alpha=0.35, markersize=4,
                               label="trained, stored seeds")[0],
            "live": law.plot([], [], "D", color=ORANGE, markersize=6, fillstyle="none",
                             label="this run")[0],
            "law": law.plot([], [], color=GREEN, label="1 − σ²/λ")[0],
            "guess": law.axvline(1, color=ORANGE, linestyle=":", linewidth=2, label="your guess"),
            "digits": new_picture(digits, 4, 3),
        }
        shown = len(eigenvalues)
        spectrum.set(xlabel="direction, strongest first", ylabel="eigenvalue λ (squared pixel units)",
                     yscale="log", xlim=(0, shown + 1), ylim=(0.03, 8), title=TWO_LINES)
        law.set(xlabel="latent, busiest first", ylabel="A_u, variance of the mean", title=TWO_LINES,
                xlim=(0, shown + 1), ylim=(-0.03, 1.03))
        law.legend(loc="upper right", fontsize=8.5)
        digits.set_title("Digits (odd rows), and\nwhat comes back (even rows)")
        freeze_layout(fig)
    eigenvalues, spreads = np.asarray(eigenvalues), np.asarray(spreads)
    order, parts = np.arange(1, len(eigenvalues) + 1), fig.artists_of
    predicted = np.clip(1 - noise_variance / eigenvalues, 0, None)  # [shown]
    counts = (spreads > 0.01).sum(1)  # [seeds]
    surviving, expected = int((eigenvalues > noise_variance).sum()), int((predicted > 0.01).sum())
    parts["spectrum"].set_data(order, eigenvalues)
    parts["noise"].set_ydata([noise_variance] * 2)
    parts["cut"].set_xdata([surviving + 0.5] * 2)
    places = np.broadcast_to(np.arange(1, spreads.shape[1] + 1), spreads.shape)
    parts["stored"].set_data(places.ravel(), spreads.ravel())
    parts["law"].set_data(order, predicted)
    parts["live"].set_data(*([[], []] if live is None else [np.arange(1, len(live) + 1), live]))
    parts["guess"].set(visible=guess is not None, xdata=[guess or 1] * 2)
    rows = np.stack([originals.reshape(2, 3, 28, 28), reconstructions.reshape(2, 3, 28, 28)], 1)
    parts["digits"].set_data(tile(rows.reshape(12, 28, 28), 3))
    low, high = counts.min(), counts.max()
    trained = f"{low}" if low == high else f"{low} to {high}"
    guessed = "" if guess is None else f"; your guess: {guess}"
    parts["noise"].axes.set_title(f"σ² = {noise_variance:g}:\n{surviving} eigenvalues above it")
    parts["law"].axes.set_title(f"A_u > 0.01: predicted {expected},\ntrained {trained}{guessed}")
    fig.caption = (
        f"At σ² = {noise_variance:g} {surviving} eigenvalues lie above the noise; the rule "
        f"A_u > 0.01 counts {expected} of them, and {trained} in {len(counts)} stored runs{guessed}."
    )
    return fig
