"""The number of threads that PyTorch computes on, and one place that changes it."""

import contextlib

import torch


@contextlib.contextmanager
def one_thread(wanted=True):
    """Within it PyTorch computes on one thread; afterwards on as many as before.

    Several threads may add numbers in another order, which changes the last digits of a sum. So a
    run that is to be the same on every computer takes one. wanted: False leaves the number alone.
    """
    before = torch.get_num_threads()
    if wanted:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if wanted:
            torch.set_num_threads(before)
