"""A folder of predictions: Parquet parts that describe themselves, and a manifest.

Only one process at a time may continue the work, with the same model and cutouts.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import spurclust
from spurclust.analysis.reading import how_read
from spurclust.catalog.output import atomic_write, locked_folder, make_folder
from spurclust.catalog.table_writers import mark_table
from spurclust.cutouts import CutoutSource
from spurclust.cutouts.files import MANIFEST, PREDICTIONS, FileSource, fingerprint_of
from spurclust.cutouts.path_tables import TableRows
from spurclust.errors import CatalogError
from spurclust.scale.predictor import Predictor, Unreadable

SOURCES, PATHS, ERRORS, LOCK = "sources", "cutouts.parquet", "errors.csv", "predicting.lock"
FORMAT_VERSION = 2
FOOTER = b"spurclust"
"""Key of the description of a file, in the metadata of its schema."""

GO_ON = "make room, or permit it, and run the same command again: complete files are kept"
"""What to do when a file cannot be written."""

_DIFFERENCES = {
    "format_version": "of format {}, and this version writes {}",
    "spurclust": "by spurclust {}, and this is {}",
    "model": "by another model",
    "cutouts": "of other cutouts",
    "partition_size": "in partitions of {} sources, not of {}",
    "n_partitions": "in {} partitions, not {}",
    "n_sources": "of {} sources, not {}",
}
"""Fields of a manifest that must not change when work continues, and texts on a difference."""

_UNEVEN = "uneven numbers of"
"""Text for the partition size of an array with uneven chunks."""


class Job(NamedTuple):
    """The folder of the predictions, fingerprints of model and cutouts, and strictness."""

    folder: str
    model: str
    cutouts: str
    strict: bool


@dataclass(frozen=True)
class PartitionSummary:
    """The counts of a written partition, and whether it existed already."""

    number: int
    n_sources: int
    n_flagged: int
    n_novel: int
    unreadable: list[Unreadable]
    stamp: str
    kept: bool = False


def part_name(number: int) -> str:
    """Return the name of the file of a partition, relative to the folder."""
    return f"{SOURCES}/part-{number:06d}.parquet"


def light_partitions(folder: Path, partitions: Sequence[Any], size: int | None) -> list[Any]:
    """Return partitions that are small to send: lists of files go into a table."""
    if not isinstance(partitions[0], FileSource):
        return list(partitions)
    ids = [source_id for part in partitions for source_id in part.source_ids]
    paths = [path for part in partitions for path in part.paths]
    table = folder / PATHS
    with atomic_write(table, advice=GO_ON) as aside:
        pq.write_table(pa.table({"source_id": ids, "path": paths}), aside, row_group_size=size)
    return [
        TableRows(str(table), number, 0, len(part), "source_id", "path", str(folder))
        for number, part in enumerate(partitions)
    ]


def find_lazy(number: int, partition: Any, job: Job) -> PartitionSummary | None:
    """Find the file of a lazy partition without computing it; None if it must be made."""
    return _find(number, partition.stamp(), job) if partition.lazy is not None else None


def write_partition(
    predictor: Predictor, number: int, partition: Any, images: Any, job: Job
) -> PartitionSummary:
    """Predict a partition and write its file, unless it exists."""
    source = partition.load(images)
    stamp = source.stamp()
    there = _find(number, stamp, job)
    if there:
        return there
    frame, unreadable = predictor.predict_partition(source)
    made = PartitionSummary(
        number=number,
        n_sources=len(source),
        n_flagged=int(frame["flagged"].sum()),
        n_novel=int((frame["novelty"] > 1).sum()),
        unreadable=unreadable,
        stamp=_stamp_of_job(number, stamp, job),
    )
    _refuse_unreadable(made, job)
    path = Path(job.folder) / part_name(number)
    with atomic_write(path, advice=GO_ON) as aside:
        _write_table(pa.Table.from_pandas(frame, preserve_index=False), made, job.model, aside)
    return made


def _write_table(table: Any, summary: PartitionSummary, model: str, place: Any) -> None:
    """Write predictions, their description, and a checksum of both."""
    footer = {"model": model, **asdict(summary)}
    content = pa.BufferOutputStream()
    with pa.ipc.new_stream(content, table.schema) as stream:
        stream.write_table(table.combine_chunks())
    digest = sha256(content.getvalue()).hexdigest()
    footer["checksum"] = fingerprint_of([digest, json.dumps(footer)])
    metadata = {**(table.schema.metadata or {}), FOOTER: json.dumps(footer)}
    table = table.replace_schema_metadata(metadata)
    pq.write_table(table, place, compression="zstd", write_page_checksum=True)


def _stamp_of_job(number: int, stamp: str, job: Job) -> str:
    """Hash what identifies the cutouts of a partition."""
    return fingerprint_of([job.cutouts, number, stamp])


def _find(number: int, stamp: str, job: Job) -> PartitionSummary | None:
    """Find the file of a partition, if its cutouts are still the same."""
    there = _read_summary(Path(job.folder) / part_name(number), job.model)
    if there is None or there.number != number or there.stamp != _stamp_of_job(number, stamp, job):
        return None
    _refuse_unreadable(there, job)
    return replace(there, kept=True)


def _refuse_unreadable(summary: PartitionSummary, job: Job) -> None:
    """Raise an error for a cutout that could not be read, if the job is strict."""
    if job.strict and summary.unreadable:
        source_id, file, reason = summary.unreadable[0]
        raise CatalogError(
            f"cannot read {file or source_id}: {reason}. Correct or replace it, or leave out "
            "--strict to go on without such cutouts"
        )


def _read_summary(path: Path, model: str) -> PartitionSummary | None:
    """Read the description of a file; None if it is missing, altered, or of another model."""
    try:
        content = path.read_bytes()
        table = pq.read_table(pa.BufferReader(content))
        others = dict(table.schema.metadata)
        summary = json.loads(others.pop(FOOTER))
        if summary.pop("model") != model or not summary.pop("checksum"):
            return None
        summary["unreadable"] = [tuple(one) for one in summary["unreadable"]]
        there = PartitionSummary(**summary)
        # If writing it again gives another file, somebody has altered it.
        again = BytesIO()
        _write_table(table.replace_schema_metadata(others), there, model, again)
    except Exception:  # a damaged file can fail in any way, and is made again
        return None
    return there if again.getvalue() == content else None


def identity_of(
    predictor: Predictor, source: CutoutSource, n_partitions: int, size: int | None
) -> dict[str, Any]:
    """Return the fields that must not change when work continues, and how cutouts are read."""
    return {
        "format": PREDICTIONS,
        "format_version": FORMAT_VERSION,
        "spurclust": spurclust.__version__,
        "model": predictor.fingerprint,
        "cutouts": source.fingerprint,
        "partition_size": size,
        "n_partitions": n_partitions,
        "n_sources": len(source),
        "reading": {"filters": source.filters, **how_read(predictor.options)},
    }


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Read the manifest of a folder of predictions; None if there is none."""
    path = folder / MANIFEST
    if not os.path.lexists(path):
        return None
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CatalogError(f"{path} cannot be read ({error}): choose another folder") from error
    if not isinstance(manifest, dict) or manifest.get("format") != PREDICTIONS:
        raise CatalogError(
            f"{path} is not a manifest of spurclust's predictions: choose another folder"
        )
    size = manifest.get("partition_size")
    if size is not None and (type(size) is not int or size < 1):
        raise CatalogError(
            f"{path} has been altered (partition_size is {size!r:.40}): choose another folder, or "
            "remove this one"
        )
    return manifest


