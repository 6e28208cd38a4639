"""Exercises of notebook 08."""

import math

import torch
from torch.nn import functional as F

from vae_helpers.check.exercise import Exercise, Mistake
from vae_helpers.check.laboratory import draw_from, mistakes_of_normal
from vae_helpers.check.quantity import Quantity
from vae_lessons.choose_a_log_variance import lab


def _errors():
    draw = draw_from(8)
    return [(2 * draw(*shape) + 0.3, draw(*shape) - 0.5) for shape in [(7,), (4, 3), (1, 2)]]


def _gradient(e, s):
    return lab.logvar_gradient(e, s.exp())


scale_gradient = Exercise(
    "scale_gradient",
    _gradient,
    _errors,
    [
        Mistake(lambda e, s: -_gradient(e, s),
                "This is the gradient of the log likelihood. The NLL has a minus in front."),
        Mistake(lambda e, s: lab.variance_gradient(e, s.exp()),
                "This is the gradient with respect to σ². With respect to log σ² it is σ² times "
                "that: the chain rule."),
        Mistake(lambda e, s: _gradient(e, s) * s.exp(),
                "You multiplied by σ² once too often: in terms of σ² the gradient is "
                "(1 − e²/σ²)/2σ², and times σ² that is ½(1 − e²/σ²)."),
        Mistake(lambda e, s: 2 * _gradient(e, s),
                "This is the gradient with respect to log σ. log σ² is twice that, so its gradient "
                "is half."),
        Mistake(lambda e, s: 0.5 * (1 - e**2 / s),
                "You divided by logvar. The variance is exp(logvar)."),
        Mistake(lambda e, s: 0.5 * (1 - e**2 / F.softplus(s)),
                "You took softplus(logvar) for the variance. softplus does not undo a log: the "
                "variance is exp(logvar)."),
        Mistake(lambda e, s: 0.5 * (1 - e**2 / s.abs()),
                "You took |logvar| for the variance. The logarithm must be undone: the variance is "
                "exp(logvar)."),
        Mistake(lambda e, s: 1 - e**2 / (2 * s).exp(),
                "You took exp(logvar) for the standard deviation. It is the variance: Normal wants "
                "exp(½ logvar)."),
        Mistake(lambda e, s: (1 - e**2 / s.exp()) / (0.5 * s).exp(),
                "This is the gradient with respect to σ. With respect to log σ² it is σ/2 times "
                "that: the chain rule."),
        Mistake(lambda e, s: 0.5 * (1 - e**2 * s.exp()),
                "The exponent has the wrong sign: divide e² by the variance, do not multiply."),
        Mistake(lambda e, s: 0.5 * (1 - e**2 / (0.5 * s).exp()),
                "You divided by the standard deviation, exp(½ logvar). Divide by the variance."),
        Mistake(lambda e, s: 0.5 * (1 - e**2 / (2 * s).exp()),
                "You divided by the variance squared. That belongs to the gradient with respect to "
                "σ²."),
        Mistake(lambda e, s: 0.5 * (1 - e / s.exp()), "The error is not squared."),
        Mistake(lambda e, s: 0.5 * (1 - e.abs() / s.exp()), "The error is not squared."),
        Mistake(lambda e, s: -0.5 * e**2 / s.exp(),
                "The ½ is missing, which comes from ½ logvar in the NLL. Without it the variance "
                "would grow for ever."),
        Mistake(lambda e, s: torch.full_like(s, 0.5),
                "This is the part from ½ logvar. e²/σ² depends on logvar too."),
        Mistake(lambda e, s: 0.5 * (1 + e**2 / s.exp()),
                "The sign of e²/σ² is wrong: exp(−logvar) falls as logvar rises."),
        Mistake(lambda e, s: 0.5 * (s - e**2 / s.exp()),
                "½ logvar was left as it is. Its gradient is ½."),
        Mistake(lambda e, s: 0.5 * (1 / s - e**2 / s.exp()),
                "You differentiated log(logvar). The NLL holds ½ logvar: the logarithm is taken."),
        Mistake(lambda e, s: 0.5 - e**2 / s.exp(),
                "The ½ belongs to the second term too: ½ e² exp(−logvar) stands in the NLL."),
        Mistake(lambda e, s: 1 - e**2 / (2 * s.exp()),
                "The ½ stands before the whole bracket: the first term's gradient is ½."),
        Mistake(lambda e, s: lab.nll(e, s.exp()),
                "This is the NLL itself. Its gradient with respect to logvar is asked for."),
        Mistake(lambda e, s: e / s.exp(),
                "This is the gradient with respect to the error, e/σ². The gradient with respect "
                "to logvar is asked for."),
        Mistake(lambda e, s: _gradient(e, s).mean(),
                "You averaged over the errors. Each error has its own gradient."),
        Mistake(lambda e, s: _gradient(e, s).sum(),
                "You summed over the errors. Each error has its own gradient."),
        *mistakes_of_normal(lambda e, s: (e, s)),
    ],
    [
        "NLL = ½ (log 2π + logvar + e² exp(−logvar)). Which terms hold logvar?",
        "½ logvar gives ½. The derivative of exp(−logvar) is −exp(−logvar).",
        "½ − ½ e² exp(−logvar).",
    ],
)
_START = 4.0  # σ = 2
_INVERSE = math.log(math.expm1(_START))
begin_at = Quantity(
    "begin_at",
    {"variance's": _START, "log variance's": math.log(_START), "softplus's": _INVERSE},
    [
        ((2.0, math.log(2), math.log(math.expm1(2))), "You took 2 for the variance. It is the "
         "standard deviation; all three heads give σ²."),
        ((_START, math.log(_START), _START), "Nearly: softplus(4) is 4.018. For large outputs "
         "softplus hardly changes them, but a little it does: solve log(1 + eᵃ) = 4."),
        ((_START, math.log(_START), math.log1p(math.exp(_START))), "The third is softplus(4). The "
         "output whose softplus is 4 is asked for: the inverse."),
        ((_START, math.log(_START), math.expm1(_START)), "The third lacks a logarithm: eᵃ is "
         "e⁴ − 1, so a is its logarithm."),
        ((_START, math.exp(_START), _INVERSE), "The second has exp where log belongs: "
         "exp(output) = 4."),
        ((_START, math.log10(_START), _INVERSE), "The second is the logarithm to base 10. exp "
         "belongs to the natural one."),
        ((_START, 0.5 * math.log(_START), _INVERSE), "The second is log σ. The head gives log σ², "
         "twice as much."),
        ((_START, _START, _START), "4 is right for the variance alone. The other two pass their "
         "output through exp or softplus."),
        ((2.0, 2.0, 2.0), "All three heads give σ², which is 4, and each its own way: solve for "
         "the output, head by head."),
        ((_START, math.log(_START), math.log(math.expm1(2))), "The third gives σ² = 2. The "
         "standard deviation is 2, so softplus must give 4."),
        ((2.0, math.log(_START), _INVERSE), "The first head gives the variance, not the standard "
         "deviation."),
        ((0.0, 0.0, 0.0), "Biases of 0 are what most code leaves. They begin at σ² = 1e-6 (on the "
         "guard), 1 and 0.69."),
        ((math.log(_START), _START, _INVERSE), "The first two are exchanged: the variance head "
         "gives σ² itself, the log variance head its logarithm."),
    ],
    [
        "What is σ²? Then solve for the output, head by head.",
        "σ² = 4. max(a, floor) = 4, exp(a) = 4, log(1 + exp(a)) = 4.",
        "4, log 4, and log(e⁴ − 1), which is a little below 4.",
    ],
    tolerance=0.004,
)
half_precision = Quantity(
    "half_precision",
    math.log(65504),
    [
        (65504.0, "This is the largest variance. Its logarithm is asked for."),
        (math.log2(65504), "This is the logarithm to base 2. exp belongs to the natural one."),
        (math.log10(65504), "This is the logarithm to base 10. exp belongs to the natural one."),
        (math.log(3.4028235e38), "This is float32's, and bfloat16's too, which has the same range. "
         "float16's largest number is 65504."),
        (0.5 * math.log(65504), "This is the log of the largest standard deviation. logvar is the "
         "log of the variance, and it is exp(logvar) that overflows."),
        (2 * math.log(65504), "This holds as long as only exp(½ logvar) is computed. The KL has "
         "exp(logvar) in it."),
        (math.log(2 * 65504), "The ½ stands in front of the bracket, and exp(logvar) has "
         "overflowed before it can help."),
        (16.0, "16 is the number of bits, and nearly log₂ 65504. The natural logarithm is asked "
         "for."),
        (math.log(32768), "You took the largest 16-bit whole number. float16 reaches 65504."),
    ],
    [
        "exp(logvar) must not exceed the largest number.",
        "Which number has 65504 as its exp?",
        "log 65504, the natural logarithm.",
    ],
    tolerance=0.02,
)


