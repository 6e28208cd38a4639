#!/usr/bin/env python3
"""Build the notebooks as a static site from their stored outputs: build.py [FOLDER]

Nothing is run and nothing is asked of the network; the same notebooks give the same bytes.
"""

import base64
import html
import importlib
import json
import posixpath
import re
import shutil
import struct
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote, unquote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from pygments.styles import get_style_by_name
from pygments.token import STANDARD_TYPES

from vae_helpers.claims import PRINTED
from vae_helpers.explorer import MODULE

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
EXPLORER = ROOT / "vae_helpers" / "explorer"
STYLES = "default", "github-dark"  # Pygments', for light and dark
SERIES = "Variational autoencoders, true and alive"
# Files of the repository that have a page here; other files have none, and no link to them.
PAGES = {
    "CLAIMS.md": "claims.html",
    "LICENSE": "licences.html", "LICENSE-PROSE.md": "licences.html",
    "vae_helpers/mnist/README.md": "licences.html",
}
SOLUTION = re.compile(
    r"<details><summary><b>Solution</b>.*?</summary>\s*(.*?)\s*</details>", re.DOTALL
)
# What stands for a widget where nothing can be run.
STAND_INS = {
    r"Prediction: ": "In JupyterLab you commit a guess here, and the result is drawn over it.",
    r"LiveTraining$": "In JupyterLab a button here goes on with the training while you read.",
    r"Launching TensorBoard": "In JupyterLab TensorBoard opens here.",
    r".*\| \d+/\d+ \[.*\]$": "In JupyterLab a progress bar runs here.",
}
templates = Environment(
    loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined,
    trim_blocks=True, lstrip_blocks=True,
)


class SiteError(Exception):
    """Something that the reader of the message can put right."""


class Renderer(IPythonRenderer):
    """Markdown as the notebooks use it, with the links that hold on the site.

    pages: {file of the repository: page}; folder: the one of the file that is rendered.
    """

    def __init__(self, pages, folder):
        super().__init__(escape=False)
        self._pages, self._folder = pages, folder

    def link(self, text, url, title=None):
        """A link to a page of the site or to the web; only its text where there is no such page."""
        if not re.match(r"https?://|#", url):
            path, hash, anchor = unquote(url).partition("#")
            page = self._pages.get(posixpath.normpath(posixpath.join(self._folder, path)))
            if page is None:
                return text
            url = page + hash + quote(anchor)
        return super().link(text, url, title)

    def heading(self, text, level, **_attributes):
        """A heading with the anchor that JupyterLab gives it, by which other files link to it."""
        anchor = html.unescape(re.sub(r"<[^>]*>", "", text)).replace(" ", "-")
        mark = f'<a class="anchor-link" href="#{quote(anchor)}" aria-label="Link to here">¶</a>'
        return f'<h{level} id="{html.escape(anchor)}">{text}{mark}</h{level}>\n'

    def inline_math(self, body):
        """TeX between marks of its own, so that a dollar stays a dollar."""
        return f'<span class="math">\\({self.escape_html(body)}\\)</span>'

    def block_math(self, body):
        """The same for a formula on lines of its own."""
        return f'<span class="math display">\\[{self.escape_html(body)}\\]</span>'

    def table(self, text):
        """A table that scrolls inside itself where the page is narrow."""
        return f'<div class="scroll" tabindex="0"><table>\n{text}</table></div>\n'


def markdown(text, pages, folder="notebooks"):
    """Markdown as HTML."""
    return MarkdownWithMath(Renderer(pages, folder)).render(text)


def code_css():
    """The colours of code, for light and dark."""
    light, dark = [get_style_by_name(name) for name in STYLES]
    rules = [
        ".highlight "
        f"{{ background: light-dark({light.background_color}, {dark.background_color}) }}"
    ]
    for token, name in STANDARD_TYPES.items():
        pair = [style.style_for_token(token) for style in (light, dark)]
        colours = ["#" + style["color"] if style["color"] else "currentColor" for style in pair]
        weight = "font-weight: bold; " * any(style["bold"] for style in pair)
        slant = "font-style: italic; " * any(style["italic"] for style in pair)
        if name and name != "err":
            rules.append(
                f".highlight .{name} {{ {weight}{slant}color: light-dark({', '.join(colours)}) }}"
            )
    return "\n".join(rules) + "\n"


