"""The explorer's encoder, pad, sliders and path between digits, in a real browser."""

import base64
import json

import numpy as np
import pytest
import torch
from playwright.sync_api import expect

from site_pages.renderer import live_explorer
from vae_helpers import data, evaluation, models, training
from vae_lessons.start_here.explorer import Explorer

from .explorer_page import ELL, ELL_KEYS, SEVEN, Grown, show
from .harness import LabPage, write_notebook

N, CHOICES = 300, 10
ENCODE = """(image) => {
    const layers = module.readLayers(model.get("encoder_widths"), model.get("encoder"));
    const { mean, logvar } = module.encode(layers, image);
    return [mean, logvar];
}"""
TO_DIGIT = """(text) => {
    const ink = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const digit = module.toDigit(ink);
    return digit && [...digit];
}"""


@pytest.fixture(scope="module")
def digits():
    return data.load_mnist()


@pytest.fixture(scope="module")
def made(digits):
    """A function from a number of latents to (explorer, its briefly trained model)."""
    kept = {}

    def make(latent):
        if latent not in kept:
            model = models.VAE(latent=latent, hidden=(64,), seed=0)
            trainer = training.Trainer(model, digits.train_images, seed=0)
            for _ in range(100):
                trainer.step()
            kept[latent] = model.eval()
        codes = evaluation.posterior_means(kept[latent], digits.test_images[:N])
        images = digits.test_images[:CHOICES]
        return Explorer(kept[latent], codes, digits.test_labels[:N], images), kept[latent]

    return make


@torch.no_grad()
def reconstruction(model, x):
    """The mean of q(z|x) and the probabilities decoded from it, computed by PyTorch."""
    mean = model.encode(torch.as_tensor(x, dtype=torch.float32)[None])[0][0]
    return mean.numpy(), model.decode(mean).sigmoid().numpy()


def assert_shows(view, mean, probabilities):
    np.testing.assert_allclose(view.point, mean, rtol=0, atol=1e-5)
    np.testing.assert_allclose(view.probabilities, probabilities, rtol=0, atol=1e-5)
    drawn = view.pixels(view.digit)
    np.testing.assert_allclose(drawn, 255 * (1 - probabilities.reshape(28, 28)), rtol=0, atol=1)


@pytest.mark.parametrize("latent", [1, 2, 8, 20])
def test_encoder_is_pytorchs(alone, made, digits, latent):
    explorer, model = made(latent)
    view = Grown(alone(explorer).page)
    noise = torch.rand(3, 784, generator=torch.Generator().manual_seed(0))
    x = torch.cat([data.pixels(digits.test_images[100:105]), noise])  # [8, 784]
    with torch.no_grad():
        mean, logvar = model.encode(x)
    for image, *wanted in zip(x, mean, logvar):
        found = view.page.evaluate(ENCODE, image.tolist())
        np.testing.assert_allclose(found, torch.stack(wanted), rtol=0, atol=1e-5)
    assert mean.std(0).min() > 1e-2, "else any constant would do"


@pytest.mark.parametrize("latent", [2, 8])
def test_a_drawing_lands_where_pytorch_encodes_it(alone, made, latent):
    explorer, model = made(latent)
    view = Grown(alone(explorer).page)
    seen = set()
    assert (view.pixels(view.pad) < 255).sum() > 100, "an empty pad says that one draws here"
    for shape in (SEVEN, ELL):
        view.root.get_by_role("button", name="Clear").click()
        view.draw(*shape)
        assert_shows(view, *reconstruction(model, view.drawing))
        picture = view.pixels(view.seen)
        np.testing.assert_allclose(
            picture, 255 * (1 - view.drawing.reshape(28, 28)), rtol=0, atol=1
        )
        seen.add((picture.tobytes(), view.pixels(view.digit).tobytes(), view.caption))
        assert view.caption.startswith("Your drawing landed here. z ")
    assert len(seen) == 2
    if latent == 2:
        across, down = (4 + view.point[0]) / 8, (4 - view.point[1]) / 8
        box = view.plane.bounding_box()
        x, y = 46 + 382 * across, 12 + 382 * down  # the plane within its canvas of 440
        assert view.has_cross_hairs_at(
            box["x"] + x * box["width"] / 440, box["y"] + y * box["width"] / 440
        )
    else:
        shown = [float(slider.input_value()) for slider in view.sliders.all()]
        np.testing.assert_allclose(shown, np.clip(view.point, -3, 3), atol=0.0501)


