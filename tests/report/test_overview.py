import shlex

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spurclust.report import overview
from spurclust.report.overview import inspection_order


@given(st.floats(0, 1))
@example(0.9996)
def test_only_all_is_100_and_only_nothing_is_0(fraction):
    text = overview.percent(fraction)
    assert (text == "100.0 %") == (fraction == 1)
    assert (text == "0.0 %") == (fraction == 0)


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.077, 0.17, "7.7 to 17.0 %"),
        (0, 0.0004, "0.0 to < 0.1 %"),
        (0.0004, 0.9999, "< 0.1 % to > 99.9 %"),
    ],
)
def test_an_interval_has_one_sign_where_that_is_enough(low, high, words):
    assert overview.between(low, high) == words


def test_the_counts_are_those_of_the_table(results):
    assert overview.counted(1234567, "one", "many") == "1\u202f234\u202f567 many"
    assert overview.counted(1, "one", "many") == "1 one"
    metrics = {metric.name: metric for metric in overview.count_metrics(results)}
    assert metrics["sources"].value == "40"
    assert metrics["known spurious"].value == "6"
    assert metrics["flagged"].detail == "workload 50.0 %"
    n_next = (results.flagged & (results.label < 0)).sum()
    assert metrics["flagged, not yet inspected"].value == str(n_next)


def test_held_out_metrics_come_first_and_are_the_ones_stated(make_results):
    def change(sources, components, summary):
        share = {"fraction": 0.9, "interval": [0.8, 0.95]}
        summary["held_out"] = {
            "completeness": share,
            "purity": {"fraction": None, "interval": None},
            "workload": {"fraction": 0.3, "interval": [0.2, 0.4]},
            "completeness_by_reason": {"spike": {**share, "n": 3}},
            "params": {"threshold": 0.1},
            "protocol": "inductive",
        }

    results = make_results(change=change)
    metrics = overview.quality_metrics(results.summary)
    assert [(metric.name, metric.kind) for metric in metrics] == [
        ("completeness", "held_out"),
        ("completeness", "in_sample"),
        ("purity", "in_sample"),
    ]
    assert metrics[0].detail == "held out, at a workload of 30.0 %"
    assert overview.statement(results).endswith("expect it to hold 90.0 % (80.0 to 95.0 %).")
    assert overview.reason_metrics(results.summary)[0] == "held out"
    chosen = overview.listings(results.summary)["Chosen on held-out labels"]
    assert chosen == [("threshold", "0.1"), ("protocol", "inductive")]
    order = inspection_order(results)
    assert not any("in-sample" in sentence for sentence in overview.caveats(results, order))


def test_in_sample_metrics_are_said_to_be(results):
    assert "expect less for uninspected sources" in overview.statement(results)
    assert overview.reason_metrics(results.summary)[0] == "in-sample"
    sentences = overview.caveats(results, inspection_order(results))
    assert sum("in-sample" in sentence for sentence in sentences) == 1
    assert sum("rough guide" in sentence for sentence in sentences) == 1


def test_an_empty_summary_has_no_metrics(make_results):
    def change(sources, components, summary):
        summary.clear()
        components["in_region"] = False
        summary["skipped"] = {"a.png": "damaged"}

    results = make_results(change=change)
    assert overview.quality_metrics(results.summary) == []
    assert overview.reason_metrics(results.summary) == ("", [])
    listings = overview.listings(results.summary)
    assert {title: rows for title, rows in listings.items() if rows} == {
        "Cutouts skipped by the run": [("a.png", "damaged")]
    }
    assert overview.statement(results).startswith("No component is in the spurious region")
    caveats = overview.caveats(results, inspection_order(results))
    assert caveats[-1] == "The run skipped 1 unreadable cutout."


def test_settings_are_text():
    given = {"a": None, "b": True, "c": [1, "x"], "d": "", "e": 0.5, "f": False, "g": 0}
    assert overview.listings({"settings": given})["Settings"] == [
        ("b", "yes"), ("c", "1, x"), ("e", "0.5"), ("f", "no"), ("g", "0"),
    ]  # fmt: skip


