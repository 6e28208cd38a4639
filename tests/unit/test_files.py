"""The cache folder and atomic writes."""

import os
import stat

import pytest

from vae_helpers import files

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no modes and no user numbers")


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


@pytest.fixture
def no_home(monkeypatch, tmp_path):
    """The user's cache folder cannot be made; returns the temporary folder."""
    (tmp_path / "file").write_text("not a folder")
    usual = str(tmp_path / "file" / "x")
    monkeypatch.setattr(files.platformdirs, "user_cache_dir", lambda _: usual)
    monkeypatch.setattr(files.tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv(files.CACHE_VARIABLE, raising=False)
    files._usable.cache_clear()  # as in a new kernel
    return tmp_path


@posix
def test_without_a_home_the_cache_is_a_folder_of_this_user_alone(no_home, capsys):
    path = files.cache_dir()
    assert path == no_home / f"vae_helpers-{os.getuid()}"
    assert path.lstat().st_mode == stat.S_IFDIR | 0o700
    said = capsys.readouterr().err
    assert said == (
        f"The cache folder {no_home / 'file' / 'x'} cannot be used: Not a directory. Logs and "
        f"checkpoints go to {path}, which may be emptied when the computer restarts. To choose "
        f"another folder, set the environment variable {files.CACHE_VARIABLE} before you start "
        "Jupyter.\n")
    assert files.cache_dir() == path and not capsys.readouterr().err, "it is said once"
    files._usable.cache_clear()  # as in another kernel
    assert files.cache_dir() == path and capsys.readouterr().err == said


@posix
@pytest.mark.parametrize("planted", ["a link", "a file", "for all", "another user's"])
def test_a_folder_that_another_user_may_have_planted_is_not_used(no_home, planted, monkeypatch):
    elsewhere = no_home / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    if planted == "another user's":
        monkeypatch.setattr(files.os, "getuid", lambda: 12345)
    path = no_home / f"vae_helpers-{os.getuid()}"
    if planted == "a link":
        path.symlink_to(elsewhere)
    elif planted == "a file":
        path.write_text("")
    else:
        path.mkdir()
        path.chmod(0o777 if planted == "for all" else 0o700)
    found = files.cache_dir()
    assert found != path and found.parent == no_home
    assert found.lstat().st_mode == stat.S_IFDIR | 0o700
    assert not list(elsewhere.iterdir()) and (planted == "a file" or not list(path.iterdir()))


def test_without_a_temporary_folder_either_the_user_s_own_is_named(no_home, monkeypatch):
    monkeypatch.setattr(files.tempfile, "tempdir", str(no_home / "missing"))
    assert files.cache_dir() == no_home / "file" / "x"


def test_a_chosen_folder_is_never_replaced(no_home, monkeypatch, capsys):
    monkeypatch.setenv(files.CACHE_VARIABLE, str(no_home / "file" / "mine"))
    assert files.cache_dir() == no_home / "file" / "mine"
    assert not capsys.readouterr().err and len(list(no_home.iterdir())) == 1
