"""In which order to look, which sources to look at next, and why."""

from spurclust.ranking.calibration import inspection_rank
from spurclust.ranking.effort import expected_looks
from spurclust.ranking.explanation import SourceExplanation, explain_source
from spurclust.ranking.ranker import InspectionRanker
from spurclust.ranking.replay import replay_inspection
from spurclust.ranking.suggestions import outlyingness, suggest_sources

__all__ = [
    "InspectionRanker",
    "SourceExplanation",
    "expected_looks",
    "explain_source",
    "inspection_rank",
    "outlyingness",
    "replay_inspection",
    "suggest_sources",
]
