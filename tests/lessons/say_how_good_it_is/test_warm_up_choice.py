"""Notebook 10: two trainings compared by seeds, the open task's worked example."""

import pytest
import torch

from vae_helpers import data
from vae_lessons.say_how_good_it_is import lab, study, summaries

stats = pytest.importorskip("scipy.stats")
SMALL = {"latent": 2, "hidden": [8], "batch_size": 1000, "learning_rate": 2e-3}


def test_the_two_trainings_differ_in_their_beta_alone():
    first, second = (study.choice_trainer(3, warm_up, **SMALL) for warm_up in (2, 0))
    betas = [first.beta(step) for step in (0, 55, 110, 500)]
    assert betas == [0, 0.5, 1, 1] and second.beta == 1.0  # 55 steps an epoch
    for one, other in zip(first.model.parameters(), second.model.parameters()):
        assert torch.equal(one, other)
    assert first.seed == second.seed and first.learning_rate == second.learning_rate


def test_the_differences_are_those_of_the_bounds_on_the_same_pixels(monkeypatch):
    kept = []

    def train(kind, trainer, epochs):
        assert kind == "dynamic" and epochs == 1
        kept.append(trainer.model)
        return trainer.model.eval()

    monkeypatch.setattr(lab, "train_on", train)
    monkeypatch.setattr(study, "choice_trainer", lambda seed, warm_up, **settings: (
        study.dense_trainer(seed + warm_up, **settings)))
    found = study.run_choice(1, warm_ups=[1, 0], epochs=1, images=30, draws=4, **SMALL)
    for name in ("validation", "test"):
        shown = lab.binarized(getattr(data.load_mnist(), f"{name}_images")[:30], seed=0)
        first, second = (study.measure(model, shown, [4])[4] for model in kept)
        assert found[name] == pytest.approx(lab.mean_of(first - second))
        if name == "validation":
            assert found["levels"] == pytest.approx([-first.mean().item(), -second.mean().item()])


def test_the_interval_over_seeds_is_student_s():
    assert summaries.STUDENT == pytest.approx(stats.t.ppf(0.975, 4), abs=5e-4)
    for part in ("validation", "test"):
        means = summaries.choice(part)[:, 0]
        low, high = stats.t.interval(0.95, 4, means.mean(), stats.sem(means))
        mean, half_width = summaries.choice_over_seeds(part)
        assert (mean - half_width, mean + half_width) == pytest.approx((low, high), rel=1e-3)


def test_the_levels_differ_by_the_mean_paired_difference():
    with_warm_up, without = summaries.choice_levels()
    assert without - with_warm_up == pytest.approx(summaries.choice("validation")[:, 0], abs=1e-4)
