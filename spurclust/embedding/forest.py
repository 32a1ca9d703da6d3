"""A forest that judges fitted sources without their own labels.

The labeled sources are divided into folds, and trees are grown without each fold. A fitted source
is judged by the trees that have not seen its fold, a new source by all trees. So the judgment on
fitted sources is as good as that on new ones, and no better.
"""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import ExtraTreeClassifier
from sklearn.utils import check_random_state

from spurclust.embedding.neighbors import Float32, order_by_content, row_keys
from spurclust.fitted import Part, Several, Values
from spurclust.parallel import count_threads, map_threads
from spurclust.printing import short_repr

FEATURES_PER_TRIED = 10
"""Each split tries a tenth of the features, or the square root of fewer than a hundred. On real and
simulated strips, twice as many such trees order as well as trees that try three tenths, take the
same time, and give a steadier region. The square root orders worse."""

BLOCK_ROWS = 64
"""Number of rows that one thread takes through the trees at a time."""


_MAX_STATE = np.iinfo(np.int32).max


class PackedTrees(NamedTuple):
    """The trees of one fold as arrays, for one compiled loop and for files."""

    roots: Annotated[NDArray[np.int64], Values("i8", ("n_trees",), 0)]
    # Negative in leaves.
    features: Annotated[NDArray[np.int32], Values("i4", ("n_nodes",), high="n_features")]
    thresholds: Annotated[NDArray[np.float64], Values("f8", ("n_nodes",))]
    children: Annotated[NDArray[np.int32], Values("i4", ("n_nodes", 2))]
    missing_left: Annotated[NDArray[np.bool_], Values("b1", ("n_nodes",))]
    # The share of each class in each node.
    shares: Annotated[NDArray[np.float64], Values("f8", ("n_nodes", "n_classes"), 0, 1)]
    importances: Annotated[NDArray[np.float64], Values("f8", ("n_features",))]

    def _fitted_problem(self) -> str | None:
        """Return what is wrong if a path leads up, or out of the trees."""
        n_nodes = len(self.features)
        inner = np.flatnonzero(self.features >= 0)
        children = self.children[inner]
        down = (children > inner[:, None]) & (children < n_nodes)
        sound = down.all() and self.roots.max() < n_nodes
        return None if sound else "trees do not lead downwards"

    @classmethod
    def pack(cls, grown: Sequence[ExtraTreeClassifier], n_classes: int) -> Self:
        """Turn trees grown on class codes into arrays; a tree may lack classes."""
        trees = [each.tree_ for each in grown]
        counts = np.array([tree.node_count for tree in trees])
        roots = np.cumsum(counts) - counts
        first = np.repeat(roots, counts)[:, None]
        children = np.concatenate([np.c_[t.children_left, t.children_right] for t in trees])
        shares = np.zeros((len(children), n_classes))
        shares[:, grown[0].classes_.astype(int)] = np.concatenate([t.value[:, 0] for t in trees])
        return cls(
            roots.astype(np.int64),
            np.concatenate([tree.feature for tree in trees]).astype(np.int32),
            np.concatenate([tree.threshold for tree in trees]),
            (children + first).astype(np.int32),
            np.concatenate([tree.missing_go_to_left for tree in trees]).astype(np.bool_),
            shares,
            np.mean([each.feature_importances_ for each in grown], axis=0),
        )

    def __repr__(self) -> str:
        return short_repr(self)


