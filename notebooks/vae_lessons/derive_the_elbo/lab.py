"""Measurements of notebook 01: the gap of a trained VAE, and its parts.

The gap is log p(x) − ELBO = KL(q(z|x) ‖ p(z|x)). The gap of the best Gaussian q is the
approximation gap; the rest, which is due to the encoder, is the amortisation gap (Cremer, Li &
Duvenaud 2018). Its difference between test and training images measures how well the encoder
generalises.

`form` is the KL form of the ELBO that the notebook teaches: a function of log_likelihood, mean,
logvar and eps [draws, batch, latent] that returns one estimate per draw, [draws, batch].
"""

from typing import NamedTuple

import torch
from torch.nn import functional as F

from vae_helpers import arguments, data, elbo
from vae_helpers.evaluation import evaluation_mode, rows
from vae_lessons.derive_the_elbo.exact import CHUNK, quadrature_log_evidence


class Gaps(NamedTuple):
    """The parts of the gap, averaged over images; nats per image."""

    log_evidence: float
    elbo: float
    gap: float
    approximation: float
    amortisation: float


def measure_gaps(form, model, images, *, seed):
    """The gap of a VAE with 2 latents over `images` (uint8 [n, 28, 28]), and its two parts."""
    log_evidence = evidence_by_quadrature(model, images)  # [n]
    encoded = _encoded(model, images)
    of_encoder = elbo_of(form, model, images, *encoded, draws=200, seed=seed)
    refined = refined_posteriors(form, model, images, seed=seed)
    of_refined = elbo_of(form, model, images, *refined, draws=200, seed=seed)
    return Gaps(
        log_evidence=log_evidence.mean().item(),
        elbo=of_encoder.mean().item(),
        gap=(log_evidence - of_encoder).mean().item(),
        approximation=(log_evidence - of_refined).mean().item(),
        amortisation=(of_refined - of_encoder).mean().item(),
    )


def parts(found):
    """The parts of the gap by label: {"training": Gaps, "test": Gaps} to {label: nats}.

    Each `Gaps` may also be a dictionary, as in stored results.
    """
    found = {kind: gaps._asdict() if isinstance(gaps, Gaps) else gaps
             for kind, gaps in found.items()}
    return {f"{part} gap, {kind} images": found[kind][part]
            for part in ("approximation", "amortisation") for kind in ("training", "test")}


def parts_of_runs(runs):
    """The parts of the gap in all stored `runs`: {label: nats [seeds]}."""
    seeds = [parts({kind: run[kind] for kind in ("training", "test")}) for run in runs.values()]
    return {label: [seed[label] for seed in seeds] for label in seeds[0]}


def evidence_by_quadrature(model, images, points=401, reach=8.0):
    """log p(x) of a VAE with 2 latents for images uint8 [n, 28, 28]: [n] in nats.

    The grid must cover every posterior, and its spacing (here 0.04) must be smaller than the
    width of the posteriors (about 0.1).
    """
    with torch.no_grad(), evaluation_mode(model):
        return quadrature_log_evidence(
            _log_likelihood(model, images), model.latent, points=points, reach=reach,
            dtype=next(model.parameters()).dtype,
        )


def posterior_modes(model, images):
    """The grid point with the highest p(z|x) of a VAE with 2 latents, for each image: [n, 2]."""
    axis = torch.linspace(-4, 4, 161, dtype=next(model.parameters()).dtype)
    z = torch.cartesian_prod(axis, axis)[:, None]  # [points, 1, 2]
    with torch.no_grad(), evaluation_mode(model):
        log_joint = _log_likelihood(model, images)(z) + elbo.prior_log_prob(z)  # [points, n]
    return z[log_joint.argmax(0), 0]


@torch.no_grad()
def _encoded(model, images):
    with evaluation_mode(model):
        return model.encode(rows(model, images))


def _log_likelihood(model, images):
    """log p(x|z) for all images, as a function from z [places, 1, 2] to [places, n]."""
    x = rows(model, images)  # [n, 784]

    def log_likelihood(z):
        parts = []
        for chunk in z[:, 0].split(CHUNK):
            logits = model.decode(chunk)  # [chunk, 784]
            # log p(x|z) = Σ x·logits − Σ softplus(logits): one matrix product for all images.
            parts.append(logits @ x.T - F.softplus(logits).sum(-1, keepdim=True))
        return torch.cat(parts)

    return log_likelihood


def elbo_of(form, model, images, mean, logvar, *, draws, seed):
    """The ELBO of q = N(mean, exp(logvar)) for each image, the mean of `draws` draws: [n]."""
    draws = arguments.whole_number(draws, "draws")
    x = rows(model, images)
    generator = arguments.generator(seed)
    total = torch.zeros_like(x[:, 0])
    with torch.no_grad(), evaluation_mode(model):
        for _ in range(draws):
            total += _one_draw(form, model, x, mean, logvar, generator)
    return total / draws


def refined_posteriors(form, model, images, *, seed):
    """The best Gaussian q found for each image, with the decoder fixed: mean, logvar [n, latent].

    Gradient ascent starts from the encoder's q and from a narrow q at the mode of the posterior,
    and the better result is kept: from the encoder's q alone, some images end in a local optimum.
    Another start might still find a better q.
    """
    encoded = _encoded(model, images)
    modes = posterior_modes(model, images)
    ends = [
        _ascend(form, model, images, *start, seed=seed)
        for start in (encoded, (modes, torch.full_like(modes, -3.0)))
    ]
    values = torch.stack([
        elbo_of(form, model, images, *q, draws=200, seed=seed + 1) for q in ends
    ])
    best = values.argmax(0)[:, None]  # [n, 1]
    return tuple(torch.where(best == 0, first, second) for first, second in zip(*ends))


def _ascend(form, model, images, mean, logvar, *, steps=300, learning_rate=0.02, draws=4, seed):
    """Gradient ascent on the ELBO from the given mean and logvar, [n, latent] each."""
    x = rows(model, images)
    generator = arguments.generator(seed)
    parameters = [part.clone().requires_grad_() for part in (mean, logvar)]
    optimizer = torch.optim.Adam(parameters, lr=learning_rate)
    with evaluation_mode(model):
        for _ in range(steps):
            value = sum(_one_draw(form, model, x, *parameters, generator).sum()
                        for _ in range(draws))
            gradients = torch.autograd.grad(value / draws, parameters)
            for parameter, gradient in zip(parameters, gradients):
                parameter.grad = -gradient  # Adam minimises, and the ELBO is maximised
            optimizer.step()
    return [part.detach() for part in parameters]


def _one_draw(form, model, x, mean, logvar, generator):
    eps = data.noise(generator, 1, *mean.shape, like=mean)  # [1, n, latent]

    def log_likelihood(z):
        return elbo.bernoulli_log_prob(x, model.decode(z))

    return form(log_likelihood, mean, logvar, eps)[0]
