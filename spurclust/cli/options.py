"""Types of arguments, and groups of options that several commands share."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from spurclust.analysis.folder import PLOT_FORMATS, TABLE_SUFFIXES

CUTOUTS = (
    "folder, glob, archive, files, Parquet table of ids and paths, or zarr, HDF5, npy or npz store"
)


def number(
    kind: type[int] | type[float], what: str, allowed: Callable[[float], bool]
) -> Callable[[str], float]:
    """Make a type of argument: a number with a condition."""

    def convert(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not allowed(value):
            raise argparse.ArgumentTypeError(f"{text} is not {what}")
        return value

    return convert


def formats(text: str) -> list[str]:
    """Convert formats separated by commas: a type of argument."""
    formats = [part.strip().lower() for part in text.split(",")]
    for part in formats:
        if part not in PLOT_FORMATS:
            raise argparse.ArgumentTypeError(f"{part!r} is not one of {', '.join(PLOT_FORMATS)}")
    return formats


def label_map(text: str) -> dict[str, str]:
    """Convert words and their meanings: a type of argument."""
    pairs = [part.rpartition("=") for part in text.split(",")]
    for word, _, meaning in pairs:
        if not word or meaning not in ("spurious", "reliable", "uninspected"):
            raise argparse.ArgumentTypeError(
                f"{text} is not WORD=MEANING, where MEANING is spurious, reliable or uninspected"
            )
    return {word: meaning for word, _, meaning in pairs}


COUNT = number(int, "a whole number of at least 1", lambda value: value >= 1)
COUNT_OR_NONE = number(int, "a whole number from 0 up", lambda value: value >= 0)
STATE = number(int, "a whole number from 0 to 4294967295", lambda value: 0 <= value < 2**32)
JOBS = number(int, "a whole number other than 0", lambda value: value != 0)
FRACTION = number(float, "above 0 and at most 1", lambda value: 0 < value <= 1)
POSITIVE = number(float, "a number above 0", lambda value: 0 < value < float("inf"))


def say(text: str) -> None:
    """Print at once; go on with the work if the reader has gone, as `head` does."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def add_input(
    run: argparse.ArgumentParser, out: str = "folder of the results", *, needs_labels: bool
) -> None:
    """Add the options of the input, and the folder of the results."""
    run.add_argument("cutouts", nargs="*", metavar="CUTOUTS", help=CUTOUTS)
    add_labels(
        run,
        "xlsx, csv or text, FITS, VOTable, ECSV, Parquet, ods, xls, or the folder of a live "
        "inspection; repeat it for later labels, which replace earlier ones unless blank; without "
        "labels, the most unusual sources come first",
        required=needs_labels,
    )
    run.add_argument("--out", required=True, metavar="DIR", help=out)
    add_label_columns(run)
    add_catalogue(run)
    add_mosaics(run)
    _add_reading(run)
    add_path_columns(run, "--cutout-id-column")


def _add_reading(run: argparse.ArgumentParser) -> None:
    """Add the options for reading cutouts."""
    reading = run.add_argument_group("reading cutouts")
    reading.add_argument(
        "--id-pattern",
        metavar="REGEX",
        help="where the id is in a file's name: a regular expression with (?P<source_id>...), and "
        "(?P<filter>...) if a source has one file per band; a pattern with a slash is matched "
        "with the path",
    )
    reading.add_argument(
        "--filters",
        type=lambda text: text.split(","),
        metavar="F1,F2",
        help="filters of one file per band, in the order of the channels (default: by wavelength)",
    )
    reading.add_argument(
        "--size",
        type=COUNT,
        nargs="+",
        metavar="PIXELS",
        help="shrink to HEIGHT [WIDTH]; put CUTOUTS before this option, or -- after it",
    )
    reading.add_argument("--reduce", type=COUNT, metavar="FACTOR", help="shrink by this factor")
    reading.add_argument(
        "--hdu",
        metavar="NAME_OR_NUMBER[,...]",
        help="FITS extensions to read; several are channels (default: the science images)",
    )
    reading.add_argument(
        "--pad",
        choices=("center", "start", "end", "never"),
        default="center",
        help="position of a trimmed cutout in a full frame of pixels without data, if its FITS "
        "header does not give it; never: refuse the cutout (default: %(default)s)",
    )
    add_skipping(reading)


