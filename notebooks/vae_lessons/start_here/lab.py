"""What notebook 00 measures: is this computer ready, and what lies where in the plane."""

import importlib.metadata
import platform
import tempfile

import torch

from vae_helpers import data
from vae_helpers.files import cache_dir

PACKAGES = ("torch", "torchvision", "numpy", "matplotlib", "ipywidgets", "jupyterlab")


def check_environment():
    """Print what the notebooks stand on and whether it will carry them."""
    problems = []
    print(f"Python       ⟨{platform.python_version()}⟩")
    for name in PACKAGES:
        try:
            print(f"{name:<12} ⟨{importlib.metadata.version(name)}⟩")
        except importlib.metadata.PackageNotFoundError:
            problems.append(f"{name} is not installed where this kernel runs")
    device = "CUDA" if torch.cuda.is_available() else "Apple MPS" if _has_mps() else "CPU"
    print(f"threads      ⟨{torch.get_num_threads()}⟩")
    print(f"device       ⟨{device}⟩ (the CPU is all that this series needs)")
    try:
        cache_dir().mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=cache_dir()).close()
        digits = data.load_mnist()
        print(f"data         {len(digits.train_images):,} training, "
              f"{len(digits.validation_images):,} validation and {len(digits.test_images):,} test "
              "digits")
    except (OSError, data.MNISTError) as error:
        problems.append(str(error))
    print("verdict      " + ("; ".join(problems) if problems else "ready"))


def _has_mps():
    return torch.backends.mps.is_available()


def cluster_widths(codes, labels):
    """Median distance of each digit's codes from their centre, the median: [n, 2] to [10]."""
    clusters = (codes[labels == digit] for digit in range(10))
    return torch.stack([(c - c.median(0).values).norm(dim=1).median() for c in clusters])


def slants(images):
    """How far each image's ink leans: columns to the right per row down, [n, 28, 28] to [n].

    The slope of the least-squares line through the ink, weighted by it; negative for a digit
    that leans to the right.
    """
    ink = images.double()
    row = torch.arange(28.0)[:, None] - _centre(ink.sum(2))[:, None, None]  # [n, 28, 1]
    column = torch.arange(28.0) - _centre(ink.sum(1))[:, None, None]  # [n, 1, 28]
    return (ink * row * column).sum((1, 2)) / (ink * row**2).sum((1, 2))


def _centre(weights):
    """The weighted mean position: [n, 28] to [n]."""
    return (weights * torch.arange(28.0)).sum(1) / weights.sum(1)


def place_along_longest_axis(codes):
    """Each code's place on the axis along which the codes vary most: [n, 2] to [n]."""
    centred = codes - codes.mean(0)
    _, directions = torch.linalg.eigh(torch.cov(centred.T))  # in ascending order
    return centred @ directions[:, -1]


def correlation(a, b):
    """Pearson's correlation of two tensors [n]."""
    return torch.corrcoef(torch.stack([a.double(), b.double()]))[0, 1].item()
