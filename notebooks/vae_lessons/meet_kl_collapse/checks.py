"""Exercises of notebook 05."""

import torch

from vae_helpers.check.choice import Choice
from vae_helpers.check.exercise import Exercise, Mistake
from vae_helpers.check.laboratory import draw_from
from vae_helpers.check.quantity import Quantity


def free_bits_penalty(rates, free_bits):
    """What the rate costs with free bits: rates [batch, latent], nats per latent, to a number.

    Each latent's rate, averaged over the batch, costs at least `free_bits` (Kingma et al. 2016,
    appendix C.8).
    """
    return rates.mean(0).clamp(min=free_bits).sum()


def _penalty_cases():
    draw = draw_from(7)
    return [
        (draw(6, 4).square(), 0.8), (draw(3, 5).square(), 0.3), (0.7 * draw(5, 3).square(), 2.5),
        # Two latents sleep and two are busy: a floor for all together is another thing.
        (draw(8, 4).square() * torch.tensor([0.1, 0.3, 1.2, 2.0], dtype=torch.float64), 0.5),
    ]


penalty = Exercise(
    "penalty",
    free_bits_penalty,
    _penalty_cases,
    [
        Mistake(lambda r, f: r.clamp(min=f).mean(0).sum(),
                "You clamped each image's rate, and averaged afterwards. The average over the "
                "batch comes first: a latent may be free for one image and dear for another."),
        Mistake(lambda r, f: r.clamp(min=f).sum(),
                "You clamped each image's rate, and summed over the batch. Average over the batch "
                "first, clamp each latent, and sum over the latents."),
        Mistake(lambda r, f: r.clamp(min=f).mean(),
                "You clamped each image's rate, and averaged over everything. Average over the "
                "batch first, clamp each latent, and sum over the latents."),
        Mistake(lambda r, f: r.amax(0).clamp(min=f).sum(),
                "You took the largest rate of the batch. Average over the batch."),
        Mistake(lambda r, f: torch.max(r.mean(0), f),
                "torch.max refused the number: it compares a tensor with another tensor. "
                ".clamp(min=free_bits) takes a number."),
        Mistake(lambda r, f: torch.maximum(r.mean(0), f),
                "torch.maximum refused the number: it compares a tensor with another tensor. "
                ".clamp(min=free_bits) takes a number."),
        Mistake(lambda r, f: max(r.mean(0), f),
                "Python's max and if decide once, for a single number; a tensor holds many. "
                ".clamp(min=free_bits) compares each of them."),
        Mistake(lambda r, f: r.sum(-1).mean().clamp(min=f),
                "You gave the free nats to all latents together. Each latent has its own."),
        Mistake(lambda r, f: r.mean(0).sum().clamp(min=f * r.shape[1]),
                "You set one floor for all latents together. The floor is each latent's own: a "
                "busy latent must not pay for one that sleeps."),
        Mistake(lambda r, f: r.sum(-1).clamp(min=f).sum(),
                "You gave the free nats to each image as a whole, and summed over the images. They "
                "belong to each latent, averaged over the batch."),
        Mistake(lambda r, f: (r - f).clamp(min=0).sum(-1).mean(),
                "You subtracted the free nats from each image's rate. Average over the batch "
                "first; and the floor is a cost of free_bits, not of 0."),
        Mistake(lambda r, f: r.mean(0).sum() - f,
                "You subtracted the free nats, once for all. A floor is asked for: each latent's "
                "rate costs at least free_bits."),
        Mistake(lambda r, f: r.mean().clamp(min=f),
                "You averaged over images and latents alike. Average over the batch, clamp each "
                "latent, and sum over the latents."),
        Mistake(lambda r, f: r.sum(-1).clamp(min=f).mean(),
                "You gave the free nats to each image as a whole. They belong to each latent, "
                "averaged over the batch."),
        Mistake(lambda r, f: r.mean(0).clamp(max=f).sum(),
                "clamp(max=…) is a ceiling: it would make every nat above it free. A floor is "
                "asked for, clamp(min=…)."),
        Mistake(lambda r, f: (r.mean(0) - f).clamp(min=0).sum(),
                "You subtracted the free nats. The gradient is right, but the cost is too small by "
                "them: what is asked for is max(rate, free_bits) for each latent."),
        Mistake(lambda r, f: r.mean(0).clamp(min=f).mean(),
                "You averaged over the latents. A rate is a sum over them."),
        Mistake(lambda r, f: r.sum(0).clamp(min=f).sum(),
                "You summed over the batch. Average over it, then clamp, then sum over the "
                "latents."),
        Mistake(lambda r, f: r.mean(1).clamp(min=f).sum(),
                "You averaged over the latents and clamped for each image: the axes are exchanged. "
                "The batch is axis 0."),
        Mistake(lambda r, f: r.mean(0).clamp(min=f),
                "Each latent's cost is right. Sum them up."),
        Mistake(lambda r, f: r.mean(0).sum(), "free_bits is not used: this is the plain rate."),
        Mistake(lambda r, f: r.sum(-1).mean() + f,
                "You added the free nats to the rate. They are a floor, not a fee."),
        Mistake(lambda r, f: r.mean(0).clamp(min=f).sum().detach(),
                "The value is right, but it is detached: no gradient could lower the rate."),
        Mistake(lambda r, f: (r.mean(0) * (r.mean(0) > f)).sum(),
                "A latent below the floor costs you nothing, so the cost jumps at the floor. It "
                "must cost exactly free_bits there."),
    ],
    [
        "Average over the batch first. Which axis is that?",
        "A latent whose average rate is below free_bits costs free_bits. torch has a function for "
        "lower limits.",
        "rates.mean(0), then .clamp(min=free_bits), then .sum().",
    ],
    differentiable=(0,),
)
# The eigenvalues 3, 1.2, 0.6, 0.36, 0.252, 0.2 and 0.05 at σ² = 0.25; 0.252 is below 0.25 / 0.99.
dimensions = Quantity(
    "dimensions",
    {"number of surviving dimensions": 5, "number that the rule counts": 4},
    [
        ((5, 5), "0.252 survives, but its A_u is 1 − 0.25/0.252 = 0.008: the rule A_u > 0.01 "
         "does not see it."),
        ((4, 4), "0.252 is above σ² = 0.25, by a little. It survives, though the rule cannot see "
         "it."),
        ((4, 5), "The two are exchanged: the rule A_u > 0.01 can only count fewer."),
        ((2, 2), "You compared with 1. That is σ² = 1; here σ² is 0.25."),
        ((3, 3), "You compared with σ = 0.5. Eigenvalues are variances: compare them with σ² = "
         "0.25."),
        ((6, 5), "0.2 is below σ² = 0.25, so that direction is lost in the noise; and 0.252 "
         "survives, though the rule does not see it."),
        ((6, 4), "The second is right. For the first: 0.2 is below σ² = 0.25, so that direction "
         "is lost in the noise."),
        ((6, 6), "0.2 is below σ² = 0.25: that direction is lost in the noise."),
        ((7, 7), "That is all of them. A direction survives if its eigenvalue is above σ²."),
        ((2, 5), "These are the dimensions that die, or a count from the wrong end. Those with "
         "λ > σ² survive."),
        ((2, 3), "These are the numbers of dimensions that die. Count those that survive."),
        ((5, 3), "The first is right. For the second: A_u = 1 − σ²/λ is 0.31 at λ = 0.36, well "
         "above 0.01."),
        ((5, 7), "The first is right. For the second count latents whose A_u = 1 − σ²/λ exceeds "
         "0.01: never more than survive."),
    ],
    [
        "A direction survives if its eigenvalue exceeds σ².",
        "The rule sees A_u = 1 − σ²/λ, so it wants λ > σ²/0.99.",
        "Which eigenvalue lies between 0.25 and 0.2525?",
    ],
    tolerance=0.1,
)
slope = Quantity(
    "slope",
    4.0,
    [
        (0.25, "This is the rate's fall for each nat of distortion, upside down. β is what a nat "
         "of rate costs: the distortion's rise over the rate's fall."),
        (12.0, "This is the distortion's rise alone. Divide it by the rate's fall."),
        (3.0, "This is the rate's fall alone. Divide the distortion's rise by it."),
        (9.0, "This is the difference between the two −ELBOs at β = 1. Where are distortion + β "
         "· rate equal?"),
        (11.0, "This is A's distortion over its rate. The curve's slope needs both models."),
        (122 / 7, "This is B's distortion over its rate. The curve's slope needs both models."),
        (1.2, "This is the distortion's rise over A's rate. Divide it by the rate's fall, 10 − 7."),
        (1.0, "At β = 1 A has 120 and B 129. They are equal at another β."),
        (232 / 17, "You added where you should subtract: the slope is a ratio of differences."),
    ],
    [
        "Write distortion + β · rate for both models.",
        "110 + 10 β = 122 + 7 β. Solve for β.",
        "β = (122 − 110) / (10 − 7).",
    ],
    tolerance=0.02,
)
fair = Choice(
    "fair",
    "BDF",
    {
        "A": "the two objectives weigh the rate differently. The one with the smaller β is lower "
             "for the very same model.",
        "B": "both are measured by one objective, whatever they were trained with.",
        "C": "the distortion alone ignores what the code costs: it favours a small β.",
        "D": "two whole curves can be compared: one that lies below the other at every rate is "
             "better at every price of a nat.",
        "E": "the ruler is the same, but the images are not: figures on training images hide "
             "overfitting.",
        "F": "at one β the objective is one and the same, so its test value says which training "
             "found the better optimum.",
    },
    [
        "Is the same thing measured on both sides, on the same images?",
        "An objective with another β is another ruler. Which comparisons use a single one?",
        "Three of the six are fair.",
    ],
)
