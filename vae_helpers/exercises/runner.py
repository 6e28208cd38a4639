"""Running a learner's code without being harmed by it."""

import ctypes
import threading
from typing import NamedTuple

import torch

TIME_LIMIT = 5.0  # seconds
GRACE = 1.0  # seconds for a stopped thread to end in


class Stopped(BaseException):
    """Raised inside code that ran past its time limit."""


class Outcome(NamedTuple):
    """What came of a call: its `value`, or `trouble` in words."""

    value: object = None
    trouble: str | None = None


def run(function, arguments, time_limit=TIME_LIMIT):
    """Call ``function(*arguments)`` in a daemon thread and return its `Outcome`.

    An exception is reported, not raised. Past `time_limit` seconds an exception is thrown
    into the thread; code that swallows it is abandoned (signals would need the main thread,
    and do not exist on Windows). PyTorch's global generator is seeded for the call and put
    back, so that the same answer always behaves the same.
    """
    box = {}

    def work():
        try:
            box["value"] = function(*arguments)
        except Stopped:
            pass
        except BaseException as error:
            box["trouble"] = f"Your code raised {type(error).__name__}: {error}"

    thread = threading.Thread(target=work, daemon=True, name="answer")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        thread.start()
        thread.join(time_limit)
    if not thread.is_alive():
        return Outcome(**box)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread.ident), ctypes.py_object(Stopped)
    )
    thread.join(GRACE)
    trouble = f"Your code did not finish within {time_limit:g} seconds: look for an endless loop."
    if thread.is_alive():
        trouble += " It could not be stopped and runs on: restart the kernel when you can."
    return Outcome(trouble=trouble)
