"""The static site in a browser, opened from files: alive, calm, and readable everywhere."""

import base64
import importlib.util
import json
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from .conftest import NOTEBOOKS

SCREENSHOTS = Path(__file__).parent / "screenshots"
BUILD = NOTEBOOKS.parent / "tools" / "site_pages" / "build.py"
spec = importlib.util.spec_from_file_location("build", BUILD)
build = importlib.util.module_from_spec(spec)
spec.loader.exec_module(build)

NAMES = [path.stem for path in sorted(NOTEBOOKS.glob("*.ipynb"))]
EXPLORERS = [path.stem for path in sorted((NOTEBOOKS / "explorers").glob("*.json"))]
PHONE = {"width": 360, "height": 740}
Opened = namedtuple("Opened", "page troubles")


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    build.build(folder)
    return folder


@pytest.fixture
def visit(site, browser):
    """Opens a page; `.troubles` collects what its console says, and requests that leave the disk."""
    contexts = []

    def open_page(name, script=None, **options):
        context = browser.new_context(**options)
        contexts.append(context)
        page, troubles = context.new_page(), []
        if script:
            page.add_init_script(script)
        page.on("console", lambda message: troubles.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: troubles.append(f"uncaught: {error}"))
        page.on("requestfailed", lambda request: request.failure == "net::ERR_ABORTED"  # we left
                or troubles.append(f"failed: {request.url}"))
        page.on("request", lambda request: request.url.startswith(("file:", "data:", "blob:"))
                or troubles.append(f"to the outside: {request.url}"))
        page.goto((site / f"{name}.html").as_uri())
        if options.get("java_script_enabled", True):
            page.evaluate("() => window.MathJax?.startup?.promise")
        return Opened(page, troubles)

    yield open_page
    for context in contexts:
        context.close()


def scroll_through(page):
    """So that pictures that wait until they are near are loaded."""
    page.evaluate(
        """async () => {
            document.querySelectorAll("details").forEach((one) => (one.open = true));
            const pictures = [...document.images];
            pictures.forEach((picture) => (picture.loading = "eager"));
            await Promise.all(pictures.map((picture) => picture.decode()));
        }"""
    )


def overflow(page):
    return page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")


@pytest.mark.parametrize("name", ["index", "claims", "licences", *NAMES])
def test_every_page_is_calm_set_and_fits_a_phone(visit, name):
    """From a file: no message in the console, no request outside, formulas and pictures there."""
    page, troubles = visit(name, viewport=PHONE, has_touch=True)
    assert page.locator("#text").inner_text().strip()
    formulas = page.locator(".math").count()
    assert page.locator(".math > mjx-container > svg").count() == formulas
    assert page.locator(".math merror, .math [data-mjx-error]").count() == 0
    assert overflow(page) == 0
    scroll_through(page)
    assert overflow(page) == 0, "with all details open"
    assert page.evaluate("() => [...document.images].every((one) => one.naturalWidth > 0)")
    page.set_viewport_size({"width": 1280, "height": 900})
    assert overflow(page) == 0
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"site_{name}.png")
    assert troubles == []


def test_formulas_are_seen_and_read(visit):
    """A formula has a size, its TeX is gone from sight, and screen readers get MathML."""
    page, _ = visit("01_derive_the_elbo")
    first = page.locator(".math").first
    assert "\\(" not in first.inner_text()
    assert first.locator("mjx-assistive-mml math").count() == 1
    sizes = page.evaluate(
        "() => [...document.querySelectorAll('main > p mjx-container > svg')].map((one) => one.clientHeight)"
    )
    assert len(sizes) > 20 and all(5 < size < 100 for size in sizes)


@pytest.mark.parametrize("name", EXPLORERS)
@pytest.mark.parametrize("viewport", [PHONE, {"width": 1280, "height": 900}], ids=["phone", "desk"])
def test_the_explorer_is_alive(visit, name, viewport):
    page, troubles = visit(name, viewport=viewport, has_touch=True)
    states = json.loads((NOTEBOOKS / "explorers" / f"{name}.json").read_text(encoding="utf-8"))
    assert page.locator(".explorer").count() == len(states) > 0
    plane, digit = page.locator(".explorer-plane").first, page.locator(".explorer-digit").first
    drawn = "(canvas) => canvas.toDataURL()"
    seen = {digit.evaluate(drawn)}
    for key in ("1", "0", "Shift+ArrowRight"):
        plane.press(key)
        seen.add(digit.evaluate(drawn))
        point, probabilities = page.evaluate(
            """() => {
                const { point, probabilities } = document.querySelector(".explorer").shown;
                return [point, [...probabilities]];
            }"""
        )
        # The page widens the halves itself, so only the order of the sums may differ.
        np.testing.assert_allclose(probabilities, decoded(states[0], point), rtol=0, atol=1e-6)
    assert len(seen) == 4
    before = plane.evaluate(drawn)
    box = plane.bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3)
    assert plane.evaluate(drawn) != before and digit.evaluate(drawn) not in seen
    assert "z = (" in page.locator(".explorer-caption").first.inner_text()
    assert page.locator(".live-explorer img").count() == 0, "the still picture has given way"
    assert troubles == []


LARGER = [
    (path.stem, number) for path in sorted((NOTEBOOKS / "explorers").glob("*.json"))
    for number, state in enumerate(json.loads(path.read_text(encoding="utf-8")))
    if state["widths"][0] != 2
]


