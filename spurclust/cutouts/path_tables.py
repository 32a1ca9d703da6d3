"""Parquet tables of ids and paths as a source, read a few rows at a time."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any
from unicodedata import normalize

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from spurclust.catalog.ids import ID_FORMS
from spurclust.cutouts.files import PARTITION_SIZE, FileSource, find_tables
from spurclust.cutouts.formats import ImageFormat, ReadOptions
from spurclust.cutouts.gather import Cutouts, Skipped
from spurclust.errors import CatalogError

MAX_COMPARED = 50_000_000
"""Maximum number of ids of a table that are compared before anything is read."""


_EXAMPLES = 3
"""Number of rows to return for any ids, so that an error can show how ids are written."""


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

    lazy = None

    def __len__(self) -> int:
        return self.stop - self.start

    def load(self, images: object = None) -> FileSource:  # noqa: ARG002 (of arrays only)
        """Read the rows."""
        return self.take(range(self.start, self.stop))

    def take(self, rows: Sequence[int]) -> FileSource:
        """Read some rows, counted from the first of the row group; a missing path is ""."""
        group = self.read(self.id_column, self.path_column).take(pa.array(rows, pa.int64()))
        with _named(self.table):
            ids, paths = (_texts(group[name]) for name in (self.id_column, self.path_column))
        if None in ids or "" in ids:
            row = rows[next(k for k, one in enumerate(ids) if not one)]
            raise CatalogError(
                f"{self.table}: row {row} of row group {self.row_group} has no {self.id_column}: "
                "give every source an id"
            )
        folder = Path(self.folder)
        return FileSource(
            [str(one) for one in ids], [str(folder / one) if one else "" for one in paths]
        )

    def read(self, *columns: str) -> Any:
        """Read columns of the whole row group; the last ones are cached."""
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
    stamp: tuple[int, int],  # noqa: ARG001 (a replaced table is read again)
) -> Any:
    """Read columns of a row group, the smallest part that can be read."""
    with pq.ParquetFile(table) as file:
        return file.read_row_group(row_group, list(columns))


class TableSource:
    """The sources of one or several tables of paths, by row number."""

    # There may be more sources than lists should hold, so ids are compared and paths are read by
    # row group. In a folder, tables whose names begin with "_" or "." are skipped. If some tables
    # are in folders "Norder=...", as in a HATS catalog, all others are skipped. Relative paths
    # start at the folder.

    lost: Sequence[Skipped] = ()
    in_files = True
    image_format: ImageFormat | None = None
    filters: list[str] | None = None
    notes: Sequence[str] = ()

    def __init__(self, source: str | os.PathLike[str], id_column: str, path_column: str) -> None:
        place = Path(source).expanduser().absolute()
        folder = place if place.is_dir() else place.parent
        tables = _tables_in(place) if place.is_dir() else [place]
        self.name = str(place)
        self._groups: list[TableRows] = []
        # A hash of the footers: names, numbers of rows, columns, positions and sizes of the data,
        # and the statistics, if any, of each row group.
        digest = blake2b(digest_size=16)
        for table in tables:
            with _named(str(table)):
                metadata = pq.read_metadata(table)
                _check_columns(table, metadata.schema.to_arrow_schema(), id_column, path_column)
                digest.update(f"{table.relative_to(folder)}\0{metadata.num_rows}\0".encode())
                digest.update(repr(metadata.to_dict()).encode())
            for number in range(metadata.num_row_groups):
                n_rows = metadata.row_group(number).num_rows
                self._groups.append(
                    TableRows(str(table), number, 0, n_rows, id_column, path_column, str(folder))
                )
        self.fingerprint = digest.hexdigest()
        self._starts = np.cumsum([0, *map(len, self._groups)])
        if not len(self):
            raise CatalogError(f"{place} has no rows: give a table of at least one source")
        if len(self) <= MAX_COMPARED:
            _check_ids(place, tables, id_column)

    def __len__(self) -> int:
        return int(self._starts[-1])

    def find(self, source_ids: Sequence[str]) -> tuple[NDArray[np.intp], list[str]]:
        """Find all rows that some ids can mean, such as 7 for "007" and "7.png".

        The result of `match_labels` is the same for these rows as for all rows.
        """
        wanted = _as_forms(pa.array(list(source_ids), pa.string()))
        rows: list[NDArray[np.intp]] = []
        ids: list[str] = []
        for start, group in zip(self._starts, self._groups, strict=False):
            column = pc.cast(group.read(group.id_column)[group.id_column], pa.string())
            found = np.array(pc.is_in(_as_forms(column), value_set=wanted))
            found[: max(_EXAMPLES - int(start), 0)] = True
            chosen = np.flatnonzero(found)
            rows.append(start + chosen)
            ids += [one or "" for one in column.take(pa.array(chosen)).to_pylist()]
        return np.concatenate(rows), ids

    def take(self, rows: Iterable[int]) -> tuple[list[str], list[str]]:
        """Read ids and paths of some rows."""
        chosen = np.asarray(list(rows), dtype=np.intp)
        order = np.argsort(chosen, kind="stable")
        ids, paths = np.empty(len(chosen), dtype=object), np.empty(len(chosen), dtype=object)
        edges = np.searchsorted(chosen[order], self._starts)
        for k, group in enumerate(self._groups):
            part = order[edges[k] : edges[k + 1]]
            if len(part):
                files = group.take((chosen[part] - self._starts[k]).tolist())
                ids[part], paths[part] = files.source_ids, files.paths
        return ids.tolist(), paths.tolist()

    def read(
        self, rows: Iterable[int] | None = None, options: ReadOptions | None = None
    ) -> Cutouts:
        """Read some or all files."""
        files = FileSource(*self.take(range(len(self)) if rows is None else rows))
        return files.read(options=options)

    def partitions(self, size: int | None = None) -> tuple[list[TableRows], int]:
        """Cut every row group."""
        step = size or PARTITION_SIZE
        parts = [
            replace(group, start=start, stop=min(start + step, len(group)))
            for group in self._groups
            for start in range(0, len(group), step)
        ]
        return parts, step

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {len(self)} cutouts>"


@contextmanager
def _named(table: str) -> Iterator[None]:
    """Name the table in the errors of pyarrow."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise CatalogError(
            f"{table} cannot be read as a Parquet table ({error}): correct or replace it"
        ) from error


