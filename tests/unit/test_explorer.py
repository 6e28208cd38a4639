"""The explorer's Python side: what travels to the browser, and what is refused."""

import numpy as np
import pytest
import torch
import traitlets
from torch import nn

from vae_helpers import models, plots
from vae_helpers.explorer import Explorer

CODES = np.random.default_rng(0).normal(size=(30, 2))
LABELS = np.arange(30) % 10


def vae(**options):
    return models.VAE(**{"latent": 2, "hidden": (5, 7), "seed": 0} | options)


def with_decoder(*layers):
    model = vae()
    model.decoder = nn.Sequential(*layers)
    return model


def test_weights_travel_layer_after_layer():
    model = vae()
    explorer = Explorer(model, CODES, LABELS)
    assert explorer.widths == [2, 7, 5, 784]
    values = torch.tensor(np.frombuffer(explorer.weights, dtype="<f4"))
    z = torch.randn(4, 2, generator=torch.Generator().manual_seed(0))
    x, start = z, 0
    for inputs, outputs in zip(explorer.widths, explorer.widths[1:]):
        weight = values[start : start + inputs * outputs].reshape(outputs, inputs)
        start += inputs * outputs
        x = torch.relu(x) if start > inputs * outputs else x
        x = x @ weight.T + values[start : start + outputs]
        start += outputs
    assert start == len(values)
    torch.testing.assert_close(x, model.decode(z))


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
    assert Explorer(vae(), CODES, LABELS).colours == list(plots.DIGIT_COLOURS)


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
        (vae(latent=3), ValueError, "from 3 to 784"),
        (vae(pixels=100), ValueError, "from 2 to 100"),
        (with_decoder(nn.Linear(2, 784, bias=False)), ValueError, "bias"),
    ],
)
def test_other_models_are_refused(model, error, words):
    with pytest.raises(error, match=words):
        Explorer(model, CODES, LABELS)


def test_diverged_weights_are_refused():
    model = vae()
    with torch.no_grad():
        model.decoder[2].bias[0] = float("nan")
    with pytest.raises(ValueError, match="NaN"):
        Explorer(model, CODES, LABELS)


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


def test_its_still_twin_shows_the_same_point_and_digit():
    model = vae()
    explorer = Explorer(model, CODES, LABELS)
    explorer.point = [1.0, -2.0]
    with torch.no_grad():
        digit = model.decode(torch.tensor([1.0, -2.0])).sigmoid().reshape(28, 28)
    figure = explorer.still()
    np.testing.assert_allclose(figure.artists_of["digit"].get_array(), digit, atol=1e-6)
    assert "z = (1.00, −2.00)" in figure.caption
    bundle, metadata = explorer._repr_mimebundle_()
    assert bundle["text/plain"] == "Explorer: latent-plane explorer"
    assert bundle["image/png"] == plots.small(plots.png(figure))
    assert metadata["image/png"]["alt"] == figure.caption
