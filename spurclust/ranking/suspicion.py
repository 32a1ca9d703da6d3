"""The probability that each label is wrong."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spurclust.labels import SPURIOUS, is_uninspected


def label_suspicion(
    y: ArrayLike, probability: ArrayLike, *, unlabeled: object = None
) -> NDArray[np.float64]:
    """Compute the probability that each label is wrong.

    This is the probability of the other class. It is high for a reliable source that looks
    spurious, and for a spurious one that looks reliable. It changes no label.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        1 spurious, 0 reliable, or `unlabeled`.
    probability : array-like of shape (n_samples,)
        Probability that each source is spurious, judged without its own label:
        `inspection_probability_` of a ranker.
    unlabeled : object, default=None
        Value of `y` of an uninspected source.

    Returns
    -------
    ndarray of shape (n_samples,)
        From 0 to 1; NaN for an uninspected source.

    References
    ----------
    C. G. Northcutt, L. Jiang and I. L. Chuang, "Confident learning: estimating uncertainty in
    dataset labels", Journal of Artificial Intelligence Research 70 (2021). One minus the suspicion
    is their self-confidence.

    Examples
    --------
    >>> from spurclust.ranking import label_suspicion
    >>> label_suspicion([1, 0, 0, -1], [0.25, 0.75, 0.5, 0.5], unlabeled=-1).tolist()
    [0.75, 0.75, 0.5, nan]
    """
    labels, spurious = np.asarray(y), np.asarray(probability, dtype=np.float64)
    suspicion = np.where(labels == SPURIOUS, 1 - spurious, spurious)
    return np.where(is_uninspected(labels, unlabeled), np.nan, suspicion)
