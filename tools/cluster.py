"""Running joblib's tasks on a Dask cluster instead of this computer's processes."""

import asyncio
import contextlib

import joblib

PATIENCE = 5  # seconds to wait for the scheduler, and then for its first worker


class ClusterError(RuntimeError):
    """The cluster cannot be used; the message says why, and what to do."""


@contextlib.contextmanager
def on_cluster(address, packages):
    """Make `joblib.Parallel` run on the Dask cluster at `address` within a `with` block.

    packages: names of packages that must have the same versions on every worker as here.
    Raises `ClusterError` if Dask is not installed here, no scheduler answers, there is no worker,
    a worker has other versions, or a worker runs several tasks at once.
    """
    try:
        import distributed  # an optional dependency
    except ImportError:
        raise ClusterError(
            'Dask is not installed here. Install it: python -m pip install -e ".[cluster]"'
        ) from None
    try:
        asyncio.run(_knock(distributed, address))
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"No Dask scheduler answers at {address!r} within {PATIENCE} seconds "
            f"({str(error) or 'no reply'}). Start one: dask scheduler"
        ) from error
    with distributed.Client(address) as client:
        _inspect(client, packages)
        with joblib.parallel_config(backend="dask"):
            yield


async def _knock(distributed, address):
    """Open and close a connection, as a test: a `Client` does not clean up when this fails."""
    security = distributed.Security().get_connection_args("client")
    greeting = distributed.core.connect(address, timeout=PATIENCE, **security)
    comm = await asyncio.wait_for(greeting, PATIENCE)
    await comm.close()


def _inspect(client, packages):
    """Raise `ClusterError` if there is no worker, or one on which the results would differ."""
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError:
        raise ClusterError(
            f"The cluster has no worker after {PATIENCE} seconds. Start workers, on one or "
            "more computers: dask worker ADDRESS --nworkers auto --nthreads 1"
        ) from None
    # All tasks of a process share PyTorch's thread count and its global generator, which sets the
    # initial weights.
    if max(client.nthreads().values()) > 1:
        raise ClusterError("Workers must run one task at a time: dask worker … --nthreads 1")
    versions = client.get_versions(packages=packages)
    here = versions["client"]["packages"]
    for worker, about in versions["workers"].items():
        there = about["packages"]
        for package in packages:
            if there[package] != here[package]:
                raise ClusterError(
                    f"Worker {worker} has {package} {there[package] or 'not installed'}, here it "
                    f"is {here[package]}. Install the same version, or results may differ."
                )
