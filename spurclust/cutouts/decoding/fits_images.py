"""Read the image of a FITS file: its extensions, its axes, and its position on the sky."""

import io
import itertools
import math
import re
import threading
import warnings
from collections.abc import Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spurclust.cutouts.decoding.pixels import check_size
from spurclust.cutouts.filters import channel_order
from spurclust.errors import import_optional

SCIENCE = ("SCI", "IMAGE", "DATA", "PRIMARY")
"""Words in the names of extensions to read; the first that occurs counts."""

_WORDS = """AREA BPM CON CONTEXT COUNT DQ ERR ERROR EXP EXPOSURE IVAR KERNEL MASK MODEL NOISE PSF
QUALITY RESIDUAL RMS SEG SEGM SEGMAP SEGMENTATION SIGMA STD STDDEV UNC UNCERT UNCERTAINTY VAR
VARIANCE WEIGHT WEIGHTS WGT WHT"""
AUXILIARY = frozenset(_WORDS.split())
"""Words in the names of extensions that are only read if asked for."""

MOST_EXTENSIONS = 1000
"""Cutouts have fewer; a file with more is damaged or hostile."""

MOST_HEADER_BYTES = 1000 * 2880
"""Headers of cutouts are shorter (this is 36 000 cards); astropy takes seconds for longer ones."""

_HEADER = re.compile(rb"SIMPLE  =|XTENSION=")

# A last axis of up to this length is one of colors, if the first axis is longer.
_MOST_COLORS = 4
# Warning filters belong to the process, and many threads read files.
_WARNINGS = threading.Lock()


class FitsHeader(NamedTuple):
    """The extensions of an image, the position on the sky in their header, and warnings.

    The position is right ascension and declination, as written or in degrees. The center is the
    pixel (y, x) of the source, from 0. The scale is in degrees. Unknown values are None.
    """

    extensions: tuple[str, ...]
    position: tuple[Any, Any] | None
    center: tuple[float, float] | None
    scale: float | None
    notes: tuple[str, ...]


def read_fits(data: bytes, wanted: Sequence[str | int]) -> tuple[NDArray[Any], FitsHeader]:
    """Read the image of a FITS file, `(height, width[, channel])`; warnings become notes."""
    import_optional("astropy.io.fits", feature="Reading FITS cutouts")
    for match in _HEADER.finditer(data):
        start = match.start()
        end = data.find(b"END" + b" " * 77, start, start + MOST_HEADER_BYTES)
        if start % 2880 == 0 and end < 0 and start + MOST_HEADER_BYTES < len(data):
            raise ValueError(f"it has a header of more than {MOST_HEADER_BYTES} bytes")
    with _WARNINGS, warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        chosen = _chosen_extensions(data, wanted)
        header = chosen[0].header
        notes = tuple(dict.fromkeys(" ".join(str(one.message).split()) for one in caught))
        if len(wanted) < 2:
            # Files of one set may have the extensions in different orders.
            bands = [_filter(hdu) or hdu.name for hdu in chosen]
            chosen = [chosen[k] for k in channel_order(bands)]
        images = [_axes_last(hdu.data, hdu.header) for hdu in chosen]
        image = images[0]
        if len(images) > 1:
            cubes = [one if one.ndim > 2 else one[..., np.newaxis] for one in images]
            image = np.concatenate(cubes, axis=-1)
        return image, FitsHeader(_labels(chosen), *_sky(header, image.shape), notes)


def _chosen_extensions(
    data: bytes, wanted: Sequence[str | int], *, unsigned: bool = True
) -> list[Any]:
    """Return the extensions to read, with their pixels."""
    from astropy.io import fits

    with fits.open(io.BytesIO(data), memmap=False, uint=unsigned) as file:
        hdus = list(islice(file, MOST_EXTENSIONS + 1))
        if len(hdus) > MOST_EXTENSIONS:
            raise ValueError(f"it has more than {MOST_EXTENSIONS} extensions")
        chosen = _choose([(k, hdu) for k, hdu in enumerate(hdus) if _is_image(hdu)], wanted)
        # For unsigned integers, astropy takes BLANK for a value.
        if not (unsigned and any("BLANK" in hdu.header for hdu in chosen)):
            check_size((len(chosen), *chosen[0].shape))
            for hdu in chosen:
                _check_whole(hdu, hdus.index(hdu), data)
                hdu.data  # noqa: B018 (read before the file is closed)
            return chosen
    return _chosen_extensions(data, wanted, unsigned=False)


