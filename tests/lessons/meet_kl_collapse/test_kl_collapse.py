"""Notebook 05: its checks name each mistake, and its stored sweep says what the text says."""

import math

import numpy as np
import pytest
import torch

from vae_helpers import data, evaluation, models, results
from vae_helpers.training import Trainer
from vae_lessons.meet_kl_collapse import checks, figures, lab
from vae_lessons.meet_kl_collapse.checks import free_bits_penalty

EIGENVALUES = torch.tensor([3.0, 1.2, 0.6, 0.36, 0.252, 0.2, 0.05])


def in_a_loop(rates, free_bits):
    return sum(torch.clamp(column.mean(), min=free_bits) for column in rates.T)


@pytest.mark.parametrize("answer", [
    in_a_loop,
    lambda rates, free_bits: (
        torch.relu(rates.mean(0) - free_bits).sum() + free_bits * rates.shape[1]),
    lambda rates, free_bits: torch.maximum(rates.mean(0), rates.new_tensor(free_bits)).sum(),
])
def test_right_penalties_pass(answer):
    result = checks.penalty.judge(answer)
    assert result.passed, result.diagnosis


@pytest.mark.parametrize("answer, words", [
    (lambda r, f: r.mean(), "the largest difference"),
    (lambda r, f: r.mean(0).clamp(min=f).sum().item(), "returned float"),
    (lambda r, f: -r.mean(0).clamp(min=f).sum(), "sign is flipped"),
    (lambda r, f: r.mean(0).clamp(min=0.8).sum(), "the largest difference"),
    (lambda r: r.sum(), "TypeError"),
])
def test_wrong_penalties_are_named(answer, words):
    result = checks.penalty.judge(answer)
    assert result.state == "failed" and words in result.diagnosis, result.diagnosis


def test_the_penalty_is_what_the_trainer_pays():
    """A step with free bits leads where a step on distortion + penalty leads."""
    images = data.load_mnist().train_images[:64]
    trained = models.VAE(3, hidden=(16,), seed=0)
    trainer = Trainer(trained, images, batch_size=64, free_bits=0.4, seed=5)
    by_hand = models.VAE(3, hidden=(16,), seed=0)
    optimizer = torch.optim.Adam(by_hand.parameters(), lr=1e-3, fused=True)
    generator = torch.Generator().manual_seed(5)
    x = data.pixels(images[torch.randperm(64, generator=generator)])
    trainer.step()
    eps = torch.randn(64, 3, generator=generator)
    distortion, rates = by_hand.elbo_parts(x, eps)
    (distortion.mean() + free_bits_penalty(rates, 0.4)).backward()
    optimizer.step()
    for mine, other in zip(trained.parameters(), by_hand.parameters()):
        torch.testing.assert_close(mine, other)


def test_the_slope_is_where_both_objectives_are_equal():
    beta = (122 - 110) / (10 - 7)
    assert checks.slope.judge(beta).passed and 110 + 10 * beta == 122 + 7 * beta
    assert "sign" in checks.slope.judge(-beta).diagnosis
    for wrong, diagnosis in checks.slope._mistakes:
        assert checks.slope.judge(wrong).diagnosis == diagnosis


def test_the_dimensions_are_those_of_probabilistic_pca():
    right = lab.surviving(EIGENVALUES, 0.25), lab.counted(EIGENVALUES, 0.25)
    assert right == (5, 4) and checks.dimensions.judge(right).passed
    assert checks.dimensions.judge([5, 4]).passed
    for wrong, diagnosis in checks.dimensions._mistakes:
        assert checks.dimensions.judge(wrong).diagnosis == diagnosis


@pytest.mark.parametrize("answer, words", [
    ((5, 1), "is right, the number that the rule counts is not"),
    ((4, 5), "exchanged"),
    (5, "2 numbers are expected"),
    ((..., 4), "Replace the ..."),
])
def test_wrong_dimensions_are_named(answer, words):
    result = checks.dimensions.judge(answer)
    assert not result.passed and words in result.diagnosis


def test_the_rate_of_each_latent_adds_up():
    model = models.VAE(4, hidden=(8,), seed=0)
    images = data.load_mnist().test_images[:1500]
    per_latent = evaluation.rate_per_latent(model, images)
    assert per_latent.shape == (4,) and (per_latent >= 0).all()
    assert per_latent.sum().item() == pytest.approx(
        evaluation.evaluate(model, images, seed=0).rate, rel=1e-5
    )


@pytest.fixture(scope="module")
def sweep():
    stored = results.load("kl_collapse")
    runs = stored["runs"].values()
    return {
        "betas": np.array(stored["settings"]["betas"]),
        "train": np.array([run["train"] for run in runs]),  # [seeds, β, (distortion, rate)]
        "test": np.array([run["test"] for run in runs]),
        "active": np.array([run["active"] for run in runs]),
    }


