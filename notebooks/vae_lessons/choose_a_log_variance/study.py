"""Notebook 08: parametrisations of a scale, and a decoder whose noise is fixed or learned."""

import itertools
import math

import numpy as np
import torch

from vae_helpers import data, evaluation, training
from vae_helpers.study import PREFIX, Study, on_one_thread, prefix
from vae_lessons.choose_a_log_variance import lab
from vae_lessons.train_in_two_stages.lab import LearnedScaleVAE

AXES = ("optimizers", "parametrisations", "spans", "learning_rates", "units")


def run_fits(seed, *, fits, variances, sizes, ratios, draws, **settings):
    """The fits of one seed, flat in the order of `AXES`, and moments of drawn numbers.

    spreads: [variance][size]: variances of s² and of log s². gradients: [variance][ratio]:
    mean and standard deviation of the gradients by the variance and by its logarithm, where
    the candidate is ratio · variance.
    """
    found = {key: [] for key in ("log_variance", "excess", "stuck", "diverged")}
    for optimizer, parametrisation, span, learning_rate, unit in places(fits):
        fitted, diverged = lab.fit_scale(
            parametrisation, span=span, unit=unit, seed=seed, optimizer=optimizer,
            learning_rate=learning_rate, **settings)
        measured = lab.measure_fit(fitted, span, unit) | {"diverged": diverged}
        for key, values in found.items():
            values.append(_storable(measured[key]))
    generator = torch.Generator().manual_seed(seed)
    trainer = _fit_by_log_variance(seed, fits=fits, **settings)
    return found | {
        "spreads": [[lab.drawn_spreads(variance, n, draws, generator) for n in sizes]
                    for variance in variances],
        "gradients": [[lab.drawn_gradients(variance, ratio * variance, draws, generator)
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
    lengths = [len(LOG_VARIANCE.settings["fits"][axis]) for axis in AXES]
    return values.reshape(len(values), *lengths, *values.shape[2:])


def _storable(value):
    """Rounded to what a picture shows; what is not finite becomes None, which JSON has."""
    if isinstance(value, list):
        return [_storable(v) for v in value]
    if isinstance(value, float):
        return float(f"{value:.4g}") if math.isfinite(value) else None
    return value


def _fit_by_log_variance(seed, *, fits, count, batch_size, **_other):
    """The fit by log variance in units of 1: its first steps tell this study from another."""
    errors = lab.draw_errors(max(fits["spans"]), 1.0, count, seed)
    return lab.ScaleFit(
        "log variance", *errors, optimizer="Adam", learning_rate=1e-2, batch_size=batch_size,
        seed=seed)


LOG_VARIANCE = Study(
    "Which parametrisation of a scale learns it, in which units, at which learning rates?",
    run_fits,
    _fit_by_log_variance,
    {"fits": {"optimizers": ["Adam", "SGD"],
              "parametrisations": ["variance", "log variance", "softplus"], "spans": [0.5, 2.0],
              "learning_rates": [1e-3, 1e-2, 1e-1], "units": [0.01, 0.1, 1.0, 10.0, 100.0]},
     "count": 1000, "batch_size": 50, "steps": 1000,
     "variances": [1e-4, 1e-2, 1.0, 1e2, 1e4], "sizes": [3, 10, 50], "ratios": [0.1, 1.0, 10.0],
     "draws": 100_000},
)


def sigma_trainer(seed, sigma, *, latent, hidden, batch_size, learning_rate, **_other):
    """A trainer of one variant, on one thread.

    sigma: the decoder's fixed standard deviation; "learned", by the gradient, or "matched", by
    the formula, both from 1.
    """
    return on_one_thread(training.Trainer(
        make_model(seed, sigma, latent, hidden), data.load_mnist().train_images,
        batch_size=batch_size, learning_rate=learning_rate, seed=seed,
    ))


def make_model(seed, sigma, latent, hidden):
    """The untrained model of one variant."""
    if sigma == "matched":
        return LearnedScaleVAE(latent, hidden, seed=seed)
    learned = sigma == "learned"
    noise = 0.0 if learned else 2 * math.log(sigma)
    return lab.SigmaVAE(latent, hidden, noise=noise, learned=learned, seed=seed)


def measure_variant(model, seed):
    """What a trained variant is worth on the test images, and on those by which to choose one.

    variance: its decoder's σ²; distortion, rate: nats per image; squared_error: of a test
    pixel; train_error: of a training pixel, which is the σ² that could be put in afterwards.
    validation: distortion, rate and squared_error of the validation images.
    """
    digits = data.load_mnist()

    def measure(images):
        found = evaluation.evaluate(model, images, seed=seed)
        return found._asdict() | {"squared_error": lab.squared_error(model, found.distortion)}

    train = measure(digits.train_images[:len(digits.test_images)])
    return measure(digits.test_images) | {
        "validation": measure(digits.validation_images),
        "variance": model.variance.item(), "train_error": train["squared_error"],
        "active": evaluation.active_units(model, digits.test_images),
    }


def run_sigmas(seed, *, sigmas, epochs, model_seed, **settings):
    """Every variant of one seed, {name: numbers}; the models themselves for `model_seed` alone."""
    found, kept = {}, {}
    for sigma in sigmas:
        trainer = sigma_trainer(seed, sigma, **settings)
        training.train(trainer, epochs * trainer.steps_per_epoch)
        found[str(sigma)] = measure_variant(trainer.model, seed)
        kept[str(sigma)] = trainer.model
    found = {"variants": found, "prefix_neg_elbo": prefix(trainer)}  # of the last variant
    return found | ({"models": kept} if seed == model_seed else {})


def _last_sigma(seed, *, sigmas, **settings):
    return sigma_trainer(seed, sigmas[-1], **settings)


SIGMA_VAE = Study(
    "What does a Gaussian decoder gain by finding its own noise?",
    run_sigmas,
    _last_sigma,
    {"latent": 20, "hidden": [100], "batch_size": 125, "learning_rate": 3e-3, "epochs": 4,
     "sigmas": [1.0, 0.3, 0.15, 0.1, 0.03, "learned", "matched"], "model_seed": 1},
)


def trainer_from(start, seed, *, latent, hidden, batch_size, learning_rate, **_other):
    """A trainer of a decoder whose σ is learned and begins at `start`, on one thread."""
    model = lab.SigmaVAE(
        latent, hidden, noise=2 * math.log(start), learned=True, seed=seed)
    return on_one_thread(training.Trainer(
        model, data.load_mnist().train_images, batch_size=batch_size,
        learning_rate=learning_rate, seed=seed))


def run_starts(seed, *, starts, epochs, **settings):
    """Where training ends from each start, {start: numbers}, see `measure_variant`."""
    found = {}
    for start in starts:
        trainer = trainer_from(start, seed, **settings)
        training.train(trainer, epochs * trainer.steps_per_epoch)
        found[f"{start:g}"] = measure_variant(trainer.model, seed)
    return {"starts": found, "prefix_neg_elbo": prefix(trainer)}  # of the last start


def _last_start(seed, *, starts, **settings):
    return trainer_from(starts[-1], seed, **settings)


LEARNED_SIGMA = Study(
    "Where should a decoder's noise begin that is learned by the gradient?",
    run_starts,
    _last_start,
    {key: SIGMA_VAE.settings[key] for key in
     ("latent", "hidden", "batch_size", "learning_rate", "epochs")} | {"starts": [0.1, 0.2]},
)

STUDIES = {"log_variance": LOG_VARIANCE, "sigma_vae": SIGMA_VAE, "learned_sigma": LEARNED_SIGMA}
