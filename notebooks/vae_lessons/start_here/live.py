"""Training in the background: an asyncio task on the kernel's own event loop."""

import asyncio
import html
import math
import threading
import time
import weakref
from pathlib import Path

import anywidget
from ipywidgets import HTML, ToggleButton, VBox

CHUNK = 0.02  # seconds of training before the kernel may answer messages
TURNS = 20  # of the event loop between two chunks: answering a message takes several
REDRAW = 1.0  # seconds between two pictures; moving a control redraws at once
PATIENCE = 15.0  # seconds without a message from a page, after which training pauses


class Heartbeat(anywidget.AnyWidget):
    """An invisible widget whose messages tell the kernel that a page still shows it."""

    _esm = Path(__file__).parent / "heartbeat.js"

    def __init__(self):
        self._last = None
        super().__init__()
        self.on_msg(self._heard)

    def missing(self):
        """Whether a page has sent messages before, but none for too long."""
        return self._last is not None and time.monotonic() - self._last > PATIENCE

    def forgive(self):
        """Restart the count of seconds without a message."""
        if self._last is not None:
            self._last = time.monotonic()

    def _heard(self, *_message):
        self._last = time.monotonic()


async def train_and_listen(running, step, look):
    """Call `step()` while `running()` is true, and let the kernel answer messages in between.

    look: called after each chunk of steps, to show the progress.
    """
    while running():
        end = time.monotonic() + CHUNK
        while running():  # at least one step, even if the computer was busy
            step()
            if time.monotonic() >= end:
                break
        look()
        for _ in range(TURNS):
            await asyncio.sleep(0)


class LiveTraining(VBox):
    """A button that continues and pauses training, without blocking the kernel.

    trainer: an object with a method `step()` that makes one training step and returns a record
    with its number `step`, counted from 0. progress: a function without arguments that draws the
    progress; it is called during training and at each pause. loop: the coroutine function that
    makes the steps, with the arguments of `train_and_listen`.
    Create the button in a cell: the task runs on the event loop that runs the cell, so that the
    kernel answers sliders and other cells between two chunks of steps. (A separate thread would
    halve the speed; a cell that waits would block the sliders.)

    A kernel trains one model at a time: a new button pauses the previous one. Otherwise a cell
    that is run again would leave a training that nobody can stop. For the same reason training
    pauses when no page has shown the button for a while.
    """

    _latest = None  # a weak reference to the latest instance

    def __init__(self, trainer, progress, loop=train_and_listen):
        self._trainer, self._progress, self._task = trainer, progress, None
        self._steps_of, self._done = loop, 0  # steps since the button was pressed
        self._started = self._drawn = self._looked = 0.0  # times in seconds
        self._why = ""  # why training paused
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
        """Pause training after the current step; `why` ends the sentence of the status line."""
        self._why = why
        self.button.value = False

    def clear_status(self):
        """Reset the status line to "paused", unless training is running."""
        if self._task is None:
            self._status.value = "Paused."

    def between_steps(self, function):
        """Call `function()` between two steps: now, or soon if called from another thread.

        Widget callbacks may run on another thread than the event loop, during a step.
        """
        if threading.get_ident() == self._thread:
            function()
        else:
            self._loop.call_soon_threadsafe(function)

    def show_soon(self):
        """Call `progress()` now or after the next chunk, on the thread of the event loop."""
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
        """Draw the progress if it is time to; pause if no page shows the button any more."""
        if time.monotonic() - self._looked > 1:  # another cell blocked the kernel's messages
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
        if trouble is not None:  # nothing else would show an error of the task
            text = html.escape(f"{type(trouble).__name__}: {trouble}")
            self._status.value = f"Training stopped. {text}"
            self.button.value = False
        elif self.button.value:  # pressed again during the last chunk
            self._follow_button()

    def __repr__(self):
        return "LiveTraining"  # without the state, because the notebook tests compare it
