"""The live training panel: every control acts, on the loop's own thread, and nothing is lost."""

import asyncio
import threading

import numpy as np
import pytest

from vae_helpers import data
from vae_lessons.start_here import live
from vae_lessons.train_live.lab import RECIPES, train_and_listen
from vae_lessons.train_live.panel import TrainingPanel

ORIGINAL, REPAIRED = RECIPES  # by their names in the menu


@pytest.fixture(autouse=True)
def few_images(monkeypatch):
    digits = data.load_mnist()
    few = digits._replace(train_images=digits.train_images[:500])  # 3 steps of 200 an epoch
    monkeypatch.setattr(data, "load_mnist", lambda: few)


def drive(scenario, *arguments):
    """Run the coroutine function `scenario` with a panel on a loop of its own."""
    async def main():
        panel = TrainingPanel(train_and_listen, *arguments)
        try:
            await asyncio.wait_for(scenario(panel), timeout=60)
        finally:
            panel.close()

    asyncio.run(main())


async def until(condition):
    while not condition():
        await asyncio.sleep(0.005)


async def from_another_thread(function):
    """As widget callbacks come in JupyterLab."""
    thread = threading.Thread(target=function)
    thread.start()
    await asyncio.to_thread(thread.join)
    await asyncio.sleep(0)


def train_to_the_end(panel):
    panel._live.button.value = True
    return until(lambda: not panel._live.button.value and panel._live._task is None)


def status(panel):
    return panel._live._status.value


def test_it_waits_for_the_learner():
    async def scenario(panel):
        await asyncio.sleep(0.05)
        assert panel.trainer.records == [] and "Not trained yet" in panel._picture.caption
        assert np.all(panel.data["rates"] == 0) and panel.data["samples"].shape == (20, 28, 28)

    drive(scenario)


def test_a_control_acts_on_the_step_after_it_and_the_picture_follows(monkeypatch):
    async def scenario(panel):
        drawn = []
        single, show = panel.step, panel._live._progress
        monkeypatch.setattr(panel, "step", lambda: (drawn.append("step"), single())[1])
        monkeypatch.setattr(panel._live, "_progress", lambda: (drawn.append("picture"), show()))
        panel._live.button.value = True
        await until(lambda: panel.trainer.records)
        drawn.clear()
        panel.controls["beta"].value = 0.01
        assert panel.trainer.beta == 0.01 and drawn == []
        await until(lambda: "picture" in drawn)
        assert drawn[0] == "step" and panel.data["target_beta"] == 0.01
        panel._live.button.value = False

    drive(scenario)


def test_the_recipes_are_those_of_notebook_03():
    async def scenario(panel):
        assert (panel.trainer.beta, panel.trainer.learning_rate) == (9.8, 1e-2)
        assert min(panel.trainer.model.encode(torch_rows())[0].flatten()) >= 0
        await from_another_thread(lambda: setattr(panel.controls["recipe"], "value", REPAIRED))
        await until(lambda: panel.trainer.beta == 1.0)
        assert panel.trainer.learning_rate == pytest.approx(1e-2)
        assert min(panel.trainer.model.encode(torch_rows())[0].flatten()) < 0

    drive(scenario, ORIGINAL)


def torch_rows():

    return data.pixels(data.load_mnist().test_images[:50])


def test_it_pauses_after_the_epochs_that_were_planned_and_goes_on_for_more():
    async def scenario(panel):
        panel.controls["epochs"].value = 1
        await train_to_the_end(panel)
        assert len(panel.trainer.records) == 3 and panel._seen == [0, 200, 400, 500]
        assert panel._bar.n == panel._bar.total == 500
        panel.controls["epochs"].value = 2
        await train_to_the_end(panel)
        assert len(panel.trainer.records) == 6 and panel._seen[-1] == 1000
        assert panel.data["epochs"][-1] == 2.0

    drive(scenario)


def test_epochs_lowered_below_what_is_done_pause_the_training():
    async def scenario(panel):
        panel.controls["epochs"].value = 100
        panel._live.button.value = True
        await until(lambda: len(panel.trainer.records) > 7)
        await from_another_thread(lambda: setattr(panel.controls["epochs"], "value", 2))
        await until(lambda: panel._live._task is None)
        assert not panel._live.button.value and len(panel.trainer.records) < 20
        assert "planned epochs (2) are done. Press Train on to go on to epoch" in status(panel)

    drive(scenario)


def test_training_on_after_the_end_adds_as_many_epochs_again():
    async def scenario(panel):
        panel.controls["epochs"].value = 2
        for epochs in (2, 4, 6):
            await train_to_the_end(panel)
            assert panel._seen[-1] == epochs * 500 == panel._bar.n == panel._bar.total
            assert panel.data["total"] == epochs
            assert status(panel) == ("Paused after 6 more steps: all planned epochs (2) are done. "
                                     f"Press Train on to go on to epoch {epochs + 2}.")
        panel.controls["epochs"].value = 10
        assert status(panel) == "Paused."
        panel.controls["epochs"].value = 5  # lowered: 6 are done
        await train_to_the_end(panel)
        assert panel._seen[-1] == 5000

    drive(scenario)


