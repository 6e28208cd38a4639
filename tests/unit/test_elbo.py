"""The ELBO's parts against torch.distributions and closed forms."""

import math
import warnings

import numpy
import pytest
import torch
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from vae_helpers import elbo
from vae_lessons.compare_the_estimators import lab
from vae_lessons.say_how_good_it_is.lab import grouped_bounds

SHAPES = [(3,), (4, 3)]
DRAWN = [*SHAPES, (5, 4, 3)]  # with an axis of draws


def normal(mean, logvar):
    return Independent(Normal(mean, (0.5 * logvar).exp()), 1)


@pytest.fixture
def draw():
    generator = torch.Generator().manual_seed(7)
    return lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("shape", DRAWN)
def test_gaussian_log_prob(draw, shape):
    z, mean, logvar = draw(*shape), draw(*shape[-2:]), draw(*shape[-2:])
    expected = normal(mean, logvar).log_prob(z)
    found = elbo.gaussian_log_prob(z, mean, logvar)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_gaussian_log_prob_of_the_mean_is_the_normalising_constant():
    value = elbo.gaussian_log_prob(torch.zeros(2), torch.zeros(2), torch.zeros(2))
    assert value.item() == pytest.approx(-math.log(2 * math.pi))


def test_log_densities_broadcast_draws(draw):
    z, mean, logvar = draw(6, 4, 3), draw(4, 3), draw(4, 3)  # [draws, batch, latent]
    assert elbo.gaussian_log_prob(z, mean, logvar).shape == (6, 4)
    x, logits = draw(4, 5).sigmoid(), draw(6, 4, 5)
    assert elbo.bernoulli_log_prob(x, logits).shape == (6, 4)


@pytest.mark.parametrize("shape", DRAWN)
def test_bernoulli_log_prob(draw, shape):
    logits = 3 * draw(*shape)
    x = (draw(*shape[-2:]) > 0).double()
    expected = Independent(Bernoulli(logits=logits), 1).log_prob(x)
    torch.testing.assert_close(elbo.bernoulli_log_prob(x, logits), expected, rtol=0, atol=1e-12)


def test_bernoulli_log_prob_of_grey_is_minus_the_cross_entropy(draw):
    logits, x = draw(4, 5), draw(4, 5).sigmoid()
    p = logits.sigmoid()
    expected = (x * p.log() + (1 - x) * (1 - p).log()).sum(-1)
    torch.testing.assert_close(elbo.bernoulli_log_prob(x, logits), expected)


def test_bernoulli_log_prob_survives_extreme_logits():
    x, logits = torch.tensor([0.0, 1.0]), torch.tensor([-500.0, 500.0])
    assert elbo.bernoulli_log_prob(x, logits).item() == 0
    assert elbo.bernoulli_log_prob(1 - x, logits).item() == -1000


@pytest.mark.parametrize("dtype, within", [
    (torch.float64, 1e-13), (torch.float32, 1e-6), (torch.bfloat16, 0.25), (torch.float16, 0.05)])
def test_bernoulli_log_prob_and_its_gradient_at_every_size_of_logits(dtype, within):
    """Compared with the log sigmoid in float64, also where the formula changes."""
    logits = torch.tensor([-120, -30, -2, -1e-3, 0, 1e-3, 2, 11, 30, 39.9, 40, 40.1, 100],
                          dtype=dtype)[:, None].requires_grad_()  # [batch, 1]
    exact = logits.detach().double()
    for grey in (0.0, 0.25, 1.0):
        x = torch.full_like(exact, grey)
        found = elbo.bernoulli_log_prob(x.to(dtype), logits)
        gradient, = torch.autograd.grad(found.sum(), logits)
        expected = -torch.nn.functional.softplus(exact, threshold=100) + x * exact
        torch.testing.assert_close(found.double(), expected[:, 0], rtol=within, atol=within)
        torch.testing.assert_close(gradient.double(), x - exact.sigmoid(), rtol=0, atol=within)


@pytest.mark.parametrize("shape", SHAPES)
def test_gaussian_kl(draw, shape):
    mean, logvar = draw(*shape), draw(*shape)
    prior = normal(torch.zeros_like(mean), torch.zeros_like(mean))
    expected = kl_divergence(normal(mean, logvar), prior)
    torch.testing.assert_close(elbo.gaussian_kl(mean, logvar), expected, rtol=0, atol=1e-12)


def test_gaussian_kl_is_zero_only_at_the_prior():
    zero = torch.zeros(4)
    assert elbo.gaussian_kl(zero, zero).item() == 0
    assert elbo.gaussian_kl(zero + 0.1, zero).item() == pytest.approx(4 * 0.005)


def test_reparameterize_has_the_right_moments(draw):
    mean, logvar = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, 2.0]])
    z = elbo.reparameterize(mean, logvar, draw(40000, 1, 2).float())  # [draws, batch, latent]
    standard = (0.5 * logvar).exp()
    assert ((z.mean(0) - mean).abs() < 4 * standard / 200).all()
    assert ((z.std(0) / standard - 1).abs() < 4 / math.sqrt(2 * 40000)).all()


def test_reparameterize_lets_gradients_through():
    mean = torch.zeros(1, 2, requires_grad=True)
    logvar = torch.zeros(1, 2, requires_grad=True)
    eps = torch.tensor([[2.0, -1.0]])
    elbo.reparameterize(mean, logvar, eps).sum().backward()
    assert mean.grad.tolist() == [[1, 1]]
    assert logvar.grad.tolist() == [[1.0, -0.5]]  # half of eps, at standard deviation 1


