"""Tables of paths, told from cutouts by their names; `spurclust.scale` reads them."""

import os
from pathlib import Path
from typing import Any

from spurclust.catalog._names import is_image_name

TABLE_SUFFIXES = (".parquet", ".pq")


def is_path_table(cutouts: Any) -> bool:
    """Tell whether something names a Parquet table, or a folder of them.

    Parameters
    ----------
    cutouts : object
        What was given as cutouts.

    Returns
    -------
    bool
        True for a name that ends in .parquet or .pq, and for a folder without cutouts that holds
        such files at any depth.

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
        if any(is_image_name(entry.name) for entry in entries):
            return False
    return any(path.name.lower().endswith(TABLE_SUFFIXES) for path in place.rglob("*"))
