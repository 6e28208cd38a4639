"""Make the README's moving picture: ``python -m tests.browser.moving_picture``.

It shows notebook 00's explorer in JupyterLab. The mouse draws a 6 on the pad; then it drags the
point over the latent plane, from digit to digit.
"""

import io
import shutil
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from vae_lessons.start_here.explorer import EXTENT

from .explorer_page import Grown
from .harness import NOTEBOOKS, LabPage, Server, open_browser

NOTEBOOK = "00_start_here.ipynb"
PICTURE = NOTEBOOKS.parent / ".github" / "explorer.webp"
# The stroke of a 6, as positions on the pad: a bow to the left and down, then a loop.
ALONG, TURN = np.linspace(0, 1, 10)[:-1, None], np.linspace(np.pi, -0.9 * np.pi, 20)
BOW = (1 - ALONG) ** 2 * (0.68, 0.1) + 2 * ALONG * (1 - ALONG) * (0.3, 0.3) + ALONG**2 * (0.3, 0.68)
SIX = [*BOW, *zip(0.5 + 0.2 * np.cos(TURN), 0.68 + 0.2 * np.sin(TURN))]
TOUR = "02317"  # the digits over whose centres the point is dragged, then back to the middle
QUICK, PAUSE, LONG = 90, 500, 1600  # how long a frame is shown, in milliseconds


class Film:
    """Screenshots of one part of a page, and how long each is shown."""

    def __init__(self, page, clip):
        self._page, self._clip = page, clip
        self.frames, self.milliseconds = [], []

    def take(self, milliseconds=QUICK):
        """Add a frame of the page as it is."""
        shot = self._page.screenshot(clip=self._clip)
        self.frames.append(Image.open(io.BytesIO(shot)).convert("RGB"))
        self.milliseconds.append(milliseconds)

    def drag(self, places, step):
        """Drag the mouse through positions on the page, with a frame every `step` pixels."""
        mouse = self._page.mouse
        mouse.move(*places[0])
        mouse.down()
        self.take()
        for start, end in zip(np.array(places), np.array(places[1:])):
            steps = max(1, round(np.linalg.norm(end - start) / step))
            for along in np.linspace(0, 1, steps + 1)[1:]:
                mouse.move(*(start + along * (end - start)))
                self.take()
        mouse.up()

    def save(self, path):
        """Write the frames as an animated WebP without loss, which is shown again and again."""
        first, *others = self.frames
        first.save(path, save_all=True, append_images=others, duration=self.milliseconds, loop=0,
                   lossless=True, method=6, quality=60)


def main():
    """Run the notebook and store the picture."""
    with tempfile.TemporaryDirectory() as root, tempfile.TemporaryDirectory() as private:
        shutil.copy(NOTEBOOKS / NOTEBOOK, root)  # so that autosave writes to the copy
        with open_browser() as browser, Server(root, Path(private)) as server:
            lab = LabPage(browser, server, viewport={"width": 950, "height": 1060},
                          device_scale_factor=2)  # sharp on every screen
            lab.open(NOTEBOOK)
            assert lab.run_all(), lab.error_outputs()
            lab.page.evaluate("() => jupyterapp.commands.execute('application:toggle-left-area')")
            film = record(Grown(lab.page))
            lab.close()
    film.save(PICTURE)
    seconds = sum(film.milliseconds) / 1000
    print(f"{PICTURE.relative_to(NOTEBOOKS.parent)}: {len(film.frames)} frames in {seconds:.1f} s, "
          f"{PICTURE.stat().st_size / 1000:.0f} kB")


def record(view):
    """The film: a digit is drawn, then the point is dragged and returns to the middle."""
    cell = view.root.locator("xpath=ancestor::*[contains(@class, 'jp-CodeCell')]")
    cell.locator(".jp-InputPrompt").click()
    cell.evaluate("(cell) => cell.scrollIntoView({ block: 'start' })")
    centres = [centre(view, digit) for digit in TOUR]
    view.press("Home")
    middle = here(view)
    film = Film(view.page, frame_of(cell, view))
    view.page.mouse.move(*view.on_pad(*SIX[0]))
    film.take(LONG)
    film.drag([view.on_pad(*place) for place in SIX], step=22)
    assert "digit 6" in view.caption, view.caption
    film.milliseconds[-1] = LONG
    for place in [*centres, middle]:
        film.drag([here(view), place], step=25)
        film.milliseconds[-1] = PAUSE
    return film


def frame_of(cell, view):
    """The part of the page from the cell's code to the lower end of the pad."""
    box, pad = cell.bounding_box(), view.pad.bounding_box()
    height = pad["y"] + pad["height"] + 10 - box["y"]
    return {"x": box["x"], "y": box["y"], "width": box["width"], "height": height}


def centre(view, digit):
    """The position on the page of a digit's centre on the plane."""
    view.press(digit)
    return here(view)


def here(view):
    """The position on the page of the explorer's point."""
    z1, z2 = view.point
    across, down = (1 + z1 / EXTENT) / 2, (1 - z2 / EXTENT) / 2
    return view.place((46 + 382 * across) / 440, (12 + 382 * down) / 440)  # as in plane.js


if __name__ == "__main__":
    main()
