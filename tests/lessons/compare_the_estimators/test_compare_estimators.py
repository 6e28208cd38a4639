"""The checks of notebook 02: right answers pass, and mistakes get their own diagnosis."""

import math

import pytest
import torch
from torch.distributions import Independent, Normal

from vae_helpers import elbo
from vae_lessons.compare_the_estimators import checks, lab


def frozen_path(log_joint, mean, logvar, eps):
    z = mean + torch.exp(logvar / 2) * eps
    frozen = Independent(Normal(mean.detach(), torch.exp(logvar.detach() / 2)), 1)
    return log_joint(z) - frozen.log_prob(z)


def written_out_path(log_joint, mean, logvar, eps):
    with torch.no_grad():
        m, s = mean.clone(), logvar.clone()
    z = mean + logvar.mul(0.5).exp() * eps
    log_q = -0.5 * (math.log(2 * math.pi) + s + (z - m).square() * (-s).exp())
    return log_joint(z) - log_q.sum(dim=-1)


@pytest.mark.parametrize("answer", [frozen_path, written_out_path])
def test_right_path_derivatives_pass(answer):
    assert checks.path_derivative.judge(answer).passed


@pytest.mark.parametrize("answer", [
    lambda w: w.logsumexp(0) - torch.tensor(float(len(w))).log(),
    lambda w: (w - w.amax(0)).exp().mean(0).log() + w.amax(0),
    lambda w: torch.logsumexp(w - math.log(w.shape[0]), dim=0),
])
def test_right_bounds_pass(answer):
    assert checks.bound.judge(answer).passed


def unreparameterised(log_joint, mean, logvar, eps):
    z = Normal(mean, (logvar / 2).exp()).sample((len(eps),))
    return log_joint(z) - elbo.gaussian_log_prob(z, mean, logvar)


@pytest.mark.parametrize("answer, words", [
    (lambda f, m, s, e: elbo.monte_carlo_form(f, m, s, e), "this is the Monte Carlo form"),
    (lambda f, m, s, e: elbo.monte_carlo_form(f, m.detach(), s.detach(), e), "detached"),
    (lambda f, m, s, e: elbo.monte_carlo_form(f, m, s.detach(), e), "gradient"),
    (lambda f, m, s, e: f(m + (s / 2).exp() * e) - Normal(m, (s / 2).exp()).log_prob(
        m + (s / 2).exp() * e).mean(-1), "averaged over the latents"),
    (lambda f, m, s, e: f(m + (s / 2).exp() * e) + 0.5 * (
        s + e**2 + math.log(2 * math.pi)).sum(-1), "in terms of z"),
    (lambda f, m, s, e: f(m + (s / 2).exp() * e) + 0.5 * (
        s.detach() + e**2 + math.log(2 * math.pi)).sum(-1), "in terms of z"),
    (unreparameterised, "does not depend on eps"),
    (lambda f, m, s, e: elbo.monte_carlo_form(f, m, s, e).sum(-1), "shape"),
])
def test_wrong_path_derivatives_are_named(answer, words):
    result = checks.path_derivative.judge(answer)
    assert result.state == "failed" and words in result.diagnosis


@pytest.mark.parametrize("answer, words", [
    (lambda w: torch.logsumexp(w, 0) - math.log(5), "NaN|right|difference|off"),
    (lambda w: torch.logsumexp(w, 0, keepdim=True) - math.log(len(w)), "an axis too many"),
    (lambda w: (w - w.max(0).values).logsumexp(0) - math.log(len(w)), "did not add it back"),
    (lambda w: elbo.iwae_bound(w.detach()), "no gradient reaches log_weights"),
    (lambda w: elbo.iwae_bound(w).item(), "RuntimeError"),
])
def test_wrong_bounds_are_named(answer, words):
    result = checks.bound.judge(answer)
    assert result.state == "failed"
    assert any(word in result.diagnosis for word in words.split("|"))


def gathered(log_joint, mean, logvar, eps):
    with torch.no_grad():
        z = mean + torch.exp(logvar / 2) * eps
    log_q = Independent(Normal(mean, torch.exp(logvar / 2)), 1).log_prob(z)
    f = (log_joint(z) - log_q).detach()
    others = [torch.cat([f[:k], f[k + 1:]]).mean(0) for k in range(len(f))]
    return (f - torch.stack(others)) * log_q


