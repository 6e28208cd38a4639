"""Notebook 05: its checks name each mistake, and its stored sweep says what the text says."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from vae_helpers import data, elbo, evaluation, models, results
from vae_helpers.study import dense_trainer
from vae_helpers.training import train
from vae_lessons.meet_kl_collapse import checks, figures, figures_of_linear, lab, summaries

EIGENVALUES = torch.tensor([3.0, 1.2, 0.6, 0.36, 0.252, 0.2, 0.05])


def paying(cost):
    """An answer to free_bits_loss whose rate costs this: of rates and free_bits."""
    return lambda distortion, rates, beta, free_bits: (
        distortion.mean() + beta * cost(rates, free_bits))


@pytest.mark.parametrize("answer", [
    paying(lambda r, f: sum(torch.clamp(column.mean(), min=f) for column in r.T)),
    paying(lambda r, f: torch.relu(r.mean(0) - f).sum() + f * r.shape[1]),
    paying(lambda r, f: torch.maximum(r.mean(0), r.new_tensor(f)).sum()),
    lambda d, r, b, f: (d + b * r.mean(0).clamp(min=f).sum()).mean(),
])
def test_right_losses_pass(answer):
    result = checks.free_bits_loss.judge(answer)
    assert result.passed, result.diagnosis


@pytest.mark.parametrize("answer, words", [
    (paying(lambda r, f: r.mean(0).clamp(min=f).sum().item()), "no gradient"),
    (lambda d, r, b, f: (d.mean() + b * r.mean(0).clamp(min=f).sum()).item(), "returned float"),
    (lambda d, r, b, f: -d.mean() - b * r.mean(0).clamp(min=f).sum(), "sign is flipped"),
    (paying(lambda r, f: r.mean(0).clamp(min=0.8).sum()), "the largest difference"),
    (lambda r: r.sum(), "TypeError"),
])
def test_wrong_losses_are_named(answer, words):
    result = checks.free_bits_loss.judge(answer)
    assert result.state == "failed" and words in result.diagnosis, result.diagnosis


def test_each_known_mistake_is_recognised():
    for mistake in checks.free_bits_loss._mistakes:
        told = checks.free_bits_loss.judge(mistake.wrong).diagnosis
        assert told == mistake.diagnosis


def test_the_learner_s_loss_trains_as_the_trainer_s_own_free_bits():
    settings = {"latent": 3, "hidden": [16], "batch_size": 64, "learning_rate": 1e-3}
    ours = lab.new_trainer(
        lambda distortion, rates, beta: checks.loss_with_free_bits(distortion, rates, beta, 0.4),
        5, beta=2.0, **settings)
    theirs = dense_trainer(5, **settings)
    theirs.beta, theirs.free_bits = 2.0, 0.4
    for trainer in (ours, theirs):
        train(trainer, 3)
    assert ours.records == theirs.records
    for mine, other in zip(ours.model.parameters(), theirs.model.parameters()):
        torch.testing.assert_close(mine, other)


def test_b_is_the_best_of_three_between_the_two_slopes():
    models = [(13, 104), (10, 110), (7, 122)]  # rate and distortion of A, B and C
    least, largest = ((after - before) / (more - less)
                      for (more, before), (less, after) in zip(models, models[1:]))
    assert checks.slope.judge((least, largest)).passed
    assert "sign" in checks.slope.judge((-least, -largest)).diagnosis
    for beta, best in ((1, 0), (2.1, 1), (3.9, 1), (4.1, 2)):
        losses = [distortion + beta * rate for rate, distortion in models]
        assert min(losses) == losses[best]
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
        "rate_per_latent": [1.0, 0.002], "active": 1, "rates": [9.0, 3.0],
        "distortions": [100.0, 120.0], "betas": [1.0, 2.0], "here": 1,
        "entropy": 45.5, "plateau": 205.8,
    } | changed)


def test_the_sweep_s_picture_says_where_it_stands():
    fig = figure_of()
    assert "1 of 2 latents are active" in fig.caption and "rate 3.0" in fig.caption
    assert fig.artists_of["here"].get_xydata().tolist() == [[3.0, 120.0]]
    assert figure_of(here=0).artists_of["here"].get_xydata().tolist() == [[9.0, 100.0]]


def test_slopes_between_their_betas_are_counted():
    fig = figures.curve_slopes([1, 2, 4], [[1.5, 5.0], [1.4, 3.0]], {0: 1.6}, guess=2.0)
    assert fig.axes[0].get_title("left").startswith("In 1 of 2 pairs")
    assert "Your guess: 2" in fig.caption
    live, guess = (line for line in fig.axes[0].lines if line.get_marker() == "D")
    assert live.get_xydata().tolist() == [[0, 1.6]] and guess.get_xydata().tolist() == [[0, 2.0]]


def test_a_slope_below_the_axis_is_a_triangle():
    fig = figures.curve_slopes([1, 2, 4], [[1.5, -3.0], [1.4, 3.0]], {})
    below, = (line for line in fig.axes[0].lines if line.get_marker() == "v")
    assert below.get_xdata().tolist() == [1]


def test_rescaled_codes_have_the_least_rate_of_all_scales():
    """The summary's rate is what the rescaled model has, and no other scale does better."""
    generator = torch.Generator().manual_seed(0)
    mean, logvar = (torch.randn(500, 3, generator=generator, dtype=torch.float64)
                    for _ in range(2))
    mean, logvar = 3 * mean + 1, logvar - 2

    def rate(c):
        return elbo.gaussian_kl(mean / c, logvar - 2 * c.log()).mean()

    split = object.__new__(summaries.RateSplit)
    split.moments = torch.stack([(mean**2).mean(0), logvar.exp().mean(0)])[None, None]
    split.train = torch.tensor([[[0.0, rate(torch.ones(3, dtype=torch.float64)).item()]]],
                               dtype=torch.float64)
    best = split.moments[0, 0].sum(0).sqrt()
    torch.testing.assert_close(split.rescaled_rate()[0, 0], rate(best))
    for factor in (0.9, 1.1):
        assert rate(best * torch.tensor([1.0, factor, 1.0])) > rate(best)


