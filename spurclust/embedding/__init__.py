"""Numbers to points and their components: the steps between cutouts or features and the region."""

from spurclust.embedding.flatten import ImageFlattener
from spurclust.embedding.guided import GuidedProjection
from spurclust.embedding.mixture import GuidedMixture
from spurclust.embedding.tsne import TSNE

__all__ = ["TSNE", "GuidedMixture", "GuidedProjection", "ImageFlattener"]