def test_without_a_ranking_the_fractions_order_and_ids_break_ties(make_results):
    def change(sources, *_):
        sources["source_id"] = ["x", *[f"{40 - row}" for row in range(1, 40)]]

    results = make_results(change=change)
    order = inspection_order(results)
    assert "no ranking" in order.explanation
    assert not order.calibrated
    assert sorted(order.rank) == list(range(1, 41))
    first = results.sources["source_id"].to_numpy()[np.argsort(order.rank)]
    assert first[:4].tolist() == ["5", "6", "7", "8"]
    # Text after numbers, and all of the higher fraction before any of the lower.
    assert first[19] == "x"
    assert order.probability == pytest.approx(np.where(results.flagged, 0.25, 0.05))


def test_the_ranking_is_followed(make_results):
    results = make_results(ranking=True)
    order = inspection_order(results)
    assert order.calibrated
    assert order.rank.tolist() == results.sources["inspection_rank"].tolist()
    assert order.probability == pytest.approx(results.sources["inspection_probability"])
    assert "inspection_rank" in order.explanation
    assert not any("rough guide" in sentence for sentence in overview.caveats(results, order))


def test_a_ranking_with_holes_is_not_followed(make_results):
    def change(sources, *_):
        sources["inspection_rank"] = [np.nan, *range(2, 41)]
        sources["inspection_probability"] = [np.nan] * 40

    order = inspection_order(make_results(change=change))
    assert order.rank.tolist() == inspection_order(make_results()).rank.tolist()
    assert not order.calibrated


@pytest.mark.parametrize("inspected", [True, False])
def test_a_component_of_unknown_fraction_gets_that_of_all(make_results, inspected):
    def change(sources, *_):
        sources.loc[sources["component"] == 1, "spurious_probability"] = np.nan
        if not inspected:
            sources["label"] = np.nan

    results = make_results(change=change)
    label = results.label
    expected = (label == 1).sum() / (label >= 0).sum() if inspected else 0.0
    order = inspection_order(results)
    assert order.probability[~results.flagged] == pytest.approx(expected)


def test_labels_are_sent_back_as_the_run_reads_them():
    assert overview.next_command({}) == (
        "spurclust run CUTOUTS --labels LABELS --labels judged.csv --out NEXT"
    )
    settings = {
        "id_column": "my id",
        "label_column": "bad",
        "reason_column": None,
        "spurious_value": 1,
        "cutouts": "strips/*.png",
        "labels": ["a.xlsx", "b's/judged.csv"],
    }
    options = overview.label_options({"settings": settings})
    assert list(options.values()) == ["my id", "bad", "Reason", 1]
    command = overview.next_command({"settings": settings})
    words = ["spurclust", "run", "strips/*.png", "--labels", "a.xlsx", "--labels", "b's/judged.csv"]
    words += ["--labels", "judged-2.csv", "--id-column", "my id", "--label-column", "bad"]
    assert shlex.split(command) == [*words, "--spurious-value", "1", "--out", "NEXT"]

    more = {"label_column": ["A", "B"], "verdicts": "any", "catalogue": "cat.fits"}
    more["label_map"] = [{"art": "spurious", "-1": "uninspected"}]
    assert overview.label_options({"settings": more})["label_column"] == "A"
    assert overview.next_command({"settings": more}) == (
        "spurclust run CUTOUTS --labels LABELS --labels judged.csv --label-column A "
        "--label-column B --verdicts any --catalogue cat.fits "
        "--label-map=art=spurious,-1=uninspected --out NEXT"
    )

    bands = {"mosaic": ["F115W=a.fits", "F444W=b.fits"], "cutout_size": "2arcsec", "cutouts": []}
    bands |= {"catalogue": "cat.fits", "filters": ["F115W", "F444W"]}
    assert overview.next_command({"settings": bands}) == (
        "spurclust run --mosaic F115W=a.fits --mosaic F444W=b.fits --labels LABELS "
        "--labels judged.csv --catalogue cat.fits --cutout-size 2arcsec --filters F115W,F444W "
        "--out NEXT"
    )

    reading = {"size": [40, 50], "hdu": ["SCI", 3], "pad": "start"}
    read = {"reading": reading, "settings": {"skip_unreadable": True}}
    assert overview.next_command(read) == (
        "spurclust run CUTOUTS --labels LABELS --labels judged.csv --size 40 50 --hdu SCI,3 "
        "--pad start --skip-unreadable --out NEXT"
    )

    labels = {"settings": {"labels": ["judged.csv", "judged-2.csv"]}}
    assert overview.judged_name(labels) == "judged-3.csv"
    assert overview.judged_name({"settings": {"labels": "judged.csv"}}) == "judged-2.csv"
