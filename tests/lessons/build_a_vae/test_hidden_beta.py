"""The effective β, compared with gradients of the ELBO, for every kind of loss."""

import itertools

import pytest
import torch
from torch.nn import functional as F

from vae_helpers import elbo
from vae_lessons.build_a_vae.calculator import (
    PRESETS,
    REDUCTIONS,
    batch_cancels,
    effective_beta,
    loss_line,
)

BATCH = 6
LIKELIHOODS = ("bernoulli", "gaussian", "laplace")
COMBINATIONS = list(itertools.product(REDUCTIONS, REDUCTIONS, LIKELIHOODS))
# Weight, pixels, latents, and the noise: the variance of a Gaussian or the scale of a Laplace.
NUMBERS = [(0.1, 784, 8, 1.0), (1.0, 30, 5, 0.3), (2.5, 4, 9, 2.0), (1e-6, 7, 1, 1.0),
           (0.123456789, 64, 64, 0.987654321)]


def tensors(pixels, latents):
    """The variables of a loss line, {name: tensor}."""
    generator = torch.Generator().manual_seed(pixels)

    def draw(size):
        return torch.randn(BATCH, size, generator=generator, dtype=torch.float64)

    found = {"x": draw(pixels).sigmoid()}
    sizes = {"logits": pixels, "x_hat": pixels, "mean": latents, "logvar": latents}
    for name, size in sizes.items():
        found[name] = draw(size).requires_grad_()
    return found


def gradient(loss, inputs, likelihood):
    """The gradient with respect to the outputs of decoder and encoder, concatenated."""
    names = ("logits" if likelihood == "bernoulli" else "x_hat", "mean", "logvar")
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, [inputs[n] for n in names])])


def objective(beta, inputs, likelihood, noise):
    """distortion + β · rate, in nats per image, from torch.distributions."""
    x, logits, x_hat = inputs["x"], inputs["logits"], inputs["x_hat"]
    log_likelihood = {
        "bernoulli": lambda: elbo.bernoulli_log_prob(x, logits),
        "gaussian": lambda: elbo.gaussian_log_prob(x, x_hat, torch.full_like(x, noise).log()),
        "laplace": lambda: torch.distributions.Laplace(x_hat, noise).log_prob(x).sum(-1),
    }[likelihood]()
    return (-log_likelihood + beta * elbo.gaussian_kl(inputs["mean"], inputs["logvar"])).mean()


def run_line(line, inputs):
    bound = {"F": F} | inputs
    exec(line, bound)
    return bound


def noise_of(likelihood, noise):
    return {"bernoulli": {}, "gaussian": {"variance": noise}, "laplace": {"scale": noise}}[
        likelihood
    ]


@pytest.mark.parametrize("weight, pixels, latents, noise", NUMBERS)
@pytest.mark.parametrize("reconstruction, kl, likelihood", COMBINATIONS)
def test_the_loss_line_optimises_the_elbo_with_that_beta(
        reconstruction, kl, likelihood, weight, pixels, latents, noise):
    arguments = {
        "weight": weight, "pixels": pixels, "latents": latents, "reconstruction": reconstruction,
        "kl": kl, "likelihood": likelihood, "batch": BATCH, **noise_of(likelihood, noise),
    }
    inputs = tensors(pixels, latents)
    found = gradient(run_line(loss_line(**arguments), inputs)["loss"], inputs, likelihood)
    beta = effective_beta(**arguments)
    wanted = gradient(objective(beta, inputs, likelihood, noise), inputs, likelihood)
    factor = (found @ wanted) / (wanted @ wanted)
    assert factor > 0
    # The KL's part is compared separately: with a tiny weight it is small beside the distortion.
    for part in (slice(0, pixels * BATCH), slice(pixels * BATCH, None)):
        torch.testing.assert_close(found[part], factor * wanted[part], rtol=1e-9, atol=1e-16)


@pytest.mark.parametrize("reconstruction", REDUCTIONS)
@pytest.mark.parametrize("kl", REDUCTIONS)
def test_the_batch_size_matters_only_if_one_term_is_averaged_over_it(reconstruction, kl):
    arguments = {"weight": 1.0, "pixels": 784, "latents": 8, "reconstruction": reconstruction,
                 "kl": kl, "likelihood": "gaussian"}
    small, large = (effective_beta(**arguments, batch=batch) for batch in (10, 1000))
    line = loss_line(**arguments, batch=10).splitlines()[0]
    if batch_cancels(reconstruction, kl):
        assert small == pytest.approx(large) == pytest.approx(effective_beta(**arguments))
        assert line.endswith("the batch size B = 10 cancels")
    else:
        grows = kl == "sum"
        assert large / small == pytest.approx(100 if grows else 0.01)
        assert line.endswith(f"β {'grows' if grows else 'falls'} with the batch size B = 10")
        with pytest.raises(ValueError, match="batch is missing.*Pass the number of images"):
            effective_beta(**arguments)
    without = loss_line(**arguments).splitlines()
    assert (
        "B =" not in without[0] and without[1:] == loss_line(**arguments, batch=10).splitlines()[1:]
    )


@pytest.mark.parametrize("weight, pixels, latents, batch, kl, likelihood, beta", [
    (1.0, 784, 20, 128, "sum", "gaussian", 50_176),  # the commonest mistake
    (1.0, 784, 20, 1000, "sum", "gaussian", 392_000),
    (1e-6, 784, 8, None, "mean", "bernoulli", 9.8e-5),
    (1.0, 4096, 4096, None, "mean", "bernoulli", 1.0),
])
def test_betas_of_an_averaged_error(weight, pixels, latents, batch, kl, likelihood, beta):
    assert effective_beta(weight, pixels, latents, reconstruction="mean", kl=kl, batch=batch,
                          likelihood=likelihood) == pytest.approx(beta)


