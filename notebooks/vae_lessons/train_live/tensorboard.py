"""A training run as TensorBoard shows it, logged from outside: the trainer knows nothing of it.

A log is one event file in a folder of its own. PyTorch's `SummaryWriter` makes such files too,
but in a thread: a full disk ends it, and what it had not yet written is lost.
"""

import copy
import functools
import io
import json
import os
import re
import shlex
import shutil
import socket
import sysconfig
import time
import types
import warnings
from contextlib import suppress
from pathlib import Path

import torch
from IPython.display import display
from tensorboard import manager
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from torch.utils.tensorboard import RecordWriter, summary
from torch.utils.tensorboard._pytorch_graph import graph

from vae_helpers import data, evaluation

SHOWN = 10  # digits in the pictures
BINS = 60  # of the histograms; a number that follows the data explodes with one far value
# `%tensorboard` looks for the program on PATH, where this Python's own need not be.
PROGRAM = shutil.which("tensorboard", path=sysconfig.get_path("scripts")) or "tensorboard"
os.environ.setdefault("TENSORBOARD_BINARY", PROGRAM)
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
        self._file, self._records, self._tests, self._last = None, 0, 0, None
        if any(self._folder.glob("*tfevents*")):
            raise LogError(f"{self._folder} holds a log already. Give each run a new folder.")
        self.write()

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.close()

    def write(self):
        """Add every step and test that the log lacks, and pictures of the model as it is now.

        If the cache was cleared, all is written again. Raises `LogError` if the file cannot be
        written: the log stays as it was, and the next call adds what this one could not. Also
        raises it if the trainer was set back behind what the log has.
        """
        trainer, anew = self._trainer, self._file is None or not self._file.exists()
        records, tests = (0, 0) if anew else (self._records, self._tests)
        if records and trainer.records[records - 1 : records] != [self._last]:
            raise LogError("The trainer was set back to an earlier step: make a new RunLog.")
        events = self._opening() if anew else []
        for record in trainer.records[records:]:
            steered = {"beta": record.beta, "learning_rate": record.learning_rate}
            events.append(_scalars("train", record, steered))
        events += [_scalars("test", test) for test in trainer.tests[tests:]]
        if anew or len(trainer.records) > records:
            events.append(self._pictures())
        if anew:  # a name of its own, or a running TensorBoard would go on in the old file
            self._file = self._folder / f"events.out.tfevents.{time.time_ns()}"
        _append(self._file, events)
        self._records, self._tests = len(trainer.records), len(trainer.tests)
        self._last = trainer.records[-1] if trainer.records else None

    def close(self):
        """Write what is new, and that the run is over."""
        self.write()
        *_, end = summary.hparams({}, {})
        _append(self._file, [_event(len(self._trainer.records), end)])

    def _opening(self):
        """What stands once in a log: its format, hyper-parameters, digits and graph."""
        trainer = self._trainer
        # β is text, number or not: TensorBoard cannot draw a column of both kinds.
        given = trainer.settings | {
            "beta": str(trainer.settings["beta"]),
            "model": type(trainer.model).__name__, "latent": trainer.model.latent,
        }
        # The metric is the tag of a curve in this very log: TensorBoard takes its last value.
        metric = {} if trainer.test_every is None else {"test/neg_elbo": 0}
        *start, _ = summary.hparams(given, metric)
        digits = summary.image("digits/input", _strip(self._images[:SHOWN]), dataformats="HW")
        drawn = Event(wall_time=time.time(), graph_def=_graph(self._copy()).SerializeToString())
        version = Event(wall_time=time.time(), file_version="brain.Event:2")
        return [version, _event(0, *start), _event(0, digits), drawn]

    @torch.no_grad()
    def _pictures(self):
        model = self._copy()
        mean, logvar = model.encode(data.pixels(self._images))  # [n, latent] each
        decoded = evaluation.decode(model, mean[:SHOWN])  # [shown, 784]
        # A run that diverges gets its last entry too.
        mean, logvar, decoded = map(torch.nan_to_num, (mean, logvar, decoded))
        return _event(
            len(self._trainer.records),
            summary.histogram("posterior/mean", mean, BINS),
            summary.histogram("posterior/logvar", logvar, BINS),
            summary.image("digits/decoded", _strip(decoded), dataformats="HW"),
        )

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
    Behind a proxy, as on JupyterHub and Binder, the environment variable TENSORBOARD_PROXY_URL
    says where the page finds the port, as for `%tensorboard`. Raises `LogError` if TensorBoard
    does not start.
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


def _event(step, *summaries):
    values = [value for each in summaries for value in each.value]
    return Event(wall_time=time.time(), step=step, summary=Summary(value=values))


def _scalars(group, record, more={}):
    parts = {"distortion": record.distortion, "rate": record.rate, "neg_elbo": -record.elbo}
    values = [
        Summary.Value(tag=f"{group}/{name}", simple_value=value)
        for name, value in (parts | more).items()
    ]
    return _event(record.step, Summary(value=values))


def _strip(digits):
    """Digits side by side: [n, 28, 28] or [n, 784] to [28, n * 28]."""
    return digits.reshape(-1, 28, 28).transpose(0, 1).flatten(1)


def _graph(model):
    """From x and eps to the logits; `forward` checks its shapes, which a trace cannot follow."""
    def forward(self, x, eps):
        mean, logvar = self.encode(x)
        return self.decode(mean + (0.5 * logvar).exp() * eps)

    model.forward = types.MethodType(forward, model)
    example = torch.zeros(1, model.pixels), torch.zeros(1, model.latent)
    with warnings.catch_warnings():  # tracing is old; TensorBoard's graph has no other way
        warnings.simplefilter("ignore", FutureWarning)
        return graph(model, example)[0]


def _append(path, events):
    """All events or none: TensorBoard reads no further than to half an event."""
    content, size = io.BytesIO(), os.path.getsize(path) if os.path.exists(path) else 0
    writer = RecordWriter(content)
    for event in events:
        writer.write(event.SerializeToString())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "ab") as file:
            file.write(content.getvalue())
    except OSError as error:
        with suppress(OSError):
            os.truncate(path, size) if size else path.unlink()
        raise LogError(
            f"The log {path} could not be written: {error}. {len(content.getvalue()) / 1e6:.1f} "
            "MB are needed: make room, or choose a folder in which you may write."
        ) from error
