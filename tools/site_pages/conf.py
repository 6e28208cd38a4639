"""Sphinx's settings for the pages that build.py prepares."""

import tomllib
from html import escape

from docutils import nodes

from site_pages.pages import SERIES, repository_link
from site_pages.renderer import HERE, live_explorer, living_views

project = html_title = SERIES
extensions = ["myst_nb"]
html_theme = "furo"
html_static_path = ["_static"]
html_favicon = "_static/favicon.svg"
html_css_files = ["site.css"]
html_js_files = [("site.js", {"defer": "defer"})]
html_copy_source = html_show_sourcelink = html_use_index = html_show_copyright = False
html_scaled_image_link = False
smartquotes = False  # captions contain code
pygments_style, pygments_dark_style = "default", "github-dark"
PROJECT = tomllib.loads((HERE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
html_theme_options = {
    "top_of_page_buttons": [], "footer_icons": repository_link(PROJECT.get("urls", {}))}

nb_execution_mode = "off"
nb_render_plugin = "vae"
nb_code_prompt_show, nb_code_prompt_hide = "Show the code", "Hide the code"
myst_enable_extensions = ["attrs_block", "dollarmath"]
myst_heading_anchors = 6
myst_heading_slug_func = "site_pages.pages.anchor"

mathjax_path = "mathjax/tex-svg.js"
mathjax3_config = {
    "svg": {"scale": 0.92, "mtextInheritFont": True},
    "options": {"enableMenu": False},  # the menu would load more files
}


def bring_to_life(app, _name, _template, context, _doctree):
    """Add the modules of explorers and views to their pages: a local file may load no module."""
    if "live-explorer" in context.get("body", ""):
        app.add_css_file("explorer.css")
        app.add_js_file(None, body=live_explorer(), type="module")
    if '<figure class="living' in context.get("body", ""):
        app.add_js_file(None, body=living_views(), type="module")


def fold(_app, doctree, _name):
    """Fold the sections whose heading is marked for it; escape anchors, which docutils does not."""
    for section in doctree.findall(nodes.section):
        section["ids"] = [escape(one) for one in section["ids"]]
        if "deeper" in section["classes"]:
            title, *rest = section.children
            opened, named, closed = [nodes.raw(text=text, format="html") for text in (
                '<details class="deeper"><summary>', "</summary>", "</details>")]
            section.children = []
            section.extend([opened, title, named, *rest, closed])


def setup(app):
    """Register the two functions above with Sphinx."""
    app.connect("html-page-context", bring_to_life)
    app.connect("doctree-resolved", fold)
