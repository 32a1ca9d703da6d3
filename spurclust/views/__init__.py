"""Pictures of a fitted detector: the embedding, the components, the region, the cutouts.

Each display holds arrays and draws them with ``plot(ax=...)``; ``from_estimator`` takes them from
a fitted `SpuriousRegionDetector` and draws. matplotlib is imported when the first picture is drawn.
"""

from spurclust.views.curves import CompletenessDisplay, TuningDisplay
from spurclust.views.gallery import GalleryDisplay
from spurclust.views.plots import ComponentsDisplay, EmbeddingDisplay
from spurclust.views.region import RegionDisplay
from spurclust.views.stability import StabilityDisplay
from spurclust.views.style import save_figure
from spurclust.views.thumbnails import CutoutEmbeddingDisplay

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
