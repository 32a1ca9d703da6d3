"""One image file in, one array of its own pixels out.

The format is told from the content, never from the suffix. Nothing is lost on the way except an
alpha channel: 16 bits stay 16 bits, and a file cut short is an error, not a partly grey picture.
"""

import gzip
import io
import os
import stat
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spurclust.cutouts.pixels import MAX_VALUES, canonical, check_size, split_alpha
from spurclust.cutouts.png import SIGNATURE, decode_png
from spurclust.errors import CatalogError, import_optional

# The largest array with 8 bytes a value, and room for headers.
MAX_BYTES = 8 * MAX_VALUES + 2**20

_TIFF_BITS, _TIFF_PHOTOMETRIC, _TIFF_FORMAT, _TIFF_EXTRA = 258, 262, 339, 338
_TIFF_UNASSOCIATED_ALPHA = 2
# Offsets and byte counts of the strips and of the tiles.
_TIFF_EXTENTS = ((273, 279), (324, 325))


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


def read_image(path: str) -> Decoded:
    """Read one image file, in native byte order, without its alpha channel.

    The memory may be written again when the thread reads its next image: copy what is kept.
    """
    try:
        data = _read_bytes(path)
    except OSError as error:
        raise UnreadableCutoutError(path, _explain(path, error)) from error
    name, decode = _decoder(data)
    if decode is None:
        raise UnreadableCutoutError(path, name)
    try:
        image, lost_alpha = decode(data)
        return Decoded(canonical(image), lost_alpha)
    except (ImportError, MemoryError):
        raise
    except Exception as error:  # decoders raise whatever they like
        detail = str(error).strip() or type(error).__name__
        reason = f"it is damaged or not a {name} image of a kind known here ({detail})"
        raise UnreadableCutoutError(path, reason) from error


def _read_bytes(path: str) -> bytes:
    """Read a regular file of plausible size."""
    # A Path, of a small file, takes longer than reading it.
    status = os.stat(path)  # noqa: PTH116
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
        raise OSError("it is not a regular file")
    if status.st_size > MAX_BYTES:
        raise OSError(f"it is larger than any cutout (over {MAX_BYTES} bytes)")
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        # One byte more than there are tells that there are no more, without a second read.
        data = file.read(status.st_size + 1)
        return data if len(data) == status.st_size else data + file.readall()


def _explain(path: str, error: OSError) -> str:
    """Say why a file cannot be opened."""
    if isinstance(error, FileNotFoundError):
        if Path(path).is_symlink():
            return f"it is a link to a file that does not exist ({Path(path).readlink()})"
        return "there is no such file"
    if isinstance(error, IsADirectoryError):
        return "it is a folder, not a file"
    if isinstance(error, PermissionError):
        return "its permissions do not let you read it"
    return error.strerror or str(error)


def _decoder(data: bytes) -> tuple[str, Any]:
    """Tell the format from the first bytes: its name and decoder, or a complaint and None."""
    if not data:
        return "it is empty (0 bytes)", None
    if data.startswith(SIGNATURE):
        return "PNG", decode_png
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG", _decode_jpeg
    if data[:4] in {b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"}:
        return "TIFF", _decode_tiff
    if data.startswith(b"SIMPLE  ="):
        return "FITS", _decode_fits
    if data.startswith(b"\x1f\x8b"):
        return "gzip-compressed FITS", _decode_fits_gz
    return f"it is not a PNG, JPEG, TIFF or FITS image (it begins with {data[:16]!r})", None


def _decode_jpeg(data: bytes) -> tuple[NDArray[Any], bool]:
    """Decode a grey or RGB JPEG."""
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=["JPEG"]) as picture:
        check_size((picture.height, picture.width, len(picture.getbands())))
        if picture.mode not in ("L", "RGB"):
            raise ValueError(f"its colours are {picture.mode}: save it as grey or RGB")
        return np.asarray(picture), False


