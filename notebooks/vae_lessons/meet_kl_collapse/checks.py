"""Exercises of notebook 05."""

import torch

from vae_helpers.check.choice import Choice
from vae_helpers.check.exercise import Exercise, Mistake
from vae_helpers.check.laboratory import draw_from
from vae_helpers.check.quantity import Quantity


def loss_with_free_bits(distortion, rates, beta, free_bits):
    """The loss of a batch, distortion + β · rate, with free bits: one number, nats per image.

    distortion: [batch]; rates: [batch, latent]. Each latent's rate, averaged over the batch,
    counts as at least `free_bits` (Kingma et al. 2016, appendix C.8).
    """
    return distortion.mean() + beta * rates.mean(0).clamp(min=free_bits).sum()


def _cases():
    draw = draw_from(7)

    def case(batch, latent, beta, free_bits, scale=1.0):
        return draw(batch).square(), scale * draw(batch, latent).square(), beta, free_bits

    # With small rates alone a floor for the sum acts too. In the last case two latents have small
    # rates and two have large ones: one floor for all is another thing than one for each.
    scale = torch.tensor([0.1, 0.3, 1.2, 2.0], dtype=torch.float64)
    return [case(6, 4, 4.0, 0.8), case(3, 5, 0.5, 0.3), case(5, 3, 2.0, 2.5, 0.7),
            case(4, 3, 1.5, 0.5, 0.05), case(8, 4, 3.0, 0.5, scale)]


def _pays(cost):
    """A mistake in what the rate costs: distortion + β · cost(rates, free_bits)."""
    return lambda distortion, rates, beta, free_bits: (
        distortion.mean() + beta * cost(rates, free_bits))


