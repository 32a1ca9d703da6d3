"""The cutouts of an analysis for people: from memory, or read again from their files."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray


def read_images(analysis: Any) -> tuple[NDArray[Any], Literal["upper", "lower"]]:
    """Return the cutouts, read again where they are not in memory, and where row 0 is."""
    from spurclust.cutouts import read_cutouts

    paths = analysis.sources["path"].tolist()
    origin: Literal["upper", "lower"] = "lower" if _is_fits(paths[0]) else "upper"
    if analysis.cutouts is not None:
        return analysis.cutouts.images, origin
    reading = analysis.summary["reading"]
    read = read_cutouts(
        paths,
        source_ids=analysis.sources["source_id"].tolist(),
        size=reading["size"],
        reduce=reading["reduce"],
    )
    return read.images, origin


def cutout_loader(
    analysis: Any, folder: str | os.PathLike[str] | None
) -> Callable[[int], NDArray[Any] | None]:
    """Return what loads the cutout of a row, its top row of pixels first."""
    from spurclust.cutouts.decode import read_image

    paths = analysis.sources["path"].tolist()
    # Shrunk cutouts do for an embedding, not for people: those are read again.
    reading = analysis.summary.get("reading") or {}
    is_whole = reading.get("size") is None and reading.get("reduce") is None
    images = analysis.cutouts.images if analysis.cutouts is not None and is_whole else None

    def load(row: int) -> NDArray[Any] | None:
        pixels = None if images is None else images[row]
        if pixels is None and paths[row]:
            # A path of another system may have backslashes.
            name = paths[row].replace("\\", "/").rpartition("/")[2]
            try:
                pixels = read_image(str(Path(folder, name)) if folder else paths[row]).image
            except ValueError:
                return None
        return pixels[::-1] if pixels is not None and _is_fits(paths[row]) else pixels

    return load


def _is_fits(path: str) -> bool:
    """Return whether a file is a FITS image, whose first row of pixels is its bottom."""
    return path.lower().removesuffix(".gz").endswith((".fits", ".fit"))