@pytest.mark.parametrize("latent", [2, 8])
def test_keys_draw_what_the_pointer_draws(alone, made, latent):
    explorer, _ = made(latent)
    view = Grown(alone(explorer).page)
    view.draw(*ELL)
    drawn, landed = view.drawing, view.point
    view.root.get_by_role("button", name="Clear").click()
    assert (view.pixels(view.seen) == 255).all()
    assert not view.caption.startswith("Your drawing")
    view.type(view.pad, *ELL_KEYS)
    # Positions of the mouse are rounded to pixels of the page, those of keys are not.
    assert np.abs(view.drawing - drawn).mean() < 0.005
    np.testing.assert_allclose(view.point, landed, atol=0.05)
    assert view.caption.startswith("Your drawing landed here. z ")
    status = view.root.locator(".explorer-pen")
    assert status.inner_text() == "Pen up, 21 across and 21 down of 28."
    assert status.get_attribute("aria-live") == "polite"
    landed = view.point
    view.type(view.pad, "ArrowUp", "Shift+ArrowLeft")
    assert view.point == landed, "a lifted pen leaves no ink"
    view.type(view.pad, "Delete")
    assert (view.pixels(view.seen) == 255).all() and "empty" in status.inner_text()
    assert view.point == landed


def test_a_finger_draws(alone, made):
    explorer, model = made(2)
    phone = {"viewport": {"width": 340, "height": 700}, "has_touch": True}
    view = Grown(alone(explorer, **phone).page)
    view.pad.scroll_into_view_if_needed()
    session = view.page.context.new_cdp_session(view.page)

    def touch(kind, *places):
        points = [{"x": x, "y": y} for x, y in places]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    before = view.page.evaluate("() => scrollY")
    touch("touchStart", view.on_pad(0.5, 0.2))
    for down in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8):
        touch("touchMove", view.on_pad(0.5, down))
    touch("touchEnd")
    view.page.wait_for_function(
        """() => document.querySelector(".explorer-part").digit
            ?.filter((ink) => ink > 0.9).length > 30"""
    )
    rows = view.drawing.reshape(28, 28).max(1) > 1e-9
    assert rows.sum() == 20, "a stroke as high as the box"
    assert_shows(view, *reconstruction(model, view.drawing))
    assert view.page.evaluate("() => scrollY") == before
    assert view.page.evaluate("() => document.documentElement.scrollWidth") <= 340
    session.detach()


def as_text(ink):
    return base64.b64encode(ink.astype(np.uint8).tobytes()).decode()


def test_ink_becomes_a_digit_as_mnist_made_it(alone, made, digits):
    page = alone(made(2)[0]).page
    assert page.evaluate(TO_DIGIT, as_text(np.zeros((280, 280)))) is None
    random = np.random.default_rng(0)
    for height, width in ((230, 90), (40, 270), (30, 30), (280, 280)):
        ink = np.zeros((280, 280))
        top, left = random.integers(0, 281 - height), random.integers(0, 281 - width)
        part = random.random((height, width)) < np.linspace(0.1, 0.9, width)
        part[[0, -1]], part[:, [0, -1]] = 1, 1  # so that the box is known
        ink[top : top + height, left : left + width] = part
        digit = np.array(page.evaluate(TO_DIGIT, as_text(ink))).reshape(28, 28)
        np.testing.assert_allclose(digit, shrunk(part), rtol=0, atol=1e-9)
        for axis in (0, 1):
            middle = (digit.sum(axis) * np.arange(28)).sum() / digit.sum()
            assert middle == pytest.approx(14, abs=0.5001)


