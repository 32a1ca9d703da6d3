"""Many image files in, one array out, in threads and within the memory of the result."""

import os
import reprlib
import warnings
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from numbers import Integral
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spurclust.cutouts.bands import read_source
from spurclust.cutouts.decode import Decoded, UnreadableCutoutError
from spurclust.errors import CatalogError
from spurclust.parallel import iterate_threads
from spurclust.progress import track

NO_PATH = "the table has no path for it"

# With on_error="skip" a cutout of another size is passed over, like an unreadable one, when at
# least this share of the cutouts has one size: then that size is what the survey was cut to.
CLEAR_MAJORITY = 0.9
# A warning lists no more files than a person reads; Cutouts.skipped has all.
_MAX_LISTED = 20


class ImageFormat(NamedTuple):
    """Shape and pixel type that all cutouts of a set have in common.

    For `ReadOptions.like`: what is read must fit it, so that parts of a survey go together.

    Attributes
    ----------
    shape : (height, width) or (height, width, n_channels)
        Of one cutout, after shrinking.
    dtype : dtype
        Of its pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.cutouts import ImageFormat
    >>> ImageFormat((40, 50, 3), np.dtype("uint8")).n_channels
    3
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def n_channels(self) -> int:
        """Number of channels, 1 for gray."""
        return self.shape[2] if len(self.shape) == 3 else 1


@dataclass(frozen=True)
class ReadOptions:
    """How to read cutouts, whatever they come from.

    For `CutoutSource.read`; `read_cutouts` takes the same names.

    Parameters
    ----------
    size : int or (height, width), default=None
        Shrink every cutout to this many pixels, see `read_cutouts`.
    reduce : int, default=None
        Shrink by this factor. Not together with `size`.
    like : ImageFormat, default=None
        What every cutout must fit, that of an earlier set; gray ones are repeated for channels.
        None takes what the cutouts have in common.
    on_error : {"raise", "skip"}, default="raise"
        Raise an error for a cutout that cannot be read, or list it in `Cutouts.skipped`.
    n_jobs : int, default=None
        Threads.
    progress : bool, default=False
        Show a progress bar on standard error, if that is a terminal.

    Raises
    ------
    ValueError
        When a value is none of these.

    Examples
    --------
    >>> from spurclust.cutouts import ReadOptions
    >>> ReadOptions(size=20).size
    (20, 20)
    """

    size: int | Sequence[int] | None = None
    reduce: int | None = None
    like: ImageFormat | None = None
    on_error: Literal["raise", "skip"] = "raise"
    n_jobs: int | None = None
    progress: bool = False

    def __post_init__(self) -> None:
        if self.on_error not in ("raise", "skip"):
            raise ValueError(f'on_error={self.on_error!r}: it must be "raise" or "skip"')
        if self.size is not None and self.reduce is not None:
            raise ValueError("size and reduce cannot both be given: choose one")
        if self.reduce is not None and not _is_count(self.reduce):
            raise ValueError(f"reduce={self.reduce!r}: it must be a whole number of at least 1")
        if self.size is not None:
            pair = self.size if isinstance(self.size, (tuple, list)) else (self.size, self.size)
            if len(pair) != 2 or not all(map(_is_count, pair)):
                raise ValueError(
                    f"size={self.size!r}: it must be (height, width) or one number, at least 1"
                )
            object.__setattr__(self, "size", (int(pair[0]), int(pair[1])))

    @property
    def shrinking(self) -> dict[str, Any]:
        """Arguments of `shrink`."""
        return {"size": self.size, "reduce": self.reduce}


def _is_count(value: object) -> bool:
    """Return whether a value is a whole number of at least 1."""
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 1


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
    """

    images: NDArray[Any]
    source_ids: list[str]
    paths: list[str]
    skipped: list[Skipped]
    lost_alpha: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.source_ids)


class MisfitError(CatalogError):
    """One cutout that can be read, and differs from the others of its set."""

    def __init__(self, path: str, reason: str, advice: str) -> None:
        super().__init__(path, reason, advice)
        self.reason = reason

    def __str__(self) -> str:
        return "{}: {}; {}".format(*self.args)


