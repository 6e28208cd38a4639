#!/usr/bin/env python3
"""Copy the notebooks without their solutions, for a classroom: student.py REPOSITORY FOLDER"""
import hashlib
import itertools
import json
import re
import sys
from pathlib import Path

SOLUTION = re.compile(r"<details><summary><b>Solution</b>.*?</details>", re.DOTALL)
LEFT_OUT = {"solution", "worked"}  # tags; worked: an open task's worked example
MARK = "vae_helpers_copy"  # key in a copy's metadata: the digest of its original cells


def without_solutions(notebook):
    """The notebook, a dictionary, without solutions and worked examples of open tasks.

    The solutions' announcements are replaced by hints.
    """
    cells, exercise = [], None
    for cell in notebook["cells"]:
        tags = cell["metadata"].get("tags", [])
        names = [tag.split(":")[1] for tag in tags if tag.startswith("exercise:")]
        exercise = names[0] if names else exercise
        if LEFT_OUT & set(tags):
            continue
        text = "".join(cell["source"])
        if SOLUTION.search(text):
            hints = "Stuck? `check.{0}.hint(1)`, then 2 and 3.".format(exercise)
            cell = dict(cell, source=SOLUTION.sub(hints, text).splitlines(True))
        cells.append(cell)
    return dict(notebook, cells=cells)


def digest(notebook):
    """A digest of the part that a learner edits: the types and sources of cells, not the outputs.

    Whitespace at the end of a cell, and the empty cell that Shift+Enter appends, are ignored.
    """
    texts = [[cell["cell_type"], "".join(cell["source"]).rstrip()] for cell in notebook["cells"]]
    while texts and not texts[-1][1]:
        texts.pop()
    return hashlib.sha256(json.dumps(texts).encode("utf-8")).hexdigest()


def places(path, folder):
    """The possible paths of a copy, in order: NAME.ipynb, NAME.new.ipynb, NAME.new2.ipynb, …"""
    yield folder / path.name
    for number in itertools.count(1):
        yield folder / "{}.new{}.ipynb".format(path.stem, number if number > 1 else "")


def fingerprints(path):
    """The digests of a copy's original cells and its present ones; None, None if unreadable."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        return notebook["metadata"].get(MARK), digest(notebook)
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        return None, None


def write_copy(path, folder):
    """Write the notebook's copy into `folder`, and return the file that was written, or None.

    A copy that a learner has edited, or that cannot be read, is never changed. If the original has
    changed since, the new copy is written beside it as NAME.new.ipynb, which is protected in the
    same way.
    """
    copy = without_solutions(json.loads(path.read_text(encoding="utf-8")))
    made_of = digest(copy)
    copy["metadata"] = dict(copy["metadata"], **{MARK: made_of})
    for target in places(path, folder):
        written, now = fingerprints(target) if target.exists() else (None, None)
        if written == made_of:
            return None
        if not target.exists() or (written is not None and written == now):
            break
    folder.mkdir(exist_ok=True)
    part = target.with_name(target.name + ".part")
    part.write_text(json.dumps(copy, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    part.replace(target)
    return target


def main(root, folder):
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        try:
            written = write_copy(path, folder)
        except OSError as error:
            sys.exit(f"error: the copy of {path.name} could not be written: {error}. Make room, or "
                     "choose a folder in which you may write, and run this again.")
        line = f"{written.name}: written" if written else f"{path.name}: unchanged"
        print(f"{folder.name}/{line}")


if __name__ == "__main__":
    if hasattr(sys.stdout, "reconfigure"):  # not in Python 3.6, which may run this
        sys.stdout.reconfigure(errors="replace")  # a terminal that is not UTF-8
    main(*map(Path, sys.argv[1:]))
