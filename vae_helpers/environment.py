"""Is this machine ready? Versions, threads, device, data, and a verdict."""

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
        print(f"data         {len(digits.train_images):,} training digits, "
              f"{len(digits.test_images):,} test digits")
    except (OSError, data.MNISTError) as error:
        problems.append(str(error))
    print("verdict      " + ("; ".join(problems) if problems else "ready"))


def _has_mps():
    return torch.backends.mps.is_available()
