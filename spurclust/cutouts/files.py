"""Which files are cutouts, in which order, which source each one shows; files as a source."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from glob import glob, has_magic
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spurclust.cutouts.gather import Cutouts, ImageFormat, ReadOptions, gather, path_text
from spurclust.errors import CatalogError

PARTITION_SIZE = 2000
"""Sources in a partition of files, by default."""

MANIFEST, PREDICTIONS = "manifest.json", "spurclust predictions"
"""Name of the manifest in a folder of predictions, and a word near its beginning."""

_SUFFIXES = (
    ".png",
    ".jpg",
    ".jpeg",
    ".tif",
    ".tiff",
    ".fits",
    ".fit",
    ".fts",
    ".fits.gz",
    ".fit.gz",
    ".fts.gz",
    ".fits.fz",
)
# As strips are named: z6_12345_F115W_F150W_crop.png is source 12345.
_STRIP_NAME = re.compile(r"z\d+(?:\.\d+)?_(?P<source_id>.+?)_F")


def list_cutouts(source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[str]:
    """List the image files of a folder, a pattern or a list, in a fixed order.

    The order does not depend on the machine: by file name, in natural order (2 before 10), except
    that a list keeps its own. Only names are looked at; nothing is opened.

    Parameters
    ----------
    source : str, path, or sequence of them
        A folder (its own image files, not those of its subfolders), a glob pattern ("**" goes into
        subfolders), a single file, or a sequence of files. In a folder or pattern, hidden
        files and those without the suffix of an image (.png, .jpg, .jpeg, .tif, .tiff, .fits, .fit,
        .fts, .fits.gz, .fit.gz, .fts.gz, .fits.fz, in either case) are passed over.

    Returns
    -------
    list of str
        The paths, at least one.

    Raises
    ------
    CatalogError
        When nothing of that name exists, or no image is found.

    Examples
    --------
    >>> list_cutouts(["z6_10_F606W.png", "z6_2_F606W.png"])
    ['z6_10_F606W.png', 'z6_2_F606W.png']
    """
    if not isinstance(source, (str, os.PathLike)):
        paths = [path_text(path) for path in source]
        if not paths:
            raise CatalogError("the list of cutouts is empty: give at least one file")
        return paths
    text = path_text(source)
    path = Path(text).expanduser()
    if path.is_dir():
        found: Iterable[str] = (str(path / name) for name in os.listdir(path))  # noqa: PTH208 (names are all that is needed)
    elif os.path.lexists(path):
        return [str(path)]
    elif has_magic(text):
        found = glob(str(path), recursive=True)  # noqa: PTH207 (Path.glob takes no absolute pattern)
    else:
        raise CatalogError(f"there is no file or folder {text}: correct the path")
    paths = [name for name in found if is_image_name(Path(name).name)]
    if not paths:
        raise CatalogError(
            f"no cutout in {text}: looked for files ending in {', '.join(_SUFFIXES)}"
        )
    return sorted(paths, key=_natural_order)


def source_ids_from_paths(
    paths: Sequence[str | os.PathLike[str]], *, id_pattern: str | re.Pattern[str] | None = None
) -> list[str]:
    r"""Take the id of every source from the name of its file.

    Ids are kept as text, so leading zeros stay. Only the file's name is looked at, not its folder.

    Parameters
    ----------
    paths : sequence of str or path
        The files.
    id_pattern : str or compiled regular expression, default=None
        Searched for in the file name; its named group ``(?P<source_id>...)`` is the id. By default,
        names as ``z6_12345_F115W_crop.png`` give what stands between ``z<digits>_`` and the first
        ``_F`` after it, and all others the name without suffix.

    Returns
    -------
    list of str
        One id per path, all different.

    Raises
    ------
    CatalogError
        When the pattern is not valid, a file does not match it, or two files have one id.

    Examples
    --------
    >>> source_ids_from_paths(["z6_00123_F115W_crop.png", "galaxy-7.fits.gz"])
    ['00123', 'galaxy-7']
    >>> source_ids_from_paths(["cut_7_v2.png"], id_pattern=r"cut_(?P<source_id>\d+)")
    ['7']
    """
    pattern = None if id_pattern is None else _compiled(id_pattern)
    seen: dict[str, str] = {}
    for path in map(path_text, paths):
        source_id = _source_id(path, pattern)
        if source_id in seen:
            raise CatalogError(
                f"{seen[source_id]} and {path} both have the id {source_id!r}: leave one out, or "
                "give an id_pattern that tells them apart"
            )
        seen[source_id] = path
    return list(seen)


def is_image_name(name: str) -> bool:
    """Return whether a file is listed as an image."""
    return not name.startswith(".") and name.lower().endswith(_SUFFIXES)


def _natural_order(path: str) -> tuple[list[str | int], str]:
    """Key that sorts by file name with numbers as numbers, then by the whole path."""
    parts = re.split(r"([0-9]+)", Path(path).name)
    return [int(part) if k % 2 else part for k, part in enumerate(parts)], path


def _compiled(pattern: str | re.Pattern[str]) -> re.Pattern[str]:
    """Compile a pattern that has the group for the id."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise CatalogError(
            f"id_pattern {pattern!r} is not a regular expression: {error}"
        ) from error
    if "source_id" not in compiled.groupindex:
        raise CatalogError(
            f"id_pattern {compiled.pattern!r} lacks the named group for the id: write it as "
            "(?P<source_id>...)"
        )
    return compiled


