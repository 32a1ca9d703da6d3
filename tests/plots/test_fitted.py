from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from spurclust.plots.fitted import (
    check_embedding,
    check_flagged,
    check_labels,
    check_length,
    check_reasons,
    component_covariances,
    encode_labels,
    plane_limits,
)


def detector(classes, unlabeled=None, n_sources=3, n_spurious=0):
    return SimpleNamespace(
        embedding_=np.zeros((n_sources, 2)),
        classes_=np.array(classes),
        unlabeled=unlabeled,
        components_=pd.DataFrame({"n_spurious": [n_spurious]}),
    )


@pytest.mark.parametrize(
    ("classes", "unlabeled", "y"),
    [
        ([0, 1], -1, [1, 0, -1]),
        ([0, 1], -1, np.array([1.0, 0.0, -1.0])),
        ([0, 1], np.nan, [1.0, 0.0, np.nan]),
        ([False, True], -1, np.array([1, 0, -1])),
        (["reliable", "spurious"], "?", ["spurious", "reliable", "?"]),
        (["reliable", "spurious"], "?", pd.Series(["spurious", "reliable", "?"])),
        ([0, 1], np.nan, pd.array([1, 0, None], dtype="Int64")),
    ],
)
def test_labels_in_any_words(classes, unlabeled, y):
    assert encode_labels(detector(classes, unlabeled), y).tolist() == [1, 0, -1]


def test_no_labels_are_all_uninspected():
    assert encode_labels(detector([0, 1]), None).tolist() == [-1] * 3


def test_a_single_class_is_spurious_when_the_components_say_so():
    assert encode_labels(detector([1], n_spurious=3), [1, 1, 1]).tolist() == [1] * 3
    assert encode_labels(detector([0], n_spurious=0), [0, 0, 0]).tolist() == [0] * 3


def test_a_strange_label_is_named():
    with pytest.raises(ValueError, match=r"y\[1\] is 7, which is neither .*\[0, 1\]"):
        encode_labels(detector([0, 1], -1), [0, 7, 1])
    with pytest.raises(ValueError, match=r"y\[2\] is nan"):
        encode_labels(detector([0, 1]), [0, 1, np.nan])


def test_labels_of_another_length_or_shape():
    with pytest.raises(ValueError, match="y has length 4, but there are 3 sources"):
        encode_labels(detector([0, 1]), [0, 1, 0, 1])
    with pytest.raises(ValueError, match=r"y has shape \(3, 1\)"):
        encode_labels(detector([0, 1]), [[0], [1], [0]])
    with pytest.raises(ValueError, match="flagged has one value"):
        check_length(True, 3, "flagged")


def test_labels_of_a_display():
    assert check_labels([1.0, 0, -1], 3).tolist() == [1, 0, -1]
    with pytest.raises(ValueError, match="label must be 1"):
        check_labels([1, 2], 2)
    assert check_flagged(None, 2).tolist() == [False, False]


def test_reasons_are_texts():
    reasons = check_reasons(["a  b", None, np.nan, pd.NA, 5], 5)
    assert reasons.tolist() == ["a b", "", "", "", "5"]
    assert check_reasons([None, ""], 2) is None


def test_a_bad_embedding():
    with pytest.raises(ValueError, match=r"shape \(4, 3\)"):
        check_embedding(np.zeros((4, 3)))
    with pytest.raises(ValueError, match="nothing to draw"):
        check_embedding(np.zeros((0, 2)))
    with pytest.raises(ValueError, match="1 of 2 sources have no finite place"):
        check_embedding([[0, 0], [np.nan, 1]])


def test_limits_hold_all_sources_and_are_not_too_flat():
    line = np.array([[0.0, 5], [100, 5]])
    (left, right), (bottom, top) = plane_limits(line)
    assert left < 0
    assert right > 100
    assert bottom < 5 < top
    assert (top - bottom) / (right - left) > 0.3
    far = np.full((3, 2), 1e7)
    (left, right), _ = plane_limits(far)
    assert left < 1e7 < right


def test_a_mixture_without_covariances():
    assert component_covariances(object()) is None
    odd = SimpleNamespace(means_=np.zeros((2, 2)), covariances_=np.zeros(2), covariance_type="odd")
    assert component_covariances(odd) is None