def test_beta_and_learning_rate_act_on_the_next_step_while_it_trains():
    async def scenario(panel):
        panel.controls["epochs"].value = 100
        panel._live.button.value = True
        await until(lambda: panel.trainer.records)
        await from_another_thread(lambda: setattr(panel.controls["beta"], "value", 15.0))
        await from_another_thread(lambda: setattr(panel.controls["learning_rate"], "value", 1e-4))
        await until(lambda: panel.trainer.records[-1].beta == 15.0)
        await until(lambda: panel.trainer.records[-1].learning_rate == 1e-4)
        panel._live.button.value = False
        await until(lambda: panel._live._task is None)
        assert panel.data["beta"] == panel.data["target_beta"] == 15.0
        assert "learning rate 0.0001" in panel.data["settings"]

    drive(scenario)


def test_a_batch_size_changed_within_an_epoch_counts_every_image_once():
    async def scenario(panel):
        panel.controls["epochs"].value = 2
        panel._single_step()
        panel.controls["batch_size"].value = 100
        assert panel.trainer.batch_size == 100
        await train_to_the_end(panel)
        assert panel._seen[:3] == [0, 200, 300] and panel._seen[-1] == 1000
        assert len(panel.trainer.records) == 1 + 3 + 5

    drive(scenario)


@pytest.mark.parametrize("schedule, reached", [
    ("constant", [1, 1, 1, 1, 1, 1]),
    ("warm-up over the first third", [0, 0.5, 1, 1, 1, 1]),
    ("cyclical, four periods", [0, 1, 0, 1, 0, 1]),
])
def test_a_schedule_leads_to_the_sliders_beta(schedule, reached):
    async def scenario(panel):
        panel.controls["epochs"].value = 2
        panel.controls["schedule"].value = schedule
        await train_to_the_end(panel)
        assert [record.beta for record in panel.trainer.records] == reached

    drive(scenario)


def test_step_makes_one_step_and_reset_starts_anew():
    async def scenario(panel):
        panel._single_step()
        panel._single_step()
        first = panel.trainer.records
        assert len(first) == 2 and "Epoch 0.8" in panel._picture.caption
        panel._reset()
        assert panel.trainer.records == [] and panel._bar.n == 0
        panel._single_step()
        assert panel.trainer.records[0] == first[0], "the same seed trains the same way"
        panel.controls["seed"].value = 3
        panel._single_step()
        assert len(panel.trainer.records) == 1 and panel.trainer.records[0] != first[0]

    drive(scenario)


def test_reset_while_it_trains_pauses():
    async def scenario(panel):
        panel.controls["epochs"].value = 100
        panel._live.button.value = True
        await until(lambda: panel.trainer.records)
        before = panel.trainer
        await from_another_thread(lambda: panel._live.between_steps(panel._reset))
        await until(lambda: panel._live._task is None)
        assert panel.trainer is not before and panel.trainer.records == []
        assert not panel._live.button.value

    drive(scenario)


def test_it_pauses_when_its_page_falls_silent(monkeypatch):
    monkeypatch.setattr(live, "PATIENCE", 0.2)

    async def scenario(panel):
        panel.controls["epochs"].value = 100
        panel._live._heartbeat._heard()
        panel._live.button.value = True
        await until(lambda: panel._live._task is None and panel.trainer.records)
        assert "no page shows this" in panel._live._status.value

    drive(scenario)


def test_without_a_page_nobody_waits_for_one(monkeypatch):
    monkeypatch.setattr(live, "PATIENCE", 0.0)

    async def scenario(panel):
        panel.controls["epochs"].value = 1
        await train_to_the_end(panel)
        assert len(panel.trainer.records) == 3

    drive(scenario)


def test_closing_ends_everything():
    async def scenario(panel):
        panel.controls["epochs"].value = 100
        panel._live.button.value = True
        await until(lambda: panel.trainer.records)
        panel.close()
        await until(lambda: panel._live._task is None)
        assert panel.comm is None and panel.controls["beta"].comm is None
        assert panel.data == {} and panel._figure is None, "the pause draws no closed panel"

    drive(scenario)


def test_stages_tell_what_the_learner_did():
    async def scenario(panel):
        assert panel.stages() == []
        for beta, steps in ((1.0, 3), (100.0, 2), (1.0, 1)):
            panel.controls["beta"].value = beta
            for _ in range(steps):
                panel.step()
        stages = panel.stages()
        assert [(s.run, s.beta) for s in stages] == [(0, 1.0), (0, 100.0), (0, 1.0)]
        assert [s.epochs for s in stages] == pytest.approx([1.0, 0.8, 0.2])
        assert all(0 <= s.active <= 8 for s in stages)
        last = panel.trainer.records[-1]
        assert stages[-1].neg_elbo == pytest.approx(-last.elbo)
        panel._reset()
        panel.step()
        assert [s.run for s in panel.stages()] == [0, 0, 0, 3]

    drive(scenario)


def test_bars_of_active_latents_are_counted_by_the_variance_of_their_means():
    async def scenario(panel):
        panel._single_step()
        images = data.load_mnist().validation_images[::5]
        means = panel.trainer.model.eval().encode(data.pixels(images))[0]
        assert panel.data["active"] == (means.var(0) > 0.01).tolist()

    drive(scenario)
