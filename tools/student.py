#!/usr/bin/env python3
"""Copy the notebooks without their solutions, for a classroom: student.py REPOSITORY FOLDER"""
import hashlib
import json
import re
import sys
from pathlib import Path

SOLUTION = re.compile(r"<details><summary><b>Solution</b>.*?</details>", re.DOTALL)
MARK = "vae_helpers_copy"  # in a copy's metadata: the digest of the cells it was written with


def without_solutions(notebook):
    """The notebook, a dictionary, without solution cells; where they were announced, the hints are."""
    cells, exercise = [], None
    for cell in notebook["cells"]:
        tags = cell["metadata"].get("tags", [])
        exercise = next((tag.split(":")[1] for tag in tags if tag.startswith("exercise:")), exercise)
        if "solution" in tags:
            continue
        text = "".join(cell["source"])
        if SOLUTION.search(text):
            hints = "Stuck? `check.{0}.hint(1)`, then 2 and 3.".format(exercise)
            cell = dict(cell, source=SOLUTION.sub(hints, text).splitlines(True))
        cells.append(cell)
    return dict(notebook, cells=cells)


def digest(notebook):
    """A fingerprint of what a learner edits: the cells' kinds and texts, not their outputs."""
    texts = [[cell["cell_type"], "".join(cell["source"])] for cell in notebook["cells"]]
    return hashlib.sha256(json.dumps(texts).encode("utf-8")).hexdigest()


def write_copy(path, folder):
    """Write the notebook's copy into `folder`, and return the file that was written, or None.

    A copy that a learner has edited, or that cannot be read, is never touched: where its original
    has changed since, the new copy is written beside it, as NAME.new.ipynb.
    """
    copy = without_solutions(json.loads(path.read_text(encoding="utf-8")))
    made_of = digest(copy)
    copy["metadata"] = dict(copy["metadata"], **{MARK: made_of})
    target = folder / path.name
    if target.exists():
        try:
            there = json.loads(target.read_text(encoding="utf-8"))
            written, now = there["metadata"].get(MARK), digest(there)
        except (ValueError, KeyError, TypeError):
            written = now = None
        if written == made_of:
            return None
        if written is None or written != now:
            target = target.with_name(path.stem + ".new.ipynb")
    folder.mkdir(exist_ok=True)
    part = target.with_name(target.name + ".part")
    part.write_text(json.dumps(copy, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    part.replace(target)
    return target


def main(root, folder):
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        written = write_copy(path, folder)
        print(f"{folder.name}/" + (f"{written.name}: written" if written else f"{path.name}: as it was"))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
