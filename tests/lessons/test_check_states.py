"""A check's result does not depend on PyTorch's global state, and does not change it."""

import contextlib

import pytest
import torch
from every_check import CHECKS

from vae_helpers.check.choice import Choice
from vae_helpers.check.exercise import Exercise
from vae_helpers.check.quantity import Quantity
from vae_helpers.check.runner import run
from vae_lessons.diagnose_a_run.checks import key
from vae_lessons.train_in_two_stages import checks


@contextlib.contextmanager
def set_for_the_process(change, back):
    change()
    try:
        yield
    finally:
        back()


def default_dtype(dtype):
    return lambda: set_for_the_process(
        lambda: torch.set_default_dtype(dtype), lambda: torch.set_default_dtype(torch.float32))


def grad_off():
    return set_for_the_process(
        lambda: torch.set_grad_enabled(False), lambda: torch.set_grad_enabled(True))


def default_device():
    return set_for_the_process(
        lambda: torch.set_default_device("meta"), lambda: torch.set_default_device(None))


def deterministic(warn_only):
    return lambda: set_for_the_process(
        lambda: torch.use_deterministic_algorithms(True, warn_only=warn_only),
        lambda: torch.use_deterministic_algorithms(False))


def other_threads():
    threads = torch.get_num_threads()
    return set_for_the_process(
        lambda: torch.set_num_threads(threads + 1), lambda: torch.set_num_threads(threads))


STATES = {
    "no_grad": torch.no_grad,
    "gradients off": grad_off,
    "inference mode": torch.inference_mode,
    "float64": default_dtype(torch.float64),
    "float16": default_dtype(torch.float16),
    "default device meta": default_device,
    "in the context of meta": lambda: torch.device("meta"),
    "deterministic": deterministic(False),
    "deterministic, warnings only": deterministic(True),
    "anomaly detection": lambda: torch.autograd.set_detect_anomaly(True, check_nan=False),
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "other threads": other_threads,
}


def state():
    """The settings that the states above change, and the state of the random generator."""
    return [
        torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.get_default_dtype(),
        torch.empty(()).device, torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(), torch.is_anomaly_enabled(),
        torch.is_anomaly_check_nan_enabled(), torch.is_autocast_enabled("cpu"),
        torch.get_autocast_dtype("cpu"), torch.get_num_threads(), torch.initial_seed(),
    ]


def parabola(step):
    return 9.8 * min(1.0, step / 220) ** 2


def answers(one):
    """A right answer to a check, and a wrong one with its diagnosis."""
    if isinstance(one, Exercise):
        mistake = one._mistakes[0]
        return lambda *given: one._right(*given), mistake.wrong, mistake.diagnosis
    if isinstance(one, Quantity):
        return tuple(one._parts.values()), *one._mistakes[0]
    if isinstance(one, Choice):
        left_out = sorted(one._right)[0]
        return one._right, one._right - {left_out}, one._reasons[left_out]
    if one.name == "diagnoses":
        wrong = key() | {"A": ("hidden β", "loss weights", "smaller β")}
        return key(), wrong, "for this run it reads"
    return parabola, lambda step: 0.1, "trains another objective"


TRAINING = ("good_schedule", "repair_1", "repair_2")  # these checks train for seconds
QUICK = [name for name in CHECKS if name not in TRAINING]
CASES = [(name, where) for name in QUICK for where in STATES] + [
    ("good_schedule", "inference mode"), ("good_schedule", "float64"),
]


@pytest.mark.parametrize("name, where", CASES)
def test_every_state_gives_the_same_verdict_and_is_left_as_it_was(name, where):
    one = CHECKS[name]
    right, wrong, diagnosis = answers(one)
    with STATES[where]():
        before = state()
        passed, failed = one.judge(right), one.judge(wrong)
        assert state() == before
    assert passed.passed, passed.diagnosis
    assert failed.state == "failed" and diagnosis in failed.diagnosis


def test_the_learner_s_code_sees_the_ordinary_state():
    ordinary = run(state, ()).value
    for enter in STATES.values():
        with enter():
            found = run(state, ()).value
        assert found[:-2] == ordinary[:-2]  # without the numbers of threads
    assert ordinary[0] and not ordinary[1] and ordinary[2] == torch.float32


def test_what_the_learner_s_code_changes_is_put_back():
    def change():
        torch.set_default_dtype(torch.float64)
        torch.use_deterministic_algorithms(True)
        torch.autograd.set_detect_anomaly(True)
        torch.set_num_threads(torch.get_num_threads() + 1)
        torch.manual_seed(7)
        torch.set_grad_enabled(False)

    before, threads = state(), run(torch.get_num_threads, ()).value
    assert run(change, ()).trouble is None
    assert state() == before
    assert run(torch.get_num_threads, ()).value == threads


def test_a_learner_s_change_does_not_reach_the_reference():
    def answer(drawn, real, k):
        among = torch.cdist(real, real).kthvalue(k + 1, dim=1).values
        torch.set_default_dtype(torch.float16)
        return (torch.cdist(drawn, real) <= among).any(1).double().mean()

    assert checks.precision.judge(answer).passed
