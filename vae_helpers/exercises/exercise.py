"""What a check is: an answer compared with the right one and with known wrong ones."""

import html
import inspect
import math
from typing import Callable, NamedTuple

import torch

from vae_helpers.exercises.diagnosis import describe, same
from vae_helpers.exercises.runner import run


class Mistake(NamedTuple):
    """A wrong answer that real people give: what it computes, and what to tell them."""

    wrong: Callable
    diagnosis: str


class Result:
    """The outcome of a check: `state` is "unanswered", "passed" or "failed".

    `verdicts` keeps the last result of every check.
    """

    def __init__(self, name, state, diagnosis):
        self.name, self.state, self.diagnosis = name, state, diagnosis

    @property
    def passed(self):
        """True for a right answer."""
        return self.state == "passed"

    def __repr__(self):
        return f"check {self.name}: {self.state}. {self.diagnosis}"

    def _repr_html_(self):
        colour = {"passed": "#117733", "failed": "#AA3322"}.get(self.state, "#777777")
        return (
            f'<div style="border-left: 4px solid {colour}; padding: 0.3em 0.8em">'
            f"<b>{html.escape(self.name)}: {self.state}</b><br>"
            f"{html.escape(self.diagnosis)}</div>"
        )


verdicts = {}  # {check's name: its last Result}, whether that was displayed, printed or assigned


class Checked:
    """What all checks have in common: a name, graded hints, and how results are made.

    A kind of check defines `_judge(answer)`, which returns a `Result`.
    """

    def __init__(self, name, hints):
        self.name, self.hints = name, hints

    def __call__(self, answer):
        """Compare `answer` with the right one; returns a `Result`, kept in `verdicts` as well."""
        verdicts[self.name] = result = self._judge(answer)
        return result

    def hint(self, number=1):
        """Print hint `number`, counted from 1."""
        if not 1 <= number <= len(self.hints):
            raise ValueError(f"{self.name} has hints 1 to {len(self.hints)}, got {number}.")
        print(f"Hint {number} of {len(self.hints)}: {self.hints[number - 1]}")

    def _unanswered(self):
        return Result(self.name, "unanswered", "Replace the ... by your own code, then run again.")

    def _passed(self, diagnosis):
        return Result(self.name, "passed", diagnosis)

    def _failed(self, diagnosis):
        return Result(self.name, "failed", diagnosis)


class Exercise(Checked):
    """A function for the learner to write, and the check of it.

    right: the function asked for. cases: a function without arguments that makes the list of
    argument tuples, from a fixed seed. mistakes: the known wrong answers. hints: from gentle
    to nearly the answer, shown by ``check.NAME.hint(1)`` and so on. differentiable: the
    positions of arguments that a gradient must reach.
    """

    def __init__(self, name, right, cases, mistakes, hints, differentiable=()):
        super().__init__(name, hints)
        self._right, self._cases = right, cases
        self._mistakes, self._differentiable = mistakes, differentiable

    def _judge(self, answer):
        if answer is ...:
            return self._unanswered()
        if not callable(answer):
            kind = type(answer).__name__
            return self._failed(f"A function is expected; this is a value of type {kind}.")
        found = []
        for arguments in self._cases():
            outcome = run(answer, arguments)
            if outcome.trouble:
                return self._failed(outcome.trouble)
            if outcome.value is ...:
                return self._unanswered()
            found.append(outcome.value)
        expected = self._values(self._right)
        if all(map(same, found, expected)):
            return self._gradients(answer)
        for mistake in self._mistakes:
            if all(map(same, found, self._values(mistake.wrong))):
                return self._failed(mistake.diagnosis)
        return self._failed(describe(found, expected) + self._unused(answer, found[0]))

    def _values(self, function):
        return [function(*arguments) for arguments in self._cases()]

    def _names(self):
        return list(inspect.signature(self._right).parameters)

    def _unused(self, answer, found):
        """Which argument of the first case the answer does not depend on, in words."""
        for position, name in enumerate(self._names()):
            arguments = list(self._cases()[0])
            argument = arguments[position]
            if not isinstance(argument, torch.Tensor) or not argument.is_floating_point():
                continue
            arguments[position] = 1.3 * argument.flip(0) + 0.1  # other numbers of the same kind
            outcome = run(answer, arguments)
            if not outcome.trouble and same(outcome.value, found):
                return f" The result does not depend on {name}: use the {name} you are given."
        return ""

    def _gradients(self, answer):
        """Right in value; is it right in what gradients it lets through?"""
        if not self._differentiable:
            return self._passed("Right, on every input tried.")
        outcome = run(self._gradients_of, (answer,))
        if outcome.trouble:
            return self._failed(outcome.trouble)
        found, expected = outcome.value, self._gradients_of(self._right)
        if all(map(same, found, expected)):
            return self._passed("Right, on every input tried, and gradients come through.")
        for mistake in self._mistakes:
            right_value = all(map(same, self._values(mistake.wrong), self._values(self._right)))
            if right_value and all(map(_alike, found, self._gradients_of(mistake.wrong))):
                return self._failed(mistake.diagnosis)
        lost = [self._names()[position]
                for position, gradient in zip(self._differentiable, found) if gradient is None]
        if lost:
            return self._failed(
                f"The values are right, but no gradient reaches {' and '.join(lost)}: was "
                "something detached, or drawn without reparameterising?"
            )
        return self._failed(
            "The values are right, the gradients are not: was something detached that should "
            "not be, or not detached that should?"
        )

    def _gradients_of(self, function):
        """The gradients of the first case's result, None where none comes through."""
        arguments = list(self._cases()[0])
        for position in self._differentiable:
            arguments[position] = arguments[position].clone().requires_grad_()
        asked = [arguments[position] for position in self._differentiable]
        value = function(*arguments).sum()
        if not value.requires_grad:
            return [None for _ in asked]
        return torch.autograd.grad(value, asked, allow_unused=True)


