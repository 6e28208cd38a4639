"""Checks of whole numbers and seeds in arguments."""

import numpy
import pytest
import torch

from vae_helpers import arguments, data, elbo, evaluation, models, training
from vae_lessons.build_a_vae.lab import renew_statistics
from vae_lessons.choose_a_log_variance.lab import draw_residuals, fit_scale
from vae_lessons.compare_the_estimators.lab import noise_of_layers, score_with_baseline
from vae_lessons.derive_the_elbo.lab import elbo_of
from vae_lessons.meet_kl_collapse.lab import LinearVAE, exact_elbo_parts, fit_linear_vae
from vae_lessons.say_how_good_it_is import lab
from vae_lessons.see_through_the_noise.lab import recent
from vae_lessons.tour_the_latent_space.lab import cell_counts, quantile_grid
from vae_lessons.train_in_two_stages.realism import covered, train_classifier

SETTINGS = {"optimizer": "Adam", "learning_rate": 0.1}
CLASSIFIER = {"hidden": (8,), "epochs": 1, "batch_size": 4, "learning_rate": 0.1, "seed": 0}


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (12, 28, 28), generator=generator, dtype=torch.uint8)


def vae():
    return models.VAE(2, (8,), seed=0)


@pytest.mark.parametrize("value", [3, numpy.int64(3), numpy.uint8(3), torch.tensor(3)])
def test_whole_numbers_of_every_kind_become_an_int(value):
    number = arguments.whole_number(value, "draws")
    assert type(number) is int and number == 3
    assert torch.equal(arguments.generator(value).get_state(),
                       torch.Generator().manual_seed(3).get_state())


@pytest.mark.parametrize("value", [
    0, -1, 2.5, 3.0, numpy.float64(3), True, numpy.bool_(True), "3", None, float("nan"), [3],
])
def test_what_is_no_whole_number_in_range_is_named(value):
    with pytest.raises(ValueError, match="draws must be a whole number of at least 1, got "):
        arguments.whole_number(value, "draws")


def test_the_range_is_named():
    assert arguments.whole_number(0, "steps", least=0) == 0
    with pytest.raises(ValueError, match="batch_size must be a whole number from 1 to 9, got 10"):
        arguments.whole_number(10, "batch_size", most=9)


@pytest.mark.parametrize("seed", [0.5, None, True, "0", 2**64, -(2**63) - 1])
def test_a_wrong_seed_is_named(seed, images):
    for call in (lambda: arguments.generator(seed),
                 lambda: evaluation.evaluate(vae(), images, seed=seed),
                 lambda: training.Trainer(vae(), images, batch_size=4, seed=seed)):
        with pytest.raises(ValueError, match="seed must be a whole number"):
            call()


COUNTS = {
    "batch_size of minibatches": lambda n, images: data.minibatches(9, n, torch.Generator()),
    "batch_size": lambda n, images: training.Trainer(vae(), images, batch_size=n, seed=0),
    "validate_every": lambda n, images: training.Trainer(
        vae(), images, batch_size=4, validation_images=images, validate_every=n, seed=0),
    "steps": lambda n, images: fit_linear_vae(
        LinearVAE(1, torch.zeros(4), noise_variance=1.0, seed=0), torch.eye(4), n,
        exact_elbo_parts),
    "draws": lambda n, images: lab.BoundTrainer(vae(), images, draws=n, batch_size=4, seed=0),
    "draws of all": lambda n, images: lab.bounds(
        lab.log_weights, lab.grouped_bounds, vae(), lab.binarized(images, seed=0), [n], seed=0),
    "draws of a group": lambda n, images: lab.grouped_bounds(torch.zeros(6, 2), n),
    "draws of q": lambda n, images: elbo_of(
        elbo.kl_form, vae(), images, torch.zeros(12, 2), torch.zeros(12, 2), draws=n, seed=0),
    "batch_size of statistics": lambda n, images: renew_statistics(
        vae(), images, batch_size=n, seed=0),
    "draws of gradients": lambda n, images: noise_of_layers(
        vae(), images, forms={}, with_baseline=score_with_baseline, draws=n, seed=0),
    "count": lambda n, images: recent([evaluation.Evaluation(1.0, 1.0)] * 5, n),
    "count of residuals": lambda n, images: draw_residuals(1.0, 1.0, n, 0),
    "steps of a fit": lambda n, images: fit_scale(
        "variance", decades=1.0, scale=1.0, count=4, steps=n, seed=0, batch_size=2, **SETTINGS),
    "batch_size of a fit": lambda n, images: fit_scale(
        "variance", decades=1.0, scale=1.0, count=4, steps=1, seed=0, batch_size=n, **SETTINGS),
    "k": lambda n, images: covered(torch.zeros(5, 2), torch.zeros(5, 2), n),
    "epochs": lambda n, images: train_classifier(
        images, torch.zeros(12, dtype=torch.int64), **CLASSIFIER | {"epochs": n}),
    "batch_size of a classifier": lambda n, images: train_classifier(
        images, torch.zeros(12, dtype=torch.int64), **CLASSIFIER | {"batch_size": n}),
    "side": lambda n, images: quantile_grid(n),
    "side of cells": lambda n, images: cell_counts(torch.zeros(5, 2), n),
}


@pytest.mark.parametrize("name", COUNTS)
def test_counts_may_be_numpys_and_must_be_whole(name, images):
    COUNTS[name](numpy.int64(2), images)
    for wrong in (0, -1, 2.5, 2.0, True):
        with pytest.raises(ValueError, match=f"{name.split()[0]} must be a whole number"):
            COUNTS[name](wrong, images)


def test_a_run_of_numpy_settings_can_be_resumed(images, tmp_path, one_thread):
    """NumPy's numbers, as from numpy.linspace, are accepted and can be stored in a checkpoint."""
    settings = {"batch_size": numpy.int64(4), "learning_rate": numpy.float64(1e-3),
                "beta": numpy.float64(0.5), "free_bits": numpy.float64(0.1),
                "validation_images": images,
                "validate_every": numpy.int64(2), "seed": numpy.int64(3)}
    plain = {name: value if value is images else value.item() for name, value in settings.items()}
    path = tmp_path / "run"
    first = training.Trainer(vae(), images, **settings)
    training.train(first, numpy.int64(3), checkpoint=path, every=numpy.int64(2))
    resumed = training.Trainer(vae(), images, **plain)
    training.train(resumed, 6, checkpoint=path)
    whole = training.Trainer(vae(), images, **plain)
    training.train(whole, 6)
    assert resumed.records == whole.records and resumed.validations == whole.validations
    assert first.settings == whole.settings
