"""Flag new sources with a saved model, all at once."""

import os
import warnings
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from spurclust.analysis.stages import Log, Stages

if TYPE_CHECKING:
    import pandas as pd


def flag_sources(
    model: str | os.PathLike[str],
    cutouts: Any,
    *,
    id_pattern: str | None = None,
    id_column: str = "source_id",
    path_column: str = "path",
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
        spurious_probability, flagged, novelty, and the order of inspection.

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
    from spurclust.cutouts import read_cutouts
    from spurclust.novelty import drift_message
    from spurclust.ranking import inspection_rank
    from spurclust.region import is_flagged

    stages = Stages(log)
    with stages("model"):
        models = load_fitted(model).set_jobs(n_jobs)
    with stages("reading"):
        read = read_cutouts(
            cutouts,
            size=models.reading["size"],
            reduce=models.reading["reduce"],
            id_pattern=id_pattern or models.reading["id_pattern"],
            id_column=id_column,
            path_column=path_column,
            on_error=on_error,
            n_jobs=n_jobs,
            progress=log is not None,
        )
    with stages("predicting"):
        images, shape = read.images, models.detector.image_shape_
        if images.ndim == 3 and len(shape) == 3 and shape[2] == 3:
            # Grey cutouts, where some of the fitted ones had colors.
            images = np.repeat(images[..., None], 3, axis=3)
        assignment, probability = models.predict(images)
    flagged = is_flagged(assignment.spurious_probability, models.detector.threshold)
    message = drift_message(int((assignment.novelty > 1).sum()), len(flagged))
    if message:
        warnings.warn(message, stacklevel=2)
    rank = None if probability is None else inspection_rank(probability)
    return sources_table(
        read.source_ids,
        paths=read.paths,
        embedding=assignment.embedding,
        component=assignment.component,
        spurious_probability=assignment.spurious_probability,
        flagged=flagged,
        novelty=assignment.novelty,
        inspection_rank=rank,
        inspection_probability=probability,
    )
