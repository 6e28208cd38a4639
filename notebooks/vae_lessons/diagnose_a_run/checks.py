"""Exercises of notebook 11."""

import functools

import torch

from vae_helpers.check.exercise import Checked, Exercise, Mistake
from vae_helpers.check.laboratory import draw_from
from vae_helpers.check.runner import run, shown
from vae_lessons.diagnose_a_run import evidence, instruments, lab
from vae_lessons.diagnose_a_run.repair import first as repair_1  # noqa: F401
from vae_lessons.diagnose_a_run.repair import second as repair_2  # noqa: F401

_weights = instruments.loss_weights


def _logs():
    """Losses that are exact sums of their terms, as logs hold them, with several weights."""
    draw = draw_from(11)
    found = []
    for w_d, w_r in ((1.0, 1.0), (1 / 784, 0.1), (2.0, 9.0)):
        distortion, rate = 120 + 30 * draw(40), 15 + 4 * draw(40)
        found.append((w_d * distortion + w_r * rate, distortion, rate))
    return found


def _with_constant(loss, distortion, rate):
    ones = torch.ones_like(loss)
    return torch.linalg.lstsq(torch.stack([distortion, rate, ones], 1), loss).solution


loss_weights = Exercise(
    "loss_weights",
    _weights,
    _logs,
    [
        Mistake(lambda loss, d, r: _weights(loss, r, d),
                "The two weights are exchanged: the first belongs to the distortion."),
        Mistake(lambda loss, d, r: _weights(loss, d, r)[1] / _weights(loss, d, r)[0],
                "This is their ratio, the effective β. Return the two weights; the notebook "
                "divides them."),
        Mistake(lambda loss, d, r: torch.stack([(loss / d).mean(), (loss / r).mean()]),
                "You divide the whole loss by each term. Both terms make up the loss together: "
                "find the two weights that explain all rows at once."),
        Mistake(lambda loss, d, r: torch.stack([(loss @ d) / (d @ d), (loss @ r) / (r @ r)]),
                "You fit each term alone, so each weight also explains the other term. Fit both at "
                "once: one matrix with two columns."),
        Mistake(_with_constant,
                "A column of ones is too many: the loss has two terms and no constant."),
        Mistake(lambda loss, d, r: _with_constant(loss, d, r)[:2].flip(0),
                "The two weights are exchanged: the first belongs to the distortion."),
        Mistake(lambda loss, d, r: _weights(loss, d, r)[:, None],
                "The numbers are right, with an axis too many: return [2]. If you gave lstsq the "
                "loss as a column, take column 0 of the solution."),
        Mistake(lambda loss, d, r: torch.stack([d, r], 1) @ _weights(loss, d, r),
                "This is the loss again, as the fit explains it. Return the weights."),
    ],
    [
        "Each row of the log is one equation with the two unknown weights. There are many more "
        "rows than unknowns: a least-squares problem.",
        "Put distortion and rate side by side as the columns of a matrix [rows, 2].",
        "torch.linalg.lstsq(torch.stack([distortion, rate], 1), loss).solution",
    ],
)

CURES = (
    "nothing", "sum both terms", "smaller β", "smaller learning rate from the start",
    "larger learning rate", "more steps", "recompute running statistics", "exp(½ logvar)",
    "no ReLU on logvar",
)
RIGHT_CURES = {
    "healthy": {"nothing"},
    "hidden β": {"sum both terms", "smaller β"},
    "wanted collapse": {"smaller β"},
    "fallen into collapse": {"smaller learning rate from the start"},
    "stopped too early": {"larger learning rate", "more steps"},
    "lagging statistics": {"recompute running statistics", "more steps"},
    "wrong sampler": {"exp(½ logvar)"},
    "variance floor": {"no ReLU on logvar"},
}
USELESS = {  # what each cure does to a run that does not need it
    "nothing": "this run is ill: something must be changed",
    "sum both terms": "the loss of this run already adds up both terms",
    "smaller β": "with a smaller β the fault remains, and the loss is no longer −ELBO",
    "smaller learning rate from the start": "the learning rate did not do this",
    "larger learning rate": "−ELBO hardly falls any more, so the learning rate is not too small",
    "more steps": "more steps of the same training lead no further here",
    "recompute running statistics": "evaluation mode is not what makes this run ill",
    "exp(½ logvar)": "the log's distortion agrees with yours: the sampler is right",
    "no ReLU on logvar": "the variances of this run move freely",
}
USELESS_HERE = {  # where the sentence above would miss the point
    ("fallen into collapse", "smaller β"): "β is 1 already, and healthy runs with β = 1 do not "
                                           "collapse. Dead units stay dead, whatever β is",
    ("fallen into collapse", "more steps"): "dead units get no gradient, so more steps change "
                                            "nothing",
    ("wanted collapse", "sum both terms"): "both terms are sums already, and β stands in the loss",
    ("wanted collapse", "smaller learning rate from the start"):
        "at this β the loss is lowest without any active unit, so careful training ends there too",
    ("hidden β", "smaller learning rate from the start"):
        "the loss that is minimised wants the collapse, so careful training ends there too",
    ("stopped too early", "smaller learning rate from the start"):
        "that makes it slower still",
}
ENOUGH = {  # measurements that exclude all other conditions
    "healthy": ["better than the mean image"],
    "hidden β": ["loss weights"],
    "wanted collapse": ["loss weights"],
    "fallen into collapse": ["loss weights", "active units"],
    "stopped too early": ["decline"],
    "lagging statistics": ["evaluation mode"],
    "wrong sampler": ["log against own"],
    "variance floor": ["equal variances"],
}
MOST = 2  # measurements for one run


