"""Merge the verdicts of several inspectors into one label table, with their agreement."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spurclust.catalog.formats.label_words import VERDICT_COUNTS, VERDICTS, LabelReader
from spurclust.catalog.formats.sheets import Sheet, cell_text, find_column, find_names
from spurclust.catalog.ids import match_ids
from spurclust.catalog.label_matching import merge_labels
from spurclust.catalog.label_tables import Labels, parse_labels
from spurclust.catalog.source_columns import CANONICAL
from spurclust.catalog.table_readers import has_sheets, read_sheet
from spurclust.errors import CatalogError
from spurclust.labels import RELIABLE, SPURIOUS, UNINSPECTED
from spurclust.metrics import agreement_table
from spurclust.printing import join_some, short_repr

_DEFAULT_INSPECTOR = "Inspector"
_OWN_NAMES = ("Source_ID", "Reliable_Source", "Reason")
_VOTES = ("Votes_Spurious", "Votes_Reliable", "Agreement")


@dataclass(frozen=True, eq=False)
class MergedVerdicts:
    """The verdicts of several inspectors as one table.

    Returned by `merge_verdicts`. Its table is a label table, which `read_labels` reads.

    Attributes
    ----------
    table : DataFrame
        One row per source: ``Source_ID``; ``Reliable_Source`` (0 spurious, 1 reliable, missing
        without a verdict or a majority); ``Reason``; a column per inspector with the same codes;
        ``Votes_Spurious``, ``Votes_Reliable``; ``Agreement``, the share of the verdicts that agree
        with the majority, missing for fewer than two; then the other columns of the tables.
    inspectors : tuple of str
        Inspectors; their columns in the table have these names.
    agreement : DataFrame
        Result of `spurclust.metrics.agreement_table`.
    """

    table: pd.DataFrame
    inspectors: tuple[str, ...]
    agreement: pd.DataFrame

    @property
    def disagreements(self) -> pd.DataFrame:
        """Rows of the sources on which verdicts differ."""
        return self.table[self.table["Agreement"] < 1]

    def __repr__(self) -> str:
        return short_repr(self)


def merge_verdicts(
    tables: Sequence[str | os.PathLike[str] | pd.DataFrame],
    *,
    id_column: str = "Source_ID",
    label_column: str | Sequence[str] = "Reliable_Source",
    reason_column: str | None = "Reason",
    inspector_column: str = _DEFAULT_INSPECTOR,
    spurious_value: Literal[0, 1] = 0,
    label_map: Mapping[Any, str] | None = None,
    verdicts: Literal["majority", "any", "all"] = "majority",
    sheet: str | None = None,
    field_column: str | None = None,
) -> MergedVerdicts:
    """Merge the verdicts of several inspectors into one label table.

    The tables have one of three forms: one table per inspector, with the inspector's name as the
    name of the file; one column per inspector; or one row per verdict, with a column of names. If
    an inspector is in several tables, the later verdict counts.

    Parameters
    ----------
    tables : sequence of str, path or DataFrame
        Files in the formats of `read_labels`.
    id_column : str, default="Source_ID"
        Name of the column of ids.
    label_column : str or sequence of str, default="Reliable_Source"
        Name of the column of labels, or names of one column per inspector.
    reason_column : str, default="Reason"
        Name of the column of reasons. "Reason" may be absent; None reads no reasons.
    inspector_column : str, default="Inspector"
        Name of the column of inspectors, in a table with one row per verdict. "Inspector" may be
        absent.
    spurious_value : {0, 1}, default=0
        Which label means spurious.
    label_map : mapping of str to str, default=None
        Other words and numbers, and what they mean: "spurious", "reliable" or "uninspected".
    verdicts : {"majority", "any", "all"}, default="majority"
        How verdicts become the label: spurious if most, any or all of them say so.
    sheet : str, default=None
        Name of the sheet of workbooks; None is the one that has the columns, or the first.
    field_column : str, default=None
        Name of a column of fields, for ids that are unique in a field only.

    Returns
    -------
    MergedVerdicts
        The table, and how well the inspectors agree.

    Raises
    ------
    CatalogError
        As `read_labels`, and when there are fewer than two inspectors, two files have one name, or
        a row with a label has no inspector.

    Examples
    --------
    >>> import pandas as pd
    >>> from spurclust.catalog import merge_verdicts
    >>> table = pd.DataFrame({"Source_ID": ["7", "8"], "ann": [1, 0], "bob": [1, 1]})
    >>> merged = merge_verdicts([table], label_column=["ann", "bob"])
    >>> merged.table[["Votes_Spurious", "Votes_Reliable", "Agreement"]].values.tolist()
    [[0.0, 2.0, 1.0], [1.0, 1.0, 0.5]]
    """
    if verdicts not in VERDICTS:
        raise ValueError(f"verdicts={verdicts!r}: it must be one of {', '.join(VERDICTS)}")
    names = [label_column] if isinstance(label_column, str) else list(label_column)
    read: dict[str, list[Labels]] = {}
    for number, table in enumerate(tables, start=1):
        own_name, page = f"table {number}", None
        if not isinstance(table, pd.DataFrame):
            own_name, page = Path(table).stem, sheet if has_sheets(table) else None
        source = read_sheet(table, sheet=page, wanted=[id_column, *names[:1]])
        for name, column, part in _parts(source, own_name, names, inspector_column, reason_column):
            if name == own_name and name in read:
                raise CatalogError(
                    f"two inspectors would have the name of the file, {name}: rename one of them"
                )
            reader = LabelReader(spurious_value, label_map)
            labels = parse_labels(
                part, [column], id_column, reason_column, reader, fields=field_column
            )
            read.setdefault(name, []).append(labels)
    if len(read) < 2:
        raise CatalogError(
            f"the only inspector is {join_some(read)}: give one table per inspector, or name the "
            "column of each inspector (label_column, --label-column) or the column of their names "
            "(inspector_column, --inspector-column)"
        )
    inspectors = {name: merge_labels(parts).labels for name, parts in read.items()}
    has_own_reasons = len(names) == 1 and reason_column is not None
    return _as_table(inspectors, verdicts, has_own_reasons)


def _parts(
    source: Sheet,
    own_name: str,
    names: Sequence[str],
    inspector_column: str,
    reason_column: str | None,
) -> Iterator[tuple[str, str, Sheet]]:
    """Yield each inspector of a table, the column of the verdicts, and the table of these."""
    columns = [str(name) for name in source.frame.columns]
    if inspector_column != _DEFAULT_INSPECTOR or find_names(columns, inspector_column):
        if len(names) > 1:
            raise CatalogError(
                f"{source.origin} has a column of inspectors, {inspector_column!r}: name one "
                "label_column (--label-column)"
            )
        index = find_column(source, inspector_column, "inspectors", "inspector_column")
        label_index = find_column(source, names[0], "labels", "label_column")
        for name, part in _rows_of_each(source, index, label_index):
            yield name, names[0], part
        return
    present = [name for name in names if find_names(columns, name)] or names[:1]
    indexes = [find_column(source, name, "labels", "label_column") for name in present]
    for name, index in zip(present, indexes, strict=True):
        others = [source.frame.columns[other] for other in indexes if other != index]
        frame = source.frame.drop(columns=others)
        if len(present) > 1 and reason_column in frame:
            # The reason belongs to those who have judged the source.
            unjudged = source.frame.iloc[:, index].map(cell_text) == ""
            frame[reason_column] = frame[reason_column].mask(unjudged, "")
        notes = source.notes if index == indexes[0] else []
        part = replace(source, frame=frame, notes=notes)
        yield own_name if len(names) == 1 else name, name, part


def _rows_of_each(source: Sheet, index: int, label_index: int) -> Iterator[tuple[str, Sheet]]:
    """Yield the inspectors that a column names, and the rows of each."""
    texts = source.frame.iloc[:, [index, label_index]].map(cell_text).to_numpy()
    who = texts[:, 0]
    unnamed = np.flatnonzero((who == "") & (texts[:, 1] != "")).tolist()
    if unnamed:
        raise CatalogError(
            f"{source.origin}: a label but no {source.frame.columns[index]} in "
            f"{join_some(f'row {source.row_numbers[row]}' for row in unnamed)}: fill it in"
        )
    frame = source.frame.drop(columns=source.frame.columns[index])
    for k, name in enumerate(dict.fromkeys(who[who != ""])):
        rows = np.flatnonzero(who == name).tolist()
        yield (
            name,
            replace(
                source,
                frame=frame.iloc[rows].reset_index(drop=True),
                row_numbers=[source.row_numbers[row] for row in rows],
                notes=[] if k else source.notes,
            ),
        )


def _as_table(
    inspectors: Mapping[str, Labels], verdicts: str, has_own_reasons: bool
) -> MergedVerdicts:
    """Put the labels of all inspectors beside their votes."""
    merged = merge_labels([_counted(labels, verdicts) for labels in inspectors.values()]).labels
    sources = merged.table
    ids = sources["source_id"].tolist()
    y, reasons = {}, {}
    for name, labels in inspectors.items():
        rows, _ = match_ids(labels.table["source_id"].tolist(), ids)
        y[name] = np.where(rows >= 0, labels.table["label"].to_numpy()[rows], UNINSPECTED)
        reasons[name] = np.where(rows >= 0, labels.table["reason"].to_numpy()[rows], "")
    n_spurious, n_verdicts = (sources[name].to_numpy(int) for name in VERDICT_COUNTS)
    most = np.maximum(n_spurious, n_verdicts - n_spurious)
    columns: dict[str, Any] = {
        "Source_ID": ids,
        "Reliable_Source": _coded(sources["label"].to_numpy()),
        "Reason": sources["reason"],
    }
    column_of = {
        name: f"{name} (inspector)" if name in (*_OWN_NAMES, *_VOTES) else name for name in y
    }
    columns |= {column_of[name]: _coded(labels) for name, labels in y.items()}
    columns |= {
        "Votes_Spurious": n_spurious,
        "Votes_Reliable": n_verdicts - n_spurious,
        "Agreement": np.where(n_verdicts > 1, most / np.maximum(n_verdicts, 1), np.nan),
    }
    stale = [*CANONICAL, *VERDICT_COUNTS, *_OWN_NAMES, *_VOTES]
    for column, cells in sources.drop(columns=stale, errors="ignore").items():
        free = str(column)
        while free in columns:
            free += " (in table)"
        columns[free] = cells
    given = reasons if has_own_reasons and sources["reason"].any() else None
    agreement = agreement_table(y, given, unlabeled=UNINSPECTED)
    return MergedVerdicts(pd.DataFrame(columns), tuple(column_of.values()), agreement)


def _counted(labels: Labels, verdicts: str) -> Labels:
    """Return labels as one verdict each, with reasons for spurious only."""
    label = labels.table["label"]
    counts = [(label == SPURIOUS).astype(int), (label != UNINSPECTED).astype(int)]
    reason = labels.table["reason"].where(label == SPURIOUS, "")
    table = labels.table.assign(reason=reason, **dict(zip(VERDICT_COUNTS, counts, strict=True)))
    return replace(labels, table=table, verdicts=verdicts)


def _coded(labels: NDArray[Any]) -> Any:
    """Return labels as 0 for spurious, 1 for reliable, missing for uninspected."""
    codes = pd.array((labels == RELIABLE).astype(int), dtype="Int64")
    codes[labels == UNINSPECTED] = pd.NA
    return codes
