"""What y means: two classes, and whatever marks that nobody has looked."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from spurclust.labels import (
    SPURIOUS,
    UNINSPECTED,
    binary_labels,
    encode_labels,
    frequent_reasons,
    is_uninspected,
    warn_if_none_spurious,
)

CODES = st.lists(st.sampled_from([-1, 0, 1]), min_size=1, max_size=40).filter(lambda y: 1 in y)

# Values of reliable, spurious and uninspected, and the mark to name.
WAYS = {
    "integers": ([0, 1, -1], -1),
    "numpy scalar": ([0, 1, 9], np.int64(9)),
    "two and one": ([1, 2, 0], 0),
    "NaN": ([0.0, 1.0, np.nan], np.nan),
    "NaN of 32 bits": ([0.0, 1.0, np.nan], np.float32("nan")),
    "strings": (["fine", "spurious", "?"], "?"),
    "empty string": (["a", "b", ""], ""),
}


def named(codes, values):
    return np.array([values[code] for code in codes])


@pytest.mark.parametrize("way", WAYS)
@given(codes=CODES)
def test_codes_come_back_from_any_two_values_and_mark(way, codes):
    values, mark = WAYS[way]
    if 0 not in codes:
        codes = [*codes, 0]
    y = named(codes, values)
    classes, found = binary_labels(y, mark)
    assert_array_equal(found, codes)
    assert_array_equal(classes, values[:2])
    assert found.dtype == np.int8
    assert_array_equal(is_uninspected(y, mark), np.array(codes) == -1)
    assert_array_equal(encode_labels(y, classes, mark), codes)


@pytest.mark.parametrize(
    ("values", "mark"),
    [
        ([0, 1, "?"], "?"),
        ([0, 1, ""], ""),
        ([False, True, "unknown"], "unknown"),
        (["fine", "spurious", None], np.nan),
        (["fine", "spurious", np.nan], np.nan),
        (["fine", "spurious", -1], -1),
        ([0, 1, pd.NA], pd.NA),
        ([0, 1, None], np.nan),
    ],
    ids=repr,
)
def test_a_column_of_mixed_types_is_understood(values, mark):
    codes = [0, 1, -1, 1, 0]
    y = np.empty(5, dtype=object)
    y[:] = [values[code] for code in codes]
    classes, found = binary_labels(y, mark)
    assert_array_equal(found, codes)
    assert classes.tolist() == values[:2]


@pytest.mark.parametrize("mark", [pd.NA, np.nan], ids=repr)
def test_a_nullable_column(mark):
    y = pd.Series([0, 1, None, 1], dtype="Int64")
    assert binary_labels(y, mark)[1].tolist() == [0, 1, -1, 1]
    with pytest.raises(ValueError, match="NaN means uninspected, name it"):
        binary_labels(y, -1)


@pytest.mark.parametrize("one", [1, 1.0, True])
def test_all_spurious(one):
    classes, codes = binary_labels([one] * 3)
    assert classes.tolist() == [0, 1]
    assert classes.dtype == np.array([one]).dtype
    assert codes.tolist() == [1, 1, 1]


def test_a_fit_without_spurious_sources_warns_with_the_number_of_inspected():
    classes, codes = binary_labels([0, -1, 0], -1)
    assert classes.tolist() == [0, 1]
    with pytest.warns(UserWarning, match="None of the 2 inspected sources is spurious"):
        warn_if_none_spurious(codes)
    warn_if_none_spurious(np.array([SPURIOUS, UNINSPECTED]))


@pytest.mark.parametrize(
    ("y", "mark", "message"),
    [
        (["fine"] * 4, None, "only one class, 'fine'"),
        ([2] * 4, None, "only one class, 2"),
        (["?"] * 3, "?", r"All 3 sources are uninspected \(unlabeled='\?'\)"),
        ([0, 1, -1], None, r"multiclass: .*unlabeled="),
        (["a", "b", "c"], None, r"multiclass: .*unlabeled="),
        ([0, 1, np.nan], None, r"infinity or NaN.*unlabeled=np.nan"),
        ([0, 1, np.inf], np.nan, "infinity"),
        ([0.1, 0.7, 0.3], None, "continuous"),
        ([[0, 1], [1, 0]], None, "1d array"),
    ],
)
def test_labels_that_are_not_two_classes(y, mark, message):
    with pytest.raises(ValueError, match=message):
        binary_labels(y, mark)


def test_a_column_vector_is_flattened_with_a_warning():
    with pytest.warns(UserWarning, match="column-vector"):
        assert binary_labels([[0], [1]])[1].tolist() == [0, 1]


@pytest.mark.parametrize("value", ["?", 2, np.nan, pd.NA, None], ids=repr)
def test_a_label_that_is_no_class_of_the_fit_is_named_with_its_row(value):
    y = np.array([0, 1, -1, value], dtype=object)
    with pytest.raises(ValueError, match=r"y\[3\] is .*knows 0 and 1.*name it: unlabeled="):
        encode_labels(y, np.array([0, 1]), -1)


def test_no_mark_leaves_everyone_inspected():
    assert not is_uninspected(np.array([0, -1, 5]), None).any()


@given(st.dictionaries(st.text(max_size=3), st.integers(1, 5), max_size=15))
def test_ten_reasons_at_most_are_frequent_and_no_other_is_more_so(counts):
    names, others = frequent_reasons(counts)
    assert len(names) == len(set(names)) == min(10, len(counts))
    rest = [counts[name] for name in counts if name not in names]
    assert others.split()[0] == str(len(rest))
    assert max(rest, default=0) <= min((counts[name] for name in names), default=0)
