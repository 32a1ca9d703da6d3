"""``spurclust predict``: flag new sources with a fitted model, in a table or in a folder."""

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

from spurclust.cli import options
from spurclust.cli.named_cutouts import choose_cutouts, path_columns
from spurclust.cli.options import COUNT, say

FOLDER_OPTIONS = ("workers", "scheduler", "partition_size", "strict")
"""Options that are only for results in a folder."""

ALL_THREADS = -1
"""Default of `--jobs`."""

N_PLACED = 5
"""Number of columns of a catalogue with ids and positions only."""


def add_commands(commands: Any) -> None:
    """Add the command."""
    predict = commands.add_parser("predict", help="flag new sources with a fitted model")
    predict.set_defaults(call=run_predict)
    predict.description = (
        "Flags new sources with the model of a run. With a table as --out, it predicts all at "
        "once. With a folder, it predicts partition by partition, for any number of sources: the "
        "same command continues after a stop, and errors.csv lists cutouts that cannot be read."
    )
    predict.add_argument("model", metavar="MODEL", help="model.skops of a run")
    predict.add_argument("cutouts", nargs="*", metavar="CUTOUTS", help=options.CUTOUTS)
    predict.add_argument(
        "--out",
        required=True,
        metavar="OUT",
        help="a table (csv, ecsv, vot, fits, xlsx), or a folder (a name without a dot)",
    )
    predict.add_argument(
        "--id-pattern",
        metavar="REGEX",
        help="where the id is, if file names differ from those of the fit",
    )
    options.add_catalogue(
        predict,
        "ids, positions and other columns, such as magnitudes, for the table; for mosaics, the "
        "sources to cut out (a folder has their positions too)",
    )
    options.add_field_column(predict)
    options.add_mosaics(predict)
    options.add_skipping(predict)
    options.add_jobs(predict)
    options.add_path_columns(predict, "--id-column")
    _add_partitions(predict.add_argument_group("into a folder"))


def _add_partitions(group: Any) -> None:
    """Add the options of a prediction into a folder."""
    cluster = group.add_mutually_exclusive_group()
    cluster.add_argument(
        "--workers", type=COUNT, metavar="N", help="processes to start on this machine"
    )
    cluster.add_argument(
        "--scheduler", metavar="ADDRESS", help="a dask scheduler, such as tcp://host:8786"
    )
    group.add_argument(
        "--partition-size",
        type=COUNT,
        metavar="N",
        help="sources per file of the results (default: 2000; for a zarr store about 64 MB)",
    )
    group.add_argument(
        "--strict", action="store_true", help="stop at the first cutout that cannot be read"
    )


def run_predict(args: argparse.Namespace) -> None:
    """Flag new sources, in a table or in a folder."""
    given = [f"--{name.replace('_', '-')}" for name in FOLDER_OPTIONS if getattr(args, name)]
    catalogue = options.read_catalogue(args)
    cutouts = choose_cutouts(args, catalogue)
    columns = path_columns(cutouts, args.id_column, args.path_column, "--id-column")
    if _is_folder(args.out, given):
        _check_catalogue(args, catalogue)
        _predict_folder(args, cutouts, columns)
    elif given:
        raise ValueError(
            f"{' and '.join(given)}: only for results in a folder, but --out {args.out} is a "
            f"table. Give --out a name such as {Path(args.out).stem}"
        )
    else:
        _predict_table(args, cutouts, catalogue, columns)


def _check_catalogue(args: argparse.Namespace, catalogue: Any) -> None:
    """Raise or print that a folder has no other columns of a catalogue than ids and positions."""
    advice = f"join the parts by source_id, or give --out a table such as {Path(args.out).stem}.csv"
    if catalogue is not None and not args.mosaic:
        raise ValueError(
            f"--catalogue {args.catalogue}: a folder does not get its columns. Leave it out, and "
            f"{advice}"
        )
    if catalogue is not None and len(catalogue.table.columns) > N_PLACED:
        say(
            f"The folder has the ids and positions of {args.catalogue}. For other columns, {advice}"
        )


def _is_folder(out: str, given: list[str]) -> bool:
    """Return whether the results go into a folder."""
    from spurclust.catalog.table_writers import writable_suffixes

    suffix = Path(out).suffix.lower()
    if Path(out).is_dir():
        return True
    return suffix not in writable_suffixes() and (not suffix or bool(given))


def _predict_table(
    args: argparse.Namespace, cutouts: Any, catalogue: Any, columns: dict[str, Any]
) -> None:
    """Flag new sources, all at once, in one table."""
    from spurclust.analysis import flag_sources
    from spurclust.catalog import write_table
    from spurclust.catalog.table_writers import check_table_path

    check_table_path(args.out)
    table = flag_sources(
        args.model,
        cutouts,
        id_pattern=args.id_pattern,
        **columns,
        catalogue=catalogue,
        on_error="skip" if args.skip_unreadable else "raise",
        n_jobs=args.jobs,
        log=say,
    )
    write_table(table, args.out)
    n_flagged = int(table["flagged"].sum())
    say(f"Flagged {n_flagged} of {len(table)} sources; the table is {args.out}")


def _predict_folder(args: argparse.Namespace, cutouts: Any, columns: dict[str, Any]) -> None:
    """Flag new sources, partition by partition, in a folder."""
    from spurclust import scale
    from spurclust.novelty import drift_message

    if args.skip_unreadable and args.strict:
        raise ValueError("--skip-unreadable and --strict contradict each other: choose one")
    if args.jobs != ALL_THREADS and (args.workers or args.scheduler):
        raise ValueError(
            "--jobs is the number of threads of this process, but with --workers or --scheduler "
            "other processes do the work, with one thread per partition: leave --jobs out"
        )
    folder, start = Path(args.out), time.perf_counter()
    try:
        with scale.open_client(workers=args.workers, scheduler=args.scheduler):
            written = scale.write_predictions(
                args.model,
                cutouts,
                folder,
                partition_size=args.partition_size,
                id_pattern=args.id_pattern,
                **columns,
                strict=args.strict,
                n_jobs=args.jobs,
                progress=not args.quiet,
                log=say,
            )
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"interrupted: the partitions in {folder} are complete, and the same command continues"
        ) from None
    n_read = written.n_sources - written.n_unreadable
    message = drift_message(written.n_novel, n_read)
    if message:
        warnings.warn(message, stacklevel=2)
    if written.n_kept:
        say(f"Partitions there already: {written.n_kept} of {written.n_partitions}")
    seconds = time.perf_counter() - start
    say(f"Partitions made: {written.n_partitions - written.n_kept}, in {seconds:.0f} s")
    say(f"Flagged {written.n_flagged} of {n_read} sources; the tables are in {folder / 'sources'}")
    if written.n_unreadable:
        say(
            f"Unreadable cutouts: {written.n_unreadable}; {folder / 'errors.csv'} says why. "
            "Replace them, and run the same command again"
        )
