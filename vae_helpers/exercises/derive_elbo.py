"""Exercises of notebook 01."""

import math

import torch

from vae_helpers import elbo
from vae_helpers.exercises.exercise import Exercise, Mistake, Quantity


def _draw(seed):
    generator = torch.Generator().manual_seed(seed)
    return lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)


def _kl_cases():
    draw = _draw(1)
    return [(draw(*shape), draw(*shape)) for shape in [(4, 3), (1, 1), (7, 2)]]


def _reverse_kl(mean, logvar):
    """KL( N(0, I) ‖ N(mean, exp(logvar)) )."""
    return 0.5 * ((1 + mean**2) / logvar.exp() - 1 + logvar).sum(-1)


gaussian_kl = Exercise(
    "gaussian_kl",
    elbo.gaussian_kl,
    _kl_cases,
    [
        Mistake(lambda m, s: -elbo.gaussian_kl(m, s),
                "The sign is flipped. A KL divergence is never negative."),
        Mistake(lambda m, s: 2 * elbo.gaussian_kl(m, s), "A factor ½ is missing."),
        Mistake(lambda m, s: elbo.gaussian_kl(m, s) / m.shape[-1],
                "You took the mean over the latents. Sum over them: each one costs its own nats. "
                "A mean here hides a smaller weight of the KL."),
        Mistake(lambda m, s: 0.5 * (m**2 + s.exp() - 1 - s).mean(-1) * 2,
                "You took the mean over the latents, and the ½ is missing."),
        Mistake(lambda m, s: elbo.gaussian_kl(m, s).mean(),
                "You averaged over the batch. One number for each image is expected."),
        Mistake(lambda m, s: elbo.gaussian_kl(m, s).sum(),
                "You summed over the batch as well. One number for each image is expected."),
        Mistake(lambda m, s: 0.5 * (m**2 + s.exp() - 1 - s).sum(0),
                "You summed over the batch. Sum over the last axis, the latents."),
        Mistake(lambda m, s: 0.5 * (m**2 + s.exp() - 1 - s),
                "The sum over the latents is missing: one number for each image is expected."),
        Mistake(lambda m, s: elbo.gaussian_kl(m, 2 * s),
                "You took exp(logvar) for the standard deviation and squared it. It is the "
                "variance already: logvar is the log of the variance."),
        Mistake(lambda m, s: elbo.gaussian_kl(m, s / 2),
                "You took exp(½ logvar), the standard deviation, where the variance belongs."),
        Mistake(lambda m, s: 0.5 * (m**2 + s - 1 - s.abs().clamp(min=1e-300).log()).sum(-1),
                "You took logvar for the variance itself. The variance is exp(logvar)."),
        Mistake(lambda m, s: 0.5 * (m**2 + s**2 - 1 - 2 * s.abs().log()).sum(-1),
                "You took logvar for the standard deviation. The variance is exp(logvar)."),
        Mistake(_reverse_kl,
                "This is KL(p ‖ q), the other direction. Here q comes first: the average of "
                "log q − log p is taken under q."),
        Mistake(lambda m, s: 0.5 * (m**2 + s.exp() - s).sum(-1),
                "The −1 is missing. At q = prior the KL must be 0."),
        Mistake(lambda m, s: 0.5 * (m**2 + s.exp() - 1).sum(-1),
                "The −logvar is missing: the log-determinant of the Gaussian's normaliser."),
        Mistake(lambda m, s: 0.5 * (m**2 + s.exp() - 1 + s).sum(-1),
                "The sign of logvar is wrong: log q holds −½ logvar."),
        Mistake(lambda m, s: 0.5 * (m + s.exp() - 1 - s).sum(-1),
                "The mean must be squared."),
    ],
    [
        "Write the two log densities, subtract, and take the average under q.",
        "Under q, the average of (z − mean)² is exp(logvar), and that of z² is "
        "mean² + exp(logvar).",
        "For each latent: ½ (mean² + exp(logvar) − 1 − logvar). Sum over the last axis.",
    ],
    differentiable=(0, 1),
)


def _joint(z):
    """log p(x, z) of a small model: x | z ~ N(Σz, 1) at x = 1.3, z ~ N(0, I)."""
    prior = -0.5 * (z**2 + elbo.LOG_2PI).sum(-1)
    return prior - 0.5 * ((1.3 - z.sum(-1)) ** 2 + elbo.LOG_2PI)


def _estimate_cases():
    draw = _draw(2)
    return [(_joint, draw(3, 2), draw(3, 2) - 1, draw(6, 3, 2)),
            (_joint, draw(1, 1), draw(1, 1), draw(1, 1, 1)),
            (_joint, draw(2, 4), draw(2, 4), draw(9, 2, 4))]


def _estimate(log_joint, mean, logvar, eps):
    return elbo.monte_carlo_form(log_joint, mean, logvar, eps).mean(0)


def _with_z(z_of):
    """The estimate with another z, both in log p(x, z) and in log q."""
    def wrong(log_joint, mean, logvar, eps):
        z = z_of(mean, logvar, eps)
        return (log_joint(z) - elbo.gaussian_log_prob(z, mean, logvar)).mean(0)

    return wrong


