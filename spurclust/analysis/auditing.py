"""A random sample of what was not flagged, and what it proves once it is inspected."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from spurclust.analysis.outcome import Analysis, load_analysis
from spurclust.errors import CatalogError

if TYPE_CHECKING:
    import pandas as pd

SAMPLE = "audit.csv"
"""The file of the sample, in the folder of the analysis."""

DEFAULT_SAMPLE = 300


class AuditSample(NamedTuple):
    """A sample that was drawn for inspection.

    What `draw_audit` returns. It proves something only when all of it is inspected.

    Attributes
    ----------
    path : Path
        The file to fill in.
    n_sources : int
        Sources in the sample.
    n_pool : int
        Sources that were neither flagged nor inspected, from which it was drawn.
    most_remaining : int
        How many spurious sources can remain if none is found in the sample.

    Examples
    --------
    >>> from spurclust.analysis import draw_audit
    >>> draw_audit("results").most_remaining  # doctest: +SKIP
    """

    path: Path
    n_sources: int
    n_pool: int
    most_remaining: int


class AuditResult(NamedTuple):
    """What an inspected sample proves, with the confidence that was asked for.

    What `evaluate_audit` returns. The bounds hold for a sample that was drawn at random.

    Attributes
    ----------
    n_pool : int
        Sources that were neither flagged nor inspected.
    n_inspected : int
        Sources of the sample.
    n_spurious : int
        Spurious sources in the sample.
    most_remaining : int
        How many spurious sources can remain among the others.
    completeness_low : float
        Least share of all spurious sources that the flags hold.
    n_flagged_spurious : int
        Known spurious sources that are flagged.

    Examples
    --------
    >>> from spurclust.analysis import evaluate_audit
    >>> evaluate_audit("results", ["judged.csv"]).most_remaining  # doctest: +SKIP
    """

    n_pool: int
    n_inspected: int
    n_spurious: int
    most_remaining: int
    completeness_low: float
    n_flagged_spurious: int


def draw_audit(
    folder: str | os.PathLike[str],
    *,
    sample: int | None = None,
    max_remaining: int | None = None,
    confidence: float = 0.95,
    random_state: int | None = 12,
) -> AuditSample | None:
    """Draw a random sample of the sources that are neither flagged nor inspected.

    It is written to ``audit.csv`` in the folder, with a column ``Reliable_Source`` to fill in.

    Parameters
    ----------
    folder : str or path-like
        A saved analysis.
    sample : int, default=None
        Sources to draw; by default 300, or all if there are fewer.
    max_remaining : int, default=None
        Draw as many as prove, if none of them is spurious, that at most so many remain.
    confidence : float, default=0.95
        Confidence of that bound, between 0 and 1.
    random_state : int or None, default=12
        Controls the draw.

    Returns
    -------
    AuditSample or None
        The file, its size, and what it can prove; None when all unflagged are inspected already.

    Raises
    ------
    CatalogError
        When there are fewer sources to draw than asked for, or a sample is there already.

    Examples
    --------
    >>> from spurclust.analysis import draw_audit
    >>> draw_audit("no such folder")
    Traceback (most recent call last):
        ...
    spurclust.errors.CatalogError: no such folder/sources.csv is missing: give the folder that \
