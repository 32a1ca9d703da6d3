"""Names of the filters that the panels of a cutout show."""

import re
from collections.abc import Sequence
from pathlib import Path

from spurclust.errors import import_optional

# As those of JWST, HST, Euclid and Roman stand in file names, often several without a gap.
_FILTER = re.compile(r"F\d{3,4}(?:LP|W2|[WMNXC])", re.IGNORECASE)
_FITS_NAME = re.compile(r"\.(?:fits|fit|fts)(?:\.[gf]z)?$", re.IGNORECASE)
_KEYS = ("FILTER", "FILTER1", "BAND")


def filter_names(paths: Sequence[str]) -> list[str]:
    """Return the filters that file names hold, or else the headers of the first file.

    Parameters
    ----------
    paths : sequence of str
        The files of the cutouts.

    Returns
    -------
    list of str
        In the order of the panels. Empty when the files show different filters, or none is named.

    Examples
    --------
    >>> from spurclust.cutouts.filters import filter_names
    >>> filter_names(["z6_7_F090WF115W_crop.png", "z6_8_F090WF115W_crop.png"])
    ['F090W', 'F115W']
    """
    named = {tuple(_FILTER.findall(Path(path).name.upper())) for path in paths}
    if len(named) != 1:
        return []
    return list(named.pop()) or _names_in_header(paths[0])


def _names_in_header(path: str) -> list[str]:
    """Return the filters of the images in a FITS file, if each has one."""
    if not _FITS_NAME.search(path):
        return []
    fits = import_optional("astropy.io.fits", feature="Reading FITS files")
    try:
        with fits.open(path) as hdus:
            images = [hdu.header for hdu in hdus if hdu.is_image and hdu.header["NAXIS"]]
            found = [[header[key] for key in _KEYS if key in header] for header in images]
    except (OSError, ValueError):
        return []
    return [str(names[0]) for names in found] if all(found) else []
