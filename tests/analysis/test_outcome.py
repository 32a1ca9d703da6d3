import json
from dataclasses import replace

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest

from spurclust import load_analysis
from spurclust.catalog.ids import join_ids
from spurclust.errors import CatalogError

from .conftest import N_SOURCES

mpl.use("Agg")

PLOTS = ["embedding", "cutouts", "components", "region", "gallery"]


def test_a_saved_analysis_is_loaded_as_it_was(analysis, saved):
    loaded = load_analysis(saved)
    pd.testing.assert_frame_equal(loaded.sources, analysis.sources, check_dtype=False)
    pd.testing.assert_frame_equal(loaded.components, analysis.components, check_dtype=False)
    assert loaded.sources.dtypes["label"] == analysis.sources.dtypes["label"]
    assert loaded.summary["flagged"] == analysis.summary["flagged"]
    assert loaded.detector.embedding_.tolist() == analysis.detector.embedding_.tolist()
    assert loaded.ranker.inspection_rank_.tolist() == analysis.ranker.inspection_rank_.tolist()
    pd.testing.assert_frame_equal(loaded.expected_effort, analysis.expected_effort)
    pd.testing.assert_frame_equal(loaded.reasons, analysis.reasons)


def test_the_page_is_the_same_from_memory_and_from_files(analysis, saved):
    page = (saved / "report.html").read_text(encoding="utf-8")
    assert f"cutouts of {N_SOURCES} of {N_SOURCES} sources" in page
    identity = json.loads(page.split('id="data"')[1].split(">", 1)[1].split("</script>")[0])
    loaded = load_analysis(saved, models=False).report()
    assert json.dumps(identity["identity"]) in loaded
    assert json.dumps(identity["identity"]) in analysis.report()


def test_shrunk_cutouts_are_read_again_for_people_and_others_are_not(analysis):
    missing = "60 cutouts were not found or not readable, such as nowhere.png"
    shrunk = replace(analysis, sources=analysis.sources.assign(path="nowhere.png"))
    assert missing in shrunk.report()
    reading = {**analysis.summary["reading"], "reduce": None}
    whole = replace(shrunk, summary={**analysis.summary, "reading": reading})
    assert "60 of 60" in whole.report()
    assert missing in replace(whole, cutouts=None).report()


def test_similar_sources_are_those_of_the_table_and_of_the_files(analysis, saved):
    for row in (0, 17):
        source = analysis.sources.iloc[row]
        similar = analysis.similar(source["source_id"])
        assert join_ids(similar["source_id"]) == source["most_similar"]
        assert similar["distance"].is_monotonic_increasing
        own = analysis.sources.set_index("source_id").loc[similar["source_id"]]
        assert similar["label"].tolist() == own["label"].tolist()
        again = load_analysis(saved).similar(source["source_id"], 3)
        pd.testing.assert_frame_equal(again, similar.head(3), check_dtype=False)


@pytest.mark.parametrize("name", PLOTS)
def test_pictures_take_axes_and_do_without_the_cutouts_in_memory(analysis, saved, name):
    figure, ax = plt.subplots()
    display = getattr(analysis, f"plot_{name}")(ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is figure
    again = getattr(load_analysis(saved), f"plot_{name}")()
    assert again.figure_ is not figure
    plt.close("all")


def test_what_is_not_there_is_named(analysis, saved):
    for name, words in {"tuning": "no search", "completeness": "no search"}.items():
        with pytest.raises(ValueError, match=words):
            getattr(analysis, f"plot_{name}")()
    with pytest.raises(ValueError, match="stability was not measured"):
        analysis.plot_stability()
    with pytest.raises(ValueError, match="models=True"):
        load_analysis(saved, models=False).plot_region()
    with pytest.raises(ValueError, match="has no source 'nobody'"):
        analysis.similar("nobody")
    with pytest.raises(ValueError, match="has no ranker"):
        load_analysis(saved, models=False).similar(analysis.sources["source_id"][0])


def test_it_shows_itself(analysis):
    n_flagged = analysis.summary["flagged"]["k"]
    assert repr(analysis) == f"<Analysis strips: {n_flagged} of {N_SOURCES} sources flagged>"
    html = analysis._repr_html_()
    assert f"Flagged {n_flagged} of {N_SOURCES}" in html
    assert html.count("<tr") == len(analysis.components) + 2


def test_a_folder_of_something_else(tmp_path):
    with pytest.raises(CatalogError, match=r"sources.csv is missing"):
        load_analysis(tmp_path)


def test_a_summary_of_another_version_is_named(analysis):
    older = replace(analysis, summary={"written_by": "spurclust"})
    assert "sources flagged" in repr(older)
    assert older.expected_effort is None
    for use in (lambda: older.reasons, older._repr_html_):
        with pytest.raises(ValueError, match="has no '.*': another version"):
            use()
