"""A lazy table of predictions, as a dask dataframe."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import dask
import dask.dataframe as dd
import pandas as pd

from spurclust.cutouts.survey import Block
from spurclust.errors import CatalogError
from spurclust.scale.predictor import Predictor, prepare, shared_predictor

if TYPE_CHECKING:
    from spurclust.ranking import InspectionRanker

_MAX_LISTED = 5


def predict_sources(
    model: Any,
    cutouts: Any,
    *,
    ranker: "InspectionRanker | None" = None,
    reading: dict[str, Any] | None = None,
    partition_size: int | None = None,
    source_ids: Sequence[object] | None = None,
    id_pattern: str | None = None,
    id_column: str = "source_id",
    path_column: str = "path",
    on_error: Literal["raise", "skip"] = "raise",
) -> dd.DataFrame:
    """Predict a survey of any size, lazily.

    The way to predictions from Python: what comes back can be filtered, joined and stored like any
    dask dataframe, and is computed where dask is told to, by default in this process. To write all
    of a large survey, use `write_predictions`, which can go on after a crash.

    Parameters
    ----------
    model : str, path, FittedModels or SpuriousRegionDetector
        The model.skops of a run, with the ranker beside it, or a fitted detector. It travels to
        each worker once.
    cutouts : str, path, sequence of them, dask array, zarr array or group
        Files, tables of paths or arrays, see `open_survey`.
    ranker : InspectionRanker, default=None
        For a detector given as such: adds the column inspection_probability.
    reading : dict, default=None
        For a detector given as such: `size` or `reduce`, as its cutouts were read.
    partition_size : int, default=None
        Sources in a partition, see `open_survey`.
    source_ids : sequence of length n_sources, default=None
        Ids of the sources of an array; None counts them from 0.
    id_pattern : str, default=None
        Where in a file's name the id stands; None is that of the fit.
    id_column : str, default="source_id"
        Column of a table of paths that has the ids.
    path_column : str, default="path"
        Column that has the paths.
    on_error : {"raise", "skip"}, default="raise"
        What to do with a cutout that cannot be read: an error, or leave its row out, with a
        warning.

    Returns
    -------
    dask.dataframe.DataFrame
        The columns source_id, path (of files), tsne_x, tsne_y, component, spurious_probability,
        flagged, novelty and, with a ranker, inspection_probability.

    Raises
    ------
    CatalogError
        When model or cutouts cannot be used. Errors of single cutouts come when they are computed.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> from spurclust import SpuriousRegionDetector
    >>> from spurclust.scale import predict_sources
    >>> images = np.random.default_rng(0).normal(size=(60, 8, 8))
    >>> detector = SpuriousRegionDetector(2, perplexity=5, random_state=0)
    >>> detector = detector.fit(images, np.arange(60) % 2)
    >>> table = predict_sources(detector, da.from_array(images, chunks=(20, 8, 8)))
    >>> table.npartitions, len(table.compute(scheduler="synchronous"))
    (3, 60)
    """
    if on_error not in ("raise", "skip"):
        raise ValueError(f'on_error={on_error!r}: it must be "raise" or "skip"')
    predictor, survey = prepare(
        model,
        cutouts,
        ranker=ranker,
        reading=reading,
        n_jobs=1,
        partition_size=partition_size,
        source_ids=source_ids,
        id_pattern=id_pattern,
        id_column=id_column,
        path_column=path_column,
    )
    shared = shared_predictor(predictor)
    frames = [
        dask.delayed(_predict_frame)(shared, *in_parts(partition), on_error)
        for partition in survey.partitions
    ]
    return dd.from_delayed(frames, meta=predictor.empty_frame(has_paths=survey.has_files))


def in_parts(partition: Any) -> tuple[Any, Any]:
    """Take the lazy images out of a block, so that dask sees them; others have none.

    Parameters
    ----------
    partition : Files, TableRows or Block
        A partition.

    Returns
    -------
    tuple
        The partition as one opaque object, and its images or None.
    """
    if isinstance(partition, Block):
        light = replace(partition, images=None)
        return dask.delayed(light, traverse=False), partition.images
    return dask.delayed(partition, traverse=False), None


def _predict_frame(
    predictor: Predictor, partition: Any, images: Any, on_error: str
) -> pd.DataFrame:
    """Predict one partition; raise an error or warn of what cannot be read."""
    if images is not None:
        partition = replace(partition, images=images)
    frame, unreadable = predictor.predict_partition(partition)
    if unreadable:
        lines = [f"{path or source_id}: {why}" for source_id, path, why in unreadable]
        shown = "; ".join(lines[:_MAX_LISTED])
        if on_error == "raise":
            raise CatalogError(
                f"{len(unreadable)} cutouts cannot be read: {shown}. Replace them, or leave them "
                'out with on_error="skip"'
            )
        warnings.warn(f"{len(unreadable)} cutouts were left out: {shown}", stacklevel=2)
    return frame