def test_every_stored_model_gives_its_stored_numbers(sweep):
    """Rounding to float16 costs less than half a nat."""
    stored = results.load("kl_collapse")
    settings, images = stored["settings"], data.load_mnist().test_images
    run = stored["runs"][str(settings["model_seed"])]
    assert list(run["models"]) == [f"{beta:g}" for beta in settings["betas"]]
    for key, (distortion, rate) in zip(run["models"], run["test"]):
        model = models.VAE(settings["latent"], settings["hidden"], seed=0)
        found = evaluation.evaluate(
            results.load_model("kl_collapse", key, model), images, seed=settings["model_seed"]
        )
        assert found.distortion == pytest.approx(distortion, abs=0.5)
        assert found.rate == pytest.approx(rate, abs=0.5)


def test_the_models_are_small():
    stored_at = results.lessons_folder() / "meet_kl_collapse" / "results"
    folders = [stored_at / name for name in ("kl_collapse", "linear_vae")]
    size = sum(path.stat().st_size for folder in folders for path in folder.glob("*.pt"))
    assert 0 < size < 12e6


def test_slopes_are_the_betas_own(sweep):
    """Between the two β in every seed; near the logarithmic mean, nearest for the best seeds."""
    distortion, rate = sweep["train"][..., 0], sweep["train"][..., 1]
    secants = np.diff(distortion) / -np.diff(rate)  # [seeds, β − 1]
    low, high = sweep["betas"][:-1], sweep["betas"][1:]
    middle = (low >= 0.5) & (high <= 16)
    assert middle.sum() == 5
    assert (secants > low)[:, middle].all() and (secants < high)[:, middle].all()
    predicted = (high - low) / np.log(high / low)
    assert (abs(secants / predicted - 1) < 0.2)[:, middle].mean() > 0.9
    objective = distortion + sweep["betas"] * rate  # [seeds, β]
    best = objective.argmin(0), np.arange(len(sweep["betas"]))
    of_best = np.diff(distortion[best]) / -np.diff(rate[best])
    assert (abs(of_best / predicted - 1) < 0.1)[middle].all()


def test_rate_falls_and_distortion_rises_with_beta(sweep):
    assert (np.diff(sweep["train"][..., 1]) < 1e-3).all()
    # A loss with β = 0.01 hardly notices a nat of rate: such runs are not at rest.
    assert (np.diff(sweep["train"][:, 1:, 0]) > -1e-3).all()


def figure_of(**changed):
    random = np.random.default_rng(0)
    images = random.random((10, 28, 28))
    return figures.beta_sweep(**{
        "beta": 2.0, "originals": images, "reconstructions": images, "samples": images,
        "rate_per_latent": [1.0, 0.002], "rates": [9.0, 3.0], "distortions": [100.0, 120.0],
        "here": 1, "floor": 45.5, "plateau": 205.8,
    } | changed)


def test_the_sweep_s_picture_says_where_it_stands():
    fig = figure_of()
    assert "1 of 2 latents" in fig.caption and "rate 3.0" in fig.caption
    assert fig.artists_of["here"].get_xydata().tolist() == [[3.0, 120.0]]
    assert figure_of(here=0).artists_of["here"].get_xydata().tolist() == [[9.0, 100.0]]


def test_slopes_between_their_betas_are_counted():
    mean = 1 / math.log(2)
    fig = figures.curve_slopes([1, 2, 4], [[mean, 5.0], [mean, 3.0]], {0: mean}, guess=2.0)
    assert fig.axes[0].get_title("left").startswith("In 1 of 2 pairs")
    assert "Your guess: 2" in fig.caption
    live, guess = (line for line in fig.axes[0].lines if line.get_marker() == "D")
    assert live.get_xdata() == guess.get_xdata() == [0]
    assert live.get_ydata() == [pytest.approx(1)]
    assert guess.get_ydata() == [pytest.approx(2 / mean)]


def test_every_cure_is_what_its_name_says():
    settings = {"beta": 4.0, "learning_rate": 5e-3, "steps": 80, "free_bits": 0.5, "latent": 2,
                "hidden": [4], "batch_size": 500}
    trainers = {cure: lab.cure_trainer(cure, 0, **settings) for cure in lab.CURES}
    assert trainers["constant"].beta == trainers["free bits"].beta == 4.0
    assert trainers["free bits"].free_bits == 0.5
    assert all(trainers[cure].free_bits == 0 for cure in lab.CURES[:3])
    warm, cyclical = trainers["warm-up"].beta, trainers["cyclical"].beta
    assert [warm(step) for step in (0, 20, 40, 79)] == [0, 2, 4, 4]
    assert [cyclical(step) for step in (0, 5, 10, 19, 20, 30, 79)] == [0, 2, 4, 4, 0, 4, 4]
