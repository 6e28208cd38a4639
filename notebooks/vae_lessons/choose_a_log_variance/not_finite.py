"""VAEs whose training ends at a number that is not finite: three causes, and what helps."""

import math
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from vae_helpers import data, models
from vae_helpers.threads import one_thread


def of_probabilities(x, logits):
    """The cross entropy by its formula, [batch]: x and logits are [batch, pixels]."""
    p = logits.sigmoid()
    return -(x * p.log() + (1 - x) * (1 - p).log()).sum(-1)


def of_logits(x, logits):
    """The same from the logits themselves, without the logarithm of a rounded probability."""
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)


def quantities(model, x, eps, cross_entropy):
    """{name: tensor} of what one training step computes, in this order."""
    mean, logvar = model.encode(x)
    z = mean + (0.5 * logvar).exp() * eps
    logits = model.decode(z)
    return {"pixels": x, "mean": mean, "log variance": logvar, "exp(log variance)": logvar.exp(),
            "code": z, "logits": logits, "cross entropy": cross_entropy(x, logits),
            "KL": 0.5 * (mean**2 + logvar.exp() - 1 - logvar).sum(-1)}


def first_not_finite(found):
    """The name of the first of these tensors that holds NaN or infinity, or None."""
    return next((name for name, value in found.items() if not value.isfinite().all()), None)


class Stop(NamedTuple):
    """How a training ended. step, what: where, and which quantity; None if all stayed finite."""

    step: int | None
    what: str | None
    loss: float | None  # the last one computed, nats per image; it may be infinite


class ClampedVAE(models.VAE):
    """A VAE whose log variances are at most `highest`."""

    highest = math.inf

    def encode(self, x):
        mean, logvar = super().encode(x)
        return mean, logvar.clamp(max=self.highest)


CAUSES = {  # settings of `train`
    "pixels from 0 to 255": {"cross_entropy": of_logits, "scale": 255.0},
    "log of a probability": {"cross_entropy": of_probabilities, "learning_rate": 0.03},
    "steps too large": {"cross_entropy": of_logits, "optimizer": "SGD", "learning_rate": 0.1},
}
CURES = {  # of each cause in the same order
    "pixels from 0 to 1": {"scale": 1.0}, "logits": {"cross_entropy": of_logits},
    "a tenth of the learning rate": {"learning_rate": 0.01},
}
REMEDIES = {"as it is": {}, "gradient's norm clipped at 10": {"clip": 10.0},
            "log variance clamped at 10": {"highest": 10.0}}


@one_thread()
def train(quantities, first_not_finite, seed, *, cross_entropy, steps=300, scale=1.0,
          learning_rate=1e-3, optimizer="Adam", clip=None, highest=math.inf):
    """`Stop` of a VAE of 784-400-20 on MNIST, which trains until a number is not finite.

    The first two arguments are functions as above. scale: the largest pixel. clip: the largest
    norm of the gradient; highest: the largest log variance.
    """
    model, loss = ClampedVAE(20, (400,), seed=seed), None
    model.highest = highest
    update = getattr(torch.optim, optimizer)(model.parameters(), lr=learning_rate)
    generator = torch.Generator().manual_seed(seed)
    images = data.load_mnist().train_images
    for step in range(1, steps + 1):
        batch = torch.randint(len(images), (100,), generator=generator)
        x = scale * data.pixels(images[batch])  # [100, 784]
        found = quantities(model, x, torch.randn(100, 20, generator=generator), cross_entropy)
        if what := first_not_finite(found):
            return Stop(step, what, loss)
        loss = (found["cross entropy"] + found["KL"]).mean()
        update.zero_grad()
        loss.backward()
        loss = loss.item()
        norm = nn.utils.clip_grad_norm_(model.parameters(), clip or math.inf)
        if not norm.isfinite():
            return Stop(step, "gradient", loss)
        update.step()
    return Stop(None, None, loss)


def trials():
    """Iterate over (cause, remedy, settings), each cause's own cure last."""
    for (cause, settings), (cure, cured) in zip(CAUSES.items(), CURES.items()):
        for remedy, more in (REMEDIES | {cure: cured}).items():
            yield cause, remedy, settings | more
