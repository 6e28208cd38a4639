"""The checks of notebook 08: right answers pass, wrong ones are named."""

import math

import pytest
import torch
from torch.nn.functional import softplus

from vae_lessons.choose_a_log_variance import checks, lab

LOG_FLOOR = math.log(lab.FLOOR)


def rms(r):
    return r.square().mean().sqrt()


def by_autograd(r, logvar):
    logvar = logvar.clone().requires_grad_()
    nll = 0.5 * (logvar + r**2 * (-logvar).exp())
    return torch.autograd.grad(nll.sum(), logvar)[0]


@pytest.mark.parametrize("exercise, answer", [
    (checks.scale_gradient, by_autograd),
    (checks.scale_gradient, lambda r, s: 0.5 - 0.5 * (r * (-0.5 * s).exp()).square()),
    (checks.scale_gradient, lambda r, logvar: (1 - r**2 * torch.exp(-logvar)) / 2),
    (checks.floored_logvar, lambda out: LOG_FLOOR + softplus(out - LOG_FLOOR)),
    (checks.floored_logvar, lambda out: torch.logsumexp(
        torch.stack([out, torch.full_like(out, LOG_FLOOR)]), 0)),
    (checks.in_any_unit, lambda fit, x, r: fit(x, r / (r**2).mean()**0.5) + (r**2).mean().log()),
    (checks.in_any_unit, lambda fit, x, r: (fit(x, r / rms(r)).exp() * rms(r)**2).log()),
    (checks.best_logvar, lambda x, image: torch.log(torch.nn.functional.mse_loss(image, x))),
    (checks.best_logvar, lambda x, i: 2 * (x - i).square().mean().sqrt().log()),
    (checks.best_logvar, lambda x, i: ((i - x) ** 2).sum(-1).mean().div(x.shape[-1]).log()),
])
def test_right_answers_pass_however_written(exercise, answer):
    result = exercise.judge(answer)
    assert result.passed, result.diagnosis


@pytest.mark.parametrize("exercise, answer, words", [
    (checks.scale_gradient, lambda r, s: lab.variance_gradient(r, s.exp()), "the chain rule"),
    (checks.scale_gradient, lambda r, s: 1 - r**2 / s.exp(), "with respect to log σ."),
    (checks.scale_gradient, lambda r, s: 0.5 * (1 - r**2 / s), "divided by logvar"),
    (checks.scale_gradient, lambda r, s: None, "is its return missing"),
    (checks.scale_gradient, lambda r, s: 0 * s, "Every value is zero"),
    (checks.floored_logvar, lambda out: (out.exp() + lab.FLOOR).log(), "overflows above 88.7"),
    (checks.floored_logvar, lambda out: out.clamp(min=LOG_FLOOR), "passes no gradient"),
    (checks.floored_logvar, lambda out: out.exp() + lab.FLOOR, "This is the variance"),
    (checks.floored_logvar, lambda out: out, "The floor is missing"),
    (checks.in_any_unit, lambda fit, x, r: fit(x, r / rms(r)), "not put back"),
    (checks.in_any_unit, lambda fit, x, r: fit(x, r / rms(r)) + rms(r).log(), "You added log rms"),
    (checks.in_any_unit, lambda fit, x, r: fit(x, r / r.std()) + 2 * r.std().log(), "std takes"),
    (checks.in_any_unit, lambda fit, x, r: fit(x, r), "in their own unit"),
    (checks.best_logvar, lambda x, i: ((x - i) ** 2).mean(), "best variance"),
    (checks.best_logvar, lambda x, i: ((x - i) ** 2).mean().sqrt().log(), "log σ²"),
    (checks.best_logvar, lambda x, i: ((x - i) ** 2).mean(-1).log(), "one for each image"),
    (checks.best_logvar, lambda x, i: (x - i).std().log() * 2, "errors' mean off"),
    (checks.best_logvar, lambda x, i: ((x - i) ** 2).mean().log().item(), "returned float"),
    (checks.best_logvar, 0.5, "A function is expected"),
])
def test_wrong_functions_are_named(exercise, answer, words):
    result = exercise.judge(answer)
    assert result.state == "failed" and words in result.diagnosis, result.diagnosis


def test_the_biases_begin_at_the_size_asked_for():
    right = checks.begin_at._parts.values()
    for output, (to_variance, _) in zip(right, lab.PARAMETRISATIONS.values()):
        assert to_variance(torch.tensor(output)).item() == pytest.approx(4, rel=1e-5)
    assert "standard deviation" in checks.begin_at.judge((2, 0.693, 1.854)).diagnosis
    assert "softplus(4) is 4.018" in checks.begin_at.judge((4, 1.386, 4)).diagnosis
    assert "The variance's is right" in checks.begin_at.judge((4, 7, 9)).diagnosis
