"""Real MNIST offline: what is loaded, and what happens to damaged files."""

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

import pytest
import torch

from vae_helpers import data, files

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte",
         "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def test_the_seventy_thousand_digits():
    digits = data.load_mnist()
    assert digits.train_images.shape == (55000, 28, 28)
    assert digits.validation_images.shape == (5000, 28, 28)
    assert digits.test_images.shape == (10000, 28, 28)
    assert digits.train_images.dtype == digits.test_images.dtype == torch.uint8
    assert digits.train_labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert torch.bincount(digits.test_labels).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009
    ]


def test_all_calls_share_one_copy():
    first, second = data.load_mnist(), data.load_mnist()
    assert all(one.data_ptr() == other.data_ptr() for one, other in zip(first, second))
    assert data.load_mnist(7).train_images.data_ptr() == first.train_images.data_ptr()


def test_the_validation_digits_are_the_training_file_s_last():
    whole = data.load_mnist(validation=0)
    assert whole.train_images.shape == (60000, 28, 28) and len(whole.validation_images) == 0
    digits = data.load_mnist()
    for kind in ("images", "labels"):
        train, validation, test, everything = (
            getattr(one, f"{part}_{kind}") for one, part in
            ((digits, "train"), (digits, "validation"), (digits, "test"), (whole, "train")))
        assert torch.equal(torch.cat([train, validation]), everything)
        assert len(test) == 10_000


@pytest.mark.parametrize("count", [-1, 60_000, 2.5, True])
def test_a_wrong_count_of_validation_digits_is_named(count):
    with pytest.raises(ValueError, match="validation must be a whole number from 0 to 59999"):
        data.load_mnist(validation=count)


def test_packaged_files_have_the_listed_checksums():
    listed = dict(reversed(line.split()) for line in
                  (data.PACKAGED / "SHA256SUMS").read_text().splitlines())
    for name in NAMES:
        packed = (data.PACKAGED / f"{name}.gz").read_bytes()
        assert hashlib.sha256(packed).hexdigest() == listed[f"{name}.gz"]
        assert hashlib.sha256(gzip.decompress(packed)).hexdigest() == listed[name]


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty", "not gzip", "another", "remove"])
@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_packaged_file_is_named(monkeypatch, tmp_path, name, damage):
    packaged = tmp_path / "packaged"
    shutil.copytree(data.PACKAGED, packaged)
    monkeypatch.setattr(data, "PACKAGED", packaged)
    _damage(packaged / f"{name}.gz", damage)
    with pytest.raises(data.MNISTError, match=f"{name}.gz is missing or damaged"):
        data.load_mnist()


def test_no_file_is_left(tmp_path, monkeypatch):
    """The home is not used, and what was unzipped in the temporary folder is gone."""
    monkeypatch.setenv(files.CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    data._read.cache_clear()
    data.load_mnist()
    assert not list(tmp_path.iterdir())


def test_a_full_temporary_folder_says_what_to_do(tmp_path):
    """A limit on file sizes simulates a full disk: the write fails half-way."""
    pytest.importorskip("resource")
    code = (
        "import resource, signal; from vae_helpers import data\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5_000_000, 5_000_000))\n"
        "data.load_mnist()"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                         env=os.environ | {"TMPDIR": str(tmp_path)})
    assert "MNISTError: MNIST could not be unzipped" in run.stderr and "TMPDIR" in run.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name, packed, field", [
    ("train-images.idx3-ubyte", "train-images-idx3-ubyte.gz", "train_images"),
    ("train-labels-idx1-ubyte.gz", "train-labels-idx1-ubyte.gz", "train_labels"),
    ("t10k-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz", "test_images"),
    ("labels", "t10k-labels-idx1-ubyte.gz", "test_labels"),
])
def test_the_notice_says_how_to_read_other_files(tmp_path, name, packed, field):
    notice, scope = (data.PACKAGED / "README.md").read_text(encoding="utf-8"), {}
    exec(notice.split("```python\n")[1].split("```")[0], scope)
    content = (data.PACKAGED / packed).read_bytes()
    (tmp_path / name).write_bytes(content if name.endswith(".gz") else gzip.decompress(content))
    found = scope["read_idx"](tmp_path / name)
    assert found.dtype == torch.uint8
    assert torch.equal(found.long(), getattr(data.load_mnist(validation=0), field).long())


def test_nothing_is_ever_downloaded(monkeypatch):
    def refuse(*_arguments, **_keywords):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr("socket.socket", refuse)
    data._read.cache_clear()
    data.load_mnist()


def test_pixels_are_rows_from_zero_to_one():
    images = torch.tensor([[[0, 255], [51, 102]]], dtype=torch.uint8)  # [1, 2, 2]
    assert data.pixels(images).tolist() == [[0, 1, pytest.approx(0.2), pytest.approx(0.4)]]
    for wrong in (torch.rand(1, 28, 28), images[0], images.numpy(), [[0]]):
        with pytest.raises(TypeError, match=r"torch.uint8 tensor \[n, 28, 28\], got"):
            data.pixels(wrong)


def test_minibatches_visit_every_index_once():
    batches = data.minibatches(55, 8, torch.Generator().manual_seed(1))
    assert [len(batch) for batch in batches] == [8] * 6 + [7]
    assert sorted(torch.cat(batches).tolist()) == list(range(55))


def _damage(path, kind):
    if kind == "remove":
        path.unlink()
        return
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes({
        "truncate": lambda: content[:middle],
        "flip": lambda: content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1:],
        "empty": lambda: b"",
        "not gzip": lambda: b"<html>403 Forbidden</html>",
        "another": lambda: gzip.compress(gzip.decompress(content)[::-1], 1),
    }[kind]())
