"""The cache folder, and writing files atomically."""

import contextlib
import os
import sys
import uuid
from pathlib import Path

import platformdirs

CACHE_VARIABLE = "VAE_HELPERS_CACHE"


def cache_dir():
    """The folder for files that can be made again: unpacked data, training runs, checkpoints.

    It is in the user's cache folder, unless the environment variable ``VAE_HELPERS_CACHE`` names
    another folder. It may not exist yet, and you may delete it at any time.
    """
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("vae_helpers"))


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
