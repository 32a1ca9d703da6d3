"""Cutouts from mosaics: one image of the sky per filter, and a catalogue of positions."""

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import blake2b
from numbers import Integral
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from spurclust.cutouts.arrays import ArraySource
from spurclust.cutouts.decoding import FitsHeader
from spurclust.cutouts.decoding.fits_images import science_images
from spurclust.cutouts.gather import Skipped
from spurclust.errors import CatalogError, import_optional
from spurclust.printing import join_some

BLOCK_BYTES = 2**26
"""Bytes of a mosaic to read at once, for all cutouts in them."""

_DENSE = 1 / 16
"""Part of a block that cutouts must fill, so that all of it is read instead of their rows."""

_MAX_PIXELS = 2**24
# Smaller differences of scale and orientation do not shift a cutout's corner by a pixel.
_SAME_GRID = 0.005
# More pixels than the side of any mosaic.
_FAR = 2**31
_OUTSIDE = "it lies outside of all mosaics, or has no position"


def open_mosaics(
    mosaics: Mapping[str, str | os.PathLike[str]],
    catalogue: Any,
    *,
    size: Any,
    on_error: Literal["raise", "skip"] = "raise",
) -> ArraySource:
    """Open mosaics with a catalogue as a source of cutouts.

    `read_cutouts`, `spurclust.analyze` and predictions take the result. A cutout is centered on the
    pixel nearest to its source, as in `astropy.nddata.Cutout2D`. Pixels beyond the edges of a
    mosaic are NaN. So are channels of mosaics that do not show the source.

    Mosaics are read in blocks, so they may be larger than the memory. A catalogue in the order of
    declination is read fastest.

    Parameters
    ----------
    mosaics : mapping of str to path
        A FITS image with celestial coordinates for each filter, in the order of the channels. All
        must have one pixel scale and orientation; pixel types may differ. Tile-compressed files
        (.fits.fz) are read in parts as well.
    catalogue : path, DataFrame or Labels
        Ids and positions of the sources, see `spurclust.catalog.read_catalogue`.
    size : int, str or astropy.units.Quantity
        Height and width of a cutout: pixels, or an angle such as "2arcsec".
    on_error : {"raise", "skip"}, default="raise"
        Whether sources outside of all mosaics are an error, or are left out with a warning.

    Returns
    -------
    CutoutSource
        The cutouts in float32, without the sources that were left out.

    Raises
    ------
    CatalogError
        When a mosaic cannot be read in parts, mosaics are of two pixel scales, or the catalogue
        has no positions.
    ImportError
        When astropy is not installed.

    Warns
    -----
    UserWarning
        When sources lie outside of some mosaics.

    Examples
    --------
    >>> from spurclust.cutouts import open_mosaics
    >>> source = open_mosaics(
    ...     {"F115W": "f115w.fits", "F444W": "f444w.fits"}, "catalogue.fits", size="2arcsec"
    ... )  # doctest: +SKIP
    >>> source.read([0, 1]).images.shape  # doctest: +SKIP
    (2, 67, 67, 2)
    """
    from spurclust.catalog import Labels, read_catalogue

    import_optional("astropy", feature="Cutting cutouts out of mosaics")
    if on_error not in ("raise", "skip"):
        raise ValueError(f'on_error={on_error!r}: it must be "raise" or "skip"')
    if not mosaics:
        raise CatalogError("there are no mosaics: give one or more")
    table = catalogue if isinstance(catalogue, Labels) else read_catalogue(catalogue)
    positions = _positions(table)
    opened = [_open_mosaic(name, str(path)) for name, path in mosaics.items()]
    _check_grids(opened)
    shape = _shape_of(size, opened[0])
    corners = np.stack([_corners(mosaic, positions, shape) for mosaic in opened])
    overlaps = np.stack(
        [_overlaps(one, mosaic.shape, shape) for one, mosaic in zip(corners, opened, strict=True)]
    )
    ids = table.table["source_id"].tolist()
    lost = np.flatnonzero(~overlaps.any(axis=0))
    _report_lost([ids[k] for k in lost], len(ids), table.origin, on_error)
    kept = np.flatnonzero(overlaps.any(axis=0))
    images = _MosaicImages(opened, corners[:, kept], shape)
    source = ArraySource(
        images, [ids[k] for k in kept], f"{images.name}, {shape[0]} x {shape[1]}", images.version()
    )
    source.filters = [mosaic.name for mosaic in opened]
    source.positions = [(ra, dec) for ra, dec in positions[kept].tolist()]
    source.header = FitsHeader((), None, None, float(opened[0].scales.mean()), ())
    source.made_with = ", from mosaics of the same filters (--mosaic), of one size (--cutout-size)"
    source.lost = [Skipped(ids[k], "", _OUTSIDE) for k in lost]
    _warn_of_blank({m.name: overlaps[k, kept] for k, m in enumerate(opened)}, source.source_ids)
    return source


