"""Notebook 04's runs over many seeds: β turned down again, and schedules of β.

What happens after a collapse when β is turned down, in the original recipe and in the repaired
one, and which schedule ends with the lowest loss when β ends at the same value.
"""

from vae_helpers import data, evaluation, schedules, training
from vae_helpers.study import Study, on_one_thread, prefix
from vae_lessons.build_a_vae.lab import (
    BATCH_SIZE,
    SICK,
    make_trainer,
    recipe_trainer,
    renew_statistics,
)
from vae_lessons.train_live.lab import by_name, look, panel_trainer


def original(seed, *, epochs, collapsed_epochs, lowered_epochs, lowered_betas):
    """The original recipe to its end, and runs of it whose β is turned down after some epochs.

    "whole" has −ELBO and rate after each of `epochs`, "active" the active units at the end.
    "lowered" has {β: [−ELBO, rate]} of runs that begin with the original β and go on at that one.
    Nats per test image, with batch norm's statistics recomputed.
    """
    whole, curve = make_trainer(SICK, seed), []
    for epoch in epochs:
        training.train(whole, epoch * whole.steps_per_epoch)
        curve.append(_measure(whole, seed))
        if epoch == collapsed_epochs:
            start = whole.state()
    lowered = {}
    for beta in lowered_betas:
        trainer = make_trainer(SICK, seed)
        trainer.load_state(start)
        trainer.beta = beta
        training.train(trainer, (collapsed_epochs + lowered_epochs) * trainer.steps_per_epoch)
        lowered[f"{beta:g}"] = _measure(trainer, seed)
    model = _recomputed(whole, seed)
    return {
        "whole": {"neg_elbo": [r[0] for r in curve], "rate": [r[1] for r in curve]},
        "active": evaluation.active_units(model, data.load_mnist().test_images),
        "lowered": lowered,
        "prefix_neg_elbo": prefix(whole),
    }


def there_and_back(seed, *, every, first, high, last, betas):
    """The repaired recipe at β = 1, then at each of `betas`, then at 1 again.

    first, high, last: how many times `every` steps each stage takes. Returns {β: {"neg_elbo",
    "rate", "active"}}, each a list with a value after every `every` steps: nats per image of 2,000
    test images and active units on them, in evaluation mode.
    """
    trainer, start = panel_trainer("the repaired recipe", seed), []
    _train_and_look(trainer, first, every, start)
    state, found = trainer.state(), {}
    for beta in betas:
        looks = list(start)
        trainer = panel_trainer("the repaired recipe", seed)
        trainer.load_state(state)
        trainer.beta = beta
        _train_and_look(trainer, high, every, looks)
        trainer.beta = 1.0
        _train_and_look(trainer, last, every, looks)
        found[f"{beta:g}"] = by_name(looks)
    return found | {"prefix_neg_elbo": prefix(trainer)}


def _train_and_look(trainer, times, every, looks):
    """Append what is measured after every `every` steps to `looks`."""
    for _ in range(times):
        training.train(trainer, len(trainer.records) + every)
        looks.append(look(trainer))


def by_schedule(seed, *, steps, beta):
    """D and R, in nats per test image, and active units after training with each schedule.

    All end at `beta`. {schedule: {"distortion", "rate", "active"}}.
    """
    images, found = data.load_mnist().test_images, {}
    for name, schedule in schedules_to(beta, steps).items():
        trainer = panel_trainer("the repaired recipe", seed, beta=schedule)
        training.train(trainer, steps)
        result = evaluation.evaluate(trainer.model, images, seed=seed)
        found[name] = {"distortion": result.distortion, "rate": result.rate,
                       "active": evaluation.active_units(trainer.model, images)}
        if name == "constant":
            first = prefix(trainer)
    return found | {"prefix_neg_elbo": first}


def schedules_to(beta, steps):
    """{name: schedule} of the schedules that are compared; each stands at `beta` in the end."""
    return {"constant": beta,
            "warm-up": schedules.warm_up(steps * 2 // 3, beta),
            "cyclical": schedules.cyclical(steps // 3, beta=beta)}


def _measure(trainer, seed):
    """−ELBO and rate over the test images, in nats per image."""
    model = _recomputed(trainer, seed)
    result = evaluation.evaluate(model, data.load_mnist().test_images, seed=seed)
    return [-result.elbo, result.rate]


def _recomputed(trainer, seed):
    images = trainer.images[:10 * BATCH_SIZE]
    return renew_statistics(trainer.model, images, batch_size=BATCH_SIZE, seed=seed)


STUDIES = {
    "train_live": Study(
        "Does the original recipe leave the mean image in a hundred epochs, or at a lower β?",
        original,
        recipe_trainer(SICK),
        {"epochs": [1, 2, 3, 5, 10, *range(20, 101, 10)],
         "collapsed_epochs": 3, "lowered_epochs": 3, "lowered_betas": [0.01, 1.0]},
        range(1, 6),
    ),
    "there_and_back": Study(
        "Do the latents that a high β switches off return when β is lowered to 1 again?",
        there_and_back,
        lambda seed, **_settings: on_one_thread(panel_trainer("the repaired recipe", seed)),
        {"every": 50, "first": 3, "high": 3, "last": 6, "betas": [1.0, 20.0, 100.0]},
        range(8),
    ),
    "schedules": Study(
        "Which way to β = 9.8 ends with the lowest distortion + 9.8 · rate?",
        by_schedule,
        lambda seed, beta, **_settings: on_one_thread(
            panel_trainer("the repaired recipe", seed, beta=beta)),
        {"steps": 300, "beta": 9.8},
        range(1, 7),
    ),
}
