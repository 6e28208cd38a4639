"""The static site in a browser: alive, calm, and readable everywhere."""

import base64
import functools
import json
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nbformat
import numpy as np
import pytest
from kept_explorer import decoded, forward
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from site_pages import build, pages

from .conftest import NOTEBOOKS
from .explorer_page import ELL, SEVEN, Grown, show
from .site_page import DESK, PHONE, overflow, unfold

SCREENSHOTS = Path(__file__).parent / "screenshots"
NAMES = [path.stem for path in sorted(NOTEBOOKS.glob("*.ipynb"))]
EXPLORERS = [path.stem for path in sorted((NOTEBOOKS / "explorers").glob("*.json"))]
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAGrKPJQAAAABJRU5ErkJggg=="


# [what is hard to read, how many pieces of text there are]
CONTRAST = """() => {
    const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const luminance = (colour) => parse(colour).slice(0, 3)
        .map((value) => value / 255)
        .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
        .reduce((sum, value, i) => sum + [0.2126, 0.7152, 0.0722][i] * value, 0);
    const behind = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const colour = getComputedStyle(at).backgroundColor;
            if ((parse(colour)[3] ?? 1) === 1) return colour;
        }
    };
    document.querySelectorAll("details").forEach((one) => (one.open = true));
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const faint = new Set();
    let count = 0;
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement;
        if (!texts.currentNode.data.trim()) continue;
        if (element.closest("script, style, .headerlink, canvas, mjx-container")) continue;
        count += 1;
        const pair = [getComputedStyle(element).color, behind(element)].map(luminance);
        const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
        if (ratio < 4.5) faint.add(`${ratio.toFixed(2)} ${element.outerHTML.slice(0, 60)}`);
    }
    return [[...faint], count];
}"""


@pytest.mark.parametrize("name", ["index", "glossary", "claims", "ledger", "licences", *NAMES])
def test_every_page_is_calm_set_and_fits_a_phone(visit, name):
    """From a file: no message in the console, no request outside, formulas and pictures there.

    All text, code in all its colours too, has WCAG's contrast of 4.5, in light and in dark, where
    pictures keep their white paper.
    """
    page, troubles = visit(f"{name}.html", viewport=PHONE, has_touch=True)
    assert page.locator("article").inner_text().strip()
    heights = page.evaluate(
        """() => [...document.querySelectorAll("article .math")]
            .filter((one) => one.checkVisibility())
            .map((one) => one.querySelector("mjx-container > svg")?.clientHeight)"""
    )
    assert all(height and height > 3 for height in heights)
    assert page.locator(".math merror, .math [data-mjx-error]").count() == 0
    formulas = page.locator("article .math").count()
    assert page.locator("article .math mjx-assistive-mml math").count() == formulas
    assert overflow(page) == 0
    unfold(page)
    assert overflow(page) == 0, "with all details open"
    page.set_viewport_size(DESK)
    assert overflow(page) == 0
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"site_{name}.png")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        faint, count = page.evaluate(CONTRAST)
        assert count > 50 and faint == [], scheme
        assert page.evaluate(
            """() => [...document.images].every((one) => one.naturalWidth > 0
                && getComputedStyle(one).backgroundColor === "rgb(255, 255, 255)")"""
        )
    assert troubles == []


def test_the_table_of_claims_is_searched_as_one_types(visit):
    """Each word narrows it, in any order; an emptied field shows all."""
    page, troubles = visit("ledger.html")
    kept = json.loads((NOTEBOOKS / "claims.json").read_text(encoding="utf-8"))
    rows, field = page.locator("tbody tr:visible"), page.get_by_role("searchbox").last
    assert rows.count() == len(kept)
    field.fill("posterior VARIANCE")
    found = [row["sentence"] for row in kept
             if "posterior" in row["sentence"] and "variance" in row["sentence"].lower()]
    assert 0 < len(found) <= rows.count() < len(kept)
    assert all("posterior" in text.lower() and "variance" in text.lower()
               for text in rows.all_inner_texts())
    assert page.get_by_role("status").inner_text() == f"{rows.count()} of {len(kept)} claims"
    field.fill("")
    assert rows.count() == len(kept)
    assert troubles == []