`spurclust run` wrote
    """
    from spurclust.catalog.output import atomic_write
    from spurclust.metrics import audit_sample_size, draw_audit_sample, remaining_upper_bound

    pool = _pool(load_analysis(folder, models=False))
    if not len(pool):
        return None
    path = Path(folder, SAMPLE)
    if path.exists():
        raise CatalogError(
            f"{path} exists, and may hold labels: pass it as --labels, or move it away to draw anew"
        )
    n_pool = len(pool)
    if max_remaining is not None:
        n = audit_sample_size(n_pool, max_remaining, confidence=confidence)
        if n == 0:
            raise CatalogError(
                f"only {n_pool} sources are neither flagged nor inspected, so at most "
                f"{max_remaining} spurious ones remain without an inspection"
            )
    else:
        n = min(DEFAULT_SAMPLE, n_pool) if sample is None else sample
    if n > n_pool:
        raise CatalogError(
            f"--sample {n} is more than the {n_pool} sources that are neither flagged nor inspected"
        )
    rows = draw_audit_sample(pool.index.to_numpy(), n, random_state=random_state)
    drawn = pool.loc[rows, ["source_id", "path"]].rename(columns={"source_id": "Source_ID"})
    with atomic_write(path) as part:
        drawn.assign(Reliable_Source="", Reason="").to_csv(part, index=False)
    return AuditSample(path, n, n_pool, remaining_upper_bound(n_pool, n, 0, confidence))


def evaluate_audit(
    folder: str | os.PathLike[str], labels: Sequence[Any], *, confidence: float = 0.95
) -> AuditResult | None:
    """Bound how many spurious sources can remain, from an inspected sample.

    Parameters
    ----------
    folder : str or path-like
        A saved analysis, in which `draw_audit` has drawn the sample.
    labels : sequence of paths or DataFrames
        The sample with its column filled in; several tables if it was shared out.
    confidence : float, default=0.95
        Confidence of the bounds, between 0 and 1.

    Returns
    -------
    AuditResult or None
        Counts and bounds, which are exact (hypergeometric); None when all unflagged are inspected.

    Raises
    ------
    CatalogError
        When no sample was drawn, it is of another analysis, or a source of it has no label.

    Examples
    --------
    >>> from spurclust.analysis import evaluate_audit
    >>> evaluate_audit("no such folder", ["judged.csv"])
    Traceback (most recent call last):
        ...
    spurclust.errors.CatalogError: no such folder/sources.csv is missing: give the folder that \
`spurclust run` wrote
    """
    from spurclust.metrics import completeness_lower_bound, remaining_upper_bound

    analysis = load_analysis(folder, models=False)
    pool, flagged = _pool(analysis), analysis.sources["flagged"].to_numpy()
    if not len(pool):
        return None
    n_flagged = int((flagged & (analysis.y == 1)).sum())
    n_missed = int((~flagged & (analysis.y == 1)).sum())
    n_inspected, n_spurious = _count_sample(Path(folder), pool, labels)
    return AuditResult(
        n_pool=len(pool),
        n_inspected=n_inspected,
        n_spurious=n_spurious,
        most_remaining=remaining_upper_bound(len(pool), n_inspected, n_spurious, confidence),
        completeness_low=completeness_lower_bound(
            n_flagged,
            len(pool),
            n_inspected,
            n_spurious,
            n_missed=n_missed,
            confidence=confidence,
        ),
        n_flagged_spurious=n_flagged,
    )


def _pool(analysis: Analysis) -> "pd.DataFrame":
    """Return the sources that are neither flagged nor inspected."""
    return analysis.sources[~analysis.sources["flagged"].to_numpy() & (analysis.y < 0)]


def _count_sample(folder: Path, pool: "pd.DataFrame", labels: Sequence[Any]) -> tuple[int, int]:
    """Count the inspected and the spurious of the sample that was drawn, which must be whole."""
    import pandas as pd

    from spurclust.catalog import match_labels, merge_labels, read_labels

    path = folder / SAMPLE
    if not path.is_file():
        raise CatalogError(f"{path} is missing: draw a sample first, spurclust audit {folder}")
    drawn = pd.read_csv(path, dtype=str)["Source_ID"].tolist()
    strangers = sorted(set(drawn) - set(pool["source_id"]))
    if strangers:
        raise CatalogError(
            f"{path} was drawn from other results: {strangers[0]} is flagged, inspected or unknown "
            "now. Move the file away and draw anew"
        )
    merged = merge_labels([read_labels(table) for table in labels], source_ids=drawn).labels
    y = match_labels(merged, drawn).y
    blank = [name for name, label in zip(drawn, y, strict=True) if label < 0]
    if blank:
        raise CatalogError(
            f"{len(blank)} of the {len(drawn)} sources of the sample have no label in "
            f"{merged.origin}, {blank[0]} for one: a sample proves something only when all of it "
            "is inspected"
        )
    return len(y), int((y == 1).sum())
