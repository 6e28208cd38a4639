"""The effective β: held against the gradients of the ELBO, for every kind of loss line."""

import itertools

import pytest
import torch
from torch.nn import functional as F

from vae_helpers import elbo
from vae_helpers.hidden_beta import PRESETS, effective_beta, honest_loss_line, loss_line

COMBINATIONS = list(itertools.product(("mean", "sum"), ("mean", "sum"), ("bernoulli", "gaussian")))
NUMBERS = [(0.1, 784, 8, 1.0), (1.0, 30, 5, 0.3), (2.5, 4, 9, 2.0), (1e-4, 7, 1, 1.0)]


def tensors(pixels, latents, batch=6):
    """What a loss line needs, by name."""
    generator = torch.Generator().manual_seed(pixels)

    def draw(size):
        return torch.randn(batch, size, generator=generator, dtype=torch.float64)

    found = {"x": draw(pixels).sigmoid()}
    for name, size in (("logits", pixels), ("x_hat", pixels), ("mean", latents), ("logvar", latents)):
        found[name] = draw(size).requires_grad_()
    return found


def gradient(loss, inputs, likelihood):
    """The gradient by the decoder's output and the encoder's, in one row."""
    names = ("logits" if likelihood == "bernoulli" else "x_hat", "mean", "logvar")
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, [inputs[n] for n in names])])


def objective(beta, inputs, likelihood, variance):
    """distortion + β · rate, in nats, out of `elbo`."""
    if likelihood == "bernoulli":
        log_likelihood = elbo.bernoulli_log_prob(inputs["x"], inputs["logits"])
    else:
        logvar = torch.full_like(inputs["x"], variance).log()
        log_likelihood = elbo.gaussian_log_prob(inputs["x"], inputs["x_hat"], logvar)
    return (-log_likelihood + beta * elbo.gaussian_kl(inputs["mean"], inputs["logvar"])).mean()


def run_line(line, inputs):
    bound = {"F": F} | inputs
    exec(line, bound)
    return bound


@pytest.mark.parametrize("weight, pixels, latents, variance", NUMBERS)
@pytest.mark.parametrize("over_pixels, over_latents, likelihood", COMBINATIONS)
def test_the_loss_line_optimises_the_elbo_with_that_beta(
        over_pixels, over_latents, likelihood, weight, pixels, latents, variance):
    arguments = {
        "weight": weight, "pixels": pixels, "latents": latents, "over_pixels": over_pixels,
        "over_latents": over_latents, "likelihood": likelihood, "variance": variance,
    }
    inputs = tensors(pixels, latents)
    found = gradient(run_line(loss_line(**arguments), inputs)["loss"], inputs, likelihood)
    beta = effective_beta(**arguments)
    wanted = gradient(objective(beta, inputs, likelihood, variance), inputs, likelihood)
    factor = (found @ wanted) / (wanted @ wanted)
    assert factor > 0
    torch.testing.assert_close(found, factor * wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("likelihood, variance", [
    ("bernoulli", 1.0), ("gaussian", 1.0), ("gaussian", 0.1),
])
@pytest.mark.parametrize("beta", [0.25, 1.0, 9.8])
def test_an_honest_loss_line_is_the_objective_itself(beta, likelihood, variance):
    inputs = tensors(30, 5)
    line = honest_loss_line(beta, 30, 5, likelihood=likelihood, variance=variance)
    bound = run_line(line, inputs)
    found = gradient(bound["loss"], inputs, likelihood)
    wanted = gradient(objective(beta, inputs, likelihood, variance), inputs, likelihood)
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-12)
    if likelihood == "bernoulli":  # a Gaussian's lacks its constant
        expected = objective(beta, inputs, likelihood, variance).item()
        assert bound["loss"].item() == pytest.approx(expected)


@pytest.mark.parametrize("over_pixels, over_latents, likelihood, law", [
    ("mean", "mean", "bernoulli", lambda w, D, d, v: w * D / d),
    ("mean", "mean", "gaussian", lambda w, D, d, v: w * D / (2 * v * d)),
    ("mean", "sum", "bernoulli", lambda w, D, d, v: w * D),
    ("sum", "sum", "bernoulli", lambda w, D, d, v: w),
])
def test_the_laws(over_pixels, over_latents, likelihood, law):
    for weight, pixels, latents, variance in NUMBERS:
        found = effective_beta(weight, pixels, latents, over_pixels=over_pixels,
                               over_latents=over_latents, likelihood=likelihood, variance=variance)
        assert found == pytest.approx(law(weight, pixels, latents, variance))


def test_a_squared_error_is_the_elbo_at_one_variance():
    weight, pixels, latents = 0.1, 784, 8
    found = effective_beta(weight, pixels, latents, over_pixels="mean", over_latents="mean",
                           likelihood="gaussian", variance=weight * pixels / (2 * latents))
    assert found == pytest.approx(1)


def test_a_weight_of_zero_is_an_autoencoder():
    arguments = PRESETS["this series' patient"].arguments | {"weight": 0}
    assert effective_beta(**arguments) == 0


BETAS = {
    "this series' patient": 9.8,
    "PyTorch's example": 1.0,
    "PyTorch's example as issue 290 wants it": 39.2,
    "Keras' example before its repair": 784.0,
    "Deep Learning with Python, 2nd edition": 0.5,
    "PyTorch-VAE": 1.536,
    "podgorskiy/VAE": 4.8,
    "WorldModels in Keras": 19.2,
}


def test_the_presets_have_their_betas_and_their_sources():
    found = {name: effective_beta(**preset.arguments) for name, preset in PRESETS.items()}
    assert found == pytest.approx(BETAS)
    sources = [preset.source for name, preset in PRESETS.items() if "patient" not in name]
    assert all(source.startswith("https://github.com/") for source in sources)
    assert len(set(sources)) == len(sources)


def test_the_presets_lines_are_the_series_own():
    line = loss_line(**PRESETS["this series' patient"].arguments).splitlines()
    assert line[0].startswith("reconstruction = F.binary_cross_entropy_with_logits(logits, x)  #")
    assert line[2] == "loss = reconstruction + 0.1 * kl.mean()"
    for preset in PRESETS.values():
        for row in loss_line(**preset.arguments).splitlines():
            assert len(row) <= 120, "too wide for the figure"


@pytest.mark.parametrize("change, words", [
    ({"weight": -1}, "at least 0"),
    ({"weight": float("nan")}, "finite"),
    ({"weight": float("inf")}, "finite"),
    ({"pixels": 0}, "pixels must be a whole number"),
    ({"pixels": 1.5}, "pixels must be a whole number"),
    ({"latents": -2}, "latents must be a whole number"),
    ({"latents": float("nan")}, "latents must be a whole number"),
    ({"over_pixels": "none"}, "over_pixels must be"),
    ({"over_latents": "average"}, 'over_latents must be "mean" or "sum", got \'average\''),
    ({"likelihood": "laplace"}, "likelihood must be"),
    ({"variance": 0.0}, "variance must be"),
    ({"variance": float("inf")}, "variance must be"),
])
@pytest.mark.parametrize("function", [effective_beta, loss_line])
def test_wrong_arguments_are_named(function, change, words):
    with pytest.raises(ValueError) as error:
        function(**PRESETS["PyTorch-VAE"].arguments | change)
    assert words in str(error.value)


def test_an_honest_loss_line_checks_what_it_is_given():
    with pytest.raises(ValueError, match="whole number"):
        honest_loss_line(1.0, 0, 8, likelihood="bernoulli")
