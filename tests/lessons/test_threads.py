"""Studies and checks compute on one thread and restore PyTorch's number of threads."""

import types

import pytest
import store
import torch

from vae_helpers import data, models, threads, training
from vae_helpers.study import Study, on_one_thread
from vae_lessons.choose_a_log_variance.lab import fit_scale
from vae_lessons.train_in_two_stages import lab, realism, study

STUDIES = store.studies()


@pytest.fixture
def two_threads():
    with threads.one_thread():  # to restore the number afterwards
        torch.set_num_threads(2)
        yield
        assert torch.get_num_threads() == 2, "the number of threads was not put back"


@pytest.fixture
def seen(monkeypatch):
    """The numbers of threads during the steps of Adam and SGD."""
    numbers = []
    for kind in (torch.optim.Adam, torch.optim.SGD):
        step = kind.step
        monkeypatch.setattr(kind, "step", lambda self, closure=None, step=step: (
            numbers.append(torch.get_num_threads()), step(self, closure))[1])
    return numbers


def test_one_thread_puts_the_number_back_after_an_error_too(two_threads):
    with pytest.raises(RuntimeError, match="within"):
        with threads.one_thread():
            assert torch.get_num_threads() == 1
            raise RuntimeError("within")
    with threads.one_thread(wanted=False):
        assert torch.get_num_threads() == 2


def flushes():
    """Whether denormal numbers are treated as 0."""
    return (torch.tensor([1e-39]) * 1).item() == 0


def test_tiny_numbers_count_as_zero_in_a_step_and_nowhere_else(monkeypatch):
    within, step = [], torch.optim.Adam.step
    monkeypatch.setattr(torch.optim.Adam, "step", lambda self: (within.append(flushes()),
                                                                step(self)))
    trainer = training.Trainer(
        models.VAE(2, (4,), seed=0), data.load_mnist().train_images[:128], seed=0)
    for before in (False, True):
        torch.set_flush_denormal(before)
        try:
            trainer.step()
            assert flushes() == before
        finally:
            torch.set_flush_denormal(False)
    assert within == [True, True]


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_s_trainer_steps_on_one_thread(name, two_threads, seen):
    study, _ = STUDIES[name]
    trainer = study.trainer(1, **study.settings)
    for _ in range(2):
        trainer.step()
    assert seen == [1, 1]


def test_a_study_runs_on_one_thread(two_threads):
    study = Study("How many?", lambda seed: {"threads": torch.get_num_threads()}, None, {})
    assert store._seeded("small", study, 3)[2]["threads"] == 1


def test_a_learner_s_trainer_takes_the_threads_there_are(two_threads, seen):
    trainer = training.Trainer(
        models.VAE(2, (4,), seed=0), data.load_mnist().train_images[:128], seed=0)
    training.train(trainer, 1)
    trainer.on_one_thread = True
    training.train(trainer, 2)
    assert seen == [2, 1]


def test_a_step_that_diverges_puts_the_number_back(two_threads):
    trainer = on_one_thread(training.Trainer(
        models.VAE(2, (4,), seed=0), data.load_mnist().train_images[:128], seed=0))
    with torch.no_grad():
        trainer.model.encoder[-1].bias.fill_(torch.inf)
    with pytest.raises(training.TrainingDiverged):
        trainer.step()


def test_the_second_stage_and_its_codes_are_made_on_one_thread(two_threads, seen, monkeypatch):
    settings = study.TWO_STAGE.settings
    first = lab.first_trainer(1, **settings).model
    encode, coding = first.encode, []
    monkeypatch.setattr(
        first, "encode", lambda x: (coding.append(torch.get_num_threads()), encode(x))[1])
    second, _ = lab.second_trainer(first, 1, **settings)
    second.step()
    assert set(coding) == {1} and seen == [1]


def test_the_judge_of_pictures_is_trained_on_one_thread(two_threads, seen, monkeypatch):
    digits = data.load_mnist()
    few = types.SimpleNamespace(
        train_images=digits.train_images[:200], train_labels=digits.train_labels[:200])
    monkeypatch.setattr(data, "load_mnist", lambda: few)
    realism.make_classifier(**study.TWO_STAGE.settings["classifier"])
    assert set(seen) == {1}


def test_small_networks_of_scales_are_fitted_on_one_thread(two_threads, seen):
    fit_scale("variance", decades=0.5, scale=1.0, count=20, steps=2, seed=0,
                         optimizer="SGD", learning_rate=1e-2, batch_size=10)
    assert seen == [1, 1]
