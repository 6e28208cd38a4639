"""Notebook 11: runs with one fault each, over ten seeds, and those that the learner examines."""

from vae_helpers import data, evaluation, training
from vae_helpers.study import Study, prefix
from vae_lessons.build_a_vae.lab import renew_statistics
from vae_lessons.diagnose_a_run import instruments, lab

RENEWED = 10_000  # training images from which running statistics are recomputed


def run_conditions(seed, **settings):
    """What the instruments measure of a run with each fault, and of two cures.

    examined: {fault: {instrument: number}}. cured: {fault: −ELBO in evaluation mode, nats per
    validation image}, after running statistics were recomputed, or after another epoch with the
    learning rate of the healthy run.
    """
    found, cured = {}, {}
    for fault in lab.FAULTS:
        run, trainer = lab.train(fault, seed, **settings)
        found[fault] = instruments.examine(run, *instruments.OURS)._asdict()
        if fault == "lagging statistics":
            images = trainer.images[:RENEWED]
            renewed = renew_statistics(run.model, images, batch_size=trainer.batch_size, seed=seed)
            cured[fault] = _neg_elbo(renewed, seed)
        if fault == "stopped too early":
            trainer.learning_rate = lab.FAULTS["healthy"].learning_rate
            training.train(trainer, len(trainer.records) + trainer.steps_per_epoch)
            cured[fault] = _neg_elbo(run.model, seed)
    return {"examined": found, "cured": cured,
            "prefix_neg_elbo": prefix(trainer)}  # of the last fault


def _neg_elbo(model, seed):
    images = data.load_mnist().validation_images[:instruments.IMAGES]
    return -evaluation.evaluate(model, images, seed=seed).elbo


def _last_fault(seed, *, steps, **settings):
    return lab.new_trainer(list(lab.FAULTS)[-1], seed, **settings)


SETTINGS = {"latent": 10, "hidden": 100, "batch_size": 250, "steps": 1100}
CONDITIONS = Study(
    "Which measurement tells which faults of a run apart?",
    run_conditions, _last_fault, SETTINGS,
)


def run_anonymous(seed, *, faults, **settings):
    """The logs and models of the anonymous runs; run number n has the seed `seed` + n."""
    logs, models = {}, {}
    for n, (letter, fault) in enumerate(faults.items()):
        run, trainer = lab.train(fault, seed + n, **settings)
        logs[letter], models[letter] = lab.as_plain(run.log), run.model
    return {"logs": logs, "models": models, "prefix_neg_elbo": prefix(trainer)}  # of the last


def _last_anonymous(seed, *, faults, steps, **settings):
    return lab.new_trainer(list(faults.values())[-1], seed + len(faults) - 1, **settings)


ANONYMOUS = Study(
    "What is wrong with each of these runs?",
    run_anonymous, _last_anonymous,
    SETTINGS | {"faults": {
        "A": "stopped too early", "B": "hidden β", "C": "variance floor", "D": lab.NORMED,
        "E": "fallen into collapse", "F": "lagging statistics", "G": "wrong sampler",
        "H": "wanted collapse"}},
    range(101, 102),
)

STUDIES = {lab.STUDY: CONDITIONS, lab.CASES: ANONYMOUS}
