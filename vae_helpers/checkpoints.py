"""Checkpoints: the state of a training run in a file, from which the run can be resumed exactly.

A file holds one line of text, followed by the bytes that `torch.save` wrote. The line gives the
format and the SHA-256 of these bytes, so that a damaged or foreign file is rejected before it is
decoded. Only tensors and plain values are decoded (`weights_only`).
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
    """Write the state of `trainer` (a `training.Trainer`) to the file `path`, atomically.

    Raises `CheckpointError` if the file cannot be written (a full disk, no permission); an
    earlier checkpoint at `path` is then unchanged. Raises `TypeError` if β is a function that
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
            f"The checkpoint {path} could not be written: {error}. An earlier checkpoint there "
            f"is unchanged. Free {len(payload) / 1e6:.1f} MB of disk space, or choose a folder in "
            "which you may write."
        ) from error
    for part in path.parent.glob(f"{escape(path.name)}.*.part"):
        with suppress(OSError):  # left by a run that was killed while it wrote
            part.unlink()


def restore(trainer, path):
    """Load the checkpoint `path` into `trainer`, which must have been made with the same settings.

    The present state of the trainer is replaced. If `beta`, `learning_rate` or `batch_size` had
    been assigned during the run, they get the values that they had when the checkpoint was written.
    Raises `CheckpointError`, and leaves the trainer unchanged, if the file is missing, damaged,
    not a checkpoint, in another format or from another run.
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
            f"The checkpoint {path} is from another run: {difference}. To continue that run, make "
            f"the trainer with the same model, images and settings. {START_ANEW}"
        )


def _first_line(payload):
    digest = hashlib.sha256(payload).hexdigest().encode()
    return START + b"%d, sha256 %s\n" % (FORMAT, digest)


def _read(path):
    """The dictionary that `save` stored in the file `path`, after its checksum was verified."""
    try:
        line, _, payload = path.read_bytes().partition(b"\n")
    except OSError as error:
        raise CheckpointError(
            f"The checkpoint {path} cannot be read: {error}. Is the path right?"
        ) from error
    version = re.match(re.escape(START) + rb"(\d+)", line)
    if version is None:
        what = "not a vae_helpers checkpoint, or its beginning is damaged" if line else "empty"
        raise CheckpointError(f"The file {path} is {what}. {START_ANEW}")
    if version[1] != b"%d" % FORMAT:
        raise CheckpointError(
            f"The checkpoint {path} has format {version[1].decode()}, and this version of "
            f"vae_helpers reads format {FORMAT}. Use the version that wrote it. {START_ANEW}"
        )
    if line + b"\n" != _first_line(payload):
        raise CheckpointError(
            f"The checkpoint {path} is damaged or incomplete: its checksum does not match its "
            f"content. {START_ANEW}"
        )
    try:
        return torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    except Exception as error:  # a hostile file can make torch.load raise anything
        raise CheckpointError(
            f"The checkpoint {path} holds more than tensors and plain values, or cannot be "
            f"decoded, and was not loaded: {error}. {START_ANEW}"
        ) from error


def _identity(trainer):
    """{name: value} that identifies a run: its model, its images and its settings."""
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
    """The shape of `images` and the sum of every hundredth, enough to recognise another set."""
    if images is None:
        return "None"
    return f"{list(images.shape)}, every hundredth with sum {int(images[::100].sum())}"
