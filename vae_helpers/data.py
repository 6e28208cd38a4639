"""Real MNIST, offline: loading, pixels and minibatches."""

import functools
import gzip
import hashlib
import zlib
from pathlib import Path
from typing import NamedTuple

import torch

from vae_helpers.arguments import whole_number
from vae_helpers.files import CACHE_VARIABLE, atomic_write, cache_dir

try:
    from torchvision.datasets import MNIST as TorchvisionMNIST
except RuntimeError as error:
    if "torchvision::nms" not in str(error):
        raise
    raise ImportError(
        f"torch {torch.__version__} and the installed torchvision were not built for each other "
        f"({error}). Install both from one place, in one command: "
        "pip install --force-reinstall torch torchvision"
    ) from None

PACKAGED = Path(__file__).parent / "mnist"
BLOCK = 1 << 20  # bytes per read
VALIDATION = 5_000  # digits at the end of the training file, for choosing settings


class MNISTError(RuntimeError):
    """MNIST could not be loaded; the message says why, and what to do."""


class MNIST(NamedTuple):
    """The 70,000 MNIST digits: images uint8 [n, 28, 28] from 0 to 255, labels int64 [n]."""

    train_images: torch.Tensor
    train_labels: torch.Tensor
    validation_images: torch.Tensor
    validation_labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor


def load_mnist(validation=VALIDATION):
    """The MNIST training, validation and test digits as tensors, without a download.

    Train on the training set, choose settings on the validation set, report on the test set.
    validation: how many digits at the end of the training file form the validation set; 0 leaves
    all 60,000 for training, as in the protocol of some papers.

    The data files come with this package. They are unpacked once to the cache folder, where
    torchvision reads them; a copy with a wrong checksum is unpacked again. To use other files,
    see vae_helpers/mnist/README.md.

    Returns `MNIST`: images of shape [55000, 28, 28], [5000, 28, 28] and [10000, 28, 28], uint8,
    about 55 MB. All calls return the same memory: clone a tensor before you write into it.
    Raises `MNISTError` if the package is damaged or the cache cannot be written, and `ValueError`
    if `validation` is not a whole number from 0 to 59,999.
    """
    root = cache_dir() / "mnist"
    _fill_cache(root / "MNIST" / "raw")
    images, labels, *test = _read(root)
    last = len(images) - whole_number(validation, "validation", least=0, most=len(images) - 1)
    return MNIST(images[:last], labels[:last], images[last:], labels[last:], *test)


@functools.lru_cache(maxsize=1)
def _read(root):
    """Images and labels of both files in the folder `root`, whose checksums were verified."""
    train, test = (TorchvisionMNIST(root, train=train) for train in (True, False))
    return train.data, train.targets, test.data, test.targets


def _checksums():
    """SHA-256 of each unzipped file, {name: hexadecimal}."""
    rows = (line.split() for line in (PACKAGED / "SHA256SUMS").read_text().splitlines())
    return {name: digest for digest, name in rows if not name.endswith(".gz")}


def _sha256(path):
    state = path.stat()
    return _sha256_as_of(path, state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=4)
def _sha256_as_of(path, _changed, _size):
    """The SHA-256 of a file, cached until its time of change or its size differs."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_whole(path, digest):
    try:
        return _sha256(path) == digest
    except OSError:
        return False


def _fill_cache(raw):
    """Unpack each file that is missing or damaged in the folder `raw`."""
    for name, digest in _checksums().items():
        if _is_whole(raw / name, digest):
            continue
        try:
            _unpack(PACKAGED / f"{name}.gz", raw / name, digest)
        except OSError as error:
            if _is_whole(raw / name, digest):  # another kernel unpacked it first
                continue
            raise MNISTError(
                f"MNIST could not be unpacked to {raw}: {error}. It needs about 55 MB there. "
                f"Free space or make the folder writable, or set the environment variable "
                f"{CACHE_VARIABLE} to a writable folder."
            ) from error


def _unpack(packed, target, digest):
    """Unzip `packed` to `target`, which appears only if its SHA-256 is `digest`."""
    seen = hashlib.sha256()
    damaged = MNISTError(
        f"The packaged data file {packed} is missing or damaged. Restore it: "
        f"`git checkout -- {packed.name}` in its folder, or reinstall vae_helpers."
    )
    try:
        source = gzip.open(packed)
    except OSError as error:
        raise damaged from error
    with source, atomic_write(target) as file:
        while block := _read_block(source, damaged):
            seen.update(block)
            file.write(block)
        if seen.hexdigest() != digest:
            raise damaged


def _read_block(source, damaged):
    try:
        return source.read(BLOCK)
    except (OSError, EOFError, zlib.error) as error:  # bad header, bad CRC, truncated
        raise damaged from error


def pixels(images):
    """Grey-scale images as rows of pixels: uint8 [n, 28, 28] to float32 [n, 784] in [0, 1]."""
    require_images(images)
    return images.flatten(1).float() / 255  # [n, 28, 28] -> [n, 784]


def require_images(images):
    """Raise `TypeError` unless `images` is a uint8 tensor [n, rows, columns]."""
    if not isinstance(images, torch.Tensor) or images.dtype != torch.uint8 or images.ndim != 3:
        kind = f"{type(images).__name__} of {getattr(images, 'dtype', 'no type')}"
        shape = list(getattr(images, "shape", []))
        raise TypeError(f"Images must be a torch.uint8 tensor [n, 28, 28], got {kind} {shape}.")


def require_unit_interval(x, name):
    """Raise unless `x` is a tensor of floats in [0, 1]: `TypeError` or `ValueError`."""
    if not isinstance(x, torch.Tensor):
        raise TypeError(f"{name} must be a tensor, got {type(x).__name__}.")
    if not x.is_floating_point():
        raise TypeError(f"{name} must be floats, got {x.dtype}. Convert raw MNIST images "
                        f"with data.pixels, and tensors of 0 and 1 with {name}.float().")
    if not x.numel():
        raise ValueError(f"{name} is empty, its shape is {list(x.shape)}: give at least one image.")
    low, high = (float(v) for v in torch.aminmax(x.detach()))
    if not (low >= 0 and high <= 1):  # also false for NaN
        raise ValueError(
            f"{name} must lie in [0, 1], but ranges from {low:.4g} to {high:.4g}. "
            "Convert raw MNIST images with data.pixels first."
        )


def noise(generator, *shape, like):
    """Standard normal noise of this shape, with the dtype and on the device of the tensor `like`.

    The noise is drawn on the CPU, so that a seed gives the same noise on every device.
    """
    return torch.randn(*shape, generator=generator, dtype=like.dtype).to(like.device)


def minibatches(count, batch_size, generator):
    """The indices 0 … count−1 in random order, split into tensors of `batch_size`.

    The last tensor may be shorter. Raises `ValueError` unless `batch_size` is a whole number ≥ 1.
    """
    batch_size = whole_number(batch_size, "batch_size")
    return torch.randperm(count, generator=generator).split(batch_size)
