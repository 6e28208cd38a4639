"""log p(x) by importance sampling, against quadrature and closed forms."""

import pytest
import torch

from vae_helpers import data, elbo, evaluation, models, training
from vae_lessons.derive_the_elbo.lab import elbo_of, evidence_by_quadrature
from vae_lessons.say_how_good_it_is import lab

OURS = lab.log_weights, lab.grouped_bounds


@pytest.fixture(scope="module")
def digits():
    return lab.binarized(data.load_mnist().test_images[:12], seed=3)


@pytest.fixture(scope="module")
def plane(digits):
    """A VAE with 2 latents whose posterior and q differ by little, as after some training."""
    model = models.VAE(2, (30,), seed=0)
    for parameter in model.decoder.parameters():
        parameter.data.mul_(1.5)
    model.encoder[-1].weight.data.mul_(0.1)
    return model


def test_binarized_digits_are_black_and_white_with_the_greys_as_chances():
    grey = torch.full((2000, 28, 28), 64, dtype=torch.uint8)
    sampled = lab.binarized(grey, seed=1)
    assert sampled.dtype == torch.uint8 and set(sampled.unique().tolist()) == {0, 255}
    assert sampled.double().mean() / 255 == pytest.approx(64 / 255, abs=2e-3)
    assert torch.equal(sampled, lab.binarized(grey, seed=1))
    assert not torch.equal(sampled, lab.binarized(grey, seed=2))


def test_log_weights_are_their_definition(plane, digits):
    x, draws = data.pixels(digits), 7
    with torch.no_grad():
        mean, logvar = plane.encode(x)
        eps = torch.randn(draws, *mean.shape, generator=torch.Generator().manual_seed(5))
        found = lab.log_weights(plane, x, eps)

        def log_joint(z):
            return elbo.bernoulli_log_prob(x, plane.decode(z)) + elbo.prior_log_prob(z)

        expected = elbo.monte_carlo_form(log_joint, mean, logvar, eps)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-3)


def test_the_largest_bound_meets_quadrature_and_the_order_holds(plane, digits):
    found = lab.bounds(*OURS, plane, digits, [1, 10, 100, 10_000], seed=0)
    log_evidence = evidence_by_quadrature(plane, digits)
    assert (found[10_000] - log_evidence).mean().abs() < 0.06  # nats, over 12 images
    means = [found[k].mean() for k in (1, 10, 100, 10_000)]
    assert means == sorted(means) and means[-1] <= log_evidence.mean() + 0.02


def test_the_grid_is_fine_enough(plane, digits):
    coarse = evidence_by_quadrature(plane, digits)
    fine = evidence_by_quadrature(plane, digits, points=901, reach=9.0)
    torch.testing.assert_close(coarse, fine, rtol=0, atol=2e-3)


def test_one_draw_averages_to_the_elbo(plane, digits):
    ours = lab.mean_of(lab.bounds(*OURS, plane, digits, [1, 20_000], seed=0)[1])
    x = data.pixels(digits)
    with torch.no_grad():
        q = plane.encode(x)
    theirs = elbo_of(elbo.kl_form, plane, digits, *q, draws=5000, seed=1).mean().item()
    assert ours.value == pytest.approx(theirs, abs=0.05)


def test_grouped_bounds():
    weights = torch.randn(12, 5, generator=torch.Generator().manual_seed(0)) - 300
    assert torch.equal(lab.grouped_bounds(weights, 1), weights)
    whole = lab.grouped_bounds(weights, 12)
    torch.testing.assert_close(whole[0], elbo.iwae_bound(weights))
    thirds = lab.grouped_bounds(weights, 4)
    torch.testing.assert_close(thirds[1], elbo.iwae_bound(weights[4:8]))
    # Jensen: a larger group's bound is at least the mean of its parts'.
    assert (whole[0] >= thirds.mean(0)).all()
    for draws in (5, 24):
        with pytest.raises(ValueError, match="whole groups"):
            lab.grouped_bounds(weights, draws)


def test_no_two_images_share_their_draws(plane, digits, monkeypatch):
    """The interval of the mean over images takes them for independent."""
    monkeypatch.setattr(lab.evaluation, "CHUNK", 2)
    found = lab.bounds(*OURS, plane, digits[:1].expand(6, -1, -1), [4], seed=0)[4]
    assert len(found.unique()) == 6


