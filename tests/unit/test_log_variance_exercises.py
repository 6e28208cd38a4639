"""The checks of notebook 08: right answers pass, wrong ones are named."""

import math

import pytest
import torch

from vae_helpers import scales
from vae_helpers.exercises import check


def by_autograd(error, logvar):
    logvar = logvar.clone().requires_grad_()
    nll = 0.5 * (logvar + error**2 * (-logvar).exp())
    return torch.autograd.grad(nll.sum(), logvar)[0]


@pytest.mark.parametrize("exercise, answer", [
    (check.scale_gradient, by_autograd),
    (check.scale_gradient, lambda e, s: 0.5 - 0.5 * (e * (-0.5 * s).exp()).square()),
    (check.scale_gradient, lambda error, logvar: (1 - error**2 * torch.exp(-logvar)) / 2),
    (check.best_logvar, lambda x, image: torch.log(torch.nn.functional.mse_loss(image, x))),
    (check.best_logvar, lambda x, i: 2 * (x - i).square().mean().sqrt().log()),
    (check.best_logvar, lambda x, i: ((i - x) ** 2).sum(-1).mean().div(x.shape[-1]).log()),
])
def test_right_answers_pass_however_written(exercise, answer):
    result = exercise(answer)
    assert result.passed, result.diagnosis


@pytest.mark.parametrize("exercise, answer, words", [
    (check.scale_gradient, lambda e, s: scales.variance_gradient(e, s.exp()), "the chain rule"),
    (check.scale_gradient, lambda e, s: 1 - e**2 / s.exp(), "with respect to log σ."),
    (check.scale_gradient, lambda e, s: 0.5 * (1 - e**2 / s), "divided by logvar"),
    (check.scale_gradient, lambda e, s: None, "is its return missing"),
    (check.scale_gradient, lambda e, s: 0 * s, "Every value is zero"),
    (check.best_logvar, lambda x, i: ((x - i) ** 2).mean(), "best variance"),
    (check.best_logvar, lambda x, i: ((x - i) ** 2).mean().sqrt().log(), "log σ²"),
    (check.best_logvar, lambda x, i: ((x - i) ** 2).mean(-1).log(), "one for each image"),
    (check.best_logvar, lambda x, i: (x - i).std().log() * 2, "errors' mean off"),
    (check.best_logvar, lambda x, i: ((x - i) ** 2).mean().log().item(), "returned float"),
    (check.best_logvar, 0.5, "A function is expected"),
])
def test_wrong_functions_are_named(exercise, answer, words):
    result = exercise(answer)
    assert result.state == "failed" and words in result.diagnosis, result.diagnosis


def test_the_biases_begin_at_the_size_asked_for():
    right = check.begin_at._parts.values()
    for output, (to_variance, _) in zip(right, scales.PARAMETRISATIONS.values()):
        assert to_variance(torch.tensor(output)).item() == pytest.approx(4, rel=1e-5)
    assert "standard deviation" in check.begin_at((2, 0.693, 1.854)).diagnosis
    assert "softplus(4) is 4.018" in check.begin_at((4, 1.386, 4)).diagnosis
    assert "The variance's is right" in check.begin_at((4, 7, 9)).diagnosis


def test_half_precision_is_where_the_library_overflows():
    right, = check.half_precision._parts.values()
    for step, finite in ((-0.02, True), (0.02, False)):
        value = torch.tensor(right + step).exp().half()
        assert value.isfinite().item() is finite
    assert "float32" in check.half_precision(88.72).diagnosis


def test_the_hidden_price_is_a_ratio_of_variances():
    assert check.hidden_price(25).passed
    assert "Upside down" in check.hidden_price(0.04).diagnosis
    assert "standard deviations" in check.hidden_price(math.sqrt(25)).diagnosis
