"""The models: shapes, the two parts of the ELBO, initial weights, batch normalisation."""

import math

import pytest
import torch
from torch import nn

from vae_helpers import elbo
from vae_helpers.models import VAE
from vae_lessons.build_a_vae.lab import Coder, CoderVAE

MODELS = {
    "VAE": lambda seed=0: VAE(5, hidden=(40, 30), seed=seed),
    "ReLU heads": lambda seed=0: CoderVAE((40, 5), (30, 784), heads="relu", seed=seed),
    "linear heads": lambda seed=0: CoderVAE((40, 5), (30, 784), heads="linear", seed=seed),
}
every_model = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)


@every_model
def test_the_model_has_the_shapes_it_promises(make):
    model = make()
    x, eps = torch.rand(7, 784), torch.randn(7, 5)
    mean, logvar = model.encode(x)
    assert mean.shape == logvar.shape == (7, 5)
    for leading in [(), (7,), (3, 7)]:
        if leading or isinstance(model, VAE):  # one row has no batch statistics
            assert model.decode(torch.randn(*leading, 5)).shape == (*leading, 784)
    assert model.eval().decode(torch.randn(5)).shape == (784,)
    distortion, rate = model(x, eps)
    assert distortion.shape == rate.shape == (7,)
    distortion, rates = model.elbo_parts(x, eps)
    assert distortion.shape == (7,) and rates.shape == (7, 5)


@every_model
def test_the_two_parts_are_the_elbo_in_its_kl_form(make):
    model = make().eval()
    x, eps = torch.rand(7, 784), torch.randn(7, 5)
    distortion, rate = model(x, eps)
    mean, logvar = model.encode(x)
    logits = model.decode(mean + (logvar / 2).exp() * eps)
    torch.testing.assert_close(distortion, -elbo.bernoulli_log_prob(x, logits))
    torch.testing.assert_close(rate, elbo.gaussian_kl(mean, logvar))
    split = model.elbo_parts(x, eps)[1]
    for j in range(5):
        torch.testing.assert_close(split[:, j], elbo.gaussian_kl(mean[:, [j]], logvar[:, [j]]))


@every_model
def test_initial_weights_depend_on_the_seed_alone(make):
    torch.manual_seed(1)
    first = make(3).state_dict()
    before = torch.get_rng_state()
    torch.rand(10)
    second, other = make(3).state_dict(), make(4).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    weights = [name for name in first if name.endswith("weight") and first[name].ndim == 2]
    assert weights and not any(torch.equal(first[name], other[name]) for name in weights)
    torch.set_rng_state(before)
    drawn = torch.rand(1)
    torch.set_rng_state(before)
    make(5)
    assert torch.equal(drawn, torch.rand(1)), "the global generator was disturbed"


@pytest.mark.parametrize("make", [
    lambda: VAE(0, seed=0),
    lambda: VAE(2, hidden=(0,), seed=0),
    lambda: Coder(784, (), last="relu"),
    lambda: Coder(784, (16, 0), last="relu"),
    lambda: CoderVAE((16, 0), heads="relu", seed=0),
])
def test_sizes_out_of_range_are_named(make):
    with pytest.raises(ValueError, match="at least 1"):
        make()


def test_one_width_without_a_list_is_named():
    with pytest.raises(
        ValueError, match=r"hidden must be a list of widths, got 400: write \[400\]"
    ):
        VAE(2, 400, seed=0)


def test_other_words_are_named():
    with pytest.raises(ValueError, match="last must be 'relu' or 'linear', got 'tanh'"):
        CoderVAE(heads="tanh", seed=0)


def test_a_coder_has_the_layers_of_the_source():
    """For each width batch norm, a dense layer and ReLU; then one more dense layer."""
    kinds = [type(layer) for layer in Coder(784, (196, 64), last="relu")]
    block = [nn.BatchNorm1d, nn.Linear, nn.ReLU]
    assert kinds == 2 * block + [nn.Linear, nn.ReLU]
    assert [type(layer) for layer in Coder(784, (196,), last="linear")] == block + [nn.Linear]
    bare = Coder(784, (196, 64), last="linear", batch_norm=False)
    shapes = [tuple(layer.weight.shape) for layer in bare if isinstance(layer, nn.Linear)]
    assert shapes == [(196, 784), (64, 196), (64, 64)]
    assert not any(isinstance(layer, nn.BatchNorm1d) for layer in bare)


def test_the_source_model_has_two_encoders_and_eight_latents():
    model = CoderVAE(heads="relu", seed=0)
    assert model.latent == 8 and model.pixels == 784
    one_encoder = sum(p.numel() for p in model.mean.parameters())
    assert one_encoder == sum(p.numel() for p in model.logvar.parameters())
    widths = [784, 196, 64, 32, 16, 8, 8]
    dense = sum(a * b + b for a, b in zip(widths, widths[1:]))
    assert one_encoder == dense + 2 * sum(widths[:-2])  # batch norm: a scale and a shift per unit


def test_relu_heads_cannot_be_negative_and_linear_ones_can():
    x = torch.rand(50, 784)
    for heads, lowest in [("relu", 0.0), ("linear", -math.inf)]:
        mean, logvar = CoderVAE(heads=heads, seed=0).encode(x)
        assert min(mean.min(), logvar.min()) >= lowest
        assert (mean.min() < 0) == (heads == "linear")


def test_glorot_is_uniform_with_tensorflows_limit_and_zero_biases():
    coder = Coder(784, (196,), last="linear")
    for layer in (coder[1], coder[3]):
        limit = math.sqrt(6 / (layer.in_features + layer.out_features))
        weight = layer.weight.detach()
        assert 0.99 * limit < weight.abs().max() <= limit
        assert weight.std().item() == pytest.approx(limit / math.sqrt(3), rel=0.02)
        assert not layer.bias.any()


def test_eps_and_momentum_reach_every_batch_norm():
    for settings in ({"eps": 1e-3, "momentum": 0.01}, {"eps": 1e-5, "momentum": 0.1}):
        model = CoderVAE(heads="relu", seed=0, **settings)
        norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm1d)]
        assert len(norms) == 14
        assert all((m.eps, m.momentum) == tuple(settings.values()) for m in norms)
    first = CoderVAE(heads="relu", seed=0).mean[0]
    assert (first.eps, first.momentum) == (1e-3, 0.01), "TensorFlow's are the defaults"


def test_training_uses_the_batch_and_evaluation_the_running_statistics():
    model = CoderVAE(heads="linear", seed=0)
    x, eps = torch.rand(64, 784), torch.randn(64, 8)
    alone = [model.eval().encode(x[:n])[0][0] for n in (1, 64)]
    torch.testing.assert_close(*alone)  # an image's code does not depend on its neighbours
    together = [model.train().encode(x[:n])[0][0] for n in (2, 64)]
    assert not torch.allclose(*together)
    before = model.mean[0].running_mean.clone()
    model.eval()(x, eps)
    assert torch.equal(before, model.mean[0].running_mean)
    model.train()(x, eps)
    torch.testing.assert_close(model.mean[0].running_mean, 0.99 * before + 0.01 * x.mean(0))
