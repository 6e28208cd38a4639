"""The training loop and evaluation."""

import math

import pytest
import torch

from vae_helpers import data, elbo, evaluation, models, schedules, training
from vae_lessons.build_a_vae.lab import CoderVAE
from vae_lessons.start_here import lab

MISSING = pytest.mark.skipif(True, reason="this computer has no such device")
HERE = {
    "cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(),
}
DEVICES = [pytest.param(name, marks=() if there else MISSING) for name, there in HERE.items()]
on_every_device = pytest.mark.parametrize("device", DEVICES)


@pytest.fixture(scope="module")
def digits():
    return data.load_mnist()


def make(digits, seed=0, **settings):
    model = models.VAE(2, hidden=(32,), seed=seed)
    settings = {"batch_size": 64} | settings
    return training.Trainer(model, digits.train_images[:640], seed=seed, **settings)


def make_normalised(digits, **settings):
    """A trainer of a model with batch normalisation."""
    model = CoderVAE((32, 4), (32, 784), heads="linear", seed=0)
    settings = {"batch_size": 64} | settings
    return training.Trainer(model, digits.train_images[:640], seed=0, **settings)


def run(trainer, steps):
    for _ in range(steps):
        trainer.step()
    return trainer


def gradients(trainer):
    return [parameter.grad for parameter in trainer.model.parameters()]


def test_the_same_seed_gives_the_same_run(digits, one_thread):
    runs = [run(make(digits, seed=5), 25) for _ in range(2)]
    assert runs[0].records == runs[1].records
    assert make(digits, seed=6).step() != runs[0].records[0]


@on_every_device
def test_training_lowers_the_negative_elbo(digits, device):
    trainer = make(digits, device=device)
    before = evaluation.evaluate(trainer.model.cpu(), digits.test_images[:1000], seed=0).elbo
    trainer.model.to(trainer.device)
    run(trainer, 100)
    after = evaluation.evaluate(trainer.model.cpu(), digits.test_images[:1000], seed=0).elbo
    assert before < -500 and after > -270  # nats per image


def test_records_are_nats_per_image(digits):
    """The first record is the mean over the batch of sums over pixels."""
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
    per_latent = elbo.gaussian_kl_per_latent(*model.encode(x)).mean(0)
    assert record.rate_per_latent == pytest.approx(per_latent.tolist())
    assert sum(record.rate_per_latent) == pytest.approx(record.rate)
    assert 500 < record.distortion < 600  # 784 log 2 is 543


def test_beta_weighs_the_rate(digits):
    """With β = 0 the rate grows, with a large β it goes to 0."""
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


def test_a_schedule_of_the_package_steers_beta(digits):
    trainer = run(make(digits, beta=schedules.cyclical(4, beta=2.0)), 5)
    assert [record.beta for record in trainer.records] == [0, 1, 2, 2, 0]


def test_a_new_batch_size_counts_at_once_and_no_image_is_lost(digits, monkeypatch):
    trainer, seen = make(digits, batch_size=100), []
    original = trainer._next_batch
    monkeypatch.setattr(trainer, "_next_batch", lambda: seen.append(original()) or seen[-1])
    run(trainer, 2)
    trainer.batch_size = 250
    run(trainer, 1)
    trainer.batch_size = 120
    run(trainer, 2)
    assert [len(batch) for batch in seen] == [100, 100, 250, 120, 70]
    assert sorted(torch.cat(seen).tolist()) == list(range(640))
    run(trainer, trainer.steps_per_epoch)
    assert sorted(torch.cat(seen[5:]).tolist()) == list(range(640))
    with pytest.raises(ValueError, match="batch_size must be a whole number from 1 to 640, got 0"):
        trainer.batch_size = 0
    assert trainer.batch_size == 120


def test_free_bits_are_the_least_that_a_latent_costs(digits):
    """The gradient is that of Σ_j max(λ, mean KL_j); records hold the rate without free bits."""
    trainer, free_bits = make(digits, free_bits=0.005), 0.005
    model = models.VAE(2, hidden=(32,), seed=0)
    generator = torch.Generator().manual_seed(0)
    x = data.pixels(digits.train_images[:640][data.minibatches(640, 64, generator)[0]])
    distortion, rates = model.elbo_parts(x, torch.randn(64, 2, generator=generator))
    per_latent = rates.mean(0)
    assert per_latent.min() < free_bits < per_latent.max(), "one latent on each side"
    loss = distortion.mean() + sum(max(rate, torch.tensor(free_bits)) for rate in per_latent)
    loss.backward()
    record = trainer.step()
    torch.testing.assert_close(gradients(trainer), [p.grad for p in model.parameters()])
    assert record.rate_per_latent == pytest.approx(per_latent.tolist())
    assert record.rate == pytest.approx(rates.sum(1).mean().item())


