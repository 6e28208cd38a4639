"""Notebook 07: a VAE trained at once against an autoencoder and a VAE of its codes."""

import time

import torch
from torch import nn

from vae_helpers import (
    data, evaluation, latent_noise, models, picture_measures, training, two_stage)
from vae_helpers.studies.base import Study, on_one_thread, prefix
from vae_helpers.threads import one_thread

DRAWN = 2000  # pictures that a model draws, and real ones beside them
AT_ONCE, STAGES = "at once", "two stages"
# Other things to do with the middle budget, beside another split of it.
SMALL_CODES, ON_VAE, ON_SCALED = "small codes", "on a VAE", "on a learned scale"
SCALED, ONE_GAUSSIAN = "learned scale, at once", "one Gaussian"


class Pictures(nn.Module):
    """Pictures of both ways at each budget, as a model's buffers, for evidence stores models.

    samples: [way, budget, count, 784]; reconstructions: likewise, of the first test digits.
    """

    def __init__(self, budgets, count):
        super().__init__()
        for name in ("samples", "reconstructions"):
            self.register_buffer(name, torch.zeros(2, budgets, count, 784))


def moments(trainer, seconds):
    """Train, and yield the steps made when each of the ascending `seconds` has passed.

    They are the processor's seconds on this thread; what is done in between is not counted.
    """
    spent = 0.0
    for moment in seconds:
        start = time.thread_time() - spent
        while time.thread_time() - start < moment:
            trainer.step()
        spent = time.thread_time() - start
        yield len(trainer.records)


@one_thread()
def make_classifier(**settings):
    """The classifier that measures all pictures, the same for every seed."""
    digits = data.load_mnist()
    return picture_measures.train_classifier(digits.train_images, digits.train_labels, **settings)


def joint_trainer(seed, *, latent, joint_hidden, joint_learning_rate, batch_size, **_other):
    """A trainer of the VAE that learns all at once."""
    model = models.VAE(latent, joint_hidden, seed=seed)
    return _trainer(model, seed, batch_size, joint_learning_rate)


def first_trainer(
    seed, *, latent, hidden, batch_size, learning_rate, beta=0.0, kind=models.Autoencoder, **_other
):
    """A trainer of a first stage; β > 0 makes an autoencoder's codes small."""
    return _trainer(kind(latent, hidden, seed=seed), seed, batch_size, learning_rate, beta)


def _trainer(model, seed, batch_size, learning_rate, beta=1.0):
    return on_one_thread(training.Trainer(
        model, data.load_mnist().train_images, batch_size=batch_size, beta=beta,
        learning_rate=learning_rate, seed=seed,
    ))


@one_thread()
def second_trainer(first, seed, *, latent, second_hidden, batch_size, learning_rate, **_other):
    """A trainer of the second stage upon `first`, and the training images' codes [n, latent]."""
    trainer, codes = two_stage.second_trainer(
        first, data.load_mnist().train_images, latent=latent, hidden=second_hidden,
        batch_size=batch_size, learning_rate=learning_rate, seed=seed,
    )
    return on_one_thread(trainer), codes


def staged(first, seconds, seed, **settings):
    """A second stage upon `first`, in so many seconds: the whole model, and the steps made.

    The seconds begin with coding the images (0.3 of them), in the stored runs with reading them
    before that (0.1), when each call of `data.load_mnist` did so.
    """
    start = time.thread_time()
    trainer, codes = second_trainer(first, seed, **settings)
    steps, = moments(trainer, [seconds - (time.thread_time() - start)])
    return two_stage.TwoStage(first, trainer.model, codes), steps


