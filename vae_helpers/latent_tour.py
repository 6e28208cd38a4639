"""Ways through a trained latent space, and what its map looks like from afar."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from vae_helpers import arguments, elbo

BLOCK = 500_000  # distances at a time, which keeps the matrices small
STEPS = 100  # of the probe's training, which is at rest by then


def quantile_grid(side):
    """Where `side` cells of equal prior probability have their middles: [side], ascending.

    The middles (k + ½) / side of the unit interval through the inverse normal CDF:
    Kingma & Welling 2013, figure 4.
    """
    side = arguments.whole_number(side, "side")
    return torch.special.ndtri((torch.arange(side, dtype=torch.float64) + 0.5) / side)


def cell_counts(codes, side):
    """How many codes [n, 2] lie in each of side² cells of equal prior probability.

    [side, side]: rows go from the largest second coordinate down, as a picture's do.
    """
    side = arguments.whole_number(side, "side")
    place = (torch.special.ndtr(codes.double()) * side).long().clamp(0, side - 1)  # [n, 2]
    cell = (side - 1 - place[:, 1]) * side + place[:, 0]
    return cell.bincount(minlength=side * side).reshape(side, side)


def slerp(first, second, t):
    """From first to second [..., latent] on an arc: the share t of the way, in the angle.

    White 2016 (arXiv 1609.04468), section 2.1. Both ends are met, whatever their norms are;
    undefined where the two point the same way or opposite ways.
    """
    cosine = F.cosine_similarity(first, second, dim=-1)[..., None]
    angle = cosine.clamp(-1, 1).acos()
    return (((1 - t) * angle).sin() * first + (t * angle).sin() * second) / angle.sin()


def move_along(codes, direction, value):
    """Codes [n, latent] whose component along the unit vector `direction` [latent] is `value`."""
    return codes + (value - codes @ direction)[:, None] * direction  # [n, latent]


def log_prior_ratio(z, mean, logvar):
    """log q(z) − log p(z) in nats, [k]: how much denser the codes lie at z than the prior does.

    z: [k, latent]; q(z) is the aggregate posterior, the average of N(mean, exp(logvar)) over
    the images, [n, latent] each.
    """
    precision = (-logvar).exp()
    # The quadratic form in products, or [k, n, latent] would have to be held at once.
    constant = -0.5 * (mean**2 * precision + logvar + math.log(2 * math.pi)).sum(-1)  # [n]
    average = [
        torch.logsumexp(
            chunk @ (mean * precision).T - 0.5 * chunk**2 @ precision.T + constant, dim=-1)
        for chunk in z.split(max(1, BLOCK // len(mean)))
    ]
    zero = torch.zeros_like(z)
    return torch.cat(average) - math.log(len(mean)) - elbo.gaussian_log_prob(z, zero, zero)


def distance_correlation(first, second):
    """The correlation of all distances between the same n codes in two pictures, [n, …] each."""
    pairs = torch.stack([torch.pdist(codes.double()) for codes in (first, second)])
    return torch.corrcoef(pairs)[0, 1].item()


def linear_probe(codes, labels, test_codes, test_labels):
    """The accuracy on test codes of a linear classifier of codes [n, latent].

    Logistic regression on standardised codes, with a penalty of 10⁻³ · |weights|².
    """
    centre, spread = codes.mean(0), codes.std(0).clamp(min=1e-3)
    codes = (codes - centre).div_(spread)
    weight = torch.zeros(10, codes.shape[1], dtype=codes.dtype, requires_grad=True)
    bias = torch.zeros(10, dtype=codes.dtype, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        value = F.cross_entropy(F.linear(codes, weight, bias), labels) + 1e-3 * (weight**2).sum()
        value.backward()
        return value

    optimizer.step(loss)
    with torch.no_grad():
        found = F.linear((test_codes - centre).div_(spread), weight, bias).argmax(1)
    return (found == test_labels).double().mean().item()


class Maps(nn.Module):
    """t-SNE's pictures of two clouds of n codes at k perplexities, [2, k, n, 2], as a buffer."""

    def __init__(self, perplexities, n):
        super().__init__()
        self.register_buffer("places", torch.zeros(2, perplexities, n, 2))
