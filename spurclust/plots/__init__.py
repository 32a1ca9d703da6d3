"""Pictures of a fitted detector: the embedding, the components, the region, the cutouts.

Each display holds arrays, and ``plot(ax=...)`` draws them. The display then has `ax_` and
`figure_`, the axes and the figure of matplotlib. ``from_estimator`` takes the arrays from a fitted
`SpuriousRegionDetector`, and draws. matplotlib is imported when the first picture is drawn.
"""

from spurclust.plots.boundaries import ComponentsDisplay, RegionDisplay
from spurclust.plots.curves import CompletenessDisplay, StabilityDisplay, TuningDisplay
from spurclust.plots.embeddings import EmbeddingDisplay
from spurclust.plots.gallery import GalleryDisplay
from spurclust.plots.style import save_figure
from spurclust.plots.thumbnails import CutoutEmbeddingDisplay

__all__ = [
    "CompletenessDisplay",
    "ComponentsDisplay",
    "CutoutEmbeddingDisplay",
    "EmbeddingDisplay",
    "GalleryDisplay",
    "RegionDisplay",
    "StabilityDisplay",
    "TuningDisplay",
    "save_figure",
]
