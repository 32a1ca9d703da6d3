"""The order of inspection, and the sources to inspect next when few have labels."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist
from sklearn.ensemble import IsolationForest
from sklearn.utils import check_random_state

from spurclust.embedding.neighbors import nearest_neighbors, order_by_content
from spurclust.ranking.similarity import center_and_spread, scale_robustly

Strategy = Literal["mixed", "probable", "uncertain", "diverse", "random"]

PROBABLE_SHARE = 0.75
"""Share of the most probable sources among mixed suggestions. The rest are unlike all inspected
sources, so they find kinds of defect without any label."""

N_ISOLATION_TREES = 200


def inspection_rank(probability: ArrayLike, ties: ArrayLike | None = None) -> NDArray[np.intp]:
    """Return the position of each source in the order of inspection.

    Parameters
    ----------
    probability : array-like of shape (n_samples,)
        Probability that each source is spurious.
    ties : array-like of shape (n_samples,), default=None
        Values that order equally probable sources, such as their ids. None keeps the given order.

    Returns
    -------
    ndarray of int of shape (n_samples,)
        1 for the most probable source.

    Examples
    --------
    >>> from spurclust.ranking import inspection_rank
    >>> inspection_rank([0.1, 0.9, 0.1]).tolist()
    [2, 1, 3]
    >>> inspection_rank([0.1, 0.9, 0.1], ties=["c", "b", "a"]).tolist()
    [3, 1, 2]
    """
    falling = -np.asarray(probability, dtype=np.float64)
    order = np.lexsort((falling,) if ties is None else (np.asarray(ties), falling))
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(1, len(order) + 1)
    return rank


def suggest_sources(
    rows: ArrayLike,
    inspected: ArrayLike,
    probability: ArrayLike,
    n: int = 20,
    *,
    strategy: Strategy = "mixed",
    random_state: int | np.random.RandomState | None = None,
) -> NDArray[np.intp]:
    """Suggest which sources to inspect next.

    Parameters
    ----------
    rows : array-like of shape (n_samples, n_features)
        Features of all sources, as `CutoutFeatures` computes them.
    inspected : array-like of bool of shape (n_samples,)
        Which sources have a label.
    probability : array-like of shape (n_samples,)
        Probability that each source is spurious: `inspection_probability_` of a ranker.
    n : int, default=20
        Number of suggestions; fewer when fewer sources are uninspected.
    strategy : {"mixed", "probable", "uncertain", "diverse", "random"}, default="mixed"
        "probable": the most probable sources, which find most spurious ones at once. "uncertain":
        those nearest to even odds. "diverse": those farthest from all inspected sources and from
        each other. "mixed": three quarters probable and one quarter diverse, in turn.
    random_state : int, RandomState or None, default=None
        Controls the draw of "random".

    Returns
    -------
    ndarray of int of shape (n_suggested,)
        Indices of the sources, in the order in which to inspect them.

    Raises
    ------
    ValueError
        When the lengths differ, or the strategy is unknown.

    References
    ----------
    T. F. Gonzalez, "Clustering to minimize the maximum intercluster distance", Theoretical Computer
    Science 38, 293 (1985), for the diverse sources.

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
    known, spurious = np.asarray(inspected, dtype=bool), np.asarray(probability, dtype=np.float64)
    if not len(values) == len(known) == len(spurious):
        raise ValueError(
            f"{len(values)} rows, {len(known)} inspected, {len(spurious)} probabilities: there "
            "must be one for each source"
        )
    order = order_by_content(values)  # the order of equally probable ones
    left: NDArray[np.intp] = order[~known[order]]
    n = min(n, len(left))
    if strategy == "random":
        return np.asarray(check_random_state(random_state).permutation(left)[:n])
    if strategy == "uncertain":
        return left[np.argsort(np.abs(spurious[left] - 0.5), kind="stable")[:n]]
    n_probable = {"probable": n, "diverse": 0, "mixed": int(np.ceil(PROBABLE_SHARE * n))}[strategy]
    probable = left[np.argsort(-spurious[left], kind="stable")[:n_probable]]
    if n_probable == n:
        return probable
    scaled = scale_robustly(values, *center_and_spread(values))
    known = known.copy()
    known[probable] = True
    diverse = _farthest_first(scaled, known, n - n_probable)
    # In turn, so that both kinds are seen before an early stop.
    turn = [np.arange(1, len(one) + 1) / len(one) for one in (probable, diverse) if len(one)]
    return np.concatenate([probable, diverse])[np.argsort(np.concatenate(turn), kind="stable")]


def _farthest_first(
    scaled: NDArray[np.float32], known: NDArray[np.bool_], n: int
) -> NDArray[np.intp]:
    """Return the n sources farthest from all known ones and from each other, one by one."""
    left = np.flatnonzero(~known)
    if known.any():
        squares, _ = nearest_neighbors(scaled[left], scaled[known], 1)
        distance = np.sqrt(squares[:, 0], dtype=np.float64)
    else:
        distance = cdist(scaled[left], np.median(scaled, axis=0)[None])[:, 0]
    found = []
    for _ in range(n):
        farthest = int(distance.argmax())
        found.append(left[farthest])
        distance = np.minimum(distance, cdist(scaled[left], scaled[left[farthest]][None])[:, 0])
        distance[farthest] = -1
    return np.array(found, dtype=np.intp)


def outlyingness(
    rows: ArrayLike,
    *,
    random_state: int | np.random.RandomState | None = 0,
    n_jobs: int | None = None,
) -> NDArray[np.float64]:
    """Compute how easily each source is isolated from the others.

    Use it to order the sources before any is known to be spurious.

    Parameters
    ----------
    rows : array-like of shape (n_samples, n_features)
        Features of all sources.
    random_state : int, RandomState or None, default=0
        Controls the isolation forest.
    n_jobs : int, default=None
        Number of threads; None is 1, -1 is all cores.

    Returns
    -------
    ndarray of shape (n_samples,)
        From 0 to 1; the higher, the more isolated.

    References
    ----------
    F. T. Liu, K. M. Ting and Z.-H. Zhou, "Isolation forest", ICDM 2008.

    Examples
    --------
    >>> from spurclust.ranking import outlyingness
    >>> int(outlyingness([[0.0], [0.1], [0.2], [9.0]]).argmax())
    3
    """
    forest = IsolationForest(
        n_estimators=N_ISOLATION_TREES, random_state=random_state, n_jobs=n_jobs
    )
    values = np.asarray(rows, dtype=np.float32)
    return np.asarray(-forest.fit(values[order_by_content(values)]).score_samples(values))
