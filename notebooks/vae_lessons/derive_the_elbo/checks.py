"""Exercises of notebook 01."""

import math

import torch
from torch.nn import functional as F

from vae_helpers import elbo
from vae_helpers.check.exercise import Exercise, Mistake
from vae_helpers.check.laboratory import draw_from, mistakes_of_normal
from vae_helpers.check.quantity import Quantity
from vae_lessons.derive_the_elbo.mistakes import mistakes_of_weights, small_joint


def _kl_cases():
    draw = draw_from(1)
    return [(draw(*shape), draw(*shape)) for shape in [(4, 3), (1, 1), (7, 2)]]


def _reverse_kl(mean, logvar):
    """KL( N(0, I) ‖ N(mean, exp(logvar)) )."""
    return 0.5 * ((1 + mean**2) / logvar.exp() - 1 + logvar).sum(-1)


_MEAN_OF_ALL = (
    "You took the mean over the batch and over the latents, as in −0.5 * torch.mean(1 + logvar − "
    "…) of much public code. Sum over the latents: one number for each image is expected. With d "
    "latents that mean gives the KL a hidden weight, β = 1/d. The mean over the batch hides "
    "nothing more, if the reconstruction is averaged over the batch as well."
)
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
                "With d latents a mean gives the KL a hidden weight, β = 1/d."),
        Mistake(lambda m, s: 0.5 * (m**2 + s.exp() - 1 - s).mean(-1) * 2,
                "You took the mean over the latents, and the ½ is missing."),
        Mistake(lambda m, s: elbo.gaussian_kl(m, s).mean() / m.shape[-1], _MEAN_OF_ALL),
        Mistake(lambda m, s: 2 * elbo.gaussian_kl(m, s).mean() / m.shape[-1],
                "The ½ is missing. " + _MEAN_OF_ALL),
        Mistake(lambda m, s: -elbo.gaussian_kl(m, s).mean() / m.shape[-1],
                "The sign is flipped. " + _MEAN_OF_ALL),
        Mistake(lambda m, s: 0.5 * (m**2 + s.exp() - 1 - s).mean(0),
                "You averaged over the batch. Sum over the last axis, the latents."),
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
        Mistake(lambda m, s: 0.5 * (m**2 + s - 1 - s.log()).sum(-1),  # NaN for s < 0, and so named
                "You took logvar for the variance itself. The variance is exp(logvar)."),
        Mistake(lambda m, s: 0.5 * (m**2 + s**2 - 1 - 2 * s.log()).sum(-1),
                "You took logvar for the standard deviation. The variance is exp(logvar)."),
        Mistake(lambda m, s: 0.5 * (m**2 + s**2 - 1 - (s**2).log()).sum(-1),
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
        Mistake(lambda m, s: 0.5 * (m.abs() + s.exp() - 1 - s).sum(-1),
                "You took |mean| for mean². The mean must be squared."),
        Mistake(lambda m, s: 0.5 * (m.sum(-1) ** 2 + (s.exp() - 1 - s).sum(-1)),
                "You summed the means and squared the sum. Square each mean first."),
        Mistake(lambda m, s: elbo.gaussian_kl(m, F.softplus(s).log()),
                "You took softplus(logvar) for the variance. softplus does not undo a log: the "
                "variance is exp(logvar)."),
        Mistake(lambda m, s: elbo.gaussian_kl(m, 2 * F.softplus(s).log()),
                "You took softplus(logvar) for the standard deviation. softplus does not undo a "
                "log: the standard deviation is exp(½ logvar)."),
        Mistake(lambda m, s: 0.5 * (m**2 + F.softplus(s) - 1 - s).sum(-1),
                "You took softplus(logvar) for the variance in one place. softplus does not undo a "
                "log: the variance is exp(logvar)."),
        Mistake(lambda m, s: elbo.gaussian_kl(m, s.abs().log()),
                "You took |logvar| for the variance. The logarithm must be undone: the variance is "
                "exp(logvar)."),
        Mistake(lambda m, s: 0.5 * (m**2 + s.exp() - 1 - s.abs()).sum(-1),
                "You took |logvar| in the last term. A log variance may be negative: keep its "
                "sign."),
        Mistake(lambda m, s: 0.5 * (m**2 + s - 1 - s).sum(-1),
                "You took logvar for the variance in one place: the variance is exp(logvar)."),
        Mistake(lambda m, s: (0.5 * m**2 + s.exp() - 1 - s).sum(-1),
                "The ½ belongs to all four terms; you gave it to mean² alone."),
        Mistake(lambda m, s: 0.5 * ((m**2 + s.exp() - s).sum(-1) - 1),
                "The −1 is there once for each latent; you subtracted it once in all."),
        Mistake(lambda m, s: 0.5 * (-(m**2) + s.exp() - 1 - s).sum(-1),
                "The sign of mean² is wrong: a shift in either direction costs nats."),
        Mistake(lambda m, s: 0.5 * (m**2 + (2 * s).exp() - 1 - s).sum(-1),
                "You squared exp(logvar). It is the variance already."),
        Mistake(lambda m, s: 0.5 * (m**2 + s.exp() - 1 - 2 * s).sum(-1),
                "The last term has a factor 2 too many: −logvar, not −2 logvar."),
        Mistake(lambda m, s: 0.5 * (m**2 + s.exp() - 1 - 0.5 * s).sum(-1),
                "The last term is halved twice: ½ (… − logvar), with one ½ outside."),
        Mistake(lambda m, s: 0.5 * (m**2 + (0.5 * s).exp() - 1 - s).sum(-1),
                "You took exp(½ logvar), the standard deviation, where the variance belongs."),
        Mistake(lambda m, s: 0.5 * (s.exp() - 1 - s).sum(-1),
                "The mean² is missing: a shift costs nats too."),
        Mistake(lambda m, s: 0.5 * (m**2 / s.exp() + s.exp() - 1 - s).sum(-1),
                "You divided mean² by q's variance. It is measured in the prior's, which is 1."),
        Mistake(lambda m, s: elbo.gaussian_kl(m, s) / math.log(2),
                "This is in bits. Nats are expected: the natural logarithm."),
        *mistakes_of_normal(lambda m, s: (m, s)),
    ],
    [
        "Write the two log densities, subtract, and take the average under q.",
        "Under q, the average of (z − mean)² is exp(logvar), and that of z² is "
        "mean² + exp(logvar).",
        "For each latent: ½ (mean² + exp(logvar) − 1 − logvar). Sum over the last axis.",
    ],
    differentiable=(0, 1),
)


