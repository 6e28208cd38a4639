"""What a check is: an answer compared with the right one and with known wrong ones."""

import html
from typing import Callable, NamedTuple

import torch

from vae_helpers.exercises.runner import run


class Mistake(NamedTuple):
    """A wrong answer that real people give: what it computes, and what to tell them."""

    wrong: Callable
    diagnosis: str


class Result:
    """The outcome of a check: `state` is "unanswered", "passed" or "failed"."""

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


class Exercise:
    """A function for the learner to write, and the check of it.

    right: the function asked for. cases: a function without arguments that makes the list of
    argument tuples, from a fixed seed. mistakes: the known wrong answers. hints: from gentle
    to nearly the answer, shown by ``check.NAME.hint(1)`` and so on.
    """

    def __init__(self, name, right, cases, mistakes, hints):
        self.name, self._right, self._cases = name, right, cases
        self._mistakes, self._hints = mistakes, hints

    def __call__(self, answer):
        """Compare `answer` with the right function; returns a `Result`."""
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
            return Result(self.name, "passed", "Right, on every input tried.")
        for mistake in self._mistakes:
            if all(map(same, found, self._values(mistake.wrong))):
                return self._failed(mistake.diagnosis)
        return self._failed(_describe(found, expected))

    def hint(self, number=1):
        """Print hint `number`, counted from 1."""
        if not 1 <= number <= len(self._hints):
            raise ValueError(f"{self.name} has hints 1 to {len(self._hints)}, got {number}.")
        print(f"Hint {number} of {len(self._hints)}: {self._hints[number - 1]}")

    def _values(self, function):
        return [function(*arguments) for arguments in self._cases()]

    def _unanswered(self):
        return Result(self.name, "unanswered", "Replace the ... by your own code, then run again.")

    def _failed(self, diagnosis):
        return Result(self.name, "failed", diagnosis)


def same(found, expected):
    """Equal in shape and, to 5 digits, in value."""
    return (
        isinstance(found, torch.Tensor)
        and found.shape == expected.shape
        and torch.allclose(found.double(), expected.double(), rtol=1e-5, atol=1e-6)
    )


def _describe(found, expected):
    """The first thing that is wrong with `found`, for an answer that no known mistake fits."""
    for got, want in zip(found, expected):
        if got is None:
            return "Your function returned nothing: is its return missing?"
        if not isinstance(got, torch.Tensor):
            return f"A tensor is expected; your code returned {type(got).__name__}."
        if got.shape != want.shape:
            return f"The shape is {list(got.shape)}; {list(want.shape)} is expected."
    got, want = (torch.cat([t.double().flatten() for t in ts]) for ts in (found, expected))
    if not got.isfinite().all():
        return "The result holds NaN or infinite values."
    if torch.allclose(got, -want, rtol=1e-5, atol=1e-6):
        return "The sign is flipped: every value is minus the right one."
    factor = (got @ want) / (want @ want)
    if torch.allclose(got, factor * want, rtol=1e-4, atol=1e-6):
        return f"Every value is {factor:.4g} times the right one: look for a missing factor."
    worst = (got - want).abs().max()
    return f"The shape is right, the values are not: the largest difference is {worst:.3g}."
