"""Save and load fitted models, without running code from the files."""

import json
import os
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from spurclust.catalog.output import atomic_write
from spurclust.catalog.results import RANKER
from spurclust.detector import Assignment, SpuriousRegionDetector
from spurclust.embedding.neighbors import row_keys
from spurclust.errors import CatalogError, import_optional
from spurclust.features.extractor import measure_alike
from spurclust.fitted import check_attributes
from spurclust.printing import short_repr
from spurclust.ranking import InspectionRanker, inspection_rank

READING = (
    *("size", "reduce", "id_pattern", "filters", "dtype", "hdu", "pad"),
    *("full", "center", "scale", "extensions"),
)
"""Settings of reading cutouts that a run saves."""

FORMAT = "spurclust model"
STAMP = "spurclust.json"
"""Member of the file that identifies it; skops ignores it."""

FORMAT_VERSION = 3
"""Increased when saved fields change."""

STAMPED_PACKAGES = ("spurclust", "numpy", "scipy", "scikit-learn", "numba", "skops")

TRUSTED_TYPES = (
    "spurclust.detector.SpuriousRegionDetector",
    "spurclust.novelty.NoveltyScale",
    "spurclust.ranking.similarity.SimilaritySpace",
    "spurclust.ranking.ranker.InspectionRanker",
    "spurclust.embedding.forest.CrossFittedForest",
    "spurclust.embedding.forest.PackedTrees",
    "spurclust.features.images.PanelAxis",
    "spurclust.features.images.PanelLayout",
    "spurclust.embedding.tsne.TSNE",
    "spurclust.features.extractor.CutoutFeatures",
    "spurclust.embedding.flatten.ImageFlattener",
    "spurclust.embedding.guided.GuidedProjection",
    "spurclust.embedding.mixture.GuidedMixture",
)
"""Types that loading trusts, beside those of skops (numpy, scipy and scikit-learn)."""


