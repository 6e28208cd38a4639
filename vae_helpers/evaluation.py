"""What a trained model is worth on images it is shown: evaluation mode, no gradients.

Every function leaves the model in the mode in which it was.
"""

import contextlib
from typing import NamedTuple

import torch

from vae_helpers import arguments, data, elbo

CHUNK = 1000  # images at a time, which keeps the float copies small


class Evaluation(NamedTuple):
    """Averages over images, in nats per image."""

    distortion: float
    rate: float

    @property
    def elbo(self):
        """−distortion − rate: the ELBO at β = 1."""
        return -self.distortion - self.rate


@contextlib.contextmanager
def evaluation_mode(model):
    """Evaluation mode for the `with` block; then each module has the mode back that it had.

    So a layer that was frozen (in evaluation mode while the rest trains) stays frozen.
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def rows(model, images):
    """`images` (uint8 [n, 28, 28]) as what `model` takes: x [n, pixels] in [0, 1].

    x has the dtype and is on the device of the model's parameters. Raises `TypeError` for images
    of another kind and `ValueError` if there are none.
    """
    x = data.pixels(images)
    if not len(x):
        raise ValueError("There are no images to evaluate on: give at least one.")
    return x.to(next(model.parameters()))


def chunks(model, images):
    """`rows` of CHUNK images at a time, one after another: x [chunk, pixels]."""
    data.require_images(images)
    return (rows(model, chunk) for chunk in images.split(CHUNK))


@torch.no_grad()
def evaluate(model, images, *, seed):
    """The ELBO's two parts over `images` (uint8 [n, 28, 28]), with one draw of z per image.

    Raises `TypeError` for images of another kind and `ValueError` if there are none.
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
    """How many latents are used: the variance of the posterior mean over images exceeds 0.01.

    Burda, Grosse & Salakhutdinov 2015, section 5.2.
    """
    return int((posterior_means(model, images).var(0) > 0.01).sum())


def mean_image_distortion(train_images, images):
    """The distortion of a decoder that always draws the mean of `train_images`, over `images`.

    This is where collapsed training ends: the best that can be done without z. Pixels that
    are dark in all training images get the probability 1e-6, or a single bright one would
    cost infinitely much. Images uint8 [n, 28, 28]; returns nats per image.
    """
    mean = mean_image(train_images).clamp(1e-6, 1 - 1e-6)  # [784]
    # The cross entropy is linear in x, so that the mean of `images` is enough.
    x = mean_image(images)
    return -(x * mean.log() + (1 - x) * (1 - mean).log()).sum().item()


def mean_image(images):
    """The average of uint8 images [n, 28, 28], in pixels from 0 to 1: [784], float64.

    Raises `TypeError` for images of another kind and `ValueError` if there are none.
    """
    data.require_images(images)
    if not len(images):
        raise ValueError("There are no images to average: give at least one.")
    # In chunks: all of the training images as floats would take 345 MB.
    total = sum(chunk.flatten(1).sum(0) for chunk in images.split(CHUNK))  # [n, 28, 28] -> [784]
    return total.double() / (255 * len(images))


@torch.no_grad()
def decode(model, z):
    """The decoder's pixel probabilities at the places z [n, latent]: [n, pixels] in [0, 1].

    z may be a list or a NumPy array, and on any device.
    """
    with evaluation_mode(model):
        return model.decode(torch.as_tensor(z).to(next(model.parameters()))).sigmoid()


