"""The exact variances of one-draw estimates, compared with draws and with each other."""

import math

import pytest
import torch

from vae_lessons.compare_the_estimators import lab, laws
from vae_lessons.derive_the_elbo.exact import LinearGaussian

DRAWS = 400_000
LAWFUL = ("Monte Carlo", "entropy", "KL", "path derivative")


def laboratory(noise_variance, seen):
    one = torch.ones(1, 1, dtype=torch.float64)
    return LinearGaussian(one, 0 * one[0], noise_variance), seen * one


def drawn_variances(model, x, mean, logvar, eps):
    forms = {name: lab.ESTIMATORS[name] for name in LAWFUL}
    return lab.drawn_variances(forms, lab.gradient_of_each, lambda z: model.log_joint(x, z), mean,
                               logvar, eps)


@pytest.fixture(scope="module")
def eps():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(DRAWS, 1, 1, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("noise_variance, seen", [(1.0, 2.0), (0.2, -0.7), (3.0, 0.4)])
@pytest.mark.parametrize("width, shift", [(0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (2.0, -0.6)])
def test_draws_have_the_variances_of_the_laws(noise_variance, seen, width, shift, eps):
    model, x = laboratory(noise_variance, seen)
    posterior = model.posterior(x)
    posterior_mean, posterior_sd = posterior.mean.item(), posterior.precision.item() ** -0.5
    mean, sd = posterior_mean + shift * posterior_sd, width * posterior_sd
    q = x.new_tensor([[mean]]), x.new_tensor([[2 * math.log(sd)]])
    drawn = drawn_variances(model, x, *q, eps)
    exactly = laws.exact_variances(mean, sd, posterior_mean, posterior_sd)
    for quantity in exactly:
        assert drawn[quantity].keys() == exactly[quantity].keys()
        assert laws.deviation(drawn[quantity], exactly[quantity]) < 0.03, quantity


def test_the_forms_cross_where_the_text_says():
    tau = 0.3
    at = torch.tensor([0.49, 0.5, 0.51], dtype=torch.float64).sqrt() * tau
    for shift in (0.0, 0.7, -2.0):
        of = laws.exact_variances(shift * tau, at, 0.0, tau)
        value, by_mean, by_logvar = of.values()
        for noisy, quiet in (
            (value["Monte Carlo"], value["entropy"]),
            (by_mean["path derivative"], by_mean[laws.TOTAL]),
            (by_logvar["path derivative"], by_logvar[laws.TOTAL]),
        ):
            assert torch.sign((noisy - quiet).round(decimals=9)).tolist() == [1, 0, -1]


def test_a_diagonal_precision_gives_the_sum_of_the_laws():
    precision = torch.tensor([4.0, 2.5], dtype=torch.float64)
    shift, sd = torch.tensor([0.3, -0.2]).double(), torch.tensor([0.4, 0.9]).double()
    together = laws.factorised_variances(torch.diag(precision), shift, sd)
    one_by_one = [
        laws.exact_variances(m, s, 0.0 * m, t**-0.5) for m, s, t in zip(shift, sd, precision)
    ]
    for quantity, parts in (("value", "value"), ("gradient", "gradient for m")):
        for form, variance in together[quantity].items():
            torch.testing.assert_close(variance, sum(one[parts][form] for one in one_by_one))


def test_a_correlated_posterior_follows_the_laws(eps):
    weight = torch.tensor([[1.0, 0.8], [0.8, 1.0]], dtype=torch.float64)
    model = LinearGaussian(weight, torch.zeros(2).double(), 0.5)
    x = torch.tensor([[0.7, -1.1]], dtype=torch.float64)
    posterior_mean = model.posterior(x).mean
    pairs = eps[:, 0, 0].reshape(-1, 1, 2)  # [draws/2, 1, 2]
    for shift, logvar in (((0.0, 0.0), model.best_mean_field(x)[1]),
                          ((0.3, -0.5), torch.tensor([[-1.0, -2.0]]).double())):
        shift = torch.tensor(shift).double()
        drawn = drawn_variances(model, x, posterior_mean + shift, logvar, pairs)
        law = laws.factorised_variances(model.precision, shift, (logvar[0] / 2).exp())
        for quantity, of in (("value", "value"), ("gradient", "gradient for m")):
            for form, variance in law[quantity].items():
                assert drawn[of][form] == pytest.approx(variance.item(), rel=0.03)
    best = laws.factorised_variances(
        model.precision, torch.zeros(2).double(), model.precision.diagonal() ** -0.5
    )["value"]
    # At the best mean-field q, the Monte Carlo variance is lower by d/2, but not 0.
    assert (best["entropy"] - best["Monte Carlo"]).item() == pytest.approx(1.0)
    assert best["Monte Carlo"] > 0.1


def test_a_deviation_is_absolute_where_the_law_is_zero():
    assert laws.deviation({"a": 2.2, "b": 0.02}, {"a": 2.0, "b": 0.0}) == pytest.approx(0.1)
    assert laws.deviation({"b": 0.02}, {"b": 0.0}) == pytest.approx(0.02)
    assert laws.deviation({"a": 1.5}, {"a": 2.0}) == pytest.approx(0.25)


def test_the_place_where_a_lead_changes_sides_is_found():
    assert lab.bisect(lambda place: 0.3 - place, 0.0, 1.0) == pytest.approx(0.3, abs=1e-3)


def test_the_share_of_places_that_a_form_wins():
    def law(m, s):
        return {"a": m**2 + 0 * s, "b": 0.5 + 0 * s}

    shifts, widths = torch.tensor([[0.0], [0.5], [1.0]]), torch.ones(4)
    assert lab.share_won(law, "a", shifts, widths) == pytest.approx(2 / 3)


def test_the_worst_deviation_is_over_the_whole_grid():
    assert lab.worst_deviation(lambda m, s: {"a": 1.0}, lambda m, s: {"a": 1 + m * s},
                               [0.1, -0.2], [1, 2]) == pytest.approx(0.4)
