"""Notebook 10: the gradients of L_K, raced over the same number of updates."""

from vae_helpers import data, evaluation, likelihood, training
from vae_helpers.studies.base import Study, prefix
from vae_helpers.studies.burda import TEST_SEED, black_and_white, bound_trainer


def run(seed, *, entrants, epochs, images, bound_draws, **settings):
    """L_K of each entrant over the first test images after the same updates, and its parts."""
    digits, found = black_and_white()[:images], []
    for draws, estimator in entrants:
        trainer = bound_trainer(seed, draws=draws, estimator=estimator, **settings)
        training.train(trainer, epochs * trainer.steps_per_epoch)
        bounds = likelihood.bounds(trainer.model, digits, bound_draws, seed=TEST_SEED)
        parts = evaluation.evaluate(trainer.model, digits, seed=TEST_SEED)
        found.append(parts._asdict() | {
            "draws": draws, "estimator": estimator,
            "active": evaluation.active_units(trainer.model, data.load_mnist().test_images),
            "bounds": {str(k): values.mean().item() for k, values in bounds.items()},
        })
    return {"entrants": found, "prefix_neg_elbo": prefix(trainer)}  # of the last entrant


def _trainer(seed, *, entrants, **settings):
    draws, estimator = entrants[-1]
    return bound_trainer(seed, draws=draws, estimator=estimator, **settings)


STUDY = Study(
    "Which gradient of L_K trains the better model in the same number of updates?",
    run,
    _trainer,
    {"entrants": [[1, "iwae"], [1, "path"], [5, "iwae"], [5, "path"], [5, "dreg"]],
     "epochs": 13, "batch_size": 100, "images": 1000, "bound_draws": [1, 50, 500]},
    range(1, 6),
)
