"""Gradients of the ELBO's forms, compared with exact ones, finite differences and Pyro."""

import pyro
import pyro.distributions
import pytest
import torch
from pyro.infer import Trace_ELBO, TraceMeanField_ELBO

from vae_helpers import elbo
from vae_lessons.compare_the_estimators import lab
from vae_lessons.derive_the_elbo.exact import LinearGaussian

DRAWS = 20000


@pytest.fixture
def setting():
    generator = torch.Generator().manual_seed(5)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)
    model = LinearGaussian(draw(4, 2), draw(4), 0.6)
    x, _ = model.sample(1, generator)
    mean, logvar = model.best_mean_field(x)
    mean = (mean + 0.2).requires_grad_()
    logvar = (logvar + 0.3).requires_grad_()
    return model, x, mean, logvar, draw


def per_draw_gradients(form, density, mean, logvar, eps):
    """The gradient of each one-draw estimate: [draws, 2, latent]."""
    def one(mean, logvar, eps):
        return form(density, mean, logvar, eps[None]).sum()

    gradients = torch.func.vmap(torch.func.grad(one, argnums=(0, 1)), in_dims=(None, None, 0))
    return torch.cat(gradients(mean.detach(), logvar.detach(), eps), dim=1)


def exact_gradient(model, x, mean, logvar):
    return torch.cat(torch.autograd.grad(model.elbo(x, mean, logvar).sum(), (mean, logvar)))


def test_exact_gradient_by_finite_differences(setting):
    model, x, mean, logvar, _ = setting
    assert torch.autograd.gradcheck(lambda m, s: model.elbo(x, m, s), (mean, logvar))


@pytest.mark.parametrize("form", [
    elbo.monte_carlo_form, elbo.entropy_form, elbo.kl_form, lab.path_derivative_form,
    lab.score_function_surrogate,
])
def test_every_gradient_is_unbiased(setting, form):
    model, x, mean, logvar, draw = setting
    density = model.log_likelihood if form is elbo.kl_form else model.log_joint
    found = per_draw_gradients(form, lambda z: density(x, z), mean, logvar, draw(DRAWS, 1, 2))
    error = found.mean(0) - exact_gradient(model, x, mean, logvar)
    assert (error.abs() < 4.5 * found.std(0) / DRAWS**0.5 + 1e-12).all()


def test_monte_carlo_and_entropy_gradients_are_the_same_draw_by_draw(setting):
    model, x, mean, logvar, draw = setting
    eps = draw(50, 1, 2)
    joint = lambda z: model.log_joint(x, z)
    found = [per_draw_gradients(form, joint, mean, logvar, eps)
             for form in (elbo.monte_carlo_form, elbo.entropy_form, lab.path_derivative_form)]
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-12)
    assert (found[0] - found[2]).abs().max() > 0.1


def test_values_of_monte_carlo_and_path_derivative_are_the_same(setting):
    model, x, mean, logvar, draw = setting
    eps, joint = draw(50, 1, 2), lambda z: model.log_joint(x, z)
    torch.testing.assert_close(elbo.monte_carlo_form(joint, mean, logvar, eps),
                               lab.path_derivative_form(joint, mean, logvar, eps))


def test_at_the_posterior_the_path_derivative_has_no_variance():
    """With one latent q can be the posterior; the total derivative's variances are 1/s² and ½."""
    model = LinearGaussian(torch.ones(1, 1).double(), torch.zeros(1).double(), 0.5)
    x = torch.tensor([[1.0]], dtype=torch.float64)
    mean, logvar = model.best_mean_field(x)
    eps = torch.randn(DRAWS, 1, 1, generator=torch.Generator().manual_seed(0)).double()
    joint = lambda z: model.log_joint(x, z)
    path = per_draw_gradients(lab.path_derivative_form, joint, mean, logvar, eps)
    total = per_draw_gradients(elbo.monte_carlo_form, joint, mean, logvar, eps)
    assert path.abs().max() < 1e-12
    expected = torch.stack([(-logvar).exp()[0], torch.tensor([0.5], dtype=torch.float64)])
    torch.testing.assert_close(total.var(0), expected, rtol=0.05, atol=0)


def test_iwae_bound_lies_between_elbo_and_evidence_and_tightens(setting):
    model, x, mean, logvar, draw = setting
    weights = elbo.monte_carlo_form(
        lambda z: model.log_joint(x, z), mean, logvar, draw(64 * 4000, 1, 2)
    ).detach().reshape(64, 4000)  # [K, repetitions]
    bounds = [elbo.iwae_bound(weights[:k]).mean().item() for k in (1, 4, 16, 64)]
    ordered = [model.elbo(x, mean, logvar).item() - 0.05, *bounds, model.log_evidence(x).item()]
    assert ordered == sorted(ordered)
    assert ordered[-1] - bounds[-1] < 0.01


