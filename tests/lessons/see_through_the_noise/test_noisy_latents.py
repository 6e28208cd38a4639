"""Neighbours, noise and the plateau: what notebook 06 measures."""

import itertools
import math

import pytest
import torch

from vae_helpers import data, elbo, evaluation, training
from vae_lessons.build_a_vae.lab import CoderVAE
from vae_lessons.see_through_the_noise import lab, study, summaries


@pytest.fixture(scope="module")
def digits():
    return data.load_mnist()


def test_purity_counts_the_nearest_other_code():
    codes = torch.tensor([[0.0, 0.0], [0.1, 0.0], [5.0, 5.0], [5.0, 5.2], [0.3, 0.0]])
    labels = torch.tensor([1, 1, 2, 3, 1])  # the two in the corner meet a stranger
    assert lab.knn_purity(codes, labels) == pytest.approx(3 / 5)
    assert lab.knn_purity(codes, torch.ones(5)) == 1
    assert lab.knn_purity(codes, torch.arange(5)) == 0


def test_codes_that_coincide_are_neighbours_of_each_other():
    codes, labels = torch.zeros(2, 3), torch.tensor([4, 4])
    assert lab.knn_purity(codes, labels) == 1


def test_chance_is_the_purity_of_codes_without_information():
    labels = torch.tensor([0] * 50 + [1] * 30 + [2] * 20)
    pairs = list(itertools.permutations(labels.tolist(), 2))
    exact = sum(a == b for a, b in pairs) / len(pairs)
    assert lab.chance_purity(labels) == pytest.approx(exact)
    generator = torch.Generator().manual_seed(0)
    drawn = [lab.knn_purity(torch.randn(100, 3, generator=generator), labels)
             for _ in range(300)]
    assert sum(drawn) / len(drawn) == pytest.approx(exact, abs=0.015)


def test_a_draw_swaps_as_often_as_counted():
    mean, other = torch.tensor([[0.3, -1.0]]), torch.tensor([[1.1, 0.2]])
    logvar = torch.tensor([[0.4, -1.2]])
    eps = torch.randn(200_000, 2, generator=torch.Generator().manual_seed(0))
    z = elbo.reparameterize(mean, logvar, eps)
    nearer = ((z - other).norm(dim=1) < (z - mean).norm(dim=1)).double().mean().item()
    found = lab.swap_probability(mean, logvar, other)
    assert found.shape == (1,) and found.item() == pytest.approx(nearer, abs=0.005)
    far = lab.swap_probability(mean, logvar - 20, other)
    assert far.item() == pytest.approx(0, abs=1e-6)


def test_encoding_as_in_training_uses_the_images_own_statistics(digits):
    images = digits.test_images[:100]
    model = CoderVAE(heads="linear", seed=0).eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    mean, logvar = lab.encode_as_in_training(model, images)
    assert not model.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    model.train()
    torch.testing.assert_close((mean, logvar), model.encode(data.pixels(images)))
    assert not torch.allclose(mean, model.eval().encode(data.pixels(images))[0])


@pytest.mark.parametrize("active, distortion, collapsed", [
    (0, 206.0, True),
    (0, 205.3, True),
    (0, 204.9, False),  # it draws better than the mean image
    (1, 206.0, False),  # a latent is active
    (0, 215.0, True),  # worse than the mean image
])
def test_the_rule_for_collapse(active, distortion, collapsed):
    assert lab.is_collapsed(active, distortion, 206.0) is collapsed


def test_a_latent_is_active_if_its_mean_varies_by_more_than_a_hundredth():
    mean = torch.tensor([[1.0, 0.0, 3.0], [-1.0, 0.1, 3.0]])  # variances 2, 0.005 and 0
    assert lab.active_units(mean) == 1


def test_recent_averages_the_last_records():
    records = [training.Record(0, 1.0, 1e-3, distortion, rate, (rate,))
               for distortion, rate in ((300.0, 9.0), (200.0, 1.0), (200.0, 1.0))]
    assert lab.recent(records, 2) == (1.0, 200.0)
    assert lab.recent(records, 3) == (pytest.approx(11 / 3), pytest.approx(700 / 3))


def test_the_threshold_of_the_digits(digits):
    """About 32 on MNIST, whichever part of it."""
    parts = digits.test_images, digits.train_images[:9000]
    found = [lab.threshold(images) for images in parts]
    assert found == pytest.approx([32.5, 32.5], abs=1)


def test_the_threshold_of_two_pictures():
    """One direction in which k pixels vary together: all of them bright or all dark."""
    images = torch.zeros(10, 4, 4, dtype=torch.uint8)
    images[:3, :2] = 255  # eight pixels, bright in three images of ten
    assert lab.threshold(images) == pytest.approx(8, rel=1e-4)


