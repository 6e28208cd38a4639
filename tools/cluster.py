"""Work that joblib spreads over a Dask cluster instead of this computer's processes."""

import asyncio
import contextlib

import joblib

PATIENCE = 5  # seconds that a scheduler has to answer, and then its first worker to be there


class ClusterError(RuntimeError):
    """The cluster cannot be used; the message says why, and what to do."""


@contextlib.contextmanager
def on_cluster(address, packages):
    """Within it, `joblib.Parallel` runs on the Dask cluster whose scheduler is at `address`.

    packages: whose versions must be the same on every worker as here, for equal results.
    Raises `ClusterError` where Dask is missing here, nothing answers, there is no worker, or a
    worker is not like this computer or runs several tasks at once.
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
    """Shake hands and go. A `Client` would do it too, but leaves a mess when it fails."""
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
            f"The cluster has no worker after {PATIENCE} seconds. Start them, on as many "
            "computers as you like: dask worker ADDRESS --nworkers auto --nthreads 1"
        ) from None
    # PyTorch's thread count and its generator, which gives the first weights, are shared by all
    # tasks of a process.
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
                    f"is {here[package]}. Results would not be comparable: install the same."
                )
