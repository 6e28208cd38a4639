"""A training run as TensorBoard shows it, logged from outside: the trainer knows nothing of it.

A log is one event file in a folder of its own, which PyTorch's `SummaryWriter` writes. Its thread
ends when a file cannot be written, and may leave half an event, at which TensorBoard stops reading.
So a log that failed is written anew, whole, by the next call.
"""

import copy
import functools
import importlib.util
import json
import os
import re
import shlex
import shutil
import socket
import sysconfig
import types
import warnings
from contextlib import suppress
from pathlib import Path

import torch
from IPython.display import display
from tensorboard import manager
from torch.utils.tensorboard import SummaryWriter, summary

from vae_helpers import data, evaluation

SHOWN = 10  # digits in the pictures
BINS = 60  # of the histograms; a number that follows the data explodes with one far value
# `%tensorboard` looks for the program on PATH, where this Python's own need not be.
PROGRAM = shutil.which("tensorboard", path=sysconfig.get_path("scripts")) or "tensorboard"
os.environ.setdefault("TENSORBOARD_BINARY", PROGRAM)
# On JupyterHub the page reaches a port through jupyter-server-proxy, if the hub has it.
HUB = os.environ.get("JUPYTERHUB_SERVICE_PREFIX")
if HUB and importlib.util.find_spec("jupyter_server_proxy"):
    os.environ.setdefault("TENSORBOARD_PROXY_URL", f"{HUB}proxy/%PORT%/")
# As `%tensorboard` writes it, and the page goes straight to the projector.
FRAME = """<iframe id="tensorboard-frame-projector" width="100%" height="800" frameborder="0"
title="TensorBoard's projector"></iframe><script>(function() {
    const address = new URL(PLACE, window.location);
    if (PORT) address.port = PORT;
    address.hash = "projector";
    document.getElementById("tensorboard-frame-projector").src = address;
})();</script>"""


class LogError(RuntimeError):
    """A log could not be written; the message says what to do."""


class RunLog:
    """Logs how far `trainer` (a `training.Trainer`) has come, each time `write` is called.

    folder: the run's own (see `runs.new`), without a log in it; made if it is missing.
    images: uint8 [n, 28, 28]. The posterior's mean and logvar of all of them, all latents
    together, become histograms; the first `SHOWN` are drawn, and what the decoder makes of
    their means. As a context it writes what is new at the end, and that the run is over.

    Scalars are in nats per image. The hyper-parameters are those that the trainer began with,
    beside its latest test −ELBO if it makes tests. Training with a log ends with bitwise the
    same model as without. Raises `LogError` for a folder with a log or one it cannot write to.
    """

    def __init__(self, trainer, folder, images):
        data.require_images(images)
        self._trainer, self._folder, self._images = trainer, Path(folder), images
        self._writer, self._records, self._validations, self._last = None, 0, 0, None
        if self._files():
            raise LogError(f"{self._folder} holds a log already. Give each run a new folder.")
        self.write()

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.close()

    def write(self):
        """Add every step and test that the log lacks, and pictures of the model as it is now.

        If the cache was cleared, or the call before failed, all is written again, to a new file.
        Raises `LogError` if the file cannot be written, and if the trainer was set back behind
        what the log has.
        """
        self._write()

    def close(self):
        """Write what is new, and that the run is over; a call after it writes all again."""
        *_, end = summary.hparams({}, {})
        self._write(end)
        self._writer.close()
        self._writer = None

    def _write(self, *last):
        trainer, records = self._trainer, self._records
        if records and trainer.records[records - 1 : records] != [self._last]:
            raise LogError("The trainer was set back to an earlier step: make a new RunLog.")
        earlier = self._files()
        anew = self._writer is None or not earlier
        try:
            if anew:
                self._open()
            self._add_what_is_new(anew)
            for part in last:
                self._writer.file_writer.add_summary(part)
            self._writer.flush()
        except BaseException as error:  # an interrupt leaves half of it behind too
            self._give_up(keep=earlier)
            if not isinstance(error, OSError):
                raise
            raise LogError(f"The log in {self._folder} could not be written: {error}. Make room, "
                           "or choose a folder in which you may write.") from error
        if anew:  # a running TensorBoard would go on in the file that ended with half an event
            for path in earlier:
                path.unlink()
        self._records, self._validations = len(trainer.records), len(trainer.validations)
        self._last = trainer.records[-1] if trainer.records else None

    def _files(self):
        return list(self._folder.glob("*tfevents*"))

    def _give_up(self, keep):
        """Leave the files that were there; the next call begins a new one."""
        writer, self._writer = self._writer, None
        with suppress(OSError):  # what could not be written still cannot
            writer and writer.close()
        for path in set(self._files()) - set(keep):
            path.unlink()

    def _open(self):
        """A new file, with what stands in a log once: hyper-parameters, digits and graph."""
        trainer = self._trainer
        self._writer = SummaryWriter(self._folder)
        # β is text, number or not: TensorBoard cannot draw a column of both kinds.
        given = trainer.settings | {
            "beta": str(trainer.settings["beta"]),
            "model": type(trainer.model).__name__, "latent": trainer.model.latent,
        }
        # The metric is the tag of a curve in this very log: TensorBoard takes its last value.
        metric = {} if trainer.validate_every is None else {"validation/neg_elbo": 0}
        for part in summary.hparams(given, metric)[:2]:  # `add_hparams` would begin another run
            self._writer.file_writer.add_summary(part)
        self._writer.add_image("digits/input", _strip(self._images[:SHOWN]), 0, dataformats="HW")
        _add_graph(self._writer, self._copy())

    def _add_what_is_new(self, anew):
        records = self._trainer.records[0 if anew else self._records:]
        for record in records:
            steered = {"beta": record.beta, "learning_rate": record.learning_rate}
            self._add_scalars("train", record.step, record, steered)
        for step, found in self._trainer.validations[0 if anew else self._validations:]:
            self._add_scalars("validation", step, found)
        if anew or records:
            self._add_pictures()

    def _add_scalars(self, group, step, found, more={}):
        parts = {"distortion": found.distortion, "rate": found.rate, "neg_elbo": -found.elbo}
        for name, value in (parts | more).items():
            self._writer.add_scalar(f"{group}/{name}", value, step)

    @torch.no_grad()
    def _add_pictures(self):
        model, step = self._copy(), len(self._trainer.records)
        mean, logvar = model.encode(data.pixels(self._images))  # [n, latent] each
        decoded = evaluation.decode(model, mean[:SHOWN])  # [shown, 784]
        # A run that diverges gets its last entry too.
        mean, logvar, decoded = map(torch.nan_to_num, (mean, logvar, decoded))
        self._writer.add_histogram("posterior/mean", mean, step, bins=BINS)
        self._writer.add_histogram("posterior/logvar", logvar, step, bins=BINS)
        self._writer.add_image("digits/decoded", _strip(decoded), step, dataformats="HW")

    def _copy(self):
        """The model on the processor and in evaluation mode; the trainer's own stays as it is."""
        return copy.deepcopy(self._trainer.model).cpu().eval()


