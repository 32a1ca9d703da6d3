"""Predict one partition as a table, on any process."""

import math
import os
import pickle
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from numbers import Integral
from pathlib import Path
from typing import Any, Literal, NamedTuple

import dask
import dask.dataframe as dd
import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from spurclust.analysis.reading import (
    check_fitted,
    fitted_options,
    header_positions,
    with_dtype,
)
from spurclust.catalog import FittedModels, load_fitted
from spurclust.catalog.models import READING
from spurclust.catalog.results import RANKER
from spurclust.cutouts import Cutouts, CutoutSource, ReadOptions, open_cutouts
from spurclust.cutouts.arrays import ArraySource
from spurclust.cutouts.files import is_fits_name
from spurclust.detector import SpuriousRegionDetector
from spurclust.errors import CatalogError
from spurclust.parallel import count_threads, map_threads
from spurclust.ranking import InspectionRanker
from spurclust.region import is_flagged

BATCH_BYTES = 2**24
"""Size of the cutouts that a thread holds at once, in bytes. The system would reclaim and zero
larger arrays again and again."""

MOST_ROWS, LEAST_ROWS = 4096, 64
"""Limits of the rows of a batch, which are a multiple of the latter: the steps work in blocks, and
fill the last one with zeros."""

_MAX_LISTED = 5
_TEXT = pd.StringDtype("pyarrow")

Unreadable = tuple[str, str, str]
"""Id, path and reason."""


class Predicted(NamedTuple):
    """The predictions of a partition, and the sources whose cutouts could not be read."""

    frame: pd.DataFrame
    unreadable: list[Unreadable]


