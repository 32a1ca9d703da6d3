"""Options for reading cutouts, and the common format of a set: size, channels, pixel type."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spurclust.cutouts.decoding import Decoded, FitsHeader, convert, place
from spurclust.errors import CatalogError

PAD = ("center", "start", "end", "never")
"""Positions of a trimmed cutout among pixels without data."""

# A cutout that is larger by at most this many pixels, or this part of its side, was cut with
# another rounding or margin.
_FEW, _FEW_OF_SIDE = 2, 0.1
# Trimming leaves at least a fourth of each side.
_MOST_TRIMMED = 4
# Scales of pixels are equal if they differ by at most this part.
_SAME_SCALE = 0.02
_AS_FITTED = "make all cutouts like those of the fit"


class ImageFormat(NamedTuple):
    """Shape and pixel type of all cutouts of a set.

    Use it as `ReadOptions.like`, to read further parts of a survey in the same format.

    Attributes
    ----------
    shape : (height, width) or (height, width, n_channels)
        Shape of a cutout after shrinking.
    dtype : dtype
        Type of its pixels.
    full : (height, width), default=None
        Size before shrinking; files of another size are padded or cut to it. None is the size in
        `shape`.
    center : (y, x), default=None
        Position of the source in it, from the headers of FITS files.
    scale : float, default=None
        Size of a pixel in degrees, where it is known.
    extensions : tuple of str, default=()
        Extensions of a FITS file that are channels, if there are several.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.cutouts import ImageFormat
    >>> ImageFormat((40, 50, 3), np.dtype("uint8")).n_channels
    3
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    full: tuple[int, int] | None = None
    center: tuple[float, float] | None = None
    scale: float | None = None
    extensions: tuple[str, ...] = ()

    @property
    def n_channels(self) -> int:
        """Number of channels, 1 for gray."""
        return self.shape[2] if len(self.shape) == 3 else 1