def test_the_threshold_is_where_a_small_latent_begins_to_pay(digits):
    """The exact objective of a small step off the plateau, on either side of the threshold."""
    x = data.pixels(digits.test_images[:3000]).double()
    p = x.mean(0)
    x, p = x[:, (p > 0) & (p < 1)], p[(p > 0) & (p < 1)]
    scale = (p * (1 - p)).sqrt()
    values, vectors = torch.linalg.eigh(((x - p) / scale).T @ ((x - p) / scale) / len(x))
    nodes, weights = exact_normal()

    def objective(step, beta):
        """Distortion + β · rate of one latent with decoder weights w and the best encoder."""
        w = step * vectors[:, -1] / scale  # [pixels]
        mean = (x - p) @ w / beta  # [n]; the posterior variance stays 1
        distortion = 0
        for node, weight in zip(nodes, weights):  # the expectation over z
            logits = torch.logit(p) + (mean + node)[:, None] * w  # [n, pixels]
            distortion = distortion - weight * elbo.bernoulli_log_prob(x, logits)
        return (distortion + beta * 0.5 * mean**2).mean()

    threshold = values[-1].item()
    for beta, sign in ((0.8 * threshold, -1), (1.25 * threshold, 1)):
        change = objective(0.05, beta) - objective(0.0, beta)
        assert change * sign > 0


def exact_normal():
    """Gauss–Hermite nodes and weights for a standard normal."""
    import numpy as np

    nodes, weights = np.polynomial.hermite_e.hermegauss(9)
    return torch.tensor(nodes), torch.tensor(weights / math.sqrt(2 * math.pi))


def test_the_ridge_falls_below_the_threshold_and_rises_above(digits):
    """Near the plateau it is the parabola ½ s² (1 − β*/β)."""
    scales = [-0.1, 0.0, 0.1]
    star, losses = lab.ridge(digits.test_images[:500], [10.0, 60.0], scales)
    for beta, line in zip((10.0, 60.0), losses):
        assert line[1] == pytest.approx(0, abs=1e-9)
        assert line[[0, 2]] == pytest.approx(0.005 * (1 - star / beta), rel=0.1)


def test_the_ridge_is_the_loss_of_a_vae(digits):
    """Against the loss computed pixel by pixel, with the same quadrature."""
    images, beta, s = digits.test_images[:300], 12.0, 0.7
    (loss,), = lab.ridge(images, [beta], [s])[1]
    x = data.pixels(images).double()
    p = x.mean(0)
    x, p = x[:, (p > 0) & (p < 1)], p[(p > 0) & (p < 1)]
    scale = (p * (1 - p)).sqrt()
    _values, vectors = torch.linalg.eigh(((x - p) / scale).T @ ((x - p) / scale) / len(x))
    u = vectors[:, -1] / scale
    mean, variance = (x - p) @ u * s / beta, 1 / (1 + s**2 / beta)
    distortion = elbo.bernoulli_log_prob(x, torch.logit(p).expand_as(x))
    for node, weight in zip(*exact_normal()):
        logits = torch.logit(p) + s * (mean + variance**0.5 * node)[:, None] * u
        distortion = distortion - weight * elbo.bernoulli_log_prob(x, logits)
    rate = 0.5 * (mean**2 + variance - 1 - math.log(variance))
    assert loss == pytest.approx((distortion + beta * rate).mean().item(), abs=1e-3)


def test_a_relu_lowers_the_threshold(digits):
    images = digits.test_images[:2000]
    assert 0.4 < lab.relu_threshold(images, starts=4) / lab.threshold(images) < 0.9


@pytest.mark.parametrize("batch_norm", [True, False])
def test_an_encoder_whose_last_hidden_units_are_dead_gives_constants(digits, batch_norm):
    model = CoderVAE(heads="linear", batch_norm=batch_norm, seed=0)
    images = digits.test_images[:200]
    assert lab.varying_outputs(model, images) == (8, 8)
    with torch.no_grad():
        model.mean[-3].bias.fill_(-1e3)  # the layer before the last ReLU
        model.logvar[-1].weight[:3] = 0
    assert lab.varying_outputs(model, images) == (0, 5)
    distortion, rate = model.train()(data.pixels(images), torch.zeros(200, 8))
    (distortion + rate).sum().backward()
    assert not model.mean[-3].weight.grad.any() and model.logvar[-3].weight.grad.any()


