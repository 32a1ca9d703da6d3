"""Read a table from xlsx, csv, FITS, VOTable or ECSV, every cell as it stands."""

import csv
import io
import os
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spurclust.errors import CatalogError, import_optional

if TYPE_CHECKING:
    import pandas as pd

_MAX_LISTED, _MAX_COLUMNS_LISTED = 10, 30

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
    """A table as it was read, with what is needed to tell a person where something stands.

    Attributes
    ----------
    frame : DataFrame
        The cells, without the blank rows at the end.
    origin : str
        The file, or "the DataFrame".
    first_row : int
        What a person calls the first row: 2 in a spreadsheet, whose header is row 1.
    hint : str
        Where else the columns may be, for example in another sheet.
    """

    frame: "pd.DataFrame"
    origin: str
    first_row: int
    hint: str = ""


def read_sheet(table: "str | os.PathLike[str] | pd.DataFrame", *, sheet: str | None) -> Sheet:
    """Read a table in any of the formats, or take a DataFrame.

    Parameters
    ----------
    table : str, path or DataFrame
        The file; its suffix says what it is.
    sheet : str or None
        Name of the sheet of a workbook; None is the first.

    Returns
    -------
    Sheet
        The cells. Those of csv are text, those of xlsx what openpyxl makes of them.

    Raises
    ------
    CatalogError
        When the file is missing, not what its suffix says, damaged, or without rows.
    """
    import pandas as pd

    if isinstance(table, pd.DataFrame):
        found = Sheet(table.reset_index(drop=True), "the DataFrame", 0)
    elif isinstance(table, (str, os.PathLike)):
        found = _read_file(Path(table), sheet)
    else:
        raise TypeError(f"a table is a path or a pandas DataFrame, not {type(table).__name__}")
    if found.frame.empty:
        raise CatalogError(f"{found.origin} has no rows{found.hint}: give a table with one or more")
    return found


def find_column(source: Sheet, wanted: str, content: str, parameter: str) -> int:
    """Find a column by its name, or raise an error that says which there are.

    Parameters
    ----------
    source : Sheet
        The table.
    wanted : str
        The name.
    content : str
        What is in it, for the message.
    parameter : str
        What the user sets to choose another, for the message.

    Returns
    -------
    int
        Its place.

    Raises
    ------
    CatalogError
        When no column, or more than one, has the name.
    """
    names = [str(name) for name in source.frame.columns]
    places = find_names(names, wanted)
    if len(places) == 1:
        return places[0]
    if places:
        raise CatalogError(
            f"{source.origin} has {len(places)} columns named {wanted!r}{source.hint}: rename all "
            f"but the one with the {content}"
        )
    present = ", ".join(repr(name) for name in names[:_MAX_COLUMNS_LISTED])
    more = len(names) - _MAX_COLUMNS_LISTED
    by_folded = {folded(name): name for name in reversed(names)}
    close = get_close_matches(folded(wanted), by_folded, n=1)
    advice = f"Did you mean {by_folded[close[0]]!r}? " if close else ""
    raise CatalogError(
        f"{source.origin} has no column {wanted!r} of {content}{source.hint}; its columns are "
        f"{present}{f' and {more} more' if more > 0 else ''}. {advice}Choose it with {parameter}"
    )


def find_names(names: Sequence[str], wanted: str) -> list[int]:
    """Return where a name is; white space around it, which nobody sees, does not count."""
    exact = [k for k, name in enumerate(names) if name == wanted]
    return exact or [k for k, name in enumerate(names) if name.strip() == wanted.strip()]


def folded(name: str) -> str:
    """Return a name without case, white space and punctuation."""
    return re.sub(r"[\W_]", "", name).casefold()


def shorten(texts: Sequence[str]) -> str:
    """Join the first few of many texts.

    Parameters
    ----------
    texts : sequence of str
        What to list.

    Returns
    -------
    str
        At most ten, and how many more there are.
    """
    shown = ", ".join(texts[:_MAX_LISTED])
    return f"{shown} and {len(texts) - _MAX_LISTED} more" if len(texts) > _MAX_LISTED else shown


