"""The static site: nothing of the notebooks is lost; what a reader would miss stops the build."""

import base64
import io
import json
import re
import shutil
from urllib.parse import unquote

import numpy as np
import pytest
from bs4 import BeautifulSoup
from every_check import CHECKS
from kept_explorer import decoded
from PIL import Image

from site_pages import build, pages
from vae_helpers.plots.base import png
from vae_lessons.start_here.planes import latent_explorer, latent_sliders

# Of MyST-Parser, which asks Sphinx for what goes with Sphinx 11.
pytestmark = pytest.mark.filterwarnings("ignore:.*MystReferenceResolver.app")
NOTEBOOKS = sorted((build.ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    build.build(folder)
    return folder


@pytest.fixture(scope="module")
def made(site):
    """{name: page}, parsed."""
    return {path.stem: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
            for path in site.glob("*.html")}


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def cells(path):
    return read(path)["cells"]


def squeezed(text):
    return " ".join(text.split())


def without_code(path):
    """A notebook's Markdown without the code in it."""
    prose = "\n\n".join(pages.source(cell) for cell in cells(path)
                        if cell["cell_type"] == "markdown")
    return re.sub(r"```.*?```|`[^`]*`|<code>.*?</code>", "", prose, flags=re.DOTALL)


def test_there_is_a_page_for_everything_and_each_leads_to_the_next(made):
    names = ["index", *(path.stem for path in NOTEBOOKS), "symptoms", "glossary", "claims",
             "ledger", "places", "licences"]
    assert set(made) == {*names, "search"}
    for name, after in zip(names, names[1:]):
        assert made[name].find("link", rel="next")["href"] == f"{after}.html"


def test_headings_have_jupyterlabs_anchors(path, made):
    ids = [element["id"] for element in made[path.stem].select("[id]")]
    assert len(ids) == len(set(ids)), "an id is given twice"
    for heading in re.findall(r"^##+ (.*)$", without_code(path), re.MULTILINE):
        assert heading.replace(" ", "-") in ids


def test_every_claim_stands_in_the_table_with_a_link_to_its_place(made):
    rows = [[cell.get_text() for cell in row.select("td")] + [row.a["href"]]
            for row in made["ledger"].select("tbody tr")]
    kept = json.loads((build.ROOT / "notebooks/claims.json").read_text(encoding="utf-8"))
    assert len(rows) == len(kept)
    for row, claim in zip(rows, kept):
        assert squeezed(row[1]) == squeezed(claim["sentence"])
        page, _, place = row[-1].partition(".html#")
        assert made[page].find(id=unquote(place)), row


def test_the_scoreboard_shows_its_pictures(made, site):
    pictures = [image["src"] for image in made["claims"].select("article img")]
    stored = sorted((build.ROOT / "notebooks/pictures").glob("*.png"))
    assert len(pictures) == len(stored) > 0
    assert all((site / picture).exists() for picture in pictures)


def test_every_stored_picture_is_there_with_its_alternative_text(path, made, site):
    stored = [
        (picture, squeezed(alt)) for cell in cells(path) for output in cell.get("outputs", ())
        if "image/png" in output.get("data", {}) for alt, picture in [pages.picture(output)]
    ]
    shown = made[path.stem].select("img")
    assert [((site / img["src"]).read_bytes(), img["alt"]) for img in shown] == stored
    for img in shown:
        assert Image.open(site / img["src"]).size == (int(img["width"]), int(img["height"]))


def test_every_formula_is_marked_and_no_dollar_is_left(path, made):
    prose = without_code(path).replace(r"\|", "|")  # a bar in a table has a backslash
    formulas = re.findall(r"\$\$(.+?)\$\$|\$(.+?)\$", prose, re.DOTALL)
    article = BeautifulSoup(str(made[path.stem].article), "html.parser")
    marked = [squeezed(element.extract().get_text()) for element in article.select(".math")]
    assert [text.replace(r"\|", "|")[2:-2].strip() for text in marked] == [
        squeezed("".join(formula)) for formula in formulas]
    for element in article.select("pre, code, script"):
        element.extract()
    assert "$" not in article.get_text()


def test_the_repository_is_linked_where_its_address_is_set():
    assert pages.repository_link({}) == []
    link, = pages.repository_link({"Repository": "https://github.com/someone/vaes"})
    assert link["url"] == "https://github.com/someone/vaes"


def test_sections_of_the_readme_are_pages(made):
    for name, title in build.FROM_README.items():
        rows = made[name].select("tbody tr")
        told = build.section(build.read("README.md"), title)
        assert len(rows) == told.count("\n|") - 2 > 5  # without the head of the table
        assert made[name].select_one("h1").get_text().startswith(title)
    for link in made["symptoms"].select("tbody a"):
        page, _, heading = link["href"].partition("#")
        assert any(heading in section.get("id", "") for section in
                   made[page.removesuffix(".html")].select("section")), link


def test_the_note_below_a_still_picture_is_not_on_the_page():
    """There the controls work."""
    picture = io.BytesIO()
    Image.new("RGB", (30, 50)).save(picture, "png")
    told = {"alt": "words", "note": 20}
    output = {"data": {"image/png": base64.b64encode(picture.getvalue()).decode()},
              "metadata": {"image/png": told}}
    assert Image.open(io.BytesIO(pages.picture(output)[1])).size == (30, 30)
    del told["note"]
    assert pages.picture(output) == ("words", picture.getvalue())


def test_code_and_printed_lines_are_all_there(path, made):
    written = squeezed(" ".join(pre.get_text() for pre in made[path.stem].select("pre")))
    for cell in cells(path):
        if cell["cell_type"] == "code":
            assert (squeezed(pages.source(cell)) in written) == ("guard" not in pages.tags(cell))
            for output in cell["outputs"]:
                assert squeezed("".join(output.get("text", ""))) in written


def test_exercises_have_hints_and_a_folded_solution(path, made):
    article = made[path.stem].article
    names = [tag.split(":")[1] for cell in cells(path) for tag in pages.tags(cell)
             if tag.startswith("exercise:")]
    solutions = [squeezed(pages.source(cell)) for cell in cells(path)
                 if "solution" in pages.tags(cell)]
    helps, folds = article.select(".help"), article.select("details.solution:not([open])")
    assert len(helps) == len(folds) == len(solutions) == len(names)
    for name, shown in zip(names, helps):
        folded = [squeezed(one.get_text(" ")) for one in shown.select("details:not([open])")]
        assert folded == [squeezed(f"Hint {number} of 3 {hint}")
                          for number, hint in enumerate(CHECKS[name].hints, 1)]
    for solution, fold in zip(solutions, folds):
        assert solution in squeezed(fold.get_text())
    assert "unanswered" not in article.get_text(), "the verdict on the empty stub is no result"


def test_the_index_says_what_each_notebook_is(made, path):
    text = squeezed(made["index"].article.get_text())
    title, promise = pages.opening(read(path))
    assert f"{path.stem[:2]} {title}" in text
    assert re.sub(r"[*`]", "", promise).split(".")[0] in text or "$" in promise
    assert pages.state(read(path)) in text


def test_the_states_come_from_the_stored_outputs():
    notebook = read(NOTEBOOKS[0])
    code = "\n".join(map(pages.source, notebook["cells"]))
    claims = len(re.findall(r'^ *claim\("start\.', code, re.MULTILINE))
    assert claims and pages.state(notebook) == f"{claims} claims measured, 1 exercise"
    for cell in notebook["cells"]:
        cell["outputs"] = []
    assert pages.state(notebook) == "in the making: not yet run"


def test_the_kept_explorer_is_the_one_whose_picture_is_stored(path):
    """Draw it again from what the page gets, in numpy, and lay it over the stored picture."""
    shown = [
        pages.picture(output)[1]
        for cell in cells(path) for output in cell.get("outputs", ())
        if "".join(output.get("data", {}).get("text/plain", "")).startswith("Explorer: ")
    ]
    kept = path.parent / "explorers" / f"{path.stem}.json"
    states = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else []
    assert len(states) == len(shown)
    for state, picture in zip(states, shown):
        point, digit = state["point"], decoded(state, state["point"]).reshape(28, 28)
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


def test_the_same_notebooks_give_the_same_bytes_and_replace_an_old_site(site, tmp_path, capsys):
    again = tmp_path / "again"
    shutil.copytree(site, again)
    (again / "left.html").touch()
    assert build.main([str(again)]) == 0
    assert re.search(r"again: \d+ files, [\d.]+ MB\. Open .*index\.html", capsys.readouterr().out)
    first, second = [
        {file.relative_to(folder): file.read_bytes()
         for file in folder.rglob("*") if file.is_file()}
        for folder in (site, again)
    ]
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def test_a_folder_that_holds_no_site_is_left_alone(tmp_path, capsys):
    (tmp_path / "thesis.txt").touch()
    assert build.main([str(tmp_path)]) == 1
    assert "holds no site" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_warning_of_sphinx_and_a_missing_mathjax_stop_the_build(tmp_path, monkeypatch):
    (tmp_path / "index.md").write_text("# Title\n\n[nowhere](#nowhere)\n", encoding="utf-8")
    with pytest.raises(pages.SiteError, match="lines above"):
        build.render(tmp_path, tmp_path / "made")
    monkeypatch.setattr(build, "find_spec", lambda name: None)
    with pytest.raises(pages.SiteError, match="django-static-mathjax"):
        build.mathjax()


def picture(plain, **metadata):
    buffer = io.BytesIO()
    Image.new("L", (3, 2)).save(buffer, "png")
    data = {"image/png": base64.b64encode(buffer.getvalue()).decode(), "text/plain": plain}
    return {"output_type": "display_data", "data": data, "metadata": {"image/png": metadata}}


@pytest.mark.parametrize("fault, output", [
    ("without alternative text: square", picture("square")),
    ("ARGS=notebooks/00_made.ipynb", picture("Explorer: mine", alt="a plane")),
    ("holds an error: ValueError", {"output_type": "error", "ename": "ValueError"}),
])
def test_what_would_be_missing_stops_the_build(fault, output):
    cell = {"cell_type": "code", "source": "1", "metadata": {}, "outputs": [output]}
    with pytest.raises(pages.SiteError, match=fault):
        pages.page({"cells": [cell]}, "00_made", {}, None, [], set())


def test_links_by_hand():
    known = {"notebooks/01_next.ipynb": "01_next.ipynb", "CLAIMS.md": "claims.md"}
    for text, there in [
        ("[a](01_next.ipynb) [c](../CLAIMS.md)", "[a](01_next.ipynb) [c](claims.md)"),
        ("[b](01_next.ipynb#p(x)-of-%CE%B2)", "[b](01_next.ipynb#p(x)-of-%CE%B2)"),
        ("[planned](02_planned.ipynb) [`x`](../pyproject.toml)", "planned `x`"),
        *[(text, text) for text in (
            "[a](https://b.org) <https://b.org> [c](#c)",
            "`f[a](b)` $E[a](b)$\n```\nf[a](b)\n```")],
    ]:
        assert pages.relink(text, "notebooks", known) == there
    assert pages.relink("[a](notebooks/01_next.ipynb)", "", known) == "[a](01_next.ipynb)"
