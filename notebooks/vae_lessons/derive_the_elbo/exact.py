"""Models in which every term of the ELBO has a closed form, for notebooks 01 and 02.

`Laboratory` has one latent and one pixel, and notebook 01 shows its code. `LinearGaussian` has any
number of latents and pixels. `quadrature_log_evidence` integrates over a grid, for any decoder
with one or two latents. Everything is in nats.
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

CHUNK = 2_000  # grid points per call of the likelihood


class Posterior(NamedTuple):
    """A Gaussian: mean [batch, latent], and precision (inverse covariance) [latent, latent]."""

    mean: torch.Tensor
    precision: torch.Tensor


class Laboratory:
    """The model z ~ N(0, 1), x | z ~ N(z, σ²), with one latent and one pixel.

    noise_variance: σ², a tensor [1]. The last axis of x and z has length 1; the densities sum over
    it. `LinearGaussian` with weight 1 and bias 0 is the same model.
    """

    def __init__(self, noise_variance):
        self.noise_variance = noise_variance

    def log_likelihood(self, x, z):
        """log p(x|z), a function of the difference x − z."""
        return gaussian_log_prob(z, x, self.noise_variance.log())

    def log_joint(self, x, z):
        """log p(x, z) = log p(x|z) + log p(z)."""
        return self.log_likelihood(x, z) + prior_log_prob(z)

    def log_evidence(self, x):
        """log p(x): x is z plus independent noise, so p(x) = N(0, 1 + σ²)."""
        return gaussian_log_prob(x, torch.zeros_like(x), (1 + self.noise_variance).log())


def exact_elbo(laboratory, x, mean, logvar):
    """The ELBO in a `Laboratory`, E_q[log p(x, z)] + H[q], for q = N(mean, exp(logvar)).

    log p(x, z) is quadratic in z. Its expectation under q is its value at q's mean plus half its
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
    Raises `ValueError` for inconsistent shapes or a noise variance that is not positive.
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
        """The exact `Posterior` p(z|x) for x [batch, pixels]. Bishop 2006, equation 12.42."""
        evidence = (x - self.bias) @ self.weight / self.noise_variance  # [batch, latent]
        return Posterior(torch.linalg.solve(self.precision, evidence.T).T, self.precision)

    def log_evidence(self, x):
        """The exact log p(x) = log N(x; bias, W Wᵀ + σ² I): [batch, pixels] to [batch]."""
        covariance = self.weight @ self.weight.T
        covariance = covariance + self.noise_variance * torch.eye(len(covariance), dtype=x.dtype)
        return torch.distributions.MultivariateNormal(self.bias, covariance).log_prob(x)

    def elbo(self, x, mean, logvar):
        """The exact ELBO of q = N(mean, exp(logvar)): mean, logvar [batch, latent] to [batch].

        The ELBO is E_q[log p(x, z)] + H[q]. log p(x, z) is quadratic in z, so its expectation is
        its value at the mean plus half the sum of second derivatives times variances.
        """
        curvature_term = -0.5 * (self.precision.diagonal() * logvar.exp()).sum(-1)
        return self.log_joint(x, mean) + curvature_term + gaussian_entropy(logvar)

    def kl_to_posterior(self, x, mean, logvar):
        """The exact KL(q(z|x) ‖ p(z|x)) for q = N(mean, exp(logvar)): [batch].

        It is computed from the formula for two Gaussians, not as log p(x) − ELBO, so that a test
        can compare the two.
        """
        posterior = self.posterior(x)
        gap = mean - posterior.mean  # [batch, latent]
        quadratic = ((gap @ self.precision) * gap).sum(-1)
        trace = (self.precision.diagonal() * logvar.exp()).sum(-1)
        return 0.5 * (trace + quadratic - mean.shape[-1] - logvar.sum(-1)
                      - torch.logdet(self.precision))

    def best_mean_field(self, x):
        """The q = N(mean, exp(logvar)) that maximises the ELBO: mean, logvar [batch, latent].

        Its mean is the posterior's; its variances are one over the diagonal of the posterior's
        precision (Bishop 2006, section 10.1.2).
        """
        posterior = self.posterior(x)
        return posterior.mean, -self.precision.diagonal().log().expand_as(posterior.mean)

    def sample(self, count, generator):
        """`count` samples of the model: x [count, pixels] and their codes z [count, latent]."""
        kind = {"generator": generator, "dtype": self.weight.dtype}
        z = torch.randn(count, self.weight.shape[1], **kind)
        noise = torch.randn(count, self.weight.shape[0], **kind)
        return z @ self.weight.T + self.bias + math.sqrt(self.noise_variance) * noise, z


def quadrature_log_evidence(log_likelihood, latent, points=201, reach=6.0, dtype=torch.float64):
    """log p(x) = log ∫ p(x|z) N(z; 0, I) dz by quadrature on a grid, for any decoder: [batch].

    log_likelihood: a function from z [places, 1, latent] to log p(x|z) [places, batch]; it is
    called with `CHUNK` points of the grid at a time. The grid has `points` points per dimension,
    from −reach to reach (trapezoidal rule). The cost grows as points^latent: raises `ValueError`
    for more than two latents.
    """
    if latent not in (1, 2):
        raise ValueError(f"Quadrature is for 1 or 2 latent dimensions, got {latent}: the grid "
                         f"would need {points}^{latent} points.")
    axis = torch.linspace(-reach, reach, points, dtype=dtype)
    z = torch.cartesian_prod(*[axis] * latent).reshape(-1, 1, latent)  # [points^latent, 1, latent]
    step = 2 * reach / (points - 1)
    total = None  # a running sum; keeping the parts would fragment the memory
    for some in z.split(CHUNK):
        part = torch.logsumexp(log_likelihood(some) + prior_log_prob(some), dim=0)  # [batch]
        total = part if total is None else torch.logaddexp(total, part, out=total)
    return total + latent * math.log(step)