class Page:
    """One notebook on its way to a page.

    `.pictures` is {file name: bytes}; `.explorers` counts the live ones.
    """

    def __init__(self, path, pages):
        self.stem, self.pages = path.stem, pages
        self.cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        kept = path.parent / "explorers" / f"{path.stem}.json"
        self._states = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else []
        self.pictures, self.explorers = {}, 0

    @property
    def file(self):
        """The page's file name."""
        return f"{self.stem}.html"

    @property
    def number(self):
        """The notebook's number, as 00."""
        return self.stem[:2]

    @property
    def opening(self):
        """The first cell, without its title."""
        return source(self.cells[0]).partition("\n")[2].strip()

    @property
    def title(self):
        """The notebook's title."""
        return source(self.cells[0]).partition("\n")[0].lstrip("# ")

    @property
    def promise(self):
        """The first paragraph: why the notebook matters."""
        return Markup(markdown(self.opening.split("\n\n")[0], self.pages))

    @property
    def state(self):
        """What the stored outputs say of it, in one line."""
        printed = "".join(
            "".join(output["text"]) for cell in self.cells for output in cell.get("outputs", ())
            if output["output_type"] == "stream"
        )
        measured = len(PRINTED.findall(printed))
        exercises = sum(tag.startswith("exercise:") for cell in self.cells for tag in tags(cell))
        if not any(cell.get("outputs") for cell in self.cells):
            return "in the making: not yet run"
        return f"{plural(measured, 'claim')} measured, {plural(exercises, 'exercise')}"

    def body(self):
        """The page's blocks of HTML, a cell or an exercise each."""
        blocks, solution = [], None
        for index, cell in enumerate(self.cells):
            text = source(cell)
            if cell["cell_type"] == "markdown":
                found = SOLUTION.search(text)
                if found:
                    solution = markdown(found[1], self.pages)
                    text = SOLUTION.sub("", text).strip()
                block = markdown(text, self.pages) if text else ""
            else:
                asked = re.fullmatch(r"check\.(\w+)\(\1\)", text.strip())
                block = self._code(index, cell, asked)
                if asked:
                    block += self._help(asked[1])
                if "solution" in tags(cell):
                    inside = (solution or "") + block
                    block = templates.get_template("solution.html").render(inside=Markup(inside))
                    solution = None
            blocks.append(Markup(block))
        return blocks

    def _code(self, index, cell, asked):
        """A code cell and its outputs; the verdict on an empty stub is left out."""
        text = source(cell).strip("\n")
        parts = [highlight(text, PythonLexer(), HtmlFormatter(wrapcode=True))] if text else []
        for place, output in enumerate([] if asked else cell["outputs"]):
            parts.append(self._output(f"{self.stem}-{index}-{place}.png", output))
        return '<div class="code">{}</div>\n'.format("".join(parts))

    def _output(self, name, output):
        if output["output_type"] == "stream":
            return '<pre class="printed" tabindex="0">{}</pre>'.format(
                html.escape("".join(output["text"]))
            )
        if output["output_type"] == "error":
            raise SiteError(
                f"{self.stem}.ipynb holds an error: {output['ename']}. Run make notebooks."
            )
        data = {kind: "".join(value) for kind, value in output["data"].items()}
        shown = data.get("text/plain", "")
        if "image/png" in data:
            return self._picture(
                name, base64.b64decode(data["image/png"]), shown, output["metadata"]
            )
        if "text/html" in data:
            return f'<div class="shown">{data["text/html"]}</div>'
        for pattern, stand_in in STAND_INS.items():
            if re.match(pattern, shown):
                return f'<p class="stand-in">{stand_in}</p>'
        return f'<pre class="printed" tabindex="0">{html.escape(shown)}</pre>'

    def _picture(self, name, png, shown, metadata):
        alt = metadata.get("image/png", {}).get("alt")
        if not alt:
            raise SiteError(
                f"{self.stem}.ipynb has a picture without alternative text: {shown[:60]}"
            )
        self.pictures[name] = png
        width, height = struct.unpack(">II", png[16:24])
        picture = templates.get_template("picture.html")
        state = self._next_state() if shown.startswith("Explorer: ") else None
        return picture.render(
            name=name, alt=alt, width=width, height=height, state=state,
            live=shown.startswith("View: "), number=self.number,
        )

    def _next_state(self):
        """What the next explorer of the notebook showed, as JSON that a page can hold."""
        if self.explorers == len(self._states):
            raise SiteError(
                f"{self.stem}.ipynb shows an explorer whose state is not in notebooks/explorers. "
                f"Run make notebooks ARGS=notebooks/{self.stem}.ipynb."
            )
        self.explorers += 1
        return Markup(json.dumps(self._states[self.explorers - 1]).replace("<", "\\u003c"))

    def _help(self, name):
        checks = importlib.import_module(f"vae_lessons.{self.stem[3:]}.checks")
        hints = getattr(checks, name).hints
        return templates.get_template("exercise.html").render(hints=hints, stem=self.stem)


def source(cell):
    """A cell's text."""
    return "".join(cell["source"])


def tags(cell):
    """A cell's tags."""
    return cell["metadata"].get("tags", [])


def plural(count, noun):
    """'1 claim', '2 claims'."""
    return f"{count} {noun}{'s' * (count != 1)}"


