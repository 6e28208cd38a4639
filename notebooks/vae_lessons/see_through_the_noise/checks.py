"""Exercises of notebook 06."""

import math

from torch.nn import functional as F

from vae_helpers.check.exercise import Exercise, Mistake
from vae_helpers.check.laboratory import draw_from, mistakes_of_normal
from vae_helpers.check.quantity import Quantity
from vae_lessons.see_through_the_noise import lab
from vae_lessons.see_through_the_noise.recipes import RecipeExercise


def _posteriors():
    draw = draw_from(6)
    shapes = [(7, 3), (5, 2), (9, 4)]
    return [(1.5 * draw(*shape) + 2, draw(*shape) - 1) for shape in shapes]


def _ratio(signal, noise):
    """What somebody gets who takes these functions of mean and logvar for signal and noise."""
    return lambda mean, logvar: signal(mean) / noise(logvar)


def _var(mean):
    return mean.var(0)


def _noise(logvar):
    return logvar.exp().mean(0)


class EitherDivisor(Exercise):
    """An exercise in which a sum of squares may be divided by n − 1, as in PyTorch, or by n.

    over_n: the right function with n. The other arguments are those of `Exercise`.
    """

    def __init__(self, name, right, over_n, cases, mistakes, hints):
        super().__init__(name, right, cases, mistakes, hints)
        self._over_n = Exercise(name, over_n, cases, [], hints)

    def _compare(self, answer):
        result = super()._compare(answer)
        return result if result.passed or not self._over_n._compare(answer).passed else \
            self._passed("Right, on every input tried. (You divided the sum of squares by n; "
                         "PyTorch divides by n − 1. Either will do.)")


def _ratio_over_n(mean, logvar):
    return mean.var(0, correction=0) / _noise(logvar)


