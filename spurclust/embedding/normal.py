"""Features made normal by their quantiles in the fit."""

import numpy as np
import scipy.special
from numpy.typing import NDArray
from sklearn.preprocessing import QuantileTransformer

from spurclust.parallel import map_threads

Float32 = NDArray[np.float32]

LEAST_SHARE = 1e-7
"""Shares nearer to 0 or 1 are taken for this, as scikit-learn does, so that all is finite."""

BLOCK_ROWS = 64


def normal_scores(fitted: QuantileTransformer, rows: Float32, n_jobs: int | None = None) -> Float32:
    """Do what a fitted transformer to the normal distribution does, many columns at once.

    Parameters
    ----------
    fitted : sklearn.preprocessing.QuantileTransformer
        Fitted, with `output_distribution="normal"`.
    rows : ndarray of shape (n_samples, n_features), float32
        Features, finite.
    n_jobs : int, default=None
        Number of threads.

    Returns
    -------
    ndarray of shape (n_samples, n_features), float32
        Between -5.2 and 5.2.
    """
    from spurclust.embedding.shares_below import find_shares_below

    quantiles = np.ascontiguousarray(fitted.quantiles_.T, dtype=np.float64)
    references = np.asarray(fitted.references_, dtype=np.float64)
    limits = scipy.special.ndtri([LEAST_SHARE - np.spacing(1), 1 - (LEAST_SHARE - np.spacing(1))])
    shares = np.empty(rows.shape, dtype=np.float32)

    def work(start: int) -> None:
        block = slice(start, start + BLOCK_ROWS)
        find_shares_below(
            np.ascontiguousarray(rows[block]),
            quantiles,
            references,
            np.float32(LEAST_SHARE),
            shares[block],
        )
        scores = scipy.special.ndtri(shares[block])
        np.clip(scores, *limits, out=shares[block], casting="same_kind")

    map_threads(work, range(0, len(rows), BLOCK_ROWS), n_jobs)
    return shares
