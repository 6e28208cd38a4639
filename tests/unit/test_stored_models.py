"""Models beside the evidence: rounded, whole or not there, and never more than tensors."""

import json

import pytest
import torch

from vae_helpers import evidence, models
from vae_helpers.studies.base import Study


def a_model(seed):
    return models.VAE(2, hidden=(4,), pixels=9, seed=seed)


def with_models(seed, *, kept):
    """A study that keeps a model for one seed."""
    found = {"seed": seed}
    return found | ({"models": {"a": a_model(seed).state_dict()}} if seed == kept else {})


@pytest.fixture
def folder(monkeypatch, tmp_path):
    study = Study("Models?", with_models, None, {"kept": 2}, range(1, 4))
    monkeypatch.setattr(evidence, "FOLDER", tmp_path)
    monkeypatch.setattr(evidence, "STUDIES", {"small": study})
    evidence.remake("small")
    return tmp_path


def test_a_model_comes_back_as_it_was_but_for_rounding(folder):
    again = evidence.load_model("small", "a", a_model(0))
    assert not again.training
    for name, tensor in a_model(2).state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor.half().float())
    assert [path.name for path in (folder / "small").iterdir()] == ["a.pt"]


def test_the_numbers_name_the_models_and_hold_none(folder):
    runs = evidence.load("small")["runs"]
    assert runs["2"] == {"seed": 2, "models": ["a"]} and runs["1"] == {"seed": 1}
    assert json.loads((folder / "small.json").read_text())["runs"] == runs


def test_a_lost_model_is_made_again(folder):
    (folder / "small" / "a.pt").unlink()
    with pytest.raises(evidence.EvidenceError, match="python -m vae_helpers.evidence small"):
        evidence.load_model("small", "a", a_model(0))
    assert evidence.state("small").startswith("small: 2 of 3 seeds stored")
    evidence.remake("small")
    evidence.load_model("small", "a", a_model(0))


@pytest.mark.parametrize("damage", [
    lambda whole: whole[:100],
    lambda whole: whole[:-20],
    lambda whole: b"",
    lambda whole: b"not a model",
])
def test_a_damaged_model_is_named(folder, damage):
    path = folder / "small" / "a.pt"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(evidence.EvidenceError, match="is damaged, or holds another model"):
        evidence.load_model("small", "a", a_model(0))


def test_a_flipped_bit_is_named_or_changes_nothing(folder):
    path = folder / "small" / "a.pt"
    whole, good = path.read_bytes(), evidence.load_model("small", "a", a_model(0)).state_dict()
    named = 0
    for position in range(0, len(whole), len(whole) // 150):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1:])
        try:
            found = evidence.load_model("small", "a", a_model(0)).state_dict()
        except evidence.EvidenceError:
            named += 1
        else:  # between the parts there are bytes that mean nothing
            assert all(torch.equal(found[name], good[name]) for name in good), position
    assert named > 20


def test_another_model_is_not_loaded(folder):
    with pytest.raises(evidence.EvidenceError, match="size mismatch"):
        evidence.load_model("small", "a", models.VAE(3, hidden=(4,), pixels=9, seed=0))


class Harmful:
    def __reduce__(self):
        return print, ("run",)


def test_code_in_a_model_s_file_is_not_run(folder, capsys):
    torch.save({"weight": Harmful()}, folder / "small" / "a.pt")
    with pytest.raises(evidence.EvidenceError):
        evidence.load_model("small", "a", a_model(0))
    assert "run\n" not in capsys.readouterr().out


def test_a_model_that_cannot_be_written_leaves_the_old_one(folder, monkeypatch):
    before = (folder / "small" / "a.pt").read_bytes()

    def torn(_state, file):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", torn)
    with pytest.raises(OSError, match="disk full"):
        evidence._save_model("small", "a", a_model(3).state_dict())
    assert (folder / "small" / "a.pt").read_bytes() == before
    assert len(list((folder / "small").iterdir())) == 1
