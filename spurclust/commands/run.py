"""`spurclust run`: from cutouts and labels to a folder of results."""

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

import spurclust
from spurclust._optional import import_optional
from spurclust._parser import TABLE_SUFFIXES
from spurclust.commands._progress import Stages, say
from spurclust.commands._reading import read_survey, size_of

PLOTS = ("embedding", "cutouts", "components", "region", "spurious", "flagged")


def run_run(args: argparse.Namespace) -> None:
    """Go from cutouts and labels to a folder of results.

    Parameters
    ----------
    args : argparse.Namespace
        Of `spurclust run`.
    """
    from spurclust import catalog
    from spurclust.views.report.summary import format_components, format_summary, summarize_run

    catalog.check_output_folder(args.out, _planned_files(args))
    _check_extras(args)
    replaces = (Path(args.out) / "summary.json").exists()
    stages = Stages()
    reading = {"size": size_of(args.size), "reduce": args.reduce, "id_pattern": args.id_pattern}
    with stages("reading"):
        cutouts, matched = read_survey(args, reading)
    counts = catalog.count_labels(matched.y, matched.reasons)
    say(catalog.format_counts(counts))
    detector = fit_detector(args, cutouts.images, matched.y)
    for name, seconds in detector.stage_seconds_.items():
        stages.add(name, seconds)
    with catalog.write_results(args.out) as staging:
        if not args.no_plots:
            with stages("plots"):
                _draw(detector, cutouts, matched, staging / "plots")
        with stages("writing"):
            table = _table(detector, cutouts, matched)
            catalog.write_table(table, staging / "sources.csv")
            catalog.write_table(table, staging / f"sources{TABLE_SUFFIXES[args.format]}")
            catalog.write_table(detector.components_, staging / "components.csv")
            catalog.save_model(detector, staging / "model.skops", metadata={"reading": reading})
        summary = summarize_run(
            detector,
            matched.y,
            reasons=matched.reasons,
            counts=counts,
            settings=vars(args),
            seconds=stages.seconds,
        )
        summary["skipped"] = dict(cutouts.skipped)
        text = json.dumps(summary, indent=2, allow_nan=False)
        (staging / "summary.json").write_text(text + "\n", encoding="utf-8")
    say(format_components(detector.components_))
    say(format_summary(summary))
    say(f"Results are in {args.out}" + (", in place of earlier ones" if replaces else ""))


def fit_detector(args: argparse.Namespace, images: NDArray[Any], y: NDArray[Any]) -> Any:
    """Fit a detector as the command line says."""
    return spurclust.SpuriousRegionDetector(
        args.n_components,
        args.threshold,
        perplexity=args.perplexity,
        assignment=args.assignment,
        unlabeled=-1,
        random_state=args.random_state,
        n_jobs=args.jobs,
    ).fit(images, y)


def _check_extras(args: argparse.Namespace) -> None:
    """Find out before the work whether what it needs at its end is installed."""
    import_optional("skops", feature="Saving the model")
    import_optional("openpyxl" if args.format == "xlsx" else "astropy", feature="Writing tables")
    if not args.no_plots:
        import_optional("matplotlib", feature="Drawing pictures (or leave them out: --no-plots)")


def _planned_files(args: argparse.Namespace) -> list[str]:
    """Name the files that a run will write."""
    names = ["sources.csv", f"sources{TABLE_SUFFIXES[args.format]}", "components.csv"]
    names += ["summary.json", "model.skops"]
    return names if args.no_plots else names + [f"plots/{name}.png" for name in PLOTS]


def _table(detector: Any, cutouts: Any, matched: Any) -> Any:
    """Make the table of the fitted sources."""
    from spurclust.catalog import sources_table

    return sources_table(
        cutouts.source_ids,
        paths=cutouts.paths,
        y=matched.y,
        reasons=matched.reasons,
        embedding=detector.embedding_,
        component=detector.component_,
        spurious_probability=detector.spurious_probability_,
        flagged=detector.flagged_,
    )


def _draw(detector: Any, cutouts: Any, matched: Any, folder: Path) -> None:
    """Write the pictures of a run; a gallery without sources is left out."""
    import matplotlib as mpl

    from spurclust import views

    mpl.use("Agg")
    folder.mkdir()
    y, images = matched.y, cutouts.images
    reasons = matched.reasons
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
    for name, draw in displays.items():
        views.save_figure(draw(), folder / f"{name}.png", close=True)
