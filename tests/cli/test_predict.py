import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from spurclust import catalog, cutouts
from spurclust.cli.main import main
from spurclust.embedding import ImageFlattener

from .conftest import COLUMNS, N_SOURCES, RANKING, one_error, run


def test_predict_repeats_the_flags_of_the_run(survey, results, tmp_path, capsys):
    table = tmp_path / "again.csv"
    assert main(["predict", str(results / "model.skops"), str(survey), "--out", str(table)]) == 0
    fitted, again = pd.read_csv(results / "sources.csv"), pd.read_csv(table)
    assert list(again.columns) == [*COLUMNS, "novelty", *RANKING[:2]]
    names = ["source_id", "tsne_x", "tsne_y", "component", "spurious_probability", "flagged"]
    names += RANKING[:2]
    pd.testing.assert_frame_equal(again[names], fitted[names], check_exact=True)
    assert again["label"].isna().all()
    n_flagged = int(fitted["flagged"].sum())
    assert f"Flagged {n_flagged} of {N_SOURCES} sources" in capsys.readouterr().out


def test_predict_without_or_with_another_ranker(survey, results, tmp_path, capsys):
    shutil.copy(results / "model.skops", tmp_path / "model.skops")
    table = tmp_path / "t.csv"
    command = ["predict", str(tmp_path / "model.skops"), str(survey), "--out", str(table)]
    assert main(command) == 0
    assert list(pd.read_csv(table).columns) == [*COLUMNS, "novelty"]
    shutil.copy(results / "model.skops", tmp_path / "ranker.skops")
    capsys.readouterr()
    assert main(command) == 1
    one_error(capsys, "ranker.skops", "holds a SpuriousRegionDetector, not a ranker")


def test_predict_takes_one_file_and_another_number_of_threads(survey, results, tmp_path):
    path = cutouts.list_cutouts(survey)[3]
    table = tmp_path / "one.csv"
    command = ["predict", str(results / "model.skops"), path, "--out", str(table), "--jobs", "1"]
    assert main(command) == 0
    one = pd.read_csv(table)
    fitted = pd.read_csv(results / "sources.csv")
    assert one["flagged"].tolist() == fitted["flagged"][fitted["path"] == path].tolist()


def test_predict_reads_names_of_another_kind(survey, results, tmp_path):
    renamed = tmp_path / "renamed"
    renamed.mkdir()
    for number, path in enumerate(cutouts.list_cutouts(survey)[:3]):
        shutil.copy(path, renamed / f"field-{number}.png")
    table = tmp_path / "new.csv"
    command = ["predict", str(results / "model.skops"), str(renamed), "--out", str(table)]
    assert main([*command, "--id-pattern", r"field-(?P<source_id>\d)"]) == 0
    assert pd.read_csv(table)["source_id"].tolist() == [0, 1, 2]


def test_predict_takes_gray_cutouts_where_some_fitted_ones_were_colored(copied, tmp_path):
    path = Path(cutouts.list_cutouts(copied)[0])
    pixels = np.array(Image.open(path).convert("RGB"))
    pixels[0, 0] = (255, 0, 0)
    Image.fromarray(pixels).save(path)
    assert run(copied, tmp_path / "out", "--no-plots") == 0
    table = tmp_path / "gray.csv"
    gray = cutouts.list_cutouts(copied)[1:]
    model = str(tmp_path / "out" / "model.skops")
    assert main(["predict", model, *gray, "--out", str(table)]) == 0
    fitted = pd.read_csv(tmp_path / "out" / "sources.csv")
    assert pd.read_csv(table)["flagged"].tolist() == fitted["flagged"][1:].tolist()


def test_predict_refuses_cutouts_of_another_size(results, tmp_path, capsys):
    Image.new("L", (60, 60)).save(tmp_path / "1.png")
    table = tmp_path / "table.csv"
    command = ["predict", str(results / "model.skops"), str(tmp_path / "1.png")]
    assert main([*command, "--out", str(table)]) == 1
    one_error(capsys)
    assert not table.exists()


def test_a_file_that_is_no_model_is_one_error(survey, tmp_path, capsys):
    command = ["predict", str(tmp_path / "m.skops"), str(survey), "--out", str(tmp_path / "t.csv")]
    for content in (None, b"", b"\x80\x04K\x01.", b"PK\x03\x04"):
        if content is not None:
            (tmp_path / "m.skops").write_bytes(content)
        assert main(command) == 1
        one_error(capsys, "m.skops")
    catalog.save_model(ImageFlattener().fit(np.ones((2, 3, 3))), tmp_path / "m.skops")
    assert main(command) == 1
    one_error(capsys, "ImageFlattener", "m.skops")
    assert not (tmp_path / "t.csv").exists()


def test_hostile_metadata_of_a_model_do_no_harm(survey, results, tmp_path, capsys):
    detector = catalog.load_model(results / "model.skops")
    table = tmp_path / "t.csv"
    for reading in (5, {"reduce": 5, "n_jobs": 99, "on_error": "skip"}, {"reduce": "x"}):
        catalog.save_model(detector, tmp_path / "m.skops", metadata={"reading": reading})
        code = main(["predict", str(tmp_path / "m.skops"), str(survey), "--out", str(table)])
        works = isinstance(reading, dict) and reading["reduce"] == 5
        assert code == (0 if works else 1)
        assert "Traceback" not in capsys.readouterr().err


def test_a_table_that_cannot_be_written_is_found_before_the_work(survey, results, tmp_path, capsys):
    for name in ("table.docx", "none/table.csv"):
        command = ["predict", str(results / "model.skops"), str(survey)]
        assert main([*command, "--out", str(tmp_path / name)]) == 1
        text, errors = capsys.readouterr()
        assert name in errors
        assert "predicting" not in text


def test_cutouts_of_another_shape_than_the_model(survey, results, tmp_path, capsys):
    Image.new("L", (20, 10)).save(tmp_path / "1.png")
    table = tmp_path / "table.csv"
    assert main(["predict", str(results / "model.skops"), str(tmp_path), "--out", str(table)]) == 1
    assert "sources of shape (2, 4), but" in capsys.readouterr().err
    assert not table.exists()
