"""What is to be predicted, cut into partitions: files, tables of files, arrays of cutouts."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from numbers import Integral
from typing import Any

import dask.array as da
import numpy as np
from dask.base import tokenize

from spurclust.cutouts import list_cutouts, source_ids_from_paths
from spurclust.cutouts.path_tables import TableRows, table_rows
from spurclust.cutouts.places import is_path_table
from spurclust.cutouts.zarr_stores import is_zarr, open_zarr
from spurclust.errors import CatalogError

PARTITION_SIZE = 2000
"""Sources in a partition of files, unless told otherwise."""


@dataclass(frozen=True)
class Files:
    """A partition of cutout files."""

    source_ids: list[str]
    paths: list[str]

    def __len__(self) -> int:
        return len(self.paths)

    def files(self) -> "Files":
        """Return itself."""
        return self


@dataclass(frozen=True)
class Block:
    """A partition of an array: a lazy block of cutouts, the ids of its sources, a stamp.

    The stamp changes when the pixels do, as far as that can be told without reading them.
    """

    source_ids: Sequence[str] | range
    images: Any
    stamp: str = ""

    def __len__(self) -> int:
        return len(self.source_ids)


@dataclass(frozen=True)
class Survey:
    """The cutouts of a survey in partitions, none of them read yet.

    Made by `open_survey`, to see how a survey will be cut before anything is computed. It keeps all
    names in memory, except those of Parquet tables; for more than a few million files use a table.

    Attributes
    ----------
    name : str
        What it is, for people.
    partitions : list of Files, TableRows or Block
        The parts, in the order of the sources.
    fingerprint : str
        Differs when the list of sources differs. Only names and sizes enter, not pixels: of a table
        what its footer says, of a dask array its name.
    partition_size : int or None
        Sources in a partition, at most; None for the uneven chunks of a dask array.
    image_shape : tuple of int or None
        Shape of the array of cutouts; None for files.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.cutouts.survey import open_survey
    >>> survey = open_survey(np.zeros((10, 8, 8)), partition_size=5)
    >>> survey.n_sources, len(survey.partitions), survey.has_files
    (10, 2, False)
    """

    name: str
    partitions: list[Files | TableRows | Block]
    fingerprint: str
    partition_size: int | None = None
    image_shape: tuple[int, ...] | None = None

    @property
    def n_sources(self) -> int:
        """Number of sources."""
        return sum(map(len, self.partitions))

    def list_files(self) -> Files:
        """List all files of a survey of files.

        Returns
        -------
        Files
            Ids and paths of all sources.
        """
        parts = [part.files() for part in self.partitions if not isinstance(part, Block)]
        return Files(
            [one for part in parts for one in part.source_ids],
            [one for part in parts for one in part.paths],
        )

    @property
    def has_files(self) -> bool:
        """Whether the cutouts are files."""
        return not isinstance(self.partitions[0], Block)


def open_survey(
    cutouts: Any,
    *,
    partition_size: int | None = None,
    source_ids: Sequence[object] | None = None,
    id_pattern: str | None = None,
    id_column: str = "source_id",
    path_column: str = "path",
) -> Survey:
    """Cut a survey into partitions, without reading a pixel.

    Parameters
    ----------
    cutouts : str, path, sequence of them, dask array, zarr array or group
        A folder, a glob pattern, or a list or one-dimensional array of cutout files, see
        `list_cutouts`; a Parquet table of ids and paths, or a folder of such tables (as in a HATS
        catalogue); a zarr store; or an array of real numbers, of shape (n_sources, height, width)
        or (n_sources, height, width, n_channels). A zarr group has it as "images", and its ids as
        "source_id".
    partition_size : int, default=None
        Sources in a partition; None is 2000 for files, the chunks of a dask array, and whole chunks
        of about 64 MB together of a zarr store.
    source_ids : sequence of length n_sources, default=None
        Ids of the sources of an array; None counts them from 0.
    id_pattern : str, default=None
        Where in a file's name the id stands, see `source_ids_from_paths`.
    id_column : str, default="source_id"
        Column of a table of paths that has the ids.
    path_column : str, default="path"
        Column that has the paths; relative ones start at the folder of the table.

    Returns
    -------
    Survey
        Its partitions.

    Raises
    ------
    CatalogError
        When there is no cutout, an id is missing or double, or a table lacks a column.

    Examples
    --------
    >>> import dask.array as da
    >>> from spurclust.cutouts.survey import open_survey
    >>> survey = open_survey(da.zeros((10, 8, 8), chunks=(4, 8, 8)))
    >>> survey.n_sources, [len(partition) for partition in survey.partitions]
    (10, [4, 4, 2])
    """
    if partition_size is not None and (
        not isinstance(partition_size, Integral) or partition_size < 1
    ):
        raise ValueError(f"partition_size={partition_size!r}: it must be a whole number, 1 or more")
    if isinstance(cutouts, np.ma.MaskedArray):
        raise CatalogError(
            "the cutouts are a masked array: fill it, with NaN where there is no data"
        )
    if isinstance(cutouts, np.ndarray) and cutouts.ndim == 1 and cutouts.dtype.kind in "OU":
        cutouts = cutouts.tolist()  # of paths
    if is_zarr(cutouts):
        store = open_zarr(cutouts, partition_size)
        _check_numbers(store.images.dtype)
        ids = store.source_ids if source_ids is None else source_ids
        return _array_survey(store.images, ids, None, store.name, store.stamp)
    if hasattr(cutouts, "__dask_graph__") or isinstance(cutouts, np.ndarray):
        _check_numbers(cutouts.dtype)
        images = _lazy(cutouts, partition_size)
        # The name of a numpy array is that of its content, in whatever chunks.
        name = tokenize(cutouts) if isinstance(cutouts, np.ndarray) else images.name
        return _array_survey(images, source_ids, partition_size, f"array {name}")
    if source_ids is not None:
        raise CatalogError("source_ids are for arrays: the ids of files come from their names")
    if is_path_table(cutouts):
        size = partition_size or PARTITION_SIZE
        rows, fingerprint = table_rows(cutouts, size, id_column, path_column)
        return Survey(os.path.abspath(cutouts), list(rows), fingerprint, size)  # noqa: PTH100
    return _file_survey(cutouts, partition_size or PARTITION_SIZE, id_pattern)


def _file_survey(cutouts: Any, partition_size: int, id_pattern: str | None) -> Survey:
    """Cut a list of files into partitions."""
    paths = [os.path.abspath(path) for path in list_cutouts(cutouts)]  # noqa: PTH100 (keeps links)
    ids = source_ids_from_paths(paths, id_pattern=id_pattern)
    _check_names(paths)
    parts = [
        Files(ids[start:stop], paths[start:stop])
        for start, stop in _ranges(len(paths), partition_size)
    ]
    first = f"{paths[0]} and {len(paths) - 1} more"
    name = os.path.abspath(cutouts) if isinstance(cutouts, (str, os.PathLike)) else first  # noqa: PTH100
    return Survey(name, list(parts), fingerprint_of(ids, paths), partition_size)


def fingerprint_of(*columns: Sequence[object]) -> str:
    """Condense columns of texts into a few letters.

    Parameters
    ----------
    *columns : sequence of object
        The columns; what counts is the text of each entry, or the ends of a range.

    Returns
    -------
    str
        32 hexadecimal digits.

    Examples
    --------
    >>> from spurclust.cutouts.survey import fingerprint_of
    >>> fingerprint_of(["1", "2"]) == fingerprint_of(["12"])
    False
    """
    digest = blake2b(digest_size=16)
    for column in columns:
        # A range may have 10^9 numbers.
        for entry in [repr(column)] if isinstance(column, range) else column:
            text = str(entry).encode("utf-8", "surrogateescape")
            digest.update(len(text).to_bytes(8, "little") + text)
    return digest.hexdigest()


def _lazy(cutouts: Any, partition_size: int | None) -> Any:
    """Make a dask array of an array; of numpy's, in pieces that travel by themselves."""
    if not isinstance(cutouts, np.ndarray):
        return cutouts
    if cutouts.ndim < 3 or not cutouts.size:
        return da.from_array(cutouts, chunks=cutouts.shape)  # only to say what is wrong with it
    return da.from_array(cutouts, chunks=(partition_size or "auto", *cutouts.shape[1:]))