@pytest.mark.parametrize("call", [
    lambda: elbo.gaussian_kl(torch.zeros(4, 2), torch.zeros(4, 3)),
    lambda: elbo.gaussian_log_prob(torch.zeros(4, 1), torch.zeros(4, 3), torch.zeros(4, 3)),
    lambda: elbo.reparameterize(torch.zeros(4, 2), torch.zeros(4, 2), torch.zeros(4, 3)),
    lambda: elbo.bernoulli_log_prob(torch.zeros(4, 1), torch.zeros(4, 784)),
])
def test_wrong_shapes_are_named(call):
    with pytest.raises(ValueError, match="last axes must be equal"):
        call()


IMAGES = {  # outputs of a convolutional network
    "[n, c, h, w]": (8, 1, 28, 28), "[n, h, w]": (8, 28, 28), "feature maps": (8, 4, 8, 8),
}


@pytest.mark.parametrize("shape", IMAGES.values(), ids=IMAGES)
@pytest.mark.parametrize("density", [
    lambda t: elbo.bernoulli_log_prob(torch.zeros(t.shape), t),
    lambda t: elbo.bernoulli_log_prob(torch.zeros(t.shape), t.expand(3, *t.shape)),
    lambda t: elbo.gaussian_log_prob(t, t, t),
    lambda t: elbo.gaussian_log_prob(t[0, 0], t, t),
    lambda t: elbo.gaussian_kl(t, t),
    lambda t: elbo.gaussian_kl_per_latent(t, t),
    lambda t: elbo.gaussian_entropy(t),
    lambda t: elbo.iwae_bound(t),
    lambda t: grouped_bounds(t, 1),
    lambda t: elbo.monte_carlo_form(lambda z: z.sum(-1), t, t, t),
    lambda t: elbo.entropy_form(lambda z: z.sum(-1), t, t, t),
    lambda t: elbo.kl_form(lambda z: z.sum(-1), t, t, t),
    lambda t: lab.path_derivative_form(lambda z: z.sum(-1), t, t, t),
    lambda t: lab.score_function_surrogate(lambda z: z.sum(-1), t, t, t),
    lambda t: lab.dreg_surrogate(lambda z: z.sum(-1), t, t, t),
])
def test_images_that_were_not_flattened_are_named(density, shape):
    """A sum over the last axis would cover one row of pixels only, which acts as a hidden β."""
    with pytest.raises(ValueError, match=r"must (have at most the axes|be) \["):
        density(torch.randn(shape))


def test_latents_of_more_axes_than_draws_and_batch_are_named():
    for density in (elbo.prior_log_prob, lambda z: elbo.gaussian_log_prob(z, z[0, 0], z[0, 0])):
        with pytest.raises(ValueError, match=r"z must have at most the axes \[draws, batch, n\]"):
            density(torch.zeros(8, 4, 8, 8))


def test_flattened_images_are_scored_as_a_whole(draw):
    logits = draw(8, 1, 28, 28)
    x = (draw(8, 1, 28, 28) > 0).double()
    expected = Independent(Bernoulli(logits=logits), 3).log_prob(x)
    torch.testing.assert_close(elbo.bernoulli_log_prob(x.flatten(1), logits.flatten(1)), expected)


@pytest.mark.parametrize("call", [
    lambda: elbo.gaussian_kl([[0.0]], [[0.0]]),
    lambda: elbo.bernoulli_log_prob(numpy.zeros((4, 784)), torch.zeros(4, 784)),
    lambda: elbo.iwae_bound([0.0, 1.0]),
    lambda: elbo.bernoulli_log_prob(torch.zeros(4, 784), torch.zeros(4, 784, dtype=torch.int64)),
    lambda: elbo.bernoulli_log_prob(torch.zeros(4, 784, dtype=torch.uint8), torch.zeros(4, 784)),
    lambda: elbo.bernoulli_log_prob(torch.zeros(4, 784, dtype=torch.bool), torch.zeros(4, 784)),
])
def test_what_is_no_tensor_of_floats_is_named(call):
    with pytest.raises(TypeError, match="must be (a tensor|floats), got (list|ndarray|torch)"):
        call()


def test_no_pixels_at_all_are_named():
    with pytest.raises(ValueError, match="x is empty"):
        elbo.bernoulli_log_prob(torch.zeros(0, 784), torch.zeros(0, 784))


def test_probabilities_in_place_of_logits_are_noticed_once():
    p = torch.linspace(0, 1, 4 * 784).reshape(4, 784)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            elbo.bernoulli_log_prob(p.round(), p)
    assert ["probabilities" in str(warning.message) for warning in caught] == [True]
    assert caught[0].filename == __file__


@pytest.mark.parametrize("logits", [
    torch.zeros(4, 784), torch.full((4, 784), 0.5),  # a decoder whose weights are all 0
    torch.tensor([[0.3, 0.9]]), torch.linspace(0, 1.01, 784), torch.linspace(-0.01, 1, 784),
])
def test_logits_that_only_happen_to_be_small_are_not_suspected(logits):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        elbo.bernoulli_log_prob(torch.zeros(logits.shape), logits)


@pytest.mark.parametrize("value", [-0.01, 1.01, 200.0, float("nan")])
def test_pixels_out_of_range_are_named(value):
    with pytest.raises(ValueError, match="data.pixels"):
        elbo.bernoulli_log_prob(torch.tensor([[0.5, value]]), torch.zeros(1, 2))
