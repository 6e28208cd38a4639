"""What a notebook teaches in a cell is what the package does afterwards.

A cell tagged ``taught:MODULE.NAME`` defines NAME. Its definition and the package's are
called on the same inputs, listed here, and must give the same results.
"""

import importlib
from pathlib import Path

import nbformat
import pytest
import torch

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"


def generator():
    return torch.Generator().manual_seed(0)


# For each taught function the arguments to try, made afresh for each call.
INPUTS = {
    "data.minibatches": [
        lambda: (10, 4, generator()),
        lambda: (12, 4, generator()),
        lambda: (3, 8, generator()),
    ],
}


def taught_cells():
    for path in sorted(FOLDER.glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        for cell in cells:
            for tag in cell.metadata.get("tags", []):
                if tag.startswith("taught:"):
                    yield pytest.param(tag.split(":", 1)[1], cells, cell,
                                       id=f"{path.stem}-{tag.split(':', 1)[1]}")


def definition(cells, cell, name):
    """NAME as the cell defines it: its `def` with the notebook's imports in scope."""
    scope = {}
    imports = [c.source for c in cells if c.cell_type == "code" and "import torch" in c.source]
    exec(imports[0], scope)
    exec(cell.source, scope)
    return scope[name]


@pytest.mark.parametrize("name, cells, cell", list(taught_cells()))
def test_the_cell_and_the_package_agree(name, cells, cell):
    module, function = name.split(".")
    taught = definition(cells, cell, function)
    packaged = getattr(importlib.import_module(f"vae_helpers.{module}"), function)
    assert taught is not packaged, "the cell must define it, not import it"
    assert INPUTS[name], f"no inputs are listed for {name}"
    for arguments in INPUTS[name]:
        torch.testing.assert_close(taught(*arguments()), packaged(*arguments()), rtol=0, atol=0)


def test_every_listed_input_belongs_to_a_taught_cell():
    assert set(INPUTS) == {parameters.values[0] for parameters in taught_cells()}
