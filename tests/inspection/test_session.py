import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from spurclust import Inspection
from spurclust.catalog import match_labels, merge_verdicts, read_labels
from spurclust.errors import CatalogError
from spurclust.metrics import cohen_kappa


def judge(inspection, y, n, *, inspector="anna", batch=20):
    """Give n true verdicts; return what was shown, in that order."""
    shown = []
    while len(shown) < n:
        items = inspection.next(min(batch, n - len(shown)), inspector=inspector)
        if not items:
            break
        for item in items:
            word = "spurious" if y[item.row] else "reliable"
            inspection.record(item.source_id, word, inspector=inspector)
        shown += items
        inspection.wait()
    return shown


def ids_of(items):
    return [item.source_id for item in items]


def test_from_nothing_the_spurious_are_found_sooner_than_at_random(start, blobs):
    inspection = start()
    whys = Counter(item.why for item in judge(inspection, blobs.y, 60))
    progress = inspection.progress()
    # At random, 3 of 10 in 60 of 200.
    assert progress.n_spurious >= 9
    assert progress.model > 0
    assert set(whys) == {"unlike", "probable", "audit"}


def test_the_curve_counts_what_was_found(start, blobs):
    inspection = start()
    shown = judge(inspection, blobs.y, 30)
    curve = inspection.progress().curve
    assert curve.tolist() == np.cumsum(blobs.y[[item.row for item in shown]]).tolist()


