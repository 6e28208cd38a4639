"""Runs with one fault each, what the instruments measure of them, and what is stored."""

import math

import pytest
import torch

from vae_helpers import data, elbo, evaluation, results
from vae_helpers.threads import one_thread
from vae_lessons.diagnose_a_run import evidence, instruments, lab

SETTINGS = {"latent": 4, "hidden": 20, "batch_size": 500}


def short(fault, steps=20, seed=3):
    with one_thread():
        return lab.train(fault, seed, steps=steps, **SETTINGS)


@pytest.mark.parametrize("fault", lab.FAULTS)
def test_the_weights_of_the_logged_loss_are_those_of_the_fault(fault):
    run, trainer = short(fault)
    found = instruments.loss_weights(*(run.log[key] for key in ("loss", "distortion", "rate")))
    assert torch.allclose(found, torch.tensor(lab.FAULTS[fault].weights, dtype=torch.float64),
                          rtol=1e-3)
    assert len(run.log["step"]) == 20 // lab.BLOCK and run.log["step"][-1] == 20
    assert run.log["distortion"][-1].item() == pytest.approx(
        sum(r.distortion for r in trainer.records[-lab.BLOCK:]) / lab.BLOCK, rel=1e-5)


def test_only_the_first_epoch_has_the_first_learning_rate():
    with one_thread():
        _run, trainer = lab.train("fallen into collapse", 0, steps=10, latent=2, hidden=5,
                                  batch_size=27500)
    rates = [record.learning_rate for record in trainer.records]
    assert rates == [0.2] * 2 + [2e-3] * 8


def test_training_draws_with_the_standard_deviation_of_the_fault():
    """With exp(logvar) the noise is that of a q(z|x) whose logvar is twice as large."""
    model = lab.RunVAE(4, 20, seed=0)
    x, generator = data.pixels(data.load_mnist().train_images[:50]), torch.Generator()
    parts = {}
    for fault in ("healthy", "wrong sampler"):
        objective = lab.new_trainer(fault, 0, **SETTINGS)._objective
        parts[fault] = objective(model, x, generator.manual_seed(1), beta=1, free_bits=0)[1]
    mean, logvar = model.encode(x)
    eps = data.noise(generator.manual_seed(1), 50, 4, like=x)
    for fault, sd in (("healthy", (0.5 * logvar).exp()), ("wrong sampler", logvar.exp())):
        right = -elbo.bernoulli_log_prob(x, model.decode(mean + sd * eps)).mean()
        assert torch.allclose(parts[fault], right)
    assert not torch.allclose(*parts.values())


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="condition must be one of healthy"):
        lab.new_trainer("sick", 0, **SETTINGS)
    with pytest.raises(ValueError, match="There are the runs A, B"):
        lab.anonymous("Z")


def test_recompute_is_the_evaluation_and_leaves_the_model_alone():
    run, _trainer = short(lab.NORMED)
    model, before = run.model, {k: v.clone() for k, v in run.model.state_dict().items()}
    images = data.load_mnist().validation_images[:100]
    x, generator = data.pixels(images), torch.Generator().manual_seed(5)
    eps = data.noise(generator, 100, 4, like=x)
    found = evaluation.evaluate(model, images, seed=5)
    model.eval()
    assert instruments.recompute(model, x, eps, training_mode=False) == pytest.approx(
        tuple(found), rel=1e-5)
    of_batch = instruments.recompute(model, x, eps, training_mode=True)
    assert not any(module.training for module in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    model.train()
    with torch.no_grad():
        assert of_batch == pytest.approx([part.mean().item() for part in model(x, eps)], rel=1e-5)


def test_decline_is_the_slope_of_the_last_third():
    step = torch.arange(10, 310, 10, dtype=torch.float64)
    curve = torch.where(step > 200, 100 - 0.03 * step, 500 - step)
    assert instruments.decline(step, curve) == pytest.approx(3)
    assert instruments.decline(step, torch.full_like(step, 7)) == pytest.approx(0, abs=1e-9)


class Fixed(torch.nn.Module):
    """An encoder that returns given log variances."""

    def __init__(self, logvar):
        super().__init__()
        self.logvar = logvar

    def encode(self, x):
        return torch.zeros_like(self.logvar), self.logvar


def test_pinned_share_counts_equal_variances_in_two_latents():
    logvar = torch.tensor([[0.0, 0.0, 1.0], [0.0, 2.0, 3.0]])
    assert instruments.pinned_share(Fixed(logvar), None) == pytest.approx(0.5)
    assert instruments.pinned_share(Fixed(logvar + torch.tensor([0, 1, 1])), None) == 0
    noise = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    assert instruments.pinned_share(Fixed(noise), None) == 0


def test_dead_units_are_those_that_are_0_for_all_images():
    model, x = lab.RunVAE(2, 6, seed=0), torch.rand(40, 784)
    with torch.no_grad():
        model.encoder[0].bias[:4] = -1000
    alive = int((model.encoder[:2](x) > 0).any(0).sum())
    assert 0 < alive <= 2 and instruments.dead_units(model, x) == 6 - alive


def test_a_floor_keeps_the_variance_at_1_or_above():
    x = torch.rand(20, 784)
    with torch.no_grad():
        free, floored = (lab.RunVAE(3, 9, floor=floor, seed=1).encode(x)[1]
                         for floor in (False, True))
    assert torch.equal(floored, free.clamp(min=0)) and (free < 0).any()


def test_each_anonymous_run_is_another_condition_and_of_other_seeds_than_the_study():
    found = [lab.condition_of(letter) for letter in lab.letters()]
    assert sorted(found) == sorted(lab.CONDITIONS) and len(found) == 8
    shown, = results.load(lab.CASES)["runs"]
    seeds = {int(seed) for seed in results.load(lab.STUDY)["runs"]}
    assert len(seeds) == 10 and not seeds & set(range(int(shown), int(shown) + len(found)))


def test_the_stored_models_are_those_of_the_logs():
    """Recomputed on training images, each run's distortion is the log's, but for one sampler."""
    for letter in lab.letters():
        run = lab.anonymous(letter)
        found = instruments.examine(run, *instruments.OURS)
        wrong = lab.condition_of(letter) == "wrong sampler"
        assert (abs(found.unlogged) < 5) != wrong
        assert all(map(math.isfinite, found))


def test_picture_of_agrees_with_the_measurements():
    run = lab.anonymous("D")
    found = instruments.examine(run, *instruments.OURS)
    shown = evidence.picture_of("D", run, found)
    assert shown["active"].sum() == found.active and len(shown["rates"]) == 10
    assert sum(shown["rates"]) == pytest.approx(found.rate, rel=1e-4)
    mean_image = evaluation.mean_image_distortion(
        data.load_mnist().train_images,
        data.load_mnist().validation_images[:instruments.IMAGES])
    assert shown["numbers"]["active units"] == ("10 of 10", "10")
    assert shown["numbers"]["decline"][0] == f"{found.decline:+.1f}"
    assert shown["mean_image"] == pytest.approx(mean_image)
