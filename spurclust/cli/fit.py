"""`spurclust fit`: what `run` does, on a reference that is chosen from a survey of any size."""

import argparse
import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spurclust.cli.progress import Stages, say
from spurclust.cli.reading import merge_tables, read_label_tables
from spurclust.cli.run import finish_run, prepare_run, reading_of
from spurclust.cli.sources import Sources, list_sources

POOL = 5
"""A diverse reference is drawn from so many times as many sources."""

CHUNK = 500
"""Cutouts of a pool that are held at once."""

MAX_LISTED = 20
"""A warning names no more files."""


def run_fit(args: argparse.Namespace) -> None:
    """Choose a reference, read its cutouts only, and go from them to a folder of results.

    Parameters
    ----------
    args : argparse.Namespace
        Of `spurclust fit`.
    """
    prepare_run(args)
    stages = Stages()
    tables = read_label_tables(args)
    sources = list_sources(args)
    labelled = _match(tables, sources)
    y = labelled.spread(len(sources))
    with stages("choosing"):
        chosen = _choose(args, y, sources)
    _tell(y, chosen)
    with stages("reading"):
        ids, paths = sources.take(chosen)
        cutouts = _read(args, *_with_paths(args, ids, paths))
    place = dict(zip(ids, chosen, strict=True))
    read = np.array([place[source_id] for source_id in cutouts.source_ids])
    finish_run(args, cutouts, labelled.of(read), stages)
    shown = " ".join(args.cutouts) if len(args.cutouts) <= 3 else "CUTOUTS"
    columns = {"--id-column": args.cutout_id_column, "--path-column": args.path_column}
    shown += "".join(f" {option} {name}" for option, name in columns.items() if name)
    say(f"Next: spurclust predict {Path(args.out) / 'model.skops'} {shown} --out FOLDER")


class _Labelled(NamedTuple):
    """The labels of some sources, by number; all others have none."""

    rows: NDArray[np.intp]
    matched: Any

    def spread(self, n_sources: int) -> NDArray[np.int8]:
        """Give the labels of all sources."""
        y = np.full(n_sources, -1, dtype=np.int8)
        y[self.rows] = self.matched.y
        return y

    def of(self, rows: NDArray[np.intp]) -> Any:
        """Give labels, reasons and positions of some sources."""
        places = np.searchsorted(self.rows, rows).clip(max=len(self.rows) - 1)
        known = self.rows[places] == rows
        positions = self.matched.positions
        if positions is not None:
            positions = np.where(known[:, None], positions[places], np.nan)
        reasons = self.matched.reasons
        return replace(
            self.matched,
            y=np.where(known, self.matched.y[places], -1).astype(np.int8),
            reasons=[reasons[k] if is_in else "" for k, is_in in zip(places, known, strict=True)],
            positions=positions,
        )


def _match(tables: list[Any], sources: Sources) -> _Labelled:
    """Join the label tables to those sources that they can mean."""
    from spurclust.catalog import match_labels

    rows, ids = sources.find([one for part in tables for one in part.table["source_id"]])
    return _Labelled(rows, match_labels(merge_tables(tables, ids), ids))


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


def _choose(args: argparse.Namespace, y: NDArray[Any], sources: Sources) -> NDArray[np.intp]:
    """Choose the sources to fit on."""
    from spurclust import choose_reference

    settings: dict[str, Any] = {"unlabeled": -1, "random_state": args.random_state}
    if args.reference == "random" or args.reference_size >= len(y):
        return choose_reference(y, args.reference_size, **settings)
    pool = choose_reference(y, min(POOL * args.reference_size, len(y)), **settings)
    all_ids, all_paths = sources.take(pool)
    read, rows = _measure(args, *_with_paths(args, all_ids, all_paths))
    place = dict(zip(all_ids, pool, strict=True))
    pool = np.array([place[source_id] for source_id in read])
    chosen = choose_reference(
        y[pool], min(args.reference_size, len(pool)), method="diverse", rows=rows, **settings
    )
    return pool[chosen]


