"""Read labels from a table: turn cells into ids, labels and reasons, one row per source."""

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spurclust.catalog.formats.label_words import (
    VERDICT_COUNTS,
    VERDICTS,
    LabelReader,
    pool_rows,
    pool_verdicts,
)
from spurclust.catalog.formats.sheets import (
    Sheet,
    cell_text,
    find_column,
    find_names,
    folded,
    is_missing,
    join_fields,
)
from spurclust.catalog.ids import id_text
from spurclust.catalog.source_columns import with_other_columns
from spurclust.catalog.table_readers import read_sheet
from spurclust.errors import CatalogError
from spurclust.judging.judged import is_inspection, read_judged
from spurclust.labels import SPURIOUS, UNINSPECTED
from spurclust.printing import join_some, short_repr

_DEFAULT_REASON = "Reason"
_HOW_TO_COUNT = (
    "Keep one of them, or choose how verdicts of several inspectors count: verdicts (--verdicts) "
    "majority, any or all. `spurclust labels merge` also needs the column of their names "
    "(--inspector-column)"
)


@dataclass(frozen=True, eq=False)
class Labels:
    """The labels of a table, one row per source.

    Returned by `read_labels`; `match_labels` joins it to the cutouts.

    Attributes
    ----------
    table : DataFrame
        Rows are in the order of the file. Columns: ``source_id`` (text), ``label`` (int8: 1
        spurious, 0 reliable, -1 uninspected), ``reason`` (text, empty when there is none), then the
        other columns with their names in the file. " (in table)" is added to a name that is taken.
    origin : str
        Name of the file, for messages.
    has_labels : bool
        False for a catalogue, in which all sources are uninspected.
    verdicts : {"majority", "any", "all"} or None
        How verdicts of several inspectors were counted. If not None, the other columns have their
        numbers: ``spurious_verdicts`` and ``verdicts``.
    """

    table: pd.DataFrame
    origin: str
    has_labels: bool = True
    verdicts: str | None = None

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        return short_repr(self)


def read_labels(
    table: str | os.PathLike[str] | pd.DataFrame,
    *,
    id_column: str = "Source_ID",
    label_column: str | Sequence[str] = "Reliable_Source",
    reason_column: str | None = _DEFAULT_REASON,
    spurious_value: Literal[0, 1] = 0,
    label_map: Mapping[Any, str] | None = None,
    verdicts: Literal["majority", "any", "all"] | None = None,
    sheet: str | None = None,
    field_column: str | None = None,
) -> Labels:
    """Read the labels of a survey from a table.

    The file has one row per source. Ids are text, so 19-digit ids and leading zeros are kept. The
    header is the first row with the name of the column of ids. Titles, and lines that begin with #,
    may be above it.

    Parameters
    ----------
    table : str, path or DataFrame
        A workbook (.xlsx, .xlsm; .ods and .xls with a package that reads them), text (.csv, .txt,
        .dat with commas, semicolons, tabs, bars or blanks; .tsv), a FITS table (.fits, .fit, also
        with .gz), a VOTable (.vot, .votable, .xml), ECSV (.ecsv) or Parquet (.parquet, .pq). Text
        is UTF-8, UTF-16 with a byte-order mark, or else Windows-1252. Numbers may have decimal
        commas. If commas also separate cells, such numbers must be quoted; they are not read as
        decimals if all can be thousands. The folder of a live inspection also works; the options
        below are then ignored.
    id_column : str, default="Source_ID"
        Name of the column of ids.
    label_column : str or sequence of str, default="Reliable_Source"
        Name of the column of labels, or of one for each inspector. Its cells are 0 or 1, yes or no,
        true or false, or a word: reliable, real, good, normal; spurious, bogus, bad, anomaly.
        Blank, NaN, masked, "NA" and "null" mean uninspected. So do "?", "maybe", "unsure" and
        "unclear", with a warning that counts them.
    reason_column : str, default="Reason"
        Name of the column of reasons. "Reason" may be absent; None reads no reasons.
    spurious_value : {0, 1}, default=0
        Label that means spurious. "no" and "false" are 0. Use 1 for a table of `write_table`.
    label_map : mapping of str to str, default=None
        Other words and numbers, and what they mean: "spurious", "reliable" or "uninspected".
    verdicts : {"majority", "any", "all"}, default=None
        How verdicts of several inspectors, in several rows or columns, become the label: spurious
        if most, any or all of them say so. Without a majority, the source is uninspected. None
        raises an error if verdicts differ.
    sheet : str, default=None
        Name of the sheet of a workbook; None is the one that has the columns, or the first.
    field_column : str, default=None
        Name of a column of fields, for ids that are unique in a field only: an id is then field and
        id with a slash between, as "goodsn/1001". A table whose ids are so already needs none.

    Returns
    -------
    Labels
        The labels. 1 is spurious, whatever the convention of the file.

    Raises
    ------
    CatalogError
        When the file or a column is missing, the file is damaged or its suffix is wrong, a label is
        not a known word, a labeled row has no id, an id has lost digits, or two rows give one id
        different labels. The message names the rows as a spreadsheet counts them (the header is row
        1). In FITS, VOTable, ECSV and Parquet, the first row of data is row 1.
    ImportError
        When the format needs a package that is not installed; the message has the command.

    Warns
    -----
    UserWarning
        When rows repeat an id: they become one row, with the label that one of them has and the
        first reason. Also when rows have a reason but no label, have neither id nor label but other
        cells, are hidden, or are comments. Blank rows are skipped.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame(
    ...     {"Source_ID": ["00123", "7"], "Reliable_Source": ["no", None], "Reason": ["edge", ""]}
    ... )
    >>> read_labels(table).table["label"].tolist()
    [1, -1]
    """
    if verdicts not in (None, *VERDICTS):
        raise ValueError(f"verdicts={verdicts!r}: it must be one of {', '.join(VERDICTS)}")
    if is_inspection(table):
        return replace(read_labels(read_judged(table)), origin=str(table))
    reader = LabelReader(spurious_value, label_map)
    names = [label_column] if isinstance(label_column, str) else list(label_column)
    source = read_sheet(table, sheet=sheet, wanted=[id_column, *names[:1]])
    return parse_labels(
        source, names, id_column, reason_column, reader, verdicts=verdicts, fields=field_column
    )


