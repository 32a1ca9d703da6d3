"""Choose the sources to fit on, when a survey is too large to fit on all of it."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from spurclust.labels import RELIABLE, SPURIOUS, UNINSPECTED, binary_labels

REFERENCE_SIZE = 20_000
LARGEST = 5.0
"""Columns are clipped at so many standard deviations, so that no outlier has all the weight."""


def choose_reference(
    y: ArrayLike,
    size: int = REFERENCE_SIZE,
    *,
    method: Literal["random", "diverse"] = "random",
    rows: ArrayLike | None = None,
    unlabeled: object = -1,
    random_state: int | np.random.RandomState | None = None,
) -> NDArray[np.intp]:
    """Choose a part of a survey to fit on; the rest is then predicted.

    Use it for surveys that are too large to fit. It takes all known spurious sources, then the
    known reliable ones as long as there is room, then uninspected ones. Make `size` large enough
    for all inspected sources: if reliable ones are left out, spurious fractions are too high.

    Parameters
    ----------
    y : array-like of shape (n_sources,)
        Labels of all sources: two values, the larger one spurious, and `unlabeled`.
    size : int, default=20000
        Number of sources to choose, at least 2. All are chosen if there are fewer.
    method : {"random", "diverse"}, default="random"
        How uninspected sources (and reliable ones, where there is no room for all) are drawn:
        "random": uniformly. "diverse": half of the weight grows with the squared distance from
        the mean, so that rare sources are drawn more often.
    rows : array-like of shape (n_sources, n_columns), default=None
        For "diverse": features of all sources, without missing values.
    unlabeled : object, default=-1
        Value of `y` that means uninspected.
    random_state : int, RandomState or None, default=None
        Controls the draw. An int gives the same draw every time.

    Returns
    -------
    ndarray of int of shape (min(size, n_sources),)
        Indices of the chosen sources, ascending.

    Raises
    ------
    ValueError
        When no source is inspected, `size` is smaller than the number of known spurious sources or
        than 2, or `rows` are missing or of another length.

    References
    ----------
    O. Bachem, M. Lucic and A. Krause, "Scalable k-means clustering via lightweight coresets", KDD
    2018, for the weights of "diverse".

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust import choose_reference
    >>> y = np.full(1000, -1)
    >>> y[:30], y[30:35] = 0, 1
    >>> chosen = choose_reference(y, 100, random_state=0)
    >>> len(chosen), int((y[chosen] == 1).sum()), int((y[chosen] == 0).sum())
    (100, 5, 30)
    """
    _, codes = binary_labels(y, unlabeled)
    if method not in ("random", "diverse"):
        raise ValueError(f'method={method!r}: it must be "random" or "diverse"')
    n_spurious = int((codes == SPURIOUS).sum())
    if size < max(2, n_spurious):
        raise ValueError(
            f"size={size}: it must be at least 2, and at least the {n_spurious} known spurious "
            "sources, which are all chosen"
        )
    if size >= len(codes):
        return np.arange(len(codes))
    rng = check_random_state(random_state)
    weights = _weights(rows, len(codes)) if method == "diverse" else None
    chosen = np.flatnonzero(codes == SPURIOUS)
    for code in (RELIABLE, UNINSPECTED):
        candidates = np.flatnonzero(codes == code)
        n_drawn = min(size - len(chosen), len(candidates))
        if n_drawn:
            own = None if weights is None else weights[candidates] / weights[candidates].sum()
            chosen = np.append(chosen, rng.choice(candidates, n_drawn, replace=False, p=own))
    return np.sort(chosen)


def _weights(rows: ArrayLike | None, n_sources: int) -> NDArray[np.float64]:
    """Return the weight of each source in the draw of "diverse"."""
    if rows is None:
        raise ValueError('method="diverse" needs rows: features of all sources')
    X = np.asarray(rows)
    if X.ndim != 2 or len(X) != n_sources:
        raise ValueError(
            f"rows has shape {X.shape}, and y has {n_sources} labels: give one row a source"
        )
    squares = np.zeros(n_sources)
    # Column by column: where the rows hardly fit in memory, a copy of them would not.
    for column in X.T:
        values = column.astype(np.float64)
        if not np.isfinite(values).all():
            raise ValueError("rows has missing or infinite values: fill them first")
        spread = values.std() or 1.0
        squares += np.clip((values - values.mean()) / spread, -LARGEST, LARGEST) ** 2
    total = squares.sum()
    return 1 + (n_sources * squares / total if total else squares)
