"""Exercises of notebook 08."""

import math

import torch
from torch.nn import functional as F

from vae_helpers.check.exercise import Exercise, Mistake
from vae_helpers.check.laboratory import draw_from, mistakes_of_normal
from vae_helpers.check.quantity import Quantity
from vae_lessons.choose_a_log_variance import lab


def _residuals():
    draw = draw_from(8)
    return [(2 * draw(*shape) + 0.3, draw(*shape) - 0.5) for shape in [(7,), (4, 3), (1, 2)]]


def _gradient(r, s):
    return lab.logvar_gradient(r, s)


scale_gradient = Exercise(
    "scale_gradient",
    _gradient,
    _residuals,
    [
        Mistake(lambda r, s: -_gradient(r, s),
                "This is the gradient of the log likelihood. The NLL has a minus in front."),
        Mistake(lambda r, s: lab.variance_gradient(r, s.exp()),
                "This is the gradient with respect to σ². With respect to log σ² it is σ² times "
                "that: the chain rule."),
        Mistake(lambda r, s: _gradient(r, s) * s.exp(),
                "You multiplied by σ² once too often: in terms of σ² the gradient is "
                "(1 − r²/σ²)/(2σ²), and times σ² that is ½(1 − r²/σ²)."),
        Mistake(lambda r, s: 2 * _gradient(r, s),
                "This is the gradient with respect to log σ. log σ² is twice that, so its gradient "
                "is half."),
        Mistake(lambda r, s: 0.5 * (1 - r**2 / s),
                "You divided by logvar. The variance is exp(logvar)."),
        Mistake(lambda r, s: 0.5 * (1 - r**2 / F.softplus(s)),
                "You took softplus(logvar) for the variance. softplus does not undo a log: the "
                "variance is exp(logvar)."),
        Mistake(lambda r, s: 0.5 * (1 - r**2 / s.abs()),
                "You took |logvar| for the variance. The logarithm must be undone: the variance is "
                "exp(logvar)."),
        Mistake(lambda r, s: 1 - r**2 / (2 * s).exp(),
                "You took exp(logvar) for the standard deviation. It is the variance: Normal wants "
                "exp(½ logvar)."),
        Mistake(lambda r, s: (1 - r**2 / s.exp()) / (0.5 * s).exp(),
                "This is the gradient with respect to σ. With respect to log σ² it is σ/2 times "
                "that: the chain rule."),
        Mistake(lambda r, s: 0.5 * (1 - r**2 * s.exp()),
                "The exponent has the wrong sign: divide r² by the variance, do not multiply."),
        Mistake(lambda r, s: 0.5 * (1 - r**2 / (0.5 * s).exp()),
                "You divided by the standard deviation, exp(½ logvar). Divide by the variance."),
        Mistake(lambda r, s: 0.5 * (1 - r**2 / (2 * s).exp()),
                "You divided by the variance squared. That belongs to the gradient with respect to "
                "σ²."),
        Mistake(lambda r, s: 0.5 * (1 - r / s.exp()), "The residual is not squared."),
        Mistake(lambda r, s: 0.5 * (1 - r.abs() / s.exp()), "The residual is not squared."),
        Mistake(lambda r, s: -0.5 * r**2 / s.exp(),
                "The ½ is missing, which comes from ½ logvar in the NLL. Without it the variance "
                "would grow without end."),
        Mistake(lambda r, s: 0.5 * (1 + r**2 / s.exp()),
                "The sign of r²/σ² is wrong: exp(−logvar) falls as logvar rises."),
        Mistake(lambda r, s: 0.5 - r**2 / s.exp(),
                "The ½ belongs to the second term too: ½ r² exp(−logvar) stands in the NLL."),
        Mistake(lambda r, s: 1 - r**2 / (2 * s.exp()),
                "The ½ stands before the whole bracket: the first term's gradient is ½."),
        Mistake(lambda r, s: lab.nll(r, s.exp()),
                "This is the NLL itself. Its gradient with respect to logvar is asked for."),
        Mistake(lambda r, s: r / s.exp(),
                "This is the gradient with respect to the residual, r/σ². The gradient with "
                "respect to logvar is asked for."),
        Mistake(lambda r, s: _gradient(r, s).mean(),
                "You averaged over the residuals. Each residual has its own gradient."),
        Mistake(lambda r, s: _gradient(r, s).sum(),
                "You summed over the residuals. Each residual has its own gradient."),
        *mistakes_of_normal(lambda r, s: (r, s)),
    ],
    [
        "NLL = ½ (log 2π + logvar + r² exp(−logvar)). Which terms hold logvar?",
        "½ logvar gives ½. The derivative of exp(−logvar) is −exp(−logvar).",
        "½ − ½ r² exp(−logvar).",
    ],
)
_START = 4.0  # σ = 2
_INVERSE = math.log(math.expm1(_START))
begin_at = Quantity(
    "begin_at",
    {"variance's": _START, "log variance's": math.log(_START), "softplus's": _INVERSE},
    [
        ((2.0, math.log(2), math.log(math.expm1(2))), "You took 2 for the variance. It is the "
         "standard deviation; all three give σ²."),
        ((_START, math.log(_START), _START), "Nearly: softplus(4) is 4.018. For large outputs "
         "softplus hardly changes them, but a little it does: solve"
         " log(1 + exp(output)) = 4."),
        ((_START, math.log(_START), math.log1p(math.exp(_START))), "The third is softplus(4). The "
         "output whose softplus is 4 is asked for: the inverse."),
        ((_START, math.log(_START), math.expm1(_START)), "The third lacks a logarithm: "
         "exp(output) is exp(4) − 1."),
        ((_START, math.exp(_START), _INVERSE), "The second has exp where log belongs: "
         "exp(output) = 4."),
        ((_START, math.log10(_START), _INVERSE), "The second is the logarithm to base 10. exp "
         "belongs to the natural one."),
        ((_START, 0.5 * math.log(_START), _INVERSE), "The second is log σ. The output is log σ², "
         "twice as much."),
        ((_START, _START, _START), "4 is right for the variance alone. The other two pass their "
         "output through exp or softplus."),
        ((2.0, 2.0, 2.0), "All three give σ², which is 4, and each in its own way: "
         "solve for the output, one by one."),
        ((_START, math.log(_START), math.log(math.expm1(2))), "The third gives σ² = 2. The "
         "standard deviation is 2, so softplus must give 4."),
        ((2.0, math.log(_START), _INVERSE), "The first output is the variance, not the standard "
         "deviation."),
        ((0.0, 0.0, 0.0), "Biases of 0 are what most code leaves. They begin at σ² = 1e-6 (on the "
         "floor), 1 and 0.69."),
        ((math.log(_START), _START, _INVERSE), "The first two are exchanged: the first output is "
         "σ² itself, the second its logarithm."),
    ],
    [
        "What is σ²? Then solve for the output, one by one.",
        "σ² = 4. max(output, floor) = 4, exp(output) = 4, log(1 + exp(output)) = 4.",
        "4, log 4, and log(exp(4) − 1), which is a little below 4.",
    ],
    tolerance=0.004,
)

