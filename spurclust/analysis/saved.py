"""What is done with a saved analysis: load it, flag new sources with it, audit it."""

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from spurclust.analysis.folder import MODEL, SAMPLE, audit_pool, read_sample
from spurclust.analysis.outcome import Analysis
from spurclust.analysis.reading import (
    check_fitted,
    describe_new,
    fitted_options,
    label_tables,
    with_dtype,
)
from spurclust.analysis.stages import Log, Stages
from spurclust.errors import CatalogError
from spurclust.labels import SPURIOUS, UNINSPECTED

if TYPE_CHECKING:
    import pandas as pd

    from spurclust.catalog import FittedModels
    from spurclust.cutouts import Cutouts, CutoutSource

DEFAULT_SAMPLE = 300


def load_analysis(folder: str | os.PathLike[str], *, models: bool = True) -> Analysis:
    """Load an analysis that was saved.

    The cutouts are not loaded; what draws them reads their files again. The search, if there was
    one, is not saved: `Analysis.tuning` has what it tried.

    Parameters
    ----------
    folder : str or path-like
        What `Analysis.save` or ``spurclust run`` wrote.
    models : bool, default=True
        Whether to load the detector and the ranker as well.

    Returns
    -------
    Analysis
        The tables, the summary, and the models.

    Raises
    ------
    CatalogError
        When a file is missing, damaged, or of another program.

    Examples
    --------
    >>> from spurclust import load_analysis
    >>> load_analysis("no such folder")
    Traceback (most recent call last):
        ...
    spurclust.errors.CatalogError: no such folder/sources.csv is missing: give the folder that \
`spurclust run` wrote
    """
    from spurclust.catalog import load_fitted, read_results

    tables = read_results(folder)
    detector = ranker = None
    if models:
        detector, ranker, _ = load_fitted(Path(folder, MODEL))
    return Analysis(
        name=Path(folder).resolve().name,
        sources=tables.sources,
        components=tables.components,
        summary=tables.summary,
        tuning=tables.tuning,
        detector=detector,
        ranker=ranker,
    )


def flag_sources(
    model: str | os.PathLike[str],
    cutouts: Any,
    *,
    id_pattern: str | None = None,
    id_column: str = "source_id",
    path_column: str = "path",
    catalogue: Any = None,
    on_error: Literal["raise", "skip"] = "raise",
    n_jobs: int | None = -1,
    log: Log | None = None,
) -> "pd.DataFrame":
    """Flag new sources with a saved model, and rank them.

    The cutouts are in memory together. For more than fit, `spurclust.scale.write_predictions`
    works partition by partition.

    Parameters
    ----------
    model : str or path-like
        ``model.skops`` of an analysis; its ranker is used if it lies beside it.
    cutouts : path, glob, sequence of paths, array-like, zarr array or CutoutSource
        Where the cutouts are, as for `spurclust.cutouts.open_cutouts`. They are shrunk as those
        of the fit were.
    id_pattern : str, default=None
        Regular expression for ids in file names, if they differ from those of the fit.
    id_column : str, default="source_id"
        Column of ids in a table of paths.
    path_column : str, default="path"
        Column of paths in a table of paths.
    catalogue : path, DataFrame or Labels, default=None
        Positions and other columns of the sources, such as magnitudes, which the result then has;
        as for `analyze`.
    on_error : {"raise", "skip"}, default="raise"
        What to do with a cutout that cannot be read. Skipped ones are named in a warning.
    n_jobs : int or None, default=-1
        Threads.
    log : callable, default=None
        Called with each line of progress; ``print`` shows them.

    Returns
    -------
    pandas.DataFrame
        One row per source: source_id, path, position in the embedding, component,
        spurious_probability, flagged, novelty, and the order of inspection; positions on the sky
        where a catalogue or the headers of FITS files have them; other columns of the catalogue.

    Raises
    ------
    CatalogError
        When the model or a cutout cannot be read.
    ValueError
        When the cutouts are of another size than those of the fit.

    Warns
    -----
    UserWarning
        When many of the sources lie far from all fitted ones.

    Examples
    --------
    >>> from spurclust.analysis import flag_sources
    >>> flag_sources("missing.skops", ".")
    Traceback (most recent call last):
        ...
    spurclust.errors.CatalogError: missing.skops: there is no such model file
    """
    from spurclust.catalog import load_fitted, sources_table
    from spurclust.cutouts import open_cutouts
    from spurclust.novelty import drift_message
    from spurclust.region import is_flagged

    stages = Stages(log)
    with stages("model"):
        models = load_fitted(model).set_jobs(n_jobs)
    with stages("reading"):
        source = open_cutouts(
            cutouts, **models.naming(id_pattern), id_column=id_column, path_column=path_column
        )
        read = _read_like_fitted(source, models, on_error, stages)
        positions, columns = describe_new(source, read, catalogue, stages)
    with stages("predicting"):
        assignment, probability, rank = models.predict(read.images)
    flagged = is_flagged(assignment.spurious_probability, models.detector.threshold)
    message = drift_message(int((assignment.novelty > 1).sum()), len(flagged))
    if message:
        warnings.warn(message, stacklevel=2)
    return sources_table(
        read.source_ids,
        paths=read.paths,
        positions=positions,
        columns=columns,
        embedding=assignment.embedding,
        component=assignment.component,
        spurious_probability=assignment.spurious_probability,
        flagged=flagged,
        novelty=assignment.novelty,
        inspection_rank=rank,
        inspection_probability=probability,
    )


