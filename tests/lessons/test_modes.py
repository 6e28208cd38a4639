"""Measurements do not change a model, and accept models and images of all supported types."""

import numpy
import pytest
import torch

from vae_helpers import data, elbo, evaluation, models, training
from vae_lessons.build_a_vae.lab import CoderVAE, dead_heads, renew_statistics
from vae_lessons.compare_the_estimators.lab import (
    ESTIMATORS,
    noise_of_layers,
    score_with_baseline,
)
from vae_lessons.derive_the_elbo.lab import (
    elbo_of,
    evidence_by_quadrature,
    posterior_modes,
    refined_posteriors,
)
from vae_lessons.say_how_good_it_is.lab import (
    binarized,
    bounds,
    draw_log_weights,
    grouped_bounds,
    log_weights,
    neg_elbo,
)
from vae_lessons.see_through_the_noise.lab import encode_as_in_training, varying_outputs
from vae_lessons.tour_the_latent_space.lab import posteriors
from vae_lessons.train_in_two_stages import lab, realism


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (9, 28, 28), generator=generator, dtype=torch.uint8)


@pytest.fixture
def float64():
    """PyTorch's default dtype, as notebooks 01 and 02 set it."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def normalised():
    """A model with batch norm in training mode, with one frozen layer."""
    model = CoderVAE((6, 2), (6, 784), heads="linear", seed=0)
    model.logits[0].eval()
    return model


def black_and_white(images):
    return 255 * (images > 127).to(torch.uint8)


MEASURES = {
    "evaluate": lambda model, images: evaluation.evaluate(model, images, seed=0),
    "posterior_means": evaluation.posterior_means,
    "rate_per_latent": evaluation.rate_per_latent,
    "active_units": evaluation.active_units,
    "dead_heads": dead_heads,
    "renew_statistics": lambda model, images: renew_statistics(
        model, images, batch_size=3, seed=0),
    "draw_log_weights": lambda model, images: draw_log_weights(
        log_weights, model, black_and_white(images), 2, torch.Generator()),
    "bounds": lambda model, images: bounds(
        log_weights, grouped_bounds, model, black_and_white(images), [1, 2], seed=0),
    "neg_elbo": lambda model, images: neg_elbo(model, images, seed=0),
    "codes_of": lambda model, images: lab.codes_of(model, images, seed=0),
    "mean_code_distortion": lab.mean_code_distortion,
    "encode_as_in_training": encode_as_in_training,
    "varying_outputs": varying_outputs,
    "evidence_by_quadrature": lambda model, images: evidence_by_quadrature(
        model, images, points=9),
    "posterior_modes": posterior_modes,
    "elbo_of": lambda model, images: elbo_of(
        elbo.kl_form, model, images, torch.zeros(9, 2), torch.zeros(9, 2), draws=2, seed=0),
    "refined_posteriors": lambda model, images: refined_posteriors(
        elbo.kl_form, model, images, seed=0),
    "posteriors": lambda model, images: posteriors(model, images, 0),
}
OTHERS = {
    "decode": lambda model, images: evaluation.decode(model, torch.zeros(3, 2)),
}
ALL = MEASURES | OTHERS


def modes(model):
    return [module.training for module in model.modules()]


@pytest.mark.parametrize("name", ALL)
def test_measuring_leaves_modes_statistics_and_gradients_as_they_were(name, images):
    model = normalised()
    before = modes(model)
    tensors = {key: value.clone() for key, value in model.state_dict().items()}
    ALL[name](model, images)
    assert modes(model) == before and True in before and False in before
    assert all(torch.equal(value, tensors[key]) for key, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("name", [name for name in ALL if name not in (
    "encode_as_in_training", "varying_outputs", "renew_statistics")])  # these use training mode
def test_what_is_measured_does_not_depend_on_the_mode(name, images):
    """Batch norm would give other values in training mode."""
    in_training, in_evaluation = ALL[name](normalised(), images), ALL[name](
        normalised().eval(), images)
    torch.testing.assert_close(in_training, in_evaluation, rtol=0, atol=0)


def test_an_exception_leaves_the_modes_as_they_were():
    model = normalised()
    before = modes(model)
    with pytest.raises(RuntimeError):
        evaluation.decode(model, torch.zeros(3, 5))  # the model has 2 latents
    assert modes(model) == before


def test_the_second_stage_keeps_its_mode():
    second = lab.CodeVAE(2, (8,), 4, seed=0)
    lab.code_elbo(second, torch.randn(5, 4), unit=1.0, seed=0)
    assert second.training


def test_a_loop_of_ones_own_goes_on_in_training_mode(images):
    """With a measurement after each step, training still updates the running statistics."""
    model, watched = normalised().train(), normalised().train()
    x = data.pixels(images)
    for _ in range(3):
        for each in (model, watched):
            each(x, torch.zeros(9, 2))
        evaluation.evaluate(watched, images, seed=0)
    torch.testing.assert_close(model.state_dict(), watched.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("name", MEASURES)
def test_images_of_another_kind_are_named(name, images):
    if name in ("bounds", "draw_log_weights"):  # these need binary images
        def measure(model, images):
            return bounds(log_weights, grouped_bounds, model, images, [1], seed=0)
    else:
        measure = MEASURES[name]
    for wrong in (data.pixels(images), images.float(), images.numpy(), images.tolist(),
                  images[:, None], images[0], images > 127):
        with pytest.raises(TypeError, match="Images must be a torch.uint8 tensor"):
            measure(normalised(), wrong)
    with pytest.raises(ValueError, match="no images|0 images"):
        measure(normalised(), images[:0])


def test_the_mean_image_is_of_raw_images(images):
    for wrong in (images.float() / 255, images.numpy(), images[:, None]):
        with pytest.raises(TypeError, match="Images must be a torch.uint8 tensor"):
            evaluation.mean_image(wrong)
        with pytest.raises(TypeError, match="Images must be a torch.uint8 tensor"):
            binarized(wrong, seed=0)
    with pytest.raises(ValueError, match="no images"):
        evaluation.mean_image(images[:0])


def test_decode_takes_lists_and_arrays():
    model = normalised()
    places = [[0.0, 1.0], [2.0, -1.0]]
    expected = evaluation.decode(model, torch.tensor(places))
    for z in (places, numpy.array(places)):
        torch.testing.assert_close(evaluation.decode(model, z), expected, rtol=0, atol=0)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("model_first", [True, False])
def test_models_of_either_dtype_are_measured_under_either_default(name, model_first, images):
    """The model's dtype may differ from float32, which data.pixels returns."""
    before = torch.get_default_dtype()
    if name == "elbo_of":  # needs tensors of the model's dtype
        pytest.skip("the caller chooses the dtype")
    try:
        if model_first:
            model = normalised()
            torch.set_default_dtype(torch.float64)
        else:
            torch.set_default_dtype(torch.float64)
            model = normalised()
            torch.set_default_dtype(torch.float32)
        ALL[name](model, images)
    finally:
        torch.set_default_dtype(before)


