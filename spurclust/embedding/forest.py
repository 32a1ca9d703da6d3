"""Grown trees as arrays, which are asked by one compiled loop and saved as they are.

A forest of scikit-learn's is an object a tree: asking hundreds of them about a few hundred rows
takes longer in calls than in trees, in which threads wait for each other besides.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier

from spurclust.parallel import map_threads

Float32 = NDArray[np.float32]

LEAF = -1
BLOCK_ROWS = 64


class Forest(NamedTuple):
    """Trees, one after the other, each from its root.

    Attributes
    ----------
    roots : ndarray of int64 of shape (n_trees,)
        Node of each tree's root.
    features : ndarray of int32 of shape (n_nodes,)
        Feature that is compared; -1 in leaves.
    thresholds : ndarray of float64 of shape (n_nodes,)
        Up to which the way goes left.
    children : ndarray of int32 of shape (n_nodes, 2)
        Nodes to the left and to the right.
    missing_left : ndarray of bool of shape (n_nodes,)
        Whether the way of NaN goes left.
    shares : ndarray of float64 of shape (n_nodes, n_classes)
        Share of each class among the sources that grew the node.
    importances : ndarray of float64 of shape (n_features,)
        Mean decrease of the impurity by each feature; they sum to 1.
    """

    roots: NDArray[np.int64]
    features: NDArray[np.int32]
    thresholds: NDArray[np.float64]
    children: NDArray[np.int32]
    missing_left: NDArray[np.bool_]
    shares: NDArray[np.float64]
    importances: NDArray[np.float64]


def pack_forest(grown: ExtraTreesClassifier, n_classes: int) -> Forest:
    """Turn a grown forest into arrays.

    Parameters
    ----------
    grown : sklearn.ensemble.ExtraTreesClassifier
        Fitted on codes from 0, of which some may be missing.
    n_classes : int
        Number of codes.

    Returns
    -------
    Forest
        The same trees.
    """
    trees = [each.tree_ for each in grown.estimators_]
    counts = np.array([tree.node_count for tree in trees])
    roots = np.cumsum(counts) - counts
    start = np.repeat(roots, counts)[:, None]
    children = np.concatenate([np.c_[tree.children_left, tree.children_right] for tree in trees])
    is_leaf = children[:, 0] < 0
    features = np.concatenate([tree.feature for tree in trees])
    shares = np.zeros((len(children), n_classes))
    shares[:, grown.classes_.astype(int)] = np.concatenate([tree.value[:, 0] for tree in trees])
    return Forest(
        roots.astype(np.int64),
        np.where(is_leaf, LEAF, features).astype(np.int32),
        np.concatenate([tree.threshold for tree in trees]),
        np.where(is_leaf[:, None], LEAF, children + start).astype(np.int32),
        np.concatenate([tree.missing_go_to_left for tree in trees]).astype(np.bool_),
        shares,
        grown.feature_importances_,
    )


def mean_shares(
    forests: Sequence[Forest], rows: Float32, n_jobs: int | None = None
) -> NDArray[np.float64]:
    """Average what forests say about rows.

    Parameters
    ----------
    forests : sequence of Forest
        Of one number of features and classes.
    rows : ndarray of shape (n_samples, n_features), float32
        Features.
    n_jobs : int, default=None
        Number of threads.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        Mean of the forests of the mean of their trees; rows sum to 1.
    """
    from spurclust.embedding.leaves import add_shares

    rows = np.ascontiguousarray(rows, dtype=np.float32)
    total = np.zeros((len(rows), forests[0].shares.shape[1]))

    def ask(start: int) -> None:
        block = slice(start, start + BLOCK_ROWS)
        for forest in forests:
            said = np.zeros_like(total[block])
            add_shares(rows[block], *forest[:-1], said)
            total[block] += said / len(forest.roots)

    map_threads(ask, range(0, len(rows), BLOCK_ROWS), n_jobs)
    return total / len(forests)