def test_free_bits_keep_latents_alive_under_a_large_beta(digits):
    none, some = (
        run(make(digits, beta=50.0, free_bits=free_bits), 150).records[-1].rate_per_latent
        for free_bits in (0.0, 1.5)
    )
    assert max(none) < 0.1
    assert some == pytest.approx((1.5, 1.5), abs=0.5)


def test_validation_is_what_evaluation_gives_and_changes_nothing(digits, one_thread):
    images = digits.test_images[:300]
    tested = make_normalised(digits, validation_images=images, validate_every=4)
    plain = make_normalised(digits)
    for step in range(1, 10):
        tested.step()
        plain.step()
        assert tested.model.training
        if step == 8:
            result = evaluation.evaluate(plain.model, images, seed=0)
    assert tested.records == plain.records
    assert [step for step, _ in tested.validations] == [4, 8]
    assert tested.validations[1][1] == result
    assert plain.validations == []


@on_every_device
def test_a_device_gets_the_same_batches_and_draws(digits, device):
    """Devices add numbers in another order, but the first steps agree closely."""
    settings = {"validation_images": digits.test_images[:100], "validate_every": 3}
    here = run(make_normalised(digits, device="cpu", **settings), 3)
    there = run(make_normalised(digits, device=device, **settings), 3)
    assert next(there.model.parameters()).device.type == device
    assert all(p.dtype == torch.float32 for p in there.model.parameters())
    for one, other in zip(here.records, there.records):
        assert other.distortion == pytest.approx(one.distortion, rel=1e-3)
        assert other.rate_per_latent == pytest.approx(one.rate_per_latent, rel=1e-2, abs=1e-3)
    assert there.validations[0][1].elbo == pytest.approx(here.validations[0][1].elbo, rel=1e-3)
    assert torch.equal(here.generator.get_state(), there.generator.get_state())


@on_every_device
def test_a_device_is_chosen_by_name(device):
    assert training.choose_device(device).type == device
    for other in (f"{device}:0", torch.device(device), torch.device(f"{device}:0")):
        assert training.choose_device(other) == torch.device(other)
    assert training.choose_device("auto").type == next(
        name for name in ("cuda", "mps", "cpu") if HERE[name]
    )


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_named(digits, name, monkeypatch):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    with pytest.raises(ValueError, match=f"no device='{name}', or.* Available: cpu"):
        make(digits, device=name)
    for one in (f"{name}:0", torch.device(name), torch.device(name, 1)):
        with pytest.raises(ValueError, match=f"no device='{name}(:.)?', or"):
            training.choose_device(one)
    for unknown in ("gpu", "meta", "cpu:x", None):
        with pytest.raises(ValueError, match=f"no device='{unknown}', or"):
            make(digits, device=unknown)
    assert training.choose_device("auto").type == "cpu"


def test_train_counts_the_steps_of_the_whole_run(digits):
    trainer = make(digits)
    training.train(trainer, 7)
    training.train(trainer, 5)
    assert len(trainer.records) == 7
    training.train(trainer, 9)
    assert len(trainer.records) == 9


@pytest.mark.parametrize("steps", [2.5, -1])
def test_steps_are_whole(digits, steps):
    with pytest.raises(ValueError, match="steps must be a whole number of at least 0"):
        training.train(make(digits), steps)


