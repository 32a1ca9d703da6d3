"""Many image files in, one array out, in threads and within the memory of the result."""

import sys
import warnings
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple, TypeVar

import joblib
import numpy as np
from numpy.typing import NDArray

from spurclust.cutouts.decode import UnreadableCutoutError, read_image
from spurclust.cutouts.shrink import shrink
from spurclust.errors import CatalogError

# With on_error="skip" a cutout of another size is passed over, like an unreadable one, when at
# least this share of the cutouts has one size: then that size is what the survey was cut to.
CLEAR_MAJORITY = 0.9
# Files that a thread reads at a time: to hand over each image would take as long as to decode it.
_BATCH = 8
# Batches ahead, per thread: enough to keep all threads busy behind one slow file.
_AHEAD = 2

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
Size = tuple[int, int]


class MisfitError(CatalogError):
    """One cutout that can be read, and differs from the others of its set."""

    def __init__(self, path: str, reason: str, advice: str) -> None:
        super().__init__(path, reason, advice)
        self.reason = reason
        self._text = f"{path}: {reason}; {advice}"

    def __str__(self) -> str:
        return self._text


@dataclass(frozen=True)
class Reading:
    """How to read: what to shrink to, whether to pass over bad files, and with how many threads."""

    size: Size | None = None
    reduce: int | None = None
    skip: bool = False
    n_jobs: int | None = None
    progress: bool = False


