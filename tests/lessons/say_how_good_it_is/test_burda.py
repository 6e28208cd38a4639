"""Notebook 10's long runs: what is kept on the way, and how they go on when interrupted."""

import pytest
import torch

from vae_helpers import data, evaluation
from vae_lessons.say_how_good_it_is import lab, longer, study


def make():
    images = data.load_mnist().train_images[:300]
    model = lab.BurdaVAE(evaluation.mean_image(images).float(), 4, (10, 10), seed=0)
    return lab.BoundTrainer(model, images, draws=2, batch_size=50, seed=0)


def kept(folder, epoch):
    return torch.load(folder / f"{epoch}.pt", weights_only=True)


def equal(ours, theirs):
    return all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_long_run_keeps_its_models_and_goes_on_from_its_checkpoint(tmp_path, one_thread):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    trainer = make()
    for epoch in (1, 2, 3):
        study.train_to(trainer, epoch, whole)
    first = make()
    for epoch in (1, 2):
        study.train_to(first, epoch, parts)
    again = make()  # as after an interruption: from the first epoch on once more
    for epoch in (1, 2, 3):
        study.train_to(again, epoch, parts)
    assert again.records == trainer.records
    assert equal(kept(parts, 2), kept(whole, 2)) and equal(kept(parts, 3), kept(whole, 3))
    assert equal(kept(whole, 3), trainer.model.state_dict())
    assert not equal(kept(whole, 1), kept(whole, 2))


def test_an_epoch_passed_without_being_kept_is_refused(tmp_path, one_thread):
    study.train_to(make(), 2, tmp_path)
    with pytest.raises(ValueError, match="past epoch 1"):
        study.train_to(make(), 1, tmp_path)


def test_a_longer_run_that_was_stopped_ends_as_one_that_was_not(monkeypatch, tmp_path):
    """From the stored results of epoch 1,093, on 200 images."""
    few = data.load_mnist()._replace(train_images=data.load_mnist().train_images[:200])
    monkeypatch.setattr(longer.data, "load_mnist", lambda **_: few)
    ends = []
    for name, stops in (("stopped", (1094, 1096)), ("straight", (1096,))):
        places = [tmp_path / f"{name}, cached.pt", tmp_path / f"{name}, kept.pt"]
        monkeypatch.setattr(longer, "_places", lambda draws: places)
        for until in stops:
            longer.train_on(1, until, every=1)
        assert places[0].read_bytes() == places[1].read_bytes()
        ends.append(torch.load(places[1], weights_only=True))
    assert ends[0]["epoch"] == ends[1]["epoch"] == 1096
    for name, tensor in ends[0]["model"].items():
        assert torch.equal(tensor, ends[1]["model"][name])
