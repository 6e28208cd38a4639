"""Exercises of notebook 03."""

import math

from torch.nn import functional as F

from vae_helpers.check.choice import Choice
from vae_helpers.check.exercise import Mistake
from vae_helpers.check.quantity import Quantity
from vae_lessons.build_a_vae.steps import (
    StepExercise,
    cross_entropy,
    kl,
    negative_elbo,
    reparameterized,
    step_of,
)


def _with_loss(loss):
    """A training step with the loss loss(ce, kl), from the cross entropy of each pixel and the KL
    of each latent."""
    return step_of(loss=lambda x, logits, m, s: loss(cross_entropy(x, logits), kl(m, s)))


def _calls(*names):
    """A training step that calls `names` in this order, instead of zero_grad, backward, step."""
    def update(optimizer, loss):
        for name in names:
            loss.backward() if name == "backward" else getattr(optimizer, name)()

    return update


def _mistakes_of_a_step(loss):
    """Mistakes of a training step that do not depend on loss(x, logits, mean, logvar)."""
    def step(**changes):
        return step_of(**{"loss": loss} | changes)

    def calls(*names):
        return step(update=_calls(*names))

    return [
        Mistake(calls("backward", "step"),
                "zero_grad is missing. backward() adds to the gradients that are there: without "
                "optimizer.zero_grad() each step also repeats all earlier ones."),
        Mistake(calls("zero_grad", "step"),
                "backward is missing: without loss.backward() there are no gradients, and "
                "optimizer.step() changes nothing."),
        Mistake(calls("zero_grad", "backward"),
                "step is missing: the gradients are computed, but optimizer.step() has to use "
                "them."),
        Mistake(calls("backward", "zero_grad", "step"),
                "The order is wrong: zero_grad comes after backward and erases the gradients "
                "before step can use them. Call zero_grad, backward, step."),
        Mistake(calls("zero_grad", "step", "backward"),
                "The order is wrong: step comes before backward, when there is no gradient yet. "
                "Call zero_grad, backward, step."),
        Mistake(calls("step", "zero_grad", "backward"),
                "The order is wrong: step comes first and uses the gradients of the batch before. "
                "Call zero_grad, backward, step."),
        Mistake(calls("step", "backward", "zero_grad"),
                "The order is wrong: step comes first, and finds no gradients. Call zero_grad, "
                "backward, step."),
        Mistake(calls(),
                "The loss is computed, but the model does not learn from it. Call "
                "optimizer.zero_grad(), loss.backward() and optimizer.step()."),
        Mistake(step(draw=lambda m, s, e: reparameterized(m, s, e).detach()),
                "z is detached, or drawn without the reparameterisation trick: the distortion "
                "cannot teach the encoder. Write z = mean + exp(½ logvar) · eps, and do not "
                "detach it."),
        Mistake(step(draw=lambda m, s, e: m + (0.5 * s.detach()).exp() * e),
                "logvar is detached where z is drawn: the distortion cannot teach the encoder how "
                "wide q should be."),
        Mistake(step(draw=lambda m, s, e: m.detach() + (0.5 * s).exp() * e),
                "The mean is detached where z is drawn: the distortion cannot teach the encoder "
                "where q should be."),
        Mistake(step(draw=lambda m, s, e: m.clone()),
                "z is always the mean: the noise eps is not used. Write z = mean + exp(½ logvar) · "
                "eps."),
        Mistake(step(draw=lambda m, s, e: m + e),
                "The noise is not scaled. The standard deviation is exp(½ logvar): multiply eps "
                "by it."),
        Mistake(step(draw=lambda m, s, e: m + s.exp() * e),
                "You scaled the noise by exp(logvar), the variance. The standard deviation is its "
                "square root, exp(½ logvar)."),
        Mistake(step(draw=lambda m, s, e: m + s * e),
                "You scaled the noise by logvar itself. The standard deviation is exp(½ logvar)."),
        Mistake(step(draw=lambda m, s, e: m + 0.5 * s * e),
                "½ logvar is the log of the standard deviation. Take exp of it."),
        Mistake(step(draw=lambda m, s, e: m + 0.5 * s.exp() * e),
                "The ½ is outside the exponential. It belongs inside: exp(½ logvar)."),
        Mistake(step(draw=lambda m, s, e: m + (-0.5 * s).exp() * e),
                "The sign in the exponent is wrong: exp(−½ logvar) is one over the standard "
                "deviation."),
        Mistake(step(draw=lambda m, s, e: m + F.softplus(s) * e),
                "softplus makes a number positive, but it does not undo a log. logvar is the log "
                "of the variance: the standard deviation is exp(½ logvar)."),
        Mistake(step(draw=lambda m, s, e: s + (0.5 * m).exp() * e),
                "mean and logvar are exchanged where z is drawn. encode returns mean first."),
        Mistake(step(draw=lambda m, s, e: (0.5 * s).exp() * e),
                "The mean is missing from z. Add it to the scaled noise."),
        Mistake(step(draw=lambda m, s, e: e.clone()),
                "z is the noise itself: scale it by exp(½ logvar), and add the mean."),
        Mistake(step(loss=lambda x, logits, m, s: -loss(x, logits, m, s)),
                "Your step goes uphill: an optimiser lowers the number on which backward is "
                "called, and you called it on minus the loss."),
        Mistake(step(loss=lambda x, logits, m, s: loss(x, logits.sigmoid(), m, s)),
                "You took the sigmoid of the logits. The cross entropy with logits takes it "
                "itself: hand it what decode returns."),
        Mistake(step(loss=lambda x, logits, m, s: loss(logits, x, m, s)),
                "logits and x are exchanged in the cross entropy. PyTorch's function takes the "
                "logits first, our distortion(x, logits) takes x first."),
        Mistake(lambda model, optimizer, x, eps: model(x, eps),
                "The model cannot be called as a whole: call its encode and its decode."),
        Mistake(step(update=lambda optimizer, loss: loss.item().backward()),
                "You took .item() before backward. A plain number has no gradient: call backward "
                "on the tensor, and .item() at the end."),
    ]


