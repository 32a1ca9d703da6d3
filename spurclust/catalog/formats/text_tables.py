"""Read tables of text: the encoding, the separator, comments, and marks of text."""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spurclust.catalog.formats.sheets import Page, find_names
from spurclust.errors import CatalogError

# A spreadsheet runs a cell that begins with this, and other programs skip such a line.
_RUNS = re.compile(r"'*\s*[=+\-@#]")
_MARKED = re.compile(r"'+\s*[=+\-@#]")
# A number or a position, which no program runs.
_PLAIN = re.compile(r"[+-]?[0-9.:\s]*[0-9][0-9.:\s]*([eE][-+]?[0-9]+)?|-?inf")
# Some programs keep the zeros of "00123" in this way.
_AS_TEXT = re.compile(r'="([^"]*)"')
# Separators in order of preference; a blank is any white space.
_SEPARATORS = ",;\t|"
_LOOKED_AT = 100


def mark_text(text: str) -> str:
    """Return a cell of csv that no spreadsheet runs; `unmark_text` is the inverse."""
    return "'" + text if _RUNS.match(text) and not _PLAIN.fullmatch(text) else text


def unmark_text(text: str) -> str:
    """Return a cell of csv without the apostrophe that marks it as text."""
    if _MARKED.match(text):
        return text[1:]
    held = _AS_TEXT.fullmatch(text)
    return held[1] if held else text


def read_text_page(path: Path, wanted: Sequence[str]) -> Page:
    """Read the cells of a text file; the separator is the one that yields the wanted names."""
    text = _decoded(path)
    # Excel's line with the separator, which is not a row.
    declared = re.match(r'"?sep=(.)"?\r?\n', text)
    if declared:
        separator, text = declared[1], text[declared.end() :]
    elif path.suffix.lower() == ".tsv":
        separator = "\t"
    else:
        separator = _separator(text, wanted)
    lines = _Lines(text, separator)
    # pandas joins the lines after an unclosed quotation mark without an error.
    reader = csv.reader(lines, strict=True, **_dialect(separator))
    records: list[list[str]] = []
    comments: list[int] = []
    cells: list[str] | None = []
    while cells is not None:
        lines.is_start = True
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise CatalogError(
                f"{path}: the quotation marks in line {lines.number} do not fit ({error}): is the "
                "end of the file missing?"
            ) from error
        if lines.comments:
            comments += range(len(records), len(records) + len(lines.comments))
            is_early = len(records) < _LOOKED_AT
            records += [_names(line, separator) if is_early else [line] for line in lines.comments]
            lines.comments.clear()
        if cells is not None:
            records.append([unmark_text(cell) for cell in cells])
    return Page("", records, comments=frozenset(comments), separator=separator)


class _Lines:
    """The lines of a text for a reader of csv, without comments outside of quoted cells."""

    def __init__(self, text: str, separator: str) -> None:
        self._lines = io.StringIO(text, newline="")
        self._is_blank = separator == " "
        self.is_start, self.number = True, 0
        self.comments: list[str] = []

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        for line in self._lines:
            self.number += 1
            if self.is_start and line.startswith("#"):
                self.comments.append(line)
                continue
            self.is_start = False
            return _stripped(line) if self._is_blank else line
        raise StopIteration


def _dialect(separator: str) -> dict[str, Any]:
    """Return the arguments of a csv reader; a blank is any number of blanks."""
    return {"delimiter": separator, "skipinitialspace": separator == " "}


def _stripped(line: str) -> str:
    """Return a line with blanks for tabs, without those at its ends."""
    return line.replace("\t", " ").strip() + "\n"


def _separator(text: str, wanted: Sequence[str]) -> str:
    """Return the separator that yields the wanted name in a line, or else the most cells."""
    lines = [line for line in _first_lines(text) if line.strip()]
    headers = dict.fromkeys(_SEPARATORS, lines[:1])
    if wanted:
        for separator in (*_SEPARATORS, " "):
            named = [line for line in lines if find_names(_names(line, separator), wanted[0])]
            if named and (separator == " " or len(_names(named[0], separator)) > 1):
                headers = {separator: named}
                break
    if len(headers) == 1:
        return next(iter(headers))
    first = [line for line in lines if not line.startswith("#")][:1] or lines[:1]
    counts = {s: len(_names(line, s)) for line in first for s in _SEPARATORS}
    return max(counts, key=lambda s: counts[s], default=",")


def _first_lines(text: str) -> list[str]:
    """Return the first lines of a text."""
    lines = io.StringIO(text, newline="")
    return [line for line, _ in zip(lines, range(_LOOKED_AT), strict=False)]


def _names(line: str, separator: str) -> list[str]:
    """Return the cells of a line that may be a header, or a comment."""
    text = line.lstrip("#! ")
    line = _stripped(text) if separator == " " else text.rstrip("\r\n")
    try:
        return next(csv.reader([line], strict=True, **_dialect(separator)), [])
    except csv.Error:
        return [text.strip()]


def _decoded(path: Path) -> str:
    """Return the text of a file in UTF-8, UTF-16 with a mark, or else Windows-1252."""
    data = path.read_bytes()
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16")
    if b"\0" in data:
        raise CatalogError(f"{path} is not text: save it as csv in UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "backslashreplace")
