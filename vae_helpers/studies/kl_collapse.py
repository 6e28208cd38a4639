"""Notebook 05: one VAE trained at many β, from hardly any KL to nothing but KL."""

from vae_helpers import data, evaluation, training
from vae_helpers.studies.base import Study, dense_trainer, prefix


def sweep_trainer(seed, beta, **settings):
    """A trainer of the sweep's model at one β."""
    trainer = dense_trainer(seed, **settings)
    trainer.beta = beta
    return trainer


def run(seed, *, betas, model_seed, epochs, **settings):
    """What training at each β leads to; the models themselves for `model_seed` alone."""
    digits = data.load_mnist()
    found = {key: [] for key in ("train", "test", "rate_per_latent", "active")}
    models = {}
    for beta in betas:
        trainer = sweep_trainer(seed, beta, **settings)
        settle(trainer, epochs)
        for name, images in (("train", digits.train_images), ("test", digits.test_images)):
            result = evaluation.evaluate(trainer.model, images, seed=seed)
            found[name].append([result.distortion, result.rate])
        found["rate_per_latent"].append(
            evaluation.rate_per_latent(trainer.model, digits.test_images).tolist()
        )
        found["active"].append(evaluation.active_units(trainer.model, digits.test_images))
        models[f"{beta:g}"] = trainer.model
    found["prefix_neg_elbo"] = prefix(trainer)  # of the last β
    return found | ({"models": models} if seed == model_seed else {})


def settle(trainer, epochs):
    """Train for `epochs`: half of them with the whole step, then with steps that shrink to 0.

    The last steps' noise is what keeps a run from its minimum; shrinking steps remove it.
    """
    whole = trainer.learning_rate
    for epoch in range(epochs):
        trainer.learning_rate = whole * min(1.0, 2 * (epochs - epoch) / (epochs + 2))
        training.train(trainer, len(trainer.records) + trainer.steps_per_epoch)


def _trainer(seed, *, betas, **settings):
    return sweep_trainer(seed, betas[-1], **settings)


STUDY = Study(
    "Where on the rate–distortion curve does training at each β end?",
    run,
    _trainer,
    {"latent": 10, "hidden": [100], "batch_size": 250, "learning_rate": 2e-3, "epochs": 15,
     "betas": [0.01, 0.1, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 40.0], "model_seed": 1},
)
