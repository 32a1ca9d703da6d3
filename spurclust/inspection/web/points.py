"""The embedding of the sources without labels, made once per inspection."""

from __future__ import annotations

import os
import threading
import warnings
import zipfile
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spurclust.catalog.output import atomic_write
from spurclust.inspection.web.beside import Beside

EMBEDDING = "embedding.npz"
MOST_FITTED = 10_000
"""Maximum number of sources to embed; others are placed among a random sample of this size."""

_STATE = 12
_LARGEST = 2**16 - 1


class Embedding:
    """The points of the sources, computed beside the server on the first request."""

    def __init__(self, rows: NDArray[np.float32], folder: Path) -> None:
        self._known = rows, folder
        self._lock = threading.Lock()
        self._points: NDArray[np.uint16] | None = None
        self.work: Beside | None = None

    def points(self) -> NDArray[np.uint16] | None:
        """Return the points; None while they are computed."""
        with self._lock:
            if self._points is None and self.work is None:
                self._points = kept_points(*self._known)
                if self._points is None:
                    self.work = Beside(make_points, *self._known)
            elif self._points is None and self.work is not None and self.work.future.done():
                self._points = self.work.future.result()
            return self._points


def kept_points(
    rows: NDArray[np.float32], folder: str | os.PathLike[str]
) -> NDArray[np.uint16] | None:
    """Return the points of these features in a folder, if it has them."""
    try:
        with Path(folder, EMBEDDING).open("rb") as file, np.load(file, allow_pickle=False) as kept:
            if str(kept["checksum"]) == _checksum(rows):
                return np.asarray(kept["points"], dtype=np.uint16)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        pass
    return None


def make_points(rows: NDArray[np.float32], folder: str | os.PathLike[str]) -> NDArray[np.uint16]:
    """Embed sources and keep their points, from 0 to 65535, in a folder."""
    points = _embed(rows)
    with atomic_write(Path(folder, EMBEDDING)) as part, part.open("wb") as file:
        np.savez(file, checksum=np.array(_checksum(rows)), points=points)
    return points


def _checksum(rows: NDArray[np.float32]) -> str:
    return sha256(rows.tobytes()).hexdigest()


def _embed(rows: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Embed a sample by the default steps of a detector, and place the others."""
    from spurclust.detector import SpuriousRegionDetector
    from spurclust.labels import no_labels
    from spurclust.steps import configure_steps, fit_steps

    # The page does not warn about too few sources for the perplexity.
    warnings.simplefilter("ignore")
    fitted = np.random.RandomState(_STATE).permutation(len(rows))[:MOST_FITTED]
    fitted.sort()
    detector = SpuriousRegionDetector(random_state=_STATE, n_jobs=1)
    # Any size of cutouts: the steps after the features do not depend on it.
    steps = configure_steps(detector, (len(fitted), 1, 1), labeled=False)
    del steps["flatten"]
    projection = steps["reduce"][-1]
    projection.n_components = min(projection.n_components, rows.shape[1])  # given features
    points = np.empty((len(rows), 2))
    _, codes = no_labels(len(fitted))
    points[fitted] = fit_steps(steps, rows[fitted], codes).embedding
    others = np.setdiff1d(np.arange(len(rows)), fitted)
    if len(others):
        points[others] = steps["embed"].transform(steps["reduce"].transform(rows[others]))
    low = points.min(axis=0)
    span = float(np.ptp(points, axis=0).max()) or 1.0
    return np.asarray(np.rint((points - low) / span * _LARGEST), dtype=np.uint16)
