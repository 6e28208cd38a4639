"""Fixtures for several test files."""

from types import SimpleNamespace

import pytest
import store
import torch

from vae_helpers import results


@pytest.fixture
def one_thread():
    """Compute on one thread, for bitwise equality: several threads may add in another order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def lesson(monkeypatch, tmp_path):
    """A lesson with an empty results `folder`, whose studies are set by `has(name=study)`.

    During the test it is the only lesson.
    """
    folder = tmp_path / "a_lesson" / "results"
    folder.mkdir(parents=True)
    monkeypatch.setattr(results, "lessons_folder", lambda: tmp_path)

    def has(**studies):
        found = {name: (study, folder) for name, study in studies.items()}
        monkeypatch.setattr(store, "studies", lambda: found)

    return SimpleNamespace(folder=folder, has=has)
