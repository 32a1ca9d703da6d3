"""Read the pages of a workbook: fill merged cells, name hidden rows, check formulas."""

import posixpath
import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pandas as pd

from spurclust.catalog.formats.sheets import Page
from spurclust.errors import CatalogError, import_optional
from spurclust.printing import join_some

# Real sheets shrink 10 to 100 times; files that are packed to harm shrink 1000 times.
_MAX_RATIO, _HARMLESS, _MAX_UNPACKED = 200, 50_000_000, 4_000_000_000
_MAX_WORKBOOK_ROWS, _MAX_CELLS = 1_048_576, 20_000_000
_MERGED = re.compile(rb'<mergeCell [^>]*?ref="([A-Z]{1,3}[0-9]{1,7}:[A-Z]{1,3}[0-9]{1,7})"')
_HIDDEN = re.compile(rb'<row (?=[^>]*hidden="(?:1|true)")[^>]*?\br="([0-9]{1,7})"')
_SPANS = re.compile(rb'number-rows-spanned="(?:[2-9]|[1-9][0-9])')
# The engines of pandas for a format, and their packages, the best first.
_ENGINES = {
    ".xls": {"calamine": ("python_calamine", "python-calamine"), "xlrd": ("xlrd", "xlrd")},
    ".ods": {"calamine": ("python_calamine", "python-calamine"), "odf": ("odf", "odfpy")},
}
_Range = tuple[int, int, int, int]
"""Merged cells: first row, last row plus 1, first column, last column plus 1, from 0."""


def read_pages(path: Path, sheet: str | None) -> tuple[list[Page], list[str]]:
    """Read all pages of a workbook or the named one; also return the names of the others."""
    if path.suffix.lower() in _ENGINES:
        return _read_with_pandas(path, sheet)
    _check_parts(path)
    openpyxl = import_optional("openpyxl", feature="Reading an Excel workbook")
    with closing(openpyxl.load_workbook(path, read_only=True)) as book:
        chosen, others = _choose([page.title for page in book.worksheets], sheet, path)
        pages = {name: _cells(book[name], path) for name in chosen}
    problems: dict[str, str] = {}
    if any(formulas for _, formulas in pages.values()):
        with closing(openpyxl.load_workbook(path, read_only=True, data_only=True)) as book:
            for name, (records, formulas) in pages.items():
                results = _cells(book[name], path)[0]
                problems[name] = _put_results(records, formulas, results)
    notes: dict[str, list[str]] = {name: [] for name in chosen}
    for name, text in _special_parts(path).items():
        if name in pages:
            records = pages[name][0]
            hidden = [int(row) for row in _HIDDEN.findall(text) if int(row) <= len(records)]
            notes[name] = [*_fill(records, _merged(text), path), *_name_hidden(hidden)]
    read = [
        Page(name, records, notes[name], problem=problems.get(name, ""))
        for name, (records, _) in pages.items()
    ]
    return read, others


def _choose(names: list[str], sheet: str | None, path: Path) -> tuple[list[str], list[str]]:
    """Return the names of the sheets to read, and of the others."""
    if not names:
        raise CatalogError(f"{path} has no sheet with cells: give a table with a header and rows")
    if sheet is None:
        return names, []
    if sheet not in names:
        raise CatalogError(
            f"{path} has no sheet {sheet!r}: choose from {', '.join(map(repr, names))}"
        )
    return [sheet], [name for name in names if name != sheet]


def _cells(page: Any, path: Path) -> tuple[list[list[Any]], list[tuple[int, int]]]:
    """Return the rows of a sheet, and the positions of its formulas."""
    # The declared size of a workbook is often wrong.
    page.reset_dimensions()
    records: list[list[Any]] = []
    formulas: list[tuple[int, int]] = []
    n_cells = 0
    for row in page.iter_rows():
        n_cells += len(row)
        if len(records) > _MAX_WORKBOOK_ROWS or n_cells > _MAX_CELLS:
            raise CatalogError(
                f"{path}: the cells of sheet {page.title!r} reach too far, to row "
                f"{len(records) + 1} and column {len(row)}: delete the rows and columns beyond the "
                "table, or save it as csv"
            )
        formulas += [(len(records), k) for k, cell in enumerate(row) if cell.data_type == "f"]
        records.append([cell.value for cell in row])
    return records, formulas


def _put_results(
    records: list[list[Any]], formulas: Sequence[tuple[int, int]], results: list[list[Any]]
) -> str:
    """Put the results of formulas into their cells; return what is wrong, if anything."""
    for row, column in formulas:
        records[row][column] = results[row][column]
    if formulas and all(records[row][column] is None for row, column in formulas):
        return "it has formulas without their results: open it in a spreadsheet program and save it"
    return ""


