"""`make notebooks`: what it stores of a notebook after a run."""

import base64
import json
import re
import sys
from pathlib import Path

import lab
import nbformat
import normalise
import numpy as np
import pytest
import torch
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from vae_helpers import models


def notebook(source, *outputs):
    cells = [new_markdown_cell("β", id="title"),
             new_code_cell(source, id="first", outputs=list(outputs))]
    return new_notebook(cells=cells, metadata={
        "kernelspec": {"name": "mine", "display_name": "Mine", "language": "python"},
        "language_info": {"name": "python", "version": "3.11.0"}, "widgets": {"state": {}}})


def normalised_outputs(*outputs):
    text = normalise.normalise(json.dumps(notebook("1", *outputs)))
    return json.loads(text)["cells"][1]["outputs"]


def test_normalise_is_nbformat_without_what_varies():
    before = notebook("1 + 1")
    text = normalise.normalise(json.dumps(before))
    before.metadata = {"language_info": {"name": "python"}, "kernelspec": {
        "display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}}
    assert nbformat.reads(text, 4) == before
    assert normalise.normalise(text) == text
    stored = nbformat.writes(nbformat.reads(text, 4))
    assert normalise.normalise(stored) == stored + "\n"


def test_normalise_keeps_no_frame_of_a_server_that_is_gone():
    frame = {"text/html": '<iframe id="tensorboard-frame-1"></iframe>', "text/plain": "<HTML>"}
    outputs = normalised_outputs(new_output("display_data", frame),
                                 new_output("display_data", {"text/html": "<b>x</b>"}))
    assert [output["data"] for output in outputs] == [
        {"text/plain": ["Launching TensorBoard..."]}, {"text/html": "<b>x</b>"},
    ]


def test_normalise_keeps_no_folder_of_this_machine():
    text = "⟨1.5⟩ nats/image\n⟨/home/ann/bin/x --logdir /home/ann⟩\nand ⟨C:\\Users\\Ann⟩ ⟨2⟩\n"
    (output,) = normalised_outputs(new_output("stream", text=text.splitlines(keepends=True)))
    assert output["text"] == ["⟨1.5⟩ nats/image\n", "⟨…⟩\n", "and ⟨…⟩ ⟨2⟩\n"]


EXPLORERS = """\
import numpy as np
from vae_helpers import models
from vae_lessons.start_here.explorer import Explorer
first = Explorer(models.VAE(latent=2, hidden=(4,), seed=0), np.zeros((3, 2)), np.array([1, 2, 3]))
second = Explorer(models.VAE(latent=2, hidden=(4,), seed=1), np.ones((2, 2)), np.array([7, 8]))
second.point = [0.5, -1]
third = Explorer(
    models.VAE(latent=3, hidden=(4,), seed=2), np.ones((2, 3)), np.array([7, 8]),
    np.arange(2 * 784, dtype=np.uint8).reshape(2, 28, 28))
display(second, first, third)"""


def assert_halved(text, stack):
    """Assert that base64 `text` holds the parameters of a network in half precision."""
    wanted = torch.cat([part.detach().flatten() for part in stack.parameters()]).half()
    np.testing.assert_array_equal(np.frombuffer(base64.b64decode(text), "<f2"), wanted.numpy())


def test_notebooks_keeps_what_its_explorers_showed(tmp_path, monkeypatch):
    """The states are in order of output, in half precision, and not in the notebook."""
    monkeypatch.chdir(tmp_path)
    path, kept = tmp_path / "good.ipynb", tmp_path / "explorers" / "good.json"
    nbformat.write(notebook(EXPLORERS), path)
    lab.notebooks(notebook_environment(tmp_path, ledger=0), [str(path)])
    states = json.loads(kept.read_text(encoding="utf-8"))
    seen = [(state["point"], state["widths"], list(base64.b64decode(state["labels"])))
            for state in states]
    assert seen == [([0.5, -1], [2, 4, 784], [7, 8]), ([0, 0], [2, 4, 784], [1, 2, 3]),
                    ([0, 0, 0], [3, 4, 784], [7, 8])]
    for state, latent, seed in zip(states, (2, 2, 3), (1, 0, 2)):
        model = models.VAE(latent=latent, hidden=(4,), seed=seed)
        assert_halved(state["weights_float16"], model.decoder)
    *others, grown = states
    assert not any("encoder" in name or name == "images" for state in others for name in state)
    assert grown["encoder_widths"] == [784, 4, 6]
    assert_halved(grown["encoder_float16"], model.encoder)
    images = np.frombuffer(base64.b64decode(grown["images"]), np.uint8)
    np.testing.assert_array_equal(images, np.arange(2 * 784, dtype=np.uint8))
    stored = nbformat.read(path, 4)
    assert "widgets" not in stored.metadata
    kinds = {kind for output in stored.cells[1].outputs for kind in output.data}
    assert kinds == {"image/png", "text/plain"}
    nbformat.write(notebook("1"), path)
    normalise.store(path.read_text(encoding="utf-8"), path)
    assert not kept.exists()


def notebook_environment(root, ledger):
    """An environment that runs notebooks; instead of running tools/ledger.py it prints a line."""
    env = lab.Environment(root)
    env.python, env.ensure, run = Path(sys.executable), lambda *_extras: None, env.run
    env.run = lambda command: (
        run(command) if command != ["tools/ledger.py"] else print("ledger") or ledger)
    return env


def test_notebooks_stores_outputs_or_leaves_the_file_then_writes_the_ledger(
    tmp_path, monkeypatch, capfd
):
    monkeypatch.chdir(tmp_path)
    good, bad = tmp_path / "good.ipynb", tmp_path / "bad.ipynb"
    nbformat.write(notebook("import sys\nprint(sys.prefix)"), good)
    nbformat.write(notebook("1 / 0"), bad)
    before = bad.read_bytes()

    with pytest.raises(lab.Trouble, match="CLAIMS.md was not changed"):
        lab.notebooks(notebook_environment(tmp_path, ledger=1), [str(good)])
    assert re.search("good.ipynb: stored in .*\nledger\n$", capfd.readouterr().out)
    cell = nbformat.read(good, 4).cells[1]
    assert cell.outputs[0].text.strip() == sys.prefix
    assert cell.execution_count == 1 and "execution" not in cell.metadata
    text = good.read_text(encoding="utf-8")
    assert text == normalise.normalise(text)

    two = ("from vae_helpers.claims import claim, claims\n"
           "claims(claim('t.one', 'One', 3, 1, 2), claim('t.two', 'Two', 1, 1, 2))")
    nbformat.write(notebook(two), good)
    changed = good.read_bytes()
    with pytest.raises(lab.Trouble, match="good.ipynb failed and was not changed"):
        lab.notebooks(notebook_environment(tmp_path, ledger=0), [str(good)])
    assert "t.one: measured 3 (3 … 3), claimed 1 … 2" in capfd.readouterr().err
    assert good.read_bytes() == changed

    env = notebook_environment(tmp_path, ledger=0)
    with pytest.raises(lab.Trouble, match="bad.ipynb failed"):
        lab.notebooks(env, [str(bad), str(good)])
    shown = capfd.readouterr()
    assert bad.read_bytes() == before
    assert "ZeroDivisionError" in shown.err and shown.out == "ledger\n"
    with pytest.raises(FileNotFoundError):
        lab.notebooks(env, ["missing.ipynb"])