def test_the_moments_are_those_of_the_posteriors():
    model, images = models.VAE(3, (8,), seed=0), data.load_mnist().test_images[:1500]
    mean, logvar = model.encode(data.pixels(images))
    expected = torch.stack([(mean**2).mean(0), logvar.exp().mean(0)]).detach()
    torch.testing.assert_close(lab.posterior_moments(model, images).float(), expected)


@pytest.mark.parametrize("noise_variance", [1.0, 0.5])
@pytest.mark.parametrize("ratio, stable", [(0.95, False), (1.05, True)])
def test_a_collapsed_latent_is_a_minimum_exactly_above_the_threshold(
        noise_variance, ratio, stable):
    """β = λ/σ². The Hessian over (v, w) is [[βλ, −λ/σ²], [−λ/σ², 1/σ²]] where both are 0."""
    eigenvalue = 3.0
    beta = ratio * eigenvalue / noise_variance

    def loss(weights):
        model = SimpleNamespace(V=weights[:1, None], W=weights[1:2, None], logvar=weights[2:],
                                pixels=1, noise_variance=noise_variance)
        distortion, rate = lab.exact_elbo_parts(model, torch.tensor([[eigenvalue]]))
        return distortion + beta * rate.sum()

    hessian = torch.autograd.functional.hessian(loss, torch.zeros(3))
    assert (torch.linalg.eigvalsh(hessian) > 0).all() == stable
    cross = -eigenvalue / noise_variance
    torch.testing.assert_close(hessian[:2, :2], torch.tensor(
        [[beta * eigenvalue, cross], [cross, 1 / noise_variance]]))


def test_the_surface_says_what_the_collapsed_latent_is():
    v, w = np.linspace(-1, 1, 21), np.linspace(-2, 2, 21)
    bowl = v[None] ** 2 + w[:, None] ** 2
    valley = bowl - 2 * v[None] * w[:, None] + 0.1 * bowl**2 - 0.2 * bowl
    for beta, loss, words in ((2.0, valley, "a saddle"), (4.0, bowl, "the minimum")):
        fig = figures_of_linear.saddle_and_valley(beta, 3.0, v, w, loss)
        assert words in fig.caption and words in fig.axes[0].get_title("left")


def test_every_remedy_is_what_its_name_says():
    settings = {"beta": 4.0, "learning_rate": 5e-3, "steps": 80, "free_bits": 0.5, "latent": 2,
                "hidden": [4], "batch_size": 500}
    trainers = {name: lab.remedy_trainer(name, 0, **settings) for name in lab.REMEDIES}
    assert trainers["constant"].beta == trainers["free bits"].beta == 4.0
    assert trainers["free bits"].free_bits == 0.5
    assert all(trainers[name].free_bits == 0 for name in lab.REMEDIES if name != "free bits")
    rates = {name: trainer.learning_rate for name, trainer in trainers.items()}
    assert rates == dict.fromkeys(lab.REMEDIES, 5e-3) | {lab.SMALLER: 1e-3}
    warm, cyclical = trainers["warm-up"].beta, trainers["cyclical"].beta
    assert [warm(step) for step in (0, 20, 40, 79)] == [0, 2, 4, 4]
    assert [cyclical(step) for step in (0, 5, 10, 19, 20, 30, 79)] == [0, 2, 4, 4, 0, 4, 4]
