"""Source and band in the names of files, and several files of a source as one cutout.

The files of one source, one per band, are written as one path with braces, as in a shell:
``1001_{F115W,F277W,F444W}.fits``. For a missing band, there is nothing between two commas.
"""

import os
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spurclust.catalog.ids import STRIP_NAME
from spurclust.cutouts.decoding import Decoded, UnreadableCutoutError, read_image, shrink
from spurclust.cutouts.decoding.fits_images import AUXILIARY
from spurclust.cutouts.filters import wavelength
from spurclust.cutouts.formats import (
    ImageFormat,
    ReadOptions,
    Stored,
    adapt,
    fill_frame,
    is_near,
    is_same_scale,
    is_trimmed,
    pixels_text,
    stored_in,
)
from spurclust.errors import CatalogError
from spurclust.printing import join_some

SUFFIXES = (
    ".png",
    ".jpg",
    ".jpeg",
    ".tif",
    ".tiff",
    ".webp",
    ".gif",
    ".jp2",
    ".j2k",
    ".fits",
    ".fit",
    ".fts",
    *(f".{name}.{packed}" for name in ("fits", "fit", "fts") for packed in ("gz", "fz", "bz2")),
)
"""Suffixes of images."""

# The names of strips: z6_12345_F115W_F150W_crop.png is source 12345.
_STRIP_NAME = re.compile(STRIP_NAME)
_BRACES = re.compile(r"(.*)\{([^{}]*,[^{}]*)\}([^{}]*)", re.DOTALL)

_FILTER = r"(?P<filter>[Ff][0-9]{3,4}[A-Za-z0-9]+)"
# Patterns to suggest if files look like several bands of a source, the surest first.
_PATTERNS = (
    r"z[0-9.]+_(?P<source_id>.+?)_" + _FILTER,
    r"(?P<source_id>.+?)[_-]" + _FILTER,
    _FILTER + r"[_-](?P<source_id>[^.]+)",
    _FILTER + r"/(?P<source_id>[^/.]+)",
    r"(?P<source_id>.+)[_-](?P<filter>[A-Za-z]+[A-Za-z0-9]*)\.",
)
_MAX_FILTERS = 20
_FEW = 300


class Grouped(NamedTuple):
    """Sources with their paths and the filters of their channels; None for one file per source."""

    source_ids: list[str]
    paths: list[str]
    filters: list[str] | None = None


class _Name(NamedTuple):
    """The id and filter that a pattern finds in a path, and the text around the filter."""

    path: str
    source_id: str
    filter: str = ""
    before: str = ""
    after: str = ""


def source_ids_from_paths(
    paths: Sequence[str | os.PathLike[str]], *, id_pattern: str | re.Pattern[str] | None = None
) -> list[str]:
    r"""Take the id of every source from the name of its file.

    Ids are kept as text, so leading zeros stay.

    Parameters
    ----------
    paths : sequence of str or path
        The files.
    id_pattern : str or compiled regular expression, default=None
        Searched for in the file name. A pattern with a slash is searched for in the end of the
        path, with as few folders as it needs. Its named group ``(?P<source_id>...)`` is the id. If
        there is a group ``(?P<field>...)``, the field and a slash come before it. By default, the
        id of ``z6_12345_F115W_crop.png`` is the text between ``z<digits>_`` and the next ``_F``;
        for all other names it is the name without suffix.

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
    >>> source_ids_from_paths(["cdfs/7.png", "egs/7.png"], id_pattern=r"(?P<source_id>\w+/\d+)")
    ['cdfs/7', 'egs/7']
    """
    pattern = None if id_pattern is None else _compiled(id_pattern)
    texts = [os.fspath(path) for path in paths]
    seen: dict[str, str] = {}
    for path in texts:
        source_id = _default_id(path) if pattern is None else _find(path, pattern).source_id
        if source_id in seen:
            raise CatalogError(
                f"{seen[source_id]} and {path} both have the id {source_id!r}: "
                + _advice_on_doubles(texts, seen[source_id], path)
            )
        seen[source_id] = path
    return list(seen)


