"""Exercises of notebook 01."""

import math

import torch

from vae_helpers import elbo
from vae_helpers.check.exercise import Exercise, Mistake
from vae_helpers.check.laboratory import draw_from
from vae_helpers.check.quantity import Quantity
from vae_helpers.check.runner import run
from vae_lessons.derive_the_elbo.mistakes import mistakes_of_weights, small_joint
from vae_lessons.derive_the_elbo.mistakes_of_kl import MISTAKES_OF_KL


def _kl_cases():
    draw = draw_from(1)
    return [(draw(*shape), draw(*shape)) for shape in [(4, 3), (1, 1), (7, 2)]]


gaussian_kl = Exercise(
    "gaussian_kl",
    elbo.gaussian_kl,
    _kl_cases,
    MISTAKES_OF_KL,
    [
        "What are a and b when μ = 0 and τ = 1?",
        "a is the mean itself and b² is q's variance. How do you get a variance from its "
        "logarithm, and what is log b²?",
        "a² + b² − 1 − log b² is there once for each latent. Add these up over the last axis, and "
        "take half of the sum.",
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


def _detached(log_joint, mean, logvar, eps):
    z = elbo.reparameterize(mean, logvar, eps).detach()
    return (log_joint(z) - elbo.gaussian_log_prob(z, mean, logvar)).mean(0)


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
        Mistake(_detached,
                "The value is right, but no gradient reaches mean and logvar through z: was z "
                "detached?"),
        *mistakes_of_weights(lambda values: values.mean(0)),
    ],
    [
        "Three steps: draw z, compute its log weight, average.",
        "reparameterize(mean, logvar, eps) draws z, [draws, batch, latent]. The log weight is "
        "log p(x, z) − log q(z|x).",
        "gaussian_log_prob(z, mean, logvar) is log q(z|x) at each draw. The draws are the first "
        "axis of the log weights.",
    ],
    differentiable=(1, 2),
)


def _climbs():
    draw = draw_from(3)

    def hill(params):
        place, steepness = params.new_tensor([1.0, -2.0]), params.new_tensor([1.0, 0.25])
        return -(steepness * (params - place) ** 2).sum()

    def bent(params):
        return params[0] - 0.3 * params[0] ** 2 + 0.5 * params[1] - params[1].exp()

    return [(hill, draw(2), 0.1), (bent, draw(2), 0.3), (bent, draw(2), 0.05)]


def _slope(bound, params):
    params = params.clone().requires_grad_()
    return torch.autograd.grad(bound(params), params)[0]


def _in_place(bound, params, learning_rate):
    params.requires_grad_()
    bound(params).backward()
    params += learning_rate * params.grad


class Step(Exercise):
    """An exercise whose answer must not change its second argument, the parameters."""

    def _judge(self, answer):
        result = super()._judge(answer)
        if result.passed:
            arguments = self._cases()[0]
            before = arguments[1].clone()
            run(answer, arguments)
            if not torch.equal(before, arguments[1].detach()):
                return self._failed(
                    "The values are right, but your function changes the params it was given. "
                    "Work on a copy, params.clone(), and return a new tensor.")
        return result


ascent_step = Step(
    "ascent_step",
    lambda bound, params, learning_rate: params + learning_rate * _slope(bound, params),
    _climbs,
    [
        Mistake(lambda f, q, rate: q - rate * _slope(f, q),
                "You went downhill. A loss is minimised, but the ELBO is maximised: add the "
                "gradient."),
        Mistake(lambda f, q, rate: q + _slope(f, q),
                "The learning rate is not used: multiply the gradient by it."),
        Mistake(lambda f, q, rate: rate * _slope(f, q),
                "This is the step alone. Add it to params."),
        Mistake(lambda f, q, rate: _slope(f, q),
                "This is the gradient alone. Multiply it by the learning rate and add it to "
                "params."),
        Mistake(lambda f, q, rate: q.clone(),
                "params has not moved. Was the new value computed and not returned?"),
        Mistake(lambda f, q, rate: q + 2 * rate * _slope(f, q),
                "The gradient counts twice. backward() adds to .grad: call it once, on a fresh "
                "copy of params."),
        Mistake(lambda f, q, rate: q + rate * _slope(f, q).sign(),
                "You took the gradient's sign alone. Its size matters too."),
        Mistake(lambda f, q, rate: q + rate * _slope(f, q) / _slope(f, q).norm(),
                "You divided the gradient by its length, so every step is equally long. Plain "
                "gradient ascent uses the gradient as it is."),
        Mistake(lambda f, q, rate: q + _slope(f, q) / rate,
                "You divided by the learning rate. Multiply by it."),
        Mistake(lambda f, q, rate: q + rate * f(q),
                "You added the bound's value. Add its gradient with respect to params."),
        Mistake(lambda f, q, rate: q + rate * _slope(f, q) * q.new_tensor([1.0, 0.0]),
                "Only the mean has moved. params holds mean and logvar: take the gradient with "
                "respect to all of params."),
        Mistake(lambda f, q, rate: q + rate * _slope(f, q) * q.new_tensor([0.0, 1.0]),
                "Only the logvar has moved. params holds mean and logvar: take the gradient with "
                "respect to all of params."),
        Mistake(lambda f, q, rate: torch.autograd.grad(f(q), q),
                "PyTorch does not track params yet, so there is no gradient. Begin with "
                "params = params.clone().requires_grad_()."),
        Mistake(lambda f, q, rate: q + rate * None,
                "The gradient you multiplied is None: backward() fills in .grad on the very tensor "
                "on which requires_grad_() was called."),
        Mistake(_in_place,
                "PyTorch does not let you change a tensor in place while it tracks it. Return a "
                "new one: params + …."),
    ],
    [
        "Let PyTorch track a copy of params, compute the bound, and ask for its gradient.",
        "params.clone().requires_grad_() is a copy that PyTorch tracks. "
        "torch.autograd.grad(value, copy) returns a tuple of one gradient.",
        "The bound should increase: multiply the gradient by the learning rate, add it to params, "
        "and return the new tensor.",
    ],
)


def _of_ratio(ratio):
    """The KL between two Gaussians with the same mean and this ratio of variances."""
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
        (_of_ratio(16), "You squared b² once more. The ratio of the variances, 4, is b² already."),
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
        "q's variance is 2. The posterior's precision is 1 + 1/σ²; what is its variance?",
    ],
    tolerance=0.013,  # the sliders have steps of 0.01
)
_TAU = math.sqrt(0.5)
_OF_PICTURE = ("These are the numbers of the picture above, for another x and another σ². Here "
               "x = 2 and σ² = 1.")
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
        ((-2 / 3, math.sqrt(1 / 3)), _OF_PICTURE),
        ((2 / 3, math.sqrt(1 / 3)), _OF_PICTURE),
        ((4 / 3, math.sqrt(1 / 3)), "This is the answer for σ² = ½, the σ² of the picture above. "
         "Here σ² = 1."),
        ((1.0, -_TAU), "A standard deviation is not negative."),
    ],
    [
        "Move the mean first until the gap is smallest, then the standard deviation.",
        "The gap is 0 where q is the posterior.",
        "Put x = 2 and σ² = 1 into the formulas for 1/τ² and μ. The answer is μ and τ, and τ is "
        "the square root of τ².",
    ],
    tolerance=0.03,
)
