"""Cutouts as pictures for people: each pixel, panel by panel, in a chosen stretch."""

from __future__ import annotations

import io
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from spurclust.errors import import_optional
from spurclust.plots import style
from spurclust.plots.rendering import render_cutout
from spurclust.report.pictures import as_picture, find_panels

if TYPE_CHECKING:
    from spurclust.inspection.session import Inspection

Stretch = Literal["plain", "linear", "asinh", "log", "zscale"]

CONTRASTS = (99.9, 99.5, 98.0, 95.0, 90.0)
"""Percentiles of a panel that become white, the lowest contrast first."""

_LOW = 1.0
_ZSCALE_CONTRASTS = (0.1, 0.25, 0.4, 0.6, 0.9)
_SAMPLE = 24


def stretch_panel(panel: NDArray[Any], stretch: Stretch, contrast: int) -> NDArray[np.uint8]:
    """Return a panel as RGB, in a stretch of astropy.visualization, blank pixels in their color."""
    if stretch == "plain" or panel.dtype == np.uint8:
        return render_cutout(panel)
    visual = import_optional("astropy.visualization", feature="Stretching", extra="inspect")
    blank = ~np.isfinite(panel)
    values = panel[~blank].astype(np.float64)
    if stretch == "zscale":
        interval: Any = visual.ZScaleInterval(contrast=_ZSCALE_CONTRASTS[contrast])
    else:
        interval = visual.AsymmetricPercentileInterval(_LOW, CONTRASTS[contrast])
    low, high = interval.get_limits(values) if values.size else (0, 0)
    if not high > low:
        return render_cutout(panel)
    curve = {"asinh": visual.AsinhStretch, "log": visual.LogStretch}.get(
        stretch, visual.LinearStretch
    )()
    unit = curve(np.clip((values - low) / (high - low), 0, 1))
    picture = np.zeros(panel.shape, dtype=np.uint8)
    picture[~blank] = np.rint(255 * unit)
    if panel.ndim == 2:
        picture = np.repeat(picture[:, :, None], 3, axis=2)
    else:
        blank = blank.all(axis=2)
    picture[blank] = list(bytes.fromhex(style.BLANK_COLOR[1:]))
    return picture


class Showing:
    """The cutouts of an inspection as pictures."""

    def __init__(self, inspection: Inspection) -> None:
        from spurclust.cutouts.files import is_fits_name
        from spurclust.cutouts.filters import filter_names

        self._inspection = inspection
        source = inspection.source
        paths = source.take(range(len(source)))[1] if source.in_files else [""]
        # Rows of FITS images and of mosaics (which have a scale) begin at the bottom.
        form = source.read([0], inspection.options).image_format
        self._flips = (
            is_fits_name(paths[0]) if paths[0] else getattr(form, "scale", None) is not None
        )
        self.filters = list(source.filters or (filter_names(paths) if paths[0] else []))
        rows = np.unique(np.linspace(0, len(inspection) - 1, _SAMPLE).astype(int)).tolist()
        sample = [self._pixels(row) for row in rows]
        shape = sample[0].shape
        n_colors = shape[2] if len(shape) == 3 else 1
        self._n_side = n_colors if n_colors not in (1, 3) else len(self.filters) or None
        self.has_stretches = any(one.dtype != np.uint8 for one in sample)
        self._layout = find_panels([as_picture(one, self._n_side) for one in sample], self._n_side)
        self.n_panels = self._layout.n_panels

    @property
    def panel(self) -> tuple[int, int]:
        """Width and height of a panel in pixels."""
        return self._layout.width // self.n_panels, self._layout.height

    @property
    def panel_names(self) -> list[str]:
        """Names of the panels: filters if known."""
        if self.n_panels in (1, len(self.filters)):
            return self.filters
        return [str(number) for number in range(1, self.n_panels + 1)]

    def picture(self, row: int, stretch: Stretch = "plain", contrast: int = 1) -> bytes:
        """Return the cutout of a source as a PNG file, with its panels side by side."""
        from PIL import Image

        render = partial(stretch_panel, stretch=stretch, contrast=contrast)
        picture = as_picture(self._pixels(row), self._n_side, render)
        cut, _ = self._layout.cut(picture)
        file = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(cut)).save(file, "PNG", compress_level=1)
        return file.getvalue()

    def _pixels(self, row: int) -> NDArray[Any]:
        pixels = self._inspection.cutout(row)
        return pixels[::-1] if self._flips else pixels
