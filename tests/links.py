"""Where the links of Markdown files and notebooks lead."""

import functools
import json
import re
from pathlib import Path
from urllib.parse import unquote

from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

from site_pages import pages

ROOT = Path(__file__).resolve().parents[1]
PARSER = MarkdownIt("commonmark").use(dollarmath_plugin)  # [ ] in a formula


def broken(path, root=ROOT):
    """The relative links of a Markdown file or notebook that lead to no file or to no heading.

    A link to a place outside the folder `root` is broken, too. Addresses with a scheme, such as
    https:, are not looked at.
    """
    return [target for target in _targets(path)
            if not re.match(r"[a-z]+:", target) and not _exists(path, target, root)]


@functools.cache
def anchors(path):
    """The anchors of a file's headings: in a notebook JupyterLab's, in Markdown GitHub's."""
    titles = [_title(heading) for heading in _inlines(path, after="heading_open")]
    if path.suffix == ".ipynb":
        return {pages.anchor(title) for title in titles}
    slugs = [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]
    earlier = [slugs[:n].count(slug) for n, slug in enumerate(slugs)]
    return {f"{slug}-{count}" if count else slug for slug, count in zip(slugs, earlier)}


def _exists(path, target, root):
    file, _, anchor = unquote(target).partition("#")
    there = (path.parent / file).resolve() if file else path
    if not there.exists() or not there.is_relative_to(root):
        return False
    return not anchor or there.suffix in (".md", ".ipynb") and anchor in anchors(there)


def _targets(path):
    """The targets of all links and pictures, as they are written."""
    children = [child for inline in _inlines(path) for child in inline.children]
    found = [child.attrs.get("href", child.attrs.get("src")) for child in children]
    return [target for target in found if target]


def _title(inline):
    """A heading's text as a reader sees it."""
    return "".join(child.content for child in inline.children if child.type != "image")


def _inlines(path, after=None):
    """The parsed paragraphs and headings; with `after`, those that follow a token of this type."""
    for text in _texts(path):
        tokens = PARSER.parse(text)
        for before, token in zip([None, *tokens], tokens):
            if token.type == "inline" and (after is None or before.type == after):
                yield token


def _texts(path):
    """The Markdown in a file: the whole of it, or a notebook's cells of text."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return [text]
    return [pages.source(cell) for cell in json.loads(text)["cells"]
            if cell["cell_type"] == "markdown"]