def test_expectations_are_there_after_the_first_model_and_hold_what_is_found(start, blobs):
    inspection = start(audit_share=0.2)
    assert np.isnan(inspection.progress().completeness)
    assert inspection.progress().completeness_interval is None
    judge(inspection, blobs.y, 80)
    progress = inspection.progress()
    low, high = progress.n_expected_interval
    assert low <= progress.n_spurious <= high
    low, high = progress.completeness_interval
    assert 0 < low < progress.completeness <= high <= 1
    assert progress.audited.n_inspected >= 16
    assert progress.completeness_bound <= progress.n_spurious / 10
    assert 10 - progress.n_spurious <= progress.most_remaining <= 120
    assert 0 < inspection.inspections_needed(progress.most_remaining // 2) < 120


def test_all_is_inspected_in_the_end(start, blobs):
    inspection = start()
    assert len(judge(inspection, blobs.y, 10**6, batch=100)) == len(blobs.y)
    progress = inspection.progress()
    assert (progress.n_inspected, progress.n_spurious, progress.n_reliable) == (200, 10, 190)
    assert progress.audited == (200, 10, 0)
    assert (progress.completeness, progress.completeness_bound) == (1, 1)
    assert progress.most_remaining == 0


def test_a_restart_goes_on_where_it_was(start, blobs):
    first = start()
    shown = judge(first, blobs.y, 40)
    before, table = first.progress(), first.verdicts()
    first.close()
    again = start(random_state=99)
    again.wait()
    after = again.progress()
    assert after[:7] == before[:7]
    assert after.curve.tolist() == before.curve.tolist()
    assert after.audited == before.audited
    pd.testing.assert_frame_equal(again.verdicts(), table)
    assert set(ids_of(again.next(200))).isdisjoint(ids_of(shown))
    assert again.ranker is not None


def test_labels_that_exist_are_where_it_starts_also_later_without_them(start, blobs):
    given = pd.DataFrame(
        {
            "Source_ID": ["0", "50", "51"],
            "Reliable_Source": [0, 1, None],
            "Reason": ["spike", "", ""],
            "Label_Origin": ["random", "", ""],
        }
    )
    first = start(labels=given)
    first.wait()
    assert first.ranker is not None
    first.close()
    for labels in (given, None):
        inspection = start(labels=labels)
        progress = inspection.progress()
        assert (progress.n_inspected, progress.n_spurious, progress.n_reliable) == (2, 1, 1)
        assert sum(1 for _ in inspection._store.events()) == 2
        assert {"0", "50"}.isdisjoint(ids_of(inspection.next(200)))
        table = inspection.labels().set_index("Source_ID")
        assert table.loc["0", ["Reliable_Source", "Reason", "Label_Origin"]].tolist() == [
            *(0, "spike", "random")
        ]
        inspection.close()


def test_an_array_of_labels_is_where_it_starts(start, blobs):
    inspection = start(labels=np.where(np.arange(200) < 20, blobs.y, -1))
    assert inspection.progress()[:4] == (200, 20, 10, 10)


def test_the_folder_of_other_cutouts_is_refused(start, blobs, tmp_path):
    start(folder=tmp_path).close()
    with pytest.raises(CatalogError, match="an inspection of other cutouts: .*as labels"):
        Inspection(blobs.images[:9], features=blobs.features[:9], folder=tmp_path)


def test_a_folder_is_of_one_at_a_time(start, tmp_path):
    first = start(folder=tmp_path)
    with pytest.raises(CatalogError, match="is being used by another process"):
        start(folder=tmp_path)
    first.close()
    start(folder=tmp_path)


def test_the_same_verdict_sent_twice_is_one(start):
    inspection = start()
    for _ in range(3):
        inspection.record("7", "spurious", "spike", inspector="anna")
    assert sum(1 for _ in inspection._store.events()) == 1
    inspection.record("7", "spurious", "edge", inspector="anna")
    assert inspection.verdicts()["Reason"].tolist() == ["edge"]


def test_an_unsure_source_that_is_shown_again_can_stay_unsure(start, blobs):
    inspection = start()
    shown = []
    while items := inspection.next(inspector="anna"):
        shown += items
        inspection.record(items[0].source_id, "unsure", inspector="anna")
    assert len(shown) == 2 * len(blobs.y)
    assert inspection.progress().n_unsure == inspection.progress().audited.n_unsettled == 200


def test_undo_takes_back_the_last_verdict_and_shows_the_source_again(start):
    inspection = start()
    first, second = inspection.next(2, inspector="anna")
    inspection.record(first.source_id, "spurious", inspector="anna")
    inspection.record(second.source_id, "spurious", inspector="ben")
    assert inspection.undo(inspector="anna") == first.source_id
    assert inspection.undo(inspector="anna") is None
    again = inspection.next(1, inspector="anna")[0]
    assert (again.source_id, again.why) == (first.source_id, "undone")
    inspection.record(first.source_id, "reliable", inspector="anna")
    assert inspection.progress()[1:4] == (2, 1, 1)


def test_several_at_once_are_never_shown_the_same_source(start, blobs):
    inspection = start()

    def work(name):
        shown = []
        while items := inspection.next(3, inspector=name):
            for item in items:
                inspection.record(item.source_id, "reliable", inspector=name)
            shown += items
        return ids_of(shown)

    with ThreadPoolExecutor(4) as pool:
        shown = [one for part in pool.map(work, ["anna", "ben", "carl", "dora"]) for one in part]
    assert sorted(shown) == sorted(map(str, range(len(blobs.y))))
    assert sum(inspection.progress().inspectors.values()) == len(blobs.y)


@pytest.mark.parametrize("opinions", [2, 1.25])
def test_so_many_opinions_as_wanted_each_of_another(start, blobs, opinions):
    inspection = start(opinions=opinions, batch=10**6)
    for _ in range(len(blobs.y)):
        for name in ("anna", "ben", "carl"):
            judge(inspection, blobs.y, 2, inspector=name)
    counts = inspection.verdicts().groupby("Source_ID")["Inspector"].nunique()
    assert len(counts) == len(blobs.y)
    assert counts.mean() == pytest.approx(opinions, abs=0.1)
    assert counts.isin([1, 2]).all()


@pytest.mark.filterwarnings("ignore:.*verdicts.csv:UserWarning")
def test_labels_are_read_back_from_what_is_exported(start, blobs, tmp_path):
    inspection = start(opinions=2, adjudicators=["judge"])
    said = [("0", "anna", "spurious", "spike"), ("0", "ben", "reliable", "")]
    said += [
        ("1", "anna", "spurious", "=edge"),
        ("2", "anna", "unsure", ""),
        ("3", "ben", "reliable", ""),
    ]
    for source_id, inspector, verdict, reason in said:
        inspection.record(source_id, verdict, reason, inspector=inspector)
    assert inspection.progress().n_disputed == 1
    labels, verdicts = inspection.export(tmp_path)
    matched = match_labels(read_labels(labels), list("0123"))
    assert matched.y.tolist() == [-1, 1, -1, 0]
    assert matched.reasons == ["", "=edge", "", ""]
    assert set(matched.columns["Label_Origin"]) <= {"queue", "random"}
    merged = merge_verdicts([verdicts], label_column="Verdict")
    assert merged.inspectors == ("anna", "ben")
    votes = merged.table.set_index("Source_ID")[["Votes_Spurious", "Votes_Reliable"]]
    own = inspection.labels().set_index("Source_ID")[["Votes_Spurious", "Votes_Reliable"]]
    pd.testing.assert_frame_equal(votes.loc[["0", "1", "3"]], own.loc[["0", "1", "3"]])
    inspection.record("0", "reliable", inspector="judge")
    assert inspection.labels()["Reliable_Source"].tolist()[0] == 1


def test_agreement_is_of_verdicts_that_did_not_know_of_each_other(start, blobs):
    inspection = start(opinions=2, adjudicators=["carl"], batch=10**6)
    assert inspection.agreement().empty
    for row in range(40):
        word = "spurious" if blobs.y[row] else "reliable"
        inspection.record(str(row), word, "spike", inspector="anna")
        inspection.record(str(row), "spurious" if row < 14 else word, "spike", inspector="ben")
    table = inspection.agreement().set_index(["inspectors", "about"])
    expected = cohen_kappa(blobs.y[:40], np.arange(40) < 14)
    assert table.loc[("anna and ben", "spurious"), ["kappa", "n_sources"]].tolist() == [
        *(expected.value, 40)
    ]
    assert inspection.verdicts(disputed=True)["Source_ID"].unique().tolist() == list(
        map(str, range(10, 14))
    )
    for item in inspection.next(4, inspector="carl"):
        inspection.record(item.source_id, "reliable", inspector="carl")
    pd.testing.assert_frame_equal(inspection.agreement(), table.reset_index())
    assert inspection.verdicts(disputed=True).empty


def test_the_standing_of_each_source_is_a_code(start):
    inspection = start()
    for row, word in enumerate(("reliable", "spurious", "unsure")):
        inspection.record(str(row), word)
    assert inspection.standing()[:4].tolist() == [0, 1, 2, 255]


def test_audited_sources_are_a_random_sample_for_who_reads_the_labels(start, blobs):
    inspection = start()
    judge(inspection, blobs.y, 50)
    origins = inspection.labels().set_index("Source_ID")["Label_Origin"]
    assert (origins == "random").sum() == inspection.progress().audited.n_inspected
    assert (origins == "queue").sum() == 50 - (origins == "random").sum()


def test_learning_never_stops_what_is_shown(start, blobs, monkeypatch):
    from threading import Event

    inspection, go_on = start(), Event()
    learn = inspection._lessons.learner.learn

    def learn_slowly(*arguments):
        go_on.wait()
        return learn(*arguments)

    monkeypatch.setattr(inspection._lessons.learner, "learn", learn_slowly)
    for _ in range(3):
        for item in inspection.next(20):
            inspection.record(item.source_id, "spurious" if blobs.y[item.row] else "reliable")
    assert inspection.progress().n_inspected == 60
    assert inspection.progress().model == 0
    go_on.set()
    inspection.wait()
    assert inspection.ranker is not None


def test_what_goes_wrong_while_learning_is_raised_once_and_nothing_is_lost(start, monkeypatch):
    inspection = start()
    monkeypatch.setattr(inspection._lessons.learner, "learn", lambda *_: 1 / 0)
    for item in inspection.next(10):
        inspection.record(item.source_id, "reliable")
    with pytest.raises(ZeroDivisionError):
        inspection.wait()
    assert inspection.progress().n_inspected == 10


def test_a_cutout_is_read_by_its_row(tmp_path):
    images = np.random.default_rng(0).normal(size=(12, 8, 8))
    with Inspection(images, folder=tmp_path) as inspection:
        item = inspection.next()[0]
        assert np.array_equal(inspection.cutout(item.row), images[int(item.source_id)])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"opinions": 0}, "opinions=0"),
        ({"audit_share": 2}, "audit_share=2"),
        ({"labels": [1, 0]}, "one label for each of the 200"),
    ],
)
def test_options_that_cannot_be(start, options, message):
    with pytest.raises(ValueError, match=message):
        start(**options)


