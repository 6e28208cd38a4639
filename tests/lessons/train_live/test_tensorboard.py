"""Logs for TensorBoard, read back from the event files."""

import copy
import errno
import functools
import io
import os
import shlex
import subprocess
import sys
from pathlib import Path, PureWindowsPath
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

import vae_helpers  # noqa: F401  (before torch: it sets how PyTorch's threads wait)
from vae_helpers import data, evaluation, files, models, runs, training
from vae_helpers.schedules import warm_up
from vae_lessons.build_a_vae.lab import CoderVAE
from vae_lessons.train_live import tensorboard
from vae_lessons.train_live.tensorboard import LogError, RunLog

pytestmark = pytest.mark.usefixtures("one_thread")

VALIDATION = ("distortion", "rate", "neg_elbo")
TRAIN = (*VALIDATION, "beta", "learning_rate")
digits = functools.cache(data.load_mnist)


def shown():
    return digits().test_images[:40]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "run"


def make(**settings):
    """A trainer with batch normalisation, a schedule and tests."""
    model = CoderVAE((32, 4), (32, 784), heads="linear", seed=0)
    settings = {
        "batch_size": 64, "learning_rate": 3e-3, "beta": warm_up(9),
        "validation_images": digits().test_images[:50], "validate_every": 7, "seed": 0,
    } | settings
    return training.Trainer(model, digits().train_images[:640], **settings)


def run(trainer, steps):
    for _ in range(steps):
        trainer.step()
    return trainer


def read(folder):
    """Everything in the log of a run; there is one file in the folder, and nothing else."""
    (file,) = folder.iterdir()
    everything = dict.fromkeys(("scalars", "images", "histograms", "tensors"), 0)
    return EventAccumulator(str(file), size_guidance=everything).Reload()


def steps_of(points):
    return [point.step for point in points]


def assert_complete(folder, trainer):
    """Each step and each test stands in the log once, where it happened."""
    log = read(folder)
    trained = [(record.step, record) for record in trainer.records]
    for group, names, pairs in (("train", TRAIN, trained),
                                ("validation", VALIDATION, trainer.validations)):
        for name in names:
            points = log.Scalars(f"{group}/{name}")
            assert steps_of(points) == [step for step, _ in pairs]
            expected = [-r.elbo if name == "neg_elbo" else getattr(r, name) for _, r in pairs]
            assert [point.value for point in points] == pytest.approx(expected, rel=1e-6)


# --- what the log holds -----------------------------------------------------------------


def test_each_step_is_logged_once_however_often_the_log_is_written(folder):
    trainer = make()
    with RunLog(trainer, folder, shown()) as log:
        for steps in (1, 0, 6, 8, 0):
            run(trainer, steps)
            log.write()
        trainer.learning_rate, trainer.beta = 1e-3, 2.5
        run(trainer, 3)
    assert_complete(folder, trainer)
    assert steps_of(trainer.records) == list(range(18))
    assert [step for step, _ in trainer.validations] == [7, 14]
    run(trainer, 4)
    log.write()
    assert_complete(folder, trainer)


def test_a_resumed_run_has_its_whole_past(folder):
    before, trainer = run(make(), 12), make()
    with RunLog(trainer, folder, shown()) as log:
        trainer.load_state(before.state())
        log.write()
        run(trainer, 4)
    assert_complete(folder, trainer)
    with pytest.raises(LogError, match="holds a log already"):
        RunLog(trainer, folder, shown())


@pytest.mark.parametrize("further", [0, 9])
def test_a_trainer_set_back_is_told(further, folder):
    trainer = make()
    start = trainer.state()
    log = RunLog(run(trainer, 5), folder, shown())
    trainer.load_state(start)
    trainer.learning_rate = 1e-4
    run(trainer, further)
    with pytest.raises(LogError, match="make a new RunLog"):
        log.write()


