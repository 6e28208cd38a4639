"""The model and the one training step."""

import math

import pytest
import torch

from vae_helpers import data, elbo, evaluation, models, training


@pytest.fixture(scope="module")
def digits():
    return data.load_mnist()


def make(digits, seed=0, **settings):
    model = models.VAE(2, hidden=(32,), seed=seed)
    settings = {"batch_size": 64} | settings
    return training.Trainer(model, digits.train_images[:640], seed=seed, **settings)


def test_the_model_has_the_shapes_it_promises():
    model = models.VAE(5, hidden=(40, 30), pixels=784, seed=0)
    x, eps = torch.rand(7, 784), torch.randn(7, 5)
    mean, logvar = model.encode(x)
    assert mean.shape == logvar.shape == (7, 5)
    assert model.decode(torch.randn(3, 7, 5)).shape == (3, 7, 784)
    distortion, rate = model(x, eps)
    assert distortion.shape == rate.shape == (7,)


def test_the_two_parts_are_the_elbo_in_its_kl_form():
    model = models.VAE(5, hidden=(40,), seed=0)
    x, eps = torch.rand(7, 784), torch.randn(7, 5)
    distortion, rate = model(x, eps)
    mean, logvar = model.encode(x)
    logits = model.decode(mean + (logvar / 2).exp() * eps)
    torch.testing.assert_close(distortion, -elbo.bernoulli_log_prob(x, logits))
    torch.testing.assert_close(rate, elbo.gaussian_kl(mean, logvar))


def test_initial_weights_depend_on_the_seed_alone():
    torch.manual_seed(1)
    first = models.VAE(2, seed=3).state_dict()
    before = torch.get_rng_state()
    torch.rand(10)
    second = models.VAE(2, seed=3).state_dict()
    other = models.VAE(2, seed=4).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["encoder.0.weight"], other["encoder.0.weight"])
    torch.set_rng_state(before)
    drawn = torch.rand(1)
    torch.set_rng_state(before)
    models.VAE(2, seed=5)
    assert torch.equal(drawn, torch.rand(1)), "the global generator was disturbed"


@pytest.mark.parametrize("sizes", [{"latent": 0}, {"latent": 2, "hidden": (0,)}])
def test_sizes_out_of_range_are_named(sizes):
    with pytest.raises(ValueError, match="at least 1"):
        models.VAE(seed=0, **sizes)


def test_the_same_seed_gives_the_same_run(digits):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two threads may add in another order
    runs = [make(digits, seed=5) for _ in range(2)]
    for trainer in runs:
        for _ in range(25):
            trainer.step()
    torch.set_num_threads(threads)
    assert runs[0].records == runs[1].records
    assert make(digits, seed=6).step() != runs[0].records[0]


def test_training_lowers_the_negative_elbo(digits):
    trainer = make(digits)
    before = evaluation.evaluate(trainer.model, digits.test_images[:1000], seed=0).elbo
    for _ in range(100):
        trainer.step()
    after = evaluation.evaluate(trainer.model, digits.test_images[:1000], seed=0).elbo
    assert before < -500 and after > -270  # nats per image


def test_records_are_nats_per_image(digits):
    """At the first step the record is the mean over the batch of sums over pixels."""
    trainer = make(digits)
    model = models.VAE(2, hidden=(32,), seed=0)
    generator = torch.Generator().manual_seed(0)
    batch = data.minibatches(640, 64, generator)[0]
    x = data.pixels(digits.train_images[:640][batch])
    distortion, rate = model(x, torch.randn(64, 2, generator=generator))
    record = trainer.step()
    assert record.distortion == pytest.approx(distortion.mean().item())
    assert record.rate == pytest.approx(rate.mean().item())
    assert record.elbo == -record.distortion - record.rate
    assert 500 < record.distortion < 600  # 784 log 2 is 543


def test_beta_weighs_the_rate(digits):
    """β = 0 lets the rate grow, a large β presses it to nothing."""
    rates = {}
    for beta in (0.0, 1.0, 100.0):
        trainer = make(digits, beta=beta)
        for _ in range(150):
            trainer.step()
        rates[beta] = trainer.records[-1].rate
    assert rates[0.0] > 2 * rates[1.0] > 0
    assert rates[100.0] < 0.1


def test_beta_may_be_a_schedule_or_be_assigned(digits):
    trainer = make(digits, beta=lambda step: step / 4)
    for _ in range(3):
        trainer.step()
    trainer.beta = 7
    trainer.step()
    assert [record.beta for record in trainer.records] == [0, 0.25, 0.5, 7]
    assert [record.step for record in trainer.records] == [0, 1, 2, 3]


