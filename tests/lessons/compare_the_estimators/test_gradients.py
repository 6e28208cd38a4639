"""Gradients of single draws, in the exact model and in a VAE on MNIST."""

import pytest
import torch

from vae_helpers import data, elbo, models
from vae_lessons.compare_the_estimators import lab, laws, sweeps
from vae_lessons.derive_the_elbo.exact import LinearGaussian


@pytest.fixture(scope="module")
def laboratory():
    one = torch.ones(1, 1, dtype=torch.float64)
    return LinearGaussian(one, 0 * one[0], 1.0), 2 * one


def test_each_draw_keeps_its_own_gradient(laboratory):
    model, x = laboratory
    q = torch.tensor([[0.3]]).double(), torch.tensor([[-0.5]]).double()
    eps = torch.randn(5, 1, 1, generator=torch.Generator().manual_seed(0)).double()
    arguments = elbo.monte_carlo_form, lambda z: model.log_joint(x, z)
    together = lab.gradient_of_each(*arguments, *q, eps)
    assert together[0].shape == together[1].shape == (5, 1)
    alone = [lab.gradient_of_each(*arguments, *q, eps[i : i + 1]) for i in range(5)]
    for part in (0, 1):
        torch.testing.assert_close(together[part], torch.cat([one[part] for one in alone]))


@pytest.fixture(scope="module")
def vae():
    return models.VAE(3, hidden=(16,), seed=0), data.load_mnist().test_images[:8]


def noise_of_layers(model, images, draws, names=tuple(lab.ESTIMATORS)):
    return lab.noise_of_layers(
        model, images, forms={name: lab.ESTIMATORS[name] for name in names},
        with_baseline=lab.score_with_baseline, draws=draws, seed=1)


def bound_gradients(*arguments, **settings):
    return lab.bound_gradients(elbo.iwae_bound, lab.dreg_surrogate, *arguments, **settings)


def test_monte_carlo_and_entropy_share_every_draw_s_gradient(vae):
    noise = noise_of_layers(*vae, draws=6)
    assert set(noise) == {*lab.ESTIMATORS, lab.WITH_BASELINE}
    assert all(variances.shape == (2,) for variances in noise.values())
    torch.testing.assert_close(noise["Monte Carlo"], noise["entropy"], rtol=1e-9, atol=0)
    assert (noise["score function"] > 100 * noise["Monte Carlo"]).all()
    assert (noise[lab.WITH_BASELINE] < 0.1 * noise["score function"]).all()


def test_noise_falls_as_one_over_the_images_and_leaves_the_model_alone(vae):
    model, images = vae
    before = [parameter.clone() for parameter in model.parameters()]
    twice = torch.cat([images, images])
    one = noise_of_layers(model, images, draws=300, names=["KL"])["KL"]
    two = noise_of_layers(model, twice, draws=300, names=["KL"])["KL"]
    torch.testing.assert_close(two / one, torch.full_like(one, 0.5), rtol=0.3, atol=0)
    assert all(map(torch.equal, before, model.parameters()))
    assert next(model.parameters()).dtype == torch.float32


def test_every_estimator_agrees_in_the_mean_but_the_score_function(vae):
    """The mean gradients agree, except the score function's, which is too noisy to compare."""
    model, images = vae
    model, x = model.double(), data.pixels(images).double()
    eps = torch.randn(4000, 1, 8, 3, generator=torch.Generator().manual_seed(0)).double()
    weights = [model.encoder[2].weight]
    means, spreads = {}, {}
    for name in ("Monte Carlo", "KL", "path derivative"):
        values = (lab.estimates(model, x, lab.ESTIMATORS[name], e).mean() for e in eps)
        drawn = torch.stack([torch.autograd.grad(value, weights)[0] for value in values])
        means[name], spreads[name] = drawn.mean(0), drawn.std(0) / len(eps) ** 0.5
    for name in ("KL", "path derivative"):
        error = (spreads[name] ** 2 + spreads["Monte Carlo"] ** 2).sqrt()
        assert ((means[name] - means["Monte Carlo"]) / error).abs().max() < 5


