"""Widgets for live figures and for the learner's predictions."""

import gc
import html
import inspect
import threading
from pathlib import Path

import anywidget
from IPython import get_ipython
from ipywidgets import HTML, Button, VBox

from vae_helpers.picture import Picture, options
from vae_helpers.plots.base import display_bundle, png


class Names(anywidget.AnyWidget):
    """An empty widget that gives accessible names to the sliders of its box."""

    _esm = Path(__file__).parent / "names.js"


class View(VBox):
    """A figure that is redrawn when its controls change, with its caption as text below it.

    name: text that the notebook tests compare instead of the picture; it must not change.
    plot: a function from arrays to a figure. If it has an argument `fig`, it gets its previous
    figure and moves the artists in place, which is fast enough for a slider.
    controls: {name: widget}. compute: a function from the controls' values, by name, to the
    dictionary of arrays that `plot` draws. Without these two, call `draw` yourself.
    prediction: a `Prediction` whose committed guess `plot` gets as `guess`.
    axes: names of the controls along which pictures are drawn ahead (see `Picture`), by default all
    that have steps or options.

    `.controls`, `.axes` and `.data` (the arrays drawn last) may be read.
    The view is closed when JupyterLab runs its cell again (see `close_earlier_runs`).
    """

    def __init__(self, name, plot, controls=None, compute=None, prediction=None, axes=None):
        self._name, self._plot = name, plot
        self._in_place = "fig" in inspect.signature(plot).parameters
        self._compute, self._prediction = compute, prediction
        self.controls = dict(controls or {})
        stepped = [name for name, control in self.controls.items() if options(control)]
        self.axes = [] if compute is None else stepped if axes is None else axes
        self.data = {}
        self._figure = self._ahead = None  # what is shown, and what frames are drawn with
        self._lock = threading.RLock()  # callbacks run on another thread than cells
        self._picture = Picture(self.controls, self.axes, self.figure_at)
        super().__init__([*self.controls.values(), self._picture, Names()])
        for control in self.controls.values():
            control.observe(self._changed, "value")
        if prediction is not None:
            prediction.on_commit(self.refresh)
        self._answer()
        close_earlier_runs(self)

    def draw(self, **data):
        """Draw these arrays, which `plot` takes by name."""
        with self._lock:
            self.data = self._guessed(data)
            earlier = {"fig": self._figure} if self._in_place else {}
            self._figure = self._plot(**self.data, **earlier)
            with self._picture.hold_sync():
                self._picture.png = png(self._figure)
                self._picture.caption = self._figure.caption

    def _guessed(self, data):
        """The data with the committed guess, for a plot that shows one."""
        return data if self._prediction is None else data | {"guess": self._prediction.guess}

    def figure_at(self, **values):
        """The figure for these values of the controls, which leaves what is shown as it is."""
        with self._lock:
            data = self._guessed(self._compute(**values))
            self._ahead = self._plot(**data, **({"fig": self._ahead} if self._in_place else {}))
            return self._ahead

    def still(self):
        """A new figure of what the view shows now."""
        with self._lock:
            return self._plot(**self.data)

    def close(self):
        """Remove the view, but not its controls, which other views may use."""
        if self.comm is None:  # closed already
            return
        for control in self.controls.values():
            control.unobserve(self._changed, "value")
        if self._prediction is not None:
            self._prediction.off_commit(self.refresh)
        for part in set(self.children) - set(self.controls.values()):
            part.close()
        super().close()
        with self._lock:  # IPython's history may keep this object: free its memory
            self._figure, self._ahead, self.data = None, None, {}

    def _changed(self, _change):
        """A control was moved."""
        self._picture.draw_ahead()
        self._answer()

    def values(self):
        """{name: value} of all controls."""
        return {name: control.value for name, control in self.controls.items()}

    def refresh(self):
        """Draw the figure for the present values of the controls and the guess, and all frames."""
        if self.comm is not None:
            self._picture.forget()
        self._answer()

    def _answer(self):
        try:
            with self._lock:
                if self.comm is None:  # closed before this callback ran
                    return
                data = self._compute(**self.values()) if self._compute else self.data
                if data:
                    self.draw(**data)
        except Exception as error:  # a callback's traceback would be shown nowhere
            self._picture.caption = f"This view failed: {type(error).__name__}: {error}"
            raise

    _ipython_display_ = None  # ipywidgets 7 would use it in place of the next function

    def _repr_mimebundle_(self, **_settings):
        """The live view, and a picture of it for pages without a kernel, such as GitHub's."""
        return display_bundle(self, self._figure, note=bool(self.controls))

    def __repr__(self):
        return f"View: {self._name}"


class Prediction(VBox):
    """A question that the learner answers before the experiment is run.

    answer: the widget that holds the answer as its `value`, None while nothing is chosen.
    `.guess` is the answer after the learner has pressed Commit, None before.
    """

    def __init__(self, id, question, answer):
        self._id, self._answer, self._followers = id, answer, []
        self.guess = None
        self._commit = Button(description="Commit", tooltip="Commit this prediction")
        self._reply = HTML("Nothing committed yet.")
        self._commit.on_click(self._keep)
        super().__init__([HTML(question), answer, self._commit, self._reply, Names()])

    def on_commit(self, follower):
        """Call `follower()` each time a guess is committed."""
        self._followers.append(follower)

    def off_commit(self, follower):
        """Do not call `follower()` any more."""
        self._followers.remove(follower)

    def _keep(self, _button):
        if self._answer.value is None:
            self._reply.value = "Choose an answer first."
            return
        self.guess = self._answer.value
        guess = html.escape(str(self.guess))
        self._reply.value = f"Committed: {guess}. The result will be drawn over it."
        for follower in list(self._followers):
            follower()

    def __repr__(self):
        return f"Prediction: {self._id}"


_made = {}  # {cell: (its latest run, the widgets made in that run)}


def close_earlier_runs(widget):
    """Register `widget`, and close the widgets that earlier runs of the same cell registered.

    When a cell runs again its outputs disappear, but the kernel would keep their widgets, several
    megabytes each. If the front end does not say which cell is running, nothing is closed.
    """
    cell, run = _running_cell()
    if cell is None:
        return
    latest, widgets = _made.get(cell, (run, []))
    if latest != run:
        for earlier in widgets:
            earlier.close()
        widgets = []
        gc.collect()  # figures hold reference cycles, so only a collection frees their pixels
    _made[cell] = run, [*widgets, widget]


def _running_cell():
    """The ids of the running cell and of its execution, from JupyterLab, or (None, None)."""
    message = getattr(get_ipython(), "get_parent", dict)()
    cell = message.get("metadata", {}).get("cellId")
    return (None, None) if cell is None else (cell, message["header"]["msg_id"])
