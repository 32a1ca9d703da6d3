"""Save and load a fitted detector, without running code from the file."""

import json
import os
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from sklearn.utils.validation import check_is_fitted

from spurclust.catalog.output import file_beside
from spurclust.errors import CatalogError, import_optional

FORMAT = "spurclust model"
STAMP = "spurclust.json"
"""Member of the file that says what it is; skops passes over it."""

FORMAT_VERSION = 1
"""Rises when a file can no longer be read by an older spurclust."""

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
    "spurclust.embedding.reduce.PixelPCA",
)
"""What loading trusts, beside what skops itself does (numpy, scipy and scikit-learn)."""


def save_model(
    detector: Any,
    path: str | os.PathLike[str],
    *,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Save a fitted detector to a file that appears whole or not at all.

    The file holds arrays and settings, no code: who loads it need not trust who made it. It is
    stamped with the versions of the packages; predictions are equal to the bit on the same
    processor and versions.

    Parameters
    ----------
    detector : SpuriousRegionDetector or other fitted estimator
        What to save.
    path : str or path
        The file, by custom `*.skops`. An existing one is replaced.
    metadata : mapping, default=None
        What else to keep, of types that JSON has, for example how the cutouts were read.

    Raises
    ------
    CatalogError
        When the file cannot be written.
    sklearn.exceptions.NotFittedError
        When the detector is not fitted.
    TypeError
        When the metadata hold what JSON has not.
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
    with file_beside(path) as part:
        skops_io.dump(detector, part)
        with ZipFile(part, "a") as archive:
            archive.writestr(STAMP, text)
        # Through a symbolic link: the link stays.
        part.replace(Path(path).resolve())


def load_model(path: str | os.PathLike[str], *, trusted: Sequence[str] = ()) -> Any:
    """Load a fitted detector.

    Parameters
    ----------
    path : str or path
        A file of `save_model`.
    trusted : sequence of str, default=()
        Full names of further types that the file may hold, for example those of your own steps.
        Loading calls their code, so name only what you know.

    Returns
    -------
    SpuriousRegionDetector or other estimator
        What was saved.

    Raises
    ------
    CatalogError
        When the file is missing, is not a model of this package, is of a newer format, or holds
        types that are not trusted; the message names them.
    ImportError
        When skops is not installed.
    """
    skops_io = import_optional("skops.io", feature="Loading a model")
    _read_stamp(path)
    allowed = [*TRUSTED_TYPES, *trusted]
    try:
        unknown = sorted(set(skops_io.get_untrusted_types(file=path)) - set(allowed))
        if not unknown:
            return skops_io.load(path, trusted=allowed)
    except Exception as error:  # a damaged file can fail in any way
        raise CatalogError(_damaged(path, error)) from error
    raise CatalogError(
        f"{path}: the model holds types that are not trusted: {', '.join(unknown)}. If you know "
        f"them, load it with load_model(..., trusted={unknown})"
    )


def read_model_metadata(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what was saved beside the detector, without loading the detector.

    Parameters
    ----------
    path : str or path
        A file of `save_model`.

    Returns
    -------
    dict
        The `metadata` given to `save_model`, with lists for tuples, and the package versions as
        "versions".

    Raises
    ------
    CatalogError
        When the file is missing, is not a model of this package, or is of a newer format.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from spurclust.catalog import read_model_metadata, save_model
    >>> from spurclust.embedding import ImageFlattener
    >>> flattener = ImageFlattener().fit(np.ones((2, 3, 3)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(flattener, f"{folder}/model.skops", metadata={"field": "north"})
    ...     read_model_metadata(f"{folder}/model.skops")["field"]
    'north'
    """
    stamp = _read_stamp(path)
    return {**stamp["metadata"], "versions": stamp["versions"]}


def _read_stamp(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read and check what a file says of itself, before anything else in it is touched."""
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
        isinstance(versions, dict) and isinstance(metadata, dict) and type(format_version) is int
    ):
        raise CatalogError(_damaged(path, "its stamp is not complete"))
    if format_version > FORMAT_VERSION:
        raise CatalogError(
            f"{path}: the model has format {format_version}, of spurclust "
            f"{versions.get('spurclust')}; this version reads up to {FORMAT_VERSION}: update "
            "spurclust"
        )
    return stamp


def _damaged(path: str | os.PathLike[str], why: object) -> str:
    """Say that a file cannot be read."""
    return f"{path}: the file cannot be read as a model of spurclust ({why}); save it anew"