free_bits_loss = Exercise(
    "free_bits_loss",
    loss_with_free_bits,
    _cases,
    [
        Mistake(_pays(lambda r, f: r.clamp(min=f).sum(-1).mean()),
                "You clamped the rate of each image, and averaged afterwards. Average over the "
                "batch first: the floor is for a latent's average rate. A latent may cost little "
                "for one image and much for another."),
        Mistake(_pays(lambda r, f: r.clamp(min=f).sum()),
                "You clamped the rate of each image, and summed over the batch. Average over the "
                "batch first, clamp each latent, and sum over the latents."),
        Mistake(_pays(lambda r, f: r.clamp(min=f).mean()),
                "You clamped the rate of each image, and averaged over everything. Average over "
                "the batch first, clamp each latent, and sum over the latents."),
        Mistake(_pays(lambda r, f: r.amax(0).clamp(min=f).sum()),
                "You took the largest rate of the batch. Average over the batch."),
        Mistake(_pays(lambda r, f: torch.max(r.mean(0), f)),
                "torch.max refused the number: it compares a tensor with another tensor. "
                ".clamp(min=free_bits) takes a number."),
        Mistake(_pays(lambda r, f: torch.maximum(r.mean(0), f)),
                "torch.maximum refused the number: it compares a tensor with another tensor. "
                ".clamp(min=free_bits) takes a number."),
        Mistake(_pays(lambda r, f: max(r.mean(0), f)),
                "Python's max and if decide once, for a single number; a tensor holds many. "
                ".clamp(min=free_bits) compares each of them."),
        Mistake(_pays(lambda r, f: r.sum(-1).mean().clamp(min=f)),
                "You set one floor for the sum over all latents. Each latent has its own: clamp "
                "before you sum over the latents."),
        Mistake(_pays(lambda r, f: r.mean(0).sum().clamp(min=f * r.shape[1])),
                "You set one floor for all latents together. Then a latent with a large rate "
                "pays for one that is not used. Clamp each latent before you sum."),
        Mistake(_pays(lambda r, f: r.sum(-1).clamp(min=f).sum()),
                "You set a floor for each image, and summed over the images. The floor belongs to "
                "each latent's rate, averaged over the batch."),
        Mistake(_pays(lambda r, f: r.sum(-1).clamp(min=f).mean()),
                "You set a floor for each image's whole rate. The floor belongs to each latent's "
                "rate, averaged over the batch."),
        Mistake(_pays(lambda r, f: (r - f).clamp(min=0).sum(-1).mean()),
                "You subtracted free_bits from the rate of each image. Average over the batch "
                "first; and the least cost is free_bits, not 0."),
        Mistake(_pays(lambda r, f: r.mean(0).sum() - f),
                "You subtracted free_bits once. A floor is asked for: each latent's rate counts as "
                "at least free_bits."),
        Mistake(_pays(lambda r, f: (r.mean(0) - f).sum()),
                "You subtracted free_bits from every latent's rate. This shifts the loss and "
                "changes no gradient. A floor is asked for: clamp(min=free_bits)."),
        Mistake(_pays(lambda r, f: r.mean().clamp(min=f)),
                "You averaged over images and latents alike. Average over the batch, clamp each "
                "latent, and sum over the latents."),
        Mistake(_pays(lambda r, f: r.mean(0).clamp(max=f).sum()),
                "clamp(max=…) is a ceiling: every nat above it would be free. A floor is asked "
                "for: clamp(min=…)."),
        Mistake(_pays(lambda r, f: (r.mean(0) - f).clamp(min=0).sum()),
                "You subtracted free_bits. The gradient is right, but the loss is too small: what "
                "is asked for is max(rate, free_bits) for each latent."),
        Mistake(_pays(lambda r, f: r.mean(0).clamp(min=f).mean()),
                "You averaged over the latents. The rate is a sum over them."),
        Mistake(_pays(lambda r, f: r.sum(0).clamp(min=f).sum()),
                "You summed the rates over the batch. Average over it, then clamp, then sum over "
                "the latents."),
        Mistake(_pays(lambda r, f: r.mean(1).clamp(min=f).sum()),
                "You averaged over the latents and clamped for each image: the axes are exchanged. "
                "The batch is axis 0."),
        Mistake(_pays(lambda r, f: r.mean(0).clamp(min=f)),
                "Each latent's cost is right. Sum them up."),
        Mistake(_pays(lambda r, f: r.mean(0).sum()),
                "free_bits is not used: this is the plain D + βR."),
        Mistake(_pays(lambda r, f: r.sum(-1).mean() + f),
                "You added free_bits to the rate. That changes no gradient. It is a floor: clamp."),
        Mistake(_pays(lambda r, f: (r.mean(0) + f).sum()),
                "You added free_bits to every latent's rate. That changes no gradient. It is a "
                "floor: clamp."),
        Mistake(_pays(lambda r, f: r.mean(0).clamp(min=f).sum().detach()),
                "The value is right, but the rate is detached: no gradient could lower it."),
        Mistake(_pays(lambda r, f: (r.mean(0) * (r.mean(0) > f)).sum()),
                "A latent below the floor counts as nothing, so the loss jumps at the floor. It "
                "must count as exactly free_bits there."),
        Mistake(lambda d, r, b, f: d.mean() + r.mean(0).clamp(min=f).sum(),
                "β is missing: it multiplies what the rate costs."),
        Mistake(lambda d, r, b, f: d.mean() + (b * r.mean(0)).clamp(min=f).sum(),
                "You clamped β times the rate. The floor is for the rate itself, in nats: clamp "
                "first, then multiply by β."),
        Mistake(lambda d, r, b, f: b * (d.mean() + r.mean(0).clamp(min=f).sum()),
                "β multiplies the distortion as well. It belongs to the rate alone."),
        Mistake(lambda d, r, b, f: d.clamp(min=f).mean() + b * r.sum(-1).mean(),
                "You clamped the distortion. The free bits belong to the rate."),
        Mistake(lambda d, r, b, f: d.mean().clamp(min=f) + b * r.mean(0).sum(),
                "You clamped the distortion. The free bits belong to the rate."),
        Mistake(lambda d, r, b, f: d.sum() + b * r.sum(0).clamp(min=f).sum(),
                "You summed over the batch, the distortion and the rates. Average both over it."),
        Mistake(lambda d, r, b, f: d.sum() + b * r.mean(0).clamp(min=f).sum(),
                "The distortion is summed over the batch. Average it."),
        Mistake(lambda d, r, b, f: d + b * r.mean(0).clamp(min=f).sum(),
                "There is one loss for each image: the distortion is not averaged over the "
                "batch."),
        Mistake(lambda d, r, b, f: d.mean() - b * r.mean(0).clamp(min=f).sum(),
                "The sign of the rate is wrong. It is added."),
        Mistake(lambda d, r, b, f: b * r.mean(0).clamp(min=f).sum(),
                "The distortion is missing."),
    ],
    [
        "Start from β times the rate, without free bits. In which order do you average over the "
        "batch and sum over the latents, if each latent needs a floor of its own?",
        "A latent whose average rate is below free_bits counts as free_bits. torch has a function "
        "for lower limits.",
        "distortion.mean() + beta * (…), where … is rates.mean(0), then .clamp(min=free_bits), "
        "then .sum().",
    ],
    differentiable=(0, 1),
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
        ((2, 5), "This is a count from the wrong end. Those with λ > σ² survive."),
        ((2, 3), "These are the numbers of dimensions that collapse. Count those that survive."),
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
    {"least β": 2.0, "largest β": 4.0},
    [
        ((0.5, 0.25), "These are the rate's falls for each nat of distortion, upside down. β is "
         "what a nat of rate costs: the distortion's rise over the rate's fall."),
        ((0.25, 0.5), "These are the rate's falls for each nat of distortion, upside down. β is "
         "what a nat of rate costs: the distortion's rise over the rate's fall."),
        ((4.0, 2.0), "Both slopes are right, but the smaller one comes first."),
        ((6.0, 12.0), "These are the distortion's rises alone. Divide each by the rate's fall."),
        ((3.0, 3.0), "This is the rate's fall alone, or the slope from A to C. Take the slope from "
         "A to B, and then that from B to C."),
        ((122 / 110, 122 / 104), "You divided one distortion by another. A slope is a difference "
         "of distortions over a difference of rates."),
        ((110 / 104, 122 / 110), "You divided one distortion by another. A slope is a difference "
         "of distortions over a difference of rates."),
        ((8.0, 11.0), "You divided a model's distortion by its own rate. A slope needs two "
         "models."),
        *((pair, "You divided a model's distortion by its own rate. A slope needs two models.")
          for pair in ((11.0, 17.4), (11.0, 122 / 7), (8.0, 17.4), (8.0, 122 / 7), (11.0, 11.0))),
        ((214 / 23, 232 / 17), "You added where you should subtract: a slope is a ratio of "
         "differences."),
        ((2.0, 3.0), "The first is right. The slope from A to C tells nothing about B; take the "
         "slope from B to C."),
        ((3.0, 4.0), "The second is right. The slope from A to C tells nothing about B; take the "
         "slope from A to B."),
    ],
    [
        "The slope between two models lies between their two β. B has a model on each side.",
        "From A to B the distortion rises by 6 and the rate falls by 3. B has the larger β of the "
        "two. And from B to C?",
        "(110 − 104) / (13 − 10) ≤ β ≤ (122 − 110) / (10 − 7).",
    ],
    tolerance=0.02,
)
fair = Choice(
    "fair",
    "BDF",
    {
        "A": "the two losses weigh the rate differently. The one with the smaller β is lower "
             "for the very same model.",
        "B": "both are measured by one loss, D + R, whatever they were trained with.",
        "C": "the distortion alone ignores the rate, so it favours a small β. It says who "
             "reconstructs better, not which model is better.",
        "D": "two whole curves can be compared: one that lies below the other at every rate is "
             "better at every β.",
        "E": "the measure is the same, but the images are not: numbers on training images "
             "hide overfitting.",
        "F": "both are measured by one loss, D + 4R, on the same images. It does not matter "
             "that β rose to 4 in one of the two runs.",
    },
    [
        "Is the same thing measured on both sides, on the same images?",
        "A loss with another β is another measure. Which comparisons use a single one?",
        "Three of the six are fair.",
    ],
)
