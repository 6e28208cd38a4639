"""Notebook 08: laws and gradients of scales, their parametrisations, the σ-VAE."""

import itertools
import math

import pytest
import torch

from vae_helpers import data, elbo, evaluation, training
from vae_lessons.choose_a_log_variance import lab, noise, study, summaries
from vae_lessons.train_in_two_stages.lab import LearnedScaleVAE

POSITIVE = torch.tensor([1e-5, 0.01, 0.7, 1.0, 4.0, 300.0], dtype=torch.float64)
TAKEN = {"variance": lab.variance_gradient, "log variance": lab.logvar_gradient}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", lab.PARAMETRISATIONS)
def test_every_parametrisation_is_positive_and_has_an_inverse(name):
    to_variance, to_output = lab.PARAMETRISATIONS[name]
    outputs = torch.linspace(-30, 30, 61, dtype=torch.float64)
    assert (to_variance(outputs) > 0).all()
    torch.testing.assert_close(to_variance(to_output(POSITIVE)), POSITIVE, rtol=1e-9, atol=0)
    assert to_output(torch.tensor([1e6])).isfinite().all()


def test_where_the_gradient_to_the_network_ends():
    outputs = torch.tensor([-5.0, -1e-3, 0.5], requires_grad=True)
    slopes = {name: torch.autograd.grad(to_variance(outputs).sum(), outputs)[0]
              for name, (to_variance, _) in lab.PARAMETRISATIONS.items()}
    assert slopes["variance"].tolist() == [0, 0, 1]
    assert (slopes["log variance"] > 0).all() and (slopes["softplus"] > 0).all()


def test_softplus_is_the_exponential_below_and_the_output_above():
    assert lab.softplus_with_floor(torch.tensor(-6.0)).item() == pytest.approx(
        math.exp(-6), rel=2e-3)
    assert lab.softplus_with_floor(torch.tensor(9.0)).item() == pytest.approx(9, rel=2e-4)


def test_the_nll_is_the_gaussian_s():
    r = torch.tensor([-1.3, 0.0, 0.2, 5.0, 1e-3, 40.0], dtype=torch.float64)
    expected = -torch.distributions.Normal(0 * r, POSITIVE.sqrt()).log_prob(r)
    torch.testing.assert_close(lab.nll(r, POSITIVE), expected)


@pytest.mark.parametrize("r", [0.0, 0.3, -2.0])
def test_both_gradients_are_autograd_s(r):
    variance = POSITIVE.clone().requires_grad_()
    found, = torch.autograd.grad(lab.nll(r, variance).sum(), variance)
    torch.testing.assert_close(found, lab.variance_gradient(r, POSITIVE))
    logvar = POSITIVE.log().requires_grad_()
    found, = torch.autograd.grad(lab.nll(r, logvar.exp()).sum(), logvar)
    torch.testing.assert_close(found, lab.logvar_gradient(r, POSITIVE.log()))


def test_the_nll_is_convex_in_the_logarithm_and_not_in_the_variance():
    r, logvar = 0.7, torch.linspace(-5, 5, 401, dtype=torch.float64)
    assert (lab.logvar_gradient(r, logvar).diff() > 0).all()
    variance = torch.linspace(0.05, 6, 2001, dtype=torch.float64)
    rising = lab.variance_gradient(r, variance).diff() > 0
    assert variance[1:][rising].max().item() == pytest.approx(2 * r**2, abs=0.01)
    assert not rising[variance[1:] > 2 * r**2 + 0.01].any()


def test_the_gradients_diverge_with_the_powers_that_the_notebook_says():
    tiny, r = torch.tensor(1e-8, dtype=torch.float64), 0.3
    assert lab.logvar_gradient(r, tiny.log()).item() == pytest.approx(-r**2 / 2e-8, rel=1e-6)
    assert lab.variance_gradient(r, tiny).item() == pytest.approx(-r**2 / 2e-16, rel=1e-6)
    assert lab.logvar_gradient(r, torch.tensor(30.0)).item() == pytest.approx(0.5)


