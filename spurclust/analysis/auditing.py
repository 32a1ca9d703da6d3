"""An audit of the unflagged: draw a random sample, extend it, and bound what remains."""

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from spurclust.analysis.folder import SAMPLE, SAMPLE_ORDER, audit_pool, read_sample
from spurclust.analysis.reading import label_tables
from spurclust.analysis.saved import load_analysis
from spurclust.errors import CatalogError
from spurclust.labels import SPURIOUS, UNINSPECTED

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

DEFAULT_SAMPLE = 300


class AuditSample(NamedTuple):
    """A sample that was drawn for inspection.

    Returned by `draw_audit`.

    Attributes
    ----------
    path : Path
        The file to fill in, row by row.
    n_sources : int
        Number of sources in the sample.
    n_earlier : int
        Number of these from an earlier draw; 0 for a new file.
    n_pool : int
        Number of sources from which it was drawn: those neither flagged nor inspected.
    most_remaining : int
        Maximum number of spurious sources that remain if all are inspected and none is spurious.

    Examples
    --------
    >>> from spurclust.analysis import draw_audit
    >>> draw_audit("results").most_remaining  # doctest: +SKIP
    """

    path: Path
    n_sources: int
    n_earlier: int
    n_pool: int
    most_remaining: int


class AuditResult(NamedTuple):
    """The bounds that the inspected part of a sample proves.

    Returned by `evaluate_audit`. The bounds hold at any time, however often you look at them.

    Attributes
    ----------
    n_pool : int
        Sources that were neither flagged nor inspected.
    n_drawn : int
        Number of sources in the sample.
    n_inspected : int
        Number of these that are inspected, from the first drawn on without a gap.
    n_spurious : int
        Number of spurious sources among the inspected.
    most_remaining : int
        Maximum number of spurious sources that remain among the others.
    completeness_low : float
        Lower bound of the completeness of the flags.
    n_flagged_spurious : int
        Number of known spurious sources that are flagged.
    n_needed : int or None
        Number of further inspections that prove `max_remaining`, if none is spurious. None if it
        was not given.

    Examples
    --------
    >>> from spurclust.analysis import evaluate_audit
    >>> evaluate_audit("results", ["judged.csv"]).most_remaining  # doctest: +SKIP
    """

    n_pool: int
    n_drawn: int
    n_inspected: int
    n_spurious: int
    most_remaining: int
    completeness_low: float
    n_flagged_spurious: int
    n_needed: int | None = None


def draw_audit(
    folder: str | os.PathLike[str],
    *,
    sample: int | None = None,
    max_remaining: int | None = None,
    confidence: float = 0.95,
    random_state: int | None = 12,
) -> AuditSample | None:
    """Draw a random sample of the sources that are neither flagged nor inspected, or extend it.

    The sample is written to ``audit.csv`` in the folder, with a column ``Reliable_Source`` to fill
    in. If that file exists, a larger sample extends it at the end. Filled-in labels stay.

    Parameters
    ----------
    folder : str or path-like
        A saved analysis.
    sample : int, default=None
        Number of sources to draw, including those drawn earlier. None is 300, or all if there are
        fewer.
    max_remaining : int, default=None
        Draw enough sources to prove that at most this many spurious ones remain, if none of the
        drawn is spurious.
    confidence : float, default=0.95
        Confidence of that bound, between 0 and 1.
    random_state : int or None, default=12
        Controls the draw. To extend a sample, give its random state again.

    Returns
    -------
    AuditSample or None
        The file, its size, and what it can prove; None if all unflagged sources are inspected.

    Raises
    ------
    CatalogError
        When there are too few sources to draw, or the file has a sample that is not smaller or was
        drawn in another way.

    Examples
    --------
    >>> from spurclust.analysis import draw_audit
    >>> draw_audit("no such folder")
    Traceback (most recent call last):
        ...
    spurclust.errors.CatalogError: no such folder/sources.csv is missing: give the folder that \
`spurclust run` wrote
    """
    from spurclust.metrics import confidence_sequence, draw_audit_sample

    if sample is not None and max_remaining is not None:
        raise ValueError("sample and max_remaining cannot both be given: choose one")
    pool = audit_pool(load_analysis(folder, models=False))
    if not len(pool):
        return None
    path = Path(folder, SAMPLE)
    earlier = read_sample(path, pool) if path.exists() else None
    n = _sample_size(len(pool), sample, max_remaining, confidence)
    n_earlier = 0 if earlier is None else len(earlier)
    if earlier is not None and (n <= n_earlier or (sample is None and max_remaining is None)):
        raise CatalogError(
            f"{path} exists and has {n_earlier} sources: pass it as labels (--labels), extend it "
            "with a larger sample (--sample), or move it away to draw a new one"
        )
    rows = draw_audit_sample(pool.index.to_numpy(), n, random_state=random_state)
    _write_sample(path, pool.loc[rows, ["source_id", "path"]], earlier)
    _, high = confidence_sequence(len(pool), n, 0, confidence)
    return AuditSample(path, n, n_earlier, len(pool), int(high))


