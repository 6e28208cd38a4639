"""Notebook 09: a direction found by contrast, the open task's worked example."""

import pytest
import torch

from vae_helpers import evaluation, models
from vae_lessons.tour_the_latent_space import contrast, lab, summaries


def rectangle(height, width, top=4, left=4):
    picture = torch.zeros(28, 28)
    picture[top : top + height, left : left + width] = 1
    return picture


def test_the_breadth_of_pictures_made_by_hand():
    """The variance of the numbers 1 to n is (n² − 1) / 12."""
    pictures = torch.stack([rectangle(20, 10), rectangle(10, 20), rectangle(6, 6, top=0)])
    expected = [(99 / 399) ** 0.5, (399 / 99) ** 0.5, 1]
    assert contrast.breadth(pictures).tolist() == pytest.approx(expected, rel=1e-4)


def test_a_slant_place_or_darkness_does_not_change_the_breadth():
    upright, leaning = rectangle(9, 5, top=9), torch.zeros(28, 28)
    for row in range(9, 18):
        leaning[row, 20 - row : 25 - row] = 1  # one pixel to the left in each row below
    pictures = torch.stack([upright, leaning, 0.3 * upright, upright.roll(7, 1)])
    assert lab.slant(pictures).tolist() == pytest.approx([0, 1, 0, 0], abs=1e-5)
    found = contrast.breadth(pictures)
    torch.testing.assert_close(found, found[:1].expand(4), rtol=1e-4, atol=0)


def test_a_contrast_finds_the_direction_that_the_values_follow_within_labels():
    generator = torch.Generator().manual_seed(0)
    codes, labels = torch.randn(4000, 3, generator=generator), torch.arange(4000) % 4
    values = codes @ torch.tensor([0.6, 0.8, 0.0]) + 0.1 * torch.randn(4000, generator=generator)
    shifted = codes + labels[:, None] * torch.tensor([0.0, 0.0, 5.0])
    found = contrast.contrast(shifted, values + 5 * labels, labels)
    assert found.norm().item() == pytest.approx(1)
    torch.testing.assert_close(found, torch.tensor([0.6, 0.8, 0.0]), atol=0.06, rtol=0)


@pytest.fixture
def effect():
    model = models.VAE(3, hidden=(8,), seed=0)
    codes = torch.randn(20, 3, generator=torch.Generator().manual_seed(1))

    def classifier(x):  # by the darkness of the upper half, which nearly any move changes
        upper = x[:, :392].mean(1)
        return torch.stack([upper - 0.5, 0.5 - upper], 1)

    return contrast.Effect(model, classifier, codes, 0.0)


def test_a_move_of_nothing_changes_nothing(effect):
    found = effect(torch.zeros(3))
    assert found == {"score": 1, "kept": 1, "breadth": 0, "slant": 0, "stroke_width": 0}


def test_what_a_move_does_is_measured_on_the_decoded_pictures(effect):
    direction = torch.tensor([0.0, 1.0, 0.0])
    before, after = (evaluation.decode(effect._model, codes).reshape(-1, 28, 28)
                     for codes in (effect._codes, effect._codes + contrast.STEP * direction))
    found = effect(direction)
    grown = contrast.breadth(after) - contrast.breadth(before)
    kept = (after[:, :14].mean((1, 2)) > 0.5) == (before[:, :14].mean((1, 2)) > 0.5)
    assert found["breadth"] == pytest.approx(grown.mean().item(), abs=1e-6)
    assert found["score"] == pytest.approx(((grown >= 0) & kept).float().mean().item())
    assert found["kept"] == pytest.approx(kept.float().mean().item())


def test_the_figure_shows_what_is_stored():
    tour = summaries.Tour()
    live = {kind: {"score": 0.25} for kind in contrast.KINDS}
    found = tour.contrasts(live)
    stored, = found["stored"].values()
    assert list(stored) == list(contrast.KINDS.values())
    assert stored[contrast.KINDS["latent"]] == tour.moved("latent", "score").tolist()
    assert all(len(values) == 10 for values in stored.values())