def _decode_tiff(data: bytes) -> tuple[NDArray[Any], bool]:
    """Decode a TIFF: with Pillow where that loses nothing, else with tifffile."""
    from PIL import Image, UnidentifiedImageError

    try:
        picture = Image.open(io.BytesIO(data), formats=["TIFF"])
    except UnidentifiedImageError:
        return _decode_tiff_with_tifffile(data)
    with picture:
        check_size((picture.height, picture.width, len(picture.getbands())))
        if not _is_plain_tiff(picture):
            return _decode_tiff_with_tifffile(data)
        tags = picture.tag_v2  # type: ignore[attr-defined]
        for offsets, counts in _TIFF_EXTENTS:
            _check_extents(tags.get(offsets, ()), tags.get(counts, ()), len(data))
        if picture.mode == "P":
            return np.asarray(picture.convert("RGB")), False
        image = np.asarray(picture)
        return split_alpha(image) if picture.mode in ("LA", "RGBA") else (image, False)


def _is_plain_tiff(picture: Any) -> bool:
    """Tell whether Pillow reads all that the file holds, as it is stored."""
    tags = picture.tag_v2
    bits = set(tags.get(_TIFF_BITS, (1,)))
    formats = set(tags.get(_TIFF_FORMAT, (1,)))
    samples = len(tags.get(_TIFF_BITS, (1,)))
    extra = tuple(tags.get(_TIFF_EXTRA, ()))
    if getattr(picture, "n_frames", 1) != 1 or samples != len(picture.getbands()):
        return False
    if picture.mode in ("1", "P"):
        return formats == {1}
    if picture.mode in ("L", "RGB", "LA", "RGBA"):
        return formats == {1} and bits == {8} and extra in ((), (_TIFF_UNASSOCIATED_ALPHA,))
    if tags.get(_TIFF_PHOTOMETRIC) != 1:
        return False
    kinds = {"I;16": (16, 1), "I;16B": (16, 1), "F": (32, 3)}
    return any(
        picture.mode == mode and bits == {depth} and formats == {kind}
        for mode, (depth, kind) in kinds.items()
    )


def _check_extents(offsets: Any, counts: Any, n_bytes: int) -> None:
    """Refuse a TIFF whose strips or tiles reach beyond the end of the file."""
    ends = [offset + count for offset, count in zip(offsets, counts, strict=True)]
    if ends and max(ends) > n_bytes:
        raise ValueError(f"truncated: {n_bytes} bytes of at least {max(ends)}")


def _decode_tiff_with_tifffile(data: bytes) -> tuple[NDArray[Any], bool]:
    """Decode a TIFF of any depth and channel count; several pages are channels."""
    tifffile = import_optional("tifffile", feature="Reading TIFF of this kind")
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        if len(file.series) != 1:
            raise ValueError(f"it holds {len(file.series)} pictures: save one per file")
        series = file.series[0]
        page = series.keyframe
        check_size(series.shape)
        for part in file.pages:
            _check_extents(part.dataoffsets, part.databytecounts, len(data))
        if page.photometric.name not in ("MINISBLACK", "MINISWHITE", "RGB"):
            raise ValueError(f"its colours are {page.photometric.name}: save it as grey or RGB")
        image, axes = series.asarray(), series.axes
        channel = [k for k, axis in enumerate(axes) if axis not in "YX"]
        if len(axes) - len(channel) != 2 or len(channel) > 1:
            raise ValueError(f"its axes {axes} of {series.shape} are not height, width, channel")
        image = np.moveaxis(image, channel[0], -1) if channel else image
        if page.photometric.name == "MINISWHITE":
            if image.dtype.kind != "u":
                raise ValueError("white is zero in it, and its pixels are not unsigned integers")
            image = np.iinfo(image.dtype).max - image
        alphas = [str(kind.name) for kind in page.extrasamples]
        if alphas and alphas[-1] in ("ASSOCALPHA", "UNASSALPHA"):
            return split_alpha(image)
        return image, False


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
    if image.ndim == 3:
        image = np.moveaxis(image, 0, -1)
    return image, False
