"""One id in two catalogues: text, numbers, leading zeros, lost digits."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurclust.catalog.source_ids import id_text, match_ids


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (" 00123\t", "00123"),
        (b"00123 ", "00123"),
        (123, "123"),
        (np.int32(123), "123"),
        (123.0, "123"),
        (np.float32(123), "123"),
        (-5.0, "-5"),
        (12.5, "12.5"),
        (2**63 + 1, "9223372036854775809"),
        ("1234567890123456789", "1234567890123456789"),
        ("1.23e+02", "123"),
        ("1.25E2", "125"),
        ("1.234567E+04", "12345.67"),
        ("12e4", "12e4"),
        ("7e5", "7e5"),
        ("galaxy 7", "galaxy 7"),
        (float(2**53 - 1), str(2**53 - 1)),
    ],
)
def test_id_as_text(cell, text):
    assert id_text(cell) == (text if text != "12345.67" else "1.234567E+04")


@pytest.mark.parametrize(
    "cell",
    [
        2.0**53,
        1.2e18,
        np.float32(2**24),
        "1.23457E+18",
        "1.23457E+11",
        "1E+05",
        "1.0000000000000000e+17",
    ],
)
def test_id_that_has_lost_digits(cell):
    with pytest.raises(ValueError, match="lost digits"):
        id_text(cell)


@pytest.mark.parametrize("cell", [date(2024, 3, 4), ("a",), object])
def test_id_of_another_type(cell):
    with pytest.raises(ValueError, match="neither a number nor text"):
        id_text(cell)


@pytest.mark.parametrize(
    ("ids", "wanted", "places", "ambiguous"),
    [
        (["123"], ["00123"], [0], []),
        (["00123"], ["123"], [0], []),
        (["123.0"], ["00123"], [0], []),
        (["000"], ["0"], [0], []),
        (["-7"], ["-007", "7"], [0, -1], []),
        # Two of them in one list: letter by letter.
        (["123"], ["00123", "123"], [-1, 0], ["00123", "123"]),
        (["00123", "123"], ["123"], [1], ["00123", "123"]),
        (["00123", "123"], ["0123"], [-1], ["00123", "0123", "123"]),
        (["123", "00123"], ["00123", "123"], [1, 0], ["00123", "123"]),
        # Only these: the others are still numbers.
        (["00123", "123", "7"], ["123", "007"], [1, 2], ["00123", "123"]),
        # Text is never a number.
        (["a01"], ["a1", "A01"], [-1, -1], []),
        (["12e4"], ["120000"], [-1], []),
        ([], ["1"], [-1], []),
    ],
)
def test_matching(ids, wanted, places, ambiguous):
    found, letters = match_ids(ids, wanted)
    assert found.tolist() == places
    assert letters == ambiguous


def test_long_ids_keep_every_digit():
    ids = [str(10**18 + k) for k in range(100)]
    found, _ = match_ids(ids, ids[::-1])
    assert found.tolist() == list(range(100))[::-1]


written = st.builds(
    lambda zeros, number, point: "0" * zeros + str(number) + point,
    st.integers(0, 2),
    st.integers(0, 20),
    st.sampled_from(["", ".", ".0"]),
) | st.text("ab0", max_size=3)


@given(st.lists(written, unique=True), st.lists(written, unique=True))
def test_no_row_serves_two_and_no_exact_match_is_missed(ids, wanted):
    found, _ = match_ids(ids, wanted)
    used = [place for place in found if place >= 0]
    assert len(set(used)) == len(used)
    for place, text in zip(found, wanted, strict=True):
        if text in ids:
            assert ids[place] == text
        elif place >= 0:
            assert float(ids[place]) == float(text)


@given(st.lists(written, unique=True), st.lists(written, unique=True), st.randoms())
def test_the_order_of_rows_does_not_matter(ids, wanted, random):
    pairs = dict(zip(wanted, match_ids(ids, wanted)[0], strict=True))
    shuffled = random.sample(ids, len(ids))
    again = dict(zip(wanted, match_ids(shuffled, wanted)[0], strict=True))
    for text in wanted:
        assert (pairs[text] < 0) == (again[text] < 0)
        if pairs[text] >= 0:
            assert ids[pairs[text]] == shuffled[again[text]]
