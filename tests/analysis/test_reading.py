"""What is read of a survey, and what is told of losses."""

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from astropy.table import Table

from spurclust import analyze, load_analysis
from spurclust.analysis import flag_sources
from spurclust.analysis.reread import cutout_loader
from spurclust.catalog import read_catalogue
from spurclust.errors import CatalogError

from .conftest import make_detector


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


def fits_survey(folder, n=40, **changed):
    """Cutouts with a streak in every fourth, as FITS files, and the labels."""
    folder.mkdir()
    rng = np.random.default_rng(4)
    for k in range(n):
        image = rng.normal(size=(16, 16)).astype(np.float32)
        image[7:9] += 20 * (k % 4 == 0)
        hdu = fits.PrimaryHDU(image)
        hdu.header["RA"], hdu.header["DEC"] = 150 + k / 100, "+02:30:00"
        changed.get(f"f{k}", lambda hdu: None)(hdu)
        hdu.writeto(folder / f"{k}.fit.gz")
    return [int(k % 4 == 0) for k in range(n)]


def settings(**changed):
    return {"detector": make_detector(n_components=2), "ranking": False} | changed


def test_positions_come_from_the_headers_where_tables_have_none(tmp_path):
    y = fits_survey(tmp_path / "cutouts")
    found = analyze(tmp_path / "cutouts", y, **settings())
    assert found.sources["ra"].tolist() == pytest.approx([150 + k / 100 for k in range(40)])
    assert found.sources["dec"].tolist() == pytest.approx([2.5] * 40)
    found.save(tmp_path / "out", plot_formats=[], report=False)
    regions = (tmp_path / "out" / "flagged.reg").read_text(encoding="utf-8")
    assert regions.count("circle(") == found.sources["flagged"].sum() > 0
    new = flag_sources(tmp_path / "out" / "model.skops", tmp_path / "cutouts")
    assert new["dec"].tolist() == pytest.approx([2.5] * 40)
    table = pd.DataFrame({"Source_ID": ["0"], "Reliable_Source": [0], "RA": [9.0], "Dec": [8.0]})
    catalogue = read_catalogue(table, id_column="Source_ID")
    known = analyze(tmp_path / "cutouts", y, catalogue=catalogue, **settings()).sources
    assert known["ra"].tolist()[:2] == pytest.approx([9, 150.01])


def test_doubtful_cutouts_are_counted_and_named(tmp_path):
    def blank(hdu):
        hdu.data[:] = np.nan

    def flat(hdu):
        hdu.data[:] = 3

    y = fits_survey(tmp_path / "cutouts", f3=blank, f5=flat)
    shutil.copy(tmp_path / "cutouts" / "1.fit.gz", tmp_path / "cutouts" / "2.fit.gz")
    with pytest.warns(UserWarning, match="cutouts have") as told:
        analyze(tmp_path / "cutouts", y, **settings())
    texts = " ".join(str(one.message) for one in told)
    for words, names in (("no data", "3"), ("one value", "5"), ("the same pixels", "2")):
        assert re.search(f"1 of 40 cutouts have {words}[^:]*: .*/{names}.fit.gz", texts)


def test_what_was_read_of_fits_files_is_said_and_read_again(tmp_path):
    y = fits_survey(tmp_path / "cutouts")
    said = []
    found = analyze(tmp_path / "cutouts", y, hdu="PRIMARY", log=said.append, **settings())
    assert "Read the FITS extension PRIMARY of 40 files" in said
    assert found.summary["reading"]["hdu"] == ("PRIMARY",)
    load = cutout_loader(found, None)
    np.testing.assert_array_equal(load(3), found.cutouts.images[3][::-1])
    with pytest.raises(CatalogError, match="no image extension 'SCI'; it has 0 PRIMARY"):
        analyze(tmp_path / "cutouts", y, hdu="SCI", **settings())


