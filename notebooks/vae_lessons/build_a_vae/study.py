"""Studies of notebook 03: the original recipe, its repairs, and the effect of batch norm."""

import time

from vae_helpers import data, evaluation, training
from vae_helpers.study import Study, on_one_thread, prefix
from vae_lessons.build_a_vae import lab
from vae_lessons.build_a_vae.lab import (
    BATCH_SIZE,
    CURED,
    RECIPES,
    SICK,
    make_trainer,
    recipe_trainer,
)

LAST = 20  # batches: for −ELBO in training mode, and for recomputing the statistics


def run(seed, *, epochs):
    """Every recipe trained with this seed, measured after each epoch.

    The history of a recipe has lists with one entry per epoch, in nats per image. "evaluation" and
    "renewed" are measured on the test images in evaluation mode, with the running statistics and
    with recomputed ones; "validation" is the −ELBO on the validation images with recomputed
    statistics, for choosing a recipe; "in_training" is the −ELBO of the last 20 batches, each with
    its own statistics. "seconds" is the processor time of the training so far. The recipes are
    trained in turns of one epoch, so that other load on the computer slows all of them equally.
    """
    trainers = {name: make_trainer(name, seed) for name in RECIPES}
    histories = {
        name: {"seconds": [], "in_training": [], "evaluation": [], "renewed": [], "validation": []}
        for name in RECIPES
    }
    for _ in range(epochs):
        for name, trainer in trainers.items():
            _train_epoch(trainer, histories[name], seed)
    recipes = {name: history | {mode: _by_key(history[mode]) for mode in ("evaluation", "renewed")}
               for name, history in histories.items()}
    return {"recipes": recipes, "prefix_neg_elbo": prefix(trainers[CURED])}


def _train_epoch(trainer, history, seed):
    digits = data.load_mnist()
    start = time.process_time()
    training.train(trainer, len(trainer.records) + trainer.steps_per_epoch)
    seconds = time.process_time() - start
    last = trainer.records[-LAST:]
    renewed = lab.renew_statistics(
        trainer.model, trainer.images[:LAST * BATCH_SIZE], batch_size=BATCH_SIZE, seed=seed)
    history["seconds"].append(sum(history["seconds"][-1:]) + seconds)
    history["in_training"].append(-sum(record.elbo for record in last) / len(last))
    history["evaluation"].append(_measure(trainer.model, digits.test_images, seed))
    history["renewed"].append(_measure(renewed, digits.test_images, seed))
    unseen = evaluation.evaluate(renewed, digits.validation_images, seed=seed)
    history["validation"].append(-unseen.elbo)


def _measure(model, test_images, seed):
    result = evaluation.evaluate(model, test_images, seed=seed)
    return {
        "neg_elbo": -result.elbo, "rate": result.rate,
        "active": evaluation.active_units(model, test_images),
        "dead": lab.dead_heads(model, test_images),
    }


def _by_key(entries):
    """A list of dictionaries as a dictionary of lists."""
    return {key: [entry[key] for entry in entries] for key in entries[0]}


STUDY = Study(
    "What does each repair of the original recipe gain, and what does batch normalisation?",
    run,
    recipe_trainer(CURED),
    {"epochs": 10},
    range(1, 7),
)

# Arms of the control study: {name: changes to the original recipe}.
CONTROL = {
    "original": {},
    "no batch norm": {"batch_norm": False},
    "no batch norm, learning rate 0.001": {"batch_norm": False, "learning_rate": 1e-3},
}


def control_run(seed, *, epochs):
    """The original recipe with and without batch norm, measured after each epoch.

    Running statistics are recomputed before measuring. Each arm has lists with one entry per epoch:
    "neg_elbo" and "rate" in nats per test image, "active", the number of active units, and the
    counts of `lab.silent_units`.
    """
    images = data.load_mnist().test_images
    arms, starts = {}, {}
    for arm, changes in CONTROL.items():
        trainer, entries = on_one_thread(make_trainer(SICK, seed, **changes)), []
        for _ in range(epochs):
            training.train(trainer, len(trainer.records) + trainer.steps_per_epoch)
            model = lab.renew_statistics(trainer.model, trainer.images[:LAST * BATCH_SIZE],
                                         batch_size=BATCH_SIZE, seed=seed)
            result = evaluation.evaluate(model, images, seed=seed)
            entries.append({"neg_elbo": -result.elbo, "rate": result.rate,
                            "active": evaluation.active_units(model, images)}
                           | lab.silent_units(model, images))
        arms[arm], starts[arm] = _by_key(entries), prefix(trainer)
    return {"arms": arms, "prefix_neg_elbo": starts["original"]}


SILENT = Study(
    "Does batch normalisation keep the units of the original recipe alive?",
    control_run,
    recipe_trainer(SICK),
    {"epochs": 3},
)

STUDIES = {"build_vae": STUDY, "batch_norm_control": SILENT}
