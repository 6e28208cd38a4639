"""Folders of runs are named, listed and cleared, and nothing else is deleted."""

import os
import sys

import pytest

from vae_helpers import files, runs


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv(files.CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def fill(path, size=3):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    return path


def test_runs_are_named_listed_and_cleared(cache):
    assert runs.stored("04_live") == {}
    runs.clear("04_live")
    first = runs.new("04_live", "cured")
    assert first == cache / "runs" / "04_live" / "cured" == runs.new("04_live", "cured")
    fill(first / "events", 10), fill(first / "deep" / "file", 5)
    os.utime(first, (0, 0))
    fill(runs.new("04_live", "cured") / "events", 7)
    fill(cache / "runs" / "04_live" / "long.ckpt", 2)
    os.utime(cache / "runs" / "04_live" / "cured-2", (1, 1))
    assert runs.new("04_live", "cured").name == "cured-3"
    found = runs.stored("04_live")
    assert list(found.items()) == [("cured", 15), ("cured-2", 7), ("long.ckpt", 2)]
    others = [fill(cache / "runs" / "04_live2" / "run"), fill(cache / "data")]
    runs.clear("04_live")
    assert runs.stored("04_live") == {} and all(path.exists() for path in others)


@pytest.mark.parametrize("name", [
    "../x", "..", ".", "", "a/b", "a\\b", "/tmp", "C:", "C:\\x", ".hidden", "a/../../x",
    "x\n", "~", 5, None,
])
def test_nothing_is_cleared_under_a_strange_name(name, cache):
    kept = [fill(cache / "x" / "file"), fill(cache / "runs" / "a" / "b"), fill(cache / "file")]
    for use in (
        runs.clear, runs.stored, runs.folder,
        lambda name: runs.new(name, "run"), lambda name: runs.new("a", name),
    ):
        with pytest.raises(ValueError, match="must be a plain name"):
            use(name)
    assert all(path.exists() for path in kept)


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_links_are_not_followed(cache, tmp_path):
    kept = fill(tmp_path / "outside" / "file")
    fill(cache / "runs" / "a" / "run" / "events")
    (cache / "runs" / "a" / "run" / "link").symlink_to(kept.parent)
    (cache / "runs" / "b").symlink_to(kept.parent)
    runs.clear("a")
    assert not (cache / "runs" / "a").exists()
    with pytest.raises(runs.RunsError, match="could not be deleted"):
        runs.clear("b")
    assert kept.exists()