@dataclass(frozen=True)
class _Mosaic:
    """An image of the sky in one filter: its place in a file, its shape and its coordinates."""

    name: str
    path: str
    extension: int
    shape: tuple[int, int]
    wcs: Any

    @property
    def scales(self) -> NDArray[np.float64]:
        """Height and width of a pixel in degrees."""
        from astropy.wcs.utils import proj_plane_pixel_scales

        return np.asarray(proj_plane_pixel_scales(self.wcs)[::-1])

    @contextmanager
    def section(self) -> Iterator[Any]:
        """Open a reader of parts of the image."""
        from astropy.io import fits

        with fits.open(self.path, memmap=False) as hdus:
            hdu = hdus[self.extension]
            if isinstance(hdu, fits.CompImageHDU):
                yield hdu.section
            else:
                with Path(self.path).open("rb") as file:
                    yield _Pixels(hdu, file.fileno())


def _open_mosaic(name: str, path: str) -> _Mosaic:
    """Find the image of a mosaic, by its name if there are several."""
    from astropy.io import fits
    from astropy.utils.exceptions import AstropyWarning
    from astropy.wcs import WCS

    place = str(Path(path).expanduser().absolute())
    if place.lower().endswith((".gz", ".bz2", ".xz", ".zip")):
        raise CatalogError(
            f"{path} is compressed as a whole, and cannot be read in parts: unpack it, or compress "
            "its tiles instead (fpack, .fits.fz)"
        )
    found: dict[Any, _Mosaic] = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AstropyWarning)
            with fits.open(place, memmap=False) as hdus:
                for number, hdu in enumerate(hdus):
                    if not hdu.is_image or len(hdu.shape) != 2:
                        continue
                    wcs = WCS(hdu.header, hdus)
                    if wcs.has_celestial:
                        found[hdu] = _Mosaic(name, place, number, hdu.shape, wcs)
                chosen = science_images([*found])
                _check_whole(path, chosen)
    except CatalogError:
        raise
    except (OSError, ValueError, KeyError) as error:
        why = "it is not a FITS file" if "SIMPLE" in str(error) else error
        raise CatalogError(f"{path} cannot be read as a mosaic ({why})") from error
    if not chosen:
        raise CatalogError(
            f"{path} has no science image of two axes with celestial coordinates: give a mosaic "
            "whose header has them (CTYPE1, CRVAL1, ...)"
        )
    if len(chosen) > 1:
        raise CatalogError(
            f"{path} has {len(chosen)} science images, {', '.join(hdu.name for hdu in chosen)}: "
            "save one mosaic in a file"
        )
    return found[chosen[0]]


def _check_whole(path: str, images: list[Any]) -> None:
    """Raise an error for a file that ends before the pixels of an image."""
    n_bytes = Path(path).expanduser().stat().st_size
    for hdu in images:
        end = hdu.fileinfo()["datLoc"] + hdu.fileinfo()["datSpan"] - 2879  # without padding
        if end > n_bytes:
            raise CatalogError(
                f"{path} is truncated, {n_bytes} bytes of {end} or more: replace it by a whole copy"
            )


def _check_grids(mosaics: list[_Mosaic]) -> None:
    """Raise an error for mosaics whose pixels differ in size or orientation."""
    first, *others = mosaics
    scale = first.scales.mean()
    for other in others:
        difference = first.wcs.pixel_scale_matrix - other.wcs.pixel_scale_matrix
        if np.abs(difference).max() > _SAME_GRID * scale:
            sizes = [f"{3600 * one.scales.mean():.4g} arcsec" for one in (first, other)]
            raise CatalogError(
                f"{first.path} has pixels of {sizes[0]}, but {other.path} of {sizes[1]}"
                + (", turned against them" if sizes[0] == sizes[1] else "")
                + ": bring all mosaics to one grid of pixels, for example with the package "
                "reproject"
            )


