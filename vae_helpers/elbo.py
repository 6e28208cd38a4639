"""Log densities and the KL divergence that the evidence lower bound is made of.

Everything is in nats. Densities sum over the last axis (pixels or latents), so that one
number is left for each image; leading axes broadcast, so that z may carry draws in front.
"""

import math

import torch
from torch.nn import functional as F

from vae_helpers.data import require_unit_interval

LOG_2PI = math.log(2 * math.pi)


def gaussian_log_prob(z, mean, logvar):
    """log N(z; mean, exp(logvar)), independent in each dimension.

    z, mean, logvar: [..., latent], broadcast against each other; returns [...] in nats.
    Kingma & Welling 2013, appendix B. Raises `ValueError` if the last axes differ.
    """
    _require_same_last_axis(z=z, mean=mean, logvar=logvar)
    return -0.5 * (LOG_2PI + logvar + (z - mean) ** 2 / logvar.exp()).sum(-1)


def bernoulli_log_prob(x, logits):
    """log p(x) of independent Bernoulli pixels whose log odds are `logits`.

    x: [..., pixels] in [0, 1]; logits: [..., pixels], with draws in front if there are any.
    Returns [...] in nats. For grey x this is minus the cross entropy, not a log probability.
    Kingma & Welling 2013, appendix C.1. Raises `ValueError` for x outside [0, 1] or if the
    last axes differ.
    """
    _require_same_last_axis(x=x, logits=logits)
    require_unit_interval(x, "x")
    x = x.expand_as(logits)
    return -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)


def gaussian_kl(mean, logvar):
    """KL( N(mean, exp(logvar)) ‖ N(0, I) ), summed over latents.

    mean, logvar: [..., latent]; returns [...] in nats. Kingma & Welling 2013, appendix B.
    Raises `ValueError` if the last axes differ.
    """
    _require_same_last_axis(mean=mean, logvar=logvar)
    return 0.5 * (mean**2 + logvar.exp() - 1 - logvar).sum(-1)


def reparameterize(mean, logvar, eps):
    """A draw z = mean + exp(½ logvar) · eps, through which gradients reach mean and logvar.

    mean, logvar: [batch, latent]; eps: standard normal, [batch, latent] or
    [draws, batch, latent]; returns eps's shape. Kingma & Welling 2013, section 2.4.
    """
    _require_same_last_axis(mean=mean, logvar=logvar, eps=eps)
    return mean + (0.5 * logvar).exp() * eps


def _require_same_last_axis(**tensors):
    sizes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if len({shape[-1:] for shape in sizes.values()}) > 1:
        shapes = ", ".join(f"{name} {list(shape)}" for name, shape in sizes.items())
        raise ValueError(f"The last axes must be equal, got {shapes}.")
