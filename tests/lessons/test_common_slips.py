"""Mistakes that occur in public code, in their usual form: the checks diagnose them."""

import math
import random

import numpy as np
import pytest
import torch
from every_check import CHECKS
from torch.distributions import Independent, Normal, kl_divergence
from torch.nn import functional as F

from vae_lessons.derive_the_elbo import checks


def prior(mean):
    return Normal(torch.zeros_like(mean), torch.ones_like(mean))


def kl_of(scale):
    """An answer that computes the KL from Normal with this scale."""
    return lambda m, s: kl_divergence(Normal(m, scale(s)), prior(m)).sum(1)


def sampled_kl(draws):
    def kl(mean, logvar):
        q = Normal(mean, (logvar / 2).exp())
        z = q.rsample((draws,))
        return (q.log_prob(z) - prior(mean).log_prob(z)).sum(-1).mean(0)

    return kl


KL = [
    (lambda m, s: -0.5 * torch.mean(1 + s - m**2 - s.exp()), "β = 1/d"),
    (lambda m, s: -0.5 * torch.mean(1 + s - m**2 - s.exp()), "The mean over the batch hides"),
    (lambda m, s: -torch.mean(1 + s - m.pow(2) - s.exp()), "½ is missing"),
    (lambda m, s: 0.5 * torch.mean(1 + s - m**2 - s.exp()), "sign is flipped"),
    (lambda m, s: -0.5 * torch.mean(1 + s - m**2 - s.exp(), dim=-1), "β = 1/d"),
    (lambda m, s: -0.5 * torch.mean(1 + s - m**2 - s.exp(), dim=0), "averaged over the batch"),
    (lambda m, s: torch.mean(-0.5 * torch.sum(1 + s - m**2 - s.exp(), dim=1)),
     "averaged over the batch"),
    (kl_of(F.softplus), "softplus(logvar) for the standard deviation"),
    (kl_of(lambda s: F.softplus(s).sqrt()), "softplus(logvar) for the variance"),
    (kl_of(lambda s: s.abs().sqrt()), "|logvar| for the variance"),
    (kl_of(torch.abs), "logvar for the standard deviation"),
    (kl_of(lambda s: s), "gave Normal the logvar"),
    (kl_of(lambda s: s / 2), "½ logvar"),
    (kl_of(torch.exp), "variance already"),
    (lambda m, s: -0.5 * torch.sum(1 + s - m.abs() - s.exp(), dim=-1), "|mean| for mean²"),
    (sampled_kl(1), "another result each time"),
    (sampled_kl(5000), "equals it only on average"),
]


def weights(log_joint, mean, logvar, eps, z_scale=None, q_scale=None):
    sd = (0.5 * logvar).exp()
    z = mean + (sd if z_scale is None else z_scale(logvar)) * eps
    q = Independent(Normal(mean, sd if q_scale is None else q_scale(logvar)), 1)
    return log_joint(z) - q.log_prob(z)


def both(scale):
    return {"z_scale": scale, "q_scale": scale}


WEIGHTS = [
    (both(F.softplus), "softplus(logvar) for the standard deviation"),
    (both(lambda s: F.softplus(s).sqrt()), "softplus(logvar) for the variance"),
    (both(torch.abs), "|logvar| for the standard deviation"),
    (both(lambda s: s.abs().sqrt()), "|logvar| for the variance"),
    ({"z_scale": F.softplus}, "scaled the noise by softplus"),
    ({"z_scale": torch.abs}, "scaled the noise by |logvar|"),
    ({"q_scale": torch.exp}, "got exp(logvar) as its standard deviation"),
    (both(torch.exp), "exp(logvar) for the standard deviation throughout"),
    ({"q_scale": lambda s: s}, "gave Normal the logvar"),
    ({"q_scale": lambda s: 0.5 * s}, "½ logvar"),
]

ESTIMATE = [(lambda *a, how=how: weights(*a, **how).mean(0), words) for how, words in WEIGHTS] + [
    (lambda *a: weights(*a).max(0).values, "largest of the logs"),
    (lambda *a: weights(*a).flatten().logsumexp(0) - math.log(weights(*a).numel()),
     "all draws and images"),
    (lambda *a: -((-weights(*a)).logsumexp(0) - math.log(len(a[3]))), "averages 1/w"),
    (lambda *a: (-weights(*a)).logsumexp(0) - math.log(len(a[3])), "negative logs"),
    (lambda *a: weights(*a).sum(), "summed over draws and images"),
    (lambda f, m, s, e: weights(f, m, s, torch.randn_like(e)).mean(0), "another result each time"),
    (lambda f, m, s, e: weights(f, m, s, torch.randn_like(e)).mean(0), "does not depend on eps"),
]

