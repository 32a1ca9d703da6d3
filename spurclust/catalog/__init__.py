"""Tables in, tables out: labels, results, sky regions, saved models."""

from spurclust.catalog.label_matching import (
    MatchedLabels,
    MergedLabels,
    count_labels,
    format_counts,
    format_merge,
    match_labels,
    merge_labels,
)
from spurclust.catalog.label_tables import Labels, read_labels
from spurclust.catalog.models import (
    FittedModels,
    load_fitted,
    load_model,
    read_model_metadata,
    save_model,
)
from spurclust.catalog.output import check_output_folder, write_results
from spurclust.catalog.results import RunTables, read_results, sources_table
from spurclust.catalog.sky import write_ds9_regions
from spurclust.catalog.table_writers import check_table_path, write_table

__all__ = [
    "FittedModels",
    "Labels",
    "MatchedLabels",
    "MergedLabels",
    "RunTables",
    "check_output_folder",
    "check_table_path",
    "count_labels",
    "format_counts",
    "format_merge",
    "load_fitted",
    "load_model",
    "match_labels",
    "merge_labels",
    "read_labels",
    "read_model_metadata",
    "read_results",
    "save_model",
    "sources_table",
    "write_ds9_regions",
    "write_results",
    "write_table",
]
