"""Read a table of any format by its suffix, with unchanged cells."""

import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from spurclust.catalog.formats.binary_tables import (
    read_ecsv,
    read_fits,
    read_parquet,
    read_votable,
)
from spurclust.catalog.formats.sheets import Sheet, find_sheet, sheet_of_page
from spurclust.catalog.formats.text_tables import read_text_page
from spurclust.catalog.formats.workbooks import read_pages
from spurclust.errors import CatalogError


def read_sheet(
    table: str | os.PathLike[str] | pd.DataFrame, *, sheet: str | None, wanted: Sequence[str] = ()
) -> Sheet:
    """Read a file by its suffix, or take a DataFrame."""
    # The header is the first row with the first wanted name. In a workbook, the page with the
    # wanted names is read, unless a sheet is named.
    if isinstance(table, pd.DataFrame):
        found = Sheet(table.reset_index(drop=True), "the DataFrame", range(len(table)))
    elif isinstance(table, (str, os.PathLike)):
        found = _read_file(Path(table), sheet, wanted)
    else:
        raise TypeError(f"a table is a path or a pandas DataFrame, not {type(table).__name__}")
    if found.frame.empty:
        notes = "".join(f"; {note}" for note in found.notes)
        raise CatalogError(
            f"{found.origin} has no rows{found.hint}{notes}: give a table with one or more"
        )
    return found


def _read_file(path: Path, sheet: str | None, wanted: Sequence[str]) -> Sheet:
    """Read a file by its suffix."""
    suffix = max((s for s in _READERS if path.name.lower().endswith(s)), key=len, default=None)
    if suffix is None:
        raise CatalogError(
            f"{path} has no suffix of a table: save it as one of {', '.join(_READERS)}"
        )
    reader, kind, marks = _READERS[suffix]
    if sheet is not None and not has_sheets(path):
        raise CatalogError(f"{path} has no sheets: leave out sheet={sheet!r} (--sheet)")
    head = _head_of(path)
    mark = next((mark for mark in _SIGNATURES if head.startswith(mark)), b"")
    if mark not in marks:
        text = "no table" if b"\0" in head else "plain text, perhaps csv"
        raise CatalogError(
            f"{path} is not {kind} but {_SIGNATURES.get(mark, text)}: correct its suffix, or save "
            "it again"
        )
    try:
        with warnings.catch_warnings():
            # Libraries warn about other people's files.
            warnings.simplefilter("ignore")
            return reader(path, sheet, wanted)
    except (CatalogError, ImportError):
        raise
    except Exception as error:  # libraries raise anything for a damaged file
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise CatalogError(
            f"{path} cannot be read as {kind} ({reason}): the file is damaged; save it again"
        ) from error


def _head_of(path: Path) -> bytes:
    """Return the first bytes of a file."""
    try:
        with path.open("rb") as file:
            head = file.read(256)
    except OSError as error:
        raise CatalogError(
            f"{path} cannot be read ({error.strerror}): correct the path or its permissions"
        ) from error
    if not head:
        raise CatalogError(f"{path} is empty: give a table with a header and rows")
    return head


def has_sheets(path: str | os.PathLike[str]) -> bool:
    """Return whether a file is a workbook, by its suffix."""
    return Path(path).suffix.lower() in WORKBOOKS


def _read_workbook(path: Path, sheet: str | None, wanted: Sequence[str]) -> Sheet:
    """Read the page of a workbook that is named, or that has the wanted columns."""
    return find_sheet(*read_pages(path, sheet), path, wanted)


def _read_text(path: Path, _: str | None, wanted: Sequence[str]) -> Sheet:
    """Read text with separators between the cells."""
    return sheet_of_page(read_text_page(path, wanted), path, wanted)


def _binary(read: Callable[[Path], tuple[pd.DataFrame, int]]) -> "_Reader":
    """Make a reader of files that hold tables with a header of their own."""

    def read_first(path: Path, _: str | None, __: Sequence[str]) -> Sheet:
        frame, n_tables = read(path)
        hint = f" (in the first of its {n_tables} tables)" if n_tables > 1 else ""
        return Sheet(frame, str(path), range(1, len(frame) + 1), hint)

    return read_first


# The first bytes of files that are mistaken for others.
_SIGNATURES = {
    b"PK\x03\x04": "an Excel workbook or another zip file",
    b"\xd0\xcf\x11\xe0": "an old Excel .xls file or a workbook with a password",
    b"SIMPLE  =": "a FITS file",
    b"\x1f\x8b": "a gzip file",
    b"# %ECSV": "an ECSV table",
    b"<?xml": "an XML file, perhaps a VOTable",
    b"<VOTABLE": "a VOTable",
    b"PAR1": "a Parquet file",
    b"\x89PNG": "a PNG image",
    b"%PDF": "a PDF document",
}
_ZIP, _XML, _GZIP = (b"PK\x03\x04",), (b"<?xml", b"<VOTABLE", b""), (b"\x1f\x8b",)
_Reader = Callable[[Path, str | None, Sequence[str]], Sheet]
# Suffix: its reader, its name, its signatures; b"" is none of those above.
_READERS: dict[str, tuple[_Reader, str, tuple[bytes, ...]]] = {
    ".xlsx": (_read_workbook, "an Excel workbook", _ZIP),
    ".xlsm": (_read_workbook, "an Excel workbook", _ZIP),
    ".xls": (_read_workbook, "an old Excel workbook", (b"\xd0\xcf\x11\xe0",)),
    ".ods": (_read_workbook, "an OpenDocument sheet", _ZIP),
    ".csv": (_read_text, "a csv table", (b"",)),
    ".tsv": (_read_text, "a tsv table", (b"",)),
    ".txt": (_read_text, "a table of text", (b"",)),
    ".dat": (_read_text, "a table of text", (b"",)),
    ".fits": (_binary(read_fits), "a FITS file", (b"SIMPLE  =",)),
    ".fit": (_binary(read_fits), "a FITS file", (b"SIMPLE  =",)),
    ".fits.gz": (_binary(read_fits), "a compressed FITS file", _GZIP),
    ".fit.gz": (_binary(read_fits), "a compressed FITS file", _GZIP),
    ".vot": (_binary(read_votable), "a VOTable", _XML),
    ".votable": (_binary(read_votable), "a VOTable", _XML),
    ".xml": (_binary(read_votable), "a VOTable", _XML),
    ".ecsv": (_binary(read_ecsv), "an ECSV table", (b"# %ECSV",)),
    ".parquet": (_binary(read_parquet), "a Parquet table", (b"PAR1",)),
    ".pq": (_binary(read_parquet), "a Parquet table", (b"PAR1",)),
}
WORKBOOKS = tuple(s for s, (reader, *_) in _READERS.items() if reader is _read_workbook)
"""Suffixes of files with sheets."""