def _read_file(path: Path, sheet: str | None) -> Sheet:
    """Read a file by its suffix."""
    suffix = max((s for s in _READERS if path.name.lower().endswith(s)), key=len, default=None)
    if suffix is None:
        raise CatalogError(
            f"{path} has no suffix of a table: save it as one of {', '.join(_READERS)}"
        )
    if sheet is not None and not suffix.startswith(".xls"):
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
    reader, kind, marks = _READERS[suffix]
    mark = next((mark for mark in _SIGNATURES if head.startswith(mark)), b"")
    if mark not in marks:
        text = "no table" if b"\0" in head else "plain text, perhaps csv"
        raise CatalogError(
            f"{path} is not {kind} but {_SIGNATURES.get(mark, text)}: rename it to what it is, or "
            "save it again"
        )
    try:
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
            record[k]
            for record, before in zip(records, formulas, strict=True)
            for k, cell in enumerate(before)
            if _is_formula(cell)
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
    with _quiet():
        book = openpyxl.load_workbook(path, read_only=True, data_only=not formulas)
        try:
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
        finally:
            book.close()
    others = ", ".join(repr(other) for other in names if other != name)
    return records, f" (in sheet {name!r}; sheet= chooses another: {others})" if others else ""


def _is_formula(cell: object) -> bool:
    """Tell whether a cell holds a formula, an array formula included."""
    return cell.startswith("=") if isinstance(cell, str) else hasattr(cell, "ref")


def _read_text(path: Path, sheet: str | None) -> Sheet:  # noqa: ARG001 (one form for all readers)
    """Read a csv or tsv file; the separator is the one that makes most columns of the header."""
    text = _decoded(path)
    separators = "\t" if path.suffix.lower() == ".tsv" else ",;\t"
    # Excel's own line that names the separator, not shown as a row.
    declared = re.match(r'"?sep=(.)"?\r?\n', text)
    if declared:
        separators, text = declared[1], text[declared.end() :]
    header = re.split(r"[\r\n]", text.lstrip(), maxsplit=1)[0]
    separator = max(separators, key=lambda s: len(next(csv.reader([header], delimiter=s), [])))
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
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def _sheet_of_records(records: Sequence[tuple[Any, ...]], path: Path, hint: str = "") -> Sheet:
    """Make a table of rows, the first that is not blank being the header."""
    import pandas as pd

    n_before = next((k for k, record in enumerate(records) if not _is_blank(record)), None)
    if n_before is None:
        raise CatalogError(f"{path} is blank{hint}: give a table with a header and rows")
    n_rows = max(k for k, record in enumerate(records) if not _is_blank(record)) - n_before
    header, rows = records[n_before], records[n_before + 1 : n_before + 1 + n_rows]
    first_row = n_before + 2
    n_columns = max(k for k, cell in enumerate(header) if not _is_blank((cell,))) + 1
    longer = [
        f"row {first_row + k}" for k, row in enumerate(rows) if not _is_blank(row[n_columns:])
    ]
    if longer:
        raise CatalogError(
            f"{path} has cells to the right of its {n_columns} named columns, in "
            f"{shorten(longer)}{hint}: name their columns, or put text with separators into "
            "quotation marks"
        )
    padding = (None,) * n_columns
    columns = list(zip(*((*row, *padding)[:n_columns] for row in rows), strict=True))
    frame = pd.DataFrame(
        {k: pd.Series(cells, dtype=object) for k, cells in enumerate(columns)}, dtype=object
    )
    names = ["" if cell is None else str(cell) for cell in header[:n_columns]]
    return Sheet(frame.set_axis(names[: frame.shape[1]], axis=1), str(path), first_row, hint)


