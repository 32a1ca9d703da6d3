"""Read many image files into one array, with threads, and no more memory than the result."""

import os
import reprlib
import warnings
from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from math import inf, prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spurclust.cutouts.bands import read_source
from spurclust.cutouts.decoding import UnreadableCutoutError, shrink
from spurclust.cutouts.doubts import Look, find_doubtful, look_at
from spurclust.cutouts.formats import (
    ASPECTS,
    Aspect,
    ImageFormat,
    MisfitError,
    ReadOptions,
    Stored,
    adapt,
    check_shrunk,
    is_near,
    is_same_scale,
    stored_in,
)
from spurclust.errors import CatalogError
from spurclust.features.images import LazyImages
from spurclust.parallel import iterate_threads
from spurclust.printing import short_repr
from spurclust.progress import track

NO_PATH = "the table has no path for it"

# With on_error="skip", a cutout of another size is skipped, like an unreadable one, if at least
# this share of the cutouts has one size: then that is the size of the survey.
CLEAR_MAJORITY = 0.9

# A warning lists as many files as a person reads; Cutouts.skipped has all.
_MAX_LISTED, _MAX_NAMED = 20, 5


class Skipped(NamedTuple):
    """A cutout that was skipped: its id, its file ("" in an array), and why."""

    source_id: str
    path: str
    reason: str


@dataclass(frozen=True, eq=False)
class Cutouts:
    """The cutouts of a survey in one array, with their ids and files.

    Returned by `read_cutouts`. Entry i of `images`, `source_ids` and `paths` is one source.

    Attributes
    ----------
    images : ndarray of shape (n_sources, height, width) or (n_sources, height, width, n_channels)
        Pixels, `images[i, y, x]`; without the last axis if every cutout is gray. Files larger
        than `ReadOptions.kept_bytes` are read again for each `images[i]` or `images[i:j]`.
    source_ids : list of str
        Ids, all different.
    paths : list of str
        Files; "" for cutouts of an array.
    skipped : list of (source_id, path, reason)
        The skipped cutouts, with ``on_error="skip"``.
    lost_alpha : list of str
        Files whose transparency was not constant, and was left out.
    extensions : dict of str to int
        Extensions of FITS files that were read (several are channels), and the number of files.
    notes : dict of str to list of str
        Notes for a warning, and the cutouts of each.
    positions : list of (right ascension, declination) or None
        Positions from the headers of FITS files, in degrees or sexagesimal.
    image_format : ImageFormat
        Common format of the cutouts.
    looks : list of Look
        Range and checksum of the pixels of each file, with `ReadOptions.kept_bytes`.
    """

    images: Any
    source_ids: list[str]
    paths: list[str]
    skipped: list[Skipped]
    lost_alpha: list[str] = field(default_factory=list)
    extensions: dict[str, int] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    positions: list[tuple[Any, Any] | None] = field(default_factory=list)
    image_format: ImageFormat | None = None
    looks: list[Look] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.source_ids)

    def __repr__(self) -> str:
        return short_repr(self)


class _Read(NamedTuple):
    """One file: its description, and its adapted and shrunk image, or what is wrong."""

    stored: Stored | None = None
    image: NDArray[Any] | None = None
    error: UnreadableCutoutError | MisfitError | None = None
    lost_alpha: bool = False
    notes: Sequence[str] = ()
    look: Look | None = None


class FileImages(LazyImages):
    """The cutouts of files, each in one format and read when asked for."""

    def __init__(self, paths: Sequence[str], options: ReadOptions, keys: Any = ()) -> None:
        self._paths = paths
        self._how = replace(options, on_error="raise", n_jobs=1, progress=False, kept_bytes=None)
        like: Any = options.like
        self.shape, self.dtype = (len(paths), *like.shape), like.dtype
        self.keys = np.array(keys, dtype=np.uint64)

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        chosen = np.arange(len(self))[rows]
        paths = [self._paths[row] for row in np.atleast_1d(chosen)]
        images: NDArray[Any] = gather(paths, paths, self._how)[0].images
        return images if np.ndim(chosen) else images[0]


