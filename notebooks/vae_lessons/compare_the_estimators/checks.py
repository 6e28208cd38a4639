"""Exercises of notebook 02."""

import math

import torch

from vae_helpers import elbo
from vae_helpers.check.exercise import Exercise, Mistake
from vae_helpers.check.laboratory import draw_from
from vae_helpers.check.quantity import Quantity
from vae_lessons.compare_the_estimators import lab
from vae_lessons.derive_the_elbo.mistakes import mistakes_of_weights, small_joint


def _path_cases():
    draw = draw_from(3)
    return [(small_joint, draw(3, 2), draw(3, 2) - 1, draw(6, 3, 2)),
            (small_joint, draw(1, 1), draw(1, 1), draw(1, 1, 1)),
            (small_joint, draw(2, 4), draw(2, 4), draw(9, 2, 4))]


def _with_parts(z_mean, z_logvar, q_mean, q_logvar):
    """The Monte Carlo form with some of its parameters detached: True keeps the gradient."""
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
                "and part of the path is gone. It is the parameters that lose their gradient."),
        Mistake(_all_of_log_q_detached,
                "No gradient is left in log q. The part through z belongs to the path and must "
                "stay: write log q in terms of z, and detach only its mean and its logvar."),
        Mistake(_log_joint_detached,
                "You detached log p(x, z). It knows no mean and no logvar but through z: keep it."),
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
                "This is the score function's estimate: it keeps what should go, and drops what "
                "should stay."),
        *mistakes_of_weights(lambda values: values),
    ],
    [
        "Its value is that of the Monte Carlo form. Only what gradients may pass differs.",
        "The score is the gradient of log q with respect to its parameters, at a fixed z. "
        "The gradient through z is to stay.",
        "elbo.gaussian_log_prob(z, mean.detach(), logvar.detach()), with z as it is.",
    ],
    differentiable=(1, 2),
)


def _weight_cases():
    draw = draw_from(4)
    # The last has log weights as an image has them: their exponentials are 0 in any float.
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
                "You took logsumexp over images as well. One number for each image is expected: "
                "dim=0."),
        Mistake(lambda w: w.exp().mean().log(),
                "You averaged the weights of different images. One number for each is expected, "
                "and torch.logsumexp in place of exp and log."),
        Mistake(lambda w: w.mean(),
                "You averaged the logs, over draws and images. Average the weights over the draws, "
                "and take the log last."),
        Mistake(lambda w: w.mean(0).log(), "The weights come as logs already: exponentiate, "
                "average, take the log."),
        Mistake(lambda w: -(torch.logsumexp(w, 0) - math.log(len(w))),
                "The sign is flipped: this is the loss. The bound itself is asked for."),
        Mistake(lambda w: (w - w.amax(0)).exp().mean(0).log(),
                "You took out the largest log weight and did not add it back."),
        Mistake(lambda w: (w - w.amax(0)).exp().sum(0).log(),
                "You took out the largest log weight and did not add it back, and the sum should "
                "be an average."),
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
crossing = Quantity(
    "crossing",
    0.5,
    [
        (math.sqrt(0.5), "This is τ, where the Monte Carlo form does not vary at all; or else it "
         "is b = √½, the width in units of τ: then multiply by τ."),
        (0.428, "Here Monte Carlo and the KL form cross. Which two are asked for?"),
        (0.816, "Here the entropy and the KL form cross. Which two are asked for?"),
        (1.35, "Here Monte Carlo and the KL form cross. Which two are asked for?"),
        (0.25, "This is s², the variance. The standard deviation s is its square root."),
        (math.sqrt(0.5) / 2, "You halved τ. It is the variance that is halved: s² = τ²/2."),
        (math.sqrt(0.5 * 2), "You doubled the variance. The crossing lies on the narrow side."),
        (0.125, "You halved τ² twice over. s² = τ²/2 = ¼, and s is its square root."),
    ],
    [
        "Move the width until the two marks lie on each other.",
        "Both laws share the term with a. What is left is (1 − b²)² = b⁴.",
        "So b² = s²/τ² = ½, and τ² is ½.",
    ],
    tolerance=0.015,
)
entropy_noise = Quantity(
    "entropy_noise",
    5.0,
    [
        (0.5, "This is for one latent. The latents are independent, so their variances add."),
        (0.0, "0 is the Monte Carlo form's. The entropy form replaces −log q by its average, and "
         "log p(x, z) goes on varying with z."),
        (10.0, "The ½ is missing: ½ for each latent."),
        (20.0, "Var[ε²] is 2, and log p(x, z) holds −½ ε²: (½)² · 2 = ½ for each latent."),
        (math.sqrt(5), "This is the standard deviation. The variance is asked for."),
        (0.05, "You divided by the number of latents. They add up."),
        (50.0, "You multiplied by the number of latents twice. Variances of independent terms "
         "add."),
        (-5.0, "A variance is never negative."),
        (10 * math.sqrt(0.5), "You added standard deviations. Variances add."),
        (10 * 0.5 * math.log(2 * math.pi * math.e), "This is the entropy of q. How much does one "
         "draw of the entropy form vary?"),
        (1.0, "Var[½ ε²] = ¼ · Var[ε²] = ½ for each latent, and there are ten."),
        (0.5**10, "You multiplied the variances. Variances of independent terms add."),
        (2.5, "Var[½ ε²] = ¼ · Var[ε²] = ¼ · 2 = ½, not ¼."),
    ],
    [
        "At q = posterior, a = 0 and b = 1 in every latent.",
        "The law gives b⁴/2 for each latent.",
        "Ten independent latents: their variances add.",
    ],
    tolerance=0.02,
)
draws_needed = Quantity(
    "draws_needed",
    640,
    [
        (80, "You took the error to fall as 1/L. It falls as 1/√L: an error 8 times smaller takes "
         "8² = 64 times the draws."),
        (64, "64 is the factor. You start from 10 draws."),
        (8, "8 is the ratio of the errors. Its square is the factor of the draws."),
        (10 * math.sqrt(8), "You took the root where the square belongs: L = 10 · 8²."),
        (88, "The draws multiply, they do not add up so."),
        (5120, "You took the third power. 8² = 64."),
        (100, "You compared 0.1 with 1. The error starts at 0.8."),
        (10 / 64, "You divided by 64. A smaller error takes more draws."),
        (630, "That many more. In all there are 640."),
    ],
    [
        "How does the standard deviation of an average depend on the number of draws?",
        "As 1/√L. How many times smaller should it become?",
        "8 times smaller, so 8² times as many draws as the 10 you have.",
    ],
    tolerance=1,
)
