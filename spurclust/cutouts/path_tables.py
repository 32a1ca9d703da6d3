"""Parquet tables of ids and paths, read a few rows at a time."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spurclust.cutouts.places import find_tables
from spurclust.errors import CatalogError

if TYPE_CHECKING:
    from spurclust.cutouts.survey import Files

MAX_COMPARED = 50_000_000
"""Up to so many ids of a table are compared with each other before anything is read."""


@dataclass(frozen=True)
class TableRows:
    """A partition: some rows of one row group of a table of paths."""

    table: str
    row_group: int
    start: int
    stop: int
    id_column: str
    path_column: str
    folder: str

    def __len__(self) -> int:
        return self.stop - self.start

    def files(self) -> "Files":
        """Read the rows.

        Returns
        -------
        Files
            Ids and paths; a missing path is "".

        Raises
        ------
        CatalogError
            When the table cannot be read, or an id is missing.
        """
        return self.take(range(self.start, self.stop))

    def take(self, rows: Sequence[int]) -> "Files":
        """Read some rows of the row group.

        Parameters
        ----------
        rows : sequence of int
            Their numbers, from 0 at its first.

        Returns
        -------
        Files
            Ids and paths; a missing path is "".

        Raises
        ------
        CatalogError
            When the table cannot be read, or an id is missing.
        """
        from spurclust.cutouts.survey import Files

        group = self.read(self.id_column, self.path_column)
        if isinstance(rows, range):
            columns = group.slice(rows.start, len(rows))
        else:
            columns = group.take(pa.array(rows, pa.int64()))
        with _named(self.table):
            ids, paths = (_texts(columns[name]) for name in (self.id_column, self.path_column))
        if None in ids or "" in ids:
            row = rows[next(k for k, one in enumerate(ids) if not one)]
            raise CatalogError(
                f"{self.table}: row {row} of row group {self.row_group} has no {self.id_column}: "
                "give every source an id"
            )
        folder = Path(self.folder)
        return Files([str(one) for one in ids], [str(folder / one) if one else "" for one in paths])

    def read(self, *columns: str) -> Any:
        """Read columns of the whole row group.

        Parameters
        ----------
        *columns : str
            Their names.

        Returns
        -------
        pyarrow.Table
            The last ones are kept, as the next partition is mostly of the same row group.
        """
        with _named(self.table):
            status = Path(self.table).stat()
            return _read_group(
                self.table, self.row_group, columns, (status.st_size, status.st_mtime_ns)
            )


@lru_cache(maxsize=1)
def _read_group(
    table: str,
    row_group: int,
    columns: tuple[str, ...],
    stamp: tuple[int, int],  # noqa: ARG001 (a table that was replaced is read anew)
) -> Any:
    """Read columns of a row group: rows of it alone cannot be."""
    with pq.ParquetFile(table) as file:
        return file.read_row_group(row_group, list(columns))


@contextmanager
def _named(table: str) -> Iterator[None]:
    """Name the table in the errors of pyarrow."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise CatalogError(
            f"{table} cannot be read as a Parquet table ({error}): correct or replace it"
        ) from error


def table_rows(
    source: str | os.PathLike[str], partition_size: int, id_column: str, path_column: str
) -> tuple[list[TableRows], str]:
    """Cut one or several tables of paths into partitions.

    Parameters
    ----------
    source : str or path
        A table, or a folder of tables; those whose names begin with "_" or "." are passed over,
        and where some are in folders "Norder=...", as in a HATS catalogue, all others.
    partition_size : int
        Most sources in a partition.
    id_column, path_column : str
        The columns.

    Returns
    -------
    rows : list of TableRows
        The partitions.
    fingerprint : str
        Differs when the tables do in what their footers show: their names, numbers of rows,
        columns, places and sizes of the data, and the statistics, if any, of each row group.

    Raises
    ------
    CatalogError
        When a table cannot be read, lacks a column or an id, has an id twice, or none has a row.
    """
    place = Path(source).expanduser().absolute()
    folder = place if place.is_dir() else place.parent
    tables = _tables_in(place) if place.is_dir() else [place]
    digest = blake2b(digest_size=16)
    rows: list[TableRows] = []
    for table in tables:
        with _named(str(table)):
            metadata = pq.read_metadata(table)
            _check_columns(table, metadata.schema.to_arrow_schema(), id_column, path_column)
            digest.update(f"{table.relative_to(folder)}\0{metadata.num_rows}\0".encode())
            digest.update(_footer(table))
        for group in range(metadata.num_row_groups):
            n_rows = metadata.row_group(group).num_rows
            rows += [
                TableRows(
                    str(table),
                    group,
                    start,
                    min(start + partition_size, n_rows),
                    id_column,
                    path_column,
                    str(folder),
                )
                for start in range(0, n_rows, partition_size)
            ]
    if not rows:
        raise CatalogError(f"{place} has no rows: give a table of at least one source")
    _check_ids(place, tables, id_column)
    return rows, digest.hexdigest()


