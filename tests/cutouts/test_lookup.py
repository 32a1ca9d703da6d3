"""A few sources of a table that has many."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spurclust.catalog import match_labels, read_labels
from spurclust.cutouts.lookup import TableSources
from spurclust.errors import CatalogError

IDS = st.lists(
    st.sampled_from(["0", "00", "7", "07", "7.0", "7.00", "-7", "a", "007a", "12", "1.5", " 7"]),
    min_size=1,
    unique_by=str.strip,
)


def write(path, ids, **options):
    table = pa.table({"source_id": ids, "path": [f"{k}.png" for k in range(len(ids))]})
    pq.write_table(table, path, **options)
    return path


@given(ids=IDS, labelled=IDS, size=st.integers(1, 5))
@settings(max_examples=60, deadline=None)
@pytest.mark.filterwarnings("ignore:.*have no cutout")
def test_labels_find_the_rows_that_they_find_among_all(tmp_path_factory, ids, labelled, size):
    table = write(tmp_path_factory.mktemp("t") / "t.parquet", ids, row_group_size=size)
    sources = TableSources(table, "source_id", "path")
    labels = read_labels(
        pd.DataFrame({"Source_ID": [one.strip() for one in labelled], "Reliable_Source": 0})
    )
    rows, found = sources.find(labels.table["source_id"].tolist())
    assert found == [ids[row] for row in rows]
    try:
        expected = match_labels(labels, ids).y
    except CatalogError:
        with pytest.raises(CatalogError, match="no id of .* the cutouts '"):
            match_labels(labels, found)
        return
    y = match_labels(labels, found).y
    assert y.tolist() == expected[rows].tolist()
    assert {row for row, label in enumerate(expected) if label >= 0} <= set(rows.tolist())


def test_rows_of_several_groups_and_tables(tmp_path):
    write(tmp_path / "a.parquet", list(range(10)), row_group_size=4)
    write(tmp_path / "b.parquet", list(range(10, 15)))
    sources = TableSources(tmp_path, "source_id", "path")
    assert len(sources) == 15
    ids, paths = sources.take([0, 3, 4, 9, 10, 14])
    assert ids == ["0", "3", "4", "9", "10", "14"]
    assert [path.rpartition("/")[2] for path in paths] == [f"{k}.png" for k in (0, 3, 4, 9, 0, 4)]
    assert sources.take([]) == ([], [])
