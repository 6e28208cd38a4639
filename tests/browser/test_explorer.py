"""The explorer in a real JupyterLab: decoding, caption, pointer and keys."""

import itertools

import numpy as np
import pytest
import torch

from vae_helpers import models
from vae_lessons.start_here.explorer import Explorer

from .explorer_page import View
from .harness import LabPage, write_notebook

HIDDEN = (64,)
# The second explorer has no digits above 4, to test its keys 5 to 9.
CELLS = [
    f"""
import torch
from vae_helpers import data, evaluation, models, training
from vae_lessons.start_here.explorer import Explorer

digits = data.load_mnist()
model = models.VAE(latent=2, hidden={HIDDEN}, seed=0)
trainer = training.Trainer(model, digits.train_images, seed=0)
for _ in range(100):
    trainer.step()
labels = digits.test_labels[:1500]
codes = evaluation.posterior_means(model, digits.test_images[:1500])
torch.save({{"model": model.state_dict(), "codes": codes, "labels": labels}}, "explorer.pt")
explorer = Explorer(model, codes, labels)
explorer
""",
    "few = Explorer(model, codes[labels < 5], labels[labels < 5])\nfew",
]


@pytest.fixture(scope="module")
def lab(server, browser):
    write_notebook(server.root / "explorer_test.ipynb", *CELLS)
    lab = LabPage(browser, server, has_touch=True)
    try:
        lab.open("explorer_test.ipynb")
        assert lab.run_all(), lab.error_outputs()
        yield lab
    finally:
        lab.close()


@pytest.fixture
def view(lab):
    """The first explorer with its point in the middle; the test fails if the page has errors."""
    view = View(lab.page)
    view.press("Home")
    assert view.point == [0, 0]
    yield view
    assert lab.errors == []


@pytest.fixture(scope="module")
def saved(lab, server):
    """The file that the notebook saved: the model's state, codes and labels."""
    return torch.load(server.root / "explorer.pt", weights_only=True)


@pytest.fixture(scope="module")
def model(saved):
    model = models.VAE(latent=2, hidden=HIDDEN, seed=1)
    model.load_state_dict(saved["model"])
    return model.eval()


PLACES = list(itertools.product((0.15, 0.3, 0.5, 0.7, 0.9), (0.1, 0.25, 0.4, 0.6, 0.8)))


def test_digit_is_the_one_that_pytorch_decodes(view, model):
    seen = set()
    for place in PLACES:
        view.page.mouse.click(*view.place(*place))
        with torch.no_grad():
            expected = model.decode(torch.tensor(view.point)).sigmoid().numpy()
        np.testing.assert_allclose(view.probabilities, expected, rtol=0, atol=1e-5)
        drawn = view.pixels(view.digit)
        np.testing.assert_allclose(drawn, 255 * (1 - expected.reshape(28, 28)), rtol=0, atol=1)
        seen.add(drawn.tobytes())
    assert len(seen) == len(PLACES)


def test_caption_names_the_digit_of_most_neighbours(view, saved):
    codes, labels = saved["codes"].double().numpy(), saved["labels"].numpy()
    kinds = set()
    for place in PLACES:
        view.page.mouse.click(*view.place(*place))
        distances = np.hypot(*(codes - view.point).T)
        nearest = np.argsort(distances)[:15]
        z1, z2 = (f"{value:.2f}".replace("-", "−") for value in view.point)
        if np.median(distances[nearest]) > 0.5:
            expected = [f"z = ({z1}, {z2}): far from all codes."]
        else:
            counts = np.bincount(labels[nearest])
            expected = [
                f"z = ({z1}, {z2}): in the region of digit {digit} "
                f"({counts.max()} of the 15 nearest codes)."
                for digit in np.flatnonzero(counts == counts.max())
            ]
        assert view.caption in expected
        kinds.add(view.caption.split(":")[1])
    assert len(kinds) > 3


def test_pointer_drags_the_point(view):
    mouse, page = view.page.mouse, view.page
    x, y = view.place(0.5, 0.5)
    mouse.move(x, y)
    assert view.point == [0, 0]  # not before the button is down
    mouse.down()
    start, digit = view.point, view.pixels(view.digit)
    mouse.move(x + 100, y - 50, steps=5)
    page.wait_for_function(
        "(z1) => document.querySelector('.explorer').shown.point[0] > z1", arg=start[0] + 1
    )
    moved = np.subtract(view.point, start)
    assert moved[0] == pytest.approx(2 * moved[1], abs=0.05)  # right and up: both grow
    assert (view.pixels(view.digit) != digit).any()
    assert view.has_cross_hairs_at(x + 100, y - 50)
    mouse.move(x + 2000, y - 2000)
    assert view.point == [4, 4]  # held fast outside the canvas, at the plane's edge
    mouse.up()
    mouse.move(x, y)
    assert view.point == [4, 4]


