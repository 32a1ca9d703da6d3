"""Cutouts as JPEG files for a page: all their pixels, within a limit of bytes."""

import base64
import io
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spurclust.features.images import PanelAxis, as_channels, find_layout
from spurclust.labels import SPURIOUS, UNINSPECTED
from spurclust.parallel import iterate_threads
from spurclust.plots.rendering import render_cutout
from spurclust.progress import track

Load = Callable[[int], NDArray[Any] | None]
"""Returns the pixels of the source in a row, the top row first; None without a cutout."""

Render = Callable[[NDArray[Any]], NDArray[np.uint8]]
"""Turns pixels of any type into RGB."""

SOURCE_BYTES = 10_000
"""Size of a cutout in the better quality: 2000 sources are 20 MB."""

_BETTER_QUALITY, _QUALITY = 90, 75
_SHRINK = 0.9
_MIN_SIDE = 48
# Number of cutouts from which to find the panels and the size of all.
_SAMPLE = 48
# base64 has four letters for three bytes; the number of the row is added.
_LETTERS = 4 / 3
_OVERHEAD = 12


@dataclass(frozen=True, eq=False)
class Pictures:
    """The cutouts of a page."""

    encoded: dict[int, str] = field(default_factory=dict)  # base64 text by row
    side: int = 0  # pixels of the longer side
    is_shrunk: bool = False  # to fewer pixels than the cutouts have
    missing: list[int] = field(default_factory=list)  # rows without a cutout
    n_panels: int = 1  # side by side in a picture
    panel: tuple[int, int] = (1, 1)  # width and height of one
    whole: list[int] = field(default_factory=list)  # rows whose pictures are not of such panels


def choose_rows(
    label: NDArray[np.int8],
    flagged: NDArray[np.bool_],
    rank: NDArray[np.int64],
    limit: int,
    suggested: Sequence[int] = (),
) -> NDArray[np.intp]:
    """Choose the sources whose cutouts a page shows, the most important first."""
    # Known spurious, flagged but not inspected, suggested, otherwise flagged, and all others.
    to_inspect = np.isin(np.arange(len(label)), suggested)
    known, new = label == SPURIOUS, flagged & (label == UNINSPECTED)
    need = np.select([known, new, to_inspect, flagged], [0, 1, 2, 3], 4)
    order = np.lexsort((rank, need))
    if len(order) <= limit:
        return order
    return order[need[order] < 4][:limit]


