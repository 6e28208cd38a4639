"""Measurements of notebook 00: the check of the computer, and a VAE's codes of the digits."""

import importlib.metadata
import platform
import tempfile
from types import SimpleNamespace

import torch
from IPython.display import display

from vae_helpers import data, evaluation
from vae_helpers.files import CACHE_VARIABLE, cache_dir

# Panels of the figure of many seeds: {name in the results: (axis label, low, high, mark, word)}.
STRIPS = {
    "neg_elbo": ("−ELBO (nats per test image; lower is better)", 140, 160, None, ""),
    "ones_width": ("width of the ones (times the median digit's)", 0, 2.5, 1, "median digit"),
    "slant_correlation": ("correlation of a one's place with its slant", 0, 1, None, ""),
}
PACKAGES = ("torch", "torchvision", "numpy", "matplotlib", "ipywidgets")


def check_environment():
    """Print the versions of Python and the packages, the hardware, and whether all is ready."""
    problems = []
    print(f"Python       ⟨{platform.python_version()}⟩")
    for name in PACKAGES:
        print(f"{name:<12} ⟨{importlib.metadata.version(name)}⟩")
    device = "CUDA" if torch.cuda.is_available() else "Apple MPS" if _has_mps() else "CPU"
    print(f"threads      ⟨{torch.get_num_threads()}⟩")
    print(f"device       ⟨{device}⟩ (the CPU is all that this series needs)")
    try:
        digits = data.load_mnist()
        print(f"data         {len(digits.train_images):,} training, "
              f"{len(digits.validation_images):,} validation and {len(digits.test_images):,} test "
              "digits")
    except data.MNISTError as error:
        problems.append(str(error))
    try:
        cache_dir().mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=cache_dir()).close()
    except OSError as error:
        problems.append(f"no file can be written to {cache_dir()} ({error.strerror}): set the "
                        f"environment variable {CACHE_VARIABLE} to another folder, and restart")
    print("verdict      " + ("; ".join(problems) if problems else "ready"))


def _has_mps():
    return torch.backends.mps.is_available()


@torch.no_grad()
def pass_through(model, x, seed=0):
    """The arguments of `figures.one_way` for one image and a VAE with 2 latents.

    x: a row of pixels [1, 784] in [0, 1]. The point is one draw from the approximate posterior,
    and the decoded picture is decoded from it. Distortion and rate are in nats.
    """
    eps = torch.randn(1, model.latent, generator=torch.Generator().manual_seed(seed))
    with evaluation.evaluation_mode(model):
        mean, logvar = model.encode(x)  # [1, 2] each
        sd = (0.5 * logvar).exp()
        point = mean + sd * eps
        distortion, rate = model(x, eps)  # [1] each
        decoded = model.decode(point).sigmoid()  # [1, 784]
    return {
        "image": x.reshape(28, 28).numpy(), "mean": mean[0].numpy(), "sd": sd[0].numpy(),
        "point": point[0].numpy(), "decoded": decoded.reshape(28, 28).numpy(),
        "distortion": distortion.item(), "rate": rate.item(),
    }


class Film:
    """A record of a model's codes and reconstructions at several moments of its training.

    view: the view that shows each moment; it is displayed when training begins. images: uint8
    [n, 28, 28]; labels: [n], each digit occurs; pixels: a function from images to rows [n, 784];
    total: the number of training steps. `.frames` is {step: arguments of
    `figures.training_progress`} for the moments so far.
    """

    def __init__(self, view, images, labels, pixels, total):
        self._view, self._x, self._labels = view, pixels(images).float(), labels
        self._firsts = torch.tensor([labels.tolist().index(digit) for digit in range(10)])
        self._total, self._step, self.frames = total, 0, {}
        self._moments = {10, 20, 40, 60, *range(120, total, 120), total}  # more at the start

    def begin(self, model):
        """Show the model before its first step."""
        self._keep(model)
        self._display = display(self._view, display_id=True)

    def step_done(self, model):
        """Count one more training step, and show the model if this step is one of the moments."""
        self._step += 1
        if self._step in self._moments:
            self._keep(model)
        if self._step == self._total and self._display is not None:
            self._display.update(self._view)  # the notebook stores the last picture

    def _keep(self, model):
        before = self.frames[max(self.frames)] if self.frames else None
        self.frames[self._step] = self.look(model, self._step, before)
        self._view.draw(**self.frames[self._step])

    @torch.no_grad()
    def look(self, model, step, before=None):
        """The frame of `model` after `step` steps, with the −ELBO curve of the frame `before`.

        Neither the film nor the model is changed.
        """
        eps = torch.randn(len(self._x), model.latent, generator=torch.Generator().manual_seed(0))
        with evaluation.evaluation_mode(model):
            codes = model.encode(self._x)[0]  # [n, 2]
            distortion, rate = model(self._x, eps)  # [n] each
            decoded = model.decode(codes[self._firsts]).sigmoid()  # [10, 784]
        before = before or {"steps": [], "neg_elbo": []}
        return {
            "codes": codes.numpy(), "labels": self._labels.numpy(),
            "originals": self._x[self._firsts].reshape(10, 28, 28).numpy(),
            "reconstructions": decoded.reshape(10, 28, 28).numpy(),
            "steps": [*before["steps"], step],
            "neg_elbo": [*before["neg_elbo"], (distortion + rate).mean().item()],
            "total": max(self._total, step),
        }