@dataclass(frozen=True, eq=False)
class Predictor:
    """All that predicting a partition needs, in a form that other processes can receive."""

    # The fingerprint identifies the models.

    models: FittedModels
    fingerprint: str = ""
    has_positions: bool = False
    # Number of threads, one batch each; the models use one thread.
    n_jobs: int | None = None

    @property
    def options(self) -> ReadOptions:
        """Options to read cutouts like those of the fit."""
        return fitted_options(self.models, on_error="skip")

    def predict_partition(self, source: CutoutSource) -> Predicted:
        """Predict all cutouts of a partition, in one batch per thread at a time."""
        options = self.options
        image_format = source.image_format or options.like
        n_bytes = math.prod(image_format.shape) * image_format.dtype.itemsize if image_format else 1
        most = int(np.clip(BATCH_BYTES // n_bytes, LEAST_ROWS, MOST_ROWS))
        # About equal batches, and equally many per thread.
        each = max(-(-len(source) // count_threads(self.n_jobs)), 1)
        n_batches = -(-each // most)
        step = LEAST_ROWS * -(-each // (LEAST_ROWS * n_batches))

        def predict(start: int) -> tuple[pd.DataFrame | None, list[Unreadable]]:
            cutouts = source.read(range(start, min(start + step, len(source))), options)
            found = self._frame(cutouts, has_paths=source.in_files) if len(cutouts) else None
            return found, list(cutouts.skipped)

        batches = map_threads(predict, range(0, len(source), step), self.n_jobs)
        frames = [frame for frame, _ in batches if frame is not None]
        frames = frames or [self.empty_frame(has_paths=source.in_files)]
        unreadable = [one for _, skipped in batches for one in skipped]
        return Predicted(pd.concat(frames, ignore_index=True), unreadable)

    def empty_frame(self, *, has_paths: bool) -> pd.DataFrame:
        """Return a table of predictions without rows: the columns with their types."""
        kinds: dict[str, Any] = {"source_id": _TEXT}
        if has_paths:
            kinds["path"] = _TEXT
        kinds |= {"tsne_x": "float64", "tsne_y": "float64", "component": "int64"}
        kinds |= {"spurious_probability": "float64", "flagged": "bool", "novelty": "float64"}
        if self.models.ranker is not None:
            kinds["inspection_probability"] = "float64"
        if self.has_positions:
            kinds |= {"ra": "float64", "dec": "float64"}
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})

    def _frame(self, cutouts: Cutouts, *, has_paths: bool) -> pd.DataFrame:
        """Predict some cutouts."""
        assignment, inspection_probability, _ = self.models.predict(cutouts.images)
        columns: dict[str, Any] = {"source_id": pd.array(cutouts.source_ids, dtype=_TEXT)}
        if has_paths:
            columns["path"] = pd.array(cutouts.paths, dtype=_TEXT)
        columns["tsne_x"], columns["tsne_y"] = assignment.embedding.T
        columns["component"] = assignment.component
        columns["spurious_probability"] = assignment.spurious_probability
        threshold = self.models.detector.threshold
        columns["flagged"] = is_flagged(assignment.spurious_probability, threshold)
        columns["novelty"] = assignment.novelty
        if inspection_probability is not None:
            columns["inspection_probability"] = inspection_probability
        if self.has_positions:
            positions = header_positions(cutouts)
            unknown = np.full((len(cutouts), 2), np.nan)
            columns["ra"], columns["dec"] = (unknown if positions is None else positions).T
        return pd.DataFrame(columns)


def prepare(
    model: Any,
    cutouts: Any,
    *,
    ranker: InspectionRanker | None = None,
    reading: dict[str, Any] | None = None,
    id_pattern: str | None = None,
    n_jobs: int | None = None,
    **options: Any,
) -> tuple[Predictor, CutoutSource]:
    """Load a model, open cutouts, and complete the options for reading files."""
    if isinstance(model, SpuriousRegionDetector):
        for fitted in [model] if ranker is None else [model, ranker]:
            check_is_fitted(fitted)
        models = FittedModels(model, ranker, dict.fromkeys(READING) | (reading or {}))
    else:
        models = model if isinstance(model, FittedModels) else load_fitted(model)
    in_files = isinstance(model, (str, os.PathLike))
    fingerprint = _digest_of_files(model) if in_files else _digest_of_results(models)
    source = open_cutouts(cutouts, **models.naming(id_pattern), **options)
    models.check_filters(source.filters)
    # The caller's models keep their threads.
    models = pickle.loads(pickle.dumps(models)).set_jobs(1)
    models = with_dtype(models, source)
    predictor = Predictor(models, fingerprint, _has_positions(source), n_jobs)
    for done in check_fitted(source, predictor.options):
        warnings.warn(f"cutouts {done}", stacklevel=3)
    return predictor, source


def checked_size(partition_size: int | None) -> int | None:
    """Return the size of partitions; raise an error if it is not a positive integer."""
    if partition_size is None:
        return None
    if not isinstance(partition_size, Integral) or partition_size < 1:
        raise ValueError(f"partition_size={partition_size!r}: it must be a positive integer")
    return int(partition_size)


def _has_positions(source: CutoutSource) -> bool:
    """Return whether sources have positions: in mosaics, or in headers, if the first is FITS."""
    # It must not depend on the cutouts read: all parts need the same columns.
    if isinstance(source, ArraySource):
        return bool(source.positions)
    return source.in_files and is_fits_name(source.take([0])[1][0])


def _digest_of_files(model: str | os.PathLike[str]) -> str:
    """Hash the files of a model and of the ranker beside it."""
    digest = sha256(Path(model).read_bytes())
    ranker = Path(model).with_name(RANKER)
    digest.update(ranker.read_bytes() if ranker.exists() else b"")
    return digest.hexdigest()


def _digest_of_results(models: FittedModels) -> str:
    """Hash the results of fitted models for the fitted sources, which identify the models."""
    # Equal models can have different bytes.
    detector, ranker, reading = models
    results: list[NDArray[Any]] = [detector.embedding_, detector.component_]
    results += [detector.component_counts_]
    results += [detector.novelty_scale_.landmarks, detector.spurious_probability_]
    if ranker is not None:
        results += [ranker.inspection_probability_, ranker.feature_importances_]
    settings = (detector.threshold, detector.assignment, sorted(map(str, reading.items())))
    return str(joblib.hash([settings, *map(np.ascontiguousarray, results)]))


def shared_predictor(predictor: Predictor) -> Any:
    """Make the predictor a task; each worker fetches its result once."""
    # Unlike scattered data, it can be made again if a worker is lost.
    packed = pickle.dumps(predictor, protocol=pickle.HIGHEST_PROTOCOL)
    name = f"predictor-{predictor.fingerprint}-{joblib.hash(packed)}"
    return dask.delayed(pickle.loads, pure=False)(packed, dask_key_name=name)


def in_parts(partition: Any) -> tuple[Any, Any]:
    """Return a partition as one opaque object, and its lazy images for dask."""
    light = partition if partition.lazy is None else replace(partition, lazy=None)
    return dask.delayed(light, traverse=False), partition.lazy


def predict_sources(
    model: Any,
    cutouts: Any,
    *,
    ranker: InspectionRanker | None = None,
    reading: dict[str, Any] | None = None,
    partition_size: int | None = None,
    source_ids: Sequence[object] | None = None,
    id_pattern: str | None = None,
    id_column: str = "source_id",
    path_column: str = "path",
    on_error: Literal["raise", "skip"] = "raise",
) -> dd.DataFrame:
    """Predict a survey of any size, lazily.

    The result is a dask dataframe: filter, join and store it like any other. It is computed on
    dask's scheduler, by default in this process. To write the predictions of a large survey, use
    `write_predictions`, which continues after a crash.

    Parameters
    ----------
    model : str, path, FittedModels or SpuriousRegionDetector
        The model.skops of a run, with the ranker beside it, or a fitted detector. It is sent to
        each worker once.
    cutouts : str, path, sequence of them, ndarray, dask array, zarr array or group
        Files, tables of paths or arrays, see `open_cutouts`.
    ranker : InspectionRanker, default=None
        For a detector given as such: adds the column inspection_probability.
    reading : dict, default=None
        For a detector given as such: `size` or `reduce`, as its cutouts were read.
    partition_size : int, default=None
        Number of sources in a partition. None is 2000 files, a chunk of a dask array, or about 64
        MB of other arrays.
    source_ids : sequence of length n_sources, default=None
        Ids of an array or of a list of files, see `open_cutouts`.
    id_pattern : str, default=None
        Where in a file's name the id stands; None is that of the fit.
    id_column : str, default="source_id"
        Column of a table of paths that has the ids.
    path_column : str, default="path"
        Column that has the paths.
    on_error : {"raise", "skip"}, default="raise"
        "raise" raises an error for a cutout that cannot be read. "skip" leaves its row out, with
        a warning.

    Returns
    -------
    dask.dataframe.DataFrame
        The columns source_id, path (for files), tsne_x, tsne_y, component, spurious_probability,
        flagged, novelty; with a ranker also inspection_probability; for FITS files and mosaics also
        ra and dec in degrees, NaN without a position in the header.

    Raises
    ------
    CatalogError
        When model or cutouts cannot be used. Errors of single cutouts occur when they are computed.
    sklearn.exceptions.NotFittedError
        When a detector or ranker given as such is not fitted.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> from spurclust import SpuriousRegionDetector
    >>> from spurclust.scale import predict_sources
    >>> images = np.random.default_rng(0).normal(size=(60, 8, 8))
    >>> images[:6] += 9
    >>> detector = SpuriousRegionDetector(2, perplexity=5, random_state=0)
    >>> detector = detector.fit(images, np.arange(60) < 6)
    >>> table = predict_sources(detector, da.from_array(images, chunks=(20, 8, 8)))
    >>> table.npartitions, len(table.compute(scheduler="synchronous"))
    (3, 60)
    """
    if on_error not in ("raise", "skip"):
        raise ValueError(f'on_error={on_error!r}: it must be "raise" or "skip"')
    size = checked_size(partition_size)
    predictor, source = prepare(
        model,
        cutouts,
        ranker=ranker,
        reading=reading,
        n_jobs=1,
        source_ids=source_ids,
        id_pattern=id_pattern,
        id_column=id_column,
        path_column=path_column,
    )
    shared = shared_predictor(predictor)
    frames = [
        dask.delayed(_predict_frame)(shared, *in_parts(partition), on_error)
        for partition in source.partitions(size)[0]
    ]
    return dd.from_delayed(frames, meta=predictor.empty_frame(has_paths=source.in_files))


def _predict_frame(
    predictor: Predictor, partition: Any, images: Any, on_error: str
) -> pd.DataFrame:
    """Predict one partition; raise an error or warn for unreadable cutouts."""
    frame, unreadable = predictor.predict_partition(partition.load(images))
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
