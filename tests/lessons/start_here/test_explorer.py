"""The explorer's Python part: the data sent to the browser, and the checks of arguments."""

import numpy as np
import pytest
import torch
import traitlets
from torch import nn

from vae_helpers import models
from vae_helpers.plots.base import DIGIT_COLOURS, display_bundle
from vae_lessons.build_a_vae import lab
from vae_lessons.start_here.explorer import Explorer
from vae_lessons.train_in_two_stages.lab import Autoencoder

CODES = np.random.default_rng(0).normal(size=(30, 2))
LABELS = np.arange(30) % 10
IMAGES = np.random.default_rng(1).integers(0, 256, (4, 28, 28), dtype=np.uint8)


def vae(**options):
    return models.VAE(**{"latent": 2, "hidden": (5, 7), "seed": 0} | options)


def codes_of(latent):
    return np.random.default_rng(latent).normal(size=(30, latent))


def with_encoder(*layers):
    model = vae()
    model.encoder = nn.Sequential(*layers)
    return model


def with_decoder(*layers):
    model = vae()
    model.decoder = nn.Sequential(*layers)
    return model


def computed(widths, weights, x):
    """The output of the packed network for x [n, inputs]."""
    values, start = torch.tensor(np.frombuffer(weights, dtype="<f4")), 0
    for inputs, outputs in zip(widths, widths[1:]):
        weight = values[start : start + inputs * outputs].reshape(outputs, inputs)
        start += inputs * outputs
        x = torch.relu(x) if start > inputs * outputs else x
        x = x @ weight.T + values[start : start + outputs]
        start += outputs
    assert start == len(values)
    return x


