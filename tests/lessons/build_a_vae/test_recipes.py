"""The recipes of notebook 03, and the measurements of trained models."""

import math

import pytest
import torch

from vae_helpers import data, evaluation, models, training
from vae_lessons.build_a_vae import figures, lab, study, summaries


@pytest.fixture(scope="module")
def digits():
    return data.load_mnist()


def test_the_mean_image_s_distortion_is_the_plateau(digits):
    """206.03 nats on the training set, computed in closed form and with a decoder."""
    train, test = digits.train_images, digits.test_images
    assert evaluation.mean_image_distortion(train, train) == pytest.approx(206.03, abs=0.01)
    assert evaluation.mean_image_distortion(train, test) == pytest.approx(205.80, abs=0.01)
    mean = data.pixels(train[:500]).double().mean(0).clamp(1e-6, 1 - 1e-6)
    x = data.pixels(test[:50]).double()
    expected = -(x * mean.log() + (1 - x) * (1 - mean).log()).sum(1).mean().item()
    assert evaluation.mean_image_distortion(train[:500], test[:50]) == pytest.approx(expected)


def test_a_dead_head_is_counted(digits):
    model = lab.CoderVAE(heads="relu", seed=0)
    with torch.no_grad():
        last = model.mean[-2]  # the layer before the ReLU
        last.weight[:3], last.bias[:3] = 0.0, -1.0
    mean, logvar = lab.dead_heads(model, digits.test_images[:1500])
    assert mean >= 3 and logvar <= 8
    linear = lab.CoderVAE(heads="linear", seed=0)
    assert lab.dead_heads(linear, digits.test_images[:200]) == (0, 0)


def test_silent_units_are_counted_and_told_from_unmoved_ones(digits):
    model = lab.CoderVAE((5, 4, 2), (4, 784), heads="relu", seed=0, batch_norm=False)
    with torch.no_grad():
        first, second, last = model.mean[0], model.mean[2], model.mean[-2]
        first.bias[:3] = -1e3  # three dead units of the first layer
        second.bias[:1] = -1e3  # and one of the second
        last.weight[0], last.bias[0] = 0.0, -1.0  # an output that no image changes
        last.bias[1] = -1e3  # an output that varies, and is always negative
        model.logvar[-2].weight.zero_()
        model.logvar[-2].bias.fill_(1.0)  # neither is 0
    counts = lab.silent_units(model, digits.test_images[:1500])
    assert counts["mean"] == 2 and counts["logvar"] == 0 and counts["unmoved"] == 1
    assert counts["first"] >= 3 and counts["hidden"] >= 4


def test_the_control_study_measures_each_arm_after_each_epoch(monkeypatch):
    digits = data.load_mnist()
    few = digits._replace(train_images=digits.train_images[:16_000],
                          test_images=digits.test_images[:500])
    monkeypatch.setattr(data, "load_mnist", lambda: few)
    run = study.control_run(1, epochs=2)
    assert set(run["arms"]) == set(study.CONTROL) and len(run["prefix_neg_elbo"]) == 40
    for arm in run["arms"].values():
        assert set(arm) == {"neg_elbo", "rate", "active", "mean", "logvar", "first", "hidden",
                            "unmoved"}
        assert all(len(values) == 2 for values in arm.values())
        assert 0 <= arm["first"][-1] <= 392 and arm["first"][-1] <= arm["hidden"][-1] <= 632
    assert run["arms"]["original"]["hidden"][-1] < run["arms"]["no batch norm"]["hidden"][-1]


def test_each_name_of_a_recipe_is_stored():
    stored = summaries.Recipes()
    assert set(summaries.NAMES.values()) == set(lab.RECIPES)
    for name in summaries.NAMES:
        assert len(stored.after(name, 10)) == len(stored.runs) == 6
    assert stored.gains("original", "both")[0] == pytest.approx(
        stored.after("original", 10)[0] - stored.after("both", 10)[0])
    assert stored.lags("both", 1)[0] == pytest.approx(
        stored.after("both", 1, mode="evaluation")[0] - stored.after("both", 1)[0])


def test_a_race_says_when_each_seed_is_where_the_other_ends():
    race = summaries.Recipes().race(
        {"no": "both, rate 0.001, no batch norm", "yes": "both, rate 0.001"}, "no")
    assert set(race["reached"]) == {"yes"}
    for curve, end, epochs in zip(race["curves"]["yes"]["neg_elbo"],
                                  (seed[-1] for seed in race["curves"]["no"]["neg_elbo"]),
                                  race["reached"]["yes"]["epochs"]):
        assert min(curve[: math.ceil(epochs)]) <= end < min(curve[: math.floor(epochs)][:-1])
    assert summaries.faster(race, "epochs", "yes") == [
        pytest.approx(10 / epochs) for epochs in race["reached"]["yes"]["epochs"]]
    assert all(1 < cost < 1.5 for cost in summaries.epoch_cost(race, "yes"))


def trained(digits, **settings):
    """A small VAE after a few steps with a large learning rate: its running statistics lag."""
    model = lab.CoderVAE((16, 4), (16, 784), heads="linear", seed=0, **settings)
    trainer = training.Trainer(model, digits.train_images[:2000], batch_size=200,
                               learning_rate=1e-2, seed=0)
    training.train(trainer, 20)
    return model


class WithNoise(torch.nn.Module):
    """A model of x only, for PyTorch's `update_bn`, with the noise of `renew_statistics`."""

    def __init__(self, model):
        super().__init__()
        self.model, self.generator = model, torch.Generator().manual_seed(5)

    def forward(self, x):
        return self.model(x, torch.randn(len(x), self.model.latent, generator=self.generator))


