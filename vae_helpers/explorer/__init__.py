"""The latent-plane explorer: move a point, and the browser decodes the digit at it.

The decoder's weights travel with the widget, so a move asks no kernel and costs about a
millisecond, and a page without a kernel stays alive.
"""

import copy
import math
from pathlib import Path

import anywidget
import numpy as np
import torch
import traitlets
from torch import nn

from vae_helpers import plots

HERE = Path(__file__).parent
EXTENT = 4.0  # the plane runs from -EXTENT to EXTENT, as in the figures of `plots`
PIXELS = 28 * 28


class Explorer(anywidget.AnyWidget):
    """The latent plane with its codes beside the digit decoded at a point of the plane.

    model: a `models.VAE` with two latent dimensions; its decoder is copied, so that later
    training shows only after another `show`. codes [n, 2] and labels [n] are what the plane
    is coloured by, as `evaluation.posterior_means` and MNIST give them.
    name: what strict notebook tests see instead of the widget, so it never changes.

    `.point` is where the decoder is asked, [z₁, z₂]: it can be read and assigned.
    Raises `TypeError` or `ValueError`, which say what was expected, for other models, shapes
    and values.
    """

    _esm = HERE / "explorer.js"
    _css = HERE / "explorer.css"

    point = traitlets.List(traitlets.CFloat(), default_value=[0.0, 0.0]).tag(sync=True)
    extent = traitlets.Float(EXTENT).tag(sync=True)
    colours = traitlets.List(traitlets.Unicode()).tag(sync=True)
    # float32, layer after layer: weight [outputs, inputs] row by row, then bias [outputs].
    weights = traitlets.Bytes().tag(sync=True)
    widths = traitlets.List(traitlets.Int()).tag(sync=True)
    codes = traitlets.Bytes().tag(sync=True)  # float32 [n, 2]
    labels = traitlets.Bytes().tag(sync=True)  # uint8 [n]

    def __init__(self, model, codes, labels, name="latent-plane explorer"):
        self._name = name
        super().__init__(colours=list(plots.DIGIT_COLOURS))
        self.show(model, codes, labels)

    def show(self, model, codes, labels):
        """Show another model, or another stage of its training; the point stays."""
        widths, weights = _pack_decoder(model)
        codes, labels = _pack_codes(codes, labels)
        with self.hold_sync():  # the page hears of all four at once
            self.widths, self.weights, self.codes, self.labels = widths, weights, codes, labels
        self._decoder = copy.deepcopy(model.decoder)

    def still(self):
        """A figure of what the explorer shows now."""
        codes = np.frombuffer(self.codes, "<f4").reshape(-1, 2)  # [n, 2]
        labels = np.frombuffer(self.labels, np.uint8)
        with torch.no_grad():
            digit = self._decoder(torch.tensor(self.point)).sigmoid().reshape(28, 28).numpy()
        return plots.latent_explorer(codes, labels, self.point, digit)

    @traitlets.validate("point")
    def _check_point(self, proposal):
        point = proposal["value"]
        if len(point) != 2 or not all(math.isfinite(v) and abs(v) <= EXTENT for v in point):
            raise traitlets.TraitError(
                f"point must be two numbers from -{EXTENT:g} to {EXTENT:g}, got {point}."
            )
        return point

    def _repr_mimebundle_(self, **settings):
        """The live explorer, and a picture of it for pages that show no widgets."""
        return plots.with_picture(super()._repr_mimebundle_(**settings), self.still())

    def __repr__(self):
        return f"Explorer: {self._name}"


def _pack_decoder(model):
    """The decoder's layer widths as a list and its parameters as bytes."""
    decoder = getattr(model, "decoder", None)
    if not isinstance(decoder, nn.Sequential):
        raise TypeError(
            "Explorer needs a model whose .decoder is an nn.Sequential of Linear and ReLU "
            f"layers, as models.VAE has; {type(model).__name__} has {type(decoder).__name__}."
        )
    kinds = [type(layer).__name__ for layer in decoder]
    if kinds != (["Linear", "ReLU"] * len(kinds))[: len(kinds)] or len(kinds) % 2 == 0:
        raise TypeError(
            "Explorer decodes Linear layers with one ReLU between each two, and nothing else; "
            f"this decoder is {' → '.join(kinds) or 'empty'}."
        )
    layers = decoder[::2]
    widths = [layers[0].in_features] + [layer.out_features for layer in layers]
    if widths[0] != 2 or widths[-1] != PIXELS:
        raise ValueError(
            f"Explorer needs a decoder from 2 latent dimensions to {PIXELS} pixels; this one "
            f"goes from {widths[0]} to {widths[-1]}."
        )
    if any(layer.bias is None for layer in layers):
        raise ValueError("Explorer needs Linear layers with a bias; this decoder has one without.")
    parts = [part.detach().flatten() for layer in layers for part in (layer.weight, layer.bias)]
    weights = torch.cat(parts).float()
    if not weights.isfinite().all():
        raise ValueError("The decoder's weights hold NaN or infinite values: training diverged.")
    return widths, weights.cpu().numpy().astype("<f4").tobytes()


def _pack_codes(codes, labels):
    """Codes [n, 2] and labels [n] as float32 and uint8 bytes."""
    codes, labels = _to_array(codes), _to_array(labels)
    if codes.ndim != 2 or codes.shape[1] != 2 or len(codes) == 0:
        raise ValueError(f"codes must be [n, 2] with n ≥ 1, got shape {list(codes.shape)}.")
    if labels.shape != (len(codes),):
        raise ValueError(
            f"labels must be [n] with one digit for each of the {len(codes)} codes, "
            f"got shape {list(labels.shape)}."
        )
    if not np.issubdtype(codes.dtype, np.floating) or not np.isfinite(codes).all():
        raise ValueError(f"codes must be finite floating-point numbers, got {codes.dtype}.")
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0 or labels.max() > 9:
        raise ValueError(f"labels must be integers from 0 to 9, got {labels.dtype}.")
    return codes.astype("<f4").tobytes(), labels.astype(np.uint8).tobytes()


def _to_array(values):
    if isinstance(values, torch.Tensor):
        return values.detach().cpu().numpy()
    return np.asarray(values)
