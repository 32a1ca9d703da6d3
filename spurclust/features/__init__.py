"""Compute named features of cutouts."""

from spurclust.features.extractor import CutoutFeatures

__all__ = ["CutoutFeatures"]
