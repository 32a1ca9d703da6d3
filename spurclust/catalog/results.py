"""The tables of a run: make the table of sources, and read all tables from a folder."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from spurclust.catalog.formats.text_tables import unmark_text
from spurclust.catalog.sky import sky_viewer_links
from spurclust.catalog.source_columns import OWN_COLUMNS, TEXT_COLUMNS, free_names, plain_column
from spurclust.errors import CatalogError
from spurclust.labels import RELIABLE, SPURIOUS, UNINSPECTED
from spurclust.printing import short_repr

SOURCES = "sources.csv"
"""File of the table of sources."""

RANKER = "ranker.skops"
"""File of a run's ranker, beside that of its detector."""

_SOURCES_NEEDED = (
    *("source_id", "path", "label", "reason", "tsne_x", "tsne_y"),
    *("component", "spurious_probability", "flagged"),
)
_COMPONENTS_NEEDED = (
    *("component", "size", "n_inspected", "n_spurious"),
    *("fraction", "fraction_low", "fraction_high", "in_region"),
)
_AGAIN, _GIVE = "run `spurclust run` again", "give the folder that `spurclust run` wrote"


class RunTables(NamedTuple):
    """The tables and the summary of a run.

    Returned by `read_results`. The tables are equal to those that were written.

    Attributes
    ----------
    sources : DataFrame
        The table of `sources_table`: one row per source.
    components : DataFrame
        One row per component; the index is the number of the component.
    tuning : DataFrame or None
        The settings that a run with ``--tune`` has tried; None without it.
    summary : dict
        The content of ``summary.json``.
    """

    sources: pd.DataFrame
    components: pd.DataFrame
    tuning: pd.DataFrame | None
    summary: dict[str, Any]

    def __repr__(self) -> str:
        return short_repr(self)