def group_files(
    paths: Sequence[str],
    id_pattern: str | re.Pattern[str] | None,
    filters: Sequence[str] | None,
) -> Grouped:
    """Take ids from the names of files, and group the bands of each source."""
    pattern = None if id_pattern is None else _compiled(id_pattern)
    if pattern is None or "filter" not in pattern.groupindex:
        if filters is not None:
            raise CatalogError(
                "filters are given, but no id_pattern with a group for them: write it as "
                "(?P<source_id>...)_(?P<filter>...) (--id-pattern)"
            )
        if pattern is None:
            _refuse_bands(paths)
        return Grouped(source_ids_from_paths(paths, id_pattern=pattern), list(paths))
    sources: dict[str, dict[str, _Name]] = {}
    for name in (_find(path, pattern) for path in paths):
        bands = sources.setdefault(name.source_id, {})
        if name.filter in bands:
            raise CatalogError(
                f"{bands[name.filter].path} and {name.path} both are {name.filter} of the source "
                f"{name.source_id!r}: leave one out, or give an id_pattern that tells them apart"
            )
        bands[name.filter] = name
    found = dict.fromkeys(one for bands in sources.values() for one in bands)
    ordered = order_filters(found) if filters is None else _chosen_filters(found, filters)
    notes = _notes_on_bands(sources, ordered)
    if notes:
        warnings.warn("; ".join(notes), stacklevel=4)
    grouped = {
        source_id: _join([bands.get(one) for one in ordered])
        for source_id, bands in sources.items()
        if not bands.keys().isdisjoint(ordered)
    }
    return Grouped(list(grouped), list(grouped.values()), ordered)


def order_filters(filters: Any) -> list[str]:
    """Return filters by wavelength if all are known, else by name."""
    lengths = {name: wavelength(name) for name in sorted(filters)}
    return sorted(lengths, key=lambda name: lengths[name] if all(lengths.values()) else 0)


def _chosen_filters(found: Sequence[str] | dict[str, None], filters: Sequence[str]) -> list[str]:
    """Return the given filters as the names of the files write them."""
    written = {name.casefold(): name for name in found}
    for name in filters:
        if name.casefold() not in written:
            raise CatalogError(
                f"no file is of the filter {name!r}: the names of the files have "
                f"{', '.join(order_filters(found))} (filters, --filters)"
            )
    if len({name.casefold() for name in filters}) < len(filters):
        raise CatalogError(f"filters {', '.join(filters)}: name each of them once")
    return [written[name.casefold()] for name in filters]


def _notes_on_bands(sources: dict[str, dict[str, _Name]], filters: list[str]) -> list[str]:
    """Return notes on sources that lack bands, and on files that are not read."""
    notes = []
    without = [one for one, bands in sources.items() if bands.keys().isdisjoint(filters)]
    others = [name for bands in sources.values() for name in bands if name not in filters]
    lacking = {
        name: [one for one, bands in sources.items() if name not in bands and one not in without]
        for name in filters
    }
    n_lacking = len(set().union(*lacking.values()))
    if n_lacking:
        named = "; ".join(f"{name} of {join_some(ids)}" for name, ids in lacking.items() if ids)
        notes.append(
            f"{n_lacking} of {len(sources)} sources lack a band, which is blank (NaN, or 0 where "
            f"pixels are integers): {named}"
        )
    if without:
        notes.append(f"{len(without)} sources have none of the filters: {join_some(without)}")
    if others:
        names = ", ".join(order_filters(set(others)))
        notes.append(f"{len(others)} files of other filters are skipped: {names}")
    return notes


def _join(bands: Sequence[_Name | None]) -> str:
    """Write the files of a source as one path."""
    there = [band for band in bands if band]
    if len(bands) == 1:
        return there[0].path
    expected = [band.path if band else "" for band in bands]
    if len({(band.before, band.after) for band in there}) == 1:
        before, after = there[0].before, there[0].after
    else:
        common = os.path.commonpath([str(Path(band.path).parent) for band in there])
        before, after = (os.path.join(common, "") if common else ""), ""  # noqa: PTH118 (with a slash)
    end = -len(after) or None
    inner = [path[len(before) : end] for path in expected]
    joined = f"{before}{{{','.join(inner)}}}{after}"
    if files_of(joined) != expected:
        raise CatalogError(f"{there[0].path}: its name has braces or commas: rename it")
    return joined


def files_of(path: str) -> list[str]:
    """Return the files of a source: one per band ("" if missing), or usually its only file."""
    match = _BRACES.fullmatch(path) if "{" in path else None
    if match is None or os.path.lexists(path):
        return [path]
    return [match[1] + one + match[3] if one else "" for one in match[2].split(",")]


