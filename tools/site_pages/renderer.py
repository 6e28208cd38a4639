"""MyST-NB's renderer of outputs, extended by replacements for widgets."""

import json
import re
from pathlib import Path

from docutils import nodes
from myst_nb.core.render import NbElementRenderer

from vae_helpers.explorer import MODULE

# {pattern of a widget's plain text: the sentence that replaces the widget on a page}.
STAND_INS = {
    r"Prediction: ": "In JupyterLab you commit a guess here, and the result is drawn over it.",
    r"LiveTraining$": "In JupyterLab a button here goes on with the training while you read.",
    r"Launching TensorBoard": "In JupyterLab TensorBoard opens here.",
    r".*\| \d+/\d+ \[.*\]$": "In JupyterLab a progress bar runs here.",
}
STILL = "As it stood when the notebook was run. In JupyterLab this view is live."


class Renderer(NbElementRenderer):
    """Renders pictures with alternative text, views with captions, and explorers that work."""

    def render_image(self, data):
        """A picture, rendered with the notes that `pages.shown` put into its metadata."""
        told = data.output_metadata[data.mime_type]
        (picture,) = super().render_image(data)
        picture["alt"], picture["loading"] = told["alt"], "lazy"
        if "explorer" in told:
            state = json.dumps(told["explorer"]).replace("<", "\\u003c")
            script = f'<script type="application/json">{state}</script>'
            raw = nodes.raw(text=script, format="html")
            return [nodes.container("", picture, raw, classes=["live-explorer"])]
        picture = nodes.container("", picture, classes=["picture"])
        if told["live"]:
            alt, still = nodes.Text(told["alt"] + " "), nodes.emphasis(text=STILL)
            return [nodes.figure("", picture, nodes.caption("", "", alt, still))]
        return [picture]

    def render_text_plain(self, data):
        """Printed text, or the sentence that replaces a widget."""
        for pattern, stand_in in STAND_INS.items():
            if re.match(pattern, data.string):
                emphasis = nodes.emphasis(text=stand_in)
                return [nodes.paragraph("", "", emphasis, classes=["stand-in"])]
        return super().render_text_plain(data)


def live_explorer():
    """The explorer's module plus a model that replaces the kernel, as one module."""
    return MODULE + Path(__file__).with_name("explorer_model.js").read_text(encoding="utf-8")
