"""Reliability: damaged files, killed runs, simultaneous loads, repeated runs of the series.

The options --damaged, --kills, --loads and --series set the number of trials, for example
--damaged 200 --kills 30 --loads 30 --series 10, which takes hours. Each test reports passed/tried.
"""

import hashlib
import multiprocessing
import os
import pickle
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from test_checkpoints import Payload, Written, assert_same_run, make, run

from vae_helpers import checkpoints, data, files, models, results, training

ROOT = Path(__file__).resolve().parents[2]
MODEL = "kl_collapse", "1"  # study and key
WRITE_MOMENTS = ("half written", "not yet in place", "just in place")


# Each damage is a function of a file's bytes, a random.Random and a path; it returns the damaged
# bytes. Loading the damaged file must not create a file at that path.


def truncated(content, chances, _trap):
    return content[: chances.randrange(1, len(content))]


def bit_flipped(content, chances, _trap):
    position = chances.randrange(len(content))
    flipped = content[position] ^ (1 << chances.randrange(8))
    return content[:position] + bytes([flipped]) + content[position + 1:]


def wrong_magic(content, chances, _trap):
    return chances.randbytes(8) + content[8:]


def foreign_pickle(_content, _chances, trap):
    """A pickle that runs code when it is loaded."""
    return pickle.dumps(Payload(trap))


def empty(_content, _chances, _trap):
    return b""


def huge_header(content, _chances, _trap):
    """A size field of four billion, and a header of a megabyte."""
    return content[:4] + b"\xff" * 4 + b"9" * 2**20 + content[8:]


DAMAGES = (truncated, bit_flipped, wrong_magic, foreign_pickle, empty, huge_header)


def damage_in(path, damage, number, trap):
    before = path.read_bytes()
    path.write_bytes(damage(before, random.Random(number), trap))
    assert path.read_bytes() != before


