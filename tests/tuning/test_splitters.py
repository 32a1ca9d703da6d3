"""Uninspected sources train in every split and are never tested."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.tree import DecisionTreeClassifier

from spurclust.tuning import InspectedStratifiedKFold


@st.composite
def labels(draw):
    n_spurious, n_reliable = draw(st.integers(5, 12)), draw(st.integers(5, 40))
    n_uninspected = draw(st.integers(0, 20))
    y = np.repeat([1, 0, -1], [n_spurious, n_reliable, n_uninspected])
    return np.random.default_rng(draw(st.integers(0, 99))).permutation(y)


@given(y=labels(), n_splits=st.integers(2, 5), n_repeats=st.integers(1, 3))
def test_every_inspected_source_is_tested_once_a_repeat(y, n_splits, n_repeats):
    cv = InspectedStratifiedKFold(n_splits, n_repeats=n_repeats, random_state=0)
    splits = list(cv.split(y, y))
    assert len(splits) == cv.get_n_splits() == cv.get_n_splits(y, y) == n_splits * n_repeats
    n_tests = np.zeros(len(y), dtype=int)
    for train, test in splits:
        assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(len(y)))
        assert set(np.flatnonzero(y == -1)) <= set(train)
        for label in (0, 1):
            share = (y == label).sum() / n_splits
            assert np.floor(share) <= (y[test] == label).sum() <= np.ceil(share)
        n_tests[test] += 1
    assert_array_equal(n_tests, np.where(y == -1, 0, n_repeats))


def test_without_uninspected_sources_it_is_stratified_k_fold():
    y = np.random.default_rng(0).integers(0, 2, 50)
    for ours, theirs in zip(
        InspectedStratifiedKFold(4, shuffle=False).split(y, y),
        StratifiedKFold(4).split(y, y),
        strict=True,
    ):
        assert_array_equal(ours[0], theirs[0])
        assert_array_equal(ours[1], theirs[1])


def test_repeats_differ_and_a_seed_repeats_them():
    y = np.repeat([1, 0, -1], [10, 40, 10])
    cv = InspectedStratifiedKFold(2, n_repeats=2, random_state=3)
    tests = [test for _, test in cv.split(y, y)]
    assert not np.array_equal(tests[0], tests[2])
    for again, test in zip(cv.split(y, y), tests, strict=True):
        assert_array_equal(again[1], test)


@pytest.mark.parametrize(
    ("y", "unlabeled"),
    [
        (np.array(["good", "spurious", "?"])[np.arange(60) % 3], "?"),
        (np.array([0.0, 1.0, np.nan])[np.arange(60) % 3], np.nan),
        ((np.arange(60) % 2), None),
    ],
)
def test_any_labels_and_any_mark(y, unlabeled):
    tested = np.concatenate(
        [test for _, test in InspectedStratifiedKFold(3, unlabeled=unlabeled).split(y, y)]
    )
    n_marked = 0 if unlabeled is None else 20
    assert len(np.unique(tested)) == len(tested) == 60 - n_marked


def test_it_is_a_splitter_of_scikit_learn():
    X, y = np.zeros((60, 2)), np.arange(60) % 2
    cv = InspectedStratifiedKFold(3, random_state=0)
    assert len(cross_val_score(DecisionTreeClassifier(), X, y, cv=cv)) == 3
    assert "n_splits=3" in repr(cv)


@pytest.mark.parametrize(("label", "name"), [(1, "spurious"), (0, "reliable")])
def test_fewer_of_a_class_than_folds_make_fewer_folds(label, name):
    y = np.full(40, 1 - label)
    y[:3] = label
    cv = InspectedStratifiedKFold(5, random_state=0)
    with pytest.warns(
        UserWarning, match=f"Only 3 inspected sources are {name}: n_splits=5"
    ) as warned:
        splits = list(cv.split(y, y))
    assert len(warned) == 1
    assert len(splits) == cv.get_n_splits(y, y) == 3
    assert all((y[test] == label).sum() == 1 for _, test in splits)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([1, 0, 0, 0, -1], "Only 1 of the 4 inspected sources is spurious.*SpuriousRegionDetector"),
        ([0, 0, 0, -1], "all of one class: none is spurious. .*inspect more"),
        ([1, 1, 1, -1], "all of one class: none is reliable"),
        ([-1, -1, -1], "All 3 sources are uninspected"),
        (None, "needs y"),
    ],
)
def test_labels_that_cannot_be_held_out(y, message):
    with pytest.raises(ValueError, match=message):
        list(InspectedStratifiedKFold(2).split([0] * 4 if y is None else y, y))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_splits": 1}, "n_splits must be an integer of at least 2, got 1"),
        ({"n_splits": True}, "n_splits must be an integer of at least 2, got True"),
        ({"n_repeats": 0}, "n_repeats must be an integer of at least 1, got 0"),
        ({"n_repeats": 2, "shuffle": False}, "use n_repeats=1"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        InspectedStratifiedKFold(**parameters)
