"""Write the predictions of a survey, partition by partition, on whatever dask is set to."""

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import dask

from spurclust.errors import CatalogError
from spurclust.progress import track
from spurclust.ranking import InspectionRanker
from spurclust.scale.cluster import current_client
from spurclust.scale.parts import (
    Job,
    PartitionSummary,
    begun,
    find_lazy,
    finish,
    identity_of,
    light_partitions,
    read_manifest,
    write_partition,
)
from spurclust.scale.predictor import Predictor, in_parts, prepare, shared_predictor

AT_ONCE = 100
"""Partitions in hand: ordering a graph of all takes a time that grows with the square of them."""

AHEAD = 4
"""The same for each thread of a cluster, if that is more."""

Numbered = tuple[int, Any]
"""A partition after its number."""


class Written(NamedTuple):
    """What `write_predictions` has done.

    The numbers are those of the whole folder, with what earlier calls have written. The sources
    themselves are in its Parquet files.

    Attributes
    ----------
    n_sources : int
        All sources, also those that could not be read.
    n_flagged : int
        Sources flagged.
    n_novel : int
        Sources farther from the fitted ones than usual, see `NoveltyScale`.
    n_unreadable : int
        Sources whose cutouts could not be read.
    n_partitions : int
        All partitions.
    n_kept : int
        Partitions that were there already.

    Examples
    --------
    >>> from spurclust.scale import Written
    >>> done = Written(4000, 120, 30, 1, n_partitions=2, n_kept=1)
    >>> done.n_partitions - done.n_kept
    1
    """

    n_sources: int
    n_flagged: int
    n_novel: int
    n_unreadable: int
    n_partitions: int
    n_kept: int


def write_predictions(
    model: Any,
    cutouts: Any,
    folder: str | os.PathLike[str],
    *,
    ranker: InspectionRanker | None = None,
    reading: dict[str, Any] | None = None,
    partition_size: int | None = None,
    source_ids: Sequence[object] | None = None,
    id_pattern: str | None = None,
    id_column: str = "source_id",
    path_column: str = "path",
    strict: bool = False,
    n_jobs: int | None = None,
    progress: bool = False,
    log: Callable[[str], None] | None = None,
) -> Written:
    """Predict a survey of any size into a folder, and go on where an earlier call has stopped.

    Each partition becomes a Parquet file in ``folder/sources``, which appears whole or not at all:
    ``pandas.read_parquet("folder/sources")`` reads them all. A later call with the same model and
    cutouts makes only those that are missing, or whose cutouts have been replaced since: of files
    and of zarr stores in files that is told by sizes and times, of numpy arrays by their pixels.
    Dask arrays are taken for the same if their names are; dask names most by where they come from,
    so that `da.from_zarr` of a store that was rewritten is the same array: give the store.

    Works in the client of `dask.distributed` that is active, if any, else in this process. Workers
    must see the cutouts and the folder under the same names. While it works no other process may
    work in the folder: the one that does holds a lock on ``folder/predicting.lock``.

    Parameters
    ----------
    model : str, path, FittedModels or SpuriousRegionDetector
        The model.skops of a run, with the ranker beside it, or a fitted detector.
    cutouts : str, path, sequence of them, ndarray, dask array, zarr array or group
        Files, tables of paths or arrays, see `open_cutouts`.
    folder : str or path
        The folder; it, and those above it, need not exist.
    ranker : InspectionRanker, default=None
        For a detector given as such: adds the column inspection_probability.
    reading : dict, default=None
        For a detector given as such: `size` or `reduce`, as its cutouts were read.
    partition_size : int, default=None
        Sources in a partition; None is that of the folder, if it has one, or 2000 files, the chunks
        of a dask array, and about 64 MB of other arrays.
    source_ids : sequence of length n_sources, default=None
        Ids of an array or of a list of files, see `open_cutouts`.
    id_pattern : str, default=None
        Where in a file's name the id stands; None is that of the fit.
    id_column : str, default="source_id"
        Column of a table of paths that has the ids.
    path_column : str, default="path"
        Column that has the paths.
    strict : bool, default=False
        Stop at the first cutout that cannot be read. Otherwise they are listed, with the reasons,
        in ``folder/errors.csv``.
    n_jobs : int, default=None
        Threads, without a client; workers of a cluster use one for each task.
    progress : bool, default=False
        Show a bar on standard error, if that is a terminal.
    log : callable, default=None
        Called with each line about what was opened; ``print`` shows them.

    Returns
    -------
    Written
        How many sources and partitions.

    Raises
    ------
    CatalogError
        When model, cutouts or folder cannot be used, another process works in it, the disk is full,
        the scheduler is lost, or no cutout can be read. What is in the folder is whole, and the
        same call goes on.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from spurclust import SpuriousRegionDetector
    >>> from spurclust.scale import write_predictions
    >>> images = np.random.default_rng(0).normal(size=(60, 8, 8))
    >>> images[:6] += 9
    >>> detector = SpuriousRegionDetector(2, perplexity=5, random_state=0)
    >>> detector = detector.fit(images, np.arange(60) < 6)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     first = write_predictions(detector, images, folder, partition_size=20)
    ...     again = write_predictions(detector, images, folder)
    >>> first.n_partitions, first.n_kept, again.n_kept
    (3, 0, 3)
    """
    out = Path(folder).expanduser().absolute()
    manifest = read_manifest(out)
    if partition_size is None and manifest is not None:
        partition_size = manifest.get("partition_size")
    client = current_client()
    predictor, source = prepare(
        model,
        cutouts,
        ranker=ranker,
        reading=reading,
        n_jobs=n_jobs if client is None else 1,
        source_ids=source_ids,
        id_pattern=id_pattern,
        id_column=id_column,
        path_column=path_column,
    )
    for note in source.notes:
        if log is not None:
            log(note)
    partitions, size = source.partitions(partition_size)
    identity = identity_of(predictor, source, len(partitions), size)
    job = Job(str(out), predictor.fingerprint, source.fingerprint, strict)
    with begun(out, identity), warnings.catch_warnings():
        # The models are in the graph once, for all tasks.
        warnings.filterwarnings("ignore", "Sending large graph")
        light = light_partitions(out, partitions, size)
        written = write_all(predictor, light, job, client)
        written = track(written, len(light), "Partitions", "partition", shown=progress)
        summaries = sorted(written, key=attrgetter("number"))
        finish(out, identity, summaries)
    return _written(len(source), summaries)


