"""Exercises of notebook 09."""

import math

import torch
from torch.nn import functional as F

from vae_helpers.check.choice import Choice
from vae_helpers.check.exercise import Exercise, Mistake
from vae_helpers.check.laboratory import draw_from
from vae_helpers.check.quantity import Quantity
from vae_lessons.tour_the_latent_space import lab


def _middles(side):
    return (torch.arange(side, dtype=torch.float64) + 0.5) / side


def _through(places):
    """What somebody gets who sends these places of the unit interval through the inverse CDF."""
    return lambda side: torch.special.ndtri(places(side).double())


def _even(reach):
    return Mistake(
        lambda side: torch.linspace(-reach, reach, side),
        f"These are equal steps in z from −{reach} to {reach}. Cells of equal probability are "
        f"narrow where the prior is dense and wide outside: send even steps of the unit interval "
        "through the inverse CDF.")


def _counted(first, extra, text):
    return Mistake(_through(lambda side: (torch.arange(side) + first) / (side + extra)),
                   f"{text} Take the middles of the cells, (k + ½) / side.")


def _cut(low):
    return Mistake(
        _through(lambda side: torch.linspace(low, 1 - low, side)),
        f"Nearly: {low:g} to {1 - low:g} is a common choice, but its steps are not 1 / side. Take "
        f"the middles of the cells, (k + ½) / side.")


quantile_grid = Exercise(
    "quantile_grid",
    lab.quantile_grid,
    lambda: [(5,), (8,), (21,)],
    [
        *map(_even, (1, 2, 3, 4)),
        *map(_cut, (0.001, 0.01, 0.05, 0.1)),
        _counted(0, -1, "The ends 0 and 1 go to infinity: no finite z has probability 0 below it."),
        _counted(0, 0, "These are the lower edges of the cells, and the first one is at −∞."),
        _counted(1, 0, "These are the upper edges of the cells, and the last one is at ∞."),
        _counted(1, 1, "Nearly: these are the edges between side + 1 cells."),
        _counted(0.5, 1, "You divided by side + 1, but each of the cells is 1 / side wide."),
        _counted(0.5, -1, "You divided by side − 1, but each of the cells is 1 / side wide."),
        Mistake(_middles, "These are still places of the unit interval. Send them through the "
                "inverse CDF of N(0, 1)."),
        _counted(1.5, 0, "The last place is above 1, where the inverse CDF is NaN: k starts at 0."),
        Mistake(lambda side: torch.special.ndtr(_middles(side)),
                "This is the CDF. Its inverse is asked for: from a probability to z, ndtri."),
        Mistake(lambda side: torch.special.erfinv(2 * _middles(side) - 1),
                "A factor √2 is missing: the inverse CDF is √2 · erfinv(2u − 1)."),
        Mistake(lambda side: torch.logit(_middles(side)),
                "This is the inverse CDF of the logistic distribution. The prior is normal."),
        Mistake(lambda side: (-_middles(side) ** 2 / 2).exp() / math.sqrt(2 * math.pi),
                "This is the density. From a probability to z leads the inverse CDF, ndtri."),
        Mistake(lambda side: lab.quantile_grid(side).flip(0),
                "The order is reversed: the smallest comes first."),
    ],
    [
        "Cut the unit interval into `side` equal cells. Where are their middles?",
        "(torch.arange(side) + 0.5) / side. Which function leads from a probability to z?",
        "torch.special.ndtri of those middles.",
    ],
)


def _pictures():
    """Sums of a few soft strokes that lean to either side, none of them in the middle."""
    draw = draw_from(7)
    rows = torch.arange(28.0)[:, None]
    cases = []
    for n in (3, 5):
        lean, place, bend = draw(n, 1, 1), draw(n, 1, 1) + 9, 0.02 * draw(n, 1, 1)
        across = torch.arange(28.0) - place - lean * (16 - rows) - bend * (rows - 9) ** 2
        tall = ((rows - 15) / 8).pow(4).neg().exp()
        cases.append((((-(across / 4) ** 2).exp() * tall).float(),))  # [n, 28, 28]
    return cases


def _moments(pictures, weights=None):
    """The variance of height, that of the column, and their covariance: [n] each."""
    ink = pictures if weights is None else weights(pictures)
    places, total = torch.arange(28, dtype=pictures.dtype), ink.sum((1, 2))
    height = (-places[:, None]).expand(28, 28)
    column = places.expand(28, 28)

    def average(of):
        return (ink * of).sum((1, 2)) / total

    def about(of):
        return of - average(of)[:, None, None]

    up, right = about(height), about(column)
    return average(up**2), average(right**2), average(up * right)


