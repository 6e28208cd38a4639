"""The copies for learners have no solutions, their links work, and no edit is overwritten."""

import importlib.util
import json
import re
import shutil
import symtable
from pathlib import Path

import pytest
import torch
from anatomy import only_defines
from every_check import CHECKS

ROOT = Path(__file__).resolve().parents[2]
PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
spec = importlib.util.spec_from_file_location("student", ROOT / "tools" / "student.py")
student = importlib.util.module_from_spec(spec)
spec.loader.exec_module(student)


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def sources(notebook):
    return ["".join(cell["source"]) for cell in notebook["cells"]]


def tagged(notebook, kind):
    """{NAME: source} of the cells tagged kind:NAME."""
    return {
        tag.split(":")[1]: "".join(cell["source"]) for cell in notebook["cells"]
        for tag in cell["metadata"].get("tags", []) if tag.startswith(kind + ":")
    }


def solutions(notebook):
    cells = [cell for cell in notebook["cells"] if "solution" in cell["metadata"].get("tags", [])]
    return "\n".join("".join(cell["source"]) for cell in cells)


@pytest.fixture
def original(tmp_path):
    (tmp_path / "notebooks").mkdir()
    return Path(shutil.copy(PATHS[0], tmp_path / "notebooks"))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "student"


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_copy_is_the_notebook_without_its_solutions(path, folder):
    original, copy = read(path), read(student.write_copy(path, folder))
    assert tagged(copy, "exercise") == tagged(original, "exercise")
    assert "solution_" not in "\n".join(sources(copy)), "a solution, or what needs one, is left"
    assert "<details>" not in "\n".join(sources(copy))
    hints = set(re.findall(r"`check\.(\w+)\.hint\(1\)`", "\n".join(sources(copy))))
    assert hints == set(tagged(copy, "exercise"))
    kept = [text for text in sources(original) if text in sources(copy)]
    exercises = len(tagged(original, "exercise"))
    worked = [cell for cell in original["cells"] if "worked" in cell["metadata"].get("tags", [])]
    assert len(kept) == len(original["cells"]) - 2 * exercises - len(worked), (
        "solution and its announcement, and worked examples only")
    assert "worked example" not in "\n".join(sources(copy))


def bound_and_read(cells):
    """The names that code cells assign and those that they read, without local names."""
    lines = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    magic = re.compile(r"^%.*$", re.MULTILINE)
    top = symtable.symtable(magic.sub("", lines), "cells", "exec")
    bound = {one.get_name() for one in top.get_symbols() if one.is_assigned() or one.is_imported()}
    tables, read = [top], set()
    while tables:
        table = tables.pop()
        tables += table.get_children()
        read |= {one.get_name() for one in table.get_symbols()
                 if one.is_referenced() and (table is top or one.is_global())}
    return bound, read


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_what_a_copy_computes_does_not_depend_on_its_solutions(path, folder):
    """No remaining cell reads a name that a solution defines, and no solution reassigns names."""
    whole = read(path)["cells"]
    removed = [cell for cell in whole if student.LEFT_OUT & set(cell["metadata"].get("tags", []))]
    bound, read_there = bound_and_read(read(student.write_copy(path, folder))["cells"])
    by_solutions, _ = bound_and_read(removed)
    assert by_solutions and not by_solutions & (bound | read_there)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_links_resolve_from_the_copy(path, folder):
    copy = read(student.write_copy(path, folder))
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", "\n".join(
            "".join(cell["source"]) for cell in copy["cells"] if cell["cell_type"] == "markdown")):
        if not link.startswith("https://"):  # another notebook, or a file in the repository
            assert (ROOT / "notebooks" / link).exists(), link
            assert link.startswith("../") or link in [other.name for other in PATHS], link


@pytest.fixture
def default_dtype():
    """Restores the default dtype, which a notebook's setup cell may change."""
    before = torch.get_default_dtype()
    yield
    torch.set_default_dtype(before)


