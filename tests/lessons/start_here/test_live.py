"""Live training starts, lets other tasks run, pauses, and shows errors."""

import asyncio
import threading
from types import SimpleNamespace

import pytest

from vae_lessons.start_here import live
from vae_lessons.start_here.live import LiveTraining


class Counter:
    """A trainer whose steps only increase a count."""

    def __init__(self, fail_at=None):
        self.steps, self.fail_at = 0, fail_at

    def step(self):
        if self.steps == self.fail_at:
            raise RuntimeError("loss is <NaN>")
        self.steps += 1
        return SimpleNamespace(step=self.steps - 1)


def drive(scenario, **settings):
    """Run the coroutine function `scenario` with a panel, on a new event loop."""
    async def main():
        trainer, drawn = Counter(**settings), []
        panel = LiveTraining(trainer, lambda: drawn.append(trainer.steps))
        await asyncio.wait_for(scenario(panel, trainer, drawn), timeout=30)

    asyncio.run(main())


async def until(condition):
    while not condition():
        await asyncio.sleep(0.005)


def test_nothing_runs_before_the_button_is_pressed():
    async def scenario(panel, trainer, drawn):
        await asyncio.sleep(0.1)
        assert trainer.steps == 0 and drawn == []

    drive(scenario)


def test_it_trains_pauses_and_trains_on(monkeypatch):
    monkeypatch.setattr(live, "REDRAW", 0.05)

    async def scenario(panel, trainer, drawn):
        panel.button.value = True
        assert panel.button.description == "Pause"
        await until(lambda: len(drawn) >= 2)
        assert "steps a second" in panel._status.value
        panel.button.value = False
        await until(lambda: "Paused after" in panel._status.value)
        stopped = trainer.steps
        assert drawn[-1] == stopped, "the last picture shows where it stopped"
        await asyncio.sleep(0.1)
        assert trainer.steps == stopped
        panel.button.value = True
        await until(lambda: trainer.steps > stopped)
        panel.button.value = False

    drive(scenario)


def test_a_computer_that_stalls_before_the_first_step_is_waited_for(monkeypatch):
    monkeypatch.setattr(live, "CHUNK", -1.0)  # the time of each chunk is over at its start
    monkeypatch.setattr(live, "REDRAW", 0.0)

    async def scenario(panel, trainer, drawn):
        panel.button.value = True
        await until(lambda: "Training: step" in panel._status.value and trainer.steps > 2)
        panel.button.value = False
        await until(lambda: "Paused after" in panel._status.value)

    drive(scenario)


def test_a_trainer_that_pauses_says_why():
    async def scenario(panel, trainer, drawn):
        step = trainer.step

        def two_steps():
            record = step()
            if trainer.steps == 2:
                panel.pause(": two are enough")
            return record

        trainer.step = two_steps
        panel.button.value = True
        await until(lambda: panel._status.value == "Paused after 2 more steps: two are enough.")
        panel.button.value = True
        await until(lambda: trainer.steps > 2)
        panel.button.value = False
        await until(lambda: panel._task is None)
        assert "Paused after" in panel._status.value and "enough" not in panel._status.value

    drive(scenario)


def test_a_picture_can_be_asked_for_early(monkeypatch):
    monkeypatch.setattr(live, "REDRAW", 1000)

    async def scenario(panel, trainer, drawn):
        panel.show_soon()
        assert drawn == [0], "at once while nothing trains"
        panel.button.value = True
        await until(lambda: trainer.steps > 0)
        panel.show_soon()
        assert drawn == [0], "the steps that are due come first"
        await until(lambda: len(drawn) == 2)
        panel.button.value = False
        await until(lambda: panel._task is None)
        assert len(drawn) == 3, "asked for once, drawn once; and the pause has its own"

    drive(scenario)


def test_a_message_of_many_turns_waits_for_one_chunk():
    async def scenario(panel, trainer, drawn):
        panel.button.value = True
        await until(lambda: trainer.steps > 0)
        loop, waits = asyncio.get_running_loop(), []
        for _ in range(5):
            before = loop.time()
            for _turn in range(live.TURNS // 2):
                await asyncio.sleep(0)
            waits.append(loop.time() - before)
        panel.button.value = False
        assert min(waits) < 3 * live.CHUNK

    drive(scenario)


def test_other_work_on_the_loop_is_answered_meanwhile():
    async def scenario(panel, trainer, drawn):
        panel.button.value = True
        await until(lambda: trainer.steps > 0)
        loop, delays = asyncio.get_running_loop(), []
        for _ in range(10):
            before = loop.time()
            await asyncio.sleep(0)
            delays.append(loop.time() - before)
        panel.button.value = False
        assert max(delays) < 20 * live.CHUNK

    drive(scenario)


def test_the_button_may_be_pressed_on_another_thread():
    async def scenario(panel, trainer, drawn):
        for value in (True, False, True):
            thread = threading.Thread(target=setattr, args=(panel.button, "value", value))
            thread.start()
            thread.join()
        await until(lambda: trainer.steps > 0)
        panel.button.value = False
        await until(lambda: panel._task is None)

    drive(scenario)


@pytest.mark.parametrize("fail_at", [0, 5])
def test_an_error_is_shown_and_stops_training(fail_at):
    async def scenario(panel, trainer, drawn):
        panel.button.value = True
        await until(lambda: "Training stopped" in panel._status.value)
        assert "RuntimeError: loss is &lt;NaN&gt;" in panel._status.value
        assert panel.button.value is False and trainer.steps == fail_at
        trainer.fail_at = None
        panel.button.value = True
        await until(lambda: trainer.steps > 5)
        panel.button.value = False

    drive(scenario, fail_at=fail_at)


def test_pressing_twice_quickly_runs_one_task():
    async def scenario(panel, trainer, drawn):
        for value in (True, False, True, False, True):
            panel.button.value = value
            await asyncio.sleep(0)
        await until(lambda: trainer.steps > 0)
        tasks = [t for t in asyncio.all_tasks() if "_train" in repr(t.get_coro())]
        assert len(tasks) == 1
        panel.button.value = False
        await until(lambda: panel._task is None)

    drive(scenario)


def test_closing_stops_it():
    async def scenario(panel, trainer, drawn):
        panel.button.value = True
        await until(lambda: trainer.steps > 0)
        panel.close()
        await until(lambda: panel._task is None)

    drive(scenario)


def test_a_cell_run_again_leaves_no_training_behind():
    async def scenario(panel, trainer, drawn):
        panel.button.value = True
        await until(lambda: trainer.steps > 0)
        successor = LiveTraining(Counter(), lambda: None)
        await until(lambda: panel._task is None)
        stopped = trainer.steps
        successor.button.value = True
        await until(lambda: successor._trainer.steps > 0)
        successor.button.value = False
        assert trainer.steps == stopped and panel.button.value is False

    drive(scenario)


def test_outside_a_notebook_it_says_so():
    with pytest.raises(RuntimeError, match="no running event loop"):
        LiveTraining(Counter(), lambda: None)
