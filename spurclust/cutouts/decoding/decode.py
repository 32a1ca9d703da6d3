"""Read one image file into one array of its pixels.

The content decides the format, never the suffix. Only an alpha channel is lost: 16 bits stay 16
bits, and a truncated file is an error, not a partly gray picture.
"""

import bz2
import gzip
import io
import logging
import os
import stat
import struct
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spurclust.cutouts.decoding.archives import read_archived
from spurclust.cutouts.decoding.fits_images import FitsHeader, read_fits
from spurclust.cutouts.decoding.pixels import (
    LARGEST,
    MAX_VALUES,
    canonical,
    check_size,
    gray_as_one_channel,
    is_absurd,
)
from spurclust.errors import CatalogError, import_optional

# Errors hold what tifffile logs; without a handler, Python would print it too.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

# The largest array with 8 bytes per value, and room for headers.
MAX_BYTES = 8 * MAX_VALUES + 2**20

ABSURD = f"it has pixels that are infinite or beyond {LARGEST:g}: where there are no data, use NaN"

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
# By color type: gray, RGB, palette, and the first two with alpha.
_PNG_CHANNELS = {0: 1, 2: 3, 3: 4, 4: 2, 6: 4}
# EXIF: steps down and right that undo an orientation; above 4, axes are swapped first.
_ORIENTATION = 274
_TURNED = {2: (1, -1), 3: (-1, -1), 4: (-1, 1), 5: (1, 1), 6: (1, -1), 7: (-1, -1), 8: (-1, 1)}
_JPEG2000 = (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xffO\xffQ")
_PACKERS = {b"\x1f\x8b": gzip, b"BZh": bz2}
# The modes to which Pillow converts if one color or palette entry is transparent.
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
            'skip it with on_error="skip" (--skip-unreadable)'
        )


class Decoded(NamedTuple):
    """The pixels of one file, `(height, width[, channel])`, and whether an alpha was lost.

    The number of channels is the one before equal channels became one. The header is that of FITS.
    Notes describe changes of the pixels.
    """

    image: NDArray[Any]
    lost_alpha: bool = False
    n_channels: int = 1
    fits: FitsHeader | None = None
    notes: tuple[str, ...] = ()


def read_image(path: str, *, hdu: Sequence[str | int] = ()) -> Decoded:
    """Read one image file: native byte order, upright, without alpha, gray as one channel."""
    try:
        data = _read_bytes(path)
    except OSError as error:
        reason = f"it cannot be opened ({error.strerror or error})"
        if isinstance(error, FileNotFoundError):
            is_link = Path(path).is_symlink()
            reason = "it is a link to a file that does not exist" if is_link else "no such file"
        raise UnreadableCutoutError(path, reason) from error
    name, decode = _decoder(data, hdu)
    if decode is None:
        raise UnreadableCutoutError(path, name)
    try:
        decoded = decode(data)
        image = canonical(decoded.image)
    except (ImportError, MemoryError):
        raise
    except Exception as error:  # decoders raise any type
        detail = str(error).strip() or type(error).__name__
        reason = f"it is damaged or not a {name} image of a kind known here ({detail})"
        raise UnreadableCutoutError(path, reason) from error
    if image.dtype.kind == "f" and is_absurd(image):
        raise UnreadableCutoutError(path, ABSURD)
    n_channels = image.shape[2] if image.ndim > 2 else 1
    return decoded._replace(image=gray_as_one_channel(image), n_channels=n_channels)


def _read_bytes(path: str) -> bytes:
    """Read a regular file of plausible size, or one in an archive."""
    try:
        file = open(path, "rb")  # noqa: PTH123, SIM115 (a Path takes longer than a small file)
    except NotADirectoryError:
        return read_archived(path, MAX_BYTES)
    with file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError("it is not a regular file")
        if status.st_size > MAX_BYTES:
            raise OSError(f"it is larger than any cutout (over {MAX_BYTES} bytes)")
        return file.read()


def _decoder(
    data: bytes, hdu: Sequence[str | int]
) -> tuple[str, Callable[[bytes], Decoded] | None]:
    """Return name and decoder of the format, or what is wrong and None."""
    if not data:
        return "it is empty (0 bytes)", None
    kinds: list[tuple[tuple[bytes, ...], str, Callable[[bytes], Decoded]]] = [
        ((_PNG_SIGNATURE,), "PNG", _decode_png),
        ((b"\xff\xd8\xff",), "JPEG", _decode_jpeg),
        ((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "TIFF", _decode_tiff),
        ((b"SIMPLE  =",), "FITS", partial(_decode_fits, hdu=hdu)),
        (_JPEG2000, "JPEG 2000", _decode_jpeg2000),
        ((b"RIFF",), "WebP", partial(_decode_with_pillow, kind="WEBP")),
        ((b"GIF87a", b"GIF89a"), "GIF", partial(_decode_with_pillow, kind="GIF")),
        *(
            ((mark,), "compressed FITS", partial(_decode_packed_fits, hdu=hdu, module=module))
            for mark, module in _PACKERS.items()
        ),
    ]
    for marks, name, decode in kinds:
        if data.startswith(marks):
            return name, decode
    return f"it is not an image of a kind known here (it begins with {data[:16]!r})", None


def _decode_png(data: bytes) -> Decoded:
    """Decode a PNG with imagecodecs, or with Pillow if that is not installed."""
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
    if b"eXIf" in data:
        from PIL import Image

        with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
            image = _upright(image, picture.getexif().get(_ORIENTATION))
    has_alpha = image.ndim == 3 and image.shape[2] in (2, 4)
    return _without_alpha(image) if has_alpha else Decoded(image)


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
        # Older versions of Pillow return 16-bit gray as 32-bit integers.
        image = np.asarray(picture)
        return image.astype(np.uint16) if picture.mode.startswith("I") else image


def _decode_jpeg(data: bytes) -> Decoded:
    """Decode a gray or RGB JPEG."""
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=["JPEG"]) as picture:
        check_size((picture.height, picture.width, len(picture.getbands())))
        if picture.mode not in ("L", "RGB"):
            raise ValueError(f"its colors are {picture.mode}: save it as gray or RGB")
        return Decoded(_upright(np.asarray(picture), picture.getexif().get(_ORIENTATION)))


