"""Notebook 00: one image's pass through a VAE, the film of a training, and the training loop."""

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


class Recorder:
    """A substitute for a view, which records the frames that it should draw."""

    def __init__(self):
        self.drawn = []

    def draw(self, **frame):
        self.drawn.append(frame)


@pytest.fixture
def film(digits):
    return lab.Film(Recorder(), digits.test_images[:100], digits.test_labels[:100], data.pixels, 20)


def test_the_way_of_an_image_is_the_model_s(digits, model):
    x = data.pixels(digits.test_images[:1])
    way = lab.pass_through(model, x, seed=3)
    point = torch.tensor(way["point"])
    torch.testing.assert_close(
        torch.tensor(way["decoded"]).flatten(), evaluation.decode(model, point))
    mean, logvar = (part[0].detach() for part in model.encode(x))
    torch.testing.assert_close(torch.tensor(way["mean"]), mean)
    torch.testing.assert_close(torch.tensor(way["sd"]), logvar.exp().sqrt())
    assert (way["image"] * 255 == digits.test_images[0].numpy()).all()
    assert way["distortion"] > 400 and 0 <= way["rate"] < 1


def test_a_film_shows_and_keeps_a_few_moments_of_a_training(film, model):
    film.begin(model)
    for _step in range(20):
        film.step_done(model)
    assert list(film.frames) == [0, 10, 20]
    assert [frame["steps"][-1] for frame in film._view.drawn] == [0, 10, 20]
    assert film.frames[20]["steps"] == [0, 10, 20]
    assert film.frames[20]["neg_elbo"] == 3 * film.frames[0]["neg_elbo"], "the model is the same"


def test_a_look_carries_the_curve_on_and_is_not_kept(film, model):
    film.begin(model)
    later = film.look(model, 50, film.frames[0])
    assert later["steps"] == [0, 50] and later["total"] == 50 and film.frames[0]["total"] == 20
    assert list(film.frames) == [0]


def test_looking_leaves_the_model_as_it_was(film, model):
    before = copy.deepcopy(model.state_dict())
    model.train()
    film.begin(model)
    assert model.training and all(p.grad is None for p in model.parameters())
    assert all((before[key] == value).all() for key, value in model.state_dict().items())


def test_a_counted_function_is_a_trainer():
    calls = []
    trainer = lab.Counted(lambda: calls.append(1))
    assert [trainer.step().step for _time in range(3)] == [0, 1, 2]
    assert len(calls) == trainer.steps == 3


def test_endless_minibatches_begin_again_after_each_epoch():
    batches = lab.endless(data.minibatches, 10, 4, torch.Generator().manual_seed(0))
    sizes = [next(batches) for _time in range(6)]
    assert [len(batch) for batch in sizes] == [4, 4, 2, 4, 4, 2]
    assert sorted(torch.cat(sizes[:3]).tolist()) == list(range(10))


def test_the_nearest_image_of_an_image_is_itself(digits):
    some = digits.test_images[[7, 1500, 3]]
    found = lab.nearest_images(
        data.pixels(some).reshape(3, 28, 28), digits.test_images[:2000], data.pixels)
    assert (found == some).all()


def test_even_ranks_leave_the_outermost_out():
    place = torch.randperm(101, generator=torch.Generator().manual_seed(0)).double()
    assert place[lab.evenly(place, 4)].tolist() == [5, 35, 65, 95]


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
    """The training step in notebook 00 is the one of `Trainer`, which made the stored runs."""
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
