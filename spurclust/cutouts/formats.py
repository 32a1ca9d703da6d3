"""How cutouts are read, and what all of a set have in common: size, channels, pixel type."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spurclust.cutouts.decoding import FitsHeader, convert, place
from spurclust.errors import CatalogError

PAD = ("center", "start", "end", "never")
"""Where a cutout that was trimmed lies among pixels without data."""

# With on_error="skip" a cutout of another size is passed over, like an unreadable one, when at
# least this share of the cutouts has one size: then that size is what the survey was cut to.
CLEAR_MAJORITY = 0.9
# A cutout that is larger by at most so many pixels, or this part of its side, was cut with another
# rounding or margin.
_FEW, _FEW_OF_SIDE = 2, 0.1
# Pixels are of one scale where it differs by no more than this part.
_SAME_SCALE = 0.02
_MAX_LISTED = 3
_AS_FITTED = "make all cutouts as those of the fit were made"


class ImageFormat(NamedTuple):
    """Shape and pixel type that all cutouts of a set have in common.

    For `ReadOptions.like`: what is read must fit it, so that parts of a survey go together.

    Attributes
    ----------
    shape : (height, width) or (height, width, n_channels)
        Of one cutout, after shrinking.
    dtype : dtype
        Of its pixels.
    full : (height, width), default=None
        Before shrinking; files of another size are padded or cut to it. None is that of `shape`.
    center : (y, x), default=None
        Where in it the header of a FITS file has the source.
    scale : float, default=None
        Size of a pixel in degrees, where it is known.
    extensions : tuple of str, default=()
        The extensions of a FITS file that are channels, if several are.

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
    hdu : str, int or sequence of these, default=None
        Extensions of FITS files to read, see `read_cutouts`.
    pad : {"center", "start", "end", "never"}, default="center"
        Where a cutout that was trimmed lies among pixels without data, see `read_cutouts`.

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
    hdu: str | int | Sequence[str | int] | None = None
    pad: Literal["center", "start", "end", "never"] = "center"

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
    """Return the names and numbers of extensions; text may hold several, with commas between."""
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
    """One cutout that can be read, and differs from the others of its set."""

    def __init__(self, path: str, reason: str, advice: str) -> None:
        super().__init__(path, reason, advice)
        self.reason = reason

    def __str__(self) -> str:
        return "{}: {}; {}".format(*self.args)


class Stored(NamedTuple):
    """What is stored in a file: size, channels, those that differ, pixel type, FITS header."""

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


class _Aspect(NamedTuple):
    """One respect in which cutouts can differ: how it is said, and whether a file fits."""

    plural: str
    verbs: tuple[str, str]
    text: Callable[[Stored], str]
    is_fit: Callable[[Stored, ImageFormat, ReadOptions], bool]
    advice: str


def common_format(
    stored: Mapping[int, Stored], names: Sequence[str], options: ReadOptions
) -> tuple[ImageFormat, dict[int, str]]:
    """Return the format that holds all files, and those that do not fit it, with reasons.

    Raise an error for these, unless they are to be skipped and are few.
    """
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
    for aspect in _ASPECTS:
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
    aspect: _Aspect,
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
            f"{n} of {one}, as {' and '.join(groups[one][: 1 if k == 0 else _MAX_LISTED])}"
            for k, (one, n) in enumerate(shown)
        )
        more = f"; and {len(counts) - len(shown)} more" if len(counts) > len(shown) else ""
        raise CatalogError(
            f"the cutouts have {len(counts)} {aspect.plural}: {text}{more}. {aspect.advice}, or "
            'leave the odd ones out; on_error="skip" (--skip-unreadable) passes over up to 10 %'
        )
    others = f"{n_fit} others {aspect.verbs[1]} {counts.most_common(1)[0][0]}"
    return {k: f"it {aspect.verbs[0]} {aspect.text(stored[k])}, and {others}" for k in odd}


