"""Study of notebook 01: the gap of a trained VAE on training and on test images."""

import torch

from vae_helpers import data, elbo, training
from vae_helpers.study import Study, dense_trainer, prefix
from vae_lessons.derive_the_elbo import lab


def run(seed, *, steps, images, **settings):
    """The gap on MNIST and its parts, over `images` training images and as many test images.

    Each seed uses other images. log p(x) is computed by quadrature.
    """
    trainer = dense_trainer(seed, **settings)
    training.train(trainer, steps)
    digits = data.load_mnist()
    generator = torch.Generator().manual_seed(seed)
    found = {}
    for kind, of in (("training", digits.train_images), ("test", digits.test_images)):
        some = of[torch.randperm(len(of), generator=generator)[:images]]
        found[kind] = lab.measure_gaps(elbo.kl_form, trainer.model, some, seed=seed)._asdict()
    return found | {"prefix_neg_elbo": prefix(trainer)}


STUDY = Study(
    "How large is the gap of a trained VAE on training and on test images, and what is it made of?",
    run,
    dense_trainer,
    {"latent": 2, "hidden": [256, 128], "batch_size": 250, "learning_rate": 2e-3, "steps": 720,
     "images": 250},
)

STUDIES = {"derive_elbo": STUDY}
