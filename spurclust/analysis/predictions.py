"""The page of a folder of predictions."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spurclust.analysis.folder import REPORT
from spurclust.analysis.outcome import Analysis
from spurclust.errors import CatalogError, import_optional

if TYPE_CHECKING:
    import pandas as pd

MAX_SOURCES = 50_000
"""Maximum number of sources in the page; a browser draws more too slowly."""

_MAX_COMPONENTS = 10_000
_MARK, _HEAD = b"spurclust report", 100_000
_AGAIN = "run the same `spurclust predict` command again"


def report_predictions(
    folder: str | os.PathLike[str], out: str | os.PathLike[str] | None = None, **options: Any
) -> list[str]:
    """Write the page of a folder of predictions.

    It shows the embedding of the new sources, the flagged ones with their cutouts, and the view to
    judge them. It has nothing about labels, because new sources have none. If there are more than
    50 000 sources, it shows the flagged ones first, and others at random.

    Parameters
    ----------
    folder : str or path-like
        Complete predictions of ``spurclust predict`` or `spurclust.scale.write_predictions`.
    out : str or path-like, default=None
        The page; None is ``report.html`` in the folder.
    **options : dict
        As for `Analysis.write_report`.

    Returns
    -------
    list of str
        Sentences about what the page leaves out.

    Raises
    ------
    CatalogError
        When the predictions are missing, incomplete or damaged.

    Examples
    --------
    >>> from spurclust.analysis import report_predictions
    >>> report_predictions("no such folder")
    Traceback (most recent call last):
        ...
    spurclust.errors.CatalogError: no such folder/manifest.json cannot be read: give the folder \
that `spurclust predict` wrote
    """
    from spurclust.catalog import sources_table
    from spurclust.ranking import inspection_rank

    path = Path(folder)
    manifest = _read_manifest(path)
    page = path / REPORT if out is None else Path(out)
    if out is None and page.exists() and _MARK not in page.read_bytes()[:_HEAD]:
        raise CatalogError(
            f"{page} is not from an earlier report: move it away, or choose another file with --out"
        )
    found = _read_parts(path)
    counts = _counts(found, path)
    rows = _choose(found)
    shown = found.iloc[rows].reset_index(drop=True)
    probability, ids = shown.get("inspection_probability"), shown["source_id"].tolist()
    rank = None if probability is None else inspection_rank(probability, ids)
    sources = sources_table(
        ids,
        paths=shown["path"].tolist() if "path" in shown else None,
        embedding=shown[["tsne_x", "tsne_y"]].to_numpy(),
        component=shown["component"],
        spurious_probability=shown["spurious_probability"],
        flagged=shown["flagged"],
        novelty=shown.get("novelty"),
        inspection_rank=rank,
        inspection_probability=probability,
        positions=shown[["ra", "dec"]] if {"ra", "dec"} <= set(shown) else None,
    )
    reading = manifest.get("reading")
    summary = {"written_by": "spurclust", "predictions": counts, "reading": reading}
    analysis = Analysis(path.resolve().name, sources, _components(found), summary)
    return analysis.write_report(page, **options)


def _read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a folder; raise if predictions are missing."""
    from spurclust.cutouts.files import MANIFEST, PREDICTIONS

    path = folder / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CatalogError(
            f"{path} cannot be read: give the folder that `spurclust predict` wrote"
        ) from error
    is_manifest = isinstance(manifest, dict) and isinstance(manifest.get("reading", {}), dict)
    if not is_manifest or manifest.get("format") != PREDICTIONS:
        raise CatalogError(
            f"{path} is not a manifest of spurclust's predictions: give their folder"
        )
    if manifest.get("complete") is not True:
        raise CatalogError(f"the predictions in {folder} are not complete: {_AGAIN}, then report")
    return manifest


def _read_parts(folder: Path) -> "pd.DataFrame":
    """Read the predictions of all sources."""
    import pandas as pd

    import_optional("pyarrow", feature="Reading predictions", extra="scale")
    parts = folder / "sources"
    try:
        found = pd.read_parquet(parts)
        found = found.astype({"source_id": str, "component": np.int64, "flagged": bool})
        points = found[["tsne_x", "tsne_y", "spurious_probability"]].to_numpy(dtype=np.float64)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CatalogError(f"{parts} cannot be read ({error}): {_AGAIN}") from error
    is_known = found["component"].between(0, _MAX_COMPONENTS)
    if not len(found) or not np.isfinite(points).all() or not is_known.all():
        raise CatalogError(f"{parts} holds no predictions, or damaged ones: {_AGAIN}")
    return found


def _counts(found: "pd.DataFrame", folder: Path) -> dict[str, int]:
    """Return the counts of all sources for the page."""
    import pandas as pd

    errors = folder / "errors.csv"
    return {
        "n_sources": len(found),
        "n_flagged": int(found["flagged"].sum()),
        "n_novel": int((found["novelty"] > 1).sum()) if "novelty" in found else 0,
        "n_unreadable": len(pd.read_csv(errors, dtype=str)) if errors.is_file() else 0,
    }


def _choose(found: "pd.DataFrame") -> "np.ndarray[Any, Any]":
    """Choose the sources of the page: all, or flagged ones first and others at random."""
    if len(found) <= MAX_SOURCES:
        return np.arange(len(found))
    chance = np.random.default_rng(0).random(len(found))
    order = np.lexsort((chance, -found["spurious_probability"] * found["flagged"]))
    return np.sort(order[:MAX_SOURCES])


def _components(found: "pd.DataFrame") -> "pd.DataFrame":
    """Return the table of components, without columns from labels."""
    grouped = found.groupby("component")
    table = grouped["spurious_probability"].agg(size="size", fraction="mean")
    table["in_region"] = grouped["flagged"].mean() > 0.5
    table = table.reindex(range(int(found["component"].max()) + 1))
    table["in_region"] = table["in_region"].eq(True)
    unknown = {"n_inspected": 0, "n_spurious": 0, "fraction_low": np.nan, "fraction_high": np.nan}
    filled: pd.DataFrame = table.fillna({"size": 0}).assign(**unknown)
    return filled
