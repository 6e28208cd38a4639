"""Notebook 08: a decoder with one σ for each image, the open task's worked example."""

import pytest
import torch

from vae_helpers import data, elbo, evaluation
from vae_lessons.choose_a_log_variance import lab, noise, study, summaries


@pytest.fixture(scope="module")
def images():
    return data.load_mnist().test_images[:200]


@pytest.fixture
def model():
    found = noise.ImageSigmaVAE(4, [20], noise=-2.0, seed=0).eval()
    with torch.no_grad():
        found.weights.copy_(torch.randn(20, generator=torch.Generator().manual_seed(1)))
    return found


def test_at_first_it_is_the_decoder_with_one_sigma(images):
    x, eps = data.pixels(images), torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    one = lab.SigmaVAE(4, (20,), noise=-2.0, learned=True, seed=0)
    each = noise.ImageSigmaVAE(4, (20,), noise=-2.0, seed=0)
    for found, expected in zip(each(x, eps), one(x, eps)):
        torch.testing.assert_close(found, expected)


def test_making_one_leaves_the_caller_s_random_numbers():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    noise.ImageSigmaVAE(4, [20], noise=-2.0, seed=0)
    assert torch.equal(torch.rand(1), expected)


def test_the_distortion_is_the_gaussian_s_with_the_image_s_own_sigma(model, images):
    x, eps = data.pixels(images), torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    mean, logvar = model.encode(x)
    image, log_variance = model.image_and_noise(elbo.reparameterize(mean, logvar, eps))
    assert log_variance.std() > 0.1  # the images differ
    normal = torch.distributions.Normal(image, (log_variance / 2).exp())
    torch.testing.assert_close(model(x, eps)[0], -normal.log_prob(x).sum(-1))


def test_the_images_are_those_of_the_decoder(model):
    z = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(model.image_and_noise(z)[0], model.decode(z).sigmoid())


def test_what_is_measured_of_the_noise(model, images):
    model.train()
    found = noise.measure_image_noise(model, images, 5)
    assert model.training  # as the caller left it
    x = data.pixels(images)
    mean, logvar = model.encode(x)
    eps = torch.randn(200, 4, generator=torch.Generator().manual_seed(5))
    image, log_variance = model.image_and_noise(elbo.reparameterize(mean, logvar, eps))
    error = ((x - image) ** 2).mean(1)
    assert found["squared_error"] == pytest.approx(error.mean().item(), rel=1e-5)
    one, own = (lab.nll(error.sqrt(), v.expand(200)).mean().item() for v in (error.mean(), error))
    assert found["at_most"] == pytest.approx(784 * (one - own), rel=1e-3) and one > own
    expected = torch.corrcoef(torch.stack([log_variance[:, 0], error.log()]))[0, 1].item()
    assert found["correlation"] == pytest.approx(expected, abs=1e-4)


def test_the_noise_is_measured_with_the_draws_of_the_elbo(model, images):
    """With weights of 0 the error is the one that the distortion gives."""
    with torch.no_grad():
        model.weights.zero_()
        model.weights[0] = 1e-9  # a correlation needs images that differ
    parts = evaluation.evaluate(model, images, seed=2)
    found = noise.measure_image_noise(model, images, 2)["squared_error"]
    assert found == pytest.approx(lab.squared_error(model, parts.distortion), rel=1e-4)


def test_each_kind_is_the_model_that_it_names():
    settings = {key: value for key, value in study.IMAGE_SIGMA.settings.items()
                if key not in ("candidates", "epochs")}
    for kind, name in (("each image", "ImageSigmaVAE"), ("all images", "SigmaVAE"),
                       ("optimal", "LearnedScaleVAE")):
        trainer = study.candidate_trainer(1, kind, learning_rate=1e-3, **settings)
        assert type(trainer.model).__name__ == name
        if kind != "optimal":
            assert trainer.model.variance.item() == pytest.approx(settings["start"] ** 2)


def test_the_validation_images_choose():
    found = summaries.ImageSigma()
    assert len(found.ends) == 6 and all(len(ends) == 5 for ends in found.ends.values())
    for kind in ("optimal", "all images", "each image"):
        medians = {rate: sorted(found.validation(kind, rate))[2] for rate in (3e-3, 6e-3)}
        assert found.chosen(kind) == min(medians, key=medians.get)
        assert len(found.best(kind)) == len(found.best(kind, "rate")) == 5
    end = found.ends["each image", found.chosen("each image")][0]
    assert found.best("each image")[0] == end["distortion"] + end["rate"]