def _shape_of(size: Any, mosaic: _Mosaic) -> tuple[int, int]:
    """Return height and width of a cutout in pixels."""
    from astropy import units

    try:
        quantity = units.Quantity(int(size) if isinstance(size, Integral) else size)
        degrees = quantity.to_value(units.deg) if quantity.unit.physical_type == "angle" else None
        numbers = quantity.value / np.ones(2) if degrees is None else degrees / mosaic.scales
        is_known = degrees is not None or (
            quantity.unit.is_equivalent("") or quantity.unit == "pix"
        )
        height, width = (int(number) for number in np.round(numbers))
    except (TypeError, ValueError):
        is_known, height, width = False, 0, 0
    if not is_known or height < 1 or width < 1 or height * width > _MAX_PIXELS:
        raise CatalogError(
            f"the size of the cutouts (size, --cutout-size) is {size!r}: give an angle such as "
            "'2arcsec', or a number of pixels such as 64"
        )
    return height, width


def _positions(table: Any) -> NDArray[np.float64]:
    """Return the positions of all sources in degrees, NaN where there is none."""
    from spurclust.catalog.sky import find_positions

    notes: list[str] = []
    positions, _ = find_positions(table.table, np.arange(len(table.table)), notes)
    if positions is None and notes:
        raise CatalogError(f"{table.origin} has no readable positions: {'; '.join(notes)}")
    for note in notes:
        warnings.warn(f"{table.origin}: {note}", stacklevel=3)
    if positions is None:
        others = table.table.columns.drop(["source_id", "label", "reason"])
        raise CatalogError(
            f"{table.origin} has no positions: name their columns RA and Dec, in degrees; its "
            f"other columns are {', '.join(map(str, others)) or '(none)'}"
        )
    return positions


def _corners(
    mosaic: _Mosaic, positions: NDArray[np.float64], shape: tuple[int, int]
) -> NDArray[np.int64]:
    """Return row and column of the first pixel of each cutout; far outside without a position."""
    from astropy.coordinates import SkyCoord
    from astropy.wcs import NoConvergence
    from astropy.wcs.utils import skycoord_to_pixel

    known = np.flatnonzero(np.isfinite(positions).all(axis=1))
    centers = np.full((len(positions), 2), np.nan)
    sky = SkyCoord(positions[known], unit="deg")
    try:
        x, y = skycoord_to_pixel(sky, mosaic.wcs)
    except NoConvergence as error:  # of distortions, far from the image
        x, y = error.best_solution.T
        x[error.divergent] = np.nan
    centers[known] = np.stack([y, x], axis=1)
    corners = np.ceil(centers - np.array(shape) / 2)
    far = np.abs(np.nan_to_num(corners, nan=np.inf)).max(axis=1) > _FAR
    corners[far] = -_FAR
    return corners.astype(np.int64)


