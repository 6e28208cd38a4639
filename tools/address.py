#!/usr/bin/env python3
"""Write what depends on the repository's address: python tools/address.py

The address is set in one place, as `Repository` under [project.urls] in pyproject.toml, and that of
the web pages as `Documentation`. From it come the buttons and the clone command in the README, and
the first cell of each notebook, which says what to install where a notebook was opened alone.
Without an address there are no buttons.
"""

import json
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIRST = "00_start_here.ipynb"
REGION = r"(<!-- address: {name} -->\n).*?(<!-- end -->)"
GUARD = '''"""If this notebook was opened alone, this cell says what to install."""
from importlib.util import find_spec

if not find_spec("vae_helpers"):
    raise ModuleNotFoundError(
        "This kernel lacks the package vae-helpers. In a clone of the repository, choose the "
        "kernel of .venv. Elsewhere, {advice}: "
        "%pip install {file}"
    )'''
ARCHIVE = "run this in a new cell, then run all cells"
WHEEL = ('put the wheel that `make wheel` writes beside this notebook, "\n'
         '        "run this in a new cell, then run all cells')


def guard(urls, version):
    """The source of the first code cell of every notebook."""
    if "Repository" in urls:
        return GUARD.format(advice=ARCHIVE, file=f"{urls['Repository']}/archive/HEAD.zip")
    return GUARD.format(advice=WHEEL, file=f"vae_helpers-{version}-py3-none-any.whl")


def buttons(urls):
    """The line of badges and links below the README's title; empty without an address."""
    if "Repository" not in urls:
        return ""
    address, place = urls["Repository"], urls["Repository"].split("github.com/")[1]
    path = f"{place}/blob/HEAD/notebooks/{FIRST}"
    named = {
        f"![tests]({address}/actions/workflows/ci.yml/badge.svg)":
            f"{address}/actions/workflows/ci.yml",
        "Web pages": urls.get("Documentation"),
        "Open in Colab": f"https://colab.research.google.com/github/{path}",
        "Open in Kaggle": f"https://kaggle.com/kernels/welcome?src=https://github.com/{path}",
        "Open in Binder": f"https://mybinder.org/v2/gh/{place}/HEAD"
                          f"?urlpath=lab/tree/notebooks/{FIRST}",
    }
    return " · ".join(f"[{name}]({link})" for name, link in named.items() if link) + "\n"


def clone(urls):
    """The commands that get the repository."""
    address = urls.get("Repository", "<this repository>")
    folder = address.rsplit("/", 1)[-1] if "Repository" in urls else "<its folder>"
    return f"```\ngit clone {address}\ncd {folder}\nmake lab\n```\n"


def readme(text, urls):
    """The README's text with buttons and clone command for these addresses."""
    for name, made in (("buttons", buttons(urls)), ("clone", clone(urls))):
        text, found = re.subn(REGION.format(name=name), lambda region: region[1] + made + region[2],
                              text, flags=re.DOTALL)
        if found != 1:
            raise ValueError(f"README.md must hold one region '<!-- address: {name} -->'.")
    return text


def notebook(text, urls, version):
    """The JSON of a notebook whose first code cell is the guard for these addresses."""
    told = json.loads(text)
    (cell,) = [cell for cell in told["cells"] if "guard" in cell["metadata"].get("tags", [])]
    cell["source"] = guard(urls, version).splitlines(keepends=True)
    return json.dumps(told, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def read(root):
    """({name: address} in pyproject.toml, version of the package); raises ValueError."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    urls = project.get("urls", {})
    address = urls.get("Repository", "https://github.com/OWNER/NAME")
    if not re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+(?<!\.git)", address):
        raise ValueError(f"Repository in pyproject.toml is {address}. The buttons need an address "
                         "of the form https://github.com/OWNER/NAME.")
    text = (root / "vae_helpers" / "__init__.py").read_text(encoding="utf-8")
    return urls, re.search(r'__version__ = "(.*)"', text)[1]


def main(root):
    """Write README.md and the notebooks anew where they differ; returns the exit status."""
    try:
        urls, version = read(root)
        made = {root / "README.md": readme((root / "README.md").read_text(encoding="utf-8"), urls)}
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for path in (root / "notebooks").glob("*.ipynb"):
        made[path] = notebook(path.read_text(encoding="utf-8"), urls, version)
    for path, text in made.items():
        if path.read_text(encoding="utf-8") != text:
            path.write_bytes(text.encode("utf-8"))
            print(f"written: {path.relative_to(root)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(ROOT))
