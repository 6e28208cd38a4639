"""Loading the stored results of studies, which need many seeds and are run once by a command.

A notebook loads the results and draws its own live run on top. `tools/store.py` runs the studies.
It writes the numbers of a study to `vae_lessons/LESSON/results/NAME.json`, and the models that a
slider needs to `NAME/KEY.pt` beside that file, as float16 state dicts. The JSON file also holds
the `identity.describe` of each model.
"""

import importlib.util
import json
import statistics
import zipfile
from pathlib import Path

import torch

from vae_helpers import identity


class ResultsError(RuntimeError):
    """Stored results could not be loaded; the message says what to do."""


def load(name):
    """The stored study `name` as a dictionary; `runs` is {seed as text: results}.

    Each run also has `versions`, those of the packages that computed it, and, if it stored models,
    `models`: {key: the `identity.describe` of that model}. Raises `ResultsError` if the file is
    missing or damaged; the message says how to make it.
    """
    path = _folder(name) / f"{name}.json"
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if not {"settings", "runs"} <= stored.keys():
            raise ValueError("it holds no settings or no runs")
        return stored
    except (ValueError, AttributeError) as error:  # not JSON, not UTF-8, not a dictionary
        raise ResultsError(
            f"{path} is damaged ({error}). Restore it (git checkout {path}), or delete it and "
            f"make it again: {command(name)}"
        ) from error


def load_model(name, key, model):
    """`model` with the parameters that study `name` stored as `key`, in evaluation mode.

    The stored parameters are rounded to float16. Raises `ResultsError` if the file is missing or
    damaged (the message says how to make it again), or if `model` differs from the stored one.
    """
    described = {}
    for run in load(name)["runs"].values():
        described |= run.get("models", {})
    if key not in described:
        raise ResultsError(f"{name} has no model {key!r}, only {list(described)}. Make them "
                           f"again: {command(name)}")
    path = _folder(name) / name / f"{key}.pt"
    difference = identity.first_difference(identity.describe(model), described[key])
    if difference is not None:
        raise ResultsError(f"{path} holds another model: {difference}. Give "
                           "load_model a model like the stored one.")
    again = f"Delete {path} if it is there, then make it again: {command(name)}"
    try:
        with zipfile.ZipFile(path) as archive:  # torch.load does not verify its checksums
            if (part := archive.testzip()) is not None:
                raise ValueError(f"the checksum of {part} is wrong")
        state = torch.load(path, map_location="cpu", weights_only=True)
        model.load_state_dict(state)
    except FileNotFoundError:
        raise ResultsError(f"No {path}. {again}") from None
    except Exception as error:  # a damaged file can make torch.load raise anything
        raise ResultsError(
            f"{path} is damaged, or holds other parameters than it should ({error}). {again}"
        ) from error
    return model.eval()


def choose(candidates, loss):
    """The name of the candidate with the lowest median loss on the validation set.

    candidates: {name: [stored results of each run]}. loss: a function of a run's "validation"
    entry to a number. It sees no result on the test set, which must not influence the choice.
    """
    return min(candidates, key=lambda name: statistics.median(
        loss(run["validation"]) for run in candidates[name]))


def command(name):
    """The command that runs the study `name` again, from the root of the repository."""
    return f"python tools/store.py {name}"


def lessons_folder():
    """The folder of `vae_lessons`, found without an import; raises `ResultsError` if missing."""
    found = importlib.util.find_spec("vae_lessons")
    if found is None:
        raise ResultsError("The package vae_lessons is not installed for this kernel's Python. In "
                           "the folder of the repository, run: python -m pip install -e .")
    return Path(found.origin).parent


def _folder(name):
    """The folder that holds the study `name`."""
    for path in lessons_folder().glob(f"*/results/{name}.json"):
        return path.parent
    raise ResultsError(f"No lesson has results called {name}. Make them: {command(name)}")
