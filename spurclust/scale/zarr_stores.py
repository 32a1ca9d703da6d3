"""Zarr stores of cutouts."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dask.array as da

from spurclust._optional import import_optional
from spurclust.catalog import CatalogError

IMAGES, SOURCE_IDS = "images", "source_id"
"""The arrays of a group: the cutouts, and, if it is there, their ids."""

_MARKS = ("zarr.json", ".zarray", ".zgroup")


def is_zarr(cutouts: Any) -> bool:
    """Tell whether something is a zarr array or group, or the folder of one.

    Parameters
    ----------
    cutouts : object
        What was given as cutouts.

    Returns
    -------
    bool
        Whether it is.

    Examples
    --------
    >>> from spurclust.scale.zarr_stores import is_zarr
    >>> is_zarr("cutouts.zarr"), is_zarr("cutouts/*.png"), is_zarr([1, 2])
    (True, False, False)
    """
    if isinstance(cutouts, (str, os.PathLike)):
        place = Path(cutouts).expanduser()
        return place.suffix == ".zarr" or any((place / mark).is_file() for mark in _MARKS)
    return type(cutouts).__module__.partition(".")[0] == "zarr"


def open_zarr(cutouts: Any) -> tuple[Any, Sequence[str] | None, str]:
    """Open a store as a lazy array.

    Parameters
    ----------
    cutouts : str, path, zarr.Array or zarr.Group
        The store.

    Returns
    -------
    images : dask array of shape (n_sources, height, width) or (n_sources, height, width, \
n_channels)
        The cutouts.
    source_ids : list of str or None
        Their ids; None where the store has none.
    name : str
        The place of the store.

    Raises
    ------
    CatalogError
        When it cannot be opened, or is a group without an array "images".
    ImportError
        When zarr is not installed.
    """
    zarr = import_optional("zarr", feature="Reading a zarr store", extra="scale")
    store = cutouts
    if isinstance(cutouts, (str, os.PathLike)):
        place = str(Path(cutouts).expanduser().absolute())
        try:
            store = zarr.open(place, mode="r")
        except Exception as error:  # of zarr's own kinds, which change with its version
            raise CatalogError(f"{place} cannot be opened as a zarr store ({error})") from error
    else:
        place = str(getattr(cutouts, "store", cutouts))
    if isinstance(store, zarr.Array):
        return da.from_zarr(store), None, place
    names = sorted(name for name, _ in store.arrays())
    if IMAGES not in names:
        raise CatalogError(
            f"{place} is a group of the arrays {', '.join(names) or '(none)'}: it needs one named "
            f'"{IMAGES}", and may have one named "{SOURCE_IDS}"'
        )
    ids = [str(one) for one in store[SOURCE_IDS][:].tolist()] if SOURCE_IDS in names else None
    return da.from_zarr(store[IMAGES]), ids, place