_LOG_FLOOR = math.log(lab.FLOOR)
_UNSAFE = (
    "The mathematics is right, but it does not survive in float32: exp overflows above 88.7. "
    "Take the larger of output and log 1e-6 out of the sum before exp, or see hint 2."
)


def _outputs():
    return [(torch.tensor([-1000.0, -110.0, -20.0, -14.0, -2.0, 0.0, 3.0, 87.0]),),
            (torch.tensor([[-13.0, 60.0], [110.0, 1000.0]]),)]


floored_logvar = Exercise(
    "floored_logvar",
    lab.floored_logvar,
    _outputs,
    [
        Mistake(lambda a: (a.exp() + lab.FLOOR).log(), _UNSAFE),
        Mistake(lambda a: torch.log1p(a.exp() / lab.FLOOR) + _LOG_FLOOR, _UNSAFE),
        Mistake(lambda a: a.exp() + lab.FLOOR,
                "This is the variance. The log variance is asked for."),
        Mistake(lambda a: a.clamp(min=_LOG_FLOOR),
                "This never goes below the floor, but where it clamps it passes no gradient: an "
                "output that is once below the floor stays there. Compute "
                "log(exp(output) + 1e-6)."),
        Mistake(lambda a: a.exp().clamp(min=lab.FLOOR).log(),
                "Where it clamps it passes no gradient: an output that is once below the floor "
                "stays there. And exp overflows above 88.7. Compute "
                "log(exp(output) + 1e-6)."),
        Mistake(lambda a: a.clamp(min=lab.FLOOR),
                "The floor of 1e-6 is one for the variance. The output is a log variance, "
                "which may be negative."),
        Mistake(lambda a: a + lab.FLOOR,
                "The floor is missing, or was added to the log variance. Add it to the variance, "
                "exp(output), and take the logarithm of the sum."),
        Mistake(lambda a: torch.logaddexp(a, torch.full_like(a, lab.FLOOR)),
                "This is log(exp(output) + 1), which is softplus. logaddexp takes logarithms: the "
                "floor of 1e-6 goes in as log 1e-6, which is −13.8."),
        Mistake(lambda a: (F.softplus(a) + lab.FLOOR).log(),
                "This is the log of softplus(a) + 1e-6. For a large output it is "
                "log(output), which gives up the reach of the logarithm. Use exp(output) + 1e-6."),
        Mistake(lambda a: F.softplus(a - _LOG_FLOOR),
                "Nearly: this is log(exp(output)/1e-6 + 1). Add log 1e-6 to it."),
        Mistake(lambda a: torch.logaddexp(a, torch.full_like(a, math.log10(lab.FLOOR))),
                "This is the logarithm to base 10. exp belongs to the natural one."),
        Mistake(lambda a: a.clamp(_LOG_FLOOR, 88.0),
                "A clamp at both ends passes no gradient outside: an output that is once thrown "
                "out stays there. Compute "
                "log(exp(output) + 1e-6)."),
    ],
    [
        "The variance is exp(output) + 1e-6. Find a way to its logarithm that does not compute "
        "exp(output) for a large output.",
        "log(exp(u) + exp(v)) is torch.logaddexp(u, v). Which v has exp(v) = 1e-6?",
        "torch.logaddexp(output, torch.full_like(output, math.log(FLOOR))).",
    ],
    differentiable=(0,),
)