@pytest.mark.filterwarnings("ignore:The region holds:UserWarning")
def test_shrunk_cutouts_are_drawn_whole_and_padded_as_they_were_read(tmp_path):
    def trim(hdu):
        hdu.data = hdu.data[:, 3:]

    y = fits_survey(tmp_path / "cutouts", f3=trim)
    with pytest.warns(UserWarning, match="padded without data to 16 x 16"):
        found = analyze(tmp_path / "cutouts", y, reduce=2, pad="end", **settings())
    assert found.cutouts.images.shape[1:] == (8, 8)
    with fits.open(tmp_path / "cutouts" / "3.fit.gz") as hdus:
        expected = np.pad(hdus[0].data, ((0, 0), (3, 0)), constant_values=np.nan)
    np.testing.assert_array_equal(cutout_loader(found, None)(3), expected[::-1])
    found.save(tmp_path / "out", plot_formats=[], report=False)
    loaded = load_analysis(tmp_path / "out", models=False)
    moved = (tmp_path / "cutouts").rename(tmp_path / "moved")
    np.testing.assert_array_equal(cutout_loader(loaded, moved)(3), expected[::-1])
    loaded.summary["reading"]["full"] = 5
    with pytest.raises(CatalogError, match="how the cutouts were read is not known"):
        cutout_loader(loaded, moved)


def test_another_pixel_scale_than_was_fitted_is_refused(tmp_path):
    def scaled(arcsec):
        def change(hdu):
            hdu.header.update(
                CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CRVAL1=150.0, CRVAL2=2.5, CRPIX1=8.5,
                CRPIX2=8.5, CDELT1=-arcsec / 3600, CDELT2=arcsec / 3600,
            )  # fmt: skip

        return {f"f{k}": change for k in range(40)}

    y = fits_survey(tmp_path / "cutouts", **scaled(0.03))
    found = analyze(tmp_path / "cutouts", y, **settings())
    assert found.summary["reading"]["scale"] == pytest.approx(0.03 / 3600)
    found.save(tmp_path / "out", plot_formats=[], report=False)
    fits_survey(tmp_path / "other", 5, **scaled(0.06))
    with pytest.raises(CatalogError, match=r"0\.06 arcsec a pixel, .* have 0\.03 arcsec a pixel"):
        flag_sources(tmp_path / "out" / "model.skops", tmp_path / "other")
    assert len(flag_sources(tmp_path / "out" / "model.skops", tmp_path / "cutouts")) == 40


def test_rows_that_name_files_of_strips(folder, cutouts, y):
    names = [Path(path).name for path in cutouts.paths]
    labels = pd.DataFrame({"Source_ID": names, "Reliable_Source": 1 - y})
    catalogue = pd.DataFrame({"Source_ID": [f"strips/{name}" for name in names], "mag": y})
    found = analyze(
        folder, labels, catalogue=catalogue, detector=make_detector(), reduce=5, ranking=False
    )
    assert found.sources["source_id"].tolist() == cutouts.source_ids
    assert found.y.tolist() == found.sources["mag"].tolist() == y.tolist()


def test_one_cutout_is_no_survey(tmp_path):
    fits.PrimaryHDU(np.eye(9)).writeto(tmp_path / "7.fits")
    labels = pd.DataFrame({"Source_ID": ["7"], "Reliable_Source": [0]})
    with pytest.raises(CatalogError, match="has 1 cutout: give those of a whole survey"):
        analyze(tmp_path, labels)


def test_no_cutout_is_left_and_the_error_has_the_reason(tmp_path):
    fits_survey(tmp_path / "cutouts", 3)
    reason = r"has 0 cutouts: .* 3 were skipped, such as .*0\.fit\.gz: .*16 x 16"
    with pytest.raises(CatalogError, match=reason), pytest.warns(UserWarning, match="were skipped"):
        analyze(tmp_path / "cutouts", on_error="skip", size=1000)


def test_labels_of_an_unknown_type_are_named(cutouts):
    table = Table({"Source_ID": cutouts.source_ids})
    with pytest.raises(ValueError, match=r"labels are of type Table: .* 60 sources, or a table"):
        analyze(cutouts.images, table)
    with pytest.raises(ValueError, match=r"labels are an array of shape \(3,\): "):
        analyze(cutouts.images, [0, 1, 1])