@contextmanager
def begun(folder: Path, identity: dict[str, Any]) -> Iterator[None]:
    """Lock a folder, new or with a part of the same predictions, until the block ends."""
    make_folder(folder)
    with locked_folder(folder, LOCK):
        manifest = read_manifest(folder)
        if manifest is None:
            _refuse_foreign(folder)
        else:
            _refuse_other(folder, manifest, identity)
        if (folder / ERRORS).is_dir():
            raise CatalogError(
                f"{folder / ERRORS} is a folder, but spurclust writes the list of unreadable "
                "cutouts there: move it away"
            )
        # Written first, so that files after a crash are known as ours; `finish` sets "complete".
        _write_json(folder / MANIFEST, {**identity, "complete": False})
        make_folder(folder / SOURCES)
        yield


def _refuse_foreign(folder: Path) -> None:
    """Raise an error if the folder holds a run, or a file would be replaced."""
    if (folder / "summary.json").exists():
        raise CatalogError(
            f"{folder} holds the results of a run (summary.json): choose another folder for the "
            "predictions"
        )
    foreign = [name for name in (ERRORS, SOURCES, PATHS) if os.path.lexists(folder / name)]
    if foreign:
        raise CatalogError(
            f"{folder} holds {', '.join(foreign)}, but no {MANIFEST}: move it away or choose "
            "another folder"
        )


def _refuse_other(folder: Path, manifest: dict[str, Any], identity: dict[str, Any]) -> None:
    """Raise an error if the folder holds other predictions."""
    for name, what in _DIFFERENCES.items():
        there, wanted = manifest.get(name), identity[name]
        if there != wanted or type(there) is not type(wanted):
            sizes = [_UNEVEN if size is None else f"{size!s:.40}" for size in (there, wanted)]
            raise CatalogError(
                f"{folder} holds predictions {what.format(*sizes)}: choose another folder, or "
                "remove this one"
            )


def _write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a file, whole or not at all."""
    with atomic_write(path, advice=GO_ON) as part:
        part.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def finish(folder: Path, identity: dict[str, Any], summaries: Sequence[PartitionSummary]) -> None:
    """Write the list of unreadable cutouts and the complete manifest; remove rests of a crash."""
    unreadable = [one for summary in summaries for one in summary.unreadable]
    errors = folder / ERRORS
    if unreadable:
        table = pd.DataFrame(unreadable, columns=["source_id", "path", "reason"])
        with atomic_write(errors, advice=GO_ON) as part:
            mark_table(table).to_csv(part, index=False, lineterminator="\n")
    else:
        errors.unlink(missing_ok=True)
    partitions = [
        {
            "file": part_name(one.number),
            "n_sources": one.n_sources,
            "n_flagged": one.n_flagged,
            "n_novel": one.n_novel,
            "n_unreadable": len(one.unreadable),
        }
        for one in summaries
    ]
    totals = {
        "n_flagged": sum(one.n_flagged for one in summaries),
        "n_novel": sum(one.n_novel for one in summaries),
        "n_unreadable": len(unreadable),
    }
    _write_json(
        folder / MANIFEST, {**identity, "complete": True, **totals, "partitions": partitions}
    )
    # The folder is locked, so these are of killed processes.
    for place in (folder, folder / SOURCES):
        for stray in place.glob(".spurclust-*"):
            stray.unlink(missing_ok=True)
