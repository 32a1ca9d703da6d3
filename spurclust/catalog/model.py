"""Save and load a fitted detector, without running code from the file."""

import os
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from spurclust._optional import import_optional
from spurclust.catalog._output import file_beside
from spurclust.catalog.errors import CatalogError

FORMAT_VERSION = 1
"""Rises when a file can no longer be read by an older spurclust."""

STAMPED_PACKAGES = ("spurclust", "numpy", "scipy", "scikit-learn", "numba", "skops")

OWN_TYPES = (
    "spurclust.detector.SpuriousRegionDetector",
    "spurclust.steps.embed.TSNE",
    "spurclust.steps.flatten.ImageFlattener",
    "spurclust.steps.reduce.PixelPCA",
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
        What else to keep, of plain Python types, for example how the cutouts were read.

    Raises
    ------
    CatalogError
        When the file cannot be written.
    ImportError
        When skops is not installed.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from spurclust.catalog import load_model, save_model
    >>> from spurclust.steps import ImageFlattener
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(ImageFlattener().fit(np.ones((2, 3, 3))), f"{folder}/model.skops")
    ...     load_model(f"{folder}/model.skops").n_features_in_
    9
    """
    skops_io = import_optional("skops.io", feature="Saving a model")
    content = {
        "format": "spurclust model",
        "format_version": FORMAT_VERSION,
        "versions": {package: version(package) for package in STAMPED_PACKAGES},
        "metadata": dict(metadata or {}),
        "detector": detector,
    }
    with file_beside(path) as part:
        skops_io.dump(content, part)
        part.replace(Path(path))


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
    return _load(path, trusted)["detector"]


def read_model_metadata(
    path: str | os.PathLike[str], *, trusted: Sequence[str] = ()
) -> dict[str, Any]:
    """Read what was saved beside the detector.

    Parameters
    ----------
    path : str or path
        A file of `save_model`.
    trusted : sequence of str, default=()
        As for `load_model`.

    Returns
    -------
    dict
        The `metadata` given to `save_model`, and the package versions as "versions".

    Raises
    ------
    CatalogError
        As `load_model`.
    """
    content = _load(path, trusted)
    return {**content["metadata"], "versions": content["versions"]}


def _load(path: str | os.PathLike[str], trusted: Sequence[str]) -> dict[str, Any]:
    """Load and check the whole content of a file."""
    skops_io = import_optional("skops.io", feature="Loading a model")
    if not Path(path).is_file():
        raise CatalogError(f"{path}: there is no such model file")
    allowed = [*OWN_TYPES, *trusted]
    try:
        unknown = sorted(set(skops_io.get_untrusted_types(file=path)) - set(allowed))
        if unknown:
            raise CatalogError(
                f"{path}: the model holds types that are not trusted: {', '.join(unknown)}. If you "
                f"know them, load it with load_model(..., trusted={unknown})"
            )
        content = skops_io.load(path, trusted=allowed)
    except CatalogError:
        raise
    except Exception as error:  # a damaged file can fail in any way
        raise CatalogError(
            f"{path}: the file cannot be read as a model of spurclust ({error}); save it anew"
        ) from error
    if not isinstance(content, dict) or content.get("format") != "spurclust model":
        raise CatalogError(f"{path}: the file was not written by spurclust's save_model")
    if content["format_version"] > FORMAT_VERSION:
        raise CatalogError(
            f"{path}: the model has format {content['format_version']} of spurclust "
            f"{content['versions']['spurclust']}, this version reads up to {FORMAT_VERSION}: "
            "update spurclust"
        )
    return content
