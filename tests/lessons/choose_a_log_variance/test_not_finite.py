"""VAEs whose training ends at NaN or infinity: what is named, and that a cure is one."""

import math

import pytest
import torch
from torch.distributions import Bernoulli

from vae_helpers import data, elbo, models
from vae_lessons.choose_a_log_variance import not_finite
from vae_lessons.choose_a_log_variance.not_finite import first_not_finite, quantities, train


def test_both_cross_entropies_are_minus_the_log_likelihood_until_one_rounds():
    x = torch.tensor([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]])
    logits = torch.tensor([[-2.0, 0.5, 3.0], [0.0, -1.0, 2.0]])
    expected = -Bernoulli(logits=logits).log_prob(x).sum(-1)
    for cross_entropy in (not_finite.of_probabilities, not_finite.of_logits):
        torch.testing.assert_close(cross_entropy(x, logits), expected)
    far = torch.full((1, 3), 20.0)  # the sigmoid rounds to 1, and 0 · log 0 is NaN
    assert not_finite.of_probabilities(torch.ones(1, 3), far).isnan().all()
    assert not_finite.of_logits(torch.ones(1, 3), far).isfinite().all()


def test_the_quantities_are_those_of_the_model():
    model = models.VAE(3, (5,), pixels=4, seed=0)
    x, eps = torch.rand(6, 4), torch.randn(6, 3)
    found = quantities(model, x, eps, not_finite.of_logits)
    distortion, rate = model(x, eps)
    torch.testing.assert_close(found["cross entropy"], distortion)
    torch.testing.assert_close(found["KL"], rate)
    mean, logvar = model.encode(x)
    assert torch.equal(found["code"], elbo.reparameterize(mean, logvar, eps))
    assert first_not_finite(found) is None


@pytest.mark.parametrize("name", ["pixels", "log variance", "KL"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_the_first_that_is_not_finite_is_named(name, value):
    found = {key: torch.zeros(2) for key in ("pixels", "mean", "log variance", "code", "KL")}
    found[name][1] = value
    found["KL"][0] = math.nan
    assert first_not_finite(found) == name


@pytest.mark.parametrize("cause, cure", [*zip(not_finite.CAUSES, not_finite.CURES)])
def test_each_cause_stops_another_seed_and_its_cure_goes_on(cause, cure):
    settings = {(one, remedy): how for one, remedy, how in not_finite.trials()}
    stopped = train(quantities, first_not_finite, 77, steps=60, **settings[cause, "as it is"])
    assert stopped.step is not None and stopped.what
    healthy = train(quantities, first_not_finite, 77, steps=60, **settings[cause, cure])
    assert healthy.step is None and math.isfinite(healthy.loss)


def test_a_clamp_holds_the_log_variance_and_clipping_the_gradient():
    model = not_finite.ClampedVAE(2, (3,), pixels=4, seed=0)
    x = data.pixels(torch.full((5, 2, 2), 255, dtype=torch.uint8))
    with torch.no_grad():
        model.encoder[-1].bias[2:] = 50.0
        assert model.encode(x)[1].min() > 40
        model.highest = 10.0
        assert (model.encode(x)[1] == 10).all()
    settings = {"steps": 3, "optimizer": "SGD", "cross_entropy": not_finite.of_logits}
    plain, clipped = (train(quantities, first_not_finite, 0, clip=clip, **settings)
                      for clip in (None, 1e-3))
    assert clipped.loss > plain.loss, "with a tiny gradient the model hardly moves"
