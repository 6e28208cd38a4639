"""Notebook 04: the source's recipe to its end, and whether less β heals a collapsed run."""

from vae_helpers import data, evaluation, training
from vae_helpers.study import Study, prefix
from vae_lessons.build_a_vae.lab import (
    BATCH_SIZE,
    SICK,
    make_trainer,
    recipe_trainer,
    renew_statistics,
)


def run(seed, *, epochs, sick_epochs, healing_epochs, healing_betas):
    """The whole recipe, and runs of it whose β is turned down after some epochs.

    "whole" has −ELBO and rate after each of `epochs`, "active" the active units at the end.
    "healed" has {β: [−ELBO, rate]} of runs that train as written and then go on at that β. Nats per
    test image, with the batch normalisation's statistics made anew.
    """
    whole, curve = make_trainer(SICK, seed), []
    for epoch in epochs:
        training.train(whole, epoch * whole.steps_per_epoch)
        curve.append(_measure(whole, seed))
        if epoch == sick_epochs:
            start = whole.state()
    healed = {}
    for beta in healing_betas:
        trainer = make_trainer(SICK, seed)
        trainer.load_state(start)
        trainer.beta = beta
        training.train(trainer, (sick_epochs + healing_epochs) * trainer.steps_per_epoch)
        healed[f"{beta:g}"] = _measure(trainer, seed)
    model = _renewed(whole, seed)
    return {
        "whole": {"neg_elbo": [r[0] for r in curve], "rate": [r[1] for r in curve]},
        "active": evaluation.active_units(model, data.load_mnist().test_images),
        "healed": healed,
        "prefix_neg_elbo": prefix(whole),
    }


def _measure(trainer, seed):
    """−ELBO and rate over the test images, in nats per image."""
    model = _renewed(trainer, seed)
    result = evaluation.evaluate(model, data.load_mnist().test_images, seed=seed)
    return [-result.elbo, result.rate]


def _renewed(trainer, seed):
    images = trainer.images[:10 * BATCH_SIZE]
    return renew_statistics(trainer.model, images, batch_size=BATCH_SIZE, seed=seed)


STUDY = Study(
    "Does the source's recipe heal in its hundred epochs, or when β is turned down?",
    run,
    recipe_trainer(SICK),
    {"epochs": [1, 2, 3, 5, 10, *range(20, 101, 10)],
     "sick_epochs": 3, "healing_epochs": 3, "healing_betas": [0.01, 1.0]},
    range(1, 6),
)

STUDIES = {"train_live": STUDY}
