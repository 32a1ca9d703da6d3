"""Read people's verdicts from a table and join them to the cutouts by source_id."""

import os
import re
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spurclust.catalog.label_rows import (
    SPURIOUS,
    UNINSPECTED,
    note_unlabelled_reasons,
    one_row_per_id,
    parse_rows,
    reason_text,
    without_blank_rows,
)
from spurclust.catalog.positions import find_positions
from spurclust.catalog.source_ids import id_text, match_ids
from spurclust.catalog.table_readers import (
    Sheet,
    find_column,
    find_names,
    folded,
    read_sheet,
    shorten,
)
from spurclust.errors import CatalogError

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Labels",
    "MatchedLabels",
    "count_labels",
    "format_counts",
    "match_labels",
    "read_labels",
]

_CANONICAL = ("source_id", "label", "reason")
_DEFAULT_REASON = "Reason"
_NO_REASON = "no reason given"
# Without leading zeros, which mean a code, and with no more digits than a float holds.
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]+)?([eE][-+]?[0-9]+)?")


@dataclass(frozen=True, eq=False)
class Labels:
    """The labels of a table, one row per source.

    What `read_labels` returns; `match_labels` joins it to the cutouts.

    Attributes
    ----------
    table : DataFrame
        In the order of the file: ``source_id`` (text), ``label`` (int8: 1 spurious, 0 reliable, -1
        uninspected), ``reason`` (text, empty when there is none), then the other columns as they
        are named in the file. One of these that has a name of the first three gets
        " (in table)" after it.
    origin : str
        The file, for messages.
    """

    table: "pd.DataFrame"
    origin: str

    def __len__(self) -> int:
        return len(self.table)


@dataclass(frozen=True, eq=False)
class MatchedLabels:
    """Labels in the order of the cutouts.

    What `match_labels` returns. Entry i of `y` and `reasons` belongs to cutout i.

    Attributes
    ----------
    y : ndarray of shape (n_sources,), int8
        1 spurious, 0 reliable, -1 uninspected.
    reasons : list of str
        Why; empty when no reason is given.
    ids_without_row : list of str
        The cutouts that the table does not know: uninspected.
    ids_without_cutout : list of str
        The rows of the table that no cutout belongs to: not used.
    positions : ndarray of shape (n_sources, 2) or None
        Right ascension and declination in degrees, NaN where unknown; None when no cutout has a
        position in the table.
    """

    y: NDArray[np.int8]
    reasons: list[str]
    ids_without_row: list[str]
    ids_without_cutout: list[str]
    positions: NDArray[np.float64] | None = None


