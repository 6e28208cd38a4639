"""Notebook 06: which runs stay on the plateau of the mean image, and what gets them off it."""

from vae_helpers import data, evaluation, models, plateau, schedules, training
from vae_helpers.recipes import TRAINING_IMAGES
from vae_helpers.studies.base import Study, on_one_thread, prefix

CLEARLY_LEFT = 5.0  # nats below the mean image's distortion: a run of the map goes no further
CHUNK = 50  # steps between two looks
CODERS = {  # the two builds that are mapped
    "the source's coders": {"heads": "relu", "batch_norm": True},
    "linear heads, no batch norm": {"heads": "linear", "batch_norm": False},
}
UNTREATED = {"beta": 9.8, "learning_rate": 1e-2} | CODERS["linear heads, no batch norm"]
REMEDIES = {  # what is changed of the untreated recipe; logvar, warm_up: see `recipe_trainer`
    "untreated": {},
    "small log variance": {"logvar": -4.0},
    "warm-up": {"warm_up": 200},
    "batch norm": {"batch_norm": True},
    "a smaller step": {"learning_rate": 1e-3},
}
SETTLED = {"beta": 40.0, "learning_rate": 1e-2} | CODERS["linear heads, no batch norm"]


def recipe_trainer(
    seed, *, batch_size, beta, learning_rate, logvar=None, warm_up=None, **of_model
):
    """A trainer of the source's coders on 55,000 images, on one thread.

    logvar: where the log variance begins, see `plateau.set_initial_logvar`. warm_up: steps
    over which β rises from 0. of_model: settings of `models.CoderVAE`.
    """
    model = models.CoderVAE(seed=seed, **of_model)
    if logvar is not None:
        plateau.set_initial_logvar(model, logvar)
    return on_one_thread(training.Trainer(
        model, data.load_mnist().train_images[:TRAINING_IMAGES], batch_size=batch_size,
        learning_rate=learning_rate, seed=seed,
        beta=beta if warm_up is None else schedules.warm_up(warm_up, beta),
    ))


def settle(trainer, steps):
    """Train on for `steps` steps of a tenth of the size, so that the noise of training fades."""
    trainer.learning_rate /= 10
    training.train(trainer, len(trainer.records) + steps)


def run(seed, *, betas, learning_rates, steps, remedy_steps, settling, batch_size):
    """The map, the remedies, and a decoder that has settled on the plateau, for one seed."""
    images = data.load_mnist().train_images[:TRAINING_IMAGES]
    mean_image = evaluation.mean_image_distortion(images, images)

    def trainer_of(**recipe):
        return recipe_trainer(seed, batch_size=batch_size, **recipe)

    maps = {
        name: [[_until_left(trainer_of(beta=beta, learning_rate=rate, **coders), steps, mean_image)
                for beta in betas] for rate in learning_rates]
        for name, coders in CODERS.items()
    }
    remedies = {
        name: _trained(trainer_of(**(UNTREATED | change)), remedy_steps)
        for name, change in REMEDIES.items()
    }
    settled = trainer_of(**SETTLED)
    training.train(settled, steps)
    settle(settled, settling)
    result = evaluation.evaluate(settled.model, images, seed=seed)
    return {
        "mean_image": mean_image,
        "maps": maps,
        "remedies": remedies,
        "settled": result._asdict(),
        "prefix_neg_elbo": prefix(settled),
    }


def _until_left(trainer, steps, mean_image):
    """The run's `_state` when it has clearly left the plateau, or at the end."""
    while len(trainer.records) < steps:
        training.train(trainer, len(trainer.records) + CHUNK)
        if plateau.recent(trainer.records).distortion < mean_image - CLEARLY_LEFT:
            break
    return _state(trainer)


def _trained(trainer, steps):
    training.train(trainer, steps)
    return _state(trainer)


def _state(trainer):
    """Steps, rate and distortion of the last minibatches, and who still speaks in the encoder."""
    means, logvars = plateau.speaking_latents(trainer.model, data.load_mnist().test_images[:1000])
    return plateau.recent(trainer.records)._asdict() | {
        "steps": len(trainer.records), "speaking_means": means, "speaking_logvars": logvars
    }


def _settled_trainer(seed, *, batch_size, **_settings):
    return recipe_trainer(seed, batch_size=batch_size, **SETTLED)


STUDY = Study(
    "Which runs stay on the plateau of the mean image, and which remedies get them off it?",
    run,
    _settled_trainer,
    {"betas": [1.0, 3.0, 9.8, 40.0], "learning_rates": [1e-3, 3e-3, 1e-2], "steps": 200,
     "remedy_steps": 300, "settling": 150, "batch_size": 200},
)