class Counted:
    """A trainer for `LiveTraining` from a function that makes one training step."""

    def __init__(self, function):
        self._function, self.steps = function, 0

    def step(self):
        """Call the function; returns a record whose `step` is the number of this call, from 0."""
        self._function()
        self.steps += 1
        return SimpleNamespace(step=self.steps - 1)


def endless(minibatches, count, batch_size, generator):
    """An endless iterator over minibatches, epoch after epoch: lists of indices below `count`."""
    while True:
        yield from minibatches(count, batch_size, generator)


@torch.no_grad()
def nearest_images(pictures, images, pixels):
    """For each picture [k, 28, 28] in [0, 1], the nearest of the images: uint8 [k, 28, 28].

    The distance is the Euclidean distance between pixels. images: uint8 [n, 28, 28].
    """
    rows = pictures.flatten(1)  # [k, 784]
    distances = torch.cat([torch.cdist(rows, pixels(chunk).float())
                           for chunk in images.split(evaluation.CHUNK)], 1)  # [k, n]
    return images[distances.argmin(1)]


@torch.no_grad()
def measure(model, images, labels, pixels, *, seed):
    """The results of the study for a trained model, {name: number}, on images uint8 [n, 28, 28].

    pixels: a function from images to rows [n, 784]. The results are the −ELBO and the rate in
    nats per image, with one draw of z per image; the width of the ones divided by the median
    digit's; and, for the ones, the correlation of slant with the position along the first
    principal axis of their cluster.
    """
    generator = torch.Generator().manual_seed(seed)
    parts, codes, ones = [], [], labels == 1
    with evaluation.evaluation_mode(model):
        for chunk in images.split(evaluation.CHUNK):
            x = pixels(chunk).float()  # [chunk, 784]
            eps = data.noise(generator, len(x), model.latent, like=x)
            parts.append(torch.stack(model(x, eps)))  # [2, chunk]
            codes.append(model.encode(x)[0])
    distortion, rate = torch.cat(parts, 1).double().mean(1).tolist()
    codes = torch.cat(codes)  # [n, 2]
    widths = cluster_widths(codes, labels)
    leaning = correlation(place_along_principal_axis(codes[ones]), slants(images[ones]))
    return {
        "neg_elbo": distortion + rate, "rate": rate,
        "ones_width": (widths[1] / widths.quantile(0.5)).item(),
        "slant_correlation": abs(leaning),  # the sign of a principal axis is arbitrary
    }


def strips(runs, live):
    """The arguments of `figures.seeds_and_live` for stored runs and the live `measure`."""
    labels = {key: label for key, (label, *_) in STRIPS.items()}
    wide = sum(run["ones_width"] > 1 for run in [*runs, live])
    return {
        "stored": {label: [run[key] for run in runs] for key, label in labels.items()},
        "live": {label: live[key] for key, label in labels.items()},
        "scales": {label: scale for label, *scale in STRIPS.values()},
        "title": f"The ones are wider than the median digit in {wide} of {len(runs) + 1} runs",
    }


def cluster_widths(codes, labels):
    """The median distance of each digit's codes from their median: [n, 2] to [10]."""
    clusters = (codes[labels == digit] for digit in range(10))
    return torch.stack([(c - c.median(0).values).norm(dim=1).median() for c in clusters])


def slants(images):
    """The slant of each image, in columns to the right per row down: [n, 28, 28] to [n].

    It is the slope of the least-squares line through the pixels, weighted by their ink. A digit
    that leans to the right has a negative slant.
    """
    ink = images.double()
    row = torch.arange(28.0)[:, None] - _centre(ink.sum(2))[:, None, None]  # [n, 28, 1]
    column = torch.arange(28.0) - _centre(ink.sum(1))[:, None, None]  # [n, 1, 28]
    return (ink * row * column).sum((1, 2)) / (ink * row**2).sum((1, 2))


def _centre(weights):
    """The weighted mean position: [n, 28] to [n]."""
    return (weights * torch.arange(28.0)).sum(1) / weights.sum(1)


def place_along_principal_axis(codes):
    """Each code's coordinate on the first principal axis of the codes: [n, 2] to [n]."""
    centred = codes - codes.mean(0)
    _, directions = torch.linalg.eigh(torch.cov(centred.T))  # in ascending order
    return centred @ directions[:, -1]


def evenly(place, count):
    """Indices [count] of values in `place` [n] at evenly spaced ranks, in ascending order.

    The five smallest and the five largest values are left out.
    """
    return place.argsort()[torch.linspace(5, len(place) - 6, count).long()]


def correlation(a, b):
    """Pearson's correlation of two tensors [n]."""
    return torch.corrcoef(torch.stack([a.double(), b.double()]))[0, 1].item()
