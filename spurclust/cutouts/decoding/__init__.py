"""Read the pixels of one image file of any format."""

from spurclust.cutouts.decoding.archives import (
    ARCHIVES,
    PACKED_ARCHIVES,
    archive_of,
    list_archive,
)
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
    "ARCHIVES",
    "PACKED_ARCHIVES",
    "Decoded",
    "FitsHeader",
    "UnreadableCutoutError",
    "archive_of",
    "canonical",
    "convert",
    "is_absurd",
    "list_archive",
    "place",
    "read_image",
    "shrink",
]
