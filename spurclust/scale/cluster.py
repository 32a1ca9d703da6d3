"""The dask cluster that a command works on."""

import logging
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from spurclust.errors import CatalogError

CONNECT_SECONDS = 20
"""How long to wait for a scheduler's answer."""

MALLOC, MALLOC_BYTES = "MALLOC_MMAP_THRESHOLD_", 2**25
"""Dask makes glibc return freed memory to the system at once, which costs a third of the time.
Arrays of fewer bytes than this reuse memory."""


def current_client() -> Any:
    """Return the active client of dask.distributed, or None."""
    from distributed import default_client

    try:
        return default_client()
    except ValueError:
        return None


@contextmanager
def open_client(*, workers: int | None = None, scheduler: str | None = None) -> Iterator[Any]:
    """Start workers on this machine, or connect to a scheduler; without both, do nothing.

    Parameters
    ----------
    workers : int, default=None
        Number of processes to start, each with one thread. They end with the block.
    scheduler : str, default=None
        Address of a scheduler that runs, as "tcp://host:8786".

    Yields
    ------
    distributed.Client or None
        The client, which is the active one in the block.

    Raises
    ------
    CatalogError
        When both are given, or no scheduler answers.

    Examples
    --------
    >>> from spurclust.scale import open_client
    >>> with open_client() as client:
    ...     print(client)
    None
    """
    if workers is None and scheduler is None:
        yield None
        return
    if workers is not None and scheduler is not None:
        raise CatalogError("workers and a scheduler cannot both be given: choose one")
    import dask
    from distributed import Client, LocalCluster

    if scheduler is not None:
        try:
            # A default client that fails to connect would stay the default of this process.
            client = Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, TimeoutError, ValueError, ImportError) as error:
            raise CatalogError(
                f"no dask scheduler answers at {scheduler} ({error}): start it with "
                "`dask scheduler`, or correct the address"
            ) from error
        with _silent("distributed.client"), client, client.as_current():
            if not client.nthreads():
                warnings.warn(
                    f"the scheduler at {scheduler} has no workers yet: the work begins when there "
                    f"are some, `dask worker {scheduler}` for one",
                    stacklevel=3,
                )
            yield client
        return
    # A process each: threads of one would wait for each other wherever Python runs.
    with (
        dask.config.set({f"distributed.nanny.pre-spawn-environ.{MALLOC}": MALLOC_BYTES}),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            dashboard_address=None,
            # Even without a dashboard there is a server, on 8787, which another run may have.
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
        ) as cluster,
        Client(cluster) as client,
    ):
        client.register_worker_callbacks(_leave_the_rest_to_the_client)
        yield client


@contextmanager
def _silent(name: str) -> Iterator[None]:
    """Silence a logger of dask whose messages are raised as well, as that the scheduler is lost."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def _leave_the_rest_to_the_client() -> None:
    """Let a worker neither log errors, which the client raises, nor heed Ctrl-C."""
    logging.getLogger("distributed.worker").setLevel(logging.CRITICAL)
    # A terminal sends it to all processes; the client ends its workers itself.
    with suppress(ValueError):  # not in the main thread
        signal.signal(signal.SIGINT, signal.SIG_IGN)