def adapt(
    name: str, image: NDArray[Any], stored: Stored, options: ReadOptions, like: ImageFormat
) -> tuple[NDArray[Any], list[str]]:
    """Make an image like the others of its set, or raise how it differs; say what was done."""
    for aspect in _ASPECTS:
        if not aspect.is_fit(stored, like, options):
            wanted = aspect.text(_as_stored(like))
            raise MisfitError(
                name,
                f"it {aspect.verbs[0]} {aspect.text(stored)}, and the fitted cutouts "
                f"{aspect.verbs[1]} {wanted}",
                _AS_FITTED,
            )
    notes = []
    converted = convert(image, like.dtype, by_value=stored.fits is not None)
    if converted is None:
        raise MisfitError(
            name,
            f"its {image.dtype} pixels are not exactly of the type {like.dtype}, which the fitted "
            "cutouts have",
            _AS_FITTED,
        )
    if converted.dtype != image.dtype:
        by_factor = "" if stored.fits or image.dtype.kind == "f" else ", by the factor 257"
        notes.append(f"were converted from {image.dtype} to {like.dtype}{by_factor}")
    if like.full is None or stored.full == like.full or not _is_trimmed(stored, like, options):
        return converted, notes
    is_larger = any(n > room for n, room in zip(stored.full, like.full, strict=True))
    done = "cut" if is_larger else "padded without data"
    notes.append(f"were {done} to {_pixels(like.full)}")
    return place(converted, like.full, _offset(stored, like, options.pad)), notes


def check_shrunk(name: str, shape: tuple[int, ...], like: ImageFormat) -> None:
    """Raise an error for a cutout that is of another size after shrinking."""
    if shape[:2] != like.shape[:2]:
        raise MisfitError(
            name,
            f"it is {_pixels(shape)}, and the fitted cutouts are {_pixels(like.shape)}",
            _AS_FITTED,
        )


def _as_stored(like: ImageFormat) -> Stored:
    """Describe a format as a file that has it."""
    header = FitsHeader(like.extensions, None, None, like.scale, ())
    return Stored(
        like.full or _side(like.shape), like.n_channels, like.n_channels, like.dtype, header
    )


