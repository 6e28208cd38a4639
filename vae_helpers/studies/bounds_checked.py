"""Notebook 10: the bounds beside log p(x) itself, and one network on digits made in three ways."""

import math

import torch

from vae_helpers import data, evaluation, gaps, likelihood, training
from vae_helpers.studies.base import Study, dense_trainer, prefix

DIGITS = ("grey", "drawn", "cut")


def digits_as(kind, images, *, seed):
    """uint8 images "grey" as they are, "drawn" black and white by `seed`, or "cut" at one half."""
    if kind == "drawn":
        return likelihood.binarized(images, seed=seed)
    return 255 * (images > 127).to(torch.uint8) if kind == "cut" else images


def train_on(kind, trainer, epochs):
    """Train a fresh trainer for `epochs` on its images made into `kind`.

    Drawn anew for each epoch, in which each image is met once: dynamic binarisation.
    """
    images = trainer.images
    for epoch in range(epochs):
        trainer.images = digits_as(kind, images, seed=epoch)
        training.train(trainer, (epoch + 1) * trainer.steps_per_epoch)
    return trainer.model


def compare_kinds(model):
    """−ELBO of the test digits made in each of the three ways, {kind: nats per image}."""
    images = data.load_mnist().test_images
    return {kind: -evaluation.evaluate(model, digits_as(kind, images, seed=0), seed=0).elbo
            for kind in DIGITS}


def compare_bounds(model, images, draws):
    """What a model with 2 latents gives for black and white images [n, 28, 28], in nats.

    Returns log p(x) by quadrature [n], and {K: every estimate of L_K, [groups, n]}.
    """
    generator = torch.Generator().manual_seed(0)
    weights = likelihood.draw_log_weights(model, images, max(draws), generator)  # [draws, n]
    estimates = {k: likelihood.grouped_bounds(weights, k) for k in draws}
    # The grid has 160,801 places: 50 images at a time keep it small.
    parts = [gaps.evidence_by_quadrature(model, chunk) for chunk in images.split(50)]
    return torch.cat(parts), estimates


def gap_of(log_evidence, estimates):
    """The gap log p(x) − L_K of each image, summed up: {name: number}, in nats per image.

    mean and half_width: over images; median; worst: the share of the mean that comes from the
    worst twentieth of the images; above: the share of single estimates above log p(x).
    """
    gap = log_evidence - estimates.mean(0)  # [n]
    worst = gap.sort(descending=True).values[: math.ceil(len(gap) / 20)]
    mean, half_width = likelihood.mean_of(gap)
    return {
        "mean": mean, "half_width": half_width, "median": gap.quantile(0.5).item(),
        "worst": (worst.sum() / gap.sum()).item(),
        "above": (estimates > log_evidence).double().mean().item(),
    }


def run(seed, *, plane, plane_epochs, epochs, images, draws, **settings):
    """−ELBO of three models on three kinds of digits; the gap of each L_K on the plane."""
    kinds = {}
    for kind in DIGITS:
        trainer = dense_trainer(seed, **settings)
        kinds[kind] = compare_kinds(train_on(kind, trainer, epochs))
    model = train_on("drawn", dense_trainer(seed, **settings | plane), plane_epochs)
    shown = digits_as("drawn", data.load_mnist().test_images[:images], seed=0)
    log_evidence, estimates = compare_bounds(model, shown, draws)
    return {
        "kinds": kinds, "log_evidence": log_evidence.mean().item(),
        "gaps": {str(k): gap_of(log_evidence, found) for k, found in estimates.items()},
        "prefix_neg_elbo": prefix(trainer),  # of the digits cut at one half
    }


def _trainer(seed, **settings):
    trainer = dense_trainer(seed, **settings)
    trainer.images = digits_as("cut", trainer.images, seed=0)
    return trainer


STUDY = Study(
    "How far below log p(x) does L_K lie, and what do a number's digits have to do with it?",
    run,
    _trainer,
    {"latent": 20, "hidden": [100], "batch_size": 125, "learning_rate": 2e-3, "epochs": 8,
     "plane": {"latent": 2}, "plane_epochs": 5, "images": 200,
     "draws": [1, 2, 5, 10, 50, 100, 500, 1000, 5000]},
)
