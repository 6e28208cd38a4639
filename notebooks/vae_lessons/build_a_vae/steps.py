"""The check of a training step: it trains a tiny VAE and compares the resulting weights."""

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from vae_helpers.check.diagnosis import read, same
from vae_helpers.check.exercise import RANDOM, Exercise
from vae_helpers.check.laboratory import draw_from
from vae_helpers.check.runner import run

BATCHES = 5, 5, 3  # images in each step of the check
PIXELS, LATENTS = 784, 8  # the notebook's sizes, which a learner may write into the loss
LEARNING_RATE = 1e-3  # small enough that weights stay finite with wrong losses too


class Tiny(nn.Module):
    """A VAE with few weights, with the methods `encode` and `decode` of the notebook's model."""

    def __init__(self):
        super().__init__()
        draw = draw_from(3)
        self.mean, self.logvar = (nn.Parameter(draw(PIXELS, LATENTS) / PIXELS**0.5)
                                  for _ in range(2))
        self.logits, self.bias = nn.Parameter(draw(LATENTS, PIXELS)), nn.Parameter(draw(PIXELS))

    def encode(self, x):
        """x [batch, pixels] to mean and logvar, [batch, latent] each."""
        return x @ self.mean, x @ self.logvar

    def decode(self, z):
        """z [batch, latent] to logits [batch, pixels]."""
        return z @ self.logits + self.bias


class Descent(torch.optim.SGD):
    """Plain gradient descent that records the calls of its methods."""

    def __init__(self, model, events):
        super().__init__(model.parameters(), lr=LEARNING_RATE)
        self.events = events

    def zero_grad(self, set_to_none=True):
        """As the base class."""
        self.events.append("zero_grad")
        super().zero_grad(set_to_none)

    def step(self, closure=None):
        """As the base class."""
        self.events.append("step")
        return super().step(closure)


class Seen(NamedTuple):
    """The record of some training steps: their losses, the change of the weights, and the calls.

    moved: the change of all weights divided by the learning rate. plain: whether the losses were
    returned as numbers, not as tensors.
    """

    losses: object
    moved: torch.Tensor
    events: tuple
    plain: bool


def observe(step):
    """The `Seen` of `step` on a tiny VAE and a few batches; ``...`` if `step` returns that."""
    model, events, losses, plain = Tiny(), [], [], True
    before = _weights(model)
    optimizer = Descent(model, events)

    def note(_parameter):  # called for each parameter that gets a gradient
        if events[-1:] != ["backward"]:
            events.append("backward")

    for parameter in model.parameters():
        parameter.register_post_accumulate_grad_hook(note)
    draw = draw_from(4)
    for size in BATCHES:
        value = step(model, optimizer, draw(size, PIXELS).sigmoid(), draw(size, LATENTS))
        if value is ...:
            return value
        number, plain = isinstance(value, (int, float)), plain and not torch.is_tensor(value)
        losses.append(read(torch.tensor(float(value), dtype=torch.float64) if number else value))
    moved = (_weights(model) - before) / LEARNING_RATE
    usable = all(isinstance(loss, torch.Tensor) and loss.numel() == 1 for loss in losses)
    return Seen(torch.stack([loss.reshape(()) for loss in losses]) if usable else losses[0],
                read(moved), tuple(events), plain)


def _weights(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


class ObservedExercise(Exercise):
    """A function for the learner to write that is judged by what it leaves behind.

    observe: what is observed of a function when it runs; ``...`` if the function returns that. A
    subclass defines `_observed(answer, found)`, the `Result` for what was found.
    """

    def __init__(self, name, observe, right, mistakes, hints):
        super().__init__(name, right, None, mistakes, hints)
        self._observe = observe

    def _attempt(self, function, _case):
        return self._observe(function)

    def _compare(self, answer):
        outcome = run(self._observe, (answer,))
        if outcome.trouble:
            return self._failed(self._cause(outcome.trouble, None))
        return self._unanswered() if outcome.value is ... else self._observed(answer, outcome.value)


class StepExercise(ObservedExercise):
    """A training step for the learner to write, and the check of it.

    right, and the `wrong` of each mistake: functions of model, optimizer, x [batch, pixels] and
    eps [batch, latent] that update the model and return the loss.
    """

    def __init__(self, name, right, mistakes, hints):
        super().__init__(name, observe, right, mistakes, hints)

    def _observed(self, answer, found):
        right = observe(self._right)
        if same(found.moved, right.moved):
            if same(found.losses, right.losses) and not found.plain:
                return self._failed("The weights and the loss are right, but you return the loss "
                                    "as a tensor. A plain number is expected: return loss.item()")
            if same(found.losses, right.losses):
                return self._passed("Right: after three steps every weight is where it should be.")
            return self._failed("The weights are right after each step, but what you return is "
                                "not the loss. End with: return loss.item()")
        named = self._named(found)
        hint = f" Try check.{self.name}.hint(1)."
        return self._failed(named or self._described(answer, found, right) + hint)

    def _named(self, found):
        """The diagnosis of the mistake with the same weights and calls, or None."""
        for mistake in self._mistakes:
            try:
                known = observe(mistake.wrong)
            except Exception:  # `_cause` compares mistakes that raise
                continue
            if same(found.moved, known.moved) and found.events == known.events:
                return mistake.diagnosis
        return None

    def _described(self, answer, found, right):
        again = run(observe, (answer,), seed=1).value
        if isinstance(again, Seen) and not same(again.moved, found.moved):
            return RANDOM + " Use the eps you are given."
        if not found.moved.isfinite().all():
            return "After three steps some weights are NaN or infinite."
        if not found.moved.any():
            return ("No weight has changed. A step calls optimizer.zero_grad(), loss.backward() "
                    "and optimizer.step(), in this order.")
        if same(found.losses, right.losses):
            return ("The losses are right, the weights after the steps are not. Look at "
                    "zero_grad, backward and step, and at what may be detached.")
        if not isinstance(found.losses, torch.Tensor) or found.losses.shape != right.losses.shape:
            return "The weights are not where they should be, and the loss is not one number."
        return (f"The weights are not where they should be, and nor is the loss: in the first "
                f"step it is {found.losses[0]:.3f}, and {right.losses[0]:.3f} is right.")


def step_of(draw=None, loss=None, update=None):
    """A training step that differs from the right one in the functions that are given.

    draw: (mean, logvar, eps) to z; loss: (x, logits, mean, logvar) to a number; update: a function
    of (optimizer, loss) that updates the weights.
    """
    draw, loss, update = draw or reparameterized, loss or negative_elbo, update or descend

    def step(model, optimizer, x, eps):
        mean, logvar = model.encode(x)  # [batch, latent] each
        logits = model.decode(draw(mean, logvar, eps))  # [batch, pixels]
        value = loss(x, logits, mean, logvar)
        update(optimizer, value)
        return value.item()

    return step


def reparameterized(mean, logvar, eps):
    """A draw z = mean + exp(½ logvar) · eps."""
    return mean + (0.5 * logvar).exp() * eps


def cross_entropy(x, logits):
    """The cross entropy of each pixel: [batch, pixels], nats."""
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none")


def kl(mean, logvar):
    """The KL from q(z|x) to the prior for each latent: [batch, latent], nats."""
    return 0.5 * (mean**2 + logvar.exp() - 1 - logvar)


def negative_elbo(x, logits, mean, logvar):
    """Distortion + rate, averaged over the batch: nats per image."""
    return (cross_entropy(x, logits).sum(-1) + kl(mean, logvar).sum(-1)).mean()


def descend(optimizer, loss):
    """Update the weights once: zero_grad, backward, step."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
