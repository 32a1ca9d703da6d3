"""What is read of a survey of which only a reference is fitted, and what is told of losses."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from spurclust import analyze, load_analysis
from spurclust.analysis import reading
from spurclust.catalog import read_catalogue
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
@pytest.mark.filterwarnings("ignore:.*have no room in the reference")
def test_a_chunk_of_the_pool_without_a_readable_cutout(copied, monkeypatch, first_are_bad):
    monkeypatch.setattr(reading, "CHUNK", 10)
    paths = list_cutouts(copied)
    bad = paths[:10] if first_are_bad else paths[20:30]
    for path in bad:
        Path(path).write_bytes(b"no image")
    with pytest.raises(CatalogError, match="cannot read"):
        draw(copied, copied)
    with pytest.warns(UserWarning, match="10 of the 60 cutouts to draw from were skipped:") as told:
        found = draw(copied, copied, on_error="skip")
    assert any(all(path in str(one.message) for path in bad) for one in told)
    assert len(found.sources) == 40


@pytest.mark.filterwarnings("ignore:.*have no room in the reference")
def test_a_pool_has_the_size_of_its_first_cutouts(copied, monkeypatch):
    monkeypatch.setattr(reading, "CHUNK", 10)
    odd = list_cutouts(copied)[20:30]
    for path in odd:
        with Image.open(path) as picture:
            picture.resize((100, 30)).save(path)
    with pytest.raises(CatalogError, match=f"{odd[0]}: it is 6 x 20 pixels"):
        draw(copied, copied)
    with pytest.warns(UserWarning, match="10 of the 60 cutouts to draw from"):
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
    with pytest.warns(UserWarning, match="have no room in the reference, so 60.0% of its labels"):
        draw(folder, folder, reference="random", reference_size=20, detector=detector)
    with pytest.raises(ValueError, match="at least the 12 known spurious"):
        draw(folder, folder, reference_size=5)


def test_other_columns_go_through_to_the_sources(folder, cutouts, tmp_path):
    ids = cutouts.source_ids
    labels = pd.read_excel(
        folder / "labels.xlsx", engine="openpyxl", dtype={"Source_ID": str}
    ).iloc[:50]
    labels["mag"] = [27.5] * 49 + [None]
    catalogue = pd.DataFrame(
        {"name": ids, "RA": 150.0, "Dec": 2.0, "mag": 20.0, "field": ["N", "S"] * 30}
    )
    found = analyze(
        folder,
        labels,
        catalogue=read_catalogue(catalogue, id_column="name"),
        detector=make_detector(),
        reduce=5,
        ranking=False,
    )
    sources = found.sources.set_index("source_id")
    assert sources.loc[ids, "field"].tolist() == ["N", "S"] * 30
    # What a label table says of a source counts more than the catalogue.
    known = labels["Source_ID"].tolist()
    assert sources["ra"].drop(known).eq(150).all()
    assert not sources.loc[known, "ra"].eq(150).any()
    assert sources.loc[known, "mag"].tolist() == [27.5] * 49 + [20.0]
    assert sources["mag"].drop(known).eq(20).all()
    found.save(tmp_path / "results", plots=False, report=False)
    saved = load_analysis(tmp_path / "results", models=False).sources
    pd.testing.assert_frame_equal(saved, found.sources, check_dtype=False)
