"""`spurclust predict`: flag new sources with a fitted model."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import spurclust
from spurclust.commands._progress import Stages, say
from spurclust.commands._ranking import RANKER, new_ranks
from spurclust.commands._reading import read_named_cutouts


def run_predict(args: argparse.Namespace) -> None:
    """Flag new sources with a fitted model.

    Parameters
    ----------
    args : argparse.Namespace
        Of `spurclust predict`.
    """
    from spurclust import catalog

    catalog.check_table_path(args.out)
    stages = Stages()
    with stages("model"):
        detector, reading = _load(args)
        ranker = _load_ranker(args)
    with stages("reading"):
        cutouts = read_named_cutouts(args, reading)
    with stages("predicting"):
        images = _with_channels(cutouts.images, detector.image_shape_)
        embedding, component, probability = detector.assign(images)
        ranks = new_ranks(ranker, images) if ranker is not None else {}
    flagged = probability >= detector.threshold
    with stages("writing"):
        table = catalog.sources_table(
            cutouts.source_ids,
            paths=cutouts.paths,
            embedding=embedding,
            component=component,
            spurious_probability=probability,
            flagged=flagged,
            **ranks,
        )
        catalog.write_table(table, args.out)
    say(f"Flagged {int(flagged.sum())} of {len(flagged)} sources; the table is {args.out}")


def _load(args: argparse.Namespace) -> tuple[Any, dict[str, Any]]:
    """Load a detector, and how the cutouts of its fit were read."""
    from spurclust import catalog

    detector = catalog.load_model(args.model)
    if not isinstance(detector, spurclust.SpuriousRegionDetector):
        raise catalog.CatalogError(
            f"{args.model} holds a {type(detector).__name__}, not a detector: give the model.skops "
            "of a run"
        )
    steps = detector.pipeline_
    names = [name for name in steps.get_params() if name.endswith("__n_jobs")]
    steps.set_params(**dict.fromkeys(names, args.jobs))
    saved = catalog.read_model_metadata(args.model).get("reading", {})
    if not isinstance(saved, dict):
        raise catalog.CatalogError(f"{args.model}: how its cutouts were read is not known")
    reading = {name: saved.get(name) for name in ("size", "reduce", "id_pattern")}
    if args.id_pattern is not None:
        reading["id_pattern"] = args.id_pattern
    return detector, reading


def _load_ranker(args: argparse.Namespace) -> Any:
    """Load the ranker that a run has left beside its detector; None where there is none."""
    from spurclust import catalog

    path = Path(args.model).with_name(RANKER)
    if not path.exists():
        return None
    ranker = catalog.load_model(path)
    if not isinstance(ranker, spurclust.InspectionRanker):
        raise catalog.CatalogError(
            f"{path} holds a {type(ranker).__name__}, not a ranker: move it away, or run anew"
        )
    ranker.features_.set_params(n_jobs=args.jobs)
    return ranker.set_params(n_jobs=args.jobs)


def _with_channels(images: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Give grey cutouts three equal channels where the fitted ones had colours."""
    if images.ndim == 3 and len(shape) == 3 and shape[2] == 3:
        return np.repeat(images[..., None], 3, axis=3)
    return images
