"""Studies on a Dask cluster: results equal those of this computer, and errors are explained."""

import socket
import sys

import cluster
import distributed
import pytest
import store
from cluster import ClusterError, on_cluster

from vae_lessons.meet_kl_collapse.study import KL_COLLAPSE

LOOPBACK = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}


@pytest.fixture(scope="module")
def scheduler():
    """The address of a cluster with two workers on this computer, in separate processes."""
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, **LOOPBACK) as local:
        yield local.scheduler_address


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", 1)


def refused(address, packages=()):
    """The message of the `ClusterError` for this address."""
    with pytest.raises(ClusterError) as error, on_cluster(address, packages):
        pass
    return str(error.value)


def made(folder, *options):
    """The files that the command writes to the empty `folder`: {path: bytes}."""
    store.main(["kl_collapse", *options])
    files = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    found = {name: path.read_bytes() for name, path in files.items()}
    for path in files.values():
        path.unlink()
    return found


def test_a_cluster_gives_the_same_files_to_the_last_byte(scheduler, lesson):
    settings = {"latent": 3, "hidden": [20], "batch_size": 1000, "learning_rate": 2e-3,
                "epochs": 1, "betas": [4.0], "model_seed": 2}
    lesson.has(kl_collapse=KL_COLLAPSE._replace(settings=settings, seeds=range(1, 4)))
    here = made(lesson.folder)
    there = made(lesson.folder, "--dask", scheduler)
    assert len(here) == 2 and there == here
    with distributed.Client(scheduler) as client:
        tasks = client.run(lambda dask_worker: dask_worker.state.executed_count)
    assert sum(tasks.values()) == 3 and min(tasks.values()) >= 1


def test_afterwards_work_is_done_here_again(scheduler):
    with on_cluster(scheduler, ["torch", "vae-helpers"]):
        pass
    with pytest.raises(ValueError, match="No clients found"):
        distributed.default_client()


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense", "http://127.0.0.1:1"])
def test_an_address_without_a_scheduler_is_named(address, impatient):
    assert repr(address) in refused(address) and "dask scheduler" in refused(address)


def test_something_that_never_answers_is_not_waited_for(impatient):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        assert f"No Dask scheduler answers at '{address}' within 1 seconds" in refused(address)


def test_a_cluster_without_workers_is_refused(impatient):
    with distributed.LocalCluster(n_workers=0, **LOOPBACK) as empty:
        assert "no worker after 1 seconds" in refused(empty.scheduler_address)


def test_workers_with_several_threads_are_refused():
    """Threads would share PyTorch's global generator, which sets the initial weights."""
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, protocol="tcp", **LOOPBACK
    ) as threaded:
        assert "--nthreads 1" in refused(threaded.scheduler_address)


def test_workers_with_other_versions_are_refused(scheduler, monkeypatch, tmp_path):
    (tmp_path / "only_here-1.5.dist-info").mkdir()
    (tmp_path / "only_here-1.5.dist-info/METADATA").write_text("Name: only_here\nVersion: 1.5\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert "has only_here not installed, here it is 1.5" in refused(scheduler, ["only_here"])


def test_without_dask_the_remedy_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SystemExit):
        store.main(["start_here", "--dask", "127.0.0.1:8786"])
    assert '-e ".[cluster]"' in capsys.readouterr().err
