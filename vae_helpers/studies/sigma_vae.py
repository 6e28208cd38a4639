"""Notebook 08: a Gaussian decoder whose noise is fixed, learned, or matched to its error."""

import math

from vae_helpers import data, evaluation, models, sigma_vae, training
from vae_helpers.studies.base import Study, on_one_thread, prefix


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
        return models.LearnedScaleVAE(latent, hidden, seed=seed)
    learned = sigma == "learned"
    noise = 0.0 if learned else 2 * math.log(sigma)
    return sigma_vae.SigmaVAE(latent, hidden, noise=noise, learned=learned, seed=seed)


def measure(model, seed):
    """What a trained variant is worth on the test images.

    variance: its decoder's σ²; distortion, rate: nats per image; squared_error: of a test
    pixel; train_error: of a training pixel, which is the σ² that could be put in afterwards.
    """
    digits = data.load_mnist()
    train, test = (evaluation.evaluate(model, images, seed=seed) for images in
                   (digits.train_images[:len(digits.test_images)], digits.test_images))
    return test._asdict() | {
        "variance": model.variance.item(),
        "squared_error": sigma_vae.squared_error(model, test.distortion),
        "train_error": sigma_vae.squared_error(model, train.distortion),
        "active": evaluation.active_units(model, digits.test_images),
    }


def run(seed, *, sigmas, epochs, model_seed, **settings):
    """Every variant of one seed, {name: numbers}; the models themselves for `model_seed` alone."""
    found, kept = {}, {}
    for sigma in sigmas:
        trainer = sigma_trainer(seed, sigma, **settings)
        training.train(trainer, epochs * trainer.steps_per_epoch)
        found[str(sigma)] = measure(trainer.model, seed)
        kept[str(sigma)] = trainer.model
    found = {"variants": found, "prefix_neg_elbo": prefix(trainer)}  # of the last variant
    return found | ({"models": kept} if seed == model_seed else {})


def _trainer(seed, *, sigmas, **settings):
    return sigma_trainer(seed, sigmas[-1], **settings)


STUDY = Study(
    "What does a Gaussian decoder gain by finding its own noise?",
    run,
    _trainer,
    {"latent": 20, "hidden": [100], "batch_size": 125, "learning_rate": 3e-3, "epochs": 4,
     "sigmas": [1.0, 0.3, 0.15, 0.1, 0.03, "learned", "matched"], "model_seed": 1},
)
