"""Measure the cutouts of an inspection once, and keep the features in its folder."""

from __future__ import annotations

import zipfile
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spurclust.analysis.choosing import extract_features
from spurclust.catalog.output import atomic_write
from spurclust.ranking import outlyingness

if TYPE_CHECKING:
    from spurclust.cutouts import CutoutSource, ReadOptions

FEATURES = "features.npz"


class Measured(NamedTuple):
    """The readable sources, their features, and the isolation of each."""

    sources: NDArray[np.intp]
    rows: NDArray[np.float32]
    isolation: NDArray[np.float64]


def measure_cutouts_once(
    source: CutoutSource, options: ReadOptions, folder: Path, features: ArrayLike | None = None
) -> Measured:
    """Return features that are given or kept from before, or compute and keep them."""
    if features is not None:
        rows = np.asarray(features, dtype=np.float32)
        if rows.ndim != 2 or len(rows) != len(source):
            raise ValueError(
                f"features have shape {rows.shape}: give one row for each of the {len(source)} "
                "sources"
            )
        if not np.isfinite(rows).all():
            raise ValueError("features have NaN or infinite values: give finite ones")
        return Measured(np.arange(len(rows)), rows, outlyingness(rows))
    checksum = _checksum(source, options)
    kept = _load(folder / FEATURES, checksum)
    if kept is not None:
        return kept
    chosen, rows = extract_features(source, np.arange(len(source)), options)
    measured = Measured(chosen, rows, outlyingness(rows, n_jobs=options.n_jobs))
    with atomic_write(folder / FEATURES) as path, path.open("wb") as file:
        np.savez(file, checksum=np.array(checksum), **measured._asdict())
    return measured


def _checksum(source: CutoutSource, options: ReadOptions) -> str:
    """Hash the list of cutouts, and how they are read."""
    how = replace(options, n_jobs=None, progress=False)
    digest = sha256(f"{source.fingerprint} {source.filters} {how}".encode())
    for path in source.take(range(len(source)))[1] if source.in_files else ():
        with suppress(OSError):  # a name of several files
            found = Path(path).stat()
            digest.update(f"{found.st_size} {found.st_mtime_ns} ".encode())
    return digest.hexdigest()


def _load(path: Path, checksum: str) -> Measured | None:
    """Return the kept features, if they are complete and of these cutouts."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            if str(kept["checksum"]) != checksum:
                return None
            return Measured(*(kept[name] for name in Measured._fields))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
