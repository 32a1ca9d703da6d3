"""Forests that are asked only about sources that they have not seen.

The sources with labels are divided into folds, and each forest is grown without one of them. A
source that was seen in the fit is judged by the forest of its fold, any other by all forests
together. So what is said about fitted sources is as good as what is said about new ones, no better.
"""

from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
from joblib import parallel_config
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.utils import check_random_state

from spurclust.embedding.forest import Forest, mean_shares, pack_forest
from spurclust.parallel import count_threads

Float32 = NDArray[np.float32]

MAX_FEATURES = 0.3
"""Share of the features tried at each split. On real and on simulated strips 0.3 orders the first
sources better than the square root of their number, and half of them no better than 0.3."""


class CrossFit(NamedTuple):
    """Forests, one a fold, and the keys and folds of the rows that they were fitted on."""

    forests: list[Forest]
    keys: NDArray[np.uint64]
    folds: NDArray[np.int16]


def assign_folds(
    codes: NDArray[np.integer[Any]],
    keys: NDArray[np.uint64],
    n_folds: int,
    rng: np.random.RandomState,
) -> NDArray[np.int16]:
    """Divide sources into folds of like shares of every class; equal rows share a fold.

    Parameters
    ----------
    codes : ndarray of int of shape (n_samples,)
        Class of each source.
    keys : ndarray of uint64 of shape (n_samples,)
        Equal for equal rows.
    n_folds : int
        Number of folds, at least 2.
    rng : numpy.random.RandomState
        Source of the chance.

    Returns
    -------
    ndarray of int16 of shape (n_samples,)
        From 0 to `n_folds - 1`.
    """
    shuffled = rng.permutation(len(codes))
    order = shuffled[np.argsort(codes[shuffled], kind="stable")]
    folds = np.empty(len(codes), dtype=np.int16)
    folds[order] = np.arange(len(codes)) % n_folds
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    return np.asarray(folds[first][group])


def row_keys(rows: Float32) -> NDArray[np.uint64]:
    """Make a number for each row, equal where the rows are equal to the bit."""
    # Adding 0 turns -0 into 0.
    contiguous = np.ascontiguousarray(rows, dtype=np.float32) + np.float32(0)
    return np.array(
        [int.from_bytes(blake2b(row.data, digest_size=8).digest(), "little") for row in contiguous],
        dtype=np.uint64,
    )


def fit_forests(
    rows: Float32,
    codes: NDArray[np.integer[Any]],
    *,
    n_classes: int,
    n_estimators: int,
    n_folds: int,
    random_state: Any,
    n_jobs: int | None,
) -> CrossFit:
    """Grow one forest a fold.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features)
        Features of sources with labels.
    codes : ndarray of int of shape (n_samples,)
        Class of each, from 0.
    n_classes : int
        Number of classes; some may have no source.
    n_estimators : int
        Trees of all forests together.
    n_folds : int
        Number of folds; no more are used than there are sources.
    random_state : int, RandomState or None
        Seed.
    n_jobs : int or None
        Number of threads.

    Returns
    -------
    CrossFit
        The forests.
    """
    rng = check_random_state(random_state)
    n_folds = min(n_folds, len(rows))
    keys = row_keys(rows)
    folds = assign_folds(codes, keys, n_folds, rng)
    forests = []
    for fold in range(n_folds):
        seen = folds != fold
        if not seen.any():  # all rows are equal
            seen = ~seen
        n_threads = count_threads(n_jobs)
        forest = ExtraTreesClassifier(
            max(n_estimators // n_folds, 1),
            max_features=MAX_FEATURES,
            random_state=rng.randint(np.iinfo(np.int32).max),
            n_jobs=n_threads,
        )
        # A tree is too little to be sent to a cluster, where joblib may be set to send it.
        with parallel_config(backend="threading", n_jobs=n_threads):
            # Trees pass over many sources of one feature at a time.
            forest.fit(np.asfortranarray(rows[seen]), codes[seen])
            forests.append(pack_forest(forest, n_classes))
    order = np.argsort(keys, kind="stable")
    return CrossFit(forests, keys[order], folds[order])


def find_folds(fitted: CrossFit, rows: Float32) -> NDArray[np.int16]:
    """Tell the fold of rows that were seen in the fit, -1 for others."""
    keys = row_keys(rows)
    place = np.minimum(np.searchsorted(fitted.keys, keys), len(fitted.keys) - 1)
    return np.where(fitted.keys[place] == keys, fitted.folds[place], np.int16(-1))


def class_shares(fitted: CrossFit, rows: Float32, n_jobs: int | None) -> NDArray[np.float64]:
    """Tell which share of the trees is for each class, by forests that have not seen the row.

    Parameters
    ----------
    fitted : CrossFit
        The forests.
    rows : ndarray of shape (n_samples, n_features)
        Features.
    n_jobs : int or None
        Number of threads.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        Rows sum to 1.
    """
    folds = find_folds(fitted, rows)
    shares = np.empty((len(rows), fitted.forests[0].shares.shape[1]))
    for fold in np.unique(folds).tolist():
        chosen = folds == fold
        forests = fitted.forests if fold < 0 else fitted.forests[fold : fold + 1]
        shares[chosen] = mean_shares(forests, rows[chosen], n_jobs)
    return shares
