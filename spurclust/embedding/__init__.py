"""Numbers to points: the steps between cutouts or features and the embedding."""

from spurclust.embedding.flatten import ImageFlattener
from spurclust.embedding.guided import GuidedProjection
from spurclust.embedding.tsne import TSNE

__all__ = ["TSNE", "GuidedProjection", "ImageFlattener"]
