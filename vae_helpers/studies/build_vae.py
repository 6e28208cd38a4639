"""Notebook 03: the source's recipe and its cures, step by step."""

import time

import torch

from vae_helpers import data, evaluation, models, training
from vae_helpers.studies.base import Study, prefix

TRAINING_IMAGES = 55_000  # as the source used
# What the source wrote, and what is changed in each step: its β, Adam's step size, the coders.
RECIPES = {
    "as written": {"beta": 9.8, "learning_rate": 1e-2, "heads": "relu"},
    "linear heads": {"beta": 9.8, "learning_rate": 1e-2, "heads": "linear"},
    "and a true β": {"beta": 1.0, "learning_rate": 1e-2, "heads": "linear"},
    "and a smaller step": {"beta": 1.0, "learning_rate": 1e-3, "heads": "linear"},
    "a true β alone": {"beta": 1.0, "learning_rate": 1e-2, "heads": "relu"},
    "without batch norm": {
        "beta": 1.0, "learning_rate": 1e-3, "heads": "linear", "batch_norm": False
    },
    "without it, large step": {
        "beta": 1.0, "learning_rate": 1e-2, "heads": "linear", "batch_norm": False
    },
    "PyTorch's batch norm": {
        "beta": 1.0, "learning_rate": 1e-3, "heads": "linear", "eps": 1e-5, "momentum": 0.1
    },
}
CURED = "and a smaller step"


def recipe_trainer(name, seed):
    """A trainer of recipe `name`: batches of 800 of the first 55,000 images."""
    settings = dict(RECIPES[name])
    of_training = {key: settings.pop(key) for key in ("beta", "learning_rate")}
    images = data.load_mnist().train_images[:TRAINING_IMAGES]
    model = models.CoderVAE(seed=seed, **settings)
    return training.Trainer(model, images, batch_size=800, seed=seed, **of_training)


def run(seed, *, epochs):
    """Every recipe trained from this seed, with its state after each epoch."""
    torch.set_num_threads(1)
    trainers = {name: recipe_trainer(name, seed) for name in RECIPES}
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
    return recipe_trainer(CURED, seed)


STUDY = Study(
    "What does each step of the source's cure gain, and what does batch normalisation?",
    run,
    _cured_trainer,
    {"epochs": 10},
    range(1, 7),
)
