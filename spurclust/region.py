"""The region rule: which components hold enough spurious sources, as pure functions."""

from collections.abc import Sequence
from inspect import signature
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.mixture import GaussianMixture

from spurclust.metrics import binomial_interval
from spurclust.parallel import map_row_blocks, single_threaded_blas

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["component_counts", "component_table", "region_of", "spurious_fractions"]


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
    >>> from spurclust.region import component_counts
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
    >>> from spurclust.region import spurious_fractions
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
    >>> from spurclust.region import region_of
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
    >>> from spurclust.region import component_table
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


MIXTURE_ROWS = 256
"""Rows of one block when the mixture assigns sources."""


def set_missing(step: Any, **values: Any) -> Any:
    """Set values on a step that has these parameters and was not given others."""
    if step == "passthrough":
        return step
    own = step.get_params(deep=False)
    defaults = signature(type(step)).parameters
    unset = {
        name: value
        for name, value in values.items()
        if name in own and value is not None and own[name] == defaults[name].default
    }
    return step.set_params(**unset)


def check_mixture(mixture: Any, assignment: str) -> None:
    """Raise when the mixture, as it was given, has no responsibilities for a soft assignment."""
    if assignment == "soft" and mixture is not None and not hasattr(mixture, "predict_proba"):
        raise ValueError(
            'assignment="soft" needs a mixture with predict_proba, which '
            f'{type(mixture).__name__} has not: use assignment="hard".'
        )


def allowed_components(
    mixture: Any, wanted: Sequence[int], embedding: NDArray[np.float64]
) -> list[int]:
    """Shrink numbers of components to that of distinct points, where the mixture takes one."""
    if mixture is not None and "n_components" not in mixture.get_params(deep=False):
        return list(wanted)
    n_distinct = len(np.unique(embedding, axis=0))
    return [min(each, n_distinct) for each in wanted]


def fit_mixture(
    mixture: Any, embedding: NDArray[np.float64], n_components: int, random_state: Any
) -> Any:
    """Fit a clone of the mixture, `GaussianMixture()` when it is None, to an embedding."""
    fitted = clone(GaussianMixture() if mixture is None else mixture)
    fitted = set_missing(fitted, random_state=random_state)
    if "n_components" in fitted.get_params(deep=False):
        fitted.set_params(n_components=n_components)
    with single_threaded_blas():  # sums of several threads differ in their last bits
        return fitted.fit(embedding)


def assign_points(mixture: Any, method: str, embedding: NDArray[np.float64]) -> NDArray[Any]:
    """Ask the mixture about points, in blocks, so that a point's answer is its own."""
    return map_row_blocks(getattr(mixture, method), embedding, MIXTURE_ROWS)


def count_components(mixture: Any, component: NDArray[np.integer[Any]]) -> int:
    """Tell how many components a fitted mixture has."""
    return int(getattr(mixture, "n_components", max(component.max() + 1, 1)))


def memberships(mixture: Any, embedding: NDArray[np.float64], assignment: str) -> NDArray[Any]:
    """Tell the component of each point ("hard"), or its responsibilities ("soft")."""
    if assignment == "hard":
        return assign_points(mixture, "predict", embedding).astype(np.int64)
    return assign_points(mixture, "predict_proba", embedding)


def weigh_fractions(membership: NDArray[Any], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Look up or average the spurious fractions of the components that points belong to."""
    fractions = np.nan_to_num(spurious_fractions(counts))
    if membership.ndim == 1:
        return np.asarray(fractions[membership])
    # Summed by einsum, whose order does not depend on the other rows.
    return np.asarray(np.einsum("ij,j->i", membership, fractions))
