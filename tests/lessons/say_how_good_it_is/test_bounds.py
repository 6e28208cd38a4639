"""Training on the IWAE bound: its value, its three gradients, its learning rate, its runs."""

import pytest
import torch

from vae_helpers import data, elbo, evaluation, training
from vae_lessons.compare_the_estimators.lab import dreg_surrogate
from vae_lessons.say_how_good_it_is import lab


@pytest.fixture(scope="module")
def images():
    return data.load_mnist().train_images[:600]


def make(images, **settings):
    model = lab.BurdaVAE(evaluation.mean_image(images).float(), 5, (20, 20), seed=0)
    return lab.BoundTrainer(model, images, **{"draws": 3, "batch_size": 50, "seed": 0} | settings)


@pytest.fixture()
def case(images, one_thread):
    """A model, a black and white minibatch and noise: K = 4."""
    generator = torch.Generator().manual_seed(1)
    model = make(images).model.double()
    x = lab.binarize(data.pixels(images[:8]), generator).double()
    return model, x, torch.randn(4, 8, 5, generator=generator, dtype=torch.float64)


def gradients(model, loss):
    """Of the encoder and of the decoder, as one vector each."""
    found = torch.autograd.grad(loss, [*model.encoder.parameters(), *model.decoder.parameters()],
                                allow_unused=True)
    count = len([*model.encoder.parameters()])
    flat = [torch.zeros(0) if g is None else g.flatten() for g in found]
    return torch.cat(flat[:count]), torch.cat(flat[count:])


def log_joint(model, x):
    return lambda z: elbo.bernoulli_log_prob(x, model.decode(z)) + elbo.prior_log_prob(z)


def test_the_value_is_the_bound_whatever_the_gradient(case):
    model, x, eps = case
    mean, logvar = model.encode(x)
    expected = -elbo.iwae_bound(
        elbo.monte_carlo_form(log_joint(model, x), mean, logvar, eps)
    ).mean()
    for estimator in lab.ESTIMATORS:
        loss, distortion, rate = lab.negative_bound(model, x, eps, estimator)
        torch.testing.assert_close(loss, expected)
        torch.testing.assert_close(rate, elbo.gaussian_kl(mean, logvar).mean())
        assert not distortion.requires_grad and not rate.requires_grad


def test_the_total_derivative_is_autograds(case):
    model, x, eps = case
    mean, logvar = model.encode(x)
    loss = -elbo.iwae_bound(elbo.monte_carlo_form(log_joint(model, x), mean, logvar, eps)).mean()
    expected = gradients(model, loss)
    found = gradients(model, lab.negative_bound(model, x, eps, "iwae")[0])
    for ours, theirs in zip(found, expected):
        torch.testing.assert_close(ours, theirs)


def test_dreg_asks_the_encoder_for_squared_weights_and_leaves_the_decoder(case):
    model, x, eps = case
    surrogate = -dreg_surrogate(log_joint(model, x), *model.encode(x), eps).mean()
    encoder, _ = gradients(model, surrogate)
    _, decoder = gradients(model, lab.negative_bound(model, x, eps, "iwae")[0])
    ours = gradients(model, lab.negative_bound(model, x, eps, "dreg")[0])
    torch.testing.assert_close(ours[0], encoder)
    torch.testing.assert_close(ours[1], decoder)


def test_with_one_draw_dreg_is_the_path_derivative(case):
    model, x, eps = case
    path, dreg = (gradients(model, lab.negative_bound(model, x, eps[:1], estimator)[0])
                  for estimator in ("path", "dreg"))
    for ours, theirs in zip(path, dreg):
        torch.testing.assert_close(ours, theirs)


def test_dreg_is_unbiased_and_the_path_derivative_of_four_draws_is_not(case):
    model, x, _ = case
    # A decoder that asks much of z, and a q far from the posterior: the bias is then large.
    model.decoder[0].weight.data.mul_(6)
    x, generator = x[:1].expand(4000, -1), torch.Generator().manual_seed(2)
    logvar = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    model.encode = lambda x: (torch.zeros(len(x), 5, dtype=x.dtype), logvar.expand(len(x), 5))
    found = {estimator: [] for estimator in lab.ESTIMATORS}
    for _ in range(12):
        eps = torch.randn(4, 4000, 5, generator=generator, dtype=torch.float64)
        for estimator in lab.ESTIMATORS:
            loss = lab.negative_bound(model, x, eps, estimator)[0]
            found[estimator].append(torch.autograd.grad(loss, logvar)[0])
    means = {name: torch.stack(values).mean(0) for name, values in found.items()}
    errors = torch.stack(found["iwae"]).std(0) / 12**0.5
    assert ((means["dreg"] - means["iwae"]).abs() < 5 * errors).all()
    assert ((means["path"] - means["iwae"]).abs() > 5 * errors).any()


