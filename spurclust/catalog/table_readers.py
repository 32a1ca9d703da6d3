"""Read a table from xlsx, csv, FITS, VOTable or ECSV, every cell as it stands."""

import csv
import io
import os
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spurclust.errors import CatalogError, import_optional

_MAX_LISTED, _MAX_COLUMNS_LISTED = 10, 30
# What spreadsheets, pandas and astropy write for "no value".
_MISSING_WORDS = frozenset({"", "nan", "na", "n/a", "#n/a", "<na>", "null", "none", "--"})

# How files begin that are mistaken for others.
_SIGNATURES = {
    b"PK\x03\x04": "an Excel workbook or another zip file",
    b"\xd0\xcf\x11\xe0": "an old Excel .xls file or a workbook with a password",
    b"SIMPLE  =": "a FITS file",
    b"\x1f\x8b": "a gzip file",
    b"# %ECSV": "an ECSV table",
    b"<?xml": "an XML file, perhaps a VOTable",
    b"<VOTABLE": "a VOTable",
    b"\x89PNG": "a PNG image",
    b"%PDF": "a PDF document",
}


@dataclass(frozen=True, eq=False)
class Sheet:
    """A table as it was read, with what a message needs to name a cell."""

    frame: pd.DataFrame
    # The file, or "the DataFrame".
    origin: str
    # What a person calls the first row: 2 in a spreadsheet, whose header is row 1.
    first_row: int
    # Where else the columns may be, for example in another sheet.
    hint: str = ""


def read_sheet(table: str | os.PathLike[str] | pd.DataFrame, *, sheet: str | None) -> Sheet:
    """Read a file by its suffix, or take a DataFrame; `sheet` None is a workbook's first."""
    if isinstance(table, pd.DataFrame):
        found = Sheet(table.reset_index(drop=True), "the DataFrame", 0)
    elif isinstance(table, (str, os.PathLike)):
        found = _read_file(Path(table), sheet)
    else:
        raise TypeError(f"a table is a path or a pandas DataFrame, not {type(table).__name__}")
    if found.frame.empty:
        raise CatalogError(f"{found.origin} has no rows{found.hint}: give a table with one or more")
    return found


def find_column(
    source: Sheet, wanted: str, content: str, parameter: str, option: str | None = None
) -> int:
    """Return the index of a column, or raise an error that says which columns there are."""
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
    """Return where a name is; white space around it, which nobody sees, does not count."""
    exact = [k for k, name in enumerate(names) if name == wanted]
    return exact or [k for k, name in enumerate(names) if name.strip() == wanted.strip()]


def folded(name: str) -> str:
    """Return a name without case, white space and punctuation."""
    return re.sub(r"[\W_]", "", name).casefold()


def shorten(texts: Iterable[str]) -> str:
    """Join the first ten of many texts, and say how many more there are."""
    every = list(texts)
    shown = ", ".join(every[:_MAX_LISTED])
    return f"{shown} and {len(every) - _MAX_LISTED} more" if len(every) > _MAX_LISTED else shown


def is_missing(cell: Any) -> bool:
    """Whether a cell is masked, NaN or None."""
    return cell is np.ma.masked or (pd.api.types.is_scalar(cell) and bool(pd.isna(cell)))


def cell_text(cell: object) -> str:
    """Return a cell as text without white space around it, "" for no value or a word for none."""
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", "backslashreplace")
    text = "" if is_missing(cell) else str(cell).strip()
    return "" if text.casefold() in _MISSING_WORDS else text


