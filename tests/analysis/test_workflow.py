import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.decomposition import PCA

from spurclust import (
    CutoutFeatures,
    ImageFlattener,
    InspectionRanker,
    SpuriousRegionDetectorCV,
    analyze,
    load_analysis,
)
from spurclust.analysis import workflow
from spurclust.catalog import read_labels
from spurclust.cutouts import list_cutouts
from spurclust.errors import CatalogError
from spurclust.features import extractor
from spurclust.ranking import outlyingness
from spurclust.tuning import InspectedStratifiedKFold

from .conftest import N_SOURCES, N_SPURIOUS, make_detector, same_findings


def test_what_was_found(analysis, cutouts, y):
    assert analysis.sources["source_id"].tolist() == cutouts.source_ids
    np.testing.assert_array_equal(analysis.y, y)
    detector = analysis.detector
    assert analysis.sources["flagged"].tolist() == detector.flagged_.tolist()
    np.testing.assert_array_equal(detector.predict(cutouts.images), detector.flagged_)
    assert analysis.summary["flagged"]["k"] == int(detector.flagged_.sum())
    assert analysis.summary["labels"]["n_spurious"] == N_SPURIOUS
    assert analysis.reasons["n_spurious"].sum() == N_SPURIOUS
    assert not analysis.reasons["held_out"].any()
    effort = analysis.expected_effort
    assert effort["completeness"].tolist() == [0.9, 0.95, 0.99]
    assert effort["inspections"].between(N_SPURIOUS * 0.9, N_SOURCES).all()


def test_a_list_of_files_and_arrays_give_the_same(analysis, folder, cutouts, y):
    table = pd.read_excel(folder / "labels.xlsx", dtype={"Source_ID": str})
    of_files = analyze(list_cutouts(folder), table, detector=make_detector(), reduce=5)
    same_findings(of_files, analysis)
    same_findings(analyze(cutouts.images, y, detector=make_detector()), analysis)


def test_a_region_of_nearly_all_is_named_once(cutouts, y):
    detector = make_detector(n_components=1, flatten=ImageFlattener(), reduce="passthrough")
    with pytest.warns(UserWarning, match=r"The region holds 60 of 60 .* n_components=1") as warned:
        analyze(cutouts.images, y, detector=detector, ranking=False)
    assert [one.filename for one in warned] == [__file__]


@pytest.mark.filterwarnings("ignore:.* of those tried")
@pytest.mark.parametrize("options", [{"stability": 1}, {"reference_size": 50}, {"tune": True}])
def test_the_order_of_the_files_does_not_matter(folder, options):
    paths, labels = list_cutouts(folder), pd.read_excel(folder / "labels.xlsx")[:45]
    if "tune" in options:
        folds = InspectedStratifiedKFold(3, random_state=0)
        search = SpuriousRegionDetectorCV([2, 4], [0.05, 0.3], perplexity=8, cv=folds)
        options = {"detector": search.set_params(random_state=0)}
    options = {"detector": make_detector(), "reduce": 5, "random_state": 3, **options}
    one = analyze(paths, labels, **options)
    other = analyze(paths[::-1], labels, **options)
    assert other.sources["source_id"].tolist() == one.sources["source_id"].tolist()[::-1]
    by_id = [each.sources.set_index("source_id").sort_index() for each in (one, other)]
    pd.testing.assert_frame_equal(*by_id, check_exact=True)
    pd.testing.assert_frame_equal(one.components, other.components)
    same = {"seconds": 0, "settings": 0}  # which name the first file
    assert one.summary | same == other.summary | same


def test_a_table_of_paths_and_a_store_give_the_same(analysis, folder, cutouts, tmp_path):
    labels = folder / "labels.xlsx"
    paths = pd.DataFrame({"objid": cutouts.source_ids, "path": cutouts.paths})
    paths.to_parquet(tmp_path / "paths.parquet")
    found = analyze(
        tmp_path / "paths.parquet", labels, detector=make_detector(), reduce=5, id_column="objid"
    )
    same_findings(found, analysis)
    zarr = pytest.importorskip("zarr")
    ids = np.array(cutouts.source_ids, dtype="U20")
    zarr.save_group(tmp_path / "store.zarr", images=cutouts.images, source_id=ids, zarr_format=2)
    same_findings(analyze(tmp_path / "store.zarr", labels, detector=make_detector()), analysis)


