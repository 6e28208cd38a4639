"""Exercises of notebook 07."""

import math

import torch
from torch.nn import functional as F

from vae_helpers.check.choice import Choice
from vae_helpers.check.exercise import Exercise, Mistake
from vae_helpers.check.laboratory import draw_from
from vae_helpers.check.quantity import Quantity
from vae_lessons.see_through_the_noise.checks import EitherDivisor
from vae_lessons.train_in_two_stages import lab, realism
from vae_lessons.train_in_two_stages.slips import SAMPLE_SLIPS, sample_cases


def _code_cases():
    draw = draw_from(7)
    shapes = [((5, 3), (9, 3)), ((4, 2), (6, 2)), ((3, 3), (8, 3))]
    return [(2 * draw(*a) + 1, 0.3 * draw(*b) * (1 + torch.arange(b[1])) - 2) for a, b in shapes]


def _over_n(codes, reference):
    return (codes - reference.mean(0)) / reference.std(0, correction=0)


standardise = EitherDivisor(
    "standardise",
    lab.standardise,
    _over_n,
    _code_cases,
    [
        Mistake(lambda c, r: (c - c.mean(0)) / c.std(0),
                "You took the mean and the spread of the codes at hand. Those of `reference`, the "
                "training images, are fixed once: the same code must always become the same "
                "number."),
        Mistake(lambda c, r: (c - c.mean()) / c.std(),
                "You took one mean and one spread, and those of the codes at hand. The reference "
                "decides, and each latent has its own: reduce axis 0 of `reference`."),
        Mistake(lambda c, r: F.batch_norm(c, None, None, training=True),
                "You normalised the batch by itself, as batch norm does in training. The mean and "
                "the spread of `reference` are fixed once: take those."),
        Mistake(lambda c, r: F.layer_norm(c, c.shape[1:]),
                "You normalised each image over its latents, as layer norm does. Standardise each "
                "latent over the images: axis 0, of the reference."),
        Mistake(lambda c, r: F.normalize(c, dim=1),
                "You gave each code the norm 1. Mean 0 and variance 1 of each latent are asked "
                "for."),
        Mistake(lambda c, r: c / r.abs().amax(0),
                "You divided by the largest size in the reference. Mean 0 and variance 1 are asked "
                "for."),
        Mistake(lambda c, r: (r - r.mean(0)) / r.std(0),
                "You standardised the reference itself. It is `codes` that are asked for."),
        Mistake(lambda c, r: (c - r.mean(0)) / c.std(0),
                "The mean is the reference's, the standard deviation that of the codes at hand. "
                "Take both from the reference."),
        Mistake(lambda c, r: (c - c.mean(0)) / r.std(0),
                "The standard deviation is the reference's, the mean that of the codes at hand. "
                "Take both from the reference."),
        Mistake(lambda c, r: (c - r.mean(0)) / r.var(0),
                "You divided by the variance. Divide by the standard deviation, its square root."),
        Mistake(lambda c, r: (c - r.mean(0)) / r.std(0).sqrt(),
                "You took a root too many: std is the square root of the variance already."),
        Mistake(lambda c, r: (c - r.mean(0)) / r.var(0).var(0).sqrt(),
                "You divided by the spread of the variances. Divide each latent by its own "
                "standard deviation."),
        Mistake(lambda c, r: c - r.mean(0),
                "The codes are centred, and their spread is as it was: divide by the standard "
                "deviation."),
        Mistake(lambda c, r: c / r.std(0),
                "The codes are scaled, and their mean is not 0: subtract the reference's mean."),
        Mistake(lambda c, r: c / r.std(0) - r.mean(0),
                "You divided first and subtracted a mean in the old unit. Subtract first, then "
                "divide."),
        Mistake(lambda c, r: (c - r.mean(0)) * r.std(0),
                "You multiplied by the standard deviation. Divide by it."),
        Mistake(lambda c, r: c * r.std(0) + r.mean(0),
                "This is the way back, from standardised codes to the decoder's."),
        Mistake(lambda c, r: (c - r.mean()) / r.std(),
                "You took one mean and one spread for all latents together. Each has its own: "
                "reduce axis 0, the images."),
        Mistake(lambda c, r: (c - r.mean(0)) / r.std(),
                "The standard deviation is one number for all latents. Each has its own: reduce "
                "axis 0."),
        Mistake(lambda c, r: (c - r.mean()) / r.std(0),
                "The mean is one number for all latents. Each has its own: reduce axis 0."),
        Mistake(lambda c, r: (c - c.mean(1, keepdim=True)) / c.std(1, keepdim=True),
                "You standardised each image over its latents. Standardise each latent over the "
                "images: axis 0, of the reference."),
        Mistake(lambda c, r: (c - r.amin(0)) / (r.amax(0) - r.amin(0)),
                "This stretches the reference to 0 … 1. Mean 0 and variance 1 are asked for."),
        Mistake(lambda c, r: (r.mean(0) - c) / r.std(0),
                "The sign is flipped: the mean is subtracted from the code, not the code from it."),
        Mistake(lambda c, r: _whiten(c, r),
                "This whitens: it turns the codes until they are uncorrelated too. Only mean 0 and "
                "variance 1 of each latent are asked for."),
        Mistake(lambda c, r: c.clone(), "The codes are unchanged."),
    ],
    [
        "Which images fix the mean and the standard deviation, so that a code never depends on its "
        "batch?",
        "The mean and the standard deviation of each latent over the reference: axis 0.",
        "(codes - reference.mean(0)) / reference.std(0).",
    ],
)


