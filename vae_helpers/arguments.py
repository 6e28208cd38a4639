"""What callers give, checked: whole numbers and seeds, Python's own or NumPy's."""

import math
import operator

import torch


def whole_number(value, name, least=1, most=math.inf):
    """`value` as an int: Python's and NumPy's whole numbers are accepted, True and 2.0 are not.

    Raises `ValueError`, with `name` and the range, for anything else and out of the range.
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:  # a fraction, a word, None
        number = None
    if number is None or not least <= number <= most:
        span = f"of at least {least}" if most == math.inf else f"from {least} to {most}"
        raise ValueError(f"{name} must be a whole number {span}, got {value!r}.")
    return number


def generator(seed):
    """A `torch.Generator` on the processor that starts from `seed`, a whole number.

    Raises `ValueError` for another seed.
    """
    return torch.Generator().manual_seed(whole_number(seed, "seed", -(2**63), 2**64 - 1))
