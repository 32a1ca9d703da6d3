"""Which sources count, whatever marks the others."""

import numpy as np
import pandas as pd
import pytest

from spurclust.metrics import average_precision, completeness, workload_at_completeness

FLAGGED = [1, 0, 0, 1]


@pytest.mark.parametrize(
    ("y", "unlabeled"),
    [
        ([1, 1, 0, -1], -1),
        (np.array([1, 1, 0, -1], dtype=np.int8), -1),
        ([1.0, 1.0, 0.0, np.nan], np.nan),
        ([1.0, 1.0, 0.0, np.nan], pd.NA),
        ([True, True, False, None], np.nan),
        ([1, 1, 0, "?"], "?"),
        (pd.Series([1, 1, 0, "?"], index=[7, 5, 3, 1]), "?"),
        (pd.array([1, 1, 0, None], dtype="Int64"), pd.NA),
        (pd.array([True, True, False, None], dtype="boolean"), pd.NA),
        (np.array([1, 1, 0, "?"], dtype=object), "?"),
    ],
)
def test_a_mark_of_any_kind_leaves_its_sources_out(y, unlabeled):
    assert completeness(y, FLAGGED, unlabeled=unlabeled) == 0.5
    assert workload_at_completeness(y, [0.9, 0.1, 0.5, np.nan], unlabeled=unlabeled) == 1


@pytest.mark.parametrize(
    ("y", "shown"),
    [
        ([1, 0, 2, -1], r"\[-1, 2\]"),
        ([1, 0, np.nan, np.nan], r"\[nan\]"),
        ([1, 0, "?", "?"], r"\['\?'\]"),
        (["fine", "spurious", "fine", "fine"], r"\['fine', 'spurious'\]"),
        (np.array(["1", "0", "1", "0"]), r"\['0', '1'\]"),
        (pd.array([1, 0, 1, None], dtype="Int64"), r"\[(nan|<NA>)\]"),
    ],
)
@pytest.mark.parametrize("figure", [completeness, average_precision])
def test_other_labels_are_named_with_what_to_do(figure, y, shown):
    with pytest.raises(ValueError, match=rf"Labels must be 0 or 1, got {shown}.*unlabeled="):
        figure(y, FLAGGED)


def test_flags_are_flags():
    with pytest.raises(ValueError, match=r"Flags must be 0 or 1, got \[0.5\]\.$"):
        completeness([1, 0], [0.5, 1])
    assert completeness([1, 0], pd.array([True, False], dtype="boolean")) == 1


def test_flags_of_the_uninspected_may_be_anything():
    assert completeness([1, -1], [1, 7], unlabeled=-1) == 1


@pytest.mark.parametrize(
    ("y", "values"), [([1, 0], [1]), ([[1, 0]], [[1, 0]]), (1, 1), ([1, 0], [[1], [0]])]
)
def test_shapes_that_do_not_fit_are_named(y, values):
    with pytest.raises(ValueError, match=r"y_true has shape .* and score has .*\(n_samples,\)"):
        average_precision(y, values)
