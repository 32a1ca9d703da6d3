"""Write the predictions of a survey, partition by partition, on whatever dask is set to."""

import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import dask

from spurclust.errors import CatalogError
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

if TYPE_CHECKING:
    from spurclust.ranking import InspectionRanker

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
    ranker: "InspectionRanker | None" = None,
    reading: dict[str, Any] | None = None,
    partition_size: int | None = None,
    source_ids: Sequence[object] | None = None,
    id_pattern: str | None = None,
    id_column: str = "source_id",
    path_column: str = "path",
    strict: bool = False,
    n_jobs: int | None = None,
    progress: bool = False,
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
    >>> detector = SpuriousRegionDetector(2, perplexity=5, random_state=0)
    >>> detector = detector.fit(images, np.arange(60) % 2)
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
    partitions, size = source.partitions(partition_size)
    identity = identity_of(predictor, source, len(partitions), size)
    job = Job(str(out), predictor.fingerprint, source.fingerprint, strict)
    with begun(out, identity):
        light = light_partitions(out, partitions, size)
        shown = progress and sys.stderr.isatty()
        summaries = write_all(predictor, light, job, client, progress=shown)
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
    predictor: Predictor, partitions: list[Any], job: Job, client: Any, *, progress: bool
) -> list[PartitionSummary]:
    """Write all partitions that are not there; the first error ends it."""
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

    Files are looked at by the process that reads them; lazy blocks would be computed before that.
    """
    for number, partition in enumerate(partitions):
        there = find_lazy(number, partition, job)
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
        blocks = [(k, one) for k, one in few if one.lazy is not None]
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
    if few and few[0][1].lazy is not None:
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
