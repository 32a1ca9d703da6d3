"""``spurclust run``, ``tune`` and ``fit``: from cutouts and labels to a folder of results."""

import argparse
import os
import shlex
from pathlib import Path
from typing import Any

import spurclust
from spurclust.analysis.folder import MODEL, REPORT, check_folder, picture_process
from spurclust.cli import options
from spurclust.cli.named_cutouts import choose_cutouts, mosaic_words, one_or_two, path_columns
from spurclust.cli.options import COUNT, FRACTION, POSITIVE, say


def add_commands(commands: Any) -> None:
    """Add the three commands."""
    run = commands.add_parser("run", help="from cutouts and labels to flagged sources")
    _add_run(run, needs_labels=False)
    run.set_defaults(call=run_run)
    fit = commands.add_parser("fit", help="the same on a part of a survey of any size")
    _add_fit(fit)
    fit.set_defaults(call=run_fit)
    tune = commands.add_parser("tune", help="the same, with settings chosen on held-out labels")
    _add_tune(tune)
    tune.set_defaults(call=run_tune)


def _add_run(run: argparse.ArgumentParser, *, needs_labels: bool) -> None:
    """Add the arguments of `spurclust run`."""
    options.add_input(run, needs_labels=needs_labels)
    group = options.add_method(run)
    group.add_argument(
        "--tune",
        action="store_true",
        help="choose components and threshold on held-out labels, see spurclust tune --help",
    )
    options.add_held_out(run)
    options.add_results(run)
    options.add_common(run)


def _add_fit(fit: argparse.ArgumentParser) -> None:
    """Add the arguments of `spurclust fit`."""
    fit.description = (
        "Does what `spurclust run` does, on a part of the sources: all known spurious ones, the "
        "known reliable ones, and others up to --reference-size. Only their cutouts are read. The "
        "model then predicts the rest: spurclust predict DIR/model.skops CUTOUTS --out FOLDER."
    )
    _add_run(fit, needs_labels=True)
    group = fit.add_argument_group("the part to fit on")
    group.add_argument(
        "--reference-size",
        type=COUNT,
        default=20_000,
        metavar="N",
        help="sources to fit on (default: %(default)s)",
    )
    group.add_argument(
        "--reference",
        choices=("random", "diverse"),
        default="random",
        help="how uninspected ones are drawn. random: uniformly; diverse: rare kinds more often, "
        "from a pool five times as large whose cutouts are read (default: %(default)s)",
    )


def _add_tune(tune: argparse.ArgumentParser) -> None:
    """Add the arguments of `spurclust tune`."""
    tune.description = (
        "Does what `spurclust run` does, and chooses the number of components, the threshold and "
        "the perplexity. The chosen setting flags least among those that flag enough of the known "
        "spurious sources while their labels are held out."
    )
    options.add_input(tune, needs_labels=True)
    group = tune.add_argument_group("settings to choose from")
    group.add_argument("-N", "--n-components", type=COUNT, nargs="+", help="default: 2 to 40")
    group.add_argument("--threshold", type=FRACTION, nargs="+", help="default: 0.01 to 0.5")
    group.add_argument("--perplexity", type=POSITIVE, nargs="+", default=[50], help="default: 50")
    options.add_assignment(group)
    options.add_steps(group)
    options.add_held_out(tune)
    options.add_results(tune)
    options.add_common(tune)


def run_run(args: argparse.Namespace) -> None:
    """Analyze all sources with the given settings, or with ``--tune`` with chosen ones."""
    if args.tune and (args.n_components is not None or args.threshold is not None):
        raise ValueError(
            "--tune chooses the components and the threshold: leave -N and --threshold out, or "
            "name values to choose from with `spurclust tune`"
        )
    analyze_and_save(args, tune=args.tune)


def run_tune(args: argparse.Namespace) -> None:
    """Analyze all sources with settings chosen on held-out labels."""
    analyze_and_save(args, tune=True)


def run_fit(args: argparse.Namespace) -> None:
    """Analyze a reference, chosen from a survey of any size."""
    analyze_and_save(
        args, tune=args.tune, reference_size=args.reference_size, reference=args.reference
    )
    words = ["spurclust", "predict", str(Path(args.out, MODEL))]
    if args.mosaic:
        words += mosaic_words(args)
    else:
        words += args.cutouts if len(args.cutouts) <= 3 else ["CUTOUTS"]
    columns = {"--id-column": args.cutout_id_column, "--path-column": args.path_column}
    words += [word for pair in columns.items() if pair[1] for word in pair]
    say(f"Next: {shlex.join([*words, '--out', 'FOLDER'])}")


