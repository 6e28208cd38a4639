"""Checks of multiple-choice questions."""

from vae_helpers.check.exercise import Checked
from vae_helpers.check.runner import run, shown


class Choice(Checked):
    """A multiple-choice question, and the check of its answer.

    right: the letters of the right options. reasons: {letter: the explanation for a learner who
    was wrong about this option}. An answer is a string or a collection of letters, upper or lower
    case.
    """

    def __init__(self, name, right, reasons, hints):
        super().__init__(name, hints)
        self._right, self._reasons = set(right), reasons

    def _judge(self, answer):
        chosen = run(_letters, (answer,)).value
        if chosen is ...:
            return self._unanswered()
        if chosen is None or not chosen <= set(self._reasons):
            return self._failed(f"Letters from {', '.join(self._reasons)} are expected, as in "
                                f'"A, B" or {{"A", "B"}}; {shown(answer)} cannot be read.')
        if not chosen:
            return self._failed("No letter is chosen, but at least one option is right.")
        if chosen == self._right:
            return self._passed("Right.")
        if chosen == set(self._reasons) - self._right:
            return self._failed("You chose exactly those that do not belong, and left out the "
                                "right ones. Read the question again.")
        wrong = [letter for letter in self._reasons if letter in chosen - self._right]
        if wrong:  # missing letters are named after these are corrected
            return self._failed(" ".join(f"{x} does not belong: {self._reasons[x]}" for x in wrong))
        missing = [letter for letter in self._reasons if letter in self._right - chosen]
        return self._failed(" ".join(f"{x} is left out: {self._reasons[x]}" for x in missing))


def _letters(answer):
    """The set of letters in `answer`, ``...`` for a stub, None for anything else."""
    if answer is ...:
        return ...
    if isinstance(answer, str):
        answer = [letter for letter in answer if letter not in " ,;"]
    if not isinstance(answer, (set, frozenset, tuple, list)):
        return None
    parts = list(answer)
    if any(part is ... for part in parts):
        return ...
    if not all(isinstance(part, str) for part in parts):
        return None
    return {"".join(part).strip().upper() for part in parts}
