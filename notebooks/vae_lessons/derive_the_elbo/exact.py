"""Models in which every term of the ELBO is known: the laboratory of notebooks 01 and 02.

`Laboratory` has one latent and one pixel and stands in notebook 01; `LinearGaussian` has any
number of them. Each term is in closed form. `quadrature_log_evidence` adds up a grid for any
decoder of one or two latent dimensions. Everything is in nats.
"""

import math
from typing import NamedTuple

import torch

from vae_helpers.elbo import (
    LOG_2PI,
    gaussian_entropy,
    gaussian_kl,
    gaussian_log_prob,
    prior_log_prob,
)

CHUNK = 2_000  # places of a grid looked at together


class Posterior(NamedTuple):
    """N(mean, inverse of precision): mean [batch, latent], precision [latent, latent]."""

    mean: torch.Tensor
    precision: torch.Tensor


class Laboratory:
    """z ~ N(0, 1), then x | z ~ N(z, σ²): one latent, one pixel, and every term exact.

    noise_variance: σ², a tensor [1]. x and z end in an axis of length 1, over which the densities
    sum. `LinearGaussian` with the weight 1 and the bias 0 is the same model.
    """

    def __init__(self, noise_variance):
        self.noise_variance = noise_variance

    def log_likelihood(self, x, z):
        """log p(x|z), in which x and z may change places."""
        return gaussian_log_prob(z, x, self.noise_variance.log())

    def log_joint(self, x, z):
        """log p(x, z) = log p(x|z) + log p(z)."""
        return self.log_likelihood(x, z) + prior_log_prob(z)

    def log_evidence(self, x):
        """log p(x): x is z plus independent noise, so it is N(0, 1 + σ²)."""
        return gaussian_log_prob(x, torch.zeros_like(x), (1 + self.noise_variance).log())


def exact_elbo(laboratory, x, mean, logvar):
    """The ELBO in a `Laboratory`, E_q[log p(x, z)] + H[q], for q = N(mean, exp(logvar)).

    log p(x, z) is a parabola in z. Its average over q is its value at the mean plus half its
    second derivative times q's variance.
    """
    curvature = -(1 + 1 / laboratory.noise_variance)
    curvature_term = 0.5 * (curvature * logvar.exp()).sum(-1)
    return laboratory.log_joint(x, mean) + curvature_term + gaussian_entropy(logvar)


def posterior(laboratory, x):
    """The mean μ of p(z|x) in a `Laboratory`, and the log of its variance τ²."""
    precision = 1 + 1 / laboratory.noise_variance
    return x / laboratory.noise_variance / precision, -precision.log().expand_as(x)


def kl_to_posterior(laboratory, x, mean, logvar):
    """KL(q(z|x) ‖ p(z|x)) in a `Laboratory`, for q = N(mean, exp(logvar)).

    A KL divergence does not change when both densities are shifted and scaled together: in
    units where the posterior is N(0, 1), q is N(a, b²), a = (mean − μ)/τ and b = s/τ.
    """
    mu, log_tau2 = posterior(laboratory, x)
    a = (mean - mu) / (0.5 * log_tau2).exp()
    return gaussian_kl(a, logvar - log_tau2)