def read_source(path: str, options: ReadOptions) -> Decoded:
    """Read the image of a source; bands in several files become channels of one size."""
    files = files_of(path)
    if len(files) == 1:
        return read_image(path, hdu=options.wanted)
    read = {file: read_image(file, hdu=options.wanted) for file in files if file}
    bands, notes = _to_one_size(read, options)
    formats = {file: (band.image.shape, band.image.dtype) for file, band in bands.items()}
    (first, (shape, dtype)), *others = formats.items()
    if len(shape) != 2:
        raise UnreadableCutoutError(first, "it has several channels, but is one band of a source")
    for file, other in others:
        if other != (shape, dtype):
            raise UnreadableCutoutError(
                path,
                f"{Path(first).name} has shape {shape} and pixels of type {dtype}, but "
                f"{Path(file).name} has {other[0]} and {other[1]}: cut all bands on one grid of "
                "pixels, or shrink them with size (--size)",
            )
    blank = np.full(shape, np.nan if dtype.kind == "f" else 0, dtype=dtype)
    stacked = np.stack([bands[file].image if file else blank for file in files], axis=-1)
    header = bands[first].fits
    return Decoded(
        stacked,
        any(band.lost_alpha for band in bands.values()),
        len(files),
        header and header._replace(extensions=()),
        notes,
    )


def read_whole(path: str, options: ReadOptions) -> NDArray[Any]:
    """Read one source in the format of its set before shrinking."""
    decoded, like = read_source(path, options), options.like
    if like is None:
        return decoded.image
    stored = stored_in(decoded)
    like = like._replace(shape=(*stored.full, stored.n_channels))
    return adapt(path, decoded.image, stored, options, like)[0]


def _to_one_size(
    bands: dict[str, Decoded], options: ReadOptions
) -> tuple[dict[str, Decoded], tuple[str, ...]]:
    """Pad bands that were trimmed at an edge; shrink those on several grids, if asked."""
    stored = {file: stored_in(band) for file, band in bands.items()}
    if len({one.full for one in stored.values()}) == 1:
        return bands, ()
    frame, full = _frame_of([*stored.values()])
    if all(_is_part(one, frame, full, options.pad) for one in stored.values()):
        padded = {
            file: band._replace(
                image=fill_frame(band.image, stored[file], frame, options.pad)[0],
                fits=band.fits and band.fits._replace(center=frame.center),
            )
            for file, band in bands.items()
        }
        note = f"have bands of several sizes, which were padded without data to {pixels_text(full)}"
        return padded, (note,)
    if options.size is not None:
        bands = {
            file: band._replace(image=shrink(band.image, **options.shrinking))
            for file, band in bands.items()
        }
    return bands, ()


def _frame_of(bands: list[Stored]) -> tuple[ImageFormat, tuple[int, int]]:
    """Return the frame that holds all bands, with its center, and its size."""
    full = (max(one.full[0] for one in bands), max(one.full[1] for one in bands))
    known = [(one.full, one.fits.center) for one in bands if one.fits and one.fits.center]
    y, x = ([center[k] for own, center in known if own[k] == full[k]] for k in range(2))
    scale = next((one.scale for one in bands if one.scale), None)
    return ImageFormat(full, bands[0].dtype, full, (y[0], x[0]) if y and x else None, scale), full


def _is_part(stored: Stored, frame: ImageFormat, full: tuple[int, int], pad: str) -> bool:
    """Return whether a band is whole or trimmed, and on the same grid of pixels."""
    (height, width), (full_height, full_width) = stored.full, full
    # If both sides are smaller by one factor, the pixels are probably larger.
    is_one_grid = height * full_width != width * full_height or is_near(stored.full, full)
    if stored.scale and frame.scale:
        is_one_grid = is_same_scale(stored.scale, frame.scale)
    return stored.full == full or (is_one_grid and is_trimmed(stored, frame, pad))


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


