"""Checks: right answers pass, mistakes are diagnosed, and no answer does damage."""

import threading
import time

import numpy as np
import pytest
import torch

from vae_helpers.check.exercise import Exercise, Mistake, verdicts
from vae_helpers.check.runner import run
from vae_lessons.start_here import checks

PIXELS_RIGHT = [
    lambda images: images.flatten(1) / 255,
    lambda images: images.reshape(len(images), -1).float() / 255,
    lambda images: images.view(-1, 784).to(torch.float64).div(255),
    lambda images: torch.stack([image.ravel() / 255 for image in images]),
    lambda images: images.float().mul_(1 / 255).flatten(start_dim=1),
]

PIXELS_WRONG = [
    (lambda images: images.reshape(-1, 784).double(), "still run from 0 to 255"),
    (lambda images: images / 255, "still 28 by 28"),
    (lambda images: images, "unchanged"),
    (lambda images: images.reshape(len(images), 784) / 256.0, "divided by 256"),
    (lambda images: (images / 255).long().reshape(len(images), -1), "whole-number arithmetic"),
    (lambda images: images.reshape(-1) / 255, "ran together"),
    (lambda images: images.mT.reshape(len(images), -1) / 255, "mirrored"),
    (lambda images: (255 - images.float()).flatten(1) / 255, "negative"),
    (lambda images: images.flatten(1) / 255 * 2 - 1, "from −1 to 1"),
    (lambda images: images.flatten(1) / images.max(), "the batch's own maximum"),
    (lambda images: -(images.flatten(1) / 255), "sign is flipped"),
    (lambda images: images.flatten(1) / 100, "2.55 times the right one"),
    (lambda images: (images.flatten(1) / 255).sqrt(), "the largest difference is"),
    (lambda images: images.flatten(1)[:, :-1] / 255, "[3, 784] is expected"),
    (lambda images: images.flatten(1) / 0, "NaN or infinite"),
    (lambda images: (images.flatten(1) / 255).numpy(), "returned ndarray"),
    (lambda images: images.reshape(784, -1).T / 255, "different images are mixed"),
    (lambda images: images.flatten(1) / images.amax((1, 2))[:, None], "its own maximum"),
    (lambda images: torch.zeros(len(images), 784), "Every value is zero"),
    (lambda images: (images.flatten(1) / 255).to_sparse(), "torch.sparse_coo"),
    (lambda images: (images.flatten(1) / 255).to("meta"), "on meta"),
    (lambda images: (images.flatten(1) / 255) + 0j, "torch.complex64"),
    (lambda images: None, "is its return missing"),
    (lambda images: images.nonsense(), "AttributeError"),
    (lambda: None, "TypeError"),
    (torch.zeros(3, 784), "A function is expected; this is a value of type Tensor"),
]


@pytest.mark.parametrize("answer", PIXELS_RIGHT)
def test_right_answers_pass_however_written(answer):
    result = checks.pixels.judge(answer)
    assert result.state == "passed" and result.passed, result.diagnosis


@pytest.mark.parametrize("answer, words", PIXELS_WRONG)
def test_wrong_answers_are_named(answer, words):
    result = checks.pixels.judge(answer)
    assert result.state == "failed" and not result.passed
    assert words in result.diagnosis


@pytest.mark.parametrize("answer", [..., lambda images: ...])
def test_a_stub_is_unanswered(answer):
    result = checks.pixels.judge(answer)
    assert result.state == "unanswered" and not result.passed


def test_the_output_never_changes():
    first, second = (checks.pixels.judge(PIXELS_WRONG[12][0]) for _ in range(2))
    assert repr(first) == repr(second)
    assert first._repr_html_() == second._repr_html_()


def test_the_rich_display_escapes_what_the_learner_wrote():
    def answer(images):
        raise ValueError("<script>")

    assert "<script>" not in checks.pixels.judge(answer)._repr_html_()


def test_an_answer_that_changes_its_input_cannot_fool_the_check():
    def answer(images):
        images.zero_()
        return images.flatten(1) / 255

    assert checks.pixels.judge(answer).state == "failed"


def test_random_answers_are_the_same_every_time():
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    values = [run(lambda: torch.rand(1).item(), ()).value for _ in range(3)]
    assert len(set(values)) == 1
    assert torch.equal(torch.rand(1), expected), "the global generator was disturbed"


def test_hints_are_graded(capsys):
    checks.pixels.hint(1)
    checks.pixels.hint(3)
    assert capsys.readouterr().out.count("of 3:") == 2
    with pytest.raises(ValueError, match="hints 1 to 3"):
        checks.pixels.hint(4)


def test_an_endless_loop_is_stopped():
    def endless():
        while True:
            pass

    start = time.monotonic()
    outcome = run(endless, (), time_limit=0.3)
    assert "did not finish within 0.3 seconds" in outcome.trouble
    assert "could not be stopped" not in outcome.trouble
    assert time.monotonic() - start < 10
    assert not [t for t in threading.enumerate() if t.name == "answer"]


def test_a_loop_that_swallows_the_stop_is_abandoned(monkeypatch):
    monkeypatch.setattr("vae_helpers.check.runner.GRACE", 0.2)
    release = threading.Event()

    def stubborn():
        while not release.is_set():
            try:
                time.sleep(0.01)
            except BaseException:
                pass

    outcome = run(stubborn, (), time_limit=0.2)
    assert "could not be stopped" in outcome.trouble
    release.set()


def test_an_interrupt_in_the_answer_is_reported():
    def answer():
        raise SystemExit("bye")

    assert "SystemExit: bye" in run(answer, ()).trouble


def test_a_mistake_must_fit_every_case():
    """A mistake is diagnosed only if its results match on every input."""
    exercise = Exercise(
        "double",
        lambda x: 2 * x,
        lambda: [(torch.tensor([2.0]),), (torch.tensor([3.0]),)],
        [Mistake(lambda x: x**2, "squared")],
        ["twice"],
    )
    assert exercise.judge(lambda x: x**2).diagnosis == "squared"
    assert exercise.judge(lambda x: x + 2).diagnosis != "squared"
    assert exercise.judge(lambda x: x + x).passed
    assert not exercise.judge(lambda x: np.asarray(x) * 2).passed


def test_the_notebook_goes_on_with_the_learners_function_if_it_passed(capsys):
    def mine(images):
        return images.flatten(1) / 255

    ours = checks.pixels(lambda images: images)
    assert ours is not mine and "ours until yours passes" in capsys.readouterr().out
    assert "yours" not in repr(checks.pixels.judge(mine)), "nothing is handed on"
    assert checks.pixels(mine) is mine
    assert "check pixels: passed" in capsys.readouterr().out
    assert checks.pixels(lambda images: ...) is ours
    assert checks.pixels(ours) is ours, "what a check handed out is no answer"
    assert verdicts["pixels"].state == "unanswered"
