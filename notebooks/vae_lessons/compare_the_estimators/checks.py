"""Exercises of notebook 02."""

import math

import torch

from vae_helpers import elbo
from vae_helpers.check.exercise import Exercise, Mistake
from vae_helpers.check.laboratory import draw_from, mistakes_of_normal
from vae_helpers.check.quantity import Quantity
from vae_lessons.compare_the_estimators import lab
from vae_lessons.derive_the_elbo.mistakes import mistakes_of_weights, small_joint


def _path_cases():
    draw = draw_from(3)
    return [(small_joint, draw(3, 2), draw(3, 2) - 1, draw(6, 3, 2)),
            (small_joint, draw(1, 1), draw(1, 1), draw(1, 1, 1)),
            (small_joint, draw(2, 4), draw(2, 4), draw(9, 2, 4))]


def _with_parts(z_mean, z_logvar, q_mean, q_logvar):
    """The Monte Carlo form with some parameters detached; True keeps a parameter's gradient."""
    def form(log_joint, mean, logvar, eps):
        def kept(parameter, keep):
            return parameter if keep else parameter.detach()

        z = elbo.reparameterize(kept(mean, z_mean), kept(logvar, z_logvar), eps)
        return log_joint(z) - elbo.gaussian_log_prob(
            z, kept(mean, q_mean), kept(logvar, q_logvar))

    return form


def _z_detached_in_log_q(log_joint, mean, logvar, eps):
    z = elbo.reparameterize(mean, logvar, eps)
    return log_joint(z) - elbo.gaussian_log_prob(z.detach(), mean, logvar)


def _all_of_log_q_detached(log_joint, mean, logvar, eps):
    z = elbo.reparameterize(mean, logvar, eps)
    return log_joint(z) - elbo.gaussian_log_prob(z, mean, logvar).detach()


def _log_joint_detached(log_joint, mean, logvar, eps):
    z = elbo.reparameterize(mean, logvar, eps)
    return log_joint(z).detach() - elbo.gaussian_log_prob(z, mean.detach(), logvar.detach())


path_derivative = Exercise(
    "path_derivative",
    lab.path_derivative_form,
    _path_cases,
    [
        Mistake(elbo.monte_carlo_form,
                "The values are right, but this is the Monte Carlo form: the score is still in its "
                "gradient. Write log q in terms of z (not of eps), and detach the mean and the "
                "logvar that go into it."),
        Mistake(_with_parts(False, False, True, True),
                "You detached z. That keeps the score and drops the path, the wrong way round."),
        Mistake(_with_parts(False, False, False, False),
                "Everything is detached: no gradient is left. z must keep its gradient; only the "
                "mean and the logvar that go into log q lose theirs."),
        Mistake(_with_parts(True, True, False, True),
                "The mean in log q is detached, the logvar is not: half of the score is left."),
        Mistake(_with_parts(True, True, True, False),
                "The logvar in log q is detached, the mean is not: half of the score is left."),
        Mistake(_z_detached_in_log_q,
                "You detached z inside log q and kept the parameters: the score is still there, "
                "and part of the path is gone. Detach the parameters instead."),
        Mistake(_all_of_log_q_detached,
                "No gradient is left in log q. The part through z belongs to the path and must "
                "stay: write log q in terms of z, and detach only its mean and its logvar."),
        Mistake(_log_joint_detached,
                "You detached log p(x, z). It depends on mean and logvar only through z: keep it."),
        Mistake(lambda *a: elbo.monte_carlo_form(*a).mean(0),
                "You averaged over the draws. One value for each draw is expected."),
        Mistake(lambda *a: elbo.monte_carlo_form(*a).sum(0),
                "You summed over the draws. One value for each draw is expected."),
        Mistake(lambda *a: elbo.monte_carlo_form(*a).mean(),
                "You averaged over draws and images. One value for each of both is expected."),
        Mistake(lambda *a: elbo.monte_carlo_form(*a).amax(0),
                "This is the largest of the log weights. One value for each draw is expected."),
        Mistake(lambda *a: elbo.iwae_bound(elbo.monte_carlo_form(*a)),
                "You averaged the weights over the draws: this is the importance-weighted bound. "
                "One value for each draw is expected."),
        Mistake(lambda *a: torch.logsumexp(elbo.monte_carlo_form(*a), (0, 1)),
                "You took logsumexp over draws and images. One value for each of both is "
                "expected."),
        Mistake(elbo.entropy_form,
                "These are the values of the entropy form. The path derivative keeps log q(z|x) "
                "itself, at the z that was drawn."),
        Mistake(lab.score_function_surrogate,
                "This is the score-function estimate: it keeps what should go, and drops what "
                "should stay."),
        *mistakes_of_weights(lambda values: values),
    ],
    [
        "Its value is that of the Monte Carlo form. Its gradient differs: decide what to detach.",
        "The score is the gradient of log q with respect to its parameters, at a fixed z. "
        "The gradient through z is to stay.",
        "elbo.gaussian_log_prob(z, mean.detach(), logvar.detach()), with z as it is.",
    ],
    differentiable=(1, 2),
)


