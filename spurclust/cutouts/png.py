"""PNG files of every bit depth and colour type, checked to the last byte."""

import io
import struct
import threading
import zlib
from functools import cache
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from spurclust.cutouts.pixels import check_size, split_alpha
from spurclust.errors import import_optional

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PALETTE = 3
_PLAIN = (0, 2)
"""Grey, and red, green and blue."""
# Adam7: first column, first row, column step and row step of the seven passes.
_PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)


class _PngFile(NamedTuple):
    """What matters of a PNG file; `plain` is the file again, with nothing else in it."""

    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool
    transparency: bytes
    packed: bytes
    plain: bytes


def _parse_png(data: bytes) -> _PngFile:
    """Check every chunk, and keep those that make the picture."""
    kept: list[bytes] = []
    packed: list[bytes] = []
    transparency = b""
    position, kind = len(SIGNATURE), b""
    while kind != b"IEND":
        if position + 12 > len(data):
            raise ValueError("truncated: the file ends before its last chunk")
        length, kind = struct.unpack_from(">I4s", data, position)
        name = repr(kind)[1:]  # readable, whatever the bytes
        end = position + 12 + length
        if end > len(data):
            raise ValueError(f"truncated: the file ends within a {name} chunk")
        if zlib.crc32(data[position + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
            raise ValueError(f"the checksum of a {name} chunk is wrong")
        if kind == b"tRNS":
            transparency = data[position + 8 : end - 4]
        elif kind in (b"IHDR", b"PLTE", b"IDAT", b"IEND"):
            kept.append(data[position:end])
            if kind == b"IDAT":
                packed.append(data[position + 8 : end - 4])
        elif kind[:1].isupper():
            raise ValueError(f"it holds a critical chunk {name} that PNG does not know")
        position = end
    if kept[0][4:8] != b"IHDR" or len(kept[0]) != 25:
        raise ValueError("it does not begin with an image header")
    width, height, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", kept[0], 8)
    plain = SIGNATURE + b"".join(kept)
    return _PngFile(
        width, height, depth, colour, bool(interlaced), transparency, b"".join(packed), plain
    )


_own = threading.local()


def _own_memory(use: str, shape: tuple[int, ...], dtype: DTypeLike = np.uint8) -> NDArray[Any]:
    """Return memory that the thread keeps: fresh memory for each image costs a quarter more."""
    memory: NDArray[Any] | None = getattr(_own, use, None)
    if memory is None or memory.shape != shape or memory.dtype != dtype:
        memory = np.empty(shape, dtype=dtype)
        setattr(_own, use, memory)
    return memory


def _decode_scanlines(codec: ModuleType, png: _PngFile) -> NDArray[Any] | None:
    """Decode 8 bits of grey or red, green and blue; None where there is anything unusual.

    Grey saved as three equal channels, the usual cutout, is decoded as one, and comes back as one
    that is repeated without taking memory.
    """
    from spurclust.cutouts.scanlines import take_first_of_equal, undo_filters

    n_channels = _CHANNELS[png.colour]
    scanlines = _own_memory("scanlines", (png.height, 1 + png.width * n_channels))
    try:
        unpacked = codec.deflate_decode(png.packed, out=scanlines.reshape(-1))
    except Exception:  # of the codec's own kinds; what is wrong is for the usual decoder to say
        return None
    if len(unpacked) != scanlines.size:
        return None
    grey = _own_memory("grey", (png.height, 1 + png.width))
    is_grey = n_channels == 3 and take_first_of_equal(scanlines, grey)
    filtered, step = (grey, 1) if is_grey else (scanlines, n_channels)
    pixels = _own_memory("pixels", (png.height, png.width * step))
    if not undo_filters(filtered, step, pixels):
        return None
    if is_grey:
        return np.broadcast_to(pixels[..., np.newaxis], (png.height, png.width, 3))
    return pixels.reshape(png.height, png.width, step) if step > 1 else pixels


def _decode_with_codec(codec: ModuleType, png: _PngFile) -> NDArray[Any]:
    """Decode with imagecodecs."""
    if png.depth == 8 and png.colour in _PLAIN:
        image = _decode_scanlines(codec, png)
        if image is not None:
            return image
    n_channels = _CHANNELS[png.colour]
    shape = (png.height, png.width) if n_channels == 1 else (png.height, png.width, n_channels)
    memory = _own_memory("image", shape, np.uint16 if png.depth == 16 else np.uint8)
    decoded: NDArray[Any] = codec.png_decode(png.plain, out=memory)
    return decoded


@cache
def _fast_png_codec() -> ModuleType | None:
    """Return imagecodecs, which decodes a plain PNG faster than Pillow, if it is installed."""
    try:
        return import_optional("imagecodecs", feature="Fast PNG reading")
    except ImportError:
        return None


def decode_png(data: bytes) -> tuple[NDArray[Any], bool]:
    """Decode a PNG of any bit depth and colour type, until the thread decodes its next one."""
    png = _parse_png(data)
    if png.colour not in _CHANNELS:
        raise ValueError(f"colour type {png.colour} does not exist")
    check_size((png.height, png.width, _CHANNELS[png.colour]))
    codec: ModuleType | None = None
    if png.depth == 16 and png.colour:
        # Pillow would silently reduce these to 8 bits.
        codec = import_optional("imagecodecs", feature="Reading 16-bit colour PNG")
    elif png.depth >= 8 and png.colour != _PALETTE and not png.interlaced:
        codec = _fast_png_codec()
    image = _decode_with_pillow(png) if codec is None else _decode_with_codec(codec, png)
    if png.colour == _PALETTE:
        return image[..., :3], _uses_transparent_entries(image[..., 3], png.transparency)
    if png.colour in (4, 6):
        return split_alpha(image)
    return image, _has_key_colour(image, png)


def _decode_with_pillow(png: _PngFile) -> NDArray[Any]:
    """Decode with Pillow; a palette gives red, green, blue and the index."""
    from PIL import Image

    needed = _unpacked_size(png)
    if len(zlib.decompressobj().decompress(png.packed, needed)) < needed:
        # Pillow would fill the missing rows with zeros.
        raise ValueError("truncated: rows are missing from its pixel data")
    with Image.open(io.BytesIO(png.plain)) as picture:
        if png.colour == _PALETTE:
            return np.dstack([np.asarray(picture.convert("RGB")), np.asarray(picture)])
        # Older Pillow gives 16-bit grey as 32-bit integers.
        return np.asarray(picture).astype(np.uint16) if png.depth == 16 else np.asarray(picture)


def _unpacked_size(png: _PngFile) -> int:
    """Count the bytes that the pixel data of a PNG must unpack to."""
    bits = png.depth * _CHANNELS[png.colour]
    total = 0
    for column, row, column_step, row_step in _PASSES if png.interlaced else ((0, 0, 1, 1),):
        columns = -(-max(png.width - column, 0) // column_step)
        rows = -(-max(png.height - row, 0) // row_step)
        total += rows * (1 + -(-columns * bits // 8)) if columns else 0
    return total


def _uses_transparent_entries(index: NDArray[Any], transparency: bytes) -> bool:
    """Tell whether the palette entries in use differ in alpha."""
    alpha = np.full(256, 255, dtype=np.uint8)
    alpha[: len(transparency)] = np.frombuffer(transparency[:256], dtype=np.uint8)
    used = alpha[np.unique(index)]
    return bool(used.min() != used.max())


def _has_key_colour(image: NDArray[Any], png: _PngFile) -> bool:
    """Tell whether some, but not all, pixels have the colour that stands for transparent."""
    if not png.transparency:
        return False
    key = np.frombuffer(png.transparency, dtype=">u2")
    if png.depth < 8:
        key = key * (255 // (2**png.depth - 1))
    image = image * np.uint8(255) if image.dtype == bool else image
    match = (image.reshape(png.height * png.width, -1) == key).all(axis=1)
    return bool(match.any() and not match.all())
