import json
import re
import shutil
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.preprocessing import FunctionTransformer

import spurclust
from spurclust import SpuriousRegionDetector, catalog, cutouts
from spurclust.cli.drawing import PLOTS
from spurclust.cli.main import main
from spurclust.cli.options import TABLE_SUFFIXES
from spurclust.embedding import ImageFlattener

N_SOURCES = 40
N_SPURIOUS = 8
COLUMNS = [
    "source_id",
    "path",
    "label",
    "reason",
    "tsne_x",
    "tsne_y",
    "component",
    "spurious_probability",
    "flagged",
]
RANKING = ["inspection_rank", "inspection_probability", "nearest_spurious"]
POSITIONS = ["ra", "dec", "sky_viewer"]
TABLES = {"sources.csv", "sources.ecsv", "components.csv", "summary.json", "model.skops"}
TABLES |= {"flagged.reg", "ranker.skops"}
# For what neither features nor the order of inspection have to do with.
LEAN = ["--no-ranking", "--region-on", "pixels"]


@pytest.fixture(scope="session")
def survey(tmp_path_factory):
    folder = tmp_path_factory.mktemp("survey") / "strips"
    command = ["simulate", str(folder), "--n-sources", str(N_SOURCES)]
    assert main([*command, "--n-spurious", str(N_SPURIOUS), "--jobs", "2"]) == 0
    return folder


def run(survey, out, *options, labels=None):
    table = survey / "labels.xlsx" if labels is None else labels
    command = ["run", str(survey), "--labels", str(table), "--out", str(out)]
    quick = ["--reduce", "5", "--perplexity", "10", "--jobs", "2", "--no-report"]
    return main([*command, *quick, *map(str, options)])


@pytest.fixture(scope="session")
def results(survey, tmp_path_factory):
    out = tmp_path_factory.mktemp("results") / "out"
    assert run(survey, out, "-N", "3", "--no-plots") == 0
    return out


@pytest.fixture
def copied(survey, tmp_path):
    return Path(shutil.copytree(survey, tmp_path / "copied"))


def write_labels(path, labels):
    pd.DataFrame({"Source_ID": list(labels), "Reliable_Source": list(labels.values())}).to_csv(
        path, index=False
    )
    return path


def files_of(folder):
    paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def one_error(capsys, *parts):
    errors = [line for line in capsys.readouterr().err.splitlines() if "warning" not in line]
    assert len(errors) == 1
    assert errors[0].startswith("spurclust: error: ")
    for part in parts:
        assert part in errors[0]


def test_run_leaves_the_tables_summary_and_model(results):
    assert set(files_of(results)) == TABLES
    table = pd.read_csv(results / "sources.csv", dtype={"source_id": str})
    assert list(table.columns) == COLUMNS + RANKING + POSITIONS
    assert len(table) == N_SOURCES
    assert int((table["label"] == 1).sum()) == N_SPURIOUS
    assert table["reason"].notna().sum() == N_SPURIOUS
    components = pd.read_csv(results / "components.csv")
    assert components["size"].sum() == N_SOURCES
    region = set(components["component"][components["in_region"]])
    assert (table["component"].isin(region) == table["flagged"]).all()


def test_the_summary_agrees_with_the_tables(results):
    table = pd.read_csv(results / "sources.csv")
    summary = json.loads((results / "summary.json").read_text(encoding="utf-8"))
    flagged, spurious = table["flagged"], table["label"] == 1
    assert summary["flagged"]["k"] == int(flagged.sum())
    assert summary["in_sample"]["completeness"]["k"] == int((flagged & spurious).sum())
    assert summary["in_sample"]["completeness"]["n"] == N_SPURIOUS
    assert summary["labels"]["n_sources"] == N_SOURCES
    assert set(summary["files"]) == TABLES
    assert summary["skipped"] == {}
    assert summary["settings"]["command"] == "run"
    assert summary["settings"]["perplexity"] == 10
    stages = {"reading", "flatten", "reduce", "embed", "mixture", "ranking", "writing"}
    assert set(summary["seconds"]) == stages