class _Stack:
    """Images of one format in one array (none if it is too large), which can become colored."""

    def __init__(self, capacity: int, options: ReadOptions) -> None:
        self._capacity = capacity
        self._most_bytes = inf if options.kept_bytes is None else options.kept_bytes
        self.format: ImageFormat | None = None
        self.n_images = 0
        self.images: NDArray[Any] | None = None
        if options.like is not None:
            self._allocate(options.like)

    def add(self, image: NDArray[Any]) -> bool:
        """Append one image if it has the size and type of those before; return whether."""
        new = ImageFormat(image.shape, image.dtype)
        old = self.format or new
        if new.shape[:2] != old.shape[:2] or new.dtype != old.dtype:
            return False
        if self.format is None or new.n_channels > old.n_channels == 1:
            self._allocate(new)
            old = new
        if new.n_channels not in (1, old.n_channels):
            return False
        if self.images is not None:
            is_gray_in_color = len(old.shape) > image.ndim
            self.images[self.n_images] = image[..., np.newaxis] if is_gray_in_color else image
        self.n_images += 1
        return True

    def _allocate(self, new: ImageFormat) -> None:
        """Allocate an array for all images of the set, and move the present ones into it."""
        self.format = new
        shape = (self._capacity, *new.shape)
        if prod(shape) * new.dtype.itemsize > self._most_bytes:
            self.images = None
            return
        images = np.empty(shape, dtype=new.dtype)
        if self.images is not None and self.n_images:
            images[: self.n_images] = self.images[: self.n_images, ..., np.newaxis]
        self.images = images


def gather(
    source_ids: Sequence[str], paths: Sequence[str], options: ReadOptions
) -> tuple[Cutouts, ImageFormat]:
    """Read files into one array, in their order; if it is too large, as `FileImages`."""
    # Files that differ are read twice: the common format is known after the first time.
    names = [path or f"source {one}" for one, path in zip(source_ids, paths, strict=True)]
    stack = _Stack(len(paths), options)
    found: dict[int, _Read] = {}
    skipped: dict[int, str] = {}
    is_mixed = False
    with closing(_images(names, paths, options)) as images:
        for k, one in enumerate(images):
            if one.error is not None and (one.stored is None or options.like is not None):
                if options.on_error == "raise":
                    raise one.error
                skipped[k] = one.error.reason
                continue
            is_mixed = is_mixed or one.image is None or not stack.add(one.image)
            found[k] = one._replace(image=None)
            if is_mixed:
                stack.images = None
    like = options.like
    if like is None:
        stored = {k: one.stored for k, one in found.items() if one.stored}
        if not stored:
            reason = f"{names[min(skipped)]}: {skipped[min(skipped)]}"
            raise CatalogError(f"none of {len(paths)} cutouts could be read. {reason}")
        like, odd = _common_format(stored, names, options)
        is_mixed |= stack.images is None and len({one.n_colors for one in stored.values()}) > 1
        is_mixed |= like.full is not None and any(one.full != like.full for one in stored.values())
        skipped |= odd
    kept = [k for k in found if k not in skipped]
    ids, files = [source_ids[k] for k in kept], [paths[k] for k in kept]
    passed_over = [Skipped(source_ids[k], paths[k], skipped[k]) for k in sorted(skipped)]
    if is_mixed or len(kept) < len(found):
        cutouts, like = gather(ids, files, replace(options, like=like))
        return replace(cutouts, skipped=passed_over + cutouts.skipped), like
    looks = [one.look for k in kept if (one := found[k]).look]
    pixels: Any = np.empty((0, *like.shape))
    if stack.images is not None:
        pixels = stack.images[: len(kept)]
    elif kept:
        pixels = FileImages(files, replace(options, like=like), [one.key for one in looks])
    cutouts = Cutouts(pixels, ids, files, passed_over, image_format=like, looks=looks)
    return _described(cutouts, [names[k] for k in kept], [found[k] for k in kept]), like


