"""Write all partitions, here or in a cluster, with few of them in hand at a time."""

import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from itertools import islice
from typing import Any

import dask

from spurclust.cutouts.survey import Block
from spurclust.errors import CatalogError
from spurclust.scale.lazy import in_parts
from spurclust.scale.parts import Job, PartitionSummary, find_block, write_partition
from spurclust.scale.predictor import Predictor, shared_predictor

AT_ONCE = 100
"""Partitions in hand: ordering a graph of all takes a time that grows with the square of them."""

AHEAD = 4
"""The same for each thread of a cluster, if that is more."""

Numbered = tuple[int, Any]
"""A partition after its number."""


def write_all(
    predictor: Predictor, partitions: list[Any], job: Job, client: Any, *, progress: bool
) -> list[PartitionSummary]:
    """Write all partitions that are not there; the first error ends it.

    Parameters
    ----------
    predictor : Predictor
        With the models.
    partitions : list of Files, TableRows or Block
        All partitions.
    job : Job
        Where to write, and for what.
    client : distributed.Client or None
        Whose cluster works; None is this process.
    progress : bool
        Show a bar on standard error, if tqdm is installed.

    Returns
    -------
    list of PartitionSummary
        Of all partitions, in their order.

    Raises
    ------
    CatalogError
        When a partition cannot be written, workers die of it, or the scheduler is lost.
    """
    summaries: dict[int, PartitionSummary] = {}
    with _bar(len(partitions), shown=progress) as tick:

        def note(summary: PartitionSummary) -> PartitionSummary:
            summaries[summary.number] = summary
            tick()
            return summary

        missing = _missing(partitions, job, note)
        if client is None:
            _write_here(predictor, missing, job, note)
        else:
            _write_there(predictor, missing, job, note, client)
    return [summaries[number] for number in range(len(partitions))]


def _missing(
    partitions: list[Any], job: Job, note: Callable[[PartitionSummary], Any]
) -> Iterator[Numbered]:
    """Yield the partitions that are to be made, as far as it can be told here.

    What lies in files is looked at by who reads them. Blocks would be computed before that.
    """
    for number, partition in enumerate(partitions):
        there = find_block(number, partition, job) if isinstance(partition, Block) else None
        if there:
            note(there)
        else:
            yield number, partition


def _write_here(
    predictor: Predictor,
    missing: Iterator[Numbered],
    job: Job,
    note: Callable[[PartitionSummary], PartitionSummary],
) -> None:
    """Write partitions in this process."""

    def write(number: int, partition: Any, images: Any) -> None:
        note(write_partition(predictor, number, partition, images, job))

    while few := list(islice(missing, AT_ONCE)):
        # Together, as blocks can have chunks of an array in common.
        blocks = [(k, one) for k, one in few if isinstance(one, Block)]
        tasks = [dask.delayed(write)(k, *in_parts(block)) for k, block in blocks]
        dask.compute(*tasks, scheduler="synchronous")
        for number, partition in few[len(blocks) :]:
            write(number, partition, None)


def _write_there(
    predictor: Predictor,
    missing: Iterator[Numbered],
    job: Job,
    note: Callable[[PartitionSummary], PartitionSummary],
    client: Any,
) -> None:
    """Write partitions in a cluster, which gets new ones as it returns others."""
    from distributed import KilledWorker, as_completed
    from distributed.comm import CommClosedError

    running = as_completed()
    try:
        with warnings.catch_warnings():
            # The models are in the graph once, for all tasks.
            warnings.filterwarnings("ignore", "Sending large graph")
            shared = client.compute(shared_predictor(predictor))
            room = _room(client)
            running.update(_submit(client, shared, missing, job, room))
            for futures in running.batches():
                for summary in client.gather(futures):
                    note(summary)
                if running.count() <= room // 2:
                    room = _room(client)
                    running.update(_submit(client, shared, missing, job, room - running.count()))
    except KilledWorker as error:
        raise CatalogError(
            f"a partition has killed its workers one after the other ({error}): give them more "
            "memory, or fewer sources a partition"
        ) from error
    except (CancelledError, CommClosedError) as error:
        raise CatalogError(
            "the dask scheduler was lost, or has cancelled the work: what has been written is "
            "whole, and the same command goes on, once there is a scheduler again"
        ) from error
    finally:
        client.cancel([*running.futures])


def _room(client: Any) -> int:
    """Tell how many partitions a cluster gets at a time; it can have grown."""
    try:
        return int(max(AT_ONCE, AHEAD * sum(client.nthreads().values())))
    except OSError:  # The scheduler is lost, which the partitions in hand will tell as well.
        return AT_ONCE


def _submit(
    client: Any, shared: Any, missing: Iterator[Numbered], job: Job, most: int
) -> list[Any]:
    """Send some partitions to a cluster."""
    few = list(islice(missing, most))
    if few and isinstance(few[0][1], Block):
        write = dask.delayed(write_partition)
        futures: list[Any] = client.compute(
            [write(shared, number, *in_parts(block), job) for number, block in few]
        )
        return futures
    return [
        client.submit(write_partition, shared, number, partition, None, job, pure=False)
        for number, partition in few
    ]


@contextmanager
def _bar(total: int, *, shown: bool) -> Iterator[Callable[[], Any]]:
    """Show a bar of partitions; give what moves it on."""
    if shown:
        try:
            from tqdm import tqdm
        except ImportError:
            shown = False
    if not shown:
        yield lambda: None
        return
    with tqdm(total=total, desc="Partitions", unit="partition") as bar:
        yield bar.update
