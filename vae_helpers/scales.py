"""Parametrising a scale: three ways to a positive variance, and what estimates of one are worth.

A network gives any number a; a variance must be positive. Errors e are what is left when the
mean has been taken off, e ~ N(0, σ²). Everything broadcasts; NLLs are in nats per error.
"""

import math
from typing import Callable, NamedTuple

import torch
from torch.nn import functional as F

from vae_helpers.elbo import LOG_2PI

FLOOR = 1e-6  # the least variance that the guard and the softplus give


class Parametrisation(NamedTuple):
    """How a network's output becomes a variance: `variance` of an output, and its inverse."""

    variance: Callable
    output: Callable


def guarded(a):
    """σ² = max(a, FLOOR): the variance itself, with a guard. Below it no gradient passes."""
    return a.clamp(min=FLOOR)


def softplus_with_floor(a):
    """σ² = log(1 + eᵃ) + FLOOR (Lakshminarayanan et al. 2017, arXiv 1612.01474)."""
    return F.softplus(a) + FLOOR


def _inverse_softplus(variance):
    softplus = variance - FLOOR
    return softplus + torch.log(-torch.expm1(-softplus))  # log(eˢ − 1), which does not overflow


PARAMETRISATIONS = {
    "variance": Parametrisation(guarded, lambda variance: variance),
    "log variance": Parametrisation(torch.exp, torch.log),
    "softplus": Parametrisation(softplus_with_floor, _inverse_softplus),
}


def nll(error, variance):
    """−log N(error; 0, variance)."""
    return 0.5 * (LOG_2PI + variance.log() + error**2 / variance)


def variance_gradient(error, variance):
    """∂ nll / ∂σ² = (1 − e²/σ²) / 2σ². Like −e²/2σ⁴ as σ² → 0."""
    return (1 - error**2 / variance) / (2 * variance)


def logvar_gradient(error, variance):
    """∂ nll / ∂ log σ² = ½ (1 − e²/σ²). Like −e²/2σ² as σ² → 0; never above ½."""
    return 0.5 * (1 - error**2 / variance)


def gradient_laws(true_variance, variance):
    """Mean and standard deviation of both gradients over e ~ N(0, true_variance).

    {parametrisation: (mean, standard deviation)}. e² is true_variance times a χ² with one
    degree of freedom, whose mean is 1 and whose variance is 2.
    """
    ratio = true_variance / variance
    mean, sd = 0.5 * (1 - ratio), ratio / math.sqrt(2)
    return {"variance": (mean / variance, sd / variance), "log variance": (mean, sd)}


def excess_nll(true_variance, variance):
    """How many nats an error costs beyond the least possible: KL( N(0, true) ‖ N(0, variance) ).

    It depends on the two variances' ratio alone, and so on no unit.
    """
    ratio = true_variance / variance
    return 0.5 * (ratio - 1 - ratio.log())


def variance_of_estimate(variance, n):
    """Var(s²) = 2σ⁴/(n − 1), s² being the sample variance of n Gaussian numbers."""
    _require_sample(n)
    return 2 * variance**2 / (n - 1)


def variance_of_log_estimate(n):
    """Var(log s²) = ψ₁((n − 1)/2), whatever σ²: the trigamma function, about 2/(n − 1)."""
    _require_sample(n)
    return torch.special.polygamma(1, torch.tensor((n - 1) / 2, dtype=torch.float64)).item()


def crossover(n):
    """The σ² at which Var(s²) and Var(log s²) are the same; below it the logarithm's is larger."""
    return math.sqrt(0.5 * (n - 1) * variance_of_log_estimate(n))


def draw_estimates(variance, n, draws, generator):
    """`draws` sample variances s² of n numbers from N(0, variance): [draws], float64."""
    _require_sample(n)
    numbers = torch.randn(draws, n, generator=generator, dtype=torch.float64)
    return (math.sqrt(variance) * numbers).var(1)  # [draws, n] -> [draws]


def drawn_spreads(variance, n, draws, generator):
    """What `variance_of_estimate` and `variance_of_log_estimate` say, measured: two numbers."""
    estimates = draw_estimates(variance, n, draws, generator)
    return estimates.var().item(), estimates.log().var().item()


def drawn_gradients(true_variance, variance, draws, generator):
    """What `gradient_laws` says, measured: {parametrisation: (mean, standard deviation)}."""
    error = math.sqrt(true_variance) * torch.randn(
        draws, generator=generator, dtype=torch.float64)
    gradients = {"variance": variance_gradient(error, variance),
                 "log variance": logvar_gradient(error, variance)}
    return {name: (values.mean().item(), values.std().item())
            for name, values in gradients.items()}


def _require_sample(n):
    if n != int(n) or n < 2:
        raise ValueError(f"A sample variance needs a whole number n of at least 2, got {n}.")
