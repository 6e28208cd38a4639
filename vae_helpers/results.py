"""What needs many seeds: measured once by a command, stored beside the lesson that shows it.

A notebook loads it and draws its own live run on top. Nothing stored is presented as live.
`vae_lessons/LESSON/results/NAME.json` holds a study's numbers. Models that a slider needs lie
beside it, as `NAME/KEY.pt`: float16 state dicts. The run that made them keeps what
`identity.describe` says of each. `tools/store.py` writes all of it.
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

    A run also has `versions`, of the packages that computed it, and, where it keeps models,
    `models`: {key: what `identity.describe` says of it}.
    Raises `ResultsError` where it is missing or damaged; the message says how to make it.
    """
    path = _folder(name) / f"{name}.json"
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if not {"settings", "runs"} <= stored.keys():
            raise ValueError("it holds no settings or no runs")
        return stored
    except (ValueError, AttributeError) as error:  # no JSON, no UTF-8, no dictionary
        raise ResultsError(
            f"{path} is damaged ({error}). Get it anew (git checkout {path}), or delete it and "
            f"make it again: {command(name)}"
        ) from error


def load_model(name, key, model):
    """`model` with the parameters that study `name` stored as `key`, in evaluation mode.

    They were rounded to float16. Raises `ResultsError` for a file that is missing or damaged (the
    message says how to make it again), or a `model` that is not the kind that was stored.
    """
    described = {}
    for run in load(name)["runs"].values():
        described |= run.get("models", {})
    if key not in described:
        raise ResultsError(f"{name} keeps no model {key!r}, but {list(described)}. Make them "
                           f"again: {command(name)}")
    path = _folder(name) / name / f"{key}.pt"
    difference = identity.first_difference(identity.describe(model), described[key])
    if difference is not None:
        raise ResultsError(f"{path} holds another model than asked for: {difference}. Give "
                           "load_model a model like the stored one.")
    again = f"Delete {path} if it is there, then make it again: {command(name)}"
    try:
        with zipfile.ZipFile(path) as archive:  # torch.load does not compare its checksums
            if (part := archive.testzip()) is not None:
                raise ValueError(f"the checksum of {part} is wrong")
        state = torch.load(path, map_location="cpu", weights_only=True)
        model.load_state_dict(state)
    except FileNotFoundError:
        raise ResultsError(f"No {path}. {again}") from None
    except Exception as error:  # what a damaged file makes torch.load raise is not foreseeable
        raise ResultsError(
            f"{path} is damaged, or holds other parameters than it should ({error}). {again}"
        ) from error
    return model.eval()


def choose(candidates, loss):
    """The candidate with the lowest loss on validation images, in the median over its runs.

    candidates: {name: [what is stored of each run]}; `loss` is given what lies there under
    "validation" and nothing else: test images have no say in what they judge later.
    """
    return min(candidates, key=lambda name: statistics.median(
        loss(run["validation"]) for run in candidates[name]))


def command(name):
    """The line that makes a study again, from the root of the repository."""
    return f"python tools/store.py {name}"


def lessons_folder():
    """Where the lessons lie, found without importing any; raises `ResultsError` if nowhere."""
    found = importlib.util.find_spec("vae_lessons")
    if found is None:
        raise ResultsError("The package vae_lessons is not installed where this kernel runs. In "
                           "the folder of the repository: python -m pip install -e .")
    return Path(found.origin).parent


def _folder(name):
    """The folder that holds the study `name`."""
    for path in lessons_folder().glob(f"*/results/{name}.json"):
        return path.parent
    raise ResultsError(f"No lesson has results called {name}. Make them: {command(name)}")