def sections(body):
    """[(anchor, HTML)] of the headings of level 2."""
    return [
        (html.unescape(anchor), Markup(re.sub(r'<a class="anchor-link".*?</a>', "", inside)))
        for anchor, inside in re.findall(r'<h2 id="([^"]*)">(.*?)</h2>', "".join(body), re.DOTALL)
    ]


def live_explorer():
    """The explorer's module and the model that stands in for a kernel, as one module."""
    return Markup(MODULE + (HERE / "explorer_model.js").read_text(encoding="utf-8"))


def mathjax():
    """The folder of the MathJax that a package brought along."""
    found = find_spec("mathjax")
    folder = Path(found.origin).parent / "static" / "mathjax" if found and found.origin else None
    if folder is None or not (folder / "es5" / "tex-svg.js").exists():
        raise SiteError(
            'No MathJax: install django-static-mathjax, as pip install -e ".[site]" does.'
        )
    return folder


def licences(pages):
    """The licences of prose, code, data and MathJax as one text."""
    prose = markdown((ROOT / "LICENSE-PROSE.md").read_text(encoding="utf-8"), pages, "")
    mnist = markdown((ROOT / "vae_helpers/mnist/README.md").read_text(encoding="utf-8"), pages, "")
    code = html.escape((ROOT / "LICENSE").read_text(encoding="utf-8"))
    return [Markup(block) for block in (
        prose, "<h1>Licence of the code</h1>", f'<pre class="printed">{code}</pre>', mnist,
        "<h1>MathJax</h1><p>The formulas are set by MathJax 3, under the "
        '<a href="assets/mathjax/LICENSE.txt">Apache License 2.0</a>.</p>',
    )]


def clear(folder):
    """Make the folder empty; one that is no site is left alone."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / "assets" / "site.css").exists():
            raise SiteError(
                f"{folder} is not empty and holds no site: name another folder, or empty it."
            )
        shutil.rmtree(folder)
    (folder / "assets" / "mathjax").mkdir(parents=True)
    (folder / "pictures").mkdir()


def build(folder):
    """Write the site into `folder`; returns the pages of the notebooks."""
    mathjax_folder, paths = mathjax(), sorted((ROOT / "notebooks").glob("*.ipynb"))
    pages = PAGES | {f"notebooks/{path.name}": f"{path.stem}.html" for path in paths}
    notebooks = [Page(path, pages) for path in paths]
    ready = [notebook.body() for notebook in notebooks]
    clear(folder)

    frame = templates.get_template("page.html")
    shared = {"series": SERIES, "notebooks": notebooks, "here": "", "before": None, "after": None,
              "sections": [], "explorer": None, "explorer_css": None}

    def write(file, title, body, **more):
        math = any('class="math' in block for block in body)
        text = frame.render(shared | {"title": title, "body": body, "math": math} | more)
        (folder / file).write_text(text, encoding="utf-8", newline="\n")

    for place, (notebook, body) in enumerate(zip(notebooks, ready)):
        for name, png in notebook.pictures.items():
            (folder / "pictures" / name).write_bytes(png)
        live = {}
        if notebook.explorers:
            css = (EXPLORER / "explorer.css").read_text(encoding="utf-8")
            live = {"explorer": live_explorer(), "explorer_css": Markup(css)}
        write(notebook.file, f"{notebook.number} {notebook.title}", body, here=notebook.file,
              before=notebooks[place - 1] if place else None,
              after=notebooks[place + 1] if place + 1 < len(notebooks) else None,
              sections=sections(body), **live)
    index = templates.get_template("index.html").render(shared)
    write("index.html", SERIES, [Markup(index)], here="index.html")
    claims = markdown((ROOT / "CLAIMS.md").read_text(encoding="utf-8"), pages, "")
    write(
        "claims.html", "Claims", [Markup(claims)], here="claims.html", sections=sections([claims])
    )
    write("licences.html", "Licences", licences(pages), here="licences.html")

    for name in ("site.css", "site.js"):
        shutil.copyfile(HERE / name, folder / "assets" / name)
    (folder / "assets" / "code.css").write_text(code_css(), encoding="utf-8", newline="\n")
    shutil.copyfile(
        mathjax_folder / "es5" / "tex-svg.js", folder / "assets" / "mathjax" / "tex-svg.js"
    )
    shutil.copyfile(mathjax_folder / "LICENSE", folder / "assets" / "mathjax" / "LICENSE.txt")
    return notebooks


def main(arguments):
    """Build the site and say how large it is."""
    folder = Path(arguments[0]) if arguments else ROOT / "site"
    try:
        build(folder)
    except (SiteError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    files = [path for path in folder.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 1e6
    print(
        f"{folder}: {len(files)} files, {size:.1f} MB. Open {folder / 'index.html'} in a browser."
    )
    return 0


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")  # for a terminal that is not UTF-8
    sys.exit(main(sys.argv[1:]))