@pytest.mark.parametrize("name", EXPLORERS)
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_every_explorer_is_alive(visit, name, viewport):
    """Plane or sliders, and pad and way where the encoder was kept: all as NumPy has it."""
    page, troubles = visit(f"{name}.html", viewport=viewport, has_touch=True)
    states = json.loads((NOTEBOOKS / "explorers" / f"{name}.json").read_text(encoding="utf-8"))
    assert page.locator(".explorer").count() == len(states) > 0
    for index, state in enumerate(states):
        view = Grown(page, index)
        seen = {as_kept(view, state)}
        for act in (steer, draw_on_pad, go_between) if "images" in state else (steer,):
            for _ in act(view, state):
                seen.add(as_kept(view, state))
        assert len(seen) > 4, "another digit at nearly every step"
    assert page.locator(".live-explorer img").count() == 0, "the still picture has given way"
    assert overflow(page) == 0
    assert troubles == []


def steer(view, state):
    """By keys, then by a finger; yields after each step."""
    latent = state["widths"][0]
    handle = view.plane if latent == 2 else view.sliders.first
    for keys in (["1"], ["0"], ["Shift+ArrowRight" if latent == 2 else "End"]):
        view.type(handle, *keys)
        yield
    if latent == 2:
        assert "z = (" in view.caption
    show(handle)
    before, box = view.point, handle.bounding_box()
    view.page.touchscreen.tap(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    assert view.point != before
    yield


def draw_on_pad(view, state):
    for shape in (SEVEN, ELL):
        view.root.get_by_role("button", name="Clear").click()
        view.draw(*shape)
        np.testing.assert_allclose(view.point, encoded(state, view.drawing), rtol=0, atol=1e-6)
        assert view.caption.startswith("Your drawing landed here. z ")
        yield


def go_between(view, state):
    images = np.frombuffer(base64.b64decode(state["images"]), np.uint8).reshape(-1, 784) / 255
    a, b = len(images) - 1, 2
    view.choice("B", b).check()
    view.choice("A", a).check()
    for keys, t in (([], 0), (["End"], 1), (["ArrowLeft"] * 20, 0.6)):
        view.type(view.way, *keys)
        wanted = (1 - t) * encoded(state, images[a]) + t * encoded(state, images[b])
        np.testing.assert_allclose(view.point, wanted, rtol=0, atol=1e-6)
        yield


def as_kept(view, state):
    """The digit on the page's canvas, once it has been found to be what the kept decoder gives."""
    probabilities = decoded(state, view.point)
    # The page widens the halves itself, so only the order of the sums may differ.
    np.testing.assert_allclose(view.probabilities, probabilities, rtol=0, atol=1e-6)
    return view.digit.evaluate("(canvas) => canvas.toDataURL()")


def encoded(state, image):
    """The mean of q for an image [784], by the kept encoder."""
    both = forward(state["encoder_float16"], state["encoder_widths"], image)
    return both[: len(both) // 2]


def test_a_search_gives_excerpts_over_http_and_titles_from_files(visit, site):
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page, troubles = visit("index.html", f"http://127.0.0.1:{server.server_port}")
        page.get_by_role("searchbox").or_(page.get_by_placeholder("Search")).first.fill("collapse")
        page.keyboard.press("Enter")
        found = page.locator("#search-results li").filter(has_text="05 Meet KL collapse")
        found.locator("p.context").filter(has_text="collapse").first.wait_for()
        assert troubles == []
        server.shutdown()
    page, _ = visit("search.html?q=collapse")
    page.locator("#search-results li a").filter(has_text="05 Meet KL collapse").click()
    page.wait_for_url("**/05_*.html*")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The address of a site of one notebook, made by hand."""
    def shown(plain, **metadata):
        data = {"text/plain": plain} | ({"image/png": DOT} if metadata else {})
        return [new_output("display_data", data, metadata={"image/png": metadata})]

    alt = 'Where a < b and "c".'
    solution = "<details><summary><b>Solution</b>: below.</summary>\n\nHalf of $z$.\n\n</details>"
    hidden = {"jupyter": {"source_hidden": True}}
    notebook = new_notebook(metadata={"language_info": {"name": "python"}}, cells=[
        new_markdown_cell("# Title\n\n[There](#Going-deeper:-it's-\"so\")\n\n## Core"),
        new_code_cell("1", outputs=shown("View: mine", alt=alt)),
        new_code_cell("2", outputs=shown("Prediction: mine")),
        new_code_cell("3", outputs=shown("LiveTraining")),
        new_code_cell("4", outputs=shown("training: 0%|   | 0/9 [00:00<?, ? steps/s]")),
        new_code_cell("# Claims", outputs=shown("they hold"), metadata=hidden),
        new_code_cell("half = check.half(my_half)", outputs=shown("unanswered")),
        new_markdown_cell(solution),
        new_code_cell("half = 0.5", outputs=[], metadata=hidden | {"tags": ["solution"]}),
        new_markdown_cell('## Going deeper: it\'s "so"\n\nProof.'),
        new_code_cell("5", outputs=shown("a picture", alt=alt)),
        new_markdown_cell("## After"),
        new_markdown_cell("## More\n\nFolded.", metadata={"jp-MarkdownHeadingCollapsed": True}),
    ])
    folder = tmp_path_factory.mktemp("made")
    notebook = json.loads(nbformat.writes(notebook))
    made = pages.page(notebook, "00_made", {}, lambda _: ["Halve."], [], set())
    (folder / "index.ipynb").write_text(json.dumps(made), encoding="utf-8")
    build.render(folder, folder / "site")
    return (folder / "site").as_uri()


def test_what_is_folded_unfolds(visit, made):
    page, troubles = visit("index.html", made)
    for summary, inside in (
        ("Hint 1 of 1", "Halve."), ("Solution", "half = 0.5"), ("Show the code", "# Claims"),
        ('Going deeper: it\'s "so"', "Proof."), ("More", "Folded."),
    ):
        text = page.locator("article").get_by_text(inside, exact=True)
        assert not text.is_visible(), summary
        page.locator("summary").filter(has_text=summary).first.press("Enter")
        text.wait_for(state="visible")
    assert page.get_by_text("they hold").is_visible()
    assert not page.locator("details.deeper").get_by_text("After").count()
    assert not page.get_by_text("unanswered").count()
    assert troubles == []


def test_a_link_to_a_folded_section_opens_it_and_print_shows_it(visit, made):
    page, _ = visit("index.html", made)
    proof = page.get_by_text("Proof.")
    page.emulate_media(media="print")
    assert proof.is_visible()
    page.emulate_media(media="screen")
    assert not proof.is_visible()
    page.get_by_role("link", name="There").click()
    proof.wait_for(state="visible")
    page.goto(f"{made}/index.html#Going-deeper:-it's-%22so%22")
    page.reload()
    assert proof.is_visible(), "by JupyterLab's anchor"


def test_pictures_and_what_stands_for_widgets(visit, made):
    page, _ = visit("index.html", made)
    alt = 'Where a < b and "c".'
    assert [img.get_attribute("alt") for img in page.locator("article img").all()] == [alt, alt]
    (caption,) = page.locator("figcaption").all_inner_texts()
    assert caption.startswith(alt) and "In JupyterLab this view is live" in caption
    words = page.locator(".stand-in").all_inner_texts()
    assert ["guess" in words[0], "training" in words[1], "progress bar" in words[2]] == [True] * 3


def test_it_can_be_read_without_scripts(visit):
    page, _ = visit(f"{EXPLORERS[0]}.html", java_script_enabled=False)
    assert page.locator(".live-explorer img").is_visible(), "the still twin"
    assert page.locator("article h2").count() > 3
