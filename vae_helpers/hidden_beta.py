"""The β that a line of loss code really optimises.

The ELBO's objective is distortion + β · rate, in nats, both summed: the distortion
−E[log p(x|z)] over D pixels, the rate KL(q(z|x) ‖ p(z)) over d latents. Code often takes
means instead, or a squared error for a Gaussian's distortion. That changes β, and nothing says so.
"""

import math
from typing import NamedTuple

RECONSTRUCTIONS = {
    "bernoulli": "F.binary_cross_entropy_with_logits(logits, x{})",
    "gaussian": "F.mse_loss(x_hat, x{})",
}
REDUCTIONS = ("mean", "sum")


def effective_beta(weight, pixels, latents, *, over_pixels, over_latents, likelihood, variance=1.0):
    """The β of the loss ``reduce_pixels(reconstruction) + weight * reduce_latents(kl)``.

    pixels: D, with every colour channel; latents: d. over_pixels, over_latents: "mean" or
    "sum"; over the batch the mean is taken. likelihood: "bernoulli", whose reconstruction is
    the cross entropy, or "gaussian", whose is the squared error. variance: the Gaussian
    decoder's σ², which no other uses. Raises `ValueError` for anything else.

    Means over both: weight · D/d, for a Gaussian weight · D/(2σ²d). For a sum over the latents
    leave out d, for one over the pixels D. On σ²: Rybkin et al. 2021 (arXiv 2006.13202).
    """
    _check(weight, pixels, latents, over_pixels, over_latents, likelihood, variance)
    # The loss is, but for a constant, (scale / D) · distortion + (weight / d) · rate.
    scale = 2 * variance if likelihood == "gaussian" else 1
    pixels_averaged = pixels if over_pixels == "mean" else 1
    latents_averaged = latents if over_latents == "mean" else 1
    return weight * pixels_averaged / (latents_averaged * scale)


def loss_line(weight, pixels, latents, *, over_pixels, over_latents, likelihood, variance=1.0):
    """That loss as three lines of PyTorch, which bind ``reconstruction``, ``kl`` and ``loss``.

    Takes what `effective_beta` takes. The lines need ``F``, ``x`` [batch, pixel], ``mean`` and
    ``logvar`` [batch, latent], and the decoder's ``logits`` or, for a Gaussian, ``x_hat``.
    """
    _check(weight, pixels, latents, over_pixels, over_latents, likelihood, variance)
    rate = "kl.mean()" if over_latents == "mean" else "kl.sum(-1).mean()"
    return "\n".join([
        f"reconstruction = {_reconstruction(likelihood, over_pixels)}"
        f"  # {over_pixels} over {_pixels(pixels, likelihood, variance)}",
        _kl(latents),
        f"loss = reconstruction + {weight:g} * {rate}",
    ])


def honest_loss_line(beta, pixels, latents, *, likelihood, variance=1.0):
    """The loss whose β is the one that stands in it: both terms summed, in nats per image.

    Binds ``distortion``, ``kl`` and ``loss``, and needs what `loss_line` needs. For a Gaussian
    the distortion lacks its constant, D/2 · log 2πσ², which has no gradient.
    """
    _check(beta, pixels, latents, "sum", "sum", likelihood, variance)
    distortion = _reconstruction(likelihood, "sum")
    if likelihood == "gaussian":
        distortion += f" / (2 * {variance:g})"
    return "\n".join([
        f"distortion = {distortion}  # {_pixels(pixels, likelihood, variance)}",
        _kl(latents),
        f"loss = distortion + {beta:g} * kl.sum(-1).mean()",
    ])


def _reconstruction(likelihood, over_pixels):
    if over_pixels == "mean":
        return RECONSTRUCTIONS[likelihood].format("")
    return RECONSTRUCTIONS[likelihood].format(', reduction="sum"') + " / len(x)"


def _pixels(pixels, likelihood, variance):
    return f"{pixels:,} pixels" + (f", σ² = {variance:g}" if likelihood == "gaussian" else "")