@pytest.mark.parametrize("settings, message", [
    ({"batch_size": 0}, "batch_size"),
    ({"batch_size": 641}, "batch_size"),
    ({"batch_size": 2.5}, "batch_size"),
    ({"learning_rate": 0}, "learning_rate"),
    ({"learning_rate": math.nan}, "learning_rate"),
    ({"free_bits": -0.1}, "free_bits must be a finite number of nats ≥ 0, got -0.1"),
    ({"free_bits": math.nan}, "free_bits"),
    ({"validate_every": 5}, "belong together"),
    ({"validation_images": torch.zeros(2, 28, 28, dtype=torch.uint8)}, "belong together"),
    ({"validation_images": torch.zeros(2, 28, 28, dtype=torch.uint8), "validate_every": 0},
     "validate_every"),
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


def test_no_images_are_named(digits):
    none = digits.train_images[:0]
    with pytest.raises(ValueError, match="no examples to train on"):
        training.Trainer(models.VAE(2, seed=0), none, seed=0)
    with pytest.raises(ValueError, match="no validation_images"):
        make(digits, validation_images=none, validate_every=1)


def test_a_step_trains_in_training_mode_whatever_was_looked_at_before(digits, one_thread):
    plain, looked_at = make_normalised(digits), make_normalised(digits)
    run(plain, 4)
    for _ in range(4):
        looked_at.model.eval()
        looked_at.step()
    assert looked_at.records == plain.records
    assert all(module.training for module in looked_at.model.modules())


def test_images_of_another_kind_are_named(digits):
    with pytest.raises(TypeError, match="uint8"):
        training.Trainer(models.VAE(2, seed=0), data.pixels(digits.train_images[:500]), seed=0)


@on_every_device
@pytest.mark.parametrize("learning_rate", [1e4, 1e20, 1e38])
def test_divergence_stops_training_and_keeps_the_last_good_parameters(
    digits, learning_rate, device
):
    trainer = run(make(digits, device=device), 5)
    trainer.learning_rate = learning_rate
    with pytest.raises(training.TrainingDiverged) as error:
        run(trainer, 50)
    step = len(trainer.records)
    assert f"at step {step} " in str(error.value)
    assert f"of step {(step - 1) // training.GOOD_EVERY * training.GOOD_EVERY}," in str(error.value)
    assert f"learning rate {learning_rate:g}" in str(error.value)
    x = data.pixels(digits.train_images[:64])
    distortion, rate = trainer.model.cpu()(x, torch.zeros(64, 2))
    assert distortion.isfinite().all() and rate.isfinite().all()


@pytest.mark.parametrize("learning_rate", [1e20, 1e38])
def test_divergence_spares_the_running_statistics(digits, learning_rate):
    trainer = run(make_normalised(digits), 5)
    trainer.learning_rate = learning_rate
    with pytest.raises(training.TrainingDiverged):
        run(trainer, 50)
    state = trainer.model.state_dict()
    assert all(tensor.isfinite().all() for tensor in state.values())
    # Neither the failed step nor the steps since the last copy count.
    kept = 1 + (len(trainer.records) - 1) // training.GOOD_EVERY * training.GOOD_EVERY
    assert state["mean.0.num_batches_tracked"] == kept
    result = evaluation.evaluate(trainer.model, digits.test_images[:100], seed=0)
    assert math.isfinite(result.distortion + result.rate)


def test_running_statistics_that_overflow_count_as_divergence(digits):
    """With the batch's own statistics the loss is finite; in evaluation it would not be."""
    trainer = run(make_normalised(digits), 3)
    trainer.model.logits[1].weight.data *= 1e22
    with pytest.raises(training.TrainingDiverged):
        run(trainer, 3)
    assert all(buffer.isfinite().all() for buffer in trainer.model.buffers())


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
    with pytest.raises(ValueError, match="no images to evaluate on"):
        evaluation.evaluate(model, images[:0], seed=0)


def test_cluster_widths():
    labels = torch.arange(10).repeat_interleave(3)
    offsets = torch.tensor([[-1.0, 0], [0, 0], [1, 0]]).repeat(10, 1)  # [30, 2]
    widths = lab.cluster_widths(labels[:, None] * offsets + labels[:, None], labels)
    torch.testing.assert_close(widths, torch.arange(10.0))


@pytest.mark.parametrize("slope", [-0.5, 0.0, 0.7])
def test_slants_are_the_slopes_of_straight_strokes(slope):
    rows = torch.arange(28)[:, None]
    columns = torch.arange(28)[None]
    ink = 255 * torch.exp(-((columns - 14 - slope * (rows - 14)) ** 2))
    assert lab.slants(ink[None].to(torch.uint8)).item() == pytest.approx(slope, abs=0.01)


def test_place_along_the_first_principal_axis():
    t = torch.randn(500, generator=torch.Generator().manual_seed(0))
    direction = torch.tensor([0.6, -0.8])
    place = lab.place_along_principal_axis(3 * t[:, None] * direction + 7)
    assert abs(lab.correlation(place, t)) == pytest.approx(1)
    assert lab.correlation(t, -t) == pytest.approx(-1)
