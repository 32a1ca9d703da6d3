"""The embedding of the sources as `analyze` without labels makes it, once for an inspection."""

from __future__ import annotations

import os
import warnings
import zipfile
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spurclust.catalog.output import atomic_write

EMBEDDING = "embedding.npz"
MOST_FITTED = 10_000
"""Of more sources so many, drawn at random, are embedded, and the others placed among them."""

_STATE = 12
_LARGEST = 2**16 - 1


def embed_once(rows: NDArray[np.float32], folder: str | os.PathLike[str]) -> NDArray[np.uint16]:
    """Return the points of sources, from 0 to 65535, as kept in a folder or made and kept."""
    path = Path(folder) / EMBEDDING
    checksum = sha256(rows.tobytes()).hexdigest()
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            if str(kept["checksum"]) == checksum:
                return np.asarray(kept["points"], dtype=np.uint16)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        pass
    points = _embed(rows)
    with atomic_write(path) as part, part.open("wb") as kept_file:
        np.savez(kept_file, checksum=np.array(checksum), points=points)
    return points


def _embed(rows: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Embed sources, with as many as are fitted at most, by the default steps of a detector."""
    from spurclust.detector import SpuriousRegionDetector
    from spurclust.labels import no_labels
    from spurclust.steps import configure_steps, fit_steps

    # Fewer sources than the perplexity wants are no matter of the page.
    warnings.simplefilter("ignore")
    fitted = np.random.RandomState(_STATE).permutation(len(rows))[:MOST_FITTED]
    fitted.sort()
    detector = SpuriousRegionDetector(random_state=_STATE, n_jobs=1)
    # Cutouts of any size: what comes after their features does not depend on it.
    steps = configure_steps(detector, (len(fitted), 1, 1), labeled=False)
    del steps["flatten"]
    projection = steps["reduce"][-1]
    projection.n_components = min(projection.n_components, rows.shape[1])  # of one's own features
    points = np.empty((len(rows), 2))
    _, codes = no_labels(len(fitted))
    points[fitted] = fit_steps(steps, rows[fitted], codes).embedding
    others = np.setdiff1d(np.arange(len(rows)), fitted)
    if len(others):
        points[others] = steps["embed"].transform(steps["reduce"].transform(rows[others]))
    low = points.min(axis=0)
    span = float(np.ptp(points, axis=0).max()) or 1.0
    return np.asarray(np.rint((points - low) / span * _LARGEST), dtype=np.uint16)
