"""Study of notebook 00: how much does its result depend on the seed?"""

import torch

from vae_helpers import data, evaluation, training
from vae_helpers.study import Study, dense_trainer, prefix
from vae_lessons.start_here import lab


def run(seed, *, steps, **settings):
    """The results of notebook 00's run: at its start, at its end, and after as many steps more."""
    digits = data.load_mnist()
    trainer = dense_trainer(seed, **settings)
    model = trainer.model

    def neg_elbo():
        return -evaluation.evaluate(model, digits.test_images, seed=seed).elbo

    first = neg_elbo()
    training.train(trainer, 60)
    early = _medians(model, digits)
    training.train(trainer, trainer.steps_per_epoch)
    one_epoch = neg_elbo()
    training.train(trainer, steps)
    end = lab.measure(model, digits.test_images, digits.test_labels, data.pixels, seed=seed)
    late = _medians(model, digits)
    training.train(trainer, 2 * steps)
    return end | {
        "neg_elbo_at_start": first,
        "neg_elbo_after_one_epoch": one_epoch,
        "neg_elbo_after_twice_the_steps": neg_elbo(),
        "farthest_pair_at_60": _pair(early, farthest=True),
        "nearest_pair_at_end": _pair(late, farthest=False),
        "prefix_neg_elbo": prefix(trainer),
    }


def _medians(model, digits):
    codes = evaluation.posterior_means(model, digits.test_images)
    return torch.stack([codes[digits.test_labels == d].median(0).values for d in range(10)])


def _pair(medians, farthest):
    """The two digits whose medians [10, 2] are farthest apart, or nearest."""
    distance = torch.cdist(medians, medians)  # [10, 10]
    if not farthest:
        distance = -distance - torch.eye(10) * 1e9
    return sorted(divmod(distance.argmax().item(), 10))


STUDY = Study(
    "How far does notebook 00's result depend on its seed?",
    run,
    dense_trainer,
    {"latent": 2, "hidden": [256, 128], "batch_size": 250, "learning_rate": 2e-3, "steps": 1320},
)

STUDIES = {"start_here": STUDY}