def _is_image(hdu: Any) -> bool:
    """Return whether an extension holds an image, compressed or not."""
    from astropy.io import fits

    return isinstance(hdu, (fits.PrimaryHDU, fits.ImageHDU, fits.CompImageHDU)) and bool(hdu.shape)


def _choose(images: list[tuple[int, Any]], wanted: Sequence[str | int]) -> list[Any]:
    """Choose extensions: the named ones, or the usual ones of a science image."""
    names = [f"{number} {hdu.name} ({_size(hdu)})" for number, hdu in images]
    listed = ", ".join(names[:10]) + ", ..." * (len(names) > 10)
    if not images:
        raise ValueError("none of its extensions is an image")
    if wanted:
        chosen = []
        for one in wanted:
            name = str(one).upper()
            found = [hdu for k, hdu in images if one == k or name == hdu.name] or [
                hdu
                for _, hdu in images
                if name == _filter(hdu).upper() and not _words(hdu) & AUXILIARY
            ]
            if not found:
                raise ValueError(f"it has no image extension {one!r}; it has {listed}")
            chosen += found
    else:
        chosen = science_images([hdu for _, hdu in images])
        if not chosen:
            raise ValueError(
                f"none of its extensions is a science image: {listed}. Name one with "
                "hdu=NAME_OR_NUMBER (--hdu NAME_OR_NUMBER)"
            )
    if len({(hdu.shape, hdu.header["BITPIX"] < 0) for hdu in chosen}) > 1:
        raise ValueError(
            f"its images differ in shape or kind: {listed}. Name those to read with "
            "hdu=NAME_OR_NUMBER (--hdu NAME_OR_NUMBER[,...])"
        )
    return chosen


def science_images(images: list[Any]) -> list[Any]:
    """Choose the science images by their names: no weights, masks and the like."""
    science = [hdu for hdu in images if not _words(hdu) & AUXILIARY and len(hdu.shape) > 1]
    for word in SCIENCE:
        found = [hdu for hdu in science if word in _words(hdu)]
        if word == "PRIMARY" and found and "FILTER" in found[0].header:
            # One filter is in the primary, the others are in extensions.
            found += [
                hdu
                for hdu in science
                if hdu is not found[0] and "FILTER" in hdu.header and hdu.shape == found[0].shape
            ]
        if found:
            return found
    return science


def _words(hdu: Any) -> set[str]:
    """Return the words in the name of an extension: {"SCI", "F", "W"} of SCI_F115W."""
    return set(re.split("[^A-Z]+", hdu.name.upper()))


def _filter(hdu: Any) -> str:
    """Return the filter in the header of an image, "" if there is none."""
    return str(hdu.header.get("FILTER", "")).strip()


def _size(hdu: Any) -> str:
    """Return the shape of an image as text."""
    return " x ".join(map(str, hdu.shape))


def _check_whole(hdu: Any, number: int, data: bytes) -> None:
    """Raise if an image reaches beyond the end of the file, with or without its padding."""
    from astropy.io import fits

    place = hdu.fileinfo()
    # The size of a compressed image is that of its pixels; its size on disk is known in blocks.
    is_packed = isinstance(hdu, fits.CompImageHDU)
    end = place["datLoc"] + (place["datSpan"] - 2879 if is_packed else hdu.size)
    if end > len(data):
        raise ValueError(f"truncated: {len(data)} bytes of at least {end}")
    if is_packed:
        _check_tiles(hdu, number, data)


