"""Choose the sources to fit on; compute features of many cutouts, a few at a time."""

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spurclust.analysis.stages import Stages
from spurclust.errors import CatalogError
from spurclust.labels import RELIABLE, SPURIOUS
from spurclust.progress import track

if TYPE_CHECKING:
    from spurclust.cutouts import Cutouts, CutoutSource, ReadOptions

POOL = 5
"""Size of the pool of a diverse reference, as a multiple of the reference."""

CHUNK = 500
"""Number of cutouts of a pool in memory at once."""

MAX_LISTED = 20
"""Maximum number of files that a warning names."""


class Draw(NamedTuple):
    """The size of a reference, and how it is drawn."""

    size: int
    method: str
    random_state: int | None


def rows_read(source: "CutoutSource", rows: NDArray[np.intp], read: "Cutouts") -> NDArray[np.intp]:
    """Return the rows of a source whose cutouts were read."""
    if len(read) == len(rows):
        return rows
    row_of = dict(zip(source.take(rows)[0], rows.tolist(), strict=True))
    return np.array([row_of[source_id] for source_id in read.source_ids], dtype=np.intp)


def choose_sources(
    source: "CutoutSource", y: NDArray[np.int8], draw: Draw, options: "ReadOptions"
) -> NDArray[np.intp]:
    """Choose the sources to fit on; for "diverse", by the features of a pool of them."""
    from spurclust.reference import choose_reference

    size, method, random_state = draw
    if method not in ("random", "diverse"):
        raise ValueError(f'reference={method!r}: it must be "random" or "diverse"')
    # Sorted by id, so that the draw does not depend on the order of the files.
    rows = np.argsort(np.array(source.take(range(len(source)))[0]), kind="stable")
    if method == "random" or size >= len(y):
        return np.sort(rows[choose_reference(y[rows], size, random_state=random_state)])
    drawn = choose_reference(y[rows], min(POOL * size, len(y)), random_state=random_state)
    pool, features = extract_features(source, rows[drawn], options)
    size = min(size, len(pool))
    chosen = choose_reference(
        y[pool], size, method="diverse", rows=features, random_state=random_state
    )
    return np.sort(pool[chosen])


def extract_features(
    source: "CutoutSource", pool: NDArray[np.intp], options: "ReadOptions"
) -> tuple[NDArray[np.intp], NDArray[Any]]:
    """Return the readable rows and their features; few cutouts are in memory at once."""
    from spurclust.cutouts import ImageFormat
    from spurclust.features import CutoutFeatures

    chunks = [pool[start : start + CHUNK] for start in range(0, len(pool), CHUNK)]
    first = _first_readable(source, chunks, options)
    extractor = CutoutFeatures(n_jobs=options.n_jobs).fit(first.images)
    like = first.image_format or ImageFormat(first.images.shape[1:], first.images.dtype)
    options = replace(options, like=like)
    rows, features, skipped = [], [], []
    for chunk in track(chunks, len(chunks), "measuring", "chunk"):
        read = source.read(chunk, options)
        skipped += read.skipped
        if len(read):
            rows.append(rows_read(source, chunk, read))
            features.append(extractor.transform(read.images))
    if skipped:
        shown = [f"{one.path or one.source_id}: {one.reason}" for one in skipped[:MAX_LISTED]]
        lines = "\n".join(shown)
        warnings.warn(
            f"{len(skipped)} of the {len(pool)} cutouts to measure were skipped:\n{lines}",
            stacklevel=5,
        )
    return np.concatenate(rows), np.concatenate(features)


def _first_readable(
    source: "CutoutSource", chunks: list[NDArray[np.intp]], options: "ReadOptions"
) -> "Cutouts":
    """Read the first chunk with a readable cutout."""
    for chunk in chunks[:-1]:
        try:
            return source.read(chunk, options)
        except CatalogError:
            if options.on_error == "raise":
                raise
    return source.read(chunks[-1], options)


def report_reference(y: NDArray[np.int8], chosen: NDArray[np.intp], stages: Stages) -> None:
    """Log the choice, and warn if labels do not fit into the reference."""
    n_spurious, n_reliable = int((y == SPURIOUS).sum()), int((y == RELIABLE).sum())
    n_chosen = int((y[chosen] == RELIABLE).sum())
    stages.say(
        f"Reference: {len(chosen)} of {len(y)} sources, with all {n_spurious} known spurious and "
        f"{n_chosen} of {n_reliable} known reliable"
    )
    if n_chosen < n_reliable:
        before, after = n_spurious / (n_spurious + n_reliable), n_spurious / len(chosen)
        warnings.warn(
            f"{n_reliable - n_chosen} known reliable sources do not fit into the reference, so "
            f"{after:.1%} of its labels are spurious, not {before:.1%}, and more components reach "
            f"the threshold: give a reference_size (--reference-size) of at least "
            f"{n_spurious + n_reliable}",
            stacklevel=4,
        )