@dataclass(frozen=True)
class ReadOptions:
    """Options for reading cutouts of any kind.

    Used by `CutoutSource.read`. `read_cutouts` has parameters of the same names.

    Parameters
    ----------
    size : int or (height, width), default=None
        Shrink every cutout to this many pixels, see `read_cutouts`.
    reduce : int, default=None
        Shrink by this factor. Not together with `size`.
    like : ImageFormat, default=None
        Format that every cutout must have, such as that of an earlier set. Gray cutouts are
        repeated for channels. None is the common format of the cutouts.
    on_error : {"raise", "skip"}, default="raise"
        "raise": a cutout that cannot be read is an error. "skip": list it in `Cutouts.skipped`.
    n_jobs : int, default=None
        Threads.
    progress : bool, default=False
        Show a progress bar on standard error, if that is a terminal.
    hdu : str, int or sequence of these, default=None
        Extensions of FITS files to read, see `read_cutouts`.
    pad : {"center", "start", "end", "never"}, default="center"
        Position of a trimmed cutout among pixels without data, see `read_cutouts`.
    kept_bytes : int, default=None
        If the pixels of files take more, they are not kept in memory, but read again when asked
        for. None keeps all.

    Raises
    ------
    ValueError
        When a value is not one of these.

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
    hdu: str | int | Sequence[str | int] | None = None
    pad: Literal["center", "start", "end", "never"] = "center"
    kept_bytes: int | None = None

    def __post_init__(self) -> None:
        if self.on_error not in ("raise", "skip"):
            raise ValueError(f'on_error={self.on_error!r}: it must be "raise" or "skip"')
        if self.pad not in PAD:
            raise ValueError(f"pad={self.pad!r}: it must be one of {', '.join(PAD)}")
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
        object.__setattr__(self, "hdu", _extensions(self.hdu) or None)
        if self.like is not None and self.like.full is None and not (self.size or self.reduce):
            like = self.like._replace(full=_side(self.like.shape))
            object.__setattr__(self, "like", like)

    @property
    def shrinking(self) -> dict[str, Any]:
        """Arguments of `shrink`."""
        return {"size": self.size, "reduce": self.reduce}

    @property
    def wanted(self) -> tuple[str | int, ...]:
        """Names and numbers of the extensions to read."""
        return _extensions(self.hdu)


def _is_count(value: object) -> bool:
    """Return whether a value is a whole number of at least 1."""
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 1


def _extensions(hdu: Any) -> tuple[str | int, ...]:
    """Return the names and numbers of extensions; text may hold several, separated by commas."""
    given = hdu.split(",") if isinstance(hdu, str) else [] if hdu is None else hdu
    if not isinstance(given, (list, tuple)):
        given = [given]
    parts = [part.strip() if isinstance(part, str) else part for part in given]
    for part in parts:
        if isinstance(part, bool) or not isinstance(part, (str, Integral)) or part == "":
            raise ValueError(
                f"hdu={hdu!r}: it must be the name or number of an extension, or several of them"
            )
    return tuple(int(part) if str(part).isdecimal() else str(part) for part in parts)


class MisfitError(CatalogError):
    """One cutout that can be read, but differs from the others of its set."""

    def __init__(self, path: str, reason: str, advice: str) -> None:
        super().__init__(path, reason, advice)
        self.reason = reason

    def __str__(self) -> str:
        return "{}: {}; {}".format(*self.args)


class Stored(NamedTuple):
    """Description of a file: size, channels, distinct channels, pixel type, FITS header."""

    full: tuple[int, int]
    n_channels: int
    n_colors: int
    dtype: np.dtype[Any]
    fits: FitsHeader | None

    @property
    def scale(self) -> float | None:
        """Size of a pixel in degrees, where it is known."""
        return self.fits.scale if self.fits else None

    @property
    def extensions(self) -> tuple[str, ...]:
        """Names of the channels, where they are extensions of a FITS file."""
        return self.fits.extensions if self.fits and len(self.fits.extensions) > 1 else ()


def stored_in(decoded: Decoded) -> Stored:
    """Describe a decoded file."""
    height, width, *colors = decoded.image.shape
    n_colors = colors[0] if colors else 1
    dtype = decoded.image.dtype
    return Stored((height, width), decoded.n_channels, n_colors, dtype, decoded.fits)


class Aspect(NamedTuple):
    """One respect in which cutouts can differ: its words, and whether a file fits."""

    plural: str
    verbs: tuple[str, str]
    text: Callable[[Stored], str]
    is_fit: Callable[[Stored, ImageFormat, ReadOptions], bool]
    advice: str


def adapt(
    name: str, image: NDArray[Any], stored: Stored, options: ReadOptions, like: ImageFormat
) -> tuple[NDArray[Any], list[str]]:
    """Adapt an image to its set, and return notes on the changes; raise if it cannot be adapted."""
    for aspect in ASPECTS:
        if not aspect.is_fit(stored, like, options):
            wanted = aspect.text(_as_stored(like))
            raise MisfitError(
                name,
                f"it {aspect.verbs[0]} {aspect.text(stored)}, but the fitted cutouts "
                f"{aspect.verbs[1]} {wanted}",
                _AS_FITTED,
            )
    notes = []
    converted = convert(image, like.dtype, by_value=stored.fits is not None)
    if converted is None:
        raise MisfitError(
            name,
            f"its {image.dtype} pixels cannot be converted exactly to {like.dtype}, the type of "
            "the fitted or the other cutouts",
            "make all cutouts of a set, and those to predict, in one way",
        )
    if converted.dtype != image.dtype:
        by_factor = "" if stored.fits or image.dtype.kind == "f" else ", by the factor 257"
        notes.append(f"were converted from {image.dtype} to {like.dtype}{by_factor}")
    if like.full is None or stored.full == like.full or not is_trimmed(stored, like, options.pad):
        return converted, notes
    is_larger = any(n > room for n, room in zip(stored.full, like.full, strict=True))
    done = "cut" if is_larger else "padded without data"
    framed, n_panels = fill_frame(converted, stored, like, options.pad)
    is_strip = n_panels == 1 and not stored.fits and like.full[1] >= 2 * like.full[0]
    as_one = " as one picture, because no equal panels were found" if is_strip else ""
    return framed, [*notes, f"were {done} to {pixels_text(like.full)}{as_one}"]


def fill_frame(
    image: NDArray[Any], stored: Stored, like: ImageFormat, pad: str
) -> tuple[NDArray[Any], int]:
    """Put an image, or each panel of a picture, into its frame; return the number of panels."""
    height, width = like.full or _side(like.shape)
    strip = _Strip((0, 0), (0, 0), 0, 1, 0) if stored.fits else _find_strip(image, (height, width))
    (top, bottom), (left, right), gap, n, color = strip
    edges = left + right + gap * (n - 1)
    own = (image.shape[0] - top - bottom, (image.shape[1] - edges) // n)
    room = (height - top - bottom, (width - edges) // n)
    one, frame = stored._replace(full=own), like._replace(full=room)
    offset = _offset(one, frame, pad)
    framed = np.full((height, width, *image.shape[2:]), color, dtype=image.dtype)
    for k in range(n):
        x, new_x = (left + k * (wide + gap) for wide in (own[1], room[1]))
        panel = place(image[top : top + own[0], x : x + own[1]], room, offset)
        framed[top : top + room[0], new_x : new_x + room[1]] = panel
    return framed, n


class _Strip(NamedTuple):
    """The margins and the gap of equal panels in pixels, their number, and the color of the gap."""

    rows: tuple[int, int]
    columns: tuple[int, int]
    gap: int
    n_panels: int
    color: Any


def _find_strip(image: NDArray[Any], full: tuple[int, int]) -> _Strip:
    """Find equal panels side by side: square panels without gaps, or with gaps of one color."""
    height, width = full
    n, rest = divmod(width, height)
    if n > 1 and not rest and image.shape[1] % n == 0:
        return _Strip((0, 0), (0, 0), 0, n, 0)
    pixels = image.reshape(*image.shape[:2], -1)
    is_even = (pixels == pixels[:1]).all(axis=(0, 2))
    for color in np.unique(pixels[0, is_even], axis=0):
        is_gap = is_even & (pixels[0] == color).all(axis=1)
        starts, stops = np.flatnonzero(np.diff([True, *is_gap, True])).reshape(-1, 2).T
        gaps = {*(starts[1:] - stops[:-1]).tolist()}
        edges = is_gap.sum()
        if len(gaps) == 1 and len({*(stops - starts)}) == 1 and not (width - edges) % len(starts):
            inside = np.flatnonzero(~(pixels == color).all(axis=(1, 2)))
            rows = (int(inside[0]), int(image.shape[0] - 1 - inside[-1]))
            columns = (int(starts[0]), int(image.shape[1] - stops[-1]))
            return _Strip(rows, columns, gaps.pop(), len(starts), color.reshape(image.shape[2:]))
    return _Strip((0, 0), (0, 0), 0, 1, 0)


def check_shrunk(name: str, shape: tuple[int, ...], like: ImageFormat) -> None:
    """Raise an error for a cutout of another size after shrinking."""
    if shape[:2] != like.shape[:2]:
        raise MisfitError(
            name,
            f"it is {pixels_text(shape)}, but the fitted cutouts are {pixels_text(like.shape)}",
            _AS_FITTED,
        )


def _as_stored(like: ImageFormat) -> Stored:
    """Describe a file of a format."""
    header = FitsHeader(like.extensions, None, None, like.scale, ())
    return Stored(
        like.full or _side(like.shape), like.n_channels, like.n_channels, like.dtype, header
    )


def _side(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return height and width."""
    return shape[0], shape[1]


