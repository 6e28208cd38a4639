"""Checkpoints: resumed runs are bitwise the same, and bad files are refused with a reason."""

import errno
import hashlib
import io
import os
import pickle
import random
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import vae_helpers  # noqa: F401  (before torch: it sets how PyTorch's threads wait)
from vae_helpers import checkpoints, data, elbo, files, models, training
from vae_helpers.checkpoints import CheckpointError
from vae_helpers.schedules import warm_up
from vae_lessons.build_a_vae import lab
from vae_lessons.choose_a_log_variance.lab import SigmaVAE
from vae_lessons.meet_kl_collapse.lab import LinearVAE
from vae_lessons.say_how_good_it_is.lab import BurdaVAE
from vae_lessons.train_in_two_stages.lab import Autoencoder, LearnedScaleVAE, TwoStage

pytestmark = pytest.mark.usefixtures("one_thread")

class SmallVAE(models.GaussianVAE):
    """A VAE with batch norm and few parameters, so that files are written quickly."""

    def __init__(self, latent=4, last="linear", eps=1e-3):
        super().__init__()
        self.latent, self.pixels = latent, 784
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.encoder = lab.Coder(784, (16, 2 * latent), last=last, eps=eps)
            self.decode = models.dense([latent, 16, 784])

    def encode(self, x):
        return self.encoder(x).chunk(2, dim=-1)


class LearnersVAE(nn.Module):
    """A VAE written without `models`: sizes, two networks and `elbo_parts`."""

    def __init__(self, hidden, activation):
        super().__init__()
        self.latent, self.pixels, self.config = 2, 784, ["the learner's own"]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.encoder = nn.Sequential(nn.Linear(784, hidden), activation, nn.Linear(hidden, 4))
            self.decode = nn.Sequential(nn.Linear(2, hidden), activation, nn.Linear(hidden, 784))

    def elbo_parts(self, x, eps):
        mean, logvar = self.encoder(x).chunk(2, dim=-1)
        z = elbo.reparameterize(mean, logvar, eps)
        return (-elbo.bernoulli_log_prob(x, self.decode(z)),
                elbo.gaussian_kl_per_latent(mean, logvar))


def make(*, model=None, images=slice(640), **settings):
    """A trainer with all features: batch norm, a schedule, free bits, validation."""
    digits = data.load_mnist()
    settings = {
        "batch_size": 64, "beta": warm_up(50), "free_bits": 0.05,
        "validation_images": digits.test_images[:50], "validate_every": 7, "seed": 0,
    } | settings
    return training.Trainer(model or SmallVAE(), digits.train_images[images], **settings)


def run(trainer, steps):
    for _ in range(steps):
        trainer.step()
    return trainer


def same(one, other):
    """Bitwise equality of nested states."""
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def assert_same_run(one, other):
    assert one.records == other.records and one.validations == other.validations
    here, there = one.state(), other.state()
    assert here.keys() == there.keys()
    assert [key for key in here if not same(here[key], there[key])] == []


# --- going on ---------------------------------------------------------------------------


@pytest.mark.parametrize("first", [0, 1, 10, 13])  # at the start, within an epoch, at its end
def test_a_restored_run_goes_on_bitwise(first, tmp_path):
    saved = run(make(), first)
    checkpoints.save(saved, tmp_path / "run.ckpt")
    resumed = run(make(), 3)  # its earlier steps do not matter
    checkpoints.restore(resumed, tmp_path / "run.ckpt")
    assert_same_run(resumed, saved)
    assert_same_run(run(resumed, 15), run(make(), first + 15))


def test_what_was_assigned_during_the_run_is_restored(tmp_path):
    def steer(trainer):
        trainer.learning_rate, trainer.beta, trainer.batch_size = 3e-3, 2.5, 100
        return run(trainer, 2)

    checkpoints.save(steer(run(make(), 4)), tmp_path / "run.ckpt")
    resumed = make()
    checkpoints.restore(resumed, tmp_path / "run.ckpt")
    assert (resumed.learning_rate, resumed.beta, resumed.batch_size) == (3e-3, 2.5, 100)
    assert_same_run(run(resumed, 8), run(steer(run(make(), 4)), 8))


