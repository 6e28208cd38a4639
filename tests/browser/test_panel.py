"""The live training panel in a real JupyterLab: it is steered while it trains, and it stops."""

import time

import pytest

from .harness import LabPage, write_notebook

CELL = """
from vae_lessons.start_here import live
from vae_lessons.train_live.lab import train_and_listen
from vae_lessons.train_live.panel import TrainingPanel

live.PATIENCE = 6.0
panel = TrainingPanel(train_and_listen)
panel
"""


@pytest.fixture(scope="module")
def notebook(server):
    """A function that writes a notebook with only a panel and returns its name."""
    def write(name):
        write_notebook(server.root / name, CELL)
        return name

    return write


@pytest.fixture(scope="module")
def lab(server, browser, notebook):
    lab = LabPage(browser, server)
    try:
        lab.open(notebook("panel.ipynb"))
        assert lab.run_all(), lab.error_outputs()
        yield lab
    finally:
        lab.close()


@pytest.fixture(autouse=True)
def ready(lab):
    """The panel's page, reset: paused before the first step, with a hundred epochs planned."""
    lab.ask_kernel("panel.controls['recipe'].value = 'the repaired recipe'\n"
                   "panel.controls['epochs'].value = 100\n"
                   "panel.controls['schedule'].value = 'constant'\n"
                   "panel.controls['beta'].value = 1.0\npanel._reset()")
    lab.page.get_by_text("Not trained yet").wait_for()


def press(lab, name):
    lab.page.get_by_role("button", name=name, exact=True).click()


def steps(lab):
    return int(lab.ask_kernel("print(len(panel.trainer.records))"))


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


def start(lab):
    press(lab, "Train on")
    lab.page.get_by_text("Training: step").wait_for()


def pause(lab):
    press(lab, "Pause")
    lab.page.get_by_text("Paused after").wait_for()


def slider(lab, name):
    return lab.page.get_by_role("slider", name=name, exact=True)


def test_starts_pauses_and_goes_on(lab):
    start(lab)
    pause(lab)
    done = steps(lab)
    assert done > 0
    time.sleep(0.5)
    assert steps(lab) == done
    start(lab)
    until(lambda: steps(lab) > done)
    pause(lab)
    assert lab.errors == []


def test_the_rate_answers_to_beta_while_it_trains(lab):
    rate = "print(sum(panel.data['rates']))"
    start(lab)
    until(lambda: float(lab.ask_kernel(rate)) > 3)
    slider(lab, "β").press("End")
    until(lambda: "100.0" in lab.ask_kernel("print(panel.trainer.records[-1].beta)"))
    until(lambda: float(lab.ask_kernel(rate)) < 1)
    pause(lab)
    assert "β = 100" in lab.page.locator(".jp-OutputArea").inner_text()


def test_other_cells_are_answered_meanwhile(lab):
    start(lab)
    before = steps(lab)
    assert lab.ask_kernel("print(6 * 7)") == "42\n"
    until(lambda: steps(lab) > before)
    pause(lab)


def test_learning_rate_and_batch_size_act_while_it_trains(lab):
    start(lab)
    slider(lab, "learning rate").press("Home")
    slider(lab, "batch size").press("Home")
    until(lambda: "100 1e-05" in lab.ask_kernel(
        "print(panel.trainer.batch_size, panel.trainer.records[-1].learning_rate)"))
    pause(lab)


def test_step_and_reset(lab):
    press(lab, "Step")
    until(lambda: steps(lab) == 1)
    press(lab, "Step")
    until(lambda: steps(lab) == 2)
    press(lab, "Reset")
    until(lambda: steps(lab) == 0)
    lab.page.get_by_text("Not trained yet").wait_for()


def test_recipes_and_schedules_need_no_new_kernel(lab):
    start(lab)
    lab.page.get_by_label("recipe").select_option("the original recipe")
    until(lambda: lab.ask_kernel("print(panel.trainer.beta, len(panel.trainer.records))")
          == "9.8 0\n")
    lab.page.get_by_label("β's schedule").select_option("warm-up over the first third")
    until(lambda: lab.ask_kernel("print(callable(panel.trainer.beta))") == "True\n")
    start(lab)
    until(lambda: steps(lab) > 2)
    pause(lab)
    first = lab.ask_kernel(
        "print(panel.trainer.records[0].beta, panel.trainer.records[1].beta > 0)"
    )
    assert first == "0.0 True\n"


def test_two_notebooks_train_side_by_side(lab, server, browser, notebook):
    other = LabPage(browser, server)
    try:
        other.open(notebook("another.ipynb"))
        assert other.run_all()
        start(lab)
        start(other)
        slider(other, "β").press("Home")
        here, there = steps(lab), steps(other)
        until(lambda: steps(lab) > here + 5 and steps(other) > there + 5)
        betas = [page.ask_kernel("print(panel.trainer.records[-1].beta)") for page in (lab, other)]
        assert betas == ["1.0\n", "0.01\n"]
        pause(other)
        pause(lab)
        assert other.errors == []
    finally:
        other._context.close()


def test_closing_the_notebook_stops_the_work(server, browser, notebook):
    first = LabPage(browser, server)
    first.open(notebook("closed.ipynb"))
    assert first.run_all()
    first.ask_kernel("panel.controls['epochs'].value = 100")
    start(first)
    time.sleep(8)  # longer than PATIENCE: training continues while a page shows the panel
    assert "Training: step" in first.page.locator(".jp-OutputArea").inner_text()
    first._context.close()
    second = LabPage(browser, server)
    try:
        second.open("closed.ipynb")
        status = "print(panel._live._status.value)"
        until(lambda: "no page shows this" in second.ask_kernel(status))
        done = steps(second)
        time.sleep(0.5)
        assert steps(second) == done
    finally:
        second._context.close()