def _fill(records: list[list[Any]], ranges: Sequence[_Range], path: Path) -> Iterator[str]:
    """Fill each of the merged cells with their value; yield a note on it."""
    width = max(map(len, records), default=0)
    filled = []
    n_cells = 0
    for top, bottom, left, right in sorted(ranges):
        if top >= len(records) or left >= len(records[top]) or records[top][left] is None:
            continue
        value = records[top][left]
        last_row, last_column = min(bottom, len(records)), min(right, max(width, left + 1))
        n_cells += (last_row - top) * (last_column - left)
        if n_cells > _MAX_CELLS:
            raise CatalogError(f"{path} has {n_cells} merged cells: unmerge them")
        for row in range(top, last_row):
            records[row] += [None] * (last_column - len(records[row]))
            records[row][left:last_column] = [value] * (last_column - left)
        if bottom - top > 1:
            filled.append(f"row {top + 1} to {bottom} ({value})")
    if filled:
        yield f"merged cells count for each of their rows: {join_some(filled)}"


def _name_hidden(rows: Sequence[int]) -> Iterator[str]:
    """Yield a note on hidden rows."""
    if rows:
        named = join_some([f"row {row}" for row in rows])
        yield f"{len(rows)} rows are hidden, perhaps by a filter, and count as well: {named}"


def _check_parts(path: Path) -> None:
    """Raise an error for a zip file that is packed to harm."""
    with zipfile.ZipFile(path) as book:
        for part in book.infolist():
            ratio = part.file_size / max(part.compress_size, 1)
            too_large = part.file_size > _HARMLESS and ratio > _MAX_RATIO
            if too_large or part.file_size > _MAX_UNPACKED:
                raise CatalogError(
                    f"{path}: {part.filename} would take {part.file_size} bytes: save the table as "
                    "csv"
                )
            with book.open(part) as file:
                if b"<!DOCTYPE" in file.read(4096):
                    raise CatalogError(
                        f"{path}: {part.filename} declares a document type, which no spreadsheet "
                        "program writes: save it again"
                    )


def _special_parts(path: Path) -> dict[str, bytes]:
    """Return the text of the sheets that have merged cells or hidden rows."""
    # openpyxl makes an object for every merged cell, and a sheet may claim 10^10 of them.
    with zipfile.ZipFile(path) as book:
        sheets = ElementTree.fromstring(book.read("xl/workbook.xml")).findall(".//{*}sheet")
        links = ElementTree.fromstring(book.read("xl/_rels/workbook.xml.rels"))
        target = {link.get("Id"): link.get("Target", "") for link in links}
        found = {}
        for sheet in sheets:
            link = next((value for key, value in sheet.items() if key.endswith("}id")), "")
            part = posixpath.join("/xl", target.get(link, "")).lstrip("/")
            if part in book.namelist():
                text = book.read(part)
                if b"<mergeCell " in text or b'hidden="' in text:
                    found[sheet.get("name", "")] = text
    return found


def _merged(text: bytes) -> list[_Range]:
    """Return the merged cells of a sheet."""
    from openpyxl.utils import range_boundaries

    found = (range_boundaries(name.decode()) for name in _MERGED.findall(text))
    return [(top - 1, bottom, left - 1, right) for left, top, right, bottom in found]


def _read_with_pandas(path: Path, sheet: str | None) -> tuple[list[Page], list[str]]:
    """Read .ods and .xls with any installed engine of pandas."""
    suffix = path.suffix.lower()
    engines = _ENGINES[suffix]
    engine = next((name for name, (module, _) in engines.items() if find_spec(module)), None)
    if engine is None:
        packages = [package for _, package in engines.values()]
        raise ImportError(
            f"Reading {suffix} needs the package {' or '.join(packages)}, which is not "
            f"installed: pip install {packages[0]}; or save {path.name} as .xlsx",
            name=packages[0],
        )
    if suffix == ".ods":
        _refuse_spans(path)
    options = {"formatting_info": True} if engine == "xlrd" else {}
    with pd.ExcelFile(path, engine=engine, engine_kwargs=options) as book:  # type: ignore[arg-type]
        chosen, others = _choose([str(name) for name in book.sheet_names], sheet, path)
        pages = []
        for name in chosen:
            frame = book.parse(
                name, header=None, dtype=object, na_filter=False, keep_default_na=False
            )
            records = [[None if cell == "" else cell for cell in row] for row in frame.to_numpy()]
            notes = [*_fill(records, _merged_ranges(book, engine, name), path)]
            pages.append(Page(name, records, notes))
    return pages, others


def _merged_ranges(book: Any, engine: str, name: str) -> list[_Range]:
    """Return the merged cells of a sheet that is open in pandas."""
    if engine == "xlrd":
        return [tuple(cells) for cells in book.book.sheet_by_name(name).merged_cells]
    if engine == "calamine":
        ranges = book.book.get_sheet_by_name(name).merged_cell_ranges or []
        return [(top, bottom + 1, left, right + 1) for (top, left), (bottom, right) in ranges]
    return []


def _refuse_spans(path: Path) -> None:
    """Raise an error for an OpenDocument sheet with merged cells; no engine reads them."""
    _check_parts(path)
    with zipfile.ZipFile(path) as book:
        found = _SPANS.search(book.read("content.xml"))
    if found:
        raise CatalogError(
            f"{path} has merged cells: unmerge them and fill each, or save it as .xlsx"
        )
