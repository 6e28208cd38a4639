"""Checks of arguments: whole numbers and seeds, from Python or NumPy."""

import math
import operator

import torch


def whole_number(value, name, least=1, most=math.inf):
    """`value` as an int. Python's and NumPy's integers are accepted; their True and 2.0 are not.

    Raises `ValueError`, which gives `name` and the range, for any other value.
    """
    try:
        number = None if type(value).__name__ == "bool" else operator.index(value)
    except TypeError:  # a float, a string, None
        number = None
    if number is None or not least <= number <= most:
        span = f"of at least {least}" if most == math.inf else f"from {least} to {most}"
        raise ValueError(f"{name} must be a whole number {span}, got {value!r}.")
    return number


def generator(seed):
    """A `torch.Generator` on the CPU, seeded with the whole number `seed`.

    Raises `ValueError` if `seed` is not a whole number that PyTorch accepts.
    """
    return torch.Generator().manual_seed(whole_number(seed, "seed", -(2**63), 2**64 - 1))
