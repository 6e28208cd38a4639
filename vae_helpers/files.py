"""Where files go and how they are written: the cache folder and atomic writes."""

import contextlib
import os
import sys
import uuid
from pathlib import Path

import platformdirs

CACHE_VARIABLE = "VAE_HELPERS_CACHE"


def cache_dir():
    """Folder for everything that can be remade: unpacked data, runs, checkpoints.

    The environment variable ``VAE_HELPERS_CACHE`` overrides the user's cache folder.
    The folder may not exist yet, and may be deleted at any time.
    """
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("vae_helpers"))


@contextlib.contextmanager
def atomic_write(path):
    """Open a binary file that appears at `path` whole or not at all.

    The bytes go to a file of their own in the same folder, which then replaces `path` in
    one step. So a reader meets the old file or the new one, never half of one, and a full
    disk or an interruption leaves the old file as it was. Raises `OSError` as the system does.
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
    """Let the output of a command show ? for a letter that its terminal lacks.

    Output that is piped on Windows, or has PYTHONIOENCODING=ascii, would raise instead.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")