def _fit_of(draw):
    """Stands for a training: it answers with a log variance that depends on the unit of r."""
    weights = draw(3, 1)

    def fit(x, r):
        size = r.square().mean()
        return weights * x.mean() + (size + 0.3).log() + r.abs().amax().sqrt()

    return fit


def _unit_cases():
    draw = draw_from(11)
    return [(_fit_of(draw), draw(9, 1), scale * draw(9, 1) + 0.2 * scale)
            for scale in (100.0, 0.01, 3.0)]


def _with_unit(s_of, back):
    """A wrong answer: divide by s_of(r), then put `back` onto what the fit found."""
    def wrong(fit, x, r):
        s = s_of(r)
        return back(fit(x, r / s), s)

    return wrong


def _rms(r):
    return r.square().mean().sqrt()


def _standardised(fit, x, r):
    return fit(x, (r - r.mean()) / r.std()) + 2 * r.std().log()


in_any_unit = Exercise(
    "in_any_unit",
    lab.in_any_unit,
    _unit_cases,
    [
        Mistake(_with_unit(_rms, lambda v, s: v),
                "The residuals were divided by rms, but the result was not put back: it is log σ² "
                "in the new unit. Variances are rms² times larger in the old one."),
        Mistake(_with_unit(_rms, lambda v, s: v + s.log()),
                "You added log rms. The variance changes by rms², its log by 2 log rms."),
        Mistake(_with_unit(_rms, lambda v, s: v - 2 * s.log()),
                "The sign is wrong: you divided r by rms, so σ² must be multiplied by rms²: "
                "add 2 log rms."),
        Mistake(_with_unit(_rms, lambda v, s: v - s.log()),
                "You subtracted log rms. Add it, twice: σ² must be multiplied by rms²."),
        Mistake(_with_unit(_rms, lambda v, s: v * s**2),
                "rms² multiplies the variance. fit returns its logarithm, to which 2 log rms is "
                "added."),
        Mistake(_with_unit(_rms, lambda v, s: v * s),
                "fit returns a logarithm: a factor of rms² on σ² is 2 log rms added to it."),
        Mistake(_with_unit(_rms, lambda v, s: v + s**2),
                "You added rms². A factor of rms² on σ² is 2 log rms added to its logarithm."),
        Mistake(_with_unit(lambda r: r.square().mean(), lambda v, s: v + s.log()),
                "You divided by the mean square. Divide by its root; then add 2 log rms."),
        Mistake(_with_unit(lambda r: r.square().mean(), lambda v, s: v + 2 * s.log()),
                "You divided by the mean square. Divide by its root."),
        Mistake(_with_unit(lambda r: r.std(), lambda v, s: v + 2 * s.log()),
                "std takes the residuals' mean off first. Use the root mean square, "
                "r.square().mean().sqrt()."),
        Mistake(_with_unit(lambda r: r.std(correction=0), lambda v, s: v + 2 * s.log()),
                "std takes the residuals' mean off first. Use the root mean square, "
                "r.square().mean().sqrt()."),
        Mistake(_standardised,
                "You took the residuals' mean off. The Gaussian's mean is 0, so only the size may "
                "change."),
        Mistake(_with_unit(lambda r: r.abs().mean(), lambda v, s: v + 2 * s.log()),
                "You divided by the mean of |r|. Use the root mean square."),
        Mistake(_with_unit(lambda r: 1 / _rms(r), lambda v, s: v + 2 * s.log()),
                "You multiplied by rms. Divide by it, so that the root mean square becomes 1."),
        Mistake(lambda fit, x, r: fit(x, r),
                "The residuals were fitted in their own unit. Divide them by rms first."),
        Mistake(lambda fit, x, r: fit(x / _rms(r), r / _rms(r)) + 2 * _rms(r).log(),
                "You divided x by rms too. Only the residuals change their unit."),
        Mistake(lambda fit, x, r: fit(x, r) + 2 * _rms(r).log(),
                "You fitted r itself. Fit r / rms."),
        Mistake(_with_unit(_rms, lambda v, s: (v + 2 * s.log()).exp()),
                "This is the variance. Return its logarithm."),
    ],
    [
        "Let rms be the root mean square of r. What does fit(x, r / rms) return, in which unit?",
        "σ² in the old unit is rms² times σ² in the new one. What does that do to log σ²?",
        "rms = r.square().mean().sqrt(), then fit(x, r / rms) + 2 * rms.log().",
    ],
)