def _baseline_cases():
    draw = draw_from(6)
    return [(small_joint, draw(3, 2), draw(3, 2) - 1, draw(6, 3, 2)),
            (small_joint, draw(1, 1), draw(1, 1), draw(2, 1, 1)),
            (small_joint, draw(2, 4), draw(2, 4), draw(9, 2, 4))]


def _others(f):
    """For each draw, the average of f over the other draws: [draws, batch] to [draws, batch]."""
    return (f.sum(0) - f) / (len(f) - 1)


def _scored(combine):
    """An answer that returns combine(f, log q), with f and z detached."""
    def form(log_joint, mean, logvar, eps):
        z = elbo.reparameterize(mean, logvar, eps).detach()
        log_q = elbo.gaussian_log_prob(z, mean, logvar)
        return combine((log_joint(z) - log_q).detach(), log_q)

    return form


def _centred(f_fixed, baseline_fixed, z_fixed=True):
    """An answer with the right values, in which only the parts marked True are detached."""
    def form(log_joint, mean, logvar, eps):
        z = elbo.reparameterize(mean, logvar, eps)
        z = z.detach() if z_fixed else z
        log_q = elbo.gaussian_log_prob(z, mean, logvar)
        f = log_joint(z) - log_q
        baseline = _others(f.detach() if baseline_fixed else f)
        return ((f.detach() if f_fixed else f) - baseline) * log_q

    return form


def _log_joint_alone(log_joint, mean, logvar, eps):
    z = elbo.reparameterize(mean, logvar, eps).detach()
    f = log_joint(z)
    return (f - _others(f)) * elbo.gaussian_log_prob(z, mean, logvar)


OWN_DRAW = ("Your baseline contains the draw itself, so it depends on that draw. Then the score no "
            "longer averages it away, and with L draws the gradient comes out smaller by the "
            "factor (L − 1)/L. Leave the draw itself out of the average.")
OVER_IMAGES = ("You averaged over images; average over axis 0. Each image has a constant of its "
               "own, so its baseline is the average over its own other draws.")
AFTER = ("You subtracted the baseline after the product with log q. There it is a constant, whose "
         "gradient is 0: the estimate is as noisy as before. Subtract it from f, inside the "
         "product: (f - baseline) * log_q.")
FROM_LOG_Q = ("You subtracted the baseline from log q, where it is a constant and its gradient is "
              "0. It belongs to f, the factor in front of log q.")
SCALED = ("You divided by the standard deviation of f. A baseline is only subtracted: a factor "
          "changes the gradient's expectation, and this one depends on the draw as well.")
HELD = ("The values are right, but a gradient passes through f. The score is weighted by numbers: "
        "f and the baseline must be detached, so that only log q is differentiated.")
ONE_EACH = "One value for each draw and image is expected, [draws, batch]."

