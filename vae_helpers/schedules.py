"""Schedules of β: functions of the training step that a checkpoint can store."""

import math
from dataclasses import asdict, dataclass

# The classes have lower-case names because they are used like functions: beta=warm_up(1000).


@dataclass(frozen=True)
class warm_up:
    """KL warm-up: β rises linearly from 0 to `beta` over `steps` steps, and stays there.

    Sønderby et al. 2016 (1602.02282), "Warm-up from deterministic to variational
    autoencoder". Raises `ValueError` for arguments out of range.
    """

    steps: int
    beta: float = 1.0

    def __post_init__(self):
        _require_steps(steps=self.steps)
        _require_beta(self.beta)

    def __call__(self, step):
        return self.beta * min(1.0, step / self.steps)


@dataclass(frozen=True)
class cyclical:
    """Cyclical annealing: every `period` steps β restarts at 0 and rises linearly to `beta`.

    The rise takes the fraction `ramp`, in (0, 1], of the period; then β stays at `beta`.
    Fu et al. 2019 (1903.10145), figure 2b: `period` is their T/M, `ramp` their R. Raises
    `ValueError` for arguments out of range.
    """

    period: int
    ramp: float = 0.5
    beta: float = 1.0

    def __post_init__(self):
        _require_steps(period=self.period)
        if not 0 < self.ramp <= 1:
            raise ValueError(f"ramp must be above 0 and at most 1, got {self.ramp}.")
        _require_beta(self.beta)

    def __call__(self, step):
        return self.beta * min(1.0, step % self.period / (self.ramp * self.period))


SCHEDULES = {kind.__name__: kind for kind in (warm_up, cyclical)}


def as_plain(beta):
    """A number or a schedule as plain values, which can be stored and compared.

    Raises `TypeError` for any other function, which could not be restored from a file.
    """
    if type(beta) in SCHEDULES.values():
        return {"kind": type(beta).__name__} | asdict(beta)
    if callable(beta):
        raise TypeError(
            f"beta is {beta!r}, which cannot be stored. For a run with checkpoints beta "
            f"must be a number or one of schedules.{', schedules.'.join(SCHEDULES)}."
        )
    return float(beta)


def from_plain(plain):
    """The number or schedule from which `as_plain` made `plain`."""
    if not isinstance(plain, dict):
        return plain
    arguments = dict(plain)
    return SCHEDULES[arguments.pop("kind")](**arguments)


def _require_steps(**named):
    (name, value), = named.items()
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} must be a whole number of steps, at least 1, got {value}.")


def _require_beta(beta):
    if not (math.isfinite(beta) and beta >= 0):
        raise ValueError(f"beta must be a finite number of at least 0, got {beta}.")