def encode_cutouts(
    rows: Sequence[int] | NDArray[np.intp],
    load: Load,
    *,
    n_panels: int | None = None,
    max_side: int | None = None,
    max_bytes: int = 40_000_000,
    n_threads: int = 1,
) -> Pictures:
    """Encode cutouts in order, until there is no room; with all pixels if all fit."""
    wanted = [int(row) for row in rows]
    chosen = wanted[:: max(1, len(wanted) // _SAMPLE)]
    sample = dict(zip(chosen, [_load_picture(row, load, n_panels) for row in chosen], strict=True))
    layout = find_panels([one for one in sample.values() if one is not None], n_panels)
    cut = [layout.cut(one)[0] for one in sample.values() if one is not None]
    own_side = max(layout.width, layout.height)
    if max_side is None:
        side, quality = _fit(cut, own_side, layout.n_panels, max_bytes / max(len(wanted), 1))
    else:
        side, quality = max_side, _QUALITY
    # Pictures without such panels are larger.
    whole_side = side if max_side or side < own_side else None
    width, height = _shrunk_size(layout.width, layout.height, side, layout.n_panels)
    pictures = Pictures(
        side=min(side, own_side),
        is_shrunk=side < own_side,
        n_panels=layout.n_panels,
        panel=(width // layout.n_panels, height),
    )

    def encode(row: int) -> tuple[bytes, bool] | None:
        picture = sample[row] if row in sample else _load_picture(row, load, n_panels)
        if picture is None:
            return None
        cut, is_whole = layout.cut(picture)
        if is_whole:
            return encode_picture(cut, whole_side, quality), True
        return encode_picture(cut, side, quality, layout.n_panels), False

    found = iterate_threads(encode, wanted, n_threads)
    tracked = track(found, len(wanted), "Cutouts in the page", "cutout")
    _keep_what_fits(pictures, zip(wanted, tracked, strict=True), max_bytes)
    return pictures


def _keep_what_fits(
    pictures: Pictures,
    found: Iterable[tuple[int, tuple[bytes, bool] | None]],
    max_bytes: int,
) -> None:
    """Add the files of rows to the pictures of a page, until there is no room."""
    room = float(max_bytes)
    for row, encoded in found:
        if encoded is None:
            pictures.missing.append(row)
            continue
        data, is_whole = encoded
        room -= _LETTERS * len(data) + _OVERHEAD
        if room < 0:
            break
        pictures.encoded[row] = base64.b64encode(data).decode("ascii")
        if is_whole:
            pictures.whole.append(row)


def _load_picture(row: int, load: Load, n_panels: int | None) -> NDArray[np.uint8] | None:
    """Load a cutout as 8-bit pixels, if there is one."""
    pixels = load(row)
    return None if pixels is None else as_picture(pixels, n_panels)


def as_picture(
    pixels: NDArray[Any], n_panels: int | None, render: Render = render_cutout
) -> NDArray[np.uint8]:
    """Return 8-bit pixels: gray if colors are equal, and `n_panels` filters side by side."""
    if pixels.dtype == np.uint8 and pixels.ndim == 2:
        return pixels
    if pixels.ndim == 3 and pixels.shape[2] == n_panels and pixels.dtype != np.uint8:
        # Three of them are also filters, not colors.
        panels = [render(pixels[:, :, k]) for k in range(pixels.shape[2])]
        picture = np.concatenate(panels, axis=1)
    else:
        picture = render(pixels)
    first = picture[:, :, 0]
    return first if (picture == first[:, :, None]).all() else picture


class Panels(NamedTuple):
    """The positions of the panels in a picture of a cutout."""

    frame: NDArray[np.uint8]
    rows: PanelAxis
    columns: PanelAxis

    @property
    def n_panels(self) -> int:
        """Number of panels."""
        return len(self.rows.starts) * len(self.columns.starts)

    @property
    def width(self) -> int:
        """Pixels of a picture of all panels."""
        return self.n_panels * (self.columns.length // self.columns.enlargement)

    @property
    def height(self) -> int:
        """Pixels of a picture of all panels."""
        return self.rows.length // self.rows.enlargement

    def cut(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], bool]:
        """Return the panels side by side, each pixel once, or all of it if that loses any."""
        if picture.shape != self.frame.shape:
            return picture, True
        rows, columns = self.rows, self.columns
        panels, again = [], self.frame.copy()
        for top in rows.starts:
            for left in columns.starts:
                part = np.s_[top : top + rows.length, left : left + columns.length]
                panel = picture[part][:: rows.enlargement, :: columns.enlargement]
                again[part] = panel.repeat(columns.enlargement, 1).repeat(rows.enlargement, 0)
                panels.append(panel)
        # Pixels left out must be equal in all: edge data must not be lost with a margin.
        if (again != picture).any():
            return picture, True
        return np.concatenate(panels, axis=1), False


def find_panels(pictures: list[NDArray[np.uint8]], n_panels: int | None) -> Panels:
    """Find the panels of the most frequent shape; `n_panels` decides if pixels do not."""
    if not pictures:
        pictures = [np.zeros((1, 1), dtype=np.uint8)]
    shape = Counter(picture.shape for picture in pictures).most_common(1)[0][0]
    images = as_channels(np.stack([one for one in pictures if one.shape == shape]))
    layout = find_layout(images, None, None)
    if n_panels not in (None, layout.n_panels // layout.n_channels) and shape[1] % n_panels == 0:
        layout = find_layout(images, n_panels, None)
    return Panels(images[0].reshape(shape), layout.rows, layout.columns)


def _fit(
    pictures: list[NDArray[np.uint8]], side: int, n_panels: int, each: float
) -> tuple[int, int]:
    """Find the side and the quality for a mean size of a sample of pictures."""

    def letters(side: int, quality: int) -> float:
        sizes = [len(encode_picture(one, side, quality, n_panels)) for one in pictures]
        return _LETTERS * float(np.mean(sizes)) + _OVERHEAD if sizes else 0.0

    if letters(side, _BETTER_QUALITY) <= min(each, _LETTERS * SOURCE_BYTES):
        return side, _BETTER_QUALITY
    while side > _MIN_SIDE and letters(side, _QUALITY) > each:
        side = max(_MIN_SIDE, int(_SHRINK * side))
    return side, _QUALITY


def encode_picture(
    picture: NDArray[np.uint8], side: int | None, quality: int = _QUALITY, n_panels: int = 1
) -> bytes:
    """Return a JPEG file of a picture, shrunk if its longer side is larger than `side`."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(picture))
    size = _shrunk_size(image.width, image.height, side or max(image.size), n_panels)
    if size != image.size:
        image = image.resize(size, Image.Resampling.BOX)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality, subsampling=0, optimize=True)
    return file.getvalue()


def _shrunk_size(width: int, height: int, side: int, n_panels: int) -> tuple[int, int]:
    """Return the size of a picture shrunk to about `side` pixels, panel by panel."""
    scale = side / max(width, height)
    if scale >= 1:
        return width, height
    return n_panels * max(1, int(scale * width / n_panels)), max(1, round(scale * height))
