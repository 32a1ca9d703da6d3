"""Predictions in a folder: one Parquet file a partition, and a manifest, so that work can go on."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import spurclust
from spurclust.catalog import CatalogError
from spurclust.catalog._output import file_beside
from spurclust.scale.predictor import Predictor, Unreadable
from spurclust.scale.survey import Block, Files, Survey, fingerprint_of
from spurclust.scale.tables import TableRows

MANIFEST, ERRORS, SOURCES, PATHS = "manifest.json", "errors.csv", "sources", "cutouts.parquet"
FORMAT, FORMAT_VERSION = "spurclust predictions", 1
FOOTER = b"spurclust"
"""Key of what a file says of itself, in the metadata of its schema."""

GO_ON = (
    "make room, or permit it, and give the same command again: what is there is whole and is kept"
)

_DIFFERENCES = {
    "format_version": "of format {}, and this version writes {}",
    "spurclust": "by spurclust {}, and this is {}",
    "model": "by another model",
    "cutouts": "of other cutouts",
    "partition_size": "in partitions of {} sources, not {}",
    "n_partitions": "in {} partitions, not {}",
    "n_sources": "of {} sources, not {}",
}
"""What a manifest must share with the work that is to go on, and how a difference is said."""


class Job(NamedTuple):
    """Where the partitions of a survey go, and for what.

    Attributes
    ----------
    folder : str
        The folder.
    model, cutouts : str
        Fingerprints.
    strict : bool
        Whether a cutout that cannot be read is an error.
    """

    folder: str
    model: str
    cutouts: str
    strict: bool


@dataclass(frozen=True)
class PartitionSummary:
    """What is known of a partition that has been written.

    Attributes
    ----------
    number : int
        Its place, from 0.
    n_sources : int
        Number of sources, with those whose cutouts could not be read.
    n_flagged : int
        Number of flagged sources.
    n_novel : int
        Number of sources farther from all fitted ones than these are from each other.
    unreadable : list of (str, str, str)
        Id, path and reason.
    stamp : str
        Condensed from the ids, paths, sizes and times of the cutouts.
    kept : bool
        Whether it was there already.
    """

    number: int
    n_sources: int
    n_flagged: int
    n_novel: int
    unreadable: list[Unreadable]
    stamp: str
    kept: bool = False


def file_name(number: int) -> str:
    """Name the file of a partition.

    Parameters
    ----------
    number : int
        Its place, from 0.

    Returns
    -------
    str
        Relative to the folder.

    Examples
    --------
    >>> from spurclust.scale.folder import file_name
    >>> file_name(12)
    'sources/part-000012.parquet'
    """
    return f"{SOURCES}/part-{number:06d}.parquet"


def identity_of(predictor: Predictor, survey: Survey, partition_size: int | None) -> dict[str, Any]:
    """Say what makes a set of predictions what it is.

    Parameters
    ----------
    predictor : Predictor
        With the models.
    survey : Survey
        What is predicted.
    partition_size : int or None
        As it was asked for.

    Returns
    -------
    dict
        What must be the same when work goes on.
    """
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "spurclust": spurclust.__version__,
        "model": predictor.fingerprint,
        "cutouts": survey.fingerprint,
        "partition_size": partition_size,
        "n_partitions": len(survey.partitions),
        "n_sources": survey.n_sources,
    }


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Read what a folder says of the predictions in it.

    Parameters
    ----------
    folder : Path
        The folder, which need not exist.

    Returns
    -------
    dict or None
        The manifest; None where there is none.

    Raises
    ------
    CatalogError
        When there is a manifest that is not of this package.
    """
    path = folder / MANIFEST
    if not os.path.lexists(path):
        return None
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CatalogError(f"{path} cannot be read ({error}): choose another folder") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise CatalogError(f"{path} is not of spurclust's predictions: choose another folder")
    return manifest


def begin(folder: Path, identity: dict[str, Any]) -> int:
    """Take possession of a folder, or go on in one that holds a part of the same predictions.

    Parameters
    ----------
    folder : Path
        The folder; it, and those above it, need not exist.
    identity : dict
        What `identity_of` returned.

    Returns
    -------
    int
        Number of partitions that are there already.

    Raises
    ------
    CatalogError
        When the folder cannot be written to, or holds anything else of these names.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        _refuse_foreign(folder)
    else:
        _refuse_other(folder, manifest, identity)
    try:
        (folder / SOURCES).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CatalogError(
            f"cannot write to {folder} ({error.strerror or error}): choose another folder"
        ) from error
    if manifest is None:
        _write_json(folder / MANIFEST, {**identity, "complete": False})
    return sum((folder / file_name(k)).exists() for k in range(identity["n_partitions"]))


def _refuse_foreign(folder: Path) -> None:
    """Raise an error where a file of somebody else would be replaced."""
    if folder.exists() and not folder.is_dir():
        raise CatalogError(f"{folder} is a file: choose a folder for the predictions")
    foreign = [name for name in (ERRORS, SOURCES, PATHS) if os.path.lexists(folder / name)]
    if foreign:
        raise CatalogError(
            f"{folder} holds {', '.join(foreign)}, and no {MANIFEST}: move it away or choose "
            "another folder"
        )


def _refuse_other(folder: Path, manifest: dict[str, Any], identity: dict[str, Any]) -> None:
    """Raise an error where the folder holds predictions of something else."""
    for name, what in _DIFFERENCES.items():
        if manifest.get(name) != identity[name]:
            raise CatalogError(
                f"{folder} holds predictions {what.format(manifest.get(name), identity[name])}: "
                "choose another folder, or remove this one"
            )


def _write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a file that appears whole."""
    with file_beside(path, advice=GO_ON) as part:
        part.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        part.replace(path)