def test_training_with_a_log_is_the_same_training(folder):
    random = torch.get_rng_state()
    plain, trainer = run(make(), 20), make()
    with RunLog(trainer, folder, shown()) as log:
        for _ in range(6):
            run(trainer, 3)
            log.write()
        run(trainer, 2)
    assert torch.equal(torch.get_rng_state(), random)
    assert trainer.records == plain.records and trainer.validations == plain.validations
    assert torch.equal(trainer.generator.get_state(), plain.generator.get_state())
    here, there = trainer.model.state_dict(), plain.model.state_dict()
    assert [name for name in here if not torch.equal(here[name], there[name])] == []


@pytest.mark.parametrize("training_mode", [True, False])
def test_the_model_keeps_its_mode_and_its_forward(training_mode, folder):
    trainer = run(make(), 2)
    trainer.model.train(training_mode)
    trainer.model.mean.eval()
    before = [module.training for module in trainer.model.modules()]
    RunLog(trainer, folder, shown()).close()
    assert [module.training for module in trainer.model.modules()] == before
    assert "forward" not in vars(trainer.model)


def test_digits_and_what_the_decoder_makes_of_them(folder):
    trainer = make()
    with RunLog(trainer, folder, shown()) as log:
        log.write()  # nothing is new: no second picture of step 0
        run(trainer, 15)
    log, count = read(folder), tensorboard.SHOWN
    assert steps_of(log.Images("digits/input")) == [0]
    assert steps_of(log.Images("digits/decoded")) == [0, 15]

    def differs(tag, at, strip):
        """The log's own way from bytes to floats and back may lose one grey level."""
        png = io.BytesIO(log.Images(tag)[at].encoded_image_string)
        return np.abs(np.asarray(Image.open(png).convert("L"), int) - np.hstack(list(strip))).max()

    @torch.no_grad()
    def decoded(model):
        mean, _ = model.encode(data.pixels(shown()))
        return 255 * model.decode(mean[:count]).sigmoid().reshape(count, 28, 28).numpy()

    assert differs("digits/input", 0, shown()[:count].numpy()) <= 1
    assert differs("digits/decoded", 0, decoded(make().model.eval())) <= 1
    assert differs("digits/decoded", 1, decoded(copy.deepcopy(trainer.model).eval())) <= 1
    assert differs("digits/decoded", 1, decoded(copy.deepcopy(trainer.model).train())) > 5


def test_histograms_of_the_posterior(folder):
    trainer = make()
    with RunLog(trainer, folder, shown()):
        run(trainer, 15)
    log = read(folder)
    with torch.no_grad():
        parts = trainer.model.eval().encode(data.pixels(shown()))
    for name, values in zip(("mean", "logvar"), parts):
        points = log.Histograms(f"posterior/{name}")
        assert steps_of(points) == [0, 15]
        stored = points[-1].histogram_value
        assert stored.num == sum(stored.bucket) == values.numel() == 40 * 4
        for end in ("min", "max", "sum"):
            expected = getattr(values, end)().item()
            assert getattr(stored, end) == pytest.approx(expected, rel=1e-4, abs=1e-4)
        below = sum(n for n, limit in zip(stored.bucket, stored.bucket_limit) if limit <= 0.0)
        width = (stored.max - stored.min) / tensorboard.BINS
        assert (values < -width).sum() <= below <= (values <= 0).sum()


@pytest.mark.parametrize("make_model", [
    lambda: models.VAE(3, hidden=(16,), seed=0),
    lambda: CoderVAE((16, 3), (16, 784), heads="relu", seed=0),
], ids=["VAE", "CoderVAE"])
def test_the_graph_leads_from_the_digit_to_the_logits(make_model, folder, capfd, recwarn):
    model = make_model()
    trainer = training.Trainer(model, digits().train_images[:64], batch_size=32, seed=0)
    RunLog(trainer, folder, shown()).close()
    assert recwarn.list == [] and capfd.readouterr() == ("", "")
    nodes = {node.name: node for node in read(folder).Graph().node}
    reached, waiting = set(), [name for name in nodes if name.startswith("output/")]
    while waiting:
        name = waiting.pop()
        if name in nodes and name not in reached:  # the modules of parameters are no nodes
            reached.add(name)
            waiting += nodes[name].input
    assert {"input/x", "input/eps"} <= reached
    assert "aten::exp" in {nodes[name].op for name in reached}
    used = [name for name in reached if "/weight/weight" in name or "/bias/bias" in name]
    assert len(used) == len(list(model.parameters()))


