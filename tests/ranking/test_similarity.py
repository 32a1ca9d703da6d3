"""The sources that are most similar, of all and of the known spurious."""

import numpy as np
import pytest

from spurclust import InspectionRanker
from spurclust.ranking import similar_sources


def test_neighbors_are_the_nearest_others(two_kinds):
    rows, _ = two_kinds
    indices, distances = similar_sources(rows, 5)
    assert indices.shape == distances.shape == (300, 5)
    assert not (indices == np.arange(300)[:, None]).any()
    assert (np.diff(distances) >= 0).all()
    few, near = similar_sources(rows, 5, sources=[7, 3], n_jobs=2)
    np.testing.assert_array_equal(few, indices[[7, 3]])
    np.testing.assert_array_equal(near, distances[[7, 3]])


def test_they_are_found_whatever_the_units_and_the_missing(two_kinds):
    rows, _ = two_kinds
    indices, distances = similar_sources(rows, 5)
    changed, apart = similar_sources(64 * rows - 8, 5)
    np.testing.assert_array_equal(changed, indices)
    np.testing.assert_allclose(apart, distances, rtol=1e-3)
    blank = np.c_[rows, np.full(len(rows), np.nan)]
    np.testing.assert_array_equal(similar_sources(blank, 5)[0], indices)


def test_only_what_is_important_counts(two_kinds):
    rows, _ = two_kinds
    indices, _ = similar_sources(rows, 1, importances=[0, 0, 1, 0, 0, 0])
    gaps = np.abs(rows[:, None, 2] - rows[None, :, 2])
    np.fill_diagonal(gaps, np.inf)
    chosen = np.take_along_axis(gaps, indices, axis=1)
    assert np.median(chosen - gaps.min(axis=1, keepdims=True)) == pytest.approx(0, abs=1e-6)


def test_a_known_spurious_neighbor_is_as_far_in_both(two_kinds):
    rows, y = two_kinds
    ranker = InspectionRanker(60, random_state=0).fit(rows, y)
    indices, distances = similar_sources(rows, 299, importances=ranker.feature_importances_)
    nearest, near = ranker.nearest_spurious(rows, 1)
    first = (y[indices] == 1).argmax(axis=1)[:, None]
    np.testing.assert_array_equal(np.take_along_axis(indices, first, axis=1), nearest)
    np.testing.assert_allclose(np.take_along_axis(distances, first, axis=1), near, rtol=1e-5)


def test_equal_sources_are_neighbors_and_none_is_its_own():
    rows = np.repeat([[0.0, 1.0], [5.0, 2.0]], [12, 2], axis=0)
    indices, distances = similar_sources(rows, 4)
    assert not (indices == np.arange(14)[:, None]).any()
    assert all(len(set(each)) == 4 for each in indices.tolist())
    assert (distances[:12] == 0).all()
    assert similar_sources(rows[:1])[0].shape == (1, 0)
