"""The cache folder, and writing files atomically."""

import contextlib
import functools
import os
import stat
import sys
import tempfile
import uuid
from pathlib import Path

import platformdirs

CACHE_VARIABLE = "VAE_HELPERS_CACHE"


def cache_dir():
    """The folder for files that can be made again: training runs, logs, checkpoints.

    The environment variable ``VAE_HELPERS_CACHE`` names it. Otherwise it is in the user's cache
    folder, or, if nothing can be written there, in the temporary folder; a line on stderr says so.
    You may delete it at any time.
    """
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen).expanduser()
    return _usable(Path(platformdirs.user_cache_dir("vae_helpers")))


@functools.cache  # so that the line is written once
def _usable(usual):
    """The folder `usual`, or one that only this user can read if nothing can be written there."""
    try:
        usual.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=usual) as file:
            file.write(bytes(1 << 20))  # a full disk lets an empty file through
        return usual
    except OSError as error:
        why = error.strerror
    user = getattr(os, "getuid", int)()  # on Windows the temporary folder is the user's own
    try:
        path = Path(tempfile.gettempdir(), f"vae_helpers-{user}")
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
        found = path.lstat()
        if (found.st_mode, found.st_uid) != (stat.S_IFDIR | 0o700, user):  # put there by another
            path = Path(tempfile.mkdtemp(prefix="vae_helpers-"))
    except OSError:
        return usual
    print(f"The cache folder {usual} cannot be used: {why}. Logs and checkpoints go to {path}, "
          f"which may be emptied when the computer restarts. To choose another folder, set the "
          f"environment variable {CACHE_VARIABLE} before you start Jupyter.", file=sys.stderr)
    return path


@contextlib.contextmanager
def atomic_write(path):
    """Open a binary file for writing that appears at `path` complete, or not at all.

    The bytes go to a temporary file in the same folder, which then replaces `path` in one step.
    A reader therefore sees the old file or the new one, never part of one, and a full disk or
    an interruption leaves the old file unchanged. Raises `OSError` if writing fails.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    try:
        with open(part, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def print_anything():
    """Make stdout and stderr write ? for a character that they cannot encode.

    Otherwise printing raises when output is piped on Windows or PYTHONIOENCODING is ascii.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")