def rescaled(log_joint, mean, logvar, eps):
    z = elbo.reparameterize(mean, logvar, eps).detach()
    log_q = elbo.gaussian_log_prob(z, mean, logvar)
    f = log_joint(z) - log_q.detach()
    return (f - f.mean(0)) * len(f) / (len(f) - 1) * log_q


@pytest.mark.parametrize("answer", [gathered, rescaled])
def test_right_baselines_pass(answer):
    assert checks.score_with_baseline.judge(answer).passed


def weighted(weigh, f_of=lambda joint, log_q: (joint - log_q).detach()):
    """A learner's answer that returns weigh(f, log q)."""
    def answer(log_joint, mean, logvar, eps):
        z = (mean + (0.5 * logvar).exp() * eps).detach()
        log_q = Independent(Normal(mean, (0.5 * logvar).exp()), 1).log_prob(z)
        return weigh(f_of(log_joint(z), log_q), log_q)

    return answer


def others(f):
    return (f.sum(0, keepdim=True) - f) / (len(f) - 1)


@pytest.mark.parametrize("answer, words", [
    (weighted(lambda f, q: f * q), "without a baseline"),
    (weighted(lambda f, q: (f - f.mean(dim=0, keepdim=True)) * q), "contains the draw itself"),
    (weighted(lambda f, q: f * q - others(f)), "after the product"),
    (weighted(lambda f, q: f * (q - others(f))), "from log q"),
    (weighted(lambda f, q: (f - f.mean(0)) / (f.std(0) + 1e-8) * q), "changes the gradient"),
    (weighted(lambda f, q: (f - f.mean()) * q), "average over axis 0"),
    (weighted(lambda f, q: (f - (f.sum() - f) / (f.numel() - 1)) * q), "average over axis 0"),
    (weighted(lambda f, q: (f - f.mean(1, keepdim=True)) * q), "average over axis 0"),
    (weighted(lambda f, q: (f - (f.sum(1, keepdim=True) - f) / (f.shape[1] - 1)) * q),
     "average over axis 0"),
    (weighted(lambda f, q: (f - others(f.T).T if f.shape[1] > 1 else f) * q),
     "average over axis 0"),
    (weighted(lambda f, q: (f - others(f)) * q, lambda joint, q: joint - q), "through f"),
    (weighted(lambda f, q: (f - others(f)) * q, lambda joint, q: joint), "log p(x, z) alone"),
    (weighted(lambda f, q: (others(f) - f) * q), "sign is flipped"),
    (weighted(lambda f, q: -((f - others(f)) * q)), "sign is flipped"),
    (weighted(lambda f, q: (f - others(f)).detach()), "score is missing"),
    (weighted(lambda f, q: ((f - others(f)) * q).mean()), "averaged over draws and images"),
    (lambda f, m, s, e: lab.score_with_baseline(f, m.detach(), s.detach(), e), "no gradient"),
    (lambda f, m, s, e: weighted(lambda f, q: f * q)(f, m, s, torch.randn_like(e)),
     "another result each time"),
])
def test_wrong_baselines_are_named(answer, words):
    result = checks.score_with_baseline.judge(answer)
    assert result.state == "failed" and words in result.diagnosis, result.diagnosis


def test_the_crossing_is_asked_for_in_another_laboratory():
    for right in (0.3 / math.sqrt(2), 0.21, 0.212, torch.tensor(0.2121)):
        assert checks.crossing.judge(right).passed


@pytest.mark.parametrize("answer, words", [
    (0.5, "where τ² = ½"),
    (0.3, "This is τ"),
    (math.sqrt(0.5), "Multiply by τ"),
    (0.045, "the variance"),
    (0.15, "You halved τ"),
    (0.424, "doubled the variance"),
])
def test_wrong_crossings_are_named(answer, words):
    result = checks.crossing.judge(answer)
    assert result.state == "failed" and words in result.diagnosis


def test_no_diagnosis_of_the_baseline_prints_its_code():
    for combine in (lambda f, q: (f - f.mean(0)) * q, lambda f, q: (f - f.mean(1)[:, None]) * q):
        assert "f.sum" not in checks.score_with_baseline.judge(weighted(combine)).diagnosis