def _common_format(
    stored: Mapping[int, Stored], names: Sequence[str], options: ReadOptions
) -> tuple[ImageFormat, dict[int, str]]:
    """Return the format that holds all files, and why others, to be skipped, do not fit."""
    files = list(stored.values())
    n_channels = _most_common(one.n_channels for one in files)
    if n_channels == 1 and any(one.n_colors == 3 and not one.fits for one in files):
        n_channels = 3
    extensions = _most_common(one.extensions for one in files if one.extensions)
    like = ImageFormat(
        (0, 0, n_channels),
        _common_type(files),
        scale=_common_scale(files),
        extensions=() if options.hdu else extensions or (),
    )
    like, options = _with_size(like, files, options)
    odd: dict[int, str] = {}
    for aspect in ASPECTS:
        odd |= _find_odd(aspect, stored, names, like, options)
    files = [one for k, one in stored.items() if k not in odd]
    is_padded = any(one.full != like.full and like.full for one in files)
    if is_padded and all(one.fits for one in files):
        like = like._replace(dtype=np.dtype(np.float32))  # for NaN
    n_colors = max(one.n_colors for one in files)
    step, full = options.reduce or 1, like.full or files[0].full
    shape = options.shrinking["size"] or (-(-full[0] // step), -(-full[1] // step))
    center = _common_center([one for one in files if one.full == like.full])
    return like._replace(shape=(*shape, n_colors)[: 2 + (n_colors > 1)], center=center), odd


def _find_odd(
    aspect: Aspect,
    stored: Mapping[int, Stored],
    names: Sequence[str],
    like: ImageFormat,
    options: ReadOptions,
) -> dict[int, str]:
    """Return the files that do not fit in one respect, with reasons, or raise an error."""
    odd = [k for k, one in stored.items() if not aspect.is_fit(one, like, options)]
    if not odd:
        return {}
    n_fit = len(stored) - len(odd)
    groups: dict[str, list[str]] = {}
    for k, one in stored.items():
        groups.setdefault(aspect.text(one), []).append(names[k])
    counts = Counter({text: len(files) for text, files in groups.items()})
    if options.on_error == "raise" or n_fit < CLEAR_MAJORITY * len(stored):
        shown = counts.most_common(5)
        text = "; ".join(
            f"{n} of {one}, as {' and '.join(groups[one][: 1 if k == 0 else _MAX_NAMED])}"
            for k, (one, n) in enumerate(shown)
        )
        more = f"; and {len(counts) - len(shown)} more" if len(counts) > len(shown) else ""
        raise CatalogError(
            f"the cutouts have {len(counts)} {aspect.plural}: {text}{more}. {aspect.advice}, or "
            'leave the odd ones out; on_error="skip" (--skip-unreadable) skips up to 10 %'
        )
    others = f"{n_fit} others {aspect.verbs[1]} {counts.most_common(1)[0][0]}"
    return {k: f"it {aspect.verbs[0]} {aspect.text(stored[k])}, and {others}" for k in odd}


def _most_common(values: Iterable[Any]) -> Any:
    """Return the most common value (of equally common ones the larger), or None."""
    counts = Counter(values)
    return max(counts, key=lambda one: (counts[one], one), default=None)


def _common_type(files: Sequence[Stored]) -> np.dtype[Any]:
    """Return the pixel type that holds all values of FITS files, or the usual type of others."""
    types = {one.dtype for one in files}
    if all(one.fits for one in files):
        common: np.dtype[Any] = np.result_type(*types)
        return np.dtype(np.float32) if common.kind == "f" else common
    if types == {np.dtype(np.uint8), np.dtype(np.uint16)}:
        return np.dtype(np.uint16)
    usual: np.dtype[Any] = np.dtype(_most_common(one.dtype.str for one in files))
    return usual


def _common_scale(files: Sequence[Stored]) -> float | None:
    """Return the size of a pixel, if it is equal in nearly all files that have one."""
    scales = [one.scale for one in files if one.scale]
    if not scales:
        return None
    middle = float(np.median(scales))
    n_same = sum(is_same_scale(one, middle) for one in scales)
    return middle if n_same >= CLEAR_MAJORITY * len(scales) else None


def _common_center(files: Sequence[Stored]) -> tuple[float, float] | None:
    """Return the pixel of the source in headers, if nearly all have the same near the middle."""
    known = [one.fits.center for one in files if one.fits and one.fits.center]
    if not known or len(known) < CLEAR_MAJORITY * len(files):
        return None
    y, x = np.median(known, axis=0)
    near = np.abs(np.subtract(known, (y, x))).max(axis=1) <= 1
    height, width = files[0].full
    is_middle = is_near((int(2 * y) + 1, int(2 * x) + 1), (height, width))
    return (float(y), float(x)) if is_middle and near.mean() >= CLEAR_MAJORITY else None


def _with_size(
    like: ImageFormat, files: Sequence[Stored], options: ReadOptions
) -> tuple[ImageFormat, ReadOptions]:
    """Add the usual size; without one, nothing is padded."""
    usual = _most_common(one.full for one in files)
    like = like._replace(full=usual)
    n_usual = sum(one.full == usual for one in files)
    is_one_scale = like.scale is not None and all(
        is_same_scale(one.scale, like.scale) for one in files
    )
    if 2 * n_usual >= len(files) or is_one_scale or all(is_near(one.full, usual) for one in files):
        return like, options
    if options.size is not None:
        return like._replace(full=None), options
    return like, replace(options, pad="never")


def _described(cutouts: Cutouts, names: list[str], read: list[_Read]) -> Cutouts:
    """Add the notes on the files."""
    notes: dict[str, list[str]] = {}
    headers = [one.stored.fits if one.stored else None for one in read]
    warned = {
        name: one.notes for name, one in zip(names, headers, strict=True) if one and one.notes
    }
    if warned:
        (first, *_), *_ = warned.values()
        notes[f"have FITS headers that astropy warns of ({first})"] = list(warned)
    for name, one in zip(names, read, strict=True):
        for text in one.notes:
            notes.setdefault(text, []).append(name)
    return replace(
        cutouts,
        lost_alpha=[name for name, one in zip(names, read, strict=True) if one.lost_alpha],
        extensions=dict(
            Counter(" + ".join(one.extensions) for one in headers if one and one.extensions)
        ),
        notes=notes,
        positions=[one.position if one else None for one in headers],
    )


def _images(
    names: Sequence[str], paths: Sequence[str], options: ReadOptions
) -> Generator[_Read, None, None]:
    """Yield the content of each path."""

    def read(k: int) -> _Read:
        if not paths[k]:
            return _Read(error=UnreadableCutoutError(names[k], NO_PATH))
        try:
            return _read(names[k], paths[k], options)
        except (UnreadableCutoutError, MisfitError) as error:
            return _Read(error=error)

    n_paths, shown = len(paths), options.progress
    with closing(iterate_threads(read, range(n_paths), options.n_jobs)) as images:
        yield from track(images, n_paths, "Reading cutouts", "cutout", shown=shown)


def _read(name: str, path: str, options: ReadOptions) -> _Read:
    """Read one file, adapt it to the common format, if known, and shrink it."""
    decoded, like = read_source(path, options), options.like
    image, stored, notes = decoded.image, stored_in(decoded), list(decoded.notes)
    if like is not None:
        image, adapted = adapt(name, image, stored, options, like)
        notes += adapted
    try:
        image = shrink(image, **options.shrinking)
    except ValueError as error:
        return _Read(stored, error=UnreadableCutoutError(name, str(error)))
    if like is not None:
        check_shrunk(name, image.shape, like)
        if image.ndim < len(like.shape):
            image = np.broadcast_to(image[..., np.newaxis], like.shape)
    look = None if options.kept_bytes is None else look_at(image)
    return _Read(stored, image, None, decoded.lost_alpha, notes, look)


def warn_of_losses(cutouts: Cutouts, *, doubtful: bool = True, stacklevel: int = 2) -> None:
    """Warn once of cutouts that were skipped, adapted or transparent, and of doubtful pixels.

    Parameters
    ----------
    cutouts : Cutouts
        The cutouts.
    doubtful : bool, default=True
        Whether to name cutouts without data, of one value, or with the pixels of another. These are
        often failed downloads.
    stacklevel : int, default=2
        As in `warnings.warn`: 2 is the line that calls this function.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.cutouts import open_cutouts, warn_of_losses
    >>> images = np.random.default_rng(0).normal(size=(3, 8, 8))
    >>> warn_of_losses(open_cutouts(images).read())
    """
    n_cutouts = len(cutouts) + len(cutouts.skipped)
    texts = []
    if cutouts.skipped:
        shown = [f"{one.path or one.source_id}: {one.reason}" for one in cutouts.skipped]
        if len(shown) > _MAX_LISTED:
            shown[_MAX_LISTED:] = ["... and more, all of them in Cutouts.skipped"]
        lines = "\n  ".join(shown)
        texts.append(f"{len(cutouts.skipped)} of {n_cutouts} cutouts were skipped:\n  {lines}")
    if cutouts.lost_alpha:
        texts.append(
            f"{len(cutouts.lost_alpha)} cutouts are partly transparent, such as "
            f"{cutouts.lost_alpha[0]}: their colors are kept as stored, without the transparency"
        )
    called = (path or one for one, path in zip(cutouts.source_ids, cutouts.paths, strict=True))
    looks = cutouts.looks or map(look_at, cutouts.images)
    notes = {**cutouts.notes, **(find_doubtful(called, looks) if doubtful else {})}
    for text, names in notes.items():
        shown = names[:_MAX_NAMED] + ["..."] * (len(names) > _MAX_NAMED)
        texts.append(f"{len(names)} of {n_cutouts} cutouts {text}: {', '.join(shown)}")
    for text in texts:
        warnings.warn(text, stacklevel=stacklevel + 1)


def path_text(path: object) -> str:
    """Return a path as text."""
    if isinstance(path, (str, os.PathLike)):
        text = os.fspath(path)
        if isinstance(text, str):
            return str(text)
    raise CatalogError(f"{reprlib.repr(path)} is not a path: give text or pathlib.Path")