def _principal_axis(pictures):
    tall, wide, both = _moments(pictures)
    return 0.5 * torch.atan2(2 * both, tall - wide)


def _about_the_frame(pictures):
    places = torch.arange(28, dtype=pictures.dtype) - 13.5
    return ((pictures * -places[:, None] * places).sum((1, 2))
            / (pictures * places[:, None] ** 2).sum((1, 2)))


def _of_the_batch(pictures):
    tall, _, both = _moments(pictures.mean(0, keepdim=True))
    return (both / tall).expand(len(pictures))


slant = Exercise(
    "slant",
    lab.slant,
    _pictures,
    [
        Mistake(lambda x: -lab.slant(x), "The sign is reversed: rows are counted downwards, so "
                "height = −row. A stroke that leans to the right has a positive slant."),
        Mistake(lambda x: _moments(x)[2] / _moments(x)[1],
                "You divided by the variance of the column: pixels upwards for each pixel to the "
                "right. Divide by the variance of the height."),
        Mistake(lambda x: -_moments(x)[2] / _moments(x)[1],
                "You divided by the variance of the column, and rows are counted downwards: height "
                "= −row. Divide by the variance of the height."),
        Mistake(lambda x: _moments(x)[2], "This is the covariance. Divide it by the variance of "
                "the height: then it is a slope, in pixels for each pixel upwards."),
        Mistake(lambda x: -_moments(x)[2], "This is the covariance of row and column. Height is "
                "−row, and the covariance still has to be divided by the variance of the height."),
        Mistake(lambda x: _moments(x)[2] / (_moments(x)[0] * _moments(x)[1]).sqrt(),
                "This is the correlation of height and column: a thin stroke has nearly 1 whatever "
                "its slope is. Divide the covariance by the variance of the height alone."),
        Mistake(lambda x: -_moments(x)[2] / (_moments(x)[0] * _moments(x)[1]).sqrt(),
                "This is the correlation of row and column. Height is −row; divide the covariance "
                "by the variance of the height alone."),
        Mistake(lambda x: _moments(x, lambda x: (x > 0.5).to(x.dtype))[2]
                / _moments(x, lambda x: (x > 0.5).to(x.dtype))[0],
                "You counted every pixel above 0.5 alike. Weight each pixel with its ink."),
        Mistake(lambda x: _moments(x, torch.ones_like)[2] / _moments(x, torch.ones_like)[0],
                "The ink is not used: this is the slant of the square of all pixels. Weight each "
                "pixel with its ink."),
        Mistake(_about_the_frame, "You measured from the middle of the frame. Measure from the "
                "ink's own mean height and mean column, or a digit that lies to one side looks "
                "slanted."),
        Mistake(lambda x: lab.slant(x).atan(), "This is the angle in radians. The slope itself is "
                "asked for: leave the arctangent out."),
        Mistake(lambda x: lab.slant(x).atan().rad2deg(), "This is the angle in degrees. The slope "
                "itself is asked for: leave the arctangent out."),
        Mistake(_principal_axis, "This is the angle of the principal axis, which lies flat for a "
                "wide digit. The slope of the column against the height is asked for."),
        Mistake(_of_the_batch, "All pictures of the batch have got one slant. Sum over the axes 1 "
                "and 2 alone, so that each picture keeps its own."),
    ],
    [
        "Take ink as a weight. What are the mean height and the mean column of a picture? Height "
        "is −row.",
        "height = −places[:, None] and column = places, each minus its mean weighted by ink, "
        "[n, 28, 28]. Then the weighted sums of height · column and of height².",
        "(x * height * column).sum((1, 2)) / (x * height**2).sum((1, 2)), with the means, such as "
        "(x * places).sum((1, 2)) / x.sum((1, 2)), taken off first.",
    ],
)


def _ends():
    # Square: a missing keepdim then gives wrong numbers, which can be named, and no error.
    draw = draw_from(9)
    ends = [(draw(4, 4), 2 * draw(4, 4), 0.3), (draw(9, 9), draw(9, 9), 0.5),
            (3 * draw(5, 5), draw(5, 5), 0.8)]
    # Short: a plain dot product lies between −1 and 1, and its arccosine can be named.
    return [(0.2 * first, 0.2 * second, t) for first, second, t in ends]


