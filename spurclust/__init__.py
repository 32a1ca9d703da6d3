"""Find spurious sources among galaxy candidates.

Compute features of each source's cutout (or flatten it), embed all of them with t-SNE, fit a
Gaussian mixture on the embedding, and flag every source in a component where enough of the
inspected sources are spurious.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spurclust.analysis import Analysis, analyze, load_analysis
    from spurclust.detector import SpuriousRegionDetector
    from spurclust.embedding import TSNE, GuidedProjection, ImageFlattener
    from spurclust.features import CutoutFeatures
    from spurclust.inspection import Inspection
    from spurclust.ranking import InspectionRanker
    from spurclust.reference import choose_reference
    from spurclust.tuning import SpuriousRegionDetectorCV

__all__ = [
    "TSNE",
    "Analysis",
    "CutoutFeatures",
    "GuidedProjection",
    "ImageFlattener",
    "Inspection",
    "InspectionRanker",
    "SpuriousRegionDetector",
    "SpuriousRegionDetectorCV",
    "__version__",
    "analyze",
    "choose_reference",
    "load_analysis",
]

__version__ = "0.1.0"

# Imported when first used: reading files need not wait for scikit-learn.
_HOMES = {
    "Analysis": "analysis",
    "analyze": "analysis",
    "load_analysis": "analysis",
    "SpuriousRegionDetector": "detector",
    "SpuriousRegionDetectorCV": "tuning",
    "Inspection": "inspection",
    "InspectionRanker": "ranking",
    "choose_reference": "reference",
    "TSNE": "embedding",
    "CutoutFeatures": "features",
    "GuidedProjection": "embedding",
    "ImageFlattener": "embedding",
}
_MODULES = frozenset(
    {
        "analysis",
        "catalog",
        "cutouts",
        "detector",
        "embedding",
        "errors",
        "features",
        "inspection",
        "metrics",
        "novelty",
        "plots",
        "ranking",
        "reference",
        "region",
        "report",
        "scale",
        "simulate",
        "tuning",
    }
)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
