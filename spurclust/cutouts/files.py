"""Which files are cutouts, in which order, and which source each one shows."""

import os
import re
from collections.abc import Iterable, Sequence
from glob import glob, has_magic
from pathlib import Path

from spurclust.errors import CatalogError

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
    place = Path(text).expanduser()
    if place.is_dir():
        found: Iterable[str] = (str(place / name) for name in os.listdir(place))  # noqa: PTH208 (names are all that is needed)
    elif os.path.lexists(place):
        return [str(place)]
    elif has_magic(text):
        found = glob(str(place), recursive=True)  # noqa: PTH207 (Path.glob takes no absolute pattern)
    else:
        raise CatalogError(f"there is no file or folder {text}: correct the path")
    paths = [path for path in found if is_image_name(Path(path).name)]
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


def path_text(path: object) -> str:
    """Return a path as text."""
    if isinstance(path, (str, os.PathLike)):
        text = os.fspath(path)
        if isinstance(text, str):
            return str(text)
    raise CatalogError(f"{path!r} is not a path: give text or pathlib.Path")


def is_image_name(name: str) -> bool:
    """Tell whether a file is listed as an image."""
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