def test_finger_drags_the_point(lab, view):
    session = view.page.context.new_cdp_session(view.page)

    def touch(kind, *places):
        points = [{"x": x, "y": y} for x, y in places]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", view.place(0.3, 0.3))
    start = view.point
    assert start[0] < 0 < start[1]
    scrolled = "() => document.querySelector('.jp-WindowedPanel-outer').scrollTop"
    before = view.page.evaluate(scrolled)
    for step in (0.4, 0.5, 0.6, 0.7):
        touch("touchMove", view.place(step, step))
    touch("touchEnd")
    view.page.wait_for_function("() => document.querySelector('.explorer').shown.point[0] > 1")
    assert view.point[1] < 0
    assert view.page.evaluate(scrolled) == before
    session.detach()


@pytest.mark.parametrize(
    "keys, point",
    [
        (["ArrowRight"], [0.1, 0]),
        (["ArrowLeft"] * 3, [-0.3, 0]),
        (["ArrowUp"], [0, 0.1]),
        (["ArrowDown", "ArrowLeft"], [-0.1, -0.1]),
        (["Shift+ArrowRight", "Shift+ArrowUp"], [0.5, 0.5]),
        (["Alt+ArrowLeft", "Alt+ArrowDown"], [-0.01, -0.01]),
        (["Shift+ArrowUp"] * 9, [0, 4]),
        (["Control+ArrowRight", "PageUp"], [0, 0]),
    ],
)
def test_arrow_keys_move_by_the_step(view, keys, point):
    view.press(*keys)
    assert view.point == pytest.approx(point, abs=1e-9)


def test_digit_keys_jump_to_the_centres(view, saved):
    for digit in range(10):
        view.press(str(digit))
        middle = np.median(saved["codes"][saved["labels"] == digit].numpy(), axis=0)
        assert view.point == pytest.approx(np.clip(middle, -4, 4), abs=0.0051)


def test_jupyterlab_does_not_take_the_keys(view):
    state = """() => {
        const { content } = jupyterapp.shell.currentWidget;
        return [content.activeCellIndex, ...content.widgets.map((cell) => cell.model.type)];
    }"""
    few = View(view.page, 1)
    for shown in (view, few):
        shown.press("1")
        before = view.page.evaluate(state)
        shown.press("6", "2", "3", "ArrowDown", "ArrowUp", "Home")
        assert view.page.evaluate(state) == before
        assert shown.plane.evaluate("(plane) => plane === document.activeElement")


def test_key_of_an_absent_digit_leaves_the_point(view):
    few = View(view.page, 1)
    few.press("3")
    before = few.point
    assert before != [0, 0]
    few.press("7")
    assert few.point == before


def test_plane_has_name_description_and_focus_ring(lab, view):
    named = dict(lab.names(".explorer [role]"))
    assert sorted(named.values()) == ["Digit decoded at the point"] * 2 + ["Latent plane"] * 2
    view.press("4")
    described = view.plane.evaluate(
        """(plane) => plane.getAttribute("aria-describedby").split(" ")
            .map((id) => document.getElementById(id).innerText).join(" ")"""
    )
    assert view.caption in described and "arrows" in described
    assert view.root.locator(".explorer-caption").get_attribute("aria-live") == "polite"
    outline = "(plane) => getComputedStyle(plane).outlineStyle"
    assert view.plane.evaluate(outline) == "solid"
    view.plane.evaluate("(plane) => plane.blur()")
    assert view.plane.evaluate(outline) == "none"
    ids = [part.get_attribute("id") for part in view.page.locator(".explorer [id]").all()]
    assert len(ids) == len(set(ids)) == 4


def test_point_reaches_the_kernel_and_comes_from_it(lab, view):
    view.press("Shift+ArrowRight", "ArrowDown")
    lab.settle()
    assert lab.ask_kernel("print(explorer.point)").strip() == "[0.5, -0.1]"
    lab.ask_kernel("explorer.point = [1.25, -2.5]")
    lab.page.wait_for_function("() => document.querySelector('.explorer').shown.point[0] === 1.25")
    assert view.point == [1.25, -2.5]
    assert view.caption.startswith("z = (1.25, −2.50): ")


