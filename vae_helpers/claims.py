"""Claims: a sentence's number, compared with the band that the sentence states."""


class ClaimFailed(AssertionError):
    """A measured value lies outside the band that the text states."""


def measured(value, unit=""):
    """A measured figure as text, ⟨1.23⟩ nats: another machine may measure another one.

    The marks tell the reader so, and tell the notebook tests not to compare the digits.
    """
    return f"⟨{value:.3g}⟩ {unit}".rstrip()


def claim(id, value, low, high, unit):
    """Print that `value` lies within low … high; raise `ClaimFailed` if it does not.

    id: NOTEBOOK.NAME, the name under which the ledger lists the claim. NaN never holds.
    """
    value = float(value)
    if not low <= value <= high:
        raise ClaimFailed(f"{id}: measured {value:.6g} {unit}, expected {low:g} … {high:g}.")
    print(f"claim {id}: {measured(value, unit)}, within {low:g} … {high:g}: holds")
