"""The check of the environment prints "ready", or what is wrong."""

from vae_helpers import files
from vae_lessons.start_here import lab


def test_a_good_machine_is_ready(capsys):
    lab.check_environment()
    printed = capsys.readouterr().out
    assert "55,000 training, 5,000 validation and 10,000 test digits" in printed
    assert printed.endswith("verdict      ready\n")


def test_an_unwritable_cache_is_named(capsys, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv(files.CACHE_VARIABLE, str(tmp_path / "file"))
    lab.check_environment()
    verdict = capsys.readouterr().out.splitlines()[-1]
    assert str(tmp_path / "file") in verdict and "ready" not in verdict