def test_a_restored_run_knows_its_last_good_parameters(tmp_path):
    """The saved parameters may be those with which the next step diverges."""
    trainer = run(make(), 5)
    trainer.learning_rate = 1e38
    trainer.step()
    checkpoints.save(trainer, tmp_path / "run.ckpt")
    resumed = make()
    checkpoints.restore(resumed, tmp_path / "run.ckpt")
    for one in (trainer, resumed):
        with pytest.raises(training.TrainingDiverged):
            run(one, 5)
    assert_same_run(resumed, trainer)
    assert all(p.isfinite().all() for p in resumed.model.parameters())


def test_a_state_is_a_copy(tmp_path):
    trainer = run(make(), 3)
    state = trainer.state()
    later = run(trainer, 4).state()
    for _ in range(2):
        trainer.load_state(state)
        assert same(run(trainer, 4).state(), later)


def test_lists_of_records_stay_the_same_objects(tmp_path):
    trainer = run(make(), 8)
    records, validations = trainer.records, trainer.validations
    checkpoints.save(trainer, tmp_path / "run.ckpt")
    checkpoints.restore(trainer, tmp_path / "run.ckpt")
    assert trainer.records is records and trainer.validations is validations


@pytest.mark.parametrize(
    "part", ["_next_batch", "_size", "optimizer.step", "_validate"]
)
@pytest.mark.parametrize("fresh", [True, False])
def test_an_interrupted_run_is_resumed_by_the_same_call(part, fresh, tmp_path, monkeypatch):
    path, chances = tmp_path / "run.ckpt", random.Random(part)
    trainer = make()
    for _ in range(4):
        with monkeypatch.context() as patch:
            interrupt_within(patch, trainer, part, calls=chances.randint(1, 9))
            try:
                training.train(trainer, 40, checkpoint=path, every=4)
            except KeyboardInterrupt:
                pass
        trainer = make() if fresh else trainer
    training.train(trainer, 40, checkpoint=path, every=4)
    assert_same_run(trainer, run(make(), 40))


def interrupt_within(patch, trainer, part, calls):
    """Ctrl-C just after the given call of `part`, a method of the trainer or its attributes."""
    *owner, name = part.split(".")
    owner = getattr(trainer, owner[0]) if owner else trainer
    original, left = getattr(owner, name), iter(range(calls, 0, -1))

    def interrupted(*arguments, **settings):
        result = original(*arguments, **settings)
        if next(left, 0) == 1:
            raise KeyboardInterrupt
        return result

    patch.setattr(owner, name, interrupted)


def test_train_saves_every_epoch_and_at_the_end(tmp_path, monkeypatch):
    saved = []
    original = checkpoints.save
    monkeypatch.setattr(
        checkpoints, "save", lambda t, path: (saved.append(len(t.records)), original(t, path))
    )
    training.train(make(), 23, checkpoint=tmp_path / "run.ckpt")
    assert saved == [0, 10, 20, 23]
    training.train(make(), 23, checkpoint=tmp_path / "run.ckpt")
    assert saved == [0, 10, 20, 23], "a finished run is restored, not run again"
    training.train(make(), 5, checkpoint=tmp_path / "other.ckpt", every=2)
    assert saved[4:] == [0, 2, 4, 5]
    with pytest.raises(ValueError, match="every must be a whole number of at least 1"):
        training.train(make(), 5, checkpoint=tmp_path / "run.ckpt", every=0)


def test_a_schedule_that_cannot_be_stored_is_named_before_the_first_step(tmp_path):
    trainer = make(beta=lambda step: 1.0)
    with pytest.raises(TypeError, match="schedules.warm_up"):
        training.train(trainer, 5, checkpoint=tmp_path / "run.ckpt")
    assert trainer.records == [] and list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this computer has no such device")
