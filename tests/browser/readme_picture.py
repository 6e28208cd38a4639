"""Make the README's picture: ``python -m tests.browser.readme_picture``.

It is a screenshot of notebook 00's explorer in JupyterLab, with a 4 drawn on its pad.
"""

import tempfile
from pathlib import Path

from .conftest import NOTEBOOKS
from .explorer_page import Grown
from .harness import LabPage, Server, open_browser

PICTURE = NOTEBOOKS.parent / ".github" / "start_here.png"


def main():
    """Run the notebook and take the picture."""
    with tempfile.TemporaryDirectory() as private, open_browser() as browser:
        with Server(NOTEBOOKS, Path(private)) as server:
            lab = LabPage(browser, server, viewport={"width": 1000, "height": 1060})
            lab.open("00_start_here.ipynb")
            assert lab.run_all(), lab.error_outputs()
            lab.page.evaluate("() => jupyterapp.commands.execute('application:toggle-left-area')")
            view = Grown(lab.page)
            view.draw((0.6, 0.1), (0.3, 0.5), (0.3, 0.6), (0.75, 0.6))
            view.draw((0.62, 0.35), (0.6, 0.9))
            view.plane.evaluate(
                """(plane) => plane.closest(".jp-Cell").scrollIntoView({ block: "start" })"""
            )
            lab.page.screenshot(path=PICTURE)
            lab.close()
    print(f"{PICTURE.relative_to(NOTEBOOKS.parent)}: {PICTURE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
