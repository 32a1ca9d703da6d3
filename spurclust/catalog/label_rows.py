"""Turn the rows of a label table into ids, labels and reasons, one row per source."""

from collections.abc import Callable, Sequence
from numbers import Number
from typing import TYPE_CHECKING, Any

import numpy as np

from spurclust.catalog.source_ids import id_text
from spurclust.catalog.table_readers import Sheet, shorten
from spurclust.errors import CatalogError

if TYPE_CHECKING:
    import pandas as pd

SPURIOUS, RELIABLE, UNINSPECTED = 1, 0, -1
# What spreadsheets, pandas and astropy write for "no value".
_MISSING_WORDS = frozenset({"", "nan", "na", "n/a", "#n/a", "<na>", "null", "none", "--"})
_TRUTH_WORDS = {"true": 1.0, "false": 0.0}


def parse_rows(source: Sheet, columns: Sequence[int | None], spurious_value: int) -> "pd.DataFrame":
    """Turn the cells into ids, labels and reasons, and number the rows."""
    import pandas as pd

    ids, labels, reasons = (
        [None] * len(source.frame) if column is None else list(source.frame.iloc[:, column])
        for column in columns
    )
    texts, id_problems = _each(ids, _source_id)
    if id_problems:
        raise CatalogError(
            f"{source.origin}: ids that cannot be used, in {_named(source, id_problems)}. Store "
            "ids as text or as whole numbers; a spreadsheet keeps only 15 digits of a number"
        )
    values, label_problems = _each(labels, lambda cell: _label(cell, spurious_value))
    if label_problems:
        named = [(row, f"{why}, id {texts[row]}") for row, why in label_problems]
        raise CatalogError(
            f"{source.origin}: labels that are neither 0 nor 1, in {_named(source, named)}. Leave "
            "the cell blank for an uninspected source"
        )
    return pd.DataFrame(
        {
            "source_id": pd.Series(texts, dtype=str),
            "label": np.array(values, dtype=np.int8),
            "reason": pd.Series([reason_text(cell) for cell in reasons], dtype=str),
            "row": np.arange(len(source.frame)),
        }
    )


def _each(
    cells: Sequence[object], convert: Callable[[object], Any]
) -> tuple[list[Any], list[tuple[int, str]]]:
    """Convert every cell; collect where that fails, and why."""
    values: list[Any] = []
    problems: list[tuple[int, str]] = []
    for row, cell in enumerate(cells):
        try:
            values.append(convert(cell))
        except ValueError as error:
            values.append(None)
            problems.append((row, str(error)))
    return values, problems


def _source_id(cell: object) -> str:
    """Return an id, "" for none."""
    text = "" if _is_missing(cell) else id_text(cell)
    return "" if text.casefold() == "nan" else text


def _label(cell: object, spurious_value: int) -> int:
    """Return the label that a cell stands for."""
    value: Any = cell
    if isinstance(cell, (str, bytes)) or _is_missing(cell):
        word = reason_text(cell).casefold()
        if not word:
            return UNINSPECTED
        try:
            value = _TRUTH_WORDS[word] if word in _TRUTH_WORDS else float(word)
        except ValueError:
            raise ValueError(repr(cell)) from None
    if not isinstance(value, (Number, np.bool_)) or value not in (0, 1):
        raise ValueError(repr(cell) if isinstance(cell, str) else str(cell))
    return SPURIOUS if value == spurious_value else RELIABLE


def reason_text(cell: object) -> str:
    """Return a reason, "" for none."""
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", "backslashreplace")
    text = "" if _is_missing(cell) else str(cell).strip()
    return "" if text.casefold() in _MISSING_WORDS else text


def _is_missing(cell: Any) -> bool:
    """Tell whether a cell is masked, NaN or None."""
    import pandas as pd

    return cell is np.ma.masked or (pd.api.types.is_scalar(cell) and bool(pd.isna(cell)))


def without_blank_rows(rows: "pd.DataFrame", source: Sheet, notes: list[str]) -> "pd.DataFrame":
    """Pass over rows without id; those that hold a label are an error, other cells a warning."""
    no_id = (rows["source_id"] == "").to_numpy()
    if not no_id.any():
        return rows
    labelled = rows.loc[no_id & (rows["label"] != UNINSPECTED), "row"].tolist()
    if labelled:
        raise CatalogError(
            f"{source.origin}: a label but no id, in {_rows_text(source, labelled)}: fill in the "
            "id, or clear the row"
        )
    blank = [
        not any(reason_text(cell) for cell in cells) for cells in source.frame[no_id].to_numpy()
    ]
    filled = [
        row for row, is_blank in zip(rows.loc[no_id, "row"], blank, strict=True) if not is_blank
    ]
    if filled:
        notes.append(
            f"{len(filled)} rows have neither id nor label and are left out: "
            f"{_rows_text(source, filled)}"
        )
    if no_id.all():
        raise CatalogError(f"{source.origin} has no id in any row: choose another id_column")
    return rows[~no_id]


def note_unlabelled_reasons(rows: "pd.DataFrame", source: Sheet, notes: list[str]) -> None:
    """Warn of reasons whose label was perhaps forgotten."""
    found = rows[(rows["label"] == UNINSPECTED) & (rows["reason"] != "")]
    if len(found):
        notes.append(
            f"{len(found)} rows have a reason but no label and count as uninspected: "
            f"{_rows_text(source, found['row'].tolist(), found['source_id'].tolist())}"
        )


def one_row_per_id(rows: "pd.DataFrame", source: Sheet, notes: list[str]) -> "pd.DataFrame":
    """Make one row of several with one id, unless their labels differ."""
    repeated = rows[rows.duplicated("source_id", keep=False)]
    if not len(repeated):
        return rows
    inspected = repeated[repeated["label"] != UNINSPECTED]
    n_labels = inspected.groupby("source_id")["label"].transform("nunique")
    conflicts = inspected[n_labels > 1].sort_values("source_id", kind="stable")
    if len(conflicts):
        where = _rows_text(source, conflicts["row"].tolist(), conflicts["source_id"].tolist())
        raise CatalogError(
            f"{source.origin}: spurious in one row and reliable in another: {where}. Keep one of "
            "them"
        )
    # The row that is kept comes first: the labelled, and of these the one with a reason.
    order = repeated.assign(
        later=repeated["label"] == UNINSPECTED, unexplained=repeated["reason"] == ""
    ).sort_values(["later", "unexplained"], kind="stable")
    dropped = repeated.loc[order.index[order.duplicated("source_id")].sort_values()]
    where = _rows_text(source, dropped["row"].tolist(), dropped["source_id"].tolist())
    notes.append(
        f"{len(dropped)} rows repeat an id without contradiction and are left out: {where}"
    )
    explained = inspected[inspected["reason"] != ""]
    n_reasons = explained.groupby("source_id")["reason"].transform("nunique")
    differing = explained[n_reasons > 1]
    if len(differing):
        where = _rows_text(source, differing["row"].tolist(), differing["source_id"].tolist())
        notes.append(f"different reasons for one id, the first is kept: {where}")
    return rows.drop(index=dropped.index)


def _named(source: Sheet, problems: Sequence[tuple[int, str]]) -> str:
    """List rows with what is wrong in each."""
    return shorten([f"row {row + source.first_row} ({why})" for row, why in problems])


def _rows_text(source: Sheet, rows: Sequence[int], ids: Sequence[str] | None = None) -> str:
    """List rows, with their ids."""
    if ids is None:
        return shorten([f"row {row + source.first_row}" for row in rows])
    return _named(source, [(row, f"id {text}") for row, text in zip(rows, ids, strict=True)])