def test_greys_are_refused(plane):
    with pytest.raises(ValueError, match="lab.binarized"):
        lab.bounds(*OURS, plane, data.load_mnist().test_images[:2], [1], seed=0)


def test_the_interval_of_a_mean_covers_as_often_as_it_says():
    generator = torch.Generator().manual_seed(0)
    means = [lab.mean_of(torch.randn(50, generator=generator) + 3) for _ in range(2000)]
    covered = sum(abs(m.value - 3) <= m.half_width for m in means) / 2000
    assert 0.925 < covered < 0.96  # 0.944 by Student's t with 49 degrees of freedom


def test_three_kinds_of_test_images():
    grey = data.load_mnist().test_images[:50]
    assert lab.digits_as("grey-scale", grey, seed=0) is grey
    thresholded = lab.digits_as("thresholded", grey, seed=0)
    assert torch.equal(thresholded == 255, grey > 127)
    assert set(thresholded.unique().tolist()) == {0, 255}
    sampled = [lab.digits_as("binarised", grey, seed=seed) for seed in (0, 0, 1)]
    assert torch.equal(sampled[0], sampled[1]) and not torch.equal(sampled[0], sampled[2])


@pytest.mark.parametrize("kind, anew", [("dynamic", True), ("fixed", False)])
def test_dynamic_binarisation_samples_anew_for_each_epoch_and_fixed_does_not(
        kind, anew, one_thread):
    images, seen = data.load_mnist().train_images[:100], []

    class Watching(training.Trainer):
        def step(self):
            seen.append(self.images.clone())
            return super().step()

    trainer = Watching(models.VAE(2, (10,), seed=0), images, batch_size=50, seed=0)
    lab.train_on(kind, trainer, 2)
    assert torch.equal(seen[0], seen[1]) and torch.equal(seen[2], seen[3])
    assert torch.equal(seen[0], seen[2]) != anew
    assert all(((image == 0) | (image == 255)).all() for image in seen)


def test_scores_of_each_image_average_to_the_elbo(plane, digits):
    found = lab.neg_elbo(plane, digits, seed=4)
    assert found.shape == (12,)
    whole = -evaluation.evaluate(plane, digits, seed=4).elbo
    assert found.mean().item() == pytest.approx(whole, abs=1e-3)


def test_what_is_measured_runs_on_the_functions_given(plane, digits):
    """Log weights that are always 1, and groups of which the largest counts."""
    found = lab.bounds(lambda model, x, eps: torch.ones(len(eps), len(x)),
                       lambda weights, k: 2 * weights[::k], plane, digits, [1, 4], seed=0)
    assert all((values == 2).all() for values in found.values())


def test_a_factor_of_one_widens_nothing(plane, digits):
    x = data.pixels(digits)
    eps = torch.randn(6, 12, 2, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        torch.testing.assert_close(
            lab.widened(1)(plane, x, eps), lab.log_weights(plane, x, eps), rtol=1e-5, atol=1e-3)
        wide = torch.logsumexp(lab.widened(2)(plane, x, eps.repeat(500, 1, 1)), 0)
    assert wide.isfinite().all()


def test_the_selection_bias_is_what_the_noise_gives():
    """Ten equally good runs: the best of them lies 1.54 standard errors below their mean."""
    generator = torch.Generator().manual_seed(0)
    validation = torch.randn(10, 50, generator=generator, dtype=torch.float64)
    test = torch.randn(10, 4000, generator=generator, dtype=torch.float64)

    def report(validation, test):
        return test[validation.mean(1).argmin()].mean()

    found = lab.selection_bias(report, validation, test, (100, 400), 10, repeats=3000)
    assert found[100] == pytest.approx(1.54, abs=0.15)
    assert found[400] == pytest.approx(1.54 / 2, abs=0.15)
    assert lab.selection_bias(report, validation, test, (100,), 1)[100] == 0


def test_the_gap_and_the_share_above():
    log_evidence = torch.tensor([-100.0, -90.0])
    estimates = torch.tensor([[-101.0, -92.0], [-99.0, -91.0], [-103.0, -88.0], [-101.0, -93.0]])
    found = lab.gap_of(log_evidence, estimates)
    assert found["mean"] == found["median"] == pytest.approx(1.0)
    assert found["half_width"] == pytest.approx(0.0, abs=1e-6)
    assert found["above"] == 2 / 8 and found["worst"] == pytest.approx(1 / 2)