def test_dreg_is_the_path_derivative_at_one_draw(setting):
    model, x, mean, logvar, draw = setting
    eps, joint = draw(1, 1, 2), lambda z: model.log_joint(x, z)
    gradients = [
        torch.cat(torch.autograd.grad(form(joint, mean, logvar, eps).sum(), (mean, logvar)))
        for form in (lab.dreg_surrogate, lab.path_derivative_form)
    ]
    torch.testing.assert_close(*gradients)


def test_dreg_has_the_mean_of_the_iwae_gradient_and_less_variance(setting):
    model, x, mean, logvar, draw = setting
    joint = lambda z: model.log_joint(x, z)
    eps = draw(DRAWS, 8, 1, 2)  # [repetition, K, batch, latent]

    def gradients(bound):
        one = torch.func.vmap(torch.func.grad(bound, argnums=(0, 1)), in_dims=(None, None, 0))
        return torch.cat(one(mean.detach(), logvar.detach(), eps), dim=1)  # [repetition, 2, latent]

    iwae = gradients(lambda m, s, e: elbo.iwae_bound(elbo.monte_carlo_form(joint, m, s, e)).sum())
    dreg = gradients(lambda m, s, e: lab.dreg_surrogate(joint, m, s, e).sum())
    error = (iwae - dreg).mean(0) / ((iwae - dreg).std(0) / DRAWS**0.5)
    assert error.abs().max() < 4.5
    assert (dreg.var(0) < iwae.var(0)).all()


class Pyro:
    """The same linear-Gaussian model and q, as Pyro programs."""

    def __init__(self, model, x, mean, logvar):
        self._model, self._x, self._q = model, x, (mean, logvar)

    def model(self):
        latent = self._model.weight.shape[1]
        prior = pyro.distributions.Normal(torch.zeros(1, latent).double(), 1.0).to_event(1)
        with pyro.plate("batch", 1):
            z = pyro.sample("z", prior)
            mean = z @ self._model.weight.T + self._model.bias
            noise = pyro.distributions.Normal(mean, self._model.noise_variance**0.5).to_event(1)
            pyro.sample("x", noise, obs=self._x)

    def guide(self):
        mean, logvar = self._q
        with pyro.plate("batch", 1):
            pyro.sample("z", pyro.distributions.Normal(mean, (0.5 * logvar).exp()).to_event(1))


@pytest.mark.parametrize("peer, form", [
    (Trace_ELBO, elbo.monte_carlo_form), (TraceMeanField_ELBO, elbo.kl_form),
])
def test_pyro_gives_the_same_value_and_gradient_draw_by_draw(setting, peer, form):
    model, x, mean, logvar, _ = setting
    programs = Pyro(model, x, mean, logvar)
    density = model.log_likelihood if form is elbo.kl_form else model.log_joint
    for seed in range(5):
        torch.manual_seed(seed)
        loss = peer().differentiable_loss(programs.model, programs.guide)
        torch.manual_seed(seed)
        eps = torch.randn(1, 1, 2, dtype=torch.float64)
        ours = form(lambda z: density(x, z), mean, logvar, eps).sum()
        torch.testing.assert_close(-loss, ours)
        theirs, own = (torch.autograd.grad(v, (mean, logvar)) for v in (-loss, ours))
        torch.testing.assert_close(theirs, own)


def test_a_baseline_takes_variance_and_adds_no_bias(setting):
    model, x, mean, logvar, draw = setting
    eps, exact = draw(DRAWS, 4, 2), exact_gradient(model, x, mean, logvar)

    def drawn(form, constant=0.0):
        parts = lab.gradient_of_each(form, lambda z: model.log_joint(x, z) + constant,
                                     mean.detach(), logvar.detach(), eps)
        return torch.stack(parts, 1)  # [estimates, 2, latent]

    plain, based = drawn(lab.score_function_surrogate), drawn(lab.score_with_baseline)
    assert (based.var(0) < plain.var(0)).all()
    error = based.mean(0) - exact
    assert (error.abs() < 4.5 * based.std(0) / DRAWS**0.5).all()
    torch.testing.assert_close(drawn(lab.score_with_baseline, -300.0), based)


def test_the_kl_form_from_log_joint_is_that_of_the_likelihood(setting):
    model, x, mean, logvar, draw = setting
    eps = draw(50, 1, 2)
    torch.testing.assert_close(
        lab.kl_form(lambda z: model.log_joint(x, z), mean, logvar, eps),
        elbo.kl_form(lambda z: model.log_likelihood(x, z), mean, logvar, eps))
