"""The one training loop: synchronous steps that know no widget."""

import math
from typing import NamedTuple

import torch

from vae_helpers import data


class TrainingDiverged(RuntimeError):
    """The loss or its gradient became NaN or infinite; the model was put back a step."""


class Record(NamedTuple):
    """What one step saw, averaged over its batch; nats per image."""

    step: int
    beta: float
    learning_rate: float
    distortion: float
    rate: float

    @property
    def elbo(self):
        """The ELBO itself, at β = 1 whatever β was trained with."""
        return -self.distortion - self.rate


class Trainer:
    """Minimises distortion + β · rate on minibatches, one step at a time.

    model: a `models.VAE`, changed in place. images: uint8 [n, 28, 28].
    beta: a number ≥ 0, or a schedule: a function from the step (0, 1, …) to that number.
    seed: fixes the order of the images and the draws of z.
    `learning_rate` and `beta` may be assigned between steps. `records` holds one `Record`
    a step. Raises `ValueError` for settings out of range.
    """

    def __init__(self, model, images, *, batch_size=128, learning_rate=1e-3, beta=1.0, seed):
        data.require_images(images)
        if not isinstance(batch_size, int) or not 1 <= batch_size <= len(images):
            raise ValueError(
                f"batch_size must be a whole number from 1 to {len(images)}, got {batch_size}."
            )
        self.model, self.images, self.batch_size, self.beta = model, images, batch_size, beta
        self.generator = torch.Generator().manual_seed(seed)
        self.records = []
        self._batches = iter(())
        # Dark pixels make numbers too small for the processor's fast path; without this an
        # epoch takes longer and longer.
        torch.set_flush_denormal(True)
        self.optimizer = torch.optim.Adam(model.parameters(), fused=True)
        self.learning_rate = learning_rate
        self._good = [tensor.clone() for tensor in self._state()]
        self._current_beta()  # a wrong β is named now, not at the first step

    @property
    def learning_rate(self):
        """Adam's step size."""
        return self.optimizer.param_groups[0]["lr"]

    @learning_rate.setter
    def learning_rate(self, value):
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"learning_rate must be a positive number, got {value}.")
        self.optimizer.param_groups[0]["lr"] = value

    @property
    def steps_per_epoch(self):
        """Steps in which every image is seen once."""
        return math.ceil(len(self.images) / self.batch_size)

    def step(self):
        """One update of the model; returns its `Record`.

        Raises `TrainingDiverged` when the loss or its gradient is NaN or infinite. The model
        then holds the last parameters whose loss and gradient were finite.
        """
        step, beta = len(self.records), self._current_beta()
        x = data.pixels(self.images[self._next_batch()])  # [batch, 784]
        eps = torch.randn(len(x), self.model.latent, generator=self.generator)
        self.model.train()
        distortion, rate = (part.mean() for part in self.model(x, eps))
        loss = distortion + beta * rate
        self.optimizer.zero_grad()
        loss.backward()
        self._require_finite(step, loss)
        torch._foreach_copy_(self._good, self._state())
        self.optimizer.step()
        self.records.append(
            Record(step, beta, self.learning_rate, distortion.item(), rate.item())
        )
        return self.records[-1]

    def _current_beta(self):
        beta = float(self.beta(len(self.records)) if callable(self.beta) else self.beta)
        if not (math.isfinite(beta) and beta >= 0):
            raise ValueError(f"beta must be a finite number of at least 0, got {beta}.")
        return beta

    def _next_batch(self):
        indices = next(self._batches, None)
        if indices is None:  # a new epoch
            self._batches = iter(
                data.minibatches(len(self.images), self.batch_size, self.generator)
            )
            indices = next(self._batches)
        return indices

    def _state(self):
        return [tensor.detach() for tensor in self.model.state_dict().values()]

    def _require_finite(self, step, loss):
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        if loss.isfinite() and torch.nn.utils.get_total_norm(gradients).isfinite():
            return
        with torch.no_grad():
            torch._foreach_copy_(self._state(), self._good)
        raise TrainingDiverged(
            f"The loss or its gradient is not finite at step {step} (loss {loss.item()}, "
            f"learning rate {self.learning_rate:g}). The model holds the last parameters whose "
            "loss was finite. Lower the learning rate; if the loss stays high, start anew."
        )