def _estimate_cases():
    draw = draw_from(2)
    return [(small_joint, draw(3, 2), draw(3, 2) - 1, draw(6, 3, 2)),
            (small_joint, draw(1, 1), draw(1, 1), draw(1, 1, 1)),
            (small_joint, draw(2, 4), draw(2, 4), draw(9, 2, 4))]


def _estimate(log_joint, mean, logvar, eps):
    return elbo.monte_carlo_form(log_joint, mean, logvar, eps).mean(0)


def _log_weights(log_joint, mean, logvar, eps):
    return elbo.monte_carlo_form(log_joint, mean, logvar, eps)


elbo_estimate = Exercise(
    "elbo_estimate",
    _estimate,
    _estimate_cases,
    [
        Mistake(lambda *a: elbo.iwae_bound(_log_weights(*a)),
                "You averaged before taking the log. That is another bound (notebook 02): the "
                "ELBO is the average of the logs."),
        Mistake(lambda *a: torch.logsumexp(_log_weights(*a), 0),
                "This is the log of the summed weights. The ELBO is the average of the logs."),
        Mistake(lambda *a: _log_weights(*a).amax(0),
                "This is the largest of the logs. The ELBO is their average."),
        Mistake(lambda *a: torch.logsumexp(_log_weights(*a), (0, 1)) - math.log(
                    _log_weights(*a).numel()),
                "You averaged the weights of all draws and images, and took the log last. Average "
                "the logs, and only over the draws: one number for each image."),
        Mistake(lambda *a: elbo.iwae_bound(-_log_weights(*a)),
                "You put the negative logs into logsumexp. The ELBO needs neither a minus nor a "
                "logsumexp: it is the average of the logs."),
        Mistake(lambda *a: -elbo.iwae_bound(-_log_weights(*a)),
                "You put the negative logs into logsumexp: this averages 1/w. The ELBO is the "
                "plain average of the logs."),
        Mistake(lambda *a: _log_weights(*a).sum(),
                "You summed over draws and images. Average over the draws: one number for each "
                "image."),
        Mistake(lambda *a: _log_weights(*a).exp().mean(0),
                "This averages the weights themselves, an estimate of p(x). The ELBO is the "
                "average of their logs."),
        Mistake(lambda *a: _log_weights(*a).sum(0),
                "You summed over the draws. The estimate is their average."),
        Mistake(lambda *a: _log_weights(*a),
                "These are the one-draw estimates. Average them over the draws, the first axis."),
        Mistake(lambda *a: _log_weights(*a)[0],
                "Only the first draw is used. Average over all of them."),
        Mistake(lambda f, m, s, e: _estimate(f, m, s, e.mean(0, keepdim=True)),
                "You averaged the noise before using it. Average the estimates."),
        Mistake(lambda *a: _log_weights(*a).mean(),
                "You averaged over the images as well. One number for each image is expected."),
        Mistake(lambda *a: _log_weights(*a).mean(-1),
                "You averaged over the images. Average over the draws, the first axis."),
        Mistake(lambda *a: elbo.entropy_form(*a).mean(0),
                "This is the entropy form: the right expectation, by another estimator. Here "
                "−log q(z|x) itself is asked for, at each draw."),
        Mistake(lambda f, m, s, e: elbo.kl_form(
                    lambda z: f(z) - elbo.prior_log_prob(z), m, s, e).mean(0),
                "This is the KL form: the right expectation, by another estimator. Here "
                "log p(x, z) − log q(z|x) is asked for, at each draw."),
        *mistakes_of_weights(lambda values: values.mean(0)),
    ],
    [
        "Three lines: draw z, weigh it, average.",
        "elbo.reparameterize(mean, logvar, eps) draws z; its shape is [draws, batch, latent].",
        "log_joint(z) − elbo.gaussian_log_prob(z, mean, logvar), then .mean(0).",
    ],
    differentiable=(1, 2),
)