class CrossFittedForest(NamedTuple):
    """Extremely randomized trees, grown without each fold of the labeled sources in turn."""

    # One per fold.
    trees: Annotated[
        list[PackedTrees],
        Several(Part(PackedTrees, {"n_features": "n_features", "n_classes": "n_classes"}), list),
    ]
    # Of the fitted rows, sorted.
    keys: Annotated[NDArray[np.uint64], Values("u8", ("n_samples",))]
    # Of these rows.
    folds: Annotated[NDArray[np.int16], Values("i2", ("n_samples",), 0)]

    def _fitted_problem(self) -> str | None:
        """Return what is wrong if a row has a fold without trees."""
        return "folds and trees differ" if self.folds.max() >= len(self.trees) else None

    @classmethod
    def grow(
        cls,
        rows: Float32,
        codes: NDArray[np.integer[Any]],
        *,
        n_classes: int,
        n_estimators: int,
        n_folds: int,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ) -> Self:
        """Grow `n_estimators` trees in total on labeled rows; `codes` are below `n_classes`."""
        rng = check_random_state(random_state)
        n_folds = min(n_folds, len(rows))
        order = order_by_content(rows, codes)
        rows, codes = rows[order], codes[order]
        keys = row_keys(rows)
        folds = _assign_folds(codes, keys, n_folds)
        has_missing = bool(np.isnan(rows).any())
        trees = []
        for fold in range(n_folds):
            seen = folds != fold
            if not seen.any():  # all rows are equal
                seen = ~seen
            # Trees read many sources of one feature at a time.
            X, y = np.asfortranarray(rows[seen]), codes[seen]
            rng_of_fold = np.random.RandomState(rng.randint(_MAX_STATE))
            states = rng_of_fold.randint(_MAX_STATE, size=max(n_estimators // n_folds, 1))
            # Threads of scikit-learn's forest change each other's warning filters.
            grow_tree = partial(_grow_tree, X, y, has_missing)
            grown = map_threads(grow_tree, states, count_threads(n_jobs))
            trees.append(PackedTrees.pack(grown, n_classes))
        return cls(trees, keys, folds)

    def split(self, n_parts: int) -> list[Self]:
        """Divide the trees among forests of about equal size; at most as many as trees per fold."""
        n_parts = min(n_parts, *(len(trees.roots) for trees in self.trees))
        shares = [np.array_split(trees.roots, n_parts) for trees in self.trees]
        return [
            self._replace(
                trees=[
                    t._replace(roots=own[part]) for t, own in zip(self.trees, shares, strict=True)
                ]
            )
            for part in range(n_parts)
        ]

    @property
    def importances(self) -> NDArray[np.float64]:
        """Mean decrease of the impurity by each feature; they sum to 1."""
        return np.asarray(np.mean([trees.importances for trees in self.trees], axis=0))

    def folds_of(self, rows: Float32) -> NDArray[np.int16]:
        """Return the fold of each fitted row, and -1 for others."""
        keys = row_keys(rows)
        index = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[index] == keys, self.folds[index], np.int16(-1))

    def shares(self, rows: Float32, n_jobs: int | None = None) -> NDArray[np.float64]:
        """Return the class shares in each row's leaves, over the trees that have not seen it."""
        folds = self.folds_of(rows)
        shares = np.empty((len(rows), self.trees[0].shares.shape[1]))
        for fold in np.unique(folds).tolist():
            chosen = folds == fold
            shares[chosen] = self.shares_of_fold(rows[chosen], fold, n_jobs)
        return shares

    def shares_of_fold(
        self, rows: Float32, fold: int, n_jobs: int | None = None
    ) -> NDArray[np.float64]:
        """Return the class shares in the trees grown without a fold; -1 is all trees."""
        return _mean_shares(self.trees if fold < 0 else [self.trees[fold]], rows, n_jobs)

    def __repr__(self) -> str:
        return short_repr(self)


def _grow_tree(
    X: Float32, y: NDArray[np.integer[Any]], check_input: bool, random_state: int
) -> ExtraTreeClassifier:
    """Grow a tree of an ensemble; rows with missing values need the check."""
    n_features = X.shape[1]
    n_tried = max(n_features // FEATURES_PER_TRIED, round(n_features**0.5))
    tree = ExtraTreeClassifier(max_features=n_tried, random_state=random_state)
    return tree.fit(X, y, check_input=check_input)


def _assign_folds(
    codes: NDArray[np.integer[Any]], keys: NDArray[np.uint64], n_folds: int
) -> NDArray[np.int16]:
    """Divide sources into stratified folds; equal rows share a fold."""
    # By ranges of hashes, so one source more or less hardly moves others to another fold.
    order = np.lexsort((keys, codes))
    rank = np.arange(len(codes)) - np.searchsorted(codes[order], codes[order])
    folds = np.empty(len(codes), dtype=np.int16)
    folds[order] = rank * n_folds // np.bincount(codes)[codes[order]]
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    return np.asarray(folds[first][group])


def _mean_shares(
    forests: Sequence[PackedTrees], rows: Float32, n_jobs: int | None
) -> NDArray[np.float64]:
    """Average the means of the trees over the forests."""
    from spurclust.embedding.kernels import add_shares

    rows = np.ascontiguousarray(rows, dtype=np.float32)
    total = np.zeros((len(rows), forests[0].shares.shape[1]))

    def add_block(start: int) -> None:
        block = slice(start, start + BLOCK_ROWS)
        for trees in forests:
            sums = np.zeros_like(total[block])
            add_shares(rows[block], *trees[:-1], sums)
            total[block] += sums / len(trees.roots)

    map_threads(add_block, range(0, len(rows), BLOCK_ROWS), n_jobs)
    return total / len(forests)