def _mixed(first, second, t, angle):
    return (((1 - t) * angle).sin() * first + (t * angle).sin() * second) / angle.sin()


def _angle(first, second):
    return F.cosine_similarity(first, second, dim=-1)[..., None].clamp(-1, 1).acos()


def _row(first, second):
    """The angles without an axis for the coordinates: [batch], which meets the wrong axis."""
    return _angle(first, second)[..., 0]


def _norm(z):
    return z.norm(dim=-1, keepdim=True)


def _unit(z):
    return z / _norm(z)


def _raw_dot(first, second, t):
    return _mixed(first, second, t, (first * second).sum(-1, keepdim=True).clamp(-1, 1).acos())


def _lengths(first, second, t):
    return (1 - t) * _norm(first) + t * _norm(second)


slerp = Exercise(
    "slerp",
    lab.slerp,
    _ends,
    [
        Mistake(torch.lerp, "This is linear interpolation. Weight the ends with sines of parts of "
                "the angle between them."),
        Mistake(_raw_dot, "The angle is taken from the plain dot product. Divide it by both "
                "lengths first: only then is it a cosine."),
        Mistake(lambda a, b, t: _mixed(_unit(a), _unit(b), t, _angle(a, b)),
                "The result has length 1. Use unit vectors to find the angle only, and mix the "
                "vectors themselves."),
        Mistake(lambda a, b, t: _lengths(a, b, t) * _unit(torch.lerp(a, b, t)),
                "This is linear interpolation, lengthened. Its middle is right for ends of "
                "equal length, but its steps are uneven in the angle."),
        Mistake(lambda a, b, t: _unit(torch.lerp(a, b, t)),
                "This is linear interpolation, scaled to length 1. Weight the ends with sines of "
                "parts of the angle between them; the result keeps about their lengths."),
        Mistake(lambda a, b, t: _mixed(a, b, t, _row(a, b)),
                "The angles have lost an axis: [batch] meets the coordinates, and not the rows. "
                "Keep it, [batch, 1], with keepdim=True or [:, None]."),
        Mistake(lambda a, b, t: _mixed(a, b, t, _row(a.T, b.T)),
                "The angle is taken along the batch, axis 0. Each row is a vector: reduce the last "
                "axis."),
        Mistake(lambda a, b, t: _mixed(
            a, b, t, ((a * b).sum(-1, keepdim=True) / (a.norm() * b.norm())).acos()),
                "The lengths are of the whole batch. Each row has its own: norm(dim=-1, "
                "keepdim=True)."),
        Mistake(lambda a, b, t: _lengths(a, b, t) * _mixed(_unit(a), _unit(b), t, _angle(a, b)),
                "You interpolate the length linearly and the direction on the arc. That is a "
                "reasonable path too, but not this formula, which mixes the vectors with their "
                "lengths."),
        Mistake(lambda a, b, t: _mixed(a, b, t, _angle(a, b)) * _angle(a, b).sin(),
                "The division by sin Ω is missing: at t = 0 the first end does not come out."),
        Mistake(lambda a, b, t: _mixed(b, a, t, _angle(a, b)),
                "The ends are exchanged: at t = 0 the path begins at `first`."),
        Mistake(lambda a, b, t: _mixed(a, b, t, _angle(a, b).cos()),
                "You took the cosine for the angle: an arccosine is missing."),
        Mistake(lambda a, b, t: _mixed(a, b, t, _angle(a, b) * 180 / math.pi),
                "The angle is in degrees, and sin wants radians."),
        Mistake(lambda a, b, t: _mixed(
            a, b, t, ((a * b).sum() / (a.norm() * b.norm())).clamp(-1, 1).acos()),
                "There is one angle for the whole batch. Each pair has its own: reduce the last "
                "axis alone."),
        Mistake(lambda a, b, t: (1 - t) ** 0.5 * a + t**0.5 * b,
                "These weights, √(1 − t) and √t, keep the length of ends at right angles. Use "
                "the angle between the ends."),
        Mistake(lambda a, b, t: math.cos(t * math.pi / 2) * a + math.sin(t * math.pi / 2) * b,
                "You took every pair of ends for orthogonal. Compute the angle between them."),
    ],
    [
        "What is the cosine of the angle Ω between two vectors? Each row of the batch has its own.",
        "Ω = acos(u·v / |u||v|), with keepdim so that it can multiply. Weights: sin((1−t)Ω) and "
        "sin(tΩ), both over sin Ω.",
        "F.cosine_similarity(first, second, dim=-1)[..., None].acos(), then the formula with "
        "first and second themselves.",
    ],
)
_DIMENSIONS = 100
midpoint_norm = Quantity(
    "midpoint_norm",
    math.sqrt(_DIMENSIONS / 2),
    [
        (math.sqrt(_DIMENSIONS), "This is the length of each end. The middle is nearer to the "
         "origin: half the sum of independent coordinates has half the variance."),
        (math.sqrt(_DIMENSIONS) / 2, "This is the length of half of one end. The middle is "
         "the sum of two such halves, and their squared lengths add up on average."),
        (_DIMENSIONS / 2, "This is the mean squared length. Take its root."),
        (math.sqrt(2 * _DIMENSIONS), "This is the length of the sum. The middle is half of it."),
        (_DIMENSIONS, "This is the mean squared length of an end."),
        (0.0, "The middle is 0 on average, but its length is not: each middle lies to some side."),
        (math.sqrt(0.5), "This is for one dimension, or as a share of an end's norm. There are "
                "100."),
        (math.sqrt(_DIMENSIONS) / math.sqrt(2) / 2, "Halved once too often: the variance of a "
         "coordinate of the middle is (1 + 1) / 4."),
    ],
    [
        "Take one coordinate: what is the variance of (u + v) / 2 for independent u, v ~ N(0, 1)?",
        "½. The squared length is the sum of 100 such squares.",
        "The root of 100 · ½.",
    ],
    tolerance=0.03,
)
_IMAGES, _RATE = 55_000, 16
covered = Quantity(
    "covered",
    100 * _IMAGES * math.exp(-_RATE),
    [
        (_IMAGES * math.exp(-_RATE), "This is the share itself. Give it in per cent."),
        (100 * math.exp(-_RATE), "This is the region of one image. There are 55,000."),
        (math.exp(-_RATE), "This is one image's region, as a share. There are 55,000. "
         "Give the answer in per cent."),
        (0.0, "Small, but not nothing. Are all 55,000 regions in it, and is it in per cent?"),
        (100 * _IMAGES * math.exp(-16.4), "You took the rate that was measured, 16.4. Suppose 16 "
         "here."),
        (100 * _IMAGES * 2.0**-_RATE, "You took bits. The rate is in nats: c = exp(−16)."),
        (100 * _IMAGES * 10.0**-_RATE, "You took powers of ten. It is in nats, c = exp(−16)."),
        (100.0, "They would be enough if exp(16) were at most 55,000. It is 8.9 million."),
        (100 * math.log(_IMAGES) / _RATE, "You divided the logarithms, 10.9 by 16. The regions "
         "add up, not their logarithms."),
        (100 * (1 - _IMAGES * math.exp(-_RATE)), "This is what is left uncovered, at least."),
        (100 * _IMAGES * math.exp(-_RATE / 2), "Half the rate is used: c = exp(−16)."),
        (100 * _IMAGES / _RATE, "The rate is a logarithm: a region has c = exp(−16), not 1/16."),
    ],
    [
        "−log c = 16. What share c does one image's region hold?",
        "c = exp(−16), about one in nine million. Regions that do not overlap add up.",
        "100 · 55,000 · exp(−16).",
    ],
    tolerance=0.02,
)
readable = Choice(
    "readable",
    {"A", "E"},
    {
        "A": "t-SNE tries to keep near neighbours, and nearly every nearest neighbour in its plane "
             "is among its ten nearest in the latent space.",
        "B": "t-SNE keeps distances in general only roughly: over all pairs of points, their "
             "correlation with the true distances is about 0.44, lower than PCA's.",
        "C": "t-SNE gives each point the same number of effective neighbours, wherever it lies. "
             "So the width of a group says little about how much its codes vary.",
        "D": "PCA shows two directions of ten, and digits that it mixes can be apart in the other "
             "eight. What does the k-NN purity of t-SNE's plane suggest?",
        "E": "labels are evidence from outside the picture: t-SNE never saw them. What stays at "
             "all perplexities and agrees with them is hardly made by t-SNE.",
    },
    [
        "t-SNE tries to keep near neighbours near, about as many as its perplexity says.",
        "Which of the five need what the picture does not keep, such as large distances?",
        "Two of the five hold: one about single neighbours, one that brings evidence from outside "
        "the picture.",
    ],
)
