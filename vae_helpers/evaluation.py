"""Measures of a trained model on given images, in evaluation mode and without gradients.

Every function restores the mode (training or evaluation) that the model had before.
"""

import contextlib
from typing import NamedTuple

import torch

from vae_helpers import arguments, data, elbo

CHUNK = 1000  # images per forward pass, which keeps the float copies small


class Evaluation(NamedTuple):
    """The two parts of the negative ELBO, averaged over images; nats per image."""

    distortion: float
    rate: float

    @property
    def elbo(self):
        """−distortion − rate: the ELBO at β = 1."""
        return -self.distortion - self.rate


@contextlib.contextmanager
def evaluation_mode(model):
    """Put `model` into evaluation mode for a `with` block, then restore the mode of each module.

    A layer that was frozen (in evaluation mode while the rest trains) therefore stays frozen.
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def rows(model, images):
    """`images` (uint8 [n, 28, 28]) as the model's input x: [n, pixels] in [0, 1].

    x has the dtype and the device of the model's parameters. Raises `TypeError` if `images` is
    not a uint8 tensor [n, rows, columns], and `ValueError` if it is empty.
    """
    x = data.pixels(images)
    if not len(x):
        raise ValueError("There are no images to evaluate on: give at least one.")
    return x.to(next(model.parameters()))


def chunks(model, images):
    """An iterator over `rows` of CHUNK images each: x [chunk, pixels]."""
    data.require_images(images)
    return (rows(model, chunk) for chunk in images.split(CHUNK))


@torch.no_grad()
def evaluate(model, images, *, seed):
    """The `Evaluation` of `model` on `images` (uint8 [n, 28, 28]), with one draw of z per image.

    Raises `TypeError` and `ValueError` as `rows` does.
    """
    generator = arguments.generator(seed)
    totals = torch.zeros(2, dtype=torch.float64)
    with evaluation_mode(model):
        for x in chunks(model, images):
            distortion, rate = model(x, data.noise(generator, len(x), model.latent, like=x))
            totals += torch.stack([distortion.double().sum(), rate.double().sum()]).cpu()
    return Evaluation(*(totals / len(images)).tolist())


@torch.no_grad()
def posterior_means(model, images):
    """The mean of q(z|x) for each of `images` (uint8 [n, 28, 28]): [n, latent]."""
    with evaluation_mode(model):
        return torch.cat([model.encode(x)[0] for x in chunks(model, images)])


@torch.no_grad()
def rate_per_latent(model, images):
    """The rate of each latent, averaged over `images` (uint8 [n, 28, 28]): [latent], nats."""
    total = torch.zeros(model.latent, dtype=torch.float64)
    with evaluation_mode(model):
        for x in chunks(model, images):
            total += elbo.gaussian_kl_per_latent(*model.encode(x)).double().sum(0).cpu()
    return total / len(images)


def active_units(model, images):
    """The number of active units: latents whose posterior mean has a variance above 0.01.

    The variance is over `images`. Burda, Grosse & Salakhutdinov 2015, section 5.2.
    """
    return int((posterior_means(model, images).var(0) > 0.01).sum())


def mean_image_distortion(train_images, images):
    """The distortion on `images` of a decoder that always returns the mean of `train_images`.

    A decoder that ignores z cannot do better, so this is the distortion after posterior collapse.
    Pixels that are dark in all training images get the probability 1e-6; with 0, one bright pixel
    would make the distortion infinite. Images: uint8 [n, 28, 28]. Returns nats per image.
    """
    mean = mean_image(train_images).clamp(1e-6, 1 - 1e-6)  # [784]
    # The cross entropy is linear in x, so the mean of `images` is enough.
    x = mean_image(images)
    return -(x * mean.log() + (1 - x) * (1 - mean).log()).sum().item()


def mean_image(images):
    """The mean of uint8 images [n, 28, 28], with pixels from 0 to 1: [784], float64.

    Raises `TypeError` for images of another type and `ValueError` if there are none.
    """
    data.require_images(images)
    if not len(images):
        raise ValueError("There are no images to average: give at least one.")
    # In chunks: PyTorch sums uint8 as int64, and all training images as int64 take 345 MB.
    total = sum(chunk.flatten(1).sum(0) for chunk in images.split(CHUNK))  # [n, 28, 28] -> [784]
    return total.double() / (255 * len(images))


@torch.no_grad()
def decode(model, z):
    """The decoder's pixel probabilities at the codes z [n, latent]: [n, pixels] in [0, 1].

    z may be a list, a NumPy array, or a tensor on any device.
    """
    with evaluation_mode(model):
        return model.decode(torch.as_tensor(z).to(next(model.parameters()))).sigmoid()


