"""Where cutouts come from: files, tables of paths, array stores, arrays."""

from typing import TYPE_CHECKING, Any

from spurclust.cutouts.read import (
    Cutouts,
    list_cutouts,
    read_cutouts,
    read_cutouts_like,
    source_ids_from_paths,
)

if TYPE_CHECKING:
    from spurclust.cutouts.reader import CutoutReader

__all__ = [
    "CutoutReader",
    "Cutouts",
    "list_cutouts",
    "read_cutouts",
    "read_cutouts_like",
    "source_ids_from_paths",
]


def __getattr__(name: str) -> Any:
    if name != "CutoutReader":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # It needs scikit-learn, whose import takes as long as reading a thousand cutouts.
    from spurclust.cutouts.reader import CutoutReader

    return CutoutReader


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
