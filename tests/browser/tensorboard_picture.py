"""Make notebook 04's picture of TensorBoard: ``python -m tests.browser.tensorboard_picture``.

It shows the log that the notebook writes.
"""

import shlex
import subprocess
import tempfile
from pathlib import Path

from .conftest import NOTEBOOKS
from .harness import open_browser

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


def main():
    """Write the log, open TensorBoard on it and take the picture."""
    with tempfile.TemporaryDirectory() as folder, open_browser() as browser:
        write_log(Path(folder) / "warm-up")
        words = shlex.split(tensorboard.magic(folder))
        server = subprocess.Popen([tensorboard.PROGRAM, *words], stderr=subprocess.DEVNULL)
        try:
            page = browser.new_page(viewport={"width": 1160, "height": 1060})
            for _ in range(60):
                try:
                    page.goto(f"http://127.0.0.1:{words[-1]}/#timeseries")
                    break
                except Exception:  # the server is not ready yet
                    page.wait_for_timeout(1000)
            page.wait_for_timeout(10_000)
            page.get_by_text("Settings").first.click()  # closes the pane
            page.wait_for_timeout(5_000)
            page.screenshot(path=PICTURE)
        finally:
            server.terminate()
    with Image.open(PICTURE) as picture:
        smaller = picture.convert("RGB").resize((960, 877), Image.Resampling.LANCZOS)
    smaller.quantize(64, dither=Image.Dither.NONE).save(PICTURE, optimize=True)
    print(f"{PICTURE.relative_to(NOTEBOOKS.parent)}: {PICTURE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