def _side(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return height and width."""
    return shape[0], shape[1]


def _most_common(values: Iterable[Any]) -> Any:
    """Return the most common of some values; of two as common, the larger; None of nothing."""
    counts = Counter(values)
    return max(counts, key=lambda one: (counts[one], one), default=None)


def _common_type(files: Sequence[Stored]) -> np.dtype[Any]:
    """Return the pixel type that holds all values of FITS files, or the usual of others."""
    types = {one.dtype for one in files}
    if all(one.fits for one in files):
        common: np.dtype[Any] = np.result_type(*types)
        return np.dtype(np.float32) if common.kind == "f" else common
    if types == {np.dtype(np.uint8), np.dtype(np.uint16)}:
        return np.dtype(np.uint16)
    usual: np.dtype[Any] = np.dtype(_most_common(one.dtype.str for one in files))
    return usual


def _common_scale(files: Sequence[Stored]) -> float | None:
    """Return the size of a pixel if nearly all files that have one have the same."""
    scales = [one.scale for one in files if one.scale]
    if not scales:
        return None
    middle = float(np.median(scales))
    n_same = sum(_is_same(one, middle) for one in scales)
    return middle if n_same >= CLEAR_MAJORITY * len(scales) else None


def _is_same(scale: float | None, other: float | None) -> bool:
    """Return whether two sizes of a pixel are known and the same."""
    return bool(scale and other) and abs(scale / other - 1) <= _SAME_SCALE  # type: ignore[operator]


def _common_center(files: Sequence[Stored]) -> tuple[float, float] | None:
    """Return where headers have the source, if nearly all have it at one pixel near the middle."""
    known = [one.fits.center for one in files if one.fits and one.fits.center]
    if not known or len(known) < CLEAR_MAJORITY * len(files):
        return None
    y, x = np.median(known, axis=0)
    near = np.abs(np.subtract(known, (y, x))).max(axis=1) <= 1
    height, width = files[0].full
    is_middle = _is_near((int(2 * y) + 1, int(2 * x) + 1), (height, width))
    return (float(y), float(x)) if is_middle and near.mean() >= CLEAR_MAJORITY else None


def _with_size(
    like: ImageFormat, files: Sequence[Stored], options: ReadOptions
) -> tuple[ImageFormat, ReadOptions]:
    """Add the usual size; where there is none, nothing is padded to it."""
    usual = _most_common(one.full for one in files)
    like = like._replace(full=usual)
    n_usual = sum(one.full == usual for one in files)
    is_one_scale = like.scale is not None and all(_is_same(one.scale, like.scale) for one in files)
    if 2 * n_usual >= len(files) or is_one_scale or all(_is_near(one.full, usual) for one in files):
        return like, options
    if options.size is not None:
        return like._replace(full=None), options
    return like, replace(options, pad="never")


def _is_near(full: tuple[int, int], other: tuple[int, int]) -> bool:
    """Return whether two sizes differ by a few pixels."""
    return all(abs(n - m) <= max(_FEW, _FEW_OF_SIDE * m) for n, m in zip(full, other, strict=True))


def _is_trimmed(stored: Stored, like: ImageFormat, options: ReadOptions) -> bool:
    """Return whether a cutout of another size can be of the same scale, and may be padded."""
    if like.full is None or options.pad == "never":
        return False
    if _is_near(stored.full, like.full):
        return True
    sides = list(zip(stored.full, like.full, strict=True))
    if not all(n <= m or _is_near((n, n), (m, m)) for n, m in sides):
        return False
    # Half as high and half as wide is binned, unless the header says otherwise.
    factors = {m / n for n, m in sides}
    is_binned = len(factors) == 1 and factors.pop().is_integer()
    return not is_binned or _is_same(stored.scale, like.scale)


def _offset(stored: Stored, like: ImageFormat, pad: str) -> tuple[int, int]:
    """Return the row and column at which an image begins in the frame of the others."""
    offset = []
    for axis, (n, room) in enumerate(zip(stored.full, like.full or (), strict=True)):
        low, high = sorted((0, room - n))
        start = {"start": 0, "end": room - n}.get(pad, (room - n) // 2)
        if n > room:
            start = (room - n) // 2
        if like.center and stored.fits and stored.fits.center:
            start = round(like.center[axis] - stored.fits.center[axis])
        offset.append(min(max(start, low), high))
    return offset[0], offset[1]


def _has_channels(stored: Stored, like: ImageFormat, options: ReadOptions) -> bool:  # noqa: ARG001
    """Return whether the channels fit; a gray picture is taken for a colored one."""
    n, wanted = stored.n_channels, like.n_channels
    is_gray_picture = n == 1 and wanted == 3 and not stored.fits
    return n == wanted or is_gray_picture or stored.n_colors == wanted == 1


def _has_type(stored: Stored, like: ImageFormat, options: ReadOptions) -> bool:  # noqa: ARG001
    """Return whether the pixels can be converted, as far as the type says."""
    pair = {stored.dtype, like.dtype}
    is_depth = pair == {np.dtype(np.uint8), np.dtype(np.uint16)}
    return len(pair) == 1 or stored.fits is not None or is_depth


def _has_extensions(stored: Stored, like: ImageFormat, options: ReadOptions) -> bool:
    """Return whether the channels are the same extensions, in the same order."""
    if options.hdu or not (stored.extensions and like.extensions):
        return True
    return stored.extensions == like.extensions


def _has_scale(stored: Stored, like: ImageFormat, options: ReadOptions) -> bool:  # noqa: ARG001
    """Return whether the size of a pixel is the same, or one is not known."""
    return not (stored.scale and like.scale) or _is_same(stored.scale, like.scale)


def _has_size(stored: Stored, like: ImageFormat, options: ReadOptions) -> bool:
    """Return whether a cutout can be padded, cut or shrunk to the size of the others."""
    is_same = like.full in (None, stored.full)
    return is_same or options.size is not None or _is_trimmed(stored, like, options)


def _pixels(shape: tuple[int, ...]) -> str:
    """Return a size as text."""
    return f"{shape[0]} x {shape[1]} pixels (height x width)"


_ASPECTS = (
    _Aspect(
        "numbers of channels",
        ("has", "have"),
        lambda one: f"{one.n_channels} channel{'s' * (one.n_channels > 1)}",
        _has_channels,
        "Save all cutouts of a set with the same channels",
    ),
    _Aspect(
        "sets of extensions",
        ("has", "have"),
        lambda one: f"the extensions {' + '.join(one.extensions)}",
        _has_extensions,
        "Name the extensions to read, in one order, with hdu=[NAME, ...] (--hdu NAME,...)",
    ),
    _Aspect(
        "pixel types",
        ("has", "have"),
        lambda one: f"{one.dtype} pixels",
        _has_type,
        "Save all cutouts of a set with one pixel type",
    ),
    _Aspect(
        "pixel scales",
        ("has", "have"),
        lambda one: f"{3600 * one.scale:.3g} arcsec a pixel" if one.scale else "no known scale",
        _has_scale,
        "Resample all cutouts to one scale",
    ),
    _Aspect(
        "sizes",
        ("is", "are"),
        lambda one: _pixels(one.full),
        _has_size,
        "Pass size=(height, width) (--size HEIGHT WIDTH) to shrink all to one size",
    ),
)