PATH = [(lambda *a, how=how: weights(*a, **how), words) for how, words in WEIGHTS] + [
    (lambda *a: weights(*a).logsumexp(0) - math.log(len(a[3])), "importance-weighted bound"),
    (lambda *a: weights(*a).max(0).values, "largest of the log weights"),
    (lambda *a: weights(*a).mean(), "draws and images"),
    (lambda *a: weights(*a).sum(0), "summed over the draws"),
]

BOUND = [
    (lambda w: w.mean(dim=0), "averaged the logs"),
    (lambda w: w.max(dim=0).values, "largest log weight"),
    (lambda w: -(torch.logsumexp(-w, 0) - math.log(w.shape[0])), "averages 1/w"),
    (lambda w: torch.logsumexp(-w, 0) - math.log(w.shape[0]), "negative log weights"),
    (lambda w: torch.logsumexp(w.flatten(), 0) - math.log(w.numel()), "different images"),
    (lambda w: torch.logsumexp(w.flatten(), 0) - math.log(w.shape[0]), "over images as well"),
    (lambda w: torch.log(torch.mean(torch.exp(w))), "different images"),
    (lambda w: torch.mean(w), "averaged the logs, over draws and images"),
]

GROUPS = [
    (lambda w, k: w.reshape(-1, k, w.shape[1]).max(1).values, "largest log weight"),
    (lambda w, k: -torch.logsumexp(-w.reshape(-1, k, w.shape[1]), 1) + math.log(k), "1/w"),
    (lambda w, k: torch.logsumexp(-w.reshape(-1, k, w.shape[1]), 1) - math.log(k), "negative log"),
    (lambda w, k: torch.logsumexp(w.reshape(len(w) // k, -1), 1) - math.log(k), "over images"),
    (lambda w, k: w.mean(0), "averaged the logs of all draws"),
]

RATIO = [
    (lambda m, s: m.abs().mean(0) / s.exp().mean(0), "|mean|"),
    (lambda m, s: m.pow(2).mean(0) / s.exp().mean(0), "mean square of the mean"),
    (lambda m, s: m.var(0) / F.softplus(s).mean(0), "softplus"),
    (lambda m, s: m.var(0) / s.abs().mean(0), "|logvar|"),
    (lambda m, s: m.var(0) / Normal(m, s).variance.mean(0), "gave Normal the logvar"),
    (lambda m, s: m.var(0) / Normal(m, s.exp()).variance.mean(0), "the square of the variance"),
    (lambda m, s: m.var(0) / s.exp().max(0).values, "largest posterior variance"),
    (lambda m, s: m.var(0) / s.exp().mean(), "reduce axis 0"),
    (lambda m, s: m.var(0) / Normal(m, (s / 2).exp()).sample((99,)).var(0).mean(0),
     "another result each time"),
]

def paying(cost):
    """An answer to free_bits_loss with this function of rates and free_bits as its rate term."""
    return lambda distortion, rates, beta, free_bits: (
        distortion.mean() + beta * cost(rates, free_bits))


FREE_BITS = [
    (paying(lambda r, f: torch.max(r.mean(0), f).sum()), "torch.max refused"),
    (paying(lambda r, f: torch.maximum(r.mean(0), f).sum()), "torch.maximum refused"),
    (paying(lambda r, f: max(r.mean(0), f).sum()), "decide once"),
    (paying(lambda r, f: r.clamp(min=f).mean()), "averaged over everything"),
    (paying(lambda r, f: r.clamp(min=f).sum()), "summed over the batch"),
    (paying(lambda r, f: r.max(0).values.clamp(min=f).sum()), "largest rate"),
    (paying(lambda r, f: r.clamp(min=f).sum(1).mean()), "rate of each image"),
    (paying(lambda r, f: r.sum(1).mean().clamp(min=f)), "one floor for the sum"),
    (lambda d, r, b, f: (d + b * r.sum(1)).mean(), "free_bits is not used"),
    (lambda d, r, b, f: d.mean() + (b * r).mean(0).clamp(min=f).sum(), "clamped β times"),
]

PIXELS = [
    (lambda i: (i.view(len(i), -1).float() / 255 - 0.1307) / 0.3081, "0.1307 and 0.3081"),
    (lambda i: i.float().div(255).sub(0.1307).div(0.3081), "Flatten each image as well"),
    (lambda i: (i.flatten(1).float() - 0.1307) / 0.3081, "made for pixels in [0, 1]"),
    (lambda i: (i.flatten(1) / 255 - 0.5) / 0.5, "from −1 to 1"),
    (lambda i: (i / 255.0 - 0.5) / 0.5, "still 28 by 28"),
    (lambda i: (i.flatten(1) / 255 > 0.5).float(), "black or white"),
    (lambda i: (i.flatten(1) / 255).bernoulli(), "another result each time"),
    (lambda i: i.unsqueeze(1) / 255, "a convolution's input"),
    (lambda i: (i.flatten(1).float() - i.float().mean()) / i.float().std(), "variance 1"),
    (lambda i: i.reshape(-1, 784).t() / 255, "axes are exchanged"),
]

LOGVAR = [
    (lambda x, i: (x - i).abs().mean().log(), "a Laplace"),
    (lambda x, i: F.mse_loss(i, x).exp(), "where the logarithm belongs"),
    (lambda x, i: 1 / F.mse_loss(i, x), "best precision"),
    (lambda x, i: F.mse_loss(i, x, reduction="none").max().log(), "largest square"),
    (lambda x, i: ((x - i).mean() ** 2).log(), "cancel"),
    (lambda x, i: ((x - i + 0.1 * torch.randn_like(x)) ** 2).mean().log(), "another result each"),
]

GRADIENT = [
    (lambda e, s: 0.5 * (1 - e**2 / torch.log1p(s.exp())), "softplus"),
    (lambda e, s: 0.5 * (1 - e**2 / s.abs()), "|logvar|"),
    (lambda e, s: 1 - (e / s.exp()) ** 2, "exp(logvar) for the standard deviation"),
    (lambda e, s: -Normal(torch.zeros_like(e), s).log_prob(e), "gave Normal the logvar"),
    (lambda e, s: (-0.5 * s).exp() - e**2 * (-1.5 * s).exp(), "with respect to σ"),
]

STANDARDISE = [
    (lambda c, r: F.batch_norm(c, None, None, training=True), "batch norm"),
    (lambda c, r: F.layer_norm(c, c.shape[1:]), "layer norm"),
    (lambda c, r: F.normalize(c), "the norm 1"),
    (lambda c, r: c / r.abs().max(0).values, "largest size"),
]

INTERVAL = [
    (lambda a, b: torch.stack([(a - b).abs().mean(), 1.96 * (a - b).std() / len(a) ** 0.5]),
     "|first − second|"),
    (lambda a, b: torch.stack([(a - b).mean(), 1.645 * (a - b).std() / len(a) ** 0.5]), "90 %"),
    (lambda a, b: torch.stack([1.96 * (a - b).std() / len(a) ** 0.5, (a - b).mean()]),
     "mean comes first"),
]

SCHEDULE = [
    (lambda s, p, r, b: b * min(s % p / (r * p), 1.0), "decide once"),
    (lambda s, p, r, b: b * s % p / p if s % p < r * p else b, "decide once"),
    (lambda s, p, r, b: b * 0.5 * (1 - torch.cos(math.pi * (s % p / (r * p)).clamp(max=1))),
     "cosine"),
]

SLIPS = {
    "gaussian_kl": KL, "elbo_estimate": ESTIMATE, "path_derivative": PATH, "bound": BOUND,
    "group_bounds": GROUPS, "signal_to_noise": RATIO, "free_bits_loss": FREE_BITS,
    "pixels": PIXELS, "best_logvar": LOGVAR, "scale_gradient": GRADIENT,
    "standardise": STANDARDISE, "paired_interval": INTERVAL, "cyclical_beta": SCHEDULE,
    "quantile_grid": [(lambda side: torch.randn(side).sort().values, "another result each time")],
}


@pytest.mark.parametrize("name, answer, words", [
    (name, answer, words) for name, slips in SLIPS.items() for answer, words in slips])
def test_slips_of_public_code_are_named(name, answer, words):
    result = CHECKS[name].judge(answer)
    assert result.state == "failed" and words in result.diagnosis, result.diagnosis


@pytest.mark.parametrize("draw", [
    torch.randn_like, lambda x: torch.from_numpy(np.random.randn(*x.shape)),
    lambda x: x * random.gauss(0, 1), lambda x: F.dropout(torch.ones_like(x)),
])
def test_an_answer_that_draws_is_told_so_whatever_it_draws_with(draw):
    told = checks.gaussian_kl.judge(lambda mean, logvar: draw(mean).sum(-1))
    assert "another result each time" in told.diagnosis


def test_an_answer_that_draws_and_is_right_all_the_same_passes():
    def answer(mean, logvar):
        torch.randn(3)
        return 0.5 * (mean**2 + logvar.exp() - 1 - logvar).sum(-1)

    assert checks.gaussian_kl.judge(answer).passed


def test_an_error_that_no_mistake_gives_is_reported_as_it_is():
    told = checks.gaussian_kl.judge(lambda m, s: Normal(m, -s.exp())).diagnosis
    assert "Your code raised ValueError" in told
