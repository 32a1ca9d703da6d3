"""What the command line accepts."""

import argparse

import spurclust
from spurclust.cli.argument_types import COUNT, COUNT_OR_NONE, FRACTION, POSITIVE, SEED, number
from spurclust.cli.options import (
    add_assignment,
    add_common,
    add_held_out,
    add_input,
    add_jobs,
    add_labels,
    add_method,
    add_results,
    add_skipping,
    add_steps,
    add_survey,
)


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of the command line.

    Returns
    -------
    argparse.ArgumentParser
        Its namespaces have the name of the command as `command`.
    """
    parser = argparse.ArgumentParser(
        prog="spurclust", description="Find spurious sources among galaxy candidates."
    )
    parser.add_argument("--version", action="version", version=spurclust.__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    demo = commands.add_parser("demo", help="the whole job on a simulated survey")
    demo.add_argument("--out", default="spurclust-demo", help="folder (default: %(default)s)")
    add_survey(demo)
    add_method(demo)
    add_results(demo)
    add_common(demo)
    simulate = commands.add_parser("simulate", help="write a simulated survey: strips and labels")
    simulate.add_argument("folder", metavar="DIR", help="a new or empty folder")
    add_survey(simulate)
    add_common(simulate)
    _add_run(commands.add_parser("run", help="from cutouts and labels to flagged sources"))
    _add_fit(commands.add_parser("fit", help="the same, on a part of a survey of any size"))
    _add_tune(commands.add_parser("tune", help="the same, with settings chosen on held-out labels"))
    _add_predict(commands.add_parser("predict", help="flag new sources with a fitted model"))
    _add_audit(commands.add_parser("audit", help="how many spurious remain among the unflagged"))
    _add_report(commands.add_parser("report", help="the results as a page to look at and judge in"))
    return parser


def _add_run(run: argparse.ArgumentParser) -> None:
    """Add the arguments of `spurclust run`."""
    add_input(run)
    group = add_method(run)
    group.add_argument(
        "--tune",
        action="store_true",
        help="choose components and threshold on held-out labels, see spurclust tune --help",
    )
    add_held_out(run)
    add_results(run)
    add_common(run)


def _add_fit(fit: argparse.ArgumentParser) -> None:
    """Add the arguments of `spurclust fit`."""
    fit.description = (
        "Does what `spurclust run` does, on a part of the sources: all known spurious ones, the "
        "known reliable ones, and as many others as there is room for. Only their cutouts are "
        "read. The model then predicts all the others: spurclust predict DIR/model.skops CUTOUTS "
        "--out FOLDER. CUTOUTS may also be a Parquet table of ids and paths, or a folder of such "
        "tables, as of a HATS catalogue."
    )
    _add_run(fit)
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
        help="how the uninspected ones are drawn: each alike, or rare kinds rather; for that, the "
        "cutouts of a pool five times as large are read and measured (default: %(default)s)",
    )
    columns = fit.add_argument_group("columns of a table of paths")
    columns.add_argument("--cutout-id-column", metavar="NAME", help="ids (default: source_id)")
    columns.add_argument("--path-column", metavar="NAME", help="paths (default: path)")


def _add_tune(tune: argparse.ArgumentParser) -> None:
    """Add the arguments of `spurclust tune`."""
    tune.description = (
        "Does what `spurclust run` does, with the number of components, the threshold and the "
        "perplexity chosen among many: the one that flags least while it holds enough of the known "
        "spurious whose labels it was not shown."
    )
    add_input(tune)
    group = tune.add_argument_group("settings to choose from")
    group.add_argument("-N", "--n-components", type=COUNT, nargs="+", help="default: 2 to 40")
    group.add_argument("--threshold", type=FRACTION, nargs="+", help="default: 0.01 to 0.5")
    group.add_argument("--perplexity", type=POSITIVE, nargs="+", default=[50], help="default: 50")
    add_assignment(group)
    add_steps(group)
    add_held_out(tune)
    add_results(tune)
    add_common(tune)


def _add_predict(predict: argparse.ArgumentParser) -> None:
    """Add the arguments of `spurclust predict`."""
    predict.description = (
        "Flags new sources with the model of a run. Into a table, all at once; or into a folder, "
        "partition by partition, for any number of sources: there, the same command goes on where "
        "it was stopped, and cutouts that cannot be read are listed in errors.csv."
    )
    predict.add_argument("model", metavar="MODEL", help="model.skops of a run")
    predict.add_argument(
        "cutouts",
        nargs="+",
        metavar="CUTOUTS",
        help="folder, glob or files; into a folder also a Parquet table of ids and paths, a folder "
        "of such tables, or a zarr store",
    )
    predict.add_argument(
        "--out",
        required=True,
        metavar="OUT",
        help="a table (csv, ecsv, vot, fits, xlsx), or a folder (a name without a dot)",
    )
    predict.add_argument(
        "--id-pattern", metavar="REGEX", help="if the names differ from those of the fit"
    )
    add_skipping(predict)
    add_jobs(predict)
    _add_partitions(predict)


def _add_partitions(predict: argparse.ArgumentParser) -> None:
    """Add the options of a prediction into a folder."""
    group = predict.add_argument_group("into a folder")
    place = group.add_mutually_exclusive_group()
    place.add_argument(
        "--workers", type=COUNT, metavar="N", help="processes to start on this machine"
    )
    place.add_argument(
        "--scheduler", metavar="ADDRESS", help="of a dask scheduler, as tcp://host:8786"
    )
    group.add_argument(
        "--partition-size",
        type=COUNT,
        metavar="N",
        help="sources in a file of the results (default: 2000; of a zarr store, about 64 MB)",
    )
    group.add_argument(
        "--strict", action="store_true", help="stop at the first cutout that cannot be read"
    )
    group.add_argument(
        "--id-column", metavar="NAME", help="of a table of paths (default: source_id)"
    )
    group.add_argument("--path-column", metavar="NAME", help="of a table of paths (default: path)")


def _add_audit(audit: argparse.ArgumentParser) -> None:
    """Add the arguments of `spurclust audit`."""
    audit.description = (
        "First draws a random sample of the sources that are neither flagged nor inspected and "
        "writes it to DIR/audit.csv, for you to fill in the column Reliable_Source (1 reliable, 0 "
        "spurious). Then, with --labels, says how many spurious sources can remain."
    )
    audit.add_argument("folder", metavar="DIR", help="folder of the results of a run")
    size = audit.add_mutually_exclusive_group()
    size.add_argument("--sample", type=COUNT, metavar="N", help="sources to draw")
    size.add_argument(
        "--max-remaining",
        type=COUNT_OR_NONE,
        metavar="M",
        help="draw as many as prove that at most M remain, if no spurious one is found",
    )
    add_labels(audit, "the sample with its column filled in; repeat it if it was shared out")
    audit.add_argument(
        "--confidence",
        type=number(float, "between 0 and 1", lambda value: 0 < value < 1),
        default=0.95,
        help="of the bound (default: %(default)s)",
    )
    audit.add_argument("--random-state", type=SEED, default=12, help="default: %(default)s")


def _add_report(report: argparse.ArgumentParser) -> None:
    """Add the arguments of `spurclust report`."""
    report.description = (
        "Writes DIR/report.html, one file that opens in any browser without a network: figures, "
        "the embedding with its cutouts, and a view in which to judge and send labels back."
    )
    report.add_argument("folder", metavar="DIR", help="folder of the results of a run")
    report.add_argument("--out", metavar="FILE", help="the page (default: DIR/report.html)")
    report.add_argument(
        "--cutouts", metavar="FOLDER", help="where the cutouts are now, if they were moved"
    )
    report.add_argument(
        "--max-cutouts",
        type=COUNT_OR_NONE,
        default=12_000,
        metavar="N",
        help="of more sources, show the known spurious and the flagged only, and no more than so "
        "many (default: %(default)s)",
    )
    report.add_argument(
        "--max-size",
        type=POSITIVE,
        default=40.0,
        metavar="MB",
        help="what all cutouts may take in the page (default: %(default)s)",
    )
    report.add_argument(
        "--cutout-size",
        type=COUNT,
        metavar="PIXELS",
        help="longer side of a cutout in the page (default: at most 640, and about 10 kB each)",
    )
    add_jobs(report)
