"""For `reliability`: ways to damage a file, and what is damaged and loaded again.

A damage is a function of a file's bytes, a random.Random and a path that no loading may bring
into being; it gives the damaged bytes. A victim writes a good file of its kind, damages it,
loads it, and says "passed" or what happened instead.
"""

import functools
import os
import pickle
import random
import shutil
from unittest import mock

import torch

from vae_helpers import checkpoints, data, files, models, results, training

MODEL = "kl_collapse", "1"  # study and key


def truncated(content, chances, _trap):
    return content[: chances.randrange(1, len(content))]


def bit_flipped(content, chances, _trap):
    position = chances.randrange(len(content))
    flipped = content[position] ^ (1 << chances.randrange(8))
    return content[:position] + bytes([flipped]) + content[position + 1:]


def wrong_magic(content, chances, _trap):
    return chances.randbytes(8) + content[8:]


def foreign_pickle(_content, _chances, trap):
    """A pickle that runs code when it is loaded."""
    return pickle.dumps(Foreign(trap))


def empty(_content, _chances, _trap):
    return b""


def huge_header(content, _chances, _trap):
    """A size field of four billion, and a header of a megabyte."""
    return content[:4] + b"\xff" * 4 + b"9" * 2**20 + content[8:]


DAMAGES = {function.__name__.replace("_", " "): function for function in
           (truncated, bit_flipped, wrong_magic, foreign_pickle, empty, huge_header)}


class Foreign:
    """Unpickled, it makes a folder: a stand-in for what a hostile file would do."""

    def __init__(self, trap):
        self._trap = str(trap)

    def __reduce__(self):
        return os.mkdir, (self._trap,)


def outcome(error, load, good, trap):
    """"passed" if `load` raises this error or gives what `good` is, else what happened."""
    try:
        found = load()
    except error:
        verdict = "passed"
    except Exception as other:  # the very thing that is looked for
        verdict = f"raised {type(other).__name__}: {other}"
    else:
        verdict = "passed" if same(found, good) else "loaded something else"
    return "ran foreign code" if trap.exists() else verdict


def same(found, good):
    return all(torch.equal(one, other) for one, other in zip(found, good, strict=True))


@functools.cache
def digits():
    return data.load_mnist()


@functools.cache
def unpacked():
    """The folder of the four whole IDX files."""
    digits()
    return files.cache_dir() / "mnist" / "MNIST" / "raw"


def some_file(number):
    """The name of one of MNIST's four files."""
    return sorted(path.name for path in data.PACKAGED.glob("*.gz"))[number // 7 % 4][:-3]


def damage_in(path, damage, number, trap):
    path.write_bytes(damage(path.read_bytes(), random.Random(number), trap))


def packed_file(folder, damage, number):
    """A file that comes with the package, unpacked for the first time."""
    name, raw, packed = some_file(number), folder / "mnist" / "MNIST" / "raw", folder / "packed"
    shutil.copytree(data.PACKAGED, packed)
    shutil.copytree(unpacked(), raw)
    (raw / name).unlink()
    damage_in(packed / f"{name}.gz", damage, number, folder / "trap")
    with mock.patch.object(data, "PACKAGED", packed), cache_at(folder):
        return outcome(data.MNISTError, data.load_mnist, digits(), folder / "trap")


def cached_file(folder, damage, number):
    """A file that was unpacked before: it must be made again, and no error will do."""
    raw = folder / "mnist" / "MNIST" / "raw"
    shutil.copytree(unpacked(), raw)
    damage_in(raw / some_file(number), damage, number, folder / "trap")
    with cache_at(folder):
        return outcome((), data.load_mnist, digits(), folder / "trap")


def checkpoint(folder, damage, number):
    """A run's checkpoint. Half of the foreign pickles have a first line that fits them."""
    saved, other, path = make_trainer(), make_trainer(), folder / "run.ckpt"
    for _ in range(3):
        saved.step()
    checkpoints.save(saved, path)
    damage_in(path, damage, number, folder / "trap")
    if damage is foreign_pickle and number % 2:
        path.write_bytes(signed(path.read_bytes()))

    def load():
        checkpoints.restore(other, path)
        return other.model.state_dict().values()

    return outcome(checkpoints.CheckpointError, load, saved.model.state_dict().values(),
                   folder / "trap")


def signed(payload):
    """With the line in front that `checkpoints.save` would write."""
    return checkpoints._first_line(payload) + payload


def make_trainer():
    return training.Trainer(models.VAE(2, (16,), seed=0), digits().train_images[:128], seed=0)


def stored_model(folder, damage, number):
    """A model of a study, as sliders load it."""
    study, key = MODEL
    shutil.copytree(evidence.FOLDER / study, folder / study)
    shutil.copy(evidence.FOLDER / f"{study}.json", folder)  # which says what the models are
    good = load_stored().state_dict().values()
    damage_in(folder / study / f"{key}.pt", damage, number, folder / "trap")
    with mock.patch.object(evidence, "FOLDER", folder):
        return outcome(results.ResultsError, lambda: load_stored().state_dict().values(), good,
                       folder / "trap")


def load_stored():
    return results.load_model(*MODEL, models.VAE(10, (100,), seed=0))


def cache_at(folder):
    return mock.patch.dict(os.environ, {files.CACHE_VARIABLE: str(folder)})


VICTIMS = {"MNIST, packed": packed_file, "MNIST, unpacked": cached_file,
           "checkpoint": checkpoint, "stored model": stored_model}
