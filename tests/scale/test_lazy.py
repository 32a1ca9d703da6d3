"""The lazy table of predictions."""

import dask.array as da
import pytest

from spurclust.errors import CatalogError
from spurclust.scale import predict_sources

from .conftest import same, write_cutouts


@pytest.mark.parametrize("scheduler", ["synchronous", "threads", "processes"])
def test_every_scheduler_gives_the_same_bits(fitted, images, expected, scheduler):
    table = predict_sources(fitted.model, da.from_array(images, chunks=(20, -1, -1)))
    assert table.npartitions == 5
    same(table.compute(scheduler=scheduler), expected)


def test_nothing_is_read_before_it_is_asked_for(fitted, cutouts, expected, tmp_path):
    folder = write_cutouts(tmp_path / "c", [])
    for path in cutouts.iterdir():
        (folder / path.name).symlink_to(path)
    table = predict_sources(fitted.model, folder, partition_size=30)
    assert list(table.columns) == ["source_id", "path", *expected.columns[1:]]
    (folder / "70.png").unlink()
    few = table.partitions[0].compute(scheduler="synchronous")
    assert len(few) == 30
    with pytest.raises(
        CatalogError, match=r"1 cutouts cannot be read: .*70\.png: there is no such"
    ):
        table.compute(scheduler="synchronous")


def test_dataframe_operations(fitted, images, expected):
    table = predict_sources(fitted.model, images, partition_size=45)
    flagged = table[table["flagged"]]["source_id"].compute(scheduler="synchronous")
    assert flagged.tolist() == expected.loc[expected["flagged"], "source_id"].tolist()


def test_skipping_says_so(fitted, images, tmp_path):
    folder = write_cutouts(tmp_path / "c", images[:6])
    (folder / "3.png").write_bytes(b"")
    table = predict_sources(fitted.model, folder, on_error="skip")
    with pytest.warns(UserWarning, match=r"1 cutouts were left out: .*3\.png: it is empty"):
        assert len(table.compute(scheduler="synchronous")) == 5
    with pytest.raises(ValueError, match="on_error='drop'"):
        predict_sources(fitted.model, folder, on_error="drop")
