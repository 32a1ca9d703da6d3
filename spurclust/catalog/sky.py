"""Positions of sources on the sky: in a table, as regions for DS9, as links to a viewer."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import time, timedelta
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from spurclust.catalog.formats.sheets import cell_text, folded
from spurclust.catalog.output import atomic_write
from spurclust.labels import RELIABLE, SPURIOUS, UNINSPECTED
from spurclust.printing import join_some

# Names of right ascension and declination, without case and punctuation: plain ones, and those of
# SExtractor, VizieR and people. Names for radians (coord_ra) or another equinox are left out.
_NAMES = {
    "ra": ("dec", "de", "decl"),
    "radeg": ("decdeg", "dedeg"),
    "radegrees": ("decdegrees",),
    "raj2000": ("decj2000", "dej2000"),
    "raicrs": ("decicrs", "deicrs"),
    "alphaj2000": ("deltaj2000",),
    "rightascension": ("declination",),
}
_SEXAGESIMAL = re.compile(
    r"""(?P<sign>[+-]?)(?P<whole>\d{1,3})
        \s*(?P<unit>[:hd°\s])\s*(?P<minutes>\d{1,2}(?:\.\d*)?)
        \s*(?:[:m'\u2032\s]\s*(?P<seconds>\d{1,2}(?:\.\d*)?)?\s*(?:s|"|\u2033|'')?)?""",
    re.VERBOSE | re.IGNORECASE,
)
_DEGREES_PER_HOUR = 15

_VIEWER = "https://aladin.cds.unistra.fr/AladinLite/?target={target}&fov={field:g}"
# Degrees: about 20 arcsec, a few cutouts wide.
_FIELD_OF_VIEW = 0.006
_HEADER = """# Region file format: DS9 version 4.1
# The sources that spurclust flagged. Their text is the source_id, tag and color the label.
global color=yellow width=1 select=1 edit=1 move=1 delete=1 include=1
icrs
"""
_LABEL_WORDS = {SPURIOUS: "spurious", RELIABLE: "reliable", UNINSPECTED: "uninspected"}
_COLORS = {"spurious": "red", "reliable": "cyan", "uninspected": "yellow"}
# DS9 ends a line of its file at these characters, even inside a delimited text.
_LINE_ENDS = re.compile(r"[\0-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]+")


def find_positions(
    table: pd.DataFrame, rows: NDArray[np.intp], notes: list[str]
) -> tuple[NDArray[np.float64] | None, list[str]]:
    """Return the positions of rows in degrees, None if there are none, and their columns."""
    used = np.flatnonzero(rows >= 0)
    chosen = table.iloc[rows[used]]
    names: dict[str, list[str]] = {}
    for name in map(str, table.columns):
        names.setdefault(folded(name), []).append(name)
    found = np.full((len(used), 2), np.nan)
    refused: dict[int, str] = {}
    used_names: list[str] = []
    for ra_name, dec_name in ((ra, dec) for ra, others in _NAMES.items() for dec in others):
        for ra, dec in zip(names.get(ra_name, ()), names.get(dec_name, ()), strict=False):
            if _fill(found, list(chosen[ra]), list(chosen[dec]), refused):
                used_names += [ra, dec]
    wrong = [row for row in sorted(refused) if np.isnan(found[row, 0])]
    if wrong:
        ids = chosen["source_id"].tolist()
        listed = join_some([f"id {ids[row]} ({refused[row]})" for row in wrong])
        notes.append(
            f"{len(wrong)} positions are left out, because they are not degrees or sexagesimal "
            f"hours and degrees: {listed}"
        )
    if np.isnan(found).all():
        return None, []
    positions = np.full((len(rows), 2), np.nan)
    positions[used] = found
    # Columns with unreadable cells are kept.
    return positions, [] if wrong else used_names


def _fill(
    found: NDArray[np.float64],
    right_ascensions: Sequence[object],
    declinations: Sequence[object],
    refused: dict[int, str],
) -> bool:
    """Fill rows without a position from two columns, if any; collect what cannot be read."""
    before = np.isnan(found[:, 0]).sum()
    for row in np.flatnonzero(np.isnan(found[:, 0])).tolist():
        cells = right_ascensions[row], declinations[row]
        if not any(cell_text(cell) for cell in cells):
            continue
        ra, dec = _degrees(cells[0], _DEGREES_PER_HOUR), _degrees(cells[1], 1)
        # Some catalogs count right ascension from -180.
        if -180 <= ra <= 360 and -90 <= dec <= 90:
            found[row] = ra % 360, dec
        else:
            refused[row] = f"{cell_text(cells[0])!r}, {cell_text(cells[1])!r}"
    return bool(np.isnan(found[:, 0]).sum() < before)


def _degrees(cell: Any, per_unit: int) -> float:
    """Turn a cell into degrees; sexagesimal without a unit is in `per_unit` degrees."""
    # A spreadsheet turns 12:34:56 into a time of day, and 42:34:56 into a duration.
    if isinstance(cell, time):
        cell = cell.isoformat()
    if isinstance(cell, timedelta):
        return per_unit * cell.total_seconds() / 3600
    text = cell_text(cell).replace("\N{MINUS SIGN}", "-")
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


def sky_viewer_links(positions: ArrayLike) -> list[str]:
    """Return the address of each position in Aladin Lite, empty where it is NaN."""
    return [
        _VIEWER.format(target=quote(f"{ra:.6f} {dec:+.6f}"), field=_FIELD_OF_VIEW)
        if np.isfinite(ra + dec)
        else ""
        for ra, dec in np.asarray(positions, dtype=np.float64).reshape(-1, 2)
    ]


def write_ds9_regions(
    table: pd.DataFrame, path: str | os.PathLike[str], *, radius: float = 1.0
) -> int:
    """Write a circle for each flagged source as a region file of DS9.

    Load the file in DS9 to see the flagged sources in their image. Positions are taken as ICRS,
    whatever system the label table uses. The color shows the label: red spurious, cyan reliable,
    yellow uninspected.

    Parameters
    ----------
    table : DataFrame
        The table of `sources_table` with positions. It needs the columns source_id, label, flagged,
        ra and dec.
    path : str or path
        The file, usually `*.reg`. An existing one is replaced.
    radius : float, default=1.0
        Radius of the circles in arcsec, above 0.

    Returns
    -------
    int
        Number of circles: the flagged sources that have a position.

    Raises
    ------
    CatalogError
        When the folder is missing or not writable, or the disk is full.
    ValueError
        When the table has no positions, or the radius is not above 0.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> cells = {"source_id": ["7"], "label": [1], "flagged": [True], "ra": [10.5], "dec": [-5.0]}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     n_circles = write_ds9_regions(pd.DataFrame(cells), f"{folder}/flagged.reg")
    ...     print(Path(f"{folder}/flagged.reg").read_text(encoding="utf-8").splitlines()[-1])
    circle(10.50000000,-5.00000000,1") # color=red text={7} tag={spurious}
    """
    if not radius > 0:
        raise ValueError(f"radius={radius!r}: it must be above 0")
    missing = {"source_id", "label", "flagged", "ra", "dec"} - set(table.columns)
    if missing:
        raise ValueError(f"the table has no column {', '.join(sorted(missing))}")
    chosen = table[table["flagged"].astype(bool) & table["ra"].notna() & table["dec"].notna()]
    words = chosen["label"].fillna(UNINSPECTED).astype(int).map(_LABEL_WORDS)
    lines = [
        f'circle({ra:.8f},{dec:.8f},{radius:g}") # color={_COLORS[word]} '
        f"text={_delimited(source_id)} tag={{{word}}}\n"
        for source_id, ra, dec, word in zip(
            chosen["source_id"], chosen["ra"], chosen["dec"], words, strict=True
        )
    ]
    with atomic_write(path) as part:
        part.write_text(_HEADER + "".join(lines), encoding="utf-8", newline="\n")
    return len(lines)


def _delimited(text: object) -> str:
    """Put text between delimiters of DS9 that it does not contain; keep all digits of a number."""
    line = _LINE_ENDS.sub(" ", str(text)).strip()
    # Programs read 00123 as 123, and round 19 digits.
    line = f"id {line}" if _is_shortened(line) else line
    for opening, closing in ("{}", '""', "''"):
        if opening not in line and closing not in line:
            return f"{opening}{line}{closing}"
    # There is no escape in the format.
    return "{" + line.replace("{", "(").replace("}", ")") + "}"


def _is_shortened(text: str) -> bool:
    """Return whether a program that reads the number changes its text."""
    try:
        value = float(text)
    except ValueError:
        return False
    return text != (str(int(value)) if value.is_integer() else str(value))
