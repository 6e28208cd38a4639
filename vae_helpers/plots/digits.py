"""Figures of digits."""

import numpy as np
from matplotlib.figure import Figure

from vae_helpers.plots.base import styled


def tile(images, columns):
    """Images [n, 28, 28] side by side in rows of `columns`: [rows * 28, columns * 28]."""
    n, height, width = images.shape
    rows = -(-n // columns)
    filled = np.zeros((rows * columns, height, width), dtype=images.dtype)
    filled[:n] = images
    grid = filled.reshape(rows, columns, height, width).swapaxes(1, 2)
    return grid.reshape(rows * height, columns * width)  # [rows, 28, columns, 28] -> 2-D


@styled
def digit_grid(images, columns, title):
    """A figure of images [n, 28, 28] in [0, 1], with `columns` images per row."""
    rows = -(-len(images) // columns)
    fig = Figure(figsize=(4.8, 4.8 * rows / columns + 0.3), layout="constrained")
    axes = fig.subplots()
    new_picture(axes, rows, columns).set_data(tile(images, columns))
    axes.set_title(title)
    fig.caption = title
    return fig


def new_picture(axes, rows, columns):
    """An empty image of `rows` × `columns` digits in `axes`; fill it with `set_data`."""
    axes.set_axis_off()
    return axes.imshow(np.zeros((28 * rows, 28 * columns)), cmap="gray_r", vmin=0, vmax=1)


def labelled_picture(axes, labels, columns):
    """A `new_picture` with a label to the left of each row."""
    picture = new_picture(axes, len(labels), columns)
    axes.set_axis_on()
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set(xticks=[], yticks=[28 * row + 14 for row in range(len(labels))])
    axes.set_yticklabels(labels, fontsize=8.5)
    axes.tick_params(length=0)
    return picture
