"""One image file in, one array of its own pixels out, averaged down if asked.

The format is told from the content, never from the suffix. Nothing is lost on the way except an
alpha channel: 16 bits stay 16 bits, and a file cut short is an error, not a partly gray picture.
"""

import gzip
import io
import math
import os
import stat
import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spurclust.compilation import kernel
from spurclust.errors import CatalogError, import_optional

# 8192 x 8192 gray values. No cutout comes near; a header that declares more is damaged or a
# decompression bomb.
MAX_VALUES = 2**26
# The largest array with 8 bytes a value, and room for headers.
MAX_BYTES = 8 * MAX_VALUES + 2**20

INFINITE = "it has infinite pixels: replace them, by NaN where there are no data"

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
# By color type: gray, RGB, palette, and the first two with alpha.
_PNG_CHANNELS = {0: 1, 2: 3, 3: 4, 4: 2, 6: 4}
# What Pillow converts to where one color or palette entry stands for transparent.
_WITH_ALPHA = {"1": "LA", "L": "LA", "RGB": "RGBA", "P": "RGBA"}


class UnreadableCutoutError(CatalogError):
    """One file that cannot be read as a cutout."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"cannot read {self.path}: {self.reason}. Correct the path or replace the file, or "
            'pass over it with on_error="skip" (--skip-unreadable)'
        )


class Decoded(NamedTuple):
    """The pixels of one file, `(height, width[, channel])`, and whether they lost an alpha."""

    image: NDArray[Any]
    lost_alpha: bool


def read_image(
    path: str, *, size: tuple[int, int] | None = None, reduce: int | None = None
) -> Decoded:
    """Read one image file in native byte order, without alpha, gray as one channel."""
    try:
        data = _read_bytes(path)
    except OSError as error:
        reason = f"it cannot be opened ({error.strerror or error})"
        if isinstance(error, FileNotFoundError):
            is_link = Path(path).is_symlink()
            reason = "it is a link to a file that does not exist" if is_link else "no such file"
        raise UnreadableCutoutError(path, reason) from error
    name, decode = _decoder(data)
    if decode is None:
        raise UnreadableCutoutError(path, name)
    try:
        image, lost_alpha = decode(data)
        image = _gray_as_one_channel(canonical(image))
    except (ImportError, MemoryError):
        raise
    except Exception as error:  # decoders raise whatever they like
        detail = str(error).strip() or type(error).__name__
        reason = f"it is damaged or not a {name} image of a kind known here ({detail})"
        raise UnreadableCutoutError(path, reason) from error
    if image.dtype.kind == "f" and np.isinf(image).any():
        raise UnreadableCutoutError(path, INFINITE)
    try:
        return Decoded(shrink(image, size=size, reduce=reduce), lost_alpha)
    except ValueError as error:
        raise UnreadableCutoutError(path, str(error)) from error


def _read_bytes(path: str) -> bytes:
    """Read a regular file of plausible size."""
    with open(path, "rb") as file:  # noqa: PTH123 (a Path takes longer than reading a small file)
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError("it is not a regular file")
        if status.st_size > MAX_BYTES:
            raise OSError(f"it is larger than any cutout (over {MAX_BYTES} bytes)")
        return file.read()


def _decoder(data: bytes) -> tuple[str, Any]:
    """Return name and decoder of the format, or a complaint and None."""
    if not data:
        return "it is empty (0 bytes)", None
    if data.startswith(_PNG_SIGNATURE):
        return "PNG", _decode_png
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG", _decode_jpeg
    if data[:4] in {b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"}:
        return "TIFF", _decode_tiff
    if data.startswith(b"SIMPLE  ="):
        return "FITS", _decode_fits
    if data.startswith(b"\x1f\x8b"):
        return "gzip-compressed FITS", _decode_fits_gz
    return f"it is not a PNG, JPEG, TIFF or FITS image (it begins with {data[:16]!r})", None


def _decode_png(data: bytes) -> tuple[NDArray[Any], bool]:
    """Decode a PNG with imagecodecs, or with Pillow where that is not installed."""
    # The libraries do not look beyond the last row.
    if data.rfind(_PNG_END) < 0:
        raise ValueError("truncated: the file ends before its last chunk")
    width, height, depth, color = struct.unpack_from(">IIBB", data, 16)
    check_size((height, width, _PNG_CHANNELS.get(color, 4)))
    try:
        codec = import_optional("imagecodecs", feature="Reading 16-bit color PNG")
    except ImportError:
        if depth == 16 and color:
            raise  # Pillow would silently reduce these to 8 bits
        image = _decode_png_with_pillow(data)
    else:
        image = codec.png_decode(data)
    has_alpha = image.ndim == 3 and image.shape[2] in (2, 4)
    return _split_alpha(image) if has_alpha else (image, False)


def _decode_png_with_pillow(data: bytes) -> NDArray[Any]:
    """Decode a PNG of 8 or fewer bits, or of 16 bits of gray."""
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
        picture.verify()  # the checksums; it cannot be decoded afterwards
    with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
        if "transparency" in picture.info and picture.mode in _WITH_ALPHA:
            return np.asarray(picture.convert(_WITH_ALPHA[picture.mode]))
        if picture.mode == "P":
            return np.asarray(picture.convert("RGB"))
        # Older Pillow gives 16-bit gray as 32-bit integers.
        image = np.asarray(picture)
        return image.astype(np.uint16) if picture.mode.startswith("I") else image


def _decode_jpeg(data: bytes) -> tuple[NDArray[Any], bool]:
    """Decode a gray or RGB JPEG."""
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=["JPEG"]) as picture:
        check_size((picture.height, picture.width, len(picture.getbands())))
        if picture.mode not in ("L", "RGB"):
            raise ValueError(f"its colors are {picture.mode}: save it as gray or RGB")
        return np.asarray(picture), False


def _decode_tiff(data: bytes) -> tuple[NDArray[Any], bool]:
    """Decode a TIFF of any depth and channel count; several pages are channels."""
    tifffile = import_optional("tifffile", feature="Reading TIFF cutouts")
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        if len(file.series) != 1:
            raise ValueError(f"it holds {len(file.series)} pictures: save one per file")
        series = file.series[0]
        page = series.keyframe
        check_size(series.shape)
        for part in file.pages:
            _check_extents(part.dataoffsets, part.databytecounts, len(data))
        colors = page.photometric.name
        if colors not in ("MINISBLACK", "MINISWHITE", "RGB", "PALETTE"):
            raise ValueError(f"its colors are {colors}: save it as gray or RGB")
        image, axes = series.asarray(), series.axes
        channel = [k for k, axis in enumerate(axes) if axis not in "YX"]
        if len(axes) - len(channel) != 2 or len(channel) > 1:
            raise ValueError(f"its axes {axes} of {series.shape} are not height, width, channel")
        image = np.moveaxis(image, channel[0], -1) if channel else image
        if colors == "PALETTE":
            return (page.colormap.T[image] >> 8).astype(np.uint8), False
        if colors == "MINISWHITE":
            if image.dtype.kind not in "bu":
                raise ValueError("white is zero in it, and its pixels are not unsigned integers")
            image = ~image
        alphas = [str(kind.name) for kind in page.extrasamples]
        if alphas and alphas[-1] in ("ASSOCALPHA", "UNASSALPHA"):
            return _split_alpha(image)
        return image, False


def _check_extents(offsets: Any, counts: Any, n_bytes: int) -> None:
    """Refuse a TIFF whose strips or tiles reach beyond the end of the file."""
    ends = [offset + count for offset, count in zip(offsets, counts, strict=True)]
    if ends and max(ends) > n_bytes:
        raise ValueError(f"truncated: {n_bytes} bytes of at least {max(ends)}")


def _decode_fits_gz(data: bytes) -> tuple[NDArray[Any], bool]:
    """Unpack, up to a limit, and decode a FITS file."""
    with gzip.open(io.BytesIO(data)) as file:
        unpacked = file.read(MAX_BYTES + 1)
    if len(unpacked) > MAX_BYTES:
        raise ValueError(f"it unpacks to more than {MAX_BYTES} bytes: a bomb?")
    if not unpacked.startswith(b"SIMPLE  ="):
        raise ValueError("it is compressed, and what it holds is not FITS")
    return _decode_fits(unpacked)


def _decode_fits(data: bytes) -> tuple[NDArray[Any], bool]:
    """Decode the first image of a FITS file; a cube's first axis becomes the last."""
    fits = import_optional("astropy.io.fits", feature="Reading FITS cutouts")
    images = (fits.PrimaryHDU, fits.ImageHDU, fits.CompImageHDU)
    with fits.open(io.BytesIO(data), memmap=False) as file:
        for hdu in file:
            if isinstance(hdu, images) and hdu.shape:
                break
        else:
            raise ValueError("none of its parts is an image")
        check_size(hdu.shape)
        n_bytes = hdu.fileinfo()["datLoc"] + hdu.size
        if n_bytes > len(data):
            raise ValueError(f"truncated: {len(data)} bytes of at least {n_bytes}")
        image = np.array(hdu.data)
    while image.ndim > 2 and image.shape[0] == 1:
        image = image[0]
    return (np.moveaxis(image, 0, -1) if image.ndim == 3 else image), False


