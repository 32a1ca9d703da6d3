"""The cutouts as small JPEG files that a page can hold, within a limit of bytes."""

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spurclust.labels import SPURIOUS, UNINSPECTED
from spurclust.parallel import iterate_threads
from spurclust.plots.rendering import render_cutout

Load = Callable[[int], NDArray[Any] | None]
"""Returns the pixels of the source in a row, its top row first; None where there is no cutout."""

MAX_SIDE = 640
"""Pixels of the longer side: a strip of six panels of 100 pixels keeps them all."""

SOURCE_BYTES = 10_000
"""Of one cutout in the page, so that those of 2000 sources are 20 MB."""

_QUALITY = 75
_SHRINK = 0.9
_MIN_SIDE = 48
# So many cutouts show how large all will be.
_SAMPLE = 24
# Four letters of base64 for three bytes, and the row's number.
_LETTERS = 4 / 3
_OVERHEAD = 12


@dataclass(frozen=True, eq=False)
class Pictures:
    """The cutouts of a page: base64 text by row, pixels of the longer side, rows without one."""

    encoded: dict[int, str]
    side: int
    missing: list[int]


def choose_rows(
    label: NDArray[np.int8], flagged: NDArray[np.bool_], rank: NDArray[np.int64], limit: int
) -> NDArray[np.intp]:
    """Choose whose cutouts a page shows, the most wanted first: all, or only those that matter."""
    # Known spurious, flagged but not inspected, otherwise flagged, and all others.
    need = np.select([label == SPURIOUS, flagged & (label == UNINSPECTED), flagged], [0, 1, 2], 3)
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
    """Encode cutouts in their order, as small as needed for all, until there is no more room."""
    wanted = [int(row) for row in rows]
    sample: dict[int, bytes | None] = {}
    side = max_side
    if side is None:
        chosen = wanted[:: max(1, len(wanted) // _SAMPLE)]
        side, sample = _fit_side(chosen, load, min(SOURCE_BYTES, max_bytes / max(len(wanted), 1)))
    pictures = Pictures({}, side, [])

    def encode(row: int) -> bytes | None:
        if row in sample:
            return sample[row]
        picture = _load_picture(row, load)
        return None if picture is None else encode_picture(picture, pictures.side)

    room = float(max_bytes)
    for row, data in zip(wanted, iterate_threads(encode, wanted, n_threads), strict=True):
        if data is None:
            pictures.missing.append(row)
            continue
        room -= _LETTERS * len(data) + _OVERHEAD
        if room < 0:
            break
        pictures.encoded[row] = base64.b64encode(data).decode("ascii")
    return pictures


def _load_picture(row: int, load: Load) -> NDArray[np.uint8] | None:
    """Load a cutout as 8-bit pixels; gray where its colors are equal."""
    pixels = load(row)
    if pixels is None:
        return None
    if pixels.dtype == np.uint8 and pixels.ndim == 2:
        return pixels
    picture = render_cutout(pixels)
    first = picture[:, :, 0]
    return first if (picture == first[:, :, None]).all() else picture


def _fit_side(rows: list[int], load: Load, each: float) -> tuple[int, dict[int, bytes | None]]:
    """Find the largest side at which a sample of cutouts takes so many bytes each; encode it."""
    loaded = {row: _load_picture(row, load) for row in rows}
    pictures = {row: picture for row, picture in loaded.items() if picture is not None}
    side = min(MAX_SIDE, max((max(p.shape[:2]) for p in pictures.values()), default=MAX_SIDE))
    while True:
        encoded = {row: encode_picture(picture, side) for row, picture in pictures.items()}
        letters = sum(_LETTERS * len(data) + _OVERHEAD for data in encoded.values())
        if letters <= each * len(encoded) or side <= _MIN_SIDE:
            return side, {row: encoded.get(row) for row in rows}
        side = max(_MIN_SIDE, int(_SHRINK * side))


def encode_picture(picture: NDArray[np.uint8], side: int) -> bytes:
    """Return a JPEG file of a picture, shrunk to at most so many pixels a side."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(picture))
    scale = side / max(image.size)
    if scale < 1:
        size = (max(1, round(scale * image.width)), max(1, round(scale * image.height)))
        image = image.resize(size, Image.Resampling.BOX)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=_QUALITY, subsampling=0, optimize=True)
    return file.getvalue()