def test_a_floored_log_variance_survives_both_ends_and_can_come_back():
    outputs = torch.tensor([-1000.0, -20.0, 0.0, 90.0, 1000.0], requires_grad=True)
    logvar = lab.floored_logvar(outputs)
    slopes, = torch.autograd.grad(logvar.sum(), outputs)
    assert logvar.isfinite().all() and slopes.isfinite().all() and slopes[1] > 0
    assert logvar.min().item() == pytest.approx(math.log(lab.FLOOR))
    assert logvar[2].item() == pytest.approx(math.log1p(lab.FLOOR), abs=1e-6)


@pytest.mark.parametrize("true, candidate", [(1.0, 1.0), (1e-3, 1e-2), (50.0, 5.0)])
def test_drawn_gradients_follow_their_laws(true, candidate):
    drawn = lab.drawn_gradients(true, candidate, 400_000, generator())
    for kind, (mean, sd) in lab.gradient_laws(true, candidate).items():
        assert drawn[kind][0] == pytest.approx(mean, abs=0.006 * sd)
        assert drawn[kind][1] == pytest.approx(sd, rel=0.02)


@pytest.mark.parametrize("variance, n", [(1e-3, 3), (1.0, 10), (40.0, 50)])
def test_drawn_spreads_follow_their_laws(variance, n):
    plain, log = lab.drawn_spreads(variance, n, 200_000, generator(1))
    assert plain == pytest.approx(lab.variance_of_estimate(variance, n), rel=0.04)
    assert log == pytest.approx(lab.variance_of_log_estimate(n), rel=0.03)


def test_the_trigamma_of_small_samples_is_the_known_one():
    assert lab.variance_of_log_estimate(2) == pytest.approx(math.pi**2 / 2)
    assert lab.variance_of_log_estimate(3) == pytest.approx(math.pi**2 / 6)


def test_the_laws_cross_where_they_are_said_to():
    assert lab.crossover(10) == pytest.approx(1.058, abs=1e-3)
    for n in (2, 5, 10, 100):
        here = lab.crossover(n)
        log = lab.variance_of_log_estimate(n)
        assert lab.variance_of_estimate(here, n) == pytest.approx(log)
        assert lab.variance_of_estimate(0.9 * here, n) < log
    assert lab.crossover(10_000) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("n", [1, 0, 2.5])
def test_a_sample_has_at_least_two_numbers(n):
    for law in (lambda: lab.variance_of_estimate(1.0, n), lambda: lab.crossover(n),
                lambda: lab.draw_estimates(1.0, n, 3, generator())):
        with pytest.raises(ValueError, match="at least 2, got"):
            law()


def test_the_excess_is_a_divergence_that_no_unit_changes():
    true, fit = torch.tensor([0.3, 5.0]), torch.tensor([0.6, 1.0])
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(0.0, true.sqrt()), torch.distributions.Normal(0.0, fit.sqrt()))
    torch.testing.assert_close(lab.excess_nll(true, fit), expected)
    torch.testing.assert_close(lab.excess_nll(1e4 * true, 1e4 * fit), expected)
    assert lab.excess_nll(true, true).tolist() == [0, 0]


def test_the_same_residuals_in_another_unit():
    (x, one), (again, hundred) = (
        lab.draw_residuals(2.0, scale, 500, 3) for scale in (1.0, 100.0))
    assert torch.equal(x, again)
    torch.testing.assert_close(100 * one, hundred)
    grid = lab.grid(201)
    decades = 0.5 * lab.true_variance(grid, 2.0, 7.0).log10()
    assert (decades.max() - decades.min()).item() == pytest.approx(2, abs=1e-4)


SETTINGS = {"optimizer": "Adam", "learning_rate": 1e-2, "batch_size": 50}