def _read_like_fitted(
    source: "CutoutSource",
    models: "FittedModels",
    on_error: Literal["raise", "skip"],
    stages: Stages,
) -> "Cutouts":
    """Read all cutouts of a source as those of the fit were read."""
    from spurclust.cutouts import warn_of_losses

    models.check_filters(source.filters)
    for note in source.notes:
        stages.say(note)
    options = fitted_options(with_dtype(models, source), on_error=on_error)
    check_fitted(source, options)
    read = source.read(options=options)
    warn_of_losses(read, stacklevel=3)
    if not len(read):
        raise CatalogError(
            f"none of {len(source)} cutouts could be read. {read.skipped[0].path}: "
            f"{read.skipped[0].reason}"
        )
    return read


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
    from spurclust.catalog.source_columns import ORIGIN_COLUMN
    from spurclust.catalog.table_writers import mark_table
    from spurclust.metrics import audit_sample_size, draw_audit_sample, remaining_upper_bound

    if sample is not None and max_remaining is not None:
        raise ValueError("sample and max_remaining cannot both be given: choose one")
    pool = audit_pool(load_analysis(folder, models=False))
    if not len(pool):
        return None
    path = Path(folder, SAMPLE)
    if path.exists():
        raise CatalogError(
            f"{path} exists, and may hold labels: pass it as labels (--labels), or move it away "
            "to draw anew"
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
            f"sample (--sample) {n} is more than the {n_pool} sources that are neither flagged nor "
            "inspected"
        )
    if n < 1:
        raise ValueError(f"sample={sample}: it must be at least 1")
    most_remaining = remaining_upper_bound(n_pool, n, 0, confidence)
    rows = draw_audit_sample(pool.index.to_numpy(), n, random_state=random_state)
    drawn = pool.loc[rows, ["source_id", "path"]].rename(columns={"source_id": "Source_ID"})
    with atomic_write(path) as part:
        blank = drawn.assign(Reliable_Source="", Reason="", **{ORIGIN_COLUMN: "audit"})
        mark_table(blank).to_csv(part, index=False)
    return AuditSample(path, n, n_pool, most_remaining)


def evaluate_audit(
    folder: str | os.PathLike[str], labels: Any, *, confidence: float = 0.95
) -> AuditResult | None:
    """Bound how many spurious sources can remain, from an inspected sample.

    Parameters
    ----------
    folder : str or path-like
        A saved analysis, in which `draw_audit` has drawn the sample.
    labels : path, DataFrame, or sequence of these
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
    pool, flagged = audit_pool(analysis), analysis.sources["flagged"].to_numpy()
    if not len(pool):
        return None
    n_flagged = int((flagged & (analysis.y == SPURIOUS)).sum())
    n_missed = int((~flagged & (analysis.y == SPURIOUS)).sum())
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


def _count_sample(folder: Path, pool: "pd.DataFrame", labels: Any) -> tuple[int, int]:
    """Count the inspected and the spurious of the sample that was drawn, which must be whole."""
    from spurclust.catalog import match_labels, merge_labels

    path = folder / SAMPLE
    if not path.is_file():
        raise CatalogError(f"{path} is missing: draw a sample first, spurclust audit {folder}")
    drawn = read_sample(path, pool)
    merged = merge_labels(label_tables(labels), source_ids=drawn).labels
    y = match_labels(merged, drawn).y
    blank = [name for name, label in zip(drawn, y, strict=True) if label == UNINSPECTED]
    if blank:
        raise CatalogError(
            f"{len(blank)} of the {len(drawn)} sources of the sample have no label in "
            f"{merged.origin}, {blank[0]} for one: a sample proves something only when all of it "
            "is inspected"
        )
    return len(y), int((y == SPURIOUS).sum())
