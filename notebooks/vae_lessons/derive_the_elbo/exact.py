"""Models in which every term of the ELBO is known: the laboratory of notebooks 01 and 02.

`LinearGaussian` has each term in closed form. `quadrature_log_evidence` adds up a grid for
any decoder of one or two latent dimensions. Everything is in nats.
"""

import math
from typing import NamedTuple

import torch

from vae_helpers.elbo import LOG_2PI, gaussian_entropy, prior_log_prob


class Posterior(NamedTuple):
    """N(mean, inverse of precision): mean [batch, latent], precision [latent, latent]."""

    mean: torch.Tensor
    precision: torch.Tensor


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
        """The posterior's precision Λ = I + WᵀW/v, the same for every x: [latent, latent]."""
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
        """log p(x) = log N(x; bias, W Wᵀ + v I), exactly: [batch, pixels] to [batch]."""
        covariance = self.weight @ self.weight.T
        covariance = covariance + self.noise_variance * torch.eye(len(covariance), dtype=x.dtype)
        return torch.distributions.MultivariateNormal(self.bias, covariance).log_prob(x)

    def elbo(self, x, mean, logvar):
        """The ELBO of q = N(mean, exp(logvar)), exactly: mean, logvar [batch, latent] to [batch].

        E_q[log p(x, z)] + H[q], term by term: log p(x, z) is quadratic in z, so its expectation
        is its value at the mean less half the sum of curvature times variance.
        """
        spread = 0.5 * (self.precision.diagonal() * logvar.exp()).sum(-1)
        return self.log_joint(x, mean) - spread + gaussian_entropy(logvar)

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

    log_likelihood: a function of z [points^latent, 1, latent] that gives log p(x|z),
    [points^latent, batch]. The grid has `points` to a dimension, from −reach to reach, in the
    trapezoidal rule. Its cost grows as points^latent: more than two latent dimensions raise
    `ValueError`.
    """
    if latent not in (1, 2):
        raise ValueError(f"Quadrature is for 1 or 2 latent dimensions, got {latent}: the grid "
                         f"would need {points}^{latent} points.")
    axis = torch.linspace(-reach, reach, points, dtype=dtype)
    z = torch.cartesian_prod(*[axis] * latent).reshape(-1, 1, latent)  # [points^latent, 1, latent]
    step = 2 * reach / (points - 1)
    log_terms = log_likelihood(z) + prior_log_prob(z)  # [points^latent, batch]
    return torch.logsumexp(log_terms, dim=0) + latent * math.log(step)
