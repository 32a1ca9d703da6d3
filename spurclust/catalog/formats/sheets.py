"""A table as cells: find its header and its columns, and read cells as text."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spurclust.errors import CatalogError
from spurclust.printing import join_some

MAX_ROWS, MAX_COLUMNS = 20_000_000, 16_384
"""Limits of a table, checked before it is read: no survey has so many rows or columns."""

_MAX_COLUMNS_LISTED = 30
_LONGER = "have cells to the right of the named columns"
_COMMENT = "begin with # and are comments"
_AGAIN = "repeat the names of the columns"
_HEADER_WITHIN = 100
"""Number of rows in which to look for the header."""

# Words of spreadsheets, pandas and astropy for "no value".
_MISSING_WORDS = frozenset({"", "nan", "na", "n/a", "#n/a", "<na>", "null", "none", "--"})
# Blanks and punctuation, which make no difference between two names.
_NO_LETTERS = re.compile(r"[\W_]")
# A quoted number between commas, which may also be a whole one with thousands.
_THOUSANDS = re.compile(r"\s*[-+]?[1-9][0-9]{0,2},[0-9]{3}\s*")
_DECIMAL_COMMA = re.compile(r"\s*[-+]?[0-9]+(,[0-9]*)?([eE][-+]?[0-9]+)?\s*")


@dataclass(frozen=True, eq=False)
class Sheet:
    """A table as read, with the names of its rows for messages."""

    frame: pd.DataFrame
    # The file, or "the DataFrame".
    origin: str
    # The numbers of the rows for a person: in a spreadsheet, 1 is the header and 2 the first row.
    row_numbers: Sequence[int]
    # Where the columns may be instead, for example in another sheet.
    hint: str = ""
    # Notes for a person on how it was read.
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Page:
    """The cells of a page of a workbook, or of a text, with the header somewhere among them."""

    name: str
    records: Sequence[Sequence[Any]]
    notes: list[str] = field(default_factory=list)
    # Rows of comments; one with the names of the columns is still a header.
    comments: frozenset[int] = frozenset()
    # The separator of a text, whose numbers may have decimal commas.
    separator: str = ""
    # Why the page cannot be read.
    problem: str = ""


def find_column(
    source: Sheet, wanted: str, content: str, parameter: str, option: str | None = None
) -> int:
    """Return the index of a column, or raise an error that lists the columns."""
    names = [str(name) for name in source.frame.columns]
    found = find_names(names, wanted)
    if len(found) == 1:
        return found[0]
    if found:
        raise CatalogError(
            f"{source.origin} has {len(found)} columns named {wanted!r}{source.hint}: rename all "
            f"but the one with the {content}"
        )
    present = ", ".join(repr(name) for name in names[:_MAX_COLUMNS_LISTED])
    more = len(names) - _MAX_COLUMNS_LISTED
    by_folded = {folded(name): name for name in reversed(names)}
    close = get_close_matches(folded(wanted), by_folded, n=1)
    advice = f"Did you mean {by_folded[close[0]]!r}? " if close else ""
    option = option or "--" + parameter.replace("_", "-")
    raise CatalogError(
        f"{source.origin} has no column {wanted!r} of {content}{source.hint}; its columns are "
        f"{present}{f' and {more} more' if more > 0 else ''}. {advice}Choose it with {parameter} "
        f"({option})"
    )


def find_names(names: Sequence[str], wanted: str) -> list[int]:
    """Return the indices of a name, ignoring white space around it."""
    exact = [k for k, name in enumerate(names) if name == wanted]
    return exact or [k for k, name in enumerate(names) if name.strip() == wanted.strip()]


def join_fields(
    source: Sheet, ids: Sequence[str], field_column: str | None
) -> tuple[list[str], int | None]:
    """Put the field of each row before its id, if asked; also return the column of the fields."""
    names = [str(name) for name in source.frame.columns]
    if field_column is None or (
        not find_names(names, field_column) and all("/" in one for one in ids if one)
    ):
        return list(ids), None
    index = find_column(source, field_column, "fields", "field_column")
    fields = [cell_text(cell) for cell in source.frame.iloc[:, index]]
    blank = [k for k, one in enumerate(ids) if one and not fields[k]]
    if blank:
        rows = join_some([f"row {source.row_numbers[k]} (id {ids[k]})" for k in blank])
        raise CatalogError(f"{source.origin}: there is no {field_column} in {rows}: fill it in")
    return [f"{fields[k]}/{one}" if one else "" for k, one in enumerate(ids)], index


def folded(name: str) -> str:
    """Return a name without case, white space and punctuation."""
    return _NO_LETTERS.sub("", name).casefold()


def is_missing(cell: Any) -> bool:
    """Return whether a cell is masked, NaN or None."""
    return cell is np.ma.masked or (pd.api.types.is_scalar(cell) and bool(pd.isna(cell)))


def cell_text(cell: object) -> str:
    """Return a cell as text without white space around it, "" for a missing value."""
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", "backslashreplace")
    text = "" if is_missing(cell) else str(cell).strip()
    return "" if text.casefold() in _MISSING_WORDS else text


def find_sheet(
    pages: Sequence[Page], others: Sequence[str], path: Path, wanted: Sequence[str]
) -> Sheet:
    """Return the only page with the wanted names, or else the first; `others` were not read."""
    having = [page for page in pages if _header_of(page, wanted[:1]) is not None]
    best = [page for page in having if _header_of(page, wanted) is not None] or having
    if len(best) > 1:
        raise CatalogError(
            f"{path} has the column {wanted[0]!r} in several sheets: choose one of "
            f"{', '.join(repr(page.name) for page in best)} with sheet (--sheet, "
            "--catalogue-sheet)"
        )
    page = best[0] if best else pages[0]
    names = [other.name for other in pages if other is not page] + [*others]
    listed = ", ".join(map(repr, names))
    hint = f" (in sheet {page.name!r}; sheet=... (--sheet) reads another: {listed})"
    found = sheet_of_page(page, path, wanted, hint if names else "")
    if page is not pages[0]:
        columns = ", ".join(map(repr, wanted if len(having) > 1 else wanted[:1]))
        found.notes.insert(0, f"read from the sheet {page.name!r}, the only one with {columns}")
    return found


def _cells_of(page: Page, row: int) -> list[str]:
    """Return the cells of a row as names."""
    return ["" if cell is None else str(cell) for cell in page.records[row]]


def _header_of(page: Page, wanted: Sequence[str]) -> int | None:
    """Return the first row with the wanted names, if any are wanted."""
    for row in range(min(_HEADER_WITHIN, len(page.records))):
        names = _cells_of(page, row)
        if wanted and all(find_names(names, name) for name in wanted):
            return row
    return None


def _first_filled(page: Page) -> int | None:
    """Return the first row with two cells or more, or else the first that is not blank."""
    filled = (
        (row, sum(map(_is_filled, record)))
        for row, record in enumerate(page.records)
        if row not in page.comments
    )
    rows = [(row, count) for row, count in filled if count]
    several = (row for row, count in rows[:_HEADER_WITHIN] if count > 1)
    return next(several, rows[0][0] if rows else None)


def sheet_of_page(page: Page, path: Path, wanted: Sequence[str], hint: str = "") -> Sheet:
    """Make a table of rows; the header is the first row with the wanted name."""
    # If several rows name the ids, as with merged cells, the header also names the labels.
    found = (_header_of(page, wanted), _header_of(page, wanted[:1]), _first_filled(page))
    header = next((row for row in found if row is not None), None)
    if header is None:
        raise CatalogError(f"{path} is blank{hint}: give a table with a header and rows")
    if page.problem:
        raise CatalogError(f"{path}{hint}: {page.problem}")
    names = _cells_of(page, header)
    while not names[-1].strip():
        names.pop()
    if len(names) > MAX_COLUMNS:
        raise CatalogError(
            f"{path} has {len(names)} columns, more than {MAX_COLUMNS}{hint}: leave out those that "
            "are not needed"
        )
    passed: dict[str, list[str]] = {_LONGER: [], _COMMENT: [], _AGAIN: []}
    # Blank rows are skipped here, because there may be millions.
    written = (row for row in range(header + 1, len(page.records)) if page.records[row])
    rows = ((row, _row(page, row, names, passed)) for row in written)
    filled = [(row, cells) for row, cells in rows if any(map(_is_filled, cells))]
    longer = passed.pop(_LONGER)
    if longer:
        raise CatalogError(
            f"{path} has cells to the right of its {len(names)} named columns, in "
            f"{join_some(longer)}{hint}: name their columns, or put text with separators into "
            "quotation marks"
        )
    notes = [*page.notes]
    notes += [
        f"{len(every)} rows {why}: {join_some(every)}" for why, every in passed.items() if every
    ]
    columns = [[cells[k] for _, cells in filled] for k in range(len(names))]
    if page.separator == ",":
        # Ids stay text: "3,17" can be one.
        is_id = [name.strip() in [one.strip() for one in wanted[:1]] for name in names]
        columns = [
            column if is_one else _with_points(column, is_quoted=True)
            for column, is_one in zip(columns, is_id, strict=True)
        ]
    elif page.separator:
        columns = [_with_points(column) for column in columns]
    frame = pd.DataFrame(dict(enumerate(columns)), dtype=object).set_axis(names, axis=1)
    # Counted from 1, as in a spreadsheet.
    return Sheet(frame, str(path), [row + 1 for row, _ in filled], hint, notes)


def _row(
    page: Page, row: int, names: Sequence[str], passed: Mapping[str, list[str]]
) -> Sequence[Any]:
    """Return the cells of a row below the header, blank for a comment or a repeated header."""
    n_columns = len(names)
    record = page.records[row]
    cells = [*record[:n_columns], *[None] * (n_columns - len(record))]
    if row in page.comments:
        passed[_COMMENT].append(f"row {row + 1}")
    elif cells == names:
        passed[_AGAIN].append(f"row {row + 1}")
    else:
        if len(record) > n_columns and any(map(_is_filled, record[n_columns:])):
            passed[_LONGER].append(f"row {row + 1}")
        return cells
    return [None] * n_columns


def _is_filled(cell: Any) -> bool:
    """Return whether a cell is not blank."""
    return cell is not None and str(cell).strip() != ""


def _with_points(cells: list[Any], *, is_quoted: bool = False) -> list[Any]:
    """Replace the decimal commas of a column of numbers by points."""
    texts = [cell for cell in cells if cell is not None and cell.strip()]
    with_comma = [text for text in texts if "," in text]
    if not with_comma or not all(map(_DECIMAL_COMMA.fullmatch, texts)):
        return cells
    if is_quoted and all(map(_THOUSANDS.fullmatch, with_comma)):
        return cells
    return [cell and cell.replace(",", ".") for cell in cells]
