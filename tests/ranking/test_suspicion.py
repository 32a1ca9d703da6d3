"""Wrong labels are the most suspicious ones, in both directions."""

import numpy as np
import pytest

from spurclust import InspectionRanker
from spurclust.ranking import label_suspicion


def test_it_is_the_probability_of_the_other_class():
    probability = np.linspace(0, 1, 11)
    np.testing.assert_array_equal(label_suspicion(np.zeros(11), probability), probability)
    np.testing.assert_array_equal(label_suspicion(np.ones(11), probability), 1 - probability)


@pytest.mark.parametrize("unlabeled", [-1, np.nan])
def test_an_uninspected_source_has_none(unlabeled):
    suspicion = label_suspicion([1, unlabeled, 0], [0.5, 0.9, 0.2], unlabeled=unlabeled)
    np.testing.assert_array_equal(suspicion, [0.5, np.nan, 0.2])


def test_most_wrong_labels_come_first(two_kinds):
    rows, y = two_kinds
    wrong = np.isin(np.arange(300), [3, 20, *range(40, 280, 40)])
    given = np.where(wrong, 1 - y, y)
    ranker = InspectionRanker(200, random_state=0).fit(rows, given)
    suspicion = label_suspicion(given, ranker.inspection_probability_)
    first = np.argsort(-suspicion)[: 2 * wrong.sum()]
    assert wrong[first].sum() >= 0.7 * wrong.sum()
    assert wrong[first][given[first] == 0].any()
    assert wrong[first][given[first] == 1].any()
