"""Whether inspected sources can be a random sample of all."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

LEAST_P = 0.05
"""Samples with a smaller p-value count as not random. So do 5 % of the random ones: no interval is
better than a wrong one."""

N_DRAWS = 999


def sampling_p_value(score: ArrayLike, sampled: ArrayLike) -> float:
    """Test whether a sample can be random, by its scores.

    It compares the mean score of the sample with those of random samples of the same size. The
    p-value is small if sources were inspected because they looked spurious, or because they did
    not.

    Parameters
    ----------
    score : array-like of shape (n_samples,)
        A number for each source that does not depend on its own label.
    sampled : array-like of bool of shape (n_samples,)
        Which sources are in the sample.

    Returns
    -------
    float
        In (0, 1]; small for a sample that was not drawn at random. 1 where none or all are sampled.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.ranking import sampling_p_value
    >>> score = np.arange(100)
    >>> sampling_p_value(score, score >= 80), sampling_p_value(score, score % 5 == 2)
    (0.002, 1.0)
    """
    values, chosen = np.asarray(score, dtype=np.float64), np.asarray(sampled, dtype=bool)
    n, n_chosen = len(values), int(chosen.sum())
    if n_chosen in (0, n):
        return 1.0
    rng, ordered = np.random.default_rng(0), np.sort(values)  # in any order of the sources
    totals = np.array(
        [ordered[rng.choice(n, n_chosen, replace=False)].sum() for _ in range(N_DRAWS)]
    )
    own, rounding = values[chosen].sum(), 1e-9 * np.abs(values).sum()
    tails = [(totals >= own - rounding).sum(), (totals <= own + rounding).sum()]
    return min(1.0, float(2 * (1 + min(tails)) / (1 + N_DRAWS)))
