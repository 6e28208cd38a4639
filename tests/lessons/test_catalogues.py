"""Tests for every check of the series: its list of mistakes, its hints, its stub."""

import numpy as np
import pytest
import torch
from every_check import CHECKS

from vae_helpers.check.choice import Choice
from vae_helpers.check.exercise import Exercise, verdicts
from vae_helpers.check.quantity import Quantity

SIGN = ("The sign is flipped.", "A variance is never negative.")


def checks(kind=object):
    """All checks of a class as pytest parameters, with their names as ids."""
    return [pytest.param(one, id=one.name) for one in CHECKS.values() if isinstance(one, kind)]


@pytest.mark.parametrize("exercise", checks(Exercise))
def test_every_wrong_function_gets_its_own_name(exercise):
    assert exercise.judge(lambda *given: exercise._right(*given)).passed
    for mistake in exercise._mistakes:
        result = exercise.judge(mistake.wrong)
        assert result.state == "failed" and result.diagnosis == mistake.diagnosis


@pytest.mark.parametrize("quantity", checks(Quantity))
def test_every_wrong_number_gets_its_own_name(quantity):
    right = tuple(quantity._parts.values())
    assert quantity.judge(right).passed and quantity.judge(torch.tensor(right)).passed
    assert quantity.judge([-number for number in right]).diagnosis in SIGN
    for wrong, diagnosis in quantity._mistakes:
        result = quantity.judge(wrong)
        assert result.state == "failed" and result.diagnosis == diagnosis
    assert "common mistakes" in quantity.judge([number + 77 for number in right]).diagnosis


@pytest.mark.parametrize("choice", checks(Choice))
def test_every_letter_is_explained(choice):
    assert choice.judge(choice._right).passed
    assert choice.judge(", ".join(choice._right).lower()).passed
    for letter, reason in choice._reasons.items():
        result = choice.judge(choice._right ^ {letter})
        assert result.state == "failed" and reason in result.diagnosis


@pytest.mark.parametrize("one", checks())
def test_there_are_three_hints_and_a_stub_is_unanswered(one, capsys):
    for number in (1, 2, 3):
        one.hint(number)
    assert capsys.readouterr().out.count("of 3:") == 3
    assert one.judge(...).state == "unanswered"
    if isinstance(one, Exercise):
        assert one.judge(lambda *_: ...).state == "unanswered"


@pytest.mark.parametrize("one", checks((Quantity, Choice)))
@pytest.mark.parametrize("answer", [
    (np.array([1.0, 2.0]), 0.7), [np.array(["A", "B"])], (10**400, 0.7), 10**400, None, object(),
])
def test_what_is_no_answer_is_said_to_be_none(one, answer):
    assert one.judge(answer).state == "failed"


@pytest.mark.parametrize("one", checks())
def test_the_last_verdict_is_kept_though_nobody_displays_it(one):
    one.judge(None)
    assert verdicts[one.name].state == "failed" and verdicts[one.name].name == one.name
    one.judge(...)
    assert verdicts[one.name].state == "unanswered"
