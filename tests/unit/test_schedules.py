"""Schedules of β: their curves, the checks of arguments, and storing them."""

import math

import pytest

from vae_helpers import schedules
from vae_helpers.schedules import cyclical, warm_up


def test_warm_up_is_a_line_and_then_flat():
    schedule = warm_up(4, beta=2.0)
    assert [schedule(step) for step in range(7)] == [0, 0.5, 1, 1.5, 2, 2, 2]


def test_cyclical_starts_again_every_period():
    schedule = cyclical(8, ramp=0.5, beta=3.0)
    cycle = [0, 0.75, 1.5, 2.25, 3, 3, 3, 3]
    assert [schedule(step) for step in range(24)] == 3 * cycle


def test_a_ramp_of_one_never_rests():
    assert [cyclical(4, ramp=1.0)(step) for step in range(5)] == [0, 0.25, 0.5, 0.75, 0]


@pytest.mark.parametrize("make, message", [
    (lambda: warm_up(0), "steps must be a whole number of steps, at least 1, got 0"),
    (lambda: warm_up(2.5), "steps"),
    (lambda: warm_up(10, beta=-1), "beta must be a finite number of at least 0, got -1"),
    (lambda: cyclical(0), "period"),
    (lambda: cyclical(10, ramp=0), "ramp must be above 0"),
    (lambda: cyclical(10, ramp=1.1), "ramp"),
    (lambda: cyclical(10, ramp=math.nan), "ramp"),
    (lambda: cyclical(10, beta=math.inf), "beta"),
])
def test_arguments_out_of_range_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("beta", [1, 0.25, warm_up(7), cyclical(9, ramp=0.3, beta=2.0)])
def test_stored_by_value_and_made_again(beta):
    plain = schedules.as_plain(beta)
    assert schedules.from_plain(plain) == beta
    assert plain != schedules.as_plain(warm_up(8))


def test_a_function_without_a_value_is_named():
    with pytest.raises(TypeError, match="a number or one of schedules.warm_up, schedules.cyclical"):
        schedules.as_plain(lambda step: 1.0)
