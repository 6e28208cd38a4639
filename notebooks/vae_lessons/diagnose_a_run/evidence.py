"""How each measurement of a run is read, and which readings tell the conditions apart."""

import functools
from typing import NamedTuple

import numpy as np
import torch

from vae_helpers import data, evaluation, results
from vae_lessons.diagnose_a_run import instruments, lab

RELIABLE = 0.9  # share of pairs of runs in which two conditions must read differently


class Instrument(NamedTuple):
    """A measurement, and its reading in words.

    field: of `instruments.Examined`. words: the readings, from the smallest values to the largest;
    limits: the values of the field between them, ascending. If `scaled`, the loss's first weight
    is read as well. unit: of the value.
    """

    field: str
    words: tuple
    limits: tuple
    unit: str
    scaled: bool = False

    def read(self, examined):
        """The reading, in words, of a dictionary with the fields of `instruments.Examined`."""
        word = self.words[sum(examined[self.field] > limit for limit in self.limits)]
        if self.scaled and not 0.9 < examined["weight_of_distortion"] < 1.1:
            word += ", averaged"
        return word


INSTRUMENTS = {
    "loss weights": Instrument("beta", ("β near 1", "β far above 1"), (2,), "", scaled=True),
    "active units": Instrument("active", ("none", "some or all"), (0.5,), "of 10"),
    "better than the mean image": Instrument(
        "better_than_mean_image", ("no better", "somewhat better", "far better"), (5, 95),
        "nats"),
    "evaluation mode": Instrument("mode_gap", ("as in training", "worse"), (5,), "nats"),
    "log against own": Instrument("unlogged", ("as logged", "above the log"), (5,), "nats"),
    "decline": Instrument(
        "decline", ("hardly falling", "still falling"), (2,), "nats per 100 steps"),
    "dead units": Instrument("dead", ("not all", "nearly all"), (95,), "of 100"),
    "equal variances": Instrument("pinned", ("none", "many"), (0.1,), "share"),
    "gradient of the encoder": Instrument(
        "gradient", ("small", "medium", "large"), (10, 20), ""),
}


@functools.cache
def runs_with(fault):
    """The measurements of the stored runs with this key of `lab.FAULTS`, a list of dictionaries."""
    return [run["examined"][fault] for run in results.load(lab.STUDY)["runs"].values()]


def runs(condition):
    """The measurements of all stored runs with this condition: healthy runs are of two kinds."""
    return runs_with(condition) + (runs_with(lab.NORMED) if condition == "healthy" else [])


def values(instrument):
    """{condition: values of this instrument [runs]} of the stored runs."""
    field = INSTRUMENTS[instrument].field
    return {condition: np.array([run[field] for run in runs(condition)])
            for condition in lab.CONDITIONS}


def readings(instrument):
    """{condition: readings of this instrument [runs]} of the stored runs, in words."""
    return {condition: [INSTRUMENTS[instrument].read(run) for run in runs(condition)]
            for condition in lab.CONDITIONS}


def usual(instrument, condition):
    """The most frequent reading of a condition, and the share of its runs that show it."""
    found = readings(instrument)[condition]
    word = max(set(found), key=found.count)
    return word, found.count(word) / len(found)


def told_apart(instrument, one, other):
    """The share of pairs of runs, one with each condition, with different readings: 0 to 1."""
    found = readings(instrument)
    return float(np.mean([a != b for a in found[one] for b in found[other]]))


def identified(instrument):
    """The conditions that this instrument alone tells from each other one, reliably."""
    return [condition for condition in lab.CONDITIONS if not not_excluded(condition, [instrument])]


def not_excluded(condition, instruments):
    """The other conditions from which none of these instruments tells this one reliably."""
    return [other for other in lab.CONDITIONS if other != condition and not any(
        told_apart(name, condition, other) >= RELIABLE for name in instruments)]


@torch.no_grad()
def picture_of(letter, run, found):
    """The data of `figures.examination` for a run and its `Examined`."""
    images = data.load_mnist().validation_images[:instruments.IMAGES]
    model = run.model
    with evaluation.evaluation_mode(model):
        _mean, logvar = model.encode(data.pixels(images))  # [IMAGES, latent]
    return {
        "letter": letter, "log": {name: values.numpy() for name, values in run.log.items()},
        "modes": {"evaluation mode": found.neg_elbo,
                  "training mode": found.neg_elbo - found.mode_gap},
        "mean_image": found.better_than_mean_image + found.neg_elbo - found.rate,
        "rates": evaluation.rate_per_latent(model, images).numpy(),
        "active": (evaluation.posterior_means(model, images).var(0) > 0.01).numpy(),
        "variances": logvar.exp().numpy(),
        "numbers": _numbers(found, model.latent),
    }


def _numbers(found, latent):
    """{name: (value of a run's `Examined`, range of the stored healthy runs)}, in words."""
    def nats(value):
        return f"{value:+.1f}".replace("-", "−")

    ways = {"active": lambda value: f"{value:.0f} of {latent}", "dead": lambda v: f"{v:.0f} of 100",
            "pinned": lambda value: f"{value:.0%}", "gradient": lambda value: f"{value:.0f}",
            "beta": lambda value: f"{value:.3g}"}
    numbers = {"loss weights: w_D": (f"{found.weight_of_distortion:.3g}", "1")}
    for name, instrument in INSTRUMENTS.items():
        way = ways.get(instrument.field, nats)
        healthy = [run[instrument.field] for run in runs("healthy")]
        ends = [way(end(healthy)).split(" of ")[0] for end in (min, max)]
        shown = "loss weights: β" if name == "loss weights" else name
        numbers[shown] = (way(getattr(found, instrument.field)),
                          ends[0] if ends[0] == ends[1] else " … ".join(ends))
    return numbers
