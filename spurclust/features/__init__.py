"""Cutouts to named numbers."""

from spurclust.features.extractor import CutoutFeatures

__all__ = ["CutoutFeatures"]
