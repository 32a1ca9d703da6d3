"""In which order to inspect sources, which to inspect next, and why."""

from spurclust.ranking.effort import expected_effort, replay_inspection
from spurclust.ranking.explanation import SourceExplanation, explain_source
from spurclust.ranking.outlook import InspectionOutlook, inspection_outlook
from spurclust.ranking.ranker import InspectionRanker
from spurclust.ranking.sampling import sampling_p_value
from spurclust.ranking.similarity import similar_sources
from spurclust.ranking.suggestions import inspection_rank, outlyingness, suggest_sources
from spurclust.ranking.suspicion import label_suspicion

__all__ = [
    "InspectionOutlook",
    "InspectionRanker",
    "SourceExplanation",
    "expected_effort",
    "explain_source",
    "inspection_outlook",
    "inspection_rank",
    "label_suspicion",
    "outlyingness",
    "replay_inspection",
    "sampling_p_value",
    "similar_sources",
    "suggest_sources",
]
