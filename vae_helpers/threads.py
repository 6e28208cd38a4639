"""How PyTorch computes, changed for as long as something runs: threads, and tiny numbers."""

import contextlib
import sys

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


@contextlib.contextmanager
def denormals_as_zero():
    """Within it numbers too small for the processor's fast path count as 0; then as before.

    Pixels that are always dark make such numbers of Adam's averages, and an epoch would take
    longer and longer. It holds for the calling thread, and for those that it makes meanwhile.
    """
    before = sys.float_info.min / 2 == 0
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)
