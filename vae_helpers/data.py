"""Real MNIST, offline: loading, pixels and minibatches."""

import functools
import gzip
import hashlib
import tempfile
from pathlib import Path
from typing import NamedTuple

import torch

from vae_helpers.arguments import whole_number

try:
    import torchvision
except RuntimeError as error:
    if "torchvision::nms" not in str(error):
        raise
    raise ImportError(
        f"torch {torch.__version__} and the installed torchvision were not built for each other "
        f"({error}). Install both from one place, in one command: "
        "pip install --force-reinstall torch torchvision"
    ) from None

PACKAGED = Path(__file__).parent / "mnist"
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

    The data files come with this package. To use other files, see vae_helpers/mnist/README.md.

    Returns `MNIST`: images of shape [55000, 28, 28], [5000, 28, 28] and [10000, 28, 28], uint8,
    about 55 MB. All calls return the same memory: clone a tensor before you write into it.
    Raises `MNISTError` if the package is damaged, and `ValueError` if `validation` is not a whole
    number from 0 to 59,999.
    """
    images, labels, *test = _read(PACKAGED)
    last = len(images) - whole_number(validation, "validation", least=0, most=len(images) - 1)
    return MNIST(images[:last], labels[:last], images[last:], labels[last:], *test)


@functools.lru_cache(maxsize=1)
def _read(folder):
    """Images and labels of the training file, then of the test file, in the packaged `folder`.

    torchvision reads unzipped files, so they are unzipped for the moment.
    """
    sums = dict(line.split()[::-1] for line in (folder / "SHA256SUMS").read_text().splitlines())
    packed = {name: _whole(folder / name, sums[name]) for name in sums if name.endswith(".gz")}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        raw = Path(place, "MNIST", "raw")
        try:
            raw.mkdir(parents=True)
            for name, content in packed.items():
                (raw / name.removesuffix(".gz")).write_bytes(gzip.decompress(content))
        except OSError as error:
            raise MNISTError(
                f"MNIST could not be unzipped to {place}: {error.strerror}. For a moment it needs "
                "55 MB there. Free space, or set TMPDIR to another folder.") from error
        train, test = (torchvision.datasets.MNIST(place, train=train) for train in (True, False))
    return train.data, train.targets, test.data, test.targets


def _whole(path, digest):
    """The content of a file with this SHA-256. Raises `MNISTError`."""
    try:
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() == digest:
            return content
        raise OSError("another checksum")
    except OSError as error:
        raise MNISTError(
            f"The packaged data file {path} is missing or damaged. Restore it: `git checkout -- "
            f"{path.name}` in its folder, or reinstall vae_helpers.") from error


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