def _whiten(codes, reference):
    root = torch.linalg.cholesky(torch.cov(reference.T))
    return torch.linalg.solve_triangular(root, (codes - reference.mean(0)).T, upper=False).T


sample = Exercise(
    "sample",
    lab.sample,
    sample_cases,
    SAMPLE_SLIPS,
    [
        "There are three steps: from w to a standardised code, from there to a code, from there "
        "to logits.",
        "The second decoder is a Gaussian: second.decode(w) is its mean, second.variance its "
        "variance. A draw from it is the mean plus the standard deviation times eps.",
        "code = second.decode(w) + second.variance.sqrt() * eps, then first.decode(code * "
        "reference.std(0) + reference.mean(0)).",
    ],
)


def _precision(samples, real, k):
    return samples.new_tensor(realism.covered(samples, real, k))


def _within(radii, distance, reduce="any"):
    """The share of rows of a distance [n, m] that lie within the radii [m]."""
    inside = distance <= radii
    return (inside.any(1) if reduce == "any" else inside.all(1)).double().mean()


def _radii(points, k):
    return torch.cdist(points, points).kthvalue(k, dim=1).values


def _nearest_ball(samples, real, k):
    distance, nearest = torch.cdist(samples, real).min(1)  # [n] each
    return (distance <= _radii(real, k + 1)[nearest]).double().mean()


def _precision_cases():
    draw = draw_from(17)
    edge = torch.tensor([[2.0], [11.0], [20.0]]), torch.tensor([[0.0], [1.0], [7.0], [9.0]]), 1
    return [(1.4 * draw(n, d) + shift, draw(m, d), k)
            for n, m, d, k, shift in [(30, 25, 2, 3, 0.5), (20, 30, 3, 2, 0.3), (40, 20, 2, 1, 0)]
            ] + [edge]  # 2 and 11 lie on the edges of the balls around 1 and 9