def _log_weights(log_joint, mean, logvar, eps):
    return elbo.monte_carlo_form(log_joint, mean, logvar, eps)


elbo_estimate = Exercise(
    "elbo_estimate",
    _estimate,
    _estimate_cases,
    [
        Mistake(lambda *a: -_estimate(*a),
                "The sign is flipped: this is −ELBO, the loss. The ELBO itself is asked for."),
        Mistake(lambda *a: elbo.iwae_bound(_log_weights(*a)),
                "You averaged before taking the log. That is another bound (notebook 02): the "
                "ELBO is the average of the logs."),
        Mistake(lambda *a: _log_weights(*a).sum(0),
                "You summed over the draws. The estimate is their average."),
        Mistake(lambda *a: _log_weights(*a),
                "These are the one-draw estimates. Average them over the draws, the first axis."),
        Mistake(lambda *a: _log_weights(*a).mean(),
                "You averaged over the images as well. One number for each image is expected."),
        Mistake(lambda *a: _log_weights(*a).mean(-1),
                "You averaged over the images. Average over the draws, the first axis."),
        Mistake(lambda f, m, s, e: f(elbo.reparameterize(m, s, e)).mean(0),
                "The term −log q(z|x) is missing."),
        Mistake(lambda f, m, s, e: (f(elbo.reparameterize(m, s, e)) + elbo.gaussian_log_prob(
                    elbo.reparameterize(m, s, e), m, s)).mean(0),
                "log q(z|x) is added. It must be subtracted."),
        Mistake(_with_z(lambda m, s, e: m + s.exp() * e),
                "You scaled the noise by exp(logvar), the variance. The standard deviation is "
                "exp(½ logvar)."),
        Mistake(_with_z(lambda m, s, e: m + s * e),
                "You scaled the noise by logvar. The standard deviation is exp(½ logvar)."),
        Mistake(_with_z(lambda m, s, e: e),
                "You used the noise itself as z. Shift it by the mean and scale it first."),
        Mistake(_with_z(lambda m, s, e: m.expand_as(e)),
                "The noise is not used: z is always the mean."),
        Mistake(lambda f, m, s, e: elbo.kl_form(f, m, s, e).mean(0),
                "You subtracted the KL to the prior from log p(x, z), which counts the prior "
                "twice. Subtract log q(z|x)."),
    ],
    [
        "Three lines: draw z, weigh it, average.",
        "elbo.reparameterize(mean, logvar, eps) draws z; its shape is [draws, batch, latent].",
        "log_joint(z) − elbo.gaussian_log_prob(z, mean, logvar), then .mean(0).",
    ],
    differentiable=(1, 2),
)

_KL = 0.5 * (4 - 1 - math.log(4))  # N(1, 2) against the posterior N(1, ½)
_REVERSE = 0.5 * (0.25 - 1 + math.log(4))
_TO_PRIOR = 0.5 * (1 + 2 - 1 - math.log(2))
_EVIDENCE = -0.5 * (math.log(2 * math.pi * 2) + 4 / 2)

gap = Quantity(
    "gap",
    _KL,
    [
        (2 * _KL, "Twice the gap: a factor ½ is missing."),
        (_REVERSE, "This is KL(posterior ‖ q), the other direction. In the gap q comes first."),
        (_TO_PRIOR, "This is the KL to the prior, the rate. The gap is the KL to the posterior."),
        (_EVIDENCE - _KL, "This is the ELBO. The gap is log p(x) − ELBO."),
        (_EVIDENCE, "This is log p(x). The gap is log p(x) − ELBO."),
        (0.5 * (2 - 1 - math.log(2)), "You took the ratio of the standard deviations where the "
         "ratio of the variances belongs: q's variance is 2, the posterior's ½."),
    ],
    [
        "Both have the mean 1, so only the variances matter.",
        "With the ratio r of q's variance to the posterior's: KL = ½ (r − 1 − log r).",
        "Here r = 2 / ½ = 4.",
    ],
    tolerance=0.002,
)

closing = Quantity(
    "closing",
    (1.0, math.sqrt(0.5)),
    [
        ((1.0, 0.5), "The mean is right. You gave the variance, ½; the standard deviation is its "
         "square root."),
        ((0.0, 1.0), "This is the prior. The gap closes at the posterior."),
        ((2.0, 1.0), "This is the likelihood as a function of z. The prior pulls the posterior "
         "towards 0 and makes it narrower."),
        ((1.0, 1.0), "The mean is right, the width is not: the posterior is narrower than the "
         "prior and than the likelihood."),
        ((1.0, 2.0), "The mean is right. You gave the precision, 2; the standard deviation is "
         "one over its square root."),
    ],
    [
        "Move the mean first until the gap is smallest, then the width.",
        "The gap is 0 exactly where q lies on the posterior.",
        "Two precisions of 1 add up to 2, so the variance is ½.",
    ],
    tolerance=0.03,
)
