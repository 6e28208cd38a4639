"""The recipes of notebook 03 and what is measured of them."""

import math

import pytest
import torch

from vae_helpers import data, evaluation, models, plots


@pytest.fixture(scope="module")
def digits():
    return data.load_mnist()


def test_the_mean_image_s_distortion_is_the_plateau(digits):
    """206.03 nats on the training set: the closed form against a decoder that draws it."""
    train, test = digits.train_images, digits.test_images
    assert evaluation.mean_image_distortion(train, train) == pytest.approx(206.03, abs=0.01)
    assert evaluation.mean_image_distortion(train, test) == pytest.approx(205.80, abs=0.01)
    mean = data.pixels(train[:500]).double().mean(0).clamp(1e-6, 1 - 1e-6)
    x = data.pixels(test[:50]).double()
    expected = -(x * mean.log() + (1 - x) * (1 - mean).log()).sum(1).mean().item()
    assert evaluation.mean_image_distortion(train[:500], test[:50]) == pytest.approx(expected)


def test_a_dead_head_is_counted(digits):
    model = models.CoderVAE(heads="relu", seed=0)
    with torch.no_grad():
        last = model.mean[-2]  # the layer before the ReLU
        last.weight[:3], last.bias[:3] = 0.0, -1.0
    mean, logvar = evaluation.dead_heads(model, digits.test_images[:1500])
    assert mean >= 3 and logvar <= 8
    linear = models.CoderVAE(heads="linear", seed=0)
    assert evaluation.dead_heads(linear, digits.test_images[:200]) == (0, 0)


def test_active_units_are_those_whose_means_vary(digits):
    model = models.VAE(4, hidden=(8,), seed=0)
    with torch.no_grad():
        model.encoder[-1].weight.zero_()
        model.encoder[-1].weight[1] = 5.0  # the mean of the second latent
    assert evaluation.active_units(model, digits.test_images[:300]) == 1
    assert evaluation.active_units(model, digits.test_images[:300], threshold=math.inf) == 0


def test_the_graph_shows_every_width():
    fig = plots.vae_graph((196, 8), (32, 784), 784)
    words = " ".join(text.get_text() for text in fig.axes[0].texts)
    assert "196 → 8" in words and "32 → 784" in words and "[batch, 784]" in words