precision = Exercise(
    "precision",
    _precision,
    _precision_cases,
    [
        Mistake(lambda x, r, k: _precision(r, x, k),
                "This is recall: the share of real pictures in balls around samples. Precision "
                "asks of each sample whether it lies in a real one's ball."),
        Mistake(lambda x, r, k: _within(_radii(r, k), torch.cdist(x, r)),
                "Each real picture is counted as its own first neighbour, so that your balls reach "
                "to neighbour k − 1. Skip the distance 0."),
        Mistake(lambda x, r, k: _within(_radii(r, k + 2), torch.cdist(x, r)),
                "Your balls reach to neighbour k + 1. The picture itself is one entry, not two."),
        Mistake(lambda x, r, k: (torch.cdist(x, r) < _radii(r, k + 1)).any(1).double().mean(),
                "A picture on the edge of a ball lies in it: <= in place of <. (A ball of "
                "radius 0, around one of several copies of a picture, still holds the copies.)"),
        Mistake(_nearest_ball,
                "You asked the ball of the nearest real picture alone. It may be small, and a "
                "larger one farther off may hold the sample: any ball counts."),
        Mistake(lambda x, r, k: _within(
                    torch.cdist(r, r).sort(1).values[:, 1:k + 1].mean(1), torch.cdist(x, r)),
                "Your radius is the average distance of the k neighbours. It is that of the k-th."),
        Mistake(lambda x, r, k: _within(_radii(r, k + 1), torch.cdist(x, r), "all"),
                "You ask for samples that lie in every ball. One ball is enough."),
        Mistake(lambda x, r, k: (torch.cdist(x, r) <= _radii(r, k + 1)).double().mean(),
                "You averaged over all pairs. A sample counts once, if it lies in any ball: "
                "reduce the real ones by any, then average."),
        Mistake(lambda x, r, k: (torch.cdist(x, r) <= _radii(r, k + 1)).any(1).double().sum(),
                "This is a number of pictures. A share is asked for: divide by how many "
                "samples there are."),
        Mistake(lambda x, r, k: (torch.cdist(x, r) <= _radii(r, k + 1)).any(0).double().mean(),
                "This is the share of balls that hold a sample. Ask it of the "
                "samples: the other axis. (Naeem et al. 2020 call yours coverage.)"),
        Mistake(lambda x, r, k: 1 - _precision(x, r, k),
                "This is the share that lies outside. Precision is the share inside."),
        Mistake(lambda x, r, k: _within(_radii(r, k + 1).mean(), torch.cdist(x, r)),
                "All your balls have the same size. Each real picture's reaches to its own k-th "
                "neighbour."),
        Mistake(lambda x, r, k: _within(_radii(r, k + 1).max(), torch.cdist(x, r)),
                "All your balls have the size of the largest. Each real picture's reaches to its "
                "own k-th neighbour."),
        Mistake(lambda x, r, k: _within(_radii(x, k + 1)[:, None], torch.cdist(x, r)),
                "Your balls stand around the samples. They belong around the real ones, "
                "with radii from distances among real pictures."),
        Mistake(lambda x, r, k: _within(torch.cdist(r, x).kthvalue(k, dim=1).values,
                                        torch.cdist(x, r)),
                "Your radii reach to the k-th sample. They must come from distances among "
                "real pictures, or every set fills its own balls."),
        Mistake(lambda x, r, k: _within(_radii(r, k + 1) ** 2, torch.cdist(x, r)),
                "You compare a distance with a squared radius. Square both or neither."),
        Mistake(lambda x, r, k: 100 * _precision(x, r, k),
                "A share is asked for, not per cent."),
        Mistake(lambda x, r, k: _within(_radii(r, 4), torch.cdist(x, r)),
                "Your k is always 3. Use the k you are given."),
    ],
    [
        "Two tables of distances are needed: real to real for the radii, samples to real for the "
        "test.",
        "torch.cdist(real, real).kthvalue(k + 1, dim=1).values is the radius of each ball: each "
        "picture is its own nearest at distance 0, so the k-th neighbour is entry k + 1.",
        "(torch.cdist(samples, real) <= radii).any(1).double().mean().",
    ],
)
_SHIFT, _SDS = 3.0, (2.0, 4.0)
frechet = Quantity(
    "frechet",
    _SHIFT**2 + (_SDS[0] - _SDS[1]) ** 2,
    [
        (_SHIFT + (_SDS[0] - _SDS[1]) ** 2, "The means' difference must be squared."),
        (_SHIFT**2 + abs(_SDS[0] - _SDS[1]), "The difference of the standard deviations must be "
         "squared."),
        (_SHIFT + abs(_SDS[0] - _SDS[1]), "Both differences must be squared, that of the means and "
         "that of the standard deviations."),
        (_SHIFT**2, "This is the means' part alone. The spreads differ too."),
        ((_SDS[0] - _SDS[1]) ** 2, "This is the spreads' part alone. The means differ too."),
        (_SHIFT**2 + (_SDS[0] ** 2 - _SDS[1] ** 2) ** 2, "You squared the difference of the "
         "variances. 4 + 16 − 2 √(4 · 16) is the square of the difference of standard deviations."),
        (_SHIFT**2 + _SDS[0] ** 2 + _SDS[1] ** 2, "The term −2 √(4 · 16) is missing."),
        (_SHIFT**2 + _SDS[0] ** 2 + _SDS[1] ** 2 - _SDS[0] * _SDS[1], "√(4 · 16) is subtracted "
         "twice."),
        (_SHIFT**2 + _SDS[0] ** 2 + _SDS[1] ** 2 - 2 * (_SDS[0] * _SDS[1]) ** 2, "The square root "
         "is missing: subtract 2 √(4 · 16)."),
        (_SHIFT**2 + (math.sqrt(_SDS[0]) - math.sqrt(_SDS[1])) ** 2, "You took 4 and 16 as fourth "
         "powers. They are variances: the standard deviations are 2 and 4."),
        (math.sqrt(_SHIFT**2 + (_SDS[0] - _SDS[1]) ** 2), "This is the square root. The formula, "
         "like the FID in papers, leaves the square."),
    ],
    [
        "In one dimension the covariances are numbers: |m₁ − m₂|² + v₁ + v₂ − 2 √(v₁ v₂).",
        "The last three terms are (√v₁ − √v₂)².",
        "3² + (2 − 4)².",
    ],
    tolerance=0.002,
)
_LATENTS, _UNIT = 12, 5.0
code_unit = Quantity(
    "code_unit",
    _LATENTS * math.log(_UNIT),
    [
        (0.0, "The pictures do not change, and the density of the codes does: the same share of "
         "probability lies in a smaller volume."),
        (math.log(_UNIT), "This is one latent's share. There are twelve."),
        (_LATENTS * _UNIT, "The density is multiplied by 5 for each latent. The ELBO counts its "
         "logarithm."),
        (_UNIT**_LATENTS, "This is the factor of the density. The ELBO counts its logarithm."),
        (2 * _LATENTS * math.log(_UNIT), "Twice too much. The density goes with the standard "
         "deviation, 5 times smaller, not with the variance."),
        (0.5 * _LATENTS * math.log(_UNIT), "Half of it. log N holds ½ log variance, and the "
         "variance is 25 times smaller."),
        (_LATENTS * math.log10(_UNIT), "Nats take the natural logarithm."),
        (_LATENTS * math.log2(_UNIT), "These are bits. Nats take the natural logarithm."),
        (math.log(_LATENTS * _UNIT), "The factors of twelve latents are multiplied: 5¹², not "
         "12 · 5."),
        (_UNIT * math.log(_LATENTS), "5 and 12 have changed places: each of the 12 "
         "numbers adds log 5."),
        (-_LATENTS * math.log(_UNIT), "The sign: dividing the codes crowds them, so that their "
         "density rises."),
        (16 * math.log(_UNIT), "The notebook's codes have 16 latents, these have 12."),
        (_LATENTS * math.log(10), "The notebook multiplied by 10. Here somebody divides by 5."),
    ],
    [
        "The codes lie in a smaller volume. What happens to a density when all is crowded "
        "together?",
        "Each latent's density is multiplied by 5, so that of a code is by 5¹². Its logarithm?",
        "12 · log 5, and it rises.",
    ],
    tolerance=0.02,
)
bounds = Choice(
    "bounds",
    "DE",
    {
        "A": "this is log p(x|z) at the code that the encoder has chosen for x. The model seldom "
             "draws such a code, and A does not subtract a rate for that.",
        "B": "the second stage's ELBO bounds the log density of a code, not of an image. In "
             "another unit of code it is another number.",
        "C": "the entropy of q(z|x) is missing in this sum, and for a code that is a point it is "
             "−∞. In another unit of code the sum is another number.",
        "D": "here q(w, z|x) = q(w|x) p(z|w), whose KL to the model's prior is that of w alone. It "
             "is an ELBO of the whole model. An untrained q makes it loose, and a bound it stays.",
        "E": "the log of an average over the model's own draws is below log p(x) on average, as "
             "the importance-weighted bound with the prior as its q.",
        "F": "the second stage's ELBO counts a standardised code here, the entropy one in its own "
             "unit. Multiply all codes by 10: the entropy rises by log 10 for each number, and "
             "nothing falls. Subtract Σ log(standard deviation), and it is the chained bound.",
    },
    [
        "Would the quantity change if all codes were multiplied by 10? log p(x) would not.",
        "An ELBO is the average of log p(x, latents) − log q(latents|x). The latents are w and z.",
        "Two belong: one takes q(w|x) p(z|w), one takes the prior as q.",
    ],
)
