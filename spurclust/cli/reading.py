"""Reading what the command line names."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from spurclust.cli.progress import say


def size_of(given: list[int] | None) -> int | tuple[int, int] | None:
    """Turn one or two numbers into what `read_cutouts` takes."""
    if given is None or len(given) == 1:
        return given[0] if given else None
    if len(given) > 2:
        raise ValueError(f"--size takes HEIGHT or HEIGHT WIDTH, got {len(given)} numbers")
    return given[0], given[1]


def read_named_cutouts(args: argparse.Namespace, reading: dict[str, Any]) -> Any:
    """Read the cutouts that the command line names."""
    from spurclust.cutouts import read_cutouts

    return read_cutouts(
        args.cutouts[0] if len(args.cutouts) == 1 else args.cutouts,
        **reading,
        on_error="skip" if args.skip_unreadable else "raise",
        n_jobs=args.jobs,
        progress=sys.stderr.isatty(),
    )


def merge_tables(tables: Sequence[Any], source_ids: Sequence[str]) -> Any:
    """Join label tables, the later over the earlier, and say what each added."""
    from spurclust.catalog import format_merge, merge_labels

    merged = merge_labels(tables, source_ids=source_ids)
    if len(tables) > 1:
        say(format_merge(merged.counts))
    return merged.labels


def read_label_tables(args: argparse.Namespace) -> list[Any]:
    """Read the label tables that the command line names."""
    from spurclust.catalog import read_labels

    return [
        read_labels(
            table,
            id_column=args.id_column,
            label_column=args.label_column,
            reason_column=args.reason_column,
            spurious_value=args.spurious_value,
        )
        for table in args.labels
    ]


def read_survey(args: argparse.Namespace, reading: dict[str, Any]) -> tuple[Any, Any]:
    """Read labels and cutouts, and join them."""
    from spurclust.catalog import match_labels

    tables = read_label_tables(args)
    cutouts = read_named_cutouts(args, reading)
    labels = merge_tables(tables, cutouts.source_ids)
    return cutouts, match_labels(labels, cutouts.source_ids)
