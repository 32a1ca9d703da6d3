"""One partition in, one table out: all the science of a distributed prediction."""

import os
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import dask
import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spurclust.catalog import FittedModels, load_fitted
from spurclust.catalog.models import READING
from spurclust.catalog.results import RANKER
from spurclust.cutouts import read_cutouts, read_cutouts_like
from spurclust.cutouts.path_tables import TableRows
from spurclust.cutouts.places import NO_PATH
from spurclust.cutouts.survey import Block, Files, Survey, open_survey
from spurclust.detector import SpuriousRegionDetector
from spurclust.errors import CatalogError
from spurclust.ranking import InspectionRanker

BATCH_BYTES = 2**25
"""Bytes of cutouts that are held at once."""

MOST_ROWS, LEAST_ROWS = 4096, 64
"""Limits of a batch: the steps work in blocks of up to 256 rows."""

Unreadable = tuple[str, str, str]
"""Id, path and reason."""


class Predicted(NamedTuple):
    """The predictions of a partition, and the sources whose cutouts could not be read."""

    frame: pd.DataFrame
    unreadable: list[Unreadable]


@dataclass(frozen=True, eq=False)
class Predictor:
    """All that predicting a partition needs, in a form that travels.

    Attributes
    ----------
    models : FittedModels
        The detector, its ranker, and how their cutouts were read.
    fingerprint : str
        Differs when the models differ.
    """

    models: FittedModels
    fingerprint: str = field(default="")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one cutout."""
        shape: tuple[int, ...] = self.models.detector.image_shape_
        return shape

    def predict_partition(self, partition: Files | TableRows | Block) -> Predicted:
        """Predict the sources of a partition, in batches that fit into little memory.

        Parameters
        ----------
        partition : Files, TableRows or Block
            Of a block, the images must have been computed.

        Returns
        -------
        Predicted
            One row for each readable source, in their order, and the unreadable ones.
        """
        unreadable: list[Unreadable] = []
        frames = [self.empty_frame(has_paths=not isinstance(partition, Block))]
        for ids, paths, images in self._batches(partition, unreadable):
            if len(images):
                frames.append(self._frame(ids, paths, images))
        return Predicted(pd.concat(frames[1:] or frames, ignore_index=True), unreadable)

    def empty_frame(self, *, has_paths: bool) -> pd.DataFrame:
        """Make a table of predictions without rows.

        Parameters
        ----------
        has_paths : bool
            Whether the cutouts are files.

        Returns
        -------
        pandas.DataFrame
            The columns with their types.
        """
        kinds = {"source_id": "str", "path": "str", "tsne_x": "float64", "tsne_y": "float64"}
        kinds |= {"component": "int64", "spurious_probability": "float64", "flagged": "bool"}
        kinds |= {"novelty": "float64", "inspection_probability": "float64"}
        if not has_paths:
            del kinds["path"]
        if self.models.ranker is None:
            del kinds["inspection_probability"]
        text = pd.StringDtype("pyarrow")
        return pd.DataFrame(
            {name: pd.Series(dtype=text if kind == "str" else kind) for name, kind in kinds.items()}
        )

    def _frame(
        self, ids: Sequence[object], paths: Sequence[str] | None, images: NDArray[Any]
    ) -> pd.DataFrame:
        """Predict some cutouts."""
        assignment, inspection_probability = self.models.predict(images)
        text = pd.StringDtype("pyarrow")
        columns: dict[str, Any] = {"source_id": pd.array([str(one) for one in ids], dtype=text)}
        if paths is not None:
            columns["path"] = pd.array(list(paths), dtype=text)
        columns["tsne_x"], columns["tsne_y"] = assignment.embedding.T
        columns["component"] = assignment.component
        columns["spurious_probability"] = assignment.spurious_probability
        columns["flagged"] = assignment.spurious_probability >= self.models.detector.threshold
        columns["novelty"] = assignment.novelty
        if inspection_probability is not None:
            columns["inspection_probability"] = inspection_probability
        return pd.DataFrame(columns)

    def _batches(
        self, partition: Files | TableRows | Block, unreadable: list[Unreadable]
    ) -> Iterator[tuple[Sequence[object], Sequence[str] | None, NDArray[Any]]]:
        """Yield ids, paths and images of a few sources at a time; note what cannot be read."""
        if isinstance(partition, Block):
            images = self._fitting(np.asarray(partition.images))
            for part in _slices(len(images), self._batch_rows(images.dtype)):
                finite = ~_infinite(images[part])
                ids = np.asarray(partition.source_ids[part], dtype=object)
                unreadable += [(str(one), "", INFINITE) for one in ids[~finite]]
                few = images[part]
                yield ids[finite].tolist(), None, few if finite.all() else few[finite]
            return
        files, reading = partition.files(), self.models.reading
        for part in _slices(len(files), self._batch_rows(np.dtype(reading["dtype"]))):
            cutouts = read_cutouts_like(
                files.paths[part],
                files.source_ids[part],
                shape=self.shape,
                dtype=reading["dtype"],
                size=reading["size"],
                reduce=reading["reduce"],
                n_jobs=self.models.detector.n_jobs,
            )
            finite = ~_infinite(cutouts.images)
            reasons = dict(cutouts.skipped) | {"": NO_PATH}
            reasons |= {cutouts.paths[k]: INFINITE for k in np.flatnonzero(~finite)}
            pairs = zip(files.source_ids[part], files.paths[part], strict=True)
            unreadable += [(one, path, reasons[path]) for one, path in pairs if path in reasons]
            kept = np.flatnonzero(finite)
            yield (
                [cutouts.source_ids[k] for k in kept],
                [cutouts.paths[k] for k in kept],
                # Copying the pixels takes as long as a tenth of decoding them.
                cutouts.images if finite.all() else cutouts.images[finite],
            )

    def _batch_rows(self, dtype: np.dtype[Any]) -> int:
        """Choose how many cutouts to hold at once."""
        n_bytes = int(np.prod(self.shape)) * dtype.itemsize
        return int(np.clip(BATCH_BYTES // n_bytes, LEAST_ROWS, MOST_ROWS))

    def _fitting(self, images: NDArray[Any]) -> NDArray[Any]:
        """Check the shape of cutouts from an array; grey ones are repeated for channels."""
        check_shape(images.shape, self.shape)
        if images.ndim == len(self.shape):
            images = np.broadcast_to(images[..., None], (len(images), *self.shape))
        return images


def check_shape(images: Sequence[int], fitted: Sequence[int]) -> None:
    """Raise an error for cutouts of an array that are unlike the fitted ones; grey ones may do.

    Parameters
    ----------
    images : sequence of int
        Shape of the array.
    fitted : sequence of int
        Shape of one fitted cutout.

    Raises
    ------
    CatalogError
        When they differ in more than missing channels.

    Examples
    --------
    >>> from spurclust.scale.predictor import check_shape
    >>> check_shape((9, 40, 40), (40, 40, 3))
    """
    if tuple(images[1:]) not in {tuple(fitted), tuple(fitted[:2])}:
        raise CatalogError(
            f"the cutouts have shape {tuple(images[1:])}, and the fitted ones {tuple(fitted)}: cut "
            "and shrink them as those of the fit"
        )


INFINITE = "it has infinite pixels: replace them, by NaN where there are no data"


def _infinite(images: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which cutouts have an infinite pixel."""
    if images.dtype.kind != "f":
        return np.zeros(len(images), dtype=bool)
    return np.asarray(np.isinf(images).any(axis=tuple(range(1, images.ndim))))


