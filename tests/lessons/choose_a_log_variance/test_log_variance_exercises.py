"""The checks of notebook 08: right answers pass, wrong ones are named."""

import math

import pytest
import torch

from vae_lessons.choose_a_log_variance import checks, lab


def by_autograd(error, logvar):
    logvar = logvar.clone().requires_grad_()
    nll = 0.5 * (logvar + error**2 * (-logvar).exp())
    return torch.autograd.grad(nll.sum(), logvar)[0]


@pytest.mark.parametrize("exercise, answer", [
    (checks.scale_gradient, by_autograd),
    (checks.scale_gradient, lambda e, s: 0.5 - 0.5 * (e * (-0.5 * s).exp()).square()),
    (checks.scale_gradient, lambda error, logvar: (1 - error**2 * torch.exp(-logvar)) / 2),
    (checks.best_logvar, lambda x, image: torch.log(torch.nn.functional.mse_loss(image, x))),
    (checks.best_logvar, lambda x, i: 2 * (x - i).square().mean().sqrt().log()),
    (checks.best_logvar, lambda x, i: ((i - x) ** 2).sum(-1).mean().div(x.shape[-1]).log()),
])
def test_right_answers_pass_however_written(exercise, answer):
    result = exercise.judge(answer)
    assert result.passed, result.diagnosis


@pytest.mark.parametrize("exercise, answer, words", [
    (checks.scale_gradient, lambda e, s: lab.variance_gradient(e, s.exp()), "the chain rule"),
    (checks.scale_gradient, lambda e, s: 1 - e**2 / s.exp(), "with respect to log σ."),
    (checks.scale_gradient, lambda e, s: 0.5 * (1 - e**2 / s), "divided by logvar"),
    (checks.scale_gradient, lambda e, s: None, "is its return missing"),
    (checks.scale_gradient, lambda e, s: 0 * s, "Every value is zero"),
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


def test_half_precision_is_where_the_library_overflows():
    right, = checks.half_precision._parts.values()
    for step, finite in ((-0.02, True), (0.02, False)):
        value = torch.tensor(right + step).exp().half()
        assert value.isfinite().item() is finite
    assert "float32" in checks.half_precision.judge(88.72).diagnosis


def test_the_hidden_price_is_a_ratio_of_variances():
    assert checks.hidden_price.judge(25).passed
    assert "Upside down" in checks.hidden_price.judge(0.04).diagnosis
    assert "standard deviations" in checks.hidden_price.judge(math.sqrt(25)).diagnosis