def _read_file(path: Path, sheet: str | None) -> Sheet:
    """Read a file by its suffix."""
    suffix = max((s for s in _READERS if path.name.lower().endswith(s)), key=len, default=None)
    if suffix is None:
        raise CatalogError(
            f"{path} has no suffix of a table: save it as one of {', '.join(_READERS)}"
        )
    reader, kind, marks = _READERS[suffix]
    if sheet is not None and reader is not _read_workbook:
        raise CatalogError(f"{path} has no sheets: leave out sheet={sheet!r}")
    try:
        with path.open("rb") as file:
            head = file.read(256)
    except OSError as error:
        raise CatalogError(
            f"{path} cannot be read ({error.strerror}): correct the path or its permissions"
        ) from error
    if not head:
        raise CatalogError(f"{path} is empty: give a table with a header and rows")
    mark = next((mark for mark in _SIGNATURES if head.startswith(mark)), b"")
    if mark not in marks:
        text = "no table" if b"\0" in head else "plain text, perhaps csv"
        raise CatalogError(
            f"{path} is not {kind} but {_SIGNATURES.get(mark, text)}: rename it to what it is, or "
            "save it again"
        )
    try:
        with warnings.catch_warnings():
            # The libraries' remarks on other people's files.
            warnings.simplefilter("ignore")
            return reader(path, sheet)
    except (CatalogError, ImportError, MemoryError):
        raise
    except Exception as error:  # the libraries raise anything on a damaged file
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise CatalogError(
            f"{path} cannot be read as {kind} ({reason}): the file is damaged; save it again"
        ) from error


def _read_workbook(path: Path, sheet: str | None) -> Sheet:
    """Read a sheet of an Excel workbook."""
    records, hint = _cells_of_workbook(path, sheet, formulas=True)
    if any(_is_formula(cell) for record in records for cell in record):
        formulas = records
        records, hint = _cells_of_workbook(path, sheet, formulas=False)
        results = [
            cell
            for record, before in zip(records, formulas, strict=True)
            for cell, formula in zip(record, before, strict=False)
            if _is_formula(formula)
        ]
        if all(result is None for result in results):
            raise CatalogError(
                f"{path} has formulas without their results{hint}: open it in a spreadsheet "
                "program and save it"
            )
    return _sheet_of_records(records, path, hint)


def _cells_of_workbook(
    path: Path, sheet: str | None, *, formulas: bool
) -> tuple[list[tuple[Any, ...]], str]:
    """Return the rows of a sheet, with formulas or with their results, and the sheets' names."""
    openpyxl = import_optional("openpyxl", feature="Reading an Excel workbook")
    with closing(openpyxl.load_workbook(path, read_only=True, data_only=not formulas)) as book:
        names = [page.title for page in book.worksheets]
        name = sheet if sheet is not None else names[0]
        if name not in names:
            raise CatalogError(
                f"{path} has no sheet {name!r}: choose from {', '.join(map(repr, names))}"
            )
        page = book[name]
        # The size that a workbook declares is often wrong.
        page.reset_dimensions()
        records = list(page.iter_rows(values_only=True))
    others = ", ".join(repr(other) for other in names if other != name)
    hint = f" (in sheet {name!r}; read_labels(..., sheet=...) reads another: {others})"
    return records, hint if others else ""


def _is_formula(cell: object) -> bool:
    """Whether a cell holds a formula, an array formula included."""
    return cell.startswith("=") if isinstance(cell, str) else hasattr(cell, "ref")


def _read_text(path: Path, _: None) -> Sheet:
    """Read a csv or tsv file; the separator is the one that makes most columns of the header."""
    text = _decoded(path)
    separators = "\t" if path.suffix.lower() == ".tsv" else ",;\t"
    # Excel's own line that names the separator, not shown as a row.
    declared = re.match(r'"?sep=(.)"?\r?\n', text)
    if declared:
        separators, text = declared[1], text[declared.end() :]
    header = re.split(r"[\r\n]", text.lstrip(), maxsplit=1)[0]
    separator = max(separators, key=lambda s: len(next(csv.reader([header], delimiter=s), [])))
    # Not pandas: it joins the lines after an unclosed quotation mark without an error.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        records = [tuple(record) for record in reader]
    except csv.Error as error:
        raise CatalogError(
            f"{path}: the quotation marks in line {reader.line_num} do not fit ({error}): is the "
            "end of the file missing?"
        ) from error
    return _sheet_of_records(records, path)


