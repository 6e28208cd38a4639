"""Notebook 07: would another step size turn the comparison? Both ways, by counted steps."""

from vae_helpers import data, latent_noise, picture_measures, training, two_stage
from vae_helpers.studies import two_stage as parent
from vae_helpers.studies.base import Study, prefix

FIRST = "first stage"


def run(seed, *, learning_rates, steps, classifier, **settings):
    """What codes are worth with each step size, {way: {learning rate: [numbers of each stop]}}.

    learning_rates: {way: those to try}. steps: {way: the numbers of steps at which to stop},
    those that a computer makes of the VAE at once in a budget of `parent.STUDY`, and of the
    first stage in its share of it.
    """
    judge = parent.make_classifier(**classifier)
    found = {way: {} for way in steps}
    for way, stops in steps.items():
        for learning_rate in learning_rates[way]:
            trainer = _of_way(way, seed, learning_rate, **settings)
            found[way][f"{learning_rate:g}"] = ends = []
            for stop in stops:
                training.train(trainer, stop)
                ends.append(_worth(trainer.model, way, judge, seed))
    return {"ways": found, "prefix_neg_elbo": prefix(trainer)}  # of the last run


def _worth(model, way, judge, seed):
    """Nats and purity on the test images; the distance of draws where there is a prior."""
    digits = data.load_mnist()
    found = {"of_codes": two_stage.mean_code_distortion(model, digits.test_images)}
    codes, labels = parent.labelled_codes(model)
    found["purity"] = latent_noise.neighbour_purity(codes, labels)
    if way == parent.AT_ONCE:
        real = data.pixels(digits.test_images[:parent.DRAWN])
        found["frechet"] = picture_measures.measure(parent.drawn(model, seed), real, judge).frechet
    return found


def _of_way(way, seed, learning_rate, **settings):
    if way == FIRST:
        return parent.first_trainer(seed, learning_rate=learning_rate, **settings)
    return parent.joint_trainer(seed, joint_learning_rate=learning_rate, **settings)


def _trainer(seed, *, learning_rates, steps, classifier, **settings):
    way = list(steps)[-1]
    return _of_way(way, seed, learning_rates[way][-1], **settings)


_PARENT = parent.STUDY.settings

STUDY = Study(
    "What do codes give back with other step sizes, after the steps of the same seconds?",
    run,
    _trainer,
    {key: _PARENT[key] for key in ("latent", "joint_hidden", "hidden", "batch_size", "classifier")}
    | {"learning_rates": {FIRST: [2e-3, 4e-3, 8e-3], parent.AT_ONCE: [4e-3, 8e-3]},
       "budgets": _PARENT["budgets"][:3],  # of whose steps `steps` are the medians
       "steps": {FIRST: [141, 283, 559], parent.AT_ONCE: [199, 394, 791]}},
)
