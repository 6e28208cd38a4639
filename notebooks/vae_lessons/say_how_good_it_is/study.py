"""Notebook 10: bounds beside log p(x), IWAE's Table 1, and gradients raced over equal updates."""

import shutil

import torch

from vae_helpers import data, evaluation, runs, schedules, training
from vae_helpers.files import atomic_write
from vae_helpers.study import Study, dense_trainer, on_one_thread, prefix
from vae_helpers.threads import one_thread
from vae_lessons.say_how_good_it_is import lab


def run_bounds(seed, *, plane, plane_epochs, epochs, images, draws, **settings):
    """−ELBO of three models on three kinds of digits; each IWAE bound's gap with 2 latents."""
    kinds = {}
    for kind in ("grey-scale", "dynamic", "thresholded"):
        trainer = dense_trainer(seed, **settings)
        kinds[kind] = lab.compare_kinds(lab.train_on(kind, trainer, epochs))
    model = lab.train_on("dynamic", dense_trainer(seed, **settings | plane), plane_epochs)
    shown = lab.digits_as("binarised", data.load_mnist().test_images[:images], seed=0)
    log_evidence, estimates = lab.compare_bounds(
        lab.log_weights, lab.grouped_bounds, model, shown, draws)
    return {
        "kinds": kinds, "log_evidence": log_evidence.mean().item(),
        "gaps": {str(k): lab.gap_of(log_evidence, found) for k, found in estimates.items()},
        "prefix_neg_elbo": prefix(trainer),  # of the thresholded digits
    }


def _thresholded_trainer(seed, **settings):
    trainer = dense_trainer(seed, **settings)
    trainer.images = lab.digits_as("thresholded", trainer.images, seed=0)
    return trainer


BOUNDS_CHECKED = Study(
    "How far below log p(x) is the IWAE bound, and how much does it depend on the digits' kind?",
    run_bounds,
    _thresholded_trainer,
    {"latent": 20, "hidden": [100], "batch_size": 125, "learning_rate": 2e-3, "epochs": 8,
     "plane": {"latent": 2}, "plane_epochs": 5, "images": 200,
     "draws": [1, 2, 5, 10, 50, 100, 500, 1000, 5000]},
)


def run_wider(seed, *, factors, plane_epochs, images, draws, **settings):
    """Gaps {factor: {K: mean over images}} where draws come from a q that is `factor` wider.

    The models are those of `run_bounds`, with 2 latents.
    """
    trainer = dense_trainer(seed, **settings)
    model = lab.train_on("dynamic", trainer, plane_epochs)
    shown = lab.digits_as("binarised", data.load_mnist().test_images[:images], seed=TEST_SEED)
    found = {}
    for factor in factors:
        log_evidence, estimates = lab.compare_bounds(
            lab.widened(factor), lab.grouped_bounds, model, shown, draws)
        found[f"{factor:g}"] = {str(k): lab.gap_of(log_evidence, values)["mean"]
                                for k, values in estimates.items()}
    return {"gaps": found, "prefix_neg_elbo": prefix(trainer)}


def _plane_trainer(seed, **settings):
    trainer = dense_trainer(seed, **settings)
    trainer.images = lab.digits_as("binarised", trainer.images, seed=0)  # of its first epoch
    return trainer


WIDER_Q = Study(
    "Does the IWAE bound with many draws come nearer to log p(x) where draws are wider than q?",
    run_wider,
    _plane_trainer,
    {name: BOUNDS_CHECKED.settings[name] for name in ("hidden", "batch_size", "learning_rate",
                                                      "plane_epochs")}
    | {"latent": 2, "images": 100, "draws": [1, 5, 50, 500, 5000], "factors": [1, 2]},
)
BLOCK = 100  # images whose mean is stored as one number


def run_fixed(seed, *, epochs, **settings):
    """−ELBO of a model trained on digits that were binarised once, with their kinds and blocks.

    validation [50], test [100]: means over `BLOCK` binarised images each, of the 5,000 validation
    images and the 10,000 test images, with the same noise for every seed.
    """
    trainer = dense_trainer(seed, **settings)
    model, mnist = lab.train_on("fixed", trainer, epochs), data.load_mnist()
    blocks = {}
    for name in ("validation", "test"):
        shown = lab.digits_as("binarised", getattr(mnist, f"{name}_images"), seed=TEST_SEED)
        scores = lab.neg_elbo(model, shown, seed=TEST_SEED).reshape(-1, BLOCK)
        blocks[name] = [round(score, 4) for score in scores.mean(1).tolist()]
    return {"kinds": lab.compare_kinds(model), "prefix_neg_elbo": prefix(trainer)} | blocks


