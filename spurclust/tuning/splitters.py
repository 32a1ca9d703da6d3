"""Folds in which uninspected sources are for training only."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import BaseCrossValidator, StratifiedKFold, check_cv
from sklearn.utils import check_random_state

from spurclust.features.images import content_keys
from spurclust.labels import RELIABLE, SPURIOUS, UNINSPECTED, binary_labels

Split = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Indices of the training and of the test sources."""

N_SPLITS = 5
"""Default number of folds, as in scikit-learn."""


class InspectedStratifiedKFold(BaseCrossValidator):
    """Split the inspected sources into stratified folds; the uninspected train in every split.

    Use it as `cv` of a search or of `cross_validate`, if `y` has a value for uninspected sources.
    With few spurious sources, a fold holds only some of them, and its scores mean little. Then
    repeat the folds, and pool the scores.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2. It shrinks, with a warning, to the number of inspected sources
        of the smaller class.
    n_repeats : int, default=1
        Number of times to split anew. Raising it shows how much the scores depend on the folds.
    shuffle : bool, default=True
        Whether to shuffle the sources of each class first; False keeps their order, for one repeat.
    unlabeled : object, default=-1
        Value of `y` that means uninspected; None when there is none.
    random_state : int, RandomState or None, default=None
        Seeds the shuffling.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.tuning import InspectedStratifiedKFold
    >>> y = np.array([1, 0, -1, 0, 1, 0, 0])
    >>> for train, test in InspectedStratifiedKFold(2, random_state=0).split(y, y):
    ...     print(train, test)
    [1 2 3 4] [0 5 6]
    [0 2 5 6] [1 3 4]
    """

    def __init__(
        self,
        n_splits: int = N_SPLITS,
        *,
        n_repeats: int = 1,
        shuffle: bool = True,
        unlabeled: Any = -1,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        for name, value, least in (("n_splits", n_splits, 2), ("n_repeats", n_repeats, 1)):
            if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
                raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}.")
        if n_repeats > 1 and not shuffle:
            raise ValueError("Without shuffling every repeat is the same: use n_repeats=1.")
        self.n_splits = n_splits
        self.n_repeats = n_repeats
        self.shuffle = shuffle
        self.unlabeled = unlabeled
        self.random_state = random_state

    def get_n_splits(
        self,
        X: object = None,  # noqa: ARG002
        y: ArrayLike | None = None,
        groups: object = None,  # noqa: ARG002
    ) -> int:
        """Return the number of splits: folds times repeats.

        Parameters
        ----------
        X : object, default=None
            Not used.
        y : array-like of shape (n_samples,), default=None
            Labels, which may allow fewer folds. None returns the number without labels.
        groups : object, default=None
            Not used.

        Returns
        -------
        int
            The number of splits that `split` makes.
        """
        if y is None:
            return self.n_splits * self.n_repeats
        _, smallest = check_both_classes(binary_labels(y, self.unlabeled)[1])
        return min(self.n_splits, smallest) * self.n_repeats

    def _iter_test_indices(
        self,
        X: object = None,
        y: ArrayLike | None = None,
        groups: object = None,  # noqa: ARG002
    ) -> Iterator[NDArray[np.intp]]:
        """Yield the test fold of each split; all other sources train."""
        if y is None:
            raise ValueError(f"{type(self).__name__} needs y: which sources are inspected.")
        codes = binary_labels(y, self.unlabeled)[1]
        name, smallest = check_both_classes(codes)
        n_splits = min(self.n_splits, smallest)
        if n_splits < self.n_splits:
            warnings.warn(
                f"Only {smallest} inspected sources are {name}: n_splits={self.n_splits} folds are "
                f"too many, {n_splits} are used.",
                stacklevel=3,
            )
        inspected = np.flatnonzero(codes != UNINSPECTED)
        if self.shuffle and X is not None:  # draws do not depend on the order
            inspected = inspected[np.argsort(content_keys(X)[inspected], kind="stable")]
        random_state = check_random_state(self.random_state)
        folds = StratifiedKFold(
            n_splits, shuffle=self.shuffle, random_state=random_state if self.shuffle else None
        )
        for _ in range(self.n_repeats):
            for _, test in folds.split(inspected, codes[inspected]):
                yield np.sort(inspected[test])


def list_splits(
    cv: Any,
    images: NDArray[Any],
    y: NDArray[Any],
    codes: NDArray[np.int8],
    *,
    unlabeled: object,
    random_state: int,
) -> list[Split]:
    """List the splits of `cv`, with inspected sources only in the test folds."""
    if cv is None or isinstance(cv, Integral):
        n_splits = N_SPLITS if cv is None else int(cv)
        cv = InspectedStratifiedKFold(n_splits, unlabeled=unlabeled, random_state=random_state)
    indices = np.arange(len(codes))
    splits = []
    for number, (train, test) in enumerate(check_cv(cv).split(images, y)):
        held_out = indices[test][codes[test] != UNINSPECTED]
        if (codes[held_out] != SPURIOUS).all() or (codes[train] == UNINSPECTED).all():
            raise ValueError(
                f"Split {number} of cv has no inspected spurious source to test, or no inspected "
                "one to train: use InspectedStratifiedKFold."
            )
        splits.append((indices[train], held_out))
    if not splits:
        raise ValueError("cv makes no split: give at least one.")
    return splits


def check_both_classes(codes: NDArray[np.int8]) -> tuple[str, int]:
    """Return the class with fewer inspected sources and their number, which must be at least 2."""
    counts = {
        "spurious": int((codes == SPURIOUS).sum()),
        "reliable": int((codes == RELIABLE).sum()),
    }
    name = min(counts, key=lambda each: counts[each])
    n_inspected = sum(counts.values())
    if counts[name] == 0:
        raise ValueError(
            f"The {n_inspected} inspected sources are all of one class: none is {name}. To hold "
            f"sources out, inspect more until at least 2 are {name}."
        )
    if counts[name] == 1:
        raise ValueError(
            f"Only 1 of the {n_inspected} inspected sources is {name}, but one is needed to train "
            "and one to test: inspect more until at least 2 are, or fit SpuriousRegionDetector "
            "with settings of your own, which holds nothing out."
        )
    return name, counts[name]
