"""A survey of blobs in the space of features, of which two are spurious."""

from typing import NamedTuple

import numpy as np
import pytest

from spurclust import Inspection, InspectionRanker


class Blobs(NamedTuple):
    images: np.ndarray
    features: np.ndarray
    y: np.ndarray


def make_blobs(n=200, n_spurious=10):
    """Draw features of which the first are spurious, of two kinds."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n, 5)).astype(np.float32)
    rows[: n_spurious // 2, 0] += 5
    rows[n_spurious // 2 : n_spurious, 1] -= 5
    return Blobs(np.zeros((n, 2, 2)), rows, (np.arange(n) < n_spurious).astype(int))


@pytest.fixture(scope="session")
def blobs():
    return make_blobs()


@pytest.fixture
def start(blobs, tmp_path):
    """Return a function that opens the inspection of the blobs, and of one folder."""
    opened = []

    def open_inspection(**options):
        options.setdefault("folder", tmp_path / "survey")
        options.setdefault("ranker", InspectionRanker(20, random_state=0))
        opened.append(Inspection(blobs.images, features=blobs.features, **options))
        return opened[-1]

    yield open_inspection
    for one in opened:
        one.close()
