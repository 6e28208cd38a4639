"""The exact models compared with torch.distributions, quadrature and known identities."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from vae_helpers import elbo
from vae_lessons.compare_the_estimators.lab import path_derivative_form
from vae_lessons.derive_the_elbo.exact import (
    Laboratory,
    LinearGaussian,
    exact_elbo,
    kl_to_posterior,
    posterior,
    quadrature_log_evidence,
)

SIZES = [(1, 1, 1), (3, 5, 2), (4, 10, 3)]  # batch, pixels, latent


@pytest.fixture(params=SIZES, ids=lambda sizes: "x".join(map(str, sizes)))
def setting(request):
    """A model, data from it, and a q that is not the posterior."""
    batch, pixels, latent = request.param
    generator = torch.Generator().manual_seed(3)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)
    model = LinearGaussian(draw(pixels, latent), draw(pixels), 0.7)
    x, _ = model.sample(batch, generator)
    return model, x, draw(batch, latent), draw(batch, latent), generator


def test_log_evidence_is_the_marginal_gaussian_s(setting):
    model, x, *_ = setting
    identity = torch.eye(len(model.bias), dtype=torch.float64)
    marginal = MultivariateNormal(model.bias, model.weight @ model.weight.T + 0.7 * identity)
    torch.testing.assert_close(model.log_evidence(x), marginal.log_prob(x), rtol=0, atol=1e-10)


def test_bayes_rule_holds_at_every_z(setting):
    """log p(x) = log p(x, z) − log p(z|x), whatever z is."""
    model, x, mean, logvar, generator = setting
    posterior = model.posterior(x)
    density = MultivariateNormal(posterior.mean, precision_matrix=posterior.precision)
    z = torch.randn(6, *mean.shape, generator=generator, dtype=torch.float64)
    difference = model.log_joint(x, z) - density.log_prob(z)  # [6, batch]
    expected = model.log_evidence(x).expand_as(difference)
    torch.testing.assert_close(difference, expected, rtol=0, atol=1e-10)


def test_evidence_is_elbo_plus_kl(setting):
    model, x, mean, logvar, _ = setting
    right = model.elbo(x, mean, logvar) + model.kl_to_posterior(x, mean, logvar)
    wrong = model.elbo(x, mean, logvar) - model.kl_to_posterior(x, mean, logvar)
    torch.testing.assert_close(model.log_evidence(x), right, rtol=0, atol=1e-10)
    miss = model.log_evidence(x) - wrong
    torch.testing.assert_close(miss, 2 * model.kl_to_posterior(x, mean, logvar))
    assert (miss > 0.01).all()


def test_kl_to_the_posterior_is_torch_s(setting):
    model, x, mean, logvar, _ = setting
    q = MultivariateNormal(mean, torch.diag_embed(logvar.exp()))
    p = MultivariateNormal(model.posterior(x).mean, precision_matrix=model.precision)
    expected = torch.distributions.kl_divergence(q, p)
    torch.testing.assert_close(model.kl_to_posterior(x, mean, logvar), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("noise_variance", [0.01, 1.0, 7.0])
def test_the_laboratory_is_the_linear_gaussian_of_one_latent(noise_variance):
    generator = torch.Generator().manual_seed(5)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)
    one = torch.ones(1, 1, dtype=torch.float64)
    small = Laboratory(noise_variance * one[0])
    large = LinearGaussian(one, 0 * one[0], noise_variance)
    x, mean, logvar, z = draw(9, 1), draw(9, 1), draw(9, 1), draw(4, 9, 1)
    mu, log_tau2 = posterior(small, x)
    close = lambda a, b: torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)
    close(small.log_likelihood(x, z), large.log_likelihood(x, z))
    close(small.log_joint(x, z), large.log_joint(x, z))
    close(small.log_evidence(x), large.log_evidence(x))
    close(exact_elbo(small, x, mean, logvar), large.elbo(x, mean, logvar))
    close(mu, large.posterior(x).mean)
    close((-log_tau2).exp(), large.precision.expand(9, 1))
    close(kl_to_posterior(small, x, mean, logvar), large.kl_to_posterior(x, mean, logvar))


def test_no_mean_field_q_beats_the_best_one(setting):
    model, x, mean, logvar, _ = setting
    best = [part.clone().requires_grad_() for part in model.best_mean_field(x)]
    value = model.elbo(x, *best).sum()
    for gradient in torch.autograd.grad(value, best):
        assert gradient.abs().max() < 1e-10
    for step in (1e-2, 1.0):
        worse = model.elbo(x, best[0] + step * mean, best[1] + step * logvar)
        assert (worse < model.elbo(x, *best)).all()


def test_the_best_gap_is_half_the_log_determinant_lost():
    """Off-diagonal precision is what a mean-field q cannot have: ½ (Σ log Λ_ii − log |Λ|)."""
    weight = torch.tensor([[1.0, 0.9], [0.2, 1.0]], dtype=torch.float64)
    model = LinearGaussian(weight, torch.zeros(2, dtype=torch.float64), 0.5)
    x = torch.tensor([[0.3, -1.0]], dtype=torch.float64)
    gap = model.kl_to_posterior(x, *model.best_mean_field(x)).item()
    lost = model.precision.diagonal().log().sum() - torch.logdet(model.precision)
    assert gap == pytest.approx(0.5 * lost.item(), abs=1e-12) and gap > 0.05


@pytest.mark.parametrize("latent", [1, 2])
def test_quadrature_finds_the_evidence(latent):
    generator = torch.Generator().manual_seed(latent)
    weight = torch.randn(4, latent, generator=generator, dtype=torch.float64)
    model = LinearGaussian(weight, torch.zeros(4, dtype=torch.float64), 0.5)
    x, _ = model.sample(3, generator)
    found = quadrature_log_evidence(lambda z: model.log_likelihood(x, z), latent)
    torch.testing.assert_close(found, model.log_evidence(x), rtol=0, atol=1e-8)


def test_quadrature_refuses_what_it_cannot_afford():
    with pytest.raises(ValueError, match=r"201\^3 points"):
        quadrature_log_evidence(lambda z: z.sum(-1), 3)


def test_samples_have_the_marginal_s_moments():
    weight = torch.tensor([[1.0], [2.0]], dtype=torch.float64)
    model = LinearGaussian(weight, torch.tensor([3.0, -1.0], dtype=torch.float64), 0.25)
    x, z = model.sample(40000, torch.Generator().manual_seed(0))
    assert x.shape == (40000, 2) and z.shape == (40000, 1)
    covariance = weight @ weight.T + 0.25 * torch.eye(2, dtype=torch.float64)
    scale = covariance.diagonal().sqrt()
    assert ((x.mean(0) - model.bias).abs() < 4 * scale / 200).all()
    bound = 4 * math.sqrt(2 / 40000) * scale[:, None] * scale
    assert ((torch.cov(x.T) - covariance).abs() < bound).all()


@pytest.mark.parametrize("arguments, message", [
    ((torch.zeros(3), torch.zeros(3), 1.0), "weight must be"),
    ((torch.zeros(3, 2), torch.zeros(2), 1.0), "weight must be"),
    ((torch.zeros(3, 2), torch.zeros(3), 0.0), "noise_variance"),
    ((torch.zeros(3, 2), torch.zeros(3), math.nan), "noise_variance"),
])
def test_wrong_models_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        LinearGaussian(*arguments)


def test_every_form_is_unbiased(setting):
    """The mean over 40,000 draws lies within four standard errors of the exact ELBO."""
    model, x, mean, logvar, generator = setting
    eps = torch.randn(40000, *mean.shape, generator=generator, dtype=torch.float64)
    exact = model.elbo(x, mean, logvar)
    joint, likelihood = (lambda z: model.log_joint(x, z)), (lambda z: model.log_likelihood(x, z))
    for form, density in (
        (elbo.monte_carlo_form, joint), (elbo.entropy_form, joint), (elbo.kl_form, likelihood),
        (path_derivative_form, joint),
    ):
        draws = form(density, mean, logvar, eps)  # [draws, batch]
        assert draws.shape == (40000, len(x))
        error = (draws.mean(0) - exact) / (draws.std(0) / 200)
        assert error.abs().max() < 4, form.__name__
