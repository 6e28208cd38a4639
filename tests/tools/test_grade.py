"""tools/grade.py: grading of submitted notebooks, in real kernels."""

import contextlib
import csv
import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import environment
import lab
import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook

ROOT = Path(__file__).resolve().parents[2]
GRADE = ROOT / "tools" / "grade.py"
spec = importlib.util.spec_from_file_location("grade", GRADE)
grade = importlib.util.module_from_spec(spec)
spec.loader.exec_module(grade)

# A fast substitute for the checks: check.NAME(answer) passes an answer that is true.
CHECKS = """\
import sys, types
verdicts = {}
sys.modules["vae_helpers.check.exercise"] = types.SimpleNamespace(verdicts=verdicts)
class Check:
    def __getattr__(self, name):
        def check(answer):
            state = "passed" if answer else "failed"
            verdicts[name] = types.SimpleNamespace(state=state, diagnosis="It's 'β'.\\nNext line.")
        return check
check = Check()"""
ENDLESS = "while True: pass"
FLOOD = "while True: print('x' * 10_000)"
SWALLOWS = """\
import time
while True:
    try:
        time.sleep(0.1)
    except KeyboardInterrupt:
        pass"""


def stub(name, source="answer = 1"):
    return new_code_cell(source, metadata={"tags": [f"exercise:{name}"]})


def write(path, cells, **metadata):
    """Write a notebook with these cells; a string is the source of a code cell."""
    cells = [new_code_cell(cell) if isinstance(cell, str) else cell for cell in cells]
    path.parent.mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=cells, metadata=metadata), path)
    return path


def states(path, limit=3):
    return {name: state for name, state, _ in grade.grade(path, limit)}


def test_results_count_assigned_printed_or_displayed_in_whatever_kernel(tmp_path, monkeypatch):
    """With the real checks: an error does not stop the cells below; the file is not changed."""
    registered = tmp_path / "jupyter" / "kernels" / "python3"
    registered.mkdir(parents=True)
    (registered / "kernel.json").write_text('{"argv": ["false"], "display_name": "Broken"}')
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    path = write(tmp_path / "in" / "mine.ipynb", [
        "from vae_lessons.derive_the_elbo import checks as check", stub("gap", "gap = ..."),
        "r = check.gap(gap)",
        stub("closing", "closing = (9, 9)"), "print(check.closing(closing))", "1 / 0",
        stub("chance", "chance = 0.5 * 49 / 99 + 0.3 * 29 / 99 + 0.2 * 19 / 99"),
        "from vae_lessons.see_through_the_noise.checks import chance as noisy\nnoisy(chance)",
        stub("slope"), "undefined",
        new_code_cell("check.gap(1)", metadata={"tags": ["solution"]}),
        "open('mine.ipynb', 'w').write('spoilt')", stub("here", "import sys"),
        "from vae_helpers.check.exercise import Result, verdicts\n"
        "verdicts['here'] = Result('here', 'passed', sys.executable)",
    ], kernelspec={"name": "no-such-kernel", "display_name": "Mine", "language": "julia"})
    before = path.read_bytes()
    monkeypatch.chdir(path.parent)  # to notice a cell that runs in this folder
    rows = {name: rest for name, *rest in grade.grade(path, 120)}
    assert {name: state for name, (state, _) in rows.items()} == {
        "gap": "unanswered", "closing": "failed", "chance": "passed", "slope": "missing",
        "here": "passed"}
    assert rows["gap"][1] == "Replace the ... by your own code, then run again."
    assert rows["here"][1] == sys.executable
    assert path.read_bytes() == before and list(path.parent.iterdir()) == [path]


def test_an_endless_loop_fails_its_exercise_alone_and_fills_no_memory(tmp_path):
    path = write(tmp_path / "loops.ipynb", [
        CHECKS, stub("before"), "check.before(answer)", ENDLESS, stub("loop", ENDLESS),
        "check.loop(answer)", stub("flood"), FLOOD, "check.flood(answer)", stub("after"),
        "check.after(answer)",
    ])
    before = psutil.Process().memory_info().rss
    assert states(path) == {
        "before": "passed", "loop": "failed: time", "flood": "failed: time", "after": "passed"}
    assert psutil.Process().memory_info().rss - before < 50e6


def test_a_loop_that_cannot_be_interrupted_keeps_what_was_found_before(tmp_path, monkeypatch):
    monkeypatch.setattr(grade, "GRACE", 2)
    path = write(tmp_path / "swallows.ipynb", [
        CHECKS, stub("before"), "check.before(answer)", stub("loop", SWALLOWS),
        "check.loop(answer)", stub("after"), "check.after(answer)"])
    assert states(path) == {
        "before": "passed", "loop": "failed: time", "after": "failed: time"}


def test_a_cell_that_ends_the_kernel(tmp_path):
    path = write(tmp_path / "ends.ipynb", [
        CHECKS, stub("before"), "check.before(0)", "import os; os._exit(1)", stub("after")])
    assert states(path) == {"before": "failed", "after": "failed: kernel"}


