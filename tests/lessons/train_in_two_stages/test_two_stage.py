"""Two stages: codes and their second model, the whole as one model, and measures of samples."""

import math

import numpy as np
import pytest
import torch

from vae_helpers import data, elbo, evaluation, models, training
from vae_lessons.train_in_two_stages import lab, realism, study, summaries


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def digits():
    return data.load_mnist()


def trained(trainer, steps):
    for _ in range(steps):
        trainer.step()
    return trainer.model


def test_codes_are_standardised_by_the_reference():
    reference = 3 * noise(500, 4) + 2
    standard = lab.standardise(reference, reference)
    assert standard.mean(0).abs().max() < 1e-5 and (standard.std(0) - 1).abs().max() < 1e-5
    one = lab.standardise(reference[:1], reference)
    assert torch.equal(one, standard[:1]), "a code must not depend on what it is coded with"


def test_an_autoencoder_s_draw_is_its_code(digits):
    model, images = lab.Autoencoder(3, (8,), seed=0), digits.test_images[:20]
    codes = lab.codes_of(model, images, seed=5)
    assert torch.equal(codes, model.encode(data.pixels(images))[0])
    noisy = models.VAE(3, (8,), seed=0)
    draws = [lab.codes_of(noisy, images, seed=seed) for seed in (5, 5, 6)]
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])


def test_an_autoencoder_s_parts_are_a_vae_s_without_noise():
    """KL(N(m, s²) ‖ N(0, 1)) less its terms of s is ½ m²; the distortion is at z = mean."""
    model, x = lab.Autoencoder(2, (8,), pixels=9, seed=0), noise(5, 9).sigmoid()
    distortion, penalty = model.elbo_parts(x, noise(5, 2))
    mean, logvar = model.encode(x)
    assert (logvar == -math.inf).all()
    assert torch.allclose(penalty, elbo.gaussian_kl_per_latent(mean, 0 * mean))
    assert torch.allclose(distortion, -elbo.bernoulli_log_prob(x, model.decode(mean)))


def test_a_penalty_makes_codes_small(digits):
    spread = {}
    for beta in (0.0, 1.0):
        model = lab.Autoencoder(4, (32,), seed=0)
        trained(training.Trainer(model, digits.train_images[:5000], beta=beta, seed=0), 80)
        spread[beta] = evaluation.posterior_means(model, digits.test_images[:500]).pow(2).mean()
    assert spread[1.0] < 0.8 * spread[0.0]


def test_the_learned_variance_is_the_mean_squared_error():
    model, x = lab.CodeVAE(2, (16,), 6, seed=0), noise(300, 6)
    eps = noise(300, 2, seed=1)
    for _ in range(200):
        distortion, _ = model.train().elbo_parts(x, eps)
    squared = (x - model.decode(elbo.reparameterize(*model.encode(x), eps))) ** 2
    assert model.variance.item() == pytest.approx(squared.mean().item(), rel=1e-3)
    best = 0.5 * 6 * (math.log(2 * math.pi * squared.mean().item()) + 1)
    assert distortion.mean().item() == pytest.approx(best, rel=1e-4)
    still, _ = model.eval().elbo_parts(x, eps)
    by_hand = -elbo.gaussian_log_prob(
        x, model.decode(elbo.reparameterize(*model.encode(x), eps)),
        model.variance.log().expand(300, 6))
    assert torch.allclose(still, by_hand, rtol=1e-4)


def test_no_gradient_is_lost_by_holding_the_variance():
    """½ D (1 + log 2π MSE) has the gradient of squared errors over the held variance."""
    model = lab.CodeVAE(2, (8,), 5, seed=0)
    x, eps = noise(40, 5), noise(40, 2)
    distortion, _ = model.elbo_parts(x, eps)
    weight = model.decoder[0].weight
    held, = torch.autograd.grad(distortion.mean(), weight)
    squared = (x - model.decode(elbo.reparameterize(*model.encode(x), eps))) ** 2
    profiled, = torch.autograd.grad(0.5 * 5 * squared.mean().log(), weight)
    assert torch.allclose(held, profiled, rtol=1e-4, atol=1e-7)


def test_codes_are_trained_on_as_they_are():
    codes = noise(64, 3)
    trainer = training.Trainer(
        lab.CodeVAE(2, (8,), 3, seed=0), codes, batch_size=16, seed=0,
        rows=lab.require_codes)
    before = trainer.step().distortion
    trained(trainer, 300)
    assert trainer.records[-1].distortion < before