training_step = StepExercise(
    "training_step",
    step_of(),
    [
        *_mistakes_of_a_step(negative_elbo),
        Mistake(_with_loss(lambda ce, kl: (ce.mean(-1) + kl.sum(-1)).mean()),
                "The distortion is averaged over the pixels. It is a sum over them; with a mean "
                "the KL weighs as many times too much as there are pixels."),
        Mistake(_with_loss(lambda ce, kl: ce.mean() + kl.mean()),
                "Both terms are averaged over everything. Sum over the pixels and over the "
                "latents, and average over the images alone."),
        Mistake(_with_loss(lambda ce, kl: (ce.sum(-1) + kl.mean(-1)).mean()),
                "The rate is averaged over the latents. It is a sum over them."),
        Mistake(_with_loss(lambda ce, kl: ce.sum() + kl.sum()),
                "The loss is summed over the batch. Average it over the images, so that it does "
                "not depend on the batch size."),
        Mistake(_with_loss(lambda ce, kl: ce.sum(-1) + kl.sum(-1)),
                "backward needs one number, and there is one loss for each image. Take the mean "
                "over the batch."),
        Mistake(_with_loss(lambda ce, kl: (ce.sum(-1) - kl.sum(-1)).mean()),
                "The sign of the KL is wrong. The loss is distortion + rate: both should become "
                "small."),
        Mistake(_with_loss(lambda ce, kl: (kl.sum(-1) - ce.sum(-1)).mean()),
                "The sign of the distortion is wrong. It is −log p(x|z), which the loss has to "
                "lower: distortion + rate."),
        Mistake(_with_loss(lambda ce, kl: ce.sum(-1).mean()),
                "The rate is missing: this trains an autoencoder, in which reducing the noise to "
                "0 costs nothing. The loss is distortion + rate."),
        Mistake(_with_loss(lambda ce, kl: kl.sum(-1).mean()),
                "The distortion is missing: nothing tells the model what the images look like."),
    ],
    [
        "Four things happen: encode x, draw z with eps, decode z, and lower distortion + rate.",
        "Which two functions from above give the terms of the loss? They return one number for "
        "each image: what do you do before you call backward? And in which order do zero_grad, "
        "backward and step belong, so that each step uses the gradients of its own batch alone?",
        "z = mean + (0.5 * logvar).exp() * eps. The loss is (distortion(x, logits) + rate(mean, "
        "logvar)).mean(). Then optimizer.zero_grad(), loss.backward(), optimizer.step(), and "
        "return loss.item().",
    ],
)