def input_defaults() -> dict[str, Any]:
    """Return the defaults of the options of `add_input`."""
    parser = argparse.ArgumentParser()
    add_input(parser, needs_labels=False)
    return vars(parser.parse_args(["CUTOUTS", "--labels", "LABELS", "--out", "OUT"]))


def add_path_columns(parser: argparse.ArgumentParser, id_option: str) -> None:
    """Add the columns of a table of paths."""
    columns = parser.add_argument_group("columns of a table of paths")
    columns.add_argument(id_option, metavar="NAME", help="ids (default: source_id)")
    columns.add_argument("--path-column", metavar="NAME", help="paths (default: path)")


def add_labels(parser: argparse.ArgumentParser, text: str, *, required: bool = False) -> None:
    """Add the option of label tables; it can be repeated."""
    parser.add_argument("--labels", action="append", required=required, metavar="TABLE", help=text)


def add_label_columns(parser: argparse.ArgumentParser) -> None:
    """Add the options for reading label tables."""
    columns = parser.add_argument_group("columns of the label table")
    columns.add_argument("--id-column", default="Source_ID", help="default: %(default)s")
    add_field_column(columns)
    columns.add_argument(
        "--label-column",
        action="append",
        metavar="NAME",
        help="default: Reliable_Source; repeat it for several inspectors, one column per inspector",
    )
    columns.add_argument("--reason-column", default="Reason", help="default: %(default)s")
    columns.add_argument(
        "--spurious-value",
        type=int,
        default=0,
        choices=(0, 1),
        help="which label means spurious; no and false are 0 (default: %(default)s)",
    )
    columns.add_argument(
        "--label-map",
        type=label_map,
        action="append",
        metavar="WORD=MEANING",
        help="meaning of other words: spurious, reliable or uninspected, for example "
        "art=spurious,gal=reliable",
    )
    columns.add_argument(
        "--verdicts",
        choices=("majority", "any", "all"),
        help="rule for labels of several inspectors, in several rows, columns or tables: "
        "spurious if most, any or all of them say so (default: different labels are an error)",
    )
    columns.add_argument("--sheet", metavar="NAME", help="sheet of a workbook (default: what fits)")


def read_label_tables(args: argparse.Namespace) -> list[Any] | None:
    """Read the named label tables, if any; a sheet is for workbooks only."""
    from spurclust.catalog import read_labels
    from spurclust.catalog.table_readers import has_sheets

    columns = label_columns(args, args.labels or [])
    return [
        read_labels(
            table,
            **columns,
            verdicts=args.verdicts,
            sheet=args.sheet if has_sheets(table) else None,
        )
        for table in args.labels or []
    ] or None


def label_columns(args: argparse.Namespace, tables: Sequence[str]) -> dict[str, Any]:
    """Return how to read the columns of label tables; raise for a sheet without a workbook."""
    from spurclust.catalog.table_readers import has_sheets

    if args.sheet is not None and not any(map(has_sheets, tables)):
        raise ValueError("--sheet is for workbooks, and no label table is one: leave --sheet out")
    return {
        "id_column": args.id_column,
        "label_column": args.label_column or "Reliable_Source",
        "reason_column": args.reason_column,
        "spurious_value": args.spurious_value,
        "label_map": {word: what for part in args.label_map or [] for word, what in part.items()},
        "field_column": args.field_column,
    }


CATALOGUE = "ids, positions and other columns, such as magnitudes, for the results and the report"


def add_catalogue(parser: argparse.ArgumentParser, about: str = CATALOGUE) -> None:
    """Add the options of a table of sources."""
    group = parser.add_argument_group("a table of sources, inspected or not")
    group.add_argument("--catalogue", metavar="TABLE", help=about)
    group.add_argument(
        "--catalogue-id-column", metavar="NAME", help="ids (default: as --id-column, or Source_ID)"
    )
    group.add_argument(
        "--catalogue-sheet", metavar="NAME", help="sheet of a workbook (default: what fits)"
    )


def add_field_column(parser: argparse._ActionsContainer) -> None:
    """Add the option for ids that are unique only within a field."""
    parser.add_argument(
        "--field-column",
        metavar="NAME",
        help="names of fields, if ids are FIELD/ID (default: none)",
    )


def add_mosaics(parser: argparse.ArgumentParser) -> None:
    """Add the options of cutouts from mosaics."""
    group = parser.add_argument_group("cutouts from mosaics, in place of CUTOUTS")
    group.add_argument(
        "--mosaic",
        action="append",
        metavar="FILTER=FILE",
        help="a FITS image with celestial coordinates; repeat it for more channels; the sources "
        "are those of the --catalogue",
    )
    group.add_argument(
        "--cutout-size",
        metavar="SIZE",
        help="height and width: an angle such as 2arcsec, or pixels",
    )