def magic(folder):
    """What follows `%tensorboard` to show the runs in `folder`, a `RunLog`'s or one above it."""
    return f"--logdir {shlex.quote(str(folder))} --host 127.0.0.1 --port {_port()}"


def open_projector(folder):
    """Show TensorBoard's embedding projector of the runs in `folder` below the cell.

    `%tensorboard` would open with "no dashboards are active": the projector looks for its
    files in the background, and is listed only from the second time on that a page asks.
    Behind a proxy the environment variable TENSORBOARD_PROXY_URL says where the page finds the
    port, as for `%tensorboard`. On JupyterHub and Binder it is set when this module is imported,
    if jupyter-server-proxy is installed. Raises `LogError` if TensorBoard does not start.
    """
    place = display({"text/plain": "Launching TensorBoard..."}, raw=True, display_id=True)
    found = manager.start(shlex.split(magic(folder)))
    if not isinstance(found, (manager.StartLaunched, manager.StartReused)):
        raise LogError(f"TensorBoard did not start: {found}. In a terminal it may say more: "
                       f"{command(folder)}")
    place.update({"text/html": _frame(found.info.port)}, raw=True)


def _frame(port):
    proxy = os.environ.get("TENSORBOARD_PROXY_URL")
    address = "/" if proxy is None else proxy.replace("%PORT%", str(port))
    own_port = port if proxy is None else 0
    return FRAME.replace("PORT", str(own_port)).replace("PLACE", json.dumps(address))


def command(folder, windows=os.name == "nt"):
    """The line that shows them outside: in a terminal it prints the address for a browser.

    PowerShell needs an & before it if the program's own path is quoted.
    """
    def quote(text):
        plain = re.fullmatch(r"[\w.:\\/~-]+", text)
        return (text if plain else f'"{text}"') if windows else shlex.quote(text)

    return f"{quote(PROGRAM)} --logdir {quote(str(folder))} --host 127.0.0.1"


@functools.cache  # a cell run again finds its own TensorBoard, and never another kernel's
def _port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _strip(digits):
    """Digits side by side: [n, 28, 28] or [n, 784] to [28, n * 28]."""
    return digits.reshape(-1, 28, 28).transpose(0, 1).flatten(1)


def _add_graph(writer, model):
    """From x and eps to the logits; `forward` checks its shapes, which a trace cannot follow."""
    def forward(self, x, eps):
        mean, logvar = self.encode(x)
        return self.decode(mean + (0.5 * logvar).exp() * eps)

    model.forward = types.MethodType(forward, model)
    example = torch.zeros(1, model.pixels), torch.zeros(1, model.latent)
    with warnings.catch_warnings():  # tracing is old; TensorBoard's graph has no other way
        warnings.simplefilter("ignore", FutureWarning)
        writer.add_graph(model, example)