def _fixed_trainer(seed, **settings):
    trainer = dense_trainer(seed, **settings)
    trainer.images = lab.digits_as("binarised", trainer.images, seed=0)
    return trainer


FIXED_DIGITS = Study(
    "What does training on digits that were binarised once change, and by how much does choosing "
    "one of ten runs on test images flatter it?",
    run_fixed,
    _fixed_trainer,
    {name: BOUNDS_CHECKED.settings[name]
     for name in ("latent", "hidden", "batch_size", "learning_rate", "epochs")},
)
NOTEBOOK = "10_say_how_good_it_is"
TEST_SEED = 0  # of the binarisation, and of the draws: every model meets the same


@one_thread()
def bound_trainer(seed, *, draws, estimator="iwae", batch_size, validation, **_other):
    """A trainer of `lab.BurdaVAE` on the IWAE bound; validation: how many images it leaves out."""
    images = data.load_mnist(validation).train_images
    model = lab.BurdaVAE(evaluation.mean_image(images).float(), seed=seed)
    return on_one_thread(lab.BoundTrainer(
        model, images, draws=draws, estimator=estimator, batch_size=batch_size, seed=seed
    ))


def black_and_white():
    """The binarised test digits, the same for every model: uint8 [10000, 28, 28]."""
    return lab.binarized(data.load_mnist().test_images, seed=TEST_SEED)


def measure(model, images, draws):
    """{K: the IWAE bound of each image} for the `draws` K, with the same noise for every model."""
    return lab.bounds(lab.log_weights, lab.grouped_bounds, model, images, draws, seed=TEST_SEED)


def run_burda(seed, *, draws, epochs, whole, few, bound_draws, **settings):
    """The IWAE bounds of the model after each of `epochs`; the last model itself for seed 1.

    bounds: {K: [mean, half width]} over the first `few` test images, and over all 10,000 after
    the epochs of `whole`; steps: the same of each bound minus that with the K before. first: {K:
    bounds of the first 100 images}, by the last model. A run that is interrupted goes on where
    it stood.
    """
    trainer, digits, curve = bound_trainer(seed, draws=draws, **settings), black_and_white(), []
    folder = runs.folder(NOTEBOOK) / f"burda-{draws}-seed-{seed}"
    for epoch in epochs:
        train_to(trainer, epoch, folder)
    for epoch in epochs:
        shown = digits if epoch in whole else digits[:few]
        model = lab.BurdaVAE(torch.full((784,), 0.5), seed=seed)
        model.load_state_dict(torch.load(folder / f"{epoch}.pt", weights_only=True))
        found = measure(model, shown, bound_draws)
        parts = evaluation.evaluate(model, shown, seed=TEST_SEED)
        curve.append({
            "epoch": epoch, "images": len(shown), "distortion": parts.distortion,
            "rate": parts.rate, "active": evaluation.active_units(model, digits),
            "bounds": {str(k): lab.mean_of(values) for k, values in found.items()},
            "steps": {str(k): lab.mean_of(found[k] - found[before])
                      for before, k in zip(bound_draws, bound_draws[1:])},
            "few": {str(k): lab.mean_of(values[:few]) for k, values in found.items()},
        })
    # Image by image, for a notebook's live slice.
    first = {str(k): values[:100].tolist() for k, values in found.items()}
    found = {"curve": curve, "first": first, "prefix_neg_elbo": prefix(trainer)}
    shutil.rmtree(folder)  # a study made anew begins anew
    return found | ({"models": {f"{draws}": model}} if seed == 1 else {})


def train_to(trainer, epoch, folder):
    """Train until `epoch`, with a checkpoint in `folder`, and keep the model that is then there.

    Raises `ValueError` if the run there is past it and has kept none.
    """
    path, steps = folder / f"{epoch}.pt", epoch * trainer.steps_per_epoch
    every = 20 * trainer.steps_per_epoch
    training.train(trainer, steps, checkpoint=folder / "run.checkpoint", every=every)
    if path.exists():
        return
    if len(trainer.records) > steps:
        raise ValueError(f"The run in {folder} is past epoch {epoch} and kept no model of it: "
                         "delete the folder to begin anew.")
    with atomic_write(path) as file:
        torch.save(trainer.model.state_dict(), file)


