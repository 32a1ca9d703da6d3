"""`spurclust run`: from cutouts and labels to a folder of results."""

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

from numpy.typing import NDArray

import spurclust
from spurclust._optional import import_optional
from spurclust._parser import TABLE_SUFFIXES
from spurclust.commands._progress import Stages, say
from spurclust.commands._reading import read_survey, size_of

PLOTS = ("embedding", "cutouts", "components", "region", "spurious", "flagged")
TUNING_PLOTS = ("completeness", "tuning")


class _Fitted(NamedTuple):
    """What a run has computed; no search without --tune, no stability without --stability."""

    detector: Any
    search: Any
    stability: NDArray[Any] | None


def run_run(args: argparse.Namespace) -> None:
    """Go from cutouts and labels to a folder of results.

    Parameters
    ----------
    args : argparse.Namespace
        Of `spurclust run`.
    """
    from spurclust import catalog
    from spurclust.views.report.summary import format_components, format_summary, summarize_run

    _settle(args)
    catalog.check_output_folder(args.out, _planned_files(args))
    _check_extras(args)
    replaces = (Path(args.out) / "summary.json").exists()
    stages = Stages()
    reading = {"size": size_of(args.size), "reduce": args.reduce, "id_pattern": args.id_pattern}
    with stages("reading"):
        cutouts, matched = read_survey(args, reading)
    counts = catalog.count_labels(matched.y, matched.reasons)
    say(catalog.format_counts(counts))
    detector, search, stability = fitted = _fit(args, cutouts.images, matched.y, stages)
    with catalog.write_results(args.out) as staging:
        if not args.no_plots:
            with stages("plots"):
                _draw(fitted, cutouts, matched, staging / "plots")
        with stages("writing"):
            _write_tables(fitted, cutouts, matched, staging, args.format)
            catalog.save_model(detector, staging / "model.skops", metadata={"reading": reading})
        summary = summarize_run(
            detector,
            matched.y,
            reasons=matched.reasons,
            counts=counts,
            settings=vars(args),
            seconds=stages.seconds,
            search=search,
            stability=stability,
        )
        summary["skipped"] = dict(cutouts.skipped)
        text = json.dumps(summary, indent=2, allow_nan=False)
        (staging / "summary.json").write_text(text + "\n", encoding="utf-8")
    say(format_components(detector.components_))
    say(format_summary(summary))
    say(f"Results are in {args.out}" + (", in place of earlier ones" if replaces else ""))


def _settle(args: argparse.Namespace) -> None:
    """Fill in the defaults that depend on whether the settings are chosen."""
    if args.command != "tune":
        if not args.tune:
            args.n_components = 6 if args.n_components is None else args.n_components
            args.threshold = 0.05 if args.threshold is None else args.threshold
        elif args.n_components is not None or args.threshold is not None:
            raise ValueError(
                "--tune chooses the components and the threshold: leave -N and --threshold out, or "
                "name values to choose from with `spurclust tune`"
            )


def _fit(
    args: argparse.Namespace, images: NDArray[Any], y: NDArray[Any], stages: Stages
) -> _Fitted:
    """Fit, with settings that are given or chosen, and measure the stability if it is wanted."""
    search = stability = None
    if args.tune:
        with stages("tuning"):
            search = tune_detector(args, images, y)
        detector = search.best_estimator_
    else:
        detector = fit_detector(args, images, y)
        for name, seconds in detector.stage_seconds_.items():
            stages.add(name, seconds)
    if args.stability:
        with stages("stability"):
            stability = flag_stability_of(args, detector, images, y)
    return _Fitted(detector, search, stability)


def _write_tables(
    fitted: _Fitted, cutouts: Any, matched: Any, folder: Path, table_format: str
) -> None:
    """Write the sources in two formats, the components, and the settings that were tried."""
    from spurclust.catalog import write_table

    table = _table(fitted, cutouts, matched)
    write_table(table, folder / "sources.csv")
    write_table(table, folder / f"sources{TABLE_SUFFIXES[table_format]}")
    write_table(fitted.detector.components_, folder / "components.csv")
    if fitted.search:
        write_table(_settings_table(fitted.search), folder / "tuning.csv")


def tune_detector(args: argparse.Namespace, images: NDArray[Any], y: NDArray[Any]) -> Any:
    """Choose the settings of a detector as the command line says, and fit it."""
    from spurclust.tuning import InspectedStratifiedKFold, SpuriousRegionDetectorCV

    folds = InspectedStratifiedKFold(
        args.folds, n_repeats=args.repeats, unlabeled=-1, random_state=args.random_state
    )
    bound = {} if args.workload is None else {"workload": args.workload}
    if args.completeness is not None:
        bound = {"completeness": args.completeness}
    given = {"n_components": args.n_components, "threshold": args.threshold}
    return SpuriousRegionDetectorCV(
        **{name: values for name, values in given.items() if values is not None},
        perplexity=args.perplexity,
        **bound,
        cv=folds,
        protocol=args.protocol,
        assignment=args.assignment,
        unlabeled=-1,
        random_state=args.random_state,
        n_jobs=args.jobs,
    ).fit(images, y)


def flag_stability_of(
    args: argparse.Namespace, detector: Any, images: NDArray[Any], y: NDArray[Any]
) -> NDArray[Any]:
    """Tell how often each source is flagged when the embedding starts elsewhere."""
    from spurclust.tuning import flag_stability

    seeds = range(args.random_state, args.random_state + args.stability)
    return flag_stability(images, y, detector, random_states=seeds, n_jobs=args.jobs)


def _settings_table(search: Any) -> Any:
    """Make a table of all settings that were tried."""
    import pandas as pd

    results = {name: values for name, values in search.cv_results_.items() if name != "params"}
    return pd.DataFrame({name: list(values) for name, values in results.items()})


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
    names += ["summary.json", "model.skops"] + ["tuning.csv"] * args.tune
    plots = [*PLOTS, *TUNING_PLOTS] if args.tune else [*PLOTS]
    plots += ["stability"] * bool(args.stability)
    return names if args.no_plots else names + [f"plots/{name}.png" for name in plots]


def _table(fitted: _Fitted, cutouts: Any, matched: Any) -> Any:
    """Make the table of the fitted sources."""
    from spurclust.catalog import sources_table

    detector = fitted.detector
    return sources_table(
        cutouts.source_ids,
        paths=cutouts.paths,
        y=matched.y,
        reasons=matched.reasons,
        embedding=detector.embedding_,
        component=detector.component_,
        spurious_probability=detector.spurious_probability_,
        flagged=detector.flagged_,
        stability=fitted.stability,
    )


def _draw(fitted: _Fitted, cutouts: Any, matched: Any, folder: Path) -> None:
    """Write the pictures of a run; a gallery without sources is left out."""
    import matplotlib as mpl

    from spurclust import views

    detector, search, stability = fitted
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
    if search:
        displays["completeness"] = partial(views.CompletenessDisplay.from_estimator, search, y)
        displays["tuning"] = partial(views.TuningDisplay.from_estimator, search)
    if stability is not None:
        displays["stability"] = views.StabilityDisplay(detector.embedding_, stability, y).plot
    for name, draw in displays.items():
        views.save_figure(draw(), folder / f"{name}.png", close=True)
