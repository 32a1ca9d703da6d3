"""Files in, files out: cutouts, labels, results, fitted detectors."""

from typing import TYPE_CHECKING, Any

from spurclust.catalog._label_merge import MergedLabels, format_merge, merge_labels
from spurclust.catalog.cutouts import (
    Cutouts,
    list_cutouts,
    read_cutouts,
    read_cutouts_like,
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
from spurclust.catalog.results import (
    check_output_folder,
    check_table_path,
    sources_table,
    write_results,
    write_table,
)
from spurclust.catalog.sky import sky_viewer_links, write_ds9_regions

if TYPE_CHECKING:
    from spurclust.catalog.fitted import FittedModels, load_fitted
    from spurclust.catalog.model import load_model, read_model_metadata, save_model
    from spurclust.catalog.reader import CutoutReader

__all__ = [
    "CatalogError",
    "CutoutReader",
    "Cutouts",
    "FittedModels",
    "Labels",
    "MatchedLabels",
    "MergedLabels",
    "check_output_folder",
    "check_table_path",
    "count_labels",
    "format_counts",
    "format_merge",
    "list_cutouts",
    "load_fitted",
    "load_model",
    "match_labels",
    "merge_labels",
    "read_cutouts",
    "read_cutouts_like",
    "read_labels",
    "read_model_metadata",
    "save_model",
    "sky_viewer_links",
    "source_ids_from_paths",
    "sources_table",
    "write_ds9_regions",
    "write_results",
    "write_table",
]

# What needs scikit-learn, whose import takes as long as reading a thousand cutouts.
_HOMES = {
    "CutoutReader": "reader",
    "FittedModels": "fitted",
    "load_fitted": "fitted",
    "load_model": "model",
    "read_model_metadata": "model",
    "save_model": "model",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
