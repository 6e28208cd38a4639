"""Notebook 07: one VAE against two stages, by the clock and by training steps."""

import time
from typing import NamedTuple

import torch
from torch import nn

from vae_helpers import data, evaluation, models, training
from vae_helpers.study import Study, prefix
from vae_lessons.see_through_the_noise.lab import knn_purity
from vae_lessons.train_in_two_stages import lab, realism


class Pictures(nn.Module):
    """Pictures of both ways at each budget, as a model's buffers, since results store models.

    samples and reconstructions of the first test digits: [way, budget, count, 784] each.
    """

    def __init__(self, budgets, count):
        super().__init__()
        for name in ("samples", "reconstructions"):
            self.register_buffer(name, torch.zeros(2, budgets, count, 784))

    def keep(self, way, budget, model, seed):
        """Store samples and reconstructions of `model`; way and budget are index numbers."""
        count = self.samples.shape[2]
        means = evaluation.posterior_means(model, data.load_mnist().test_images[:count])
        self.samples[way, budget] = lab.samples(model, seed)[:count]
        self.reconstructions[way, budget] = evaluation.decode(model, means)


class Plan(NamedTuple):
    """Seconds that a first stage trains for, and then a second one upon it; 0 for none."""

    name: str
    first: float
    second: float = 0


def plans(budgets, share, middle, shares):
    """{kind of first stage: its `Plan`s, in the order of their seconds}.

    budgets: seconds in all, of which the first stage has `share`. middle: the one of them at
    which the rest is compared: other `shares`, and other kinds of first stages.
    """
    part = share * middle
    of_kind = {
        "VAE": [Plan(lab.AT_ONCE, budget) for budget in budgets]
        + [Plan(lab.ON_VAE, part, middle - part)],
        "autoencoder": [Plan(lab.STAGES, share * budget, budget - share * budget)
                        for budget in budgets]
        + [Plan(f"{first:g} + {middle - first:g} s", first, middle - first)
           for first in (other * middle for other in shares)]
        + [Plan(lab.ONE_GAUSSIAN, middle)],
        "autoencoder of small codes": [Plan(lab.SMALL_CODES, part, middle - part)],
        "VAE of a learned scale": [Plan(lab.ON_SCALED, part, middle - part),
                                   Plan(lab.SCALED, middle)],
    }
    return {kind: sorted(found, key=lambda plan: plan.first) for kind, found in of_kind.items()}


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


def carried_out(plan, first, seed, **settings):
    """The whole model of a `plan` whose first stage is trained, and a list of the steps since.

    A second stage's seconds begin with coding the images, which takes about 0.3 of them.
    """
    if plan.name == lab.ONE_GAUSSIAN:
        codes = lab.codes_of(first, data.load_mnist().train_images, seed=seed)
        return lab.OneGaussian(first, codes), []
    if not plan.second:
        return first, []
    start = time.thread_time()
    trainer, codes = lab.second_trainer(first, seed, **settings)
    steps = list(moments(trainer, [plan.second - (time.thread_time() - start)]))
    return lab.TwoStage(first, trainer.model, codes), steps


def labelled_codes(model):
    """Standardised mean codes of the first 2000 test images, [2000, latent], and their labels."""
    digits = data.load_mnist()
    codes = evaluation.posterior_means(model, digits.test_images[:lab.SAMPLES])
    return lab.standardise(codes, codes), digits.test_labels[:lab.SAMPLES]


def evaluate_samples(model, first, classifier, seed):
    """All that is measured of a generative `model` whose codes are those of `first`.

    of_codes and of_whole: distortion of the test images decoded from the codes, and from the
    whole model's latents; neg_elbo: of the whole, None unless its decoder is Bernoulli and the
    bound is finite. Nats per image.
    """
    images = data.load_mnist().test_images
    codes, labels = labelled_codes(first)
    bounded = isinstance(model, (models.VAE, lab.TwoStage)) and not isinstance(
        model, lab.LearnedScaleVAE)
    quality = realism.picture_quality(
        lab.samples(model, seed), data.pixels(images[:lab.SAMPLES]), classifier,
        distance=realism.frechet_distance)
    return quality._asdict() | {
        "of_codes": lab.mean_code_distortion(first, images),
        "of_whole": lab.mean_code_distortion(model, images),
        "neg_elbo": -evaluation.evaluate(model, images, seed=seed).elbo if bounded else None,
        "purity": knn_purity(codes, labels),
    }