def some_file(number):
    """The name of one of MNIST's four files."""
    return sorted(path.name for path in data.PACKAGED.glob("*.gz"))[number // 7 % 4]


# Each of the next functions damages a good file. It returns a function that loads the file, the
# right result, and the error that loading may raise instead.


def packed_file(folder, damage, number, monkeypatch):
    """A data file of the package."""
    name, packed = some_file(number), folder / "packed"
    good = data.load_mnist()
    shutil.copytree(data.PACKAGED, packed)
    damage_in(packed / name, damage, number, folder / "trap")
    monkeypatch.setattr(data, "PACKAGED", packed)
    return data.load_mnist, good, data.MNISTError


def checkpoint(folder, damage, number, _monkeypatch):
    """A checkpoint. Half of the foreign pickles get a first line with the right checksum."""
    images = data.load_mnist().train_images[:128]
    saved, other = (training.Trainer(models.VAE(2, (16,), seed=0), images, seed=0)
                    for _ in range(2))
    path = folder / "run.ckpt"
    for _ in range(3):
        saved.step()
    checkpoints.save(saved, path)
    damage_in(path, damage, number, folder / "trap")
    if damage is foreign_pickle and number % 2 == 0:
        path.write_bytes(checkpoints._first_line(path.read_bytes()) + path.read_bytes())

    def load():
        checkpoints.restore(other, path)
        return other.model.state_dict().values()

    return load, saved.model.state_dict().values(), checkpoints.CheckpointError


def stored_model(folder, damage, number, monkeypatch):
    """A stored model of a study."""
    study, key = MODEL

    def load():
        return results.load_model(study, key, models.VAE(10, (100,), seed=0)).state_dict().values()

    good, stored = load(), folder / "meet_kl_collapse" / "results"
    shutil.copytree(results.lessons_folder() / "meet_kl_collapse" / "results", stored)
    damage_in(stored / study / f"{key}.pt", damage, number, folder / "trap")
    monkeypatch.setattr(results, "lessons_folder", lambda: folder)
    return load, good, results.ResultsError


VICTIMS = (packed_file, checkpoint, stored_model)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("victim", VICTIMS)
def test_a_damaged_file_is_named_or_changes_nothing(
    victim, damage, request, tmp_path, record_property
):
    count = -(-request.config.getoption("damaged") // (len(VICTIMS) * len(DAMAGES)))
    outcomes = []
    for number in range(count):
        folder = tmp_path / str(number)
        folder.mkdir()
        with pytest.MonkeyPatch.context() as monkeypatch:
            load, good, error = victim(folder, damage, number, monkeypatch)
            outcomes.append(outcome(load, good, error))
        if (folder / "trap").exists():
            outcomes[-1] = "ran foreign code"
    record_property("passed/tried", f"{outcomes.count('passed')}/{count}")
    assert outcomes == ["passed"] * count


def outcome(load, good, error):
    """"passed" if `load` raises this error or returns `good`, else a description."""
    try:
        found = load()
    except error:
        return "passed"
    except Exception as other:  # an error that should not occur
        return f"raised {type(other).__name__}: {other}"
    same = all(torch.equal(one, other) for one, other in zip(found, good, strict=True))
    return "passed" if same else "loaded something else"


def forkserver():
    """A context that starts processes with PyTorch imported but not used before."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["vae_lessons.train_in_two_stages.lab", "pytest"])
    return context


@pytest.mark.skipif(os.name == "nt", reason="Windows has no fork server")
def test_a_killed_run_goes_on_bitwise(one_thread, request, tmp_path, record_property):
    """The run is killed at random moments and during writes, and resumed each time."""
    kills, path = request.config.getoption("kills"), tmp_path / "killed.ckpt"
    steps, chances = 15 * kills, random.Random(kills)
    moments = [*WRITE_MOMENTS, *kills * [None]]
    chances.shuffle(moments)
    codes = [exit_code_when_killed(path, steps, moment, chances) for moment in moments]
    assert codes == [-signal.SIGKILL] * len(moments)
    survivor = make()
    training.train(survivor, steps, checkpoint=path, every=3)
    assert_same_run(survivor, run(make(), steps))
    assert list(tmp_path.iterdir()) == [path], "no part of a killed write is left lying"
    record_property("passed/tried", f"{len(codes)}/{len(moments)}")


def exit_code_when_killed(path, steps, moment, chances):
    """Train in a process and kill it at this moment of a write, or in a random step."""
    context = forkserver()
    ear, mouth = context.Pipe(duplex=False)
    victim = context.Process(target=train_and_tell, args=(path, steps, moment, mouth))
    victim.start()
    mouth.close()  # so that the pipe closes when the process ends
    if moment:
        wait_for(ear, moment)
    else:
        wanted, started = chances.randint(1, 7), wait_for(ear, "step")
        a_step = (wait_for(ear, *wanted * ["step"]) - started) / wanted
        # A random time of up to two steps, to kill at any point of a step.
        time.sleep(min(chances.uniform(0, 2 * a_step), 0.05))
    victim.kill()
    victim.join()
    return victim.exitcode


def wait_for(ear, *words):
    """The time at which the process has sent all these words in order."""
    for word in words:
        heard = None
        while heard != word:
            assert ear.poll(100), "the victim says nothing"
            heard = ear.recv()
    return time.monotonic()


def train_and_tell(path, steps, moment, mouth):
    """Train; report each step, and the moment of a write after every fifth step."""
    torch.set_num_threads(1)
    trainer = make()
    original = trainer.step

    def step():
        record = original()
        mouth.send("step")
        if moment and len(trainer.records) % 5 == 0:
            stop_at(moment, mouth)
        return record

    trainer.step = step
    training.train(trainer, steps, checkpoint=path, every=3)


def stop_at(moment, mouth):
    """Make the next write of a file wait at the given moment, to be killed there."""
    def stop(*_arguments):
        mouth.send(moment)
        time.sleep(600)

    def opened(name, mode):
        def stop_halfway(content):
            file.write(content[: len(content) // 2])
            file.flush()
            stop()

        file = open(name, mode)
        return Written(file, stop_halfway)

    replace = os.replace
    if moment == "half written":
        files.open = opened
    elif moment == "not yet in place":
        os.replace = stop
    else:
        os.replace = lambda *arguments: stop(replace(*arguments))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no fork server")
def test_many_processes_may_load_at_once(request, tmp_path, record_property):
    count = request.config.getoption("loads")
    context = forkserver()
    start, replies = context.Barrier(count), context.SimpleQueue()
    children = [context.Process(target=load_at_once, args=(str(tmp_path), start, replies))
                for _ in range(count)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    found = []
    while not replies.empty():  # a process that died has sent nothing
        found.append(replies.get())
    passed = found.count(fingerprint(data.load_mnist()))
    record_property("passed/tried", f"{passed}/{count}")
    assert passed == count, found
    assert not list(tmp_path.iterdir()), "they write nothing that another could read half of"


def load_at_once(folder, start, replies):
    os.environ[files.CACHE_VARIABLE] = folder
    start.wait(300)
    try:
        replies.put(fingerprint(data.load_mnist()))
    except Exception as error:  # compared by the parent
        replies.put(repr(error))


def fingerprint(digits):
    return [hashlib.sha256(tensor.numpy()).hexdigest() for tensor in digits]


@pytest.mark.parametrize("threads", [1, 2])
def test_the_whole_series_passes_again_and_again(threads, request, record_property):
    """Strict nbval of all notebooks, two at a time, with this number of PyTorch threads."""
    series = request.config.getoption("series")
    if not series:
        pytest.skip("--series says how often")
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadfile", "notebooks"]
    verdicts = []
    for _ in range(series):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True,
                              env=os.environ | {"OMP_NUM_THREADS": str(threads)})
        verdicts += re.findall(r"notebooks/(\S+)\.ipynb (passed|\d+ FAILED)", done.stdout)
    tried = series * len(list((ROOT / "notebooks").glob("*.ipynb")))
    failed = [name for name, verdict in verdicts if verdict != "passed"]
    record_property("passed/tried", f"{len(verdicts) - len(failed)}/{tried}")
    assert len(verdicts) == tried and not failed, failed