def shrunk(part):
    """The ink scaled to a box of 20 × 20 by area, with its centre of mass in pixel 14."""
    scale = 20 / max(part.shape)

    def overlaps(size, mass):
        edges = np.arange(size + 1) * scale
        middle = (mass * (np.arange(size) + 0.5)).sum() / mass.sum() * scale
        edges += np.floor(14.5 - middle + 0.5)
        low = np.maximum(edges[:-1], np.arange(28)[:, None])
        return np.clip(np.minimum(edges[1:], np.arange(28)[:, None] + 1) - low, 0, None)

    height, width = part.shape
    return overlaps(height, part.sum(1)) @ part @ overlaps(width, part.sum(0)).T


def test_mnists_own_digits_come_back(alone, made, digits):
    """A thresholded digit, drawn ten times larger anywhere on the pad, gives the same 28 × 28."""
    page = alone(made(2)[0]).page
    same = 0
    for image in digits.test_images[:50].numpy() > 0:
        large, ink = np.kron(image, np.ones((10, 10))), np.zeros((280, 280))
        part = large[large.any(1)][:, large.any(0)]
        ink[23 : 23 + len(part), 71 : 71 + part.shape[1]] = part
        digit = np.array(page.evaluate(TO_DIGIT, as_text(ink))).reshape(28, 28)
        near = [(down, right) for down in (0, -1, 1) for right in (0, -1, 1)]
        away = [np.abs(digit - np.roll(image, shift, (0, 1))).max() for shift in near]
        assert min(away) < 1e-9
        same += away[0] < 1e-9
    assert same > 25, "grey that became black moves the centre of mass, but seldom by a pixel"


def test_sliders_by_keys(alone, made, digits):
    explorer, model = made(8)
    view = Grown(alone(explorer).page)
    assert view.root.locator(".explorer-plane").count() == 0 and view.sliders.count() == 8
    third = view.root.get_by_role("slider", name="z3", exact=True)
    view.type(third, *["ArrowRight"] * 3)
    assert view.point == pytest.approx([0, 0, 0.3, 0, 0, 0, 0, 0])
    assert third.get_attribute("aria-valuetext") == "0.30"
    view.type(view.sliders.nth(7), "Home")
    view.type(view.sliders.nth(0), "End")
    assert view.point == pytest.approx([3, 0, 0.3, 0, 0, 0, 0, -3])
    with torch.no_grad():
        expected = model.decode(torch.tensor(view.point)).sigmoid().numpy()
    assert_shows(view, view.point, expected)
    codes = evaluation.posterior_means(model, digits.test_images[:N])
    view.type(view.sliders.nth(4), "7")
    middle = np.median(codes[digits.test_labels[:N] == 7].numpy(), axis=0)
    np.testing.assert_allclose(view.point, np.clip(middle, -4, 4), atol=0.0051)
    nearest = np.argsort(((codes.double().numpy() - view.point) ** 2).sum(1))[:15]
    counts = np.bincount(digits.test_labels[:N].numpy()[nearest])
    assert view.caption in [
        f"z lies near digit {digit} ({counts.max()} of the 15 nearest codes)."
        for digit in np.flatnonzero(counts == counts.max())
    ]
    view.draw(*SEVEN)
    landed = view.point
    view.type(view.sliders.nth(2), "Home")
    assert view.point == [*landed[:2], -3, *landed[3:]], "the others stay where they landed"
    view.root.get_by_role("button", name="All to 0").press("Enter")
    assert view.point == [0] * 8


