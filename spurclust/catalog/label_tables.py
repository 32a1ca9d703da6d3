"""Read people's labels from a table: cells to ids, labels and reasons, one row per source."""

import os
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from numbers import Integral, Number, Real
from typing import Any, Literal

import numpy as np
import pandas as pd

from spurclust.catalog.source_columns import as_numbers
from spurclust.catalog.table_readers import (
    Sheet,
    cell_text,
    find_column,
    find_names,
    folded,
    is_missing,
    read_sheet,
    shorten,
)
from spurclust.errors import CatalogError
from spurclust.labels import RELIABLE, SPURIOUS, UNINSPECTED

CANONICAL = ("source_id", "label", "reason")
"""The columns that every label table has, whatever they are called in the file."""

_DEFAULT_REASON = "Reason"
_TRUTH_WORDS = {"true": 1.0, "false": 0.0}
# As spreadsheets and printf write large numbers. Without point or plus sign, 12e4, it is text.
_SCIENTIFIC = re.compile(r"-?[0-9](?:\.[0-9]+[eE]\+?|[eE]\+)[0-9]{1,3}")
# Beyond these, neighboring floating-point numbers are more than 1 apart.
_LARGEST_EXACT = 2**53 - 1
_LARGEST_EXACT_SINGLE = 2**24 - 1


@dataclass(frozen=True, eq=False)
class Labels:
    """The labels of a table, one row per source.

    Returned by `read_labels`; `match_labels` joins it to the cutouts.

    Attributes
    ----------
    table : DataFrame
        In the order of the file: ``source_id`` (text), ``label`` (int8: 1 spurious, 0 reliable, -1
        uninspected), ``reason`` (text, empty when there is none), then the other columns with
        their names in the file. A name that is taken already gets " (in table)" after it.
    origin : str
        The name of the file, for messages.
    has_labels : bool
        False for a catalogue, in which all sources are uninspected.
    """

    table: pd.DataFrame
    origin: str
    has_labels: bool = True

    def __len__(self) -> int:
        return len(self.table)


def read_labels(
    table: str | os.PathLike[str] | pd.DataFrame,
    *,
    id_column: str = "Source_ID",
    label_column: str = "Reliable_Source",
    reason_column: str | None = _DEFAULT_REASON,
    spurious_value: Literal[0, 1] = 0,
    sheet: str | None = None,
) -> Labels:
    """Read the labels of a survey from a table.

    Reads one file, with one row per source. Ids are kept as text, digit by digit, so that 19-digit
    ids and leading zeros survive.

    Parameters
    ----------
    table : str, path or DataFrame
        An Excel workbook (.xlsx, .xlsm), text (.csv with commas, semicolons or tabs; .tsv), a FITS
        table (.fits, .fit, also with .gz), a VOTable (.vot, .votable, .xml) or ECSV (.ecsv). Text
        is UTF-8, UTF-16 with its byte-order mark, or else Windows-1252.
    id_column : str, default="Source_ID"
        Name of the column of ids.
    label_column : str, default="Reliable_Source"
        Name of the column of labels. Its cells are 0 or 1, also as 0.0, text or a truth value;
        blank, NaN, masked, "NA", "null" and the like mean uninspected.
    reason_column : str, default="Reason"
        Name of the column of reasons. "Reason" may be absent; None reads no reasons.
    spurious_value : {0, 1}, default=0
        Which of the two means spurious. 1 for a table that `write_table` wrote.
    sheet : str, default=None
        Name of the sheet of a workbook; None is the first.

    Returns
    -------
    Labels
        The labels; 1 is spurious, whatever the file's convention.

    Raises
    ------
    CatalogError
        When the file or a column is missing, the file is damaged or not what its suffix says, a
        label is neither 0 nor 1, a labeled row has no id, an id has lost digits, or two rows give
        one id different labels. The message names the rows, as a spreadsheet counts them (the
        header is row 1); in FITS, VOTable and ECSV the first row of data is row 1.
    ImportError
        When the format needs a package that is not installed; the message has the command.

    Warns
    -----
    UserWarning
        When rows repeat an id: they become one, with the label of the row that has one and the
        first of the reasons given. Also when rows have a reason but no label, or other cells but
        neither id nor label. Blank rows are skipped.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame(
    ...     {"Source_ID": ["00123", "7"], "Reliable_Source": [0, None], "Reason": ["edge data", ""]}
    ... )
    >>> read_labels(table).table["label"].tolist()
    [1, -1]
    """
    if spurious_value not in (0, 1):
        raise ValueError(f"spurious_value={spurious_value!r}: it must be 0 or 1")
    source = read_sheet(table, sheet=sheet)
    notes: list[str] = []
    columns = _find_columns(source, id_column, label_column, reason_column, notes)
    rows = _parse_rows(source, columns, spurious_value)
    rows = _without_blank_rows(rows, source, notes)
    _note_unlabeled_reasons(rows, notes)
    rows = _one_row_per_id(rows, source.origin, notes)
    for note in notes:
        warnings.warn(f"{source.origin}: {note}", stacklevel=2)
    return Labels(_with_other_columns(rows, source, columns), source.origin)