@pytest.mark.parametrize("settings, metrics", [
    ({}, ["validation/neg_elbo"]),
    ({"beta": 9.8}, ["validation/neg_elbo"]),
    ({"validation_images": None, "validate_every": None}, []),
], ids=["schedule", "number", "no tests"])
def test_hyper_parameters_stand_beside_the_last_test(settings, metrics, folder):
    trainer = make(**settings)
    with RunLog(trainer, folder, shown()):
        run(trainer, 15)
    log = read(folder)  # which fails if there is a folder of its own for them
    parts = [HParamsPluginData.FromString(content)
             for content in log.PluginTagToContent("hparams").values()]
    given = {
        key: value.number_value if value.HasField("number_value") else value.string_value
        for part in parts for key, value in part.session_start_info.hparams.items()
    }
    beta = str(trainer.settings["beta"])
    expected = trainer.settings | {"beta": beta, "model": "CoderVAE", "latent": 4}
    assert given == {key: value for key, value in expected.items() if value is not None}
    assert [info.name.tag for part in parts for info in part.experiment.metric_infos] == metrics
    for tag in metrics:
        last = log.Scalars(tag)[-1]
        assert (last.step, last.value) == (14, pytest.approx(-trainer.validations[-1][1].elbo))
    assert any(part.session_end_info.status for part in parts)


def test_a_run_that_diverges_is_logged_to_its_end(folder, recwarn):
    trainer = make(beta=1.0)
    with pytest.raises(training.TrainingDiverged), RunLog(trainer, folder, shown()) as log:
        run(trainer, 8)
        trainer.learning_rate = 1e38
        run(trainer, 1)
        model = copy.deepcopy(trainer.model).eval()
        assert not model.encode(data.pixels(shown()))[0].isfinite().all()
        log.write()
        run(trainer, 5)
    assert_complete(folder, trainer)
    assert steps_of(read(folder).Histograms("posterior/mean")) == [0, 9]
    assert recwarn.list == []