class _Stack:
    """Images of one format in one array, which is widened at most once, from gray to color."""

    def __init__(self, capacity: int, like: ImageFormat | None, *, keep: bool) -> None:
        self._capacity, self._keep, self._like = capacity, keep, like
        self.format = like
        self.names: list[str] = []
        self.images: NDArray[Any] | None = None
        self._first_colored = ""
        if like is not None:
            self._allocate(like)

    def add(self, name: str, image: NDArray[Any]) -> None:
        """Append one image, or raise how it differs from those before."""
        new = ImageFormat(image.shape, image.dtype)
        common = new if self.format is None else self._common(name, self.format, new)
        if common != self.format:
            self._allocate(common)
        self.format = common
        if new.n_channels > 1:
            self._first_colored = self._first_colored or name
        if self.images is not None:
            is_gray_in_color = len(common.shape) > image.ndim
            self.images[len(self.names)] = image[..., np.newaxis] if is_gray_in_color else image
        self.names.append(name)

    def _common(self, name: str, old: ImageFormat, new: ImageFormat) -> ImageFormat:
        """Return the format that holds the new image as well as the old ones."""
        first = self.names[0] if self.names and self._like is None else "the fitted set"
        if new.shape[:2] != old.shape[:2]:
            raise MisfitError(
                name,
                f"it is {_pixels(new.shape)}, and the fitted cutouts are {_pixels(old.shape)}",
                "shrink all to one size=(height, width) when they are read",
            )
        if new.dtype != old.dtype:
            raise MisfitError(
                name,
                f"it has pixels of type {new.dtype}, and {first} of type {old.dtype}",
                "save all cutouts of a set with one pixel type",
            )
        if new.n_channels in (1, old.n_channels):
            return old
        if self._like is not None or old.n_channels > 1:
            others = self._first_colored if old.n_channels > 1 and self._first_colored else first
            raise MisfitError(
                name,
                f"it has {new.n_channels} channels, and {others} has {old.n_channels}",
                "save all cutouts of a set with the same channels",
            )
        return new

    def _allocate(self, new: ImageFormat) -> None:
        """Make room for all images of the set, and move in those that are there."""
        if self._keep:
            images = np.empty((self._capacity, *new.shape), dtype=new.dtype)
            if self.images is not None and self.names:
                images[: len(self.names)] = self.images[: len(self.names), ..., np.newaxis]
            self.images = images


def gather(
    source_ids: Sequence[str], paths: Sequence[str], options: ReadOptions, *, keep: bool = True
) -> tuple[Cutouts, ImageFormat]:
    """Read files into one array, in their order; without `keep` only their format is found out."""
    names = [path or f"source {one}" for one, path in zip(source_ids, paths, strict=True)]
    stack = _Stack(len(paths), options.like, keep=keep)
    sizes: dict[tuple[int, ...], list[int]] = {}
    skipped: dict[int, str] = {}
    lost_alpha: list[str] = []
    is_skipping = options.on_error == "skip"
    with closing(_images(names, paths, options)) as images:
        for k, image in enumerate(images):
            try:
                if isinstance(image, UnreadableCutoutError):
                    raise image
                sizes.setdefault(image.image.shape[:2], []).append(k)
                if len(sizes) == 1 or options.like is not None:
                    stack.add(names[k], image.image)
                else:
                    # Two sizes: all that is still of interest is how many of each there are.
                    stack.images = None
            except (UnreadableCutoutError, MisfitError) as error:
                if not is_skipping or (options.like is None and isinstance(error, MisfitError)):
                    raise
                skipped[k] = error.reason
                continue
            lost_alpha += [names[k]] * image.lost_alpha
    has_two_sizes = len(sizes) > 1 and options.like is None
    if has_two_sizes:
        skipped |= _odd_sizes(sizes, names, is_skipping)
    kept = [k for k in range(len(paths)) if k not in skipped]
    ids, files = [source_ids[k] for k in kept], [paths[k] for k in kept]
    passed_over = [Skipped(source_ids[k], paths[k], skipped[k]) for k in sorted(skipped)]
    if has_two_sizes:
        cutouts, common = gather(ids, files, options, keep=keep)
        return replace(cutouts, skipped=passed_over + cutouts.skipped), common
    if stack.format is None:
        reason = f"{names[min(skipped)]}: {passed_over[0].reason}"
        raise CatalogError(f"none of {len(paths)} cutouts could be read. {reason}")
    pixels = np.empty((0, *stack.format.shape)) if stack.images is None else stack.images
    return Cutouts(pixels[: len(kept)], ids, files, passed_over, lost_alpha), stack.format


