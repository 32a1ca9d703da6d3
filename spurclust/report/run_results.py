"""The tables of a run's folder, read back as they were written."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spurclust import catalog

if TYPE_CHECKING:
    import pandas as pd

# Enough to tell two results apart, short enough for the name of a stored item.
_IDENTITY_LENGTH = 24


@dataclass(frozen=True, eq=False)
class Results:
    """What `spurclust run` wrote into a folder.

    What `read_results` returns, and all that a report knows besides the cutouts.

    Attributes
    ----------
    name : str
        Name of the folder.
    identity : str
        Letters that differ between two results; the same for the same table of sources.
    sources : DataFrame
        One row per source: as `spurclust.catalog.sources_table` returned it.
    components : DataFrame
        One row per component.
    tuning : DataFrame or None
        The settings that were tried, of a run with ``--tune``.
    summary : dict
        The content of ``summary.json``.
    """

    name: str
    identity: str
    sources: "pd.DataFrame"
    components: "pd.DataFrame"
    tuning: "pd.DataFrame | None"
    summary: dict[str, Any]

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def label(self) -> NDArray[np.int8]:
        """1 spurious, 0 reliable, -1 uninspected, of every source."""
        return self.sources["label"].fillna(-1).to_numpy(dtype=np.int8)

    @property
    def flagged(self) -> NDArray[np.bool_]:
        """Whether each source lies in the region."""
        return self.sources["flagged"].to_numpy(dtype=bool)

    def column(self, name: str) -> NDArray[np.float64] | None:
        """Return a column of numbers.

        Parameters
        ----------
        name : str
            Name of the column.

        Returns
        -------
        ndarray of shape (n_sources,) or None
            NaN where the table is blank; None where the run did not write the column.
        """
        if name not in self.sources:
            return None
        return self.sources[name].to_numpy(dtype=np.float64, na_value=np.nan)


def read_results(folder: str | os.PathLike[str], *, name: str | None = None) -> Results:
    """Read the tables and the summary of a run.

    For a report, or to go on with a result in Python. The model and the pictures are not read.

    Parameters
    ----------
    folder : str or path
        The folder that `spurclust run` wrote.
    name : str, default=None
        What to call the result; None is the name of the folder.

    Returns
    -------
    Results
        The tables.

    Raises
    ------
    ValueError
        When a file or a column is missing, or a cell is no number where one must be.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     read_results(folder)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    spurclust.errors.CatalogError: .../sources.csv is missing: give the folder that ...
    """
    place = Path(folder)
    tables = catalog.read_results(place)
    return Results(
        name=place.resolve().name if name is None else name,
        identity=_identify(place / "sources.csv"),
        sources=tables.sources,
        components=tables.components.reset_index(),
        tuning=tables.tuning,
        summary=tables.summary,
    )


def _identify(path: Path) -> str:
    """Return a digest of the sources' table."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:_IDENTITY_LENGTH]
