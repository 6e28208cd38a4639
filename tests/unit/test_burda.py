"""Notebook 10's long runs: what is kept on the way, and how they go on when interrupted."""

import pytest
import torch

from vae_helpers import bounds, data, evaluation, models
from vae_helpers.studies import burda


def make():
    images = data.load_mnist().train_images[:300]
    model = models.BurdaVAE(evaluation.mean_image(images).float(), 4, (10, 10), seed=0)
    return bounds.BoundTrainer(model, images, draws=2, batch_size=50, seed=0)


def kept(folder, epoch):
    return torch.load(folder / f"{epoch}.pt", weights_only=True)


def equal(ours, theirs):
    return all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_long_run_keeps_its_models_and_goes_on_from_its_checkpoint(tmp_path, one_thread):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    trainer = make()
    for epoch in (1, 2, 3):
        burda.train_to(trainer, epoch, whole)
    first = make()
    for epoch in (1, 2):
        burda.train_to(first, epoch, parts)
    again = make()  # as after an interruption: from the first epoch on once more
    for epoch in (1, 2, 3):
        burda.train_to(again, epoch, parts)
    assert again.records == trainer.records
    assert equal(kept(parts, 2), kept(whole, 2)) and equal(kept(parts, 3), kept(whole, 3))
    assert equal(kept(whole, 3), trainer.model.state_dict())
    assert not equal(kept(whole, 1), kept(whole, 2))


def test_an_epoch_passed_without_being_kept_is_refused(tmp_path, one_thread):
    burda.train_to(make(), 2, tmp_path)
    with pytest.raises(ValueError, match="past epoch 1"):
        burda.train_to(make(), 1, tmp_path)