def analyze_and_save(args: argparse.Namespace, *, tune: bool, **reference: Any) -> None:
    """Analyze the named cutouts with the named labels, save the folder, and print the outcome."""
    plot_formats = [] if args.no_plots else list(dict.fromkeys(args.plot_format or ["png"]))
    os.environ["MPLBACKEND"] = "Agg"  # no window on any machine
    with picture_process(args.jobs if plot_formats else 1) as executor:
        saving = {
            "table_format": args.format,
            "plot_formats": plot_formats,
            "report": not args.no_report,
        }
        analysis = _analyze(args, saving, tune=tune, **reference)
        replaces = Path(args.out, "summary.json").exists()
        analysis.save(args.out, **saving, executor=executor, log=say)
    print_outcome(analysis, args.out, replaces=replaces)


def _analyze(
    args: argparse.Namespace, saving: dict[str, Any], *, tune: bool, **reference: Any
) -> Any:
    """Check that the results can be saved, and analyze the named cutouts with the named labels."""
    catalogue = options.read_catalogue(args)
    cutouts = choose_cutouts(args, catalogue)
    columns = path_columns(cutouts, args.cutout_id_column, args.path_column, "--cutout-id-column")
    check_folder(
        args.out,
        **saving,
        ranking=not args.no_ranking,
        tune=tune,
        stability=bool(args.stability),
    )
    return spurclust.analyze(
        cutouts,
        options.read_label_tables(args),
        catalogue=catalogue,
        detector=make_search(args) if tune else make_detector(args),
        ranking=not args.no_ranking,
        stability=args.stability,
        **reference,
        id_pattern=args.id_pattern,
        filters=args.filters,
        **columns,
        size=one_or_two(args.size),
        reduce=args.reduce,
        hdu=args.hdu,
        pad=args.pad,
        on_error="skip" if args.skip_unreadable else "raise",
        random_state=args.random_state,
        n_jobs=args.jobs,
        name=Path(args.out).resolve().name,
        settings={**_settings(args), "plot_format": saving["plot_formats"]},
        log=say,
    )


def print_outcome(analysis: Any, out: str, *, replaces: bool) -> None:
    """Print what was found, and where the results are."""
    from spurclust.report import format_components, format_summary

    say(format_components(analysis.components))
    say(format_summary(analysis.summary))
    say(f"Results are in {out}" + (", and replace earlier ones" if replaces else ""))
    if Path(out, REPORT).exists():
        say(f"To look and judge, open {Path(out) / REPORT} in a browser")
    if not analysis.summary["labels"]["n_inspected"]:
        say("To inspect: spurclust inspect CUTOUTS --out FOLDER")


def _settings(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options as plain values for the summary."""
    return {name: value for name, value in vars(args).items() if name not in ("call", "quiet")}


def make_detector(args: argparse.Namespace) -> Any:
    """Return the detector of the options."""
    from spurclust import SpuriousRegionDetector
    from spurclust.analysis.workflow import DEFAULT_COMPONENTS

    return SpuriousRegionDetector(
        args.n_components or DEFAULT_COMPONENTS[args.region_on],
        **({} if args.threshold is None else {"threshold": args.threshold}),
        perplexity=args.perplexity,
        assignment=args.assignment,
        flatten=_flatten(args),
        random_state=args.random_state,
        n_jobs=args.jobs,
    )


def make_search(args: argparse.Namespace) -> Any:
    """Return the search of the options."""
    from spurclust import SpuriousRegionDetectorCV
    from spurclust.tuning import InspectedStratifiedKFold

    given = {
        "n_components": args.n_components,
        "threshold": args.threshold,
        "completeness": args.completeness,
        "workload": args.workload,
    }
    return SpuriousRegionDetectorCV(
        **{name: value for name, value in given.items() if value is not None},
        perplexity=args.perplexity,
        flatten=_flatten(args),
        cv=InspectedStratifiedKFold(
            args.folds, n_repeats=args.repeats, unlabeled=-1, random_state=args.random_state
        ),
        protocol=args.protocol,
        assignment=args.assignment,
        random_state=args.random_state,
        n_jobs=args.jobs,
    )


def _flatten(args: argparse.Namespace) -> Any:
    """Return the first step of a detector; the other steps follow from it."""
    from spurclust import CutoutFeatures, ImageFlattener

    return ImageFlattener() if args.region_on == "pixels" else CutoutFeatures()
