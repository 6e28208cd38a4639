"""What notebook 10's stored results say, as the arrays that its figures and claims take."""

import functools

import numpy as np
import torch

from vae_helpers import results
from vae_lessons.say_how_good_it_is import lab

load = functools.cache(results.load)
NAMES = {1: "A, trained on the ELBO", 5: "B, trained on the bound with K = 5"}
PAPER = {1: (86.76, 19), 5: (85.54, 22)}  # −bound in nats and active units, Burda et al., table 1
GRADIENTS = {"iwae": "total", "path": "path", "dreg": "DReG"}


def _seeds(name):
    return list(load(name)["runs"].values())


def kinds():
    """−ELBO by the digits of the test and of the training: {tested: {trained: [seeds]}}."""
    trained = {kind: [run["kinds"][kind] for run in _seeds("bounds_checked")]
               for kind in lab.TRAINED if kind != "fixed"}
    trained["fixed"] = [run["kinds"] for run in _seeds("fixed_digits")]
    return {tested: {kind: np.array([seed[tested] for seed in trained[kind]])
                     for kind in lab.TRAINED} for tested in lab.SHOWN}


def gaps(part):
    """A part of `lab.gap_of` for every stored seed and K: [seeds, K]."""
    draws = load("bounds_checked")["settings"]["draws"]
    return np.array([[run["gaps"][str(k)][part] for k in draws]
                     for run in _seeds("bounds_checked")])


def scores():
    """−ELBO of ten runs of one recipe: [10 runs, 50] on validation, [10 runs, 100] on test images.

    Each number is the mean over 100 binarised images, in nats.
    """
    return tuple(torch.tensor([run[name] for run in _seeds("fixed_digits")], dtype=torch.float64)
                 for name in ("validation", "test"))


def _curve(k):
    return load(f"burda_{k}")["runs"]["1"]["curve"]


def table_curves():
    """What `figures.beside_the_paper` draws of the models A and B."""
    return {NAMES[k]: {
        "draws": k,
        "few": [(at["epoch"], -at["few"]["5000"][0]) for at in _curve(k)],
        "whole": [(epoch, -at["bounds"]["5000"][0], at["bounds"]["5000"][1])
                  for epoch, at in whole(k).items()],
    } for k in NAMES}


def whole(k):
    """What was measured on all 10,000 test images: {epoch: record}, for the K of training."""
    return {at["epoch"]: at for at in _curve(k) if at["images"] == 10_000}


def nll(k, epoch=-1, draws=5000, images="bounds"):
    """Minus the bound on all test images after `epoch`, or of their first 1,000 ("few"), in nats.

    epoch: one of those of `whole`, or −1 for the last one.
    """
    rows = whole(k)
    return -rows[max(rows) if epoch == -1 else epoch][images][str(draws)][0]


def few_after(k, epoch):
    """Minus the bound with 5,000 draws on the first 1,000 test images, in nats."""
    return next(-at["few"]["5000"][0] for at in _curve(k) if at["epoch"] == epoch)


def table_rows():
    """The lines of the table beside the paper's, as text."""
    yield "model  epochs    steps    −bound         active units   paper (active)   nats above it"
    for k, (theirs, units) in PAPER.items():
        for epoch, at in whole(k).items():
            steps = epoch * 60_000 // load(f"burda_{k}")["settings"]["batch_size"]
            bound, half_width = at["bounds"]["5000"]
            yield (f"{NAMES[k][0]}{epoch:12,}{steps:9,}    {-bound:.2f} ± {half_width:.2f}"
                   f"{at['active']:10}{theirs:17} ({units}){-bound - theirs:11.2f}")


def race(measure):
    """What `measure` gives for every model of the race: {K: {gradient: [seeds]}}."""
    found = {1: {}, 5: {}}
    for of_seeds in zip(*(run["entrants"] for run in _seeds("estimator_race"))):
        draws, name = of_seeds[0]["draws"], GRADIENTS[of_seeds[0]["estimator"]]
        found[draws][name] = np.array([measure(of_seed) for of_seed in of_seeds])
    return found


def wider():
    """Mean gaps of `run_wider`, [seeds] each: q as it is and q twice as wide, at K = 1, at 5,000.

    Returns them in this order: q at 1, q at 5,000, wider q at 1, wider q at 5,000.
    """
    return [np.array([run["gaps"][factor][k] for run in _seeds("wider_q")])
            for factor in ("1", "2") for k in ("1", "5000")]


STUDENT = 2.776  # the 97.5 % quantile of Student's t with 4 degrees of freedom, for five seeds


def choice(part):
    """Mean and half width of the paired differences of `study.run_choice`: [5 seeds, 2], nats.

    part: "validation" or "test". Above 0, the training with KL warm-up is better.
    """
    return np.array([run[part] for run in _seeds("warm_up_choice")])


def choice_levels():
    """−bound on validation images with KL warm-up, and without it: [2, 5 seeds], nats per image."""
    return np.array([run["levels"] for run in _seeds("warm_up_choice")]).T


def choice_over_seeds(part):
    """The mean over the five seeds of these differences, and half its 95 % interval, in nats."""
    means = choice(part)[:, 0]
    return means.mean(), STUDENT * means.std(ddof=1) / np.sqrt(len(means))