def _climbs():
    draw = draw_from(3)

    def hill(q):
        return -(q.new_tensor([1.0, 0.25]) * (q - q.new_tensor([1.0, -2.0])) ** 2).sum()

    def bent(q):
        return q[0] - 0.3 * q[0] ** 2 + 0.5 * q[1] - q[1].exp()

    return [(hill, draw(2), 0.1), (bent, draw(2), 0.3), (bent, draw(2), 0.05)]


def _slope(bound, q):
    q = q.clone().requires_grad_()
    return torch.autograd.grad(bound(q), q)[0]


def _in_place(bound, q, learning_rate):
    q.requires_grad_()
    bound(q).backward()
    q += learning_rate * q.grad


ascent_step = Exercise(
    "ascent_step",
    lambda bound, q, learning_rate: q + learning_rate * _slope(bound, q),
    _climbs,
    [
        Mistake(lambda f, q, rate: q - rate * _slope(f, q),
                "You went downhill. A loss is lowered, but the ELBO is to be raised: add the "
                "gradient."),
        Mistake(lambda f, q, rate: q + _slope(f, q),
                "The learning rate is not used: multiply the gradient by it."),
        Mistake(lambda f, q, rate: rate * _slope(f, q),
                "This is the step alone. Add it to q."),
        Mistake(lambda f, q, rate: _slope(f, q),
                "This is the gradient alone. Multiply it by the learning rate and add it to q."),
        Mistake(lambda f, q, rate: q.clone(),
                "q has not moved. Was the new value computed and not returned?"),
        Mistake(lambda f, q, rate: q + 2 * rate * _slope(f, q),
                "The gradient counts twice. backward() adds to .grad: call it once, on a fresh "
                "copy of q."),
        Mistake(lambda f, q, rate: q + rate * _slope(f, q).sign(),
                "You took the gradient's sign alone. Its size matters too."),
        Mistake(lambda f, q, rate: q + rate * _slope(f, q) / _slope(f, q).norm(),
                "You divided the gradient by its length, so every step is equally long. Plain "
                "gradient ascent uses the gradient as it is."),
        Mistake(lambda f, q, rate: q + _slope(f, q) / rate,
                "You divided by the learning rate. Multiply by it."),
        Mistake(lambda f, q, rate: q + rate * f(q),
                "You added the bound's value. Add its gradient with respect to q."),
        Mistake(lambda f, q, rate: q + rate * _slope(f, q) * q.new_tensor([1.0, 0.0]),
                "Only the mean has moved. q holds mean and logvar: take the gradient with respect "
                "to all of q."),
        Mistake(lambda f, q, rate: q + rate * _slope(f, q) * q.new_tensor([0.0, 1.0]),
                "Only the logvar has moved. q holds mean and logvar: take the gradient with "
                "respect to all of q."),
        Mistake(lambda f, q, rate: torch.autograd.grad(f(q), q),
                "PyTorch does not track q yet, so there is no gradient. Begin with "
                "q = q.clone().requires_grad_()."),
        Mistake(lambda f, q, rate: q + rate * None,
                "The gradient you multiplied is None: backward() fills in .grad on the very tensor "
                "on which requires_grad_() was called."),
        Mistake(_in_place,
                "PyTorch does not let you change a tensor in place while it tracks it. Return a "
                "new one: q + …."),
    ],
    [
        "Let PyTorch track a copy of q, compute the bound, and ask for its gradient.",
        "q = q.clone().requires_grad_(), then torch.autograd.grad(bound(q), q), which returns a "
        "tuple of one gradient.",
        "Return q.detach() + learning_rate * gradient: uphill, so with a plus.",
    ],
)


