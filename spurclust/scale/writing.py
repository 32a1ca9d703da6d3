"""Write the predictions of a survey, partition by partition, on whatever dask is set to."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from spurclust.cutouts.survey import Files, Survey
from spurclust.errors import CatalogError
from spurclust.scale.cluster import current_client
from spurclust.scale.manifest import begun, finish, identity_of, read_manifest
from spurclust.scale.parts import Job, PartitionSummary, write_paths
from spurclust.scale.predictor import prepare
from spurclust.scale.running import write_all

if TYPE_CHECKING:
    from spurclust.ranking import InspectionRanker


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
    and of zarr stores in files that is told by sizes and times. Dask arrays are taken for the same
    if their names are, as those of equal numpy arrays; dask names most others by where they come
    from, so that `da.from_zarr` of a store that was rewritten is the same array: give the store.

    Works in the client of `dask.distributed` that is active, if any, else in this process. Workers
    must see the cutouts and the folder under the same names. While it works no other process may
    work in the folder: ``folder/predicting.lock`` names the one that does.

    Parameters
    ----------
    model : str, path, FittedModels or SpuriousRegionDetector
        The model.skops of a run, with the ranker beside it, or a fitted detector.
    cutouts : str, path, sequence of them, dask array, zarr array or group
        Files, tables of paths or arrays, see `open_survey`.
    folder : str or path
        The folder; it, and those above it, need not exist.
    ranker : InspectionRanker, default=None
        For a detector given as such: adds the column inspection_probability.
    reading : dict, default=None
        For a detector given as such: `size` or `reduce`, as its cutouts were read.
    partition_size : int, default=None
        Sources in a partition, see `open_survey`; None is that of the folder, if it has one.
    source_ids : sequence of length n_sources, default=None
        Ids of the sources of an array; None counts them from 0.
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
    place = Path(folder).expanduser().absolute()
    manifest = read_manifest(place)
    if partition_size is None and manifest is not None:
        partition_size = manifest.get("partition_size")
    client = current_client()
    predictor, survey = prepare(
        model,
        cutouts,
        ranker=ranker,
        reading=reading,
        n_jobs=n_jobs if client is None else 1,
        partition_size=partition_size,
        source_ids=source_ids,
        id_pattern=id_pattern,
        id_column=id_column,
        path_column=path_column,
    )
    identity = identity_of(predictor, survey)
    job = Job(str(place), predictor.fingerprint, survey.fingerprint, strict)
    with begun(place, identity):
        partitions = _light_partitions(place, survey)
        shown = progress and sys.stderr.isatty()
        summaries = write_all(predictor, partitions, job, client, progress=shown)
        finish(place, identity, summaries)
    return _written(survey.n_sources, summaries)


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


def _light_partitions(folder: Path, survey: Survey) -> list[Any]:
    """Give partitions that weigh little when they travel."""
    if isinstance(survey.partitions[0], Files):
        return list(write_paths(folder, survey))
    return list(survey.partitions)
