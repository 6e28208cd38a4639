"""The README's moving picture, as stored."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence

PICTURE = Path(__file__).parents[2] / ".github" / "explorer.webp"


def test_it_moves_for_ever_is_sharp_and_loads_quickly():
    with Image.open(PICTURE) as picture:
        assert picture.format == "WEBP" and picture.width >= 800
        assert picture.info["loop"] == 0, "0 means for ever"
        frames = [np.array(frame.convert("L")) for frame in ImageSequence.Iterator(picture)]
    assert len({frame.tobytes() for frame in frames}) > 10
    assert PICTURE.stat().st_size < 2e6