@pytest.mark.parametrize("name", lab.PARAMETRISATIONS)
def test_every_fit_begins_near_one_and_learns(name):
    x, r = lab.draw_residuals(0.5, 1.0, 1000, 0)
    start = lab.fit_residuals(name, x, r, seed=1, steps=1, **SETTINGS | {"learning_rate": 0.0})
    assert start.variance(lab.grid()).log().abs().max() < 1.2
    fitted, stopped = lab.fit_scale(
        name, decades=0.5, scale=1.0, count=1000, steps=400, seed=1, **SETTINGS)
    found = lab.measure_fit(fitted, 0.5, 1.0)
    assert stopped is None and found["stuck"] == 0 and len(fitted.losses) == 400
    assert found["excess"] < 0.5 * lab.constant_excess(0.5)
    assert len(found["log_variance"]) == 25


def test_all_fits_begin_with_the_same_weights_but_the_last_bias():
    first, second = lab.small_net(0.0, 5), lab.small_net(1.0, 5)
    *same, last = [torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters())]
    assert all(same) and not last


def test_minibatches_visit_every_residual_once_an_epoch():
    batches = list(lab.minibatches(10, 4, 7, 0))
    assert len(batches) == 7
    assert sorted(torch.cat(batches[:3]).tolist()) == list(range(10))
    assert sorted(torch.cat(batches[3:6]).tolist()) == list(range(10))


def test_small_residuals_leave_no_gradient_to_the_clamp_alone():
    found = {}
    for name in lab.PARAMETRISATIONS:
        fitted, _ = lab.fit_scale(
            name, decades=0.5, scale=0.01, count=1000, steps=300, seed=1, **SETTINGS)
        found[name] = lab.measure_fit(fitted, 0.5, 0.01)
    assert found["variance"]["stuck"] == 1 and found["variance"]["excess"] > 10
    assert found["log variance"]["stuck"] == found["softplus"]["stuck"] == 0


def test_a_fit_that_overflows_stops_with_finite_weights():
    fitted, stopped = lab.fit_scale(
        "log variance", decades=2.0, scale=100.0, count=1000, steps=50, seed=1,
        **SETTINGS | {"optimizer": "SGD", "learning_rate": 0.1})
    assert stopped == len(fitted.losses) < 50
    assert all(parameter.isfinite().all() for parameter in fitted.net.parameters())


def test_standardising_removes_the_unit():
    x, r = lab.draw_residuals(2.0, 1.0, 200, 1)

    def fit(x, r):
        return lab.fit_residuals("softplus", x, r, steps=40, seed=1, **SETTINGS).variance(
            lab.grid()).log()

    one, thousand = lab.in_any_unit(fit, x, r), lab.in_any_unit(fit, x, 1024 * r)
    torch.testing.assert_close(one + 2 * math.log(1024), thousand, rtol=1e-3, atol=1e-3)


def test_bad_settings_are_named():
    x, r = lab.draw_residuals(0.5, 1.0, 10, 0)
    for wrong in ({"parametrisation": "sd"}, {"optimizer": "RMSprop"}):
        settings = {"parametrisation": "softplus"} | SETTINGS | wrong
        with pytest.raises(ValueError, match="is not known. Choose one of"):
            lab.fit_residuals(settings.pop("parametrisation"), x, r, seed=0, steps=1, **settings)
    for scale in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="positive number, got"):
            lab.draw_residuals(0.5, scale, 10, 0)


def test_the_best_constant_is_the_mean_variance():
    variance = lab.true_variance(lab.grid(), 2.0, 1.0)
    best = lab.constant_excess(2.0)
    for factor in (0.8, 1.25):
        assert lab.excess_nll(variance, factor * variance.mean()).mean() > best


