#!/usr/bin/env python3
"""Build the notebooks as a static site from their stored outputs: build.py [FOLDER]

Nothing is run and nothing is asked of the network; the same notebooks give the same bytes.
"""

import importlib
import json
import re
import shutil
import sys
from base64 import b64encode
from html import escape
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from sphinx.cmd.build import main as run_sphinx

from site_pages.pages import (
    SERIES,
    SiteError,
    cover,
    ledger,
    opening,
    page,
    relink,
    slug,
    state,
    views,
)

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# Files of the repository that have a page here; other files have none, and no link to them.
PAGES = {
    "CLAIMS.md": "claims.md",
    "notebooks/GLOSSARY.md": "glossary.md",
    "LICENSE": "licences.md", "LICENSE-PROSE.md": "licences.md",
    "vae_helpers/mnist/README.md": "licences.md",
}
# Sections of the README that are pages here.
FROM_README = {"symptoms": "My VAE has a problem: where do I look?", "places": "Where it runs"}
FRONT = "05_meet_kl_collapse", "β sweep"  # the view that opens the front page
INDEX = """---
hide-toc: true
---
# {series}

An interactive notebook series for people who know Python, a little probability and PyTorch. Move β,
the weight of the KL term in a VAE’s loss, and see what it does to the digits:

{front}

[Notebook 05](05_meet_kl_collapse.ipynb) explains what you see.
[Notebook 00](00_start_here.ipynb) is the place to start: walk through a latent plane, or draw a
digit and see where it lands.
[My VAE has a problem: where do I look?](symptoms.md) leads from a symptom to a section.
[The scoreboard](claims.md) tells which common claims about VAEs hold, [all claims](ledger.md) is a
table of everything that the notebooks measure, and [words and symbols](glossary.md) explains the
field’s words and the formulas’ symbols.

Every slider and explorer on these pages works without any installation. To train models live and to
have your exercises checked, open the notebooks in JupyterLab: type `make lab` in the folder of the
repository (Windows: `py tools\\lab.py lab`). [Where it runs](places.md) lists other places.

{cards}

```{{toctree}}
:hidden:
{toctree}
```
"""
LICENCES = """# Licences

Prose under CC BY 4.0, code under the MIT licence, MNIST under CC BY-SA 3.0. The formulas are set by
MathJax 3, under the <a href="_static/mathjax/LICENSE.txt">Apache License 2.0</a>.

{prose}

## Licence of the code

```text
{code}
```

{mnist}
"""


def read(name):
    """The text of a file of the repository."""
    return (ROOT / name).read_text(encoding="utf-8")


def mathjax():
    """The folder of the MathJax that a package brought along."""
    found = find_spec("mathjax")
    folder = Path(found.origin).parent / "static" / "mathjax" if found and found.origin else None
    if folder is None or not (folder / "es5" / "tex-svg.js").exists():
        raise SiteError(
            'No MathJax: install django-static-mathjax, as pip install -e ".[site]" does.'
        )
    return folder


def section(text, title):
    """A section of a Markdown text as a page of its own, without links to other sections."""
    start = text.index(f"\n## {title}\n")
    end = text.find("\n## ", start + 1)
    found = text[start + 2:end if end >= 0 else None]  # without one # of its heading
    return re.sub(r"\[([^\]]*)\]\(#[^)]*\)", r"\1", found)


def hints_of(stem):
    """A function that gives the hints of a notebook's exercise by its name."""
    return lambda name: getattr(
        importlib.import_module(f"vae_lessons.{stem[3:]}.checks"), name).hints


def write_front(folder):
    """The HTML of the view that opens the front page; writes its still picture."""
    stem, name = FRONT
    notebook = json.loads(read(f"notebooks/{stem}.ipynb"))
    alt, picture = dict(views(notebook))[name]
    (folder / "_static").mkdir()
    (folder / "_static" / "front.png").write_bytes(picture)
    told = json.dumps({"file": f"{stem}/{slug(name)}", "view": slug(name)})
    return (f'<figure class="living" id="view-{slug(name)}"><div class="picture">'
            f'<img src="_static/front.png" alt="{escape(alt)}"></div>'
            f'<script type="application/json">{told}</script>'
            f"<figcaption>{escape(alt)}</figcaption></figure>")


def frames_of(stem):
    """The files of frames of a notebook's views."""
    return sorted((ROOT / "notebooks/frames" / stem).glob("*.json.gz"))


