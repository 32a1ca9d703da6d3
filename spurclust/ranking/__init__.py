"""In which order to look, which sources to look at next, and why."""

from spurclust.ranking.looks import expected_looks
from spurclust.ranking.ranker import InspectionRanker, inspection_rank

__all__ = ["InspectionRanker", "expected_looks", "inspection_rank"]
