"""The gap between a trained VAE's ELBO and its evidence, and what the gap consists of.

gap = log p(x) − ELBO = KL(q(z|x) ‖ p(z|x)). Part of it no Gaussian q could avoid: the
approximation gap. The rest is the encoder's: the amortisation gap (Cremer, Li & Duvenaud 2018).
"""

from typing import NamedTuple

import torch
from torch.nn import functional as F

from vae_helpers import data, elbo
from vae_helpers.exact import quadrature_log_evidence

CHUNK = 20_000  # grid points decoded at a time


class Gaps(NamedTuple):
    """Averages over images, in nats per image."""

    log_evidence: float
    elbo: float
    gap: float
    approximation: float
    amortisation: float


def measure(model, images, *, seed):
    """The gap of a VAE with 2 latents over `images` (uint8 [n, 28, 28]), and its two parts."""
    log_evidence = evidence_by_quadrature(model, images)  # [n]
    with torch.no_grad():
        encoded = model.encode(data.pixels(images))
    of_encoder = elbo_of(model, images, *encoded, draws=200, seed=seed)
    refined = refined_posteriors(model, images, seed=seed)
    of_refined = elbo_of(model, images, *refined, draws=200, seed=seed)
    return Gaps(
        log_evidence=log_evidence.mean().item(),
        elbo=of_encoder.mean().item(),
        gap=(log_evidence - of_encoder).mean().item(),
        approximation=(log_evidence - of_refined).mean().item(),
        amortisation=(of_refined - of_encoder).mean().item(),
    )


def evidence_by_quadrature(model, images, points=401, reach=8.0):
    """log p(x) of a VAE with 2 latents for images uint8 [n, 28, 28]: [n] in nats.

    The grid must reach past every posterior, and its step (here 0.04) must be finer than the
    posteriors are wide (about 0.1).
    """
    x = data.pixels(images)  # [n, 784]

    def log_likelihood(z):  # [points², 1, 2] -> [points², n]
        rows = []
        for chunk in z[:, 0].split(CHUNK):
            logits = model.decode(chunk)  # [chunk, 784]
            # log p(x|z) = Σ x·logits − Σ softplus(logits): one matrix product for all images.
            rows.append(logits @ x.T - F.softplus(logits).sum(-1, keepdim=True))
        return torch.cat(rows)

    with torch.no_grad():
        return quadrature_log_evidence(
            log_likelihood, model.latent, points=points, reach=reach, dtype=torch.float32
        )


def elbo_of(model, images, mean, logvar, *, draws, seed):
    """The ELBO of q = N(mean, exp(logvar)) for each image, from `draws` draws: [n]."""
    x = data.pixels(images)
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros(len(x))
    with torch.no_grad():
        for _ in range(draws):
            total += _one_draw(model, x, mean, logvar, generator)
    return total / draws


def refined_posteriors(model, images, *, steps=300, learning_rate=0.02, draws=4, seed):
    """The best Gaussian q for each image, found by gradient ascent from the encoder's.

    The decoder stays as it is. Returns mean and logvar, [n, latent] each.
    """
    x = data.pixels(images)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        mean, logvar = (part.clone() for part in model.encode(x))
    parameters = [mean.requires_grad_(), logvar.requires_grad_()]
    optimizer = torch.optim.Adam(parameters, lr=learning_rate)
    for _ in range(steps):
        value = sum(_one_draw(model, x, *parameters, generator).sum() for _ in range(draws))
        for parameter, gradient in zip(parameters, torch.autograd.grad(value / draws, parameters)):
            parameter.grad = -gradient  # Adam goes down, the ELBO should go up
        optimizer.step()
    return mean.detach(), logvar.detach()


def _one_draw(model, x, mean, logvar, generator):
    eps = torch.randn(1, *mean.shape, generator=generator)  # [1, n, latent]

    def log_likelihood(z):
        return elbo.bernoulli_log_prob(x, model.decode(z))

    return elbo.kl_form(log_likelihood, mean, logvar, eps)[0]