def _odd_sizes(
    sizes: dict[tuple[int, ...], list[int]], names: Sequence[str], is_skipping: bool
) -> dict[int, str]:
    """Return the files that are not of the usual size, with reasons, or raise."""
    counts = Counter({size: len(rows) for size, rows in sizes.items()})
    usual, most = counts.most_common(1)[0]
    if not is_skipping or most < CLEAR_MAJORITY * counts.total():
        shown = counts.most_common(5)
        text = "; ".join(f"{n} of {_pixels(size)}, as {names[sizes[size][0]]}" for size, n in shown)
        more = f"; and {len(counts) - len(shown)} more sizes" if len(counts) > len(shown) else ""
        raise CatalogError(
            f"the cutouts have {len(counts)} sizes: {text}{more}. Pass "
            "size=(height, width) (--size HEIGHT WIDTH) to shrink all to one size, or leave the "
            "odd ones out"
        )
    return {
        row: f"it is {_pixels(size)}, and {most} others are {_pixels(usual)}"
        for size, rows in sizes.items()
        if size != usual
        for row in rows
    }


def _pixels(shape: tuple[int, ...]) -> str:
    """Return a size as text."""
    return f"{shape[0]} x {shape[1]} pixels (height x width)"


def _images(
    names: Sequence[str], paths: Sequence[str], options: ReadOptions
) -> Generator[Decoded | UnreadableCutoutError, None, None]:
    """Yield the image of every path, or what is wrong with it."""

    def read(k: int) -> Decoded | UnreadableCutoutError:
        if not paths[k]:
            return UnreadableCutoutError(names[k], NO_PATH)
        try:
            return read_source(paths[k], **options.shrinking)
        except UnreadableCutoutError as error:
            return error

    n_paths, shown = len(paths), options.progress
    with closing(iterate_threads(read, range(n_paths), options.n_jobs)) as images:
        yield from track(images, n_paths, "Reading cutouts", "cutout", shown=shown)


def warn_of_losses(cutouts: Cutouts, *, stacklevel: int = 2) -> None:
    """Warn, once, of what was passed over and of alpha channels that meant something.

    Parameters
    ----------
    cutouts : Cutouts
        What was read.
    stacklevel : int, default=2
        As in `warnings.warn`: 2 is the line that calls this function.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.cutouts import open_cutouts, warn_of_losses
    >>> warn_of_losses(open_cutouts(np.zeros((3, 8, 8))).read())
    """
    if cutouts.skipped:
        n_cutouts = len(cutouts) + len(cutouts.skipped)
        shown = [f"{one.path or one.source_id}: {one.reason}" for one in cutouts.skipped]
        if len(shown) > _MAX_LISTED:
            shown[_MAX_LISTED:] = ["... and more, all of them in Cutouts.skipped"]
        lines = "\n  ".join(shown)
        warnings.warn(
            f"{len(cutouts.skipped)} of {n_cutouts} cutouts were skipped:\n  {lines}",
            stacklevel=stacklevel + 1,
        )
    if cutouts.lost_alpha:
        warnings.warn(
            f"{len(cutouts.lost_alpha)} cutouts are partly transparent, {cutouts.lost_alpha[0]} "
            "for one: their colors are kept as stored, without the transparency",
            stacklevel=stacklevel + 1,
        )


def path_text(path: object) -> str:
    """Return a path as text."""
    if isinstance(path, (str, os.PathLike)):
        text = os.fspath(path)
        if isinstance(text, str):
            return str(text)
    raise CatalogError(f"{reprlib.repr(path)} is not a path: give text or pathlib.Path")