@pytest.mark.parametrize("latent", [2, 8])
def test_the_way_goes_from_one_digit_to_the_other(alone, made, digits, latent):
    explorer, model = made(latent)
    view = Grown(alone(explorer).page)
    images = data.pixels(digits.test_images[:CHOICES])
    ends = [reconstruction(model, images[i]) for i in (4, 8)]
    view.choice("B", 8).check()
    assert_shows(view, *ends[1])
    view.type(view.choice("A", 0), *["ArrowRight"] * 4)
    assert_shows(view, *ends[0])
    assert view.way.input_value() == "0" and view.caption.startswith("t = 0.00 from A to B. z ")
    view.type(view.way, "End")
    assert_shows(view, *ends[1])
    view.type(view.way, *["ArrowLeft"] * 20)
    assert view.way.get_attribute("aria-valuetext") == "t = 0.60"
    with torch.no_grad():
        between = torch.tensor(0.4 * ends[0][0] + 0.6 * ends[1][0])
        expected = model.decode(between).sigmoid().numpy()
    assert_shows(view, between, expected)
    box = view.way.bounding_box()
    view.page.mouse.click(box["x"] + 1, box["y"] + box["height"] / 2)
    assert_shows(view, *ends[0])


def tab_to(page, name):
    """Press Tab until the element with this name has the focus."""
    for _ in range(40):
        page.keyboard.press("Tab")
        focus = "document.activeElement"
        if page.evaluate(f"() => {focus}.ariaLabel ?? {focus}.innerText") == name:
            return
    raise AssertionError(f"Tab never reaches {name}")


def press(page, key, times=1):
    for _ in range(times):
        page.keyboard.press(key)


def click_at(locator, across, down=0.5):
    """Click at a position given in fractions of the element's box."""
    show(locator)
    box = locator.bounding_box()
    locator.page.mouse.click(box["x"] + across * box["width"], box["y"] + down * box["height"])


@pytest.mark.parametrize("latent", [2, 8])
def test_keys_alone_do_all_that_a_pointer_does(alone, made, latent):
    """One page is operated by pointer only, one by keys only; both end in the same state."""
    explorer, _ = made(latent)
    hand, typed = Grown(alone(explorer).page), Grown(alone(explorer).page)
    page = typed.page

    def assert_alike(**tolerance):
        np.testing.assert_allclose(typed.point, hand.point, **{"rtol": 0, "atol": 1e-9} | tolerance)
        heard = typed.caption.partition("z = (")[0]
        assert heard == hand.caption.partition("z = (")[0]

    if latent == 2:  # any place of the plane, to the hundredth
        for across, down in ((0.7, 0.3), (0.31, 0.77)):
            click_at(hand.plane, across, down)
            tab_to(page, "Latent plane")
            for axis, (more, less) in enumerate(
                (("ArrowRight", "ArrowLeft"), ("ArrowUp", "ArrowDown"))
            ):
                away = round(100 * (hand.point[axis] - typed.point[axis]))
                for modifier, size in (("Shift+", 50), ("", 10), ("Alt+", 1)):
                    count, rest = divmod(abs(away), size)
                    press(page, modifier + (more if away > 0 else less), count)
                    away = rest if away > 0 else -rest
            assert_alike()
    else:  # any stop of each slider, and all back to the middle
        for k, across in enumerate(np.linspace(0.05, 0.95, latent)):
            click_at(hand.sliders.nth(k), across)
            tab_to(page, f"z{k + 1}")
            away = round(10 * (hand.point[k] - typed.point[k]))
            press(page, "ArrowRight" if away > 0 else "ArrowLeft", abs(away))
        assert_alike()
        assert np.ptp(typed.point) > 4
        hand.root.get_by_role("button", name="All to 0").click()
        tab_to(page, "All to 0")
        press(page, "Enter")
        assert_alike()
    hand.draw(*ELL)
    tab_to(page, "Drawing pad")
    for key in ELL_KEYS:
        press(page, key)
    # Positions of the mouse are rounded to pixels of the page, those of keys are not.
    assert np.abs(typed.drawing - hand.drawing).mean() < 0.005
    assert_alike(atol=0.05)
    hand.root.get_by_role("button", name="Clear").click()
    tab_to(page, "Clear")
    press(page, "Enter")
    for view in (hand, typed):
        assert (view.pixels(view.seen) == 255).all()
    assert_alike(atol=0.05)
    for end, index, first in (("A", 4, 0), ("B", 8, 1)):
        hand.choice(end, index).click()
        tab_to(page, typed.choice(end, first).get_attribute("aria-label"))
        press(page, "ArrowRight", index - first)
        assert_alike()
    click_at(hand.way, 0.4)
    tab_to(page, "t, from A to B")
    press(page, "ArrowLeft", round((1 - float(hand.way.input_value())) / 0.02))
    assert_alike()
    assert 0.3 < float(typed.way.input_value()) < 0.5


