"""Training that goes on while the learner does: a task on the kernel's own loop."""

import asyncio
import html
import math
import threading
import time
import weakref
from pathlib import Path

import anywidget
from ipywidgets import HTML, ToggleButton, VBox

CHUNK = 0.02  # seconds of steps between two chances for the kernel to answer
TURNS = 20  # of the loop between two chunks: a message takes several to be read and answered
REDRAW = 1.0  # seconds between two pictures; a control that is moved has its own at once
PATIENCE = 15.0  # seconds without a sign of a page, after which training pauses


class Heartbeat(anywidget.AnyWidget):
    """An empty widget by which the kernel knows that a page still shows it."""

    _esm = Path(__file__).parent / "heartbeat.js"

    def __init__(self):
        self._last = None
        super().__init__()
        self.on_msg(self._heard)

    def missing(self):
        """Whether a page was there, and has been silent for too long."""
        return self._last is not None and time.monotonic() - self._last > PATIENCE

    def forgive(self):
        """Count the silence from now."""
        if self._last is not None:
            self._last = time.monotonic()

    def _heard(self, *_message):
        self._last = time.monotonic()


async def train_and_listen(running, step, look):
    """Call `step()` over and over while `running()`, and let the kernel answer in between.

    look: called after each chunk of steps, to show where training stands.
    """
    while running():
        end = time.monotonic() + CHUNK
        while running():  # at least one step, however long the computer was busy with others
            step()
            if time.monotonic() >= end:
                break
        look()
        for _ in range(TURNS):
            await asyncio.sleep(0)


class LiveTraining(VBox):
    """A button that trains on and pauses, without blocking the kernel.

    trainer: anything with a synchronous `step()` that returns a record with its number `step`,
    counted from 0. progress: a function without arguments
    that draws where training stands; it is called while training runs and at each pause.
    loop: the coroutine function that makes the steps, called as `train_and_listen` is.
    Make it in a cell: the task runs on the loop that runs the cell, so that sliders and
    other cells are answered between two chunks of steps. (A thread of its own would cost
    half the speed; a cell that waits would freeze the sliders.)

    A kernel trains one model at a time: a new panel pauses the one before it, so that a cell
    that is run again leaves no training behind that nobody can stop. Nor does a page that is
    closed: training pauses when no page has shown the button for a while.
    """

    _latest = None  # a weak reference to the panel made last

    def __init__(self, trainer, progress, loop=train_and_listen):
        self._trainer, self._progress, self._task = trainer, progress, None
        self._steps_of, self._done = loop, 0  # the steps made since the button was pressed
        self._started = self._drawn = self._looked = 0.0  # when: the press, the last picture
        self._why = ""  # training paused
        self.button = ToggleButton(description="Train on", tooltip="Train on, or pause")
        self._status, self._heartbeat = HTML("Paused."), Heartbeat()
        self.button.observe(self._toggled, "value")
        super().__init__([self.button, self._status, self._heartbeat])
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        earlier = LiveTraining._latest and LiveTraining._latest()
        if earlier is not None:
            earlier.button.value = False
        LiveTraining._latest = weakref.ref(self)

    def close(self):
        """Stop training and remove the button."""
        self.button.value = False
        for part in self.children:
            part.close()
        super().close()

    def pause(self, why):
        """Stop training after the step under way; `why` ends the sentence of the status line."""
        self._why = why
        self.button.value = False

    def clear_status(self):
        """Say no more than that training is paused, unless it runs."""
        if self._task is None:
            self._status.value = "Paused."

    def between_steps(self, function):
        """Call `function()` when no step is under way: now, or soon if another thread asks.

        Widget callbacks may come on another thread than the loop's, in the midst of a step.
        """
        if threading.get_ident() == self._thread:
            function()
        else:
            self._loop.call_soon_threadsafe(function)

    def show_soon(self):
        """Call `progress()`: now, or after the chunk that comes next. On the loop's thread."""
        if self._task is None:
            self._progress()
        self._drawn = -math.inf

    def _toggled(self, change):
        self._loop.call_soon_threadsafe(self._follow_button)
        self.button.description = "Pause" if change["new"] else "Train on"

    def _follow_button(self):
        if self.button.value and self._task is None:
            self._task = self._loop.create_task(self._train())
            self._task.add_done_callback(self._ended)

    async def _train(self):
        self._started = self._drawn = self._looked = time.monotonic()
        self._why, self._done = "", 0
        await self._steps_of(lambda: self.button.value, self._step, self._look)
        self._progress()
        self._status.value = f"Paused after {self._done:,} more steps{self._why}."

    def _step(self):
        self._latest_step = self._trainer.step().step
        self._done += 1

    def _look(self):
        """Draw, if it is time for that; pause if no page is there any more."""
        if time.monotonic() - self._looked > 1:  # another cell kept the kernel from hearing
            self._heartbeat.forgive()
        if time.monotonic() - self._drawn > REDRAW:
            self._progress()
            self._drawn = time.monotonic()
            rate = self._done / (self._drawn - self._started)
            now = f"step {self._latest_step + 1:,}, {rate:.0f} steps a second"
            self._status.value = f"Training: {now}."
        if self._heartbeat.missing():
            self.pause(", because no page shows this any more")
        self._looked = time.monotonic()

    def _ended(self, task):
        self._task = None
        trouble = None if task.cancelled() else task.exception()
        if trouble is not None:  # a task's traceback would be shown nowhere
            text = html.escape(f"{type(trouble).__name__}: {trouble}")
            self._status.value = f"Training stopped. {text}"
            self.button.value = False
        elif self.button.value:  # pressed again while the last chunk was ending
            self._follow_button()

    def __repr__(self):
        return "LiveTraining"  # never the state: strict notebook tests compare it
