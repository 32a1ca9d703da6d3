"""The tables of a run's folder, read back as they were written."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

_TEXT = ("source_id", "path", "reason", "nearest_spurious", "sky_viewer")
_NEEDED = (
    *("source_id", "path", "label", "reason", "tsne_x", "tsne_y"),
    *("component", "spurious_probability", "flagged"),
)
_COMPONENTS_NEEDED = (
    *("component", "size", "n_inspected", "n_spurious"),
    *("fraction", "fraction_low", "fraction_high", "in_region"),
)
_NUMBERS = {"true": "1", "false": "0", "": "nan"}
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
        One row per source: text columns are text, all others float, NaN where blank.
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
        return np.asarray(self.sources["flagged"] == 1)

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
        return self.sources[name].to_numpy(dtype=np.float64)


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
    ValueError: .../sources.csv is missing: give the folder that `spurclust run` wrote
    """
    place = Path(folder)
    sources = _read_table(place / "sources.csv", _NEEDED)
    components = _read_table(place / "components.csv", _COMPONENTS_NEEDED)
    tuning = place / "tuning.csv"
    _check_sources(place / "sources.csv", sources, len(components))
    return Results(
        name=place.resolve().name if name is None else name,
        identity=_identify(place / "sources.csv"),
        sources=sources,
        components=components,
        tuning=_read_table(tuning, ()) if tuning.is_file() else None,
        summary=_read_summary(place / "summary.json"),
    )


def _check_sources(path: Path, sources: "pd.DataFrame", n_components: int) -> None:
    """Refuse a table without sources, with an id twice, or that does not fit the components."""
    if not len(sources):
        raise ValueError(f"{path} has no source: run `spurclust run` again")
    repeated = sources["source_id"].duplicated()
    if repeated.any():
        text = sources["source_id"][repeated].iloc[0]
        raise ValueError(f"{path} has the id {text!r} twice: run `spurclust run` again")
    component = sources["component"].to_numpy()
    if not np.isin(component, np.arange(n_components)).all():
        raise ValueError(
            f"{path} names components that components.csv does not have: the two are of different "
            "runs, run `spurclust run` again"
        )
    for name in ("tsne_x", "tsne_y"):
        if not np.isfinite(sources[name]).all():
            raise ValueError(f"{path}: a cell of {name} is no number: run `spurclust run` again")


def _read_table(path: Path, needed: tuple[str, ...]) -> "pd.DataFrame":
    """Read a csv file, text as text and everything else as numbers."""
    import pandas as pd

    if not path.is_file():
        raise ValueError(f"{path} is missing: give the folder that `spurclust run` wrote")
    try:
        # All as text first: pandas would take the id "NA" for a missing one and "007" for 7.
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except (ValueError, pd.errors.ParserError) as error:
        raise ValueError(f"{path} cannot be read as a table: {error}") from error
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise ValueError(f"{path} has no column {', '.join(missing)}: run `spurclust run` again")
    columns = {
        name: cells if name in _TEXT else _numbers(path, str(name), cells)
        for name, cells in table.items()
    }
    return pd.DataFrame(columns)


def _numbers(path: Path, name: str, cells: "pd.Series[str]") -> "pd.Series[Any]":
    """Turn a column into numbers: blank is NaN, a truth value 0 or 1."""
    import pandas as pd

    words = cells.str.strip().str.casefold()
    values = pd.to_numeric(words.replace(_NUMBERS), errors="coerce")
    wrong = values.isna() & ~words.isin(("", "nan"))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"{path}: {cells.iloc[row]!r} in the column {name}, row {row + 2}, is no number"
        )
    return values.astype(np.float64)


def _read_summary(path: Path) -> dict[str, Any]:
    """Read the summary of a run."""
    if not path.is_file():
        raise ValueError(f"{path} is missing: give the folder that `spurclust run` wrote")
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}): run `spurclust run` again") from error
    if not isinstance(summary, dict) or summary.get("written_by") != "spurclust":
        raise ValueError(f"{path} is not of spurclust: give the folder that `spurclust run` wrote")
    return summary


def _identify(path: Path) -> str:
    """Return a digest of the sources' table."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:_IDENTITY_LENGTH]
