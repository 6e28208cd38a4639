"""Study of notebook 02: gradient noise of a real encoder, and of the IWAE bound."""

import math

import torch

from vae_helpers import data, elbo, training
from vae_helpers.study import Study, dense_trainer, prefix
from vae_lessons.compare_the_estimators import lab
from vae_lessons.derive_the_elbo.exact import LinearGaussian

LAWFUL = ("Monte Carlo", "entropy", "KL", "path derivative")  # forms with an exact variance


def run(seed, *, stages, images, draws, samples, repetitions, widths, shifts, law_draws,
        **settings):
    """The stored results of notebook 02 for one seed."""
    trainer = dense_trainer(seed, **settings)
    of_layers = {}
    for stage in stages:
        training.train(trainer, stage)
        noise = lab.noise_of_layers(
            trainer.model, data.load_mnist().test_images[:images], forms=lab.ESTIMATORS,
            with_baseline=lab.score_with_baseline, draws=draws, seed=seed)
        for name in noise.keys() - {"Monte Carlo", "entropy"}:
            ratio = noise[name] / noise["Monte Carlo"]  # [layers]
            of_layers.setdefault(name, []).append(ratio.tolist())
    model, x = _laboratory()
    return {
        "layer_noise": of_layers,
        "slopes": {
            "finite": _slopes(4 / 3, samples, repetitions, seed),
            "infinite": _slopes(0.4, samples, repetitions, seed),
        },
        "worst_of_laws": lab.worst_of_laws(
            {name: lab.ESTIMATORS[name] for name in LAWFUL}, lab.gradient_of_each, model, x,
            widths=widths, shifts=shifts, draws=law_draws, seed=seed),
        "prefix_neg_elbo": prefix(trainer),
    }


def _slopes(width, samples, repetitions, seed):
    """{gradient: slope of log signal-to-noise against log K}, for a q of variance width · τ²."""
    model, x = _laboratory()
    mean = 1 + 0.5 * math.sqrt(0.5)  # half a standard deviation from the posterior's mean
    q = x.new_tensor([[mean]]), x.new_tensor([[math.log(width * 0.5)]])
    ratios = lab.signal_to_noise(
        elbo.iwae_bound, lab.dreg_surrogate, model, x, *q, samples, repetitions=repetitions,
        seed=seed)
    return {name: lab.log_slope(samples, values) for name, values in ratios.items()}


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