@pytest.mark.parametrize("wrong", [
    torch.zeros(4, 28, 28, dtype=torch.uint8), torch.zeros(4), [[0.0]],
    torch.zeros(4, 3, dtype=torch.int64),
])
def test_what_are_no_codes_is_named(wrong):
    with pytest.raises(TypeError, match="float tensor"):
        training.Trainer(
            models.VAE(2, (8,), 3, seed=0), wrong, seed=0, rows=lab.require_codes)


@pytest.fixture(scope="module")
def whole(digits):
    first = lab.Autoencoder(4, (64,), seed=0)
    trained(training.Trainer(first, digits.train_images, beta=0.0, seed=0), 150)
    trainer, codes = lab.code_trainer(
        first, digits.train_images[:10_000], latent=3, hidden=(32,), batch_size=250,
        learning_rate=2e-3, seed=0)
    trained(trainer, 300)
    return lab.TwoStage(first, trainer.model, codes).eval()


@torch.no_grad()
def test_the_whole_samples_codes_that_lie_where_real_ones_do(whole, digits):
    w, eps = noise(4000, 3), noise(4000, 4, seed=1)
    code = whole.second.decode(w) + whole.second.variance.sqrt() * eps
    pictures = evaluation.decode(whole, torch.cat([w, eps], 1))
    assert torch.allclose(pictures, whole.first.decode(code * whole.sd + whole.mean).sigmoid())
    assert code.mean(0).abs().max() < 0.2 and (code.std(0) - 1).abs().max() < 0.25
    codes = lab.codes_of(whole.first, digits.train_images[:10_000], seed=0)
    sampled = lab.sample(whole.first, whole.second, codes, w, eps)
    assert torch.allclose(sampled.sigmoid(), pictures, atol=1e-5)
    for unit in (0.1, 10.0):
        again = lab.sample_in_unit(whole.first, whole.second, codes, w, eps, unit=unit)
        assert torch.allclose(again, sampled, rtol=1e-3, atol=1e-3)


@torch.no_grad()
def test_the_whole_s_bound_is_below_its_evidence(whole, digits):
    """log p(x) from many draws of the prior, for an easy image: the ELBO is below it."""
    x = data.pixels(digits.test_images[:3])
    log_p = []
    for seed in range(8):
        logits = whole.decode(noise(10_000, whole.latent, seed=seed))
        log_p.append(elbo.bernoulli_log_prob(x, logits[:, None].expand(-1, 3, -1)))  # [draws, 3]
    evidence = torch.logsumexp(torch.cat(log_p), 0) - math.log(80_000)  # itself from below
    draws = [-sum(whole(x, noise(3, whole.latent, seed=seed))) for seed in range(200)]
    assert (torch.stack(draws).mean(0) < evidence).all()


def test_the_whole_s_rate_is_that_of_w(whole, digits):
    x = data.pixels(digits.test_images[:9])
    _, rates = whole.elbo_parts(x, noise(9, whole.latent))
    standard = (whole.first.encode(x)[0] - whole.mean) / whole.sd
    of_w = elbo.gaussian_kl_per_latent(*whole.second.encode(standard))
    assert torch.allclose(rates, torch.cat([of_w, torch.zeros(9, 4)], 1))


def test_one_gaussian_draws_with_the_codes_mean_and_covariance(digits):
    first = lab.Autoencoder(3, (16,), seed=0)
    codes = noise(400, 3) @ noise(3, 3, seed=1) + 2
    fitted = lab.OneGaussian(first, codes)
    z = noise(200_000, 3, seed=2)
    sampled = z @ fitted.root.T + fitted.mean
    assert torch.allclose(torch.cov(sampled.T), torch.cov(codes.T), rtol=0.02, atol=0.05)
    x = data.pixels(digits.test_images[:5])
    assert torch.allclose(fitted.decode(fitted.encode(x)[0]), first.decode(first.encode(x)[0]),
                          rtol=1e-3, atol=1e-4)


def test_another_unit_of_code_moves_the_elbo_by_the_volume(whole, digits):
    codes = lab.codes_of(whole.first, digits.test_images[:200], seed=0)
    standard = (codes - whole.mean) / whole.sd
    told = {unit: lab.code_elbo(whole.second, standard, unit=unit, seed=3)
            for unit in (0.1, 1, 10)}
    for unit in (0.1, 10):
        assert told[unit] - told[1] == pytest.approx(-4 * math.log(unit), abs=1e-3)


