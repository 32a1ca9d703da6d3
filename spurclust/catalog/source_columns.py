"""Other columns of the team's tables, such as magnitudes, for the table of sources."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spurclust.catalog.formats.sheets import Sheet, cell_text, is_missing

CANONICAL = ("source_id", "label", "reason")
"""The columns of every label table, whatever their names in the file."""

TEXT_COLUMNS = ("source_id", "path", "reason", "nearest_spurious", "most_similar", "sky_viewer")
"""Text columns of `sources_table`."""

OWN_COLUMNS = (
    *("source_id", "path", "label", "reason", "tsne_x", "tsne_y", "component"),
    *("spurious_probability", "flagged", "novelty", "stability", "inspection_rank", "inspect_next"),
    *("inspection_probability", "label_suspicion", "nearest_spurious", "most_similar"),
    *("ra", "dec", "sky_viewer"),
)
"""Names that `sources_table` may give to its own columns."""

# Only a table that spurclust wrote has all of them.
_MARKS = {"tsne_x", "tsne_y", "spurious_probability"}
# Without leading zeros, which show that it is a code, and with no more digits than a float has.
_NUMBER = re.compile(
    r"-?(0|[1-9][0-9]{0,14})(\.[0-9]+)?([eE][-+]?[0-9]+)?|-?[1-9][0-9]{15}\.0|-?inf"
)
_LARGEST_INTEGER = 10**15


def keep_columns(table: pd.DataFrame, rows: NDArray[np.intp]) -> pd.DataFrame | None:
    """Return the other columns of some rows, blank for the row -1; None if there are none."""
    own = OWN_COLUMNS if set(table) >= _MARKS else CANONICAL
    others = table.drop(columns=[name for name in own if name in table])
    chosen = {name: _take(cells, rows) for name, cells in others.items()}
    filled = {name: cells for name, cells in chosen.items() if not is_blank(cells).all()}
    return pd.DataFrame(filled) if filled else None


def _take(cells: "pd.Series[Any]", rows: NDArray[np.intp]) -> "pd.Series[Any]":
    """Return the cells of some rows, as a file would return them."""
    taken = plain_column(cells).reset_index(drop=True).reindex(rows).reset_index(drop=True)
    return plain_column(taken)


def is_blank(cells: "pd.Series[Any]") -> NDArray[np.bool_]:
    """Return which cells are missing or blank."""
    if pd.api.types.is_numeric_dtype(cells):
        return cells.isna().to_numpy()
    return np.array([cell_text(cell) == "" for cell in cells], dtype=bool)


def join_columns(first: pd.DataFrame | None, second: pd.DataFrame | None) -> pd.DataFrame | None:
    """Join the columns of two tables; in shared ones, cells of the second count unless blank."""
    if first is None or second is None:
        return second if first is None else first
    joined = first.copy()
    for name, cells in second.items():
        if name in joined:
            blank = is_blank(cells)
            cells = cells.astype(object).mask(blank, joined[name].astype(object))
        joined[name] = plain_column(cells)
    return joined


def plain_column(cells: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return a column as numbers, truth values or text, equal before and after a csv file."""
    if pd.api.types.is_bool_dtype(cells) and not cells.isna().any():
        return cells.astype(bool)
    if pd.api.types.is_integer_dtype(cells):
        digits = cells.dropna().abs().max() if cells.notna().any() else 0
        if digits < _LARGEST_INTEGER:
            return cells.astype(np.float64) if cells.isna().any() else cells.astype(np.int64)
    elif pd.api.types.is_numeric_dtype(cells):
        return cells.astype(np.float64)
    texts = ["" if is_missing(cell) else _text(cell) for cell in cells]
    words = {text.strip().casefold() for text in texts}
    if words <= {"true", "false"}:
        return pd.Series([text.strip().casefold() == "true" for text in texts], dtype=bool)
    return as_numbers(pd.Series(texts, index=cells.index, dtype=object))


def _text(cell: Any) -> str:
    """Return a cell as text."""
    return cell.decode("utf-8", "backslashreplace") if isinstance(cell, bytes) else str(cell)


def as_numbers(cells: "pd.Series[Any]") -> "pd.Series[Any]":
    """Turn a column of text into numbers, if that loses nothing."""
    texts = [cell_text(cell) for cell in cells]
    if not any(texts) or not all(_NUMBER.fullmatch(text) for text in texts if text):
        return cells
    if all(text and text.lstrip("-").isdecimal() for text in texts):
        return pd.Series([int(text) for text in texts], index=cells.index)
    values = [float(text) if text else np.nan for text in texts]
    return pd.Series(values, index=cells.index)


def with_other_columns(
    rows: pd.DataFrame, source: Sheet, columns: Sequence[int | None], counts: Sequence[str] = ()
) -> pd.DataFrame:
    """Add the other columns of a file to ids, labels, reasons and numbers of verdicts."""
    kept = rows[[*CANONICAL, *counts]].reset_index(drop=True)
    others: dict[str, pd.Series[Any]] = {}
    for index, name in enumerate(map(str, source.frame.columns)):
        if index in columns:
            continue
        free = name.strip() or f"column {index + 1}"
        while free in kept or free in others:
            free += " (in table)"
        cells = source.frame.iloc[rows.index, index].reset_index(drop=True)
        is_text = pd.api.types.is_object_dtype(cells) or pd.api.types.is_string_dtype(cells)
        others[free] = as_numbers(cells) if is_text else cells
    return pd.concat([kept, pd.DataFrame(others, index=kept.index)], axis=1)


def free_names(names: Iterable[object]) -> list[str]:
    """Return names for other columns that differ from those of spurclust, ignoring case."""
    taken = set(OWN_COLUMNS)
    free = []
    for given in names:
        name = str(given)
        while name.casefold() in taken:
            name += " (in table)"
        taken.add(name.casefold())
        free.append(name)
    return free