@pytest.mark.parametrize("latent", [2, 3])
def test_a_screen_reader_finds_parts_by_role_and_name(alone, made, digits, latent):
    """Compares the browser's accessibility tree, in reading order."""
    view = Grown(alone(made(latent)[0]).page)
    labels = digits.test_labels[:CHOICES].tolist()

    def choices(end, checked):
        yield f'  - radiogroup "{end}":'
        for i, label in enumerate(labels, 1):
            yield f'    - radio "{label}, digit {i} of {CHOICES}"' + " [checked]" * (i == checked)

    plane = ['- application "Latent plane"']
    sliders = ['- group "Latent code":', *(f'  - slider "z{k}": "0"' for k in (1, 2, 3))]
    expect(view.root).to_match_aria_snapshot("\n".join([
        *(plane if latent == 2 else [*sliders, '  - button "All to 0"']),
        '- img "Digit decoded at the point"',
        "- paragraph: /^z .+/",
        "- paragraph: /arrows/",
        '- group "Draw a digit":',
        '  - application "Drawing pad"',
        '  - img "Your digit as the encoder sees it"',
        '  - button "Clear"',
        "  - paragraph: /Space puts it down/",
        '- group "Go from one digit to another":',
        *choices("A", 1), *choices("B", 2),
        '  - slider "t, from A to B": "0"',
    ]))
    live = view.root.locator("[aria-live]").evaluate_all("(all) => all.map((one) => one.className)")
    assert live == ["explorer-caption", "explorer-keys explorer-pen"], "else they talk at once"
    assert view.root.get_by_role("status").count() == 0, "a status is read out at each change"


def test_what_can_be_focused_has_a_name(alone, made, digits):
    view = Grown(alone(made(8)[0]).page)
    names = view.page.evaluate(
        """() => [...document.querySelectorAll("input, button, [tabindex], [role=radiogroup]")]
            .map((one) => one.ariaLabel ?? one.textContent.trim())"""
    )
    labels = digits.test_labels[:CHOICES].tolist()
    choices = [f"{label}, digit {i} of {CHOICES}" for i, label in enumerate(labels, 1)]
    sliders = [f"z{k}" for k in range(1, 9)]
    assert names == [
        *sliders, "All to 0", "Drawing pad", "Clear", "A", *choices, "B", *choices, "t, from A to B"
    ]
    ids = [part.get_attribute("id") for part in view.root.locator("[id]").all()]
    named = view.root.locator("[aria-labelledby], [aria-describedby]").evaluate_all(
        """(parts) => parts.flatMap((part) => ["aria-labelledby", "aria-describedby"]
            .flatMap((name) => part.getAttribute(name)?.split(" ") ?? []))"""
    )
    assert set(named) == set(ids) and len(ids) == len(set(ids))


def test_without_images_it_is_the_explorer_it_was(alone):
    model = models.VAE(latent=2, hidden=(8,), seed=0)
    view = Grown(alone(Explorer(model, np.zeros((2, 2)), np.array([3, 5]))).page)
    assert view.root.locator(".explorer-part, input, button").count() == 0
    assert view.root.locator("canvas").count() == 2