def _written(n_sources: int, summaries: list[PartitionSummary]) -> Written:
    """Add up the partitions; raise an error where nothing could be read."""
    n_unreadable = sum(len(one.unreadable) for one in summaries)
    if n_unreadable == n_sources:
        source_id, path, reason = summaries[0].unreadable[0]
        raise CatalogError(
            f"none of {n_unreadable} cutouts could be read. {path or source_id}: {reason}"
        )
    return Written(
        n_sources=n_sources,
        n_flagged=sum(one.n_flagged for one in summaries),
        n_novel=sum(one.n_novel for one in summaries),
        n_unreadable=n_unreadable,
        n_partitions=len(summaries),
        n_kept=sum(one.kept for one in summaries),
    )


def write_all(
    predictor: Predictor, partitions: list[Any], job: Job, client: Any
) -> Iterator[PartitionSummary]:
    """Write all partitions that are not there; the first error ends it."""
    missing = []
    for number, partition in enumerate(partitions):
        # Files are looked at by the process that reads them; lazy ones would be computed before.
        there = find_lazy(number, partition, job)
        if there:
            yield there
        else:
            missing.append((number, partition))
    if client is None:
        yield from _write_here(predictor, missing, job)
    else:
        yield from _write_there(predictor, missing, job, client)


def _write_here(
    predictor: Predictor, missing: list[Numbered], job: Job
) -> Iterator[PartitionSummary]:
    """Write partitions in this process."""

    def write(number: int, partition: Any, images: Any) -> PartitionSummary:
        return write_partition(predictor, number, partition, images, job)

    for start in range(0, len(missing), AT_ONCE):
        few = missing[start : start + AT_ONCE]
        if few[0][1].lazy is None:
            yield from (write(number, partition, None) for number, partition in few)
        else:
            # Together, as blocks can have chunks of an array in common.
            tasks = [dask.delayed(write)(number, *in_parts(block)) for number, block in few]
            yield from dask.compute(*tasks, scheduler="synchronous")


def _write_there(
    predictor: Predictor, missing: list[Numbered], job: Job, client: Any
) -> Iterator[PartitionSummary]:
    """Write partitions in a cluster, which gets new ones as it returns others."""
    from distributed import KilledWorker, as_completed
    from distributed.comm import CommClosedError

    running, waiting = as_completed(), iter(missing)
    try:
        shared = client.compute(shared_predictor(predictor))
        room = _room(client)
        running.update(_submit(client, shared, list(islice(waiting, room)), job))
        for futures in running.batches():
            yield from client.gather(futures)
            if running.count() <= room // 2:
                room = _room(client)
                few = list(islice(waiting, room - running.count()))
                running.update(_submit(client, shared, few, job))
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
    """Return how many partitions a cluster gets at a time; it can have grown."""
    try:
        return int(max(AT_ONCE, AHEAD * sum(client.nthreads().values())))
    except OSError:  # The scheduler is lost, which the partitions in hand will tell as well.
        return AT_ONCE


def _submit(client: Any, shared: Any, few: list[Numbered], job: Job) -> Any:
    """Send some partitions to a cluster; lazy ones together, see `_write_here`."""
    if few and few[0][1].lazy is not None:
        write = dask.delayed(write_partition)
        return client.compute(
            [write(shared, number, *in_parts(block), job) for number, block in few]
        )
    return [
        client.submit(write_partition, shared, number, partition, None, job, pure=False)
        for number, partition in few
    ]
