"""Context managers for how PyTorch computes: the number of threads, and denormal numbers."""

import contextlib
import sys

import torch


@contextlib.contextmanager
def one_thread(wanted=True):
    """Make PyTorch compute on one thread within a `with` block.

    Several threads may add numbers in another order, which changes the last digits of a sum. A run
    that must be reproducible therefore uses one thread. wanted: False changes nothing.
    """
    before = torch.get_num_threads()
    if wanted:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if wanted:
            torch.set_num_threads(before)


@contextlib.contextmanager
def denormals_as_zero():
    """Treat denormal numbers, with which processors compute slowly, as 0 within a `with` block.

    Adam's running averages become denormal for pixels that are always dark, which would make the
    epochs slower and slower. Applies to the calling thread and to threads started in the block.
    """
    before = sys.float_info.min / 2 == 0
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)