def drawn(model, seed):
    """What a model draws from its prior: [2000, 784] in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    return evaluation.decode(model, torch.randn(DRAWN, model.latent, generator=generator))


def labelled_codes(model):
    """Standardised mean codes of the first 2000 test images, [2000, latent], and their labels."""
    digits = data.load_mnist()
    codes = evaluation.posterior_means(model, digits.test_images[:DRAWN])
    return two_stage.standardise(codes, codes), digits.test_labels[:DRAWN]


def worth(model, first, classifier, seed):
    """All that is measured of a generative `model` whose codes are those of `first`.

    `of_codes` and `of_whole`: cross entropy of the test images with what comes back from the
    codes and from the whole model's latents; `neg_elbo`: of the whole, None unless it is one
    of grey pixels that is finite. Nats per image.
    """
    digits = data.load_mnist()
    images = digits.test_images
    codes, labels = labelled_codes(first)
    bounded = isinstance(model, (models.VAE, two_stage.TwoStage)) and not isinstance(
        model, models.LearnedScaleVAE)
    quality = picture_measures.measure(drawn(model, seed), data.pixels(images[:DRAWN]), classifier)
    return quality._asdict() | {
        "of_codes": two_stage.mean_code_distortion(first, images),
        "of_whole": two_stage.mean_code_distortion(model, images),
        "neg_elbo": -evaluation.evaluate(model, images, seed=seed).elbo if bounded else None,
        "purity": latent_noise.neighbour_purity(codes, labels),
    }


def run(seed, *, budgets, share, middle, shares, penalty, pictures, model_seed, classifier,
        **settings):
    """What both ways are worth when the clock is stopped, and what else there was to do.

    budgets: seconds in all, of which the first stage has `share`. middle: the one of them at
    which the rest is compared: other `shares`, a `penalty` on codes, other first stages.
    """
    judge, shown = make_classifier(**classifier), Pictures(len(budgets), pictures)
    found, variants = {AT_ONCE: [], STAGES: []}, {}

    def measured(model, first, *steps):
        return worth(model, first, judge, seed) | {"steps": steps}

    def keep(way, model, *of_first):
        place = list(found).index(way), len(found[way])
        means = evaluation.posterior_means(model, data.load_mnist().test_images[:pictures])
        shown.samples[place] = drawn(model, seed)[:pictures]
        shown.reconstructions[place] = evaluation.decode(model, means)
        found[way].append(measured(model, *of_first))

    def finish(first, steps, seconds):
        model, second_steps = staged(first, seconds, seed, **settings)
        return model, first, steps, second_steps

    whole, part = middle, share * middle  # seconds of the variants, and of their first stage

    joint = joint_trainer(seed, **settings)
    stops = sorted({part, *budgets})
    for stop, steps in zip(stops, moments(joint, stops)):
        if stop == part:
            variants[ON_VAE] = measured(*finish(joint.model, steps, whole - part))
        if stop in budgets:
            keep(AT_ONCE, joint.model, joint.model, steps)

    plain = first_trainer(seed, **settings)
    plan = sorted([(share * budget, budget, True) for budget in budgets]
                  + [(other * whole, whole, False) for other in [*shares, 1]])
    for (stop, budget, main), steps in zip(plan, moments(plain, [row[0] for row in plan])):
        if main:
            keep(STAGES, *finish(plain.model, steps, budget - stop))
        elif stop < budget:
            variants[f"{stop:g} + {budget - stop:g} s"] = measured(
                *finish(plain.model, steps, budget - stop))
        else:
            codes = two_stage.codes_of(plain.model, plain.images, seed=seed)
            one = two_stage.OneGaussian(plain.model, codes)
            variants[ONE_GAUSSIAN] = measured(one, plain.model, steps)

    small = first_trainer(seed, beta=penalty, **settings)
    for steps in moments(small, [part]):
        variants[SMALL_CODES] = measured(*finish(small.model, steps, whole - part))
    scaled = first_trainer(seed, beta=1.0, kind=models.LearnedScaleVAE, **settings)
    for stop, steps in zip((part, whole), moments(scaled, (part, whole))):
        if stop == part:
            variants[ON_SCALED] = measured(*finish(scaled.model, steps, whole - part))
        else:
            variants[SCALED] = measured(scaled.model, scaled.model, steps)
    models_kept = {"models": {"pictures": shown}} if seed == model_seed else {}
    return {"ways": found, "variants": variants, "prefix_neg_elbo": prefix(joint)} | models_kept


STUDY = Study(
    "What are a VAE trained at once, and two stages, worth after the same seconds?",
    run,
    joint_trainer,
    {"latent": 16, "joint_hidden": [260], "hidden": [256], "second_hidden": [128],
     "batch_size": 250, "joint_learning_rate": 4e-3, "learning_rate": 2e-3,
     "budgets": [1.5, 3, 6, 12, 24], "share": 2 / 3, "middle": 12, "shares": [1 / 3, 11 / 12],
     "penalty": 1.0, "pictures": 10, "model_seed": 1,
     "classifier": {"hidden": [256, 64], "epochs": 4, "batch_size": 250, "learning_rate": 4e-3,
                    "seed": 0}},
)