class Layout(NamedTuple):
    """What all cutouts of a set have in common; `n_channels` is 1 for grey."""

    size: Size
    n_channels: int
    dtype: np.dtype[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one image."""
        return self.size if self.n_channels == 1 else (*self.size, self.n_channels)


class _Image(NamedTuple):
    """One cutout, grey as one channel, shrunk; zeros, which take no memory, where none is kept."""

    pixels: NDArray[Any]
    lost_alpha: bool

    @property
    def layout(self) -> Layout:
        return _layout_of(self.pixels)


def _layout_of(pixels: NDArray[Any]) -> Layout:
    """Tell the layout of one image."""
    shape = pixels.shape
    return Layout((shape[0], shape[1]), shape[2] if len(shape) == 3 else 1, pixels.dtype)


@dataclass
class Gathered:
    """The images that could be read, if kept, their files, and those passed over."""

    layout: Layout
    images: NDArray[Any]
    paths: list[str]
    skipped: dict[str, str]
    lost_alpha: list[str]


@dataclass
class _Stack:
    """Images of one layout in one array, which is widened at most once, from grey to colour."""

    capacity: int
    keep: bool
    layout: Layout | None
    fixed: bool
    images: NDArray[Any] | None = None
    paths: list[str] = field(default_factory=list)
    coloured: str = ""

    def place(self, k: int, layout: Layout) -> NDArray[Any] | None:
        """Return where image k will stay if none before it is passed over; None if unknown yet.

        Threads write there, so that the one that collects the images need not copy them.
        """
        images = self.images
        if images is None or (images.shape[1:], images.dtype) != (layout.shape, layout.dtype):
            return None
        place: NDArray[Any] = images[k]
        return place

    def add(self, path: str, image: _Image) -> None:
        """Append one image, or say how it differs from those before."""
        new = image.layout
        layout = new if self.layout is None else self._common(path, self.layout, new)
        if self.keep and (self.images is None or layout != self.layout):
            self._allocate(layout)
        self.layout = layout
        if new.n_channels > 1:
            self.coloured = self.coloured or path
        if self.images is not None:
            grey_in_colour = layout.n_channels > new.n_channels
            pixels = image.pixels[..., np.newaxis] if grey_in_colour else image.pixels
            place = self.images[len(self.paths)]
            if not _are_same(pixels, place):
                place[...] = pixels
        self.paths.append(path)

    def _common(self, path: str, old: Layout, new: Layout) -> Layout:
        """Return the layout that holds the new image as well as the old ones."""
        first = self.paths[0] if self.paths and not self.fixed else "the fitted set"
        if new.size != old.size:
            raise MisfitError(
                path,
                f"it is {_pixels(new.size)}, and the fitted cutouts are {_pixels(old.size)}",
                "shrink all to one size=(height, width) when they are read",
            )
        if new.dtype != old.dtype:
            raise MisfitError(
                path,
                f"it has pixels of type {new.dtype}, and {first} of type {old.dtype}",
                "save all cutouts of a set with one pixel type",
            )
        if new.n_channels == old.n_channels or new.n_channels == 1:
            return old
        if self.fixed or old.n_channels > 1:
            others = self.coloured if old.n_channels > 1 and self.coloured else first
            raise MisfitError(
                path,
                f"it has {new.n_channels} channels, and {others} has {old.n_channels}",
                "save all cutouts of a set with the same channels",
            )
        return new

    def _allocate(self, layout: Layout) -> None:
        """Make room for all images of the set, and move in those that are there."""
        images = np.empty((self.capacity, *layout.shape), dtype=layout.dtype)
        if self.images is not None:
            n = len(self.paths)
            images[:n] = self.images[:n, ..., np.newaxis]
        self.images = images


def _are_same(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Tell whether two arrays of one shape lie in one place."""
    return bool(one.__array_interface__["data"] == other.__array_interface__["data"])


def gather(
    paths: Sequence[str], reading: Reading, *, layout: Layout | None = None, keep: bool = True
) -> Gathered:
    """Read all files into one array, in their order.

    With a `layout`, that of an earlier set, every image must fit into it. Without `keep` only the
    layout is found out, and no image is held.
    """
    stack = _Stack(len(paths), keep, layout, fixed=layout is not None)
    sizes: dict[Size, list[str]] = {}
    skipped: dict[str, str] = {}
    lost_alpha: list[str] = []
    with closing(_images(paths, reading, stack)) as images:
        for path, image in images:
            if isinstance(image, UnreadableCutoutError):
                if not reading.skip:
                    raise image
                skipped[path] = image.reason
                continue
            sizes.setdefault(image.layout.size, []).append(path)
            if len(sizes) == 1 or stack.fixed:
                stack.add(path, image)
            else:
                # Two sizes: all that is still of interest is how many of each there are.
                stack.images = None
            if image.lost_alpha:
                lost_alpha.append(path)
    if len(sizes) > 1 and not stack.fixed:
        skipped |= _odd_sizes(sizes, reading.skip)
        rest = gather([path for path in paths if path not in skipped], reading, keep=keep)
        skipped |= rest.skipped
        rest.skipped = {path: skipped[path] for path in paths if path in skipped}
        return rest
    if not stack.paths or stack.layout is None:
        path, reason = next(iter(skipped.items()))
        raise CatalogError(f"none of {len(paths)} cutouts could be read. {path}: {reason}")
    images_read = np.empty((0, *stack.layout.shape)) if stack.images is None else stack.images
    return Gathered(stack.layout, images_read[: len(stack.paths)], stack.paths, skipped, lost_alpha)


def gather_fitting(paths: Sequence[str], reading: Reading, layout: Layout) -> Gathered:
    """Read all files that fit the layout of an earlier set; pass over the others, be it all."""
    stack = _Stack(len(paths), keep=True, layout=layout, fixed=True)
    stack.images = np.empty((len(paths), *layout.shape), dtype=layout.dtype)
    skipped: dict[str, str] = {}
    lost_alpha: list[str] = []
    with closing(_images(paths, reading, stack)) as images:
        for path, image in images:
            try:
                if isinstance(image, UnreadableCutoutError):
                    raise image
                stack.add(path, image)
            except (UnreadableCutoutError, MisfitError) as error:
                skipped[path] = error.reason
                continue
            lost_alpha += [path] * image.lost_alpha
    return Gathered(layout, stack.images[: len(stack.paths)], stack.paths, skipped, lost_alpha)


def _odd_sizes(sizes: dict[Size, list[str]], skip: bool) -> dict[str, str]:
    """Return the files that are not of the usual size, with reasons, or raise."""
    counts = Counter({size: len(paths) for size, paths in sizes.items()})
    usual, most = counts.most_common(1)[0]
    if not skip or most < CLEAR_MAJORITY * counts.total():
        shown = counts.most_common(5)
        text = "; ".join(f"{n} of {_pixels(size)}, as {sizes[size][0]}" for size, n in shown)
        more = f"; and {len(counts) - len(shown)} more sizes" if len(counts) > len(shown) else ""
        raise CatalogError(
            f"the cutouts have {len(counts)} sizes: {text}{more}. Pass "
            "size=(height, width) (--size HEIGHT WIDTH) to shrink all to one size, or leave the "
            "odd ones out"
        )
    return {
        path: f"it is {_pixels(size)}, and {most} others are {_pixels(usual)}"
        for size, paths in sizes.items()
        if size != usual
        for path in paths
    }


def _pixels(size: Size) -> str:
    """Say a size."""
    return f"{size[0]} x {size[1]} pixels (height x width)"


def _images(
    paths: Sequence[str], reading: Reading, stack: _Stack
) -> Generator[tuple[str, _Image | UnreadableCutoutError], None, None]:
    """Yield every path with its image, or with what is wrong with it."""

    def read(k: int, path: str) -> _Image | UnreadableCutoutError:
        try:
            decoded = read_image(path)
            pixels = _grey_as_one_channel(decoded.image)
            try:
                pixels = shrink(pixels, size=reading.size, reduce=reading.reduce)
            except ValueError as error:
                raise UnreadableCutoutError(path, str(error)) from error
            if not stack.keep:
                nothing = np.zeros((), dtype=pixels.dtype)
                return _Image(np.broadcast_to(nothing, pixels.shape), decoded.lost_alpha)
            place = stack.place(k, _layout_of(pixels))
            if place is None:
                place = np.empty(pixels.shape, dtype=pixels.dtype)
            np.copyto(place, pixels)
            return _Image(place, decoded.lost_alpha)
        except UnreadableCutoutError as error:
            return error

    n_threads = min(joblib.effective_n_jobs(reading.n_jobs), len(paths))
    size = 1 if n_threads == 1 else min(_BATCH, -(-len(paths) // (_AHEAD * n_threads)))

    def read_batch(start: int) -> list[_Image | UnreadableCutoutError]:
        return [read(k, paths[k]) for k in range(start, min(start + size, len(paths)))]

    with closing(_in_order(read_batch, range(0, len(paths), size), n_threads)) as batches:
        results = chain.from_iterable(batches)
        shown = _with_progress(results, len(paths)) if reading.progress else results
        yield from zip(paths, shown, strict=True)


def _grey_as_one_channel(image: NDArray[Any]) -> NDArray[Any]:
    """Return one channel of an image whose channels are all equal, else the image."""
    if image.ndim == 2:
        return image
    first = image[..., 0]
    if image.strides[2] == 0:
        return first
    if image.dtype == np.uint8 and image.shape[2] == 3 and image.flags.c_contiguous:
        return first if _has_equal_channels(image) else image
    for k in range(1, image.shape[2]):
        other = image[..., k]
        # The first row settles most coloured images.
        for part in (slice(1), slice(1, None)):
            if not np.array_equal(first[part], other[part], equal_nan=image.dtype.kind == "f"):
                return image
    return first


def _has_equal_channels(image: NDArray[np.uint8]) -> bool:
    """Tell whether red, green and blue are equal everywhere, byte after byte: the usual cutout."""
    mask = _within_pixels(image[..., 0].size)
    values = image.reshape(-1)
    differences = values[1:] ^ values[:-1]
    differences &= mask
    return not differences.any()


@lru_cache(maxsize=2)
def _within_pixels(n_pixels: int) -> NDArray[np.uint8]:
    """Mark the steps from red to green and to blue, not those to the next pixel."""
    return np.tile(np.array([255, 255, 0], dtype=np.uint8), n_pixels)[:-1]


def _in_order(
    function: Callable[[_Item], _Result], items: Sequence[_Item], n_threads: int
) -> Generator[_Result, None, None]:
    """Map in threads, yielding in order, with few results ahead of the one that is wanted."""
    if n_threads <= 1:
        yield from map(function, items)
        return
    waiting: deque[Future[_Result]] = deque()
    with ThreadPoolExecutor(n_threads, thread_name_prefix="cutouts") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= _AHEAD * n_threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _with_progress(results: Iterable[_Result], total: int) -> Iterable[_Result]:
    """Show a bar on a terminal or in a notebook, if tqdm is installed."""
    # A notebook's standard error is no terminal.
    if not (sys.stderr.isatty() or "ipykernel" in sys.modules):
        return results
    try:
        with warnings.catch_warnings():
            # Without ipywidgets tqdm advises to install them and falls back to text.
            warnings.filterwarnings("ignore", "IProgress not found")
            from tqdm.auto import tqdm
    except ImportError:
        return results
    bar: Iterable[_Result] = tqdm(results, total=total, desc="Reading cutouts", unit="cutout")
    return bar
