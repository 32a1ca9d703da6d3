"""Write a table as csv, tsv, ECSV, VOTable, FITS or xlsx."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from spurclust.errors import CatalogError, import_optional

if TYPE_CHECKING:
    import pandas as pd

_MAX_WORKBOOK_ROWS = 1_048_576
# A spreadsheet keeps 15 digits of a number.
_MAX_WORKBOOK_INTEGER = 10**15
# What a format cannot hold: text must be UTF-8, XML 1.0, or the printable ASCII of FITS.
# Python's csv writer does not always quote a carriage return.
_NOT_CSV = re.compile("[\0\r\ud800-\udfff]")
# astropy ends a line of ECSV wherever str.splitlines does.
_NOT_ECSV = re.compile("[\0\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029\ud800-\udfff]")
_NOT_XML = re.compile("[\0-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")
_NOT_FITS = re.compile(r"[^ -~]")
# By these the programs of the Virtual Observatory know which columns are ids and positions.
_UCDS = {
    "source_id": "meta.id;meta.main",
    "ra": "pos.eq.ra;meta.main",
    "dec": "pos.eq.dec;meta.main",
}


class _Meaning(NamedTuple):
    """What is known of columns by their names, for the formats that keep it."""

    descriptions: Mapping[str, str]
    units: Mapping[str, str]


def write_frame(
    frame: "pd.DataFrame", path: Path, descriptions: Mapping[str, str], units: Mapping[str, str]
) -> list[str]:
    """Write a table in the format of the file's suffix.

    Parameters
    ----------
    frame : DataFrame
        Columns of numbers, truth values and text; anything else is written as text.
    path : Path
        The file.
    descriptions : mapping of str to str
        What the columns mean, kept in ECSV, VOTable and FITS.
    units : mapping of str to str
        Units of columns of numbers, kept in the same.

    Returns
    -------
    list of str
        The columns in which characters were replaced by escapes as in Python, because the format
        cannot hold them.
    """
    import pandas as pd

    writer, forbidden = _WRITERS[path.suffix.lower()]
    columns: dict[str, pd.Series[Any]] = {}
    escaped = []
    for name in map(str, frame.columns):
        cells = frame[name]
        if _is_text(cells):
            texts = ["" if _is_missing(cell) else str(cell) for cell in cells]
            clean = [forbidden.sub(_escape, text) for text in texts]
            cells = pd.Series(clean, index=frame.index, dtype=object)
            if clean != texts:
                escaped.append(name)
        columns[name] = cells
    writer(pd.DataFrame(columns, index=frame.index), path, _Meaning(descriptions, units))
    return escaped


def writable_suffixes() -> list[str]:
    """Return the suffixes of the formats that can be written."""
    return list(_WRITERS)


def _is_text(cells: "pd.Series[Any]") -> bool:
    """Tell whether a column is written as text; truth values are when some are missing."""
    import pandas as pd

    if pd.api.types.is_bool_dtype(cells):
        return bool(cells.isna().any())
    return not pd.api.types.is_numeric_dtype(cells)


def _is_missing(cell: Any) -> bool:
    """Tell whether a cell is NaN or None."""
    import pandas as pd

    return bool(pd.api.types.is_scalar(cell) and pd.isna(cell))


def _escape(match: re.Match[str]) -> str:
    """Write a character as in a Python string."""
    return match[0].encode("unicode_escape").decode("ascii")


def _write_csv(frame: "pd.DataFrame", path: Path, meaning: _Meaning) -> None:  # noqa: ARG001 (one form for all writers)
    """Write comma- or tab-separated text in UTF-8; numbers so that reading gives the same."""
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    frame.to_csv(path, sep=separator, index=False, lineterminator="\n", encoding="utf-8")


def _write_ecsv(frame: "pd.DataFrame", path: Path, meaning: _Meaning) -> None:
    """Write ECSV, which any reader of csv with comments reads too."""
    table = _astropy_table(frame, meaning)
    table.write(path, format="ascii.ecsv", delimiter=",", overwrite=True)


def _write_votable(frame: "pd.DataFrame", path: Path, meaning: _Meaning) -> None:
    """Write a VOTable."""
    _astropy_table(frame, meaning).write(path, format="votable", overwrite=True)


def _write_fits(frame: "pd.DataFrame", path: Path, meaning: _Meaning) -> None:
    """Write a FITS table."""
    _astropy_table(frame, meaning).write(path, format="fits", overwrite=True)


def _astropy_table(frame: "pd.DataFrame", meaning: _Meaning) -> Any:
    """Make an astropy table of types that FITS and VOTable have."""
    tables = import_optional("astropy.table", feature="Writing FITS, VOTable and ECSV")
    table = tables.Table()
    for name in frame.columns:
        table[name] = _astropy_column(frame[name], tables)
        table[name].description = meaning.descriptions.get(name)
        if table[name].dtype.kind in "if":
            table[name].unit = meaning.units.get(name)
        if name in _UCDS:
            table[name].meta["ucd"] = _UCDS[name]
    return table


def _astropy_column(cells: "pd.Series[Any]", tables: Any) -> Any:
    """Make an astropy column; a missing integer is masked."""
    import pandas as pd

    if pd.api.types.is_bool_dtype(cells):
        return tables.Column(cells.to_numpy(dtype=bool))
    if pd.api.types.is_integer_dtype(cells):
        # Neither format has a signed byte, and VOTable no unsigned integer.
        small = cells.dtype.name.lower() in ("int8", "uint8", "int16")
        kind = np.int16 if small else np.int64
        missing = cells.isna().to_numpy(dtype=bool)
        if not missing.any():
            return tables.Column(cells.to_numpy(dtype=kind))
        values = cells.fillna(0).to_numpy(dtype=kind)
        return tables.MaskedColumn(values, mask=missing, fill_value=np.iinfo(kind).min)
    if pd.api.types.is_numeric_dtype(cells):
        return tables.Column(cells.to_numpy(dtype=np.float64, na_value=np.nan))
    return tables.Column(np.array(cells.tolist(), dtype=str))


def _write_workbook(frame: "pd.DataFrame", path: Path, meaning: _Meaning) -> None:  # noqa: ARG001
    """Write an Excel workbook with one sheet."""
    openpyxl = import_optional("openpyxl", feature="Writing an Excel workbook")
    if len(frame) >= _MAX_WORKBOOK_ROWS:
        raise CatalogError(
            f"{len(frame)} rows are more than an Excel workbook holds: choose csv or FITS"
        )
    book = openpyxl.Workbook(write_only=True)
    page = book.create_sheet("table")
    page.freeze_panes = "A2"
    columns = [frame[name].tolist() for name in frame.columns]
    for record in [list(frame.columns), *zip(*columns, strict=True)]:
        page.append(_workbook_cells(record, page, openpyxl.cell.WriteOnlyCell))
    book.save(path)


def _workbook_cells(record: Sequence[Any], page: Any, make: Callable[..., Any]) -> list[Any]:
    """Make the cells of a row; text stays text even if it looks like a formula."""
    cells: list[Any] = []
    for value in record:
        cell = None if _is_missing(value) else value
        if isinstance(value, str):
            cell = make(page, value)
            cell.data_type = "s"
        elif _has_no_cell(value):
            cell = str(value)
        cells.append(cell)
    return cells


def _has_no_cell(value: Any) -> bool:
    """Tell whether a number is infinite or has more digits than a workbook keeps."""
    if isinstance(value, int):
        return abs(value) >= _MAX_WORKBOOK_INTEGER
    return isinstance(value, float) and bool(np.isinf(value))


_Writer = Callable[["pd.DataFrame", Path, _Meaning], None]
# Suffix: who writes it, which characters it cannot hold.
_WRITERS: dict[str, tuple[_Writer, re.Pattern[str]]] = {
    ".csv": (_write_csv, _NOT_CSV),
    ".tsv": (_write_csv, _NOT_CSV),
    ".ecsv": (_write_ecsv, _NOT_ECSV),
    ".vot": (_write_votable, _NOT_XML),
    ".votable": (_write_votable, _NOT_XML),
    ".xml": (_write_votable, _NOT_XML),
    ".fits": (_write_fits, _NOT_FITS),
    ".fit": (_write_fits, _NOT_FITS),
    ".xlsx": (_write_workbook, _NOT_XML),
}
