"""Notebook 03: the source's recipe and its cures, step by step."""

import time

import torch

from vae_helpers import data, evaluation, training
from vae_helpers.recipes import CURED, RECIPES, make_trainer
from vae_helpers.studies.base import Study, prefix


def run(seed, *, epochs):
    """Every recipe trained from this seed, with its state after each epoch."""
    torch.set_num_threads(1)
    trainers = {name: make_trainer(name, seed) for name in RECIPES}
    histories = {name: _history(trainer, epochs, seed) for name, trainer in trainers.items()}
    return {"recipes": histories, "prefix_neg_elbo": prefix(trainers[CURED])}


def _history(trainer, epochs, seed):
    model, test_images = trainer.model, data.load_mnist().test_images
    history = {"seconds": [], "neg_elbo": [], "in_training": [], "dead": []}
    seconds = 0.0
    for _ in range(epochs):
        start = time.perf_counter()
        training.train(trainer, len(trainer.records) + trainer.steps_per_epoch)
        seconds += time.perf_counter() - start  # evaluation is not counted
        result = evaluation.evaluate(model, test_images, seed=seed)
        history["seconds"].append(seconds)
        history["neg_elbo"].append(-result.elbo)
        last = trainer.records[-20:]
        history["in_training"].append(-sum(record.elbo for record in last) / len(last))
        history["dead"].append(evaluation.dead_heads(model, test_images))
    return history | {
        "rate": result.rate, "active": evaluation.active_units(model, test_images)
    }


def _cured_trainer(seed, **_settings):
    torch.set_num_threads(1)
    return make_trainer(CURED, seed)


STUDY = Study(
    "What does each step of the source's cure gain, and what does batch normalisation?",
    run,
    _cured_trainer,
    {"epochs": 10},
    range(1, 7),
)
