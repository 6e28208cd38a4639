"""Checks of numerical answers."""

import math
import re

import torch

from vae_helpers.check.exercise import Checked
from vae_helpers.check.runner import run, shown


class Quantity(Checked):
    """A number for the learner to find, or several, and the check of it.

    right: the number, or {name: number} if the answer is a tuple, in that order.
    mistakes: [(wrong, diagnosis)] where wrong is a number or a tuple. An answer is right if each
    number is within `tolerance`. Otherwise the diagnosis of the nearest mistake is shown, if one
    is within `tolerance`.
    """

    def __init__(self, name, right, mistakes, hints, tolerance):
        super().__init__(name, hints)
        self._parts = right if isinstance(right, dict) else {name: right}
        self._mistakes, self._tolerance = mistakes, tolerance

    def _judge(self, answer):
        wanted = list(self._parts.values())
        found = run(_numbers, (answer,)).value
        if found is ...:
            return self._unanswered()
        if found is None or len(found) != len(wanted):
            count = "A number is" if len(wanted) == 1 else f"{len(wanted)} numbers are"
            got = f"; {shown(answer)} cannot be read" if found is None else f", got {len(found)}"
            return self._failed(f"{count} expected{got}.{self._comma(answer, found)}")
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

    def _comma(self, answer, found):
        """A sentence for a learner who may have written a decimal comma, or ""."""
        if len(self._parts) == 1:
            point = run(_with_point, (answer,)).value
            if point:
                return (f" Python writes decimals with a point: {point}. A comma separates two "
                        "numbers.")
        elif found is not None and len(found) == 2 * len(self._parts):
            return (" Twice as many as expected: did you write decimal commas? Python writes 2.4, "
                    "with a point; 2,4 is two numbers.")
        return ""

    def _partly(self, found):
        """The diagnosis of an answer that matches no known mistake."""
        right = [name for name, a, b in zip(self._parts, found, self._parts.values())
                 if abs(a - b) <= self._tolerance]
        if right:
            wrong = [name for name in self._parts if name not in right]
            return f"The {' and '.join(right)} is right, the {' and '.join(wrong)} is not. "
        return "That is not it, nor one of the common mistakes. "

    def _distance(self, found, wanted):
        if any(map(math.isnan, found)):
            return math.inf
        return max(0.0 if a == b else abs(a - b) for a, b in zip(found, wanted))  # ∞ − ∞ is NaN


def _numbers(answer):
    """A number, or several in a tuple, list, tensor or array, as floats; ``...`` for a stub."""
    if answer is ...:
        return ...
    if isinstance(answer, str):
        raise TypeError("Text is no number.")
    if not isinstance(answer, (tuple, list)):
        return torch.as_tensor(answer).double().flatten().tolist()
    parts = list(answer)
    return ... if any(part is ... for part in parts) else [float(part) for part in parts]


def _with_point(answer):
    """The number in `answer` with its decimal comma replaced by a point, or None."""
    if isinstance(answer, tuple) and all(type(part) is int for part in answer):
        answer = ",".join(map(str, answer))
    fits = isinstance(answer, str) and re.fullmatch(r"\s*([+-]?\d+),(\d+)\s*", answer)
    return f"{fits[1]}.{fits[2]}" if fits else None
