"""Notebook 02: the noise of a real encoder's gradients, and of importance-weighted ones."""

import itertools
import math

import torch

from vae_helpers import data, training
from vae_helpers.study import Study, dense_trainer, prefix
from vae_lessons.compare_the_estimators import lab
from vae_lessons.derive_the_elbo.exact import LinearGaussian

NAMES = ("KL", "path derivative", "score function", "centred score function")


def run(seed, *, stages, images, draws, samples, repetitions, widths, shifts, law_draws,
        **settings):
    """Everything notebook 02 says of one seed."""
    trainer = dense_trainer(seed, **settings)
    of_layers = {name: [] for name in NAMES}
    for stage in stages:
        training.train(trainer, stage)
        noise = lab.noise_of_layers(
            trainer.model, data.load_mnist().test_images[:images], draws=draws, seed=seed
        )
        for name in NAMES:
            of_layers[name].append((noise[name] / noise["Monte Carlo"]).tolist())  # [layers]
    return {
        "layer_noise": of_layers,
        "slopes": {
            "finite": _slopes(4 / 3, samples, repetitions, seed),
            "infinite": _slopes(0.4, samples, repetitions, seed),
        },
        "worst_of_laws": _worst_of_laws(widths, shifts, law_draws, seed),
        "prefix_neg_elbo": prefix(trainer),
    }


def _slopes(width, samples, repetitions, seed):
    """{gradient: slope of log signal-to-noise against log K}, for a q of variance width · τ²."""
    model, x = _laboratory()
    mean = 1 + 0.5 * math.sqrt(0.5)  # half a posterior's width beside it
    q = x.new_tensor([[mean]]), x.new_tensor([[math.log(width * 0.5)]])
    ratios = lab.signal_to_noise(
        model, x, *q, samples, repetitions=repetitions, seed=seed
    )
    return {name: lab.log_slope(samples, values) for name, values in ratios.items()}


def _worst_of_laws(widths, shifts, draws, seed):
    """{quantity: the largest deviation of drawn variances from their laws over a grid of q}."""
    model, x = _laboratory()
    generator = torch.Generator().manual_seed(seed)
    eps = torch.randn(draws, 1, 1, generator=generator, dtype=x.dtype)
    worst = {}
    for sd, shift in itertools.product(widths, shifts):
        mean, logvar = x.new_tensor([[1 + shift]]), x.new_tensor([[2 * math.log(sd)]])
        drawn = lab.drawn_variances(model, x, mean, logvar, eps)
        for quantity, exact_law in lab.exact_variances(mean, sd, 1.0, math.sqrt(0.5)).items():
            found = lab.deviation(drawn[quantity], exact_law)
            worst[quantity] = max(worst.get(quantity, 0), found)
    return worst


def _laboratory():
    """The model of notebooks 01 and 02: z ~ N(0, 1), x | z ~ N(z, 1), seen at x = 2."""
    one = torch.ones(1, 1, dtype=torch.float64)
    return LinearGaussian(one, 0 * one[0], 1.0), 2 * one


STUDY = Study(
    "How noisy are the estimators' gradients on MNIST, and do the laws of notebook 02 hold?",
    run,
    dense_trainer,
    {"latent": 8, "hidden": [256, 128], "batch_size": 250, "learning_rate": 2e-3,
     "stages": [0, 240, 960], "images": 100, "draws": 64, "samples": [4, 8, 16, 32, 64],
     "repetitions": 200_000, "widths": [0.2, 0.35, 0.5, 0.71, 1.0, 1.6],
     "shifts": [0.0, 0.4, -0.8], "law_draws": 1_000_000},
)

STUDIES = {"compare_estimators": STUDY}