def _check_tiles(hdu: Any, number: int, data: bytes) -> None:
    """Raise if tiles do not have the declared size, because the decompression trusts it."""
    from astropy.io import fits

    n_tiles = math.prod(-(-n // step) for n, step in zip(hdu.shape, hdu.tile_shape, strict=True))
    if n_tiles != len(hdu.compressed_data):
        raise ValueError(f"it has {len(hdu.compressed_data)} tiles of {n_tiles}")
    if hdu.compression_type != "HCOMPRESS_1":
        return
    starts = itertools.product(
        *(range(0, n, step) for n, step in zip(hdu.shape, hdu.tile_shape, strict=True))
    )
    with fits.open(io.BytesIO(data), disable_image_compression=True) as file:
        streams = file[number].data["COMPRESSED_DATA"]
    for start, stream in zip(starts, streams, strict=True):
        inside = zip(hdu.shape, start, hdu.tile_shape, strict=True)
        n_pixels = math.prod(min(n - first, step) for n, first, step in inside)
        # After two bytes, height and width.
        height, width = np.frombuffer(bytes(stream[2:10]), ">u4").tolist()
        if height * width != n_pixels:
            raise ValueError(f"a tile has {height} x {width} pixels, but {n_pixels} are declared")


def _labels(hdus: list[Any]) -> tuple[str, ...]:
    """Return distinct names of the extensions: filters, names, or numbered names."""
    names = [hdu.name or "IMAGE" for hdu in hdus]
    filters = [_filter(hdu) for hdu in hdus]
    if len(hdus) > 1 and all(filters) and len(set(filters)) == len(filters):
        return tuple(f"{name} {one}" for name, one in zip(names, filters, strict=True))
    counts = [names[: k + 1].count(name) for k, name in enumerate(names)]
    return tuple(
        f"{name},{count}" if names.count(name) > 1 else name
        for name, count in zip(names, counts, strict=True)
    )


def _axes_last(pixels: NDArray[Any], header: Any) -> NDArray[Any]:
    """Return an image as (height, width) or a cube as (height, width, channel)."""
    image = np.asarray(pixels)
    leading = tuple(k for k in range(image.ndim - 2) if image.shape[k] == 1)
    image = image.squeeze(leading) if image.ndim - len(leading) > 1 else image
    if image.ndim > 2 and image.shape[-1] == 1:
        image = image[..., 0]
    if image.ndim != 3:
        return image
    kinds = [str(header.get(f"CTYPE{k}", "")).strip()[:4].strip("-") for k in (3, 2, 1)]
    on_sky = [kind in ("RA", "DEC", "GLON", "GLAT") for kind in kinds]
    first, *sides, last = image.shape
    is_last = last <= _MOST_COLORS < min(first, *sides) or (first == sides[0] > last)
    if sum(on_sky) == 2:
        is_last = not on_sky[2]
    return image if is_last else np.moveaxis(image, 0, -1)


def _sky(header: Any, shape: tuple[int, ...]) -> tuple[Any, Any, Any]:
    """Return the position and center of the source, and the size of a pixel."""
    named = (header.get("RA"), header.get("DEC"))
    position = None if None in named else named
    reference = (header.get("CRPIX2"), header.get("CRPIX1"))
    center = None
    if all(isinstance(one, (int, float)) for one in reference):
        center = (reference[0] - 1.0, reference[1] - 1.0)
    wcs = _celestial_wcs(header)
    if wcs is None:
        return position, _inside(center, shape), None
    middle = ((shape[0] - 1) / 2, (shape[1] - 1) / 2)
    if all(isinstance(one, (int, float)) for one in named):
        # A position outside of the image is that of the telescope.
        x, y = wcs.s2p([named], 0)["pixcrd"][0]
        position = named if _inside((y, x), shape) else None
        center = (y, x) if position else center
    center = _inside(center, shape)
    if position is None:
        position = _degrees(wcs, *wcs.p2s([middle[::-1]], 0)["world"][0])
    scale = float(abs(np.linalg.det(wcs.get_pc() * wcs.get_cdelt()[:, None]))) ** 0.5
    return position, center, scale


def _celestial_wcs(header: Any) -> Any:
    """Return the axes of the sky; None if the header has no usable ones."""
    from astropy import wcs

    if not any(str(header.get(f"CTYPE{k}", "")).strip() for k in (1, 2, 3)):
        return None
    try:
        # astropy's WCS is ten times slower.
        parsed = wcs.Wcsprm(header.tostring(endcard=False).encode(), relax=True)
        parsed = parsed.sub([wcs.WCSSUB_CELESTIAL])
        parsed.set()
    except (wcs.WcsError, ValueError, MemoryError):
        return None
    return parsed if parsed.naxis == 2 and parsed.lngtyp in ("RA", "GLON") else None


def _degrees(wcs: Any, longitude: float, latitude: float) -> tuple[float, float] | None:
    """Return right ascension and declination of a point of the sky in degrees."""
    if not np.isfinite([longitude, latitude]).all():
        return None
    if wcs.lngtyp == "RA":
        return float(longitude), float(latitude)
    from astropy.coordinates import SkyCoord

    point = SkyCoord(longitude, latitude, unit="deg", frame="galactic").icrs
    return float(point.ra.deg), float(point.dec.deg)


def _inside(
    center: tuple[float, float] | None, shape: tuple[int, ...]
) -> tuple[float, float] | None:
    """Return a point (y, x) if it lies in an image."""
    if center is None or not all(
        -0.5 <= one <= n - 0.5 for one, n in zip(center, shape, strict=False)
    ):
        return None
    return center
