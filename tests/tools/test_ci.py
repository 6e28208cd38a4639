"""tools/ci.py: which steps it runs, and how it installs a browser. Needs no network."""

import os
import re
import subprocess
import sys
from pathlib import Path

import ci
import lab
import pytest

ROOT = Path(__file__).resolve().parents[2]
RUFF, SITE = ["-m", "ruff", "check", "--quiet"], ["tools/site_pages/build.py"]
HOSTED = ["tools/try_hosted.py"]
UNITS = ["-m", "pytest", "-n", "2", "--dist", "loadfile"]
BROWSER = [*UNITS, "tests/browser", ("CHROMIUM", "a browser")]
ALL = [RUFF, UNITS, RUFF, BROWSER, SITE]


@pytest.fixture
def two_cores(monkeypatch):
    monkeypatch.setattr(ci, "install_browser", lambda: "a browser")
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(lab, "memory", lambda: 8.0)


@pytest.mark.parametrize("cores, gigabytes, at_once", [
    (2, 24.6, "2"), (16, 64.0, "4"), (4, 8.2, "2"), (4, 2.0, "1"), (None, float("inf"), "1"),
])
def test_as_many_at_once_as_cores_and_memory_allow(monkeypatch, cores, gigabytes, at_once):
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    monkeypatch.setattr(lab, "memory", lambda: gigabytes)
    assert lab.side_by_side() == ["-n", at_once, "--dist", "loadfile"]


def test_the_memory_of_this_computer_is_a_number_of_gigabytes():
    assert 1 < lab.memory() < 1e5 or lab.memory() == float("inf")


@pytest.mark.parametrize("steps, failing, failures, expected", [
    ([], None, 0, ALL), (["site"], None, 0, [SITE]), (["hosted"], None, 0, [HOSTED]),
    ([], "ruff", 2, [RUFF, RUFF, SITE]), ([], "tests/browser", 1, ALL),
])
def test_ci_runs_its_steps_even_after_a_failure(
    two_cores, recorded, capsys, steps, failing, failures, expected
):
    env, ran = recorded(failing)
    assert ci.ci(env, steps) == failures
    assert ran == [("lab", "test"), *expected]
    how = "failed" if failures else "done"
    assert steps or re.search(rf"== browser: {how} after \d+ s\n== site: done after \d+ s",
                              capsys.readouterr().out)


def test_ci_has_a_job_for_each_step(two_cores, recorded, monkeypatch):
    run = ROOT / ".ci" / "run"
    lines = [line for line in run.read_text().splitlines() if line and not line.startswith("#")]
    assert lines == ["set -euo pipefail", 'cd "$(dirname "${BASH_SOURCE[0]}")/.."',
                     'exec python3 tools/ci.py "$@"']
    assert os.name == "nt" or os.access(run, os.X_OK)
    workflow = (ROOT / ".github/workflows/ci.yml").read_text()
    env, ran = recorded()
    monkeypatch.setattr(lab, "Environment", lambda _root, oldest: env if oldest else None)
    for job in re.search(r"steps: \[(.*)\]", workflow)[1].split(","):
        assert ci.ci(env, job.split()) == 0
    oldest = [RUFF, [*UNITS, *lab.OLDEST]]
    assert [call for call in ran if call != ("lab", "test")] == [*ALL, *oldest, HOSTED]
    assert (ROOT / HOSTED[0]).is_file()


def test_ci_knows_its_steps_by_the_command_line():
    ascii_only = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run([sys.executable, "tools/ci.py", "tests", "∞"], cwd=ROOT,
                          capture_output=True, env=ascii_only)
    assert done.returncode == 1
    assert re.match(b"error: name some of these steps.*test, browser, site, oldest, hosted. "
                    b"Got: tests ", done.stderr)


@pytest.mark.skipif(os.name == "nt", reason="apt-get is Debian's")
def test_ci_installs_a_browser_where_apt_get_is(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr(lab, "IS_ROOT", True)
    with pytest.raises(lab.Trouble, match="no browser"):
        ci.install_browser()
    apt, asked = tmp_path / "apt-get", tmp_path / "asked"
    apt.write_text(f'#!/bin/sh\necho "$@" >> {asked}\n'
                   f': > {tmp_path}/chromium; /bin/chmod +x {tmp_path}/chromium\n')
    apt.chmod(0o755)
    assert ci.install_browser() == str(tmp_path / "chromium")
    assert asked.read_text().splitlines() == ["update", "install -y chromium"]