def read_catalogue(args: argparse.Namespace) -> Any:
    """Read the named table of sources, if any."""
    from spurclust.catalog import read_catalogue

    if args.catalogue is None:
        for name in ("catalogue_id_column", "catalogue_sheet"):
            if getattr(args, name) is not None:
                raise ValueError(f"--{name.replace('_', '-')} needs a --catalogue: give one")
        return None
    return read_catalogue(
        args.catalogue,
        id_column=args.catalogue_id_column or args.id_column or "Source_ID",
        field_column=args.field_column,
        sheet=args.catalogue_sheet,
    )


def add_skipping(parser: argparse._ActionsContainer) -> None:
    """Add the option to go on after an unreadable file."""
    parser.add_argument(
        "--skip-unreadable", action="store_true", help="skip unreadable files, and name each"
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
        "--perplexity", type=POSITIVE, default=50, help="perplexity of t-SNE (default: %(default)s)"
    )
    add_assignment(group)
    add_steps(group)
    return group


def add_steps(group: argparse._ArgumentGroup) -> None:
    """Add the choice between features and pixels."""
    group.add_argument(
        "--region-on",
        choices=("features", "pixels"),
        default="features",
        help="what to embed: features of the cutouts, with an axis that the labels teach, or "
        "pixels, as in the original method (default: %(default)s)",
    )


def add_assignment(group: argparse._ArgumentGroup) -> None:
    """Add the choice of how a source gets its probability."""
    group.add_argument(
        "--assignment",
        choices=("hard", "soft"),
        default="hard",
        help="hard: the most likely component; soft: all, weighted (default: %(default)s)",
    )


def add_held_out(parser: argparse.ArgumentParser) -> None:
    """Add the options of the choice on held-out labels."""
    group = parser.add_argument_group("choice on held-out labels")
    bound = group.add_mutually_exclusive_group()
    bound.add_argument(
        "--completeness",
        type=FRACTION,
        help="minimize the workload at this completeness or more (default: 0.95)",
    )
    bound.add_argument(
        "--workload", type=FRACTION, help="maximize the completeness at this workload or less"
    )
    group.add_argument(
        "--folds",
        type=number(int, "a whole number of at least 2", lambda value: value >= 2),
        default=5,
        help="number of folds of the labels (default: %(default)s)",
    )
    group.add_argument(
        "--repeats",
        type=COUNT,
        default=5,
        help="number of times to split anew (default: %(default)s)",
    )
    group.add_argument(
        "--protocol",
        choices=("transductive", "inductive"),
        default="transductive",
        help="transductive: embed held-out sources with the others; inductive: place them "
        "afterwards, as new ones (default: %(default)s)",
    )


def add_results(parser: argparse.ArgumentParser) -> None:
    """Add the options of the results."""
    results = parser.add_argument_group("results")
    results.add_argument(
        "--format",
        choices=sorted(TABLE_SUFFIXES),
        default="ecsv",
        help="format of the table of sources beside the csv (default: %(default)s)",
    )
    results.add_argument(
        "--stability",
        type=COUNT_OR_NONE,
        default=0,
        metavar="N",
        help="report how often each source is flagged with this many random states, each with "
        "three perplexities (default: %(default)s)",
    )
    results.add_argument("--no-ranking", action="store_true", help="write no order of inspection")
    results.add_argument("--no-plots", action="store_true", help="write no pictures")
    results.add_argument(
        "--plot-format",
        type=formats,
        action="extend",
        metavar="FORMAT",
        help=f"format of the pictures: {', '.join(PLOT_FORMATS)}, or several separated by commas "
        f"(default: {PLOT_FORMATS[0]})",
    )
    results.add_argument("--no-report", action="store_true", help="write no report.html")


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add the options of randomness, threads and output."""
    parser.add_argument("--random-state", type=STATE, default=12, help="default: %(default)s")
    add_jobs(parser)


def add_jobs(parser: argparse.ArgumentParser) -> None:
    """Add the options of threads and output."""
    parser.add_argument(
        "--jobs", type=JOBS, default=-1, help="number of threads, -1 is all (default: %(default)s)"
    )
    parser.add_argument(
        "--quiet", action="store_true", help="print only warnings and errors, and show no progress"
    )