def read_labels(
    table: "str | os.PathLike[str] | pd.DataFrame",
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
        The table. Whatever the file's convention, 1 is spurious in it.

    Raises
    ------
    CatalogError
        When the file or a column is missing, the file is damaged or not what its suffix says, a
        label is neither 0 nor 1, a labelled row has no id, an id has lost digits, or two rows give
        one id different labels. The message names the rows, as a spreadsheet counts them (the
        header is row 1); in FITS, VOTable and ECSV the first row of data is row 1.
    ImportError
        When the format needs a package that is not installed; the message has the command.

    Warns
    -----
    UserWarning
        When rows repeat an id: they become one, with the label of the row that has one and the
        first of the reasons given. Also on rows with a reason but no label, and on rows that hold
        something but neither id nor label; wholly blank rows are passed over.

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
    rows = parse_rows(source, columns, spurious_value)
    rows = without_blank_rows(rows, source, notes)
    note_unlabelled_reasons(rows, source, notes)
    rows = one_row_per_id(rows, source, notes)
    for note in notes:
        warnings.warn(f"{source.origin}: {note}", stacklevel=2)
    return Labels(_with_other_columns(rows, source, columns), source.origin)


def match_labels(labels: Labels, source_ids: Sequence[object]) -> MatchedLabels:
    """Join labels to cutouts by id, whatever the order of the rows.

    "00123", 123 and 123.0 are one id, unless two of them occur in the table or two among the
    cutouts: then these, and only these, are compared letter by letter. If the cutouts "00123" and
    "123" both exist, a row 123 belongs to the second and none to the first.

    Positions come along from columns with the usual names, such as RA and Dec, RAJ2000 and
    DEJ2000, ALPHA_J2000 and DELTA_J2000: degrees, or sexagesimal hours and degrees.

    Parameters
    ----------
    labels : Labels
        What `read_labels` returned.
    source_ids : sequence of str or int
        The ids of the cutouts, all different.

    Returns
    -------
    MatchedLabels
        Labels and reasons in the order of `source_ids`, uninspected where the table has no row.

    Raises
    ------
    CatalogError
        When no cutout has a row, or an id occurs twice among the cutouts.

    Warns
    -----
    UserWarning
        When rows of the table have no cutout, or a position that is none.

    Examples
    --------
    >>> import pandas as pd
    >>> labels = read_labels(pd.DataFrame({"Source_ID": [7, 123], "Reliable_Source": [1, 0]}))
    >>> match_labels(labels, ["00123", "8", "7"]).y.tolist()
    [1, -1, 0]
    """
    wanted = _texts_of_cutouts(source_ids)
    known = labels.table["source_id"].tolist()
    places, ambiguous = match_ids(known, wanted)
    found = places >= 0
    if not found.any():
        raise CatalogError(
            f"no id of {labels.origin} is that of a cutout: the table has for example "
            f"{_examples(known)}, the cutouts {_examples(wanted)}. Choose the column of ids "
            "(id_column), or how ids are taken from file names (id_pattern)"
        )
    without_cutout = np.ones(len(known), dtype=bool)
    without_cutout[places[found]] = False
    unused = [known[place] for place in np.flatnonzero(without_cutout)]
    notes: list[str] = []
    positions = find_positions(labels.table, places, notes)
    for note in notes:
        warnings.warn(f"{labels.origin}: {note}", stacklevel=2)
    if unused:
        n_labelled = int((labels.table["label"].to_numpy()[without_cutout] != UNINSPECTED).sum())
        letters = f"; {shorten(ambiguous)} are compared letter by letter" if ambiguous else ""
        warnings.warn(
            f"{len(unused)} of the {len(known)} sources in {labels.origin} have no cutout, "
            f"{n_labelled} of them labelled: {shorten(unused)}{letters}",
            stacklevel=2,
        )
    y = np.where(found, labels.table["label"].to_numpy()[places], UNINSPECTED).astype(np.int8)
    reasons = labels.table["reason"].tolist()
    return MatchedLabels(
        y=y,
        reasons=[reasons[place] if place >= 0 else "" for place in places],
        ids_without_row=[wanted[k] for k in np.flatnonzero(~found)],
        ids_without_cutout=unused,
        positions=positions,
    )


def count_labels(y: ArrayLike, reasons: Sequence[str]) -> dict[str, Any]:
    """Count the sources, the inspected, the spurious, and these by reason.

    The numbers to check before anything else is done; `format_counts` makes them readable.

    Parameters
    ----------
    y : array-like of shape (n_sources,)
        1 spurious, 0 reliable, -1 uninspected.
    reasons : sequence of str of length n_sources
        Why; only those of spurious sources are counted.

    Returns
    -------
    dict
        ``n_sources``, ``n_inspected``, ``n_spurious``, ``spurious_fraction`` (of the inspected;
        None if there are none) and ``reasons``, a dict from reason to count, the most frequent
        first, in which an empty reason is "no reason given".

    Examples
    --------
    >>> counts = count_labels([1, 0, -1, 1], ["edge data", "", "", ""])
    >>> counts["n_inspected"], counts["reasons"]
    (3, {'edge data': 1, 'no reason given': 1})
    """
    labels = np.asarray(y)
    n_inspected = int((labels != UNINSPECTED).sum())
    n_spurious = int((labels == SPURIOUS).sum())
    why = Counter(
        reason.strip() or _NO_REASON
        for label, reason in zip(labels, reasons, strict=True)
        if label == SPURIOUS
    )
    return {
        "n_sources": len(labels),
        "n_inspected": n_inspected,
        "n_spurious": n_spurious,
        "spurious_fraction": n_spurious / n_inspected if n_inspected else None,
        "reasons": dict(sorted(why.items(), key=lambda item: (-item[1], item[0]))),
    }


def format_counts(counts: dict[str, Any]) -> str:
    """Lay the counts of `count_labels` out for a terminal.

    Parameters
    ----------
    counts : dict
        What `count_labels` returned.

    Returns
    -------
    str
        One count per line, without a line end after the last.

    Examples
    --------
    >>> print(format_counts(count_labels([1, 0, 0, -1], ["edge data", "", "", ""])))
    sources        4
    inspected      3
    spurious       1  33.3 % of the inspected
      edge data    1
    """
    fraction = counts["spurious_fraction"]
    share = "" if fraction is None else f"  {100 * fraction:.1f} % of the inspected"
    lines = [
        ("sources", counts["n_sources"], ""),
        ("inspected", counts["n_inspected"], ""),
        ("spurious", counts["n_spurious"], share),
        *((f"  {reason}", n, "") for reason, n in counts["reasons"].items()),
    ]
    left = max(len(name) for name, _, _ in lines)
    right = max(len(str(n)) for _, n, _ in lines) + 3
    return "\n".join(f"{name:<{left}} {n:>{right}}{note}" for name, n, note in lines)


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
                "reason_column"
            )
        reason_column = None
    if reason_column is None:
        return [*found, None]
    return [*found, find_column(source, reason_column, "reasons", "reason_column")]


