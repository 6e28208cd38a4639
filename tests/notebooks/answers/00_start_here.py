# ruff: noqa: F821
"""Right answers to notebook 00, written otherwise than its solutions."""


def my_pixels(images):
    return images.reshape(len(images), 28 * 28).to(torch.float64) * (1 / 255)
