"""Reading and operating the explorer on a page, and opening it without a kernel."""

import base64

import numpy as np

from vae_lessons.start_here.explorer import Explorer


def show(locator):
    """Scroll an element to the middle of the window, where no bar covers it."""
    locator.evaluate("(one) => one.scrollIntoView({ block: 'center' })")


class View:
    """One explorer on the page."""

    def __init__(self, page, index=0):
        self.page = page
        self.root = page.locator(".explorer").nth(index)
        self.plane = self.root.locator(".explorer-plane")
        self.digit = self.root.locator(".explorer-digit")

    @property
    def point(self):
        return self.root.evaluate("(root) => root.shown.point")

    @property
    def probabilities(self):
        return np.array(self.root.evaluate("(root) => [...root.shown.probabilities]"))

    @property
    def caption(self):
        return self.root.locator(".explorer-caption").inner_text()

    def pixels(self, canvas):
        """The red channel of a canvas, [height, width]."""
        height, width, red = canvas.evaluate(
            """(canvas) => {
                const { width, height } = canvas;
                const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
                let red = "";
                for (let i = 0; i < data.length; i += 4) red += String.fromCharCode(data[i]);
                return [height, width, btoa(red)];
            }"""
        )
        return np.frombuffer(base64.b64decode(red), np.uint8).reshape(height, width)

    def place(self, right, down):
        """The position on the page of a point given in fractions of the plane's canvas."""
        box = self.plane.bounding_box()
        return box["x"] + right * box["width"], box["y"] + down * box["height"]

    def has_cross_hairs_at(self, x, y):
        """Whether row y and column x of the plane's canvas are dark for most of their length."""
        picture, box = self.pixels(self.plane), self.plane.bounding_box()
        ratio = len(picture) / box["width"]
        row, column = round(ratio * (y - box["y"])), round(ratio * (x - box["x"]))
        dark = picture < 210  # a line between two rows of pixels makes both half dark
        return all(
            max(lines[start - 1 : start + 2].mean(axis=1)) > 0.7
            for lines, start in ((dark, row), (dark.T, column))
        )

    def press(self, *keys):
        self.plane.focus()
        for key in keys:
            self.page.keyboard.press(key)


# A seven, as positions on the pad and as keys starting at the middle of the pad.
SEVEN = (0.25, 0.25), (0.75, 0.25), (0.5, 0.75)
ELL = (0.25, 0.25), (0.25, 0.75), (0.75, 0.75)
UP_LEFT = ["ArrowLeft"] * 7 + ["Shift+ArrowUp"] + ["ArrowUp"] * 3
ELL_KEYS = UP_LEFT + ["Space"] + ["ArrowDown"] * 14 + ["Shift+ArrowRight"] * 3
ELL_KEYS += ["ArrowRight"] * 2 + ["Space"]


class Grown(View):
    """An explorer with a pad and a path between digits."""

    def __init__(self, page, index=0):
        super().__init__(page, index)
        self.pad = self.root.locator(".explorer-pad")
        self.seen = self.root.locator(".explorer-seen")
        self.way = self.root.locator("input[aria-label^='t,']")
        self.sliders = self.root.locator(".explorer-sliders input")

    def choice(self, end, index):
        return self.root.get_by_role("radiogroup", name=end).get_by_role("radio").nth(index)

    @property
    def drawing(self):
        """The input of the encoder, [784]."""
        return np.array(
            self.pad.evaluate("(pad) => [...pad.closest('.explorer-part').digit]")
        )

    def on_pad(self, across, down):
        """The position on the page of a point given in fractions of the pad."""
        box = self.pad.bounding_box()
        return box["x"] + across * box["width"], box["y"] + down * box["height"]

    def draw(self, *places):
        """Draw one stroke with the mouse through positions on the pad."""
        show(self.pad)
        self.page.mouse.move(*self.on_pad(*places[0]))
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*self.on_pad(*place))
        self.page.mouse.up()

    def type(self, where, *keys):
        where.focus()
        for key in keys:
            self.page.keyboard.press(key)


# `window.module` is the explorer's module, `window.model` a minimal model with get, set and on.
SHIM = """async ([source, packed]) => {
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    window.module = await import(url);
    const state = packed;
    for (const [name, { bytes }] of Object.entries(packed)) {
        if (bytes === undefined) continue;
        const values = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
        state[name] = new DataView(values.buffer);
    }
    window.listeners = new Map();
    window.model = {
        get: (name) => state[name],
        set: (name, value) => { state[name] = value; listeners.get(`change:${name}`)?.(); },
        save_changes() {},
        on: (event, listener) => listeners.set(event, listener),
        off: (event) => listeners.delete(event),
    };
    window.remove = module.default.render({ model, el: document.getElementById("here") });
}"""


def open_alone(page, explorer):
    """Show the explorer's module on a page without kernel and widget manager."""
    page.set_content("<div id='here'></div>")
    page.add_style_tag(content=str(explorer._css))
    traits = {name: getattr(explorer, name) for name in Explorer.class_own_traits(sync=True)}
    packed = {
        name: {"bytes": base64.b64encode(value).decode()} if isinstance(value, bytes) else value
        for name, value in traits.items()
    }
    page.evaluate(SHIM, [explorer._esm, packed])
    return View(page)
