"""The training loop that all notebooks share; it depends on no widget."""

import copy
import math
import operator
from collections import deque
from pathlib import Path
from typing import NamedTuple

import torch

from vae_helpers import arguments, checkpoints, data, evaluation, threads

GOOD_EVERY = 10  # steps between two copies of the parameters, restored if training diverges


class TrainingDiverged(RuntimeError):
    """The loss or its gradient became NaN or infinite; the model was reset to an earlier step."""


class Record(NamedTuple):
    """The values of one training step, averaged over its minibatch; nats per image.

    `rate_per_latent` is the rate of each latent, without free bits.
    """

    step: int
    beta: float
    learning_rate: float
    distortion: float
    rate: float
    rate_per_latent: tuple[float, ...]

    @property
    def elbo(self):
        """The ELBO, with β = 1 whichever β is used in training."""
        return -self.distortion - self.rate


def negative_elbo(model, x, generator, *, beta, free_bits):
    """Loss, distortion, rate and rate of each latent for a minibatch x [batch, pixels].

    All are averages over the minibatch, in nats, from one draw of z per image; the first three are
    scalar tensors, the last is [latent]. The loss is distortion + β · rate, where each latent's
    rate counts as at least `free_bits` nats.
    """
    eps = data.noise(generator, len(x), model.latent, like=x)
    distortion, rates = model.elbo_parts(x, eps)  # [batch], [batch, latent]
    distortion, rate, per_latent = distortion.mean(), rates.sum(-1).mean(), rates.mean(0)
    paid = per_latent.clamp(min=free_bits).sum() if free_bits else rate
    return distortion + beta * paid, distortion, rate, per_latent