def test_the_table_has_the_axes_in_their_order():
    fits = study.LOG_VARIANCE.settings["fits"]
    runs = {seed: {"excess": [None if k == 7 else seed * k for k in
                              range(len(list(study.places(fits))))]} for seed in (1, 2)}
    table = summaries.table(runs, "excess", fits)
    assert table.shape == (2, 2, 3, 2, 3, 5)
    places = list(study.places(fits))
    for index in ((0, 1, 0, 2, 3), (1, 2, 1, 0, 4)):
        place = tuple(fits[axis][i] for axis, i in zip(summaries.AXES, index))
        assert table[(1, *index)] == 2 * places.index(place)
    assert math.isnan(table[0].ravel()[7])


def test_what_is_not_finite_is_stored_as_nothing():
    assert study._storable([1.23456, math.inf, math.nan, None, 3]) == [1.235, None, None, None, 3]


@pytest.fixture(scope="module")
def digits():
    return data.load_mnist()


@pytest.mark.parametrize("sigma", [0.3, "learned", "optimal"])
def test_the_distortion_is_the_gaussian_s(sigma, digits):
    model = noise.make_model(0, sigma, 4, [20]).eval()
    x, eps = data.pixels(digits.test_images[:50]), torch.randn(50, 4, generator=generator())
    found, _ = model(x, eps)
    mean, logvar = model.encode(x)
    image = model.decode(elbo.reparameterize(mean, logvar, eps)).sigmoid()
    expected = -torch.distributions.Normal(image, model.variance.sqrt()).log_prob(x).sum(-1)
    torch.testing.assert_close(found, expected)
    square = ((x - image) ** 2).mean().item()
    average = found.mean().item()
    assert lab.squared_error(model, average) == pytest.approx(square, rel=1e-4)
    assert lab.distortion(square, model.variance.item()) == pytest.approx(average, rel=1e-5)


def test_only_a_learned_noise_moves(digits):
    for sigma, moves in ((0.3, False), ("learned", True), ("optimal", True)):
        model = noise.make_model(0, sigma, 4, [20])
        before = model.variance.item()
        trainer = training.Trainer(model, digits.train_images[:1000], seed=0)
        training.train(trainer, 3)
        assert (model.variance.item() != before) == moves


def test_the_gradient_of_a_learned_noise_ends_where_the_optimal_one_is(digits):
    """Rybkin et al.: the optimal log variance is where the learned one's gradient is zero."""
    x, eps = data.pixels(digits.test_images[:200]), torch.zeros(200, 4)
    model = lab.SigmaVAE(4, (20,), noise=0.0, learned=True, seed=0)
    with torch.no_grad():
        image = model.decode(model.encode(x)[0]).sigmoid()
        model.noise.copy_(((x - image) ** 2).mean().log())
    distortion, _ = model(x, eps)
    slope, = torch.autograd.grad(distortion.mean(), model.noise)
    assert abs(slope.item()) < 1e-2  # of about 392 on either side
    with torch.no_grad():
        optimal = [model(x, eps)[0].mean().item()]
        for step in (-0.1, 0.1):
            model.noise.add_(step)
            optimal.append(model(x, eps)[0].mean().item())
            model.noise.sub_(step)
    assert min(optimal) == optimal[0]


def test_a_fixed_noise_is_a_hidden_beta(digits):
    """Gradients at σ² = 1 are those of the optimal noise v and β = 1/v, but for a common factor."""
    x, eps = data.pixels(digits.test_images[:100]), torch.randn(100, 4, generator=generator())

    def gradients(noise, beta):
        model = lab.SigmaVAE(4, (20,), noise=noise, learned=False, seed=0)
        distortion, rate = model(x, eps)
        weights = [p for p in model.parameters() if p.requires_grad]
        grads = torch.autograd.grad((distortion + beta * rate).mean(), weights)
        return torch.cat([g.flatten() for g in grads])

    v = 0.07
    torch.testing.assert_close(
        gradients(0.0, 1.0), v * gradients(math.log(v), 1 / v), rtol=1e-3, atol=1e-5)


