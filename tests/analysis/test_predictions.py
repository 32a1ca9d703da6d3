import json
from base64 import b64decode
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from PIL import Image

from spurclust.analysis import predictions, report_predictions
from spurclust.errors import CatalogError

N_SOURCES = 12


def write_predictions(folder, *, complete=True, change=None):
    """Write what `spurclust predict` leaves, of twelve sources in two parts."""
    numbers = np.arange(N_SOURCES)
    for number in numbers:
        image = np.random.default_rng(number).integers(0, 255, (9, 9), dtype=np.uint8)
        Image.fromarray(image).save(folder / f"{number}.png")
    table = pd.DataFrame(
        {
            "source_id": numbers.astype(str),
            "path": [str(folder / f"{number}.png") for number in numbers],
            "tsne_x": np.cos(numbers),
            "tsne_y": np.sin(numbers),
            "component": np.where(numbers < 4, 2, 0),
            "spurious_probability": np.where(numbers < 4, 0.5, 0.01),
            "flagged": numbers < 4,
            "novelty": numbers / 10,
            "inspection_probability": (numbers + 1) / 20,
        }
    )
    if change is not None:
        change(table)
    out = folder / "predictions"
    (out / "sources").mkdir(parents=True)
    for part in range(2):
        table[6 * part : 6 * part + 6].to_parquet(out / "sources" / f"part-00000{part}.parquet")
    manifest = {"format": "spurclust predictions", "complete": complete}
    (out / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (out / "errors.csv").write_text("source_id,path,reason\n99,99.png,empty\n", encoding="utf-8")
    return out


def test_the_page_shows_new_sources_and_nothing_of_labels(tmp_path):
    folder = write_predictions(tmp_path)
    (note,) = report_predictions(folder)
    assert "cutouts of 12 of 12 sources" in note
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "4 of 12 new sources lie in the spurious region" in page
    assert "1 other was unreadable" in page
    assert ">Inspected</th>" not in page
    assert "Completeness against workload" not in page
    assert report_predictions(folder, tmp_path / "other.html", max_cutouts=0)
    report_predictions(folder)  # replaces its own page
    (folder / "report.html").write_text("mine", encoding="utf-8")
    with pytest.raises(CatalogError, match="not from an earlier report"):
        report_predictions(folder)


def test_the_cutouts_drawn_are_read_as_those_of_the_predictions(tmp_path):
    def name_fits(table):
        table["path"] = table["path"].str.replace(".png", ".fits")

    folder = write_predictions(tmp_path, change=name_fits)
    for number in range(N_SOURCES):
        pixels = np.random.default_rng(number).normal(size=(9, 9 if number else 6))
        hdus = [fits.PrimaryHDU(), fits.ImageHDU(np.ones((5, 5)), name="SCI")]
        hdus.append(fits.ImageHDU(pixels.astype(np.float32), name="OTHER"))
        fits.HDUList(hdus).writeto(tmp_path / f"{number}.fits")
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["reading"] = {"hdu": ["OTHER"], "full": [9, 9], "dtype": "float32", "pad": "end"}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    report_predictions(folder)
    cutouts = data_of((folder / "report.html").read_text(encoding="utf-8"), "cutouts")
    shown = [Image.open(BytesIO(b64decode(cutouts[str(k)]))) for k in range(N_SOURCES)]
    assert {picture.size for picture in shown} == {(9, 9)}
    manifest["reading"] = "by eye"
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(CatalogError, match="not a manifest of spurclust's predictions"):
        report_predictions(folder)


def data_of(page, part="data"):
    """Return what the script of a page works with."""
    return json.loads(page.split(f'id="{part}"')[1].split(">", 1)[1].split("</script>")[0])


def test_of_many_sources_the_flagged_come_first(tmp_path, monkeypatch):
    monkeypatch.setattr(predictions, "MAX_SOURCES", 5)
    folder = write_predictions(tmp_path)
    report_predictions(folder)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "The page shows 5 of 12 sources: flagged ones first" in page
    start = page.index('"ids":[') + len('"ids":[')
    ids = json.loads(f"[{page[start : page.index(']', start)]}]")
    assert len(ids) == 5
    assert set(ids) >= {"0", "1", "2", "3"}


def set_component(table):
    table["component"] = -1


def drop_flags(table):
    del table["flagged"]


def lose_positions(table):
    table.loc[3, "tsne_x"] = np.nan


@pytest.mark.parametrize("change", [set_component, drop_flags, lose_positions])
def test_damaged_predictions_are_refused(tmp_path, change):
    folder = write_predictions(tmp_path, change=change)
    with pytest.raises(CatalogError, match="run the same `spurclust predict` command again"):
        report_predictions(folder)


def test_other_folders_are_refused(tmp_path):
    with pytest.raises(CatalogError, match="cannot be read: give the folder"):
        report_predictions(tmp_path)
    folder = write_predictions(tmp_path, complete=False)
    with pytest.raises(CatalogError, match="not complete"):
        report_predictions(folder)
    (folder / "manifest.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(CatalogError, match="not a manifest of spurclust's predictions"):
        report_predictions(folder)
    (folder / "manifest.json").write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(CatalogError, match="cannot be read"):
        report_predictions(folder)