def save_model(
    detector: Any,
    path: str | os.PathLike[str],
    *,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Save a fitted detector to a file, whole or not at all.

    The file holds arrays and settings but no code, so files of others can be loaded safely. It
    records the versions of the packages. With the same versions and processor, predictions are
    equal to the bit.

    Parameters
    ----------
    detector : SpuriousRegionDetector or other fitted estimator
        The estimator to save.
    path : str or path
        The file, usually `*.skops`. An existing one is replaced.
    metadata : mapping, default=None
        Further information in types of JSON, for example how the cutouts were read.

    Raises
    ------
    CatalogError
        When the file cannot be written.
    sklearn.exceptions.NotFittedError
        When the detector is not fitted.
    TypeError
        When the metadata are not of types of JSON.
    ImportError
        When skops is not installed.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from spurclust.catalog import load_model, save_model
    >>> from spurclust.embedding import ImageFlattener
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(ImageFlattener().fit(np.ones((2, 3, 3))), f"{folder}/model.skops")
    ...     load_model(f"{folder}/model.skops").n_features_in_
    9
    """
    skops_io = import_optional("skops.io", feature="Saving a model")
    check_is_fitted(detector)
    stamp = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "versions": {package: version(package) for package in STAMPED_PACKAGES},
        "metadata": dict(metadata or {}),
    }
    text = json.dumps(stamp, indent=2, allow_nan=False)
    with atomic_write(path) as part:
        skops_io.dump(detector, part)
        with ZipFile(part, "a") as archive:
            archive.writestr(STAMP, text)


def load_model(path: str | os.PathLike[str], *, trusted: Sequence[str] = ()) -> Any:
    """Load a fitted detector.

    Parameters
    ----------
    path : str or path
        A file of `save_model`.
    trusted : sequence of str, default=()
        Full names of further types that the file may hold, for example those of your own steps.
        Loading runs their code, so name only types that you know.

    Returns
    -------
    SpuriousRegionDetector or other estimator
        The saved estimator.

    Raises
    ------
    CatalogError
        When the file is missing, is not a model of this package, has another format, or holds types
        that are not trusted. The message names them.
    ImportError
        When skops is not installed.
    """
    skops_io = import_optional("skops.io", feature="Loading a model")
    _read_stamp(path)
    allowed = [*TRUSTED_TYPES, *trusted]
    try:
        unknown = sorted(set(skops_io.get_untrusted_types(file=path)) - set(allowed))
        if not unknown:
            model = skops_io.load(path, trusted=allowed)
            if not trusted:  # trusted types have no declarations to check
                check_model(model)
            return model
    except Exception as error:  # a damaged file can fail in any way
        raise CatalogError(_damaged(path, error)) from error
    raise CatalogError(
        f"{path}: the model holds types that are not trusted: {', '.join(unknown)}. If you know "
        f"them, load it with load_model(..., trusted={unknown})"
    )


def check_model(model: Any) -> None:
    """Raise an error if no fit can have made a model, or it predicts nothing."""
    check_attributes(model)
    shape = getattr(model, "image_shape_", (model.n_features_in_,))
    blank = np.zeros((1, *shape), dtype=np.float32)
    methods = "assign", "predict_proba", "transform", "predict"
    next(getattr(model, name) for name in methods if hasattr(model, name))(blank)


def read_model_metadata(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the metadata of a model, including package versions, without loading it."""
    stamp = _read_stamp(path)
    return {**stamp["metadata"], "versions": stamp["versions"]}


def _read_stamp(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read and check the stamp of a file, before anything else in it."""
    if not Path(path).is_file():
        raise CatalogError(f"{path}: there is no such model file")
    try:
        with ZipFile(path) as archive:
            stamp = json.loads(archive.read(STAMP)) if STAMP in archive.namelist() else None
    except Exception as error:  # a damaged file can fail in any way
        raise CatalogError(_damaged(path, error)) from error
    if not isinstance(stamp, dict) or stamp.get("format") != FORMAT:
        raise CatalogError(
            f"{path}: the file was not written by spurclust's save_model; give the model.skops of "
            "a run"
        )
    versions, metadata = stamp.get("versions"), stamp.get("metadata")
    format_version = stamp.get("format_version")
    if not (
        isinstance(versions, dict)
        and isinstance(metadata, dict)
        and isinstance(format_version, int)
    ):
        raise CatalogError(_damaged(path, "its stamp is not complete"))
    if format_version != FORMAT_VERSION:
        mend = "update spurclust" if format_version > FORMAT_VERSION else "fit and save it again"
        raise CatalogError(
            f"{path}: the model has format {format_version}, of spurclust "
            f"{versions.get('spurclust')}; this version reads format {FORMAT_VERSION}: {mend}"
        )
    return stamp


def _damaged(path: str | os.PathLike[str], why: object) -> str:
    """Return the message for a file that cannot be read."""
    return f"{path}: the file cannot be read as a model of spurclust ({why}); save it again"


class FittedModels(NamedTuple):
    """A fitted detector and ranker, and how their cutouts were read.

    Returned by `load_fitted`. Use it to read new cutouts in the same way, and to predict all that a
    run predicts.

    Attributes
    ----------
    detector : SpuriousRegionDetector
        The detector.
    ranker : InspectionRanker or None
        The ranker of the same run, if it has one.
    reading : dict
        How the cutouts were read: size, reduce, id_pattern, filters (their channels) and dtype of
        the pixels. Unknown values are None.
    """

    detector: SpuriousRegionDetector
    ranker: InspectionRanker | None
    reading: dict[str, Any]

    def naming(self, id_pattern: str | None) -> dict[str, Any]:
        """Return how to read the names of new files: as in the fit, or by a new pattern.

        Parameters
        ----------
        id_pattern : str or None
            The new pattern, if there is one.

        Returns
        -------
        dict
            The arguments `id_pattern` and `filters` of `spurclust.cutouts.open_cutouts`.
        """
        pattern = id_pattern or self.reading["id_pattern"]
        has_filters = "(?P<filter>" in (pattern or "")
        return {"id_pattern": pattern, "filters": self.reading["filters"] if has_filters else None}

    def check_filters(self, filters: Sequence[str] | None) -> None:
        """Raise an error if the channels are of other filters than in the fit.

        Parameters
        ----------
        filters : sequence of str or None
            Filters of the channels of the cutouts to predict. None is unknown, and is not checked.

        Raises
        ------
        CatalogError
            When filters or their order differ.
        """
        fitted = self.reading["filters"]
        if fitted and filters and [*filters] != [*fitted]:
            raise CatalogError(
                f"the channels are {', '.join(filters)}, but those of the fit are "
                f"{', '.join(fitted)}: give the same filters in the same order"
            )

    def set_jobs(self, n_jobs: int | None) -> "FittedModels":
        """Set the number of threads of all steps.

        Parameters
        ----------
        n_jobs : int or None
            Number of threads, as in joblib; None is 1, -1 is all cores.

        Returns
        -------
        FittedModels
            Itself.
        """
        _set_jobs(self.detector.pipeline_, n_jobs)
        self.detector.set_params(n_jobs=n_jobs)
        if self.ranker is not None:
            _set_jobs(self.ranker.extractor_, n_jobs)
            self.ranker.set_params(n_jobs=n_jobs)
        return self

    def predict(
        self, images: NDArray[Any]
    ) -> tuple[Assignment, NDArray[np.float64] | None, NDArray[np.intp] | None]:
        """Predict with the detector and the ranker, and compute shared features once.

        Parameters
        ----------
        images : ndarray of shape (n_samples, height, width) or \
(n_samples, height, width, n_channels)
            Cutouts of the fitted shape.

        Returns
        -------
        assignment : Assignment
            The detector's prediction.
        inspection_probability : ndarray of shape (n_samples,) or None
            The ranker's probability that each source is spurious; None without a ranker.
        inspection_rank : ndarray of int of shape (n_samples,) or None
            Position of each source in the order of inspection, from 1; None without a ranker.
        """
        assignment = self.detector.assign(images)
        if self.ranker is None:
            return assignment, None, None
        extractors = self.detector.pipeline_.named_steps["flatten"], self.ranker.extractor_
        if measure_alike(*extractors):
            features = assignment.features
        else:
            features = self.ranker.extract_features(images)
        probability = self.ranker.predict_proba(images, features=features)[:, 1]
        return assignment, probability, inspection_rank(probability, row_keys(features))

    def __repr__(self) -> str:
        return short_repr(self)


def _set_jobs(step: Any, n_jobs: int | None) -> None:
    """Set the number of threads of a step and of the steps in it; "passthrough" has none."""
    if isinstance(step, str):
        return
    names = [name for name in step.get_params() if name.split("__")[-1] == "n_jobs"]
    step.set_params(**dict.fromkeys(names, n_jobs))


def load_fitted(path: str | os.PathLike[str]) -> FittedModels:
    """Load the detector of a run, and the ranker beside it.

    Parameters
    ----------
    path : str or path
        The model.skops of a run.

    Returns
    -------
    FittedModels
        Detector, ranker, and how their cutouts were read.

    Raises
    ------
    CatalogError
        When a file is missing, damaged, or holds something else.
    ImportError
        When skops is not installed.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from spurclust import SpuriousRegionDetector
    >>> from spurclust.catalog import load_fitted, save_model
    >>> rows = np.random.default_rng(0).normal(size=(40, 5)) + 9 * (np.arange(40) < 4)[:, None]
    >>> detector = SpuriousRegionDetector(2, perplexity=5, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(detector.fit(rows, np.arange(40) < 4), f"{folder}/model.skops")
    ...     models = load_fitted(f"{folder}/model.skops")
    >>> models.ranker is None, models.reading["size"] is None
    (True, True)
    """
    detector = _load_instance(
        path, SpuriousRegionDetector, "detector: give the model.skops of a run"
    )
    beside = Path(path).with_name(RANKER)
    ranker = None
    if beside.exists():
        ranker = _load_instance(beside, InspectionRanker, "ranker: move it away, or run again")
    saved = read_model_metadata(path).get("reading", {})
    if not isinstance(saved, dict):
        raise CatalogError(_damaged(path, "how its cutouts were read is not known"))
    return FittedModels(detector, ranker, {name: saved.get(name) for name in READING})


def _load_instance(path: str | os.PathLike[str], kind: type, expected: str) -> Any:
    """Load a model of a class."""
    model = load_model(path)
    if not isinstance(model, kind):
        raise CatalogError(f"{path} holds a {type(model).__name__}, not a {expected}")
    return model
