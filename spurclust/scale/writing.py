"""Write the predictions of a survey, partition by partition, on any dask scheduler."""

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
from spurclust.scale.predictor import (
    Predictor,
    checked_size,
    in_parts,
    prepare,
    shared_predictor,
)

AT_ONCE = 100
"""Number of submitted partitions: the time to order a graph grows with the square of it."""

AHEAD = 4
"""The same per thread of a cluster, if that is more."""

Numbered = tuple[int, Any]
"""A number and its partition."""


class Written(NamedTuple):
    """The result of `write_predictions`.

    The numbers are those of the whole folder, including earlier calls. The sources are in its
    Parquet files.

    Attributes
    ----------
    n_sources : int
        Number of all sources, including unreadable ones.
    n_flagged : int
        Number of flagged sources.
    n_novel : int
        Number of sources farther from the fitted ones than usual, see `NoveltyScale`.
    n_unreadable : int
        Number of sources with unreadable cutouts.
    n_partitions : int
        Number of all partitions.
    n_kept : int
        Number of partitions that existed already.

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
    """Predict a survey of any size into a folder, and continue after an earlier call.

    Each partition becomes a Parquet file in ``folder/sources``, written whole or not at all.
    ``pandas.read_parquet("folder/sources")`` reads them all. A later call with the same model and
    cutouts only makes partitions that are missing, or whose cutouts have changed. Sizes and times
    of files show a change, and pixels of numpy arrays. Dask arrays count as unchanged if their
    names are equal. `da.from_zarr` gives a rewritten store the same name, so give the store
    instead.

    It uses the active client of `dask.distributed`, if any, or else this process. Workers must see
    the cutouts and the folder under the same names. Only one process at a time can work in the
    folder: it holds a lock on ``folder/predicting.lock``.

    Parameters
    ----------
    model : str, path, FittedModels or SpuriousRegionDetector
        The model.skops of a run, with the ranker beside it, or a fitted detector.
    cutouts : str, path, sequence of them, ndarray, dask array, zarr array or group
        Files, tables of paths or arrays, see `open_cutouts`.
    folder : str or path
        The folder. It is made if needed, with its parents.
    ranker : InspectionRanker, default=None
        For a detector given as such: adds the column inspection_probability.
    reading : dict, default=None
        For a detector given as such: `size` or `reduce`, as its cutouts were read.
    partition_size : int, default=None
        Number of sources in a partition. None is that of the folder, if it has one, or else 2000
        files, a chunk of a dask array, or about 64 MB of other arrays.
    source_ids : sequence of length n_sources, default=None
        Ids of an array or of a list of files, see `open_cutouts`.
    id_pattern : str, default=None
        Where in a file's name the id stands; None is that of the fit.
    id_column : str, default="source_id"
        Column of a table of paths that has the ids.
    path_column : str, default="path"
        Column that has the paths.
    strict : bool, default=False
        Whether to stop at the first cutout that cannot be read. False lists them, with reasons, in
        ``folder/errors.csv``.
    n_jobs : int, default=None
        Number of threads without a client. Workers of a cluster use one thread per task.
    progress : bool, default=False
        Whether to show a progress bar on standard error, if that is a terminal.
    log : callable, default=None
        Called with each line about what was opened; ``print`` shows them.

    Returns
    -------
    Written
        Numbers of sources and partitions.

    Raises
    ------
    CatalogError
        When model, cutouts or folder cannot be used, another process works in the folder, the disk
        is full, the scheduler is lost, or no cutout can be read. All files in the folder are
        complete, and the same call continues the work.
    sklearn.exceptions.NotFittedError
        When a detector or ranker given as such is not fitted.

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
    partition_size = checked_size(partition_size)
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
    """Add up the partitions; raise an error if no cutout could be read."""
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
    """Write all missing partitions; the first error ends it."""
    missing = []
    for number, partition in enumerate(partitions):
        # The process that reads files looks at them; lazy partitions would be computed before.
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
            # Together, because blocks can share chunks of an array.
            tasks = [dask.delayed(write)(number, *in_parts(block)) for number, block in few]
            yield from dask.compute(*tasks, scheduler="synchronous")


def _write_there(
    predictor: Predictor, missing: list[Numbered], job: Job, client: Any
) -> Iterator[PartitionSummary]:
    """Write partitions in a cluster, and send new ones as others are done."""
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
            "memory, or fewer sources per partition"
        ) from error
    except (CancelledError, CommClosedError) as error:
        raise CatalogError(
            "the dask scheduler was lost, or has cancelled the work: all written files are "
            "complete. Start a scheduler, and the same command goes on"
        ) from error
    finally:
        client.cancel([*running.futures])


def _room(client: Any) -> int:
    """Return how many partitions to send to a cluster at a time; it can have grown."""
    try:
        return int(max(AT_ONCE, AHEAD * sum(client.nthreads().values())))
    except OSError:  # The scheduler is lost; the submitted partitions will also show that.
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
