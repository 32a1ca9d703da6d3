"""The region rule: which components hold enough spurious sources, as pure functions."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spurclust.metrics import binomial_interval

if TYPE_CHECKING:
    import pandas as pd


def component_counts(component: ArrayLike, y: ArrayLike, n_components: int) -> NDArray[np.int64]:
    """Count the sources, the inspected and the spurious of each component.

    Parameters
    ----------
    component : array-like of int of shape (n_samples,)
        Component of each source, from 0 to `n_components - 1`.
    y : array-like of shape (n_samples,)
        1 spurious, 0 reliable, -1 uninspected.
    n_components : int
        Number of components.

    Returns
    -------
    ndarray of shape (n_components, 3)
        Columns size, inspected, spurious.

    Examples
    --------
    >>> from spurclust.components import component_counts
    >>> component_counts([0, 0, 1], [1, -1, 0], 2)
    array([[2, 1, 1],
           [1, 1, 0]])
    """
    component, y = np.asarray(component), np.asarray(y)
    return np.stack(
        [
            np.bincount(component[chosen], minlength=n_components)
            for chosen in (slice(None), y >= 0, y == 1)
        ],
        axis=1,
    ).astype(np.int64)


def spurious_fractions(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Divide known spurious by known, per component.

    Parameters
    ----------
    counts : ndarray of shape (n_components, 3)
        What `component_counts` returns.

    Returns
    -------
    ndarray of shape (n_components,)
        Fractions between 0 and 1; NaN where no source is inspected.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.components import spurious_fractions
    >>> spurious_fractions(np.array([[9, 4, 1], [3, 0, 0]]))
    array([0.25,  nan])
    """
    known = counts[:, 1].astype(float)
    fractions = np.full(len(counts), np.nan)
    np.divide(counts[:, 2], known, out=fractions, where=known > 0)
    return fractions


def region_of(fractions: NDArray[np.float64], threshold: float) -> NDArray[np.bool_]:
    """Choose the components that form the spurious region.

    Parameters
    ----------
    fractions : ndarray of shape (n_components,)
        Spurious fractions, NaN where unknown.
    threshold : float
        Least fraction.

    Returns
    -------
    ndarray of bool of shape (n_components,)
        Whether the fraction is at or above the threshold; an unknown one is not.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.components import region_of
    >>> region_of(np.array([0.05, 0.01, np.nan]), 0.05)
    array([ True, False, False])
    """
    return np.nan_to_num(fractions, nan=-1.0) >= threshold


def component_table(
    counts: NDArray[np.int64], threshold: float, confidence: float = 0.95
) -> "pd.DataFrame":
    """Make the table of components.

    Parameters
    ----------
    counts : ndarray of shape (n_components, 3)
        What `component_counts` returns.
    threshold : float
        Least spurious fraction of the region.
    confidence : float, default=0.95
        Confidence of the exact interval of each fraction.

    Returns
    -------
    pandas.DataFrame
        Indexed by `component`, with columns size, n_inspected, n_spurious, fraction,
        fraction_low, fraction_high, in_region.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.components import component_table
    >>> table = component_table(np.array([[9, 4, 1], [3, 0, 0]]), 0.05)
    >>> table[["size", "fraction", "in_region"]].to_numpy().tolist()
    [[9, 0.25, True], [3, nan, False]]
    """
    import pandas as pd

    fractions = spurious_fractions(counts)
    low, high = binomial_interval(counts[:, 2], counts[:, 1], confidence)
    return pd.DataFrame(
        {
            "size": counts[:, 0],
            "n_inspected": counts[:, 1],
            "n_spurious": counts[:, 2],
            "fraction": fractions,
            "fraction_low": low,
            "fraction_high": high,
            "in_region": region_of(fractions, threshold),
        },
        index=pd.RangeIndex(len(counts), name="component"),
    )