def is_same_scale(scale: float | None, other: float | None) -> bool:
    """Return whether two sizes of a pixel are known and equal."""
    return bool(scale and other) and abs(scale / other - 1) <= _SAME_SCALE  # type: ignore[operator]


def is_near(full: tuple[int, int], other: tuple[int, int]) -> bool:
    """Return whether two sizes differ by a few pixels."""
    return all(abs(n - m) <= max(_FEW, _FEW_OF_SIDE * m) for n, m in zip(full, other, strict=True))


def is_trimmed(stored: Stored, like: ImageFormat, pad: str) -> bool:
    """Return whether a cutout of another size may be padded: its scale can be the same."""
    if like.full is None or pad == "never":
        return False
    if is_near(stored.full, like.full):
        return True
    sides = list(zip(stored.full, like.full, strict=True))
    if not all(n <= m or is_near((n, n), (m, m)) for n, m in sides):
        return False
    # A cutout of half the height and width is binned, and a much smaller one is something else,
    # unless the header says otherwise.
    factors = {m / n for n, m in sides}
    is_binned = len(factors) == 1 and factors.pop().is_integer()
    is_tiny = all(n < m for n, m in sides) and any(_MOST_TRIMMED * n < m for n, m in sides)
    return not (is_binned or is_tiny) or is_same_scale(stored.scale, like.scale)


