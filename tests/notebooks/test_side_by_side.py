"""Test files run in parallel, and only one process opens a page in the browser."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = """
import pytest

@pytest.fixture(scope="module", params=["00_a.ipynb", "01_b.ipynb", "02_c.ipynb"])
def page(request):
    open(request.param, "x")  # fails if it was opened before

def test_first(page): pass
def test_second(page): pass
def test_third(page): pass
def test_fourth(page): pass
"""


def test_each_page_is_opened_once_and_each_part_is_reported_once(tmp_path):
    pages, outside = tmp_path / "tests" / "browser" / "test_pages.py", tmp_path / "test_outside.py"
    pages.parent.mkdir(parents=True)
    pages.write_text(PAGES)
    outside.write_text("def test_that_fails():\n    assert False\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "conftest", "--rootdir", tmp_path,
         "-n", "2", "--dist", "loadfile", pages, outside],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert "1 failed, 12 passed" in done.stdout, done.stdout + done.stderr
    ends = re.findall(r"\[ *(\d+) %\] (.*)", done.stdout)
    browser = [f"layer 4, browser: tests/browser/{page}.ipynb passed"
               for page in ("00_a", "01_b", "02_c")]
    assert sorted(text for _, text in ends) == [*browser, "test_outside.py 1 FAILED"]
    shares = [int(share) for share, _ in ends]
    assert shares == sorted(shares) and shares[-1] == 100
