"""Figures of notebook 05: the linear VAE, whose posterior collapse can be computed."""

import numpy as np
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure

from vae_helpers.plots.base import BLUE, GREEN, ORANGE, TWO_LINES, freeze_layout, styled
from vae_helpers.plots.digits import labelled_picture, tile


@styled
def surviving_dimensions(
    noise_variance, eigenvalues, spreads, originals, reconstructions, live=None, guess=None,
    fig=None,
):
    """A linear VAE's latents against the law A_u = 1 − σ²/λ, and what its codes keep of digits.

    eigenvalues: of the data, descending, [shown]; spreads: A_u of trained models, each descending,
    [seeds, latent]; originals, reconstructions: [6, 28, 28] in [0, 1]; live: a run's own A_u
    [latents] or None; guess: the count that the learner committed, or None.
    """
    if fig is None:
        fig = _empty_dimensions(len(eigenvalues))
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
    live = [] if live is None else live
    parts["live"].set_data(np.arange(1, len(live) + 1), live)
    parts["guess"].set(visible=guess is not None, xdata=[guess or 1] * 2)
    rows = np.stack([originals.reshape(2, 3, 28, 28), reconstructions.reshape(2, 3, 28, 28)], 1)
    parts["digits"].set_data(tile(rows.reshape(12, 28, 28), 3))
    low, high = counts.min(), counts.max()
    trained = f"{low}" if low == high else f"{low} to {high}"
    guessed = "" if guess is None else f"; your guess: {guess}"
    above = f"{surviving} eigenvalue{'s' * (surviving != 1)} above it"
    parts["noise"].axes.set_title(f"σ² = {noise_variance:g}:\n{above}")
    parts["law"].axes.set_title(f"$A_u$ > 0.01: predicted {expected},\ntrained {trained}{guessed}")
    fig.caption = (
        f"At σ² = {noise_variance:g} {surviving} eigenvalues lie above the noise; the rule "
        f"A_u > 0.01 counts {expected} of them, and {trained} in {len(counts)} stored "
        f"runs{guessed}."
    )
    return fig


def _empty_dimensions(shown):
    """Axes for the first `shown` directions, and no model yet."""
    fig = Figure(figsize=(9.6, 3.8), layout="constrained")
    spectrum, law, digits = fig.subplots(1, 3, width_ratios=[1, 1.25, 0.95])
    fig.artists_of = {
        "spectrum": spectrum.plot([], [], color=GREEN, label="eigenvalues λ")[0],
        "noise": spectrum.axhline(1, color=ORANGE, linestyle="--", label="noise variance σ²"),
        "cut": spectrum.axvline(1, color=ORANGE, linewidth=1, label="where they cross"),
        "stored": law.plot([], [], "o", color=BLUE, alpha=0.35, markersize=4,
                           label="trained, stored seeds")[0],
        "live": law.plot([], [], "D", color=ORANGE, markersize=6, fillstyle="none",
                         label="this run")[0],
        "law": law.plot([], [], color=GREEN, label="1 − σ²/λ")[0],
        "guess": law.axvline(1, color=ORANGE, linestyle=":", linewidth=2, label="your guess"),
        "digits": labelled_picture(digits, ["digits", "reconstructions"] * 2, 3),
    }
    spectrum.set(xlabel="direction, strongest first", ylabel="eigenvalue λ (squared pixel units)",
                 yscale="log", xlim=(0, shown + 1), ylim=(0.03, 8), title=TWO_LINES)
    law.set(xlabel="latent, largest $A_u$ first", title=TWO_LINES,
            ylabel="$A_u$, variance of the posterior mean",
            xlim=(0, shown + 1), ylim=(-0.03, 1.03))
    spectrum.legend(loc="upper right", fontsize=8.5, frameon=True, edgecolor="none", framealpha=0.9)
    law.legend(loc="upper right", fontsize=8.5)
    digits.set_title("Digits, and their\nreconstructions")
    freeze_layout(fig)
    return fig