def test_run_says_what_it_found(survey, tmp_path, capsys):
    assert run(survey, tmp_path / "out", "-N", "3", "--no-plots") == 0
    text, errors = capsys.readouterr()
    assert errors == ""
    for word in ("reading", "flatten", "reduce", "embed", "mixture", "ranking", "writing"):
        assert re.search(rf"^  {word} +\d+\.\d\d s$", text, re.MULTILINE)
    assert re.search(rf"^sources +{N_SOURCES}$", text, re.MULTILINE)
    assert re.search(r"^  component +size +inspected", text, re.MULTILINE)
    assert re.search(rf"^Flagged \d+ of {N_SOURCES} sources \(workload 0\.\d+\)", text, re.M)
    assert re.search(rf"completeness +\d of {N_SPURIOUS} = [01]\.\d+ \(95 %", text)
    assert re.search(r"purity +\d+ of \d+ = [01]\.\d+ \(95 %", text)
    assert "In-sample" in text
    assert "diffraction spike" in text


def test_run_writes_the_page_to_look_at_and_judge_in(survey, tmp_path, capsys):
    pytest.importorskip("bokeh")
    out = tmp_path / "out"
    command = ["run", str(survey), "--labels", str(survey / "labels.xlsx"), "--out", str(out)]
    options = ["--no-plots", "--perplexity", "10", "--jobs", "2", "-N", "3"]
    assert main([*command, *options]) == 0
    said = capsys.readouterr().out
    assert re.search(r"^  report +\d+\.\d\d s$", said, re.MULTILINE)
    assert f"open {out / 'report.html'} in a browser" in said
    assert set(files_of(out)) == TABLES | {"report.html"}
    assert "report.html" in json.loads((out / "summary.json").read_text())["files"]
    page = (out / "report.html").read_text(encoding="utf-8")
    assert f"cutouts of {N_SOURCES} of {N_SOURCES} sources" in page
    assert main([*command, *options, "--no-report"]) == 0
    assert not (out / "report.html").exists()


def test_the_order_of_inspection_is_written_and_said(survey, results, capsys):
    table = pd.read_csv(results / "sources.csv", dtype={"source_id": str})
    assert sorted(table["inspection_rank"]) == list(range(1, N_SOURCES + 1))
    ordered = table.sort_values("inspection_rank")
    assert ordered["inspection_probability"].is_monotonic_decreasing
    spurious = set(table.loc[table["label"] == 1, "source_id"])
    for source_id, nearest in zip(table["source_id"], table["nearest_spurious"], strict=True):
        named = nearest.split(", ")
        assert set(named) <= spurious - {source_id}
        assert len(named) == 3
    effort = json.loads((results / "summary.json").read_text())["ranking"]["expected_effort"]
    assert [row["completeness"] for row in effort] == [0.9, 0.95, 0.99]
    for row in effort:
        assert row["interval"][0] <= row["inspections"] <= row["interval"][1] <= N_SOURCES
    loaded = catalog.load_model(results / "ranker.skops")
    assert loaded.inspection_rank_.tolist() == table["inspection_rank"].tolist()


def test_no_order_where_it_is_not_wanted_or_nothing_is_known(survey, tmp_path, capsys):
    labels = pd.read_excel(survey / "labels.xlsx")
    labels["Reliable_Source"] = 1
    labels.to_csv(tmp_path / "none.csv", index=False)
    for table, options in (("labels.xlsx", ["--no-ranking"]), (tmp_path / "none.csv", [])):
        out = tmp_path / "out"
        command = ["run", str(survey), "--labels", str(survey / table), "--out", str(out)]
        quick = ["--no-plots", "--no-report", "--perplexity", "10", "-N", "3", *options]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # no spurious source is known
            assert main([*command, *quick]) == 0
        assert "In the order of inspection_rank" not in capsys.readouterr().out
        assert "inspection_rank" not in pd.read_csv(out / "sources.csv").columns
        assert not (out / "ranker.skops").exists()