def _tables_in(folder: Path) -> list[Path]:
    """Find the tables of a folder, at any depth; of a HATS catalogue only those of its pixels."""
    if (folder / "collection.properties").is_file():
        # Its margins and indexes repeat rows of the catalogue proper.
        raise CatalogError(
            f"{folder} is a HATS collection: give the folder of the catalogue in it that "
            "collection.properties names as hats_primary_table_url"
        )
    tables = sorted(find_tables(folder))
    in_pixels = [
        path
        for path in tables
        if any(part.startswith("Norder=") for part in path.relative_to(folder).parts)
    ]
    return in_pixels or tables


def _check_columns(table: Path, schema: Any, *wanted: str) -> None:
    """Raise an error for a column that is not there, is there twice, or cannot be texts."""
    names = schema.names
    for name in wanted:
        if names.count(name) > 1:
            raise CatalogError(
                f"{table} has {names.count(name)} columns named {name!r}: rename all but one"
            )
        if name not in names:
            raise CatalogError(
                f"{table} has no column {name!r}; its columns are {', '.join(names)}: name the "
                "columns of ids and paths with id_column and path_column (--id-column, or, of fit, "
                "--cutout-id-column, and --path-column)"
            )
        kind = schema.field(name).type
        if pa.types.is_nested(kind):
            raise CatalogError(
                f"{table}: the column {name!r} is of {kind}: it must be of texts or whole numbers"
            )


def _footer(table: Path) -> bytes:
    """Read the end of a table, which says what is in it and where."""
    with table.open("rb") as file:
        file.seek(-8, os.SEEK_END)
        length = int.from_bytes(file.read(4), "little")
        file.seek(-8 - length, os.SEEK_END)
        return file.read(length)


def _check_ids(place: Path, tables: list[Path], id_column: str) -> None:
    """Raise an error for an id that is missing or stands twice, in tables of moderate size."""
    n_rows = sum(pq.read_metadata(table).num_rows for table in tables)
    if n_rows > MAX_COMPARED:
        return
    chunks: list[Any] = []
    for table in tables:
        # As one file: the names of folders above it are no columns.
        with _named(str(table)), pq.ParquetFile(table) as file:
            texts = _as_text(file.read([id_column])[id_column])
        blank = pc.index(pc.equal(pc.fill_null(texts, ""), ""), value=True).as_py()
        if blank >= 0:
            raise CatalogError(f"{table}: row {blank} has no {id_column}: give every source an id")
        chunks += texts.chunks
    counts = pc.value_counts(pa.chunked_array(chunks, pa.string()))
    doubled = counts.filter(pc.greater(counts.field("counts"), 1))
    if len(doubled):
        raise CatalogError(
            f"{id_column} {doubled[0]['values'].as_py()!r} stands {doubled[0]['counts']} times in "
            f"{place}, {len(doubled)} ids stand more than once: leave one of each"
        )


def _as_text(column: Any) -> Any:
    """Turn a column of texts or whole numbers into one of texts."""
    return pc.cast(column, pa.string())


def _texts(column: Any) -> list[str | None]:
    """Return a column as texts, None where missing."""
    texts: list[str | None] = _as_text(column).to_pylist()
    return texts