def test_exercises_come_from_the_original_of_the_same_name(tmp_path, monkeypatch):
    monkeypatch.setattr(grade, "ORIGINALS", tmp_path / "notebooks")
    write(tmp_path / "notebooks" / "00.ipynb", [stub("one"), stub("two")])
    cells = [CHECKS, stub("three"), "check.one(1)", "check.three(1)"]
    assert states(write(tmp_path / "in" / "00.ipynb", cells)) == {"one": "passed", "two": "missing"}


def command(*arguments, folder, **more):
    return subprocess.Popen(
        [sys.executable, str(GRADE), *arguments], cwd=folder, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, **more)


def rows_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


BROKEN = {"empty.ipynb": "", "text.ipynb": "no JSON: β", "list.ipynb": "[]", "other.ipynb": "{}",
          "bare.ipynb": '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'}


def test_each_broken_file_has_a_row_and_the_others_are_graded(tmp_path):
    """Files with the same name in two folders are both listed; ? replaces missing characters."""
    for name, text in BROKEN.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "folder.ipynb").mkdir()
    broken = [*BROKEN, "folder.ipynb", "missing.ipynb"]
    for who, answer in (("ann", 1), ("bob", 0)):
        write(tmp_path / who / "Übung.ipynb", [CHECKS, stub("one"), f"check.one({answer})"])
    graded = ["ann/Übung.ipynb", "bob/Übung.ipynb"]
    process = command(graded[0], *broken, graded[1], "--csv", "out/all.csv", folder=tmp_path,
                      env=os.environ | {"PYTHONIOENCODING": "ascii"})
    printed, errors = process.communicate(timeout=120)
    assert process.returncode == 1 and b"Traceback" not in errors
    head, first, *rest, last = rows_of(tmp_path / "out" / "all.csv")
    assert head == ["file", "exercise", "state", "diagnosis"]
    assert first == [graded[0], "one", "passed", "It's 'β'.\nNext line."]
    assert last[:3] == [graded[1], "one", "failed"]
    assert [row[:3] for row in rest] == [[name, "", "not graded"] for name in broken]
    assert all(row[3] for row in rest)
    lines = printed.decode().splitlines()
    assert [line.split()[0] for line in lines[1:]] == [
        name.replace("Ü", "?") for name in (graded[0], *broken, graded[1])]
    assert lines[1].split()[1:] == ["one", "passed", "It's", "'?'.", "Next", "line."]


@pytest.mark.parametrize("state, diagnosis, shown", [
    ("'passed'", "'=HYPERLINK(1)'", ["passed", "'=HYPERLINK(1)"]),
    ("'passed'", "'\\x1b[2J cleared'", ["passed", "?[2J cleared"]),
    ("1", "None", ["1", "None"]), ("b'x'", "['a', 'list']", ["b'x'", "['a', 'list']"]),
])
def test_a_verdict_that_learners_wrote_harms_no_terminal_and_no_spreadsheet(
    tmp_path, state, diagnosis, shown
):
    written = f"verdicts['one'] = types.SimpleNamespace(state={state}, diagnosis={diagnosis})"
    write(tmp_path / "own.ipynb", [CHECKS, stub("one"), written])
    rows = grade.grade(tmp_path / "own.ipynb", 30)
    grade.write(tmp_path / "all.csv", [("own.ipynb", *row) for row in rows])
    assert rows_of(tmp_path / "all.csv")[1] == ["own.ipynb", "one", *shown]


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent there")
def test_control_c_leaves_what_is_done_in_the_file(tmp_path):
    write(tmp_path / "first.ipynb", [CHECKS, stub("one"), "check.one(1)"])
    write(tmp_path / "endless.ipynb", [stub("one", ENDLESS)])
    process = command("first.ipynb", "endless.ipynb", "--csv", "all.csv", folder=tmp_path)
    deadline = time.monotonic() + 60
    while not (tmp_path / "all.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1)
    for _ in range(6):  # Python may lose a Ctrl-C during the deletion of an object
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            printed, errors = process.communicate(timeout=20)
            break
    assert process.returncode == 130 and b"Traceback" not in errors
    assert [row[:3] for row in rows_of(tmp_path / "all.csv")[1:]] == [
        ["first.ipynb", "one", "passed"]]
    assert b"first.ipynb" in printed and b"endless.ipynb  one" not in printed


def test_the_command_names_files_from_the_folder_of_its_call(tmp_path, monkeypatch):
    env = lab.Environment(ROOT)
    env.ensure, env.python = lambda *_extras: None, Path(sys.executable)
    (tmp_path / "empty.ipynb").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(environment, "WINDOWS", True)  # else it would replace this process
    assert lab.grade(env, ["empty.ipynb", "--csv", "rows.csv"]) == 1
    assert rows_of(tmp_path / "rows.csv")[1][:3] == ["empty.ipynb", "", "not graded"]
    assert "no Jupyter notebook" in rows_of(tmp_path / "rows.csv")[1][3]