def write_frames(folder):
    """Write the frames of all views as scripts, which a page opened from a folder may load."""
    for path in (ROOT / "notebooks/frames").glob("*/*.json.gz"):
        name = f"{path.parent.name}/{path.name.split('.')[0]}"
        text = b64encode(path.read_bytes()).decode("ascii")
        (folder / path.parent.name).mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.js").write_text(f'vaeFrames("{name}", "{text}");\n', encoding="utf-8")


def write_scoreboard(folder, pages):
    """Write the scoreboard with its pictures, and the table of all claims."""
    pictures = sorted((ROOT / "notebooks/pictures").glob("*.png"))
    (folder / "pictures").mkdir()
    for picture in pictures:
        shutil.copy(picture, folder / "pictures")
    pages = pages | {"notebooks/claims.json": "ledger.md"} | {
        f"notebooks/pictures/{picture.name}": f"pictures/{picture.name}" for picture in pictures}
    rows = json.loads(read("notebooks/claims.json"))
    for name, text in (("claims", read("CLAIMS.md")), ("ledger", ledger(rows))):
        (folder / f"{name}.md").write_text(relink(text, "", pages), encoding="utf-8")


def write_sources(folder):
    """Write what Sphinx reads: a page for each notebook, and the few others."""
    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    pages = PAGES | {f"notebooks/{path.name}": path.name for path in paths}
    cards = []
    for path in paths:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        kept = path.parent / "explorers" / f"{path.stem}.json"
        states = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else []
        frames = {file.name.split(".")[0] for file in frames_of(path.stem)}
        text = json.dumps(page(notebook, path.stem, pages, hints_of(path.stem), states, frames))
        (folder / path.name).write_text(text, encoding="utf-8")
        title, promise = opening(notebook)
        (folder / f"{path.stem}.png").write_bytes(cover(notebook, frames))
        cards.append(f"{{.card}}\n## [{path.stem[:2]} {title}]({path.name})\n\n"
                     f"![]({path.stem}.png)\n\n"  # decorative: the card says it all
                     f"{relink(promise, 'notebooks', pages)}\n\n*{state(notebook)}*")
    others = ["symptoms", "glossary", "claims", "ledger", "places", "licences"]
    toctree = "\n".join([*(path.stem for path in paths), *others])
    written = {
        "index": INDEX.format(series=SERIES, front=write_front(folder), toctree=toctree,
                              cards="\n\n".join(cards)),
        "glossary": relink(read("notebooks/GLOSSARY.md"), "notebooks", pages),
        "licences": LICENCES.format(code=read("LICENSE"), **{
            part: relink(read(name), "", pages).replace("\n#", "\n##").replace("# ", "## ", 1)
            for part, name in (("prose", "LICENSE-PROSE.md"),
                               ("mnist", "vae_helpers/mnist/README.md"))}),
    }
    written.update((name, relink(section(read("README.md"), title), "", pages))
                   for name, title in FROM_README.items())
    for name, text in written.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    write_scoreboard(folder, pages)


def copy_assets(folder):
    """Put Sphinx's settings, styles, script and MathJax where Sphinx looks for them."""
    shutil.copy(HERE / "conf.py", folder)
    static = folder / "_static" / "mathjax"
    static.mkdir(parents=True, exist_ok=True)
    shutil.copy(mathjax() / "es5" / "tex-svg.js", static)
    shutil.copy(mathjax() / "LICENSE", static / "LICENSE.txt")
    write_frames(folder / "_static" / "frames")
    for name in ("site.css", "site.js", "favicon.svg"):
        shutil.copy(HERE / name, folder / "_static")
    explorer = ROOT / "notebooks/vae_lessons/start_here/explorer"
    shutil.copy(explorer / "explorer.css", folder / "_static")


def render(pages, folder):
    """Let Sphinx make a site of a folder of pages; raises SiteError at its first warning, too."""
    copy_assets(pages)
    with TemporaryDirectory() as kept:
        if run_sphinx(["-q", "-W", "-d", kept, str(pages), str(folder)]):
            raise SiteError("Sphinx could not build the pages; the lines above say why.")


def build(folder):
    """Write the site into `folder`; one that is not empty and no site is left alone."""
    if folder.exists() and any(folder.iterdir()) and not (folder / ".buildinfo").exists():
        raise SiteError(
            f"{folder} is not empty and holds no site: name another folder, or empty it."
        )
    with TemporaryDirectory() as scratch:
        pages, made = Path(scratch, "pages"), Path(scratch, "made")
        pages.mkdir()
        write_sources(pages)
        render(pages, made)
        if folder.exists():
            shutil.rmtree(folder)
        shutil.move(made, folder)


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