@pytest.mark.parametrize("weight, written", [
    (1e-6, "1e-06"), (0.00025, "0.00025"), (0.1, "0.1"), (1.0, "1"), (50176.5, "50176.5"),
    (0.123456789, "0.123456789"), (1234567.0, "1234567.0"),
])
def test_a_weight_is_printed_without_rounding(weight, written):
    arguments = PRESETS["PyTorch-VAE"].arguments | {"weight": weight}
    assert loss_line(**arguments).endswith(f"loss = reconstruction + {written} * kl.sum() / len(x)")


@pytest.mark.parametrize("reconstruction, kl, likelihood, law", [
    ("mean", "mean", "bernoulli", lambda w, D, d, B, v: w * D / d),
    ("mean", "mean", "gaussian", lambda w, D, d, B, v: w * D / (2 * v * d)),
    ("mean", "mean", "laplace", lambda w, D, d, B, v: w * D / (v * d)),
    ("mean", "sum / len(x)", "bernoulli", lambda w, D, d, B, v: w * D),
    ("sum / len(x)", "sum / len(x)", "bernoulli", lambda w, D, d, B, v: w),
    ("sum", "sum", "bernoulli", lambda w, D, d, B, v: w),
    ("mean", "sum", "gaussian", lambda w, D, d, B, v: w * B * D / (2 * v)),
    ("sum / len(x)", "sum", "bernoulli", lambda w, D, d, B, v: w * B),
    ("sum", "sum / len(x)", "bernoulli", lambda w, D, d, B, v: w / B),
    ("sum", "mean", "bernoulli", lambda w, D, d, B, v: w / (B * d)),
])
def test_the_laws(reconstruction, kl, likelihood, law):
    for weight, pixels, latents, noise in NUMBERS:
        found = effective_beta(weight, pixels, latents, reconstruction=reconstruction, kl=kl,
                               likelihood=likelihood, batch=BATCH, **noise_of(likelihood, noise))
        assert found == pytest.approx(law(weight, pixels, latents, BATCH, noise))


def test_a_squared_error_is_the_elbo_at_one_variance():
    weight, pixels, latents = 0.1, 784, 8
    found = effective_beta(weight, pixels, latents, reconstruction="mean", kl="mean",
                           likelihood="gaussian", variance=weight * pixels / (2 * latents))
    assert found == pytest.approx(1)


def test_a_weight_of_zero_is_an_autoencoder():
    arguments = PRESETS["the original recipe"].arguments | {"weight": 0}
    assert effective_beta(**arguments) == 0


BETAS = {
    "the original recipe": 9.8,
    "PyTorch's example": 1.0,
    "issue 290's proposal for PyTorch's example": 39.2,
    "Keras' example before its repair": 784.0,
    "Deep Learning with Python, 2nd edition": 0.5,
    "PyTorch-VAE": 1.536,
    "podgorskiy/VAE": 4.8,
    "WorldModels in Keras": 19.2,
    "MMVAE before its repair": 4096.0,
    "latent diffusion's autoencoder": 1e-6,
}


def test_the_presets_have_their_betas_and_their_sources():
    found = {name: effective_beta(**preset.arguments) for name, preset in PRESETS.items()}
    assert found == pytest.approx(BETAS)
    sources = [preset.source for name, preset in PRESETS.items() if name != "the original recipe"]
    assert all(source.startswith("https://github.com/") for source in sources)
    assert len(set(sources)) == len(sources)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_s_line_runs_and_fits_the_figure(name):
    arguments = PRESETS[name].arguments
    inputs = tensors(7, 3)  # the line runs for any shape; its comment has the recipe's shape
    assert run_line(loss_line(**arguments), inputs)["loss"].isfinite()
    for row in loss_line(**arguments).splitlines():
        assert len(row) <= 120, "too wide for the figure"


def test_the_original_recipe_s_line():
    assert loss_line(**PRESETS["the original recipe"].arguments).splitlines() == [
        "# x [batch, 784], mean and logvar [batch, 8]; the batch size B = 800 cancels",
        "reconstruction = F.binary_cross_entropy_with_logits(logits, x)",
        "kl = 0.5 * (mean**2 + logvar.exp() - 1 - logvar)",
        "loss = reconstruction + 0.1 * kl.mean()",
    ]


@pytest.mark.parametrize("change, words", [
    ({"weight": -1}, "at least 0"),
    ({"weight": float("nan")}, "finite"),
    ({"weight": float("inf")}, "finite"),
    ({"pixels": 0}, "pixels must be a whole number"),
    ({"pixels": 1.5}, "pixels must be a whole number"),
    ({"latents": -2}, "latents must be a whole number"),
    ({"latents": float("nan")}, "latents must be a whole number"),
    ({"batch": 0}, "batch must be a whole number of at least 1, got 0"),
    ({"batch": 1.5}, "batch must be a whole number"),
    ({"reconstruction": "none"}, "reconstruction must be one of 'mean', 'sum / len(x)', 'sum'"),
    ({"kl": "average"}, "kl must be one of 'mean', 'sum / len(x)', 'sum', got 'average'"),
    ({"likelihood": "poisson"}, "likelihood must be one of 'bernoulli', 'gaussian', 'laplace'"),
    ({"scale": 0.0}, "scale must be"),
    ({"variance": 0.0}, "variance must be"),
    ({"variance": float("inf")}, "variance must be"),
])
@pytest.mark.parametrize("function", [effective_beta, loss_line])
def test_wrong_arguments_are_named(function, change, words):
    with pytest.raises(ValueError) as error:
        function(**PRESETS["PyTorch-VAE"].arguments | change)
    assert words in str(error.value)
