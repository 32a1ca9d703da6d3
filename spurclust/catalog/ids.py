"""Ids as text, and the matching of ids of two tables."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import permutations, product
from numbers import Integral, Real

import numpy as np
from numpy.typing import NDArray

FITS_SUFFIX = r"(?:fits?|fts)(?:\.(?:[gf]z|bz2))?"
"""Suffixes of FITS files, without the dot."""

_PICTURES = rf"png|jpe?g|tiff?|gif|webp|j(?:p2|2k)|{FITS_SUFFIX}"

STRIP_NAME = r"z[0-9]+(?:\.[0-9]+)?_(.+?)_F"
"""The start of the name of a strip, and the id in it."""

ID_FORMS = (
    # Invisible characters, blanks of other widths, and other minus signs.
    ("[\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff]", ""),
    ("[\u00a0\u2000-\u200a\u202f\u205f\u3000\t]", " "),
    ("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]", "-"),
    ("^ +| +$", ""),
    # The suffix of a picture.
    (rf"^(?:.*[/\\])?([^/\\]+)\.(?i:{_PICTURES})$", r"\1"),
    # The name of a strip.
    (f"^{STRIP_NAME}[^/]*$", r"\1"),
    ("^(-?)0*([0-9]+)(?:[.]0*)?$", r"\1\2"),
)
"""Replacements before ids are compared, in the normal form C of Unicode."""

_PICTURE = re.compile(rf"\.(?i:{_PICTURES})$")
_REPLACED = [(re.compile(pattern), text) for pattern, text in ID_FORMS]
# Large numbers as spreadsheets and printf write them. 12e4, without a point or plus, is text.
_SCIENTIFIC = re.compile(r"-?[0-9](?:\.[0-9]+[eE]\+?|[eE]\+)[0-9]{1,3}")
# Beyond these, successive floating-point numbers are more than 1 apart.
_LARGEST_EXACT = 2**53 - 1
_LARGEST_EXACT_SINGLE = 2**24 - 1
_ERRORS = frozenset({"#ref!", "#name?", "#value!", "#div/0!", "#num!", "#null!"})
_SEPARATING = re.compile(r'[,"\r\n]|^\s|\s$')
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATES = (
    r"(?P<y>\d{4})-(?P<m>\d\d?)-(?P<d>\d\d?)",
    r"(?P<d>\d\d?)[-/. ](?P<m>[a-z]{3})[a-z]*(?:[-/. ](?P<y>\d{2,4}))?",
    r"(?P<m>[a-z]{3})[a-z]*[-/. ](?P<d>\d{1,2})",
    r"(?P<m>\d\d?)/(?P<d>\d\d?)/(?P<y>\d{2,4})",
    r"(?P<d>\d\d?)\.(?P<m>\d\d?)\.(?P<y>\d{2,4})",
)


def id_text(cell: object) -> str:
    """Return an id as text, without white space around it; whole numbers become plain integers."""
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", "backslashreplace")
    if isinstance(cell, str):
        return _plain(cell.strip())
    if isinstance(cell, Integral):
        return str(int(cell))
    if isinstance(cell, Real):
        return _whole(cell)
    if isinstance(cell, date):
        # A spreadsheet has turned the id into a date: the message names the likely ids.
        return str(cell).removesuffix(" 00:00:00")
    raise ValueError(f"{cell!r} is neither a number nor text")


def _plain(text: str) -> str:
    """Write out a whole number in scientific notation, if all its digits are there."""
    if text.casefold() in _ERRORS:
        raise ValueError(f"{text} is an error of the spreadsheet, perhaps for a formula")
    if not _SCIENTIFIC.fullmatch(text):
        return text
    value = Decimal(text)
    n_digits = len(re.sub(r"[eE].*|[-.]", "", text))
    if n_digits < value.adjusted() + 1 or abs(value) > _LARGEST_EXACT:
        raise ValueError(f"{text} has lost digits")
    return str(int(value)) if value == int(value) else text


def _whole(number: Real) -> str:
    """Write a floating-point number, without a point if it is whole."""
    value = float(number)
    if not value.is_integer():
        return str(number)
    largest = _LARGEST_EXACT_SINGLE if isinstance(number, np.float32) else _LARGEST_EXACT
    if abs(value) > largest:
        raise ValueError(f"{number} has lost digits")
    return str(int(value))


def match_ids(ids: Sequence[str], wanted: Sequence[str]) -> tuple[NDArray[np.intp], list[str]]:
    """Return the index in `ids` of each wanted id, -1 for none, and the ambiguous ids, sorted."""
    (known, asked), ambiguous = comparable_ids(ids, wanted)
    index_of = {key: index for index, key in enumerate(known)}
    found = np.fromiter((index_of.get(key, -1) for key in asked), dtype=np.intp, count=len(asked))
    return found, ambiguous


def comparable_ids(*catalogs: Sequence[str]) -> tuple[list[list[tuple[bool, str]]], list[str]]:
    """Return a key for each id, equal for equal ids of two catalogs, and the ambiguous ids."""
    # "00123", "123" and "123.png" are one id. If two of them occur in one catalog, they are
    # ambiguous, and are compared letter by letter.
    pairs = [[(text, id_form(text)) for text in ids] for ids in catalogs]
    shared: set[str] = set()
    for own in pairs:
        first: dict[str, str] = {}
        shared |= {form for text, form in own if first.setdefault(form, text) != text}
    keys = [
        [(True, text) if form in shared else (False, form) for text, form in own] for own in pairs
    ]
    every = (pair for own in pairs for pair in own) if shared else ()
    return keys, sorted({text for text, form in every if form in shared})


def id_form(text: str) -> str:
    """Return the form that equal ids share, see `ID_FORMS`."""
    # A shortcut: there may be millions of ids, and nearly all are plain.
    if text.isalnum() and text.isascii() and not text.startswith("0"):
        return text
    form = unicodedata.normalize("NFC", text)
    for pattern, replacement in _REPLACED:
        form = pattern.sub(replacement, form)
    return form


def is_picture_name(text: str) -> bool:
    """Return whether an id is the name of an image file."""
    return _PICTURE.search(text) is not None


def near_ids(texts: Iterable[str], candidates: Sequence[str]) -> dict[str, str]:
    """Return the nearly equal candidates of some texts, which may have been meant."""
    by_key: dict[str, str] = {}
    for candidate in reversed(candidates):
        by_key[_loose(candidate)] = candidate
    near = {}
    for text in texts:
        found = next((by_key[key] for key in _keys(text) if key in by_key), None)
        if found is not None:
            near[text] = found
    return near


def _loose(text: str) -> str:
    """Return an id without case, accents, punctuation and leading zeros."""
    letters = unicodedata.normalize("NFKD", id_form(text)).casefold()
    return "".join(letter for letter in letters if letter.isalnum()).lstrip("0")


def _keys(text: str) -> Iterator[str]:
    """Yield the keys of an id; a date has those of the ids that a spreadsheet turns into it."""
    yield _loose(text)
    for pattern in _DATES:
        match = re.fullmatch(pattern, text.casefold())
        if match:
            day, year = match["d"], match.groupdict().get("y") or ""
            for month, end in product(_names_of_month(match["m"]), ("", year, year[-2:])):
                for parts in permutations((month, day.lstrip("0"), end)):
                    yield _loose("".join(parts))
                    yield _loose("".join(parts).replace(day.lstrip("0"), day.zfill(2), 1))
                yield _loose(month + end)


def _names_of_month(month: str) -> list[str]:
    """Return the ways to write a month, given as a number or in letters."""
    number = int(month) if month.isdigit() else (*_MONTHS, month).index(month) + 1
    if not 1 <= number <= 12:
        return []
    name = _MONTHS[number - 1]
    return [str(number), f"{number:02}", name, *["sept"] * (name == "sep")]


def name_near(texts: Sequence[str], candidates: Sequence[str]) -> list[str]:
    """Return texts, some followed by the nearly equal candidate."""
    near = near_ids(texts, candidates)
    return [f"{text} (nearly {near[text]!r})" if text in near else text for text in texts]


def join_ids(ids: Iterable[str]) -> str:
    """Return ids in one cell, separated by ", "; `split_ids` is the inverse."""
    quoted = (
        '"' + text.replace('"', '""') + '"' if _SEPARATING.search(text) else text for text in ids
    )
    return ", ".join(quoted)


def split_ids(cell: str) -> list[str]:
    """Return the ids that `join_ids` wrote into a cell."""
    return next(csv.reader(io.StringIO(cell, newline=""), skipinitialspace=True), [])
