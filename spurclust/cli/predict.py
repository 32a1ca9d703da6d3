"""`spurclust predict`: flag new sources with a fitted model."""

import argparse
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spurclust.cli.predict_folder import check_options, folder_options, predict_folder
from spurclust.cli.progress import Stages, say
from spurclust.cli.reading import read_named_cutouts


def run_predict(args: argparse.Namespace) -> None:
    """Flag new sources with a fitted model.

    Parameters
    ----------
    args : argparse.Namespace
        Of `spurclust predict`.
    """
    if _names_folder(args):
        predict_folder(args)
    else:
        check_options(args)
        _predict_table(args)


def _names_folder(args: argparse.Namespace) -> bool:
    """Tell whether the results go into a folder."""
    from spurclust.catalog.table_writers import writable_suffixes

    place = Path(args.out)
    if place.is_dir():
        return True
    suffix = place.suffix.lower()
    return suffix not in writable_suffixes() and (not suffix or bool(folder_options(args)))


def _predict_table(args: argparse.Namespace) -> None:
    """Flag new sources, all at once, into one table."""
    from spurclust import catalog
    from spurclust.novelty import drift_message
    from spurclust.ranking import inspection_rank
    from spurclust.region import is_flagged

    _refuse_large(args)
    catalog.check_table_path(args.out)
    stages = Stages()
    with stages("model"):
        models = catalog.load_fitted(args.model).set_jobs(args.jobs)
        reading = {name: models.reading[name] for name in ("size", "reduce", "id_pattern")}
        reading["id_pattern"] = args.id_pattern or reading["id_pattern"]
    with stages("reading"):
        cutouts = read_named_cutouts(args, reading)
    with stages("predicting"):
        images = _with_channels(cutouts.images, models.detector.image_shape_)
        assignment, probability = models.predict(images)
        ranks: dict[str, Any] = {}
        if probability is not None:
            ranks["inspection_rank"] = inspection_rank(probability)
            ranks["inspection_probability"] = probability
    flagged = is_flagged(assignment.spurious_probability, models.detector.threshold)
    message = drift_message(int((assignment.novelty > 1).sum()), len(flagged))
    if message:
        warnings.warn(message, stacklevel=2)
    with stages("writing"):
        table = catalog.sources_table(
            cutouts.source_ids,
            paths=cutouts.paths,
            embedding=assignment.embedding,
            component=assignment.component,
            spurious_probability=assignment.spurious_probability,
            flagged=flagged,
            novelty=assignment.novelty,
            **ranks,
        )
        catalog.write_table(table, args.out)
    say(f"Flagged {int(flagged.sum())} of {len(flagged)} sources; the table is {args.out}")


def _refuse_large(args: argparse.Namespace) -> None:
    """Refuse what is only predicted into a folder."""
    from spurclust.cutouts.files import is_path_table, is_zarr_store

    [first, *others] = args.cutouts
    if not others and (is_path_table(first) or is_zarr_store(first)):
        raise ValueError(
            f"{first} is a table of paths or a zarr store, which are predicted into a folder, and "
            f"--out {args.out} is a table. Give --out a name such as {Path(args.out).stem}"
        )


def _with_channels(images: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Give grey cutouts three equal channels where the fitted ones had colours."""
    if images.ndim == 3 and len(shape) == 3 and shape[2] == 3:
        return np.repeat(images[..., None], 3, axis=3)
    return images
