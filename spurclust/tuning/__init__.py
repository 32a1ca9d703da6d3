"""Choose the settings of the region on sources that were held out, and tell how stable it is."""

from spurclust.tuning.choice import choose_setting
from spurclust.tuning.search import SpuriousRegionDetectorCV
from spurclust.tuning.splitters import InspectedStratifiedKFold
from spurclust.tuning.stability import flag_stability

__all__ = [
    "InspectedStratifiedKFold",
    "SpuriousRegionDetectorCV",
    "choose_setting",
    "flag_stability",
]
