"""The detector's steps, each a scikit-learn transformer that is useful alone."""

from spurclust.steps.embed import TSNE
from spurclust.steps.features import CutoutFeatures
from spurclust.steps.flatten import ImageFlattener
from spurclust.steps.guide import GuidedProjection
from spurclust.steps.reduce import PixelPCA

__all__ = ["TSNE", "CutoutFeatures", "GuidedProjection", "ImageFlattener", "PixelPCA"]
