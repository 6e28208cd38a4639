"""The checks of notebook 01: right answers pass, and mistakes get their own diagnosis."""

import math

import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from vae_helpers import elbo
from vae_lessons.compare_the_estimators.lab import path_derivative_form
from vae_lessons.derive_the_elbo import checks, exact


def torch_kl(mean, logvar):
    q = Independent(Normal(mean, (logvar / 2).exp()), 1)
    p = Independent(Normal(torch.zeros_like(mean), torch.ones_like(mean)), 1)
    return kl_divergence(q, p)


def loop_kl(mean, logvar):
    rows = []
    for m, s in zip(mean, logvar):
        rows.append(sum((a * a + torch.exp(b) - b - 1) / 2 for a, b in zip(m, s)))
    return torch.stack(rows)


def torch_estimate(log_joint, mean, logvar, eps):
    q = Independent(Normal(mean, torch.exp(logvar / 2)), 1)
    z = q.base_dist.loc + q.base_dist.scale * eps
    return torch.mean(log_joint(z) - q.log_prob(z), dim=0)


def loop_estimate(log_joint, mean, logvar, eps):
    total = 0
    for noise in eps:
        z = mean + (0.5 * logvar).exp() * noise
        total = total + log_joint(z) - elbo.gaussian_log_prob(z, mean, logvar)
    return total / len(eps)


@pytest.mark.parametrize("answer", [torch_kl, loop_kl])
def test_right_kls_pass(answer):
    assert checks.gaussian_kl.judge(answer).passed


@pytest.mark.parametrize("answer", [torch_estimate, loop_estimate])
def test_right_estimates_pass(answer):
    assert checks.elbo_estimate.judge(answer).passed


def step_by_backward(bound, params, learning_rate):
    params = params.clone().requires_grad_()
    bound(params).backward()
    with torch.no_grad():
        return params + learning_rate * params.grad


def step_by_optimizer(bound, params, learning_rate):
    moved = torch.nn.Parameter(params.clone())
    optimizer = torch.optim.SGD([moved], lr=learning_rate)
    (-bound(moved)).backward()
    optimizer.step()
    return moved


def step_by_functions(bound, params, learning_rate):
    return params.add(torch.func.grad(bound)(params), alpha=learning_rate)


@pytest.mark.parametrize("answer", [step_by_backward, step_by_optimizer, step_by_functions])
def test_right_steps_pass(answer):
    assert checks.ascent_step.judge(answer).passed


def descent_by_optimizer(bound, params, learning_rate):
    moved = torch.nn.Parameter(params.clone())
    optimizer = torch.optim.SGD([moved], lr=learning_rate)
    bound(moved).backward()
    optimizer.step()
    return moved


def untracked(bound, params, learning_rate):
    bound(params).backward()
    return params + learning_rate * params.grad


def gradient_of_the_copy(bound, params, learning_rate):
    copy = params.clone().requires_grad_()
    bound(copy).backward()
    return params + learning_rate * params.grad


def changed_in_place(bound, params, learning_rate):
    params = params.clone().requires_grad_()
    bound(params).backward()
    params += learning_rate * params.grad
    return params


def twice(bound, params, learning_rate):
    params = params.clone().requires_grad_()
    bound(params).backward()
    bound(params).backward()
    return params.detach() + learning_rate * params.grad


def adam(bound, params, learning_rate):
    moved = torch.nn.Parameter(params.clone())
    optimizer = torch.optim.Adam([moved], lr=learning_rate, maximize=True)
    bound(moved).backward()
    optimizer.step()
    return moved


def overwrites_its_argument(bound, params, learning_rate):
    slope = torch.func.grad(bound)(params)
    params += learning_rate * slope
    return params


@pytest.mark.parametrize("answer, words", [
    (descent_by_optimizer, "went downhill"),
    (untracked, "does not track params"),
    (gradient_of_the_copy, "is None"),
    (changed_in_place, "in place"),
    (twice, "counts twice"),
    (adam, "gradient's sign alone"),
    (overwrites_its_argument, "changes the params it was given"),
    (lambda f, params, rate: f(params), "The shape is []"),
    (lambda f, params, rate: tuple(params), "returned tuple"),
])
def test_wrong_steps_are_named(answer, words):
    result = checks.ascent_step.judge(answer)
    assert result.state == "failed" and words in result.diagnosis