def test_shows_a_later_stage_of_training(lab, view):
    """The point stays; digit, caption and plane follow the new weights and codes."""
    view.press("3")
    point, before, plane = view.point, view.probabilities, view.pixels(view.plane)
    told = lab.ask_kernel(
        """
for _ in range(20):
    trainer.step()
explorer.show(model, evaluation.posterior_means(model, digits.test_images[:1500]), labels)
print(*evaluation.decode(model, torch.tensor([explorer.point]))[0].tolist())
"""
    )
    wanted = np.array(told.split(), dtype=float)
    lab.settle()
    assert view.point == point
    np.testing.assert_allclose(view.probabilities, wanted, rtol=0, atol=1e-5)
    assert np.abs(view.probabilities - before).max() > 0.01
    assert (view.pixels(view.plane) != plane).any()


def test_decodes_on_when_the_kernel_is_gone(server, browser):
    lab = LabPage(browser, server)
    try:
        lab.open("explorer_test.ipynb")
        assert lab.run_all(), lab.error_outputs()
        view = View(lab.page)
        lab.page.evaluate("() => jupyterapp.commands.execute('kernelmenu:shutdown')")
        lab.page.wait_for_function(
            "() => !jupyterapp.shell.currentWidget.sessionContext.session?.kernel"
        )
        view.press("1")
        one = view.pixels(view.digit)
        view.press("0")
        assert (view.pixels(view.digit) != one).any()
        view.page.mouse.click(*view.place(0.5, 0.5))
        assert "z = (" in view.caption
        assert [error for error in lab.errors if "uncaught" in error] == []
    finally:
        lab.close()


def small_explorer(codes=((0, 0), (1, 1)), labels=(3, 5)):
    model = models.VAE(latent=2, hidden=(8,), seed=0)
    return Explorer(model, np.array(codes, dtype=float), np.array(labels))


def test_fits_narrow_and_dense_screens(alone):
    view = alone(small_explorer(), viewport={"width": 330, "height": 900}, device_scale_factor=2)
    assert view.page.evaluate("() => document.documentElement.scrollWidth") <= 330
    assert view.pixels(view.plane).shape == (880, 880)
    x, y = view.place(0.5, 0.5)
    view.page.mouse.click(x, y)
    assert view.has_cross_hairs_at(x, y)
    boxes = [view.plane.bounding_box(), view.digit.bounding_box()]
    assert boxes[1]["y"] > boxes[0]["y"] + boxes[0]["height"]
    assert all(abs(box["width"] - box["height"]) < 1 for box in boxes)


def test_region_by_hand(alone):
    view = alone(small_explorer())
    region = """([codes, labels, point]) =>
        module.region(Float32Array.from(codes.flat()), Uint8Array.from(labels), point)"""

    def ask(codes, labels, point=(0, 0)):
        found = view.page.evaluate(region, [codes, labels, point])
        return found["digit"], found["votes"], found["asked"]

    ring = [[0.1 + 0.01 * i, 0] for i in range(30)]
    assert ask(ring, [7] * 8 + [2] * 22) == (7, 8, 15)
    assert ask(ring, [7] * 7 + [2] * 23) == (2, 8, 15)
    assert ask(ring, [7] * 7 + [2] * 23, point=(3, 3)) == (None, 0, 15)
    assert ask([[0, 0], *[[2, 2]] * 20], [1] * 21) == (None, 0, 15), "a lone code is no region"
    assert ask([[0.2, 0], [0.1, 0]], [4, 6]) == (6, 1, 2), "among equals the nearest"
    assert ask([[0.3, 0]], [9]) == (9, 1, 1)


def test_centres_are_medians(alone):
    codes = [(0, 0), (1, 4), (2, 1), (-3, -3), (-1, -2)]
    view = alone(small_explorer(codes, (2, 2, 2, 8, 8)))
    view.press("2")
    assert view.point == [1, 1]
    view.press("8")
    assert view.point == [-2, -2.5]


def test_caption_by_hand(alone):
    view = alone(small_explorer())
    describe = "([point, found]) => module.describe(point, found)"
    found = {"digit": 3, "votes": 9, "asked": 15}
    assert view.page.evaluate(describe, [[0.524, -1.1], found]) == (
        "z = (0.52, −1.10): in the region of digit 3 (9 of the 15 nearest codes)."
    )
    nowhere = {"digit": None, "votes": 0, "asked": 15}
    assert view.page.evaluate(describe, [[-0.001, 4], nowhere]) == (
        "z = (0.00, 4.00): far from all codes."
    )


def test_lets_go_of_its_model_when_removed(alone):
    view = alone(small_explorer())
    assert view.page.evaluate("() => listeners.size") > 0
    view.page.evaluate("() => remove()")
    assert view.page.evaluate("() => listeners.size") == 0
