"""Choose the settings of the region on held-out sources, and measure how stable it is."""

from spurclust.tuning.scores import choose_setting, pool_metrics
from spurclust.tuning.search import SpuriousRegionDetectorCV
from spurclust.tuning.splitters import InspectedStratifiedKFold
from spurclust.tuning.stability import Steadiness, flag_stability, region_steadiness

__all__ = [
    "InspectedStratifiedKFold",
    "SpuriousRegionDetectorCV",
    "Steadiness",
    "choose_setting",
    "flag_stability",
    "pool_metrics",
    "region_steadiness",
]
