"""Read cutouts from files, tables of paths, array stores, mosaics and arrays."""

from spurclust.cutouts.bands import source_ids_from_paths
from spurclust.cutouts.files import list_cutouts
from spurclust.cutouts.formats import ImageFormat, ReadOptions
from spurclust.cutouts.gather import Cutouts, warn_of_losses
from spurclust.cutouts.mosaics import open_mosaics
from spurclust.cutouts.reader import CutoutReader
from spurclust.cutouts.source import CutoutSource, open_cutouts, read_cutouts

__all__ = [
    "CutoutReader",
    "CutoutSource",
    "Cutouts",
    "ImageFormat",
    "ReadOptions",
    "list_cutouts",
    "open_cutouts",
    "open_mosaics",
    "read_cutouts",
    "source_ids_from_paths",
    "warn_of_losses",
]