def test_the_forest_is_grown_once(analysis):
    steps = analysis.detector.pipeline_.named_steps
    assert analysis.ranker.forest_ is steps["reduce"].forest_
    assert analysis.ranker.inspection_rank_.tolist() == analysis.sources["inspection_rank"].tolist()


def test_labels_of_spurious_sources_alone(cutouts, y):
    with pytest.warns(UserWarning, match="12 of the 12 inspected sources are spurious") as warned:
        found = analyze(cutouts.images, np.where(y == 1, 1, -1), detector=make_detector())
    assert len(warned) == 1
    assert sorted(found.sources["inspection_rank"]) == list(range(1, len(y) + 1))
    assert found.summary["ranking"]["n_expected"] is None


def test_labels_of_a_queue_have_no_intervals_and_their_origin_is_kept(cutouts, y, tmp_path):
    # All spurious sources are inspected, and a third of the others.
    inspected = (y == 1) | (np.arange(len(y)) % 3 == 0)
    labels = pd.DataFrame({"Source_ID": cutouts.source_ids, "Reliable_Source": 1 - y})[inspected]
    chosen = {"detector": make_detector(), "source_ids": cutouts.source_ids}
    labels["Label_Origin"] = ["queue" if spurious else "" for spurious in y[inspected] == 1]
    found = analyze(cutouts.images, labels, **chosen)
    ranking = found.summary["ranking"]
    assert ranking["n_found"] == (y == 1).sum()
    assert ranking["n_uninspected"] == (~inspected).sum()
    assert 0 <= ranking["n_expected"] <= (~inspected).sum()
    assert found.expected_effort["inspections_low"].isna().all()
    assert found.expected_effort["inspections_left"].notna().all()
    found.save(tmp_path / "results", plots=False, report=False)
    again = analyze(
        cutouts.images,
        read_labels(
            tmp_path / "results/sources.csv",
            id_column="source_id",
            label_column="label",
            reason_column=None,
            spurious_value=1,
        ),
        **chosen,
    )
    assert (again.sources["Label_Origin"] == "queue").sum() == (y == 1).sum()
    assert again.summary["ranking"] == ranking


def test_later_tables_lie_over_earlier_ones(folder, tmp_path, cutouts):
    first = cutouts.source_ids[0]
    judged = pd.DataFrame({"Source_ID": [first], "Reliable_Source": [0], "Reason": ["odd"]})
    lines = []
    found = analyze(
        folder,
        [folder / "labels.xlsx", judged],
        detector=make_detector(),
        reduce=5,
        ranking=False,
        log=lines.append,
    )
    assert found.sources["reason"][0] == "odd"
    assert any("the DataFrame: 1 label" in line for line in lines)
    assert any(line.startswith("  reading ") for line in lines)


def test_the_pixel_route_needs_no_features(cutouts, y):
    detector = make_detector(flatten=ImageFlattener(), reduce=PCA(5))
    found = analyze(cutouts.images, y, detector=detector, ranker=InspectionRanker(50))
    assert isinstance(found.ranker.extractor_, CutoutFeatures)
    assert found.ranker.forest_.shares(found.ranker.extract_features(cutouts.images)).shape[1] == 2


@pytest.mark.filterwarnings("ignore:.*of those tried:UserWarning")
def test_a_search_chooses_the_settings(cutouts, y):
    search = SpuriousRegionDetectorCV(
        [2, 4],
        [0.05, 0.3],
        perplexity=8,
        cv=InspectedStratifiedKFold(3, random_state=0),
        random_state=0,
    )
    found = analyze(cutouts.images, y, detector=search, stability=1)
    assert len(found.tuning) == 4
    assert found.detector.n_components in (2, 4)
    assert found.search.best_estimator_ is found.detector
    assert found.summary["held_out"]["n_settings"] == 4
    assert found.reasons["held_out"].all()
    assert found.sources["stability"].between(0, 1).all()
    # What was given is not changed.
    assert not hasattr(search, "best_estimator_")


def test_missing_labels_are_uninspected(cutouts, y):
    given = pd.array(np.where(np.arange(len(y)) < 30, y, -1)).astype("Int64")
    given[given == -1] = pd.NA
    found = analyze(cutouts.images, given, detector=make_detector(), ranking=False)
    np.testing.assert_array_equal(found.y, np.where(np.arange(len(y)) < 30, y, -1))


