"""Read the cutouts of an analysis again, if they are not in memory."""

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


def _origin(analysis: Any) -> Literal["upper", "lower"]:
    """Return the position of row 0 of the cutouts."""
    from spurclust.cutouts.files import is_fits_name

    reading = analysis.summary.get("reading") or {}
    # Only FITS files and mosaics have a scale of pixels.
    is_fits = is_fits_name(analysis.sources["path"].iloc[0]) or reading.get("scale") is not None
    return "lower" if is_fits else "upper"


def read_images(analysis: Any) -> tuple["NDArray[Any]", Literal["upper", "lower"]]:
    """Return the cutouts, read again if they are not in memory, and the position of row 0."""
    from spurclust.cutouts import read_cutouts

    paths = analysis.sources["path"].tolist()
    reading = analysis.summary.get("reading") or {}
    origin = _origin(analysis)
    if analysis.cutouts is not None:
        return analysis.cutouts.images, origin
    if not any(paths):
        raise ValueError("the cutouts were an array, and are not saved with an analysis")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the first read gave them
        read = read_cutouts(
            paths,
            source_ids=analysis.sources["source_id"].tolist(),
            size=reading["size"],
            reduce=reading["reduce"],
            hdu=reading.get("hdu"),
            pad=reading.get("pad", "center"),
        )
    return read.images, origin


def cutouts_to_draw(analysis: Any) -> tuple[Any, Literal["upper", "lower"]]:
    """Return a sequence of cutouts, read when drawn, and the position of row 0."""
    from spurclust.analysis.reading import options_like
    from spurclust.cutouts.gather import FileImages

    paths = analysis.sources["path"].tolist()
    if analysis.cutouts is not None or not all(paths):
        return read_images(analysis)
    shape = analysis.detector.image_shape_
    options = options_like(analysis.summary["reading"], shape)
    return FileImages(paths, options), _origin(analysis)


def find_similar(analysis: Any, source_id: object, n: int) -> "pd.DataFrame":
    """Return the sources most similar to one, with labels and distances."""
    import numpy as np

    from spurclust.ranking import similar_sources

    sources = analysis.sources
    row = np.flatnonzero(sources["source_id"] == str(source_id))
    if not len(row):
        raise ValueError(f"{analysis.name} has no source {str(source_id)!r}")
    ranker, features = analysis.ranker, analysis.features
    if ranker is None:
        raise ValueError(
            f"{analysis.name} has no ranker: analyze with ranking=True, load with models=True"
        )
    if features is None:
        features = ranker.extract_features(read_images(analysis)[0])
    indices, distances = similar_sources(
        features, n, sources=row, importances=ranker.feature_importances_, n_jobs=ranker.n_jobs
    )
    found: pd.DataFrame = sources.loc[indices[0], ["source_id", "label", "reason"]]
    return found.assign(distance=distances[0]).reset_index(drop=True)


def cutout_loader(
    analysis: Any, folder: str | os.PathLike[str] | None
) -> "Callable[[int], NDArray[Any] | None]":
    """Return a function that loads the cutout of a row, with its top row of pixels first."""
    from spurclust.analysis.reading import options_like
    from spurclust.cutouts import ReadOptions
    from spurclust.cutouts.bands import read_whole
    from spurclust.cutouts.files import is_fits_name

    paths = analysis.sources["path"].tolist()
    # Shrunk cutouts are enough for an embedding, but not for people: files are read again.
    reading = analysis.summary.get("reading") or {}
    is_whole = reading.get("size") is None and reading.get("reduce") is None
    options = options_like(reading) if reading.get("dtype") else ReadOptions()
    images = None if analysis.cutouts is None else analysis.cutouts.images

    def load(row: int) -> "NDArray[Any] | None":
        pixels = images[row] if images is not None and (is_whole or not paths[row]) else None
        if pixels is None and paths[row]:
            # Paths of another system may have backslashes.
            whole = paths[row].replace("\\", "/")
            # Several files, one per band, keep the folders in which they differ.
            end = whole.find("{") if "{" in whole else len(whole)
            name = whole[whole.rfind("/", 0, end) + 1 :]
            try:
                pixels = read_whole(str(Path(folder, name)) if folder else paths[row], options)
            except ValueError:
                return None
        # Among cutouts that are not files, those of mosaics have a scale of pixels.
        path = paths[row]
        is_fits = is_fits_name(path) if path else reading.get("scale") is not None
        return pixels[::-1] if pixels is not None and is_fits else pixels

    return load