def _slices(n: int, step: int) -> Iterator[slice]:
    """Cut n things into slices."""
    for start in range(0, n, step):
        yield slice(start, start + step)


def prepare(
    model: Any,
    cutouts: Any,
    *,
    ranker: InspectionRanker | None = None,
    reading: dict[str, Any] | None = None,
    id_pattern: str | None = None,
    n_jobs: int | None = None,
    **options: Any,
) -> tuple[Predictor, Survey]:
    """Prepare a model and the survey that it is to predict.

    Parameters
    ----------
    model : str, path, FittedModels or SpuriousRegionDetector
        The model.skops of a run, or what was loaded from it or fitted.
    cutouts : object
        Files, tables of paths or arrays, see `open_survey`.
    ranker : InspectionRanker, default=None
        For a detector given as such.
    reading : dict, default=None
        For a detector given as such: size or reduce of `read_cutouts` in its fit.
    id_pattern : str, default=None
        Where in a file's name the id stands; None is that of the fit.
    n_jobs : int, default=None
        Threads for each partition.
    **options
        Of `open_survey`.

    Returns
    -------
    predictor : Predictor
        The models, with what was missing about the reading of files found out from the first
        cutout that can be read.
    survey : Survey
        The cutouts.

    Raises
    ------
    CatalogError
        When the model cannot be used, or no cutout be read.
    """
    if isinstance(model, SpuriousRegionDetector):
        known = dict.fromkeys(READING) | (reading or {})
        models = FittedModels(model, ranker, known)
    else:
        models = model if isinstance(model, FittedModels) else load_fitted(model)
    in_files = isinstance(model, (str, os.PathLike))
    fingerprint = _digest_of_files(model) if in_files else _digest_of_results(models)
    survey = open_survey(cutouts, id_pattern=id_pattern or models.reading["id_pattern"], **options)
    if survey.image_shape is not None:
        check_shape(survey.image_shape, models.detector.image_shape_)
    # The caller's models keep their threads.
    models = pickle.loads(pickle.dumps(models)).set_jobs(n_jobs)
    if survey.has_files and models.reading["dtype"] is None:
        dtype = _first_dtype(survey, models.reading)
        models = models._replace(reading={**models.reading, "dtype": dtype})
    return Predictor(models, fingerprint), survey


