"""How each measurement of a run is read, and which readings tell the illnesses apart."""

import functools
from typing import NamedTuple

import numpy as np

from vae_helpers import results
from vae_lessons.diagnose_a_run import lab

RELIABLE = 0.9  # share of pairs of runs in which two illnesses must read differently


class Instrument(NamedTuple):
    """A measurement, and its reading in words.

    field: of `instruments.Examined`. words: the readings below and above `limit`, the value of the
    field at which they change. If `scaled`, the loss's first weight is read as well. unit: of the
    value.
    """

    field: str
    words: tuple[str, str]
    limit: float
    unit: str
    question: str
    scaled: bool = False

    def read(self, examined):
        """The reading, in words, of a dictionary with the fields of `instruments.Examined`."""
        word = self.words[examined[self.field] > self.limit]
        if self.scaled and not 0.9 < examined["weight_of_distortion"] < 1.1:
            word += ", means"
        return word


INSTRUMENTS: dict[str, Instrument] = {
    "loss weights": Instrument(
        "beta", ("β near 1", "β far above 1"), 2, "",
        "Which weights of distortion and rate explain the logged loss?", scaled=True),
    "active units": Instrument(
        "active", ("none", "some or all"), 0.5, "of 10",
        "How many latents have a posterior mean that varies?"),
    "better than the mean image": Instrument(
        "better_than_mean_image", ("no better", "better"), 5, "nats",
        "How much lower is the distortion than that of the mean image?"),
    "evaluation mode": Instrument(
        "mode_gap", ("as in training mode", "worse"), 5, "nats",
        "How much higher is −ELBO in evaluation mode than in training mode?"),
    "log against own": Instrument(
        "unlogged", ("as logged", "above the log"), 5, "nats",
        "How much higher than the log is the distortion that you compute yourself?"),
    "decline": Instrument(
        "decline", ("at rest", "still falling"), 2, "nats per 100 steps",
        "How fast does −ELBO fall at the end of training?"),
    "dead units": Instrument(
        "dead", ("some alive", "nearly all dead"), 95, "of 100",
        "How many hidden units of the encoder are 0 for every image?"),
    "equal variances": Instrument(
        "pinned", ("few", "many"), 0.1, "share",
        "Which share of the posterior variances equals the smallest one exactly?"),
    "encoder's gradient": Instrument(
        "gradient", ("small", "large"), 10, "",
        "How large is the gradient of the encoder's parameters, divided by w_D, at the end?"),
}


@functools.cache
def runs_with(fault):
    """The measurements of the stored runs with this key of `lab.FAULTS`, a list of dictionaries."""
    return [run["examined"][fault] for run in results.load(lab.STUDY)["runs"].values()]


def runs(illness):
    """The measurements of all stored runs with this illness: healthy runs are of two kinds."""
    return runs_with(illness) + (runs_with(lab.NORMED) if illness == "healthy" else [])


def values(instrument):
    """{illness: values of this instrument [runs]} of the stored runs."""
    field = INSTRUMENTS[instrument].field
    return {illness: np.array([run[field] for run in runs(illness)])
            for illness in lab.ILLNESSES}


def readings(instrument):
    """{illness: readings of this instrument [runs]} of the stored runs, in words."""
    return {illness: [INSTRUMENTS[instrument].read(run) for run in runs(illness)]
            for illness in lab.ILLNESSES}


def usual(instrument, illness):
    """The most frequent reading of an illness, and the share of its runs that show it."""
    found = readings(instrument)[illness]
    word = max(set(found), key=found.count)
    return word, found.count(word) / len(found)


def told_apart(instrument, one, other):
    """The share of pairs of runs, one with each illness, with different readings: 0 to 1."""
    found = readings(instrument)
    return float(np.mean([a != b for a in found[one] for b in found[other]]))


def identified(instrument):
    """The illnesses that this instrument alone tells from each other one, reliably."""
    return [illness for illness in lab.ILLNESSES if not not_excluded(illness, [instrument])]


def not_excluded(illness, instruments):
    """The other illnesses from which none of these instruments tells this one reliably."""
    return [other for other in lab.ILLNESSES if other != illness and not any(
        told_apart(name, illness, other) >= RELIABLE for name in instruments)]