@pytest.mark.usefixtures("default_dtype")
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_all_checks_pass_with_the_solutions_put_back(path, folder):
    original = read(path)
    copy = read(student.write_copy(path, folder))
    names = {}
    _guard, setup, *_ = (cell for cell in copy["cells"] if cell["cell_type"] == "code")
    exec("".join(setup["source"]), names)
    for cell in copy["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and only_defines(source):  # a solution may use these
            exec(source, names)
    solved = re.sub(r"^check\..*$", "", solutions(original), flags=re.MULTILINE)
    exec(re.sub(r"\bsolution_(\w+)", r"\1", solved), names)
    for name in tagged(copy, "exercise"):
        verdict = CHECKS[name].judge(names[name])
        assert verdict.passed, (name, verdict.diagnosis)


@pytest.mark.parametrize("cells", [[""], ["", " \n\t\n"]])
def test_empty_cells_and_blanks_at_the_end_are_no_edit(original, folder, cells):
    """Shift+Enter in the last cell appends an empty one."""
    copy = student.write_copy(original, folder)
    opened = read(copy)
    opened["cells"] += [{"cell_type": "code", "metadata": {}, "source": [source]}
                        for source in cells]
    opened["cells"][0]["source"] = ["".join(opened["cells"][0]["source"]) + " \n"]
    copy.write_text(json.dumps(opened), encoding="utf-8")
    assert student.write_copy(original, folder) is None
    edit(original, "# Start here", "# Start anew")
    assert student.write_copy(original, folder) == copy


def test_an_empty_cell_between_others_is_an_edit(original, folder):
    copy = student.write_copy(original, folder)
    opened = read(copy)
    opened["cells"].insert(1, {"cell_type": "code", "metadata": {}, "source": []})
    copy.write_text(json.dumps(opened), encoding="utf-8")
    edit(original, "# Start here", "# Start anew")
    assert student.write_copy(original, folder).name == copy.stem + ".new.ipynb"


def test_an_untouched_copy_follows_its_original(original, folder):
    copy = student.write_copy(original, folder)
    assert student.write_copy(original, folder) is None
    edit(original, "# Start here", "# Start anew")
    assert student.write_copy(original, folder) == copy
    assert any("Start anew" in text for text in sources(read(copy)))


def test_a_learners_edits_are_kept_and_the_update_lies_beside(original, folder):
    copy = student.write_copy(original, folder)
    edited = read(copy)
    edited["cells"][0]["source"] = ["my own title"]
    copy.write_text(json.dumps(edited), encoding="utf-8")
    assert student.write_copy(original, folder) is None, "the original has not changed"
    edit(original, "# Start here", "# Start anew")
    beside = student.write_copy(original, folder)
    assert beside.name == "00_start_here.new.ipynb"
    assert sources(read(copy))[0] == "my own title" and "Start anew" in sources(read(beside))[0]


def test_work_in_an_update_is_kept_by_the_next_one(original, folder):
    """A learner is not shown the same update twice."""
    def work_in(path, text):
        edited = read(path)
        edited["cells"][0]["source"] = [text]
        path.write_text(json.dumps(edited), encoding="utf-8")

    work_in(student.write_copy(original, folder), "first")
    edit(original, "# Start here", "# Start anew")
    beside = student.write_copy(original, folder)
    edit(original, "# Start anew", "# Start again")
    assert student.write_copy(original, folder) == beside, "an untouched update follows the next"
    work_in(beside, "second")
    edit(original, "# Start again", "# Start once more")
    last = student.write_copy(original, folder)
    assert last.name == "00_start_here.new2.ipynb" and student.write_copy(original, folder) is None
    assert sources(read(beside))[0] == "second" and "Start once more" in sources(read(last))[0]
    assert len(list(folder.iterdir())) == 3


def test_outputs_alone_are_no_edit(original, folder):
    copy = student.write_copy(original, folder)
    rerun = read(copy)
    for cell in rerun["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = []
    copy.write_text(json.dumps(rerun), encoding="utf-8")
    edit(original, "# Start here", "# Start anew")
    assert student.write_copy(original, folder) == copy


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cells": []}'])
def test_a_file_that_cannot_be_read_is_not_touched(original, folder, text):
    copy = student.write_copy(original, folder)
    copy.write_text(text, encoding="utf-8")
    assert student.write_copy(original, folder).name == "00_start_here.new.ipynb"
    assert copy.read_text(encoding="utf-8") == text


def test_a_folder_in_the_copys_place_is_left_and_a_copy_that_cannot_be_written_is_named(
    original, folder
):
    folder.mkdir()
    (folder / original.name).mkdir()
    assert student.write_copy(original, folder).name == f"{original.stem}.new.ipynb"
    blocked = folder / "file"
    blocked.write_text("no folder")
    with pytest.raises(SystemExit, match=f"error: the copy of {original.name}"):
        student.main(original.parents[1], blocked)


def test_the_script_writes_all(original, folder, capsys):
    student.main(folder.parent, folder)
    student.main(folder.parent, folder)
    assert capsys.readouterr().out.splitlines() == [
        "student/00_start_here.ipynb: written", "student/00_start_here.ipynb: unchanged"]


def test_the_instructors_page_has_every_notebook_and_exercise():
    page = (ROOT / "TEACHING.md").read_text(encoding="utf-8")
    minutes = dict(re.findall(r"^\| (\d\d) [^|]+ \| (\d+) \| ", page, re.MULTILINE))
    assert minutes == {path.stem[:2]: re.search(r"about (\d+) minutes", sources(read(path))[0])[1]
                       for path in PATHS}
    slips = [line.split("|")[1:3] for line in page.splitlines()
             if re.match(r"\|.*\| `\w+` \|", line)]
    listed, number = {}, None
    for left, name in slips:
        number = left.strip() or number
        listed.setdefault(number, []).append(name.strip(" `"))
    assert listed == {path.stem[:2]: list(tagged(read(path), "exercise")) for path in PATHS}
