"""Make notebook 09's picture of the projector: ``python -m tests.browser.projector_picture``.

The files are those that the notebook's last run on this computer wrote.
"""

from vae_helpers import runs

from .harness import NOTEBOOKS
from .tensorboard_picture import photograph

PICTURE = NOTEBOOKS / "vae_lessons" / "tour_the_latent_space" / "projector.png"


def wait_for_points(page):
    """Wait for the points; the projector is listed from the second loading on."""
    page.wait_for_timeout(15_000)
    page.reload()
    page.wait_for_timeout(40_000)


def main():
    """Open the projector on the codes and take the picture."""
    photograph(runs.folder("09_tour_the_latent_space"), "projector", 640, PICTURE, wait_for_points)


if __name__ == "__main__":
    main()
