"""Which ids are one, and what an id that has no cutout may have been."""

import unicodedata

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurclust.catalog import match_labels, read_labels
from spurclust.catalog.ids import ID_FORMS, id_form, join_ids, match_ids, near_ids, split_ids
from spurclust.errors import CatalogError

MINUS, NO_BREAK, ZERO_WIDTH = "\u2212", "\u00a0", "\u200b"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("image1.png", "image1"),
        ("cutouts/image1.FITS.gz", "image1"),
        ("C:\\new\\7.jpeg", "7"),
        ("0012.tif", "12"),
        ("z6_1001_F115W_crop.png", "1001"),
        ("strips/z7.5_0012_F115W_F444W.png", "12"),
        ("z6_g-4_F115W", "g-4"),
        (unicodedata.normalize("NFD", "Prüfung-é"), "Prüfung-é"),
        (f"J0012{MINUS}05", "J0012-05"),
        (f"g{NO_BREAK}4", "g 4"),
        (f"{ZERO_WIDTH}g-4\ufeff", "g-4"),
        ("g\u20104", "g-4"),
    ],
)
def test_one_id_in_two_forms(one, other):
    assert match_ids([one], [other])[0].tolist() == [0]
    assert match_ids([other], [one])[0].tolist() == [0]
    # Where both occur, letters count.
    rows, ambiguous = match_ids([one, other], [other, one])
    assert rows.tolist() == [1, 0]
    assert ambiguous == sorted([one, other])


@pytest.mark.parametrize(
    ("one", "other"), [("a.b", "a"), ("a/7", "7"), ("IMG1", "img1"), ("x", "")]
)
def test_ids_that_are_two(one, other):
    assert match_ids([one], [other])[0].tolist() == [-1]


@given(
    st.text(max_size=8)
    | st.from_regex(r"[\w/. \-]{0,6}\.(png|fits\.gz|JPG)", fullmatch=True)
    | st.from_regex(r"z[0-9](\.5)?_[\w/.\-]{0,3}_F\w{0,2}(\.png)?", fullmatch=True)
)
def test_tables_of_paths_have_the_same_forms(text):
    forms = pa.array([unicodedata.normalize("NFC", text)])
    for pattern, replacement in ID_FORMS:
        forms = pc.replace_substring_regex(forms, pattern, replacement)
    if "\n" not in text and "\r" not in text:
        assert forms[0].as_py() == id_form(text)


@pytest.mark.parametrize(
    ("text", "candidate"),
    [
        ("IMG 1", "img_1"),
        ("Prufung", "Prüfung"),
        ("2026-03-01", "MAR1"),
        ("2026-03-01", "1-3"),
        ("1-Sep", "SEPT1"),
        ("01.03.2026", "3/1"),
        ("Dec-01", "DEC1"),
        ("2026-12-01", "DEC26"),
    ],
)
def test_what_an_id_may_have_been(text, candidate):
    assert near_ids([text], ["other", candidate]) == {text: candidate}
    assert near_ids([text], ["other", "x"]) == {}


def labels_of(*ids):
    return read_labels(pd.DataFrame({"Source_ID": ids, "Reliable_Source": 1}))


def test_near_ids_are_named():
    with pytest.warns(
        UserWarning, match=r"2026-03-01 \(nearly 'MAR1'\), IMG1 \(nearly 'img_1'\), z"
    ):
        match_labels(labels_of(pd.Timestamp(2026, 3, 1), "IMG1", "z", "a"), ["img_1", "MAR1", "a"])
    with pytest.raises(CatalogError, match=r"for example 'IMG1' \(nearly 'img_1'\), 'z', the cut"):
        match_labels(labels_of("IMG1", "z"), ["img_1"])


@given(st.lists(st.text(min_size=1, max_size=6) | st.sampled_from(["a, b", '"', ", "]), max_size=4))
def test_ids_in_one_cell(ids):
    if "\0" not in "".join(ids):
        assert split_ids(join_ids(ids)) == ids


def test_plain_ids_stand_in_a_cell_as_they_are():
    assert join_ids(["7", "g-4"]) == "7, g-4"
    assert split_ids("") == []