def _with_paths(
    args: argparse.Namespace, ids: list[str], paths: list[str]
) -> tuple[list[str], list[str]]:
    """Leave out sources without a path, or raise an error."""
    from spurclust.cutouts.gather import NO_PATH

    without = [source_id for source_id, path in zip(ids, paths, strict=True) if not path]
    if not without:
        return ids, paths
    if not args.skip_unreadable:
        raise ValueError(
            f"cannot read {without[0]}: {NO_PATH}. Give it one, or pass over such sources with "
            "--skip-unreadable"
        )
    warnings.warn(
        f"{len(without)} of {len(ids)} cutouts were skipped, {without[0]} for one: {NO_PATH}",
        stacklevel=3,
    )
    kept = [(one, path) for one, path in zip(ids, paths, strict=True) if path]
    return [one for one, _ in kept], [path for _, path in kept]


def _measure(
    args: argparse.Namespace, ids: Sequence[str], paths: Sequence[str]
) -> tuple[list[str], NDArray[Any]]:
    """Measure the cutouts of a pool, a few at a time; tell the ids of those that could be read."""
    from spurclust.cutouts import ImageFormat, ReadOptions, open_cutouts
    from spurclust.errors import CatalogError
    from spurclust.features import CutoutFeatures

    images = _first_images(args, ids, paths)
    features = CutoutFeatures(n_jobs=args.jobs).fit(images)
    reading = {name: value for name, value in reading_of(args).items() if name != "id_pattern"}
    rows: list[NDArray[Any]] = []
    read: list[str] = []
    skipped: list[tuple[str, str]] = []
    like = ImageFormat(images.shape[1:], images.dtype)
    options = ReadOptions(like=like, on_error="skip", n_jobs=args.jobs, **reading)
    source = open_cutouts(paths, source_ids=ids)
    for part in _chunks(len(paths)):
        cutouts = source.read(range(len(paths))[part], options)
        skipped += [(one.path, one.reason) for one in cutouts.skipped]
        if skipped and not args.skip_unreadable:
            path, reason = skipped[0]
            raise CatalogError(
                f"cannot read {path}: {reason}. Replace it, or pass over such files with "
                "--skip-unreadable"
            )
        if len(cutouts):
            rows.append(features.transform(cutouts.images))
        read += cutouts.source_ids
    if skipped:
        shown = "\n".join(f"{path}: {reason}" for path, reason in skipped[:MAX_LISTED])
        warnings.warn(
            f"{len(skipped)} of the {len(paths)} cutouts to draw from were skipped:\n{shown}",
            stacklevel=3,
        )
    return read, np.concatenate(rows)


def _first_images(
    args: argparse.Namespace, ids: Sequence[str], paths: Sequence[str]
) -> NDArray[Any]:
    """Read the first cutouts of a pool that can be read, by which all others are measured."""
    from spurclust.errors import CatalogError

    *parts, last = _chunks(len(paths))
    with warnings.catch_warnings():
        # What is passed over is told of all chunks together.
        warnings.filterwarnings("ignore", r"\d+ of \d+ cutouts were skipped")
        for part in parts:
            try:
                return np.asarray(_read(args, ids[part], paths[part]).images)
            except CatalogError:
                if not args.skip_unreadable:
                    raise
        return np.asarray(_read(args, ids[last], paths[last]).images)


def _chunks(n: int) -> list[slice]:
    """Cut n cutouts into chunks."""
    return [slice(start, start + CHUNK) for start in range(0, n, CHUNK)]


def _read(args: argparse.Namespace, ids: Sequence[str], paths: Sequence[str]) -> Any:
    """Read some of the cutouts."""
    from spurclust.cutouts import read_cutouts

    return read_cutouts(
        paths,
        **reading_of(args),
        source_ids=ids,
        on_error="skip" if args.skip_unreadable else "raise",
        n_jobs=args.jobs,
        progress=sys.stderr.isatty(),
    )
