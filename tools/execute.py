#!/usr/bin/env python3
"""Run a notebook from top to bottom and store it: execute.py NOTEBOOK

With its outputs are stored the states of its explorers (in explorers/ beside it) and what its views
show at the positions of their controls (in frames/), for the pages without a kernel. A notebook
with an error, or with a claim that does not hold, is not changed.
"""

import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
import normalise
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

KEEP = """import runpy
runpy.run_path({tool!r})["keep"]({folder!r})"""


def execute(path, frames):
    """The notebook at `path` after a run, with widget states; writes its views' frames."""
    notebook = nbformat.read(path, 4)
    tool = str(Path(__file__).with_name("keep_frames.py"))
    keep = nbformat.v4.new_code_cell(KEEP.format(tool=tool, folder=str(frames)))
    notebook.cells.append(keep)
    NotebookClient(
        notebook, timeout=1800, kernel_name="python3", store_widget_state=True,
        record_timing=False, coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()
    for output in notebook.cells.pop().outputs:  # views that cannot be drawn somewhere
        print(output.get("text", ""), end="")
    return notebook


def main(path):
    """Returns the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            notebook = execute(path, folder)
        except CellExecutionError as error:
            print(error, file=sys.stderr)
            return 1
        normalise.store(nbformat.writes(notebook), path)
        kept = path.parent / "frames" / path.stem
        shutil.rmtree(kept, ignore_errors=True)
        if any(Path(folder).iterdir()):
            kept.mkdir(parents=True)  # copytree would copy the folder's mode, too
            for file in Path(folder).iterdir():
                shutil.copy(file, kept)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
