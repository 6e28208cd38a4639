"""Notebook 05: one VAE at many β, remedies against posterior collapse, and the linear VAE."""

import torch

from vae_helpers import data, evaluation, training
from vae_helpers.study import PREFIX, Study, on_one_thread, prefix
from vae_helpers.threads import one_thread
from vae_lessons.meet_kl_collapse import lab
from vae_lessons.meet_kl_collapse.lab import (
    LONGER,
    REMEDIES,
    end_of,
    remedy_trainer,
    sweep_trainer,
    train_with_annealing,
)


def run_sweep(seed, *, betas, model_seed, epochs, **settings):
    """What training at each β leads to; the models themselves for `model_seed` alone."""
    digits = data.load_mnist()
    parts = {"train": digits.train_images, "validation": digits.validation_images,
             "test": digits.test_images}
    found = {key: [] for key in (*parts, "rate_per_latent", "active")}
    models = {}
    for beta in betas:
        trainer = sweep_trainer(seed, beta, **settings)
        train_with_annealing(trainer, epochs)
        for name, images in parts.items():
            result = evaluation.evaluate(trainer.model, images, seed=seed)
            found[name].append([result.distortion, result.rate])
        found["rate_per_latent"].append(
            evaluation.rate_per_latent(trainer.model, digits.test_images).tolist()
        )
        found["active"].append(evaluation.active_units(trainer.model, digits.test_images))
        models[f"{beta:g}"] = trainer.model
    found["prefix_neg_elbo"] = prefix(trainer)  # of the last β
    return found | ({"models": models} if seed == model_seed else {})


def _last_of_sweep(seed, *, betas, **settings):
    return sweep_trainer(seed, betas[-1], **settings)


KL_COLLAPSE = Study(
    "Where on the rate–distortion curve does training at each β end?",
    run_sweep,
    _last_of_sweep,
    {"latent": 10, "hidden": [100], "batch_size": 250, "learning_rate": 2e-3, "epochs": 15,
     "betas": [0.01, 0.1, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 40.0], "model_seed": 1},
)


def run_split(seed, *, betas, epochs, **settings):
    """Of the sweep's small β: what the rate pays for.

    train: distortion and rate; moments: averages of the posteriors' mean² and variance.
    """
    images = data.load_mnist().train_images
    found = {"train": [], "moments": []}
    for beta in betas:
        trainer = sweep_trainer(seed, beta, **settings)
        train_with_annealing(trainer, epochs)
        result = evaluation.evaluate(trainer.model, images, seed=seed)
        found["train"].append([result.distortion, result.rate])
        found["moments"].append(lab.posterior_moments(trainer.model, images).tolist())
    return found | {"prefix_neg_elbo": prefix(trainer)}  # of the last β


RATE_SPLIT = Study(
    "What does the rate pay for at small β?",
    run_split,
    _last_of_sweep,
    {"latent": 10, "hidden": [100], "batch_size": 250, "learning_rate": 2e-3, "epochs": 15,
     "betas": [0.01, 0.1, 0.5, 1.0]},
    range(1, 7),
)


def run_remedies(seed, *, places, steps, longer, **settings):
    """Where each remedy ends in each place, {place: {remedy: numbers}}, on the test images.

    places: {name: {beta, learning_rate}}. The constant β is also followed to `longer` steps.
    """
    found = {}
    for place, of_place in places.items():
        found[place] = {}
        for remedy in REMEDIES:
            trainer = remedy_trainer(remedy, seed, steps=steps, **of_place, **settings)
            training.train(trainer, steps)
            found[place][remedy] = end_of(trainer.model, seed, evaluation.active_units)
            if remedy == "constant":
                training.train(trainer, longer)
                found[place][LONGER] = end_of(trainer.model, seed, evaluation.active_units)
    return {"places": found, "prefix_neg_elbo": prefix(trainer)}  # of the last run


def _last_remedy(seed, *, places, **settings):
    return remedy_trainer(REMEDIES[-1], seed, **list(places.values())[-1], **settings)


REMEDIES_STUDY = Study(
    "What makes a deep VAE use more of its latents than a constant β does?",
    run_remedies,
    _last_remedy,
    {"latent": 10, "hidden": [100, 50, 25], "batch_size": 500, "steps": 480, "longer": 960,
     "free_bits": 0.5,
     "places": {"β = 4, learning rate 0.005": {"beta": 4.0, "learning_rate": 5e-3},
                "β = 1, learning rate 0.01": {"beta": 1.0, "learning_rate": 1e-2}}},
)


def run_linear(seed, *, fits, latent, model_seed, **_prefix):
    """What the latents of each converged model do; the models for `model_seed` alone.

    fits: [(σ², steps)].
    """
    images = data.load_mnist().train_images
    covariance, average = lab.covariance(images), evaluation.mean_image(images).float()
    found = {key: [] for key in ("distortion", "rate", "spreads")}
    kept = {}
    for noise_variance, steps in fits:
        model = lab.LinearVAE(latent, average, noise_variance=noise_variance, seed=seed)
        lab.fit_linear_vae(model, covariance, steps, lab.exact_elbo_parts)
        with torch.no_grad():
            distortion, rate = lab.exact_elbo_parts(model, covariance)
        found["distortion"].append(distortion.item())
        found["rate"].append(rate.sum().item())
        spreads = lab.spreads(model, covariance)
        found["spreads"].append(spreads.sort(descending=True).values.tolist())
        kept[f"{noise_variance:g}"] = model
    trainer = _linear_trainer(seed, latent=latent, **_prefix)
    training.train(trainer, PREFIX)
    found["prefix_neg_elbo"] = prefix(trainer)
    return found | ({"models": kept} if seed == model_seed else {})


@one_thread()
def _linear_trainer(seed, *, latent, batch_size, learning_rate, **_other):
    """The same model at σ² = 1 on minibatches: its first steps tell this study from another."""
    images = data.load_mnist().train_images
    average = evaluation.mean_image(images).float()  # [784]
    model = lab.LinearVAE(latent, average, noise_variance=1.0, seed=seed)
    return on_one_thread(training.Trainer(
        model, images, batch_size=batch_size, learning_rate=learning_rate, seed=seed
    ))


LINEAR_VAE = Study(
    "Does a linear VAE use the dimensions that probabilistic PCA says?",
    run_linear,
    _linear_trainer,
    {"fits": [[4.0, 300], [2.0, 300], [1.0, 400], [0.5, 800], [0.2, 1000], [0.1, 1800]],
     "latent": 80, "batch_size": 500, "learning_rate": 1e-3, "model_seed": 1},
)

STUDIES = {"kl_collapse": KL_COLLAPSE, "rate_split": RATE_SPLIT, "linear_vae": LINEAR_VAE,
           "collapse_remedies": REMEDIES_STUDY}
