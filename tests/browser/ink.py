"""How far a frame that the page draws is the picture that matplotlib's Agg draws."""

import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image

from vae_helpers import picture

SCRIPT = Path(picture.__file__).with_suffix(".js").read_text(encoding="utf-8")
DRAW = """([script, size, lines]) => {
    const makeCanvas = new Function(script.replace("export default", "") + "; return makeCanvas")();
    const canvas = makeCanvas(size);
    document.body.replaceChildren(canvas);
    canvas.show(lines.map(JSON.parse));
    const copy = canvas.toDataURL();
    return [copy.split(",")[1], canvas.width / canvas.clientWidth];
}"""


def drawn(page, lines, size):
    """The picture that a page draws of a frame's commands, in grey, [height, width]."""
    text, ratio = page.evaluate(DRAW, [SCRIPT, size, lines])
    return grey(base64.b64decode(text)), ratio


def grey(png):
    """The pixels of a PNG as numbers from 0 to 255, [height, width]."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("L"), dtype=int)


def matched(picture, other, ink=215, tolerance=64):
    """The share of the ink pixels of `picture` that `other` has within one pixel.

    A grey level counts if it lies within `tolerance` of the levels in the 3 × 3 pixels around.
    """
    around = np.stack([np.roll(other, (down, right), (0, 1))
                       for down in (-1, 0, 1) for right in (-1, 0, 1)])
    here = ((picture >= around.min(0) - tolerance) & (picture <= around.max(0) + tolerance))
    return here[picture < ink].mean()
