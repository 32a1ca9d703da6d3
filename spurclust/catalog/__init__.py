"""Read and write tables: labels, results, sky regions and saved models."""

from spurclust.catalog.label_matching import (
    MatchedLabels,
    MergedLabels,
    match_labels,
    merge_labels,
)
from spurclust.catalog.label_tables import Labels, read_catalogue, read_labels
from spurclust.catalog.models import (
    FittedModels,
    load_fitted,
    load_model,
    save_model,
)
from spurclust.catalog.results import RunTables, read_results, sources_table
from spurclust.catalog.sky import write_ds9_regions
from spurclust.catalog.table_writers import write_table
from spurclust.catalog.verdicts import MergedVerdicts, merge_verdicts

__all__ = [
    "FittedModels",
    "Labels",
    "MatchedLabels",
    "MergedLabels",
    "MergedVerdicts",
    "RunTables",
    "load_fitted",
    "load_model",
    "match_labels",
    "merge_labels",
    "merge_verdicts",
    "read_catalogue",
    "read_labels",
    "read_results",
    "save_model",
    "sources_table",
    "write_ds9_regions",
    "write_table",
]
