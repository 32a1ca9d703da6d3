"""The cutouts as small pictures that a page can hold, within a limit of bytes."""

import base64
import io
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spurclust.plots.stretch import render_cutout

Load = Callable[[int], NDArray[Any] | None]
"""Gives the pixels of the source in a row, None where there is no cutout."""

MAX_SIDE = 640
"""Pixels of the longer side: a strip of six panels of 100 pixels keeps them all."""

SOURCE_BYTES = 10_000
"""Of one cutout in the page, so that those of 2000 sources are 20 MB."""

_QUALITY = 75
_SHRINK = 0.9
_MIN_SIDE = 48
# So many cutouts tell how large all will be.
_PILOT = 24
# Four letters of base64 for three bytes, and the row's number.
_LETTERS = 4 / 3
_OVERHEAD = 12
_CHUNK = 256


@dataclass(frozen=True, eq=False)
class Pictures:
    """The cutouts of a page.

    What `encode_cutouts` returns.

    Attributes
    ----------
    encoded : dict of int to str
        JPEG files in base64 letters, by row.
    side : int
        Pixels of the longer side; smaller cutouts are as they were.
    missing : list of int
        Rows that have no cutout, or an unreadable one.
    left_out : list of int
        Rows for whose cutouts there was no room.
    """

    encoded: dict[int, str]
    side: int
    missing: list[int]
    left_out: list[int]


def choose_rows(
    label: NDArray[np.int8], flagged: NDArray[np.bool_], rank: NDArray[np.int64], limit: int
) -> NDArray[np.intp]:
    """Choose whose cutouts a page shows, the most wanted first.

    All sources if they are not more than the limit. Otherwise the known spurious, then the flagged
    that nobody has inspected, then the other flagged, each in the order of inspection.

    Parameters
    ----------
    label : ndarray of shape (n_sources,)
        1 spurious, 0 reliable, -1 uninspected.
    flagged : ndarray of bool of shape (n_sources,)
        Whether a source lies in the region.
    rank : ndarray of int of shape (n_sources,)
        Order of inspection, 1 first.
    limit : int
        Most cutouts.

    Returns
    -------
    ndarray of int
        Their rows.

    Examples
    --------
    >>> label, flagged = np.array([0, -1, 1]), np.array([False, True, False])
    >>> choose_rows(label, flagged, np.array([1, 2, 3]), limit=2).tolist()
    [2, 1]
    """
    need = np.select([label == 1, flagged & (label < 0), flagged], [0, 1, 2], 3)
    order = np.lexsort((rank, need))
    if len(order) <= limit:
        return order
    return order[need[order] < 3][:limit]


def encode_cutouts(
    rows: Sequence[int] | NDArray[np.intp],
    load: Load,
    *,
    max_side: int | None = None,
    max_bytes: int = 40_000_000,
    n_threads: int = 1,
) -> Pictures:
    """Turn cutouts into small JPEG files for a page.

    They are made only so much smaller that all find room, and the last ones are left out if they
    would have to be tiny.

    Parameters
    ----------
    rows : sequence of int
        Rows of the sources, the most wanted first.
    load : callable
        Gives the pixels of a row, ``cutout[y, x]`` with the top row first, or None.
    max_side : int, default=None
        Pixels of the longer side, however many bytes that takes; None chooses at most 640, and
        10 kB a cutout.
    max_bytes : int, default=40_000_000
        Most bytes of all of them in the page.
    n_threads : int, default=1
        Threads that read and shrink.

    Returns
    -------
    Pictures
        The files, and what is left out.

    Examples
    --------
    >>> pictures = encode_cutouts([0, 7], lambda row: None if row else np.zeros((9, 9)))
    >>> sorted(pictures.encoded), pictures.missing
    ([0], [7])
    """
    wanted = [int(row) for row in rows]
    side = max_side
    if side is None:
        each = min(SOURCE_BYTES, max_bytes / max(len(wanted), 1))
        side = _fitting_side(wanted[:: max(1, len(wanted) // _PILOT)], load, each)
    encoded: dict[int, str] = {}
    missing: list[int] = []
    room = float(max_bytes)
    chosen = side

    def encode(row: int) -> bytes | None:
        picture = _picture_of(row, load)
        return None if picture is None else encode_picture(picture, chosen)

    with ThreadPoolExecutor(max(1, n_threads)) as pool:
        for place, row, data in _ordered(pool.map, encode, wanted):
            if data is None:
                missing.append(row)
                continue
            room -= _LETTERS * len(data) + _OVERHEAD
            if room < 0:
                return Pictures(encoded, side, missing, wanted[place:])
            encoded[row] = base64.b64encode(data).decode("ascii")
    return Pictures(encoded, side, missing, [])


def _ordered(
    apply: Callable[..., Iterable[bytes | None]],
    encode: Callable[[int], bytes | None],
    wanted: list[int],
) -> Iterable[tuple[int, int, bytes | None]]:
    """Encode chunk by chunk, so that no work is done for what will find no room."""
    for start in range(0, len(wanted), _CHUNK):
        chunk = wanted[start : start + _CHUNK]
        for offset, data in enumerate(apply(encode, chunk)):
            yield start + offset, chunk[offset], data


def _picture_of(row: int, load: Load) -> NDArray[np.uint8] | None:
    """Load a cutout and make it a picture; grey where its colours are equal."""
    pixels = load(row)
    if pixels is None:
        return None
    if pixels.dtype == np.uint8 and pixels.ndim == 2:
        return pixels
    picture = render_cutout(pixels)
    first = picture[:, :, 0]
    grey = np.array_equal(first, picture[:, :, 1]) and np.array_equal(first, picture[:, :, 2])
    return first if grey else picture


def _fitting_side(sample: Sequence[int], load: Load, each: float) -> int:
    """Find the largest side at which a sample of the cutouts takes so many bytes each."""
    pictures = [picture for row in sample if (picture := _picture_of(row, load)) is not None]
    side = min(MAX_SIDE, max((max(picture.shape[:2]) for picture in pictures), default=MAX_SIDE))
    while side > _MIN_SIDE:
        sizes = [len(encode_picture(picture, side)) for picture in pictures]
        if _LETTERS * sum(sizes) + _OVERHEAD * len(sizes) <= each * len(sizes):
            break
        side = max(_MIN_SIDE, int(_SHRINK * side))
    return side


def encode_picture(picture: NDArray[np.uint8], side: int) -> bytes:
    """Make a JPEG file of a picture, shrunk to at most so many pixels a side."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(picture))
    scale = side / max(image.size)
    if scale < 1:
        size = (max(1, round(scale * image.width)), max(1, round(scale * image.height)))
        image = image.resize(size, Image.Resampling.BOX)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=_QUALITY, subsampling=0, optimize=True)
    return file.getvalue()
