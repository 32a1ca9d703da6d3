"""Which pictures a run draws, and into which files."""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

PLOTS = ("embedding", "cutouts", "components", "region", "spurious", "flagged")
TUNING_PLOTS = ("completeness", "tuning")


def planned_plots(args: argparse.Namespace) -> list[str]:
    """Name the files of the pictures, relative to the folder of the results."""
    names = [*PLOTS, *TUNING_PLOTS] if args.tune else [*PLOTS]
    names += ["stability"] * bool(args.stability)
    return [f"plots/{name}.{suffix}" for name in names for suffix in args.plot_format]


def draw_results(
    args: argparse.Namespace, fitted: Any, cutouts: Any, matched: Any, folder: Path
) -> None:
    """Write the pictures of a run; a gallery without sources is left out."""
    import matplotlib as mpl

    from spurclust import plots as views

    mpl.use("Agg")
    folder.mkdir()
    detector, search, y = fitted.detector, fitted.search, matched.y
    displays = _displays_of_fit(detector, cutouts, matched)
    if search:
        displays["completeness"] = partial(views.CompletenessDisplay.from_estimator, search, y)
        displays["tuning"] = partial(views.TuningDisplay.from_estimator, search)
    if fitted.stability is not None:
        displays["stability"] = views.StabilityDisplay(
            detector.embedding_, fitted.stability, y
        ).plot
    for name, draw in displays.items():
        picture = draw()
        for suffix in args.plot_format:
            is_last = suffix == args.plot_format[-1]
            views.save_figure(picture, folder / f"{name}.{suffix}", close=is_last)


def _displays_of_fit(detector: Any, cutouts: Any, matched: Any) -> dict[str, Callable[[], Any]]:
    """List what draws each picture of a fitted detector."""
    from spurclust import plots as views

    y, images, reasons = matched.y, cutouts.images, matched.reasons
    # The first row of a FITS image is its bottom.
    is_fits = Path(cutouts.paths[0]).name.lower().removesuffix(".gz").endswith((".fits", ".fit"))
    origin: Literal["upper", "lower"] = "lower" if is_fits else "upper"
    displays: dict[str, Callable[[], Any]] = {
        "embedding": partial(views.EmbeddingDisplay.from_estimator, detector, y, reason=reasons),
        "cutouts": partial(
            views.CutoutEmbeddingDisplay.from_estimator, detector, y, images, origin=origin
        ),
        "components": partial(views.ComponentsDisplay.from_estimator, detector),
        "region": partial(views.RegionDisplay.from_estimator, detector, y),
    }
    gallery = partial(
        views.GalleryDisplay.from_estimator,
        detector,
        y,
        images,
        source_id=cutouts.source_ids,
        reason=reasons,
        origin=origin,
    )
    for which, chosen in (("spurious", y == 1), ("flagged", detector.flagged_)):
        if chosen.any():
            displays[which] = partial(gallery, which=which)
    return displays
