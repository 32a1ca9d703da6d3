"""A few sources of a table of paths that has many."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spurclust.cutouts.path_tables import TableRows
from spurclust.cutouts.survey import open_survey

_EXAMPLES = 3
"""Rows that are found whatever is looked for, so that an error can show how ids are written."""


class TableSources:
    """The sources of one or several tables of paths, by the number of their row.

    For choosing among more sources than Python's lists should hold: ids are compared, and paths
    read, a row group at a time.

    Parameters
    ----------
    cutouts : str or path
        A Parquet table, or a folder of such tables, see `open_survey`.
    id_column, path_column : str
        The columns.

    Raises
    ------
    CatalogError
        When a table cannot be read, lacks a column, or an id stands twice.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> from spurclust.cutouts.lookup import TableSources
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = pd.DataFrame({"source_id": range(9), "path": [f"/c/{k}.png" for k in range(9)]})
    ...     table.to_parquet(f"{folder}/t.parquet")
    ...     sources = TableSources(f"{folder}/t.parquet", "source_id", "path")
    ...     len(sources), sources.find(["007"])[0].tolist(), sources.take([7])
    (9, [0, 1, 2, 7], (['7'], ['/c/7.png']))
    """

    def __init__(self, cutouts: Any, id_column: str, path_column: str) -> None:
        # One partition for each row group.
        survey = open_survey(
            cutouts, partition_size=2**31, id_column=id_column, path_column=path_column
        )
        self._groups = [part for part in survey.partitions if isinstance(part, TableRows)]
        self._starts = np.cumsum([0, *map(len, self._groups)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def find(self, source_ids: Sequence[str]) -> tuple[NDArray[np.intp], list[str]]:
        """Find all rows whose ids can be meant by some ids, where "007" and "7.0" may mean 7.

        `match_labels` says the same of these rows as it would among all: every row that has a part
        in its answer is found.

        Parameters
        ----------
        source_ids : sequence of str
            What to look for.

        Returns
        -------
        rows : ndarray
            Their numbers, ascending; the first three rows are among them.
        ids : list of str
            Their ids.
        """
        wanted = _numbers(pa.array(list(source_ids), pa.string()))
        rows: list[NDArray[np.intp]] = []
        ids: list[str] = []
        for start, group in zip(self._starts, self._groups, strict=False):
            column = pc.cast(group.read(group.id_column)[group.id_column], pa.string())
            found = np.array(pc.is_in(_numbers(column), value_set=wanted))
            found[: max(_EXAMPLES - int(start), 0)] = True
            there = np.flatnonzero(found)
            rows.append(start + there)
            ids += [one or "" for one in column.take(pa.array(there)).to_pylist()]
        return np.concatenate(rows), ids

    def take(self, rows: Sequence[int] | NDArray[np.intp]) -> tuple[list[str], list[str]]:
        """Read ids and paths of some rows.

        Parameters
        ----------
        rows : sequence of int
            Their numbers, ascending.

        Returns
        -------
        source_ids, paths : list of str
            A missing path is "".
        """
        chosen = np.asarray(rows, dtype=np.intp)
        ids: list[str] = []
        paths: list[str] = []
        edges = np.searchsorted(chosen, self._starts)
        for k, group in enumerate(self._groups):
            part = chosen[edges[k] : edges[k + 1]] - self._starts[k]
            if len(part):
                files = group.take(part.tolist())
                ids += files.source_ids
                paths += files.paths
        return ids, paths


def _numbers(column: Any) -> Any:
    """Write whole numbers without leading zeros and point, as `match_ids` compares them."""
    trimmed = pc.utf8_trim_whitespace(column)
    return pc.replace_substring_regex(trimmed, r"^(-?)0*([0-9]+)(?:\.0*)?$", r"\1\2")