def _pictures():
    draw = draw_from(9)
    return [(draw(*shape).sigmoid(), draw(*shape).sigmoid() ** 2 + 0.05)
            for shape in [(5, 7), (3, 4), (2, 9)]]


def _squares(x, image):
    return (x - image) ** 2


def _best(x, image):
    return _squares(x, image).mean().log()


best_logvar = Exercise(
    "best_logvar",
    _best,
    _pictures,
    [
        Mistake(lambda x, i: _squares(x, i).mean(),
                "This is the best variance. Its logarithm is asked for."),
        Mistake(lambda x, i: _squares(x, i).mean().sqrt(),
                "This is the best standard deviation. The log of the variance is asked for."),
        Mistake(lambda x, i: _squares(x, i).mean().sqrt().log(),
                "This is log σ. logvar is log σ², twice as much."),
        Mistake(lambda x, i: 1 / _squares(x, i).mean(),
                "This is the best precision. The log of the variance is asked for."),
        Mistake(lambda x, i: _squares(x, i).mean().exp(),
                "You took exp where the logarithm belongs."),
        Mistake(lambda x, i: _squares(x, i).amax().log(),
                "You took the largest square. Average the squares."),
        Mistake(lambda x, i: (x - i).mean().square().log(),
                "You averaged the errors and squared the average, so that errors of different sign "
                "cancel. Square first."),
        Mistake(lambda x, i: (2 * math.pi * _squares(x, i).mean()).log(),
                "log 2π stands in the NLL, but it does not move the minimum: leave it out."),
        Mistake(lambda x, i: i.var().log(),
                "This is the variance of the decoder's image. The errors x − image count."),
        Mistake(lambda x, i: -_best(x, i),
                "The sign is flipped: this is the log of the precision, one over the variance."),
        Mistake(lambda x, i: _squares(x, i).log().mean(),
                "You averaged the logarithms. Average the squares, then take the logarithm."),
        Mistake(lambda x, i: (x - i).abs().mean().log(),
                "You averaged |x − image|, which is the best scale of a Laplace. A Gaussian wants "
                "the squares."),
        Mistake(lambda x, i: (x - i).abs().mean().square().log(),
                "You squared after averaging. Average the squares."),
        Mistake(lambda x, i: _squares(x, i).sum().log(),
                "You summed the squares. Divide by how many there are: each is one error."),
        Mistake(lambda x, i: _squares(x, i).sum(-1).mean().log(),
                "You summed over the pixels. A pixel's variance is asked for: average over the "
                "pixels too."),
        Mistake(lambda x, i: _squares(x, i).sum(0).mean().log(),
                "You summed over the images. Average over them too."),
        Mistake(lambda x, i: _squares(x, i).mean(-1).log(),
                "There is one for each image. All images and pixels share one."),
        Mistake(lambda x, i: _squares(x, i).mean(0).log(),
                "There is one for each pixel. All pixels share one."),
        Mistake(lambda x, i: _squares(x, i).mean(0).log().mean(),
                "You took the logarithm of each pixel's own and averaged those. Average all the "
                "squares first."),
        Mistake(lambda x, i: 2 * _best(x, i),
                "Twice too much: the mean of the squares is a variance already."),
        Mistake(lambda x, i: (x - i).std().log(),
                "This is log σ, and std takes the errors' mean off first. Take the mean of the "
                "plain squares, and its logarithm."),
        Mistake(lambda x, i: _squares(x, i).mean(-1).log().mean(),
                "You took the logarithm of each image's own and averaged those. Average all the "
                "squares first."),
        Mistake(lambda x, i: (x - i).var().log(),
                "var takes the errors' mean off first. The decoder's Gaussian is centred on its "
                "image: an error that all pixels share is an error too."),
        Mistake(lambda x, i: (x - i).var(correction=0).log(),
                "var takes the errors' mean off first. The decoder's Gaussian is centred on its "
                "image: average the plain squares."),
        Mistake(lambda x, i: x.var().log(),
                "This is the variance of the pixels. What is left when the image is taken off "
                "counts."),
        Mistake(lambda x, i: _squares(x, i).mean().log2(),
                "This is the logarithm to base 2. exp belongs to the natural one."),
        Mistake(lambda x, i: _squares(x, i).mean().log10(),
                "This is the logarithm to base 10. exp belongs to the natural one."),
        Mistake(lambda x, i: (0.5 * _squares(x, i).mean()).log(),
                "There is a ½ too many: with the gradient ½(1 − mean square/σ²) it falls out."),
    ],
    [
        "Where is the gradient with respect to logvar, ½(1 − e²/σ²), zero on average over all "
        "pixels?",
        "Where σ² is the mean of the squared errors, over all images and pixels.",
        "((x − image)**2).mean().log().",
    ],
)
_MEAN_SQUARE = 0.04
hidden_price = Quantity(
    "hidden_price",
    1 / _MEAN_SQUARE,
    [
        (_MEAN_SQUARE, "Upside down. Too wide a σ makes the errors cheap, so the rate counts more, "
         "not less."),
        (1 / math.sqrt(_MEAN_SQUARE), "This is the ratio of the standard deviations. In the NLL "
         "stand variances."),
        (math.sqrt(_MEAN_SQUARE), "This is the best σ. How much too wide is 1, as a ratio of "
         "variances?"),
        (0.5 / _MEAN_SQUARE, "The ½ stands in both losses and falls out of their ratio."),
        (2 / _MEAN_SQUARE, "The 2 of 2σ² stands in both losses and falls out of their ratio."),
        (784 / _MEAN_SQUARE, "Both distortions are sums over the same pixels: their number falls "
         "out."),
        (784 * _MEAN_SQUARE, "This is the squared error of a whole image. β compares two variances "
         "of a pixel."),
        (1 / _MEAN_SQUARE**2, "0.04 is a square already."),
        (1.0, "β = 1 stands in the code. With σ² = 0.04 the same code would mean it."),
        (-math.log(_MEAN_SQUARE), "This is how much log σ² is off. β is the ratio itself."),
    ],
    [
        "Write the loss, squared error/2σ² + rate, as a constant times (squared error/2m + "
        "β · rate), m being the matched variance.",
        "squared error/2σ² = (m/σ²) · squared error/2m. Take m/σ² out of both terms.",
        "β = σ²/m, with σ² = 1 and m = 0.04.",
    ],
    tolerance=0.004,
)
