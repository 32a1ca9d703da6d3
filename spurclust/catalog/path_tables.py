"""Tables of paths and zarr stores, told from cutouts by name; `spurclust.scale` reads them."""

import os
from pathlib import Path
from typing import Any

from spurclust.catalog._names import is_image_name

TABLE_SUFFIXES = (".parquet", ".pq")

NO_PATH = "the table has no path for it"
"""What is wrong with a source whose path is missing or blank."""

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
    >>> from spurclust.catalog.path_tables import is_path_table
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
    return any(path.name.lower().endswith(TABLE_SUFFIXES) for path in place.rglob("*"))


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
    >>> from spurclust.catalog.path_tables import is_zarr_place
    >>> is_zarr_place("cutouts.zarr"), is_zarr_place("cutouts/*.png")
    (True, False)
    """
    if not isinstance(cutouts, (str, os.PathLike)):
        return False
    place = Path(cutouts).expanduser()
    return place.suffix == ".zarr" or any((place / mark).is_file() for mark in _ZARR_MARKS)
