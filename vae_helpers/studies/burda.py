"""Notebook 10: the network of IWAE's Table 1, trained on its protocol as far as the hours allow."""

import shutil

import torch

from vae_helpers import bounds, data, evaluation, likelihood, models, runs, training
from vae_helpers.files import atomic_write
from vae_helpers.studies.base import Study, on_one_thread, prefix
from vae_helpers.threads import one_thread

NOTEBOOK = "10_say_how_good_it_is"
TEST_SEED = 0  # of the binarisation, and of the draws: every model meets the same


@one_thread()
def bound_trainer(seed, *, draws, estimator="iwae", batch_size, **_other):
    """A trainer of `models.BurdaVAE` on L_K, on one thread."""
    images = data.load_mnist().train_images
    model = models.BurdaVAE(evaluation.mean_image(images).float(), seed=seed)
    return on_one_thread(bounds.BoundTrainer(
        model, images, draws=draws, estimator=estimator, batch_size=batch_size, seed=seed
    ))


def black_and_white():
    """The binarised test digits, the same for every model: uint8 [10000, 28, 28]."""
    return likelihood.binarized(data.load_mnist().test_images, seed=TEST_SEED)


def run(seed, *, draws, epochs, whole, few, bound_draws, **settings):
    """What the model is worth after each of `epochs`; the last one itself for seed 1.

    bounds: {K: [mean, half width]} of L_K over the first `few` test images, and over all
    10,000 after the epochs of `whole`; steps: of L_K − L_(the K before), likewise. first: {K:
    L_K} of the first 100 images, by the last model. A run that is interrupted goes on where it
    stood.
    """
    trainer, digits, curve = bound_trainer(seed, draws=draws, **settings), black_and_white(), []
    folder = runs.folder(NOTEBOOK) / f"burda-{draws}-seed-{seed}"
    for epoch in epochs:
        train_to(trainer, epoch, folder)
    for epoch in epochs:
        shown = digits if epoch in whole else digits[:few]
        model = models.BurdaVAE(torch.full((784,), 0.5), seed=seed)
        model.load_state_dict(torch.load(folder / f"{epoch}.pt", weights_only=True))
        found = likelihood.bounds(model, shown, bound_draws, seed=TEST_SEED)
        parts = evaluation.evaluate(model, shown, seed=TEST_SEED)
        curve.append({
            "epoch": epoch, "images": len(shown), "distortion": parts.distortion,
            "rate": parts.rate, "active": evaluation.active_units(model, digits),
            "bounds": {str(k): likelihood.mean_of(values) for k, values in found.items()},
            "steps": {str(k): likelihood.mean_of(found[k] - found[before])
                      for before, k in zip(bound_draws, bound_draws[1:])},
            "few": {str(k): likelihood.mean_of(values[:few]) for k, values in found.items()},
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


def _study(draws, epochs):
    return Study(
        f"How near does the network of IWAE's Table 1 come to the paper, trained on L_{draws}?",
        run,
        bound_trainer,
        {"draws": draws, "epochs": epochs, "whole": [50, epochs[-1]], "few": 1000,
         "bound_draws": [1, 5, 50, 500, 5000], "batch_size": 100},
        range(1, 2),
    )


ONE_DRAW = _study(1, [4, 13, 50, 121, 364, 1093])
FIVE_DRAWS = _study(5, [4, 13, 50, 121, 364])