def _find(path: str, pattern: re.Pattern[str]) -> _Name:
    """Find id and filter in the name of a file, or in its path."""
    start = len(path) - len(os.path.basename(path))  # noqa: PTH119 (of millions of names)
    match = pattern.search(path[start:])
    # No more folders of the path than needed.
    while not match and start > 0 and "/" in pattern.pattern.replace("[^/", ""):
        start = path.rfind("/", 0, start - 1) + 1
        match = pattern.search(path[start:])
    groups = match.groupdict() if match else {}
    for group, what in (("source_id", "id"), ("filter", "filter"), ("field", "field")):
        if group in pattern.groupindex and not groups.get(group):
            raise CatalogError(
                f"id_pattern {pattern.pattern!r} finds no {what} in the name of {path}: correct "
                "it, or give the files that have one, such as 'FOLDER/*_sci.fits'"
            )
    field = f"{groups['field']}/" if "field" in groups else ""
    if match is None or "filter" not in groups:
        return _Name(path, field + groups["source_id"])
    begin, end = (start + edge for edge in match.span("filter"))
    return _Name(path, field + groups["source_id"], match["filter"], path[:begin], path[end:])


def _default_id(path: str) -> str:
    """Take the id from a file's name: the id in the name of a strip, else all but the suffix."""
    name = os.path.basename(path)  # noqa: PTH119 (of millions of names)
    match = _STRIP_NAME.match(name)
    if match:
        return match[1]
    suffix = max((s for s in SUFFIXES if name.lower().endswith(s)), key=len, default="")
    return (name[: -len(suffix)] if suffix else Path(name).stem) or name


def _pattern_of_bands(paths: Sequence[str]) -> str | None:
    """Return a pattern that finds a source and one of several bands in all names, if any does."""
    # Most sets have no bands, and a few names show that.
    few = [*paths[:_FEW], *paths[:: max(len(paths) // _FEW, 1)]]
    for text in _PATTERNS:
        pattern = re.compile(text)
        try:
            n_filters = len({_find(path, pattern).filter for path in few})
            if not 2 <= n_filters <= _MAX_FILTERS:
                continue
            names = [_find(path, pattern) for path in paths]
        except CatalogError:
            continue
        if _are_bands(names, is_sure=_FILTER in text):
            return text
    return None


def _are_bands(names: Sequence[_Name], *, is_sure: bool) -> bool:
    """Return whether names are of sources in several bands, and not only of similar words."""
    sources = {name.source_id for name in names}
    filters = {name.filter for name in names}
    pairs = {(name.source_id, name.filter) for name in names}
    # Words that may not be filters must be the same for nearly every source.
    least = 1.5 if is_sure else max(0.9 * len(filters), 1.5)
    is_one_each = len(pairs) == len(names) >= least * len(sources)
    return is_one_each and len(filters) <= _MAX_FILTERS and (is_sure or len(sources) > 2)


def _refuse_bands(paths: Sequence[str]) -> None:
    """Raise an error for files that look like single bands of sources."""
    pattern = _pattern_of_bands(paths)
    if pattern is not None:
        for path in paths:
            word = _find(path, re.compile(pattern)).filter
            if word.upper() in AUXILIARY:
                raise CatalogError(
                    f"{path} looks like the {word} of an image, not a cutout: give the files of "
                    "the images, such as 'FOLDER/*_sci.fits'"
                )
        raise CatalogError(
            f"{len(paths)} files such as {paths[0]} look like sources with one file per band: "
            f"give id_pattern (--id-pattern) '{pattern}' to have the bands as channels; if each "
            "file is a separate source, give '(?P<source_id>[^.]+)'"
        )


def _advice_on_doubles(paths: Sequence[str], first: str, second: str) -> str:
    """Return what to do with two files of one id."""
    pattern = _pattern_of_bands(paths)
    if pattern is not None:
        return (
            "if they are bands of one source, give id_pattern (--id-pattern) "
            f"'{pattern}' to have them as channels"
        )
    one, other = Path(first), Path(second)
    if one.with_suffix("") == other.with_suffix("") and one.suffix != other.suffix:
        return f"give those of one format, as '{other.with_name('*' + other.suffix)}'"
    if one.name == other.name:
        return (
            "if they are two sources, give id_pattern (--id-pattern) "
            "'(?P<source_id>[^/]+/[^/.]+)' for ids as "
            f"'{one.parent.name}/{one.stem}', which the label table must have, or "
            "its column of fields named by --field-column; otherwise leave one out"
        )
    return "leave one out, or give an id_pattern (--id-pattern) that tells them apart"
