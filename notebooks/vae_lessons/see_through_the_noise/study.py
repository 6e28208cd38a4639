"""Notebook 06: what neighbours know early in training, and who stays on the plateau."""

import torch

from vae_helpers import data, elbo, evaluation, models, schedules, training
from vae_helpers.study import Study, on_one_thread, prefix
from vae_lessons.build_a_vae.lab import CoderVAE
from vae_lessons.see_through_the_noise import lab

# What is trained, by name; the notebook's own run is of the second.
NETS = {
    "784-256-128-2": lambda seed: models.VAE(2, (256, 128), seed=seed),
    "784-400-20": lambda seed: models.VAE(20, (400,), seed=seed),
    "the source's coders, 8": lambda seed: CoderVAE(heads="linear", seed=seed),
}
SHOWN = 2000  # test images whose neighbours are looked for


def latents_trainer(seed, *, name="784-256-128-2", batch_size, learning_rate, **_other):
    """A trainer of the net `name` at β = 1, on one thread."""
    return on_one_thread(training.Trainer(
        NETS[name](seed), data.load_mnist().train_images,
        batch_size=batch_size, learning_rate=learning_rate, seed=seed,
    ))


def run_latents(seed, *, stages, **settings):
    """Every net's latent space at each of `stages`, in steps."""
    trainers = {name: latents_trainer(seed, name=name, **settings) for name in NETS}
    found = {name: _history(trainer, stages, seed) for name, trainer in trainers.items()}
    return {"nets": found, "prefix_neg_elbo": prefix(next(iter(trainers.values())))}


def _history(trainer, stages, seed):
    history = []
    for stage in stages:
        training.train(trainer, stage)
        history.append(measure_latents(trainer.model, seed))
    return {key: [moment[key] for moment in history] for key in history[0]}


def measure_latents(model, seed):
    """Neighbour purity of one sampled code an image and of the means, and each latent's SNR."""
    digits = data.load_mnist()
    labels = digits.test_labels[:SHOWN]
    mean, logvar = lab.encode_as_in_training(model, digits.test_images[:SHOWN])
    eps = torch.randn(mean.shape, generator=torch.Generator().manual_seed(seed))
    sampled = elbo.reparameterize(mean, logvar, eps)  # [n, latent]
    return {
        "sampled": lab.knn_purity(sampled, labels),
        "means": lab.knn_purity(mean, labels),
        "signal_to_noise": lab.signal_to_noise(mean, logvar).tolist(),
    }


NOISY_LATENTS = Study(
    "What do neighbours in the latent space know of the labels, early in training?",
    run_latents,
    latents_trainer,
    {"batch_size": 100, "learning_rate": 1e-3, "stages": [0, 10, 100, 1000]},
)
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


def coders_trainer(
    seed, *, batch_size, beta, learning_rate, logvar=None, warm_up=None, **of_model
):
    """A trainer of the source's coders, on one thread.

    logvar: where the log variance begins, see `lab.set_initial_logvar`. warm_up: steps
    over which β rises from 0. of_model: settings of `CoderVAE`.
    """
    model = CoderVAE(seed=seed, **of_model)
    if logvar is not None:
        lab.set_initial_logvar(model, logvar)
    return on_one_thread(training.Trainer(
        model, data.load_mnist().train_images, batch_size=batch_size,
        learning_rate=learning_rate, seed=seed,
        beta=beta if warm_up is None else schedules.warm_up(warm_up, beta),
    ))


def come_to_rest(trainer, steps):
    """Train on for `steps` steps of a tenth of the size, so that the noise of training fades."""
    trainer.learning_rate /= 10
    training.train(trainer, len(trainer.records) + steps)


def run_plateau(seed, *, betas, learning_rates, steps, remedy_steps, settling, batch_size):
    """The map, the remedies, and a decoder that has settled on the plateau, for one seed."""
    images = data.load_mnist().train_images
    mean_image = evaluation.mean_image_distortion(images, images)

    def trainer_of(**recipe):
        return coders_trainer(seed, batch_size=batch_size, **recipe)

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
    come_to_rest(settled, settling)
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
        if lab.recent(trainer.records).distortion < mean_image - CLEARLY_LEFT:
            break
    return _state(trainer)


def _trained(trainer, steps):
    training.train(trainer, steps)
    return _state(trainer)


def _state(trainer):
    """Steps, rate and distortion of the last minibatches, and who still speaks in the encoder."""
    means, logvars = lab.speaking_latents(trainer.model, data.load_mnist().test_images[:1000])
    return lab.recent(trainer.records)._asdict() | {
        "steps": len(trainer.records), "speaking_means": means, "speaking_logvars": logvars
    }


def _settled_trainer(seed, *, batch_size, **_settings):
    return coders_trainer(seed, batch_size=batch_size, **SETTLED)


PLATEAU = Study(
    "Which runs stay on the plateau of the mean image, and which remedies get them off it?",
    run_plateau,
    _settled_trainer,
    {"betas": [1.0, 3.0, 9.8, 40.0], "learning_rates": [1e-3, 3e-3, 1e-2], "steps": 200,
     "remedy_steps": 300, "settling": 150, "batch_size": 200},
)

STUDIES = {"noisy_latents": NOISY_LATENTS, "plateau": PLATEAU}