# --- files that cannot be written, or are gone -----------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # the writer's
def test_a_full_disk_loses_nothing(folder):
    import resource

    trainer = make()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def only(room, do):
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        try:
            with pytest.raises(LogError) as error:
                do()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        for part in (str(folder), os.strerror(errno.EFBIG), "Make room"):
            assert part in str(error.value)

    only(10, lambda: RunLog(trainer, folder, shown()))
    assert list(folder.iterdir()) == []
    log = RunLog(trainer, folder, shown())
    run(trainer, 8)
    log.write()
    (file,) = folder.iterdir()
    size = file.stat().st_size
    run(trainer, 8)
    only(size + 100, log.write)
    only(size // 2, log.write)
    steps = steps_of(read(folder).Scalars("train/rate"))
    assert steps[:8] == list(range(8)), "what was there can still be read"
    run(trainer, 2)
    log.close()
    assert_complete(folder, trainer)


def test_an_interrupted_kernel_adds_nothing_twice(folder, monkeypatch):
    trainer = make()
    with RunLog(trainer, folder, shown()) as log:
        run(trainer, 9)
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(evaluation, "decode", Mock(side_effect=KeyboardInterrupt))
            log.write()
        run(trainer, 2)
    assert_complete(folder, trainer)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(LogError, match="could not be written.*choose a folder"):
        RunLog(make(), tmp_path / "file" / "run", shown())


def test_a_log_that_was_cleared_is_written_again(monkeypatch, tmp_path):
    monkeypatch.setenv(files.CACHE_VARIABLE, str(tmp_path / "cache"))
    folder, trainer = runs.new("04_live", "run"), make()
    with RunLog(trainer, folder, shown()) as log:
        run(trainer, 9)
        log.write()
        runs.clear("04_live")
        run(trainer, 2)
        log.write()
        run(trainer, 4)
    assert_complete(folder, trainer)
    log = read(folder)
    assert log.Graph() and steps_of(log.Images("digits/decoded")) == [11, 15]


# --- how to see them --------------------------------------------------------------------


def test_the_command_shows_the_runs(tmp_path):
    folder = tmp_path / "Ann's runs (all)"
    RunLog(make(validation_images=None, validate_every=None), folder / "first", shown()).close()
    line = tensorboard.command(folder)
    assert line.endswith(" --host 127.0.0.1")
    bare = os.environ | {"PATH": os.defpath}  # as in a terminal where no environment is active
    done = subprocess.run(
        f"{line} --inspect", shell=True, capture_output=True, text=True, env=bare, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert str(folder / "first") in done.stdout and "digits/decoded" in done.stdout


@pytest.mark.parametrize("folder, quoted", [
    (r"C:\Users\Ann\runs", r"C:\Users\Ann\runs"),
    (r"C:\Users\Ann Lee\runs", r'"C:\Users\Ann Lee\runs"'),
    (r"C:\Tom&Ann\runs", r'"C:\Tom&Ann\runs"'),
])
def test_the_command_on_windows(folder, quoted):
    line = tensorboard.command(PureWindowsPath(folder), windows=True)
    assert line.endswith(f"--logdir {quoted} --host 127.0.0.1")


@pytest.mark.parametrize("folder", [r"C:\Users\Ann Lee\runs", "/home/ann's/runs", "/x"])
def test_the_magic_reads_the_path_as_it_is(folder):
    """IPython splits the line in the manner of a POSIX shell on every system."""
    words = shlex.split(tensorboard.magic(folder), comments=True, posix=True)
    assert words[:5] == ["--logdir", folder, "--host", "127.0.0.1", "--port"]
    assert 1024 <= int(words[5]) < 65536 and len(words) == 6
    assert words[5] == tensorboard.magic("/y").split()[-1], "a second run finds the first one's"
    assert Path(os.environ["TENSORBOARD_BINARY"]).is_file(), "what the magic starts"


@pytest.mark.parametrize("prefix, has_proxy, chosen, address", [
    ("/user/ann/", True, None, "/user/ann/proxy/4321/"),
    ("/user/ann/", True, "/elsewhere/%PORT%/", "/elsewhere/4321/"),
    ("/user/ann/", False, None, "/"),  # nothing listens there
    (None, True, None, "/"),
])
def test_on_a_hub_both_pages_go_through_its_proxy(tmp_path, prefix, has_proxy, chosen, address):
    """The page of `%tensorboard` and that of `open_projector`."""
    if has_proxy:
        (tmp_path / "jupyter_server_proxy.py").touch()
    env = {name: value for name, value in os.environ.items()
           if name not in ("JUPYTERHUB_SERVICE_PREFIX", "TENSORBOARD_PROXY_URL")}
    env |= {"PYTHONPATH": str(tmp_path)}
    env |= {"JUPYTERHUB_SERVICE_PREFIX": prefix} if prefix else {}
    env |= {"TENSORBOARD_PROXY_URL": chosen} if chosen else {}
    code = (
        "from types import SimpleNamespace\n"
        "from tensorboard import notebook\n"
        "from vae_lessons.train_live import tensorboard\n"
        "frame = SimpleNamespace(update=lambda shown: print(shown.data))\n"
        "notebook._display_ipython(4321, 800, frame)\n"
        "print(tensorboard._frame(4321))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.stdout.count(f'new URL("{address}", window.location)') == 2, done.stderr
