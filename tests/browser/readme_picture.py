"""Make the README's picture: ``python -m tests.browser.readme_picture``.

Notebook 00 is run in JupyterLab, and its explorer is photographed with a point in it.
"""

import tempfile
from pathlib import Path

from .conftest import NOTEBOOKS
from .harness import LabPage, Server, open_browser

PICTURE = NOTEBOOKS.parent / ".github" / "start_here.png"


def main():
    """Run the notebook and take the picture."""
    with tempfile.TemporaryDirectory() as private, open_browser() as browser:
        with Server(NOTEBOOKS, Path(private)) as server:
            lab = LabPage(browser, server, viewport={"width": 1000, "height": 900})
            lab.open("00_start_here.ipynb")
            assert lab.run_all(), lab.error_outputs()
            plane = lab.page.locator(".explorer-plane")
            plane.focus()
            for key in ("1", "Shift+ArrowDown"):
                lab.page.keyboard.press(key)
            lab.page.evaluate("() => jupyterapp.commands.execute('application:toggle-left-area')")
            plane.evaluate(
                """(plane) => {
                    const cell = plane.closest(".jp-Cell");
                    cell.previousElementSibling.scrollIntoView({ block: "start" });
                }"""
            )
            lab.page.screenshot(path=PICTURE)
            lab.close()
    print(f"{PICTURE.relative_to(NOTEBOOKS.parent)}: {PICTURE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
