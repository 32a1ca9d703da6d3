"""Load a saved analysis, and flag new sources with a saved model."""

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from spurclust.analysis.folder import MODEL
from spurclust.analysis.outcome import Analysis
from spurclust.analysis.reading import (
    check_fitted,
    describe_new,
    fitted_options,
    with_dtype,
)
from spurclust.analysis.stages import Log, Stages
from spurclust.errors import CatalogError

if TYPE_CHECKING:
    import pandas as pd

    from spurclust.catalog import FittedModels
    from spurclust.cutouts import Cutouts, CutoutSource


def load_analysis(folder: str | os.PathLike[str], *, models: bool = True) -> Analysis:
    """Load a saved analysis.

    The cutouts are not loaded. Methods that draw them read the files again. A search is not saved,
    but `Analysis.tuning` has the settings that it tried.

    Parameters
    ----------
    folder : str or path-like
        Folder of `Analysis.save` or ``spurclust run``.
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

    All cutouts are in memory at once. If they do not fit, use `spurclust.scale.write_predictions`.

    Parameters
    ----------
    model : str or path-like
        ``model.skops`` of an analysis. The ranker beside it is used if there is one.
    cutouts : path, glob, sequence of paths, array-like, zarr array or CutoutSource
        The cutouts, as for `spurclust.cutouts.open_cutouts`. They are shrunk like those of the fit.
    id_pattern : str, default=None
        Regular expression for ids in file names, if they differ from those of the fit.
    id_column : str, default="source_id"
        Column of ids in a table of paths.
    path_column : str, default="path"
        Column of paths in a table of paths.
    catalogue : path, DataFrame or Labels, default=None
        Table with positions and other columns of the sources, such as magnitudes, for the result;
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
        spurious_probability, flagged, novelty, and the order of inspection. If known from a
        catalogue or FITS headers, positions on the sky. Then the other columns of the catalogue.

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
    """Read all cutouts of a source like those of the fit."""
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
