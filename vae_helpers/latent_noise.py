"""How much of an image's label a sampled code keeps: neighbours, signal and noise."""

import copy

import torch

from vae_helpers import evaluation


@torch.no_grad()
def encode_as_in_training(model, images):
    """What training sees of `images` (uint8 [n, 28, 28]): mean and logvar of q, [n, latent] each.

    Batch normalisation uses these images' own statistics: its running ones lag behind a
    young model. The model itself is left as it is.
    """
    return copy.deepcopy(model).train().encode(evaluation.rows(model, images))


def signal_to_noise(mean, logvar):
    """Each latent's variance of the mean over images by its mean posterior variance: [latent].

    mean, logvar: [n, latent]. At 1 an image's own place varies as much as the draws around it.
    """
    return mean.var(0) / logvar.exp().mean(0)


def neighbour_purity(codes, labels):
    """The share of codes [n, latent] whose nearest other code has the same label [n]."""
    distance = torch.cdist(codes, codes)  # [n, n]
    distance.fill_diagonal_(torch.inf)  # nobody is a neighbour of itself
    return (labels[distance.argmin(1)] == labels).double().mean().item()


def chance_purity(labels):
    """The purity to expect of codes that know nothing of the labels [n]."""
    counts = labels.bincount().double()
    return ((counts * (counts - 1)).sum() / (len(labels) * (len(labels) - 1))).item()


def swap_probability(mean, logvar, other):
    """How probably a draw from N(mean, exp(logvar)) lies nearer to `other` than to its own mean.

    mean, logvar, other: [..., latent]; returns [...]. The draw swaps when its component along
    the way to `other`, which is Gaussian, passes the middle.
    """
    way = other - mean
    spread = (way**2 * logvar.exp()).sum(-1).sqrt()  # of z · way
    return torch.special.ndtr(-0.5 * (way**2).sum(-1) / spread)
