"""Notebook 05: a deep coder whose latents die under a constant β, and what is said to help."""

from vae_helpers import data, evaluation, schedules, training
from vae_helpers.studies.base import Study, dense_trainer, prefix

CURES = ("constant", "warm-up", "cyclical", "free bits")
LONGER = "constant, trained on"


def cure_trainer(cure, seed, *, beta, learning_rate, steps, free_bits, **settings):
    """A trainer that applies one of `CURES`; every cure but the constant starts gently.

    Warm-up rises to `beta` over half of `steps`, cyclical annealing does so four times over half
    of a quarter; free bits give each latent `free_bits` nats.
    """
    trainer = dense_trainer(seed, learning_rate=learning_rate, **settings)
    trainer.beta = {
        "warm-up": schedules.warm_up(steps // 2, beta=beta),
        "cyclical": schedules.cyclical(steps // 4, beta=beta),
    }.get(cure, beta)
    trainer.free_bits = free_bits if cure == "free bits" else 0.0
    return trainer


def run(seed, *, places, steps, longer, **settings):
    """Where each cure ends in each place, {place: {cure: numbers}}, on the test images.

    places: {name: {beta, learning_rate}}. The constant β is also followed to `longer` steps.
    """
    found = {}
    for place, of_place in places.items():
        found[place] = {}
        for cure in CURES:
            trainer = cure_trainer(cure, seed, steps=steps, **of_place, **settings)
            training.train(trainer, steps)
            found[place][cure] = end_of(trainer.model, seed)
            if cure == "constant":
                training.train(trainer, longer)
                found[place][LONGER] = end_of(trainer.model, seed)
    return {"places": found, "prefix_neg_elbo": prefix(trainer)}  # of the last run


def end_of(model, seed):
    """What is stored of a trained model: nats per test image, active latents, dead units."""
    images = data.load_mnist().test_images
    result = evaluation.evaluate(model, images, seed=seed)
    first = model.encoder[:2](data.pixels(images)).detach()  # [image, unit], after the ReLU
    return {
        "distortion": result.distortion, "rate": result.rate,
        "active": evaluation.active_units(model, images),
        "dead": int((first == 0).all(0).sum()),
    }


def _trainer(seed, *, places, **settings):
    return cure_trainer(CURES[-1], seed, **list(places.values())[-1], **settings)


STUDY = Study(
    "Which cures wake latents that a constant β has put to sleep, and when do they not?",
    run,
    _trainer,
    {"latent": 10, "hidden": [100, 50, 25], "batch_size": 500, "steps": 480, "longer": 960,
     "free_bits": 0.5,
     "places": {"β = 4, steps of 0.005": {"beta": 4.0, "learning_rate": 5e-3},
                "β = 1, steps of 0.01": {"beta": 1.0, "learning_rate": 1e-2}}},
)