def test_every_image_is_seen_once_an_epoch(digits, monkeypatch):
    seen = []
    original = data.minibatches
    monkeypatch.setattr(
        data, "minibatches", lambda *arguments: seen.append(original(*arguments)) or seen[-1]
    )
    trainer = make(digits, batch_size=100)  # 640 = 6 · 100 + 40
    assert trainer.steps_per_epoch == 7
    for _ in range(14):
        trainer.step()
    assert len(seen) == 2
    for epoch in seen:
        assert sorted(torch.cat(epoch).tolist()) == list(range(640))


@pytest.mark.parametrize("settings, message", [
    ({"batch_size": 0}, "batch_size"),
    ({"batch_size": 641}, "batch_size"),
    ({"batch_size": 2.5}, "batch_size"),
    ({"learning_rate": 0}, "learning_rate"),
    ({"learning_rate": math.nan}, "learning_rate"),
])
def test_settings_out_of_range_are_named(digits, settings, message):
    with pytest.raises(ValueError, match=message):
        make(digits, **settings)


@pytest.mark.parametrize("beta", [-1, math.nan, lambda step: math.inf])
def test_a_wrong_beta_is_named(digits, beta):
    with pytest.raises(ValueError, match="beta"):
        make(digits, beta=beta)
    trainer = make(digits)
    trainer.beta = beta
    with pytest.raises(ValueError, match="beta"):
        trainer.step()


def test_images_of_another_kind_are_named(digits):
    with pytest.raises(TypeError, match="uint8"):
        training.Trainer(models.VAE(2, seed=0), data.pixels(digits.train_images[:500]), seed=0)


@pytest.mark.parametrize("learning_rate", [1e4, 1e20, 1e38])
def test_divergence_stops_training_and_keeps_the_last_good_parameters(digits, learning_rate):
    trainer = make(digits)
    for _ in range(5):
        trainer.step()
    trainer.learning_rate = learning_rate
    with pytest.raises(training.TrainingDiverged) as error:
        for _ in range(50):
            trainer.step()
    step = len(trainer.records)
    assert f"at step {step} " in str(error.value)
    assert f"learning rate {learning_rate:g}" in str(error.value)
    x = data.pixels(digits.train_images[:64])
    distortion, rate = trainer.model(x, torch.zeros(64, 2))
    assert distortion.isfinite().all() and rate.isfinite().all()


def test_training_goes_on_after_divergence(digits):
    trainer = make(digits)
    for _ in range(30):
        trainer.step()
    good = trainer.records[-1]
    trainer.learning_rate = 1e38
    with pytest.raises(training.TrainingDiverged):
        for _ in range(50):
            trainer.step()
    trainer.learning_rate = 1e-3
    for _ in range(30):
        record = trainer.step()
    assert record.elbo > good.elbo - 20


def test_evaluation_averages_over_all_images(digits):
    model = models.VAE(2, hidden=(32,), seed=0)
    images = digits.test_images[:2500]  # more than two chunks
    result = evaluation.evaluate(model, images, seed=0)
    x = data.pixels(images)
    rate = elbo.gaussian_kl(*model.encode(x)).mean().item()
    assert result.rate == pytest.approx(rate, rel=1e-5)
    assert result.elbo == -result.distortion - result.rate
    assert evaluation.evaluate(model, images, seed=0) == result
    means = evaluation.posterior_means(model, images)
    torch.testing.assert_close(means, model.encode(x)[0])
    assert not means.requires_grad


def test_cluster_widths():
    labels = torch.arange(10).repeat_interleave(3)
    offsets = torch.tensor([[-1.0, 0], [0, 0], [1, 0]]).repeat(10, 1)  # [30, 2]
    widths = evaluation.cluster_widths(labels[:, None] * offsets + labels[:, None], labels)
    torch.testing.assert_close(widths, torch.arange(10.0))


@pytest.mark.parametrize("slope", [-0.5, 0.0, 0.7])
def test_slants_are_the_slopes_of_straight_strokes(slope):
    rows = torch.arange(28)[:, None]
    columns = torch.arange(28)[None]
    ink = 255 * torch.exp(-((columns - 14 - slope * (rows - 14)) ** 2))
    assert evaluation.slants(ink[None].to(torch.uint8)).item() == pytest.approx(slope, abs=0.01)


def test_place_along_the_longest_axis():
    t = torch.randn(500, generator=torch.Generator().manual_seed(0))
    direction = torch.tensor([0.6, -0.8])
    place = evaluation.place_along_longest_axis(3 * t[:, None] * direction + 7)
    assert abs(evaluation.correlation(place, t)) == pytest.approx(1)
    assert evaluation.correlation(t, -t) == pytest.approx(-1)