def sources_table(
    source_ids: Sequence[object],
    *,
    embedding: ArrayLike,
    component: ArrayLike,
    spurious_probability: ArrayLike,
    flagged: ArrayLike,
    paths: Sequence[str | os.PathLike[str]] | None = None,
    y: ArrayLike | None = None,
    reasons: Sequence[str] | None = None,
    novelty: ArrayLike | None = None,
    stability: ArrayLike | None = None,
    inspection_rank: ArrayLike | None = None,
    inspection_probability: ArrayLike | None = None,
    label_suspicion: ArrayLike | None = None,
    inspect_next: ArrayLike | None = None,
    nearest_spurious: Sequence[str] | None = None,
    most_similar: Sequence[str] | None = None,
    positions: ArrayLike | None = None,
    columns: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return the table of all sources.

    One row per source, in the given order. `write_table` writes it. `read_labels` reads its labels
    with ``id_column="source_id"``, ``label_column="label"``, ``reason_column="reason"``,
    ``spurious_value=1``.

    Parameters
    ----------
    source_ids : sequence of str or int of length n_sources
        The ids; text in the table.
    embedding : array-like of shape (n_sources, 2)
        The t-SNE coordinates.
    component : array-like of shape (n_sources,)
        Component of each source, from 0.
    spurious_probability : array-like of shape (n_sources,)
        Spurious fraction at each source, 0 to 1.
    flagged : array-like of shape (n_sources,)
        Whether each source lies in the region.
    paths : sequence of str or path of length n_sources, default=None
        The files of the cutouts; None leaves them blank.
    y : array-like of shape (n_sources,), default=None
        1 spurious, 0 reliable, -1 uninspected; None means that all are uninspected.
    reasons : sequence of str of length n_sources, default=None
        Why each source is spurious; None leaves them blank.
    novelty : array-like of shape (n_sources,), default=None
        Distance of each source from the fitted ones; None leaves the column out.
    stability : array-like of shape (n_sources,), default=None
        Share of runs in which each source is flagged; None leaves the column out.
    inspection_rank : array-like of int of shape (n_sources,), default=None
        Rank in the order of inspection, from 1; None leaves the column out.
    inspection_probability : array-like of shape (n_sources,), default=None
        Probability that each source is spurious, by a ranker; None leaves the column out.
    label_suspicion : array-like of shape (n_sources,), default=None
        Probability that each label is wrong, NaN where there is none; None leaves the column out.
    inspect_next : array-like of int of shape (n_suggested,), default=None
        Indices of the sources to inspect next, the first one first; None leaves the column out.
    nearest_spurious : sequence of str of length n_sources, default=None
        Ids of the most similar known spurious sources; None leaves the column out.
    most_similar : sequence of str of length n_sources, default=None
        Ids of the most similar sources, whatever their labels; None leaves the column out.
    positions : array-like of shape (n_sources, 2), default=None
        Right ascension and declination in degrees, NaN where unknown; None leaves ra, dec and
        sky_viewer out.
    columns : DataFrame, default=None
        Other columns, such as magnitudes, one row per source.

    Returns
    -------
    DataFrame
        The columns source_id, path, label (missing if uninspected), reason, tsne_x, tsne_y,
        component, spurious_probability, flagged. If given: novelty, stability, inspection_rank,
        inspection_probability, label_suspicion, inspect_next (from 1, missing if not suggested),
        nearest_spurious, most_similar, ra, dec and sky_viewer (the address in Aladin Lite). Then
        the other columns, with " (in table)" after a name that is one of these.

    Raises
    ------
    ValueError
        When lengths differ, or `y` has other values.

    Examples
    --------
    >>> table = sources_table(
    ...     ["00123"],
    ...     embedding=[[0.5, 2.0]],
    ...     component=[3],
    ...     spurious_probability=[0.25],
    ...     flagged=[True],
    ... )
    >>> table["source_id"].item(), table["tsne_y"].item(), table["flagged"].item()
    ('00123', 2.0, True)
    """
    n_sources = len(source_ids)
    labels = np.full(n_sources, UNINSPECTED) if y is None else np.asarray(y)
    if not np.isin(labels, (SPURIOUS, RELIABLE, UNINSPECTED)).all():
        raise ValueError("y has values other than 1 (spurious), 0 (reliable), -1 (uninspected)")
    points = _pairs(embedding, "embedding")
    given = {
        "source_id": [str(source_id) for source_id in source_ids],
        "path": [""] * n_sources if paths is None else [os.fspath(path) for path in paths],
        "label": labels,
        "reason": [""] * n_sources if reasons is None else list(reasons),
        "tsne_x": points[:, 0],
        "tsne_y": points[:, 1],
        "component": _array(component, np.int64),
        "spurious_probability": _array(spurious_probability, np.float64),
        "flagged": _array(flagged, bool),
        "novelty": _array(novelty, np.float64),
        "stability": _array(stability, np.float64),
        "inspection_rank": _array(inspection_rank, np.int64),
        "inspection_probability": _array(inspection_probability, np.float64),
        "label_suspicion": _array(label_suspicion, np.float64),
        "inspect_next": _suggestion_numbers(inspect_next, n_sources),
        "nearest_spurious": None if nearest_spurious is None else list(nearest_spurious),
        "most_similar": None if most_similar is None else list(most_similar),
        **_sky_columns(positions),
        **_other_columns(columns),
    }
    table = _join({name: cells for name, cells in given.items() if cells is not None})
    return table.assign(label=table["label"].astype("Int8").mask(labels == UNINSPECTED))


def _array(values: ArrayLike | None, kind: type) -> NDArray[Any] | None:
    """Return values as an array of a kind, if there are any."""
    return None if values is None else np.asarray(values, dtype=kind)


def _suggestion_numbers(inspect_next: ArrayLike | None, n_sources: int) -> pd.Series[Any] | None:
    """Return the numbers of the suggested sources, from 1; missing for others."""
    if inspect_next is None:
        return None
    suggested = np.asarray(inspect_next, dtype=np.intp)
    numbers = pd.Series(np.arange(1, len(suggested) + 1), index=suggested)
    return numbers.reindex(range(n_sources)).astype("Int64")


def _sky_columns(positions: ArrayLike | None) -> dict[str, Any]:
    """Return the columns of positions on the sky."""
    if positions is None:
        return {}
    on_sky = _pairs(positions, "positions")
    return {"ra": on_sky[:, 0], "dec": on_sky[:, 1], "sky_viewer": sky_viewer_links(on_sky)}


def _other_columns(columns: pd.DataFrame | None) -> dict[str, Any]:
    """Return the columns of the team's tables, with names that differ from those of spurclust."""
    if columns is None:
        return {}
    cells = (plain_column(columns.iloc[:, k]) for k in range(columns.shape[1]))
    names = free_names(columns)
    return {name: one.reset_index(drop=True) for name, one in zip(names, cells, strict=True)}


def _join(columns: dict[str, Any]) -> pd.DataFrame:
    """Make a table of columns of equal length."""
    lengths = {name: len(cells) for name, cells in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"columns of different lengths: {lengths}")
    return pd.DataFrame(
        {
            name: _as_column(cells) if isinstance(cells, list) else cells
            for name, cells in columns.items()
        }
    )


def _as_column(texts: list[str]) -> pd.Series[Any]:
    """Make a column of texts; pyarrow cannot hold a file name that is not UTF-8."""
    try:
        return pd.Series(texts)
    except UnicodeEncodeError:
        return pd.Series(texts, dtype=object)


def _pairs(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """Return two numbers per source, or raise an error."""
    pairs = np.asarray(values, dtype=np.float64)
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise ValueError(f"{name} has the shape {pairs.shape}: it must be (n_sources, 2)")
    return pairs


def read_results(folder: str | os.PathLike[str]) -> RunTables:
    """Read the tables and the summary of a run.

    Use it to continue with a result in Python. The model and the plots are not read.

    Parameters
    ----------
    folder : str or path
        The folder of the results.

    Returns
    -------
    RunTables
        The tables.

    Raises
    ------
    CatalogError
        When a file or a column is missing, or a cell that must be a number is not one.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     read_results(folder)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    spurclust.errors.CatalogError: .../sources.csv is missing: give the folder that ...
    """
    path = Path(folder)
    for name in (SOURCES, "components.csv", "summary.json"):
        if not (path / name).is_file():
            raise CatalogError(f"{path / name} is missing: {_GIVE}")
    sources = _read_table(path / SOURCES, _SOURCES_NEEDED)
    components = _read_table(path / "components.csv", _COMPONENTS_NEEDED).set_index("component")
    summary = _read_summary(path / "summary.json")
    n_sources = (summary.get("labels") or {}).get("n_sources", len(sources))
    if n_sources != len(sources):
        raise CatalogError(
            f"{path / SOURCES} has {len(sources)} of the {n_sources} sources of the run: copy it "
            f"again, or {_AGAIN}"
        )
    tuning = path / "tuning.csv"
    return RunTables(
        sources=_checked_sources(path / SOURCES, sources, len(components)),
        components=components.astype({"in_region": bool}),
        tuning=_read_table(tuning, ()) if tuning.is_file() else None,
        summary=summary,
    )


def _read_table(path: Path, needed: Sequence[str]) -> pd.DataFrame:
    """Read a csv file, text as text and everything else as numbers or truth values."""
    try:
        # All cells as text first: the ids "NA" and "007" are neither missing nor a number.
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
        table = table.map(unmark_text).rename(columns=unmark_text)
    except (ValueError, pd.errors.ParserError) as error:
        raise CatalogError(f"{path} cannot be read as a table: {error}") from error
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise CatalogError(f"{path} has no column {', '.join(missing)}: {_AGAIN}")
    return pd.DataFrame({name: _typed(path, str(name), cells) for name, cells in table.items()})


def _typed(path: Path, name: str, cells: pd.Series[str]) -> pd.Series[Any]:
    """Convert a column of text to its type; columns of others have any type."""
    if name in TEXT_COLUMNS:
        return cells
    is_own = path.name != SOURCES or name in OWN_COLUMNS
    return _parsed(path, name, cells) if is_own else plain_column(cells)


def _parsed(path: Path, name: str, cells: pd.Series[str]) -> pd.Series[Any]:
    """Turn a column of text into truth values, integers or numbers; blank is NaN."""
    words = cells.str.strip().str.casefold()
    if words.isin(("true", "false")).all():
        return words == "true"
    numbers = pd.to_numeric(words.mask(words == ""), errors="coerce")
    wrong = numbers.isna() & ~words.isin(("", "nan"))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise CatalogError(
            f"{path}: {cells.iloc[row]!r} in the column {name}, row {row + 2}, is not a number"
        )
    if pd.api.types.is_integer_dtype(numbers):
        return numbers
    # Older versions of pandas do not parse numbers exactly.
    return pd.Series(words.mask(words == "", "nan").to_numpy(dtype=object).astype(np.float64))


def _checked_sources(path: Path, sources: pd.DataFrame, n_components: int) -> pd.DataFrame:
    """Convert the columns to their types; raise if they do not fit, or are of another run."""
    if not len(sources):
        raise CatalogError(f"{path} has no source: {_AGAIN}")
    repeated = sources["source_id"].duplicated()
    if repeated.any():
        text = sources["source_id"][repeated].iloc[0]
        raise CatalogError(f"{path} has the id {text!r} twice: {_AGAIN}")
    if not np.isin(sources["component"], np.arange(n_components)).all():
        raise CatalogError(
            f"{path} names components that components.csv does not have: the files are of "
            f"different runs, {_AGAIN}"
        )
    if not (sources["label"].isna() | sources["label"].isin((0, 1))).all():
        raise CatalogError(f"{path}: a cell of label is not 0, 1 or blank: {_AGAIN}")
    for name in ("tsne_x", "tsne_y", "flagged"):
        if not np.isfinite(sources[name]).all():
            raise CatalogError(f"{path}: a cell of {name} is not a number: {_AGAIN}")
    kinds: dict[str, Any] = {
        "label": "Int8",
        "component": np.int64,
        "flagged": bool,
        "inspect_next": "Int64",
    }
    return sources.astype({name: kind for name, kind in kinds.items() if name in sources})


def _read_summary(path: Path) -> dict[str, Any]:
    """Read the summary of a run."""
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CatalogError(f"{path} is damaged ({error}): {_AGAIN}") from error
    if not isinstance(summary, dict) or summary.get("written_by") != "spurclust":
        raise CatalogError(f"{path} is not of spurclust: {_GIVE}")
    return summary
