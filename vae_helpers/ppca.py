"""Probabilistic PCA: what a linear VAE learns, from the eigenvalues of the data alone.

Model: z ~ N(0, I), x | z ~ N(Wz + b, σ² I). Its best W has the data's principal directions as
columns, of squared length λᵢ − σ², as long as λᵢ > σ²; the other columns are 0 (Tipping &
Bishop 1999, section 3.2). A linear VAE has the same optimum (Lucas et al. 2019, arXiv
1911.02469, section 4). All in nats per image.
"""

import math
from typing import NamedTuple

import torch

from vae_helpers import arguments, data, evaluation


class Optimum(NamedTuple):
    """A linear VAE at its best: distortion and rate, and how far its used latents spread."""

    distortion: float
    rate: float
    spreads: torch.Tensor  # [used]: A_u, the variance over images of each posterior mean


def covariance(images):
    """The pixels' covariance over uint8 images [n, 28, 28], in pixels from 0 to 1: [784, 784]."""
    average = evaluation.mean_image(images).float()  # [784]
    products = torch.zeros(len(average), len(average), dtype=torch.float64)
    for chunk in images.split(evaluation.CHUNK):
        centred = data.pixels(chunk) - average  # [chunk, 784]
        products += centred.T @ centred
    return (products / len(images)).float()


def eigenvalues(covariance):
    """The variances along the principal directions, falling: [pixels, pixels] to [pixels]."""
    return torch.linalg.eigvalsh(covariance.double()).flip(0)


def surviving(eigenvalues, noise_variance):
    """How many dimensions the best linear VAE uses: the eigenvalues above σ²."""
    _require_positive(noise_variance)
    return int((eigenvalues > noise_variance).sum())


def counted(eigenvalues, noise_variance, threshold=0.01):
    """How many of those the rule A_u > threshold sees, since A_u = 1 − σ²/λ."""
    return int((optimum(eigenvalues, noise_variance).spreads > threshold).sum())


def optimum(eigenvalues, noise_variance):
    """The `Optimum` for data with these eigenvalues [pixels] and decoder noise σ².

    A direction in use costs ½ log(λ/σ²) of rate and leaves a squared error of σ²; one that is
    not leaves λ.
    """
    _require_positive(noise_variance)
    used = eigenvalues[eigenvalues > noise_variance]
    squared = eigenvalues.clamp(max=noise_variance).sum()
    distortion = 0.5 * (
        squared / noise_variance + len(eigenvalues) * math.log(2 * math.pi * noise_variance)
    )
    rate = 0.5 * (used / noise_variance).log().sum()
    return Optimum(distortion.item(), rate.item(), 1 - noise_variance / used)


def fit(model, covariance, steps, learning_rate=1e-2):
    """Train a `models.LinearVAE` on all images at once: its exact −ELBO, by Adam.

    No noise and no minibatches, so that it converges in a thousand steps. The step size is
    whole for half of them and then shrinks to 0.
    """
    steps = arguments.whole_number(steps, "steps")
    optimizer = torch.optim.Adam(model.parameters())
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = learning_rate * min(1.0, 2 * (1 - step / steps))
        distortion, rate = model.exact_elbo_parts(covariance)
        optimizer.zero_grad()
        (distortion + rate.sum()).backward()
        optimizer.step()


@torch.no_grad()
def spreads(model, covariance):
    """A_u of a `models.LinearVAE`: the variance over images of each posterior mean, [latent]."""
    return ((model.V @ covariance) * model.V).sum(1)


def _require_positive(noise_variance):
    if not (math.isfinite(noise_variance) and noise_variance > 0):
        raise ValueError(f"noise_variance must be positive, got {noise_variance}.")