def test_weights_travel_layer_after_layer():
    model = vae()
    explorer = Explorer(model, CODES, LABELS)
    assert explorer.widths == [2, 7, 5, 784]
    z = torch.randn(4, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(computed(explorer.widths, explorer.weights, z), model.decode(z))


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
def test_with_images_the_encoder_travels_too(kind):
    model = vae(latent=3)
    explorer = Explorer(model, codes_of(3), LABELS, kind(IMAGES))
    assert explorer.encoder_widths == [784, 5, 7, 6] and explorer.point == [0, 0, 0]
    x = torch.rand(4, 784, generator=torch.Generator().manual_seed(0))
    found = computed(explorer.encoder_widths, explorer.encoder, x)
    torch.testing.assert_close(found, torch.cat(model.encode(x), dim=-1))
    images = np.frombuffer(explorer.images, np.uint8).reshape(-1, 28, 28)
    np.testing.assert_array_equal(images, IMAGES)


def test_without_images_no_encoder_is_asked_for_or_sent():
    explorer = Explorer(with_encoder(), CODES, LABELS)
    assert (explorer.encoder, explorer.encoder_widths, explorer.images) == (b"", [], b"")


def test_weights_are_a_copy():
    model = vae()
    explorer = Explorer(model, CODES, LABELS)
    before = explorer.weights
    with torch.no_grad():
        model.decoder[0].weight.add_(1)
    assert explorer.weights == before != Explorer(model, CODES, LABELS).weights


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
def test_codes_and_labels_travel(kind):
    explorer = Explorer(vae(), kind(CODES), kind(LABELS))
    codes = np.frombuffer(explorer.codes, dtype="<f4").reshape(-1, 2)
    np.testing.assert_array_equal(codes, CODES.astype(np.float32))
    np.testing.assert_array_equal(np.frombuffer(explorer.labels, dtype=np.uint8), LABELS)


def test_codes_may_carry_a_gradient():
    codes = torch.tensor(CODES, requires_grad=True)
    assert Explorer(vae(), codes, LABELS).codes == Explorer(vae(), CODES, LABELS).codes


def test_colours_are_those_of_the_figures():
    assert Explorer(vae(), CODES, LABELS).colours == list(DIGIT_COLOURS)


def test_repr_is_constant():
    explorer = Explorer(vae(), CODES, LABELS)
    assert repr(explorer) == "Explorer: latent-plane explorer"
    assert explorer._repr_mimebundle_()[0]["text/plain"] == repr(explorer)
    assert repr(Explorer(vae(), CODES, LABELS, name="another")) == "Explorer: another"


def test_point_can_be_assigned_within_the_plane():
    explorer = Explorer(vae(), CODES, LABELS)
    assert explorer.point == [0.0, 0.0]
    explorer.point = [np.float32(1.5), -4]
    assert explorer.point == [1.5, -4.0]


@pytest.mark.parametrize("point", [[0.0], [0, 0, 0], [4.1, 0], [0, float("nan")], ["a", 0]])
def test_point_outside_the_plane_is_refused(point):
    explorer = Explorer(vae(), CODES, LABELS)
    with pytest.raises(traitlets.TraitError):
        explorer.point = point
    assert explorer.point == [0.0, 0.0]


def test_codes_of_images_may_lie_beyond_the_plane():
    explorer = Explorer(vae(), CODES, LABELS, IMAGES)
    explorer.point = [5.25, -6]
    assert explorer.point == [5.25, -6]
    for point in ([0.0], [0, 0, 0], [0, float("inf")]):
        with pytest.raises(traitlets.TraitError, match="2 finite numbers"):
            explorer.point = point


@pytest.mark.parametrize("latent", [1, 3, 20])
def test_other_numbers_of_latents_have_sliders(latent):
    explorer = Explorer(vae(latent=latent), codes_of(latent), LABELS)
    assert explorer.point == [0] * latent
    explorer.point = [1.5] * latent
    with pytest.raises(traitlets.TraitError, match=f"point must be {latent} numbers from -4 to 4"):
        explorer.point = [0] * (latent + 1)
    figure = explorer.still()
    assert [bar.get_height() for bar in figure.axes[0].patches] == [1.5] * latent
    with torch.no_grad():
        digit = explorer._decoder(torch.full((latent,), 1.5)).sigmoid().reshape(28, 28)
    np.testing.assert_allclose(figure.axes[1].images[0].get_array(), digit, atol=1e-6)
    assert f"{latent} latents" in figure.caption and "1.50" in figure.caption


def test_a_plain_linear_decoder_is_accepted():
    assert Explorer(with_decoder(nn.Linear(2, 784)), CODES, LABELS).widths == [2, 784]


LINEAR, LAST = nn.Linear(2, 6), nn.Linear(6, 784)


@pytest.mark.parametrize(
    "model, error, words",
    [
        (nn.Linear(2, 784), TypeError, "Linear has NoneType"),
        (with_decoder(LINEAR, nn.BatchNorm1d(6), nn.ReLU(), LAST), TypeError, "BatchNorm1d"),
        (with_decoder(LINEAR, nn.Tanh(), LAST), TypeError, "Tanh"),
        (with_decoder(LINEAR, LAST), TypeError, "Linear → Linear"),
        (with_decoder(LINEAR, nn.ReLU()), TypeError, "Linear → ReLU"),
        (with_decoder(), TypeError, "empty"),
        (vae(latent=21), ValueError, "from 21 to 784"),
        (vae(pixels=100), ValueError, "from 2 to 100"),
        (with_decoder(nn.Linear(2, 784, bias=False)), ValueError, "bias"),
    ],
)
def test_other_models_are_refused(model, error, words):
    with pytest.raises(error, match=words):
        Explorer(model, CODES, LABELS)


CODER = lab.CoderVAE(encoder=(8, 2), decoder=(8, 784), heads="linear", seed=0)
CODER.decoder = vae().decoder


@pytest.mark.parametrize(
    "model, error, words",
    [
        (CODER, TypeError, r"\.encoder .* CoderVAE has NoneType"),
        (with_encoder(nn.Linear(784, 6), nn.Tanh(), nn.Linear(6, 4)), TypeError,
         "this encoder .*Tanh"),
        (Autoencoder(latent=2, seed=0), ValueError, "4 numbers; this one goes from 784 to 2"),
        (with_encoder(nn.Linear(100, 4)), ValueError, "from 100 to 4"),
        (with_encoder(nn.Linear(784, 4, bias=False)), ValueError, "this encoder .*without"),
    ],
)
def test_other_encoders_are_refused(model, error, words):
    Explorer(model, CODES, LABELS)  # without images the encoder is not used
    with pytest.raises(error, match=words):
        Explorer(model, CODES, LABELS, IMAGES)


@pytest.mark.parametrize(
    "images, words",
    [
        (IMAGES[:1], r"from 2 to 20.*\[1, 28, 28\]"),
        (np.repeat(IMAGES, 6, axis=0), r"\[24, 28, 28\]"),
        (IMAGES[0], r"\[28, 28\]"),
        (IMAGES.reshape(4, 784), r"\[4, 784\]"),
        (IMAGES / 255, "float64"),
    ],
)
def test_other_images_are_refused(images, words):
    with pytest.raises(ValueError, match=words):
        Explorer(vae(), CODES, LABELS, images)


def test_more_images_than_codes_are_refused():
    with pytest.raises(ValueError, match="from 2 to 3, those of the first codes"):
        Explorer(vae(), CODES[:3], LABELS[:3], IMAGES)


@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_diverged_weights_are_refused(part):
    model = vae()
    with torch.no_grad():
        getattr(model, part)[2].bias[0] = float("nan")
    with pytest.raises(ValueError, match=f"{part}.*NaN"):
        Explorer(model, CODES, LABELS, IMAGES)


@pytest.mark.parametrize(
    "codes, labels, words",
    [
        (CODES[:, :1], LABELS, r"\[30, 1\]"),
        (CODES[0], LABELS, r"\[2\]"),
        (CODES[:0], LABELS[:0], "n ≥ 1"),
        (CODES, LABELS[:-1], r"each of the 30 codes, got shape \[29\]"),
        (CODES, LABELS[:, None], r"\[30, 1\]"),
        (CODES.astype(int), LABELS, "int64"),
        (np.where(CODES > 1, np.inf, CODES), LABELS, "finite"),
        (CODES, LABELS + 1, "from 0 to 9"),
        (CODES, LABELS - 1, "from 0 to 9"),
        (CODES, LABELS.astype(float), "float64"),
    ],
)
def test_other_codes_are_refused(codes, labels, words):
    with pytest.raises(ValueError, match=words):
        Explorer(vae(), codes, labels)


def test_show_replaces_model_and_codes_and_keeps_the_point():
    explorer = Explorer(vae(), CODES, LABELS)
    explorer.point = [1.0, -2.0]
    before = explorer.weights
    explorer.show(vae(seed=1), CODES[:10] + 1, LABELS[:10])
    assert explorer.weights != before and explorer.point == [1.0, -2.0]
    fresh = Explorer(vae(seed=1), CODES[:10] + 1, LABELS[:10])
    assert (explorer.weights, explorer.codes, explorer.labels) == (
        fresh.weights, fresh.codes, fresh.labels
    )


def test_show_renews_the_encoder_and_keeps_the_images():
    explorer = Explorer(vae(), CODES, LABELS, IMAGES)
    before, images = explorer.encoder, explorer.images
    explorer.show(vae(seed=1), CODES, LABELS)
    assert explorer.encoder == Explorer(vae(seed=1), CODES, LABELS, IMAGES).encoder != before
    assert explorer.images == images


def test_show_refuses_another_number_of_latents():
    explorer = Explorer(vae(), CODES, LABELS)
    before = explorer.weights
    with pytest.raises(ValueError, match="shows 2 latent dimensions and the new model has 3"):
        explorer.show(vae(latent=3), codes_of(3), LABELS)
    assert explorer.weights == before


def test_its_still_twin_shows_the_same_point_and_digit():
    model = vae()
    explorer = Explorer(model, CODES, LABELS)
    explorer.point = [1.0, -2.0]
    with torch.no_grad():
        digit = model.decode(torch.tensor([1.0, -2.0])).sigmoid().reshape(28, 28)
    figure = explorer.still()
    np.testing.assert_allclose(figure.axes[1].images[0].get_array(), digit, atol=1e-6)
    assert "z = (1.00, −2.00)" in figure.caption
    bundle, metadata = explorer._repr_mimebundle_()
    assert bundle["text/plain"] == "Explorer: latent-plane explorer"
    assert bundle == display_bundle(explorer, figure)[0] and "image/png" in bundle
    assert metadata["image/png"]["alt"] == figure.caption
