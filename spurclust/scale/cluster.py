"""The dask cluster of a command."""

import logging
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from spurclust.errors import CatalogError

CONNECT_SECONDS = 20
"""Time to wait for a scheduler."""

MALLOC = {"MALLOC_MMAP_THRESHOLD_": 2**25, "MALLOC_TRIM_THRESHOLD_": 2**26}
"""With dask's setting, glibc returns freed memory to the system at once, which costs a third of the
time. With these, arrays of less than 32 MB reuse memory."""


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
        Address of a running scheduler, such as "tcp://host:8786".

    Yields
    ------
    distributed.Client or None
        The client. It is the active one in the block.

    Raises
    ------
    CatalogError
        When both are given, or no scheduler answers.

    Warns
    -----
    UserWarning
        When the scheduler has no workers yet.

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
            # A default client would stay the default of this process after a failed connection.
            client = Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, TimeoutError, ValueError, ImportError) as error:
            raise CatalogError(
                f"no dask scheduler answers at {scheduler} ({error}): start it with "
                "`dask scheduler`, or correct the address"
            ) from error
        with _silent("distributed.client"), client, client.as_current():
            if not client.nthreads():
                warnings.warn(
                    f"the scheduler at {scheduler} has no workers yet: the work begins with the "
                    f"first one, for example `dask worker {scheduler}`",
                    stacklevel=3,
                )
            yield client
        return
    # One process each, because threads of one process would wait for each other's Python code.
    with (
        dask.config.set(
            {f"distributed.nanny.pre-spawn-environ.{name}": MALLOC[name] for name in MALLOC}
        ),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            dashboard_address=None,
            # Even without a dashboard there is a server on port 8787, which may be in use.
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
        ) as cluster,
        Client(cluster) as client,
    ):
        client.register_worker_callbacks(_leave_the_rest_to_the_client)
        yield client


@contextmanager
def _silent(name: str) -> Iterator[None]:
    """Silence a logger of dask whose messages are also raised."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def _leave_the_rest_to_the_client() -> None:
    """Make a worker ignore Ctrl-C, and not log errors, which the client raises."""
    logging.getLogger("distributed.worker").setLevel(logging.CRITICAL)
    # A terminal sends Ctrl-C to all processes, but the client ends its workers.
    with suppress(ValueError):  # not in the main thread
        signal.signal(signal.SIGINT, signal.SIG_IGN)