def _of_ratio(ratio):
    """KL of two Gaussians of one mean, whose variances have this ratio."""
    return 0.5 * (ratio - 1 - math.log(ratio))


_KL, _REVERSE = _of_ratio(4), _of_ratio(1 / 4)  # N(1, 2) and the posterior N(1, ½)
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
        (_KL - _EVIDENCE, "This is −ELBO. The gap is log p(x) − ELBO."),
        (_EVIDENCE, "This is log p(x). The gap is log p(x) − ELBO."),
        (-_EVIDENCE, "This is −log p(x). The gap is log p(x) − ELBO."),
        (_of_ratio(2), "The ratio of the variances is not 2. Either you divided the standard "
         "deviations, or you took the posterior's variance for 1: q's is 2, the posterior's ½."),
        (_of_ratio(8), "You took 2 for q's standard deviation. In N(1, 2) it is the variance."),
        (0.5 * (4 - 1 + math.log(4)), "The sign of the logarithm is wrong: ½ (b² − 1 − log b²)."),
        (0.5 * (4 - math.log(4)), "The −1 is missing: with q = posterior, b² = 1, it must be 0."),
        (0.5 * (4 - 1), "The logarithm is missing: ½ (b² − 1 − log b²)."),
        (0.5 * (4 - 1) - math.log(4), "The ½ belongs to the logarithm as well."),
        (_KL / math.log(2), "This is in bits. Nats are expected: the natural logarithm."),
        (0.0, "The gap would be 0 if q's variance were the posterior's. It is 2, the "
         "posterior's is ½ (its precision is 2)."),
    ],
    [
        "Both have the mean 1, so the shift a is 0 and only the widths matter.",
        "b² is q's variance divided by the posterior's: KL = ½ (b² − 1 − log b²).",
        "Here b² = 2 / ½ = 4.",
    ],
    tolerance=0.013,  # a slider's step of 0.01 reaches it
)
_TAU = math.sqrt(0.5)
closing = Quantity(
    "closing",
    {"mean": 1.0, "standard deviation": _TAU},
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
        ((1.0, math.sqrt(2)), "The mean is right. You gave the square root of the precision; the "
         "standard deviation is one over it."),
        ((2.0, _TAU), "The width is right. The mean is not x: the prior pulls it towards 0."),
        ((0.0, _TAU), "The width is right. The mean is not the prior's: x pulls it towards 2."),
        ((_TAU, 1.0), "Mean and standard deviation are exchanged: the mean comes first."),
        ((1.0, -_TAU), "A standard deviation is not negative."),
    ],
    [
        "Move the mean first until the gap is smallest, then the width.",
        "The gap is 0 exactly where q lies on the posterior.",
        "Two precisions of 1 add up to 2, so the variance is ½.",
    ],
    tolerance=0.03,
)
