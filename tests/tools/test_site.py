"""The static site: nothing of the notebooks is lost, nothing points nowhere, twice the same."""

import base64
import importlib.util
import io
import json
import re
import shutil
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from every_check import CHECKS
from PIL import Image

from vae_helpers.plots.base import png
from vae_helpers.plots.digits import latent_explorer, latent_sliders

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
spec = importlib.util.spec_from_file_location("build", ROOT / "tools" / "site_pages" / "build.py")
build = importlib.util.module_from_spec(spec)
spec.loader.exec_module(build)

EMPTY = {"meta", "link", "img", "br", "hr", "input", "col"}


class Reader(HTMLParser):
    """Everything that the tests ask of a page.

    elements: [(tag, attributes)]; text: {kind: text}, where kind is "math", "pre" or "prose",
    and "folded" holds what lies in a closed <details>.
    """

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self._open = [], []
        self.text = {"math": "", "pre": "", "prose": "", "folded": ""}
        self.feed(text)
        self.close()
        assert self._open == [], "a tag is not closed"

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.elements.append((tag, attributes))
        if tag not in EMPTY:
            self._open.append((tag, attributes))

    def handle_endtag(self, tag):
        assert self._open.pop()[0] == tag, f"</{tag}> closes another"

    def handle_data(self, data):
        tags = [tag for tag, _ in self._open]
        if "script" in tags or "style" in tags:
            return
        math = any("math" in attributes.get("class", "").split() for _, attributes in self._open)
        kind = "math" if math else "pre" if {"pre", "code"} & set(tags) else "prose"
        self.text[kind] += data
        if any(tag == "details" and "open" not in attributes for tag, attributes in self._open):
            self.text["folded"] += data

    def of(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def ids(self):
        return [attributes["id"] for _, attributes in self.elements if "id" in attributes]

    def classed(self, name):
        return [a for _, a in self.elements if name in a.get("class", "").split()]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    build.build(folder)
    return folder


@pytest.fixture(scope="module")
def pages(site):
    return {path.name: Reader(path.read_text(encoding="utf-8")) for path in site.glob("*.html")}


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


def cells(path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def source(cell):
    return "".join(cell["source"])


def squeezed(text):
    return " ".join(text.split())


def test_there_is_a_page_for_everything(pages):
    assert set(pages) == {
        "index.html", "claims.html", "licences.html", *(f"{path.stem}.html" for path in NOTEBOOKS)}


def test_links_lead_somewhere(pages, site):
    for name, page in pages.items():
        assert page.of("a")
        for target in (attributes["href"] for attributes in page.of("a")):
            parts = urlsplit(target)
            if parts.scheme:
                assert parts.scheme == "https", f"{name}: {target}"
                continue
            file = unquote(parts.path) or name
            assert (site / file).is_file(), f"{name}: {target}"
            assert not parts.fragment or unquote(parts.fragment) in pages[file].ids, (
                f"{name}: {target}"
            )


def test_nothing_is_loaded_from_elsewhere(pages, site):
    for name, page in pages.items():
        loaded = [a["href"] for a in page.of("link")]
        loaded += [a["src"] for tag in ("script", "img") for a in page.of(tag) if "src" in a]
        assert loaded
        for target in loaded:
            assert target == "data:," or (site / target).is_file(), f"{name}: {target}"
        assert not page.of("iframe") and not page.of("object")
    for css in [*site.glob("assets/*.css"), ROOT / "vae_helpers/explorer/explorer.css"]:
        assert not re.search(r"@import|url\(", css.read_text(encoding="utf-8"))


def test_no_id_is_given_twice(pages):
    for name, page in pages.items():
        assert [found for found, times in Counter(page.ids).items() if times > 1] == [], name


def test_navigation_goes_through_all_notebooks(pages):
    names = [f"{path.stem}.html" for path in NOTEBOOKS]
    for place, name in enumerate(names):
        relations = {a["rel"]: a["href"] for a in pages[name].of("a") if "rel" in a}
        expected = {"prev": names[place - 1] if place else None,
                    "next": names[place + 1] if place + 1 < len(names) else None}
        assert relations == {kind: target for kind, target in expected.items() if target}
    for name, page in pages.items():
        assert {*names, "index.html", "claims.html"} <= {a["href"] for a in page.of("a")}
        here = [a["href"] for a in page.of("a") if a.get("aria-current")]
        assert here == [name]


def test_every_stored_picture_is_there_with_its_alternative_text(path, pages, site):
    outputs = [output for cell in cells(path) for output in cell.get("outputs", ())]
    stored = [
        (base64.b64decode("".join(output["data"]["image/png"])),
         output["metadata"]["image/png"]["alt"])
        for output in outputs if "image/png" in output.get("data", {})
    ]
    shown = pages[f"{path.stem}.html"].of("img")
    assert [((site / a["src"]).read_bytes(), a["alt"]) for a in shown] == stored
    for attributes in shown:
        assert attributes["alt"].strip()
        size = Image.open(site / attributes["src"]).size
        assert size == (int(attributes["width"]), int(attributes["height"]))


def test_no_picture_lies_about_unused(pages, site):
    used = {a["src"] for page in pages.values() for a in page.of("img")}
    assert {f"pictures/{file.name}" for file in (site / "pictures").iterdir()} == used


def test_every_formula_is_marked_and_no_dollar_is_left(path, pages):
    prose = "\n\n".join(source(cell) for cell in cells(path) if cell["cell_type"] == "markdown")
    prose = re.sub(r"```.*?```|`[^`]*`|<code>.*?</code>", "", prose, flags=re.DOTALL)
    formulas = re.findall(r"\$\$(.+?)\$\$|\$(.+?)\$", prose, re.DOTALL)
    page = pages[f"{path.stem}.html"]
    repeated = sum(a.get("class") == "math" for a in headings(page))  # once more in the contents
    assert len(page.classed("math")) - repeated == len(formulas)
    assert "$" not in page.text["prose"]
    for formula in formulas:
        assert squeezed("".join(formula)) in squeezed(page.text["math"])


def headings(page):
    """The elements inside the contents' links to this page's sections."""
    start = next(i for i, (_, a) in enumerate(page.elements) if a.get("id") == "contents")
    return [attributes for _, attributes in page.elements[start:]]


def test_code_and_printed_lines_are_all_there(path, pages):
    written = squeezed(pages[f"{path.stem}.html"].text["pre"])
    for cell in cells(path):
        if cell["cell_type"] == "code":
            assert squeezed(source(cell)) in written
            for output in cell["outputs"]:
                assert squeezed("".join(output.get("text", ""))) in written


def test_exercises_have_hints_and_a_folded_solution(path, pages):
    page = pages[f"{path.stem}.html"]
    folded = squeezed(page.text["folded"])
    names = [tag.split(":")[1] for cell in cells(path) for tag in cell["metadata"].get("tags", [])
             if tag.startswith("exercise:")]
    for name in names:
        hints = CHECKS[name].hints
        assert len(hints) == 3
        for number, hint in enumerate(hints, 1):
            assert squeezed(f"Hint {number} of 3 {hint}") in folded
    solutions = [
        source(cell) for cell in cells(path) if "solution" in cell["metadata"].get("tags", [])
    ]
    assert len(solutions) == len(names)
    for solution in solutions:
        assert squeezed(solution) in folded
        assert squeezed(page.text["pre"]).count(squeezed(solution)) == 1
    assert len(page.classed("help")) == len(page.classed("solution")) == len(names)
    assert page.text["prose"].count("To run it: type") == len(names)
    assert "unanswered" not in page.text["prose"], "the verdict on the empty stub is no result"
    assert not any("open" in attributes for attributes in page.of("details"))


def test_the_index_says_what_each_notebook_is(pages, path):
    text = squeezed(pages["index.html"].text["prose"])
    title, _, rest = source(cells(path)[0]).partition("\n")
    assert f"{path.stem[:2]} {title.lstrip('# ')}" in text
    plain = re.sub(r"[*`$]", "", rest.strip().split("\n\n")[0])
    assert plain.split(".")[0] in text or "$" in rest.split("\n\n")[0]


def test_the_states_come_from_the_stored_outputs():
    page = build.Page(NOTEBOOKS[0], {})
    claims = re.findall(r"^\| `start\.\w+`", source(page.cells[-1]), re.MULTILINE)
    assert page.state == f"{len(claims)} claims measured, 1 exercise"
    for cell in page.cells:
        cell["outputs"] = []
    assert page.state == "in the making: not yet run"


def test_the_kept_explorer_is_the_one_whose_picture_is_stored(path):
    """Draw it again from what the page gets, in numpy, and lay it over the stored picture."""
    shown = [
        base64.b64decode("".join(output["data"]["image/png"]))
        for cell in cells(path) for output in cell.get("outputs", ())
        if "".join(output.get("data", {}).get("text/plain", "")).startswith("Explorer: ")
    ]
    kept = path.parent / "explorers" / f"{path.stem}.json"
    states = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else []
    assert len(states) == len(shown)
    for state, picture in zip(states, shown):
        point, digit = state["point"], decoded(state).reshape(28, 28)
        if len(point) == 2:
            codes = np.frombuffer(base64.b64decode(state["codes"]), "<f4").reshape(-1, 2)
            labels = np.frombuffer(base64.b64decode(state["labels"]), np.uint8)
            fig = latent_explorer(codes, labels, point, digit)
        else:
            fig = latent_sliders(point, digit)
        again, stored = [np.asarray(Image.open(io.BytesIO(png)).convert("L"), dtype=float)
                         for png in (png(fig), picture)]
        assert again.shape == stored.shape
        assert np.abs(again - stored).mean() < 1


def decoded(state):
    """The kept decoder's picture at the kept point, [784]."""
    values = np.frombuffer(base64.b64decode(state["weights_float16"]), "<f2").astype(float)
    x, start = np.array(state["point"]), 0
    for inputs, outputs in zip(state["widths"], state["widths"][1:]):
        weight = values[start : start + inputs * outputs].reshape(outputs, inputs)
        start += weight.size
        bias = values[start : start + outputs]
        start += outputs
        x = weight @ (x if start == weight.size + outputs else np.maximum(x, 0)) + bias
    assert start == len(values)
    return 1 / (1 + np.exp(-x))


def test_the_same_notebooks_give_the_same_bytes(site, tmp_path):
    build.build(tmp_path / "again")
    first, second = [
        {file.relative_to(folder): file.read_bytes()
         for file in folder.rglob("*") if file.is_file()}
        for folder in (site, tmp_path / "again")
    ]
    assert first == second


def test_an_old_site_is_replaced_and_another_folder_is_not(site, tmp_path, monkeypatch, capsys):
    old = tmp_path / "old"
    shutil.copytree(site, old)
    (old / "left.html").touch()
    assert build.main([str(old)]) == 0
    assert not (old / "left.html").exists()
    assert re.search(r"old: \d+ files, [\d.]+ MB\. Open .*index\.html", capsys.readouterr().out)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").touch()
    assert build.main([str(mine)]) == 1
    assert "holds no site" in capsys.readouterr().err
    assert [file.name for file in mine.iterdir()] == ["thesis.txt"]


def made_of(tmp_path, *outputs):
    """A page of a notebook with one code cell and these outputs."""
    cell = {"cell_type": "code", "source": ["1"], "metadata": {}, "outputs": list(outputs)}
    title = {"cell_type": "markdown", "source": ["# Title\n", "\n", "Why."], "metadata": {}}
    path = tmp_path / "00_made.ipynb"
    path.write_text(json.dumps({"cells": [title, cell]}), encoding="utf-8")
    return build.Page(path, {"notebooks/01_next.ipynb": "01_next.html"})


def picture(plain, **metadata):
    buffer = io.BytesIO()
    Image.new("L", (3, 2)).save(buffer, "png")
    data = {"image/png": base64.b64encode(buffer.getvalue()).decode(), "text/plain": plain}
    return {"output_type": "display_data", "data": data, "metadata": metadata}


ALT = {"image/png": {"alt": 'a "square" < 3'}}


def test_what_would_be_missing_stops_the_build(tmp_path):
    with pytest.raises(build.SiteError, match="without alternative text: square"):
        made_of(tmp_path, picture("square")).body()
    with pytest.raises(build.SiteError, match="ARGS=notebooks/00_made.ipynb"):
        made_of(tmp_path, picture("Explorer: mine", **ALT)).body()
    with pytest.raises(build.SiteError, match="holds an error: ValueError"):
        made_of(tmp_path, {"output_type": "error", "ename": "ValueError"}).body()


def test_outputs_by_hand(tmp_path):
    def shown(output):
        return Reader(str(made_of(tmp_path, output).body()[1]))

    page = shown(picture("View: mine", **ALT))
    assert page.of("img")[0]["alt"] == ALT["image/png"]["alt"]
    assert "In JupyterLab this view is live" in page.text["prose"]
    assert "JupyterLab" not in shown(picture("square", **ALT)).text["prose"]
    printed = {"output_type": "stream", "name": "stdout", "text": ["a < b\n"]}
    assert "a < b" in shown(printed).text["pre"]
    for text, stand_in in (("Prediction: x.y", "commit a guess"), ("LiveTraining", "training"),
                           ("training:   0%|   | 0/9 [00:00<?, ? steps/s]", "progress bar")):
        output = {"output_type": "display_data", "data": {"text/plain": text}, "metadata": {}}
        page = shown(output)
        assert stand_in in page.text["prose"] and text not in page.text["pre"]
    output = {"output_type": "execute_result", "data": {"text/plain": "[1, 2]"}, "metadata": {}}
    assert "[1, 2]" in shown(output).text["pre"]


def test_links_by_hand():
    pages = {"notebooks/01_next.ipynb": "01_next.html", "CLAIMS.md": "claims.html"}

    def targets(text, folder="notebooks"):
        return [a["href"] for a in Reader(build.markdown(text, pages, folder)).of("a")]

    assert targets("[a](01_next.ipynb) [b](01_next.ipynb#The-%CE%B2) [c](../CLAIMS.md)") == [
        "01_next.html", "01_next.html#The-%CE%B2", "claims.html"]
    assert targets("[a](notebooks/01_next.ipynb#x)", "") == ["01_next.html#x"]
    assert targets("[a](02_planned.ipynb) [b](../pyproject.toml)") == []
    assert "planned" in build.markdown("[planned](02_planned.ipynb)", pages)
    assert targets("[a](https://arxiv.org/abs/1312.6114) <https://b.org>") == [
        "https://arxiv.org/abs/1312.6114", "https://b.org"]


def test_missing_mathjax_names_the_package(monkeypatch):
    monkeypatch.setattr(build, "find_spec", lambda name: None)
    with pytest.raises(build.SiteError, match="django-static-mathjax"):
        build.mathjax()
