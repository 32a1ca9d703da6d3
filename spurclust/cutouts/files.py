"""List the files of cutouts in a fixed order, and use them as a source."""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from glob import escape, glob, has_magic
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spurclust.catalog.ids import FITS_SUFFIX
from spurclust.cutouts.bands import SUFFIXES, files_of, group_files
from spurclust.cutouts.decoding import ARCHIVES, PACKED_ARCHIVES, archive_of, list_archive
from spurclust.cutouts.formats import ImageFormat, ReadOptions
from spurclust.cutouts.gather import Cutouts, Skipped, gather, path_text
from spurclust.errors import CatalogError

PARTITION_SIZE = 2000
"""Default number of sources in a partition of files."""

MANIFEST, PREDICTIONS = "manifest.json", "spurclust predictions"
"""Name of the manifest in a folder of predictions, and a word at its start."""

_MISSING = frozenset({"None", "nan", "<NA>", "NaT"})


def list_cutouts(source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[str]:
    """List the image files of a folder, a pattern or a list, in a fixed order.

    The order is the same on all machines: by file name, in natural order (2 before 10). A list
    keeps its order. No file is opened.

    Parameters
    ----------
    source : str, path, or sequence of them
        A folder (without its subfolders), a glob pattern ("**" includes subfolders, each once), a
        zip or uncompressed tar archive, a single file, or a sequence of files. In a folder, pattern
        or archive, hidden files are skipped, and so are files without the suffix of an image: .png,
        .jpg, .jpeg, .tif, .tiff, .webp, .gif, .jp2, .j2k, .fits, .fit, .fts, and the last three
        with .gz, .fz or .bz2, in upper or lower case.

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
    return _list_files(source)[0]


def _list_files(source: Any) -> tuple[list[str], str]:
    """List image files, and count other files by kind."""
    if not isinstance(source, (str, os.PathLike)):
        paths = [path_text(path) for path in source]
        if not paths:
            raise CatalogError("the list of cutouts is empty: give at least one file")
        folder = next((one for one in paths if not is_image_name(one) and Path(one).is_dir()), None)
        if folder is not None:
            raise CatalogError(
                f"{folder} is a folder in a list of files: give one folder, or a pattern of files "
                "in several, such as 'field*/*.png'"
            )
        return paths, ""
    text = path_text(source)
    if "://" in text:
        raise CatalogError(
            f"{text} is an address, but cutouts are read from local files: copy them, for example "
            "with 'aws s3 sync s3://BUCKET/FOLDER cutouts', and give the folder"
        )
    path = Path(text).expanduser()
    found = _find_files(path)
    if found == [str(path)]:
        return found, ""
    paths = [name for name in found if is_image_name(os.path.basename(name))]  # noqa: PTH119 (faster)
    others = _count_kinds(found)
    if not paths:
        there = f"; what is there: {others}" if others else ""
        if "folder" in others:
            there += f", for whose files give '{path / '**' / '*'}'"
        raise CatalogError(
            f"no cutout in {text}: looked for files ending in {', '.join(SUFFIXES)}{there}"
        )
    return sorted(paths, key=_natural_order), others


def _find_files(path: Path) -> list[str]:
    """Find all files of a folder, archive or pattern, or a single file."""
    if path.is_dir():
        return [str(path / name) for name in os.listdir(path)]  # noqa: PTH208 (names are all that is needed)
    if os.path.lexists(path):
        name = path.name.lower()
        if name.endswith(PACKED_ARCHIVES):
            raise CatalogError(
                f"{path} is an archive that is compressed as a whole: unpack it, and give the "
                "folder"
            )
        return list_archive(str(path)) if name.endswith(ARCHIVES) else [str(path)]
    if not has_magic(str(path)):
        raise CatalogError(f"there is no file or folder {path}: correct the path")
    return _match_pattern(path)


def _match_pattern(path: Path) -> list[str]:
    """Find the files of a pattern; the names of existing folders are taken literally."""
    parts = path.parts
    n_plain = next(
        k for k, part in enumerate(parts) if has_magic(part) and not Path(*parts[: k + 1]).exists()
    )
    base = Path(*parts[:n_plain])
    *inner, last = parts[n_plain:]
    suffix = max((s for s in SUFFIXES if last.lower().endswith(s)), key=len, default="")
    either_case = "".join(f"[{one}{one.upper()}]" if one.isalpha() else one for one in suffix)
    pattern = [*inner, last[: len(last) - len(suffix)] + either_case]
    if "**" not in pattern:
        found = glob(os.path.join(escape(str(base)), *pattern))  # noqa: PTH118, PTH207 (of texts)
        return [str(Path(name)) for name in found]
    real_files: dict[tuple[str, str], str] = {}
    for parent, real, names in _walk(str(base), (".",)):
        inside = Path(parent).relative_to(base).parts
        for name in names:
            if _matches((*inside, name), pattern):
                real_files.setdefault((real, name), str(Path(parent, name)))
    return list(real_files.values())


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Return whether the parts of a path match those of a pattern, "**" for any number."""
    if not pattern or not parts:
        return not parts and all(part == "**" for part in pattern)
    if pattern[0] == "**":
        return _matches(parts, pattern[1:]) or _matches(parts[1:], pattern)
    return fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _count_kinds(paths: Iterable[str]) -> str:
    """Count files other than images by kind; hidden files count if they are named as images."""
    kinds: Counter[str] = Counter()
    for path in paths:
        name = Path(path).name
        if name.startswith("."):
            kinds["hidden file"] += name.lower().endswith(SUFFIXES)
        elif not is_image_name(name):
            kind = Path(name).suffix.lower() or "other"
            kinds["folder" if Path(path).is_dir() else f"{kind} file"] += 1
    counts = sorted((-n, kind) for kind, n in kinds.items() if n)
    return ", ".join(f"{-n} {kind}{'s' * (n < -1)}" for n, kind in counts)


def is_image_name(name: str) -> bool:
    """Return whether a file is listed as an image."""
    return not name.startswith(".") and name.lower().endswith(SUFFIXES)


def is_fits_name(name: str) -> bool:
    """Return whether a file is named as a FITS image; the first row of its pixels is the bottom."""
    return re.search(rf"\.{FITS_SUFFIX}$", name.lower().rstrip("}")) is not None


def _natural_order(path: str) -> tuple[list[str | int], str]:
    """Return a key that sorts by file name, numbers as numbers, then by the whole path."""
    parts = re.split(r"([0-9]+)", Path(path).name)
    return [int(part) if k % 2 else part for k, part in enumerate(parts)], path


_TABLE_SUFFIXES = (".parquet", ".pq")
# Files in the root of a HATS catalog, which may also hold maps of the sky (.fits).
_HATS_MARKS = ("hats.properties", "properties", "partition_info.csv", "collection.properties")


def is_path_table(source: object) -> bool:
    """Return whether something names a Parquet table of paths, or a folder of them."""
    # A folder of tables has no cutouts, or is a HATS catalog. Its tables can be at any depth.
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
    """Find the Parquet tables of a folder at any depth, also through links to other folders."""
    # Skipped are names that begin with "_" or ".", and results of `spurclust predict`.
    if holds_predictions(folder):
        raise CatalogError(
            f"{folder} holds predictions of spurclust: give the tables of paths in another folder"
        )
    seen = set()
    for parent, real, names in _walk(str(folder), ("_", "."), holds_predictions):
        if real not in seen:
            seen.add(real)
            for name in names:
                if name.lower().endswith(_TABLE_SUFFIXES) and not name.startswith(("_", ".")):
                    yield Path(parent, name)


def _walk(
    folder: str,
    hidden: tuple[str, ...],
    is_closed: Callable[[str], bool] = lambda _: False,
    above: tuple[str, ...] = (),
) -> Iterator[tuple[str, str, list[str]]]:
    """Yield the real paths of folders and the names of their files, also through links."""
    real = os.path.realpath(folder)
    # A link to a folder above would make a loop.
    if real in above or is_closed(folder):
        return
    try:
        with os.scandir(folder) as entries:
            is_folder = {entry.name: entry.is_dir() for entry in entries}
    except OSError as error:
        raise CatalogError(
            f"{error.filename} cannot be listed ({error.strerror}): permit it, or move it away"
        ) from error
    names = sorted(is_folder)
    yield folder, real, [name for name in names if not is_folder[name]]
    for name in names:
        if is_folder[name] and not name.startswith(hidden):
            yield from _walk(str(Path(folder, name)), hidden, is_closed, (*above, real))


def holds_predictions(folder: str | os.PathLike[str]) -> bool:
    """Return whether a folder was written by `spurclust predict`."""
    try:
        with Path(folder, MANIFEST).open("rb") as file:
            return PREDICTIONS.encode() in file.read(200)
    except OSError:
        return False


class FileSource:
    """Cutout files with their ids: a source, and a partition of one."""

    lost: Sequence[Skipped] = ()
    in_files = True
    lazy = None
    image_format: ImageFormat | None = None

    def __init__(
        self,
        source_ids: Sequence[str],
        paths: Sequence[str],
        name: str = "",
        filters: list[str] | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        self.source_ids, self.paths = list(source_ids), list(paths)
        self.name, self.filters, self.notes = name, filters, notes

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def fingerprint(self) -> str:
        """Hash of ids and paths."""
        return fingerprint_of(self.source_ids, map(os.path.abspath, self.paths))

    def find(self, source_ids: Sequence[str]) -> tuple[NDArray[np.intp], list[str]]:  # noqa: ARG002
        """Return all rows, because their names are in memory anyway."""
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
        """Hash the sizes and times of the files."""
        marks: list[object] = []
        for path in (file for one in self.paths for file in files_of(one)):
            try:
                status = os.stat(archive_of(path) or path)  # noqa: PTH116 (a Path for each costs as much again)
                marks += [status.st_size, status.st_mtime_ns]
            except OSError:
                marks.append("missing")
        return fingerprint_of(marks, self.source_ids, self.paths)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {len(self)} cutouts>"


def open_files(
    source: Any,
    source_ids: Sequence[object] | None,
    id_pattern: str | re.Pattern[str] | None,
    filters: Sequence[str] | None,
) -> FileSource:
    """List files, and take their ids from their names unless they are given."""
    (paths, others), channels = _list_files(source), None
    if source_ids is None:
        ids, paths, channels = group_files(paths, id_pattern, filters)
    else:
        ids = check_source_ids(source_ids, len(paths), "files")
    is_name = isinstance(source, (str, os.PathLike))
    name = os.path.abspath(source) if is_name else f"{paths[0]} and {len(paths) - 1} more"  # noqa: PTH100
    notes = [f"Skipped in {name}: {others}"] if others else []
    if channels:
        notes.append(f"The channels are {', '.join(channels)}")
    return FileSource(ids, paths, name, channels, notes)


def check_source_ids(
    source_ids: Sequence[object], n_sources: int, what: str, where: str = ""
) -> list[str]:
    """Return ids as text, one per cutout; raise if one is blank or repeated."""
    ids = list(map(_id_as_given, source_ids))
    if len(ids) != n_sources:
        raise CatalogError(
            f"{where}there are {n_sources} {what}, but {len(ids)} source_ids: give each an id of "
            "its own"
        )
    seen = set()
    for number, source_id in enumerate(ids):
        if not source_id.strip() or source_id in seen:
            problem = "stands twice" if source_id in seen else "is blank"
            raise CatalogError(
                f"{where}source_ids: {source_id!r}, entry {number}, {problem}: correct it"
            )
        seen.add(source_id)
    return ids


def _id_as_given(one: object) -> str:
    """Return an id as text, "" for a missing value of Python, numpy or pandas."""
    if isinstance(one, bytes):  # of zarr or numpy
        return one.decode("utf-8", "backslashreplace")
    text = str(one)
    return "" if text in _MISSING and not isinstance(one, str) else text


def fingerprint_of(*columns: Iterable[object]) -> str:
    """Hash columns of text into 32 hexadecimal digits; a range is hashed by its ends."""
    digest = blake2b(digest_size=16)
    for column in columns:
        # A range may have 10^9 numbers.
        for entry in [repr(column)] if isinstance(column, range) else column:
            text = str(entry).encode("utf-8", "surrogateescape")
            digest.update(len(text).to_bytes(8, "little") + text)
    return digest.hexdigest()


def _check_utf8(path: str) -> None:
    """Raise an error for a name that no table can hold."""
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise CatalogError(f"{path!r}: the name of the file is not UTF-8: rename it") from error
