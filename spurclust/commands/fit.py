"""`spurclust fit`: what `run` does, on a reference that is chosen from a survey of any size."""

import argparse
import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spurclust.commands._progress import Stages, say
from spurclust.commands._reading import merge_tables, read_label_tables
from spurclust.commands.run import finish_run, prepare_run, reading_of

POOL = 5
"""A diverse reference is drawn from so many times as many sources."""

CHUNK = 500
"""Cutouts of a pool that are held at once."""


def run_fit(args: argparse.Namespace) -> None:
    """Choose a reference, read its cutouts only, and go from them to a folder of results.

    Parameters
    ----------
    args : argparse.Namespace
        Of `spurclust fit`.
    """
    from spurclust.catalog import match_labels

    prepare_run(args)
    stages = Stages()
    tables = read_label_tables(args)
    ids, paths = list_sources(args)
    matched = match_labels(merge_tables(tables, ids), ids)
    with stages("choosing"):
        chosen = _choose(args, matched.y, ids, paths)
    _tell(matched.y, chosen)
    with stages("reading"):
        cutouts = _read(args, *_take(chosen, ids, paths))
    place = {source_id: k for k, source_id in enumerate(ids)}
    read = np.array([place[source_id] for source_id in cutouts.source_ids])
    finish_run(args, cutouts, _labels_of(matched, read), stages)
    shown = " ".join(args.cutouts) if len(args.cutouts) <= 3 else "CUTOUTS"
    say(f"Next: spurclust predict {Path(args.out) / 'model.skops'} {shown} --out FOLDER")


def _tell(y: NDArray[Any], chosen: NDArray[np.intp]) -> None:
    """Say what was chosen, and warn where it lacks labels."""
    n_spurious, n_reliable = int((y == 1).sum()), int((y == 0).sum())
    n_chosen = int((y[chosen] == 0).sum())
    say(
        f"Reference: {len(chosen)} of {len(y)} sources, with all {n_spurious} known spurious and "
        f"{n_chosen} of {n_reliable} known reliable"
    )
    if n_chosen < n_reliable:
        before, after = n_spurious / (n_spurious + n_reliable), n_spurious / len(chosen)
        warnings.warn(
            f"{n_reliable - n_chosen} known reliable sources have no room in the reference, so "
            f"{after:.1%} of its labels are spurious, not {before:.1%}, and more components reach "
            f"the threshold: give --reference-size {n_spurious + n_reliable} or more",
            stacklevel=3,
        )


def list_sources(args: argparse.Namespace) -> tuple[list[str], list[str]]:
    """List ids and files of all sources, from file names or from tables of paths."""
    from spurclust.catalog import list_cutouts, source_ids_from_paths
    from spurclust.catalog.path_tables import is_path_table

    cutouts = args.cutouts[0] if len(args.cutouts) == 1 else args.cutouts
    if is_path_table(cutouts):
        from spurclust.scale import open_survey

        files = open_survey(cutouts).list_files()
        return files.source_ids, files.paths
    paths = list_cutouts(cutouts)
    return source_ids_from_paths(paths, id_pattern=args.id_pattern), paths


def _take(places: NDArray[np.intp], *columns: list[str]) -> tuple[list[str], ...]:
    """Take some entries of each list."""
    return tuple([column[k] for k in places] for column in columns)


def _choose(
    args: argparse.Namespace, y: NDArray[Any], ids: list[str], paths: list[str]
) -> NDArray[np.intp]:
    """Choose the sources to fit on."""
    from spurclust import choose_reference

    settings: dict[str, Any] = {"unlabeled": -1, "random_state": args.random_state}
    if args.reference == "random" or args.reference_size >= len(paths):
        return choose_reference(y, args.reference_size, **settings)
    pool = choose_reference(y, min(POOL * args.reference_size, len(paths)), **settings)
    read, rows = _measure(args, *_take(pool, ids, paths))
    place = {ids[k]: k for k in pool}
    pool = np.array([place[source_id] for source_id in read])
    chosen = choose_reference(
        y[pool], min(args.reference_size, len(pool)), method="diverse", rows=rows, **settings
    )
    return pool[chosen]


def _measure(
    args: argparse.Namespace, ids: Sequence[str], paths: Sequence[str]
) -> tuple[list[str], NDArray[Any]]:
    """Measure the cutouts of a pool, a few at a time; tell the ids of those that could be read."""
    from spurclust.steps import CutoutFeatures

    features = CutoutFeatures(n_jobs=args.jobs)
    rows: list[NDArray[Any]] = []
    read: list[str] = []
    for start in range(0, len(paths), CHUNK):
        part = slice(start, start + CHUNK)
        cutouts = _read(args, ids[part], paths[part])
        fitted = features if rows else features.fit(cutouts.images)
        rows.append(fitted.transform(cutouts.images))
        read += cutouts.source_ids
    return read, np.concatenate(rows)


def _read(args: argparse.Namespace, ids: Sequence[str], paths: Sequence[str]) -> Any:
    """Read some of the cutouts."""
    from spurclust.catalog import read_cutouts

    return read_cutouts(
        paths,
        **reading_of(args),
        source_ids=ids,
        on_error="skip" if args.skip_unreadable else "raise",
        n_jobs=args.jobs,
        progress=sys.stderr.isatty(),
    )


def _labels_of(matched: Any, chosen: NDArray[np.intp]) -> Any:
    """Take the labels of some sources."""
    positions = matched.positions
    return replace(
        matched,
        y=matched.y[chosen],
        reasons=[matched.reasons[k] for k in chosen],
        positions=None if positions is None else positions[chosen],
    )