def test_reconstructions_are_measured_without_noise(whole, digits):
    images = digits.test_images[:1500]
    x = data.pixels(images)
    logits = whole.first.decode(whole.first.encode(x)[0])
    by_hand = -elbo.bernoulli_log_prob(x, logits).mean().item()
    assert lab.mean_code_distortion(whole.first, images) == pytest.approx(by_hand, rel=1e-5)
    assert lab.mean_code_distortion(whole, images) > by_hand


def test_frechet_distance_in_one_and_more_dimensions():
    a, b = noise(200_000, 1).double(), 3 + 2 * noise(200_000, 1, seed=1).double()
    assert realism.frechet_distance(a, b) == pytest.approx(9 + 1, rel=0.02)
    both = noise(5000, 4).double()
    turned = both @ torch.linalg.qr(noise(4, 4, seed=2).double()).Q * 3
    exact = realism.frechet_distance(both, turned)
    one, other = (np.cov(cloud.numpy().T) for cloud in (both, turned))
    values = np.linalg.eigvals(one @ other)  # of the product itself, which is not symmetric
    shift = ((both.mean(0) - turned.mean(0)) ** 2).sum().item()
    by_hand = shift + np.trace(one + other) - 2 * np.sqrt(values.real).sum()
    assert exact == pytest.approx(by_hand, rel=1e-6)
    assert realism.frechet_distance(both, both) == pytest.approx(0, abs=1e-9)


def test_covered_is_what_it_says():
    line = torch.arange(10.0)[:, None]  # each ball reaches to the second neighbour
    assert realism.covered(line + 0.4, line, k=2) == 1
    assert realism.covered(torch.tensor([[-1.9], [-2.1], [30.0], [4.5]]), line, k=2) == 0.5
    assert realism.covered(line, torch.tensor([[0.0], [0.5], [1.0]]), k=1) == 0.2


def test_the_classifier_learns_and_depends_on_its_seed_alone(digits):
    settings = {"hidden": (64,), "epochs": 3, "batch_size": 100, "learning_rate": 4e-3}
    images, labels = digits.train_images[:10_000], digits.train_labels[:10_000]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    first = realism.train_classifier(images, labels, **settings, seed=0)
    torch.manual_seed(2)
    second = realism.train_classifier(images, labels, **settings, seed=0)
    torch.set_num_threads(threads)
    assert realism.accuracy(first, digits.test_images, digits.test_labels) > 0.85
    x = data.pixels(digits.test_images[:50])
    assert torch.equal(first(x), second(x))
    real = data.pixels(digits.test_images[:400])
    grey = torch.full((400, 784), 0.13)
    assert realism.confident_share(first, real) > 0.5
    good = realism.picture_quality(data.pixels(digits.test_images[400:800]), real, first,
                                   distance=realism.frechet_distance)
    bad = realism.picture_quality(grey + 0.01 * noise(400, 784), real, first,
                                  distance=realism.frechet_distance)
    assert good.frechet < bad.frechet and good.recall > 0.5 > bad.recall


def test_moments_leave_out_what_is_done_between():
    class Stepper:
        def __init__(self):
            self.records = []

        def step(self):
            self.records.append(sum(i * i for i in range(2000)))

    quick, slow = Stepper(), Stepper()
    plain = list(study.moments(quick, [0.05, 0.1]))
    paused = []
    for steps in study.moments(slow, [0.05, 0.1]):
        paused.append(steps)
        sum(i * i for i in range(2_000_000))  # longer than all the training
    assert 0.3 < paused[1] / plain[1] < 3 and 0.3 < (paused[1] - paused[0]) / paused[0] < 3


