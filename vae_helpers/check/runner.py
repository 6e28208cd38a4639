"""Running a learner's code with a time limit, in PyTorch's default state."""

import contextlib
import ctypes
import threading
from typing import NamedTuple

import torch

TIME_LIMIT = 5.0  # seconds
GRACE = 1.0  # seconds that a stopped thread may take to end


class Stopped(BaseException):
    """Raised inside code that ran past its time limit."""


class Outcome(NamedTuple):
    """The result of a call: its `value`, or the error in words as `trouble`."""

    value: object = None
    trouble: str | None = None


@contextlib.contextmanager
def ordinary_state():
    """Put PyTorch's global settings at their defaults within a `with` block, then restore them.

    Gradient mode, inference mode, autocast and the default device are settings of a thread: they
    are set for this one, and a thread that starts here has the defaults anyway. The default
    dtype, deterministic algorithms, anomaly detection and the number of threads are settings of
    the process.
    """
    dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    with (
        torch.inference_mode(False), torch.enable_grad(), torch.autocast("cpu", enabled=False),
        torch.device("cpu"), torch.autograd.set_detect_anomaly(False),
    ):
        try:
            torch.set_default_dtype(torch.float32)
            torch.use_deterministic_algorithms(False)
            yield
        finally:
            torch.set_default_dtype(dtype)
            torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
            torch.set_num_threads(threads)


def run(function, arguments, time_limit=TIME_LIMIT, seed=0):
    """Call ``function(*arguments)`` in a daemon thread and return its `Outcome`.

    An exception is reported in the `Outcome`, not raised. After `time_limit` seconds the exception
    `Stopped` is raised inside the thread; if the code catches it, the thread is left running
    (signals would need the main thread, and do not exist on Windows). The call starts in PyTorch's
    default state with its global generator at `seed`, so that an answer behaves the same each time.
    Afterwards the state and the generator are restored.
    """
    box = {}

    def work():
        try:
            box["value"] = function(*arguments)
        except Stopped:
            pass
        except BaseException as error:
            box["trouble"] = raised(error)

    thread = threading.Thread(target=work, daemon=True, name="answer")
    with ordinary_state(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        thread.start()
        try:
            thread.join(time_limit)
            late = thread.is_alive()
        finally:  # also when the learner interrupts the kernel
            if thread.is_alive():
                _stop(thread)
    if not late:
        return Outcome(**box)
    trouble = f"Your code did not finish within {time_limit:g} seconds: look for an endless loop."
    if thread.is_alive():
        trouble += " It could not be stopped and runs on: restart the kernel when you can."
    return Outcome(trouble=trouble)


def shown(answer):
    """The repr of an answer, cut to 60 characters, or the name of its type if repr fails."""
    text = run(repr, (answer,)).value
    if not isinstance(text, str):
        return f"a value of type {type(answer).__name__}"
    return text if len(text) <= 60 else text[:59] + "…"


def raised(error):
    """The sentence that reports `error` to the learner."""
    try:
        return f"Your code raised {type(error).__name__}: {error}"
    except BaseException:  # the str() of an exception class may raise too
        return f"Your code raised {type(error).__name__}"


def _stop(thread):
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread.ident), ctypes.py_object(Stopped)
    )
    thread.join(GRACE)
