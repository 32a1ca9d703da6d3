"""Which sources a reference has, and what is told of cutouts that cannot be measured."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from spurclust import analyze
from spurclust.analysis import choosing
from spurclust.cutouts import list_cutouts
from spurclust.errors import CatalogError

from .conftest import N_SOURCES, make_detector


@pytest.fixture
def copied(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copied")


def draw(cutouts, folder, **changed):
    settings = {"reference_size": 40, "reference": "diverse", "reduce": 5, "ranking": False}
    settings |= {"detector": make_detector()} | changed
    return analyze(cutouts, folder / "labels.xlsx", **settings)


@pytest.mark.parametrize("first_are_bad", [True, False])
@pytest.mark.filterwarnings("ignore:.*do not fit into the reference")
def test_a_chunk_of_the_pool_without_a_readable_cutout(copied, monkeypatch, first_are_bad):
    monkeypatch.setattr(choosing, "CHUNK", 10)
    paths = list_cutouts(copied)
    bad = paths[:10] if first_are_bad else paths[20:30]
    for path in bad:
        Path(path).write_bytes(b"no image")
    with pytest.raises(CatalogError, match="cannot read"):
        draw(copied, copied)
    with pytest.warns(UserWarning, match="10 of the 60 cutouts to measure were skipped:") as told:
        found = draw(copied, copied, on_error="skip")
    assert any(all(path in str(one.message) for path in bad) for one in told)
    assert len(found.sources) == 40


@pytest.mark.filterwarnings("ignore:.*do not fit into the reference")
def test_a_pool_has_the_size_of_its_first_cutouts(copied, monkeypatch):
    monkeypatch.setattr(choosing, "CHUNK", 10)
    odd = list_cutouts(copied)[20:30]
    for path in odd:
        with Image.open(path) as picture:
            picture.resize((100, 30)).save(path)
    with pytest.raises(CatalogError, match=f"{odd[0]}: it is 30 x 100 pixels"):
        draw(copied, copied)
    with pytest.warns(UserWarning, match="10 of the 60 cutouts to measure"):
        draw(copied, copied, on_error="skip")


@pytest.mark.filterwarnings("ignore:.*of the skipped cutouts have a label")
def test_a_blank_path_in_a_table(folder, cutouts, tmp_path):
    paths = [*cutouts.paths]
    paths[3], paths[5] = None, ""
    table = tmp_path / "paths.parquet"
    pd.DataFrame({"source_id": cutouts.source_ids, "path": paths}).to_parquet(table)
    settings = {"reference": "random", "reference_size": N_SOURCES}
    with pytest.raises(CatalogError, match=f"{cutouts.source_ids[3]}: the table has no path"):
        draw(table, folder, **settings)
    with pytest.warns(UserWarning, match="2 of 60 cutouts were skipped"):
        found = draw(table, folder, on_error="skip", **settings)
    assert set(found.sources["source_id"]) == {*cutouts.source_ids} - {
        cutouts.source_ids[3],
        cutouts.source_ids[5],
    }


@pytest.mark.filterwarnings("ignore:.* more than half:UserWarning")
def test_a_reference_without_room_for_all_labels(folder):
    detector = make_detector(n_components=2, perplexity=5)
    with pytest.warns(UserWarning, match="do not fit into the reference, so 60.0% of its labels"):
        draw(folder, folder, reference="random", reference_size=20, detector=detector)
    with pytest.raises(ValueError, match="at least the 12 known spurious"):
        draw(folder, folder, reference_size=5)