def _is_blank(record: Sequence[object]) -> bool:
    """Tell whether cells are all empty or white space."""
    return all(cell is None or (isinstance(cell, str) and not cell.strip()) for cell in record)


def _read_fits(path: Path, sheet: str | None) -> Sheet:  # noqa: ARG001
    """Read the first table of a FITS file."""
    fits = import_optional("astropy.io.fits", feature="Reading a FITS table")
    tables = import_optional("astropy.table", feature="Reading a FITS table")
    with _quiet(), fits.open(path, memmap=False) as parts:
        found = [
            part
            for part in parts
            if isinstance(part, (fits.BinTableHDU, fits.TableHDU))
            and not isinstance(part, fits.CompImageHDU)
        ]
        if not found:
            raise CatalogError(
                f"{path} has no table in it, or its end is missing: give the FITS file of a "
                "catalogue"
            )
        hint = f" (in the first of its {len(found)} tables)" if len(found) > 1 else ""
        return Sheet(_frame_of_astropy(tables.Table.read(found[0])), str(path), 1, hint)


def _read_votable(path: Path, sheet: str | None) -> Sheet:  # noqa: ARG001
    """Read the first table of a VOTable file."""
    votable = import_optional("astropy.io.votable", feature="Reading a VOTable")
    with _quiet():
        found = list(votable.parse(str(path), verify="ignore").iter_tables())
        if not found:
            raise CatalogError(f"{path} has no table in it: give the VOTable of a catalogue")
        hint = f" (in the first of its {len(found)} tables)" if len(found) > 1 else ""
        table = found[0].to_table(use_names_over_ids=True)
        return Sheet(_frame_of_astropy(table), str(path), 1, hint)


def _read_ecsv(path: Path, sheet: str | None) -> Sheet:  # noqa: ARG001
    """Read an ECSV file."""
    tables = import_optional("astropy.table", feature="Reading an ECSV table")
    with _quiet():
        table = tables.Table.read(path, format="ascii.ecsv")
        return Sheet(_frame_of_astropy(table), str(path), 1)


def _frame_of_astropy(table: Any) -> "pd.DataFrame":
    """Turn an astropy table into a DataFrame: integers stay integers, bytes become text."""
    table.convert_bytestring_to_unicode()
    for name in table.colnames:
        # A DataFrame's column has one dimension.
        if len(getattr(table[name], "shape", (0,))) > 1:
            table[name] = [str(cell) for cell in table[name]]
    frame: pd.DataFrame = table.to_pandas()
    return frame


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the libraries' remarks on other people's files to themselves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


_Reader = Callable[[Path, str | None], Sheet]
_ZIP, _FITS, _GZIP, _XML = (
    (b"PK\x03\x04",),
    (b"SIMPLE  =",),
    (b"\x1f\x8b",),
    (b"<?xml", b"<VOTABLE"),
)
# Suffix: who reads it, what it is called, which signatures it may have; b"" is none of them.
_READERS: dict[str, tuple[_Reader, str, tuple[bytes, ...]]] = {
    ".xlsx": (_read_workbook, "an Excel workbook", _ZIP),
    ".xlsm": (_read_workbook, "an Excel workbook", _ZIP),
    ".csv": (_read_text, "a csv table", (b"",)),
    ".tsv": (_read_text, "a tsv table", (b"",)),
    ".fits": (_read_fits, "a FITS file", _FITS),
    ".fit": (_read_fits, "a FITS file", _FITS),
    ".fits.gz": (_read_fits, "a compressed FITS file", _GZIP),
    ".fit.gz": (_read_fits, "a compressed FITS file", _GZIP),
    ".vot": (_read_votable, "a VOTable", (*_XML, b"")),
    ".votable": (_read_votable, "a VOTable", (*_XML, b"")),
    ".xml": (_read_votable, "a VOTable", (*_XML, b"")),
    ".ecsv": (_read_ecsv, "an ECSV table", (b"# %ECSV",)),
}
