"""Notebook 01: the gap of a trained VAE."""

from vae_helpers import data, training
from vae_helpers.study import Study, dense_trainer, prefix
from vae_lessons.derive_the_elbo import lab


def run(seed, *, steps, images, **settings):
    """The gap on MNIST: evidence by quadrature, the ELBO, and the best Gaussian q's."""
    trainer = dense_trainer(seed, **settings)
    training.train(trainer, steps)
    found = lab.measure_gaps(trainer.model, data.load_mnist().test_images[:images], seed=seed)
    return found._asdict() | {"prefix_neg_elbo": prefix(trainer)}


STUDY = Study(
    "How large is the gap of a trained VAE, and what is it made of?",
    run,
    dense_trainer,
    {"latent": 2, "hidden": [256, 128], "batch_size": 250, "learning_rate": 2e-3, "steps": 720,
     "images": 100},
)

STUDIES = {"derive_elbo": STUDY}
