import pandas as pd
import pytest

from spurclust import Inspection, InspectionRanker, SpuriousRegionDetector, analyze
from spurclust.catalog import read_labels
from spurclust.errors import CatalogError
from spurclust.inspection import VerdictStore
from spurclust.judging.judged import read_judged


@pytest.fixture
def inspection(tmp_path, noise):
    ranker = InspectionRanker(5, random_state=0)
    given = pd.DataFrame({"Source_ID": ["9"], "Reliable_Source": [1], "Label_Origin": ["audit"]})
    options = {"features": noise.reshape(len(noise), -1), "folder": tmp_path / "survey"}
    with Inspection(noise, given, adjudicators=["carl"], ranker=ranker, **options) as opened:
        yield opened


def by_id(table):
    return table.set_index("Source_ID").sort_index()


def judge(inspection):
    for k, item in enumerate(inspection.next(24, inspector="anna")):
        word = "spurious" if k < 4 else "reliable"
        inspection.record(item.source_id, word, "spike" * (k < 4), inspector="anna")
    last = inspection.verdicts()["Source_ID"].tolist()[-3:]
    inspection.record(last[0], "spurious", inspector="ben")  # a dispute
    for name in ("ben", "carl"):
        inspection.record(last[1], "spurious", inspector=name)
    inspection.record(last[2], "unsure", inspector="anna")
    return last


def test_the_folder_has_the_labels_as_they_stand_also_while_it_goes_on(inspection):
    judge(inspection)
    pd.testing.assert_frame_equal(by_id(read_judged(inspection.folder)), by_id(inspection.labels()))
    inspection.undo(inspector="anna")
    pd.testing.assert_frame_equal(by_id(read_judged(inspection.folder)), by_id(inspection.labels()))


def test_a_folder_is_a_label_table(inspection):
    disputed, decided, unsure = judge(inspection)
    labels = read_labels(inspection.folder, id_column="of other tables")
    assert labels.origin == str(inspection.folder)
    label_of = labels.table.set_index("source_id")["label"]
    assert label_of[[disputed, decided, unsure, "9"]].tolist() == [-1, 1, -1, 0]
    assert (label_of == 1).sum() == 5


def test_an_analysis_takes_the_folder_as_labels(inspection, noise):
    judge(inspection)
    detector = SpuriousRegionDetector(2, 0.9, perplexity=5)
    analysis = analyze(noise, inspection.folder, detector=detector, ranking=False)
    assert analysis.summary["labels"]["n_spurious"] == 5
    assert analysis.summary["settings"]["labels"] == [str(inspection.folder)]


def test_nothing_inspected_is_no_label_table(tmp_path, noise):
    with pytest.raises(CatalogError, match="has no suffix of a table"):
        read_labels(tmp_path)
    VerdictStore(tmp_path).close()
    with pytest.raises(CatalogError, match="without a start"):
        read_labels(tmp_path)
    with Inspection(noise, features=noise.reshape(len(noise), -1), folder=tmp_path):
        pass
    with pytest.raises(CatalogError, match="no source is inspected"):
        read_labels(tmp_path)
