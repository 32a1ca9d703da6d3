"""Groups of options that several commands share."""

import argparse

from spurclust.cli.argument_types import (
    COUNT,
    COUNT_OR_NONE,
    FRACTION,
    JOBS,
    PLOT_FORMATS,
    POSITIVE,
    SEED,
    number,
    plot_formats,
)

TABLE_SUFFIXES = {"ecsv": ".ecsv", "votable": ".vot", "fits": ".fits", "xlsx": ".xlsx"}
"""What `--format` may be, and the suffix of the file."""


def add_input(run: argparse.ArgumentParser) -> None:
    """Add what is read, where the results go, and how it is read."""
    run.add_argument("cutouts", nargs="+", metavar="CUTOUTS", help="folder, glob or files")
    add_labels(
        run,
        "xlsx, csv, FITS, VOTable or ECSV; repeat it for labels made later: of two labels of a "
        "source the later table's counts, and a blank one leaves the earlier as it is",
        required=True,
    )
    run.add_argument("--out", required=True, metavar="DIR", help="folder of the results")
    columns = run.add_argument_group("columns of the label table")
    columns.add_argument("--id-column", default="Source_ID", help="default: %(default)s")
    columns.add_argument("--label-column", default="Reliable_Source", help="default: %(default)s")
    columns.add_argument("--reason-column", default="Reason", help="default: %(default)s")
    columns.add_argument(
        "--spurious-value",
        type=int,
        default=0,
        choices=(0, 1),
        help="which label means spurious (default: %(default)s)",
    )
    reading = run.add_argument_group("reading cutouts")
    reading.add_argument(
        "--id-pattern",
        metavar="REGEX",
        help="where the id is in a file's name: a regular expression with (?P<source_id>...)",
    )
    reading.add_argument(
        "--size",
        type=COUNT,
        nargs="+",
        metavar="PIXELS",
        help="shrink to HEIGHT [WIDTH]; files before this option, or end it with --",
    )
    reading.add_argument("--reduce", type=COUNT, metavar="FACTOR", help="shrink by this factor")
    add_skipping(reading)


def add_labels(parser: argparse.ArgumentParser, text: str, *, required: bool = False) -> None:
    """Add the option of label tables, which can be repeated."""
    parser.add_argument("--labels", action="append", required=required, metavar="TABLE", help=text)


def add_skipping(parser: argparse._ActionsContainer) -> None:
    """Add the option that goes on after an unreadable file."""
    parser.add_argument(
        "--skip-unreadable", action="store_true", help="pass over unreadable files, naming each"
    )


def add_method(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Add the options of the detector."""
    group = parser.add_argument_group("method")
    group.add_argument(
        "-N",
        "--n-components",
        type=COUNT,
        help="components of the mixture (default: 20 on features, 6 on pixels)",
    )
    group.add_argument(
        "--threshold",
        type=FRACTION,
        help="spurious fraction at which a component joins the region (default: 0.05)",
    )
    group.add_argument(
        "--perplexity", type=POSITIVE, default=50, help="of t-SNE (default: %(default)s)"
    )
    add_assignment(group)
    add_steps(group)
    return group


def add_steps(group: argparse._ArgumentGroup) -> None:
    """Add the choice of what is embedded."""
    group.add_argument(
        "--region-on",
        choices=("features", "pixels"),
        default="features",
        help="what is embedded: features of the cutouts, with an axis that the labels teach, or "
        "their pixels, as the original method does (default: %(default)s)",
    )


def add_assignment(group: argparse._ArgumentGroup) -> None:
    """Add how a source gets its probability."""
    group.add_argument(
        "--assignment",
        choices=("hard", "soft"),
        default="hard",
        help="one component a source, or all by their responsibilities (default: %(default)s)",
    )


def add_held_out(parser: argparse.ArgumentParser) -> None:
    """Add the options of the choice on held-out labels."""
    group = parser.add_argument_group("choice on held-out labels")
    bound = group.add_mutually_exclusive_group()
    bound.add_argument(
        "--completeness",
        type=FRACTION,
        help="least completeness, at which the workload is made small (default: 0.95)",
    )
    bound.add_argument(
        "--workload", type=FRACTION, help="largest workload, at which completeness is made large"
    )
    group.add_argument(
        "--folds",
        type=number(int, "a whole number of at least 2", lambda value: value >= 2),
        default=5,
        help="parts into which the labels are cut (default: %(default)s)",
    )
    group.add_argument(
        "--repeats", type=COUNT, default=5, help="how often anew (default: %(default)s)"
    )
    group.add_argument(
        "--protocol",
        choices=("transductive", "inductive"),
        default="transductive",
        help="held-out sources are embedded with the others, or placed afterwards as new ones "
        "(default: %(default)s)",
    )


def add_results(parser: argparse.ArgumentParser) -> None:
    """Add the options of the results."""
    results = parser.add_argument_group("results")
    results.add_argument(
        "--format",
        choices=sorted(TABLE_SUFFIXES),
        default="ecsv",
        help="of the sources' table beside the csv (default: %(default)s)",
    )
    results.add_argument(
        "--stability",
        type=COUNT_OR_NONE,
        default=0,
        metavar="SEEDS",
        help="tell how often each source is flagged from so many starting points, each with three "
        "perplexities (default: %(default)s)",
    )
    results.add_argument("--no-ranking", action="store_true", help="write no order of inspection")
    results.add_argument("--no-plots", action="store_true", help="write no pictures")
    results.add_argument(
        "--plot-format",
        type=plot_formats,
        action="extend",
        metavar="FORMAT",
        help=f"of the pictures: {', '.join(PLOT_FORMATS)}, or several of them with commas between "
        f"(default: {PLOT_FORMATS[0]})",
    )
    results.add_argument("--no-report", action="store_true", help="write no report.html")


def add_survey(parser: argparse.ArgumentParser) -> None:
    """Add the options of a simulated survey."""
    parser.add_argument("--n-sources", type=COUNT, default=1816, help="default: %(default)s")
    parser.add_argument("--n-spurious", type=COUNT_OR_NONE, default=57, help="default: %(default)s")


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add the options of everything that is random."""
    parser.add_argument("--random-state", type=SEED, default=12, help="default: %(default)s")
    add_jobs(parser)


def add_jobs(parser: argparse.ArgumentParser) -> None:
    """Add the number of threads."""
    parser.add_argument(
        "--jobs", type=JOBS, default=-1, help="number of threads, -1 is all (default: %(default)s)"
    )