@styled
def saddle_and_valley(beta, threshold, encoder, decoder, loss, fig=None):
    """The loss of a linear VAE with one latent over its two weights, relative to weights of 0.

    encoder: [v], decoder: [w], the weights; loss: [w, v], nats per image, 0 where both are 0.
    threshold: the β at which the origin turns from a saddle into a minimum.
    """
    if fig is None:
        fig = _empty_surface(encoder, decoder)
    parts, loss = fig.artists_of, np.asarray(loss)
    parts["surface"].set_data(loss)
    row, column = np.unravel_index(loss.argmin(), loss.shape)
    minima = np.array([[encoder[column], decoder[row]], [-encoder[column], -decoder[row]]])
    saddle = beta < threshold
    parts["minima"].set_data(*(minima.T if saddle else ([], [])))
    parts["saddle"].set(visible=bool(saddle))
    parts["minimum"].set(visible=not saddle)
    best = loss.min(1)  # [w], along the valley: the best encoder for each decoder
    parts["valley"].set_data(decoder, best)
    parts["dots"].set(marker="*" if saddle else "o", markersize=13 if saddle else 9)
    parts["dots"].set_data(*((minima[:, 1], [loss.min()] * 2) if saddle else ([0], [0])))
    state = "a saddle" if saddle else "the minimum"
    parts["surface"].axes.set_title(f"β = {beta:g}: the collapsed latent\nis {state}")
    parts["key"].set_text("✕ saddle\n★ minima" if saddle else "● the only minimum")
    gain = -loss.min()
    parts["valley"].axes.set_title(
        f"Using the latent lowers the loss\nby {gain:.2g} nats" if saddle
        else "Using the latent can only\nraise the loss")
    fig.caption = (f"β = {beta:g}, threshold {threshold:.2f}: the weights (0, 0), a collapsed "
                   f"latent, are {state} of the loss. "
                   + (f"The two minima lie {gain:.2g} nats lower, at decoder weights of "
                      f"±{abs(decoder[row]):.2f}." if saddle else "No weights are better."))
    return fig


def _empty_surface(encoder, decoder):
    """Axes for the surface and for its lowest line, and no β yet."""
    fig = Figure(figsize=(9.6, 4.1), layout="constrained")
    surface, valley = fig.subplots(1, 2, width_ratios=[1.15, 1])
    levels = [-2, -1, -0.5, -0.2, -0.1, -0.05, -0.02, 0.02, 0.1, 0.3, 1, 3, 10]
    picture = surface.imshow(
        np.zeros((len(decoder), len(encoder))), origin="lower", aspect="auto", cmap="PuOr_r",
        norm=BoundaryNorm(levels, 256, extend="both"),
        interpolation="bilinear", interpolation_stage="data",
        extent=(encoder[0], encoder[-1], decoder[0], decoder[-1]))
    bar = fig.colorbar(picture, ax=surface, ticks=levels)
    bar.set_label("loss above that of a collapsed latent (nats)")
    bar.ax.set_yticklabels([f"{level:g}".replace("-", "−") for level in levels])
    corner = {"transform": surface.transAxes, "fontsize": 8.5, "va": "top", "ha": "left",
              "color": "white", "zorder": 5}
    fig.artists_of = {
        "surface": picture,
        "key": surface.text(0.02, 0.98, "", **corner),
        "minima": surface.plot([], [], "*", color="black", markersize=13)[0],
        "saddle": surface.plot([0], [0], "x", color="black", markersize=10,
                               markeredgewidth=2.5)[0],
        "minimum": surface.plot([0], [0], "o", color="black", markersize=9)[0],
        "valley": valley.plot([], [], color=BLUE)[0],
        "dots": valley.plot([], [], "*", color="black", markersize=13)[0],
    }
    surface.set(xlabel="encoder weight v", ylabel="decoder weight w", title=TWO_LINES)
    valley.axhline(0, color="#666666", linewidth=0.8)
    valley.set(xlabel="decoder weight w, with its best encoder weight", ylabel="loss (nats)",
               xlim=(decoder[0], decoder[-1]), ylim=(-1.4, 0.8), title=TWO_LINES)
    freeze_layout(fig)
    return fig
