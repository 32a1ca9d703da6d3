"""Doubtful pixels: no data, one value, those of another cutout, or far too large."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spurclust.features.images import content_key

_NO_DATA = "have no data in any pixel"
_CONSTANT = "have one value in all pixels"
_PEAK = "have pixels a million times as large as the others (for no data, use NaN)"
_MOST_OVER_USUAL = 1e6
_IDENTICAL = "have the same pixels as another (was a download repeated?)"


class Look(NamedTuple):
    """What shows whether the pixels of a cutout are doubtful: their range, and a checksum."""

    low: float
    high: float
    key: int


def look_at(image: NDArray[Any]) -> Look:
    """Look at the pixels of a cutout; without data, their range is NaN."""
    pixels = image[~np.isnan(image)] if image.dtype.kind == "f" else image
    low, high = (pixels.min(), pixels.max()) if pixels.size else (np.nan, np.nan)
    return Look(float(low), float(high), content_key(image))


def find_doubtful(names: Iterable[str], looks: Iterable[Look]) -> dict[str, list[str]]:
    """Find cutouts without data, of one value, and with the pixels of another."""
    found: dict[str, list[str]] = {_NO_DATA: [], _CONSTANT: [], _IDENTICAL: []}
    first: dict[int, str] = {}
    peaks: dict[str, float] = {}
    for name, one in zip(names, looks, strict=True):
        if np.isnan(one.low):
            found[_NO_DATA].append(name)
        elif one.low == one.high:
            found[_CONSTANT].append(name)
        else:
            peaks[name] = max(abs(one.low), abs(one.high))
            other = first.setdefault(one.key, name)
            if other != name:
                found[_IDENTICAL].append(f"{name} and {other}")
    usual = float(np.median([*peaks.values()])) if peaks else 0
    found[_PEAK] = [name for name, peak in peaks.items() if peak > _MOST_OVER_USUAL * usual > 0]
    return {text: names for text, names in found.items() if names}