def check_size(shape: tuple[int, ...]) -> None:
    """Refuse a declared shape that no cutout has, before any memory is taken."""
    if math.prod(shape) > MAX_VALUES:
        declared = " x ".join(map(str, shape))
        raise ValueError(f"it declares {declared} values, more than any cutout: a bomb?")


def canonical(image: NDArray[Any]) -> NDArray[Any]:
    """Return the pixels in one of the dtypes that cutouts have, in native byte order."""
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise ValueError(f"its shape {image.shape} is not that of a picture")
    kind, width = image.dtype.kind, image.dtype.itemsize
    if kind == "b":
        return image.astype(np.uint8) * np.uint8(255)
    if kind in "ui" and width <= 4:
        return image.astype(image.dtype.newbyteorder("="), copy=False)
    if kind not in "uif":
        raise ValueError(f"its pixels are of type {image.dtype}")
    with np.errstate(over="ignore"):
        narrow = image.astype(np.float32)
    if width > 4 and np.count_nonzero(np.isinf(narrow)) > np.count_nonzero(np.isinf(image)):
        raise ValueError("it holds values beyond the range of float32")
    return narrow


def _split_alpha(image: NDArray[Any]) -> tuple[NDArray[Any], bool]:
    """Drop the last channel, an alpha; return as well whether it was more than a constant."""
    alpha = image[..., -1]
    return image[..., :-1], bool(alpha.min() != alpha.max())


