"""A small survey that is quick to embed, and what makes a detector quick."""

import numpy as np
import pytest

from spurclust import TSNE


def draw_survey(n=120, seed=0, n_uninspected=30, spread=3.0):
    """Rows in which two thirds of the spurious gather, and some sources are uninspected (-1)."""
    rng = np.random.default_rng(seed)
    X = spread * rng.normal(size=(6, 12))[rng.integers(0, 5, n)] + rng.normal(size=(n, 12))
    y = (rng.random(n) < 0.08).astype(int)
    gathered = np.arange(n) < n // 6
    X[gathered] = 4 + rng.normal(size=(gathered.sum(), 12))
    y[gathered] = rng.random(gathered.sum()) < 0.8
    order = rng.permutation(n)
    X, y = X[order].astype(np.float32), y[order]
    y[rng.permutation(n)[:n_uninspected]] = -1
    return X, y


@pytest.fixture(scope="session")
def survey():
    return draw_survey()


@pytest.fixture
def quick():
    return {
        "perplexity": 10,
        "embed": TSNE(max_iter=250),
        "unlabeled": -1,
        "random_state": 0,
    }