def _with_other_columns(
    rows: "pd.DataFrame", source: Sheet, columns: Sequence[int | None]
) -> "pd.DataFrame":
    """Put the other columns of the file beside ids, labels and reasons."""
    import pandas as pd

    others: dict[str, pd.Series[Any]] = {}
    for place, name in enumerate(map(str, source.frame.columns)):
        if place in columns:
            continue
        free = name.strip() or f"column {place + 1}"
        while free in _CANONICAL or free in others:
            free += " (in table)"
        cells = source.frame.iloc[rows["row"].to_numpy(), place].reset_index(drop=True)
        others[free] = _as_numbers(cells)
    kept = rows[list(_CANONICAL)].reset_index(drop=True)
    return pd.concat([kept, pd.DataFrame(others, index=kept.index)], axis=1)


def _as_numbers(cells: "pd.Series[Any]") -> "pd.Series[Any]":
    """Turn a column of text into numbers if that loses nothing of it."""
    import pandas as pd

    if not (pd.api.types.is_object_dtype(cells) or pd.api.types.is_string_dtype(cells)):
        return cells
    texts = [reason_text(cell) for cell in cells]
    if not any(texts) or not all(_NUMBER.fullmatch(text) for text in texts if text):
        return cells
    if all(text and text.lstrip("-").isdecimal() for text in texts):
        return pd.Series([int(text) for text in texts])
    return pd.Series([float(text) if text else np.nan for text in texts])


def _texts_of_cutouts(source_ids: Sequence[object]) -> list[str]:
    """Return the ids of the cutouts as text, all different."""
    texts = [str(cell).strip() if isinstance(cell, str) else id_text(cell) for cell in source_ids]
    repeated = [text for text, n in Counter(texts).items() if n > 1]
    if repeated:
        raise CatalogError(
            f"several cutouts have the id {shorten(repeated)}: give every cutout an id of its own"
        )
    return texts


def _examples(ids: Sequence[str]) -> str:
    """Show three ids."""
    return ", ".join(repr(text) for text in ids[:3]) or "none"