def _array_survey(
    images: Any, source_ids: Any, n_rows: int | None, name: str, stamp: str = ""
) -> Survey:
    """Cut a dask array into partitions along its sources."""
    if images.ndim not in (3, 4) or not images.size or not np.isfinite(images.size):
        raise CatalogError(
            f"{name} has shape {images.shape}: cutouts need (n_sources, height, width) or "
            "(n_sources, height, width, n_channels), all known and at least 1"
        )
    ids: Any = range(len(images)) if source_ids is None else list(map(_id_text, source_ids))
    if len(ids) != len(images):
        raise CatalogError(f"{name} has {len(images)} cutouts, and there are {len(ids)} source_ids")
    if source_ids is not None:
        _check_ids(ids)
    whole = dict.fromkeys(range(1, images.ndim), -1)
    images = images.rechunk({0: n_rows or images.chunks[0], **whole})
    blocks = images.to_delayed().ravel()
    edges = np.cumsum([0, *images.chunks[0]])
    parts = [
        Block(ids[int(start) : int(stop)], block, stamp)
        for start, stop, block in zip(edges[:-1], edges[1:], blocks, strict=True)
    ]
    fingerprint = fingerprint_of([name, images.shape, images.dtype], ids)
    size = _size_of_chunks(images.chunks[0])
    return Survey(name, list(parts), fingerprint, size, images.shape)


def _check_numbers(dtype: np.dtype[Any]) -> None:
    """Raise an error for an array that cannot be of pixels."""
    if dtype.kind not in "buif":
        raise CatalogError(
            f"the cutouts are an array of dtype {dtype}: pixels need to be real numbers, and paths "
            "of files a list or a one-dimensional array"
        )


def _size_of_chunks(chunks: Sequence[int]) -> int | None:
    """Tell the size of even chunks, of which the last may be smaller; None for uneven ones."""
    first, *others = chunks
    is_even = all(one == first for one in others[:-1]) and all(one <= first for one in others[-1:])
    return int(first) if is_even else None


def _id_text(source_id: object) -> str:
    """Return an id as text; zarr and numpy have bytes as well."""
    if isinstance(source_id, bytes):
        return source_id.decode("utf-8", "backslashreplace")
    return str(source_id)


def _check_names(paths: Sequence[str]) -> None:
    """Raise an error for a name that no table of texts can hold."""
    for path in paths:
        if not path.isascii():
            try:
                path.encode()
            except UnicodeEncodeError as error:
                raise CatalogError(
                    f"{path!r}: the name of the file is not UTF-8: rename it"
                ) from error


def _check_ids(ids: Sequence[str]) -> None:
    """Raise an error for the first id that is blank or double."""
    seen = set()
    for number, source_id in enumerate(ids):
        if not source_id or source_id in seen:
            what = "stands twice" if source_id else "is blank"
            raise CatalogError(f"source_ids: {source_id!r}, entry {number}, {what}: correct it")
        seen.add(source_id)


def _ranges(n: int, step: int) -> Iterator[tuple[int, int]]:
    """Cut n things into ranges."""
    for start in range(0, n, step):
        yield start, min(start + step, n)