def _alike(found, expected):
    """Two gradients, each of which may be missing."""
    return found is expected is None or same(found, expected)


class Quantity(Checked):
    """A number for the learner to find, or several, and the check of it.

    right: the number, or {name: number}, which is answered by a tuple in that order.
    mistakes: [(wrong, diagnosis)], wrong a number or a tuple. An answer counts within
    `tolerance` of each number; of the mistakes within it the nearest is named.
    """

    def __init__(self, name, right, mistakes, hints, tolerance):
        super().__init__(name, hints)
        self._parts = right if isinstance(right, dict) else {name: right}
        self._mistakes, self._tolerance = mistakes, tolerance

    def _judge(self, answer):
        if answer is ... or (isinstance(answer, (tuple, list)) and _holds_stub(answer)):
            return self._unanswered()
        wanted = list(self._parts.values())
        try:
            found = _numbers(answer)
        except (TypeError, ValueError, RuntimeError, OverflowError):
            return self._failed(f"{_count(wanted)} expected; {answer!r} cannot be read so.")
        if len(found) != len(wanted):
            return self._failed(f"{_count(wanted)} expected, got {len(found)}.")
        if self._distance(found, wanted) <= self._tolerance:
            return self._passed("Right.")
        ranked = [(self._distance(found, _numbers(wrong)), diagnosis)
                  for wrong, diagnosis in self._mistakes]
        ranked.append((self._distance(found, [-number for number in wanted]),
                       "The sign is flipped."))
        distance, diagnosis = min(ranked)
        if distance <= self._tolerance:
            return self._failed(diagnosis)
        return self._failed(self._partly(found) + f"Try check.{self.name}.hint(1).")

    def _partly(self, found):
        """What can be said of an answer that is none of the usual slips."""
        right = [name for name, a, b in zip(self._parts, found, self._parts.values())
                 if abs(a - b) <= self._tolerance]
        if right:
            wrong = [name for name in self._parts if name not in right]
            return f"The {' and '.join(right)} is right, the {' and '.join(wrong)} is not. "
        return "That is not it, nor one of the usual slips. "

    def _distance(self, found, wanted):
        if any(map(math.isnan, found)):
            return math.inf
        return max(0.0 if a == b else abs(a - b) for a, b in zip(found, wanted))  # ∞ − ∞ is NaN


class Choice(Checked):
    """Letters for the learner to choose from some, and the check of them.

    reasons: {letter: what to tell somebody who was wrong about it}. right: the letters to
    choose. An answer is a string or a collection of letters, in either case.
    """

    _COLLECTIONS = (set, frozenset, tuple, list)

    def __init__(self, name, right, reasons, hints):
        super().__init__(name, hints)
        self._right, self._reasons = set(right), reasons

    def _judge(self, answer):
        if answer is ... or (isinstance(answer, self._COLLECTIONS) and _holds_stub(answer)):
            return self._unanswered()
        chosen = self._letters(answer)
        if chosen is None:
            return self._failed(f"Letters from {', '.join(self._reasons)} are expected, as in "
                                f'"A, B" or {{"A", "B"}}; {answer!r} cannot be read so.')
        if not chosen:
            return self._failed("No letter is chosen, and some belong to them.")
        if chosen == self._right:
            return self._passed("Right.")
        if chosen == set(self._reasons) - self._right:
            return self._failed("You chose exactly those that do not belong, and left out the "
                                "others. Read the question once more.")
        wrong = [letter for letter in self._reasons if letter in chosen - self._right]
        if wrong:  # what is left out is told when these are put right
            return self._failed(" ".join(f"{x} does not belong: {self._reasons[x]}" for x in wrong))
        missing = [letter for letter in self._reasons if letter in self._right - chosen]
        return self._failed(" ".join(f"{x} is left out: {self._reasons[x]}" for x in missing))

    def _letters(self, answer):
        """The set of letters in `answer`, or None where it holds anything else."""
        if isinstance(answer, str):
            answer = [letter for letter in answer if letter not in " ,;"]
        if not isinstance(answer, self._COLLECTIONS) or not all(isinstance(x, str) for x in answer):
            return None
        letters = {letter.strip().upper() for letter in answer}
        return letters if letters <= set(self._reasons) else None


def _holds_stub(answer):
    return any(part is ... for part in answer)  # `in` would compare, which arrays refuse


def _numbers(answer):
    """A number, or several in a tuple, list, tensor or array, as a list of floats."""
    if isinstance(answer, str):
        raise TypeError
    parts = answer if isinstance(answer, (tuple, list)) else torch.as_tensor(answer).flatten()
    return [float(part) for part in parts]


def _count(wanted):
    return "A number is" if len(wanted) == 1 else f"{len(wanted)} numbers are"
