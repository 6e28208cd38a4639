"""A VAE with a Gaussian decoder: one log variance for all pixels, fixed or learned."""

import math

import torch
from torch import nn

from vae_helpers import elbo, models


class SigmaVAE(models.VAE):
    """p(x|z) = N(sigmoid(logits), exp(noise) · I), with one log variance `noise` for all pixels.

    noise: where it begins. learned: whether training moves it, by the gradient (the σ-VAE of
    Rybkin, Daniilidis & Levine 2021, arXiv 2006.13202); `models.LearnedScaleVAE` finds it by a
    formula instead. Sizes and seed as in `models.VAE`. Raises `ValueError` for a noise that is
    not finite.
    """

    def __init__(self, latent, hidden=(400,), *, noise, learned, seed):
        super().__init__(latent, hidden, seed=seed)
        if not math.isfinite(noise):
            raise ValueError(f"noise is a log variance and must be finite, got {noise}.")
        self.noise = nn.Parameter(torch.tensor(float(noise)), requires_grad=learned)

    @property
    def variance(self):
        """σ² of a pixel, as `models.LearnedScaleVAE` has it."""
        return self.noise.exp()

    def elbo_parts(self, x, eps):
        """As `models.GaussianVAE.elbo_parts`; the distortion is the Gaussian's −log p(x|z).

        That is a density, so that it may be negative.
        """
        mean, logvar = self.encode(x)
        image = self.decode(elbo.reparameterize(mean, logvar, eps)).sigmoid()  # [batch, pixels]
        distortion = -elbo.gaussian_log_prob(x, image, self.noise.expand(self.pixels))
        return distortion, elbo.gaussian_kl_per_latent(mean, logvar)


def distortion(squared_error, variance, pixels=784):
    """−log p(x|z) in nats per image, from a pixel's mean squared error and the decoder's σ²."""
    return 0.5 * pixels * (squared_error / variance + elbo.LOG_2PI + math.log(variance))


def squared_error(model, distortion):
    """The inverse: the mean squared error of a pixel at which `model` has this distortion."""
    variance = model.variance.item()
    return (2 * distortion / model.pixels - elbo.LOG_2PI - math.log(variance)) * variance
