"""Make notebook 09's picture of the projector: ``python -m tests.browser.projector_picture``.

The files are those that the notebook's last run on this computer wrote.
"""

import shlex
import subprocess

from .conftest import NOTEBOOKS
from .harness import open_browser

# isort: split
from PIL import Image

from vae_helpers import runs
from vae_lessons.train_live import tensorboard

PICTURE = NOTEBOOKS / "vae_lessons" / "tour_the_latent_space" / "projector.png"


def main():
    """Open TensorBoard on the codes and take the picture."""
    with open_browser() as browser:
        words = shlex.split(tensorboard.magic(runs.folder("09_tour_the_latent_space")))
        server = subprocess.Popen([tensorboard.PROGRAM, *words], stderr=subprocess.DEVNULL)
        try:
            page = browser.new_page(viewport={"width": 1200, "height": 640})
            for _ in range(60):
                try:
                    page.goto(f"http://127.0.0.1:{words[-1]}/#projector")
                    break
                except Exception:  # it is not there yet
                    page.wait_for_timeout(1000)
            page.wait_for_timeout(15_000)
            page.reload()  # the projector is listed from the second time on
            page.wait_for_timeout(40_000)
            page.screenshot(path=PICTURE)
        finally:
            server.terminate()
    with Image.open(PICTURE) as picture:
        smaller = picture.convert("RGB").resize((960, 512), Image.Resampling.LANCZOS)
    smaller.quantize(64, dither=Image.Dither.NONE).save(PICTURE, optimize=True)
    print(f"{PICTURE.relative_to(NOTEBOOKS.parent)}: {PICTURE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