def read_catalogue(
    table: str | os.PathLike[str] | pd.DataFrame,
    *,
    id_column: str = "Source_ID",
    sheet: str | None = None,
) -> Labels:
    """Read a table of sources: ids, positions and other columns, but no labels.

    Use it for what the survey knows of its sources, inspected or not. `match_labels` finds the
    positions, and hands on the other columns.

    Parameters
    ----------
    table : str, path or DataFrame
        A file in one of the formats of `read_labels`.
    id_column : str, default="Source_ID"
        Name of the column of ids.
    sheet : str, default=None
        Name of the sheet of a workbook; None is the first.

    Returns
    -------
    Labels
        The sources, all uninspected.

    Raises
    ------
    CatalogError
        When the file or the column of ids is missing, the file is damaged, an id has lost digits,
        or two rows have one id.
    ImportError
        When the format needs a package that is not installed; the message has the command.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"Source_ID": ["00123"], "RA": [10.5], "Dec": [-5.0], "mag": [27.1]})
    >>> read_catalogue(table).table["mag"].tolist()
    [27.1]
    """
    source = read_sheet(table, sheet=sheet)
    column = find_column(source, id_column, "ids", "id_column", option="--catalogue-id-column")
    rows = _parse_rows(source, [column, None, None], 0)
    notes: list[str] = []
    rows = _without_blank_rows(rows, source, notes)
    repeated = rows[rows.duplicated("source_id", keep=False)]
    if len(repeated):
        raise CatalogError(
            f"{source.origin}: several rows have one id: {shorten(repeated['name'])}. Keep one of "
            "them"
        )
    for note in notes:
        warnings.warn(f"{source.origin}: {note}", stacklevel=2)
    return Labels(_with_other_columns(rows, source, [column]), source.origin, has_labels=False)


def _find_columns(
    source: Sheet, id_column: str, label_column: str, reason_column: str | None, notes: list[str]
) -> list[int | None]:
    """Find where the columns of ids, labels and reasons are."""
    found: list[int | None] = [
        find_column(source, id_column, "ids", "id_column"),
        find_column(source, label_column, "labels", "label_column"),
    ]
    names = [str(name) for name in source.frame.columns]
    if reason_column == _DEFAULT_REASON and not find_names(names, reason_column):
        similar = [name for name in names if folded(name) == folded(reason_column)]
        if similar:
            notes.append(
                f"no reasons are read; if they are in the column {similar[0]!r}, choose it with "
                "reason_column (--reason-column)"
            )
        reason_column = None
    if reason_column is None:
        return [*found, None]
    return [*found, find_column(source, reason_column, "reasons", "reason_column")]


def _parse_rows(source: Sheet, columns: Sequence[int | None], spurious_value: int) -> pd.DataFrame:
    """Turn the cells into ids, labels and reasons, in rows that keep their index."""
    ids, labels, reasons = (
        [None] * len(source.frame) if column is None else list(source.frame.iloc[:, column])
        for column in columns
    )
    numbers = [f"row {source.first_row + row}" for row in range(len(source.frame))]
    texts, id_problems = _convert_each(ids, _source_id)
    if id_problems:
        named = shorten([f"{numbers[row]} ({why})" for row, why in id_problems])
        raise CatalogError(
            f"{source.origin}: ids that cannot be used, in {named}. Store ids as text or as whole "
            "numbers; a spreadsheet keeps only 15 digits of a number"
        )
    values, label_problems = _convert_each(labels, lambda cell: _label(cell, spurious_value))
    if label_problems:
        named = shorten([f"{numbers[row]} ({why}, id {texts[row]})" for row, why in label_problems])
        raise CatalogError(
            f"{source.origin}: labels that are neither 0 nor 1, in {named}. Leave the cell blank "
            "for an uninspected source"
        )
    pairs = zip(numbers, texts, strict=True)
    return pd.DataFrame(
        {
            "source_id": pd.Series(texts, dtype=str),
            "label": np.array(values, dtype=np.int8),
            "reason": pd.Series([cell_text(cell) for cell in reasons], dtype=str),
            # What messages call the row.
            "name": [f"{number} (id {text})" if text else number for number, text in pairs],
        }
    )


