"""Stored arrays of cutouts: zarr, HDF5, npy and npz, read a few sources at a time."""

import os
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spurclust.catalog.ids import id_text
from spurclust.cutouts.arrays import ARRAY_BYTES, ArraySource, channels_last, is_channels_first
from spurclust.cutouts.bands import source_ids_from_paths
from spurclust.cutouts.files import is_image_name
from spurclust.errors import CatalogError, import_optional

IMAGES = "images"
"""Name of the array of the cutouts, if several arrays of a store are possible."""

_IDS = ("source_id", "source_ids", "ids", "id")
_FILE_NAMES = ("original_filename", "filename")
_ROWS = "idx_in_zarr"
_ZARR_MARKS = ("zarr.json", ".zarray", ".zgroup")
_HDF5_SUFFIXES = (".h5", ".hdf5", ".hdf", ".he5")
_SUFFIXES = (".zarr", *_HDF5_SUFFIXES, ".npy", ".npz")
_SIDECAR = "_metadata.parquet"


def find_store(source: object) -> Path | None:
    """Return the named store: a zarr store, a file, or the only store in a folder."""
    # A folder with a store has no image, and no table but that of the store's ids.
    if not isinstance(source, (str, os.PathLike)) or "://" in str(source):
        return None
    try:
        path = Path(source).expanduser()
    except RuntimeError as error:
        raise CatalogError(f"{source}: there is no such user: correct the path") from error
    if _is_store(path):
        return path.absolute()
    names = os.listdir(path) if path.is_dir() else []  # noqa: PTH208 (names are all that is needed)
    if any(map(is_image_name, names)):
        return None
    stores = sorted(name for name in names if _is_store(path / name))
    tables = {name for name in names if name.lower().endswith((".parquet", ".pq"))}
    if not stores or not tables <= {Path(name).stem + _SIDECAR for name in stores}:
        return None
    if len(stores) > 1:
        raise CatalogError(f"{path} holds {len(stores)} stores, {', '.join(stores)}: give one")
    return (path / stores[0]).absolute()


def _is_store(path: Path) -> bool:
    """Return whether a path is named as a store, or is the folder of one of zarr."""
    if path.suffix.lower() in _SUFFIXES:
        return not path.name.startswith(".")
    # Unlike Path.is_file, it raises no error for a folder without permission.
    return any(os.path.isfile(path / mark) for mark in _ZARR_MARKS)  # noqa: PTH113


def open_store(source: Any, source_ids: Sequence[object] | None = None) -> ArraySource:
    """Open an array or a store of cutouts, with ids in it or in a Parquet table beside it."""
    suffix = source.suffix.lower() if isinstance(source, Path) else ""
    if suffix in (".npy", ".npz"):
        opened = _open_npy(source)
    else:
        opened = _open_hdf5(source) if suffix in _HDF5_SUFFIXES else _open_zarr(source)
    notes: list[str] = []
    if source_ids is None:
        source_ids = _find_ids(opened)
        if source_ids is None:
            notes.append(
                f"{opened.name} has no ids, and its sources are numbered from 0: ids can be "
                + f"an array {_IDS[0]!r} in it, or " * (suffix != ".npy")
                + f"a column of a table *{_SIDECAR} beside it"
            )
    store = ArraySource(opened.images, source_ids, opened.name, opened.version, opened.chunk_rows)
    if is_channels_first(opened.shape):
        notes.append(f"{opened.name} has shape {opened.shape}: the second axis is the channel")
    store.notes = notes
    return store


@dataclass
class _Opened:
    """An array of cutouts, the small arrays beside it, and the file or folder of the store."""

    images: Any
    shape: tuple[int, ...]
    name: str
    root: Path
    arrays: Mapping[str, Any]
    version: str = ""
    chunk_rows: int | None = None
    sidecar: str | None = None


def _open_zarr(source: Any) -> _Opened:
    """Open a zarr store by its path, or take an open one."""
    zarr = import_optional("zarr", feature="Reading a zarr store", extra="scale")
    store = group = source
    if isinstance(source, Path):
        try:
            store = group = zarr.open(str(source), mode="r")
            if isinstance(store, zarr.Array) and find_store(source.parent) == source.parent:
                group = zarr.open(str(source.parent), mode="r")
        except Exception as error:  # the types depend on the version of zarr
            raise CatalogError(f"{source} cannot be opened as a zarr store ({error})") from error
    arrays = {} if isinstance(group, zarr.Array) else dict(group.arrays())
    if not isinstance(store, zarr.Array):
        store = arrays[_choose(arrays, _path_of(store))]
    images = _StoredArray(store, _read_zarr, store, _path_of(store))
    return _Opened(
        images,
        store.shape,
        images.name,
        Path(_root_of(group.store)),
        arrays,
        _version(store),
        _whole_chunks(store),
        group.attrs.get("metadata_file"),
    )


