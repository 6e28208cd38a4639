"""The one training loop: synchronous steps that know no widget and no file."""

import copy
import math
import operator
from collections import deque
from pathlib import Path
from typing import NamedTuple

import torch

from vae_helpers import arguments, checkpoints, data, evaluation, threads

GOOD_EVERY = 10  # steps between two copies of the parameters, which training falls back on


class TrainingDiverged(RuntimeError):
    """The loss or its gradient became NaN or infinite; the model was put back some steps."""


class Record(NamedTuple):
    """What one step saw, averaged over its batch; nats per image.

    `rate_per_latent` splits the rate over the latents, before free bits.
    """

    step: int
    beta: float
    learning_rate: float
    distortion: float
    rate: float
    rate_per_latent: tuple[float, ...]

    @property
    def elbo(self):
        """The ELBO itself, at β = 1 whatever β was trained with."""
        return -self.distortion - self.rate


def negative_elbo(model, x, generator, *, beta, free_bits):
    """The loss of a minibatch x [batch, pixels], and what its `Record` keeps, as tensors.

    distortion + β · rate, of which each latent's rate costs at least `free_bits` nats; then
    distortion, rate, and the rate of each latent [latent]. One draw of z an image.
    """
    eps = data.noise(generator, len(x), model.latent, like=x)
    distortion, rates = model.elbo_parts(x, eps)  # [batch], [batch, latent]
    distortion, rate, per_latent = distortion.mean(), rates.sum(-1).mean(), rates.mean(0)
    paid = per_latent.clamp(min=free_bits).sum() if free_bits else rate
    return distortion + beta * paid, distortion, rate, per_latent


