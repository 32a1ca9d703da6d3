"""Zarr stores of cutouts as a source: arrays that are read chunk by chunk."""

import os
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import zarr

from spurclust.cutouts.arrays import ARRAY_BYTES, ArraySource
from spurclust.errors import CatalogError

IMAGES, SOURCE_IDS = "images", "source_id"
"""The arrays of a group: the cutouts, and, if it is there, their ids."""


def open_zarr(source: Any, source_ids: Sequence[object] | None = None) -> ArraySource:
    """Open an array, a group with an array "images" and perhaps "source_id", or a folder of one."""
    store = source
    if isinstance(source, (str, os.PathLike)):
        path = str(Path(source).expanduser().absolute())
        try:
            store = zarr.open(path, mode="r")
        except Exception as error:  # of zarr's own kinds, which change with its version
            raise CatalogError(f"{path} cannot be opened as a zarr store ({error})") from error
    if not isinstance(store, zarr.Array):
        names = sorted(name for name, _ in store.arrays())
        if IMAGES not in names:
            raise CatalogError(
                f"{_path_of(store)} is a group of the arrays {', '.join(names) or '(none)'}: it "
                f'needs one named "{IMAGES}", and may have one named "{SOURCE_IDS}"'
            )
        if SOURCE_IDS in names and source_ids is None:
            source_ids = store[SOURCE_IDS][:].tolist()
        store = store[IMAGES]
    images = _NamedArray(store, _path_of(store))
    return ArraySource(images, source_ids, images.name, _version(store), _whole_chunks(store))


class _NamedArray:
    """An array of a store, whose errors name it and the sources: codecs raise what they like."""

    def __init__(self, array: Any, name: str) -> None:
        self.array, self.name = array, name
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, key: Any) -> Any:
        try:
            return self.array.oindex[key]
        except Exception as error:
            chosen = key[0] if isinstance(key, tuple) else key
            rows = range(len(self))[chosen] if isinstance(chosen, slice) else chosen
            raise CatalogError(
                f"{self.name}: sources {rows[0]} to {rows[-1]}, counted from 0, cannot be read "
                f"({error}): write them anew, or predict the others from a store without them"
            ) from error


def _whole_chunks(array: Any) -> int:
    """Choose how many sources to read at once, so that no chunk is read twice."""
    n_bytes = array.nbytes // max(array.shape[0], 1) if array.ndim else 0
    # What is stored in one file is a shard, if there are any.
    stored = (getattr(array, "shards", None) or array.chunks or (1,))[0]
    return int(max(ARRAY_BYTES // max(n_bytes, 1) // stored, 1) * stored)


def _root_of(store: Any) -> str:
    """Return the folder or archive of a store, where it has one."""
    root = getattr(store, "root", None) or getattr(store, "path", None) or store
    return str(root.absolute() if isinstance(root, Path) else root)


def _path_of(node: Any) -> str:
    """Return the path of an array or group: two arrays of one store have two."""
    return f"{_root_of(node.store)}/{node.path}" if node.path else _root_of(node.store)


def _version(array: Any) -> str:
    """Hash sizes and times of the files of an array, which change when it is written to."""
    archive = _root_of(array.store)
    files = [archive] if Path(archive).is_file() else sorted(_files_in(_path_of(array)))
    digest = blake2b(digest_size=16)
    for file in files:
        status = os.stat(file)  # noqa: PTH116 (a Path for each costs as much again)
        digest.update(f"{file}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    return digest.hexdigest() if files else ""


def _files_in(folder: str) -> Iterator[str]:
    """Find all files of a folder, at any depth."""
    for parent, _, names in os.walk(folder):
        yield from (os.path.join(parent, name) for name in names)  # noqa: PTH118 (as above)