def _read_zarr(array: Any, rows: Any) -> Any:
    """Read rows of an array of a zarr store."""
    return array.oindex[rows]


def _open_hdf5(path: Path) -> _Opened:
    """Open an HDF5 file."""
    h5py = import_optional("h5py", feature="Reading an HDF5 file", extra="scale")
    found: dict[str, Any] = {}

    def add(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset):
            found[name] = node

    try:
        with h5py.File(path) as file:
            file.visititems(add)
            name = _choose(found, str(path))
            images = _StoredArray((str(path), name), _read_hdf5, found[name], f"{path}/{name}")
            small = {one: node[:] for one, node in found.items() if _is_column(node)}
    except OSError as error:
        raise CatalogError(
            f"{path} cannot be opened as an HDF5 file ({error}): copy it or write it again"
        ) from error
    return _Opened(images, images.stored, images.name, path, small, _stamp([str(path)]))


def _read_hdf5(place: tuple[str, str], rows: Any) -> Any:
    """Read rows of an array of an HDF5 file; h5py needs them in ascending order."""
    import h5py

    with h5py.File(place[0]) as file:
        array = file[place[1]]
        if isinstance(rows, slice):
            return array[rows]
        ascending, index = np.unique(rows, return_inverse=True)
        return array[ascending][index]