class Trainer:
    """Minimises distortion + β · rate on minibatches, one step at a time.

    model: a `models.GaussianVAE`, changed in place. Each step puts all of it into training mode
    and leaves it there, so that a run depends on its state alone; a layer that is to stay in
    evaluation mode needs a `train` of its own. images: uint8 [n, 28, 28].
    beta: a number ≥ 0, or a schedule: a function from the step (0, 1, …) to that number.
    free_bits: nats that each latent's rate, averaged over the minibatch, costs at least, so
    that nothing is gained by lowering it further (Kingma et al. 2016, appendix C.8); the
    records keep the true rate.
    validation_images, validate_every: after every so many steps the ELBO of these images is
    measured, with the draws of z that `seed` gives, the same each time; training goes on as
    without.
    device: where the model and the images go, as `choose_device` takes it. All random numbers are
    drawn on the processor, so that batches and draws of z are the same on each device.
    seed: fixes the order of the images and the draws of z.
    rows: what the model is given of a minibatch of `images`; it raises `TypeError` for examples
    of another kind. objective: another loss than `negative_elbo`, called and returning as that.

    `learning_rate`, `beta` and `batch_size` may be assigned between steps; a new batch size
    counts at once, for the images that the epoch has left. With `on_one_thread` set to True the
    steps compute on one thread, whatever number is set elsewhere. `records` holds one `Record` a
    step, `validations` pairs of a number of steps and the `evaluation.Evaluation` after them.
    Raises `ValueError` for settings out of range.
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
            raise ValueError(f"free_bits must be nats, at least 0, got {free_bits}.")
        validate_every = _interval(validation_images, validate_every)
        self.device = choose_device(device)
        self.model, self.images = model.to(self.device), images.to(self.device)
        # Checkpoints read plain numbers only, which NumPy's are not.
        self.free_bits, self.beta = float(free_bits), beta
        self.validation_images, self.validate_every = validation_images, validate_every
        self.generator, self.seed = arguments.generator(seed), operator.index(seed)
        self.records, self.validations = [], []
        self._batches = deque()  # what is left of the epoch
        self.batch_size = batch_size
        self.optimizer = torch.optim.Adam(model.parameters(), fused=True)
        self.learning_rate = learning_rate
        self._good = [tensor.clone() for tensor in self._tensors()]
        self._current_beta()  # a wrong β is named now, not at the first step
        # What the run began with: a checkpoint belongs to it, whatever was assigned later.
        self.settings = {
            "batch_size": self.batch_size, "learning_rate": self.learning_rate, "beta": beta,
            "free_bits": self.free_bits, "validate_every": validate_every, "seed": self.seed,
        }

    @property
    def learning_rate(self):
        """Adam's step size."""
        return self.optimizer.param_groups[0]["lr"]

    @learning_rate.setter
    def learning_rate(self, value):
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"learning_rate must be a positive number, got {value}.")
        self.optimizer.param_groups[0]["lr"] = float(value)

    @property
    def batch_size(self):
        """Images in a step; the last step of an epoch may have fewer."""
        return self._batch_size

    @batch_size.setter
    def batch_size(self, value):
        value = arguments.whole_number(value, "batch_size", most=len(self.images))
        self._batch_size = value
        remaining = self._remaining()  # which are split anew, if there are any
        self._batches = deque(remaining.split(value) if len(remaining) else ())

    @property
    def steps_per_epoch(self):
        """Steps in which every image is seen once."""
        return math.ceil(len(self.images) / self.batch_size)

    def step(self):
        """One update of the model; returns its `Record`.

        Raises `TrainingDiverged` when the loss or its gradient is NaN or infinite. The model
        then holds parameters of at most ten steps before, whose loss and gradient were finite.
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
        # One look at all numbers: each look makes a GPU wait.
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
        """All that decides how training goes on, as a copy: tensors and plain values.

        `beta` is the one exception, kept as it is: a number or a schedule.
        """
        return copy.deepcopy({
            "model": self.model.state_dict(), "good": self._good,
            "optimizer": self.optimizer.state_dict(), "generator": self.generator.get_state(),
            "remaining": self._remaining(), "batch_size": self.batch_size,
            "records": _table([(*r[:-1], *r.rate_per_latent) for r in self.records]),
            "validations": _table([(step, *found) for step, found in self.validations]),
        }) | {"beta": self.beta}

    def load_state(self, state):
        """Go on from what `state` gave for a trainer with the same settings and model."""
        state = copy.deepcopy(state)  # the optimiser would go on in the caller's tensors
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
        """The images that the epoch has left, in their order."""
        return torch.cat([torch.empty(0, dtype=torch.int64), *self._batches])

    def _tensors(self):
        return [tensor.detach() for tensor in self.model.state_dict().values()]

    def _size(self):
        """The norm of all that must stay finite beside the loss."""
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
    """Write `values` into `tensors`, one by one."""
    for tensor, value in zip(tensors, values, strict=True):
        tensor.copy_(value)


def choose_device(name):
    """The `torch.device` called `name`: "cpu", "cuda", "mps", or "auto" for the fastest there is.

    A number may follow, as in "cuda:0", and a `torch.device` is taken as it is. Raises
    `ValueError` for another name or a device that this computer does not have.
    """
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    here = {"cpu": 1} if accelerator is None else {
        accelerator.type: torch.accelerator.device_count(), "cpu": 1}  # the fastest first
    try:
        device = torch.device(next(iter(here)) if name == "auto" else name)
    except (RuntimeError, TypeError):  # PyTorch knows no such name
        device = None
    if device is None or (device.index or 0) >= here.get(device.type, 0):
        raise ValueError(f"device={str(name)!r} is not there, or PyTorch does not know it. Here "
                         f"are: {', '.join(here)}; 'auto' takes the first.")
    return device


def train(trainer, steps, *, checkpoint=None, every=None):
    """Step until the run has `steps` steps in all, with a checkpoint from time to time.

    checkpoint: path of the run's checkpoint, a file that is replaced every `every` steps
    (an epoch, unless given) and at the end. If the file exists, the run first goes on from it,
    whatever the trainer did before; otherwise it starts where the trainer stands. On one thread
    a run that was interrupted or killed, and is resumed by the same call, ends with bitwise the
    same parameters and records as one that was not.

    Raises `TrainingDiverged`, and `checkpoints.CheckpointError` for a file that does not fit
    or cannot be written: before the first step, if it is so then. Raises `ValueError` for steps
    that are no whole number, and with a checkpoint `TypeError` for a β that cannot be stored.
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
    """Rows of numbers as float64 [rows, columns], which holds Python's floats exactly."""
    return torch.tensor([[*row] for row in rows], dtype=torch.float64)


def _interval(images, every):
    """`validate_every` as an int, or None. Raises unless both or neither are given, and fit."""
    if (images is None) != (every is None):
        raise ValueError("validation_images and validate_every belong together: give both or "
                         "neither.")
    if every is None:
        return None
    data.require_images(images)
    if not len(images):
        raise ValueError("There are no validation_images: give at least one.")
    return arguments.whole_number(every, "validate_every")
