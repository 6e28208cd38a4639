"""The checks of notebook 06: right answers pass, wrong ones are named."""

import math

import pytest
import torch

from vae_helpers import data, evaluation
from vae_lessons.see_through_the_noise import checks, lab
from vae_lessons.see_through_the_noise.recipes import Gains, RecipeExercise


def in_a_loop(mean, logvar):
    ratios = []
    for m, s in zip(mean.T, logvar.T):
        centre = sum(m) / len(m)
        signal = sum((a - centre) ** 2 for a in m) / (len(m) - 1)
        ratios.append(signal / (sum(math.e**b for b in s) / len(s)))
    return torch.stack(ratios)


@pytest.mark.parametrize("answer", [
    in_a_loop,
    lambda m, s: torch.var(m, dim=0) / torch.exp(s).mean(dim=0),
    lambda m, s: m.std(0).square() / (0.5 * s).exp().square().mean(0),
    lambda m, s: torch.cov(m.T).diagonal() / s.exp().mean(0),
    lambda m, s: m.var(0, unbiased=False) / s.exp().mean(0),
    lambda m, s: (m - m.mean(0)).square().mean(0) / s.exp().mean(0),
])
def test_right_ratios_pass(answer):
    result = checks.signal_to_noise.judge(answer)
    assert result.passed, result.diagnosis


@pytest.mark.parametrize("answer, words", [
    (lambda m, s: s.exp().mean(0) / m.var(0), "the inverse"),
    (lambda m, s: m.var(0) / s.mean(0), "logvar itself"),
    (lambda m, s: m.var(0), "largest difference"),
    (lambda m, s: 2 * m.var(0) / s.exp().mean(0), "2 times the right one"),
    (lambda m, s: (m.var(0) / s.exp().mean(0))[None], "an axis too many"),
    (lambda m, s: m.var(0).item(), "RuntimeError"),
    (lambda m, s: None, "is its return missing"),
    (3.0, "A function is expected"),
])
def test_wrong_ratios_are_named(answer, words):
    result = checks.signal_to_noise.judge(answer)
    assert result.state == "failed" and words in result.diagnosis, result.diagnosis


def test_chance_is_the_package_s():
    labels = torch.tensor([0] * 50 + [1] * 30 + [2] * 20)
    assert checks.chance.judge(lab.chance_purity(labels)).passed
    assert "be its own neighbour" in checks.chance.judge(0.38).diagnosis
    assert "same size" in checks.chance.judge(1 / 3).diagnosis


def test_the_blur_is_the_package_s():
    images = torch.zeros(5, 1, 2, dtype=torch.uint8)
    images[:4, 0, 0] = images[:2, 0, 1] = 255
    assert data.pixels(images).mean(0).tolist() == pytest.approx([0.8, 0.4])
    assert checks.blur.judge(evaluation.mean_image_distortion(images, images)).passed
    assert "bits" in checks.blur.judge(1.693).diagnosis
    assert "averaged over the pixels" in checks.blur.judge(0.587).diagnosis


def test_the_narrow_start_has_the_ratio_asked_for():
    generator = torch.Generator().manual_seed(0)
    mean = 0.1 * torch.randn(100_000, 1, generator=generator)
    right, = checks.narrow_start._parts.values()
    ratio = lab.signal_to_noise(mean, torch.full_like(mean, right))
    assert ratio.item() == pytest.approx(4, rel=0.02)
    assert "variance" in checks.narrow_start.judge(0.0025).diagnosis
    assert "base 10" in checks.narrow_start.judge(-2.602).diagnosis


def reaching(objective, distortion=10.0, rate=1.0):
    """The check of a recipe that reaches this, whatever it is, without any training."""
    return RecipeExercise("recipe", checks.good_recipe, [], checks.recipe.hints,
                          lambda settings: Gains(distortion, objective, rate))


@pytest.mark.parametrize("answer", [
    lambda: {"batch_norm": True, "warm_up": 100},
    lambda: {"batch_norm": 1, "warm_up": 100.0, "steps": 150},
    lambda: {"logvar": torch.tensor(-4.0), "batch_norm": torch.tensor(True)},
])
def test_a_recipe_passes_that_gains_enough(answer):
    result = reaching(8.5).judge(answer)
    assert result.passed, result.diagnosis
    assert "⟨8.5⟩ nats better" in result.diagnosis


@pytest.mark.parametrize("answer, words", [
    (lambda: {"batch_norm": True, "warm_up": 100, "steps": 300}, "more than the budget"),
    (lambda: {}, "without any remedy"),
    (lambda: {"warmup": 100}, "no setting called warmup"),
    (lambda: {"warm_up": 0.5}, "whole numbers"),
    (lambda: {"learning_rate": 0.0}, "above 0"),
    (lambda: {"warm_up": -3}, "neither warm_up nor beta"),
    (lambda: [("batch_norm", True)], "Return a dictionary"),
    (lambda: torch.nn.Linear(2, 2), "You return a model"),
    (lambda: {"logvar": "small"}, "ValueError"),
    (lambda seed: {"logvar": -4}, "TypeError"),
    ({"batch_norm": True}, "A function is expected"),
    (lambda: {"logvar": 0.018}, "logarithm of the variance"),
    (lambda: {"warm_up": 300}, "longer than the training"),
    (lambda: {"batch_norm": True, "beta": 20}, "larger β"),
    (lambda: {"batch_norm": True, "learning_rate": 0.001}, "learning rate this small"),
    (lambda: {"batch_norm": True, "logvar": -4.0, "steps": 50}, "all 150 steps"),
    (lambda: {"batch_norm": True}, "batch_norm alone"),
    (lambda: {"warm_up": 100, "logvar": -4.0}, "leaves out batch norm"),
    (lambda: {"batch_norm": True, "logvar": 2.0 - 8.0}, "no warm-up"),
])
def test_a_recipe_that_is_not_enough_is_told_why(answer, words):
    result = reaching(5.0).judge(answer)
    assert result.state == "failed" and words in result.diagnosis, result.diagnosis


def test_a_recipe_that_is_judged_by_distortion_alone_is_named():
    result = reaching(-27.0, distortion=66.0, rate=9.5).judge(lambda: {"beta": 1.0})
    assert "By distortion alone it gains ⟨66⟩" in result.diagnosis, result.diagnosis
    assert "⟨27⟩ nats worse" in result.diagnosis


def test_a_recipe_that_diverges_is_told_so():
    result = reaching(math.nan).judge(lambda: {"learning_rate": 1e9})
    assert "becomes infinite" in result.diagnosis


def test_an_unanswered_recipe_goes_on_with_ours(capsys):
    assert checks.recipe.judge(lambda: ...).state == "unanswered"
    assert checks.recipe(...) is checks.good_recipe
    capsys.readouterr()


@pytest.mark.parametrize("settings, passed", [
    ({"batch_norm": True, "warm_up": 100}, True),
    ({"batch_norm": True}, False),
    ({"batch_norm": True, "beta": 1.0}, False),
])
def test_recipes_are_really_trained(settings, passed):
    assert checks.recipe.judge(lambda: settings).passed is passed
