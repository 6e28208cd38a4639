"""The cache folder and atomic writes."""

import pytest

from vae_helpers import files


def test_the_cache_can_be_moved(monkeypatch, tmp_path):
    monkeypatch.setenv(files.CACHE_VARIABLE, str(tmp_path))
    assert files.cache_dir() == tmp_path
    monkeypatch.delenv(files.CACHE_VARIABLE)
    assert files.cache_dir().name == "vae_helpers"


def test_a_write_appears_whole(tmp_path):
    path = tmp_path / "new" / "file"
    with files.atomic_write(path) as file:
        file.write(b"half")
        assert not path.exists()
        file.write(b" and half")
    assert path.read_bytes() == b"half and half"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


@pytest.mark.parametrize("trouble", [OSError, KeyboardInterrupt])
def test_an_interrupted_write_leaves_the_old_file(tmp_path, trouble):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(trouble), files.atomic_write(path) as file:
        file.write(b"new, but")
        raise trouble
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