def _sample_size(
    n_pool: int, sample: int | None, max_remaining: int | None, confidence: float
) -> int:
    """Return how many sources to draw."""
    from spurclust.metrics import inspections_needed

    if max_remaining is not None:
        n = inspections_needed(n_pool, max_remaining, confidence=confidence)
        if n == 0:
            raise CatalogError(
                f"only {n_pool} sources are neither flagged nor inspected, so at most "
                f"{max_remaining} spurious ones remain without an inspection"
            )
        return n
    n = min(DEFAULT_SAMPLE, n_pool) if sample is None else sample
    if n > n_pool:
        raise CatalogError(
            f"sample (--sample) {n} is more than the {n_pool} sources that are neither flagged nor "
            "inspected"
        )
    if n < 1:
        raise ValueError(f"sample={sample}: it must be at least 1")
    return n


def _write_sample(path: Path, drawn: "pd.DataFrame", earlier: "pd.DataFrame | None") -> None:
    """Write the drawn sources after those in the file."""
    import pandas as pd

    from spurclust.catalog.output import atomic_write
    from spurclust.catalog.table_writers import mark_table
    from spurclust.labels import ORIGIN_COLUMN

    table = drawn.rename(columns={"source_id": "Source_ID"})
    table[["Reliable_Source", "Reason", ORIGIN_COLUMN]] = "", "", "audit"
    table[SAMPLE_ORDER] = range(1, len(drawn) + 1)
    if earlier is not None:
        first = table["Source_ID"][: len(earlier)]
        if first.tolist() != earlier["Source_ID"].tolist():
            raise CatalogError(
                f"{path} was drawn with another random_state (--random-state) or from other "
                "results: extend it with the same, or move it away to draw a new one"
            )
        table = pd.concat([earlier, table[len(earlier) :]]).fillna("")
    with atomic_write(path) as part:
        mark_table(table).to_csv(part, index=False)


def evaluate_audit(
    folder: str | os.PathLike[str],
    labels: Any,
    *,
    max_remaining: int | None = None,
    confidence: float = 0.95,
) -> AuditResult | None:
    """Bound how many spurious sources remain, from the inspected part of a sample.

    The sample may be inspected in part, in the order drawn. Call this function at any time, as
    often as you like. The bounds are those of `spurclust.metrics.confidence_sequence`.

    Parameters
    ----------
    folder : str or path-like
        A saved analysis, in which `draw_audit` has drawn the sample.
    labels : path, DataFrame, or sequence of these
        The sample with its column filled in, from the first row on. Give several tables if it was
        divided.
    max_remaining : int, default=None
        Also find how many further inspections prove that at most this many spurious sources remain.
    confidence : float, default=0.95
        Confidence of the bounds, between 0 and 1.

    Returns
    -------
    AuditResult or None
        Counts and bounds; None if all unflagged sources are inspected.

    Raises
    ------
    CatalogError
        When no sample was drawn, it is of another analysis, or its first source has no label.

    Warns
    -----
    UserWarning
        When a source has no label but later ones do. Only the sources before it count.

    Examples
    --------
    >>> from spurclust.analysis import evaluate_audit
    >>> evaluate_audit("no such folder", ["judged.csv"])
    Traceback (most recent call last):
        ...
    spurclust.errors.CatalogError: no such folder/sources.csv is missing: give the folder that \
`spurclust run` wrote
    """
    from spurclust.metrics import (
        completeness_lower_bound,
        confidence_sequence,
        inspections_needed,
    )

    analysis = load_analysis(folder, models=False)
    pool, flagged = audit_pool(analysis), analysis.sources["flagged"].to_numpy()
    if not len(pool):
        return None
    n_flagged = int((flagged & (analysis.y == SPURIOUS)).sum())
    n_missed = int((~flagged & (analysis.y == SPURIOUS)).sum())
    y, n_drawn = _read_verdicts(Path(folder), pool, labels)
    counts = len(pool), len(y), int((y == SPURIOUS).sum())
    _, high = confidence_sequence(*counts, confidence)
    return AuditResult(
        n_pool=len(pool),
        n_drawn=n_drawn,
        n_inspected=len(y),
        n_spurious=counts[2],
        most_remaining=int(high) - counts[2],
        completeness_low=completeness_lower_bound(
            n_flagged, *counts, n_missed=n_missed, confidence=confidence
        ),
        n_flagged_spurious=n_flagged,
        n_needed=None
        if max_remaining is None
        else inspections_needed(counts[0], max_remaining, *counts[1:], confidence),
    )


def _read_verdicts(
    folder: Path, pool: "pd.DataFrame", labels: Any
) -> tuple["NDArray[np.int8]", int]:
    """Read the labels of a sample up to its first source without one; also count the sample."""
    from spurclust.catalog import match_labels, merge_labels

    path = folder / SAMPLE
    if not path.is_file():
        raise CatalogError(f"{path} is missing: draw a sample first, spurclust audit {folder}")
    drawn = read_sample(path, pool)["Source_ID"].tolist()
    merged = merge_labels(label_tables(labels), source_ids=drawn).labels
    y = match_labels(merged, drawn).y
    inspected = y != UNINSPECTED
    n = len(y) if inspected.all() else int(inspected.argmin())
    if n == 0:
        raise CatalogError(
            f"{drawn[0]}, the first source of the sample, has no label in {merged.origin}: inspect "
            f"the sample in the order of {path}"
        )
    if n < inspected.sum():
        warnings.warn(
            f"{inspected.sum() - n} sources of the sample are inspected but do not count, because "
            f"{drawn[n]} before them has no label in {merged.origin}: inspect the sample in the "
            f"order of {path}",
            stacklevel=3,
        )
    return y[:n], len(y)
