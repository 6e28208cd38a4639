"""Claims: statements of a notebook, each with its measured value and the band it must lie in."""

import html
import math
import statistics
from typing import NamedTuple


class Claim(NamedTuple):
    """A sentence, the value measured for it, and the band within which the sentence is true.

    value: one number, or the median over `seeds` seeds; `least` and `most` are then the smallest
    and the largest seed. of: what must lie in the band low … high, "all" seeds or their "median".
    """

    id: str
    sentence: str
    value: float
    least: float
    most: float
    seeds: int  # 0 for a value without seeds
    low: float
    high: float
    unit: str
    of: str

    @property
    def holds(self):
        """Whether the value lies within the band. NaN and infinity never do."""
        ends = (self.value,) if self.of == "median" else (self.least, self.value, self.most)
        inside = all(self.low <= end <= self.high for end in ends)
        return inside and all(map(math.isfinite, (self.least, self.value, self.most)))

    @property
    def band(self):
        """The band in words: "1 … 3 nats (all 10 seeds)"."""
        if self.low == self.high:
            band = f"{self.low:,g}"
        elif math.inf in (-self.low, self.high):
            band = f"at most {self.high:,g}" if self.low < 0 else f"at least {self.low:,g}"
        else:
            band = f"{self.low:,g} … {self.high:,g}"
        whom = "all" if self.of == "all" else "median of"
        return f"{band} {self.unit}".rstrip() + f" ({whom} {self.seeds} seeds)" * bool(self.seeds)

    @property
    def spread(self):
        """The range over seeds in words, "⟨1⟩ … ⟨3⟩"; empty for a value without seeds."""
        return f"{measured(self.least)} … {measured(self.most)}" if self.seeds else ""


def measured(value, unit=""):
    """A measured value as text, "⟨1.23⟩ nats".

    The angle brackets mark a value that may differ on another machine. The notebook tests do not
    compare the digits between them.
    """
    return f"⟨{float(f'{value:.3g}'):,.10g}⟩ {unit}".rstrip()


def claim(id, sentence, value, low, high, unit="", of="all"):
    """The `Claim` that `value` lies within low … high, to be displayed by `claims`.

    id: NOTEBOOK.NAME. value: a number, or a list with one number per seed. of: "all" if every
    seed must lie in the band, "median" if only their median must. Raises `TypeError` for a value
    that is not a number, and `ValueError` for low above high, an empty list, or another `of`.
    """
    value = value.tolist() if hasattr(value, "tolist") else value  # NumPy, PyTorch
    while isinstance(value, (list, tuple)) and len(value) == 1:
        value = value[0]  # [1] or [1, 1]: a number, which has no spread
    many = isinstance(value, (list, tuple))
    seeds = list(value) if many else [value]
    for one in seeds:
        if isinstance(one, (str, list, tuple)):
            raise TypeError(f"{id}: expected a number, or one for each seed, got {one!r}.")
    if not seeds:
        raise ValueError(f"{id}: expected one value for each seed, got an empty list.")
    if of not in ("all", "median"):
        raise ValueError(f'{id}: of={of!r} is neither "all" nor "median".')
    if not low <= high:
        raise ValueError(f"{id}: the band {low} … {high} is empty: low must not exceed high.")
    seeds = [float(one) for one in seeds]
    ends = [math.nan] * 3 if any(map(math.isnan, seeds)) else (
        statistics.median(seeds), min(seeds), max(seeds))
    return Claim(id, sentence, *ends, len(seeds) * many, float(low), float(high), unit, of)


class claims:
    """The claims of a cell, displayed as one line with the verdict that unfolds to a table.

    A claim that does not hold raises no error, so that a reader who changed a cell above can go
    on. The rows are in the output's metadata under "claims", where the ledger and the site read
    them.
    """

    def __init__(self, *rows):
        self.rows = rows

    @property
    def verdict(self):
        """The verdict in one line: how many claims hold, or which do not."""
        failed = [row.id for row in self.rows if not row.holds]
        count = len(self.rows)
        if failed:
            return f"✗ {len(failed)} of {count} measured claims outside their bands: " + \
                ", ".join(failed)
        return "✓ 1 measured claim holds" if count == 1 else f"✓ {count} measured claims hold"

    def __repr__(self):
        lines = (f"{'✗✓'[row.holds]} {row.id}: {row.sentence}: {measured(row.value)} "
                 f"{f'({row.spread}) ' if row.seeds else ''}within {row.band}" for row in self.rows)
        return "\n".join([self.verdict, *lines])

    def _repr_html_(self):
        lines = "".join("<tr>" + "".join(f"<td>{html.escape(text)}</td>" for text in (
            "✗✓"[row.holds], row.sentence, measured(row.value), row.spread, row.band))
            + f"<td><code>{row.id}</code></td></tr>" for row in self.rows)
        titles = "".join(f"<th>{title}</th>" for title in (
            "", "claim", "measured", "range over seeds", "holds within", "name"))
        return (f'<details class="claims"><summary>{self.verdict}</summary><table>'
                f"<tr>{titles}</tr>{lines}</table></details>")

    def _repr_mimebundle_(self, **_settings):
        def plain(value):  # JSON has no infinity
            return str(value) if isinstance(value, float) and not math.isfinite(value) else value

        rows = [{name: plain(value) for name, value in row._asdict().items()}
                | {"holds": row.holds} for row in self.rows]
        return {"text/plain": repr(self), "text/html": self._repr_html_()}, {"claims": rows}
