"""The partitions of a prediction as Parquet files, each of which says what it holds."""

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from spurclust.catalog.output import atomic_write
from spurclust.cutouts.path_tables import TableRows
from spurclust.cutouts.survey import Block, Files, Survey, fingerprint_of
from spurclust.errors import CatalogError
from spurclust.scale.predictor import Predictor, Unreadable

SOURCES, PATHS = "sources", "cutouts.parquet"
FOOTER = b"spurclust"
"""Key of what a file says of itself, in the metadata of its schema."""

GO_ON = (
    "make room, or permit it, and give the same command again: what is there is whole and is kept"
)
"""What to do when a file cannot be written."""


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
    >>> from spurclust.scale.parts import file_name
    >>> file_name(12)
    'sources/part-000012.parquet'
    """
    return f"{SOURCES}/part-{number:06d}.parquet"


def write_paths(folder: Path, survey: Survey) -> list[TableRows]:
    """Write a list of files as a table beside the predictions, a row group for each partition.

    Parameters
    ----------
    folder : Path
        Where.
    survey : Survey
        Partitions of files.

    Returns
    -------
    list of TableRows
        The same partitions, as places in the table: they weigh little when they travel.
    """
    files = survey.list_files()
    path = folder / PATHS
    with atomic_write(path, advice=GO_ON) as part:
        columns = {"source_id": files.source_ids, "path": files.paths}
        pq.write_table(pa.table(columns), part, row_group_size=survey.partition_size)
    place = (str(path), "source_id", "path", str(folder))
    return [
        TableRows(place[0], number, 0, len(part), *place[1:])
        for number, part in enumerate(survey.partitions)
    ]


def find_block(number: int, block: Block, job: Job) -> PartitionSummary | None:
    """Find what was written of a partition of an array, without computing it.

    Parameters
    ----------
    number : int
        Place of the partition, from 0.
    block : Block
        The partition.
    job : Job
        Where it is written, and for what.

    Returns
    -------
    PartitionSummary or None
        None when it is to be made.

    Raises
    ------
    CatalogError
        If the job is strict, and cutouts of it could not be read.
    """
    return _find(number, _stamp_of_block(number, block, job), job)


def write_partition(
    predictor: Predictor, number: int, partition: Any, images: Any, job: Job
) -> PartitionSummary:
    """Predict a partition and write its file; of files, unless it is there.

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
        stamp = _stamp_of_block(number, partition, job)
        partition = replace(partition, images=images)
    else:
        partition = partition.files()
        stamp = fingerprint_of(*_times(partition), partition.source_ids, partition.paths)
        there = _find(number, stamp, job)
        if there:
            return there
    predicted = predictor.predict_partition(partition)
    made = PartitionSummary(
        number=number,
        n_sources=len(partition),
        n_flagged=int(predicted.frame["flagged"].sum()),
        n_novel=int((predicted.frame["novelty"] > 1).sum()),
        unreadable=predicted.unreadable,
        stamp=stamp,
    )
    _refuse_unreadable(made, job)
    path = Path(job.folder) / file_name(number)
    _write_frame(path, predicted.frame, {"model": job.model, **asdict(made)})
    return made


def _find(number: int, stamp: str, job: Job) -> PartitionSummary | None:
    """Find what was written of a partition, if its cutouts are still the same."""
    there = read_summary(Path(job.folder) / file_name(number), job.model)
    if there is None or there.stamp != stamp or there.number != number:
        return None
    _refuse_unreadable(there, job)
    return replace(there, kept=True)


def _refuse_unreadable(summary: PartitionSummary, job: Job) -> None:
    """Raise an error for a cutout that could not be read, if the job is strict."""
    if job.strict and summary.unreadable:
        source_id, file, reason = summary.unreadable[0]
        raise CatalogError(
            f"cannot read {file or source_id}: {reason}. Correct or replace it, or go on without "
            "such cutouts by leaving out --strict"
        )


def _stamp_of_block(number: int, block: Block, job: Job) -> str:
    """Condense what is known of a partition of an array without its pixels."""
    return fingerprint_of([job.cutouts, number, block.stamp], block.source_ids)


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
    with atomic_write(path, advice=GO_ON) as part:
        pq.write_table(
            table.replace_schema_metadata(footer),
            part,
            compression="zstd",
            write_page_checksum=True,
        )


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
        # The footer is written last, and yet the pages before it can be damaged.
        pq.read_table(path, page_checksum_verification=True, partitioning=None)
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError):
        return None
    is_whole = metadata.num_rows + len(there.unreadable) == there.n_sources
    return there if is_whole else None
