import copy
import json
import warnings
from dataclasses import replace

import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from spurclust.analysis import check_folder, load_analysis, save_report
from spurclust.analysis.folder import picture_process
from spurclust.catalog import load_model
from spurclust.cutouts.files import PREDICTIONS
from spurclust.errors import CatalogError

FILES = {"sources.csv", "sources.ecsv", "components.csv", "summary.json", "model.skops"}
FILES |= {"flagged.reg", "ranker.skops", "report.html"}
PLOTS = {"embedding", "cutouts", "components", "region", "spurious", "flagged"}


def files_of(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_all_files_are_there(saved):
    assert files_of(saved) == FILES | {f"plots/{name}.png" for name in PLOTS}
    summary = json.loads((saved / "summary.json").read_text(encoding="utf-8"))
    assert set(summary["files"]) == files_of(saved)
    assert set(summary["seconds"]) >= {"reading", "flatten", "embed", "ranking", "plots", "report"}
    with Image.open(saved / "plots" / "embedding.png") as picture:
        assert min(picture.size) > 300


def test_formats_and_parts_can_be_chosen(analysis, tmp_path):
    summary = copy.deepcopy(analysis.summary)
    analysis.save(tmp_path, plots=False, report=False, table_format="votable")
    assert files_of(tmp_path) == (FILES - {"sources.ecsv", "report.html"}) | {"sources.vot"}
    assert analysis.summary == summary
    (tmp_path / "notes.txt").write_text("mine")
    analysis.save(tmp_path, plot_formats=["svg", "pdf"], report=False)
    drawn = {f"plots/{name}.{suffix}" for name in PLOTS for suffix in ("svg", "pdf")}
    assert files_of(tmp_path) == (FILES - {"report.html"}) | drawn | {"notes.txt"}


def test_another_process_draws_and_saves_the_same(analysis, saved, tmp_path):
    log = []
    with picture_process(2) as executor:
        analysis.save(tmp_path, report=False, executor=executor, log=log.append)
    for name in ("sources.csv", *[f"plots/{name}.png" for name in PLOTS]):
        assert (tmp_path / name).read_bytes() == (saved / name).read_bytes()
    assert_array_equal(
        load_model(tmp_path / "model.skops").embedding_, analysis.detector.embedding_
    )
    assert [line.split()[0] for line in log] == ["writing", "plots", "models"]


def test_warnings_of_pictures_reach_the_caller(analysis, tmp_path, monkeypatch):
    def warn(*_, **__):
        warnings.warn("few colors", stacklevel=1)

    monkeypatch.setattr("spurclust.catalog.save_model", warn)
    with pytest.warns(UserWarning, match="few colors"):
        analysis.save(tmp_path, plots=False, report=False)


def test_a_failure_leaves_what_was_there(analysis, tmp_path, monkeypatch):
    analysis.save(tmp_path, plots=False, report=False)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def fail(*_, **__):
        raise OSError("no more ideas")

    monkeypatch.setattr("spurclust.catalog.save_model", fail)
    with pytest.raises(OSError, match="no more ideas"):
        analysis.save(tmp_path, plots=False, report=False)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_what_cannot_be_saved_is_found_before_the_work(tmp_path):
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "region.svg").write_text("mine")
    check_folder(tmp_path)
    with pytest.raises(CatalogError, match=r"plots/region\.svg"):
        check_folder(tmp_path, plot_formats=["svg"])
    (tmp_path / "tuning.csv").write_text("mine")
    with pytest.raises(CatalogError, match=r"tuning\.csv"):
        check_folder(tmp_path, tune=True)


def test_an_analysis_does_not_go_into_a_folder_of_predictions(tmp_path):
    (tmp_path / "manifest.json").write_text(f'{{"format": "{PREDICTIONS}"}}')
    with pytest.raises(CatalogError, match="holds predictions"):
        check_folder(tmp_path)


def test_a_page_is_added_to_a_folder_once_it_is_ours(analysis, tmp_path):
    analysis.save(tmp_path, plots=False, report=False)
    (tmp_path / "report.html").write_text("mine")
    with pytest.raises(CatalogError, match="not from an earlier report"):
        save_report(load_analysis(tmp_path, models=False), tmp_path)
    (tmp_path / "report.html").unlink()
    for _ in range(2):
        notes = save_report(load_analysis(tmp_path, models=False), tmp_path, max_cutouts=5)
        assert "cutouts of 5 of 60 sources" in notes[0]
        assert "report.html" in json.loads((tmp_path / "summary.json").read_text())["files"]


def test_an_analysis_without_its_models_does_not_replace_one_with_them(analysis, tmp_path):
    analysis.save(tmp_path, plots=False, report=False)
    before = files_of(tmp_path)
    with pytest.raises(ValueError, match="models=True"):
        load_analysis(tmp_path, models=False).save(tmp_path, plots=False)
    assert files_of(tmp_path) == before


@pytest.mark.parametrize(
    "options", [{"table_format": "csv"}, {"plot_formats": "png"}, {"plot_formats": ["gif"]}]
)
def test_formats_that_cannot_be_saved(tmp_path, options):
    with pytest.raises(ValueError, match=r"(table_format|plot_formats)="):
        check_folder(tmp_path, **options)


def test_the_settings_that_were_used_are_recorded(saved):
    settings = json.loads((saved / "summary.json").read_text(encoding="utf-8"))["settings"]
    assert settings["n_components"] == 3
    assert (settings["threshold"], settings["perplexity"]) == (0.05, 8)


def test_a_page_without_cutouts_does_not_replace_one_with_them(analysis, tmp_path):
    of_array = replace(analysis, sources=analysis.sources.assign(path=""))
    of_array.save(tmp_path, plots=False)
    page = (tmp_path / "report.html").read_bytes()
    with pytest.raises(CatalogError, match="the cutouts are not files"):
        save_report(load_analysis(tmp_path, models=False), tmp_path)
    assert (tmp_path / "report.html").read_bytes() == page
    with pytest.raises(ValueError, match="not saved with an analysis"):
        load_analysis(tmp_path).plot_cutouts()


def test_shrunk_cutouts_that_are_no_files_are_in_the_page(analysis, tmp_path):
    of_array = replace(analysis, sources=analysis.sources.assign(path=""))
    notes = of_array.write_report(tmp_path / "page.html")
    assert notes[0].startswith("The page holds the cutouts of 60 of 60 sources")
    assert "--reduce" in notes[0]