def _decoded(path: Path) -> str:
    """Return the text of a file in UTF-8, UTF-16 with its mark, or else Windows-1252."""
    data = path.read_bytes()
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16")
    if b"\0" in data:
        raise CatalogError(f"{path} is not text: save it as csv in UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "backslashreplace")


def _sheet_of_records(records: Sequence[tuple[Any, ...]], path: Path, hint: str = "") -> Sheet:
    """Make a table of rows, the first that is not blank being the header."""
    cells = pd.DataFrame(dict(enumerate(zip_longest(*records))), dtype=object)
    filled = cells.map(lambda cell: cell is not None and str(cell).strip() != "").to_numpy(bool)
    filled_rows = np.flatnonzero(filled.any(axis=1))
    if not len(filled_rows):
        raise CatalogError(f"{path} is blank{hint}: give a table with a header and rows")
    header, end = filled_rows[0], filled_rows[-1] + 1
    n_columns = np.flatnonzero(filled[header])[-1] + 1
    # Counted from 1, as a spreadsheet does.
    first_row = int(header) + 2
    longer = np.flatnonzero(filled[header + 1 : end, n_columns:].any(axis=1))
    if len(longer):
        raise CatalogError(
            f"{path} has cells to the right of its {n_columns} named columns, in "
            f"{shorten([f'row {first_row + k}' for k in longer])}{hint}: name their columns, or "
            "put text with separators into quotation marks"
        )
    names = ["" if cell is None else str(cell) for cell in cells.iloc[header, :n_columns]]
    frame = cells.iloc[header + 1 : end, :n_columns].reset_index(drop=True)
    return Sheet(frame.set_axis(names, axis=1), str(path), first_row, hint)


def _read_fits(path: Path, _: None) -> Sheet:
    """Read the first table of a FITS file."""
    fits = import_optional("astropy.io.fits", feature="Reading a FITS table")
    tables = import_optional("astropy.table", feature="Reading a FITS table")
    kinds = (fits.BinTableHDU, fits.TableHDU)
    with fits.open(path, memmap=False) as parts:
        # An image in compressed form is stored as a table.
        found = [part for part in parts if isinstance(part, kinds) and not part.is_image]
        return _first_table(path, found, tables.Table.read)


def _read_votable(path: Path, _: None) -> Sheet:
    """Read the first table of a VOTable file."""
    votable = import_optional("astropy.io.votable", feature="Reading a VOTable")
    found = list(votable.parse(str(path), verify="ignore").iter_tables())
    return _first_table(path, found, lambda part: part.to_table(use_names_over_ids=True))


def _read_ecsv(path: Path, _: None) -> Sheet:
    """Read an ECSV file."""
    tables = import_optional("astropy.table", feature="Reading an ECSV table")
    return _first_table(path, [path], lambda part: tables.Table.read(part, format="ascii.ecsv"))


def _first_table(path: Path, found: Sequence[Any], read: Callable[[Any], Any]) -> Sheet:
    """Turn the first of astropy's tables into a DataFrame: integers stay integers, bytes text."""
    if not found:
        raise CatalogError(
            f"{path} has no table in it, or its end is missing: give the file of a catalog"
        )
    table = read(found[0])
    table.convert_bytestring_to_unicode()
    for name in table.colnames:
        # A DataFrame's column has one dimension.
        if len(getattr(table[name], "shape", (0,))) > 1:
            table[name] = [str(cell) for cell in table[name]]
    hint = f" (in the first of its {len(found)} tables)" if len(found) > 1 else ""
    return Sheet(table.to_pandas(), str(path), 1, hint)


_XML = (b"<?xml", b"<VOTABLE", b"")
# Suffix: who reads it, what it is called, which signatures it may have; b"" is none of them.
_READERS: dict[str, tuple[Callable[[Path, Any], Sheet], str, tuple[bytes, ...]]] = {
    ".xlsx": (_read_workbook, "an Excel workbook", (b"PK\x03\x04",)),
    ".xlsm": (_read_workbook, "an Excel workbook", (b"PK\x03\x04",)),
    ".csv": (_read_text, "a csv table", (b"",)),
    ".tsv": (_read_text, "a tsv table", (b"",)),
    ".fits": (_read_fits, "a FITS file", (b"SIMPLE  =",)),
    ".fit": (_read_fits, "a FITS file", (b"SIMPLE  =",)),
    ".fits.gz": (_read_fits, "a compressed FITS file", (b"\x1f\x8b",)),
    ".fit.gz": (_read_fits, "a compressed FITS file", (b"\x1f\x8b",)),
    ".vot": (_read_votable, "a VOTable", _XML),
    ".votable": (_read_votable, "a VOTable", _XML),
    ".xml": (_read_votable, "a VOTable", _XML),
    ".ecsv": (_read_ecsv, "an ECSV table", (b"# %ECSV",)),
}