def _burda_study(draws, epochs):
    return Study(
        f"How near does the network of IWAE's Table 1 come to the paper, trained with K = {draws}?",
        run_burda,
        bound_trainer,
        {"draws": draws, "epochs": epochs, "whole": [50, epochs[-1]], "few": 1000,
         "bound_draws": [1, 5, 50, 500, 5000], "batch_size": 100, "validation": 0},
        range(1, 2),
    )


ONE_DRAW = _burda_study(1, [4, 13, 50, 121, 364, 1093])
FIVE_DRAWS = _burda_study(5, [4, 13, 50, 121, 364])


def run_race(seed, *, entrants, epochs, images, bound_draws, **settings):
    """Each entrant's IWAE bounds and its parts of the ELBO after equally many updates."""
    digits, found = black_and_white()[:images], []
    for draws, estimator in entrants:
        trainer = bound_trainer(seed, draws=draws, estimator=estimator, **settings)
        training.train(trainer, epochs * trainer.steps_per_epoch)
        bounds = measure(trainer.model, digits, bound_draws)
        parts = evaluation.evaluate(trainer.model, digits, seed=TEST_SEED)
        found.append(parts._asdict() | {
            "draws": draws, "estimator": estimator,
            "active": evaluation.active_units(trainer.model, data.load_mnist().test_images),
            "bounds": {str(k): values.mean().item() for k, values in bounds.items()},
        })
    return {"entrants": found, "prefix_neg_elbo": prefix(trainer)}  # of the last entrant


def _last_entrant(seed, *, entrants, **settings):
    draws, estimator = entrants[-1]
    return bound_trainer(seed, draws=draws, estimator=estimator, **settings)


ESTIMATOR_RACE = Study(
    "Which gradient of the IWAE bound trains the better model in the same number of updates?",
    run_race,
    _last_entrant,
    {"entrants": [[1, "iwae"], [1, "path"], [5, "iwae"], [5, "path"], [5, "dreg"]],
     "epochs": 13, "batch_size": 100, "images": 1000, "bound_draws": [1, 50, 500], "validation": 0},
    range(1, 6),
)

def choice_trainer(seed, warm_up, **settings):
    """A trainer whose β rises from 0 to 1 within `warm_up` epochs; with 0 epochs β is always 1."""
    trainer = dense_trainer(seed, **settings)
    if warm_up:
        trainer.beta = schedules.warm_up(warm_up * trainer.steps_per_epoch)
    return trainer


def run_choice(seed, *, warm_ups, epochs, images, draws, **settings):
    """How much better the first of two trainings is than the second, by the bound with K = draws.

    validation, test: the mean of the paired differences over the first binarised `images` of
    each, and half its 95 % interval; levels: −bound of either training on validation images.
    """
    mnist, bounds = data.load_mnist(), {"validation": [], "test": []}
    for warm_up in warm_ups:
        trainer = choice_trainer(seed, warm_up, **settings)
        model = lab.train_on("dynamic", trainer, epochs)
        for name, found in bounds.items():
            shown = lab.binarized(getattr(mnist, f"{name}_images")[:images], seed=TEST_SEED)
            found.append(measure(model, shown, [draws])[draws])  # [images]
    found = {name: lab.mean_of(first - second) for name, (first, second) in bounds.items()}
    return found | {"levels": [-values.mean().item() for values in bounds["validation"]],
                    "prefix_neg_elbo": prefix(trainer)}  # of the last training


def _last_choice(seed, *, warm_ups, **settings):
    trainer = choice_trainer(seed, warm_ups[-1], **settings)
    trainer.images = lab.digits_as("binarised", trainer.images, seed=0)  # of its first epoch
    return trainer


WARM_UP_CHOICE = Study(
    "Does KL warm-up train a model with a better bound, by validation images and by test images?",
    run_choice,
    _last_choice,
    {name: BOUNDS_CHECKED.settings[name]
     for name in ("latent", "hidden", "batch_size", "learning_rate", "epochs")}
    | {"warm_ups": [2, 0], "images": 2000, "draws": 50},
    range(1, 6),
)

STUDIES = {
    "bounds_checked": BOUNDS_CHECKED,
    "fixed_digits": FIXED_DIGITS,
    "wider_q": WIDER_Q,
    "estimator_race": ESTIMATOR_RACE,
    "warm_up_choice": WARM_UP_CHOICE,
    "burda_1": ONE_DRAW,
    "burda_5": FIVE_DRAWS,
}
