"""`spurclust run`: from cutouts and labels to a folder of results."""

import argparse
import json
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

import spurclust
from spurclust.cli.argument_types import PLOT_FORMATS
from spurclust.cli.drawing import draw_results, planned_plots
from spurclust.cli.options import TABLE_SUFFIXES
from spurclust.cli.progress import Stages, say
from spurclust.cli.ranking import Ranking, rank_sources
from spurclust.cli.reading import read_survey, size_of
from spurclust.cli.report import REPORT, check_report_extras, write_report_of_run
from spurclust.errors import import_optional

REGIONS = "flagged.reg"

DEFAULT_COMPONENTS = {"features": 20, "pixels": 6}
"""On features more components than the original's 6 hold less that is reliable; on pixels each
would hold too few labels. See benchmarks/quality.py."""


class _Fitted(NamedTuple):
    """What a run has computed; what was not wanted is None."""

    detector: Any
    search: Any
    stability: NDArray[Any] | None
    ranking: Ranking | None


def run_run(args: argparse.Namespace) -> None:
    """Go from cutouts and labels to a folder of results.

    Parameters
    ----------
    args : argparse.Namespace
        Of `spurclust run`.
    """
    prepare_run(args)
    stages = Stages()
    with stages("reading"):
        cutouts, matched = read_survey(args, reading_of(args))
    finish_run(args, cutouts, matched, stages)


def prepare_run(args: argparse.Namespace) -> None:
    """Settle the options, and find out before the work whether its results can be written."""
    # skops looks for each function of it in all modules, in the order in which these were imported:
    # a third of a second where pandas, numba and openpyxl come first.
    import scipy.special  # noqa: F401

    from spurclust import catalog

    _settle(args)
    catalog.check_output_folder(args.out, _planned_files(args))
    _check_extras(args)


def reading_of(args: argparse.Namespace) -> dict[str, Any]:
    """Tell how the cutouts are to be read."""
    return {"size": size_of(args.size), "reduce": args.reduce, "id_pattern": args.id_pattern}


def finish_run(args: argparse.Namespace, cutouts: Any, matched: Any, stages: Stages) -> None:
    """Do all that a run does once its cutouts and labels are read."""
    # scikit-learn imports it from deep within, where CPython can map and unmap a piece of its stack
    # at every call (python/cpython#142183): half a second. From here it lies in one piece.
    import scipy.stats  # noqa: F401

    from spurclust import catalog
    from spurclust.report import format_components, format_summary, summarize_run

    replaces = (Path(args.out) / "summary.json").exists()
    counts = catalog.count_labels(matched.y, matched.reasons)
    say(catalog.format_counts(counts))
    fitted = _fit(args, cutouts, matched.y, stages)
    with catalog.write_results(args.out) as staging:
        if not args.no_plots:
            with stages("plots"):
                draw_results(args, fitted, cutouts, matched, staging / "plots")
        with stages("writing"):
            _write_tables(fitted, cutouts, matched, staging, args.format)
            reading = reading_of(args) | {"dtype": str(cutouts.images.dtype)}
            _save_models(fitted, staging, {"reading": reading})
        summary = summarize_run(
            fitted.detector,
            matched.y,
            reasons=matched.reasons,
            counts=counts,
            settings=vars(args),
            seconds=stages.seconds,
            search=fitted.search,
            stability=fitted.stability,
            effort=fitted.ranking.effort if fitted.ranking else None,
        )
        summary["skipped"] = {one.path or one.source_id: one.reason for one in cutouts.skipped}
        text = json.dumps(summary, indent=2, allow_nan=False)
        (staging / "summary.json").write_text(text + "\n", encoding="utf-8")
        if not args.no_report:
            with stages("report"):
                write_report_of_run(args, staging, cutouts.images)
    say(format_components(fitted.detector.components_))
    say(format_summary(summary))
    say(f"Results are in {args.out}" + (", in place of earlier ones" if replaces else ""))
    if not args.no_report:
        say(f"To look and judge, open {Path(args.out) / REPORT} in a browser")


