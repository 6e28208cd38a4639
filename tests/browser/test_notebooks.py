"""Every notebook in a real JupyterLab: it runs, its controls work, and no error appears."""

import base64
import json
import re
from pathlib import Path

import pytest
from answered import answers_to

from .conftest import NOTEBOOKS
from .harness import LabPage
from .ink import drawn, grey, matched

SCREENSHOTS = Path(__file__).parent / "screenshots"
CONTROLS = ".jp-OutputArea :is(.noUi-handle, input, select, textarea, button, [tabindex='0'])"
LIVE = "[title='Train on, or pause']"
PATIENCE = 60_000  # ms; how fast a page answers is measured by benchmarks, not here

# A digest of the pixels of the pictures beside a control. Their URLs cannot be compared: the same
# picture has a new URL each time it is sent, and for a moment no picture is loaded.
PICTURES = """async (control) => {
    const digests = [];
    const pictures = control.closest(".jp-OutputArea-child").querySelectorAll("img, canvas");
    for (const picture of pictures) {
        let source = null;
        for (let tries = 0; picture.decode && source !== picture.src && tries < 60; tries++) {
            source = picture.src;
            await picture.decode().catch(() => { source = null; });
            if (source === null) await new Promise(requestAnimationFrame);
        }
        const copy = document.createElement("canvas");
        copy.width = picture.naturalWidth ?? picture.width;
        copy.height = picture.naturalHeight ?? picture.height;
        copy.getContext("2d").drawImage(picture, 0, 0);
        const bytes = new TextEncoder().encode(copy.toDataURL());
        digests.push(...new Uint32Array(await crypto.subtle.digest("SHA-256", bytes)));
    }
    return digests.join();
}"""


@pytest.fixture(scope="module", params=sorted(p.name for p in NOTEBOOKS.glob("*.ipynb")))
def notebook(request):
    return request.param


@pytest.fixture(scope="module")
def lab(notebook, server, browser):
    """A page on which one notebook has been run; a screenshot of it is saved."""
    lab = LabPage(browser, server)
    try:
        lab.open(notebook)
        lab.succeeded = lab.run_all()
        lab.unfold()
        lab.screenshot(SCREENSHOTS / f"{Path(notebook).stem}.png")
        yield lab
    finally:
        lab.close()


def test_runs_without_errors(lab):
    assert lab.error_outputs() == []
    assert lab.succeeded
    assert_calm(lab)


def test_with_right_answers_every_check_passes_and_every_claim_holds(lab, notebook):
    told = "\n".join(lab.texts())
    verdicts = re.findall(r"^check (\w+): (\w+)", told, re.MULTILINE)
    assert {name for name, _ in verdicts} == set(answers_to(Path(notebook).stem))
    assert {state for _, state in verdicts} == {"passed"}
    assert re.findall(r"^✓ \d+ measured claims? holds?$", told, re.MULTILINE)
    assert not re.findall(r"^✗ \d+ of \d+ measured", told, re.MULTILINE)


def test_every_control_has_a_name(lab):
    named = lab.names(CONTROLS)
    assert [element for element, name in named if not readable(name)] == []


def test_every_live_picture_has_its_words(lab):
    """The alternative text refers to the caption, and the caption is not empty."""
    words = lab.page.evaluate(
        """() => [...document.querySelectorAll(".jp-OutputArea .vae-caption")].map(
        (caption) => [caption.parentElement.querySelector("img").alt, caption.innerText.trim()])"""
    )
    assert words or lab.page.locator(".explorer").count() == 0
    for alt, caption in words:
        assert alt == "Figure: the text below says what it shows"
        assert len(caption) > 30, caption


# For each view with axes, its figure with all of them at the first, middle and last option: the
# size, the commands of the frame, and the PNG.
THREE_FRAMES = """
import base64 as _base64, gc as _gc, json as _json
from vae_helpers.frames import commands as _commands
from vae_helpers.picture import options as _options
from vae_helpers.plots.base import png as _png
from vae_helpers.widgets import View as _View
for _one in [_one for _one in _gc.get_objects() if issubclass(type(_one), _View)]:
    for _where in (0, 0.5, 1) if _one.comm and _one.axes else ():
        _values = {_name: (_all := _options(_one.controls[_name]))[int(_where * (len(_all) - 1))]
                   for _name in _one.axes}
        _figure = _one.figure_at(**_one.values() | _values)
        _agg = _base64.b64encode(_png(_figure)).decode()
        print(_json.dumps([repr(_one), [_figure.bbox.width, _figure.bbox.height],
                           _commands(_figure), _agg]))
"""


