"""The picture of a view: the page draws what it holds of it, the kernel answers for the rest."""

import asyncio
import itertools
import json
import math
import time
from pathlib import Path

import anywidget
import traitlets
from ipywidgets import Widget, widget_serialization

from vae_helpers.frames import commands

IDLE = 1.0  # seconds without a cell or a move, after which frames are drawn ahead
PAUSE = 0.02  # seconds between two frames, in which the kernel answers what waits


def options(control):
    """The values that a control can take, in their order; none where it has no steps."""
    if hasattr(control, "options"):
        return [one[-1] if isinstance(one, tuple) else one for one in control.options]
    if not getattr(control, "step", None):
        return []
    steps = round((control.max - control.min) / control.step)
    values = [control.min + i * control.step for i in range(steps + 1)]
    return [control.base**value for value in values] if hasattr(control, "base") else values


def place(control, value):
    """The number of `value` among a control's options, with a fraction where it lies between."""
    if hasattr(control, "options"):
        return options(control).index(value) if value in options(control) else None
    if not getattr(control, "step", None):
        return value
    exponent = math.log(value, control.base) if hasattr(control, "base") else value
    number = round((exponent - control.min) / control.step, 3)
    return int(number) if number == int(number) else number


class Picture(anywidget.AnyWidget):
    """The picture of a view and its caption, with frames of other positions of the controls.

    controls: {name: widget}; draw: a function from their values, by name, to a figure with a
    caption. While the kernel is idle, a frame is drawn and sent to the page for each option of the
    controls named in `axes`, the others at their present values, the nearest first. The page draws
    a frame that it holds, also while a cell keeps the kernel busy.

    png, caption: what the kernel drew last. A frame that fails to draw is left to the kernel.
    """

    _esm = Path(__file__).with_name("picture.js")
    png = traitlets.Bytes().tag(sync=True)
    caption = traitlets.Unicode().tag(sync=True)
    controls = traitlets.List(traitlets.Instance(Widget)).tag(sync=True, **widget_serialization)

    def __init__(self, controls, axes, draw):
        self._named, self._axes, self._draw = controls, axes, draw
        self._numbers, self._sent = {}, set()  # {a command's hash: its number}, positions
        self._due = None  # when the next frame is drawn
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:  # no kernel
            self._loop = None
        super().__init__(controls=list(controls.values()))
        self.on_msg(lambda _picture, _content, _buffers: self.forget())  # the page has been loaded
        self.draw_ahead()

    def forget(self):
        """Discard the frames of the page, which show what has changed since, and begin again."""
        if not self._axes:
            return
        self._numbers, self._sent = {}, set()
        self.send({"forget": True})
        self.draw_ahead()

    def draw_ahead(self):
        """Draw frames once the kernel has been idle; called at every move, from any thread."""
        if self._loop is None or not self._axes:
            return
        waits, self._due = self._due is not None, time.monotonic() + IDLE
        if not waits:
            self._loop.call_soon_threadsafe(self._wait)

    def _wait(self):
        self._loop.call_later(max(0, self._due - time.monotonic()), self._next)

    def _next(self):
        """Send the next frame, unless the view is closed, or something else was to be done."""
        late = time.monotonic() - self._due
        if self.comm is None:
            self._named, self._draw = {}, None  # IPython's history may keep this object
        elif late < 0:  # a control was moved
            self._wait()
        elif late > PAUSE + 0.1:  # a cell ran
            self._due = time.monotonic() + IDLE
            self._wait()
        elif (wanted := next(self._wanted(), None)) is None:
            self._due = None
        else:
            self._send_frame(*wanted)
            self._due = time.monotonic() + PAUSE
            self._wait()

    def _wanted(self):
        """Iterate over (position, values) that the page does not hold, the nearest first."""
        present = {name: control.value for name, control in self._named.items()}
        places = {name: place(self._named[name], value) for name, value in present.items()}
        axes = [
            sorted(((abs(i - (places[name] or 0)), name, i, value)
                    for i, value in enumerate(options(self._named[name]))), key=lambda one: one[0])
            for name in self._axes
        ]
        for step in itertools.zip_longest(*axes):
            for _, name, i, value in filter(None, step):
                at = json.dumps(list((places | {name: i}).values()), separators=(",", ":"))
                if at not in self._sent:
                    yield at, present | {name: value}

    def _send_frame(self, at, values):
        numbers = self._numbers
        self._sent.add(at)
        try:
            figure = self._draw(**values)
            lines = commands(figure)
        except Exception:  # the kernel's answer at this position will say what is wrong
            return
        if numbers is not self._numbers:  # forgotten while it was drawn
            return
        new = [line for line in dict.fromkeys(lines) if hash(line) not in numbers]
        for line in new:
            numbers[hash(line)] = len(numbers)
        self.send({"at": at, "new": new, "frame": [numbers[hash(line)] for line in lines],
                   "size": [figure.bbox.width, figure.bbox.height], "caption": figure.caption})
