"""MyST-NB's renderer of outputs, extended by replacements for widgets."""

import json
import re
from pathlib import Path

from docutils import nodes
from myst_nb.core.render import NbElementRenderer

from vae_helpers import picture
from vae_lessons.start_here.explorer import MODULE

# {pattern of a widget's plain text: the sentence that replaces the widget on a page}.
STAND_INS = {
    r"Prediction: ": "In JupyterLab you commit a guess here, and the result is drawn over it.",
    r"LiveTraining$": "In JupyterLab a button here goes on with the training while you read.",
    r"Launching TensorBoard": "In JupyterLab TensorBoard opens here.",
    r".*\| \d+/\d+ \[.*\]$": "In JupyterLab a progress bar runs here.",
}
STILL = "As it stood when the notebook was run. In JupyterLab this view is live."
HERE = Path(__file__).resolve().parent


class Renderer(NbElementRenderer):
    """Renders pictures with alternative text, views with captions, and explorers that work."""

    def render_image(self, data):
        """A picture, rendered with the notes that `pages.shown` put into its metadata."""
        told = data.output_metadata[data.mime_type]
        (still,) = super().render_image(data)
        still["alt"], still["loading"] = told["alt"], "lazy"
        if "explorer" in told:
            script = data_script(told["explorer"])
            return [nodes.container("", still, script, classes=["live-explorer"])]
        still = nodes.container("", still, classes=["picture"])
        if "frames" in told:
            caption = nodes.caption(told["alt"], told["alt"])
            return [nodes.figure("", still, data_script(told["frames"]), caption,
                                 ids=[f"view-{told['frames']['view']}"], classes=["living"])]
        if told["live"]:
            alt, note = nodes.Text(told["alt"] + " "), nodes.emphasis(text=STILL)
            return [nodes.figure("", still, nodes.caption("", "", alt, note))]
        return [still]

    def render_text_plain(self, data):
        """Printed text, or the sentence that replaces a widget."""
        for pattern, stand_in in STAND_INS.items():
            if re.match(pattern, data.string):
                emphasis = nodes.emphasis(text=stand_in)
                return [nodes.paragraph("", "", emphasis, classes=["stand-in"])]
        return super().render_text_plain(data)


def data_script(data):
    """A script element that holds data for the scripts of the page."""
    text = json.dumps(data).replace("<", "\\u003c")
    return nodes.raw(text=f'<script type="application/json">{text}</script>', format="html")


def live_explorer():
    """The explorer's module plus a model that replaces the kernel, as one module."""
    return MODULE + (HERE / "explorer_model.js").read_text(encoding="utf-8")


def living_views():
    """The drawing of frames plus the controls that replace the kernel's, as one module."""
    return Path(picture.__file__).with_suffix(".js").read_text(encoding="utf-8") + (
        HERE / "living.js").read_text(encoding="utf-8")