def key():
    """The answer to the exercise `diagnoses`, for the solution's cell."""
    return {letter: (condition, ENOUGH[condition], sorted(RIGHT_CURES[condition])[-1])
            for letter in lab.letters() for condition in [lab.condition_of(letter)]}


class Diagnoses(Checked):
    """Diagnoses of the anonymous runs, each with its evidence and cure, and the check of them.

    An answer is {letter: (condition, measurements, cure)}: a name of `lab.CONDITIONS`, one name of
    `evidence.INSTRUMENTS` or a list of two, and one of `CURES`; ``...`` for a run that is left
    open. The measurements must exclude every other condition: for each of them one measurement must
    read differently in at least nine of ten pairs of stored runs.
    """

    def _judge(self, answer):
        if answer is ...:
            return self._unanswered()
        found = run(_plain, (answer,)).value
        if not found:
            return self._failed('Expected {"A": (condition, measurements, cure), …}, one entry for '
                                f"each run; {shown(answer)} cannot be read.")
        unknown = [letter for letter in found if letter not in lab.letters()]
        if unknown:
            return self._failed(f"There is no run {unknown[0]!r}, only "
                                f"{', '.join(lab.letters())}.")
        given = {letter: parts for letter, parts in found.items() if parts is not ...}
        if not given:
            return self._unanswered()
        told = {letter: _told(letter, *parts) for letter, parts in sorted(given.items())}
        wrong = {letter: sentence for letter, sentence in told.items() if sentence}
        open_ = [letter for letter in lab.letters() if letter not in given]
        right = [letter for letter in told if letter not in wrong]
        start = f"{len(right)} of {len(lab.letters())} are right" + (
            f" ({', '.join(right)})" if right else "")
        rest = [f"{letter}: {sentence}" for letter, sentence in wrong.items()]
        rest += [f"Still open: {', '.join(open_)}."] * bool(open_)
        if rest:
            return self._failed(". ".join(part.rstrip(".") for part in [start, *rest]) + ".")
        return self._passed("All eight are right, and each time the evidence decides.")


def _plain(answer):
    """{letter: (condition, [measurements], cure) or ...}, raises an error if it cannot be read."""
    found = {}
    for letter, parts in dict(answer).items():
        parts = parts if parts is ... else tuple(parts)
        if parts is ... or any(part is ... for part in parts):
            found[_text(letter)] = ...
            continue
        condition, measurements, cure = parts
        named = [measurements] if isinstance(measurements, str) else list(measurements)
        found[_text(letter)] = _text(condition), [_text(name) for name in named], _text(cure)
    return found


def _text(part):
    """`part` as an ordinary string, with β and ½ for "beta" and "0.5"; or a `TypeError`."""
    text = "".join([part]).strip()
    return text.replace("beta", "β").replace("0.5 * ", "½ ").replace("0.5", "½")


@functools.cache
def _examined(letter):
    return instruments.examine(lab.anonymous(letter), *instruments.OURS)._asdict()


def _told(letter, condition, measurements, cure):
    """What is wrong with a diagnosis, in a sentence, or ""."""
    for name, known, what in ([condition, lab.CONDITIONS, "condition"], [cure, CURES, "cure"],
                              *([name, evidence.INSTRUMENTS, "measurement"]
                                for name in measurements)):
        if name not in known:
            return f"there is no {what} {name!r}; choose one of {', '.join(known)}."
    if len(measurements) > MOST:
        return f"give at most {MOST} measurements; two can decide each run."
    if condition != lab.condition_of(letter):
        return _contradiction(letter, condition)
    others = evidence.not_excluded(condition, measurements)
    if others:
        return (f"the condition is right, but this evidence does not decide. {_both(others)} "
                "would show the same. Which measurement differs between them?")
    if cure not in RIGHT_CURES[condition]:
        why = USELESS_HERE.get((condition, cure), USELESS[cure])
        return f"condition and evidence are right, the cure is not: {why}."
    return ""


def _contradiction(letter, condition):
    """The measurement of this run that fits the named condition least, in a sentence."""
    examined = _examined(letter)
    for name, instrument in evidence.INSTRUMENTS.items():
        word, share = evidence.usual(name, condition)
        here = instrument.read(examined)
        if share >= evidence.RELIABLE and here != word:
            return (f'{condition!r} does not fit. For it, the measurement "{name}" reads "{word}"; '
                    f'for this run it reads "{here}".')
    return f"{condition!r} does not fit."  # not reached: all are told apart


def _both(conditions):
    quoted = [f"{condition!r}" for condition in conditions]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " or " + quoted[-1]


diagnoses = Diagnoses("diagnoses", [
    "Begin with the loss weights: they say which loss was minimised. Then compare evaluation mode "
    "with training mode, and the log with your own distortion.",
    "Three runs have no active unit. The loss of two of them asks for that, and the loss of the "
    "third does not: look at the loss weights of all three.",
    "Each fault of the list makes the distortion higher than that of a healthy run. How much lower "
    "than the mean image's is the distortion of each run?",
])
