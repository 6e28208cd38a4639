"""The checks of training steps: right steps pass in any style, mistakes get a diagnosis."""

import pytest
import torch
from torch.nn import functional as F

from vae_helpers import data, elbo, training
from vae_lessons.build_a_vae import checks, lab


def parts(model, x, eps):
    mean, logvar = model.encode(x)
    return mean, logvar, model.decode(elbo.reparameterize(mean, logvar, eps))


def negative_elbo(model, x, eps):
    mean, logvar, logits = parts(model, x, eps)
    return (elbo.gaussian_kl(mean, logvar) - elbo.bernoulli_log_prob(x, logits)).mean()


def ordinary(model, optimizer, x, eps):
    loss = negative_elbo(model, x, eps)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def cleared_last(model, optimizer, x, eps):
    loss = negative_elbo(model, x, eps)
    loss.backward()
    optimizer.step()
    model.zero_grad()
    return float(loss.detach())


def by_hand(model, optimizer, x, eps):
    loss = negative_elbo(model, x, eps)
    for parameter, gradient in zip(model.parameters(),
                                   torch.autograd.grad(loss, list(model.parameters()))):
        parameter.grad = gradient
    optimizer.step()
    return float(loss.detach())


@pytest.mark.parametrize("step", [ordinary, cleared_last, by_hand])
def test_right_steps_pass_however_written(step):
    result = checks.training_step.judge(step)
    assert result.passed, result.diagnosis


def with_loss(loss):
    """A learner's step that lowers loss(x, logits, rate), where rate is of each image."""
    def step(model, optimizer, x, eps):
        mean, logvar, logits = parts(model, x, eps)
        value = loss(x, logits, elbo.gaussian_kl(mean, logvar))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        return value.item()

    return step


bce = F.binary_cross_entropy_with_logits


@pytest.mark.parametrize("loss", [
    lambda x, logits, rate: bce(logits, x) + 0.1 * rate.mean() / 8,
    lambda x, logits, rate: bce(logits, x) + 0.0125 * rate.mean(),
    lambda x, logits, rate: (bce(logits, x, reduction="none").sum(-1).mean()
                             + 9.8 * rate.mean()) / 784,
])
def test_the_original_step_may_count_pixels_and_latents_itself(loss):
    result = checks.original_step.judge(with_loss(loss))
    assert result.passed, result.diagnosis


@pytest.mark.parametrize("loss, words", [
    (lambda x, logits, rate: bce(logits, x) + rate.mean() / 8, "The weight is missing"),
    (lambda x, logits, rate: bce(x, logits) + 0.1 * rate.mean() / 8, "logits and x are exchanged"),
    (lambda x, logits, rate: 784 * bce(logits, x) + 0.1 * rate.mean() / 8,
     "The cross entropy is still summed over the pixels"),
    (lambda x, logits, rate: bce(logits, x, reduction="sum") + 0.1 * rate.mean() / 8,
     "The cross entropy is summed over batch and pixels"),
    (lambda x, logits, rate: 784 * bce(logits, x) + rate.mean(), "This is the step from above"),
    (lambda x, logits, rate: bce(logits, x) + 0.3 * rate.mean(),
     "Try check.original_step.hint(1)."),
])
def test_wrong_losses_of_the_original_step_are_named(loss, words):
    result = checks.original_step.judge(with_loss(loss))
    assert result.state == "failed" and words in result.diagnosis, result.diagnosis


def as_tensor(detach):
    def step(*arguments):
        value = torch.tensor(ordinary(*arguments), dtype=torch.float64)
        return value if detach else value.requires_grad_()

    return step


@pytest.mark.parametrize("detach", [True, False])
def test_a_loss_that_comes_as_a_tensor_is_told_apart(detach):
    result = checks.training_step.judge(as_tensor(detach))
    assert result.state == "failed" and "as a tensor" in result.diagnosis


def test_the_learner_s_step_is_what_the_notebook_goes_on_with(capsys):
    assert checks.training_step(ordinary) is ordinary
    assert "yours from here on" in capsys.readouterr().out
    ours = checks.training_step(...)
    assert ours is not ordinary and checks.training_step.judge(ours).state == "unanswered"