signal_to_noise = EitherDivisor(
    "signal_to_noise",
    lab.signal_to_noise,
    _ratio_over_n,
    _posteriors,
    [
        Mistake(lambda m, s: _noise(s) / _var(m),
                "This is noise-to-signal, the inverse: the variance of the mean goes on top."),
        Mistake(_ratio(_var, lambda s: (0.5 * s).exp().mean(0)),
                "The noise is a standard deviation, exp(½ logvar), and the signal a variance. "
                "Compare two variances."),
        Mistake(_ratio(lambda m: m.std(0), lambda s: (0.5 * s).exp().mean(0)),
                "These are standard deviations. Two variances are asked for."),
        Mistake(_ratio(lambda m: m.std(0), _noise),
                "The signal is a standard deviation, and the noise a variance. Compare two "
                "variances."),
        Mistake(lambda m, s: (_var(m) / _noise(s)).sqrt(),
                "This is the square root: a ratio of standard deviations. Two variances are asked "
                "for."),
        Mistake(_ratio(_var, lambda s: (0.5 * s).exp().mean(0) ** 2),
                "You averaged the standard deviations and squared the average. Average the "
                "variances, exp(logvar)."),
        Mistake(_ratio(_var, lambda s: (2 * s).exp().mean(0)),
                "exp(2 logvar) is the square of the variance. The noise is exp(logvar)."),
        Mistake(_ratio(_var, lambda s: s.exp().sum(0)),
                "You summed the posterior variances over the images. Average them."),
        Mistake(_ratio(lambda m: m.mean(0), lambda s: (0.5 * s).exp().mean(0)),
                "This is the mean over the standard deviation. The signal is how much the mean "
                "differs from image to image: its variance."),
        Mistake(_ratio(_var, lambda s: s.mean(0)),
                "You divided by the mean of logvar itself. The variance is exp(logvar)."),
        Mistake(_ratio(_var, lambda s: F.softplus(s).mean(0)),
                "You took softplus(logvar) for the variance. softplus does not undo a log: the "
                "variance is exp(logvar)."),
        Mistake(_ratio(_var, lambda s: (F.softplus(s) ** 2).mean(0)),
                "You took softplus(logvar) for the standard deviation. softplus does not undo a "
                "log: the variance is exp(logvar)."),
        Mistake(_ratio(_var, lambda s: s.abs().mean(0)),
                "You took |logvar| for the variance. The logarithm must be undone: the variance is "
                "exp(logvar)."),
        Mistake(_ratio(_var, lambda s: (s**2).mean(0)),
                "You took logvar for the standard deviation and squared it. The variance is "
                "exp(logvar)."),
        Mistake(_ratio(_var, lambda s: s.exp().amax(0)),
                "You divided by the largest posterior variance. Take the average over the images."),
        Mistake(_ratio(_var, lambda s: s.exp().mean()),
                "The noise is averaged over images and latents. Each latent has its own: reduce "
                "axis 0."),
        Mistake(lambda m, s: m.var() / _noise(s),
                "The signal is taken over images and latents. Each latent has its own: reduce axis "
                "0."),
        Mistake(_ratio(_var, lambda s: s.mean(0).exp()),
                "You averaged logvar first and took exp of it afterwards. That is the geometric "
                "mean; average the variances."),
        Mistake(lambda m, s: (_var(m) / s.exp()).mean(0),
                "You averaged the ratio over the images. Divide by the average of the variances."),
        Mistake(lambda m, s: _var(m) / s.exp(),
                "There is a ratio for every image. Average the posterior variance over them."),
        Mistake(_ratio(_var, lambda s: s.exp().var(0)),
                "You divided by how much the posterior variance varies over the images. Its mean "
                "is the noise."),
        Mistake(_ratio(lambda m: (m**2).mean(0), _noise),
                "The signal is the mean square of the mean. A mean that is the same for every "
                "image tells none apart: take its variance over the images."),
        Mistake(lambda m, s: (m**2 / s.exp()).mean(0),
                "You averaged mean²/variance over the images. The signal is how much the mean "
                "differs from image to image: its variance, divided by the average noise."),
        Mistake(_ratio(lambda m: m.abs().mean(0), _noise),
                "The signal is the average of |mean|. It should say how much the mean differs from "
                "image to image: its variance."),
        Mistake(_ratio(lambda m: m.abs().mean(0), lambda s: (0.5 * s).exp().mean(0)),
                "This is the average |mean| over the standard deviation. The signal is how much "
                "the mean differs from image to image: its variance."),
        Mistake(_ratio(lambda m: m.mean(0) ** 2, _noise),
                "The signal is the square of the average mean. It should say how much the mean "
                "differs from image to image: its variance."),
        Mistake(_ratio(lambda m: m.mean(0), _noise),
                "The signal is the average of the mean. It should say how much the mean differs "
                "from image to image: its variance."),
        Mistake(lambda m, s: m.var() / s.exp().mean(),
                "This is one number for all latents together. Each latent has its own: reduce "
                "axis 0, the images."),
        Mistake(lambda m, s: m.var(-1) / s.exp().mean(-1),
                "You reduced the latents. Reduce axis 0, the images: each latent has its ratio."),
        Mistake(lambda m, s: (_var(m) / _noise(s)).mean(),
                "You averaged over the latents. Each has its own ratio."),
        Mistake(lambda m, s: (_var(m) / _noise(s)).sum(),
                "You summed over the latents. Each has its own ratio."),
        Mistake(lambda m, s: _var(m) / (_noise(s) + _var(m)),
                "This is the share of the signal in the whole variance of z. Divide by the noise "
                "alone."),
        Mistake(lambda m, s: 10 * (_var(m) / _noise(s)).log10(),
                "These are decibels. The plain ratio is asked for."),
        Mistake(lambda m, s: (_var(m) / _noise(s)).log(),
                "This is the logarithm of the ratio. The plain ratio is asked for."),
        *mistakes_of_normal(lambda m, s: (m, s)),
    ],
    [
        "What differs from image to image is the signal; what differs from draw to draw is noise.",
        "Both are variances, one number a latent: reduce axis 0, the images.",
        "mean.var(0) divided by the average over images of exp(logvar).",
    ],
)
_COUNTS = (50, 30, 20)
_ALL = sum(_COUNTS)
_PAIRS = sum(n * (n - 1) for n in _COUNTS)
chance = Quantity(
    "chance",
    _PAIRS / (_ALL * (_ALL - 1)),
    [
        (1 / 3, "This is right for three classes of the same size. A big class meets itself more "
         "often, and more of the codes belong to it."),
        (sum((n / _ALL) ** 2 for n in _COUNTS), "Nearly: you let a code be its own neighbour. Of "
         "99 others, only n − 1 have the label of a code whose class has n."),
        (max(_COUNTS) / _ALL, "This is the share of the largest class: what always guessing it "
         "would get right. A neighbour is drawn from all classes."),
        (1 - _PAIRS / (_ALL * (_ALL - 1)), "This is the chance of another label."),
        (sum((n / _ALL) * ((n - 1) / _ALL) for n in _COUNTS), "Nearly: a code has 99 others, not "
         "100. (Or you rounded: three decimals are asked for.)"),
        (sum((n / _ALL) * (n / (_ALL - 1)) for n in _COUNTS), "Nearly: of a code's own class only "
         "n − 1 are others."),
        (0.1, "One in ten is the chance for ten classes of the same size."),
        (sum((n - 1) / (_ALL - 1) for n in _COUNTS) / 3, "You averaged over the three classes. "
         "Average over the codes: half of them belong to the first class."),
        (_PAIRS / (_ALL * (_ALL - 1)) / 2, "Half of it: you counted each pair once above and twice "
         "below the line."),
        (100 * _PAIRS / (_ALL * (_ALL - 1)), "A share is asked for, not per cent."),
    ],
    [
        "Take a code of the first class: how many of the 99 others share its label?",
        "49 of 99. Such a code comes up 50 times in 100; the other classes add theirs.",
        "0.5 · 49/99 + 0.3 · 29/99 + 0.2 · 19/99.",
    ],
    tolerance=0.002,
)


def _entropy(p):
    return -p * math.log(p) - (1 - p) * math.log(1 - p)