def _gray_as_one_channel(image: NDArray[Any]) -> NDArray[Any]:
    """Return one channel of an image whose channels are all equal, else the image."""
    if image.ndim == 2:
        return image
    if image.dtype == np.uint8 and image.shape[2] == 3:
        # The usual cutout, for which numpy's strided comparison takes half as long as decoding.
        gray = np.empty(image.shape[:2], dtype=np.uint8)
        rows = np.require(image, requirements=["C", "W"]).reshape(len(image), -1)
        return gray if _take_first_of_equal(rows, gray) else image
    first, equal_nan = image[..., 0], image.dtype.kind == "f"
    others = (image[..., k] for k in range(1, image.shape[2]))
    are_equal = all(np.array_equal(first, other, equal_nan=equal_nan) for other in others)
    return first if are_equal else image


@kernel("boolean(uint8[:, ::1], uint8[:, ::1])")
def _take_first_of_equal(rows, gray):  # type: ignore[no-untyped-def]
    """Copy one of three channels; False, and nothing of use, where they are not equal."""
    different = np.uint8(0)
    for y in range(gray.shape[0]):
        three, one = rows[y], gray[y]
        for x in range(gray.shape[1]):
            red = three[3 * x]
            different |= (red ^ three[3 * x + 1]) | (red ^ three[3 * x + 2])
            one[x] = red
        if different:
            return False
    return True


def shrink(
    image: NDArray[Any], *, size: tuple[int, int] | None = None, reduce: int | None = None
) -> NDArray[Any]:
    """Average an image down to `size`, or over blocks of `reduce` x `reduce` pixels.

    Every new pixel is the mean over its area of the old ones, with fractional overlaps. Integers
    are summed exactly and rounded, halves up, to the same dtype; of floats, NaN takes no part.
    """
    height, width = image.shape[:2]
    if size is not None and (size[0] > height or size[1] > width):
        raise ValueError(
            f"it is {height} x {width} pixels (height x width), smaller than size={size}, and "
            "cutouts are only ever shrunk"
        )
    if size in (None, (height, width)) and reduce in (None, 1):
        return image
    # Edges of the new pixels along each axis, in units that divide an old pixel into whole parts.
    units = (1, 1) if size is None else size
    steps = (reduce, reduce) if size is None else (height, width)
    edges = [
        np.minimum(np.arange(0, n * unit + step, step), n * unit)
        for n, unit, step in zip((height, width), units, steps, strict=True)
    ]

    def total(values: NDArray[Any]) -> NDArray[Any]:
        by_row = _sum_rows(values, edges[0], units[0])
        return _sum_rows(by_row.swapaxes(0, 1), edges[1], units[1]).swapaxes(0, 1)

    area = np.outer(np.diff(edges[0]), np.diff(edges[1]))
    area = area.reshape(*area.shape, *[1] * (image.ndim - 2))
    if image.dtype.kind != "f":
        rounded = (2 * total(image.astype(np.int64)) + area) // (2 * area)
        return np.asarray(rounded, dtype=image.dtype)
    has_data = ~np.isnan(image)
    weight = area if has_data.all() else total(has_data.astype(np.float64))
    sums = total(np.where(has_data, image, 0).astype(np.float64))
    mean = np.full(sums.shape, np.nan)
    np.divide(sums, weight, out=mean, where=weight > 0)
    return np.asarray(mean, dtype=image.dtype)


def _sum_rows(image: NDArray[Any], edges: NDArray[np.int64], unit: int) -> NDArray[Any]:
    """Add up the rows between edges, each weighted by its overlap; a row is `unit` wide."""
    low, high = edges[:-1], edges[1:]
    first, last = low // unit, -(-high // unit)
    total = np.zeros((len(low), *image.shape[1:]), dtype=image.dtype)
    for step in range(int((last - first).max())):
        row = np.minimum(first + step, len(image) - 1)
        overlap = np.minimum(high, (first + step + 1) * unit) - np.maximum(
            low, (first + step) * unit
        )
        weight = np.maximum(overlap, 0).astype(image.dtype)
        total += weight.reshape(-1, *[1] * (image.ndim - 1)) * image[row]
    return total