def _decode_jpeg2000(data: bytes) -> Decoded:
    """Decode a JPEG 2000 of any depth."""
    from PIL import Image

    codec = import_optional("imagecodecs", feature="Reading JPEG 2000")
    with Image.open(io.BytesIO(data), formats=["JPEG2000"]) as picture:
        check_size((picture.height, picture.width, len(picture.getbands())))
    image = codec.jpeg2k_decode(data)
    has_alpha = image.ndim == 3 and image.shape[2] in (2, 4)
    return _without_alpha(image) if has_alpha else Decoded(image)


def _decode_with_pillow(data: bytes, kind: str) -> Decoded:
    """Decode the colors of an 8-bit picture."""
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=[kind]) as picture:
        check_size((picture.height, picture.width, 4))
        n_pictures = getattr(picture, "n_frames", 1)
        if n_pictures > 1:
            raise ValueError(f"it holds {n_pictures} pictures: save one per file")
        has_alpha = "transparency" in picture.info or picture.mode == "RGBA"
        image = np.asarray(picture.convert("RGBA" if has_alpha else "RGB"))
        image = _upright(image, picture.getexif().get(_ORIENTATION))
    return _without_alpha(image) if has_alpha else Decoded(image)


def _upright(image: NDArray[Any], orientation: Any) -> NDArray[Any]:
    """Turn and mirror an image by its EXIF orientation; all but 2 to 8 is upright."""
    if orientation not in _TURNED:
        return image
    if orientation > 4:
        image = image.swapaxes(0, 1)
    down, right = _TURNED[orientation]
    return image[::down, ::right]


def _decode_tiff(data: bytes) -> Decoded:
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
            raise ValueError(
                f"its axes {axes} of {series.shape} are not height, width, channel: save one "
                "picture, or one channel a page"
            )
        image = np.moveaxis(image, channel[0], -1) if channel else image
        orientation = page.tags.get(_ORIENTATION)
        image = _upright(image, orientation and orientation.value)
        if colors == "PALETTE":
            return Decoded((page.colormap.T[image] >> 8).astype(np.uint8))
        if colors == "MINISWHITE":
            if image.dtype.kind not in "bu":
                raise ValueError("white is zero in it, and its pixels are not unsigned integers")
            image = ~image
        alphas = [str(kind.name) for kind in page.extrasamples]
        has_alpha = alphas and alphas[-1] in ("ASSOCALPHA", "UNASSALPHA")
        return _without_alpha(image) if has_alpha else Decoded(image)


def _check_extents(offsets: Any, counts: Any, n_bytes: int) -> None:
    """Raise if the strips or tiles of a TIFF reach beyond the end of the file."""
    ends = [offset + count for offset, count in zip(offsets, counts, strict=True)]
    if ends and max(ends) > n_bytes:
        raise ValueError(f"truncated: {n_bytes} bytes of at least {max(ends)}")


def _decode_packed_fits(data: bytes, hdu: Sequence[str | int], module: Any) -> Decoded:
    """Unpack, up to a limit, and decode a FITS file."""
    with module.open(io.BytesIO(data)) as file:
        unpacked = file.read(MAX_BYTES + 1)
    if len(unpacked) > MAX_BYTES:
        raise ValueError(f"it unpacks to more than {MAX_BYTES} bytes: a bomb?")
    if not unpacked.startswith(b"SIMPLE  ="):
        raise ValueError("it is compressed, and what it holds is not FITS")
    return _decode_fits(unpacked, hdu)


def _decode_fits(data: bytes, hdu: Sequence[str | int]) -> Decoded:
    """Decode the science images of a FITS file."""
    image, header = read_fits(data, hdu)
    return Decoded(image, fits=header)


def _without_alpha(image: NDArray[Any]) -> Decoded:
    """Drop the alpha channel, the last one; it is a loss if it was not constant."""
    alpha = image[..., -1]
    return Decoded(image[..., :-1], bool(alpha.min() != alpha.max()))
