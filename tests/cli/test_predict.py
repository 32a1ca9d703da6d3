"""`spurclust predict` into a table: the flags of the run again, and models that cannot be used."""

import shutil

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from PIL import Image

from spurclust import SpuriousRegionDetector, catalog
from spurclust.cli.main import main
from spurclust.embedding import ImageFlattener

from .conftest import (
    COLUMNS,
    LEAN,
    N_SOURCES,
    RANKING,
    ids_of,
    one_error,
    predict,
    run,
    strip_paths,
    write_images,
)


def test_the_flags_of_the_run_again(survey, results, model, tmp_path, capsys):
    assert predict(model, survey, tmp_path / "again.csv") == 0
    fitted, again = pd.read_csv(results / "sources.csv"), pd.read_csv(tmp_path / "again.csv")
    assert list(again.columns) == [*COLUMNS, "novelty", *RANKING[:2]]
    names = ["source_id", "tsne_x", "tsne_y", "component", "spurious_probability", "flagged"]
    names += RANKING[:2]
    pd.testing.assert_frame_equal(again[names], fitted[names], check_exact=True)
    assert again["label"].isna().all()
    n_flagged = int(fitted["flagged"].sum())
    assert f"Flagged {n_flagged} of {N_SOURCES} sources" in capsys.readouterr().out
    path = strip_paths(survey)[3]
    assert predict(model, path, tmp_path / "one.csv", "--jobs", 1) == 0
    one = pd.read_csv(tmp_path / "one.csv")
    assert one["flagged"].tolist() == fitted["flagged"][fitted["path"] == str(path)].tolist()


def test_without_or_with_another_ranker(survey, model, tmp_path, capsys):
    alone, path = shutil.copy(model, tmp_path / "model.skops"), strip_paths(survey)[0]
    assert predict(alone, path, tmp_path / "t.csv") == 0
    assert list(pd.read_csv(tmp_path / "t.csv").columns) == [*COLUMNS, "novelty"]
    shutil.copy(model, tmp_path / "ranker.skops")
    capsys.readouterr()
    assert predict(alone, path, tmp_path / "t.csv") == 1
    one_error(capsys, "ranker.skops", "holds a SpuriousRegionDetector, not a ranker")