def parse_labels(
    source: Sheet,
    names: Sequence[str],
    id_column: str,
    reason_column: str | None,
    reader: LabelReader,
    *,
    verdicts: str | None = None,
    fields: str | None = None,
) -> Labels:
    """Turn the cells of a table into labels, one row per source; see `read_labels`."""
    notes = [*source.notes]
    id_index = find_column(source, id_column, "ids", "id_column")
    label_indexes = _find_labels(source, names, notes)
    reason_index = _find_reasons(source, reason_column, notes)
    rows = _parse_rows(source, id_index, label_indexes, reason_index, reader, verdicts)
    rows["source_id"], field_index = join_fields(source, rows["source_id"].tolist(), fields)
    notes += [reader.note()] * bool(reader.unsure)
    rows = _without_blank_rows(rows, source, notes)
    if verdicts:
        rows = pool_rows(rows, verdicts, notes)
    _note_unlabeled_reasons(rows, notes)
    rows = _one_row_per_id(rows, source.origin, notes)
    _warn(source.origin, notes, stacklevel=4)
    used = [id_index, *label_indexes, reason_index, field_index]
    found = with_other_columns(rows, source, used, VERDICT_COUNTS if verdicts else ())
    return Labels(found, source.origin, verdicts=verdicts)


def read_catalogue(
    table: str | os.PathLike[str] | pd.DataFrame,
    *,
    id_column: str = "Source_ID",
    sheet: str | None = None,
    field_column: str | None = None,
) -> Labels:
    """Read a table of sources: ids, positions and other columns, but no labels.

    Use it for magnitudes, redshifts and the like. `match_labels` finds the positions, and keeps the
    other columns.

    Parameters
    ----------
    table : str, path or DataFrame
        A file in one of the formats of `read_labels`.
    id_column : str, default="Source_ID"
        Name of the column of ids.
    sheet : str, default=None
        Name of the sheet of a workbook; None is the first.
    field_column : str, default=None
        Name of a column of fields, for ids that are unique in a field only: an id is then field and
        id with a slash between, as "goodsn/1001". A table whose ids are so already needs none.

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
    source = read_sheet(table, sheet=sheet, wanted=[id_column])
    column = find_column(source, id_column, "ids", "id_column", option="--catalogue-id-column")
    rows = _parse_rows(source, column, [], None, LabelReader(0), None)
    rows["source_id"], field_index = join_fields(source, rows["source_id"].tolist(), field_column)
    notes = [*source.notes]
    rows = _without_blank_rows(rows, source, notes)
    repeated = rows[rows.duplicated("source_id", keep=False)]
    if len(repeated):
        raise CatalogError(
            f"{source.origin}: several rows have one id: {join_some(repeated['name'])}. Keep one "
            "of them"
        )
    _warn(source.origin, notes)
    return Labels(
        with_other_columns(rows, source, [column, field_index]), source.origin, has_labels=False
    )


def _warn(origin: str, notes: Sequence[str], stacklevel: int = 3) -> None:
    """Issue notes on a table as warnings of the calling code."""
    for note in notes:
        warnings.warn(f"{origin}: {note}", stacklevel=stacklevel)


def _find_labels(source: Sheet, names: Sequence[str], notes: list[str]) -> list[int]:
    """Find the columns of labels; not all of several columns need to exist."""
    columns = [str(name) for name in source.frame.columns]
    present = [name for name in names if find_names(columns, name)] or names[:1]
    if len(present) < len(names):
        absent = ", ".join(repr(name) for name in names if name not in present)
        notes.append(f"there is no column {absent}, so its verdicts are not counted")
    return [find_column(source, name, "labels", "label_column") for name in present]


def _find_reasons(source: Sheet, reason_column: str | None, notes: list[str]) -> int | None:
    """Find the column of reasons; the default one may be absent."""
    names = [str(name) for name in source.frame.columns]
    if reason_column == _DEFAULT_REASON and not find_names(names, reason_column):
        similar = [name for name in names if folded(name) == folded(reason_column)]
        if similar:
            notes.append(
                f"no reasons are read; if they are in the column {similar[0]!r}, choose it with "
                "reason_column (--reason-column)"
            )
        return None
    if reason_column is None:
        return None
    return find_column(source, reason_column, "reasons", "reason_column")


def _parse_rows(
    source: Sheet,
    id_index: int,
    label_indexes: Sequence[int],
    reason_index: int | None,
    reader: LabelReader,
    verdicts: str | None,
) -> pd.DataFrame:
    """Turn the cells into ids, labels and reasons; rows keep their index."""
    n_rows = len(source.frame)
    numbers = [f"row {number}" for number in source.row_numbers]
    texts, problems = _convert_each(list(source.frame.iloc[:, id_index]), _source_id)
    if problems:
        named = join_some([f"{numbers[row]} ({why})" for row, why in problems])
        raise CatalogError(
            f"{source.origin}: ids that cannot be used, in {named}. Store ids as text or as whole "
            "numbers; a spreadsheet keeps only 15 digits of a number"
        )
    pairs = zip(numbers, texts, strict=True)
    # Names of the rows in messages.
    names = [f"{number} (id {text})" if text else number for number, text in pairs]
    n_spurious, n_verdicts = np.zeros(n_rows, int), np.zeros(n_rows, int)
    for index in label_indexes:
        labels = _parse_labels(source, index, texts, numbers, reader)
        n_spurious += labels == SPURIOUS
        n_verdicts += labels != UNINSPECTED
    differing = np.flatnonzero((n_spurious > 0) & (n_spurious < n_verdicts))
    if len(differing) and not verdicts:
        raise CatalogError(
            f"{source.origin}: spurious in one column and reliable in another, in "
            f"{join_some([names[row] for row in differing])}. {_HOW_TO_COUNT}"
        )
    reasons = [None] * n_rows if reason_index is None else source.frame.iloc[:, reason_index]
    return pd.DataFrame(
        {
            "source_id": pd.Series(texts, dtype=str),
            "label": pool_verdicts(n_spurious, n_verdicts, verdicts or "any"),
            "reason": pd.Series([cell_text(cell) for cell in reasons], dtype=str),
            "name": names,
            "spurious_verdicts": n_spurious,
            "verdicts": n_verdicts,
        }
    )


def _parse_labels(
    source: Sheet, index: int, texts: Sequence[str], numbers: Sequence[str], reader: LabelReader
) -> NDArray[np.int8]:
    """Turn a column of cells into labels."""
    cells = list(source.frame.iloc[:, index])
    reader.learn(cells)
    labels, problems = _convert_each(cells, reader.read)
    if problems:
        named = join_some(
            [
                f"{numbers[row]} ({why}, {f'id {texts[row]}' if texts[row] else 'no id'})"
                for row, why in problems
            ]
        )
        raise CatalogError(
            f"{source.origin}: labels that are neither 0 nor 1 nor a known word, in {named}. "
            "Define them with label_map (--label-map=WORD=spurious, =reliable or =uninspected), "
            "leave the cell blank for an uninspected source, or delete a row that is not a source"
        )
    return np.array(labels, dtype=np.int8)


def _convert_each(
    cells: Sequence[object], convert: Callable[[object], Any]
) -> tuple[list[Any], list[tuple[int, str]]]:
    """Convert every cell; collect where and why that fails."""
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
    """Return the id in a cell, "" for none."""
    text = "" if is_missing(cell) else id_text(cell)
    return "" if text.casefold() == "nan" else text


def _without_blank_rows(rows: pd.DataFrame, source: Sheet, notes: list[str]) -> pd.DataFrame:
    """Drop rows without id; one with a label is an error, one with other cells a warning."""
    no_id = (rows["source_id"] == "").to_numpy()
    if not no_id.any():
        return rows
    labeled = rows.loc[no_id & (rows["label"] != UNINSPECTED), "name"].tolist()
    if labeled:
        raise CatalogError(
            f"{source.origin}: a label but no id, in {join_some(labeled)}: fill in the id, or "
            "clear the row"
        )
    filled = source.frame[no_id].map(lambda cell: cell_text(cell) != "").any(axis=1)
    if filled.any():
        notes.append(
            f"{filled.sum()} rows have neither id nor label and are left out: "
            f"{join_some(rows.loc[filled.index[filled], 'name'])}"
        )
    if no_id.all():
        raise CatalogError(
            f"{source.origin} has no id in any row: choose another id_column (--id-column)"
        )
    return rows[~no_id]


def _note_unlabeled_reasons(rows: pd.DataFrame, notes: list[str]) -> None:
    """Note reasons without a label, which was perhaps forgotten."""
    found = rows[(rows["label"] == UNINSPECTED) & (rows["reason"] != "")]
    if len(found):
        notes.append(
            f"{len(found)} rows have a reason but no label and count as uninspected: "
            f"{join_some(found['name'])}"
        )


def _one_row_per_id(rows: pd.DataFrame, origin: str, notes: list[str]) -> pd.DataFrame:
    """Merge the rows of one id; raise an error where their labels differ."""
    repeated = rows[rows.duplicated("source_id", keep=False)]
    if not len(repeated):
        return rows
    inspected = repeated[repeated["label"] != UNINSPECTED]
    conflicts = _differing(inspected, "label").sort_values("source_id", kind="stable")
    if len(conflicts):
        raise CatalogError(
            f"{origin}: spurious in one row and reliable in another: "
            f"{join_some(conflicts['name'])}. {_HOW_TO_COUNT}; ids that are unique in a field only "
            "need the column of fields: field_column (--field-column)"
        )
    # Rows to keep come first: those with a label, and among these those with a reason.
    order = repeated.assign(
        later=repeated["label"] == UNINSPECTED, unexplained=repeated["reason"] == ""
    ).sort_values(["later", "unexplained"], kind="stable")
    dropped = repeated.loc[order.index[order.duplicated("source_id")].sort_values()]
    notes.append(
        f"{len(dropped)} rows repeat an id without contradiction and are left out: "
        f"{join_some(dropped['name'])}"
    )
    differing = _differing(inspected[inspected["reason"] != ""], "reason")
    if len(differing):
        notes.append(
            f"different reasons for one id, the first is kept: {join_some(differing['name'])}"
        )
    return rows.drop(index=dropped.index)


def _differing(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return the rows of ids that have different values in a column."""
    return rows[rows.groupby("source_id")[column].transform("nunique") > 1]
