"""Exercise of notebook 00."""

import torch

from vae_helpers import data
from vae_helpers.check.exercise import Exercise, Mistake


def _cases():
    generator = torch.Generator().manual_seed(0)
    # Some batches have no pixel of 255, so that division by the maximum is detected.
    shapes, tops = [(3, 28, 28), (1, 28, 28), (5, 28, 28)], [256, 100, 200]
    batches = []
    for shape, top in zip(shapes, tops):
        images = torch.randint(0, top, shape, generator=generator)
        fade = torch.arange(1, len(images) + 1)[:, None, None]  # [n, 1, 1]: no two equal
        batches.append(((images * fade // len(images)).to(torch.uint8),))
    return batches


def _standardised(mean, sd):
    """The pixels after torchvision's Normalize(mean, sd)."""
    return lambda images: (images.flatten(1) / 255 - mean) / sd


_NORMALISED = (
    "You normalised the pixels by MNIST's mean and standard deviation, 0.1307 and 0.3081. The "
    "values then run from −0.42 to 2.82, and a probability of ink must lie in [0, 1]: divide by "
    "255 alone."
)


def _by_own_maximum(images):
    flat = images.flatten(1).float()
    return flat / flat.max()


def _by_own_spread(x, axes):
    return (x - x.mean(axes, keepdim=True)) / x.std(axes, keepdim=True)


pixels = Exercise(
    "pixels",
    data.pixels,
    _cases,
    [
        Mistake(
            lambda images: images.flatten(1).float(),
            "The values still run from 0 to 255. Divide by 255, so that full ink is 1.",
        ),
        Mistake(
            lambda images: images.float() / 255,
            "The values are right, but each image is still 28 by 28. One row per image is "
            "expected: flatten everything after the first axis.",
        ),
        Mistake(
            lambda images: images,
            "These are the images unchanged: flatten each one, and divide by 255.",
        ),
        Mistake(
            lambda images: images.flatten(1).float() / 256,
            "You divided by 256. The largest pixel is 255, and it should become exactly 1.",
        ),
        Mistake(
            lambda images: images.flatten(1) // 255,
            "Only 0 and 1 are left: whole-number arithmetic lost the greys. Divide with /, and "
            "keep the result a float.",
        ),
        Mistake(
            lambda images: images.flatten().float() / 255,
            "All images ran together into one row. Keep the first axis: one row per image.",
        ),
        Mistake(
            lambda images: images.transpose(1, 2).flatten(1).float() / 255,
            "Rows and columns are exchanged: the images come out mirrored. Flatten them as they "
            "are.",
        ),
        Mistake(
            lambda images: 1 - images.flatten(1).float() / 255,
            "The picture is a negative: ink is 255 and should become 1, paper 0.",
        ),
        Mistake(
            lambda images: images.flatten(1).float() / 127.5 - 1,
            "The values run from −1 to 1. A probability of ink must lie in [0, 1]: divide by 255.",
        ),
        Mistake(_standardised(0.1307, 0.3081), _NORMALISED),
        Mistake(
            lambda images: (images / 255 - 0.1307) / 0.3081,
            _NORMALISED + " Flatten each image as well.",
        ),
        Mistake(
            lambda images: (images.flatten(1) - 0.1307) / 0.3081,
            "You normalised by 0.1307 and 0.3081, which are made for pixels in [0, 1]. A "
            "probability of ink must lie in [0, 1]: divide by 255 alone.",
        ),
        Mistake(
            lambda images: (images / 255 - 0.5) / 0.5,
            "The values run from −1 to 1, and each image is still 28 by 28. Divide by 255 alone, "
            "and flatten everything after the first axis.",
        ),
        Mistake(
            lambda images: _by_own_spread(images.flatten(1) / 255, (0, 1)),
            "You gave the batch mean 0 and variance 1. A probability of ink must lie in [0, 1], "
            "the same in every batch: divide by 255.",
        ),
        Mistake(
            lambda images: _by_own_spread(images.flatten(1) / 255, 1),
            "You gave each image mean 0 and variance 1. A probability of ink must lie in [0, 1]: "
            "divide by 255.",
        ),
        Mistake(
            lambda images: images.flatten(1) > 127,
            "You made every pixel black or white. Keep the greys: divide by 255.",
        ),
        Mistake(
            lambda images: images.flatten(1) > 0,
            "You made every pixel with any ink white. Keep the greys: divide by 255.",
        ),
        Mistake(
            lambda images: images[:, None] / 255,
            "The values are right, but the shape is that of a convolution's input, "
            "[n, 1, 28, 28]. One row per image is expected: flatten everything after the first "
            "axis.",
        ),
        Mistake(
            lambda images: images.flatten(1).T / 255,
            "The axes are exchanged: you have one column per image. One row per image is expected.",
        ),
        Mistake(
            lambda images: images.reshape(784, -1).T / 255,
            "The shape is right, but pixels of different images are mixed: reshape keeps the "
            "order in memory. Flatten everything after the first axis instead.",
        ),
        Mistake(
            lambda images: images.flatten(1) / images.flatten(1).amax(1, keepdim=True),
            "You divided each image by its own maximum. Bold and faint ink would look the same: "
            "divide by 255.",
        ),
        Mistake(
            _by_own_maximum,
            "You divided by the batch's own maximum. The same ink would then get another value "
            "in another batch: divide by 255.",
        ),
    ],
    [
        "Two things have to change: the shape and the scale.",
        "images.flatten(1) keeps the first axis and joins the others.",
        "uint8 cannot hold 0.5: dividing by 255 gives a float tensor.",
    ],
)
