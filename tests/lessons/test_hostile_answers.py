"""A check returns a result for any answer, and never raises an error."""

import asyncio
import math
import sys
import threading

import numpy as np
import pytest
import torch
from every_check import CHECKS

from vae_helpers.check.exercise import verdicts
from vae_helpers.check.runner import run, shown
from vae_lessons.build_a_vae.checks import effective_beta, heads
from vae_lessons.derive_the_elbo import checks
from vae_lessons.meet_kl_collapse.checks import dimensions, fair
from vae_lessons.start_here.checks import pixels
from vae_lessons.train_live.checks import good_schedule

pytestmark = [  # one answer is a coroutine that is never awaited
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class Unwritable(Exception):
    """An exception whose str() raises."""

    def __str__(self):
        raise ValueError("no words")


def refuse(*_, **__):
    raise Unwritable


class Hostile:
    """An object whose methods all raise, even reading its class."""

    __float__ = __int__ = __index__ = __iter__ = __call__ = __eq__ = __repr__ = __str__ = refuse
    __bool__ = __len__ = __getitem__ = __neg__ = __array__ = __getattr__ = refuse
    __hash__ = None
    __class__ = property(refuse)


class HostileTuple(tuple):
    """A tuple whose iteration raises."""

    __iter__ = __getitem__ = __len__ = __eq__ = __repr__ = __contains__ = refuse
    __hash__ = None


class HostileText(str):
    """A string whose iteration raises."""

    __iter__ = __eq__ = __repr__ = __str__ = upper = strip = refuse
    __hash__ = None


class HostileTensor(torch.Tensor):
    """A tensor on which every function raises."""

    __torch_function__ = classmethod(refuse)


class Interrupting:
    """An object that ends the program when it is read."""

    def __float__(self):
        raise KeyboardInterrupt

    __repr__ = __iter__ = __call__ = __index__ = __float__


def recursive():
    parts = []
    parts.append(parts)
    return parts


VALUES = {
    "hostile": Hostile(), "hostile in a tuple": (Hostile(), Hostile()),
    "hostile tuple": HostileTuple((1.0, 2.0)), "hostile text": HostileText("A, B"),
    "hostile text in a set": [HostileText("A")], "interrupting": Interrupting(),
    "interrupting in a list": [Interrupting()], "recursive": recursive(), "huge": 10**5000,
    "huge in a tuple": (10**5000, -(10**5000)), "NaN": math.nan, "infinite": (math.inf, -math.inf),
    "complex": 1 + 2j, "complex tensor": torch.tensor([1 + 2j]), "words": "A number!",
    "empty words": "", "empty": (), "none": None, "bytes": b"AB", "dictionary": {"A": 1},
    "array": np.array(["A", 1.0], dtype=object), "empty array": np.zeros((0, 3)),
    "sparse": torch.eye(2).to_sparse(), "meta": torch.ones(2, device="meta"),
    "nested": torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=torch.jagged),
    "hostile tensor": torch.ones(2).as_subclass(HostileTensor), "class": dict, "module": math,
    "generator": (x for x in "AB"), "true": True,
}


def itself(*_, **__):
    return itself


def prints(*_):
    print("much\n" * 10_000)


async def coroutine(*_):
    return 1.0


def interrupts(*_):
    raise KeyboardInterrupt


def deep(*_):
    return deep()


FUNCTIONS = {
    "itself": itself, "sys.exit": lambda *_: sys.exit("bye"), "interrupts": interrupts,
    "prints": prints, "refuses": refuse, "coroutine": coroutine, "endless recursion": deep,
    "stops": lambda *_: next(iter(())), "asyncio": lambda *_: asyncio.run(coroutine()),
    "no arguments": lambda: 1.0, "changes its input": lambda first, *_: first.zero_(),
} | {f"gives {name}": lambda *_, value=value: value for name, value in VALUES.items()}


@pytest.mark.parametrize("name", list(CHECKS))
def test_every_hostile_answer_gets_a_verdict(name):
    for kind, answer in (VALUES | FUNCTIONS).items():
        result = CHECKS[name].judge(answer)
        assert result.state == "failed" and result.diagnosis, kind
        assert repr(result).startswith(f"check {name}: failed. {result.diagnosis}")
        assert verdicts[name] is result and len(result.diagnosis) < 2000, kind


def test_the_diagnoses_are_of_use():
    told = {kind: checks.gap.judge(answer).diagnosis for kind, answer in VALUES.items()}
    assert told["hostile"] == "A number is expected; a value of type Hostile cannot be read."
    assert "a value of type int cannot be read" in told["huge"]
    assert "[[...]] cannot be read" in told["recursive"]
    told = {kind: pixels.judge(answer).diagnosis for kind, answer in FUNCTIONS.items()}
    assert told["refuses"] == "Your code raised Unwritable"
    assert told["sys.exit"] == "Your code raised SystemExit: bye"
    assert told["interrupts"].startswith("Your code raised KeyboardInterrupt")
    assert "returned function" in told["itself"] and "returned coroutine" in told["coroutine"]
    assert "is its return missing" in told["prints"]
    assert "cannot be read" in told["gives hostile"]
    assert "torch.sparse_coo" in told["gives sparse"]


def test_a_list_without_end_is_given_up(monkeypatch):
    class Endless(list):
        def __iter__(self):
            while True:
                yield from ()

    defaults = (0.2, 0)
    monkeypatch.setattr(run, "__defaults__", defaults)
    assert "cannot be read" in checks.gap.judge(Endless()).diagnosis
    assert "cannot be read" in fair.judge(Endless()).diagnosis


def test_a_long_answer_is_cut():
    assert len(shown("x" * 1000)) == 60


def test_the_learner_s_own_interrupt_reaches_the_notebook(monkeypatch):
    """Ctrl-C while the answer runs stops the answer and raises KeyboardInterrupt."""
    def interrupted(self, timeout=None):
        monkeypatch.undo()
        raise KeyboardInterrupt

    def endless(images):
        while True:
            pass

    monkeypatch.setattr(threading.Thread, "join", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pixels(endless)
    assert not [t for t in threading.enumerate() if t.name == "answer"]


@pytest.mark.parametrize("beta", [1e38, 1e300])
def test_a_schedule_that_makes_training_diverge_is_told_so(beta):
    result = good_schedule.judge(lambda step: beta if step < 10 else 9.8)
    assert result.state == "failed" and "diverged" in result.diagnosis
    assert f"{beta:.3g}" in result.diagnosis


@pytest.mark.parametrize("answer", [(2, 4), "2,4", " 2,4 "])
def test_a_decimal_comma_is_recognised(answer):
    told = effective_beta.judge(answer)
    assert told.state == "failed" and "with a point: 2.4" in told.diagnosis
    assert "with a point: 2.4" in effective_beta.judge(2, 4).diagnosis
    assert "with a point: -2.4" in effective_beta.judge("-2,4").diagnosis


def test_no_comma_is_suspected_without_need():
    for answer in ((2.0, 4.0), (2, 4, 6), (2, -4), "two, four", "2.4"):
        assert "point" not in effective_beta.judge(answer).diagnosis
    assert "decimal commas" not in dimensions.judge(5, 4, 3).diagnosis
    assert "decimal commas" in checks.closing.judge(1, 0, 0, 71).diagnosis


def test_several_answers_are_taken_for_a_tuple():
    assert checks.closing.judge(1.0, 0.7071).passed and heads.judge("B", "D", "F").passed
    assert checks.closing.judge(..., ...).state == "unanswered"
    assert "value of type tuple" in pixels.judge(len, len).diagnosis