def _convert_each(
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
    text = "" if is_missing(cell) else id_text(cell)
    return "" if text.casefold() == "nan" else text


def id_text(cell: object) -> str:
    """Return an id as text, without white space around it; whole numbers become plain integers."""
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", "backslashreplace")
    if isinstance(cell, str):
        return _plain(cell.strip())
    if isinstance(cell, Integral):
        return str(int(cell))
    if isinstance(cell, Real):
        return _whole(cell)
    raise ValueError(f"{cell!r} is neither a number nor text")


def _plain(text: str) -> str:
    """Write a whole number in scientific notation out, if all its digits are there."""
    if not _SCIENTIFIC.fullmatch(text):
        return text
    value = Decimal(text)
    n_digits = len(re.sub(r"[eE].*|[-.]", "", text))
    if n_digits < value.adjusted() + 1 or abs(value) > _LARGEST_EXACT:
        raise ValueError(f"{text} has lost digits")
    return str(int(value)) if value == int(value) else text


def _whole(number: Real) -> str:
    """Write a floating-point number, as a whole one if it is."""
    value = float(number)
    if not value.is_integer():
        return str(number)
    largest = _LARGEST_EXACT_SINGLE if isinstance(number, np.float32) else _LARGEST_EXACT
    if abs(value) > largest:
        raise ValueError(f"{number} has lost digits")
    return str(int(value))


def _label(cell: object, spurious_value: int) -> int:
    """Return the label that a cell stands for."""
    value: Any = cell
    if isinstance(cell, (str, bytes)) or is_missing(cell):
        word = cell_text(cell).casefold()
        if not word:
            return UNINSPECTED
        try:
            value = _TRUTH_WORDS[word] if word in _TRUTH_WORDS else float(word)
        except ValueError:
            raise ValueError(repr(cell)) from None
    if not isinstance(value, (Number, np.bool_)) or value not in (0, 1):
        raise ValueError(repr(cell) if isinstance(cell, str) else str(cell))
    return SPURIOUS if value == spurious_value else RELIABLE


def _without_blank_rows(rows: pd.DataFrame, source: Sheet, notes: list[str]) -> pd.DataFrame:
    """Drop rows without id; one with a label is an error, one with other cells a warning."""
    no_id = (rows["source_id"] == "").to_numpy()
    if not no_id.any():
        return rows
    labeled = rows.loc[no_id & (rows["label"] != UNINSPECTED), "name"].tolist()
    if labeled:
        raise CatalogError(
            f"{source.origin}: a label but no id, in {shorten(labeled)}: fill in the id, or clear "
            "the row"
        )
    filled = source.frame[no_id].map(lambda cell: cell_text(cell) != "").any(axis=1)
    if filled.any():
        notes.append(
            f"{filled.sum()} rows have neither id nor label and are left out: "
            f"{shorten(rows.loc[filled.index[filled], 'name'])}"
        )
    if no_id.all():
        raise CatalogError(
            f"{source.origin} has no id in any row: choose another id_column (--id-column)"
        )
    return rows[~no_id]


def _note_unlabeled_reasons(rows: pd.DataFrame, notes: list[str]) -> None:
    """Note reasons whose label was perhaps forgotten."""
    found = rows[(rows["label"] == UNINSPECTED) & (rows["reason"] != "")]
    if len(found):
        notes.append(
            f"{len(found)} rows have a reason but no label and count as uninspected: "
            f"{shorten(found['name'])}"
        )


def _one_row_per_id(rows: pd.DataFrame, origin: str, notes: list[str]) -> pd.DataFrame:
    """Make one row of several with one id, unless their labels differ."""
    repeated = rows[rows.duplicated("source_id", keep=False)]
    if not len(repeated):
        return rows
    inspected = repeated[repeated["label"] != UNINSPECTED]
    conflicts = _differing(inspected, "label").sort_values("source_id", kind="stable")
    if len(conflicts):
        raise CatalogError(
            f"{origin}: spurious in one row and reliable in another: "
            f"{shorten(conflicts['name'])}. Keep one of them"
        )
    # The row that is kept comes first: the labeled, and of these the one with a reason.
    order = repeated.assign(
        later=repeated["label"] == UNINSPECTED, unexplained=repeated["reason"] == ""
    ).sort_values(["later", "unexplained"], kind="stable")
    dropped = repeated.loc[order.index[order.duplicated("source_id")].sort_values()]
    notes.append(
        f"{len(dropped)} rows repeat an id without contradiction and are left out: "
        f"{shorten(dropped['name'])}"
    )
    differing = _differing(inspected[inspected["reason"] != ""], "reason")
    if len(differing):
        notes.append(
            f"different reasons for one id, the first is kept: {shorten(differing['name'])}"
        )
    return rows.drop(index=dropped.index)


def _differing(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return the rows of ids that have different values in a column."""
    return rows[rows.groupby("source_id")[column].transform("nunique") > 1]


def _with_other_columns(
    rows: pd.DataFrame, source: Sheet, columns: Sequence[int | None]
) -> pd.DataFrame:
    """Put the other columns of the file beside ids, labels and reasons."""
    others: dict[str, pd.Series[Any]] = {}
    for index, name in enumerate(map(str, source.frame.columns)):
        if index in columns:
            continue
        free = name.strip() or f"column {index + 1}"
        while free in CANONICAL or free in others:
            free += " (in table)"
        cells = source.frame.iloc[rows.index, index].reset_index(drop=True)
        is_text = pd.api.types.is_object_dtype(cells) or pd.api.types.is_string_dtype(cells)
        others[free] = as_numbers(cells) if is_text else cells
    kept = rows[list(CANONICAL)].reset_index(drop=True)
    return pd.concat([kept, pd.DataFrame(others, index=kept.index)], axis=1)
