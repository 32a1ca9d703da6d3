"""Where the sources are on the sky: regions for DS9 and links to a viewer."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np
from numpy.typing import ArrayLike

from spurclust.catalog.output import file_beside

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["sky_viewer_links", "write_ds9_regions"]

_VIEWER = "https://aladin.cds.unistra.fr/AladinLite/?target={target}&fov={field:g}"
# Degrees: some 20 arcsec, a few cutouts wide.
_FIELD_OF_VIEW = 0.006
_HEADER = """# Region file format: DS9 version 4.1
# The sources that spurclust flagged; text is the source_id, tag the label.
global color=red width=1 select=1 edit=1 move=1 delete=1 include=1
icrs
"""
_LABEL_WORDS = {1: "spurious", 0: "reliable"}
# DS9 ends a line of its file at these, and a command at none of them inside a delimited text.
_LINE_ENDS = re.compile(r"[\0-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]+")


def sky_viewer_links(positions: ArrayLike) -> list[str]:
    """Write a link to Aladin Lite for each position.

    Text only: nothing is fetched until someone follows a link.

    Parameters
    ----------
    positions : array-like of shape (n_sources, 2)
        Right ascension and declination in degrees, NaN where unknown.

    Returns
    -------
    list of str
        The addresses; empty where there is no position.

    Examples
    --------
    >>> sky_viewer_links([[214.852676, -5.5]])[0].partition("?")[2]
    'target=214.852676%20-5.500000&fov=0.006'
    """
    return [
        _VIEWER.format(target=quote(f"{ra:.6f} {dec:+.6f}"), field=_FIELD_OF_VIEW)
        if np.isfinite(ra + dec)
        else ""
        for ra, dec in np.asarray(positions, dtype=np.float64).reshape(-1, 2)
    ]


def write_ds9_regions(
    table: "pd.DataFrame", path: str | os.PathLike[str], *, radius: float = 1.0
) -> int:
    """Write a circle for each flagged source as a region file of DS9.

    To look at the flagged sources in the image they were found in. The positions are taken as
    ICRS, whatever the table they came from meant.

    Parameters
    ----------
    table : DataFrame
        What `sources_table` returned with positions; its columns source_id, label, flagged, ra and
        dec are used.
    path : str or path
        The file, by habit with the suffix .reg. One that exists is replaced.
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
    >>> import pandas as pd
    >>> cells = {"source_id": ["7"], "label": [1], "flagged": [True], "ra": [10.5], "dec": [-5.0]}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     n_circles = write_ds9_regions(pd.DataFrame(cells), f"{folder}/flagged.reg")
    ...     print(Path(f"{folder}/flagged.reg").read_text(encoding="utf-8").splitlines()[-1])
    circle(10.50000000,-5.00000000,1") # text={7} tag={spurious}
    """
    if not radius > 0:
        raise ValueError(f"radius={radius!r}: it must be above 0")
    missing = {"source_id", "label", "flagged", "ra", "dec"} - set(table.columns)
    if missing:
        raise ValueError(f"the table has no column {', '.join(sorted(missing))}")
    chosen = table[table["flagged"].astype(bool) & table["ra"].notna() & table["dec"].notna()]
    labels = chosen["label"].fillna(-1).astype(int)
    lines = [
        f'circle({ra:.8f},{dec:.8f},{radius:g}") # text={_delimited(source_id)} tag={{{word}}}\n'
        for source_id, ra, dec, word in zip(
            chosen["source_id"], chosen["ra"], chosen["dec"], _words(labels.tolist()), strict=True
        )
    ]
    with file_beside(path) as part:
        part.write_text(_HEADER + "".join(lines), encoding="utf-8", newline="\n")
        part.replace(Path(path).resolve())
    return len(lines)


def _words(labels: Sequence[int]) -> list[str]:
    """Say each label in a word."""
    return [_LABEL_WORDS.get(label, "uninspected") for label in labels]


def _delimited(text: object) -> str:
    """Put text between delimiters of DS9 that it does not hold itself."""
    line = _LINE_ENDS.sub(" ", str(text)).strip()
    for opening, closing in ("{}", '""', "''"):
        if opening not in line and closing not in line:
            return f"{opening}{line}{closing}"
    # There is no escape in the format.
    return "{" + line.replace("{", "(").replace("}", ")") + "}"
