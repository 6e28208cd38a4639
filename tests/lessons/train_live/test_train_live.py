"""The checks of notebook 04: right answers pass, wrong ones get their name."""

import math

import pytest
import torch

from vae_helpers import schedules
from vae_lessons.train_live import checks


def in_a_loop(step, period, ramp, beta):
    return torch.tensor([beta * min(1, s % period / (ramp * period)) for s in step.tolist()])


def test_right_cyclical_schedules_pass():
    for answer in (in_a_loop, lambda s, p, r, b: torch.clamp(b * (s % p) / (r * p), max=b)):
        result = checks.cyclical_beta.judge(answer)
        assert result.passed, result.diagnosis


@pytest.mark.parametrize("answer, words", [
    (lambda s, p, r, b: b * (s / (r * p)).clamp(max=1), "a warm-up"),
    (lambda s, p, r, b: b * (s % p) / (r * p), "no cap"),
    (lambda s, p, r, b: b * ((s % p) / p).clamp(max=1), "never rests"),
    (lambda s, p, r, b: b * (s % p / r / p), "no cap"),
    (lambda s, p, r, b: min(1, (s % p) / (r * p)) * b, "Python's min"),
    (lambda s, p, r, b: 1.0, "returned float"),
])
def test_wrong_schedules_are_told_why(answer, words):
    assert words in checks.cyclical_beta.judge(answer).diagnosis


def test_right_step_numbers_pass():
    for answer in (lambda e, b, n, s: e * -(-n // s) + b,
                   lambda e, b, n, s: b + math.ceil(n / s) * e,
                   lambda e, b, n, s: e * len(range(0, n, s)) + b):
        result = checks.global_step.judge(answer)
        assert result.passed, result.diagnosis


@pytest.mark.parametrize("answer, words", [
    (lambda epoch, ii, images, batch_size: ii + batch_size * epoch, "the note's own slip"),
    (lambda e, b, n, s: e * (n // s) + b, "Round up"),
    (lambda e, b, n, s: e * (n / s) + b, "no whole number"),
    (lambda e, b, n, s: n * e + b * s, "counts images"),
])
def test_wrong_step_numbers_are_told_why(answer, words):
    assert words in checks.global_step.judge(answer).diagnosis


def test_the_parts_of_a_checkpoint():
    assert checks.checkpoint_parts.judge("ABCDEG").passed
    assert "F does not belong" in checks.checkpoint_parts.judge("ABCDEFG").diagnosis
    left_out = checks.checkpoint_parts.judge({"A", "B", "D", "E", "G"})
    assert "C is left out: Adam" in left_out.diagnosis


TARGET, STEPS = checks.living_latents.target, checks.living_latents.steps


@pytest.mark.parametrize("answer, words", [
    (TARGET, "A function from the step"),
    (lambda step: 0.1, "another objective"),
    (schedules.warm_up(STEPS, TARGET), "yours is"),
    (lambda step: -TARGET, "at least 0"),
    (lambda step: math.nan, "finite"),
    (lambda step: "low", "one number for each step"),
    (lambda step: 1 / 0, "ZeroDivisionError"),
])
def test_schedules_that_cannot_be_tried_are_told_why(answer, words, monkeypatch):
    monkeypatch.setattr(checks.LivingLatents, "_alive", None)  # nothing is trained for them
    result = checks.living_latents.judge(answer)
    assert result.state == "failed" and words in result.diagnosis


def test_a_stub_of_a_schedule_is_unanswered():
    assert checks.living_latents.judge(...).state == "unanswered"
    assert checks.living_latents.judge(lambda step: ...).state == "unanswered"


def late_ramp(step):
    return 0.05 if step < 200 else min(TARGET, 0.05 + (TARGET - 0.05) * (step - 200) / 160)


def test_a_constant_beta_closes_latents_and_a_late_ramp_keeps_them_open():
    """The check really trains: the same final β, another way to it."""
    constant = checks.living_latents.judge(lambda step: TARGET)
    assert constant.state == "failed" and "constant β" in constant.diagnosis
    late = checks.living_latents.judge(late_ramp)
    assert late.passed, late.diagnosis
