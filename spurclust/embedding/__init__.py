"""The steps from cutouts or features to the region: rows, points and components."""

from spurclust.embedding.flatten import ImageFlattener
from spurclust.embedding.guided import GuidedProjection
from spurclust.embedding.mixture import GuidedMixture
from spurclust.embedding.tsne import TSNE

__all__ = ["TSNE", "GuidedMixture", "GuidedProjection", "ImageFlattener"]
