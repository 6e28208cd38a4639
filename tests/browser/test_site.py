"""The static site in a browser, opened from files: alive, calm, and readable everywhere."""

import base64
import importlib.util
import json
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from .conftest import NOTEBOOKS
from .explorer_page import ELL, SEVEN, Grown, show

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
    """Opens a page; `.troubles` collects its console, and requests that leave the disk."""
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


@pytest.mark.parametrize("name", ["index", "claims", "licences", *NAMES])
def test_every_page_is_calm_set_and_fits_a_phone(visit, name):
    """From a file: no message in the console, no request outside, formulas and pictures there.

    All text, code in all its colours too, has WCAG's contrast of 4.5, in light and in dark.
    """
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
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        faint, count = page.evaluate(CONTRAST)
        assert count > 50 and faint == [], scheme
    assert troubles == []


def test_formulas_are_seen_and_read(visit):
    """A formula has a size, its TeX is gone from sight, and screen readers get MathML."""
    page, _ = visit("01_derive_the_elbo")
    first = page.locator(".math").first
    assert "\\(" not in first.inner_text()
    assert first.locator("mjx-assistive-mml math").count() == 1
    sizes = page.evaluate(
        "() => [...document.querySelectorAll('main > p mjx-container > svg')]"
        ".map((one) => one.clientHeight)"
    )
    assert len(sizes) > 20 and all(5 < size < 100 for size in sizes)


@pytest.mark.parametrize("name", EXPLORERS)
@pytest.mark.parametrize("viewport", [PHONE, {"width": 1280, "height": 900}], ids=["phone", "desk"])
def test_every_explorer_is_alive(visit, name, viewport):
    """Plane or sliders, and pad and way where the encoder was kept: all as NumPy has it."""
    page, troubles = visit(name, viewport=viewport, has_touch=True)
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
    logits = forward(state["weights_float16"], state["widths"], view.point)
    probabilities = 1 / (1 + np.exp(-logits))
    # The page widens the halves itself, so only the order of the sums may differ.
    np.testing.assert_allclose(view.probabilities, probabilities, rtol=0, atol=1e-6)
    return view.digit.evaluate("(canvas) => canvas.toDataURL()")


def encoded(state, image):
    """The mean of q for an image [784], by the kept encoder."""
    both = forward(state["encoder_float16"], state["encoder_widths"], image)
    return both[: len(both) // 2]


def forward(halves, widths, x):
    """A kept network's answer to x [inputs]."""
    values = np.frombuffer(base64.b64decode(halves), "<f2").astype(float)
    start, last = 0, len(widths) - 2
    for layer, (inputs, outputs) in enumerate(zip(widths, widths[1:])):
        weight = values[start : start + inputs * outputs].reshape(outputs, inputs)
        start += inputs * outputs
        x = weight @ x + values[start : start + outputs]
        start += outputs
        x = x if layer == last else np.maximum(x, 0)
    assert start == len(values)
    return x


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
