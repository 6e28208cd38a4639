"""The checks of notebook 04: right answers pass, wrong ones get their name."""

import math

import pytest
import torch

from vae_helpers import schedules
from vae_lessons.train_live import checks, seen
from vae_lessons.train_live.lab import Stage


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
    (lambda s, p, r, b: b * ((s % p) / p).clamp(max=r), "stops at ramp · beta"),
    (lambda s, p, r, b: ((s % p) / p).clamp(max=r), "stops at ramp. Divide"),
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
    (lambda epoch, ii, images, batch_size: ii + batch_size * epoch, "jump by 800"),
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


TARGET, STEPS = checks.good_schedule.target, checks.good_schedule.steps


@pytest.mark.parametrize("answer, words", [
    (TARGET, "A function from the step"),
    (lambda step: 0.1, "another objective"),
    (schedules.warm_up(STEPS, TARGET), "It arrives too late"),
    (lambda step: -TARGET, "at least 0"),
    (lambda step: math.nan, "finite"),
    (lambda step: "low", "one number for each step"),
    (lambda step: 1 / 0, "ZeroDivisionError"),
])
def test_schedules_that_cannot_be_tried_are_told_why(answer, words, monkeypatch):
    monkeypatch.setattr(checks.ScheduleExercise, "_trained", None)  # nothing is trained for them
    result = checks.good_schedule.judge(answer)
    assert result.state == "failed" and words in result.diagnosis


@pytest.mark.parametrize("answer, words", [
    (lambda step: TARGET, "a constant β"),
    (lambda step: max(TARGET, 40 - step / 4), "Begin lower, so that"),
    (lambda step: 0.5 if step < 265 else TARGET, "Arrive earlier"),
    (schedules.warm_up(20, TARGET), "Begin lower"),
])
def test_schedules_that_end_too_high_are_told_why(answer, words, monkeypatch):
    monkeypatch.setattr(checks.ScheduleExercise, "_trained", lambda self, betas: 200.0)
    result = checks.good_schedule.judge(answer)
    assert result.state == "failed" and words in result.diagnosis


def test_a_stub_of_a_schedule_is_unanswered():
    assert checks.good_schedule.judge(...).state == "unanswered"
    assert checks.good_schedule.judge(lambda step: ...).state == "unanswered"


def test_a_constant_beta_fails_and_a_warm_up_passes():
    """The check really trains: the same final β, another way to it."""
    constant = checks.good_schedule.judge(lambda step: TARGET)
    assert constant.state == "failed" and "constant β" in constant.diagnosis
    late = checks.good_schedule.judge(schedules.warm_up(200, TARGET))
    assert late.passed, late.diagnosis


def resumed(path, model, optimizer, generator):
    content = torch.load(path)
    for name, part in (("model", model), ("optimizer", optimizer)):
        part.load_state_dict(content[name])
    generator.set_state(content.pop("generator"))
    return int(content["step"])


def test_a_right_way_back_passes():
    assert checks.resume.judge(resumed).passed


def without(*parts, step=lambda step: step):
    def wrong(path, model, optimizer, generator):
        content = torch.load(path, weights_only=True)
        if "model" not in parts:
            model.load_state_dict(content["model"])
        if "optimizer" not in parts:
            optimizer.load_state_dict(content["optimizer"])
        if "generator" not in parts:
            generator.set_state(content["generator"])
        return step(content["step"])

    return wrong


@pytest.mark.parametrize("answer, words", [
    (without("model"), "running statistics are not those"),
    (without("optimizer"), "Adam keeps averages"),
    (without("generator"), "generator is not where it was"),
    (without("optimizer", "generator"), "Only the model is back"),
    (without("model", "optimizer", "generator"), "Nothing is back but the step"),
    (without(step=lambda step: step + 1), "one step too many"),
    (without(step=lambda step: None), "return nothing"),
    (without(step=lambda step: 3 * step), "you return 21"),
    (without(step=str), "a value of type str"),
    (without("model", step=lambda step: 5), "running statistics are not those"),
    (lambda path, model, optimizer, generator: 1 / 0, "ZeroDivisionError"),
])
def test_wrong_ways_back_are_told_why(answer, words):
    result = checks.resume.judge(answer)
    assert result.state == "failed" and words in result.diagnosis


def test_every_known_mistake_of_resuming_has_its_name():
    for mistake in checks.resume._mistakes:
        assert checks.resume.judge(mistake.wrong).diagnosis == mistake.diagnosis


# --- what a learner did with the panel ---------------------------------------------------


def stage(beta, epochs=0.6, *, run=0, rate=1e-2, active=8, nats=150.0):
    return Stage(run, beta, rate, epochs, nats - 10, 10.0, active)


def test_what_was_done_is_told():
    up, down = stage(100.0, active=0, nats=206.0), stage(1.0, active=6, nats=180.0)
    assert "Not done yet" in seen.raised_and_lowered([])
    assert "Not done yet" in seen.raised_and_lowered([stage(1.0)])
    assert "Half done" in seen.raised_and_lowered([stage(1.0), up])
    text = seen.raised_and_lowered([stage(1.0), stage(30.0, 0.01), up, stage(7.0, 0.05), down])
    assert text.startswith("Done. β: 1, 100, 1.") and "⟨8⟩, ⟨0⟩, ⟨6⟩" in text
    other = [stage(1.0), stage(100.0), stage(1.0, run=1)]
    assert "Half done" in seen.raised_and_lowered(other), "a new run is no return"


def test_a_low_beta_is_told_beside_an_ordinary_one():
    assert "Not done yet" in seen.almost_free([stage(1.0), stage(0.01, 0.1, run=1)])
    text = seen.almost_free([stage(1.0), stage(0.01, run=1, nats=400.0)])
    assert "At β = 0.01" in text and "At β = 1 you had" in text
    assert "you had" not in seen.almost_free([stage(0.01)])


def test_a_large_learning_rate_is_told():
    assert "Not done yet" in seen.too_fast([stage(1.0)])
    assert "Not done yet" in seen.too_fast([stage(1.0, rate=0.1)])
    assert seen.too_fast([stage(1.0), stage(1.0, rate=0.1)]).startswith("Done.")
