"""Other columns of a table, as they go through a run and come back from its files."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spurclust.catalog import match_labels, read_catalogue, read_labels, read_results, write_table
from spurclust.catalog.source_columns import OWN_COLUMNS, join_columns, keep_columns, plain_column
from spurclust.errors import CatalogError
from spurclust.region import component_table

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=6)
CELLS = st.one_of(
    st.lists(st.one_of(TEXT, st.none()), min_size=4, max_size=4),
    st.lists(st.sampled_from(["1", "007", "1e5", "-2.5", "inf", "", " 3"]), min_size=4, max_size=4),
    st.lists(st.one_of(st.integers(-(2**62), 2**62), st.none()), min_size=4, max_size=4),
    st.lists(st.floats(), min_size=4, max_size=4),
    st.lists(st.booleans(), min_size=4, max_size=4),
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(CELLS, st.sampled_from(["mag", "Field", "label", "RA", "Path", "path (in table)"]))
def test_a_column_is_the_same_in_memory_and_from_a_file(make_sources, tmp_path, cells, name):
    columns = pd.DataFrame({name: cells, "other": ["a", "b", "c", "d"]})
    sources = make_sources(columns=columns)
    write_table(sources, tmp_path / "sources.csv")
    components = component_table(np.array([[5, 3, 1], *[[4, 0, 0]] * 5]), 0.05)
    write_table(components, tmp_path / "components.csv")
    (tmp_path / "summary.json").write_text('{"written_by": "spurclust"}')
    found = read_results(tmp_path).sources
    assert list(found) == list(sources)
    assert len({column.casefold() for column in found}) == found.shape[1]
    for column in sources.columns[-2:]:
        both = [plain_column(table[column]) for table in (sources, found)]
        if all(blank == "" for blank in both[1]) or sources[column].isna().all():
            continue
        pd.testing.assert_series_equal(*both, check_dtype=False)


def test_columns_follow_the_cutouts():
    table = pd.DataFrame(
        {
            "Source_ID": ["a", "b", "c"],
            "Reliable_Source": [1, 0, 1],
            "RA": [1.0, 2.0, 3.0],
            "Dec": [0.0, 0.0, 0.0],
            "z": [7.5, None, 8.5],
            "gaia": [6 * 10**18 + 1, 2, 3],
            "field": ["N", "S", None],
            "blank": [None, "", "NaN"],
        }
    )
    with pytest.warns(UserWarning, match="1 of the 3 sources"):
        found = match_labels(read_labels(table), ["c", "new", "a"]).columns
    assert list(found) == ["z", "gaia", "field"]
    np.testing.assert_array_equal(found["z"], [8.5, np.nan, 7.5])
    assert found["gaia"].tolist() == ["3", "", "6000000000000000001"]
    assert found["field"].tolist() == ["", "", "N"]


def test_positions_that_cannot_be_read_stay_in_sight():
    table = pd.DataFrame(
        {"Source_ID": ["a", "b"], "Reliable_Source": 1, "RA": ["1", "x"], "Dec": ["2", "y"]}
    )
    with pytest.warns(UserWarning, match="1 positions are left out"):
        found = match_labels(read_labels(table), ["a", "b"]).columns
    assert found["RA"].tolist() == ["1", "x"]


def test_results_of_an_earlier_run_are_no_other_columns(make_sources):
    table = make_sources(columns=pd.DataFrame({"mag": [1.0, 2.0, 3.0, 4.0]}))
    rows = np.arange(4)
    assert list(keep_columns(table, rows)) == ["mag"]
    # But the same names in a table of the team are.
    table = table[["source_id", "label", "reason", "path", "component", "mag"]]
    assert list(keep_columns(table, rows)) == ["path", "component", "mag"]


def test_catalogue_has_no_labels():
    table = pd.DataFrame({"Source_ID": ["a", "b"], "RA": [1.0, 2.0], "Dec": [3.0, 4.0], "mag": 27})
    catalogue = read_catalogue(table)
    assert catalogue.table["label"].tolist() == [-1, -1]
    # It may hold more sources than there are cutouts, without a warning.
    found = match_labels(catalogue, ["b"])
    assert found.positions.tolist() == [[2, 4]]
    assert found.columns["mag"].tolist() == [27]
    with pytest.raises(CatalogError, match="several rows have one id: row 0 .*, row 1"):
        read_catalogue(pd.DataFrame({"Source_ID": ["a", "a"], "mag": [1, 2]}))
    with pytest.raises(CatalogError, match=r"id_column \(--catalogue-id-column\)"):
        read_catalogue(table, id_column="name")


def test_the_second_table_counts_unless_it_is_blank():
    first = pd.DataFrame({"mag": [1.0, 2.0], "field": ["N", "S"]})
    second = pd.DataFrame({"mag": [np.nan, 5.0], "z": [7, 8]})
    joined = join_columns(first, second)
    assert joined.to_dict("list") == {"mag": [1.0, 5.0], "field": ["N", "S"], "z": [7, 8]}
    assert join_columns(None, second) is second
    assert join_columns(first, None) is first


def test_own_names_are_those_of_the_table(make_sources):
    assert set(make_sources()) < set(OWN_COLUMNS)