def test_a_small_run_measures_every_way_and_keeps_pictures_of_one_seed():
    settings = study.TWO_STAGE.settings | {
        "budgets": [0.06, 0.12], "middle": 0.12, "pictures": 3,
        "classifier": {"hidden": [8, 4], "epochs": 1, "batch_size": 500, "learning_rate": 4e-3,
                       "seed": 0}}
    threads = torch.get_num_threads()
    found = study.run_two_stage(settings["model_seed"], **settings)
    torch.set_num_threads(threads)
    assert {way: len(of) for way, of in found["ways"].items()} == {lab.AT_ONCE: 2, lab.STAGES: 2}
    assert set(found["variants"]) == {
        lab.SMALL_CODES, lab.ON_VAE, lab.ON_SCALED, lab.SCALED, lab.ONE_GAUSSIAN,
        "0.04 + 0.08 s", "0.11 + 0.01 s"}
    once, stages = found["ways"][lab.AT_ONCE], found["ways"][lab.STAGES]
    assert once[0]["steps"][0] < once[1]["steps"][0] and len(stages[0]["steps"]) == 2
    assert once[1]["of_codes"] == once[1]["of_whole"] and once[1]["neg_elbo"] > 45
    assert found["variants"][lab.ONE_GAUSSIAN]["neg_elbo"] is None, "it is infinite"
    kept = found["models"]["pictures"]
    assert kept.samples.shape == (2, 2, 3, 784)
    assert all(image.std() > 0 for image in kept.samples.flatten(0, 2))


def test_a_small_run_stops_both_ways_at_their_steps():
    small = {"hidden": [8, 4], "epochs": 1, "batch_size": 500, "learning_rate": 4e-3, "seed": 0}
    settings = study.STEP_SIZES.settings | {
        "classifier": small, "learning_rates": {study.FIRST: [0.1], lab.AT_ONCE: [1e-4, 4e-3]},
        "steps": {study.FIRST: [1, 3], lab.AT_ONCE: [2, 4]}}
    threads = torch.get_num_threads()
    found = study.run_step_sizes(1, **settings)
    trainer = lab.joint_trainer(1, joint_learning_rate=4e-3, **{
        key: settings[key] for key in ("latent", "joint_hidden", "batch_size")})
    training.train(trainer, 4)
    torch.set_num_threads(threads)
    assert {way: list(of) for way, of in found["ways"].items()} == {
        study.FIRST: ["0.1"], lab.AT_ONCE: ["0.0001", "0.004"]}
    last = found["ways"][lab.AT_ONCE]["0.004"][-1]
    test_images = data.load_mnist().test_images
    assert last["of_codes"] == lab.mean_code_distortion(trainer.model, test_images)
    assert set(last) == {"of_codes", "validation", "purity", "frechet"}
    without_prior = found["ways"][study.FIRST]["0.1"][0]
    assert set(without_prior) == {"of_codes", "validation", "purity"}
    assert len(found["prefix_neg_elbo"]) == 4


def test_pictures_are_ordered_by_the_classifier_s_confidence():
    pictures = torch.zeros(40, 784)
    pictures[:, 0] = torch.arange(40).flip(0) / 4.0  # the logit of one digit
    classifier = torch.nn.Linear(784, 10)
    torch.nn.init.zeros_(classifier.weight)
    torch.nn.init.zeros_(classifier.bias)
    with torch.no_grad():
        classifier.weight[0, 0] = 1.0
    shown, confident = lab.by_confidence(pictures, classifier, 0.9, count=4)
    assert shown.shape == (4, 28, 28)
    assert shown[:, 0, 0].tolist() == [1.25, 3.75, 6.25, 8.75]
    assert confident == [False, False, True, True]


def test_the_stored_race_is_told_by_way_budget_and_variant():
    race = summaries.Race()
    frechet, variants = race.of("frechet"), race.variants("frechet")
    assert set(frechet) == {"one VAE", "two stages"}
    assert frechet["one VAE"].shape == (10, len(race.budgets))
    assert torch.equal(variants["two stages"], race.after(12, "frechet")["two stages"])
    ours, once = variants["two stages"], variants["one VAE"]
    assert torch.allclose(race.farther()[:, 3], once / ours)
    assert torch.allclose(race.share_of_gain("two stages"), torch.ones(10))
    assert torch.allclose(race.share_of_gain("one VAE"), torch.zeros(10))
    assert "one Gaussian on the autoencoder" not in race.variants("neg_elbo"), "it is infinite"


def test_the_best_learning_rate_is_taken_seed_by_seed():
    rates = summaries.Rates()
    best = rates.best("of_codes", "one VAE")
    assert best.shape == (10, 3)
    assert all((best <= rates.of("of_codes", "one VAE", rate)).all()
               for rate in rates.tried("one VAE"))
    assert rates.chosen() == {"one VAE": "0.004", "autoencoder": "0.008"}