score_with_baseline = Exercise(
    "score_with_baseline",
    lab.score_with_baseline,
    _baseline_cases,
    [
        Mistake(lab.score_function_surrogate,
                "This is the estimator without a baseline. Subtract from f the average of f "
                "over the other draws of the same image."),
        Mistake(_scored(lambda f, q: (f - f.mean(0)) * q), OWN_DRAW),
        Mistake(_scored(lambda f, q: (f - f.sum(0) / (len(f) - 1)) * q), OWN_DRAW),
        Mistake(_scored(lambda f, q: (f - f.detach()) * q),
                "Your baseline is f itself, so f − baseline is 0 and no gradient is left. A "
                "baseline must not depend on its own draw."),
        Mistake(_scored(lambda f, q: f * q - _others(f)), AFTER),
        Mistake(_scored(lambda f, q: f * q - f.mean(0)), AFTER),
        Mistake(_scored(lambda f, q: f * (q - _others(f))), FROM_LOG_Q),
        Mistake(_scored(lambda f, q: f * (q - f.mean(0))), FROM_LOG_Q),
        Mistake(_scored(lambda f, q: (f - f.mean(0)) / f.std(0) * q), SCALED),
        Mistake(_scored(lambda f, q: (f - f.mean(0)) / (f.std(0) + 1e-8) * q), SCALED),
        Mistake(_scored(lambda f, q: (f - f.mean(0)) / f.std(0, correction=0) * q), SCALED),
        Mistake(_scored(lambda f, q: (f - _others(f)) / f.std(0) * q), SCALED),
        Mistake(_scored(lambda f, q: (f - f.mean()) * q), OVER_IMAGES),
        Mistake(_scored(lambda f, q: (f - (f.sum() - f) / (f.numel() - 1)) * q), OVER_IMAGES),
        Mistake(_scored(lambda f, q: (f - f.mean(1, keepdim=True)) * q), OVER_IMAGES),
        Mistake(_scored(lambda f, q: (f - _others(f.T).T) * q), OVER_IMAGES),
        Mistake(_scored(lambda f, q: (f - (f.sum(1, keepdim=True) - f) / max(f.shape[1] - 1, 1))
                        * q), OVER_IMAGES),
        Mistake(_scored(lambda f, q: (f + _others(f)) * q),
                "The baseline was added. It is subtracted, so that the constant in f goes away."),
        Mistake(_scored(lambda f, q: (f - (f.sum(0) - f)) * q),
                "Your baseline is the sum over the other draws. Divide by their number, "
                "len(f) − 1."),
        Mistake(_scored(lambda f, q: (f - (f.sum(0) - f) / len(f)) * q),
                "You divided by the number of all draws. The other draws are one fewer."),
        Mistake(_scored(lambda f, q: _others(f) * q),
                "You weighted the score by the baseline alone, which is 0 on average. The weight "
                "is f − baseline."),
        Mistake(_scored(lambda f, q: (_others(f) - f) * q),
                "The sign is flipped: f − baseline is expected. A loss gets its minus afterwards."),
        Mistake(_scored(lambda f, q: (f - f.roll(1, 0)) * q),
                "Your baseline is one other draw. That is unbiased, but a single draw is noisy: "
                "average over all the others."),
        Mistake(_scored(lambda f, q: (f - f[0]) * q),
                "Your baseline is the first draw. For the first draw itself f − baseline is then "
                "0: its baseline depends on it. Average over the other draws."),
        Mistake(_scored(lambda f, q: (f - f.median(0).values) * q),
                "You took the median over all draws, which depends on the draw itself. Take the "
                "average over the other draws."),
        Mistake(_scored(lambda f, q: f - _others(f)),
                "The score is missing: multiply f − baseline by log q, which is what is "
                "differentiated."),
        Mistake(_scored(lambda f, q: (f - _others(f)) * q.exp()),
                "You multiplied by q. The gradient of its logarithm is the score: multiply by "
                "log q."),
        Mistake(_log_joint_alone,
                "f is log p(x, z) alone here. The ELBO averages log p(x, z) − log q(z|x)."),
        Mistake(_centred(False, True), HELD),
        Mistake(_centred(False, False), HELD),
        Mistake(_centred(True, False),
                "The values are right, but a gradient passes through the baseline. Detach f before "
                "you average it."),
        Mistake(_centred(True, True, z_fixed=False),
                "The values are right, but z carries a gradient. The score is the gradient of "
                "log q at a fixed z: detach z."),
        Mistake(_scored(lambda f, q: ((f - _others(f)) * q).mean(0)),
                f"You averaged over the draws. {ONE_EACH}"),
        Mistake(_scored(lambda f, q: ((f - _others(f)) * q).sum(0)),
                f"You summed over the draws. {ONE_EACH}"),
        Mistake(_scored(lambda f, q: ((f - _others(f)) * q).mean()),
                f"You averaged over draws and images. {ONE_EACH}"),
        Mistake(elbo.monte_carlo_form,
                "This is the Monte Carlo form. The estimator above weights log q by "
                "f − baseline, with z detached."),
        *mistakes_of_normal(lambda f, m, s, e: (m, s)),
    ],
    [
        "Start from the function above. Name f = log p(x, z) − log q, detached, [draws, "
        "batch].",
        "The sum over all draws, axis 0, minus the draw itself is the sum over the others. There "
        "are len(f) − 1 of them.",
        "baseline = (f.sum(0) - f) / (len(f) - 1), and the result is (f - baseline) * log_q.",
    ],
    differentiable=(1, 2),
)


def _weight_cases():
    draw = draw_from(4)
    # The last case has log weights as low as those of an image: their exp is 0 in any float.
    return [(draw(5, 3),), (draw(1, 2),), (3 * draw(4, 4),), (draw(6, 2) - 1000,)]


