"""The checks of notebook 06: right answers pass, wrong ones are named."""

import math

import pytest
import torch

from vae_helpers import data, evaluation
from vae_lessons.see_through_the_noise import checks, lab


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


def test_the_blot_is_the_package_s():
    images = torch.zeros(5, 1, 2, dtype=torch.uint8)
    images[:4, 0, 0] = images[:2, 0, 1] = 255
    assert data.pixels(images).mean(0).tolist() == pytest.approx([0.8, 0.4])
    assert checks.blot.judge(evaluation.mean_image_distortion(images, images)).passed
    assert "bits" in checks.blot.judge(1.693).diagnosis
    assert "averaged over the pixels" in checks.blot.judge(0.587).diagnosis


def test_the_narrow_start_has_the_ratio_asked_for():
    generator = torch.Generator().manual_seed(0)
    mean = 0.1 * torch.randn(100_000, 1, generator=generator)
    right, = checks.narrow_start._parts.values()
    ratio = lab.signal_to_noise(mean, torch.full_like(mean, right))
    assert ratio.item() == pytest.approx(4, rel=0.02)
    assert "variance" in checks.narrow_start.judge(0.0025).diagnosis
    assert "base 10" in checks.narrow_start.judge(-2.602).diagnosis
