"""`spurclust predict` into a folder: any number of sources, partition by partition."""

import argparse
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from spurclust.cli.progress import say

OPTIONS = ("workers", "scheduler", "partition_size", "strict", "id_column", "path_column")
"""What only makes sense for a folder."""

ALL_THREADS = -1
"""What `--jobs` is when it is not given."""


def folder_options(args: argparse.Namespace) -> list[str]:
    """List the options given that are for a folder only.

    Parameters
    ----------
    args : argparse.Namespace
        Of `spurclust predict`.

    Returns
    -------
    list of str
        As they are written.
    """
    return [f"--{name.replace('_', '-')}" for name in OPTIONS if getattr(args, name)]


def check_options(args: argparse.Namespace) -> None:
    """Refuse the options of a folder where the results go into a table.

    Parameters
    ----------
    args : argparse.Namespace
        Of `spurclust predict`.

    Raises
    ------
    ValueError
        When there is one.
    """
    given = folder_options(args)
    if given:
        raise ValueError(
            f"{' and '.join(given)}: only for results in a folder, and --out {args.out} is a "
            f"table. Give --out a name such as {Path(args.out).stem}"
        )


def predict_folder(args: argparse.Namespace) -> None:
    """Flag new sources, partition by partition, into a folder.

    Parameters
    ----------
    args : argparse.Namespace
        Of `spurclust predict`.
    """
    from spurclust import scale
    from spurclust.novelty import drift_message

    folder, start = Path(args.out), time.perf_counter()
    _check_together(args)
    try:
        with scale.open_client(workers=args.workers, scheduler=args.scheduler):
            written = scale.write_predictions(
                args.model,
                _only(args.cutouts),
                folder,
                partition_size=args.partition_size,
                id_pattern=args.id_pattern,
                id_column=args.id_column or "source_id",
                path_column=args.path_column or "path",
                strict=args.strict,
                n_jobs=args.jobs,
                progress=sys.stderr.isatty(),
            )
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"interrupted: the partitions in {folder} are whole, and the same command goes on"
        ) from None
    message = drift_message(written.n_novel, written.n_sources - written.n_unreadable)
    if message:
        warnings.warn(message, stacklevel=2)
    _tell(written, folder, time.perf_counter() - start)


def _check_together(args: argparse.Namespace) -> None:
    """Refuse options that do not go with each other, or with what is predicted."""
    from spurclust.cutouts.files import is_path_table

    if args.skip_unreadable and args.strict:
        raise ValueError("--skip-unreadable and --strict contradict each other: choose one")
    if args.jobs != ALL_THREADS and (args.workers or args.scheduler):
        raise ValueError(
            "--jobs is the number of threads of this process, and --workers and --scheduler have "
            "others do the work, with one thread for each partition: leave --jobs out"
        )
    columns = [name for name in folder_options(args) if name.endswith("-column")]
    if columns and not is_path_table(_only(args.cutouts)):
        raise ValueError(
            f"{' and '.join(columns)}: only for tables of paths. Give CUTOUTS as one, or leave "
            "the option out: ids of files are in their names (--id-pattern)"
        )


def _only(cutouts: list[str]) -> Any:
    """Take one name out of its list."""
    return cutouts[0] if len(cutouts) == 1 else cutouts


def _tell(written: Any, folder: Path, seconds: float) -> None:
    """Say what was done."""
    n_made = written.n_partitions - written.n_kept
    if written.n_kept:
        say(f"Partitions there already: {written.n_kept} of {written.n_partitions}")
    say(f"Partitions made: {n_made}, in {seconds:.0f} s")
    n_read = written.n_sources - written.n_unreadable
    say(f"Flagged {written.n_flagged} of {n_read} sources; the tables are in {folder / 'sources'}")
    if written.n_unreadable:
        say(
            f"Unreadable cutouts: {written.n_unreadable}; {folder / 'errors.csv'} says why. "
            "Replace them and give the same command again"
        )