@pytest.mark.parametrize("name, number", LARGER)
def test_a_larger_explorer_s_sliders_are_alive(visit, name, number):
    page, troubles = visit(name, viewport={"width": 1280, "height": 900})
    state = json.loads((NOTEBOOKS / "explorers" / f"{name}.json").read_text(encoding="utf-8"))[number]
    root = page.locator(".explorer").nth(number)
    before = root.evaluate("(root) => [...root.shown.point]")
    assert len(before) == state["widths"][0] == root.locator(".explorer-sliders input").count()
    for latent, key, value in ((0, "End", 3), (len(before) - 1, "Home", -3)):
        root.locator(".explorer-sliders input").nth(latent).press(key)
        before[latent] = value
        point, probabilities = root.evaluate(
            "(root) => [[...root.shown.point], [...root.shown.probabilities]]"
        )
        assert point == pytest.approx(before)
        np.testing.assert_allclose(probabilities, decoded(state, point), rtol=0, atol=1e-6)
    assert troubles == []


def decoded(state, point):
    """The kept decoder's picture at a point, [784]."""
    values = np.frombuffer(base64.b64decode(state["weights_float16"]), "<f2").astype(float)
    x, start, last = np.array(point), 0, len(state["widths"]) - 2
    for layer, (inputs, outputs) in enumerate(zip(state["widths"], state["widths"][1:])):
        weight = values[start : start + inputs * outputs].reshape(outputs, inputs)
        start += inputs * outputs
        x = weight @ x + values[start : start + outputs]
        start += outputs
        x = x if layer == last else np.maximum(x, 0)
    return 1 / (1 + np.exp(-x))


def background(page):
    return page.evaluate("() => getComputedStyle(document.body).backgroundColor")


def test_light_and_dark_follow_the_system_and_then_the_choice(visit):
    light, _ = visit("index", color_scheme="light")
    dark, troubles = visit("index", color_scheme="dark")
    white, black = background(light), background(dark)
    assert white == "rgb(255, 255, 255)" != black
    button = dark.locator("#theme")
    assert button.inner_text() == "Light"
    button.press("Enter")
    assert background(dark) == white and button.inner_text() == "Dark"
    dark.locator(".cards a").first.click()
    dark.wait_for_url("**/00_*.html")
    assert background(dark) == white, "the choice is remembered on the next page"
    dark.locator("#theme").click()
    assert background(dark) == black
    assert troubles == []


def test_the_choice_works_where_nothing_can_be_remembered(visit):
    script = """Object.defineProperty(window, "localStorage", {
        get() { throw new DOMException("denied", "SecurityError"); } });"""
    page, troubles = visit("index", script, color_scheme="light")
    before = background(page)
    page.locator("#theme").click()
    assert background(page) != before
    assert troubles == []


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
        if (element.closest("script, style, .anchor-link, canvas, mjx-container")) continue;
        count += 1;
        const pair = [getComputedStyle(element).color, behind(element)].map(luminance);
        const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
        if (ratio < 4.5) faint.add(`${ratio.toFixed(2)} ${element.outerHTML.slice(0, 60)}`);
    }
    return [[...faint], count];
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["index", "00_start_here", "03_build_a_vae"])
def test_all_text_stands_out(visit, name, scheme):
    """WCAG's contrast of 4.5 for text, code in all its colours included."""
    page, _ = visit(name, color_scheme=scheme)
    faint, count = page.evaluate(CONTRAST)
    assert count > 50
    assert faint == []


def test_pictures_keep_white_paper_in_the_dark(visit):
    page, _ = visit(NAMES[1], color_scheme="dark")
    papers = page.evaluate(
        "() => [...document.images].map((one) => getComputedStyle(one).backgroundColor)"
    )
    assert papers and set(papers) == {"rgb(255, 255, 255)"}


def test_an_exercise_unfolds_step_by_step(visit):
    page, _ = visit(NAMES[0])
    hint = page.locator(".help details").first
    solution = page.locator(".solution").first
    assert not hint.locator("p").is_visible() and not solution.locator("pre").first.is_visible()
    hint.locator("summary").press("Enter")
    assert hint.locator("p").is_visible() and not solution.locator("pre").first.is_visible()
    solution.locator("summary").press("Enter")
    assert "def solution_" in solution.locator("pre").first.inner_text()


def test_links_go_from_page_to_page(visit):
    page, troubles = visit("index")
    page.locator(".cards a").first.click()
    for name in NAMES[1:]:
        page.locator("[rel=next]").click()
        page.wait_for_url(f"**/{name}.html")
    assert page.locator("[rel=next]").count() == 0
    page.locator("#contents [aria-current] + ul a").last.click()
    target = "() => document.getElementById(decodeURIComponent(location.hash.slice(1))).tagName"
    assert page.evaluate(target) == "H2"
    page.locator("header a").first.click()
    page.wait_for_url("**/index.html")
    assert troubles == []


def test_it_can_be_read_without_scripts(visit):
    page, _ = visit(EXPLORERS[0], java_script_enabled=False)
    assert page.locator(".live-explorer img").is_visible(), "the still twin"
    assert page.locator("main h2").count() > 3
    assert not page.locator("#theme").is_visible(), "a button that would do nothing"
