"""Many image files in, one array out, in threads and within the memory of the result."""

import os
import reprlib
import warnings
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spurclust.cutouts.bands import read_source
from spurclust.cutouts.decoding import UnreadableCutoutError, shrink
from spurclust.cutouts.formats import (
    ImageFormat,
    MisfitError,
    ReadOptions,
    Stored,
    adapt,
    check_shrunk,
    common_format,
)
from spurclust.errors import CatalogError
from spurclust.parallel import iterate_threads
from spurclust.printing import short_repr
from spurclust.progress import track

NO_PATH = "the table has no path for it"

# A warning lists no more files than a person reads; Cutouts.skipped has all.
_MAX_LISTED, _MAX_NAMED = 20, 5

_NO_DATA = "have no data in any pixel"
_CONSTANT = "have one value in all pixels"
_IDENTICAL = "have the same pixels as another (was a download repeated?)"


class Skipped(NamedTuple):
    """A cutout that was passed over: its id, its file, "" where it is in an array, and why."""

    source_id: str
    path: str
    reason: str


@dataclass(frozen=True, eq=False)
class Cutouts:
    """The cutouts of a survey in one array, with their ids and files.

    What `read_cutouts` returns. Entry i of `images`, `source_ids` and `paths` is one source.

    Attributes
    ----------
    images : ndarray of shape (n_sources, height, width) or (n_sources, height, width, n_channels)
        The pixels, `images[i, y, x]`; without the last axis when every cutout is gray.
    source_ids : list of str
        The ids, all different.
    paths : list of str
        The files; "" for cutouts of an array.
    skipped : list of (source_id, path, reason)
        With ``on_error="skip"``, the cutouts passed over.
    lost_alpha : list of str
        The files whose transparency was left out and was not constant.
    extensions : dict of str to int
        The extensions of FITS files that were read, several as channels, and in how many files.
    notes : dict of str to list of str
        What a warning says of some cutouts, and of which.
    positions : list of (right ascension, declination) or None
        As the headers of FITS files have them, in degrees or sexagesimal.
    image_format : ImageFormat
        What the cutouts have in common.
    """

    images: NDArray[Any]
    source_ids: list[str]
    paths: list[str]
    skipped: list[Skipped]
    lost_alpha: list[str] = field(default_factory=list)
    extensions: dict[str, int] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    positions: list[tuple[Any, Any] | None] = field(default_factory=list)
    image_format: ImageFormat | None = None

    def __len__(self) -> int:
        return len(self.source_ids)

    def __repr__(self) -> str:
        return short_repr(self)


class _Read(NamedTuple):
    """One file: what is stored in it, and its image, adapted and shrunk, or what is wrong."""

    stored: Stored | None = None
    image: NDArray[Any] | None = None
    error: UnreadableCutoutError | MisfitError | None = None
    lost_alpha: bool = False
    notes: Sequence[str] = ()


class _Stack:
    """Images of one format in one array, which is widened at most once, from gray to color."""

    def __init__(self, capacity: int, like: ImageFormat | None, *, keep: bool) -> None:
        self._capacity, self._keep = capacity, keep
        self.format: ImageFormat | None = None
        self.n_images = 0
        self.images: NDArray[Any] | None = None
        if like is not None:
            self._allocate(like)

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
        """Make room for all images of the set, and move in those that are there."""
        self.format = new
        if self._keep:
            images = np.empty((self._capacity, *new.shape), dtype=new.dtype)
            if self.images is not None and self.n_images:
                images[: self.n_images] = self.images[: self.n_images, ..., np.newaxis]
            self.images = images