def run_two_stage(
    seed, *, budgets, share, middle, shares, penalty, pictures, model_seed, classifier, **settings
):
    """Measures of both ways at each budget, and of the other `plans` at the middle one.

    penalty: β of the autoencoder with small codes.
    """
    judge, shown = realism.make_classifier(**classifier), Pictures(len(budgets), pictures)
    trainers = {
        "VAE": lab.joint_trainer(seed, **settings),
        "autoencoder": lab.first_trainer(seed, **settings),
        "autoencoder of small codes": lab.first_trainer(seed, beta=penalty, **settings),
        "VAE of a learned scale": lab.first_trainer(
            seed, beta=1.0, kind=lab.LearnedScaleVAE, **settings),
    }
    ways, variants = {lab.AT_ONCE: [], lab.STAGES: []}, {}
    for kind, of_kind in plans(budgets, share, middle, shares).items():
        first = trainers[kind].model
        stops = moments(trainers[kind], [plan.first for plan in of_kind])
        for plan, steps in zip(of_kind, stops):
            model, later = carried_out(plan, first, seed, **settings)
            found = evaluate_samples(model, first, judge, seed) | {"steps": [steps, *later]}
            if plan.name not in ways:
                variants[plan.name] = found
                continue
            shown.keep(list(ways).index(plan.name), len(ways[plan.name]), model, seed)
            ways[plan.name].append(found)
    found = {"ways": ways, "variants": variants, "prefix_neg_elbo": prefix(trainers["VAE"])}
    return found | ({"models": {"pictures": shown}} if seed == model_seed else {})


TWO_STAGE = Study(
    "How good are one VAE, and two stages, after the same seconds of training?",
    run_two_stage,
    lab.joint_trainer,
    {"latent": 16, "joint_hidden": [260], "hidden": [256], "second_hidden": [128],
     "batch_size": 250, "joint_learning_rate": 4e-3, "learning_rate": 2e-3,
     "budgets": [1.5, 3, 6, 12, 24], "share": 2 / 3, "middle": 12, "shares": [1 / 3, 11 / 12],
     "penalty": 1.0, "pictures": 10, "model_seed": 1,
     "classifier": {"hidden": [256, 64], "epochs": 4, "batch_size": 250, "learning_rate": 4e-3,
                    "seed": 0}},
)
FIRST = "first stage"


def run_step_sizes(seed, *, learning_rates, steps, classifier, **settings):
    """How good codes are with each learning rate, {way: {learning rate: [of each stop]}}.

    learning_rates: {way: those to try}. steps: {way: the numbers of training steps at which to
    stop}: as many as a computer makes of the one VAE in a budget of `TWO_STAGE`, and of the first
    stage in its share of it.
    """
    judge = realism.make_classifier(**classifier)
    found = {way: {} for way in steps}
    for way, stops in steps.items():
        for learning_rate in learning_rates[way]:
            trainer = _of_way(way, seed, learning_rate, **settings)
            found[way][f"{learning_rate:g}"] = ends = []
            for stop in stops:
                training.train(trainer, stop)
                ends.append(_evaluate_codes(trainer.model, way, judge, seed))
    return {"ways": found, "prefix_neg_elbo": prefix(trainer)}  # of the last run


def _evaluate_codes(model, way, judge, seed):
    """Distortion and purity on the test images; the distance of samples where there is a prior.

    validation: distortion on the validation images, by which a learning rate is chosen.
    """
    digits = data.load_mnist()
    found = {"of_codes": lab.mean_code_distortion(model, digits.test_images),
             "validation": lab.mean_code_distortion(model, digits.validation_images)}
    codes, labels = labelled_codes(model)
    found["purity"] = knn_purity(codes, labels)
    if way == lab.AT_ONCE:
        real = data.pixels(digits.test_images[:lab.SAMPLES])
        found["frechet"] = realism.picture_quality(
            lab.samples(model, seed), real, judge, distance=realism.frechet_distance).frechet
    return found


def _of_way(way, seed, learning_rate, **settings):
    if way == FIRST:
        return lab.first_trainer(seed, learning_rate=learning_rate, **settings)
    return lab.joint_trainer(seed, joint_learning_rate=learning_rate, **settings)


def _last_trainer(seed, *, learning_rates, steps, classifier, **settings):
    way = list(steps)[-1]
    return _of_way(way, seed, learning_rates[way][-1], **settings)


_OF_CLOCK = TWO_STAGE.settings
STEP_SIZES = Study(
    "How well do codes reconstruct with other learning rates, after the same seconds' steps?",
    run_step_sizes,
    _last_trainer,
    {key: _OF_CLOCK[key] for key in
     ("latent", "joint_hidden", "hidden", "batch_size", "classifier")}
    | {"learning_rates": {FIRST: [2e-3, 4e-3, 8e-3, 16e-3],
                          lab.AT_ONCE: [1e-3, 2e-3, 4e-3, 8e-3]},
       "budgets": _OF_CLOCK["budgets"][:3],  # of whose steps `steps` are the medians
       "steps": {FIRST: [131, 262, 523], lab.AT_ONCE: [178, 357, 713]}},
)

STUDIES = {"two_stage": TWO_STAGE, "step_sizes": STEP_SIZES}