def _digest_of_files(model: str | os.PathLike[str]) -> str:
    """Condense the files of a model and of the ranker beside it."""
    digest = sha256(Path(model).read_bytes())
    ranker = Path(model).with_name(RANKER)
    digest.update(ranker.read_bytes() if ranker.exists() else b"")
    return digest.hexdigest()


def _digest_of_results(models: FittedModels) -> str:
    """Condense what fitted models say of the fitted sources: two that agree in it are one.

    The models as they are stored would not do: what is equal in two copies can be stored otherwise.
    """
    detector, ranker, reading = models
    results: list[NDArray[Any]] = [detector.embedding_, detector.component_]
    results += [detector.component_counts_]
    results += [detector.novelty_scale_.landmarks, detector.spurious_probability_]
    if ranker is not None:
        results += [ranker.inspection_probability_, ranker.feature_importances_]
    settings = (detector.threshold, detector.assignment, sorted(map(str, reading.items())))
    digest = sha256(repr(settings).encode())
    for result in results:
        digest.update(np.ascontiguousarray(result).tobytes())
    return digest.hexdigest()


def _first_dtype(survey: Survey, reading: dict[str, Any]) -> str:
    """Find the pixel type of the first cutout that can be read."""
    shrinking = {name: reading[name] for name in ("size", "reduce")}
    reason = ""
    for partition in survey.partitions:
        assert not isinstance(partition, Block)
        for path in filter(None, partition.files().paths):
            try:
                return str(read_cutouts([path], **shrinking).images.dtype)
            except CatalogError as error:
                reason = reason or str(error)
    raise CatalogError(f"none of {survey.n_sources} cutouts could be read. {reason}")


def shared_predictor(predictor: Predictor) -> Any:
    """Make the predictor one task, whose result each worker fetches once and keeps.

    Parameters
    ----------
    predictor : Predictor
        Any size.

    Returns
    -------
    dask.delayed.Delayed
        The predictor. Unlike scattered data, it can be made anew when a worker is lost.
    """
    packed = pickle.dumps(predictor, protocol=pickle.HIGHEST_PROTOCOL)
    name = f"predictor-{predictor.fingerprint}-{joblib.hash(packed)}"
    return dask.delayed(pickle.loads, pure=False)(packed, dask_key_name=name)
