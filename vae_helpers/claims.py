"""Claims: a sentence's number, compared with the band that the sentence states.

`tools/ledger.py` collects what they print into CLAIMS.md.
"""

import math
import re
import statistics

PRINTED = re.compile(  # a line of `claim`; "of" is there if it had one value for each seed
    r"^claim (?P<id>\S+): ⟨(?P<figure>[^⟩]+)⟩ ?(?:\((?P<spread>[^)]+ seeds)\))?"
    r".*, (?:(?P<of>all|median) )?within (?P<low>\S+) … (?P<high>\S+): holds$", re.MULTILINE
)


class ClaimFailed(AssertionError):
    """A measured value lies outside the band that the text states."""


def measured(value, unit=""):
    """A measured figure as text, ⟨1.23⟩ nats: another machine may measure another one.

    The marks tell the reader so, and tell the notebook tests not to compare the digits.
    """
    return f"⟨{float(f'{value:.3g}'):,.10g}⟩ {unit}".rstrip()


def claim(id, value, low, high, unit, of="all"):
    """Print that `value` lies within low … high; raise `ClaimFailed` if it does not.

    id: NOTEBOOK.NAME, as in the notebook's closing table.
    value: a number, or one for each seed, of which the median, the least and the greatest are
    printed. Then "all" must lie within the band, or, as `of` may say, their "median".
    NaN and infinity never hold. Raises `TypeError` for a value that is no number and
    `ValueError` for a band that is none, for no seeds, and for another `of`.
    """
    value = value.tolist() if hasattr(value, "tolist") else value  # of NumPy or PyTorch
    while isinstance(value, (list, tuple)) and len(value) == 1:
        value = value[0]  # [1] or [1, 1]: a number, which has no spread
    seeds = list(value) if isinstance(value, (list, tuple)) else [value]
    for one in seeds:
        if isinstance(one, (str, list, tuple)):
            raise TypeError(f"{id}: a number, or one for each seed, is expected, got {one!r}.")
    if not seeds:
        raise ValueError(f"{id}: one value for each seed is expected, got none at all.")
    if of not in ("all", "median"):
        raise ValueError(f'{id}: of={of!r} is neither "all" nor "median".')
    if not low <= high:
        raise ValueError(f"{id}: {low} … {high} is no band: low must not exceed high.")
    seeds = [float(one) for one in seeds]
    median = statistics.median(seeds)
    for one in [median] if of == "median" else seeds:
        if not (low <= one <= high and all(map(math.isfinite, seeds))):
            raise ClaimFailed(f"{id}: measured {one:.6g} {unit}, expected {low:g} … {high:g}.")
    if isinstance(value, (list, tuple)):
        span = f"{measured(min(seeds))} … {measured(max(seeds))}, {len(seeds)} seeds"
        print(f"claim {id}: {measured(median)} ({span}) {unit}, "
              f"{of} within {low:g} … {high:g}: holds")
    else:
        print(f"claim {id}: {measured(median, unit)}, within {low:g} … {high:g}: holds")