@pytest.mark.parametrize("options", [{"reference": "diverse"}, {"reference": "odd"}])
def test_a_reference_is_of_a_known_kind_and_size(cutouts, y, options):
    with pytest.raises(ValueError, match="reference="):
        analyze(cutouts.images, y, **options)
    with pytest.raises(ValueError, match="reference='odd'"):
        analyze(cutouts.images, y, reference="odd", reference_size=40)


def test_a_detector_and_tune_exclude_each_other(cutouts, y):
    with pytest.raises(ValueError, match="give a SpuriousRegionDetectorCV as the detector"):
        analyze(cutouts.images, y, detector=make_detector(), tune=True)


def test_nothing_is_ranked_where_nothing_is_known(cutouts, y):
    with pytest.warns(UserWarning, match="spurious"):
        found = analyze(cutouts.images, np.where(y == 1, -1, y), detector=make_detector())
    assert found.ranker is None
    assert found.expected_effort is None
    assert "inspection_rank" not in found.sources


@pytest.mark.filterwarnings("ignore:The region holds:UserWarning")
@pytest.mark.parametrize("method", ["random", "diverse"])
def test_a_reference_reads_only_its_own_cutouts(folder, tmp_path, method):
    copied = shutil.copytree(folder, tmp_path / "copied")
    table = pd.read_excel(folder / "labels.xlsx", dtype={"Source_ID": str})
    table["Reliable_Source"] = table["Reliable_Source"].astype("Int64")
    reliable = table.index[table["Reliable_Source"] == 1]
    table.loc[reliable[15:], "Reliable_Source"] = pd.NA
    settings = {"detector": make_detector(), "reduce": 5, "ranking": False}
    settings |= {"reference_size": 40, "reference": method}
    lines = []
    found = analyze(copied, table, **settings, log=lines.append)
    assert "Reference: 40 of 60 sources, with all 12 known spurious and 15 of 15" in "".join(lines)
    assert [(found.y == code).sum() for code in (1, 0, -1)] == [12, 15, 13]
    kept = set(found.sources["path"])
    for path in copied.glob("*.png"):
        if method == "random" and str(path) not in kept:
            path.write_bytes(b"no image")
    again = analyze(copied, table, **settings)
    pd.testing.assert_frame_equal(again.sources, found.sources)


def test_unreadable_cutouts_are_named_or_skipped(folder, tmp_path, y):
    copied = shutil.copytree(folder, tmp_path / "copied")
    broken = list_cutouts(copied)[5]
    Path(broken).write_bytes(b"no image")
    settings = {"detector": make_detector(), "reduce": 5, "ranking": False}
    with pytest.raises(CatalogError, match=r"cannot read .*: it is not an image"):
        analyze(copied, y, **settings)
    told = pytest.warns(UserWarning, match="1 of the skipped cutouts have a label")
    with told, pytest.warns(UserWarning, match="1 of 60 cutouts were skipped"):
        found = analyze(copied, y, on_error="skip", **settings)
    np.testing.assert_array_equal(found.y, np.delete(y, 5))
    assert list(found.summary["skipped"]) == [broken]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([-1] * N_SOURCES, f"All {N_SOURCES} sources are uninspected: label at least one"),
        ([1, 0], "shape (2,)"),
        ([0] * (N_SOURCES - 1) + [7], f"label 7 of source {N_SOURCES - 1} is not 1 (spurious)"),
    ],
)
def test_labels_that_cannot_be_used(cutouts, labels, words):
    with pytest.raises(ValueError, match=words.replace("(", r"\(").replace(")", r"\)")):
        analyze(cutouts.images, labels)


def test_without_labels_the_most_unusual_come_first(cutouts, tmp_path):
    found = analyze(cutouts.images, detector=make_detector())
    assert (found.y == -1).all()
    assert not found.sources["flagged"].any()
    assert found.components["n_inspected"].sum() == 0
    assert found.ranker is None
    isolation = outlyingness(found.detector.assign(cutouts.images).features)
    by_rank = isolation[found.sources["inspection_rank"].to_numpy().argsort()]
    assert (np.diff(by_rank) <= 0).all()
    assert found.sources["inspect_next"].min() == 1
    found.save(tmp_path / "results", report=True)
    loaded = load_analysis(tmp_path / "results")
    same = ["tsne_x", "component", "flagged", "inspection_rank"]
    pd.testing.assert_frame_equal(loaded.sources[same], found.sources[same])
    assert loaded.detector.predict(cutouts.images).tolist() == [0] * N_SOURCES