def write_paths(folder: Path, survey: Survey, partition_size: int) -> list[TableRows]:
    """Write a list of files as a table beside the predictions, a row group for each partition.

    Parameters
    ----------
    folder : Path
        Where.
    survey : Survey
        Partitions of files.
    partition_size : int
        Sources in each.

    Returns
    -------
    list of TableRows
        The same partitions, as places in the table: they weigh little when they travel.
    """
    files = [partition.files() for partition in survey.partitions]
    columns = {
        "source_id": [one for part in files for one in part.source_ids],
        "path": [one for part in files for one in part.paths],
    }
    path = folder / PATHS
    with file_beside(path, advice=GO_ON) as part:
        pq.write_table(pa.table(columns), part, row_group_size=partition_size)
        part.replace(path)
    place = (str(path), "source_id", "path", str(folder))
    return [
        TableRows(place[0], number, 0, len(part), *place[1:]) for number, part in enumerate(files)
    ]


def write_partition(
    predictor: Predictor, number: int, partition: Any, images: Any, job: "Job"
) -> PartitionSummary:
    """Predict a partition and write its file, unless it is there.

    Parameters
    ----------
    predictor : Predictor
        With the models.
    number : int
        Place of the partition, from 0.
    partition : Files, TableRows or Block
        The partition.
    images : ndarray or None
        The cutouts of a block.
    job : Job
        Where to write, and for what.

    Returns
    -------
    PartitionSummary
        What has been written, or was there.

    Raises
    ------
    CatalogError
        When the file cannot be written, or, if the job is strict, a cutout not be read.
    """
    if isinstance(partition, Block):
        partition = Block(partition.source_ids, images)
        stamp = fingerprint_of([job.cutouts, number], partition.source_ids)
    else:
        partition = partition.files()
        stamp = fingerprint_of(*_times(partition), partition.source_ids, partition.paths)
    path = Path(job.folder) / file_name(number)
    there = read_summary(path, job.model)
    if there is None or there.stamp != stamp or there.number != number:
        predicted = predictor.predict_partition(partition)
        there = PartitionSummary(
            number=number,
            n_sources=len(partition),
            n_flagged=int(predicted.frame["flagged"].sum()),
            n_novel=int((predicted.frame["novelty"] > 1).sum()),
            unreadable=predicted.unreadable,
            stamp=stamp,
        )
        if not (job.strict and there.unreadable):
            _write_frame(path, predicted.frame, {"model": job.model, **asdict(there)})
    else:
        there = replace(there, kept=True)
    if job.strict and there.unreadable:
        source_id, file, reason = there.unreadable[0]
        raise CatalogError(
            f"cannot read {file or source_id}: {reason}. Correct or replace it, or go on without "
            "such cutouts by leaving out --strict"
        )
    return there


def _times(files: Files) -> tuple[list[object], list[object]]:
    """Tell sizes and times of files, which change when they are replaced."""
    sizes: list[object] = []
    times: list[object] = []
    for path in files.paths:
        try:
            status = os.stat(path)  # noqa: PTH116 (a path object for each costs as much again)
            sizes.append(status.st_size)
            times.append(status.st_mtime_ns)
        except OSError:
            sizes.append("missing")
    return sizes, times


def _write_frame(path: Path, frame: pd.DataFrame, summary: dict[str, Any]) -> None:
    """Write a partition, with what it says of itself in its footer."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    footer = {**(table.schema.metadata or {}), FOOTER: json.dumps(summary).encode()}
    with file_beside(path, advice=GO_ON) as part:
        pq.write_table(table.replace_schema_metadata(footer), part, compression="zstd")
        part.replace(path)


def read_summary(path: Path, model: str) -> PartitionSummary | None:
    """Read what the file of a partition says of itself.

    Parameters
    ----------
    path : Path
        The file.
    model : str
        Fingerprint of the models that are to have made it.

    Returns
    -------
    PartitionSummary or None
        None when it is missing, damaged, or of other models.
    """
    try:
        metadata = pq.read_metadata(path)
        summary = json.loads(metadata.metadata[FOOTER])
        if summary.pop("model") != model:
            return None
        summary["unreadable"] = [tuple(one) for one in summary["unreadable"]]
        there = PartitionSummary(**summary)
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError):
        return None
    is_whole = metadata.num_rows + len(there.unreadable) == there.n_sources
    return there if is_whole else None


def finish(folder: Path, identity: dict[str, Any], summaries: Sequence[PartitionSummary]) -> None:
    """Write the list of unreadable cutouts and the complete manifest; remove what a crash left.

    Parameters
    ----------
    folder : Path
        With all partitions.
    identity : dict
        What `identity_of` returned.
    summaries : sequence of PartitionSummary
        Of all partitions.
    """
    unreadable = [one for summary in summaries for one in summary.unreadable]
    errors = folder / ERRORS
    if unreadable:
        table = pd.DataFrame(unreadable, columns=["source_id", "path", "reason"])
        with file_beside(errors, advice=GO_ON) as part:
            table.to_csv(part, index=False, lineterminator="\n")
            part.replace(errors)
    else:
        errors.unlink(missing_ok=True)
    partitions = [
        {
            "file": file_name(one.number),
            "n_sources": one.n_sources,
            "n_flagged": one.n_flagged,
            "n_novel": one.n_novel,
            "n_unreadable": len(one.unreadable),
        }
        for one in summaries
    ]
    totals = {
        name: sum(one[name] for one in partitions)
        for name in ("n_flagged", "n_novel", "n_unreadable")
    }
    _write_json(
        folder / MANIFEST, {**identity, "complete": True, **totals, "partitions": partitions}
    )
    for stray in (folder / SOURCES).glob(".spurclust-*"):
        stray.unlink(missing_ok=True)