def _kl(latents):
    return f"kl = 0.5 * (mean**2 + logvar.exp() - 1 - logvar)  # [batch, latent], {latents:,} latents"


def _check(weight, pixels, latents, over_pixels, over_latents, likelihood, variance):
    if not (math.isfinite(weight) and weight >= 0):
        raise ValueError(f"The KL's weight must be a finite number of at least 0, got {weight}.")
    for name, count in (("pixels", pixels), ("latents", latents)):
        if not (math.isfinite(count) and count == int(count) and count >= 1):
            raise ValueError(f"{name} must be a whole number of at least 1, got {count}.")
    for name, reduction in (("over_pixels", over_pixels), ("over_latents", over_latents)):
        if reduction not in REDUCTIONS:
            raise ValueError(f'{name} must be "mean" or "sum", got {reduction!r}.')
    if likelihood not in RECONSTRUCTIONS:
        raise ValueError(f'likelihood must be "bernoulli" or "gaussian", got {likelihood!r}.')
    if not (math.isfinite(variance) and variance > 0):
        raise ValueError(f"variance must be a finite number above 0, got {variance}.")


class Preset(NamedTuple):
    """A public recipe: the arguments of `effective_beta`, and where it stands."""

    arguments: dict
    source: str


def _preset(weight, pixels, latents, over_pixels, over_latents, likelihood, source):
    return Preset({
        "weight": weight, "pixels": pixels, "latents": latents, "over_pixels": over_pixels,
        "over_latents": over_latents, "likelihood": likelihood, "variance": 1.0,
    }, source)


# Code with a squared error names no σ²; it is taken as 1, in the code's own units of a pixel.
PRESETS = {
    "this series' patient": _preset(
        0.1, 784, 8, "mean", "mean", "bernoulli",
        "the notebook that this series grew out of"),
    "PyTorch's example": _preset(
        1.0, 784, 20, "sum", "sum", "bernoulli",
        "https://github.com/pytorch/examples/blob/cd01f93000a6679e768700dd29e417a1e5fd10e5/vae/main.py"),
    # The code divided both by batch · 784, which is β = 1; the issue asks for batch · 20.
    "PyTorch's example as issue 290 wants it": _preset(
        1.0, 784, 20, "mean", "mean", "bernoulli",
        "https://github.com/pytorch/examples/issues/290"),
    # All of the latent plane gave one picture (issue 3373), until the mean was undone.
    "Keras' example before its repair": _preset(
        1.0, 784, 2, "mean", "sum", "bernoulli",
        "https://github.com/keras-team/keras/pull/3383"),
    "Deep Learning with Python, 2nd edition": _preset(
        1.0, 784, 2, "sum", "mean", "bernoulli",
        "https://github.com/fchollet/deep-learning-with-python-notebooks/blob/"
        "1bb759b55fc2433504525a3648154df69219556d/chapter12_part04_variational-autoencoders.ipynb"),
    # Faces of 64 · 64 pixels in three colours.
    "PyTorch-VAE": _preset(
        0.00025, 12288, 128, "mean", "sum", "gaussian",
        "https://github.com/AntixK/PyTorch-VAE/blob/"
        "a6896b944c918dd7030e7d795a8c13e5c6345ec7/configs/vae.yaml"),
    # Faces of 128 · 128 pixels in three colours, from −1 to 1.
    "podgorskiy/VAE": _preset(
        0.1, 49152, 512, "mean", "mean", "gaussian",
        "https://github.com/podgorskiy/VAE/blob/bb69ffc45b5e4d11bcb1e86c9ea6e6a9521f63ee/VAE.py"),
    # 64 · 64 pixels in three colours; the error is multiplied by 10, which is a weight of 0.1.
    # Its users saw a KL of 3.8e-7.
    "WorldModels in Keras": _preset(
        0.1, 12288, 32, "mean", "mean", "gaussian",
        "https://github.com/AppliedDataSciencePartners/WorldModels/issues/12"),
}