def _open_npy(path: Path) -> _Opened:
    """Open an array of numpy, or a file of several, which is read into memory."""
    try:
        with path.open("rb") as file:
            # numpy would leave such a file open.
            if file.read(2) == b"PK" and not zipfile.is_zipfile(file):
                raise zipfile.BadZipFile("it is cut or damaged")
        loaded = np.load(path, mmap_mode="r", allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            images: Any = _StoredArray(str(path), _read_npy, loaded, str(path))
            return _Opened(images, loaded.shape, str(path), path, {}, _stamp([str(path)]))
        with loaded:
            arrays = {name: loaded[name] for name in loaded.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        # numpy takes anything but an array for a pickle, and advises to trust it.
        why = "it holds Python objects, or is damaged" if "pickle" in str(error) else str(error)
        raise CatalogError(
            f"{path} cannot be opened as arrays of numpy ({why}): write it again, ids as text, as "
            "with numpy.asarray(ids, dtype=str)"
        ) from error
    name = _choose(arrays, str(path))
    images = channels_last(arrays[name])
    return _Opened(images, arrays[name].shape, f"{path}/{name}", path, arrays)


def _read_npy(path: str, rows: Any) -> Any:
    """Read rows of an array of numpy."""
    return np.load(path, mmap_mode="r")[rows]


def _choose(arrays: Mapping[str, Any], name: str) -> str:
    """Return the name of the array of the cutouts: "images", or the only one that can be."""
    images = [one for one, array in arrays.items() if array.ndim in (3, 4)]
    named = [one for one in images if one.rpartition("/")[2].casefold() == IMAGES]
    chosen = named if len(named) == 1 else images
    if len(chosen) != 1:
        shapes = ", ".join(f"{one} {tuple(array.shape)}" for one, array in sorted(arrays.items()))
        raise CatalogError(
            f"{name} holds the arrays {shapes or '(none)'}: it needs one of 3 or 4 axes, or one of "
            f'them named "{IMAGES}", and may have one of ids named "{_IDS[0]}"'
        )
    return chosen[0]


def _find_ids(opened: _Opened) -> Sequence[object] | None:
    """Return the ids of a store: an array in it, or a column of the table beside it."""
    by_name = {name.rpartition("/")[2].casefold(): one for name, one in opened.arrays.items()}
    for name in _IDS:
        if name in by_name and _is_column(by_name[name]):
            return _texts(by_name[name][:].ravel().tolist(), opened.name)
    root = opened.root
    sidecar = root.with_name(opened.sidecar or root.stem + _SIDECAR)
    return _read_sidecar(sidecar, opened.shape[0]) if sidecar.is_file() else None


def _texts(ids: Iterable[object], origin: object) -> list[str]:
    """Return ids as text, "" for NaN."""
    try:
        return ["" if one != one else id_text(one) for one in ids]
    except ValueError as error:
        raise CatalogError(f"the ids of {origin}: {error}: store them as text") from error


def _is_column(array: Any) -> bool:
    """Return whether an array has one entry per row."""
    return array.ndim in (1, 2) and array.size == array.shape[0]


def _read_sidecar(path: Path, n_cutouts: int) -> Sequence[object] | None:
    """Read the ids of all cutouts from a table, in the order of the cutouts."""
    import pandas as pd

    import_optional("pyarrow", feature="Reading the ids of a store", extra="scale")
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise CatalogError(f"{path} cannot be read as a Parquet table ({error})") from error
    if len(table) != n_cutouts:
        raise CatalogError(
            f"{path} has {len(table)} rows, but there are {n_cutouts} cutouts: give it one row per "
            "cutout, or move it away to number the cutouts"
        )
    if _ROWS in table:
        table = table.sort_values(_ROWS)
        if table[_ROWS].tolist() != list(range(n_cutouts)):
            raise CatalogError(f"{path}: {_ROWS} must have each number below {n_cutouts} once")
    names = {str(name).casefold(): name for name in table}
    for name in (one for one in _IDS if one in names):
        return _texts(table[names[name]].astype(object).where(table[names[name]].notna(), ""), path)
    for name in (one for one in _FILE_NAMES if one in names):
        return source_ids_from_paths(table[names[name]].tolist())
    raise CatalogError(
        f"{path} has no column {_IDS[0]!r} for the ids of the cutouts; its columns are "
        f"{', '.join(map(str, table))}: rename the one that has them"
    )


class _StoredArray:
    """An array of a store, channels last, for any process: it is opened when it is read."""

    def __init__(self, place: Any, read: Callable[[Any, Any], Any], array: Any, name: str) -> None:
        self._place, self._read, self.name = place, read, name
        self.stored = tuple(array.shape)
        # Only its shape is needed.
        like = channels_last(np.broadcast_to(np.zeros((), array.dtype), array.shape))
        self.shape, self.dtype, self.ndim = like.shape, like.dtype, like.ndim

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, key: Any) -> NDArray[Any]:
        rows, *others = key if isinstance(key, tuple) else (key,)
        try:
            images: NDArray[Any] = channels_last(np.asarray(self._read(self._place, rows)))
        except Exception as error:  # codecs raise any type
            numbers = range(len(self))[rows] if isinstance(rows, slice) else rows
            raise CatalogError(
                f"{self.name}: sources {numbers[0]} to {numbers[-1]}, counted from 0, cannot be "
                f"read ({error}): write them again, or predict the others from a store without them"
            ) from error
        return images[(slice(None), *others)]


def _whole_chunks(array: Any) -> int:
    """Choose how many sources to read at once, so that no chunk is read twice."""
    n_bytes = array.nbytes // max(array.shape[0], 1) if array.ndim else 0
    # If there are shards, a file holds a shard.
    stored = (getattr(array, "shards", None) or array.chunks or (1,))[0]
    return int(max(ARRAY_BYTES // max(n_bytes, 1) // stored, 1) * stored)


def _root_of(store: Any) -> str:
    """Return the folder or archive of a store, if it has one."""
    root = getattr(store, "root", None) or getattr(store, "path", None) or store
    return str(root.absolute() if isinstance(root, Path) else root)


def _path_of(node: Any) -> str:
    """Return the path of an array or group, which differs between arrays of one store."""
    return f"{_root_of(node.store)}/{node.path}" if node.path else _root_of(node.store)


def _version(array: Any) -> str:
    """Hash sizes and times of the files of an array, which change when it is written."""
    archive = _root_of(array.store)
    files = [archive] if Path(archive).is_file() else sorted(_files_in(_path_of(array)))
    return _stamp(files) if files else ""


def _stamp(files: Sequence[str]) -> str:
    """Hash names, sizes and times of files."""
    digest = blake2b(digest_size=16)
    for file in files:
        status = os.stat(file)  # noqa: PTH116 (a Path for each costs as much again)
        digest.update(f"{file}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def _files_in(folder: str) -> Iterator[str]:
    """Find all files of a folder, at any depth."""
    for parent, _, names in os.walk(folder):
        yield from (os.path.join(parent, name) for name in names)  # noqa: PTH118 (as above)