def _source_id(path: str, pattern: re.Pattern[str] | None) -> str:
    """Take the id from one file name."""
    name = Path(path).name
    match = _STRIP_NAME.match(name) if pattern is None else pattern.search(name)
    if match and match["source_id"]:
        return match["source_id"]
    if pattern is not None:
        raise CatalogError(f"id_pattern {pattern.pattern!r} finds no id in the name of {path}")
    suffix = max((s for s in _SUFFIXES if name.lower().endswith(s)), key=len, default="")
    return (name[: -len(suffix)] if suffix else Path(name).stem) or name


_TABLE_SUFFIXES = (".parquet", ".pq")
_ZARR_MARKS = ("zarr.json", ".zarray", ".zgroup")
# Files in the root of a HATS catalog, which may hold maps of the sky, .fits, as well.
_HATS_MARKS = ("hats.properties", "properties", "partition_info.csv", "collection.properties")


def is_zarr_store(source: object) -> bool:
    """Return whether something names the folder of a zarr array or group."""
    if not isinstance(source, (str, os.PathLike)):
        return False
    folder = Path(source).expanduser()
    return folder.suffix == ".zarr" or any((folder / mark).is_file() for mark in _ZARR_MARKS)


def is_path_table(source: object) -> bool:
    """Return whether something names a Parquet table of paths, or a folder of them.

    That is a name ending in .parquet or .pq, and a folder without cutouts, or of a HATS catalog,
    that holds such files at any depth.
    """
    if not isinstance(source, (str, os.PathLike)):
        return False
    path = Path(source).expanduser()
    if not path.is_dir():
        return path.name.lower().endswith(_TABLE_SUFFIXES)
    names = os.listdir(path)  # noqa: PTH208 (names are all that is needed)
    if any(map(is_image_name, names)) and not any(mark in names for mark in _HATS_MARKS):
        return False
    return next(find_tables(path), None) is not None