@pytest.mark.parametrize("options", [{"tune": True}, {"detector": make_detector(), "stability": 2}])
def test_what_needs_labels_asks_for_them(cutouts, options):
    with pytest.raises(ValueError, match="label at least one"):
        analyze(cutouts.images, **options)


def test_the_default_detector(cutouts, y):
    with (
        pytest.warns(UserWarning, match="perplexity=50 is too large"),
        pytest.warns(UserWarning, match="n_components=20 is too large for 60 sources.* 6 are used"),
    ):
        detector = analyze(cutouts.images, y, ranking=False).detector
    assert (detector.n_components, detector.n_components_) == (20, 6)
    assert isinstance(detector.pipeline_.named_steps["flatten"], CutoutFeatures)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"detector": PCA()}, "detector=PCA.*give an unfitted SpuriousRegionDetector"),
        ({"ranker": "best"}, "ranker='best': give an unfitted InspectionRanker"),
        ({"settings": {"seeing": object()}}, "settings.'seeing'. is a object: give numbers"),
    ],
)
def test_arguments_of_another_kind_are_named(cutouts, y, options, named):
    options = {"detector": make_detector(), **options}
    with pytest.raises(TypeError, match=named):
        analyze(cutouts.images, y, **options)


def test_settings_of_numpy_are_saved(cutouts, y, tmp_path):
    settings = {"seeing": np.float32(0.5), "counts": np.arange(3), "folder": Path("north")}
    found = analyze(cutouts.images, y, detector=make_detector(), ranking=False, settings=settings)
    plain = {"seeing": 0.5, "counts": [0, 1, 2], "folder": "north"}
    assert plain.items() <= found.summary["settings"].items()


def written_by_run(folder, place):
    """Run, and return the files: no models, which differ in their random names, and no seconds."""
    found = analyze(folder, folder / "labels.xlsx", detector=make_detector(), name="survey")
    found.save(place)
    files = {path.name: path.read_bytes() for path in place.rglob("*.*") if path.suffix != ".skops"}
    summary = json.loads(files.pop("summary.json"))
    del summary["seconds"]
    # bokeh numbers its models.
    report = files.pop("report.html").decode()
    lines = re.sub(r"</dt><dd>[0-9.]+</dd>", "", report).splitlines()
    kept = [line for line in lines if '-item">' not in line]
    assert len(lines) - 2 == len(kept) > 500
    return found, {**files, "summary.json": summary, "report.html": kept}


def test_a_run_that_reads_cutouts_again_writes_the_same_files(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(extractor, "LAYOUT_SOURCES", N_SOURCES // 2)
    kept, files = written_by_run(folder, tmp_path / "kept")
    monkeypatch.setattr(workflow, "KEPT_BYTES", kept.cutouts.images.nbytes - 1)
    again, others = written_by_run(folder, tmp_path / "again")
    assert not isinstance(again.cutouts.images, np.ndarray)
    assert again.cutouts.images.shape == kept.cutouts.images.shape
    np.testing.assert_array_equal(again.cutouts.images[2:5], kept.cutouts.images[2:5])
    assert [name for name in files if files[name] != others[name]] == []
    assert files.keys() == others.keys()


def test_a_cutout_that_vanished_before_it_was_read_again_is_named(folder, tmp_path, monkeypatch):
    strips = shutil.copytree(folder, tmp_path / "strips")
    monkeypatch.setattr(workflow, "KEPT_BYTES", 0)
    found = analyze(
        strips, strips / "labels.xlsx", detector=make_detector(), reduce=5, ranking=False
    )
    gone, changed = (Path(path) for path in found.sources["path"][:2])
    gone.unlink()
    Image.new("L", (8, 8)).save(changed)
    with pytest.raises(CatalogError, match=f"cannot read .*{gone.name}: .*no such file"):
        found.cutouts.images[0]
    with pytest.raises(CatalogError, match=changed.name):
        found.cutouts.images[1:2]


def test_features_of_the_users_own_take_all_cutouts_at_once(folder, monkeypatch):
    monkeypatch.setattr(workflow, "KEPT_BYTES", 0)
    detector = make_detector(flatten=ImageFlattener())
    found = analyze(folder, folder / "labels.xlsx", detector=detector, reduce=5, ranking=False)
    assert isinstance(found.cutouts.images, np.ndarray)
