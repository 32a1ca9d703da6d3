"""When two catalogues mean one source: ids as text, as numbers, with and without leading zeros."""

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from numbers import Integral, Real

import numpy as np
from numpy.typing import NDArray

_WHOLE_NUMBER = re.compile(r"(-?)0*([0-9]+)(?:\.0*)?")
# As spreadsheets and printf write large numbers. Without point or plus sign, 12e4, it is text.
_SCIENTIFIC = re.compile(r"-?[0-9](?:\.[0-9]+[eE]\+?|[eE]\+)[0-9]{1,3}")
# Beyond these, neighbouring floating-point numbers are more than 1 apart.
_LARGEST_EXACT = 2**53 - 1
_LARGEST_EXACT_SINGLE = 2**24 - 1


def id_text(cell: object) -> str:
    """Return an id as text, without white space around it; a number without its point.

    Parameters
    ----------
    cell : object
        Text, bytes or a number. Whole numbers in floating point or in scientific notation become
        plain.

    Returns
    -------
    str
        The id.

    Raises
    ------
    ValueError
        When the number has lost digits, or it is neither a number nor text; the message says what
        is wrong, not where.
    """
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", "backslashreplace")
    if isinstance(cell, str):
        return _plain(cell.strip())
    if isinstance(cell, Integral):
        return str(int(cell))
    if isinstance(cell, Real):
        return _whole(cell)
    raise ValueError(f"{cell!r} is neither a number nor text")


def match_ids(ids: Sequence[str], wanted: Sequence[str]) -> tuple[NDArray[np.intp], list[str]]:
    """Find each wanted id among the ids, by number where that is unambiguous.

    "00123", "123" and "123.0" are one id, unless two of them occur in `ids`, or two in `wanted`:
    then these are matched letter by letter.

    Parameters
    ----------
    ids : sequence of str
        Where to look, all different.
    wanted : sequence of str
        What to look for, all different.

    Returns
    -------
    places : ndarray of shape (n_wanted,)
        Where in `ids` each wanted id is; -1 if nowhere.
    ambiguous : list of str
        Those of `ids` and `wanted` that are matched letter by letter, sorted.
    """
    (known, asked), ambiguous = comparable_ids(ids, wanted)
    places = {key: place for place, key in enumerate(known)}
    found = np.fromiter((places.get(key, -1) for key in asked), dtype=np.intp, count=len(asked))
    return found, ambiguous


def comparable_ids(*catalogues: Sequence[str]) -> tuple[list[list[tuple[bool, str]]], list[str]]:
    """Give every id of several catalogues a key; ids with equal keys are one source's.

    "00123", "123" and "123.0" have one key, unless two of them occur in one catalogue: then these
    have a key each.

    Parameters
    ----------
    *catalogues : sequence of str
        The ids of each, all different within it.

    Returns
    -------
    keys : list of list of tuple
        A key for each id, catalogue by catalogue.
    ambiguous : list of str
        The ids that are compared letter by letter, sorted.
    """
    shared = set().union(*map(_shared_numbers, catalogues))
    keys = [[_key(text, shared) for text in ids] for ids in catalogues]
    every = (text for ids in catalogues for text in ids) if shared else ()
    return keys, sorted({text for text in every if _number(text) in shared})


def _key(text: str, shared: set[str]) -> tuple[bool, str]:
    """Return what two ids have in common when they are one."""
    number = _number(text)
    return (True, text) if number in shared else (False, number)


def _shared_numbers(ids: Iterable[str]) -> set[str]:
    """Return the numbers that several different ids are written forms of."""
    first: dict[str, str] = {}
    return {_number(text) for text in ids if first.setdefault(_number(text), text) != text}


def _number(text: str) -> str:
    """Write a whole number without leading zeros and point; leave any other text as it is."""
    match = _WHOLE_NUMBER.fullmatch(text)
    return match[1] + match[2] if match else text


def _plain(text: str) -> str:
    """Write a whole number in scientific notation out, if all its digits are there."""
    if not _SCIENTIFIC.fullmatch(text):
        return text
    value = Decimal(text)
    n_digits = len(re.sub(r"[eE].*|[-.]", "", text))
    if n_digits < value.adjusted() + 1 or abs(value) > _LARGEST_EXACT:
        raise ValueError(f"{text} has lost digits")
    return str(int(value)) if value == int(value) else text


def _whole(number: Real) -> str:
    """Write a floating-point number, as a whole one if it is."""
    value = float(number)
    if not value.is_integer():
        return str(number)
    largest = _LARGEST_EXACT_SINGLE if isinstance(number, np.float32) else _LARGEST_EXACT
    if abs(value) > largest:
        raise ValueError(f"{number} has lost digits")
    return str(int(value))