bound = Exercise(
    "bound",
    elbo.iwae_bound,
    _weight_cases,
    [
        Mistake(lambda w: w.mean(0),
                "You averaged the logs. That is the ELBO; here the weights are averaged first, and "
                "the log comes last."),
        Mistake(lambda w: torch.logsumexp(w, 0),
                "You summed the weights. Their average is asked for: subtract log K."),
        Mistake(lambda w: torch.logsumexp(w, 0) + math.log(len(w)),
                "log K was added. An average divides by K, so it is subtracted."),
        Mistake(lambda w: w.exp().mean(0).log(),
                "The formula is right, but for log weights of −1000 exp gives 0, and log 0 is −∞. "
                "torch.logsumexp takes the largest weight out first and puts it back."),
        Mistake(lambda w: w.exp().sum(0).log(),
                "You summed the weights, and exp gives 0 for log weights of −1000. Use "
                "torch.logsumexp and subtract log K."),
        Mistake(lambda w: torch.logsumexp(w, 0) / len(w),
                "You divided the log by K. The average is inside the log: subtract log K."),
        Mistake(lambda w: w.logsumexp(-1) - math.log(w.shape[-1]),
                "You averaged over the images. The samples are the first axis."),
        Mistake(lambda w: (torch.logsumexp(w, 0) - math.log(len(w))).mean(),
                "You averaged over the images as well. One number for each image is expected."),
        Mistake(lambda w: torch.logsumexp(w, (0, 1)) - math.log(w.numel()),
                "You averaged the weights of different images. One number for each is expected."),
        Mistake(lambda w: w.exp().mean(0),
                "The log is missing: this is the average weight, an estimate of p(x)."),
        Mistake(lambda w: w.amax(0),
                "This is the largest log weight alone. It dominates, but the others count."),
        Mistake(lambda w: w.amax(0) - math.log(len(w)),
                "You took the largest weight alone. It dominates, but the others count."),
        Mistake(lambda w: math.log(len(w)) - torch.logsumexp(-w, 0),
                "You put the negative log weights into logsumexp: this averages 1/w, so the "
                "smallest weights count most. Give it the log weights as they are."),
        Mistake(lambda w: torch.logsumexp(-w, 0) - math.log(len(w)),
                "You put the negative log weights into logsumexp. Give it the log weights as they "
                "are; a loss gets its minus afterwards."),
        Mistake(lambda w: torch.logsumexp(w, (0, 1)) - math.log(len(w)),
                "You took logsumexp over images as well. One number for each is expected: dim=0."),
        Mistake(lambda w: w.exp().mean().log(),
                "You averaged the weights of different images. One number for each is expected, "
                "and torch.logsumexp in place of exp and log."),
        Mistake(lambda w: w.mean(),
                "You averaged the logs, over draws and images. Average the weights over the draws, "
                "and take the log last."),
        Mistake(lambda w: w.mean(0).log(),
                "The weights come as logs already: exponentiate, average, take the log."),
        Mistake(lambda w: -(torch.logsumexp(w, 0) - math.log(len(w))),
                "The sign is flipped: this is the loss. The bound itself is asked for."),
        Mistake(lambda w: (w - w.amax(0)).exp().mean(0).log(),
                "You took out the largest log weight and did not add it back."),
        Mistake(lambda w: (w - w.amax(0)).exp().sum(0).log(),
                "You did not add the largest log weight back, and the sum should be an average."),
        Mistake(lambda w: torch.logsumexp(w, 0) - len(w),
                "You subtracted K. The log of K is to be subtracted."),
        Mistake(lambda w: torch.logsumexp(w, 0) - math.log(w.shape[-1]),
                "You divided by the number of images. The samples are the first axis."),
        Mistake(lambda w: (torch.softmax(w, 0) * w).sum(0),
                "This averages the log weights by their own weights. The plain average of the "
                "weights is asked for, and the log of it."),
        Mistake(lambda w: (w.exp().mean(0) + 1e-8).log(),
                "A small number added for safety replaces log weights below −18. Use "
                "torch.logsumexp instead."),
        Mistake(lambda w: torch.logsumexp(w, 0) - math.log2(len(w)),
                "log K was taken to base 2. Nats are expected: the natural logarithm."),
    ],
    [
        "It is the log of an average, not the average of logs.",
        "torch.logsumexp(log_weights, dim=0) gives log Σ w without leaving the range of floats.",
        "log (1/K) Σ w = log Σ w − log K.",
    ],
    differentiable=(0,),
)
TAU = 0.3  # standard deviation of the posterior in the question `crossing`
crossing = Quantity(
    "crossing",
    TAU / math.sqrt(2),
    [
        (0.5, "This is the s of the crossing where τ² = ½, as at the sliders, or it is b². Here "
         "τ = 0.3: s = b·τ."),
        (TAU, "This is τ, where the Monte Carlo form has no variance."),
        (math.sqrt(0.5), "This is b = s/τ at the crossing. Multiply by τ."),
        (0.5 * TAU**2, "This is s², the variance. The standard deviation s is its square root."),
        (TAU / 2, "You halved τ. It is the variance that is halved: s² = τ²/2."),
        (TAU * math.sqrt(2), "You doubled the variance. The crossing lies on the narrow side."),
    ],
    [
        "Set the two formulas equal to each other. They share the term with a.",
        "What is left is (1 − b²)² = b⁴.",
        "So b² = s²/τ² = ½. Put in τ = 0.3.",
    ],
    tolerance=0.006,
)
