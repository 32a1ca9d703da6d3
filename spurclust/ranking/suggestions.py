"""Which sources to look at next, when few are inspected."""

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist
from sklearn.ensemble import IsolationForest
from sklearn.utils import check_random_state

from spurclust.ranking.similarity import robust_scaled

Strategy = Literal["mixed", "probable", "uncertain", "diverse", "random"]

PROBABLE_SHARE = 0.75
"""Share of the mixed suggestions that are the most probable; the rest is unlike all inspected
ones, so that a kind of defect that nobody has labelled is met."""


def suggest_sources(
    rows: ArrayLike,
    inspected: ArrayLike,
    probability: ArrayLike,
    n: int = 20,
    *,
    strategy: Strategy = "mixed",
    random_state: int | np.random.RandomState | None = None,
) -> NDArray[np.intp]:
    """Suggest which sources to look at next.

    Parameters
    ----------
    rows : array-like of shape (n_samples, n_features)
        Features of all sources, as `CutoutFeatures` makes them.
    inspected : array-like of bool of shape (n_samples,)
        Which sources have been looked at.
    probability : array-like of shape (n_samples,)
        How probably each is spurious: `inspection_probability_` of a ranker.
    n : int, default=20
        How many to suggest; no more than are left.
    strategy : {"mixed", "probable", "uncertain", "diverse", "random"}, default="mixed"
        The most probable find most at once. The uncertain are nearest to even odds. The diverse are
        farthest from all inspected ones and from each other. Mixed are three quarters probable, the
        rest diverse.
    random_state : int, RandomState or None, default=None
        Seed of "random".

    Returns
    -------
    ndarray of int of shape (n_suggested,)
        Places of the sources, to be looked at in this order.

    Raises
    ------
    ValueError
        When the shapes differ, or the strategy is unknown.

    References
    ----------
    T. F. Gonzalez, "Clustering to minimize the maximum intercluster distance", Theoretical Computer
    Science 38, 293 (1985), for the diverse ones.

    Examples
    --------
    >>> from spurclust.ranking import suggest_sources
    >>> rows = [[0.0], [0.1], [5.0], [9.0]]
    >>> suggest_sources(rows, [True, False, False, False], [0, 0.3, 0.1, 0.2], 2).tolist()
    [1, 3]
    """
    if strategy not in get_args(Strategy):
        raise ValueError(
            f"strategy={strategy!r}: it must be one of {', '.join(get_args(Strategy))}"
        )
    values = np.asarray(rows, dtype=np.float32)
    seen, chance = np.asarray(inspected, dtype=bool), np.asarray(probability, dtype=np.float64)
    if not len(values) == len(seen) == len(chance):
        raise ValueError(
            f"{len(values)} rows, {len(seen)} inspected, {len(chance)} probabilities: there must "
            "be one for each source"
        )
    left = np.flatnonzero(~seen)
    n = min(n, len(left))
    if strategy == "random":
        return np.asarray(check_random_state(random_state).permutation(left)[:n])
    if strategy == "uncertain":
        return left[np.argsort(np.abs(chance[left] - 0.5), kind="stable")[:n]]
    n_probable = {"probable": n, "diverse": 0, "mixed": int(np.ceil(PROBABLE_SHARE * n))}[strategy]
    probable = left[np.argsort(-chance[left], kind="stable")[:n_probable]]
    if n_probable == n:
        return probable
    return np.concatenate([probable, _diverse(robust_scaled(values), seen, probable, n)])


def _diverse(
    scaled: NDArray[np.float32], seen: NDArray[np.bool_], chosen: NDArray[np.intp], n: int
) -> NDArray[np.intp]:
    """Complete `chosen` to `n` with what is farthest from all seen and chosen, one by one."""
    taken = seen.copy()
    taken[chosen] = True
    left = np.flatnonzero(~taken)
    known = np.flatnonzero(taken)
    if len(known):
        distance = np.min(
            [
                cdist(scaled[left], scaled[known[k : k + 64]]).min(axis=1)
                for k in range(0, len(known), 64)
            ],
            axis=0,
        )
    else:
        distance = cdist(scaled[left], np.median(scaled, axis=0)[None])[:, 0]
    found = []
    for _ in range(n - len(chosen)):
        farthest = int(distance.argmax())
        found.append(left[farthest])
        distance = np.minimum(distance, cdist(scaled[left], scaled[left[farthest]][None])[:, 0])
        distance[farthest] = -1
    return np.array(found, dtype=np.intp)


def outlyingness(rows: ArrayLike, *, random_state: Any = 0, n_jobs: int | None = None) -> Any:
    """Tell how easily each source is isolated from the others, when no label says what to look for.

    Parameters
    ----------
    rows : array-like of shape (n_samples, n_features)
        Features of all sources.
    random_state : int or RandomState, default=0
        Seed.
    n_jobs : int, default=None
        Number of threads.

    Returns
    -------
    ndarray of shape (n_samples,)
        From 0 to 1, the more the more alone.

    References
    ----------
    F. T. Liu, K. M. Ting and Z.-H. Zhou, "Isolation forest", ICDM 2008.

    Examples
    --------
    >>> from spurclust.ranking import outlyingness
    >>> int(outlyingness([[0.0], [0.1], [0.2], [9.0]]).argmax())
    3
    """
    forest = IsolationForest(n_estimators=200, random_state=random_state, n_jobs=n_jobs)
    values = np.asarray(rows, dtype=np.float32)
    return -forest.fit(values).score_samples(values)
