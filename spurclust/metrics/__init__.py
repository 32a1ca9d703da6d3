"""How good a region or an order of inspection is, and how certain that is.

A region of all sources has a completeness (recall) of 1. So read completeness beside the workload,
or use a metric of both, such as `workload_at_completeness` or the scorer
"constrained_neg_workload". Uninspected sources never count. A metric holds for the survey if the
inspected sources are a random part of it. If they are not, inspect a random sample of the unflagged
(`draw_audit_sample`).
"""

from spurclust.metrics.agreement import Kappa, agreement_table, cohen_kappa, fleiss_kappa
from spurclust.metrics.bounds import (
    completeness_lower_bound,
    confidence_sequence,
    draw_audit_sample,
    inspections_needed,
    remaining_upper_bound,
)
from spurclust.metrics.completeness_curves import (
    average_precision,
    completeness_at_workload,
    completeness_curve,
    work_saved_over_sampling,
    workload_at_completeness,
)
from spurclust.metrics.fractions import (
    FractionInterval,
    binomial_interval,
    completeness,
    completeness_interval,
    purity,
    purity_interval,
    workload,
)
from spurclust.metrics.scorers import get_scorer, get_scorer_names

__all__ = [
    "FractionInterval",
    "Kappa",
    "agreement_table",
    "average_precision",
    "binomial_interval",
    "cohen_kappa",
    "completeness",
    "completeness_at_workload",
    "completeness_curve",
    "completeness_interval",
    "completeness_lower_bound",
    "confidence_sequence",
    "draw_audit_sample",
    "fleiss_kappa",
    "get_scorer",
    "get_scorer_names",
    "inspections_needed",
    "purity",
    "purity_interval",
    "remaining_upper_bound",
    "work_saved_over_sampling",
    "workload",
    "workload_at_completeness",
]
