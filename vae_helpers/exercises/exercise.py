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


class _Checked:
    """What all checks have in common: a name, graded hints, and how results are made."""

    def __init__(self, name, hints):
        self.name, self._hints = name, hints

    def hint(self, number=1):
        """Print hint `number`, counted from 1."""
        if not 1 <= number <= len(self._hints):
            raise ValueError(f"{self.name} has hints 1 to {len(self._hints)}, got {number}.")
        print(f"Hint {number} of {len(self._hints)}: {self._hints[number - 1]}")

    def _unanswered(self):
        return Result(self.name, "unanswered", "Replace the ... by your own code, then run again.")

    def _passed(self, diagnosis):
        return Result(self.name, "passed", diagnosis)

    def _failed(self, diagnosis):
        return Result(self.name, "failed", diagnosis)


class Exercise(_Checked):
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
            return self._gradients(answer)
        for mistake in self._mistakes:
            if all(map(same, found, self._values(mistake.wrong))):
                return self._failed(mistake.diagnosis)
        return self._failed(_describe(found, expected))

    def _values(self, function):
        return [function(*arguments) for arguments in self._cases()]

    def _gradients(self, answer):
        """Right in value; is it right in what gradients it lets through?"""
        if not self._differentiable:
            return self._passed("Right, on every input tried.")

        def gradients(function):
            arguments = list(self._cases()[0])
            for position in self._differentiable:
                arguments[position] = arguments[position].clone().requires_grad_()
            asked = [arguments[position] for position in self._differentiable]
            value = function(*arguments).sum()
            if not value.requires_grad:
                return [None for _ in asked]
            return torch.autograd.grad(value, asked, allow_unused=True)

        outcome = run(gradients, (answer,))
        if outcome.trouble:
            return self._failed(outcome.trouble)
        if any(gradient is None for gradient in outcome.value):
            return self._failed(
                "The values are right, but no gradient comes through: was something detached, "
                "or drawn without reparameterising?"
            )
        if not all(map(same, outcome.value, gradients(self._right))):
            return self._failed(
                "The values are right, but part of the gradient is missing: was something detached?"
            )
        return self._passed("Right, on every input tried, and gradients come through.")


class Quantity(_Checked):
    """A number for the learner to find, or several, and the check of it.

    right: the number, or a tuple of them; mistakes: [(wrong, diagnosis)] of the same form.
    An answer counts within `tolerance` of each number.
    """

    def __init__(self, name, right, mistakes, hints, tolerance):
        super().__init__(name, hints)
        self._right, self._mistakes, self._tolerance = right, mistakes, tolerance

    def __call__(self, answer):
        """Compare `answer` with the right number; returns a `Result`."""
        if answer is ... or (isinstance(answer, tuple) and ... in answer):
            return self._unanswered()
        wanted = _numbers(self._right)
        try:
            found = _numbers(answer)
        except (TypeError, ValueError, RuntimeError):
            return self._failed(f"A number is expected, got {type(answer).__name__}.")
        if len(found) != len(wanted):
            return self._failed(f"{len(wanted)} numbers are expected, got {len(found)}.")
        if self._near(found, wanted):
            return self._passed("Right.")
        for wrong, diagnosis in self._mistakes:
            if self._near(found, _numbers(wrong)):
                return self._failed(diagnosis)
        if self._near(found, [-number for number in wanted]):
            return self._failed("The sign is flipped.")
        return self._failed("That is not it, nor one of the usual slips. Try the hints.")

    def _near(self, found, wanted):
        return all(abs(a - b) <= self._tolerance for a, b in zip(found, wanted))


def _numbers(answer):
    """A number or a tuple of numbers as a list of floats."""
    return [float(part) for part in (answer if isinstance(answer, tuple) else (answer,))]


def same(found, expected):
    """Equal in shape and, to 5 digits, in value."""
    return (
        isinstance(found, torch.Tensor)
        and found.layout == torch.strided
        and found.device == expected.device
        and not found.is_complex()
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
        if got.layout != torch.strided or got.device != want.device or got.is_complex():
            return f"An ordinary tensor of real numbers is expected; yours is {got.layout}, " \
                f"{got.dtype}, on {got.device}."
        if got.shape != want.shape:
            return f"The shape is {list(got.shape)}; {list(want.shape)} is expected."
    got, want = (torch.cat([t.double().flatten() for t in ts]) for ts in (found, expected))
    if not got.isfinite().all():
        return "The result holds NaN or infinite values."
    if torch.allclose(got, -want, rtol=1e-5, atol=1e-6):
        return "The sign is flipped: every value is minus the right one."
    if not got.any():
        return "Every value is zero."
    factor = (got @ want) / (want @ want)
    if torch.allclose(got, factor * want, rtol=1e-4, atol=1e-6):
        return f"Every value is {factor:.4g} times the right one: look for a missing factor."
    worst = (got - want).abs().max()
    return f"The shape is right, the values are not: the largest difference is {worst:.3g}."
