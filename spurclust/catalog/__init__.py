"""Tables in, tables out: labels, results, sky regions, fitted detectors."""

from typing import TYPE_CHECKING, Any

from spurclust.catalog.label_merge import MergedLabels, format_merge, merge_labels
from spurclust.catalog.label_tables import (
    Labels,
    MatchedLabels,
    count_labels,
    format_counts,
    match_labels,
    read_labels,
)
from spurclust.catalog.results import (
    RunTables,
    check_output_folder,
    check_table_path,
    read_results,
    sources_table,
    write_results,
    write_table,
)
from spurclust.catalog.sky import sky_viewer_links, write_ds9_regions

if TYPE_CHECKING:
    from spurclust.catalog.fitted import FittedModels, load_fitted
    from spurclust.catalog.models import load_model, read_model_metadata, save_model

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
    "sky_viewer_links",
    "sources_table",
    "write_ds9_regions",
    "write_results",
    "write_table",
]

# What needs scikit-learn, whose import takes as long as reading a thousand cutouts.
_HOMES = {
    "FittedModels": "fitted",
    "load_fitted": "fitted",
    "load_model": "models",
    "read_model_metadata": "models",
    "save_model": "models",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
