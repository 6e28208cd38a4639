"""Notebook 00: how far does its result depend on the seed?"""

import torch

from vae_helpers import data, evaluation, training
from vae_helpers.study import Study, dense_trainer, prefix
from vae_lessons.start_here import lab


def run(seed, *, steps, **settings):
    """Where notebook 00's run ends, how its first 60 steps went, and as many steps more."""
    digits = data.load_mnist()
    trainer = dense_trainer(seed, **settings)
    model = trainer.model
    training.train(trainer, 60)
    early = _medians(model, digits)
    training.train(trainer, steps)
    result = evaluation.evaluate(model, digits.test_images, seed=seed)
    codes, ones = evaluation.posterior_means(model, digits.test_images), digits.test_labels == 1
    widths = lab.cluster_widths(codes, digits.test_labels)
    leaning = lab.correlation(
        lab.place_along_longest_axis(codes[ones]), lab.slants(digits.test_images[ones])
    )
    late = _medians(model, digits)
    training.train(trainer, 2 * steps)
    later = evaluation.evaluate(model, digits.test_images, seed=seed)
    return {
        "neg_elbo": -result.elbo,
        "rate": result.rate,
        "ones_width": (widths[1] / widths.quantile(0.5)).item(),
        "slant_correlation": abs(leaning),  # the axis has no preferred direction
        "farthest_pair_at_60": _pair(early, farthest=True),
        "nearest_pair_at_end": _pair(late, farthest=False),
        "neg_elbo_after_twice_the_steps": -later.elbo,
        "prefix_neg_elbo": prefix(trainer),
    }


def _medians(model, digits):
    codes = evaluation.posterior_means(model, digits.test_images)
    return torch.stack([codes[digits.test_labels == d].median(0).values for d in range(10)])


def _pair(medians, farthest):
    """The two digits whose medians [10, 2] lie farthest apart, or nearest."""
    distance = torch.cdist(medians, medians)  # [10, 10]
    if not farthest:
        distance = -distance - torch.eye(10) * 1e9
    return sorted(divmod(distance.argmax().item(), 10))


STUDY = Study(
    "How far does notebook 00's result depend on its seed?",
    run,
    dense_trainer,
    {"latent": 2, "hidden": [256, 128], "batch_size": 250, "learning_rate": 2e-3, "steps": 1440},
)

STUDIES = {"start_here": STUDY}
