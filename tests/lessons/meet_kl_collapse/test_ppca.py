"""Probabilistic PCA against the linear VAE, and against the exact model of notebook 01."""

import math

import pytest
import torch

from vae_helpers import data, results
from vae_lessons.derive_the_elbo.exact import LinearGaussian
from vae_lessons.meet_kl_collapse import lab

EIGENVALUES = torch.tensor([4.0, 2.0, 1.0, 0.5, 0.25], dtype=torch.float64)


def small_data(seed=0, n=400):
    """Centred rows [n, 5] with the eigenvalues above, turned by a random rotation."""
    generator = torch.Generator().manual_seed(seed)
    white = torch.randn(n, 5, generator=generator, dtype=torch.float64)
    white = white - white.mean(0)
    white = white @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(white.T, correction=0)).T)
    rotation, _ = torch.linalg.qr(torch.randn(5, 5, generator=generator, dtype=torch.float64))
    return white * EIGENVALUES.sqrt() @ rotation.T


@pytest.fixture(scope="module")
def mnist():
    covariance = lab.covariance(data.load_mnist().train_images)
    return covariance, lab.eigenvalues(covariance)


def test_the_eigenvalues_are_those_of_the_data():
    x = small_data()
    found = lab.eigenvalues(torch.cov(x.T, correction=0))
    torch.testing.assert_close(found, EIGENVALUES)


@pytest.mark.parametrize(
    "noise_variance, expected", [(5, 0), (1.5, 2), (1.0, 2), (0.3, 4), (0.1, 5)]
)
def test_the_dimensions_above_the_noise_survive(noise_variance, expected):
    assert lab.surviving(EIGENVALUES, noise_variance) == expected


@pytest.mark.parametrize("noise_variance, surviving, counted", [
    (1.0, 12, 12), (0.5, 23, 22), (0.1, 69, 69), (0.05, 102, 101),
])
def test_mnist_has_the_counts_of_the_text(mnist, noise_variance, surviving, counted):
    assert lab.surviving(mnist[1], noise_variance) == surviving
    assert lab.counted(mnist[1], noise_variance) == counted
    assert int((mnist[1] > noise_variance / 0.99).sum()) == counted


@pytest.mark.parametrize("wrong", [0, -1, math.nan, math.inf])
def test_a_noise_that_is_none_is_refused(wrong):
    for function in (lab.surviving, lab.counted, lab.optimum):
        with pytest.raises(ValueError, match="noise_variance must be positive"):
            function(EIGENVALUES, wrong)


def test_the_optimum_is_the_exact_log_evidence_of_ppca():
    """At its best the ELBO is tight: it equals log p(x) of the model with Tipping's W."""
    x, noise_variance = small_data(), 0.7
    eigenvalues, directions = torch.linalg.eigh(torch.cov(x.T, correction=0))
    weight = directions * (eigenvalues - noise_variance).clamp(min=0).sqrt()
    model = LinearGaussian(weight, torch.zeros(5, dtype=torch.float64), noise_variance)
    best = lab.optimum(EIGENVALUES, noise_variance)
    evidence = model.log_evidence(x).mean().item()
    assert -best.distortion - best.rate == pytest.approx(evidence, abs=1e-9)
    posterior = model.posterior(x)
    spread = posterior.mean.var(0, correction=0).sort(descending=True).values[:3]
    torch.testing.assert_close(best.spreads, spread)
    logvar = -posterior.precision.diagonal().log().expand_as(posterior.mean)
    rate = 0.5 * (posterior.mean**2 + logvar.exp() - 1 - logvar).sum(1).mean().item()
    assert best.rate == pytest.approx(rate, abs=1e-9)


