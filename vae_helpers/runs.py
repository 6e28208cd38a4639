"""Folders of training runs, with their checkpoints and logs, under the cache folder."""

import itertools
import re
import shutil

from vae_helpers.files import cache_dir


class RunsError(RuntimeError):
    """Runs could not be deleted; the message says what to do."""


def folder(notebook):
    """The folder for the runs of `notebook`, say "04_train_live"; it may not exist yet.

    All functions here raise `ValueError` unless a name consists of letters, digits, _, - and .
    """
    return cache_dir() / "runs" / _plain(notebook=notebook)


def new(notebook, run):
    """The path of a new folder for `run`, with a number added if that name is already used."""
    names = itertools.chain([_plain(run=run)], (f"{run}-{n}" for n in itertools.count(2)))
    return next(path for path in map(folder(notebook).joinpath, names) if not path.exists())


def stored(notebook):
    """{name: size in bytes} of everything in the notebook's folder, the oldest first."""
    found = sorted(folder(notebook).glob("*"), key=lambda path: path.stat().st_mtime)
    return {path.name: sum(p.stat().st_size for p in [path, *path.rglob("*")] if p.is_file())
            for path in found}


def clear(notebook):
    """Delete all runs of `notebook`, with their checkpoints, and nothing else.

    Raises `RunsError` if a file cannot be deleted.
    """
    path = folder(notebook)
    try:
        if path.exists():
            shutil.rmtree(path)  # does not follow links
    except OSError as error:
        raise RunsError(
            f"{path} could not be deleted completely: {error}. A TensorBoard that shows it "
            "may have its files open: stop TensorBoard and try again."
        ) from error


def _plain(**named):
    (name, value), = named.items()
    if not isinstance(value, str) or not re.fullmatch(r"\w[\w.-]*", value):
        raise ValueError(
            f"{name} must be a plain name of letters, digits, _, - and ., got {value!r}."
        )
    return value
