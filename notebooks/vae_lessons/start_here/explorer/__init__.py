"""The latent explorer, a widget that decodes a point of the latent space in the browser.

The widget contains the network's weights. A move therefore needs no kernel and takes about a
millisecond, and the explorer also works on a page without a kernel.
"""

import copy
import math
from pathlib import Path

import anywidget
import numpy as np
import torch
import traitlets
from torch import nn

from vae_helpers.plots.base import DIGIT_COLOURS, display_bundle
from vae_helpers.widgets import close_earlier_runs
from vae_lessons.start_here.planes import latent_explorer, latent_sliders

HERE = Path(__file__).parent
# A widget must be a single module, so these files import nothing and are concatenated.
MODULE = "\n".join(
    (HERE / name).read_text(encoding="utf-8")
    for name in ("numbers.js", "parts.js", "plane.js", "explorer.js")
)
EXTENT = 4.0  # the plane runs from -EXTENT to EXTENT, as in the figures of `planes`
PIXELS = 28 * 28
LATENTS = 20  # the largest number of sliders
CHOICES = 20  # the largest number of images to choose from


class Explorer(anywidget.AnyWidget):
    """A widget that shows the latent space, and the digit decoded at a point of it.

    model: a `models.VAE` with up to 20 latent dimensions. Its networks are copied: call `show`
    to see them after more training.
    codes: [n, latent], as from `evaluation.posterior_means`; labels: [n], the digits. Two latent
    dimensions are shown as a plane with the codes coloured by label. Otherwise each dimension has
    a slider, and the codes only serve to name the nearest digit.
    images: uint8 [m, 28, 28], the images of the first m codes, m from 2 to 20. With images the
    explorer also has the encoder, a pad whose drawing is encoded and decoded at once, and a
    slider from one image to another.
    name: text that the notebook tests compare instead of the widget; it must not change.

    `.point` is the point that is decoded, [z₁, z₂, …]; you may read and assign it.
    Raises `TypeError` or `ValueError` for unsuitable models, shapes and values.
    The explorer is closed when JupyterLab runs its cell again.
    """

    _esm = MODULE
    _css = HERE / "explorer.css"

    point = traitlets.List(traitlets.CFloat()).tag(sync=True)
    extent = traitlets.Float(EXTENT).tag(sync=True)
    colours = traitlets.List(traitlets.Unicode()).tag(sync=True)
    # float32, for each layer: weight [outputs, inputs] row by row, then bias [outputs].
    weights = traitlets.Bytes().tag(sync=True)  # the decoder's
    widths = traitlets.List(traitlets.Int()).tag(sync=True)
    encoder = traitlets.Bytes().tag(sync=True)  # empty without images, like encoder_widths
    encoder_widths = traitlets.List(traitlets.Int()).tag(sync=True)
    codes = traitlets.Bytes().tag(sync=True)  # float32 [n, latent]
    labels = traitlets.Bytes().tag(sync=True)  # uint8 [n]
    images = traitlets.Bytes().tag(sync=True)  # uint8 [m, 28, 28]

    def __init__(self, model, codes, labels, images=None, name="latent-plane explorer"):
        self._name = name
        packed = b"" if images is None else _pack_images(images, len(codes))
        super().__init__(colours=list(DIGIT_COLOURS), images=packed)
        self.show(model, codes, labels)
        close_earlier_runs(self)

    def close(self):
        """Remove the explorer from the page, and its networks and codes from the kernel."""
        super().close()
        # IPython's history may keep this object, so its large parts are deleted.
        self.weights = self.encoder = self.codes = self.labels = self.images = b""
        self._decoder = None

    def show(self, model, codes, labels):
        """Show another model, or the same one after more training, at the same point."""
        widths, weights = _pack_layers(model, "decoder")
        latent = widths[0]
        if widths[-1] != PIXELS or not 1 <= latent <= LATENTS:
            raise ValueError(
                f"Explorer needs a decoder from 1 to {LATENTS} latent dimensions to {PIXELS} "
                f"pixels; this one goes from {latent} to {widths[-1]}."
            )
        if self.widths and self.widths[0] != latent:
            raise ValueError(
                f"This explorer shows {self.widths[0]} latent dimensions and the new model has "
                f"{latent}: make a new Explorer for it."
            )
        encoder_widths, encoder = [], b""
        if self.images:
            encoder_widths, encoder = _pack_layers(model, "encoder")
            if (encoder_widths[0], encoder_widths[-1]) != (PIXELS, 2 * latent):
                raise ValueError(
                    f"Explorer needs an encoder from {PIXELS} pixels to mean and logvar, "
                    f"{2 * latent} numbers; this one goes from {encoder_widths[0]} to "
                    f"{encoder_widths[-1]}."
                )
        codes, labels = _pack_codes(codes, labels, latent)
        with self.hold_sync():  # sends all of them to the page at once
            self.encoder_widths, self.encoder = encoder_widths, encoder
            self.widths, self.weights, self.codes, self.labels = widths, weights, codes, labels
            self.point = self.point or [0.0] * latent
        self._decoder = copy.deepcopy(model.decoder)

    def still(self):
        """A figure of what the explorer shows now."""
        with torch.no_grad():
            digit = self._decoder(torch.tensor(self.point)).sigmoid().reshape(28, 28).numpy()
        if len(self.point) != 2:
            return latent_sliders(self.point, digit)
        codes = np.frombuffer(self.codes, "<f4").reshape(-1, 2)  # [n, 2]
        labels = np.frombuffer(self.labels, np.uint8)
        return latent_explorer(codes, labels, self.point, digit)

    @traitlets.validate("point")
    def _check_point(self, proposal):
        point, latent = proposal["value"], self.widths[0]
        # The encoder may place the code of a drawing or an image outside the plane.
        limit = math.inf if self.images else EXTENT
        if len(point) != latent or not all(math.isfinite(v) and abs(v) <= limit for v in point):
            wanted = "finite numbers" if self.images else f"numbers from -{EXTENT:g} to {EXTENT:g}"
            raise traitlets.TraitError(f"point must be {latent} {wanted}, got {point}.")
        return point

    _ipython_display_ = None  # ipywidgets 7 would use it in place of the next function

    def _repr_mimebundle_(self, **_settings):
        """The live explorer, and a picture of it for pages that show no widgets."""
        return display_bundle(self, self.still())

    def __repr__(self):
        return f"Explorer: {self._name}"


