"""Zarr stores of cutouts."""

import os
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import dask.array as da
from dask.base import tokenize

from spurclust.cutouts.places import is_zarr_place
from spurclust.errors import CatalogError, import_optional

IMAGES, SOURCE_IDS = "images", "source_id"
"""The arrays of a group: the cutouts, and, if it is there, their ids."""

ARRAY_BYTES = 2**26
"""Bytes in a partition, about, unless told otherwise."""


class Store(NamedTuple):
    """A zarr array of cutouts.

    Attributes
    ----------
    images : dask array of shape (n_sources, height, width) or (n_sources, height, width, \
n_channels)
        The cutouts, lazy; each chunk has whole ones.
    source_ids : list or None
        Their ids; None where the store has none.
    name : str
        The place of the array.
    stamp : str
        Condensed from sizes and times of the files of the array; "" where it is not in files.
    """

    images: Any
    source_ids: Sequence[object] | None
    name: str
    stamp: str


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
    >>> from spurclust.cutouts.zarr_stores import is_zarr
    >>> is_zarr("cutouts.zarr"), is_zarr("cutouts/*.png"), is_zarr([1, 2])
    (True, False, False)
    """
    return is_zarr_place(cutouts) or type(cutouts).__module__.partition(".")[0] == "zarr"


def open_zarr(cutouts: Any, partition_size: int | None = None) -> Store:
    """Open a store as a lazy array.

    Parameters
    ----------
    cutouts : str, path, zarr.Array or zarr.Group
        The store.
    partition_size : int, default=None
        Sources in a chunk of the lazy array; None is whole chunks of the store, about 64 MB.

    Returns
    -------
    Store
        The cutouts, and what is known of them.

    Raises
    ------
    CatalogError
        When it cannot be opened, or is a group without an array "images".
    ImportError
        When zarr is not installed.
    """
    zarr = import_optional("zarr", feature="Reading a zarr store", extra="scale")
    store, ids = cutouts, None
    if isinstance(cutouts, (str, os.PathLike)):
        place = str(Path(cutouts).expanduser().absolute())
        try:
            store = zarr.open(place, mode="r")
        except Exception as error:  # of zarr's own kinds, which change with its version
            raise CatalogError(f"{place} cannot be opened as a zarr store ({error})") from error
    if not isinstance(store, zarr.Array):
        names = sorted(name for name, _ in store.arrays())
        if IMAGES not in names:
            raise CatalogError(
                f"{_place_of(store)} is a group of the arrays {', '.join(names) or '(none)'}: it "
                f'needs one named "{IMAGES}", and may have one named "{SOURCE_IDS}"'
            )
        ids = store[SOURCE_IDS][:].tolist() if SOURCE_IDS in names else None
        store = store[IMAGES]
    place, stamp, images = _place_of(store), _stamp(store), store
    if store.ndim > 1:
        # Chunks of one source each would make a task each.
        n_rows = partition_size or _rows_of_whole_chunks(store)
        name = f"zarr-{tokenize(store, place, stamp)}"
        images = da.from_array(_Named(store, place), chunks=(n_rows, *store.shape[1:]), name=name)
    return Store(images, ids, place, stamp)


class _Named:
    """An array of a store, whose errors name it and the sources: codecs raise what they like."""

    def __init__(self, array: Any, place: str) -> None:
        self.array, self.place = array, place
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __getitem__(self, key: Any) -> Any:
        try:
            return self.array[key]
        except Exception as error:
            rows = range(self.shape[0])[key[0]]
            raise CatalogError(
                f"{self.place}: sources {rows[0]} to {rows[-1]}, counted from 0, cannot be read "
                f"({error}): write them anew, or predict the others from a store without them"
            ) from error


def _rows_of_whole_chunks(array: Any) -> int:
    """Choose how many sources to read at once, so that no chunk is read twice."""
    n_bytes = array.nbytes // max(array.shape[0], 1) if array.ndim else 0
    wanted = ARRAY_BYTES // max(n_bytes, 1)
    # What is stored in one file is a shard, if there are any.
    stored = (getattr(array, "shards", None) or array.chunks or (1,))[0]
    return int(max(wanted // stored, 1) * stored)


def _root_of(store: Any) -> str:
    """Name a store: its folder or archive, where it has one."""
    place = getattr(store, "root", None) or getattr(store, "path", None) or store
    return str(place.absolute() if isinstance(place, Path) else place)


def _place_of(node: Any) -> str:
    """Name an array or group by its place: two arrays of one store have two."""
    return f"{_root_of(node.store)}/{node.path}" if node.path else _root_of(node.store)


def _stamp(array: Any) -> str:
    """Condense sizes and times of the files of an array, which change when it is written to."""
    archive = _root_of(array.store)
    files = [archive] if Path(archive).is_file() else sorted(_files_in(_place_of(array)))
    digest = blake2b(digest_size=16)
    for file in files:
        status = os.stat(file)  # noqa: PTH116 (a path object for each costs as much again)
        digest.update(f"{file}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    return digest.hexdigest() if files else ""


def _files_in(folder: str) -> Iterator[str]:
    """Find all files of a folder, at any depth."""
    for parent, _, names in os.walk(folder):
        yield from (os.path.join(parent, name) for name in names)  # noqa: PTH118 (as above)