def test_no_linear_vae_is_better_than_the_optimum_and_training_reaches_it():
    x = small_data()
    covariance = torch.cov(x.T, correction=0).float()
    for noise_variance in (1.5, 0.3):
        best = lab.optimum(EIGENVALUES, noise_variance)
        model = lab.LinearVAE(5, torch.zeros(5), noise_variance=noise_variance, seed=1)
        untrained, rate = lab.exact_elbo_parts(model, covariance)
        assert (untrained + rate.sum()).item() > best.distortion + best.rate + 0.1
        lab.fit_linear_vae(model, covariance, 1500, lab.exact_elbo_parts)
        distortion, rate = lab.exact_elbo_parts(model, covariance)
        assert distortion.item() == pytest.approx(best.distortion, abs=5e-3)
        assert rate.sum().item() == pytest.approx(best.rate, abs=5e-3)
        spreads = lab.spreads(model, covariance).sort(descending=True).values
        used = len(best.spreads)
        torch.testing.assert_close(spreads[:used], best.spreads.float(), atol=0.02, rtol=0)
        assert spreads[used:].max() < 0.01


def test_the_exact_elbo_is_the_average_over_images_and_draws():
    x = small_data(n=300).float()
    model = lab.LinearVAE(3, x.mean(0), noise_variance=0.6, seed=2)
    with torch.no_grad():
        model.logvar.copy_(torch.tensor([0.3, -1.0, 0.0]))
        model.V.mul_(10), model.W.mul_(20)
    exact_distortion, exact_rate = lab.exact_elbo_parts(
        model, torch.cov(x.T, correction=0))
    generator, many = torch.Generator().manual_seed(0), x.repeat(400, 1)
    distortion, rates = model.elbo_parts(many, torch.randn(len(many), 3, generator=generator))
    torch.testing.assert_close(rates.mean(0), exact_rate, atol=1e-5, rtol=1e-5)
    error = distortion.std() / math.sqrt(len(many))
    assert abs(distortion.mean() - exact_distortion) < 4 * error
    assert error < 0.05 * abs(exact_distortion)


def test_a_linear_vae_is_one_of_the_family():
    """It trains in the one training loop, and its code says no more than its images."""
    model = lab.LinearVAE(2, torch.zeros(5), noise_variance=1.0, seed=0)
    x = small_data(n=7).float()
    mean, logvar = model.encode(x)
    assert mean.shape == logvar.shape == (7, 2) and model.decode(mean).shape == (7, 5)
    distortion, rate = model(x, torch.zeros(7, 2))
    assert distortion.shape == rate.shape == (7,)
    again = lab.LinearVAE(2, torch.zeros(5), noise_variance=1.0, seed=0)
    assert torch.equal(model.V, again.V)


@pytest.mark.parametrize("latent, average, noise_variance, words", [
    (0, torch.zeros(5), 1.0, "latent must be at least 1"),
    (2, torch.zeros(5, 5), 1.0, "average of shape"),
    (2, torch.zeros(5), 0.0, "noise_variance must be positive"),
    (2, torch.zeros(5), math.nan, "noise_variance must be positive"),
])
def test_wrong_settings_are_named(latent, average, noise_variance, words):
    with pytest.raises(ValueError, match=words):
        lab.LinearVAE(latent, average, noise_variance=noise_variance, seed=0)


def test_stored_models_use_the_predicted_dimensions(mnist):
    stored = results.load("linear_vae")
    fits = stored["settings"]["fits"]
    assert len(stored["runs"]) >= 10
    for run in stored["runs"].values():
        for number, (noise_variance, _) in enumerate(fits):
            trained = sum(spread > 0.01 for spread in run["spreads"][number])
            assert abs(trained - lab.counted(mnist[1], noise_variance)) <= 1
            best = lab.optimum(mnist[1], noise_variance)
            above = run["distortion"][number] + run["rate"][number] - best.distortion - best.rate
            assert -0.01 < above < 0.1


def test_stored_linear_models_give_their_stored_spreads(mnist):
    stored = results.load("linear_vae")
    settings, average = stored["settings"], torch.zeros(784)
    run = stored["runs"][str(settings["model_seed"])]
    for (noise_variance, _), spreads in zip(settings["fits"], run["spreads"]):
        model = lab.LinearVAE(
            settings["latent"], average, noise_variance=noise_variance, seed=0
        )
        results.load_model("linear_vae", f"{noise_variance:g}", model)
        found = lab.spreads(model, mnist[0]).sort(descending=True).values
        torch.testing.assert_close(found, torch.tensor(spreads), atol=0.01, rtol=0)
        assert model.average.max() > 0.5  # which is stored too
