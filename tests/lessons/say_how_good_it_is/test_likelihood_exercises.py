"""The checks of notebook 10: right answers pass, wrong ones are named."""

import math

import pytest
import torch

from vae_helpers import elbo
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


def weights_by_hand(model, x, eps):
    mean, logvar = model.encode(x)
    q = torch.distributions.Normal(mean, torch.exp(logvar / 2))
    z = q.loc + q.scale * eps
    pixels = torch.distributions.Bernoulli(logits=model.decode(z))
    prior = torch.distributions.Normal(torch.zeros_like(z), 1.0)
    return pixels.log_prob(x).sum(-1) + (prior.log_prob(z) - q.log_prob(z)).sum(-1)


def weights_in_closed_form(model, x, eps):
    mean, logvar = model.encode(x)
    logits = model.decode(elbo.reparameterize(mean, logvar, eps))
    return elbo.bernoulli_log_prob(x, logits) - elbo.gaussian_kl(mean, logvar)


def weights_without_q(model, x, eps):
    mean, logvar = model.encode(x)
    z = mean + torch.exp(0.5 * logvar) * eps
    return elbo.bernoulli_log_prob(x, model.decode(z)) + elbo.prior_log_prob(z)


@pytest.mark.parametrize("exercise, answer", [
    (checks.log_weights, weights_by_hand),
    (checks.report, lambda v, t: t.mean(1)[v.mean(1).min(0).indices]),
    (checks.report, lambda v, t: t[v.sum(1).argsort()[0]].mean()),
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
    (checks.log_weights, weights_in_closed_form, "closed form"),
    (checks.log_weights, weights_without_q, "subtract log q"),
    (checks.log_weights, lambda m, x, e: weights_by_hand(m, x, e).mean(0), "over the draws"),
    (checks.report, lambda v, t: t.mean(1).min(), "let the test images choose"),
    (checks.report, lambda v, t: v.mean(1).min(), "Report its mean over the test images"),
    (checks.report, lambda v, t: t[v.mean(1).argmax()].mean(), "a loss"),
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


@pytest.mark.parametrize("exercise", [checks.log_weights, checks.group_bounds,
                                      checks.paired_interval, checks.report])
def test_every_known_mistake_is_named_as_itself(exercise):
    for mistake in exercise._mistakes:
        result = exercise.judge(lambda *given, wrong=mistake.wrong: wrong(*given))
        assert result.diagnosis == mistake.diagnosis
