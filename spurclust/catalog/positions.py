"""Find the positions on the sky in a label table, in degrees or sexagesimal."""

import re
from collections.abc import Sequence
from datetime import time, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spurclust.catalog.label_rows import reason_text
from spurclust.catalog.table_readers import folded, shorten

if TYPE_CHECKING:
    import pandas as pd

# Names of right ascension and declination, without case and punctuation: plain ones, those of
# SExtractor, of VizieR and of people. Not those of radians (coord_ra) or of another equinox.
_NAMES = (
    ("ra", "dec"),
    ("ra", "de"),
    ("ra", "decl"),
    ("radeg", "decdeg"),
    ("radeg", "dedeg"),
    ("radegrees", "decdegrees"),
    ("raj2000", "decj2000"),
    ("raj2000", "dej2000"),
    ("raicrs", "decicrs"),
    ("raicrs", "deicrs"),
    ("alphaj2000", "deltaj2000"),
    ("rightascension", "declination"),
)
_SEXAGESIMAL = re.compile(
    r"""(?P<sign>[+-]?)(?P<whole>\d{1,3})
        \s*(?P<unit>[:hd°\s])\s*(?P<minutes>\d{1,2}(?:\.\d*)?)
        \s*(?:[:m'\u2032\s]\s*(?P<seconds>\d{1,2}(?:\.\d*)?)?\s*(?:s|"|\u2033|'')?)?""",
    re.VERBOSE | re.IGNORECASE,
)
_DEGREES_PER_HOUR = 15


def find_positions(
    table: "pd.DataFrame", places: NDArray[np.intp], notes: list[str]
) -> NDArray[np.float64] | None:
    """Look up right ascension and declination of the cutouts where a table has them.

    Parameters
    ----------
    table : DataFrame
        The label table, with the column ``source_id``.
    places : ndarray of int of shape (n_sources,)
        The row of each cutout; -1 for none.
    notes : list of str
        Gets a sentence on positions that are no positions.

    Returns
    -------
    ndarray of shape (n_sources, 2) or None
        Degrees, both NaN where there is none; None if no cutout has a position. Where one pair of
        columns is blank the next one counts.
    """
    used = np.flatnonzero(places >= 0)
    found = _positions_of(table.iloc[places[used]], notes)
    if np.isnan(found).all():
        return None
    positions = np.full((len(places), 2), np.nan)
    positions[used] = found
    return positions


def _positions_of(table: "pd.DataFrame", notes: list[str]) -> NDArray[np.float64]:
    """Read the positions of all rows; name those that are none."""
    names: dict[str, list[str]] = {}
    for name in map(str, table.columns):
        names.setdefault(folded(name), []).append(name)
    found = np.full((len(table), 2), np.nan)
    refused: dict[int, str] = {}
    for ra_name, dec_name in _NAMES:
        for ra, dec in zip(names.get(ra_name, ()), names.get(dec_name, ()), strict=False):
            _fill(found, list(table[ra]), list(table[dec]), refused)
    wrong = [row for row in sorted(refused) if np.isnan(found[row, 0])]
    if wrong:
        ids = table["source_id"].tolist()
        listed = shorten([f"id {ids[row]} ({refused[row]})" for row in wrong])
        notes.append(
            f"{len(wrong)} positions are left out, because they are not degrees or sexagesimal "
            f"hours and degrees: {listed}"
        )
    return found


def _fill(
    found: NDArray[np.float64],
    right_ascensions: Sequence[object],
    declinations: Sequence[object],
    refused: dict[int, str],
) -> None:
    """Fill the rows without a position from two columns; collect what is no position."""
    for row in np.flatnonzero(np.isnan(found[:, 0])).tolist():
        cells = right_ascensions[row], declinations[row]
        if not any(reason_text(cell) for cell in cells):
            continue
        ra, dec = _degrees(cells[0], _DEGREES_PER_HOUR), _degrees(cells[1], 1)
        # Some catalogues count right ascension from -180.
        if -180 <= ra <= 360 and -90 <= dec <= 90:
            found[row] = ra % 360, dec
        else:
            refused[row] = f"{reason_text(cells[0])!r}, {reason_text(cells[1])!r}"


def _degrees(cell: Any, per_unit: int) -> float:
    """Turn a cell into degrees; sexagesimal without a unit is in `per_unit` degrees."""
    # A spreadsheet takes 12:34:56 for a time of day, 42:34:56 for a time.
    if isinstance(cell, time):
        cell = cell.isoformat()
    if isinstance(cell, timedelta):
        return per_unit * cell.total_seconds() / 3600
    text = reason_text(cell).replace("\N{MINUS SIGN}", "-")
    try:
        return float(text.removesuffix("deg").removesuffix("°"))
    except ValueError:
        match = _SEXAGESIMAL.fullmatch(text)
    if match is None:
        return np.nan
    minutes, seconds = float(match["minutes"]), float(match["seconds"] or 0)
    hours_of_declination = match["unit"] in "hH" and per_unit == 1
    if minutes >= 60 or seconds > 60 or hours_of_declination:
        return np.nan
    unit = {"h": _DEGREES_PER_HOUR, "d": 1, "°": 1}.get(match["unit"].lower(), per_unit)
    degrees = unit * (int(match["whole"]) + minutes / 60 + seconds / 3600)
    return -degrees if match["sign"] == "-" else degrees
