"""The picture of the live training panel."""

import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.base import BLUE, GREEN, ORANGE, TWO_LINES, freeze_layout
from vae_helpers.plots.digits import new_picture, tile

USED = 0.1  # nats of rate from which a latent counts as used, in this picture
TOPS = (2, 5, 10, 20, 50, 100, 1000)  # ends of the rate's axis: few, so that it seldom moves


def training_panel(
    epochs, distortion, rate, test_epochs, test_neg_elbo, rates, originals, reconstructions,
    samples, beta, target_beta, settings, total, plateau, fig=None,
):
    """A VAE while it trains: both parts of the −ELBO, the latents' rates, and digits.

    epochs, distortion, rate [t]: the training minibatches, averaged in groups; test_epochs,
    test_neg_elbo [s]; rates [latent]; originals and reconstructions [10, 28, 28] and samples
    [20, 28, 28] in [0, 1]. beta: of the last step, on its way to target_beta; settings: what
    else the learner has set, in words; total: epochs to be trained; plateau: the −ELBO of the
    mean image. Nats per image.
    """
    if fig is None:
        fig = _new_figure(len(rates), plateau)
    parts = fig.artists_of
    curves, bars = parts["distortion"].axes, parts["rates"][0].axes
    neg_elbo = np.add(distortion, rate)
    for name, values in (("distortion", distortion), ("rate", rate), ("neg_elbo", neg_elbo)):
        parts[name].set_data(epochs, values)
    parts["test"].set_data(test_epochs, test_neg_elbo)
    parts["plateau"].set_ydata([plateau, plateau])
    curves.set_xlim(0, total)
    bars.set_ylim(0, next((top for top in TOPS if top > max(rates)), 1.1 * max(rates)))
    for bar, height in zip(parts["rates"], rates):
        bar.set_height(height)
    rows = np.stack([originals, reconstructions])  # [2, 10, 28, 28]
    parts["back"].set_data(tile(rows.reshape(20, 28, 28), 10))  # [2, 10, …] -> [20, …]
    parts["samples"].set_data(tile(samples, 10))
    used = sum(height > USED for height in rates)
    weight = f"β = {beta:.3g}" + ("" if beta == target_beta else f" on its way to {target_beta:.3g}")
    now = "Not trained yet"
    if len(epochs):
        now = f"Epoch {epochs[-1]:.1f}: −ELBO {neg_elbo[-1]:.0f} nats"
        now += f", on test digits {test_neg_elbo[-1]:.0f}" if len(test_neg_elbo) else ""
    curves.set_title(f"{now}\n{weight}, {settings}")
    bars.set_title(f"{used} of {len(rates)} latents carry\nmore than {USED:g} nats")
    fig.caption = (
        f"{now}; {weight}, {settings}. {used} of {len(rates)} latents carry more than {USED:g} nats."
    )
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
        "test": curves.plot([], [], "o", color="black", markersize=4, label="−ELBO, test")[0],
        "rates": list(bars.bar(range(1, latents + 1), np.zeros(latents), color=ORANGE)),
        "back": new_picture(back, 2, 10),
        "samples": new_picture(samples, 2, 10),
    }
    curves.set(xlabel="epochs", ylabel="nats per image", ylim=(0, 280), title=TWO_LINES)
    curves.legend(loc="upper right", ncols=3, fontsize=8)
    bars.set(xlabel="latent", ylabel="rate (nats per image)", xticks=range(1, latents + 1),
             title=TWO_LINES)
    back.set_title("Test digits, and what comes back")
    samples.set_title("Digits from the prior")
    freeze_layout(fig)
    return fig