def test_a_noise_must_be_finite():
    with pytest.raises(ValueError, match="must be finite, got inf"):
        lab.SigmaVAE(4, (20,), noise=math.inf, learned=False, seed=0)


def test_what_is_measured_of_a_variant(digits):
    trainer = study.sigma_trainer(
        1, "optimal", latent=4, hidden=[20], batch_size=500, learning_rate=1e-2)
    training.train(trainer, 150)
    found = noise.measure_variant(trainer.model, 1)
    result = evaluation.evaluate(trainer.model, digits.test_images, seed=1)
    assert found["distortion"] == pytest.approx(result.distortion)
    assert found["variance"] == pytest.approx(found["train_error"], rel=0.2)
    refitted = lab.distortion(found["squared_error"], found["train_error"])
    assert refitted <= found["distortion"] + 0.5
    assert isinstance(trainer.model, LearnedScaleVAE) and 0 <= found["active"] <= 4


def test_the_axes_of_the_study_are_all_combined():
    fits = study.LOG_VARIANCE.settings["fits"]
    assert list(study.places(fits)) == list(itertools.product(
        fits["optimizers"], fits["parametrisations"], fits["spans"], fits["learning_rates"],
        fits["units"]))


def test_a_learned_noise_begins_where_it_is_told():
    settings = study.LEARNED_SIGMA.settings
    threads = torch.get_num_threads()
    found = {start: study.trainer_from(start, 1, **settings) for start in (0.1, 0.4)}
    torch.set_num_threads(threads)
    for start, trainer in found.items():
        assert trainer.model.variance.item() == pytest.approx(start**2, rel=1e-5)
        assert trainer.model.noise.requires_grad
    weights = [trainer.model.state_dict() for trainer in found.values()]
    assert all(
        torch.equal(weights[0][key], weights[1][key]) for key in weights[0] if key != "noise"
    )


def test_the_stored_fits_are_chosen_by_their_axes():
    fits = summaries.Fits()
    axes = [len(fits.axes[name]) for name in summaries.NAMES]
    assert fits.failed.shape == (10, *axes)
    assert fits.of(fits.failed, optimizer="SGD", scale=[0.01, 100.0]).shape == (10, *axes[1:4], 2)
    assert (fits.of(fits.failed, optimizer="SGD", scale=1.0) == fits.failed[:, 1, ..., 2]).all()
    shown = fits.map("Adam", [0.5, 2.0])
    assert shown["of"] == 20 and shown["failures"]["softplus"].shape == (3, 5)
    total = sum(count.sum() for count in shown["failures"].values())
    assert total == fits.count(fits.failed, optimizer="Adam").sum()
    panels = fits.panels(decades=2.0, scale=1.0, learning_rate=0.01)
    assert panels["stored"]["softplus"].shape == (10, 25) and len(panels["truth"]) == 25


def test_a_seed_of_the_standardised_fits_can_be_made_again():
    settings = study.STANDARDISED.settings | {"steps": 30, "count": 100}
    run = study.run_standardised(1, **settings)
    assert set(run["excess"]) == {"Adam", "SGD"}
    assert all(len(of) == 2 for names in run["excess"].values() for of in names.values())
    stored = summaries.Standardised()
    assert stored.excess("Adam", "softplus").shape == (10, 2)
    assert stored.failures("SGD", ["variance"], [2.0]).tolist() == [1] * 10


def test_a_sweep_is_compared_seed_by_seed():
    sweep = summaries.Sweep()
    assert sweep.above(sweep.ends["optimal"]) == [0] * 10
    curve = sweep.curve()
    assert curve["own"].shape == curve["refitted"].shape == (10, len(sweep.fixed))
    assert list(sweep.starts) == [1.0, 0.5, 0.2, 0.1]
    assert sweep.chosen() in sweep.fixed
    end = sweep.ends[0.3][0]
    assert noise.neg_elbo_refitted(end) < noise.neg_elbo(end)
