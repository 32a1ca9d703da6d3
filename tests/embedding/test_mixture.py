"""Which of several mixtures is kept."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.mixture import GaussianMixture

from spurclust.embedding import GuidedMixture


def draw(seed=0):
    """Draw four large groups and a small one beside the first, and which points are of it."""
    rng = np.random.default_rng(seed)
    centers = np.array([[0, 0], [8, 0], [0, 8], [8, 8], [-3, 0]])
    small = np.repeat([0, 0, 0, 0, 1], [120, 120, 120, 120, 15])
    X = rng.normal(scale=0.8, size=(len(small), 2))
    return X + np.repeat(centers, [120, 120, 120, 120, 15], axis=0), small


def impurity(mixture, X, y):
    component = mixture.predict(X)
    return sum(min(np.bincount(y[component == k], minlength=2)) for k in np.unique(component))


def test_labels_choose_the_purest_of_the_mixtures():
    X, y = draw()
    starts = [GaussianMixture(5, random_state=seed).fit(X) for seed in range(8)]
    assert len({impurity(each, X, y) for each in starts}) > 1, "luck decides"
    for seed in range(4):
        assert impurity(GuidedMixture(5, random_state=seed).fit(X, y), X, y) <= min(
            impurity(each, X, y) for each in starts
        )


def test_uninspected_points_have_no_say():
    X, y = draw()
    given = np.where(np.random.default_rng(1).random(len(y)) < 0.5, -1, y)
    mixture = GuidedMixture(5, random_state=0).fit(X, given)
    rng = np.random.RandomState(0)
    seeds = [rng.randint(np.iinfo(np.int32).max) for _ in range(10)]
    starts = [GaussianMixture(5, random_state=seed).fit(X) for seed in seeds]
    known = given >= 0
    assert impurity(mixture, X[known], y[known]) == min(
        impurity(each, X[known], y[known]) for each in starts
    )
    without = GuidedMixture(5, random_state=0).fit(X, np.full(len(y), -1))
    assert_array_equal(without.means_, GuidedMixture(5, random_state=0).fit(X).means_)


def test_without_labels_the_most_probable_is_kept():
    X, _ = draw()
    mixture = GuidedMixture(5, n_starts=8, random_state=0).fit(X)
    rng = np.random.RandomState(0)
    seeds = [rng.randint(np.iinfo(np.int32).max) for _ in range(8)]
    bounds = [GaussianMixture(5, random_state=seed).fit(X).lower_bound_ for seed in seeds]
    assert mixture.lower_bound_ == max(bounds)


def test_classes_may_be_any_values():
    X, y = draw()
    codes = GuidedMixture(5, random_state=0).fit(X, y)
    names = GuidedMixture(5, random_state=0).fit(X, np.array(["galaxy", "artifact"])[y])
    assert_array_equal(codes.means_, names.means_)


@pytest.mark.parametrize(("n_components", "n_starts"), [(1, 5), (20, 5), (40, 3), (200, 1)])
def test_more_components_have_fewer_starts(n_components, n_starts):
    given = GuidedMixture(n_components, n_starts=n_starts, random_state=0)
    X = np.random.default_rng(0).normal(size=(400, 2))
    y = np.arange(400) % 2
    auto = GuidedMixture(n_components, random_state=0).fit(X, y)
    assert_array_equal(auto.means_, given.fit(X, y).means_)


def test_each_point_needs_a_label():
    X, y = draw()
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[495, 400\]"):
        GuidedMixture(2).fit(X, y[:400])
