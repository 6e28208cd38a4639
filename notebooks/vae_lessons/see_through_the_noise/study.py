"""Notebook 06: what early codes tell of the labels, and which runs leave the plateau."""

import torch

from vae_helpers import data, elbo, evaluation, models, training
from vae_helpers.study import Study, on_one_thread, prefix
from vae_helpers.threads import denormals_as_zero
from vae_lessons.build_a_vae.lab import CoderVAE
from vae_lessons.see_through_the_noise import lab

# What is trained, by name; the notebook's own run is of the second.
NETS = {
    "784-256-128-2": lambda seed: models.VAE(2, (256, 128), seed=seed),
    "784-400-20": lambda seed: models.VAE(20, (400,), seed=seed),
    "CoderVAE, 8": lambda seed: CoderVAE(heads="linear", seed=seed),
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
    "original heads and batch norm": {"heads": "relu", "batch_norm": True},
    "linear heads, no batch norm": {"heads": "linear", "batch_norm": False},
}
REMEDIES = {  # what is changed of a run without any: settings of `lab.train_recipe`
    "no remedy": {},
    "small log variance": {"logvar": -4.0},
    "warm-up": {"warm_up": 200},
    "batch norm": {"batch_norm": True},
    "smaller learning rate": {"learning_rate": 1e-3},
}
COMBINED = {  # within the budget of the exercise
    "batch norm": {"batch_norm": True},
    "batch norm, small log variance": {"batch_norm": True, "logvar": -4.0},
    "batch norm, warm-up": {"batch_norm": True, "warm_up": 100},
    "batch norm, trained at β = 1": {"batch_norm": True, "beta": 1.0},
}
SETTLED = {"beta": 40.0, "learning_rate": 1e-2} | CODERS["linear heads, no batch norm"]


def coders_trainer(seed, *, batch_size, beta, learning_rate, **of_model):
    """A trainer of notebook 03's `CoderVAE`, on one thread. of_model: settings of the model."""
    return on_one_thread(training.Trainer(
        CoderVAE(seed=seed, **of_model), data.load_mnist().train_images, batch_size=batch_size,
        learning_rate=learning_rate, seed=seed, beta=beta,
    ))


def come_to_rest(trainer, steps):
    """Train on for `steps` steps at a tenth of the learning rate: the noise of training fades."""
    trainer.learning_rate /= 10
    training.train(trainer, len(trainer.records) + steps)


def run_plateau(seed, *, betas, learning_rates, steps, remedy_steps, budget, settling, batch_size):
    """The map, the remedies, and a collapsed decoder trained to rest, for one seed."""
    digits = data.load_mnist()
    images, validation = digits.train_images, digits.validation_images
    mean_image = evaluation.mean_image_distortion(images, images)

    def trainer_of(**recipe):
        return coders_trainer(seed, batch_size=batch_size, **recipe)

    def judged(recipes, steps):
        return {name: _outcome(lab.train_recipe(images, seed, steps=steps, **changes), seed)
                for name, changes in recipes.items()}

    maps = {
        name: [[_until_left(trainer_of(beta=beta, learning_rate=rate, **coders), steps, mean_image)
                for beta in betas] for rate in learning_rates]
        for name, coders in CODERS.items()
    }
    with denormals_as_zero():
        remedies, combined = judged(REMEDIES, remedy_steps), judged(COMBINED, budget)
    settled = trainer_of(**SETTLED)
    training.train(settled, steps)
    come_to_rest(settled, settling)
    return {
        "mean_image": mean_image,
        "validation_mean_image": evaluation.mean_image_distortion(images, validation),
        "maps": maps,
        "remedies": remedies,
        "combined": combined,
        "settled": lab.judge_recipe(settled.model, images, images, seed),
        "prefix_neg_elbo": prefix(settled),
    }


def _until_left(trainer, steps, mean_image):
    """The run's `_state` when it has clearly left the plateau, or at the end."""
    while len(trainer.records) < steps:
        training.train(trainer, len(trainer.records) + CHUNK)
        if lab.recent(trainer.records).distortion < mean_image - CLEARLY_LEFT:
            break
    return _state(trainer.model) | lab.recent(trainer.records)._asdict() | {
        "steps": len(trainer.records)}


def _outcome(model, seed):
    """On the validation images at the end: distortion, rate, active latents; and `_state`."""
    digits = data.load_mnist()
    found = lab.judge_recipe(model, digits.train_images, digits.validation_images, seed)
    return _state(model) | found


def _state(model):
    """Active latents, and those whose mean and log variance differ between test images."""
    images = data.load_mnist().test_images[:1000]
    means, logvars = lab.varying_outputs(model, images)
    mean, _logvar = lab.encode_as_in_training(model, images)
    return {"active": lab.active_units(mean), "varying_means": means, "varying_logvars": logvars}


def _settled_trainer(seed, *, batch_size, **_settings):
    return coders_trainer(seed, batch_size=batch_size, **SETTLED)


PLATEAU = Study(
    "Which runs leave the plateau of the mean image, and which remedies lower the objective?",
    run_plateau,
    _settled_trainer,
    {"betas": [1.0, 9.8, 20.0, 40.0], "learning_rates": [1e-3, 3e-3, 1e-2], "steps": 200,
     "remedy_steps": 300, "budget": lab.BUDGET, "settling": 150, "batch_size": 200},
    seeds=range(1, 9),
)

STUDIES = {"noisy_latents": NOISY_LATENTS, "plateau": PLATEAU}
