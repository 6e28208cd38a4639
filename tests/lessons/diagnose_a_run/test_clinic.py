"""`clinic.examine` on VAEs as other people write and train them: sound, and with one fault each."""

import functools

import foreign_vaes as vaes
import pytest
import torch
from torch.nn import functional as F

from vae_helpers import data, training
from vae_lessons.build_a_vae import lab
from vae_lessons.diagnose_a_run import clinic

IMAGES = data.load_mnist().test_images[:1000]


def normalise(x):
    """Pixels with mean 0 and variance 1, as torchvision's examples make them."""
    return (x - 0.1307) / 0.3081


def mean_cross_entropy(x, out):
    return vaes.cross_entropy(x, out) / 784


def unchecked_cross_entropy(x, out):
    return F.binary_cross_entropy_with_logits(out, x, reduction="sum") / len(x)


NORMALISED = normalise(data.pixels(IMAGES)).reshape(-1, 1, 28, 28)
BERNOULLI = {"reconstruct": vaes.cross_entropy, "learning_rate": 3e-3}
GAUSSIAN = {"reconstruct": vaes.squared_error, "learning_rate": 3e-3, "steps": 400}
COLLAPSE = {"effective β", "collapse", "mean image", "active units"}
RUNS = {  # model, settings of `train`, images, what is ill
    "tutorial": (vaes.Tutorial, {}, BERNOULLI, IMAGES, set()),
    "tutorial, exp(logvar) as standard deviation": (
        vaes.Tutorial, {"wrong_sampler": True}, BERNOULLI, IMAGES, {"sampler"}),
    "tutorial, ReLU on logvar": (
        vaes.Tutorial, {"relu_heads": True},
        BERNOULLI | {"steps": 60, "learning_rate": 1e-3}, IMAGES, {"posterior variance"}),
    "tutorial, a KL weight of 100": (
        vaes.Tutorial, {}, BERNOULLI | {
            "weight": 100.0, "learning_rate": 1e-3}, IMAGES, COLLAPSE),
    "tutorial, two means": (
        vaes.Tutorial, {}, BERNOULLI | {"reconstruct": mean_cross_entropy, "kl": "mean",
                                        "weight": 0.1}, IMAGES, {"effective β"}),
    "convolutions": (vaes.Convolutional, {}, BERNOULLI | {"steps": 120}, IMAGES, set()),
    "convolutions, momentum 0.01": (
        vaes.Convolutional, {"momentum": 0.01}, BERNOULLI | {"steps": 60}, IMAGES,
        {"running statistics"}),
    "convolutions, normalised inputs": (
        vaes.Convolutional, {}, BERNOULLI | {
            "steps": 100, "change": normalise, "reconstruct": unchecked_cross_entropy},
        NORMALISED, {"inputs"}),
    "linear": (vaes.Linear, {}, GAUSSIAN | {"weight": 1e-4}, IMAGES, set()),
    "linear, a KL weight of 1": (vaes.Linear, {}, GAUSSIAN, IMAGES, COLLAPSE),
}


@functools.cache
def report(name):
    model, arguments, settings, images, _ill = RUNS[name]
    torch.manual_seed(0)
    model = model(**arguments)
    log = vaes.train(model, **{"steps": 150} | settings)
    return clinic.examine(model, images, records=log)


@pytest.mark.parametrize("name", RUNS)
def test_the_planted_fault_is_ill_and_nothing_else(name):
    # These runs are short, so that their losses may still fall.
    assert set(report(name).ill) - {"at rest"} == RUNS[name][-1]


def test_the_values_name_the_fault():
    def value(run, name):
        return report(run)[name].value

    assert "β = 1 " in value("tutorial", "effective β")
    assert "exp(½ logvar)" in value("tutorial", "sampler")
    assert "exp(logvar)" in value("tutorial, exp(logvar) as standard deviation", "sampler")
    assert "from 1 to" in value("tutorial, ReLU on logvar", "posterior variance")
    assert "β = 100" in value("tutorial, a KL weight of 100", "effective β")
    assert "β = 3.92" in value("tutorial, two means", "effective β")
    assert "σ² = 392" in value("linear, a KL weight of 1", "effective β")
    for run in ("tutorial, a KL weight of 100", "linear, a KL weight of 1"):
        assert "probably wants it" in report(run)["collapse"].meaning


def test_what_lags_is_measured_with_the_statistics_of_the_batch():
    lagging = report("convolutions, momentum 0.01")
    assert lagging["mean image"].verdict == "well"
    assert any("statistics of batches of 250" in text for text in lagging.seen)


def test_what_cannot_be_told_is_not():
    assert report("tutorial")["dead units"].verdict == "cannot tell"  # functional ReLUs
    assert report("convolutions")["dead units"].verdict == "well"
    assert report("linear")["sampler"].verdict == "cannot tell"


def test_a_run_of_the_series_is_read_by_its_records():
    trainer = lab.make_trainer("as written", 0, batch_size=100)
    training.train(trainer, 80)
    found = clinic.examine(trainer.model, IMAGES, records=trainer.records)
    assert "β = 9.8" in found["effective β"].value
    assert found["posterior variance"].verdict == "ill"
    assert "nn.ReLU 'logvar.16'" in found["posterior variance"].meaning
