"""How good a model is: log p(x) by importance sampling, with the interval that it comes in."""

import math
from typing import NamedTuple

import torch
from torch.nn.functional import softplus

from vae_helpers import arguments, data, elbo, evaluation


class Mean(NamedTuple):
    """A mean over images and half the width of its 95 % interval, in nats per image."""

    value: float
    half_width: float


def binarized(images, *, seed):
    """Black and white images, each pixel drawn once with its grey as probability of white.

    uint8 [n, 28, 28] to uint8 of 0 and 255, the same shape: what papers mean by binarised MNIST,
    drawn by `seed`. Training draws anew for every minibatch (`data.binarize`).
    """
    data.require_images(images)
    generator = arguments.generator(seed)
    drawn = torch.empty_like(images)
    for place, chunk in zip(drawn.split(evaluation.CHUNK), images.split(evaluation.CHUNK)):
        white = data.binarize(data.pixels(chunk), generator)  # [chunk, 784]
        place.copy_(255 * white.reshape(chunk.shape))  # -> [chunk, 28, 28]
    return drawn


@torch.no_grad()
def log_weights(model, x, draws, generator):
    """log p(x, z) − log q(z|x) of `draws` draws from q(z|x): x [n, pixels] to [draws, n], in nats.

    x holds 0 and 1. Burda, Grosse & Salakhutdinov 2015, section 3.
    """
    with evaluation.evaluation_mode(model):
        mean, logvar = model.encode(x)
        eps = data.noise(generator, draws, *mean.shape, like=mean)
        z = elbo.reparameterize(mean, logvar, eps)
        logits = model.decode(z)  # [draws, n, pixels]
    # As `elbo.bernoulli_log_prob` has it, in half the time: Σ x · logit − Σ log(1 + exp(logit)).
    log_likelihood = torch.einsum("dnp,np->dn", logits, x) - softplus(logits).sum(-1)
    return log_likelihood + elbo.prior_log_prob(z) - elbo.gaussian_log_prob(z, mean, logvar)


def grouped_bounds(log_weights, draws):
    """Every estimate of L_K, K = `draws`, that [total, n] log weights hold: [total / K, n].

    log (1/K) Σ_k w_k of each group of K; the groups share no draw. Burda et al. 2015, section 3.
    Raises `ValueError` unless `total` is a multiple of K, and as `elbo.iwae_bound` does.
    """
    elbo.require_log_weights(log_weights)
    total, draws = len(log_weights), arguments.whole_number(draws, "draws")
    if total % draws:
        raise ValueError(f"{total} draws do not make whole groups of {draws}.")
    groups = log_weights.reshape(total // draws, draws, -1)  # [groups, K, n]
    return torch.logsumexp(groups, dim=1) - math.log(draws)


def draw_log_weights(model, images, draws, generator):
    """`log_weights` of black and white images, uint8 [n, 28, 28]: [draws, n].

    Raises `ValueError` for images that hold greys: no bound on them bounds a log probability.
    """
    data.require_images(images)
    draws = arguments.whole_number(draws, "draws")
    if not ((images == 0) | (images == 255)).all():
        raise ValueError("The images hold greys: make them black and white first, by "
                         "likelihood.binarized.")
    # One image at a time: all draws of it fit the cache. Small results kept between large
    # temporary ones would cut the memory to pieces, so there is one place for all.
    weights = torch.empty(draws, len(images))
    for place, x in zip(weights.split(1, dim=1), evaluation.rows(model, images).split(1)):
        place.copy_(log_weights(model, x, draws, generator))
    return weights


def bounds(model, images, draws, *, seed):
    """L_K of each black and white image (uint8 [n, 28, 28]) for every K of `draws`: {K: [n]}.

    All from the same draws, as many as the largest K, of which the others must be divisors;
    the mean of all groups of K. Raises `ValueError` as `draw_log_weights` does.
    """
    data.require_images(images)
    found, generator = {k: [] for k in draws}, arguments.generator(seed)
    for chunk in images.split(evaluation.CHUNK):
        weights = draw_log_weights(model, chunk, max(draws), generator)  # [draws, chunk]
        for k in draws:
            found[k].append(grouped_bounds(weights, k).mean(0))
    return {k: torch.cat(values) for k, values in found.items()}


def mean_of(values):
    """The mean of values [n], one an image, with its 95 % interval."""
    half_width = 1.96 * values.std().item() / math.sqrt(len(values))
    return Mean(values.mean().item(), half_width)
