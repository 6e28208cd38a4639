"""The checks of notebook 10: right answers pass, wrong ones are named."""

import math

import pytest
import torch

from vae_lessons.say_how_good_it_is import checks


def by_hand(w, k):
    groups = [w[start : start + k] for start in range(0, len(w), k)]
    tops = [group.max(0).values for group in groups]
    return torch.stack(
        [top + (group - top).exp().mean(0).log() for group, top in zip(groups, tops)]
    )


def interval_by_hand(a, b):
    d = a - b
    spread = ((d - d.mean()) ** 2).sum() / (len(d) - 1)
    return torch.tensor([d.mean(), 1.96 * (spread / len(d)) ** 0.5], dtype=d.dtype)


@pytest.mark.parametrize("exercise, answer", [
    (checks.group_bounds, by_hand),
    (checks.group_bounds, lambda w, k: torch.logsumexp(w.view(-1, k, w.shape[1]) - math.log(k), 1)),
    (checks.paired_interval, interval_by_hand),
    (checks.bits_to_nats, 0.16 * 28**2 * math.log(2)),
    (checks.bits_to_nats, 86.9),
])
def test_right_answers_pass_however_written(exercise, answer):
    result = exercise.judge(answer)
    assert result.passed, result.diagnosis


@pytest.mark.parametrize("exercise, answer, words", [
    (checks.group_bounds, lambda w, k: w.reshape(-1, k, w.shape[1]).mean(1), "its ELBO"),
    (checks.group_bounds, lambda w, k: w.reshape(-1, k, w.shape[1]).exp().mean(1).log(),
     "exp(−800)"),
    (checks.group_bounds, lambda w, k: None, "is its return missing"),
    (checks.group_bounds, 3, "A function is expected"),
    (checks.paired_interval, lambda a, b: torch.stack(
        [a.mean() - b.mean(), 1.96 * (a.var() / len(a) + b.var() / len(b)).sqrt()]), "cancels"),
    (checks.paired_interval, lambda a, b: (a - b).mean(), "shape"),
    (checks.paired_interval, lambda a, b: ((a - b).mean(), 1.0), "returned tuple"),
])
def test_wrong_functions_are_named(exercise, answer, words):
    result = exercise.judge(answer)
    assert result.state == "failed" and words in result.diagnosis, result.diagnosis
