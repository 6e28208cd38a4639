"""Notebook 08: one regression of a scale in three parametrisations, and the laws behind it."""

import itertools
import math

import numpy as np
import torch

from vae_helpers import scale_regression, scales
from vae_helpers.studies.base import PREFIX, Study

AXES = ("optimizers", "parametrisations", "spans", "learning_rates", "units")


def run(seed, *, fits, variances, sizes, ratios, draws, **settings):
    """The fits of one seed, flat in the order of `AXES`, and moments of drawn numbers.

    spreads: [variance][size]: variances of s² and of log s². gradients: [variance][ratio]:
    mean and standard deviation of the gradients by the variance and by its logarithm, where
    the candidate is ratio · variance.
    """
    found = {key: [] for key in ("log_variance", "excess", "stuck", "diverged")}
    for optimizer, parametrisation, span, learning_rate, unit in places(fits):
        fitted, diverged = scale_regression.fit(
            parametrisation, span=span, unit=unit, seed=seed, optimizer=optimizer,
            learning_rate=learning_rate, **settings)
        measured = scale_regression.measure(fitted, span, unit) | {"diverged": diverged}
        for key, values in found.items():
            values.append(_storable(measured[key]))
    generator = torch.Generator().manual_seed(seed)
    trainer = _trainer(seed, fits=fits, **settings)
    return found | {
        "spreads": [[scales.drawn_spreads(variance, n, draws, generator) for n in sizes]
                    for variance in variances],
        "gradients": [[scales.drawn_gradients(variance, ratio * variance, draws, generator)
                       for ratio in ratios] for variance in variances],
        "prefix_neg_elbo": [-trainer.step().elbo for _ in range(PREFIX)],
    }


def places(fits):
    """Every combination of the settings in `fits`, {axis: values}, in the order of `AXES`."""
    return itertools.product(*(fits[axis] for axis in AXES))


def table(runs, key):
    """What `runs` ({seed: results}) hold under `key`, with NaN for None: [seed, *AXES, …].

    The length of each axis is that of its values in this study's settings.
    """
    values = np.array([run[key] for run in runs.values()], dtype=float)  # [seed, place, …]
    lengths = [len(STUDY.settings["fits"][axis]) for axis in AXES]
    return values.reshape(len(values), *lengths, *values.shape[2:])


def _storable(value):
    """Rounded to what a picture shows; what is not finite becomes None, which JSON has."""
    if isinstance(value, list):
        return [_storable(v) for v in value]
    if isinstance(value, float):
        return float(f"{value:.4g}") if math.isfinite(value) else None
    return value


def _trainer(seed, *, fits, count, batch_size, **_other):
    """The fit by log variance in units of 1: its first steps tell this study from another."""
    errors = scale_regression.draw_errors(max(fits["spans"]), 1.0, count, seed)
    return scale_regression.ScaleFit(
        "log variance", *errors, optimizer="Adam", learning_rate=1e-2, batch_size=batch_size,
        seed=seed)


STUDY = Study(
    "Which parametrisation of a scale learns it, in which units, at which learning rates?",
    run,
    _trainer,
    {"fits": {"optimizers": ["Adam", "SGD"],
              "parametrisations": ["variance", "log variance", "softplus"], "spans": [0.5, 2.0],
              "learning_rates": [1e-3, 1e-2, 1e-1], "units": [0.01, 0.1, 1.0, 10.0, 100.0]},
     "count": 1000, "batch_size": 50, "steps": 1000,
     "variances": [1e-4, 1e-2, 1.0, 1e2, 1e4], "sizes": [3, 10, 50], "ratios": [0.1, 1.0, 10.0],
     "draws": 100_000},
)
