"""Stored models: rounding, atomic writing, damaged files, and files that hold other objects."""

import copy
import json

import pytest
import store
import torch

from vae_helpers import models, results
from vae_helpers.study import Study
from vae_lessons.choose_a_log_variance.lab import SigmaVAE
from vae_lessons.choose_a_log_variance.study import SIGMA_VAE
from vae_lessons.meet_kl_collapse.lab import LinearVAE
from vae_lessons.train_in_two_stages import lab


class Learners(models.VAE):
    """A subclass without its own constructor."""


def a_model(seed):
    return models.VAE(2, hidden=(4,), pixels=9, seed=seed)


def with_models(seed, *, kept):
    """A study that stores a model for one seed."""
    found = {"seed": seed}
    return found | ({"models": {"a": a_model(seed)}} if seed == kept else {})


@pytest.fixture
def folder(lesson):
    lesson.has(small=Study("Models?", with_models, None, {"kept": 2}, range(1, 4)))
    store.remake(store.studies())
    return lesson.folder


def test_a_model_comes_back_as_it_was_but_for_rounding(folder):
    again = results.load_model("small", "a", a_model(0))
    assert not again.training
    for name, tensor in a_model(2).state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor.half().float())
    assert [path.name for path in (folder / "small").iterdir()] == ["a.pt"]


def test_the_numbers_name_the_models_and_hold_none(folder):
    runs = results.load("small")["runs"]
    described = {"class": "VAE", "latent": 2, "hidden": [4], "pixels": 9}
    layers = {"layers": "Sequential, Linear, ReLU, Linear, Sequential, Linear, ReLU, Linear"}
    assert runs["2"].keys() == {"seed", "versions", "models"}
    assert runs["2"]["models"] == {"a": described | layers}
    assert runs["1"].keys() == {"seed", "versions"}
    assert json.loads((folder / "small.json").read_text())["runs"] == runs


def test_a_lost_model_is_made_again(folder):
    (folder / "small" / "a.pt").unlink()
    with pytest.raises(results.ResultsError, match="python tools/store.py small"):
        results.load_model("small", "a", a_model(0))
    assert store.state("small", *store.studies()["small"]).startswith("small: 2 of 3 seeds stored")
    store.remake(store.studies())
    results.load_model("small", "a", a_model(0))


@pytest.mark.parametrize("damage", [
    lambda whole: whole[:100],
    lambda whole: whole[:-20],
    lambda whole: b"",
    lambda whole: b"not a model",
])
def test_a_damaged_model_is_named(folder, damage):
    path = folder / "small" / "a.pt"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(results.ResultsError, match="is damaged, or holds other parameters"):
        results.load_model("small", "a", a_model(0))


def test_a_flipped_bit_is_named_or_changes_nothing(folder):
    path = folder / "small" / "a.pt"
    whole, good = path.read_bytes(), results.load_model("small", "a", a_model(0)).state_dict()
    named = 0
    for position in range(0, len(whole), len(whole) // 150):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1:])
        try:
            found = results.load_model("small", "a", a_model(0)).state_dict()
        except results.ResultsError:
            named += 1
        else:  # padding between the parts has no meaning
            assert all(torch.equal(found[name], good[name]) for name in good), position
    assert named > 20


@pytest.mark.parametrize("other, message", [
    (models.VAE(3, hidden=(4,), pixels=9, seed=0), "latent is 2 in the file and 3 here"),
    (lab.Autoencoder(2, (4,), 9, seed=0), "class is VAE in the file and Autoencoder here"),
    (Learners(2, hidden=(4,), pixels=9, seed=0), "class is VAE in the file and Learners here"),
    (models.dense([2, 4, 9]), "class is VAE in the file and Sequential here"),
])
def test_another_model_is_not_loaded(folder, other, message):
    before = copy.deepcopy(other.state_dict())
    with pytest.raises(results.ResultsError, match=f"holds another model: {message}"):
        results.load_model("small", "a", other)
    assert all(torch.equal(before[name], tensor) for name, tensor in other.state_dict().items())


def test_a_model_that_was_never_kept_is_named(folder):
    with pytest.raises(results.ResultsError, match=r"small has no model 'b', only \['a'\]"):
        results.load_model("small", "b", a_model(0))


AVERAGE, SIGMAS = torch.zeros(784), SIGMA_VAE.settings


@pytest.mark.parametrize("study, key, other, difference", [
    ("linear_vae", "1", LinearVAE(80, AVERAGE, noise_variance=4.0, seed=0),
     "noise_variance is 1.0 in the file and 4.0 here"),
    ("sigma_vae", "learned",
     SigmaVAE(SIGMAS["latent"], SIGMAS["hidden"], noise=0.0, learned=False, seed=0),
     "learned is True in the file and False here"),
    ("sigma_vae", "optimal",
     lab.LearnedScaleVAE(SIGMAS["latent"], SIGMAS["hidden"], codes=True, seed=0),
     "codes is False in the file and True here"),
    ("burda_1", "1", models.VAE(50, (200, 200), seed=0),
     "class is BurdaVAE in the file and VAE here"),
    ("latent_tour", "classifier", models.dense([784, 256, 64, 10], torch.nn.Tanh),
     "layers is Linear, ReLU, .* in the file and Linear, Tanh"),
])
def test_a_stored_model_is_not_loaded_into_one_that_computes_something_else(
        study, key, other, difference):
    """Their parameters have the names and shapes of the stored ones."""
    with pytest.raises(results.ResultsError, match=difference):
        results.load_model(study, key, other)


def test_every_stored_model_is_described():
    described = {(name, key): of for name in store.studies()
                 for run in results.load(name)["runs"].values()
                 for key, of in run.get("models", {}).items()}
    stored = {
        (path.parent.name, path.stem) for path in results.lessons_folder().glob("*/results/*/*.pt")
    }
    assert set(described) == stored - {(f"burda_{draws}", "longer") for draws in (1, 5)}
    assert all(of["class"] and "layers" in of for of in described.values())


class Harmful:
    def __reduce__(self):
        return print, ("run",)


def test_code_in_a_model_s_file_is_not_run(folder, capsys):
    torch.save({"weight": Harmful()}, folder / "small" / "a.pt")
    with pytest.raises(results.ResultsError):
        results.load_model("small", "a", a_model(0))
    assert "run\n" not in capsys.readouterr().out


def test_a_model_that_cannot_be_written_leaves_the_old_one(folder, monkeypatch):
    before = (folder / "small" / "a.pt").read_bytes()

    def torn(_state, file):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", torn)
    with pytest.raises(OSError, match="disk full"):
        store._save_model(folder / "small" / "a.pt", a_model(3))
    assert (folder / "small" / "a.pt").read_bytes() == before
    assert len(list((folder / "small").iterdir())) == 1
