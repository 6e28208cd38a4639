"""Checks of exercises: an answer is compared with the right one and with known mistakes."""

import html
import inspect
from typing import Callable, NamedTuple

import torch
from IPython.display import display

from vae_helpers.check.diagnosis import describe, read, same
from vae_helpers.check.runner import ordinary_state, raised, run

RANDOM = (
    "Your function gives another result each time it is called: it draws random numbers, or keeps "
    "a state between calls. The right result depends only on the arguments; a Monte Carlo estimate "
    "equals it only on average."
)


class Mistake(NamedTuple):
    """A common wrong answer: a function that makes the mistake, and the message for the learner.

    If the function raises an error, an answer that raises the same error matches it.
    """

    wrong: Callable
    diagnosis: str


class Result:
    """The outcome of a check: `state` is "unanswered", "passed" or "failed".

    `verdicts` keeps the last result of every check. next: a sentence on which function the
    cells below use.
    """

    def __init__(self, name, state, diagnosis):
        self.name, self.state, self.diagnosis, self.next = name, state, diagnosis, ""

    @property
    def passed(self):
        """True for a right answer."""
        return self.state == "passed"

    def __repr__(self):
        told = f"check {self.name}: {self.state}. {self.diagnosis}"
        return f"{told}\n{self.next}" if self.next else told

    def _repr_html_(self):
        colour = {"passed": "#117733", "failed": "#AA3322"}.get(self.state, "#777777")
        after = f"<br><i>{html.escape(self.next)}</i>" if self.next else ""
        return (
            f'<div style="border-left: 4px solid {colour}; padding: 0.3em 0.8em">'
            f"<b>{html.escape(self.name)}: {self.state}</b><br>"
            f"{html.escape(self.diagnosis)}{after}</div>"
        )


verdicts = {}  # {check's name: its last Result}


class Checked:
    """Base class of all checks, with a name and hints.

    A subclass defines `_judge(answer)`, which returns a `Result`. It must raise for no answer, and
    therefore does anything with the answer inside `runner.run`.
    """

    def __init__(self, name, hints):
        self.name, self.hints = name, hints

    def __call__(self, answer, *more):
        """Display the result of the check and return the function that the notebook then uses.

        For an `Exercise` this is the learner's function if it passed, otherwise the right one; for
        other checks it is None. Several arguments are checked as one tuple.
        """
        result = self.judge(answer, *more)
        function = self._goes_on(answer, result)
        display(result)
        return function

    def judge(self, answer, *more):
        """The `Result` of comparing `answer` with the right one, kept in `verdicts` as well."""
        with ordinary_state():
            result = self._judge((answer, *more) if more else answer)
        verdicts[self.name] = result
        return result

    def hint(self, number=1):
        """Print hint `number`, counted from 1."""
        if not 1 <= number <= len(self.hints):
            raise ValueError(f"{self.name} has hints 1 to {len(self.hints)}, got {number}.")
        print(f"Hint {number} of {len(self.hints)}: {self.hints[number - 1]}")

    def _goes_on(self, answer, result):
        """The function that the cells below use, or None; sets `result.next` to say which."""

    def _unanswered(self):
        return Result(self.name, "unanswered", "Replace the ... by your own code, then run again.")

    def _passed(self, diagnosis):
        return Result(self.name, "passed", diagnosis)

    def _failed(self, diagnosis):
        return Result(self.name, "failed", diagnosis)