WRONG_KLS = [
    (lambda m, s: kl_divergence(Normal(torch.zeros_like(m), torch.ones_like(m)),
                                Normal(m, (s / 2).exp())).sum(-1), "other direction"),
    (lambda m, s: kl_divergence(Normal(m, s.exp()), Normal(0.0, 1.0)).sum(-1), "variance already"),
    (lambda m, s: torch_kl(m, s).detach(), "no gradient reaches mean and logvar"),
    (lambda m, s: torch_kl(m, s.detach()), "no gradient reaches logvar"),
    (lambda m, s: (0.5 * (m**2 + s.exp() - 1 - s)).sum(-1, keepdim=True), "[4, 1]"),
    (lambda m, s: torch_kl(m, s) / 3, "0.3333 times"),
    (lambda m, s: -2 * torch_kl(m, s), "the sign is flipped, and"),
    (lambda m, s: torch_kl(m, s) + 4, "off by the same 4"),
    (lambda m, s: 0.5 * (m**2 + s - 1 - s.log()).sum(-1), "logvar for the variance itself"),
    (lambda m, s: torch_kl(m, torch.zeros_like(s)), "does not depend on logvar"),
    (lambda m, s: torch_kl(m, s).tolist(), "returned list"),
    (lambda m, s: m.numpy() @ s.numpy().T @ 3, "raised"),
]


@pytest.mark.parametrize("answer, words", WRONG_KLS)
def test_wrong_kls_are_named(answer, words):
    result = checks.gaussian_kl.judge(answer)
    assert result.state == "failed" and words in result.diagnosis


def no_gradient(log_joint, mean, logvar, eps):
    with torch.no_grad():
        return torch_estimate(log_joint, mean, logvar, eps)


def half_gradient(log_joint, mean, logvar, eps):
    return path_derivative_form(log_joint, mean, logvar, eps).mean(0)


def detached_draw(log_joint, mean, logvar, eps):
    q = Independent(Normal(mean, (logvar / 2).exp()), 1)
    z = (mean + (logvar / 2).exp() * eps).detach()
    return torch.mean(log_joint(z) - q.log_prob(z), 0)


def own_noise(log_joint, mean, logvar, eps):
    return torch_estimate(log_joint, mean, logvar, torch.randn_like(eps))


@pytest.mark.parametrize("answer, words", [
    (no_gradient, "no gradient reaches"),
    (half_gradient, "the gradients are not"),
    (detached_draw, "through z: was z detached?"),
    (own_noise, "does not depend on eps"),
    (lambda f, m, s, e: f(m), "the values are not"),
])
def test_wrong_estimates_are_named(answer, words):
    result = checks.elbo_estimate.judge(answer)
    assert result.state == "failed" and words in result.diagnosis


@pytest.mark.parametrize("answer, state, words", [
    (..., "unanswered", ""),
    (0.807, "passed", ""),
    (torch.tensor(0.8069), "passed", ""),
    (-0.807, "failed", "sign is flipped"),
    (1.8, "failed", "common mistakes"),
    (6.11, "failed", "squared b² once more"),
    ("much", "failed", "A number is expected; 'much'"),
    (None, "failed", "A number is expected"),
    ((1.0, 2.0), "failed", "A number is expected, got 2"),
    (math.nan, "failed", "common mistakes"),
])
def test_answers_in_numbers(answer, state, words):
    result = checks.gap.judge(answer)
    assert result.state == state and words in result.diagnosis


def test_a_pair_with_a_stub_in_it_is_unanswered():
    assert checks.closing.judge((..., ...)).state == "unanswered"
    for answer in ((1, 0.71), [1.0, 0.7], torch.tensor([1.0, 0.7071]), (torch.tensor(1.0), 0.7)):
        assert checks.closing.judge(answer).passed
    half_right = checks.closing.judge((1, 0.2))
    assert "The mean is right, the standard deviation is not" in half_right.diagnosis
    assert "2 numbers are expected" in checks.closing.judge((1, "x")).diagnosis
    for mean in (-0.67, 0.67):
        of_picture = checks.closing.judge((mean, 0.58))
        assert "numbers of the picture above" in of_picture.diagnosis
    assert "the answer for σ² = ½" in checks.closing.judge((1.33, 0.58)).diagnosis


def test_the_numbers_behind_the_checks_are_the_exact_model_s():
    one = torch.ones(1, 1, dtype=torch.float64)
    model = exact.LinearGaussian(one, torch.zeros(1, dtype=torch.float64), 1.0)
    gap = model.kl_to_posterior(2 * one, one, (2 * one).log())
    assert gap.item() == pytest.approx(checks.gap._parts["gap"], abs=1e-12)
    mean, logvar = model.best_mean_field(2 * one)
    assert (mean.item(), (logvar / 2).exp().item()) == pytest.approx(
        tuple(checks.closing._parts.values())
    )