def _pictures():
    draw = draw_from(9)
    return [(draw(*shape).sigmoid(), draw(*shape).sigmoid() ** 2 + 0.05)
            for shape in [(5, 7), (3, 4), (2, 9)]]


def _squares(x, image):
    return (x - image) ** 2


def _best(x, image):
    return lab.best_logvar(x, image)


best_logvar = Exercise(
    "best_logvar",
    lab.best_logvar,
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
                "You averaged the errors and squared the average, so errors of different sign "
                "cancel. Square first."),
        Mistake(lambda x, i: i.var().log(),
                "This is the variance of the decoder's image. The errors x − image count."),
        Mistake(lambda x, i: -_best(x, i),
                "The sign is flipped: this is the log of the precision, one over the variance."),
        Mistake(lambda x, i: _squares(x, i).log().mean(),
                "You averaged the logarithms. Average the squares, then take the logarithm."),
        Mistake(lambda x, i: (x - i).abs().mean().log(),
                "You averaged |x − image|, which is the best scale of a Laplace. A Gaussian wants "
                "the squares."),
        Mistake(lambda x, i: _squares(x, i).sum().log(),
                "You summed the squares. Divide by how many there are: each is one error."),
        Mistake(lambda x, i: _squares(x, i).sum(-1).mean().log(),
                "You summed over the pixels. A pixel's variance is asked for: average over the "
                "pixels too."),
        Mistake(lambda x, i: _squares(x, i).mean(-1).log(),
                "There is one for each image. All images and pixels share one."),
        Mistake(lambda x, i: _squares(x, i).mean(0).log(),
                "There is one for each pixel. All pixels share one."),
        Mistake(lambda x, i: (x - i).std().log(),
                "This is log σ, and std takes the errors' mean off first. Take the mean of the "
                "plain squares, and its logarithm."),
        Mistake(lambda x, i: (x - i).var().log(),
                "var takes the errors' mean off first. The decoder's Gaussian is centred on its "
                "image: an error that all pixels share is an error too."),
        Mistake(lambda x, i: (x - i).var(correction=0).log(),
                "var takes the errors' mean off first. The decoder's Gaussian is centred on its "
                "image: average the plain squares."),
        Mistake(lambda x, i: (0.5 * _squares(x, i).mean()).log(),
                "There is a ½ too many: with the gradient ½(1 − mean square/σ²) it falls out."),
    ],
    [
        "Where is the gradient with respect to logvar, ½(1 − r²/σ²), zero on average over all "
        "pixels?",
        "Where σ² is the mean of the squared errors, over all images and pixels.",
        "((x − image)**2).mean().log().",
    ],
)
