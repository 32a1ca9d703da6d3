"""Files in, files out: cutouts, labels, results, fitted detectors."""

from spurclust.catalog.cutouts import (
    CutoutReader,
    Cutouts,
    list_cutouts,
    read_cutouts,
    source_ids_from_paths,
)
from spurclust.catalog.errors import CatalogError
from spurclust.catalog.labels import (
    Labels,
    MatchedLabels,
    count_labels,
    format_counts,
    match_labels,
    read_labels,
)
from spurclust.catalog.model import load_model, read_model_metadata, save_model
from spurclust.catalog.results import (
    check_output_folder,
    check_table_path,
    sources_table,
    write_results,
    write_table,
)

__all__ = [
    "CatalogError",
    "CutoutReader",
    "Cutouts",
    "Labels",
    "MatchedLabels",
    "check_output_folder",
    "check_table_path",
    "count_labels",
    "format_counts",
    "list_cutouts",
    "load_model",
    "match_labels",
    "read_cutouts",
    "read_labels",
    "read_model_metadata",
    "save_model",
    "source_ids_from_paths",
    "sources_table",
    "write_results",
    "write_table",
]