def test_a_region_on_pixels_is_the_original_method(survey, tmp_path):
    out = tmp_path / "out"
    command = ["run", str(survey), "--labels", str(survey / "labels.xlsx"), "--out", str(out)]
    quick = ["--no-plots", "--no-report", "--no-ranking", "--perplexity", "10"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # more components than distinct points
        assert main([*command, *quick, "--region-on", "pixels"]) == 0
    steps = catalog.load_model(out / "model.skops").pipeline_.named_steps
    assert type(steps["flatten"]).__name__ == "ImageFlattener"
    assert steps["reduce"] == "passthrough"
    assert len(pd.read_csv(out / "components.csv")) == 6


def test_what_the_report_lacks_is_found_before_the_work(survey, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    command = ["run", str(survey), "--labels", str(survey / "labels.xlsx"), "--no-plots"]
    assert main([*command, "--out", str(tmp_path / "out")]) == 1
    said, errors = capsys.readouterr()
    assert said == ""
    assert "--no-report" in errors
    assert "pip install 'spurclust[report]'" in errors
    assert list(tmp_path.iterdir()) == []


def test_run_draws_the_pictures(survey, tmp_path):
    out = tmp_path / "out"
    assert run(survey, out, "-N", "3") == 0
    names = {f"plots/{name}.png" for name in PLOTS}
    assert set(files_of(out)) == TABLES | names
    with Image.open(out / "plots" / "embedding.png") as image:
        assert min(image.size) > 300


@pytest.mark.parametrize("options", [["svg,pdf", "PNG"], ["pdf", "svg, png"]])
def test_pictures_for_papers(survey, tmp_path, options):
    out = tmp_path / "out"
    given = [word for option in options for word in ("--plot-format", option)]
    assert run(survey, out, "-N", "3", *given, *LEAN) == 0
    found = {path.name for path in (out / "plots").iterdir()}
    assert found == {f"{name}.{suffix}" for name in PLOTS for suffix in ("png", "svg", "pdf")}
    drawn = (out / "plots" / "components.svg").read_text(encoding="utf-8")
    assert ">Spurious fraction (%)</text>" in drawn
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert sorted(summary["settings"]["plot_format"]) == ["pdf", "png", "svg"]


def test_a_foreign_picture_is_found_before_the_work(survey, tmp_path, capsys):
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "region.svg").write_text("mine", encoding="utf-8")
    assert run(survey, tmp_path, "--plot-format", "svg") == 1
    one_error(capsys, "plots/region.svg")
    assert files_of(tmp_path) == {"plots/region.svg": b"mine"}


def test_without_a_spurious_source_there_are_no_galleries(survey, tmp_path, capsys):
    ids = cutouts.source_ids_from_paths(cutouts.list_cutouts(survey))
    labels = write_labels(tmp_path / "labels.csv", dict.fromkeys(ids, 1))
    out = tmp_path / "out"
    assert run(survey, out, labels=labels) == 0
    text, errors = capsys.readouterr()
    assert not (out / "plots" / "spurious.png").exists()
    assert not (out / "plots" / "flagged.png").exists()
    assert (out / "plots" / "region.png").exists()
    assert "completeness  not defined (0 of 0)" in text
    assert f"Flagged 0 of {N_SOURCES}" in text
    assert all(line.startswith("spurclust: warning: ") for line in errors.splitlines())
    assert "spurious" in errors


@pytest.mark.parametrize(("name", "suffix"), TABLE_SUFFIXES.items())
def test_every_format_holds_the_same_sources(survey, tmp_path, name, suffix):
    out = tmp_path / "out"
    assert run(survey, out, "--no-plots", "--format", name) == 0
    other = catalog.read_labels(
        out / f"sources{suffix}",
        id_column="source_id",
        label_column="label",
        reason_column="reason",
        spurious_value=1,
    ).table
    table = pd.read_csv(out / "sources.csv", dtype={"source_id": str})
    assert set(files_of(out)) == (TABLES - {"sources.ecsv"}) | {f"sources{suffix}"}
    assert other["source_id"].tolist() == table["source_id"].tolist()
    assert other["label"].tolist() == table["label"].tolist()
    np.testing.assert_allclose(other["tsne_x"].astype(float), table["tsne_x"], rtol=1e-15)


def test_options_reach_the_detector(survey, tmp_path):
    out = tmp_path / "out"
    options = ["-N", "2", "--threshold", "0.3", "--assignment", "soft", "--random-state", "5"]
    assert run(survey, out, "--no-plots", *LEAN, *options) == 0
    detector = catalog.load_model(out / "model.skops")
    chosen = detector.get_params()
    assert (chosen["n_components"], chosen["threshold"]) == (2, 0.3)
    assert (chosen["assignment"], chosen["random_state"]) == ("soft", 5)
    assert chosen["perplexity"] == 10
    assert detector.image_shape_ == (34, 190)


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


def test_predict_takes_grey_cutouts_where_some_fitted_ones_were_coloured(copied, tmp_path):
    path = Path(cutouts.list_cutouts(copied)[0])
    pixels = np.array(Image.open(path).convert("RGB"))
    pixels[0, 0] = (255, 0, 0)
    Image.fromarray(pixels).save(path)
    assert run(copied, tmp_path / "out", "--no-plots") == 0
    table = tmp_path / "grey.csv"
    grey = cutouts.list_cutouts(copied)[1:]
    model = str(tmp_path / "out" / "model.skops")
    assert main(["predict", model, *grey, "--out", str(table)]) == 0
    fitted = pd.read_csv(tmp_path / "out" / "sources.csv")
    assert pd.read_csv(table)["flagged"].tolist() == fitted["flagged"][1:].tolist()


def test_predict_refuses_cutouts_of_another_size(results, tmp_path, capsys):
    Image.new("L", (60, 60)).save(tmp_path / "1.png")
    table = tmp_path / "table.csv"
    command = ["predict", str(results / "model.skops"), str(tmp_path / "1.png")]
    assert main([*command, "--out", str(table)]) == 1
    one_error(capsys)
    assert not table.exists()


def test_missing_input_is_named(survey, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(tmp_path / "none", out, labels=survey / "labels.xlsx") == 1
    one_error(capsys, str(tmp_path / "none"))
    assert run(survey, out, labels=tmp_path / "none.csv") == 1
    one_error(capsys, "none.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_truncated_cutout_is_named_or_skipped(copied, tmp_path, capsys):
    broken = Path(cutouts.list_cutouts(copied)[5])
    broken.write_bytes(broken.read_bytes()[:2000])
    out = tmp_path / "out"
    assert run(copied, out, "--no-plots") == 1
    one_error(capsys, broken.name)
    assert not out.exists()
    assert run(copied, out, "--no-plots", "--skip-unreadable") == 0
    errors = capsys.readouterr().err.splitlines()
    assert all(line.startswith("spurclust: warning: ") for line in errors)
    assert any(broken.name in line for line in errors)
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert list(summary["skipped"]) == [str(broken)]
    assert len(pd.read_csv(out / "sources.csv")) == N_SOURCES - 1


def test_labels_that_cannot_be_used_are_one_error(survey, tmp_path, capsys):
    out = tmp_path / "out"
    table = tmp_path / "labels.csv"
    table.write_text("name,verdict\n1011,0\n", encoding="utf-8")
    assert run(survey, out, labels=table) == 1
    one_error(capsys, "labels.csv", "Source_ID")
    write_labels(table, {"none-of-them": 0})
    assert run(survey, out, labels=table) == 1
    one_error(capsys, "none-of-them")
    ids = cutouts.source_ids_from_paths(cutouts.list_cutouts(survey))
    write_labels(table, dict.fromkeys(ids, ""))
    assert run(survey, out, labels=table) == 1
    one_error(capsys, "uninspected")
    assert not out.exists()


def test_columns_of_another_team_can_be_named(survey, tmp_path):
    ids = cutouts.source_ids_from_paths(cutouts.list_cutouts(survey))
    table = tmp_path / "labels.csv"
    verdicts = [number < 6 for number in range(len(ids))]
    pd.DataFrame({"name": ids, "bad": np.asarray(verdicts, int), "why": "spike"}).to_csv(
        table, index=False
    )
    columns = ["--id-column", "name", "--label-column", "bad", "--reason-column", "why"]
    out = tmp_path / "out"
    columns += ["--spurious-value", "1"]
    assert run(survey, out, "--no-plots", *LEAN, *columns, labels=table) == 0
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert summary["labels"]["reasons"] == {"spike": 6}


def test_a_foreign_file_is_not_overwritten(survey, tmp_path, capsys):
    (tmp_path / "sources.csv").write_text("mine", encoding="utf-8")
    assert run(survey, tmp_path, "--no-plots") == 1
    one_error(capsys, "sources.csv", str(tmp_path))
    assert files_of(tmp_path) == {"sources.csv": b"mine"}


def test_an_earlier_result_is_replaced_and_survives_a_failure(survey, tmp_path, monkeypatch):
    out = tmp_path / "out"
    assert run(survey, out, "--no-plots", "--format", "votable") == 0
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    before = files_of(out)

    def fail(*_, **__):
        raise OSError("no more ideas")

    with monkeypatch.context() as patched:
        patched.setattr("spurclust.catalog.save_model", fail)
        assert run(survey, out, "--no-plots", "-N", "2", *LEAN) == 1
    assert files_of(out) == before
    assert run(survey, out, "--no-plots", "-N", "2") == 0
    assert set(files_of(out)) == TABLES | {"notes.txt"}
    assert len(pd.read_csv(out / "components.csv")) == 2


@pytest.mark.parametrize(
    "where", ["spurclust.catalog.save_model", "spurclust.cli.run.make_detector"]
)
def test_an_interrupt_leaves_nothing(survey, tmp_path, monkeypatch, capsys, where):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(where, interrupt)
    assert run(survey, tmp_path / "out", "--no-plots") == 130
    assert "interrupted" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


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


def test_a_model_with_types_of_others_is_refused(survey, tmp_path, capsys):
    rng = np.random.default_rng(0)
    detector = SpuriousRegionDetector(
        2,
        perplexity=5,
        flatten=ImageFlattener(),
        reduce=FunctionTransformer(np.sqrt),
        random_state=0,
    ).fit(rng.random((30, 6, 6)), np.arange(30) % 2)
    catalog.save_model(detector, tmp_path / "m.skops")
    spoil_types(tmp_path / "m.skops", "spurclust.embedding.flatten", "os")
    table = tmp_path / "t.csv"
    assert main(["predict", str(tmp_path / "m.skops"), str(survey), "--out", str(table)]) == 1
    one_error(capsys, "m.skops", "os.ImageFlattener", "not trusted")
    assert not table.exists()


def spoil_types(path, module, other):
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    schema = members["schema.json"].decode()
    members["schema.json"] = schema.replace(f'"{module}"', f'"{other}"').encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


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


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["walk"],
        ["run", "folder"],
        ["run", "folder", "--labels", "a.csv", "--out", "b", "--threshold", "0"],
        ["run", "folder", "--labels", "a.csv", "--out", "b", "--threshold", "nan"],
        ["run", "folder", "--labels", "a.csv", "--out", "b", "-N", "0"],
        ["run", "folder", "--labels", "a.csv", "--out", "b", "--perplexity", "-1"],
        ["run", "folder", "--labels", "a.csv", "--out", "b", "--jobs", "none"],
        ["run", "folder", "--labels", "a.csv", "--out", "b", "--random-state", "-1"],
        ["run", "folder", "--labels", "a.csv", "--out", "b", "--format", "docx"],
        ["run", "folder", "--labels", "a.csv", "--out", "b", "--plot-format", "svg,jpg"],
    ],
)
def test_wrong_usage_exits_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage: spurclust" in capsys.readouterr().err


def test_sizes_are_one_number_or_two(survey, tmp_path, capsys):
    table = str(survey / "labels.xlsx")
    command = ["run", str(survey), "--labels", table, "--out", str(tmp_path / "out"), "--no-plots"]
    command += ["--no-report", *LEAN]
    assert main([*command, "--perplexity", "10", "--size", "10", "40"]) == 0
    assert catalog.load_model(tmp_path / "out" / "model.skops").image_shape_ == (10, 40)
    again = str(tmp_path / "again.csv")
    model = str(tmp_path / "out" / "model.skops")
    assert main(["predict", model, str(survey), "--out", again]) == 0
    assert main([*command, "--perplexity", "10", "--size", "12"]) == 0
    capsys.readouterr()
    assert main([*command, "--size", "1", "2", "3"]) == 1
    one_error(capsys, "--size")
    assert main([*command, "--size", "9", "--reduce", "2"]) == 1
    one_error(capsys, "size and reduce")


def test_demo_reuses_its_survey(tmp_path, capsys):
    out = tmp_path / "demo"
    command = ["demo", "--out", str(out), "--n-sources", "12", "--n-spurious", "3", "-N", "2"]
    command.append("--no-report")
    assert main([*command, "--no-plots", "--jobs", "2"]) == 0
    assert "simulating" in capsys.readouterr().out
    first = pd.read_csv(out / "results" / "sources.csv")
    assert len(first) == 12
    assert main([*command, "--no-plots", "--jobs", "1"]) == 0
    text = capsys.readouterr().out
    assert "simulating" not in text
    assert "Using the simulated survey" in text
    pd.testing.assert_frame_equal(pd.read_csv(out / "results" / "sources.csv"), first)


@pytest.mark.parametrize(("n_sources", "code"), [(1, 1), (2, 0), (3, 0)])
def test_demo_of_very_few_sources(tmp_path, capsys, n_sources, code):
    command = ["demo", "--out", str(tmp_path), "--n-sources", str(n_sources), "--n-spurious", "1"]
    assert main(command) == code
    if code:
        one_error(capsys)
    assert (tmp_path / "results" / "report.html").exists() == (code == 0)


def test_simulate_refuses_a_folder_in_use(survey, capsys):
    assert main(["simulate", str(survey), "--n-sources", "2", "--n-spurious", "1"]) == 1
    one_error(capsys, str(survey))


def test_the_module_is_the_command():
    command = [sys.executable, "-m", "spurclust", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == spurclust.__version__


def test_errors_name_the_options_of_the_command_line(tmp_path, capsys):
    (tmp_path / "table.csv").write_text("Source_ID,Verdict\n1,0\n")
    argv = ["run", str(tmp_path), "--labels", str(tmp_path / "table.csv")]
    assert main([*argv, "--out", str(tmp_path / "out")]) == 1
    assert "Choose it with label_column (--label-column)" in capsys.readouterr().err
    (tmp_path / "1.png").write_bytes(b"")
    (tmp_path / "table.csv").write_text("Source_ID,Reliable_Source\n1,0\n")
    assert main([*argv, "--out", str(tmp_path / "out")]) == 1
    assert 'on_error="skip" (--skip-unreadable)' in capsys.readouterr().err


def test_what_skops_looks_for_is_loaded_before_much_else(tmp_path):
    (tmp_path / "table.csv").write_text("Source_ID,Verdict\n1,0\n")
    argv = ["run", str(tmp_path), "--labels", str(tmp_path / "table.csv"), "--out", "out"]
    code = f"import sys; from spurclust.cli.main import main; main({argv}); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    loaded = done.stdout.split()
    assert loaded.index("scipy.special") < loaded.index("pandas")


def test_a_reader_that_has_gone_does_not_end_the_work(survey, tmp_path):
    out = tmp_path / "out"
    labels = survey / "labels.xlsx"
    options = f"--no-plots --no-report --perplexity 5 -N 2 {' '.join(LEAN)}"
    command = f"{sys.executable} -m spurclust run {survey} --labels {labels} --out {out} {options}"
    done = subprocess.run(
        f"{command} | head -n 1", shell=True, capture_output=True, text=True, check=True
    )
    assert "Broken pipe" not in done.stderr
    assert (out / "summary.json").exists()
    again = subprocess.run(command.split(), capture_output=True, text=True, check=True)
    assert "in place of earlier ones" in again.stdout


def test_cutouts_of_another_shape_than_the_model(survey, results, tmp_path, capsys):
    Image.new("L", (20, 10)).save(tmp_path / "1.png")
    table = tmp_path / "table.csv"
    assert main(["predict", str(results / "model.skops"), str(tmp_path), "--out", str(table)]) == 1
    assert "sources of shape (2, 4), but" in capsys.readouterr().err
    assert not table.exists()