def test_it_lives_on_the_static_site_too(browser, made):
    """On the site a model without a kernel holds encoder and images in half precision."""
    explorer, model = made(8)

    def packed(values):
        return base64.b64encode(values).decode()

    def halved(values):
        return packed(np.frombuffer(values, "<f4").astype("<f2").tobytes())

    state = {name: getattr(explorer, name) for name in ("point", "extent", "colours", "widths")}
    state |= {name: packed(getattr(explorer, name)) for name in ("codes", "labels", "images")}
    state |= {name: halved(getattr(explorer, name.removesuffix("_float16")))
              for name in ("weights_float16", "encoder_float16")}
    state["encoder_widths"] = explorer.encoder_widths
    page, troubles = browser.new_page(), []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.set_content(
        '<div class="live-explorer"><img alt="">'
        f'<script type="application/json">{json.dumps(state)}</script></div>'
        f'<style>{explorer._css}</style><script type="module">{live_explorer()}</script>'
    )
    view = Grown(page)
    view.draw(*SEVEN)
    for part in model.state_dict().values():
        part.copy_(part.half())
    assert_shows(view, *reconstruction(model, view.drawing))
    view.choice("A", 3).check()
    assert view.caption.startswith("t = 0.00 from A to B.")
    assert troubles == []
    page.close()


CELLS = [
    """
import torch
from vae_helpers import data, evaluation, models, training
from vae_lessons.start_here.explorer import Explorer

digits = data.load_mnist()
model = models.VAE(latent=5, hidden=(64,), seed=0)
images, labels = digits.test_images[:300], digits.test_labels[:300]
codes = evaluation.posterior_means(model, images)
explorer = Explorer(model, codes, labels, images[:10])
explorer
"""
]


def test_in_jupyterlab_keys_stay_and_the_kernel_hears(server, browser):
    write_notebook(server.root / "explorer_parts.ipynb", *CELLS)
    lab = LabPage(browser, server)
    try:
        lab.open("explorer_parts.ipynb")
        assert lab.run_all(), lab.error_outputs()
        view = Grown(lab.page)
        state = """() => {
            const { content } = jupyterapp.shell.currentWidget;
            return [content.activeCellIndex, ...content.widgets.map((cell) => cell.model.type)];
        }"""
        named = [name for _, name in lab.names(".explorer :is(input, button, [role])")]
        assert all(named) and {"z1", "z5", "All to 0", "Latent code", "Drawing pad"} <= set(named)
        assert {"Draw a digit", "Go from one digit to another", "t, from A to B"} <= set(named)
        assert named.count("7, digit 1 of 10") == 2, "one for A and one for B"
        view.sliders.nth(1).click()
        before = view.page.evaluate(state)
        view.type(view.sliders.nth(1), "1", "2", "3", "ArrowDown", "ArrowUp", "Home", "End")
        view.type(view.choice("A", 0), "ArrowDown", "1", "ArrowUp")
        view.type(view.way, "ArrowRight", "ArrowUp", "2")
        assert view.way.input_value() == "0.04"
        view.type(view.pad, *ELL_KEYS)
        assert view.page.evaluate(state) == before
        assert view.pad.evaluate("(pad) => pad === document.activeElement")
        lab.settle()
        told = "print(*model.encode(torch.tensor([{}]))[0][0].tolist(), *explorer.point)"
        asked = told.format(view.drawing.tolist())
        wanted, heard = np.array(lab.ask_kernel(asked).split(), dtype=float).reshape(2, 5)
        np.testing.assert_allclose(view.point, wanted, rtol=0, atol=1e-5)
        assert heard.tolist() == view.point
        # A later stage of training encodes otherwise.
        lab.ask_kernel("""
trainer = training.Trainer(model, digits.train_images, seed=0)
for _ in range(20):
    trainer.step()
explorer.show(model, evaluation.posterior_means(model, images), labels)
""")
        lab.settle()
        assert view.point == heard.tolist()
        view.type(view.pad, "Space", "Space")
        asked = told.format(view.drawing.tolist())
        lab.settle()
        wanted, heard = np.array(lab.ask_kernel(asked).split(), dtype=float).reshape(2, 5)
        np.testing.assert_allclose(view.point, wanted, rtol=0, atol=1e-5)
        assert lab.errors == []
    finally:
        lab.close()