_P = (0.8, 0.4)  # the mean of five images of two pixels
blur = Quantity(
    "blur",
    sum(map(_entropy, _P)),
    [
        (sum(map(_entropy, _P)) / math.log(2), "These are bits. Nats are asked for: take the "
         "natural logarithm."),
        (sum(map(_entropy, _P)) / 2, "You averaged over the pixels. Sum over them."),
        (sum(map(_entropy, _P)) / 5, "The mean image holds the average over images already. Do not "
         "divide by five again."),
        (2 * sum(map(_entropy, _P)), "Twice as much: each pixel's entropy counts once."),
        (5 * sum(map(_entropy, _P)), "You summed over the five images. Average over them."),
        (2.5 * sum(map(_entropy, _P)), "You summed over the images and averaged over the pixels; "
         "it is the other way round."),
        (sum(-p * math.log(p) for p in _P), "You counted only the cost of pixels that are 1. A "
         "pixel that is 0 costs −log(1 − p)."),
        (sum(-(1 - p) * math.log(1 - p) for p in _P), "You counted only the cost of pixels that "
         "are 0. A pixel that is 1 costs −log p."),
        (sum(-math.log(p) for p in _P), "You took every pixel for 1. The first is 1 in four images "
         "of five, the second in two."),
        (sum(p * (1 - p) for p in _P), "These are variances, as for the squared error. The cross "
         "entropy is asked for."),
        (2 * _entropy(0.6), "You drew both pixels with the average of all, 0.6. Each pixel has "
         "its own mean."),
        (2 * math.log(2), "This is a decoder that gives ½ everywhere. The mean image does better."),
        (_entropy(0.8), "This is the first pixel alone."),
        (_entropy(0.4), "This is the second pixel alone."),
        (0.0, "A distortion of 0 needs a decoder that knows which image it draws."),
    ],
    [
        "What is the mean image? It has two numbers.",
        "0.8 and 0.4. A pixel that is 1 in a share p of the images, and drawn as p, costs "
        "−p log p − (1 − p) log(1 − p) on average.",
        "Add that up for p = 0.8 and p = 0.4.",
    ],
    tolerance=0.003,
)
_SIGNAL, _TARGET = 0.01, 4.0
narrow_start = Quantity(
    "narrow_start",
    math.log(_SIGNAL / _TARGET),
    [
        (_SIGNAL / _TARGET, "This is the variance. The head gives its logarithm."),
        (math.sqrt(_SIGNAL / _TARGET), "This is the standard deviation. The head gives the "
         "logarithm of the variance."),
        (0.5 * math.log(_SIGNAL / _TARGET), "This is the logarithm of the standard deviation. The "
         "head gives that of the variance, twice as much."),
        (math.log10(_SIGNAL / _TARGET), "You took the logarithm to base 10. exp belongs to the "
         "natural one."),
        (math.log2(_SIGNAL / _TARGET), "You took the logarithm to base 2. exp belongs to the "
         "natural one."),
        (math.log(_SIGNAL * _TARGET), "That makes the noise four times the signal. Divide by 4."),
        (math.log(_SIGNAL), "At this the signal-to-noise is 1."),
        (math.log(_SIGNAL / _TARGET**2), "That makes the signal 16 times the noise: 4 is a ratio "
         "of variances already."),
        (math.log(_SIGNAL / 2), "That makes the signal twice the noise: 4 is a ratio of variances, "
         "not of standard deviations."),
        (math.log(_SIGNAL**2 / _TARGET), "0.01 is a variance already: do not square it."),
        (math.log(_TARGET), "This leaves the means out, and turns the ratio upside down: the "
         "variance asked for is 0.01 / 4."),
        (math.log(math.sqrt(_SIGNAL) / _TARGET), "0.01 is a variance already: do not take its "
         "root."),
        (math.log(1 / _TARGET), "This would do if the means had variance 1. They have 0.01."),
    ],
    [
        "Which posterior variance makes 0.01 four times as large as it?",
        "0.01 / 4 = 0.0025. The head gives the logarithm of the variance.",
        "log 0.0025, the natural logarithm.",
    ],
    tolerance=0.02,
)


def good_recipe():
    """Batch norm, and a warm-up over two thirds of the budget."""
    return {"batch_norm": True, "warm_up": 100}


recipe = RecipeExercise("recipe", good_recipe, [
    Mistake(lambda: {},
            "These are the settings without any remedy. Change at least one."),
    Mistake(lambda: {"batch_norm": True, "steps": 300},
            "300 steps are more than the budget of 150. Nearly any recipe looks better with more "
            "steps: keep the budget, change the recipe."),
    Mistake(lambda: {"warm_up": 0.5},
            "warm_up and steps are whole numbers of steps."),
    Mistake(lambda: [("batch_norm", True)],
            'Return a dictionary of settings, such as {"learning_rate": 0.003}.'),
], [
    "Each remedy changes something else: which units stay alive, how loud the noise is at first, "
    "what the rate costs at first. So two of them together may do more than one.",
    "Which remedy gained most by the objective in the figure? Keep it, and add the second best.",
    'Batch norm, and a warm-up that ends within the budget: {"batch_norm": True, "warm_up": 100}.',
])
