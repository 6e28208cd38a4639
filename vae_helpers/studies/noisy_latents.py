"""Notebook 06: what neighbours in the latent space know of the labels, early in training."""

import torch

from vae_helpers import data, elbo, latent_noise, models, training
from vae_helpers.recipes import TRAINING_IMAGES
from vae_helpers.studies.base import Study, on_one_thread, prefix

# What is trained, by name; the notebook's own run is of the second.
NETS = {
    "784-256-128-2": lambda seed: models.VAE(2, (256, 128), seed=seed),
    "784-400-20": lambda seed: models.VAE(20, (400,), seed=seed),
    "the source's coders, 8": lambda seed: models.CoderVAE(heads="linear", seed=seed),
}
SHOWN = 2000  # test images whose neighbours are looked for


def latents_trainer(seed, *, name="784-256-128-2", batch_size, learning_rate, **_other):
    """A trainer of the net `name` at β = 1, on one thread."""
    return on_one_thread(training.Trainer(
        NETS[name](seed), data.load_mnist().train_images[:TRAINING_IMAGES],
        batch_size=batch_size, learning_rate=learning_rate, seed=seed,
    ))


def run(seed, *, stages, **settings):
    """Every net's latent space at each of `stages`, in steps."""
    trainers = {name: latents_trainer(seed, name=name, **settings) for name in NETS}
    found = {name: _history(trainer, stages, seed) for name, trainer in trainers.items()}
    return {"nets": found, "prefix_neg_elbo": prefix(next(iter(trainers.values())))}


def _history(trainer, stages, seed):
    history = []
    for stage in stages:
        training.train(trainer, stage)
        history.append(measure(trainer.model, seed))
    return {key: [moment[key] for moment in history] for key in history[0]}


def measure(model, seed):
    """Neighbour purity of one sampled code an image and of the means, and each latent's SNR."""
    digits = data.load_mnist()
    labels = digits.test_labels[:SHOWN]
    mean, logvar = latent_noise.encode_as_in_training(model, digits.test_images[:SHOWN])
    eps = torch.randn(mean.shape, generator=torch.Generator().manual_seed(seed))
    sampled = elbo.reparameterize(mean, logvar, eps)  # [n, latent]
    return {
        "sampled": latent_noise.neighbour_purity(sampled, labels),
        "means": latent_noise.neighbour_purity(mean, labels),
        "signal_to_noise": latent_noise.signal_to_noise(mean, logvar).tolist(),
    }


STUDY = Study(
    "What do neighbours in the latent space know of the labels, early in training?",
    run,
    latents_trainer,
    {"batch_size": 100, "learning_rate": 1e-3, "stages": [0, 10, 100, 1000]},
)
