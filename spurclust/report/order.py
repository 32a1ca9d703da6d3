"""In which order to look, and how probable it is that a look finds something."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spurclust.report.run_results import Results


@dataclass(frozen=True, eq=False)
class InspectionOrder:
    """The order in which a page shows what to look at.

    What `inspection_order` returns.

    Attributes
    ----------
    rank : ndarray of int of shape (n_sources,)
        1 is to be looked at first; all different.
    probability : ndarray of shape (n_sources,)
        Of being spurious, as far as the run can tell; never NaN.
    ranked : bool
        Whether the run ranked its sources. Otherwise the order is that of the spurious fraction of
        the components, equal ones by id.
    calibrated : bool
        Whether the probabilities are the ranking's, or those fractions.
    """

    rank: NDArray[np.int64]
    probability: NDArray[np.float64]
    ranked: bool
    calibrated: bool

    @property
    def explanation(self) -> str:
        """Which order it is, as a sentence."""
        if self.ranked:
            return "In the order of the run's ranking (inspection_rank), the most suspect first."
        return (
            "Ordered by the spurious fraction of each source's component, equal ones by id: the "
            "run has no ranking of single sources."
        )


def inspection_order(results: Results) -> InspectionOrder:
    """Find the order of inspection of a result.

    Parameters
    ----------
    results : Results
        The tables.

    Returns
    -------
    InspectionOrder
        The run's own ranking if it has one, otherwise by the components' spurious fractions.
    """
    ids = _sortable(results.sources["source_id"].tolist())
    fraction = _fraction(results)
    probability = _known(results.column("inspection_probability"))
    rank = _known(results.column("inspection_rank"))
    order = np.lexsort((ids, -fraction if rank is None else rank))
    places = np.empty(len(order), dtype=np.int64)
    places[order] = np.arange(1, len(order) + 1)
    return InspectionOrder(
        places,
        np.clip(fraction if probability is None else probability, 0.0, 1.0),
        ranked=rank is not None,
        calibrated=probability is not None,
    )


def _known(values: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    """Return a column if it has a number for every source."""
    return values if values is not None and np.isfinite(values).all() else None


def _fraction(results: Results) -> NDArray[np.float64]:
    """Return the spurious fraction of each source's component."""
    fraction = results.sources["spurious_probability"].to_numpy(dtype=np.float64)
    # A component without any inspected source has none: what holds for all is a fair guess.
    return np.where(np.isfinite(fraction), fraction, _overall(results.label))


def _overall(label: NDArray[np.int8]) -> float:
    """Return the spurious fraction of the inspected, 0 if there are none."""
    inspected = label >= 0
    return float((label == 1).sum() / inspected.sum()) if inspected.any() else 0.0


def _sortable(ids: list[str]) -> NDArray[np.int64]:
    """Put ids into the order of people, 9 before 10, and number them."""
    order = sorted(range(len(ids)), key=lambda place: (not _is_whole(ids[place]), _key(ids[place])))
    places = np.empty(len(ids), dtype=np.int64)
    places[order] = np.arange(len(ids))
    return places


def _is_whole(text: str) -> bool:
    """Tell whether an id is digits only."""
    return text.isascii() and text.isdecimal()


def _key(text: str) -> tuple[int, str]:
    """Compare digits by their number, without making one of a thousand digits."""
    if not _is_whole(text):
        return 0, text
    digits = text.lstrip("0")
    return len(digits), digits + text