def test_renewed_statistics_are_those_of_pytorch_s_own_function(digits):
    model, images = trained(digits), digits.train_images[:600]
    renewed = lab.renew_statistics(model, images, batch_size=200, seed=5)
    torch.optim.swa_utils.update_bn((data.pixels(x) for x in images.split(200)), WithNoise(model))
    torch.testing.assert_close(renewed.state_dict(), model.state_dict(), rtol=0, atol=0)


def test_renewing_leaves_the_model_as_it_was(digits):
    model = trained(digits).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    renewed = lab.renew_statistics(model, digits.train_images[:600], batch_size=200, seed=5)
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)
    assert model.training and not renewed.training
    assert {norm.momentum for norm in renewed.modules() if isinstance(norm, torch.nn.BatchNorm1d)
            } == {0.01}
    for name, parameter in renewed.named_parameters():
        assert torch.equal(parameter, before[name])


def test_renewed_statistics_measure_what_training_sees(digits):
    """With all images in one batch, recomputed statistics give the values of training mode."""
    model, images = trained(digits), digits.train_images[:1000]
    renewed = lab.renew_statistics(model, images, batch_size=1000, seed=0)
    x, eps = data.pixels(images), torch.randn(1000, 4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        lagging = sum(model.eval()(x, eps)).mean().item()
        found = sum(renewed(x, eps)).mean().item()
        seen = sum(model.train()(x, eps)).mean().item()
    assert found == pytest.approx(seen, rel=1e-3)
    assert abs(lagging - seen) > 20 * abs(found - seen)


def test_without_batch_norm_there_is_nothing_to_renew(digits):
    model = trained(digits, batch_norm=False)
    renewed = lab.renew_statistics(model, digits.train_images[:400], batch_size=200, seed=5)
    torch.testing.assert_close(renewed.state_dict(), model.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("count, batch_size", [(400, 300), (0, 200), (5, 1)])
def test_broken_batches_are_refused(digits, count, batch_size):
    model = lab.CoderVAE((16, 4), (16, 784), heads="linear", seed=0)
    with pytest.raises(ValueError, match="whole batches"):
        lab.renew_statistics(model, digits.train_images[:count], batch_size=batch_size, seed=0)


@pytest.mark.parametrize("target, place", [
    (95, 2.5), (90, 3), (85, 3.5), (200, 2), (100, 2), (80, 4), (50, math.inf),
])
def test_where_a_curve_first_falls_to_a_level(target, place):
    assert lab.first_reach([2, 3, 4, 5], [100, 90, 80, 95], target) == pytest.approx(place)


def test_the_study_measures_each_recipe_in_three_ways(monkeypatch):
    """Two short epochs of two recipes give one entry per epoch, and lagging statistics."""
    digits = data.load_mnist()
    few = digits._replace(train_images=digits.train_images[:16_000])
    monkeypatch.setattr(data, "load_mnist", lambda: few)
    chosen = {name: lab.RECIPES[name] for name in (lab.SICK, lab.CURED)}
    monkeypatch.setattr(study, "RECIPES", chosen)
    run = study.run(1, epochs=2)
    assert set(run["recipes"]) == set(chosen) and len(run["prefix_neg_elbo"]) == 40
    for history in run["recipes"].values():
        first, second = history["seconds"]
        assert 0 < first < second
        assert len(history["in_training"]) == 2
        for mode in ("evaluation", "renewed"):
            assert {key: len(values) for key, values in history[mode].items()} == {
                "neg_elbo": 2, "rate": 2, "active": 2, "dead": 2}
        seen, lagging, renewed = (history["in_training"][-1], *(
            history[mode]["neg_elbo"][-1] for mode in ("evaluation", "renewed")))
        assert abs(renewed - seen) < 20 < lagging - seen


@pytest.mark.parametrize("name", lab.RECIPES)
def test_a_recipe_s_trainer_is_the_recipe_and_takes_other_settings(name):
    trainer = lab.make_trainer(name, 1, beta=3.0)
    assert trainer.beta == 3 and trainer.batch_size == 800 and len(trainer.images) == 55_000
    assert trainer.learning_rate == lab.RECIPES[name]["learning_rate"]
    norms = [m for m in trainer.model.modules() if isinstance(m, torch.nn.BatchNorm1d)]
    assert bool(norms) == ("no batch norm" not in name)
    negative = trainer.model.eval().encode(data.pixels(trainer.images[:50]))[0].min() < 0
    assert negative == (lab.RECIPES[name]["heads"] == "linear")


def test_an_unknown_recipe_is_named():
    with pytest.raises(ValueError, match="'as written'.*got 'cured'"):
        lab.make_trainer("cured", 0)


def test_active_units_are_those_whose_means_vary(digits):
    model = models.VAE(4, hidden=(8,), seed=0)
    with torch.no_grad():
        model.encoder[-1].weight.zero_()
        model.encoder[-1].weight[1] = 5.0  # the mean of the second latent
    assert evaluation.active_units(model, digits.test_images[:300]) == 1
    with torch.no_grad():
        model.encoder[-1].weight.zero_()
    assert evaluation.active_units(model, digits.test_images[:300]) == 0


def test_the_graph_shows_every_width():
    fig = figures.vae_graph((196, 8), (32, 784), 784)
    words = " ".join(text.get_text() for text in fig.axes[0].texts)
    assert "196 → 8" in words and "32 → 784" in words and "[batch, 784]" in words