def _settle(args: argparse.Namespace) -> None:
    """Fill in the defaults that depend on other options, and those of options to repeat."""
    args.plot_format = list(dict.fromkeys(args.plot_format or PLOT_FORMATS[:1]))
    if args.command != "tune":
        if not args.tune:
            default = DEFAULT_COMPONENTS[args.region_on]
            args.n_components = default if args.n_components is None else args.n_components
            args.threshold = 0.05 if args.threshold is None else args.threshold
        elif args.n_components is not None or args.threshold is not None:
            raise ValueError(
                "--tune chooses the components and the threshold: leave -N and --threshold out, or "
                "name values to choose from with `spurclust tune`"
            )


def _fit(args: argparse.Namespace, cutouts: Any, y: NDArray[Any], stages: Stages) -> _Fitted:
    """Fit, with settings that are given or chosen, and measure and rank what is wanted."""
    search = stability = ranking = None
    images = cutouts.images
    if args.tune:
        with stages("tuning"):
            search = tune_detector(args, images, y)
        detector = search.best_estimator_
        measured = None
    else:
        detector = make_detector(args)
        measured = detector.fit_assign(images, y).features
        for name, seconds in detector.stage_seconds_.items():
            stages.add(name, seconds)
    if args.stability:
        with stages("stability"):
            stability = flag_stability_of(args, detector, images, y)
    if not args.no_ranking:
        with stages("ranking"):
            flatten = detector.pipeline_.named_steps["flatten"]
            if measured is None:
                measured = flatten.transform(images)
            ranking = rank_sources(args, images, y, cutouts.source_ids, (flatten, measured))
    return _Fitted(detector, search, stability, ranking)


def _save_models(fitted: _Fitted, folder: Path, metadata: dict[str, Any]) -> None:
    """Save the detector, and the ranker where there is one."""
    from spurclust.catalog import save_model
    from spurclust.catalog.results import RANKER

    save_model(fitted.detector, folder / "model.skops", metadata=metadata)
    if fitted.ranking:
        save_model(fitted.ranking.ranker, folder / RANKER, metadata=metadata)


def _write_tables(
    fitted: _Fitted, cutouts: Any, matched: Any, folder: Path, table_format: str
) -> None:
    """Write the sources in two formats, their regions, the components, the settings tried."""
    from spurclust.catalog import write_ds9_regions, write_table

    table = _table(fitted, cutouts, matched)
    write_table(table, folder / "sources.csv")
    write_table(table, folder / f"sources{TABLE_SUFFIXES[table_format]}")
    if matched.positions is not None:
        write_ds9_regions(table, folder / REGIONS)
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
        flatten=flatten_of(args),
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


def make_detector(args: argparse.Namespace) -> Any:
    """Make a detector as the command line says."""
    return spurclust.SpuriousRegionDetector(
        args.n_components,
        args.threshold,
        perplexity=args.perplexity,
        assignment=args.assignment,
        flatten=flatten_of(args),
        unlabeled=-1,
        random_state=args.random_state,
        n_jobs=args.jobs,
    )


def flatten_of(args: argparse.Namespace) -> Any:
    """Make the first step of a detector; its others follow from it."""
    from spurclust.embedding import ImageFlattener
    from spurclust.features import CutoutFeatures

    return ImageFlattener() if args.region_on == "pixels" else CutoutFeatures()


def _check_extras(args: argparse.Namespace) -> None:
    """Find out before the work whether what it needs at its end is installed."""
    import_optional("skops", feature="Saving the model")
    writer = "openpyxl" if args.format == "xlsx" else "astropy.table"
    import_optional(writer, feature="Writing tables")
    if not args.no_plots:
        import_optional("matplotlib", feature="Drawing pictures (or leave them out: --no-plots)")
    if not args.no_report:
        check_report_extras()


def _planned_files(args: argparse.Namespace) -> list[str]:
    """Name the files that a run will write."""
    from spurclust.catalog.results import RANKER

    names = ["sources.csv", f"sources{TABLE_SUFFIXES[args.format]}", "components.csv"]
    names += ["summary.json", "model.skops", REGIONS] + ["tuning.csv"] * args.tune
    names += [REPORT] * (not args.no_report) + [RANKER] * (not args.no_ranking)
    return names if args.no_plots else names + planned_plots(args)


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
        positions=matched.positions,
        **(fitted.ranking.columns if fitted.ranking else {}),
    )
