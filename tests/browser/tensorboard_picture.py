"""Make notebook 04's picture of TensorBoard: ``python -m tests.browser.tensorboard_picture``.

It shows the log that the notebook writes.
"""

import shlex
import subprocess
import tempfile
from pathlib import Path

from .harness import NOTEBOOKS, open_browser

# isort: split
from PIL import Image
from torch.utils.tensorboard import SummaryWriter

from vae_helpers import data, evaluation, schedules
from vae_lessons.train_live import lab, tensorboard

PICTURE = NOTEBOOKS / "vae_lessons" / "train_live" / "tensorboard.png"


def write_log(folder):
    """Write the same log as the notebook to `folder`."""
    trainer = lab.panel_trainer("the repaired recipe", 0, beta=schedules.warm_up(60))
    images, writer = data.load_mnist().test_images[:8], SummaryWriter(folder)
    for step in range(90):
        record = trainer.step()
        for name in ("distortion", "rate", "beta"):
            writer.add_scalar(f"train/{name}", getattr(record, name), record.step)
        if step % 30 == 29:
            means = evaluation.posterior_means(trainer.model, images)
            back = evaluation.decode(trainer.model, means).reshape(-1, 1, 28, 28)
            writer.add_images("digits/reconstructed", back, step)
    writer.close()


def photograph(folder, place, height, picture, settle):
    """Store a picture of TensorBoard on the logs in `folder`, 960 pixels wide, in 64 colours.

    place: the tab. height: pixels of the page, which is 1,200 wide. picture: the PNG's path.
    settle: a function of the page that waits until it shows what it should.
    """
    words = shlex.split(tensorboard.magic(folder))
    server = subprocess.Popen([tensorboard.PROGRAM, *words], stderr=subprocess.DEVNULL)
    try:
        with open_browser() as browser:
            page = browser.new_page(viewport={"width": 1200, "height": height})
            for _ in range(60):
                try:
                    page.goto(f"http://127.0.0.1:{words[-1]}/#{place}")
                    break
                except Exception:  # the server is not ready yet
                    page.wait_for_timeout(1000)
            settle(page)
            page.screenshot(path=picture)
    finally:
        server.terminate()
    with Image.open(picture) as large:
        smaller = large.convert("RGB").resize((960, height * 4 // 5), Image.Resampling.LANCZOS)
    smaller.quantize(64, dither=Image.Dither.NONE).save(picture, optimize=True)
    print(f"{picture.relative_to(NOTEBOOKS.parent)}: {picture.stat().st_size / 1000:.0f} kB")


def close_settings(page):
    """Close the pane of settings, which is open at first."""
    page.wait_for_timeout(10_000)
    page.get_by_text("Settings").first.click()
    page.wait_for_timeout(5_000)


def main():
    """Write the log, open TensorBoard on it and take the picture."""
    with tempfile.TemporaryDirectory() as folder:
        write_log(Path(folder) / "warm-up")
        photograph(folder, "timeseries", 1100, PICTURE, close_settings)


if __name__ == "__main__":
    main()