def test_one_sample_is_the_elbo_and_the_path_derivative(laboratory):
    model, x = laboratory
    q = torch.tensor([[0.3]]).double(), torch.tensor([[-0.5]]).double()
    found = bound_gradients(model, x, *q, 1, repetitions=50, seed=3)
    eps = torch.randn(1, 50, 1, generator=torch.Generator().manual_seed(3), dtype=torch.float64)

    def log_joint(z):
        return model.log_joint(x, z)

    draws = eps.transpose(0, 1)  # [50, 1, 1]
    total, _ = lab.gradient_of_each(elbo.monte_carlo_form, log_joint, *q, draws)
    path, _ = lab.gradient_of_each(lab.path_derivative_form, log_joint, *q, draws)
    torch.testing.assert_close(found["encoder"], total[:, 0])
    torch.testing.assert_close(found["encoder, DReG"], path[:, 0])


def test_the_generative_gradient_is_that_of_the_bias(laboratory):
    model, x = laboratory
    q = torch.tensor([[0.3]]).double(), torch.tensor([[-0.5]]).double()
    found = bound_gradients(model, x, *q, 7, repetitions=1, seed=3)["decoder"]
    eps = torch.randn(7, 1, 1, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    bias = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    own = LinearGaussian(model.weight, bias, model.noise_variance)
    weights = elbo.monte_carlo_form(lambda z: own.log_joint(x, z), *q, eps)
    expected, = torch.autograd.grad(elbo.iwae_bound(weights).sum(), bias)
    torch.testing.assert_close(found, expected)


def test_repetitions_come_in_chunks_without_a_seam(laboratory, monkeypatch):
    model, x = laboratory
    q = torch.tensor([[0.3]]).double(), torch.tensor([[-0.5]]).double()
    monkeypatch.setattr(lab, "REPEATED", 40)
    found = bound_gradients(model, x, *q, 4, repetitions=25, seed=0)
    assert all(gradient.shape == (25,) and gradient.unique().numel() == 25
               for gradient in found.values())


def test_slopes_in_log_log():
    assert lab.log_slope([1, 2, 4, 8], [3.0, 6.0, 12.0, 24.0]) == pytest.approx(1)
    assert lab.log_slope([4, 16, 64], [2.0, 1.0, 0.5]) == pytest.approx(-0.5)


def test_an_estimate_of_several_draws_has_the_mean_of_their_gradients(laboratory):
    model, x = laboratory
    q = torch.tensor([[0.3]]).double(), torch.tensor([[-0.5]]).double()
    eps = torch.randn(4, 6, 1, generator=torch.Generator().manual_seed(0)).double()
    arguments = elbo.monte_carlo_form, lambda z: model.log_joint(x, z), *q
    together = lab.gradient_of_each(*arguments, eps)
    alone = lab.gradient_of_each(*arguments, eps.reshape(24, 1, 1))
    for part in (0, 1):
        torch.testing.assert_close(together[part], alone[part].reshape(4, 6, 1).mean(1))


def test_estimates_along_the_mean_have_values_and_slopes_of_their_draws(laboratory):
    model, x = laboratory
    tau = 0.5**0.5
    draws = torch.randn(20_000, 1, 1, generator=torch.Generator().manual_seed(0)).double()
    forms = {"Monte Carlo": elbo.monte_carlo_form, "path derivative": lab.path_derivative_form}
    arguments = forms, lab.gradient_of_each, lambda z: model.log_joint(x, z), 1.0, tau, draws
    curved, straight = sweeps.along_mean(*arguments), sweeps.along_mean(*arguments, tangents=True)
    middle = abs(curved["means"] - 1.0).argmin()
    for form in forms:
        assert abs(curved["curves"][form][:, middle] - curved["values"][form]).max() < 1e-9
        assert abs(straight["curves"][form][:, middle] - curved["values"][form]).max() < 1e-9
    lines = straight["curves"]["Monte Carlo"]
    slopes = (lines[:, -1] - lines[:, 0]) / 3
    assert abs(slopes + curved["noise"] / tau).max() < 1e-9
    assert abs(straight["curves"]["path derivative"] + 2.2655).max() < 1e-4
    assert curved["slopes"]["Monte Carlo"] == pytest.approx((0, 1 / tau), abs=0.03)
    assert curved["slopes"]["path derivative"] == pytest.approx((0, 0), abs=1e-9)


def test_a_position_of_the_sliders_gives_the_place_and_the_curves_of_its_panels():
    def drawn(m, s):
        return {form: m + s for form in ("Monte Carlo", "entropy", "KL")}

    shown = sweeps.at(-1.0, 0.25, 1.0, 0.5, {"value": (laws.value_variances, drawn)})
    assert shown["ratio"] == 0.5 and shown["measured"]["value"]["KL"] == 0.75
    assert shown["z"][shown["q"].argmax()] == pytest.approx(0.5)
    exact = laws.value_variances(0.5, torch.from_numpy(shown["sd"]), 1.0, 0.5)
    assert abs(shown["laws"]["value"]["entropy"] - exact["entropy"].numpy()).max() < 1e-12


def test_averages_take_the_first_draws_of_each_repetition():
    draws = torch.randn(4000, 16, generator=torch.Generator().manual_seed(0)).double()
    shown = sweeps.averages({"KL": draws}, 4, [1, 4, 16], exact=0.0)
    assert abs(shown["estimates"]["KL"] - draws[:, :4].mean(1).numpy()).max() < 1e-12
    assert shown["spreads"]["KL"] == pytest.approx([1, 0.5, 0.25], rel=0.05)
    assert shown["of_one"]["KL"] == pytest.approx(1, rel=0.02)


def triangular(log_joint, mean, factor, eps):
    """The surrogate of the path derivative for a q with the covariance factor factorᵀ."""
    z = mean + (factor @ eps[..., None])[..., 0]
    q = torch.distributions.MultivariateNormal(mean.detach(), scale_tril=factor.detach())
    return log_joint(z) - q.log_prob(z)


def test_a_full_covariance_closes_the_gap_that_independent_latents_leave():
    weight = torch.tensor([[1.0, 0.6], [0.6, 1.0]]).double()
    model, x = LinearGaussian(weight, torch.zeros(2).double(), 0.5), torch.zeros(1, 2).double()
    gap = model.kl_to_posterior(x, *model.best_mean_field(x)).item()
    of = {correlated: lab.train_pair(model, x, triangular, correlated=correlated, runs=2)
          for correlated in (False, True)}
    assert of[True].shape == (500, 2) and of[True][-1].abs().max() < 1e-9
    assert gap * 0.999 < of[False][-1].min() < of[False][-1].max() < gap + 0.1


def test_the_kl_of_a_pair_is_that_of_torch():
    weight = torch.tensor([[1.0, 0.3], [-0.2, 1.0]]).double()
    model, x = LinearGaussian(weight, torch.zeros(2).double(), 0.7), torch.ones(1, 2).double()
    mean = torch.tensor([[0.4, -1.0], [0.0, 0.2]]).double()
    factor = torch.tensor([[[0.5, 0.0], [0.3, 0.8]], [[1.0, 0.0], [0.0, 2.0]]]).double()
    posterior = torch.distributions.MultivariateNormal(
        model.posterior(x).mean, precision_matrix=model.precision)
    q = torch.distributions.MultivariateNormal(mean, scale_tril=factor)
    torch.testing.assert_close(lab.kl_of_pair(model, x, mean, factor),
                               torch.distributions.kl_divergence(q, posterior))