def _overlaps(
    corners: NDArray[np.int64], whole: tuple[int, int], shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """Return which cutouts have a pixel in a mosaic."""
    overlaps = np.logical_and(corners > -np.array(shape), corners < np.array(whole))
    return np.asarray(overlaps.all(axis=1))


def _report_lost(ids: list[str], n_sources: int, origin: str, on_error: str) -> None:
    """Raise an error, or warn, of sources outside of all mosaics."""
    if not ids:
        return
    text = f"{len(ids)} of the {n_sources} sources of {origin} lie outside of all mosaics, or have "
    text += f"no position: {join_some(ids)}"
    if on_error == "raise" or len(ids) == n_sources:
        raise CatalogError(
            f"{text}. Leave them out of the catalogue, or skip them with "
            'on_error="skip" (--skip-unreadable)'
        )
    warnings.warn(f"{text}; they were skipped", stacklevel=4)


def _warn_of_blank(overlaps: Mapping[str, NDArray[np.bool_]], ids: Any) -> None:
    """Warn of sources that only some of the mosaics show."""
    blank = {name: [ids[k] for k in np.flatnonzero(~one)] for name, one in overlaps.items()}
    n_blank = int((~np.stack(list(overlaps.values()))).any(axis=0).sum())
    if n_blank:
        named = "; ".join(f"{name} of {join_some(one)}" for name, one in blank.items() if one)
        warnings.warn(
            f"{n_blank} of {len(ids)} sources lie outside of a mosaic, and their band is blank "
            f"(NaN): {named}",
            stacklevel=4,
        )


class _MosaicImages:
    """All cutouts as an array, read only when asked for."""

    dtype = np.dtype(np.float32)

    def __init__(
        self, mosaics: list[_Mosaic], corners: NDArray[np.int64], shape: tuple[int, int]
    ) -> None:
        # Other processes do not need the coordinates.
        self._mosaics = [replace(mosaic, wcs=None) for mosaic in mosaics]
        self._corners = corners
        channels = () if len(mosaics) == 1 else (len(mosaics),)
        self.shape = (corners.shape[1], *shape, *channels)
        self.ndim = len(self.shape)
        self.name = ", ".join(f"{mosaic.name}={mosaic.path}" for mosaic in mosaics)

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, key: Any) -> NDArray[np.float32]:
        rows, *others = key if isinstance(key, tuple) else (key,)
        corners = self._corners[:, rows]
        images = np.full(
            (corners.shape[1], *self.shape[1:3], len(self._mosaics)), np.nan, np.float32
        )
        for k, mosaic in enumerate(self._mosaics):
            try:
                with mosaic.section() as section:
                    _cut(section, mosaic.shape, corners[k], images[..., k])
            except (OSError, ValueError, TypeError) as error:
                raise CatalogError(
                    f"{mosaic.path} cannot be read ({error}): replace it by a whole copy"
                ) from error
        images = images[..., 0] if self.ndim == 3 else images
        return images[(slice(None), *others)]

    def version(self) -> str:
        """Hash the files, and the positions of the cutouts in them."""
        digest = blake2b(self._corners.tobytes(), digest_size=16)
        for mosaic in self._mosaics:
            status = Path(mosaic.path).stat()
            digest.update(f"{mosaic.path}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
        return digest.hexdigest()


class _Pixels:
    """Pixels of an uncompressed image: by `section` of astropy, or by rows of small boxes."""

    def __init__(self, hdu: Any, file: int) -> None:
        from astropy.io.fits import BITPIX2DTYPE

        self.section, self._file = hdu.section, file
        header = hdu.header
        self._dtype = np.dtype(BITPIX2DTYPE[header["BITPIX"]]).newbyteorder(">")
        self._start, self._width = hdu.fileinfo()["datLoc"], hdu.shape[1]
        self._scale = header.get("BSCALE", 1), header.get("BZERO", 0), header.get("BLANK")

    def __getitem__(self, key: tuple[slice, slice]) -> NDArray[Any]:
        return np.asarray(self.section[key])

    def rows(self, key: tuple[slice, slice]) -> NDArray[Any]:
        """Read a box row by row."""
        n_bytes = self._dtype.itemsize
        rows, columns = (range(one.start, one.stop) for one in key)
        starts = (self._start + n_bytes * (y * self._width + columns.start) for y in rows)
        read = b"".join(os.pread(self._file, n_bytes * len(columns), start) for start in starts)
        raw = np.frombuffer(read, self._dtype).reshape(len(rows), len(columns))
        scale, zero, blank = self._scale
        if self._dtype.kind == "f" and (scale, zero) == (1, 0):
            return raw
        values = raw * scale + float(zero)
        has_blank = blank is not None and self._dtype.kind != "f"
        return np.where(raw == blank, np.nan, values) if has_blank else values


def _cut(
    section: Any, whole: tuple[int, int], corners: NDArray[np.int64], images: NDArray[np.float32]
) -> None:
    """Fill cutouts with the pixels of a mosaic; read neighboring ones at once."""
    low = np.maximum(corners, 0)
    high = np.minimum(corners + images.shape[1:3], whole)
    inside = np.flatnonzero((low < high).all(axis=1))
    for group in _groups(low[inside], high[inside]):
        chosen = inside[group]
        (y0, x0), (y1, x1) = low[chosen].min(axis=0), high[chosen].max(axis=0)
        n_wanted = (high[chosen] - low[chosen]).prod(axis=1).sum()
        is_sparse = isinstance(section, _Pixels) and n_wanted < _DENSE * (y1 - y0) * (x1 - x0)
        block = None if is_sparse else np.asarray(section[y0:y1, x0:x1])
        for k in chosen:
            (top, left), (bottom, right) = low[k], high[k]
            y, x = corners[k]
            images[k, top - y : bottom - y, left - x : right - x] = (
                section.rows((slice(top, bottom), slice(left, right)))
                if block is None
                else block[top - y0 : bottom - y0, left - x0 : right - x0]
            )


def _groups(low: NDArray[np.int64], high: NDArray[np.int64]) -> Iterator[NDArray[np.intp]]:
    """Group boxes whose rows overlap, while the pixels around a group fit into memory."""
    order = np.argsort(low[:, 0], kind="stable")
    group: list[int] = []
    left = right = top = bottom = 0
    for k in order.tolist():
        (y0, x0), (y1, x1) = low[k].tolist(), high[k].tolist()
        wider = (max(bottom, y1) - top) * (max(right, x1) - min(left, x0))
        if group and (y0 >= bottom or 4 * wider > BLOCK_BYTES):
            yield np.array(group)
            group = []
        if not group:
            top, bottom, left, right = y0, y1, x0, x1
        group.append(k)
        bottom, left, right = max(bottom, y1), min(left, x0), max(right, x1)
    if group:
        yield np.array(group)
