"""Claims: a sentence's number, compared with the band that the sentence states."""

import math


class ClaimFailed(AssertionError):
    """A measured value lies outside the band that the text states."""


def measured(value, unit=""):
    """A measured figure as text, ⟨1.23⟩ nats: another machine may measure another one.

    The marks tell the reader so, and tell the notebook tests not to compare the digits.
    """
    return f"⟨{float(f'{value:.3g}'):,.10g}⟩ {unit}".rstrip()


def claim(id, value, low, high, unit):
    """Print that `value` lies within low … high; raise `ClaimFailed` if it does not.

    id: NOTEBOOK.NAME, as in the notebook's closing table. NaN and infinity never hold.
    Raises `TypeError` for a value that is no number and `ValueError` for a band that is none.
    """
    if isinstance(value, str):
        raise TypeError(f"{id}: a number is expected, got the text {value!r}.")
    if not low <= high:
        raise ValueError(f"{id}: {low} … {high} is no band: low must not exceed high.")
    value = float(value)
    if not (low <= value <= high and math.isfinite(value)):
        raise ClaimFailed(f"{id}: measured {value:.6g} {unit}, expected {low:g} … {high:g}.")
    print(f"claim {id}: {measured(value, unit)}, within {low:g} … {high:g}: holds")
