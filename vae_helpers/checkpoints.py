"""Checkpoints: a training run in a file, from which it goes on as if nothing had happened.

A file is one line of text and what `torch.save` wrote. The line names the format and holds
the SHA-256 of the rest, so that a damaged or foreign file is noticed before anything in it
is read; the rest is read as tensors and plain values only (`weights_only`).
"""

import hashlib
import io
import re
from contextlib import suppress
from glob import escape
from pathlib import Path

import torch

from vae_helpers import identity, schedules
from vae_helpers.files import atomic_write

FORMAT = 3
START = b"vae_helpers checkpoint, format "
START_ANEW = "Delete it or choose another path to start anew."


class CheckpointError(RuntimeError):
    """A checkpoint could not be written, read or used; the message says what to do."""


def save(trainer, path):
    """Write the run of `trainer` (a `training.Trainer`) to `path`, whole or not at all.

    Raises `CheckpointError` if the file cannot be written (a full disk, no permission); an
    earlier checkpoint there stays as it was. Raises `TypeError` if β is a function that
    cannot be stored.
    """
    path, content = Path(path), io.BytesIO()
    state = trainer.state()
    state["beta"] = schedules.as_plain(state["beta"])
    torch.save({"belongs_to": _identity(trainer), "state": state}, content)
    payload = content.getvalue()
    try:
        with atomic_write(path) as file:
            file.write(_first_line(payload))
            file.write(payload)
    except OSError as error:
        raise CheckpointError(
            f"The checkpoint {path} could not be written: {error}. An earlier one there is as it "
            f"was. {len(payload) / 1e6:.1f} MB are needed: make room, or choose a folder in "
            "which you may write."
        ) from error
    for part in path.parent.glob(f"{escape(path.name)}.*.part"):
        with suppress(OSError):  # left by a run that was killed while it wrote
            part.unlink()


def restore(trainer, path):
    """Put `trainer` where the run in `path` stood; it must have been made with the same settings.

    The trainer's present state is lost. `beta`, `learning_rate` and `batch_size` become what
    they were when the checkpoint was written, if they had been assigned since the start.
    Raises `CheckpointError`, and leaves the trainer as it is, if there is no such file or it
    is damaged, no checkpoint, of another format or of another run.
    """
    path = Path(path)
    content, here, before = _read(path), _identity(trainer), trainer.state()
    try:
        difference = identity.first_difference(here, content["belongs_to"])
        if difference is None:
            state = content["state"]
            trainer.load_state(state | {"beta": schedules.from_plain(state["beta"])})
    except Exception as error:  # its checksum is right, but `save` did not write it
        trainer.load_state(before)
        raise CheckpointError(
            f"The checkpoint {path} does not hold what a checkpoint should "
            f"({type(error).__name__}: {error}). {START_ANEW}"
        ) from error
    if difference is not None:
        raise CheckpointError(
            f"The checkpoint {path} is of another run: {difference}. "
            f"Give the trainer what that run had, to go on with it. {START_ANEW}"
        )


def _first_line(payload):
    digest = hashlib.sha256(payload).hexdigest().encode()
    return START + b"%d, sha256 %s\n" % (FORMAT, digest)


def _read(path):
    """What `save` stored in the file `path`, once all of it is known to be there."""
    try:
        line, _, payload = path.read_bytes().partition(b"\n")
    except OSError as error:
        raise CheckpointError(
            f"The checkpoint {path} cannot be read: {error}. Is the path right?"
        ) from error
    version = re.match(re.escape(START) + rb"(\d+)", line)
    if version is None:
        what = "no checkpoint of vae_helpers, or its beginning is damaged" if line else "empty"
        raise CheckpointError(f"The file {path} is {what}. {START_ANEW}")
    if version[1] != b"%d" % FORMAT:
        raise CheckpointError(
            f"The checkpoint {path} has format {version[1].decode()}, and this version of "
            f"vae_helpers reads format {FORMAT}. Use the version that wrote it. {START_ANEW}"
        )
    if line + b"\n" != _first_line(payload):
        raise CheckpointError(
            f"The checkpoint {path} is damaged or cut short: its checksum is not that of its "
            f"content. {START_ANEW}"
        )
    try:
        return torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    except Exception as error:  # what a hostile file makes torch.load raise is not foreseeable
        raise CheckpointError(
            f"The checkpoint {path} holds more than tensors and plain values, or cannot be "
            f"decoded, and was not loaded: {error}. {START_ANEW}"
        ) from error


def _identity(trainer):
    """What a checkpoint belongs to: the model, the images and the settings, {name: value}."""
    model, settings = trainer.model, trainer.settings
    described = {f"the model's {name}": it for name, it in identity.describe(model).items()}
    tensors = {
        f"the model's tensor {name}": f"{tensor.dtype} {list(tensor.shape)}"
        for name, tensor in model.state_dict().items()
    }
    layers = {f"line {n} of print(model)": line for n, line in enumerate(repr(model).splitlines())}
    images = {name: _described(getattr(trainer, name)) for name in ("images", "validation_images")}
    beta = {"beta": schedules.as_plain(settings["beta"])}
    return described | tensors | layers | images | settings | beta


def _described(images):
    """Shape and a sample's total, which tell apart the sets that are likely to be confused."""
    if images is None:
        return "None"
    return f"{list(images.shape)}, every hundredth with sum {int(images[::100].sum())}"