def test_training_in_double_precision(float64, images):
    trainer = training.Trainer(models.VAE(2, (8,), seed=0), images, batch_size=3, validate_every=1,
                               validation_images=images, seed=0)
    trainer.step()
    assert next(trainer.model.parameters()).dtype == torch.float64
    assert torch.tensor([trainer.records[0].elbo, trainer.validations[0][1].elbo]).isfinite().all()
    _, codes = lab.code_trainer(trainer.model, images, latent=1, hidden=(4,),
                                        batch_size=3, learning_rate=1e-3, seed=0)
    assert codes.dtype == torch.float64
    classifier = realism.train_classifier(
        images, torch.arange(9), hidden=(8,), epochs=1, batch_size=3, learning_rate=1e-3, seed=0)
    assert 0 <= realism.accuracy(classifier, images, torch.arange(9)) <= 1


def test_a_single_precision_model_trains_under_a_double_precision_default(images):
    model = models.VAE(2, (8,), seed=0)
    expected = training.Trainer(models.VAE(2, (8,), seed=0), images, batch_size=9, seed=0).step()
    torch.set_default_dtype(torch.float64)
    try:
        record = training.Trainer(model, images, batch_size=9, seed=0).step()
        noise = noise_of_layers(model, images, forms=ESTIMATORS,
                                with_baseline=score_with_baseline, draws=2, seed=0)
    finally:
        torch.set_default_dtype(torch.float32)
    assert record == expected
    assert all(layers.dtype == torch.float64 for layers in noise.values())


HERE = [name for name, there in (("cuda", torch.cuda.is_available()),
                                 ("mps", torch.backends.mps.is_available())) if there]


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("device", HERE or [
    pytest.param("cuda", marks=pytest.mark.skip(reason="this computer has no such device"))])
def test_images_go_where_the_model_is(name, device, images):
    if name in ("elbo_of", "refined_posteriors", "posterior_modes", "evidence_by_quadrature",
                "posteriors"):
        pytest.skip("its places or its noise are made on the processor")
    here = MEASURES[name](normalised(), images)
    MEASURES[name](normalised().to(device), images)
    there = MEASURES[name](normalised(), images.to(device))
    if isinstance(here, torch.Tensor):
        torch.testing.assert_close(here, there.cpu())
