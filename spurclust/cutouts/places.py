"""Tables of paths and zarr stores, told from cutouts by name; `spurclust.scale` reads them."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spurclust.cutouts.files import is_image_name
from spurclust.errors import CatalogError

TABLE_SUFFIXES = (".parquet", ".pq")

NO_PATH = "the table has no path for it"
"""What is wrong with a source whose path is missing or blank."""

MANIFEST, PREDICTIONS = "manifest.json", "spurclust predictions"
"""The file that tells a folder of predictions, and what it says near its beginning."""

_ZARR_MARKS = ("zarr.json", ".zarray", ".zgroup")

_HATS_MARKS = ("hats.properties", "properties", "partition_info.csv", "collection.properties")
"""Files in the root of a HATS catalogue, which may hold maps of the sky, .fits, as well."""


def is_path_table(cutouts: Any) -> bool:
    """Tell whether something names a Parquet table, or a folder of them.

    Parameters
    ----------
    cutouts : object
        What was given as cutouts.

    Returns
    -------
    bool
        True for a name that ends in .parquet or .pq, and for a folder without cutouts, or of a HATS
        catalogue, that holds such files at any depth.

    Examples
    --------
    >>> from spurclust.cutouts.places import is_path_table
    >>> is_path_table("paths.parquet"), is_path_table("*.png"), is_path_table(["a.parquet"])
    (True, False, False)
    """
    if not isinstance(cutouts, (str, os.PathLike)):
        return False
    place = Path(cutouts).expanduser()
    if not place.is_dir():
        return place.name.lower().endswith(TABLE_SUFFIXES)
    with os.scandir(place) as entries:
        names = [entry.name for entry in entries]
    if any(map(is_image_name, names)) and not any(mark in names for mark in _HATS_MARKS):
        return False
    return next(find_tables(place), None) is not None


def find_tables(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Find the Parquet tables of a folder, at any depth, through links to other folders as well.

    Parameters
    ----------
    folder : str or path
        The folder.

    Yields
    ------
    Path
        Each table. Files and folders whose names begin with "_" or "." are passed over, and the
        folders of predictions in it that `spurclust predict` has written.

    Raises
    ------
    CatalogError
        When a folder cannot be listed, or is itself one of predictions.

    Examples
    --------
    >>> import tempfile
    >>> from spurclust.cutouts.places import find_tables
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("b.parquet", "_metadata.parquet", "a.txt"):
    ...         Path(folder, name).touch()
    ...     [path.name for path in find_tables(folder)]
    ['b.parquet']
    """
    seen = set()
    if _holds_predictions(folder):
        raise CatalogError(
            f"{folder} holds predictions of spurclust: give the tables of paths in another folder"
        )
    for place, folders, names in os.walk(folder, onerror=_refuse_closed, followlinks=True):
        # A link to a folder above would lead round and round.
        there = os.path.realpath(place)
        if there in seen or _holds_predictions(place):
            folders.clear()
            continue
        seen.add(there)
        folders[:] = sorted(name for name in folders if not name.startswith(("_", ".")))
        for name in sorted(names):
            if name.lower().endswith(TABLE_SUFFIXES) and not name.startswith(("_", ".")):
                yield Path(place, name)


def _refuse_closed(error: OSError) -> None:
    """Raise an error for a folder that cannot be listed, whose tables would be left out."""
    raise CatalogError(
        f"{error.filename} cannot be listed ({error.strerror}): permit it, or move it away"
    ) from error


def _holds_predictions(folder: str | os.PathLike[str]) -> bool:
    """Tell whether a folder was written by `spurclust predict`."""
    try:
        with Path(folder, MANIFEST).open("rb") as file:
            return PREDICTIONS.encode() in file.read(200)
    except OSError:
        return False


def is_zarr_place(cutouts: Any) -> bool:
    """Tell whether something names the folder of a zarr array or group.

    Parameters
    ----------
    cutouts : object
        What was given as cutouts.

    Returns
    -------
    bool
        True for a name that ends in .zarr, and for a folder with the files of such a store.

    Examples
    --------
    >>> from spurclust.cutouts.places import is_zarr_place
    >>> is_zarr_place("cutouts.zarr"), is_zarr_place("cutouts/*.png")
    (True, False)
    """
    if not isinstance(cutouts, (str, os.PathLike)):
        return False
    place = Path(cutouts).expanduser()
    return place.suffix == ".zarr" or any((place / mark).is_file() for mark in _ZARR_MARKS)
