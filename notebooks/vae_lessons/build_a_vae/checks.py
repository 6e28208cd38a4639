"""Exercises of notebook 03."""

import math

import torch
from torch.nn import functional as F

from vae_helpers import elbo
from vae_helpers.check.choice import Choice
from vae_helpers.check.exercise import Exercise, Mistake
from vae_helpers.check.laboratory import draw_from, mistakes_of_normal
from vae_helpers.check.quantity import Quantity


def _sampler_cases():
    draw = draw_from(5)
    return [(draw(*shape), draw(*shape), draw(*shape)) for shape in [(4, 3), (1, 1), (3, 3)]]


def _with_sd(sd):
    """mean + sd(logvar) · eps, for a standard deviation that is not the right one."""
    return lambda m, s, e: m + sd(s) * e


def _sd(s):
    return (0.5 * s).exp()


sampler = Exercise(
    "sampler",
    elbo.reparameterize,
    _sampler_cases,
    [
        Mistake(_with_sd(lambda s: s.exp()),
                "You scaled the noise by exp(logvar), the variance. The standard deviation is its "
                "square root, exp(½ logvar)."),
        Mistake(_with_sd(lambda s: s),
                "You scaled the noise by logvar itself. The standard deviation is exp(½ logvar)."),
        Mistake(_with_sd(lambda s: 0.5 * s),
                "½ logvar is the log of the standard deviation. Take exp of it."),
        Mistake(_with_sd(lambda s: s.sqrt()),
                "You took the square root of logvar. A log may be negative, so this gives NaN: "
                "exponentiate first. The standard deviation is exp(½ logvar)."),
        Mistake(_with_sd(lambda s: s.abs().sqrt()),
                "You took the square root of |logvar|. The logarithm must be undone, by exp: the "
                "standard deviation is exp(½ logvar)."),
        Mistake(_with_sd(lambda s: s.log()),
                "You took the log of logvar. It is a log already: undo it, by exp."),
        Mistake(_with_sd(lambda s: (2 * s).exp()),
                "This is the variance squared. The standard deviation is the variance's square "
                "root: ½ logvar in the exponent, not 2 logvar."),
        Mistake(_with_sd(lambda s: 0.5 * s.exp()),
                "The ½ stands outside the exponential. It belongs inside: exp(½ logvar)."),
        Mistake(_with_sd(lambda s: (-0.5 * s).exp()),
                "The sign in the exponent is wrong: exp(−½ logvar) is one over the standard "
                "deviation."),
        Mistake(_with_sd(lambda s: (-s).exp()),
                "exp(−logvar) is the precision, one over the variance. The standard deviation is "
                "exp(½ logvar)."),
        Mistake(_with_sd(lambda s: torch.exp2(0.5 * s)),
                "You took powers of 2. logvar is a natural logarithm: exp(½ logvar)."),
        Mistake(_with_sd(F.softplus),
                "softplus makes a number positive, but it does not undo a log. logvar is the log "
                "of the variance: exp(½ logvar)."),
        Mistake(_with_sd(lambda s: F.softplus(s).sqrt()),
                "You took softplus(logvar) for the variance. softplus does not undo a log: the "
                "standard deviation is exp(½ logvar)."),
        Mistake(_with_sd(lambda s: F.softplus(0.5 * s)),
                "You took softplus(½ logvar). softplus does not undo a log: use exp."),
        Mistake(_with_sd(torch.abs),
                "You scaled the noise by |logvar|. The logarithm must be undone, by exp: the "
                "standard deviation is exp(½ logvar)."),
        Mistake(_with_sd(lambda s: (0.5 * s.abs()).exp()),
                "You took |logvar|. A log variance may be negative, for a variance below 1: keep "
                "its sign."),
        Mistake(_with_sd(torch.sigmoid),
                "You took the sigmoid of logvar. It does not undo a log: the standard deviation is "
                "exp(½ logvar)."),
        Mistake(_with_sd(lambda s: 1),
                "The noise is not scaled: logvar is not used. Multiply eps by exp(½ logvar)."),
        Mistake(lambda m, s, e: m - _sd(s) * e,
                "The noise is subtracted. The distribution is the same, because eps is symmetric, "
                "but z = mean + exp(½ logvar) · eps is expected."),
        Mistake(lambda m, s, e: _sd(s) * e, "The mean is missing: this z is centred on 0."),
        Mistake(lambda m, s, e: m.clone(), "The noise is missing: z is always the mean."),
        Mistake(lambda m, s, e: e.clone(),
                "This is the noise itself. Scale it, and shift it by the mean."),
        Mistake(lambda m, s, e: m + _sd(s),
                "eps is not used: this is the point one standard deviation above the mean, every "
                "time."),
        Mistake(lambda m, s, e: m + s, "You added logvar to the mean, and eps is not used."),
        Mistake(lambda m, s, e: m + s + e,
                "You added logvar. It sets the width, not the place: multiply eps by "
                "exp(½ logvar)."),
        Mistake(lambda m, s, e: m + _sd(s) + e,
                "You added the standard deviation. Multiply eps by it."),
        Mistake(lambda m, s, e: m * e + _sd(s),
                "mean and standard deviation are exchanged: eps should multiply the standard "
                "deviation, and the mean be added."),
        Mistake(lambda m, s, e: m * _sd(s) * e,
                "You multiplied by the mean. It shifts z: add it."),
        Mistake(lambda m, s, e: (m + _sd(s)) * e,
                "The brackets are wrong: eps multiplies the mean as well. It should multiply the "
                "standard deviation alone."),
        Mistake(lambda m, s, e: (m + e) * _sd(s),
                "The brackets are wrong: the mean is scaled as well. Scale eps alone."),
        Mistake(lambda m, s, e: m + (0.5 * s * e).exp(),
                "eps stands inside the exponential: exp(½ logvar · eps). Multiply after taking "
                "exp."),
        Mistake(lambda m, s, e: s + (0.5 * m).exp() * e, "mean and logvar are exchanged."),
        Mistake(lambda m, s, e: e + _sd(s) * m,
                "mean and eps are exchanged: it is the noise that is scaled."),
        Mistake(lambda m, s, e: (m + _sd(s) * e).sum(-1),
                "You summed over the latents. z has one number for each of them."),
        Mistake(lambda m, s, e: (m + _sd(s) * e).mean(-1),
                "You averaged over the latents. z has one number for each of them."),
        Mistake(lambda m, s, e: (m + _sd(s) * e).sum(0),
                "You summed over the batch. Each image has its own z."),
        Mistake(lambda m, s, e: (m + _sd(s) * e).mean(0),
                "You averaged over the batch. Each image has its own z."),
        Mistake(lambda m, s, e: m + _sd(s).mean(0) * e,
                "The standard deviation is averaged over the batch. Each image has its own."),
        Mistake(lambda m, s, e: m + _sd(s).mean(-1, keepdim=True) * e,
                "The standard deviation is averaged over the latents. Each has its own."),
        Mistake(lambda m, s, e: m + _sd(s) * e[:1],
                "Every image gets the noise of the first. Use all of eps."),
        Mistake(lambda m, s, e: m + _sd(s) * e[:, :1],
                "Every latent gets the noise of the first. Use all of eps."),
        Mistake(lambda m, s, e: m + _sd(s.detach()) * e,
                "The values are right, but logvar is detached: the encoder could not learn how "
                "wide q should be."),
        Mistake(lambda m, s, e: m.detach() + _sd(s) * e,
                "The values are right, but the mean is detached: the encoder could not learn where "
                "q should be."),
        Mistake(lambda m, s, e: (m + _sd(s) * e).detach(),
                "The values are right, but no gradient comes through: the reconstruction could "
                "teach the encoder nothing. Do without detach, no_grad and .data."),
        *mistakes_of_normal(lambda m, s, e: (m, s)),
    ],
    [
        "Scale the noise, then shift it.",
        "logvar is the log of the variance; the standard deviation is the variance's square root.",
        "The square root halves the log: exp(0.5 * logvar) scales eps, and the mean is added.",
    ],
    differentiable=(0, 1),
)
_WEIGHT, _PIXELS, _LATENTS = 0.2, 32 * 32 * 3, 128
effective_beta = Quantity(
    "effective_beta",
    _WEIGHT * _PIXELS / (2 * _LATENTS),
    [
        (_WEIGHT, "This is the weight as it stands in the code. The two means are taken over "
         "different numbers of things, which changes what it weighs."),
        (_WEIGHT * _PIXELS / _LATENTS, "Twice too much: the 2σ² of the Gaussian is missing. Its "
         "−log p(x|z) is the squared error divided by 2σ², so with σ² = 1 the squared error is "
         "twice the distortion."),
        (_PIXELS / (2 * _LATENTS), "The weight 0.2 is missing."),
        (_PIXELS / _LATENTS, "The weight 0.2 is missing, and so is the 2σ² of the Gaussian: with "
         "σ² = 1 the squared error is twice the distortion."),
        (2 * _WEIGHT * _PIXELS / _LATENTS, "The 2σ² is on the wrong side: the squared error is "
         "twice the distortion, so the KL beside it counts half, not double."),
        (_WEIGHT * _PIXELS, "You took the KL as a sum over the latents, and the 2σ² of the "
         "Gaussian is missing. kl.mean() divides by the number of latents too."),
        (_WEIGHT * _PIXELS / 2, "You took the KL as a sum over the latents. kl.mean() divides by "
         "their number too."),
        (_WEIGHT / 2, "You took both for sums. F.mse_loss averages over the pixels, and kl.mean() "
         "over the latents."),
        (_WEIGHT / (2 * _LATENTS), "You took the squared error as a sum over the pixels. "
         "F.mse_loss averages over them."),
        (_WEIGHT / _LATENTS, "You took the squared error as a sum over the pixels, and the 2σ² of "
         "the Gaussian is missing. F.mse_loss averages over the pixels."),
        (_WEIGHT * _LATENTS / _PIXELS, "The ratio is upside down, and the 2σ² of the Gaussian is "
         "missing. The mean over many pixels makes the distortion small, so the KL counts more."),
        (_WEIGHT * _LATENTS / _PIXELS / 2, "The ratio is upside down. The mean over many pixels "
         "makes the distortion small, so the KL counts more."),
        (2 * _LATENTS / _PIXELS / _WEIGHT, "This is 1/β: how much the distortion counts for each "
         "nat of the KL."),
        (_WEIGHT * 32 * 32 / (2 * _LATENTS), "The colours are missing. F.mse_loss averages over "
         "every number in an image: 32 · 32 · 3."),
        (_WEIGHT * 32 * 32 / _LATENTS, "The colours are missing, and so is the 2σ² of the "
         "Gaussian. F.mse_loss averages over every number in an image: 32 · 32 · 3."),
        (_WEIGHT * 32 / (2 * _LATENTS), "An image has 32 · 32 · 3 numbers, not 32."),
        (_WEIGHT * 32 * 3 / (2 * _LATENTS), "An image has 32 · 32 · 3 numbers, not 32 · 3."),
        (_WEIGHT * _PIXELS / (4 * _LATENTS), "You halved twice. The ½ in the formula of the KL is "
         "inside kl already."),
        (9.8, "This is the patient's, 0.1 · 784 / 8. Here the pixels, the latents, the weight and "
         "the likelihood are others."),
        (0.0, "0 would leave the KL out. It has a weight of 0.2 in front of it."),
        (1.0, "1 would make it the ELBO. It takes another weight: which?"),
    ],
    [
        "Write the loss as a constant times (distortion + β · rate), both of them summed.",
        "The mean over D numbers divides the squared error by D, that over d latents the KL by d; "
        "the distortion of a Gaussian is the squared error divided by 2σ².",
        "β = weight · D / (2σ² d), with D = 32 · 32 · 3 and d = 128.",
    ],
    tolerance=0.004,
)
heads = Choice(
    "heads",
    "BDF",
    {
        "A": "a linear layer gives any number, for its weights and its bias may be negative.",
        "B": "the ReLU comes last, and it replaces every negative number by 0.",
        "C": "the ReLU comes first. The linear layer after it has weights of either sign and gives "
             "any number.",
        "D": "softplus, log(1 + exp(a)), is positive for every a.",
        "E": "tanh lies between −1 and 1, and is negative for every negative number.",
        "F": "batch normalisation gives negative numbers, but the ReLU comes after it.",
    },
    [
        "Only the last layer decides.",
        "Which of Linear, ReLU, Softplus and Tanh have negative values?",
        "Linear and Tanh have. Look for the heads that end in neither.",
    ],
)
_NARROW = 0.1  # the posterior's variance; with ReLU heads the best q has mean 0, variance 1
too_wide = Quantity(
    "too_wide",
    0.5 * (1 / _NARROW - 1 + math.log(_NARROW)),
    [
        (0.0, "0 would mean that q can be the posterior. The log variance comes out of a ReLU, so "
         "q's variance is at least 1."),
        (0.5 * (_NARROW - 1 - math.log(_NARROW)), "This is KL(posterior ‖ q). The ELBO's gap is "
         "KL(q ‖ posterior): q's variance stands above."),
        (1 / _NARROW - 1 + math.log(_NARROW), "Twice too much: the ½ is missing."),
        (0.5 * (1 / _NARROW - 1), "The logarithm is missing: KL = ½(s²/τ² − 1 − log s²/τ²)."),
        (0.5 * (1 / _NARROW + math.log(_NARROW)), "The −1 is missing: KL = ½(s²/τ² − 1 − log "
         "s²/τ²)."),
        (0.5 * (1 / _NARROW - 1 - math.log(_NARROW)), "The logarithm has the wrong sign: "
         "log s²/τ² = log 10 is subtracted."),
        (0.5 * (1 / _NARROW - 1 + math.log10(_NARROW)), "Nats take the natural logarithm, not that "
         "to base 10."),
        (0.5 * (1 / _NARROW - 1 + math.log(_NARROW)) / math.log(2), "This is in bits. Nats are "
         "asked for."),
        (0.5 * (1 / _NARROW**2 - 1 + 2 * math.log(_NARROW)), "You took 0.1 for the standard "
         "deviation. It is the variance."),
        (-0.5 * math.log(_NARROW), "This is the logarithm alone, how much more entropy q has. The "
         "KL also counts where q lies and the posterior does not: ½(s²/τ² − 1 − log s²/τ²)."),
        (1.0, "1 is the smallest variance that q can have. How many nats is that q away from a "
         "posterior of variance 0.1?"),
        (math.inf, "q's variance may be any number from 1 upwards. Take the best of them."),
    ],
    [
        "What are the smallest log variance and the smallest variance that a ReLU allows? The best "
        "q is the narrowest.",
        "So q is N(0, 1). The KL of N(0, s²) from N(0, τ²) is ½(s²/τ² − 1 − log s²/τ²).",
        "s² = 1 and τ² = 0.1: ½(10 − 1 − log 10).",
    ],
    tolerance=0.02,
)
