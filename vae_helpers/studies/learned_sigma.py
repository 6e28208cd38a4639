"""Notebook 08: where should a σ that is learned by the gradient begin?"""

import math

from vae_helpers import data, sigma_vae, training
from vae_helpers.studies.base import Study, on_one_thread, prefix
from vae_helpers.studies.sigma_vae import STUDY as PARENT
from vae_helpers.studies.sigma_vae import measure


def trainer_from(start, seed, *, latent, hidden, batch_size, learning_rate, **_other):
    """A trainer of a decoder whose σ is learned and begins at `start`, on one thread."""
    model = sigma_vae.SigmaVAE(
        latent, hidden, noise=2 * math.log(start), learned=True, seed=seed)
    return on_one_thread(training.Trainer(
        model, data.load_mnist().train_images, batch_size=batch_size,
        learning_rate=learning_rate, seed=seed))


def run(seed, *, starts, epochs, **settings):
    """Where training ends from each start, {start: numbers}, see `sigma_vae.measure`."""
    found = {}
    for start in starts:
        trainer = trainer_from(start, seed, **settings)
        training.train(trainer, epochs * trainer.steps_per_epoch)
        found[f"{start:g}"] = measure(trainer.model, seed)
    return {"starts": found, "prefix_neg_elbo": prefix(trainer)}  # of the last start


def _trainer(seed, *, starts, **settings):
    return trainer_from(starts[-1], seed, **settings)


STUDY = Study(
    "Where should a decoder's noise begin that is learned by the gradient?",
    run,
    _trainer,
    {key: PARENT.settings[key] for key in
     ("latent", "hidden", "batch_size", "learning_rate", "epochs")} | {"starts": [0.1, 0.2]},
)