class Trainer:
    """Minimises distortion + β · rate on minibatches, one step at a time.

    model: a `models.GaussianVAE`, trained in place. Each step puts the whole model into training
    mode and leaves it there, so that a run depends only on its own state; a layer that must stay
    in evaluation mode needs its own `train` method. images: uint8 [n, 28, 28].
    beta: the KL weight, a number ≥ 0, or a schedule: a function from the step (0, 1, …) to it.
    free_bits: minimum, in nats, at which each latent's rate (averaged over the minibatch) enters
    the loss, so that lowering the rate further gains nothing (Kingma et al. 2016, appendix C.8).
    The records hold the rate itself.
    validation_images, validate_every: every `validate_every` steps the ELBO of these images is
    measured, each time with the same draws of z, given by `seed`. Training is not affected.
    device: where the model and the images go; see `choose_device`. All random numbers are drawn
    on the CPU, so that minibatches and draws of z are the same on every device.
    seed: fixes the order of the images and the draws of z.
    rows: a function from a minibatch of `images` to the model's input; it raises `TypeError` for
    images of another type. objective: a loss with the arguments and results of `negative_elbo`.

    You may assign `learning_rate`, `beta` and `batch_size` between steps; a new batch size applies
    at once, also to the rest of the epoch. With `on_one_thread` set to True the steps compute on
    one thread. `records` holds one `Record` per step, `validations` pairs of a number of steps and
    the `evaluation.Evaluation` after them. Raises `ValueError` for settings out of range.
    """

    on_one_thread = False

    def __init__(
        self, model, images, *, batch_size=128, learning_rate=1e-3, beta=1.0, free_bits=0.0,
        validation_images=None, validate_every=None, device="cpu", seed,
        rows=data.pixels, objective=negative_elbo,
    ):
        self._rows, self._objective = rows, objective
        rows(images[:1] if isinstance(images, torch.Tensor) else images)
        if not len(images):
            raise ValueError("There are no examples to train on: give at least one.")
        if not (math.isfinite(free_bits) and free_bits >= 0):
            raise ValueError(f"free_bits must be a finite number of nats ≥ 0, got {free_bits}.")
        validate_every = _interval(validation_images, validate_every)
        self.device = choose_device(device)
        self.model, self.images = model.to(self.device), images.to(self.device)
        # Checkpoints hold only Python's own numbers, not NumPy's.
        self.free_bits, self.beta = float(free_bits), beta
        self.validation_images, self.validate_every = validation_images, validate_every
        self.generator, self.seed = arguments.generator(seed), operator.index(seed)
        self.records, self.validations = [], []
        self._batches = deque()  # the remaining minibatches of the epoch
        self.batch_size = batch_size
        self.optimizer = torch.optim.Adam(model.parameters(), fused=True)
        self.learning_rate = learning_rate
        self._good = [tensor.clone() for tensor in self._tensors()]
        self._current_beta()  # raises now, not at the first step, if beta is invalid
        # The initial settings identify the run of a checkpoint, whatever is assigned later.
        self.settings = {
            "batch_size": self.batch_size, "learning_rate": self.learning_rate, "beta": beta,
            "free_bits": self.free_bits, "validate_every": validate_every, "seed": self.seed,
        }

    @property
    def learning_rate(self):
        """Adam's learning rate."""
        return self.optimizer.param_groups[0]["lr"]

    @learning_rate.setter
    def learning_rate(self, value):
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"learning_rate must be a positive number, got {value}.")
        self.optimizer.param_groups[0]["lr"] = float(value)

    @property
    def batch_size(self):
        """Images per step; the last step of an epoch may have fewer."""
        return self._batch_size

    @batch_size.setter
    def batch_size(self, value):
        value = arguments.whole_number(value, "batch_size", most=len(self.images))
        self._batch_size = value
        remaining = self._remaining()  # split into minibatches of the new size
        self._batches = deque(remaining.split(value) if len(remaining) else ())

    @property
    def steps_per_epoch(self):
        """The number of steps in which every image is used once."""
        return math.ceil(len(self.images) / self.batch_size)

    def step(self):
        """Update the model once and return the `Record` of this step.

        Raises `TrainingDiverged` if the loss or its gradient is NaN or infinite. The model then
        gets the parameters of at most ten steps earlier, whose loss and gradient were finite.
        """
        with threads.one_thread(self.on_one_thread), threads.denormals_as_zero():
            return self._step()

    def _step(self):
        step, beta = len(self.records), self._current_beta()
        batch = self._next_batch().to(self.device)
        x = self._rows(self.images.index_select(0, batch))  # [batch, 784]
        x = x.to(next(self.model.parameters()))
        self.model.train()
        loss, distortion, rate, per_latent = self._objective(
            self.model, x, self.generator, beta=beta, free_bits=self.free_bits)
        self.optimizer.zero_grad()
        loss.backward()
        # All numbers are read at once, because each reading makes a GPU wait.
        numbers = torch.cat([torch.stack([loss, self._size(), distortion, rate]), per_latent])
        loss, size, distortion, rate, *per_latent = numbers.tolist()
        if not math.isfinite(loss) or not math.isfinite(size):
            self._put_back(loss)
        if step % GOOD_EVERY == 0:
            _overwrite(self._good, self._tensors())
        self.optimizer.step()
        record = Record(step, beta, self.learning_rate, distortion, rate, tuple(per_latent))
        self.records.append(record)
        if self.validate_every is not None and len(self.records) % self.validate_every == 0:
            self._validate()
        return record

    def state(self):
        """A copy of everything that determines how training continues: tensors and plain values.

        `beta` is the only exception: a number or a schedule, not copied.
        """
        return copy.deepcopy({
            "model": self.model.state_dict(), "good": self._good,
            "optimizer": self.optimizer.state_dict(), "generator": self.generator.get_state(),
            "remaining": self._remaining(), "batch_size": self.batch_size,
            "records": _table([(*r[:-1], *r.rate_per_latent) for r in self.records]),
            "validations": _table([(step, *found) for step, found in self.validations]),
        }) | {"beta": self.beta}

    def load_state(self, state):
        """Continue from `state`, which a trainer with the same settings and model returned."""
        state = copy.deepcopy(state)  # else the optimiser would change the caller's tensors
        self.model.load_state_dict(state["model"])
        _overwrite(self._good, state["good"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        self._batches = deque([state["remaining"]])
        self.batch_size, self.beta = state["batch_size"], state["beta"]
        self.records[:] = [
            Record(int(step), beta, learning_rate, distortion, rate, tuple(per_latent))
            for step, beta, learning_rate, distortion, rate, *per_latent
            in state["records"].tolist()
        ]
        self.validations[:] = [(int(step), evaluation.Evaluation(*parts))
                               for step, *parts in state["validations"].tolist()]

    def _current_beta(self):
        beta = float(self.beta(len(self.records)) if callable(self.beta) else self.beta)
        if not (math.isfinite(beta) and beta >= 0):
            raise ValueError(f"beta must be a finite number of at least 0, got {beta}.")
        return beta

    def _next_batch(self):
        if not self._batches:  # a new epoch
            self._batches.extend(
                data.minibatches(len(self.images), self.batch_size, self.generator)
            )
        return self._batches.popleft()

    def _remaining(self):
        """Indices of the images that are still to come in this epoch, in order."""
        return torch.cat([torch.empty(0, dtype=torch.int64), *self._batches])

    def _tensors(self):
        return [tensor.detach() for tensor in self.model.state_dict().values()]

    def _size(self):
        """The norm of the gradients and buffers, which must stay finite like the loss."""
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        # Running statistics can overflow in a batch whose own loss is finite.
        running = [b for b in self.model.buffers() if b.is_floating_point()]
        return torch.nn.utils.get_total_norm(gradients + running)

    def _put_back(self, loss):
        _overwrite(self._tensors(), self._good)
        step = len(self.records)
        good = max(step - 1, 0) // GOOD_EVERY * GOOD_EVERY
        raise TrainingDiverged(
            f"The loss or its gradient is not finite at step {step} (loss {loss}, learning rate "
            f"{self.learning_rate:g}). The model holds the parameters of step {good}, whose loss "
            "was finite. Lower the learning rate; if the loss stays high, start anew.")

    def _validate(self):
        model = copy.deepcopy(self.model).cpu()  # so that no result depends on the device
        found = evaluation.evaluate(model, self.validation_images, seed=self.seed)
        self.validations.append((len(self.records), found))


def _overwrite(tensors, values):
    """Copy each of `values` into the tensor at the same place in `tensors`."""
    for tensor, value in zip(tensors, values, strict=True):
        tensor.copy_(value)


def choose_device(name):
    """The `torch.device` called `name`: "cpu", "cuda", "mps", or "auto" for the fastest one here.

    An index may follow, as in "cuda:0". `name` may also be a `torch.device`. Raises `ValueError`
    for a name that PyTorch does not know or a device that this computer does not have.
    """
    here = {"cpu": 1}
    if torch.accelerator.is_available():  # then it is the fastest
        kind = torch.accelerator.current_accelerator().type
        here = {kind: torch.accelerator.device_count(), "cpu": 1}
    try:
        device = torch.device(next(iter(here)) if name == "auto" else name)
    except (RuntimeError, TypeError):  # PyTorch knows no such name
        device = None
    if device is None or (device.index or 0) >= here.get(device.type, 0):
        raise ValueError(f"This computer has no device={str(name)!r}, or PyTorch does not know "
                         f"it. Available: {', '.join(here)}; 'auto' takes the first.")
    return device


def train(trainer, steps, *, checkpoint=None, every=None):
    """Train until the run has `steps` steps in total, writing a checkpoint at regular intervals.

    checkpoint: path of the run's checkpoint, which is replaced every `every` steps (default: one
    epoch) and at the end. If the file exists, the trainer's state is first replaced by it. After
    an interruption, repeat the same call to resume the run: on one thread it ends with bitwise
    the same parameters and records as a run without interruption.

    Raises `TrainingDiverged`; `checkpoints.CheckpointError` if the file belongs to another run or
    cannot be written, which is checked before the first step; `ValueError` if `steps` is not a
    whole number; and, with a checkpoint, `TypeError` for a β that cannot be stored.
    """
    steps = arguments.whole_number(steps, "steps", least=0)
    if checkpoint is not None:
        every = arguments.whole_number(
            trainer.steps_per_epoch if every is None else every, "every")
        if Path(checkpoint).exists():
            checkpoints.restore(trainer, checkpoint)
        else:
            checkpoints.save(trainer, checkpoint)
    while len(trainer.records) < steps:
        trainer.step()
        done = len(trainer.records)
        if checkpoint is not None and (done % every == 0 or done == steps):
            checkpoints.save(trainer, checkpoint)


def _table(rows):
    """Rows of numbers as a float64 tensor [rows, columns], which stores Python's floats exactly."""
    return torch.tensor([[*row] for row in rows], dtype=torch.float64)


def _interval(images, every):
    """`validate_every` as an int, or None. Raises unless both or neither are given and valid."""
    if (images is None) != (every is None):
        raise ValueError("validation_images and validate_every belong together: give both or "
                         "neither.")
    if every is None:
        return None
    data.require_images(images)
    if not len(images):
        raise ValueError("There are no validation_images: give at least one.")
    return arguments.whole_number(every, "validate_every")
