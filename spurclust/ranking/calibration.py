"""Turn shares of trees into probabilities, and keep their order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from spurclust.labels import SPURIOUS

LEAST_SHARE = 1e-3
"""Shares of trees closer to 0 or 1 are clipped to this, so that their log odds are finite."""


def log_odds(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log odds of the share of trees that vote spurious."""
    spurious = np.clip(shares[:, SPURIOUS], LEAST_SHARE, 1 - LEAST_SHARE)
    return np.asarray(np.log(spurious / (1 - spurious)))


def fit_calibration(odds: NDArray[np.float64], codes: NDArray[np.int8]) -> tuple[float, float]:
    """Fit slope and offset of the calibrated odds; 1 and 0 if they would not keep the order."""
    if len(np.unique(codes)) < 2:
        return 1.0, 0.0
    order = np.lexsort((codes, odds))  # the last bits of sums depend on the order
    model = LogisticRegression(C=1.0).fit(odds[order, None], codes[order])
    slope = float(model.coef_[0, 0])
    return (slope, float(model.intercept_[0])) if slope > 0 else (1.0, 0.0)