def gather(
    source_ids: Sequence[str], paths: Sequence[str], options: ReadOptions, *, keep: bool = True
) -> tuple[Cutouts, ImageFormat]:
    """Read files into one array, in their order; without `keep` only their format is found out.

    Files that differ are read twice: what they have in common is known after the first time.
    """
    names = [path or f"source {one}" for one, path in zip(source_ids, paths, strict=True)]
    stack = _Stack(len(paths), options.like, keep=keep)
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
        like, odd = common_format(stored, names, options)
        is_mixed |= like.full is not None and any(one.full != like.full for one in stored.values())
        skipped |= odd
    kept = [k for k in found if k not in skipped]
    ids, files = [source_ids[k] for k in kept], [paths[k] for k in kept]
    passed_over = [Skipped(source_ids[k], paths[k], skipped[k]) for k in sorted(skipped)]
    if is_mixed or len(kept) < len(found):
        cutouts, like = gather(ids, files, replace(options, like=like), keep=keep)
        return replace(cutouts, skipped=passed_over + cutouts.skipped), like
    pixels = np.empty((0, *like.shape)) if stack.images is None else stack.images
    cutouts = Cutouts(pixels[: len(kept)], ids, files, passed_over, image_format=like)
    return _described(cutouts, [names[k] for k in kept], [found[k] for k in kept]), like


def _described(cutouts: Cutouts, names: list[str], read: list[_Read]) -> Cutouts:
    """Add what there is to say of the files."""
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
    """Yield what is in every path."""

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
    """Read one file; make it like the others, if what they have in common is known; shrink it."""
    size = options.shrinking["size"]
    decoded, like = read_source(path, hdu=options.wanted, size=size), options.like
    image, notes = decoded.image, list[str]()
    n_colors = image.shape[2] if image.ndim > 2 else 1
    full = (image.shape[0], image.shape[1])
    stored = Stored(full, decoded.n_channels, n_colors, image.dtype, decoded.fits)
    if like is not None:
        image, notes = adapt(name, image, stored, options, like)
    try:
        image = shrink(image, **options.shrinking)
    except ValueError as error:
        return _Read(stored, error=UnreadableCutoutError(name, str(error)))
    if like is not None:
        check_shrunk(name, image.shape, like)
    return _Read(stored, image, None, decoded.lost_alpha, notes)


def warn_of_losses(cutouts: Cutouts, *, doubtful: bool = True, stacklevel: int = 2) -> None:
    """Warn, once, of what was passed over, adapted, or transparent, and of doubtful pixels.

    Parameters
    ----------
    cutouts : Cutouts
        What was read.
    doubtful : bool, default=True
        Whether to name cutouts without data, of one value, or with the pixels of another, which
        often are failed downloads.
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
            f"{len(cutouts.lost_alpha)} cutouts are partly transparent, {cutouts.lost_alpha[0]} "
            "for one: their colors are kept as stored, without the transparency"
        )
    notes = {**cutouts.notes, **(_doubtful(cutouts) if doubtful else {})}
    for text, names in notes.items():
        shown = names[:_MAX_NAMED] + ["..."] * (len(names) > _MAX_NAMED)
        texts.append(f"{len(names)} of {n_cutouts} cutouts {text}: {', '.join(shown)}")
    for text in texts:
        warnings.warn(text, stacklevel=stacklevel + 1)


def _doubtful(cutouts: Cutouts) -> dict[str, list[str]]:
    """Find cutouts without data, of one value, and with the pixels of another."""
    found: dict[str, list[str]] = {_NO_DATA: [], _CONSTANT: [], _IDENTICAL: []}
    first: dict[bytes, str] = {}
    sources = zip(cutouts.images, cutouts.source_ids, cutouts.paths, strict=True)
    for image, source_id, path in sources:
        name = path or source_id
        pixels = image[~np.isnan(image)] if image.dtype.kind == "f" else image
        if not pixels.size:
            found[_NO_DATA].append(name)
        elif pixels.min() == pixels.max():
            found[_CONSTANT].append(name)
        else:
            digest = blake2b(image.tobytes(), digest_size=16).digest()
            other = first.setdefault(digest, name)
            if other != name:
                found[_IDENTICAL].append(f"{name} and {other}")
    return {text: names for text, names in found.items() if names}


def path_text(path: object) -> str:
    """Return a path as text."""
    if isinstance(path, (str, os.PathLike)):
        text = os.fspath(path)
        if isinstance(text, str):
            return str(text)
    raise CatalogError(f"{reprlib.repr(path)} is not a path: give text or pathlib.Path")