def find_tables(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Find the Parquet tables of a folder, at any depth, through links to other folders as well.

    Files and folders whose names begin with "_" or "." are passed over, and the folders of
    predictions in it that `spurclust predict` has written.
    """
    seen = set()
    if _holds_predictions(folder):
        raise CatalogError(
            f"{folder} holds predictions of spurclust: give the tables of paths in another folder"
        )
    for parent, folders, names in os.walk(folder, onerror=_refuse_closed, followlinks=True):
        # A link to a folder above would lead round and round.
        real = os.path.realpath(parent)
        if real in seen or _holds_predictions(parent):
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith(("_", ".")))
        for name in sorted(names):
            if name.lower().endswith(_TABLE_SUFFIXES) and not name.startswith(("_", ".")):
                yield Path(parent, name)


def _refuse_closed(error: OSError) -> None:
    """Raise an error for a folder that cannot be listed, whose tables would be left out."""
    raise CatalogError(
        f"{error.filename} cannot be listed ({error.strerror}): permit it, or move it away"
    ) from error


def _holds_predictions(folder: str | os.PathLike[str]) -> bool:
    """Return whether a folder was written by `spurclust predict`."""
    try:
        with Path(folder, MANIFEST).open("rb") as file:
            return PREDICTIONS.encode() in file.read(200)
    except OSError:
        return False


class FileSource:
    """Cutout files with their ids: a source, and a partition of one."""

    in_files = True
    lazy = None
    image_format: ImageFormat | None = None

    def __init__(self, source_ids: Sequence[str], paths: Sequence[str], name: str = "") -> None:
        self.source_ids, self.paths = list(source_ids), list(paths)
        self.name = name

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def fingerprint(self) -> str:
        """Hash of ids and paths."""
        return fingerprint_of(self.source_ids, map(os.path.abspath, self.paths))

    def find(self, source_ids: Sequence[str]) -> tuple[NDArray[np.intp], list[str]]:  # noqa: ARG002
        """Return all: their names are in memory anyway."""
        return np.arange(len(self)), self.source_ids

    def take(self, rows: Iterable[int]) -> tuple[list[str], list[str]]:
        """Return ids and paths of some rows."""
        chosen = list(rows)
        return [self.source_ids[k] for k in chosen], [self.paths[k] for k in chosen]

    def read(
        self, rows: Iterable[int] | None = None, options: ReadOptions | None = None
    ) -> Cutouts:
        """Read some or all files."""
        ids, paths = (self.source_ids, self.paths) if rows is None else self.take(rows)
        return gather(ids, paths, options or ReadOptions())[0]

    def partitions(self, size: int | None = None) -> tuple[list["FileSource"], int]:
        """Cut the list of files, as absolute paths that any process understands."""
        step = size or PARTITION_SIZE
        paths = [os.path.abspath(path) for path in self.paths]  # noqa: PTH100 (keeps links)
        for path in paths:
            _check_utf8(path)
        starts = range(0, len(self), step)
        parts = [
            FileSource(self.source_ids[start : start + step], paths[start : start + step])
            for start in starts
        ]
        return parts, step

    def load(self, images: object = None) -> "FileSource":  # noqa: ARG002 (of arrays only)
        """Return itself."""
        return self

    def stamp(self) -> str:
        """Hash what changes when the files do: their sizes and times."""
        marks: list[object] = []
        for path in self.paths:
            try:
                status = os.stat(path)  # noqa: PTH116 (a Path for each costs as much again)
                marks += [status.st_size, status.st_mtime_ns]
            except OSError:
                marks.append("missing")
        return fingerprint_of(marks, self.source_ids, self.paths)


def open_files(
    source: Any, source_ids: Sequence[object] | None, id_pattern: str | re.Pattern[str] | None
) -> FileSource:
    """List files, and take their ids from their names unless they are given."""
    paths = list_cutouts(source)
    if source_ids is None:
        ids = source_ids_from_paths(paths, id_pattern=id_pattern)
    else:
        ids = check_source_ids(source_ids, len(paths), "files")
    is_name = isinstance(source, (str, os.PathLike))
    name = os.path.abspath(source) if is_name else f"{paths[0]} and {len(paths) - 1} more"  # noqa: PTH100
    return FileSource(ids, paths, name)


def check_source_ids(source_ids: Sequence[object], n_sources: int, what: str) -> list[str]:
    """Return ids as texts, one for each cutout, none of them blank or double."""
    ids = [
        # zarr and numpy have bytes as well.
        one.decode("utf-8", "backslashreplace") if isinstance(one, bytes) else str(one)
        for one in source_ids
    ]
    if len(ids) != n_sources:
        raise CatalogError(
            f"there are {n_sources} {what}, and {len(ids)} source_ids: give each an id of its own"
        )
    seen = set()
    for number, source_id in enumerate(ids):
        if not source_id.strip() or source_id in seen:
            problem = "stands twice" if source_id in seen else "is blank"
            raise CatalogError(f"source_ids: {source_id!r}, entry {number}, {problem}: correct it")
        seen.add(source_id)
    return ids


def fingerprint_of(*columns: Iterable[object]) -> str:
    """Hash columns of texts into 32 hexadecimal digits; of a range, its ends count."""
    digest = blake2b(digest_size=16)
    for column in columns:
        # A range may have 10^9 numbers.
        for entry in [repr(column)] if isinstance(column, range) else column:
            text = str(entry).encode("utf-8", "surrogateescape")
            digest.update(len(text).to_bytes(8, "little") + text)
    return digest.hexdigest()


def _check_utf8(path: str) -> None:
    """Raise an error for a name that no table of texts can hold."""
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise CatalogError(f"{path!r}: the name of the file is not UTF-8: rename it") from error
