"""One image's way through a VAE, the film of a training, and the loop that notebook 00 writes."""

import copy
from pathlib import Path

import nbformat
import pytest
import torch

from vae_helpers import data, evaluation, models, training
from vae_lessons.start_here import lab

NOTEBOOK = Path(__file__).resolve().parents[3] / "notebooks" / "00_start_here.ipynb"


@pytest.fixture(scope="module")
def digits():
    return data.load_mnist()


@pytest.fixture(scope="module")
def model():
    return models.VAE(2, (16,), seed=0)


@pytest.fixture
def film(digits):
    return lab.Film(data.pixels(digits.test_images[:100]), digits.test_labels[:100], 9)


def test_the_way_of_an_image_is_the_model_s(digits, model):
    x = data.pixels(digits.test_images[:1])
    way = lab.one_way(model, x, seed=3)
    point = torch.tensor(way["point"])
    torch.testing.assert_close(
        torch.tensor(way["decoded"]).flatten(), evaluation.decode(model, point))
    mean, logvar = (part[0].detach() for part in model.encode(x))
    torch.testing.assert_close(torch.tensor(way["mean"]), mean)
    torch.testing.assert_close(torch.tensor(way["sd"]), logvar.exp().sqrt())
    assert (way["image"] * 255 == digits.test_images[0].numpy()).all()
    assert way["distortion"] > 400 and 0 <= way["rate"] < 1


def test_a_film_carries_its_curve_on(film, model):
    first, second = film.take(model, 0), film.take(model, 5)
    assert second["steps"] == [0, 5] and second["neg_elbo"] == 2 * first["neg_elbo"]
    later = film.look(model, 20, second)
    assert later["steps"] == [0, 5, 20] and later["total"] == 20 and first["total"] == 9
    assert list(film.frames) == [0, 5], "a look keeps nothing"


def test_a_film_taken_again_forgets_the_first_take(film, model):
    for step in (0, 5, 9, 5):
        frame = film.take(model, step)
    assert frame["steps"] == [0, 5]


def test_looking_leaves_the_model_as_it_was(film, model):
    before = copy.deepcopy(model.state_dict())
    model.train()
    film.take(model, 0)
    assert model.training and all(p.grad is None for p in model.parameters())
    assert all((before[key] == value).all() for key, value in model.state_dict().items())


def test_a_frame_shows_the_first_image_of_each_digit(film, model, digits):
    frame = film.look(model, 0)
    labels = digits.test_labels.tolist()
    for digit, image in enumerate(frame["originals"]):
        assert (255 * image).round().tolist() == digits.test_images[labels.index(digit)].tolist()
    assert frame["codes"].shape == (100, 2) and frame["reconstructions"].shape == (10, 28, 28)


def test_strips_are_of_what_is_measured(digits, model):
    images, labels = digits.test_images[:1500], digits.test_labels[:1500]
    found = lab.measure(model, images, labels, data.pixels, seed=0)
    whole = evaluation.evaluate(model, images, seed=0)
    assert found["neg_elbo"] == pytest.approx(-whole.elbo, rel=1e-6)
    strips = lab.strips([found, found], found)
    assert strips["stored"].keys() == strips["live"].keys() == strips["scales"].keys()
    wide = lab.strips([{**found, "ones_width": 2.0}] * 4, {**found, "ones_width": 0.5})
    assert wide["title"].endswith("in 4 of 5 runs")
    assert [found["neg_elbo"]] * 2 in strips["stored"].values()
    assert 0 < found["rate"] < 1 and 0 <= found["slant_correlation"] <= 1


def test_the_step_on_the_page_is_the_trainer_s(digits):
    """Notebook 00 trains with its own few lines; the stored runs were trained by `Trainer`."""
    page = {"torch": torch}
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        if cell.source.startswith(("def train_step", "def minibatches")):
            exec(cell.source.split("\n\n")[0], page)
    images, settings = digits.train_images[:300], {"seed": 0}
    ours, theirs = (models.VAE(2, (16,), **settings) for _ in range(2))
    trainer = training.Trainer(theirs, images, batch_size=100, learning_rate=2e-3, seed=0)
    optimizer = torch.optim.Adam(ours.parameters(), lr=2e-3, fused=True)
    generator = torch.Generator().manual_seed(0)
    for _ in range(2):
        for batch in page["minibatches"](len(images), 100, generator):
            page["train_step"](ours, optimizer, data.pixels(images[batch]), generator)
            trainer.step()
    for mine, other in zip(ours.parameters(), theirs.parameters()):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-5)
