"""Find spurious sources among galaxy candidates.

Flatten each source's cutout, embed all of them with t-SNE, fit a Gaussian mixture on the embedding,
and flag every source in a component where enough of the inspected sources are spurious.
"""

from spurclust.detector import SpuriousRegionDetector
from spurclust.steps import TSNE, ImageFlattener, PixelPCA

__all__ = ["TSNE", "ImageFlattener", "PixelPCA", "SpuriousRegionDetector", "__version__"]

__version__ = "0.1.0"