class Exercise(Checked):
    """A function for the learner to write, and the check of it.

    right: the right function. cases: a function without arguments that returns a list of argument
    tuples, made with a fixed seed. mistakes: known wrong answers, a list of `Mistake`. hints: a
    list, the last nearly the answer; ``check.NAME.hint(1)`` prints the first. differentiable:
    positions of the arguments that the gradient must reach.
    """

    def __init__(self, name, right, cases, mistakes, hints, differentiable=()):
        super().__init__(name, hints)
        self._right, self._cases = right, cases
        self._mistakes, self._differentiable = mistakes, differentiable

    def _goes_on(self, answer, result):
        whose = "yours from here on" if result.passed else "ours until yours passes"
        result.next = f"The function {self.name} is {whose}."
        return answer if result.passed else self._right

    def _judge(self, answer):
        if answer is ... or answer is self._right:  # the function that the check returned
            return self._unanswered()
        if not callable(answer):
            kind = type(answer).__name__
            return self._failed(f"A function is expected; this is a value of type {kind}.")
        return self._compare(answer)

    def _compare(self, answer):
        """The `Result` for the learner's function `answer`."""
        found = []
        for case, arguments in enumerate(self._cases()):
            outcome = run(_result, (answer, arguments))
            if outcome.trouble:
                return self._failed(self._cause(outcome.trouble, case))
            if outcome.value is ...:
                return self._unanswered()
            found.append(outcome.value)
        expected = self._values(self._right)
        if all(map(same, found, expected)):
            return self._gradients(answer)
        for mistake in self._mistakes:
            if self._fits(mistake, found):
                return self._failed(mistake.diagnosis)
        told = RANDOM if self._random(answer, found[0]) else describe(found, expected)
        return self._failed(told + self._unused(answer, found[0]))

    def _attempt(self, function, case):
        """Call `function` with the arguments of case number `case`."""
        return function(*self._cases()[case])

    def _values(self, function):
        return [_result(function, arguments) for arguments in self._cases()]

    def _fits(self, mistake, found):
        try:
            return all(map(same, found, self._values(mistake.wrong)))
        except Exception:  # `_cause` compares mistakes that raise
            return False

    def _cause(self, trouble, case):
        """The diagnosis of the mistake that raises `trouble` in this case; else `trouble`."""
        for mistake in self._mistakes:
            try:
                self._attempt(mistake.wrong, case)
            except Exception as error:
                if raised(error) == trouble:
                    return mistake.diagnosis
        return trouble

    def _random(self, answer, found):
        """Whether the result of the first case changes with the random generator's seed."""
        again = run(_result, (answer, self._cases()[0]), seed=1).value
        numbers = isinstance(again, torch.Tensor) and isinstance(found, torch.Tensor)
        return numbers and not same(again, found)

    def _names(self):
        return list(inspect.signature(self._right).parameters)

    def _unused(self, answer, found):
        """A sentence about an argument that the result does not depend on, or ""."""
        for position, name in enumerate(self._names()):
            arguments = list(self._cases()[0])
            argument = arguments[position]
            if not isinstance(argument, torch.Tensor) or not argument.is_floating_point():
                continue
            arguments[position] = 1.3 * argument.flip(0) + 0.1  # other values, same shape
            outcome = run(_result, (answer, arguments))
            if not outcome.trouble and same(outcome.value, found):
                return f" The result does not depend on {name}: use the {name} you are given."
        return ""

    def _gradients(self, answer):
        """The `Result` for an answer whose values are right: are its gradients right too?"""
        if not self._differentiable:
            return self._passed("Right, on every input tried.")
        outcome = run(self._gradients_of, (answer,))
        if outcome.trouble:
            return self._failed(outcome.trouble)
        found, expected = outcome.value, self._gradients_of(self._right)
        if all(map(same, found, expected)):
            return self._passed("Right, on every input tried, and gradients come through.")
        for mistake in self._mistakes:
            right_value = self._fits(mistake, self._values(self._right))
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
        """Gradients of the first case's summed result, None for an argument without one."""
        arguments = list(self._cases()[0])
        for position in self._differentiable:
            arguments[position] = arguments[position].clone().requires_grad_()
        asked = [arguments[position] for position in self._differentiable]
        value = function(*arguments).sum()
        if not value.requires_grad:
            return [None for _ in asked]
        gradients = torch.autograd.grad(value, asked, allow_unused=True)
        return [None if gradient is None else read(gradient) for gradient in gradients]


def _result(function, arguments):
    return read(function(*arguments))


def _alike(found, expected):
    """Whether two gradients are the same; either may be None."""
    return found is expected is None or same(found, expected)
