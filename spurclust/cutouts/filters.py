"""Names of the filters of the panels of a cutout."""

import re
from collections.abc import Sequence
from pathlib import Path

from spurclust.catalog.ids import FITS_SUFFIX
from spurclust.errors import import_optional

# Filters of JWST, HST, Euclid and Roman in file names, often several without a gap.
_FILTER = re.compile(r"F\d{3,4}(?:LP|W2|[WMNXC])", re.IGNORECASE)
_FITS_NAME = re.compile(rf"\.{FITS_SUFFIX}$", re.IGNORECASE)
_KEYS = ("FILTER", "FILTER1", "BAND")
# Filters of JWST below 10 micrometers: their numbers are hundredths of a micrometer, but those of
# other filters in this range are nanometers (HST). Below 200 and from 1000 on, all are hundredths
# of a micrometer.
_MICROMETERS = {
    "F200W", "F210M", "F212N", "F250M", "F277W", "F300M", "F322W2", "F323N", "F335M", "F356W",
    "F360M", "F380M", "F405N", "F410M", "F430M", "F444W", "F460M", "F466N", "F470N", "F480M",
    "F560W", "F770W",
}  # fmt: skip
# Nanometers.
_BROAD_BANDS = {
    "FUV": 154, "NUV": 227, "u": 355, "U": 365, "B": 445, "g": 475, "V": 551, "r": 620, "R": 658,
    "VIS": 715, "i": 750, "I": 806, "z": 880, "Z": 880, "y": 990, "Y": 1020, "J": 1250, "H": 1640,
    "K": 2200, "Ks": 2150,
}  # fmt: skip


def filter_names(paths: Sequence[str]) -> list[str]:
    """Return the filters of the panels from file names, or from the headers of the first file."""
    named = {tuple(_FILTER.findall(Path(path).name.upper())) for path in paths}
    if len(named) != 1:
        return []
    return list(named.pop()) or _names_in_header(paths[0])


def channel_order(names: Sequence[str]) -> list[int]:
    """Return indices that put channels in the order of wavelength, if known."""
    found = [_FILTER.search(name) for name in names]
    lengths = [wavelength(one[0] if one else name) for one, name in zip(found, names, strict=True)]
    is_known = all(lengths) and len(set(lengths)) == len(lengths)
    return sorted(range(len(names)), key=lengths.__getitem__ if is_known else int)


def wavelength(name: str) -> int:
    """Return the central wavelength of a filter in nanometers, 0 if it is not known."""
    number = re.fullmatch(r"F(\d{3,4})[A-Z]{1,2}\d?", name.upper())
    if number is None:
        return _BROAD_BANDS.get(name, 0)
    value = int(number[1])
    return value if 200 <= value < 1000 and name.upper() not in _MICROMETERS else 10 * value


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
    named = [str(names[0]) for names in found] if all(found) else []
    return [named[k] for k in channel_order(named)]