def _pack_layers(model, part):
    """The widths of the layers of a model's encoder or decoder, and its parameters as bytes."""
    network = getattr(model, part, None)
    if not isinstance(network, nn.Sequential):
        raise TypeError(
            f"Explorer needs a model whose .{part} is an nn.Sequential of Linear and ReLU "
            f"layers, as models.VAE has; {type(model).__name__} has {type(network).__name__}."
        )
    kinds = [type(layer).__name__ for layer in network]
    if kinds != (["Linear", "ReLU"] * len(kinds))[: len(kinds)] or len(kinds) % 2 == 0:
        raise TypeError(
            "Explorer supports only Linear layers with one ReLU between each two; "
            f"this {part} is {' → '.join(kinds) or 'empty'}."
        )
    layers = network[::2]
    widths = [layers[0].in_features] + [layer.out_features for layer in layers]
    if any(layer.bias is None for layer in layers):
        raise ValueError(f"Explorer needs Linear layers with a bias; this {part} has one without.")
    parameters = [tensor for layer in layers for tensor in (layer.weight, layer.bias)]
    weights = torch.cat([tensor.detach().flatten() for tensor in parameters]).float()
    if not weights.isfinite().all():
        raise ValueError(f"The {part}'s weights contain NaN or infinite values: training diverged.")
    return widths, weights.cpu().numpy().astype("<f4").tobytes()


def _pack_codes(codes, labels, latent):
    """Codes [n, latent] and labels [n] as float32 and uint8 bytes."""
    codes, labels = _to_array(codes), _to_array(labels)
    if codes.ndim != 2 or codes.shape[1] != latent or len(codes) == 0:
        raise ValueError(f"codes must be [n, {latent}] with n ≥ 1, got shape {list(codes.shape)}.")
    if labels.shape != (len(codes),):
        raise ValueError(
            f"labels must be [n] with one digit for each of the {len(codes)} codes, "
            f"got shape {list(labels.shape)}."
        )
    if not np.issubdtype(codes.dtype, np.floating) or not np.isfinite(codes).all():
        raise ValueError("codes must be floating-point numbers, none of them NaN or infinite; "
                         f"their type is {codes.dtype}.")
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0 or labels.max() > 9:
        raise ValueError(f"labels must be integers from 0 to 9, got {labels.dtype} from "
                         f"{labels.min()} to {labels.max()}.")
    return codes.astype("<f4").tobytes(), labels.astype(np.uint8).tobytes()


def _pack_images(images, codes):
    """The images [m, 28, 28] as bytes; m may be at most `codes`, the number of codes."""
    images, most = _to_array(images), min(CHOICES, codes)
    if images.ndim != 3 or images.shape[1:] != (28, 28) or not 2 <= len(images) <= most:
        raise ValueError(
            f"images must be [m, 28, 28] with m from 2 to {most}, those of the first codes; "
            f"got shape {list(images.shape)}."
        )
    if images.dtype != np.uint8:
        raise ValueError(f"images must be uint8 from 0 to 255, as MNIST is; got {images.dtype}.")
    return images.tobytes()


def _to_array(values):
    if isinstance(values, torch.Tensor):
        return values.detach().cpu().numpy()
    return np.asarray(values)