class LinearGaussian:
    """z ~ N(0, I); x | z ~ N(weight z + bias, noise_variance · I): probabilistic PCA.

    weight: [pixels, latent]; bias: [pixels]; noise_variance > 0. Tipping & Bishop 1999.
    Raises `ValueError` for shapes that do not fit or a noise variance that is not positive.
    """

    def __init__(self, weight, bias, noise_variance):
        if weight.ndim != 2 or bias.shape != weight.shape[:1]:
            raise ValueError(
                "weight must be [pixels, latent] and bias [pixels], got "
                f"{list(weight.shape)} and {list(bias.shape)}."
            )
        if not (math.isfinite(noise_variance) and noise_variance > 0):
            raise ValueError(f"noise_variance must be positive, got {noise_variance}.")
        self.weight, self.bias, self.noise_variance = weight, bias, noise_variance

    @property
    def precision(self):
        """The posterior's precision Λ = I + WᵀW/σ², the same for every x: [latent, latent]."""
        gram = self.weight.T @ self.weight  # [latent, latent]
        return torch.eye(len(gram), dtype=gram.dtype) + gram / self.noise_variance

    def log_likelihood(self, x, z):
        """log p(x|z): x [batch, pixels], z [..., batch, latent] to [..., batch]."""
        residual = x - z @ self.weight.T - self.bias  # [..., batch, pixels]
        constant = LOG_2PI + math.log(self.noise_variance)
        return -0.5 * (constant + residual**2 / self.noise_variance).sum(-1)

    def log_joint(self, x, z):
        """log p(x, z) = log p(x|z) + log p(z): [..., batch]."""
        return self.log_likelihood(x, z) + prior_log_prob(z)

    def posterior(self, x):
        """p(z|x), exactly: x [batch, pixels] to `Posterior`. Bishop 2006, equation 12.42."""
        evidence = (x - self.bias) @ self.weight / self.noise_variance  # [batch, latent]
        return Posterior(torch.linalg.solve(self.precision, evidence.T).T, self.precision)

    def log_evidence(self, x):
        """log p(x) = log N(x; bias, W Wᵀ + σ² I), exactly: [batch, pixels] to [batch]."""
        covariance = self.weight @ self.weight.T
        covariance = covariance + self.noise_variance * torch.eye(len(covariance), dtype=x.dtype)
        return torch.distributions.MultivariateNormal(self.bias, covariance).log_prob(x)

    def elbo(self, x, mean, logvar):
        """The ELBO of q = N(mean, exp(logvar)), exactly: mean, logvar [batch, latent] to [batch].

        E_q[log p(x, z)] + H[q], term by term: log p(x, z) is quadratic in z, so its expectation
        is its value at the mean plus half the sum of second derivatives times variances.
        """
        curvature_term = -0.5 * (self.precision.diagonal() * logvar.exp()).sum(-1)
        return self.log_joint(x, mean) + curvature_term + gaussian_entropy(logvar)

    def kl_to_posterior(self, x, mean, logvar):
        """KL(q(z|x) ‖ p(z|x)) for q = N(mean, exp(logvar)), exactly: [batch].

        From the formula for two Gaussians, not as log p(x) − ELBO, so that the identity
        between the three can be tested.
        """
        posterior = self.posterior(x)
        gap = mean - posterior.mean  # [batch, latent]
        quadratic = ((gap @ self.precision) * gap).sum(-1)
        trace = (self.precision.diagonal() * logvar.exp()).sum(-1)
        return 0.5 * (trace + quadratic - mean.shape[-1] - logvar.sum(-1)
                      - torch.logdet(self.precision))

    def best_mean_field(self, x):
        """The q = N(mean, exp(logvar)) that maximises the ELBO: mean, logvar [batch, latent].

        The posterior's mean, and one over the diagonal of its precision as variance
        (Bishop 2006, section 10.1.2).
        """
        posterior = self.posterior(x)
        return posterior.mean, -self.precision.diagonal().log().expand_as(posterior.mean)

    def sample(self, count, generator):
        """`count` draws from the model: x [count, pixels] and the z [count, latent] behind them."""
        kind = {"generator": generator, "dtype": self.weight.dtype}
        z = torch.randn(count, self.weight.shape[1], **kind)
        noise = torch.randn(count, self.weight.shape[0], **kind)
        return z @ self.weight.T + self.bias + math.sqrt(self.noise_variance) * noise, z


def quadrature_log_evidence(log_likelihood, latent, points=201, reach=6.0, dtype=torch.float64):
    """log ∫ p(x|z) N(z; 0, I) dz on a grid, for a decoder of any kind: [batch].

    log_likelihood: a function of z [places, 1, latent] that gives log p(x|z), [places, batch]; it
    is called for `CHUNK` places of the grid at a time. The grid has `points` to a dimension, from
    −reach to reach, in the trapezoidal rule. Its cost grows as points^latent: more than two
    latent dimensions raise `ValueError`.
    """
    if latent not in (1, 2):
        raise ValueError(f"Quadrature is for 1 or 2 latent dimensions, got {latent}: the grid "
                         f"would need {points}^{latent} points.")
    axis = torch.linspace(-reach, reach, points, dtype=dtype)
    z = torch.cartesian_prod(*[axis] * latent).reshape(-1, 1, latent)  # [points^latent, 1, latent]
    step = 2 * reach / (points - 1)
    total = None  # one tensor throughout: kept small ones would lie between the freed large ones
    for some in z.split(CHUNK):
        part = torch.logsumexp(log_likelihood(some) + prior_log_prob(some), dim=0)  # [batch]
        total = part if total is None else torch.logaddexp(total, part, out=total)
    return total + latent * math.log(step)
