"""The series as pages that MyST-NB reads: pure functions on a notebook's JSON and on Markdown."""

import html
import posixpath
import re
import struct
from base64 import b64decode, b64encode
from copy import deepcopy
from io import BytesIO
from urllib.parse import unquote

from PIL import Image

from vae_helpers.claims import Claim, measured

SERIES = "Variational autoencoders, true and alive"
SOLUTION = re.compile(
    r"<details><summary><b>Solution</b>.*?</summary>\s*(.*?)\s*</details>", re.DOTALL
)
ASKED = re.compile(r"(?:\w+ = )?check\.(\w+)\((?:my_)?\1\)")
DEEPER = re.compile(r"##+ Going deeper\b")
# Code and formulas are skipped; then a link's text, and its target, which may hold brackets.
LINK = re.compile(
    r"```.*?```|`[^`]*`|\$[^$]+\$|\[([^\[\]]*)\]\(([^()\s]*(?:\([^()\s]*\)[^()\s]*)*)\)", re.DOTALL
)
HELP = """<div class="help">
<p>To run it: type <code class="literal">make lab</code> in the folder of the repository, open
<code class="literal">notebooks/{stem}.ipynb</code>, run the setup cell, replace the
<code class="literal">...</code> above and run both cells. The check names what went wrong.</p>
{hints}</div>"""
HINT = "<details><summary>Hint {number} of {count}</summary><p>{hint}</p></details>\n"


LEDGER = """{{.ledger}}
# All claims

The notebooks make {count} claims. Each has a band within which it is true, and is measured again
whenever its notebook runs; where that would take many seeds or hours, stored results are compared
instead. Of several seeds the table gives the median and the range.

| notebook | claim | measured | range over seeds | holds within |
|---|---|---|---|---|"""


class SiteError(Exception):
    """Something that the reader of the message can put right."""


def source(cell):
    """A cell's text."""
    return "".join(cell["source"])


def tags(cell):
    """A cell's tags."""
    return cell["metadata"].get("tags", [])


def anchor(title):
    """The anchor that JupyterLab gives a heading, by which other files link to it."""
    return title.replace(" ", "-")


def relink(text, folder, pages):
    """Markdown whose links to files lead to pages; to a file without a page, only its text is left.

    folder: where the file lies in the repository. pages: {file of the repository: page's source}.
    """
    def replace(link):
        if link[2] is None or re.match(r"https?://|#|_static/", link[2]):
            return link[0]
        path, hash, fragment = link[2].partition("#")
        page = pages.get(posixpath.normpath(posixpath.join(folder, unquote(path))))
        return f"[{link[1]}]({page}{hash}{fragment})" if page else link[1]

    return LINK.sub(replace, text)


def opening(notebook):
    """(title, first paragraph) of a notebook."""
    title, _, rest = source(notebook["cells"][0]).partition("\n")
    return title.lstrip("# "), rest.strip().split("\n\n")[0]


def state(notebook):
    """What the stored outputs say of a notebook, in one line."""
    cells = notebook["cells"]
    if not any(cell.get("outputs") for cell in cells):
        return "in the making: not yet run"
    measured = sum(len(output.get("metadata", {}).get("claims", ()))
                   for cell in cells for output in cell.get("outputs", ()))
    exercises = sum(tag.startswith("exercise:") for cell in cells for tag in tags(cell))
    return f"{plural(measured, 'claim')} measured, {plural(exercises, 'exercise')}"


def ledger(rows):
    """The page of all claims: a table with a row for each of `rows`, the data of claims.json."""
    lines = [LEDGER.format(count=len(rows))]
    for row in rows:
        claim = Claim(**{name: row[name] for name in Claim._fields})
        told = (claim.sentence, *(re.sub("[⟨⟩]", "", text) for text in (
            measured(claim.value), claim.spread)), claim.band)
        told = [re.sub(r"([\\`*_{}\[\]<>$|])", r"\\\1", text) for text in told]
        number = row["place"].removeprefix("notebooks/")[:2]
        lines.append("| " + " | ".join([f"[{number}]({row['place']})", *told]) + " |")
    return "\n".join(lines) + "\n"


def views(notebook):
    """Iterate over (name, (alternative text, PNG)) of the views in a stored notebook."""
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            plain = "".join(output.get("data", {}).get("text/plain", ""))
            if plain.startswith("View: ") and "image/png" in output["data"]:
                yield plain.removeprefix("View: "), picture(output)


def cover(notebook, frames):
    """The PNG that stands for a notebook: its first view with frames, or else its first picture."""
    first = next((png for name, (_, png) in views(notebook) if slug(name) in frames), None)
    return first or next(picture(output)[1] for cell in notebook["cells"]
                         for output in cell.get("outputs", ())
                         if "image/png" in output.get("data", {}))