def test_a_run_moves_between_devices(tmp_path):
    there = run(make(device="cuda"), 5)
    checkpoints.save(there, tmp_path / "run.ckpt")
    here = make(device="cpu")
    checkpoints.restore(here, tmp_path / "run.ckpt")
    assert here.records == there.records
    assert here.step().distortion == pytest.approx(there.step().distortion, rel=1e-3)
    checkpoints.save(here, tmp_path / "run.ckpt")
    checkpoints.restore(there, tmp_path / "run.ckpt")
    assert next(there.model.parameters()).device.type == "cuda"
    run(there, 2)


# --- bad files --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The bytes of a good checkpoint."""
    path = tmp_path_factory.mktemp("good") / "run.ckpt"
    checkpoints.save(run(make(), 8), path)
    return path.read_bytes()


def assert_refused(path, content, *messages, trainer=None):
    """Assert that restoring `content` raises an error with all messages and changes nothing."""
    path.write_bytes(content)
    trainer = trainer or run(make(), 2)
    before = trainer.state()
    with pytest.raises(CheckpointError) as error:
        checkpoints.restore(trainer, path)
    for message in (str(path), "Delete it or choose another path", *messages):
        assert message in str(error.value)
    assert same(trainer.state(), before), "half loaded"


def test_truncated_files_and_flipped_bits(good, tmp_path):
    trainer, chances = run(make(), 2), random.Random(0)
    lengths = [1, 10, 40, 60, 106, 107, 108, 200, len(good) // 2, len(good) - 1]
    for length in lengths + [chances.randrange(1, len(good)) for _ in range(20)]:
        assert_refused(tmp_path / "run.ckpt", good[:length], trainer=trainer)
    first_line = range(good.index(b"\n") + 1)
    for byte in [*first_line, *(chances.randrange(len(good)) for _ in range(60))]:
        damaged = bytearray(good)
        damaged[byte] ^= 1 << chances.randrange(8)
        assert_refused(tmp_path / "run.ckpt", bytes(damaged), trainer=trainer)


@pytest.mark.parametrize("damage, messages", [
    (lambda good: b"", ["is empty"]), (lambda good: good + b"x", ["checksum"]),
    (lambda good: good[: len(good) // 2], ["damaged or incomplete"]),
    (lambda good: good.replace(b"format 3,", b"format 12,", 1),
     ["has format 12", "reads format 3."]),
], ids=["empty", "longer", "shorter", "another format"])
def test_what_is_wrong_with_a_file_is_said(good, tmp_path, damage, messages):
    assert_refused(tmp_path / "run.ckpt", damage(good), *messages)


class Payload:
    """An object of a malicious pickle, which runs a function when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def signed(content):
    """The bytes of a checkpoint file with this content and the right checksum."""
    payload = io.BytesIO()
    torch.save(content, payload)
    digest = hashlib.sha256(payload.getvalue()).hexdigest().encode()
    return b"vae_helpers checkpoint, format 3, sha256 " + digest + b"\n" + payload.getvalue()


def test_a_malicious_file_is_not_executed(tmp_path):
    trace = tmp_path / "executed"
    pickle.loads(pickle.dumps(Payload(trace)))
    assert trace.exists(), "the payload works where it is let"
    trace.unlink()
    zipped = io.BytesIO()
    torch.save(Payload(trace), zipped)
    path = tmp_path / "run.ckpt"
    assert_refused(path, pickle.dumps(Payload(trace)), "not a vae_helpers checkpoint")
    assert_refused(path, zipped.getvalue(), "not a vae_helpers checkpoint")
    assert_refused(path, signed(Payload(trace)), "more than tensors and plain values")
    assert_refused(path, signed({"belongs_to": {}, "state": Payload(trace)}), "was not loaded")
    assert not trace.exists()


def test_a_right_checksum_over_wrong_content(good, tmp_path):
    path = tmp_path / "run.ckpt"
    content = torch.load(io.BytesIO(good.partition(b"\n")[2]), weights_only=True)
    assert_refused(path, signed(torch.zeros(3)), "does not hold what a checkpoint should")
    assert_refused(path, signed({}), "KeyError: 'belongs_to'")
    assert_refused(path, signed(content | {"state": {}}), "KeyError: 'beta'")
    for key in content["state"]:
        state = content["state"] | {key: {"kind": "nonsense"}}
        assert_refused(path, signed(content | {"state": state}), "does not hold what")


@pytest.mark.parametrize("change, message", [
    ({"model": models.VAE(4, (16,), seed=0)}, "model's class is SmallVAE in the file and VAE here"),
    ({"model": SmallVAE(latent=5)}, "the model's latent is 4 in the file and 5 here"),
    ({"model": SmallVAE(last="relu")}, "the model's last is linear in the file and relu here"),
    ({"model": SmallVAE(eps=1e-5)}, "the model's eps is 0.001 in the file and 1e-05 here"),
    ({"model": LearnersVAE(6, nn.ReLU())}, "class is SmallVAE in the file and LearnersVAE here"),
    ({"images": slice(630)}, r"images is \[640, 28, 28\].* in the file and \[630, 28, 28\].* here"),
    ({"images": slice(640, 1280)}, r"images is \[640, 28, 28\].* in the file and \[640, 28, 28\]"),
    ({"learning_rate": 2e-3}, "learning_rate is 0.001 in the file and 0.002 here"),
    ({"batch_size": 32}, "batch_size is 64 in the file and 32 here"),
    ({"beta": 1.0}, "beta is {'kind': 'warm_up', 'steps': 50, 'beta': 1.0} in the file and 1.0"),
    ({"free_bits": 0.0}, "free_bits is 0.05 in the file and 0.0 here"),
    ({"seed": 1}, "seed is 0 in the file and 1 here"),
    ({"validate_every": 8}, "validate_every is 7 in the file and 8 here"),
])
def test_a_checkpoint_of_another_run(change, message, good, tmp_path):
    trainer = make(**change)
    assert_refused(tmp_path / "run.ckpt", good, "is from another run", trainer=trainer)
    with pytest.raises(CheckpointError, match=message):
        checkpoints.restore(trainer, tmp_path / "run.ckpt")


AVERAGE, CODES = torch.full((784,), 0.3), torch.linspace(0, 1, 12).reshape(4, 3).cos()


def whole_model(**of_second):
    first = Autoencoder(3, (4,), seed=0)
    return TwoStage(
        first, LearnedScaleVAE(2, (4,), 3, seed=0, **of_second), CODES)


# Pairs of models with the same tensors, where the second computes something else.
LOOK_ALIKES = {
    "noise_variance": [LinearVAE(3, AVERAGE, noise_variance=v, seed=0) for v in (1.0, 4.0)],
    "learned": [SigmaVAE(2, (4,), noise=-1.0, learned=word, seed=0)
                for word in (True, False)],
    "codes": [LearnedScaleVAE(2, (4,), codes=word, seed=0) for word in (False, True)],
    "second.codes": [whole_model(codes=word) for word in (True, False)],
    "heads": [lab.CoderVAE((8, 2), (8, 784), heads=word, seed=0) for word in ("linear", "relu")],
    "mean.momentum": [lab.CoderVAE((8, 2), (8, 784), heads="linear", seed=0, momentum=momentum)
                      for momentum in (0.01, 0.1)],
    "class": [BurdaVAE(AVERAGE, 2, (4, 4), seed=0), models.VAE(2, (4, 4), seed=0)],
    "layers": [LearnersVAE(6, activation) for activation in (nn.ReLU(), nn.Tanh())],
    "line 3": [LearnersVAE(6, nn.LeakyReLU(slope)) for slope in (0.1, 0.3)],
}


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_a_model_that_computes_something_else_is_refused(name, tmp_path):
    """Each argument of a model that does not change the shape of a parameter."""
    there, here = (make(model=model, validation_images=None, validate_every=None)
                   for model in LOOK_ALIKES[name])
    states = [trainer.model.state_dict() for trainer in (there, here)]
    assert ({key: tensor.shape for key, tensor in states[0].items()}
            == {key: tensor.shape for key, tensor in states[1].items()})
    path = tmp_path / "run.ckpt"
    checkpoints.save(there, path)
    assert_refused(path, path.read_bytes(), f"{name}", "is from another run", trainer=here)
    checkpoints.restore(there, path)


def test_numbers_of_numpy_and_defaults_that_are_spelt_out_are_the_same_model(tmp_path):
    path = tmp_path / "run.ckpt"
    checkpoints.save(make(model=models.VAE(4, seed=0)), path)
    checkpoints.restore(make(model=models.VAE(np.int64(4), [np.int32(400)], seed=1)), path)
    checkpoints.save(make(model=lab.CoderVAE((8, 2), (8, 784), heads="relu", seed=0)), path)
    same_again = lab.CoderVAE([8, 2], [8, 784], heads="relu", eps=1e-3, batch_norm=True, seed=0)
    checkpoints.restore(make(model=same_again), path)


def test_a_learner_s_own_module_goes_on(tmp_path):
    saved = run(make(model=LearnersVAE(6, nn.ReLU())), 3)
    checkpoints.save(saved, tmp_path / "run.ckpt")
    resumed = make(model=LearnersVAE(6, nn.ReLU()))
    checkpoints.restore(resumed, tmp_path / "run.ckpt")
    assert_same_run(run(resumed, 3), run(saved, 3))
    with pytest.raises(CheckpointError, match=r"encoder.0.weight is .*\[6, 784\] in the file"):
        checkpoints.restore(make(model=LearnersVAE(7, nn.ReLU())), tmp_path / "run.ckpt")


def test_what_is_not_a_file(tmp_path):
    for path in (tmp_path / "absent.ckpt", tmp_path):
        with pytest.raises(CheckpointError, match="cannot be read"):
            checkpoints.restore(make(), path)


# --- disks that fail --------------------------------------------------------------------


def full_open(name, mode):
    """A replacement of `open` for a disk that is full after ten thousand bytes."""
    file, room = open(name, mode), 10_000

    def write(content):
        nonlocal room
        type(file).write(file, content[:room])
        if len(content) > room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        room -= len(content)

    return Written(file, write)


class Written:
    """A file whose `write` is replaced."""

    def __init__(self, file, write):
        self.file, self.write = file, write

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.file.close()

    def __getattr__(self, name):
        return getattr(self.file, name)


def assert_save_fails_and_the_earlier_stays(folder, message):
    earlier = (folder / "run.ckpt").read_bytes()
    with pytest.raises(CheckpointError, match=message) as error:
        checkpoints.save(run(make(), 3), folder / "run.ckpt")
    assert "An earlier checkpoint there is unchanged" in str(error.value)
    assert (folder / "run.ckpt").read_bytes() == earlier
    assert [path.name for path in folder.iterdir()] == ["run.ckpt"], "nothing is left lying"
    checkpoints.restore(make(), folder / "run.ckpt")


def test_a_full_disk(good, tmp_path, monkeypatch):
    (tmp_path / "run.ckpt").write_bytes(good)
    with monkeypatch.context() as patch:
        patch.setattr(files, "open", full_open, raising=False)
        assert_save_fails_and_the_earlier_stays(tmp_path, os.strerror(errno.ENOSPC))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_limit_of_the_system(good, tmp_path):
    import resource

    (tmp_path / "run.ckpt").write_bytes(good)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        assert_save_fails_and_the_earlier_stays(tmp_path, os.strerror(errno.EFBIG))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="could not be written"):
        checkpoints.save(make(), tmp_path / "file" / "run.ckpt")
