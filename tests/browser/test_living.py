"""The views of the site: alive without a kernel, by keys and by links, or else still."""

import gzip
import json
import shutil
from base64 import b64encode

import pytest

from .conftest import NOTEBOOKS
from .explorer_page import show
from .site_page import DESK, PHONE, overflow, unfold

KEPT = sorted((NOTEBOOKS / "frames").glob("*/*.json.gz"))
PAGES = sorted({path.parent.name for path in KEPT})
FIRST = PAGES[0] if PAGES else None
OTHER = b64encode(gzip.compress(b'{"version": 99}')).decode()
DIGEST = """async (figure) => {
    const bytes = new TextEncoder().encode(figure.querySelector("canvas").toDataURL());
    const digest = await crypto.subtle.digest("SHA-256", bytes);
    return new Uint32Array(digest).join() + figure.querySelector("figcaption").textContent;
}"""


def content(path):
    return json.loads(gzip.decompress(path.read_bytes()))


def of_page(name):
    return [path for path in KEPT if path.parent.name == name]


def view(page, path):
    """The figure of a file of frames, once it is alive."""
    figure = page.locator(f"[id='view-{path.name.removesuffix('.json.gz')}']")
    show(figure)
    figure.locator("canvas").wait_for()
    return figure


@pytest.mark.parametrize("name", PAGES)
def test_every_control_of_every_view_moves_its_picture_to_both_ends(visit, name):
    page, troubles = visit(f"{name}.html", viewport=DESK)
    unfold(page)
    for path in of_page(name):
        figure, told = view(page, path), content(path)
        for number, control in enumerate(told["controls"]):
            seen = set()
            inputs = figure.locator(f".controls > :nth-child({number + 1}) input")
            if control["kind"] == "slider":
                for key in ("Home", "End"):
                    inputs.press(key)
                    seen.add(figure.evaluate(DIGEST))
                assert inputs.get_attribute("aria-valuetext") == control["options"][-1]
            else:
                for option in (0, -1):
                    inputs.nth(option).check()
                    seen.add(figure.evaluate(DIGEST))
            assert len(seen) == 2, f"{path.name}: {control['label']} moves nothing"
        caption = figure.locator("figcaption").inner_text()
        assert caption.startswith(told["captions"][-1].strip()[:40])
        assert figure.locator("img").count() == 0
    page.set_viewport_size(PHONE)
    assert overflow(page) == 0
    assert troubles == []


def test_a_link_opens_the_position_that_it_was_made_at(visit):
    path = next(path for path in KEPT if "slider" in content(path)["controls"][0]["kind"])
    page, troubles = visit(f"{path.parent.name}.html", viewport=DESK)
    unfold(page)
    figure = view(page, path)
    figure.locator("input[type=range]").first.press("End")
    wanted = figure.evaluate(DIGEST)
    address = figure.get_by_role("link", name="Link to this position").get_attribute("href")
    other, more = visit(f"{path.parent.name}.html{address}", viewport=DESK)
    figure = other.locator(f"[id='view-{path.name.removesuffix('.json.gz')}']")
    figure.locator("canvas").wait_for()
    assert figure.evaluate(DIGEST) == wanted
    assert figure.evaluate("(one) => Math.abs(one.getBoundingClientRect().top) < innerHeight")
    assert troubles == more == []


def test_a_view_in_a_folded_section_has_its_width_once_that_is_opened(visit):
    page, _ = visit("02_compare_the_estimators.html", viewport=DESK)
    folded = page.locator("details.deeper .living").first
    assert not folded.is_visible()
    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    show(folded)
    folded.locator("canvas").wait_for()
    assert folded.evaluate("(one) => one.querySelector('canvas').width") > 600


def test_a_screen_of_high_density_gets_a_crisp_picture(visit):
    page, _ = visit(f"{FIRST}.html", viewport=PHONE, device_scale_factor=3)
    unfold(page)
    figure = view(page, of_page(FIRST)[0])
    assert figure.evaluate(
        "(one) => one.querySelector('canvas').width / one.querySelector('canvas').clientWidth"
    ) == pytest.approx(3, abs=0.02)


@pytest.mark.parametrize("text", [
    'vaeFrames("NAME", "notbase64!");', 'vaeFrames("NAME", "AAAA");', "syntax error(", None,
    f'vaeFrames("NAME", "{OTHER}");',
], ids=["no base64", "no gzip", "no script", "no file", "of another version"])
def test_a_damaged_file_leaves_the_still_picture(visit, site, tmp_path, text):
    copy = tmp_path / "site"
    shutil.copytree(site, copy)
    path = of_page(FIRST)[0]
    name = f"{FIRST}/{path.name.removesuffix('.json.gz')}"
    script = copy / "_static" / "frames" / f"{name}.js"
    script.unlink()
    if text is not None:
        script.write_text(text.replace("NAME", name), encoding="utf-8")
    page, troubles = visit(f"{FIRST}.html", base=copy.as_uri(), viewport=DESK)
    unfold(page)
    figure = page.locator(f"[id='view-{name.split('/')[1]}']")
    show(figure)
    page.wait_for_timeout(500)
    assert figure.locator("img").is_visible() and figure.locator("canvas").count() == 0
    assert figure.locator("figcaption").inner_text().strip()


def test_without_scripts_the_still_picture_and_its_words_are_there(visit):
    page, _ = visit(f"{FIRST}.html", java_script_enabled=False)
    figure = page.locator(".living").first
    assert figure.locator("img").get_attribute("alt") in figure.locator("figcaption").inner_text()