def test_names_of_another_kind(survey, model, tmp_path):
    (tmp_path / "renamed").mkdir()
    for number, path in enumerate(strip_paths(survey)[:3]):
        shutil.copy(path, tmp_path / "renamed" / f"field-{number}.png")
    pattern = r"field-(?P<source_id>\d)"
    table = tmp_path / "new.csv"
    assert predict(model, tmp_path / "renamed", table, "--id-pattern", pattern) == 0
    assert pd.read_csv(table)["source_id"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("out", ["found.csv", "found"])
def test_a_table_of_paths_with_other_columns(survey, model, tmp_path, capsys, out):
    paths = strip_paths(survey)[:6]
    table = tmp_path / "t.parquet"
    pd.DataFrame({"objid": ids_of(survey)[:6], "file": map(str, paths)}).to_parquet(table)
    assert predict(model, table, tmp_path / out) == 1
    one_error(capsys, "no column 'source_id'")
    columns = ["--id-column", "objid", "--path-column", "file"]
    assert predict(model, table, tmp_path / out, *columns) == 0
    place = tmp_path / out
    found = pd.read_csv(place, dtype={"source_id": str}) if place.is_file() else None
    found = pd.read_parquet(place / "sources") if found is None else found
    assert found["source_id"].tolist() == ids_of(survey)[:6]
    assert found["path"].tolist() == [str(path) for path in paths]


def test_the_columns_of_a_catalogue_reach_the_table_and_are_refused_for_a_folder(
    survey, model, tmp_path, capsys
):
    ids = ids_of(survey)[::-1]
    table = {"name": ids, "mag": np.arange(N_SOURCES), "RA": 150.0, "Dec": 2.5, "z_phot": 6.5}
    pd.DataFrame(table).iloc[1:].to_csv(tmp_path / "cat.csv", index=False)
    words = ["--catalogue", tmp_path / "cat.csv", "--catalogue-id-column", "name"]
    assert predict(model, survey, tmp_path / "new.csv", *words) == 0
    assert f"describes {N_SOURCES - 1} of the {N_SOURCES} sources" in capsys.readouterr().out
    new = pd.read_csv(tmp_path / "new.csv", dtype={"source_id": str}).set_index("source_id")
    assert list(new.columns[-5:]) == ["ra", "dec", "sky_viewer", "mag", "z_phot"]
    assert new.loc[ids, "mag"].tolist()[1:] == list(range(1, N_SOURCES))
    assert new.loc[ids, "dec"].tolist()[1:] == [2.5] * (N_SOURCES - 1)
    assert new.loc[ids[0], ["ra", "mag"]].isna().all()
    assert predict(model, survey, tmp_path / "folder", *words) == 1
    one_error(
        capsys,
        "--catalogue",
        "a folder does not get its columns",
        "--out a table such as folder.csv",
    )
    assert not (tmp_path / "folder").exists()


def test_mosaics_have_the_positions_and_columns_of_their_catalogue(tmp_path, capsys):
    images = np.random.default_rng(0).normal(size=(60, 8, 8)).astype(np.float32)
    images[:6] += 9
    detector = SpuriousRegionDetector(2, perplexity=5, random_state=0)
    detector.fit(images, np.arange(60) < 6)
    model = tmp_path / "model.skops"
    catalog.save_model(detector, model, metadata={"reading": {"dtype": "float32"}})
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = (53.1, -27.8), (32, 32), (-1e-5, 1e-5)
    mosaic = np.random.default_rng(1).normal(size=(64, 64)).astype(np.float32)
    fits.PrimaryHDU(mosaic, header=wcs.to_header()).writeto(tmp_path / "m.fits")
    place = wcs.pixel_to_world([10, 40], [20, 30])
    table = pd.DataFrame({"Source_ID": [7, 8], "RA": place.ra.deg, "Dec": place.dec.deg})
    table.assign(mag=[25, 26]).to_csv(tmp_path / "cat.csv", index=False)
    words = ["--mosaic", f"g={tmp_path / 'm.fits'}", "--catalogue", str(tmp_path / "cat.csv")]
    words = ["predict", str(model), *words, "--cutout-size", "8", "--out"]
    assert main([*words, str(tmp_path / "new.csv")]) == 0
    new = pd.read_csv(tmp_path / "new.csv")
    assert new["mag"].tolist() == [25, 26]
    assert new["ra"].tolist() == pytest.approx(table["RA"].tolist())
    capsys.readouterr()
    assert main([*words, str(tmp_path / "folder")]) == 0
    assert "For other columns, join the parts by source_id" in capsys.readouterr().out
    parts = pd.read_parquet(tmp_path / "folder" / "sources")
    assert parts["ra"].tolist() == pytest.approx(table["RA"].tolist())
    table.to_csv(tmp_path / "cat.csv", index=False)
    assert main([*words, str(tmp_path / "folder")]) == 0
    assert "other columns" not in capsys.readouterr().out


def test_gray_cutouts_where_some_fitted_ones_were_colored(copied, tmp_path):
    first, *gray = strip_paths(copied)
    pixels = np.array(Image.open(first).convert("RGB"))
    pixels[0, 0] = (255, 0, 0)
    Image.fromarray(pixels).save(first)
    assert run(copied, tmp_path / "out", *LEAN) == 0
    folder = write_images(tmp_path / "gray", [])
    for path in gray:
        shutil.copy(path, folder)
    assert predict(tmp_path / "out" / "model.skops", folder, tmp_path / "gray.csv") == 0
    fitted = pd.read_csv(tmp_path / "out" / "sources.csv")
    assert pd.read_csv(tmp_path / "gray.csv")["flagged"].tolist() == fitted["flagged"][1:].tolist()


@pytest.mark.parametrize(("size", "shape"), [((60, 60), "60 x 60"), ((20, 10), "10 x 20")])
def test_cutouts_of_another_size(model, tmp_path, capsys, size, shape):
    Image.new("L", size).save(tmp_path / "1.png")
    assert predict(model, tmp_path / "1.png", tmp_path / "table.csv") == 1
    one_error(capsys, f"1.png: it is {shape} pixels", "the fitted cutouts are 170 x 950 pixels")
    assert not (tmp_path / "table.csv").exists()


def test_a_file_that_is_no_model_is_one_error(survey, tmp_path, capsys):
    model, table = tmp_path / "m.skops", tmp_path / "t.csv"
    for content in (None, b"", b"\x80\x04K\x01.", b"PK\x03\x04"):
        if content is not None:
            model.write_bytes(content)
        assert predict(model, survey, table) == 1
        one_error(capsys, "m.skops")
    catalog.save_model(ImageFlattener().fit(np.ones((2, 3, 3))), model)
    assert predict(model, survey, table) == 1
    one_error(capsys, "ImageFlattener", "m.skops")
    assert not table.exists()


@pytest.mark.parametrize(
    ("reading", "code"),
    [(5, 1), ({"reduce": "x"}, 1), ({"reduce": 5, "n_jobs": 99, "on_error": "skip"}, 0)],
    ids=str,
)
def test_hostile_metadata_of_a_model_do_no_harm(survey, model, tmp_path, capsys, reading, code):
    changed = tmp_path / "m.skops"
    catalog.save_model(catalog.load_model(model), changed, metadata={"reading": reading})
    assert predict(changed, strip_paths(survey)[0], tmp_path / "t.csv") == code
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("name", ["table.docx", "none/table.csv"])
def test_a_table_that_cannot_be_written_is_found_before_the_work(
    survey, model, tmp_path, capsys, name
):
    assert predict(model, survey, tmp_path / name) == 1
    said, errors = capsys.readouterr()
    assert name in errors
    assert "predicting" not in said