def test_the_learning_rate_is_the_papers():
    rates = [lab.burda_rate(epoch) / 2 for epoch in range(3281)]  # of batches of 20
    lengths = [rates[:3280].count(rate) for rate in sorted(set(rates), reverse=True)]
    assert lengths == [3**i for i in range(8)] and sum(lengths) == 3280
    assert rates[0] == 1e-3 and rates[-1] == pytest.approx(1e-4) and rates[3280] == rates[3279]


def test_training_raises_the_bound_and_follows_the_rate(images, one_thread):
    trainer = make(images, draws=5, batch_size=20)
    for _ in range(8 * trainer.steps_per_epoch):
        trainer.step()
    first, last = trainer.records[:30], trainer.records[-30:]  # an epoch each
    assert sum(r.elbo for r in last) > sum(r.elbo for r in first) + 30 * 20  # nats
    assert trainer.records[0].learning_rate == lab.burda_rate(0)
    assert trainer.records[-1].learning_rate == lab.burda_rate(7)
    assert trainer.optimizer.param_groups[0]["eps"] == 1e-4


def test_a_run_is_the_same_again_and_goes_on_from_its_checkpoint(images, tmp_path, one_thread):
    whole = make(images)
    training.train(whole, 20)
    halves = make(images)
    training.train(halves, 9, checkpoint=tmp_path / "c", every=5)
    again = make(images)
    training.train(again, 20, checkpoint=tmp_path / "c")
    assert again.records == whole.records
    for ours, theirs in zip(again.model.parameters(), whole.model.parameters()):
        assert torch.equal(ours, theirs)


def test_a_checkpoint_of_another_bound_is_refused(images, tmp_path):
    training.train(make(images), 2, checkpoint=tmp_path / "c")
    for other in ({"draws": 4}, {"estimator": "dreg"}):
        with pytest.raises(Exception, match="another run"):
            training.train(make(images, **other), 3, checkpoint=tmp_path / "c")


def test_an_unknown_gradient_is_refused(case):
    with pytest.raises(ValueError, match="estimator must be one of"):
        lab.negative_bound(*case, "IWAE")


@pytest.mark.parametrize("settings, words", [
    ({"draws": 0}, "draws must be"), ({"draws": 2.0}, "draws must be"),
    ({"estimator": "stl"}, "estimator must be one of"),
])
def test_wrong_settings_are_named(images, settings, words):
    with pytest.raises(ValueError, match=words):
        make(images, **settings)


def test_the_first_picture_is_the_mean_image(images):
    average = evaluation.mean_image(images).float()
    model = lab.BurdaVAE(average, seed=0)
    with torch.no_grad():
        model.decoder[-1].weight.zero_()
        shown = model.decode(torch.randn(3, 50)).sigmoid()
    torch.testing.assert_close(shown, average.clamp(0.001, 0.999).expand(3, -1))
    kinds = [type(layer).__name__ for layer in model.encoder]
    assert kinds == ["Linear", "Tanh", "Linear", "Tanh", "Linear"]


def test_a_mean_image_of_another_shape_is_named():
    with pytest.raises(ValueError, match=r"average must be \[pixels\], got shape \[28, 28\]"):
        lab.BurdaVAE(torch.full((28, 28), 0.5), seed=0)


def test_binarize_draws_with_the_grey_value_as_probability():
    grey = torch.tensor([0.0, 0.25, 1.0]).expand(20000, 3)
    sampled = lab.binarize(grey, torch.Generator().manual_seed(0))
    assert set(sampled.unique().tolist()) == {0.0, 1.0}
    share = sampled.mean(0)
    assert share[0] == 0 and share[2] == 1
    assert abs(share[1] - 0.25) < 4 * (0.25 * 0.75 / 20000) ** 0.5
    again = lab.binarize(grey, torch.Generator().manual_seed(0))
    assert torch.equal(sampled, again)


@pytest.mark.parametrize("value", [-0.1, 1.1, 255.0, float("nan"), float("inf")])
def test_binarize_refuses_what_is_no_probability(value):
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        lab.binarize(torch.tensor([0.5, value]), torch.Generator())