def test_every_remedy_changes_its_own_setting_alone(digits):
    images = digits.train_images[:400]
    models = {name: lab.train_recipe(images, 1, steps=0, **changes)
              for name, changes in study.REMEDIES.items()}
    assert models["small log variance"].logvar[-1].bias.tolist() == [-4.0] * 8
    norms = {name: sum(isinstance(m, torch.nn.BatchNorm1d) for m in model.modules())
             for name, model in models.items()}
    assert norms.pop("batch norm") == 14 and set(norms.values()) == {0}
    assert study.REMEDIES["smaller learning rate"] == {"learning_rate": 1e-3}


def weights_after(steps, **changes):
    images = data.load_mnist().train_images[:400]
    model = lab.train_recipe(images, 1, steps=steps, **changes)
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def test_a_recipe_lowers_the_weighted_loss_and_can_be_repeated():
    assert torch.equal(weights_after(2), weights_after(2))
    assert not torch.equal(weights_after(1), weights_after(2))
    # At the first step of a warm-up β is 0; Adam's first step has the sign of the gradient.
    assert torch.equal(weights_after(1, warm_up=9), weights_after(1, beta=0.0))
    assert not torch.equal(weights_after(1, warm_up=9), weights_after(1))


def test_a_recipe_is_judged_with_recomputed_statistics(digits):
    images = digits.train_images[:4000]
    model = lab.train_recipe(images, 1, batch_norm=True, steps=20)
    found = lab.judge_recipe(model, images, digits.validation_images[:500], 0)
    lagging = evaluation.evaluate(model, digits.validation_images[:500], seed=0)
    assert found["distortion"] < lagging.distortion and 0 <= found["active"] <= 8


def test_a_run_of_the_map_stops_when_it_has_left(digits):
    trainer = study.coders_trainer(
        1, batch_size=50, beta=0.1, learning_rate=3e-3, heads="linear", batch_norm=True)
    left = study._until_left(trainer, 1000, 206.0)
    assert left["distortion"] < 201 and left["active"] > 0 and left["varying_means"] > 0
    assert left["steps"] < 1000 and left["steps"] % study.CHUNK == 0
    stuck = study.coders_trainer(1, batch_size=20, **study.SETTLED)
    assert study._until_left(stuck, 50, 0.0)["steps"] == 50


def outcome(active, distortion, means, logvars, rate=0.0):
    return {"active": active, "distortion": distortion, "rate": rate,
            "varying_means": means, "varying_logvars": logvars}


def test_what_is_said_of_the_stored_runs():
    stored = summaries.Plateau(lambda active, distortion, mean: active == 0 and distortion > mean)
    stored.settings = {"betas": [1.0, 20.0, 40.0]}
    build = "linear heads, no batch norm"
    stored.runs = [{"mean_image": 200, "validation_mean_image": 210.0,
                    "maps": {build: [[outcome(2, 180, 8, 8), outcome(0, 201, 0, 0),
                                      outcome(0, 201, 0, 0)]]},
                    "remedies": {"a": outcome(1, 200.0, 8, 8, rate=2.0)}}]
    assert stored.counts()[build].tolist() == [[0, 1, 1]]
    assert stored.gains("a", beta=3) == ([10.0], [4.0]) and stored.leaving("a") == 1
    groups = stored.encoders()
    assert [len(runs) for runs in groups.values()] == [1, 0, 1]
    assert [stays for stays, _outcome in groups["mean and log variance constant"]] == [True]


def test_settling_takes_smaller_steps():
    trainer = study.coders_trainer(1, batch_size=20, **study.SETTLED)
    training.train(trainer, 2)
    study.come_to_rest(trainer, 3)
    assert [record.learning_rate for record in trainer.records] == pytest.approx(
        [1e-2, 1e-2, 1e-3, 1e-3, 1e-3])


def test_what_is_measured_of_a_fresh_net(digits):
    found = study.measure_latents(study.NETS["784-400-20"](0), seed=0)
    assert len(found["signal_to_noise"]) == 20 and max(found["signal_to_noise"]) < 0.1
    assert found["means"] > 0.5 > 0.15 > found["sampled"]


def test_a_decoder_without_a_code_can_only_draw_the_mean(digits):
    """The plateau's height: no constant logits cost less than those of the mean image."""
    x = data.pixels(digits.train_images[:500])
    best = evaluation.mean_image_distortion(digits.train_images[:500], digits.train_images[:500])
    mean = x.mean(0).clamp(1e-6, 1 - 1e-6)
    generator = torch.Generator().manual_seed(0)
    for size in (0.0, 0.01, 0.1):
        logits = torch.logit(mean) + size * torch.randn(784, generator=generator)
        cost = -elbo.bernoulli_log_prob(x, logits.expand_as(x)).mean().item()
        assert cost >= best - 0.01