def picture(output):
    """Alternative text and PNG of an output, without the note on where its controls work."""
    told = output["metadata"]["image/png"]
    png = b64decode("".join(output["data"]["image/png"]))
    if "note" in told:
        image, buffer = Image.open(BytesIO(png)), BytesIO()
        image.crop((0, 0, image.width, image.height - told["note"])).save(buffer, "png")
        png = buffer.getvalue()
    return told["alt"], png


def slug(name):
    """A view's name as the name of its file of frames, and in addresses."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")


def plural(count, noun):
    """'1 claim', '2 claims'."""
    return f"{count} {noun}{'s' * (count != 1)}"


def page(notebook, stem, pages, hints, explorers, frames):
    """The notebook as its page shows it; the one given is left as it is.

    hints: gives the hints of an exercise by its name. explorers: what the notebook's explorers
    showed, in their order. frames: names of the views that have files of frames. Raises SiteError
    where something that a reader needs is missing.
    """
    notebook, explorers = deepcopy(notebook), iter(explorers)
    cells, solution = [], ""
    for cell in notebook["cells"]:
        if "guard" in tags(cell):  # only for a notebook that is run
            continue
        if cell["cell_type"] == "markdown":
            text = relink(source(cell), "notebooks", pages)
            found = SOLUTION.search(text)
            solution = found[1] if found else solution
            cells.append(prose(folded(cell, SOLUTION.sub("", text))))
            continue
        cell["outputs"] = [shown(output, stem, explorers, frames) for output in cell["outputs"]]
        asked = ASKED.fullmatch(source(cell).strip())
        if "solution" in tags(cell):
            before = f'<details class="solution">\n<summary>Solution</summary>\n\n{solution}'
            cells += [prose(before), cell, prose("</details>")]
            solution = ""
            continue
        if asked:
            cell["outputs"] = [as_html(helped(hints(asked[1]), stem))]
        if cell["metadata"].get("jupyter", {}).get("source_hidden"):
            cell["metadata"]["tags"] = [*tags(cell), "hide-input"]
        cells.append(cell)
    cells[0]["source"] = f"# {stem[:2]} " + source(cells[0]).lstrip("# ")
    return notebook | {"cells": [cell | {"id": f"cell-{n}"} for n, cell in enumerate(cells)]}


def repository_link(urls):
    """Furo's icons for the foot of each page: a link to the repository, if its address is set."""
    if "Repository" not in urls:
        return []
    return [{"name": "Repository", "url": urls["Repository"], "html": "Repository", "class": ""}]


def prose(text):
    """A Markdown cell."""
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def folded(cell, text):
    """A Markdown cell's text, its heading marked where the page folds the section below it."""
    collapsed = cell["metadata"].get("jp-MarkdownHeadingCollapsed") and text.startswith("##")
    return "{.deeper}\n" * bool(collapsed or DEEPER.match(text)) + text


def as_html(text):
    """An output that shows this HTML."""
    return {"output_type": "display_data", "metadata": {}, "data": {"text/html": text}}


def helped(hints, stem):
    """HTML: how an exercise is run, and its hints, folded."""
    lines = [HINT.format(number=number, count=len(hints), hint=html.escape(hint))
             for number, hint in enumerate(hints, 1)]
    return HELP.format(stem=stem, hints="".join(lines))


def shown(output, stem, explorers, frames):
    """An output with what the renderer wants to know of a picture.

    That is alternative text, size, whether a view is live in JupyterLab, where its frames are, an
    explorer's state.
    """
    if output["output_type"] == "error":
        raise SiteError(f"{stem}.ipynb holds an error: {output['ename']}. Run make notebooks.")
    if "image/png" not in output.get("data", {}):
        return output
    plain = "".join(output["data"].get("text/plain", ""))
    told = output["metadata"].get("image/png", {})
    if not told.get("alt"):
        raise SiteError(f"{stem}.ipynb has a picture without alternative text: {plain[:60]}")
    _, png = picture(output)
    output["data"]["image/png"] = b64encode(png).decode("ascii")
    told["width"], told["height"] = struct.unpack(">II", png[16:24])
    told["live"] = plain.startswith("View: ")
    view = slug(plain.removeprefix("View: "))
    if told["live"] and view in frames:
        told["frames"] = {"file": f"{stem}/{view}", "view": view}
    if plain.startswith("Explorer: "):
        told["explorer"] = next(explorers, None)
        if told["explorer"] is None:
            raise SiteError(
                f"{stem}.ipynb shows an explorer whose state is not in notebooks/explorers. "
                f"Run make notebooks ARGS=notebooks/{stem}.ipynb."
            )
    return output