def _tables_in(folder: Path) -> list[Path]:
    """Find the tables of a folder at any depth; in a HATS catalog only those of its pixels."""
    if (folder / "collection.properties").is_file():
        # Its margins and indexes repeat rows of the catalog.
        raise CatalogError(
            f"{folder} is a HATS collection: give the folder of the catalog in it that "
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
    """Raise an error for a column that is missing, repeated, or cannot be text."""
    names = schema.names
    for name in wanted:
        if names.count(name) > 1:
            raise CatalogError(
                f"{table} has {names.count(name)} columns named {name!r}: rename all but one"
            )
        if name not in names:
            raise CatalogError(
                f"{table} has no column {name!r}; its columns are {', '.join(names)}: name the "
                "columns of ids and paths with id_column and path_column (--path-column, and "
                "--cutout-id-column or, of predict, --id-column)"
            )
        kind = schema.field(name).type
        if pa.types.is_nested(kind):
            raise CatalogError(
                f"{table}: the column {name!r} is of {kind}: it must be of texts or whole numbers"
            )


def _check_ids(place: Path, tables: list[Path], id_column: str) -> None:
    """Raise an error for an id that is missing or repeated."""
    chunks: list[Any] = []
    for table in tables:
        # Read as one file: names of folders above it are not columns.
        with _named(str(table)), pq.ParquetFile(table) as file:
            texts = pc.cast(file.read([id_column])[id_column], pa.string())
        blank = pc.index(pc.equal(pc.fill_null(texts, ""), ""), value=True).as_py()
        if blank >= 0:
            raise CatalogError(f"{table}: row {blank} has no {id_column}: give every source an id")
        chunks += texts.chunks
    counts = pc.value_counts(pa.chunked_array(chunks, pa.string()))
    doubled = counts.filter(pc.greater(counts.field("counts"), 1))
    if len(doubled):
        raise CatalogError(
            f"{id_column} {doubled[0]['values'].as_py()!r} occurs {doubled[0]['counts']} times in "
            f"{place}, and {len(doubled)} ids occur more than once: keep one of each"
        )


def _texts(column: Any) -> list[str | None]:
    """Return a column of text or whole numbers as text, None where missing."""
    texts: list[str | None] = pc.cast(column, pa.string()).to_pylist()
    return texts


def _as_forms(column: Any) -> Any:
    """Return ids in the form that `match_ids` compares."""
    forms = column
    if not pc.all(pc.string_is_ascii(column)).as_py():
        # `pc.utf8_normalize` decomposes instead in pyarrow 23 and older.
        texts = column.to_pylist()
        forms = pa.array([text and normalize("NFC", text) for text in texts], pa.string())
    for pattern, replacement in ID_FORMS:
        forms = pc.replace_substring_regex(forms, pattern, replacement)
    return forms