def _offset(stored: Stored, like: ImageFormat, pad: str) -> tuple[int, int]:
    """Return the row and column at which an image begins in the frame of the others."""
    offset = []
    for axis, (n, room) in enumerate(zip(stored.full, like.full or (), strict=True)):
        low, high = sorted((0, room - n))
        start = {"start": 0, "end": room - n}.get(pad, (room - n) // 2)
        if n > room:
            start = (room - n) // 2
        if like.center and stored.fits and stored.fits.center:
            from_center = like.center[axis] - stored.fits.center[axis]
            # A cutout trimmed on one side reaches the other side; the position of the source is
            # rounded.
            edge = min((0, room - n), key=lambda one: abs(one - from_center))
            start = edge if abs(edge - from_center) <= 1 else round(from_center)
        offset.append(min(max(start, low), high))
    return offset[0], offset[1]


def _has_channels(stored: Stored, like: ImageFormat, options: ReadOptions) -> bool:  # noqa: ARG001
    """Return whether the channels fit; a gray picture fits colored ones."""
    n, wanted = stored.n_channels, like.n_channels
    is_gray_picture = n == 1 and wanted == 3 and not stored.fits
    return n == wanted or is_gray_picture or stored.n_colors == wanted == 1


def _has_type(stored: Stored, like: ImageFormat, options: ReadOptions) -> bool:  # noqa: ARG001
    """Return whether the type of the pixels allows a conversion."""
    pair = {stored.dtype, like.dtype}
    is_depth = pair == {np.dtype(np.uint8), np.dtype(np.uint16)}
    return len(pair) == 1 or stored.fits is not None or is_depth


def _has_extensions(stored: Stored, like: ImageFormat, options: ReadOptions) -> bool:
    """Return whether the channels are the same extensions, in the same order."""
    if options.hdu or not (stored.extensions and like.extensions):
        return True
    return stored.extensions == like.extensions


def _has_scale(stored: Stored, like: ImageFormat, options: ReadOptions) -> bool:  # noqa: ARG001
    """Return whether the sizes of a pixel are equal, or one is not known."""
    return not (stored.scale and like.scale) or is_same_scale(stored.scale, like.scale)


def _has_size(stored: Stored, like: ImageFormat, options: ReadOptions) -> bool:
    """Return whether a cutout can be padded, cut or shrunk to the size of the others."""
    is_same = like.full in (None, stored.full)
    return is_same or options.size is not None or is_trimmed(stored, like, options.pad)


def pixels_text(shape: tuple[int, ...]) -> str:
    """Return a size as text."""
    return f"{shape[0]} x {shape[1]} pixels (height x width)"


ASPECTS = (
    Aspect(
        "numbers of channels",
        ("has", "have"),
        lambda one: f"{one.n_channels} channel{'s' * (one.n_channels > 1)}",
        _has_channels,
        "Save all cutouts of a set with the same channels",
    ),
    Aspect(
        "sets of extensions",
        ("has", "have"),
        lambda one: f"the extensions {' + '.join(one.extensions)}",
        _has_extensions,
        "Name the extensions to read, in one order, with hdu=[NAME, ...] (--hdu NAME,...)",
    ),
    Aspect(
        "pixel types",
        ("has", "have"),
        lambda one: f"{one.dtype} pixels",
        _has_type,
        "Save all cutouts of a set with one pixel type",
    ),
    Aspect(
        "pixel scales",
        ("has", "have"),
        lambda one: f"{3600 * one.scale:.3g} arcsec a pixel" if one.scale else "no known scale",
        _has_scale,
        "Resample all cutouts to one scale",
    ),
    Aspect(
        "sizes",
        ("is", "are"),
        lambda one: pixels_text(one.full),
        _has_size,
        "Pass size=(height, width) (--size HEIGHT WIDTH) to shrink all to one size",
    ),
)