def _original_loss(x, logits, mean, logvar):
    return cross_entropy(x, logits).mean() + 0.1 * kl(mean, logvar).mean()


original_step = StepExercise(
    "original_step",
    step_of(loss=_original_loss),
    [
        *_mistakes_of_a_step(_original_loss),
        Mistake(step_of(),
                "This is the step from above, which lowers the −ELBO. Change its loss: a mean "
                "over batch and pixels, plus 0.1 times a mean over batch and latents."),
        Mistake(_with_loss(lambda ce, kl: ce.mean() + kl.mean()),
                "The weight is missing: multiply the KL by 0.1."),
        Mistake(_with_loss(lambda ce, kl: (ce.sum(-1) + 0.1 * kl.sum(-1)).mean()),
                "Both terms are still summed, over pixels and over latents. The recipe averages "
                "over them as well as over the batch."),
        Mistake(_with_loss(lambda ce, kl: ce.mean() + 0.1 * kl.sum(-1).mean()),
                "The KL is still summed over the latents. distortion and rate sum; the recipe "
                "averages over batch and latents: kl.mean()."),
        Mistake(_with_loss(lambda ce, kl: ce.sum(-1).mean() + 0.1 * kl.mean()),
                "The cross entropy is still summed over the pixels. F's default, "
                'reduction="mean", averages over batch and pixels.'),
        Mistake(_with_loss(lambda ce, kl: ce.sum() + 0.1 * kl.mean()),
                "The cross entropy is summed over batch and pixels. F's default, "
                'reduction="mean", averages over both.'),
        Mistake(_with_loss(lambda ce, kl: 0.1 * ce.mean() + kl.mean()),
                "You multiplied the wrong term by 0.1: it is the weight of the KL."),
        Mistake(_with_loss(lambda ce, kl: ce.mean() + 0.1 * kl.sum()),
                "The KL is summed over batch and latents. The recipe averages it over both."),
        Mistake(_with_loss(lambda ce, kl: ce.mean() - 0.1 * kl.mean()),
                "The sign of the KL is wrong. It is added."),
        Mistake(_with_loss(lambda ce, kl: ce.mean()),
                "The KL is missing: 0.1 times its mean is added."),
    ],
    [
        "Copy your training step. Only the line that computes the loss changes.",
        "F.binary_cross_entropy_with_logits(logits, x) is already the mean over batch and pixels.",
        "The KL of each latent is 0.5 * (mean**2 + logvar.exp() - 1 - logvar), [batch, 8]: add 0.1 "
        "times its .mean().",
    ],
)
_WEIGHT, _PIXELS, _LATENTS = 0.2, 32 * 32 * 3, 128
effective_beta = Quantity(
    "effective_beta",
    _WEIGHT * _PIXELS / (2 * _LATENTS),
    [
        (_WEIGHT, "This is the weight in the code. The two means are taken over different numbers "
         "of terms, so it is not β."),
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
        (9.8, "This is the original recipe's β, 0.1 · 784 / 8. Here the numbers of pixels and "
         "latents, the weight and the likelihood are different."),
        (0.0, "0 would leave the KL out. It has a weight of 0.2 in front of it."),
        (1.0, "1 would make it the ELBO. The weight is not 1 here."),
    ],
    [
        "Write the loss as a constant times (distortion + β · rate), both of them summed.",
        "The mean over P numbers divides the squared error by P, that over J latents the KL by J; "
        "the distortion of a Gaussian is the squared error divided by 2σ².",
        "β = weight · P / (2σ² J), with P = 32 · 32 · 3 and J = 128.",
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
        "Linear and Tanh do. Look for the heads that end in neither of them.",
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
         "KL(q ‖ posterior), with q's variance in the numerator."),
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