def test_features_of_others_are_refused(blobs, tmp_path):
    with pytest.raises(ValueError, match="one row for each of the 200"):
        Inspection(blobs.images, features=blobs.features[1:], folder=tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("no such", "spurious"), "no source 'no such'"),
        (("7", "perhaps"), "verdict='perhaps'"),
    ],
)
def test_verdicts_that_cannot_be(start, arguments, message):
    inspection = start()
    with pytest.raises(ValueError, match=message):
        inspection.record(*arguments)
    with pytest.raises(ValueError, match="inspector is empty"):
        inspection.record("7", "spurious", inspector="")
    assert inspection.progress().n_inspected == 0


STREAM = """
import sys
import numpy as np
from spurclust import Inspection

rows = np.random.default_rng(0).normal(size=(200, 5))
with Inspection(np.zeros((200, 2, 2)), features=rows, folder=sys.argv[1]) as inspection:
    while items := inspection.next(2):
        for item in items:
            inspection.record(item.source_id, ["reliable", "spurious"][item.row % 2])
            print(item.source_id, flush=True)
"""


@pytest.mark.slow
def test_50_kills_while_verdicts_stream_in(start, tmp_path):
    rng, acknowledged = np.random.default_rng(), []
    folder = tmp_path / "survey"
    for _ in range(50):
        command = [sys.executable, "-c", STREAM, str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            found = [process.stdout.readline().strip() for _ in range(rng.integers(1, 6))]
            process.kill()
            found += process.stdout.read().split()
        acknowledged += [one for one in found if one]
        with start() as inspection:
            counts = Counter(inspection.verdicts()["Source_ID"])
            assert set(counts) >= set(acknowledged)
            assert set(counts.values()) == {1}
            assert sum(1 for _ in inspection._store.events()) == len(counts)
            # One at most was stored, and killed before it was acknowledged.
            assert len(counts) - len(set(acknowledged)) <= 1
            acknowledged = list(counts)