def returning(value):
    def step(*arguments):
        ordinary(*arguments)
        return value

    return step


def with_other_noise(model, optimizer, x, eps):
    return ordinary(model, optimizer, x, torch.randn_like(eps))


def without_gradient(model, optimizer, x, eps):
    with torch.no_grad():
        loss = negative_elbo(model, x, eps)
    optimizer.zero_grad()
    optimizer.step()
    return loss.item()


def doubled(model, optimizer, x, eps):
    loss = 2 * negative_elbo(model, x, eps)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def twice(*arguments):
    ordinary(*arguments)
    return ordinary(*arguments)


def exploding(model, optimizer, x, eps):
    loss = negative_elbo(model, x, eps) * float("nan")
    loss.backward()
    optimizer.step()
    return loss.item()


def frozen(model, optimizer, x, eps):
    optimizer.zero_grad()
    (0 * negative_elbo(model, x, eps)).backward()
    optimizer.step()
    return 0.0


@pytest.mark.parametrize("step, words", [
    (frozen, "No weight has changed"),
    (returning(None), "what you return is not the loss"),
    (returning(0.0), "what you return is not the loss"),
    (returning("loss"), "what you return is not the loss"),
    (with_other_noise, "Use the eps you are given"),
    (without_gradient, "backward is missing"),
    (doubled, "nor is the loss"),
    (twice, "nor is the loss"),
    (exploding, "NaN or infinite"),
    (with_loss(lambda x, logits, rate: (bce(x, logits, reduction="none").sum(-1) + rate).mean()),
     "logits and x are exchanged"),
    (with_loss(lambda x, logits, rate: 3 * rate.mean()), "Try check.training_step.hint(1)."),
    (lambda model, optimizer, x, eps: model.nothing, "AttributeError"),
    (lambda model, x: 0.0, "TypeError"),
    (lambda model, optimizer, x, eps: 3.0, "the model does not learn from it"),
    (lambda model, optimizer, x, eps: model(x, eps), "call its encode and its decode"),
    (3.0, "A function is expected"),
    (None, "A function is expected"),
])
def test_wrong_steps_are_told_what_is_wrong(step, words):
    result = checks.training_step.judge(step)
    assert result.state == "failed" and words in result.diagnosis, result.diagnosis


def test_the_original_recipe_s_step_is_the_one_with_a_beta_of_9_8():
    """On the notebook's model, 784 times its gradient is the gradient of D + 9.8 R."""
    model = lab.CoderVAE(heads="linear", seed=0).double()
    x = data.pixels(data.load_mnist().train_images[:50]).double()
    eps = torch.randn(50, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    checks.original_step._right(model, optimizer, x, eps)
    found = torch.cat([p.grad.flatten() for p in model.parameters()])
    mean, logvar, logits = parts(model, x, eps)
    distortion = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
    optimizer.zero_grad()
    (distortion + 9.8 * elbo.gaussian_kl(mean, logvar).mean()).backward()
    expected = torch.cat([p.grad.flatten() for p in model.parameters()])
    torch.testing.assert_close(784 * found, expected, rtol=1e-9, atol=1e-9)


def test_our_step_is_the_trainer_s():
    """Both give the same losses in double precision."""
    images = data.load_mnist().train_images[:600]
    mine, theirs = (lab.CoderVAE((16, 4), (16, 784), heads="linear", seed=0).double()
                    for _ in range(2))
    trainer = training.Trainer(theirs, images, batch_size=200, learning_rate=0.01, seed=1)
    training.train(trainer, 3)
    optimizer = torch.optim.Adam(mine.parameters(), lr=0.01)
    generator = torch.Generator().manual_seed(1)
    for batch, record in zip(data.minibatches(600, 200, generator), trainer.records):
        x = data.pixels(images[batch]).double()
        eps = torch.randn(200, 4, generator=generator, dtype=torch.float64)
        loss = checks.training_step._right(mine, optimizer, x, eps)
        assert loss == pytest.approx(-record.elbo, abs=1e-9)
