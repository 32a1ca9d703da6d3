"""One image file in, its pixels out: formats, and what pixels go through on their way."""

from spurclust.cutouts.decoding.decode import (
    ABSURD,
    Decoded,
    UnreadableCutoutError,
    read_image,
)
from spurclust.cutouts.decoding.fits_images import FitsHeader
from spurclust.cutouts.decoding.pixels import canonical, convert, is_absurd, place, shrink

__all__ = [
    "ABSURD",
    "Decoded",
    "FitsHeader",
    "UnreadableCutoutError",
    "canonical",
    "convert",
    "is_absurd",
    "place",
    "read_image",
    "shrink",
]