def test_a_page_draws_the_frames_as_the_figures_are(lab, browser):
    """95 % of the ink of either picture has its match in the other within a pixel."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    for line in lab.ask_kernel(THREE_FRAMES).splitlines():
        name, size, lines, agg = json.loads(line)
        agg, (canvas, _) = grey(base64.b64decode(agg)), drawn(page, lines, size)
        assert canvas.shape == agg.shape, name
        assert min(matched(agg, canvas), matched(canvas, agg)) > 0.95, name
    page.close()


def readable(name):
    """Whether a name has characters other than icons (Unicode's private use area)."""
    return any(letter.isalnum() for letter in name)


def test_sliders_move_pictures(lab):
    for handle in lab.page.locator(".jp-OutputArea .noUi-handle").all():
        handle.scroll_into_view_if_needed()
        if not handle.evaluate(PICTURES):
            # Only the answer of a prediction may have no picture.
            assert is_prediction(handle), f"No picture beside {outer(handle)}"
        move(lab, handle, "Home")
        assert move(lab, handle, "End"), f"End does not move {outer(handle)}"
    assert_calm(lab)


def move(lab, handle, key):
    """Press `key` on a slider's handle and wait for its effect; False if it did not move."""
    pictures, place = handle.evaluate(PICTURES), position(handle)
    handle.press(key)
    if position(handle) == place:
        return False
    if pictures:
        changed = handle.evaluate(
            f"""async (handle, before) => {{
                const end = performance.now() + {PATIENCE};
                while (performance.now() < end) {{
                    if (await ({PICTURES})(handle) !== before) return true;
                    await new Promise(requestAnimationFrame);
                }}
                return false;
            }}""",
            pictures,
        )
        assert changed, f"{key} moves the handle but changes no picture: {outer(handle)}"
    return True


def position(handle):
    return handle.evaluate("(handle) => handle.parentElement.style.transform")


def outer(locator):
    return locator.evaluate("(element) => element.closest('.jupyter-widgets').outerHTML")[:300]


def is_prediction(locator):
    return locator.evaluate(
        """(element) => element.closest(".jp-OutputArea-child")
            .querySelector("[title='Commit this prediction']") !== null"""
    )


def test_choices_can_be_made(lab):
    for button in lab.page.locator(f".jp-OutputArea .widget-toggle-button:not({LIVE})").all():
        was_active = "mod-active" in button.get_attribute("class")
        button.click()
        in_group = button.locator("xpath=ancestor::*[contains(@class, 'widget-toggle-buttons')]")
        is_active = "mod-active" in button.get_attribute("class")
        assert is_active == (in_group.count() > 0 or not was_active), outer(button)
    for menu in lab.page.locator(".jp-OutputArea select").all():
        last = menu.locator("option").count() - 1
        menu.select_option(index=last)
        assert menu.evaluate("(menu) => menu.selectedIndex") == last
    for box in lab.page.locator(".jp-OutputArea input[type=checkbox]").all():
        before = box.is_checked()
        box.click()
        assert box.is_checked() != before
    for choice in lab.page.locator(".jp-OutputArea input[type=radio]").all():
        choice.check()
    assert_calm(lab)


def test_predictions_can_be_committed(lab):
    for button in lab.page.locator("[title='Commit this prediction']").all():
        output = output_of(button)
        for answer in output.locator(".widget-toggle-button").all():
            answer.press("Enter")
        button.press("Enter")
        output.get_by_text("Committed:").wait_for(timeout=PATIENCE)
    assert_calm(lab)


def test_live_training_starts_and_stops(lab):
    for button in lab.page.locator(LIVE).all():
        output = output_of(button)
        button.press("Enter")
        output.get_by_text("Training: step").wait_for(timeout=PATIENCE)
        assert lab.ask_kernel("print('here')") == "here\n", "no answer while training"
        for handle in lab.page.locator(".jp-OutputArea .noUi-handle").all():
            if handle.evaluate(PICTURES):
                move(lab, handle, "Home")
                move(lab, handle, "End")
        button.press("Enter")
        output.get_by_text("Paused after").wait_for(timeout=PATIENCE)
    assert_calm(lab)


def test_the_projector_shows_its_codes(lab):
    for outer_frame in lab.page.locator("#tensorboard-frame-projector").all():
        outer_frame.scroll_into_view_if_needed()
        # The projector is in a frame inside the plugin's frame on TensorBoard's page.
        projector = outer_frame.content_frame.frame_locator("iframe").frame_locator("iframe")
        projector.get_by_text("2 tensors found").wait_for(timeout=PATIENCE)
        projector.get_by_text("Points: 1000").wait_for(timeout=PATIENCE)
        kinds = outer_frame.element_handle().content_frame().evaluate(
            """() => Promise.all(["means", "draws"].map(async (tag) => {
                const query = new URLSearchParams({ run: "codes", name: `${tag}:00000` });
                const reply = await fetch(`data/plugin/projector/sprite_image?${query}`);
                return reply.headers.get("content-type");
            }))"""
        )
        assert kinds == ["image/png"] * 2, "both have their digits"
    assert_calm(lab)


def output_of(locator):
    return locator.locator("xpath=ancestor::*[contains(@class, 'jp-OutputArea-child')]")


def assert_calm(lab):
    """Assert that no error has appeared since the last call, on the page or in a callback."""
    lab.settle()
    errors, lab.errors = lab.errors, []
    assert errors == []
    assert lab.page.get_by_text("This view failed").count() == 0
