import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurclust.catalog import read_results, write_table
from spurclust.metrics import completeness, purity, workload
from spurclust.ranking import InspectionOutlook, expected_effort
from spurclust.report import Results, format_summary, summarize_run
from spurclust.tuning import Steadiness


def test_results_are_the_same_in_memory_and_read_back(make_results, tmp_path):
    def change(sources, *_):
        sources["tsne_x"] = np.random.default_rng(0).normal(size=40).astype(np.float32)
        sources["novelty"] = np.random.default_rng(1).random(40)
        sources.loc[5, "novelty"] = np.nan
        # What csv readers take for a missing value or a number.
        sources.loc[:4, "source_id"] = ["NA", "nan", "null", "007", "1e5"]

    made = make_results(ranking=True, change=change)
    write_table(made.sources, tmp_path / "sources.csv")
    write_table(made.components, tmp_path / "components.csv")
    (tmp_path / "summary.json").write_text(json.dumps(made.summary), encoding="utf-8")
    tables = read_results(tmp_path)
    read = Results("out", tables.sources, tables.components, tables.summary, tables.tuning)
    pd.testing.assert_frame_equal(read.sources, made.sources)
    pd.testing.assert_frame_equal(read.components, made.components)
    assert read.identity == made.identity


def test_missing_values_are_normalized(results):
    assert results.label[[0, 1, 5, 8]].tolist() == [-1, 1, -1, 0]
    assert results.flagged.sum() == 20
    assert results.reasons[[1, 13, 8]].tolist() == ["spike", "no reason given", ""]
    for components in (results.components, results.components.set_index("component")):
        again = Results("again", results.sources, components, {})
        pd.testing.assert_frame_equal(again.components, results.components)
    assert results.column("stability") is None
    assert results.column("tsne_x")[:2].tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("column", "value"),
    [("tsne_x", 0.5), ("reason", "other"), ("label", 0), ("component", 1), ("source_id", "x")],
)
def test_another_value_is_another_identity(results, make_results, column, value):
    def change(sources, *_):
        sources.loc[0, column] = value

    assert make_results().identity == results.identity
    assert make_results(change=change).identity != results.identity


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([-1, 0, 1])), min_size=1, max_size=40))
def test_a_summary_is_json_and_agrees_with_the_metrics(make_run, rows):
    flagged, y = (np.array(column) for column in zip(*rows, strict=True))
    detector, y = make_run(flagged, y)
    summary = summarize_run(detector, y, reasons=["spike"] * len(y))
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    for name, value in (
        ("completeness", completeness(y, flagged, unlabeled=-1)),
        ("purity", purity(y, flagged, unlabeled=-1)),
    ):
        share = summary["in_sample"][name]
        if np.isnan(value):
            assert share["fraction"] is None
            assert share["interval"] is None
        else:
            assert share["fraction"] == pytest.approx(value)
            low, high = share["interval"]
            assert 0 <= low <= share["fraction"] <= high <= 1
    assert summary["flagged"]["fraction"] == workload(flagged)
    assert summary["flagged_uninspected"] == (flagged & (y == -1)).sum()
    by_reason = summary["in_sample"]["completeness_by_reason"]
    assert sum(share["n"] for share in by_reason.values()) == int((y == 1).sum())
    assert sum(share["k"] for share in by_reason.values()) == int((flagged & (y == 1)).sum())
    assert f"Flagged {int(flagged.sum())} of {len(y)} sources" in format_summary(summary)


def test_reasons_are_counted_the_most_frequent_first(make_run):
    detector, y = make_run([1, 0, 1, 1, 1, 0], [1, 1, 1, 1, 0, 1])
    reasons = ["edge", "spike", "spike ", " ", "spike", "spike"]
    summary = summarize_run(detector, y, reasons=reasons)
    shares = summary["in_sample"]["completeness_by_reason"]
    assert list(shares) == ["spike", "edge", "no reason given"]
    assert [(share["k"], share["n"]) for share in shares.values()] == [(1, 3), (1, 1), (1, 1)]
    text = format_summary(summary)
    assert "    spike: 1 of 3 (0.008 to 0.906)" in text.splitlines()


def test_what_was_given_is_kept(make_run):
    embed = SimpleNamespace(kl_divergence_=np.float32(1.5), n_iter_=750)
    detector, y = make_run([1, 0], [1, 0], embed=embed)
    summary = summarize_run(
        detector,
        y,
        counts={"n_sources": 2},
        settings={"threshold": 0.05},
        seconds={"reading": 1.23456},
    )
    assert summary["embedding"] == {"perplexity": None, "kl_divergence": 1.5, "n_iter": 750}
    assert summary["labels"] == {"n_sources": 2}
    assert summary["settings"] == {"threshold": 0.05}
    assert summary["seconds"] == {"reading": 1.235}
    assert summary["written_by"] == "spurclust"
    assert summary["region"] == {"n_components": 2, "threshold": 0.05, "components": [0]}
    assert summary["versions"]["numpy"] == np.__version__
    assert summary["in_sample"]["completeness_by_reason"] == {}


def test_held_out_metrics_come_first(make_run):
    detector, y = make_run([1, 1, 1, 0], [1, 1, 0, 0])
    detector.perplexity_ = 11 / 3  # as few sources allow
    search = SimpleNamespace(
        held_out_flagged_=np.array([1, 0.5, 0, np.nan]),
        best_params_={"threshold": 0.1, "perplexity": 50},
        cv_results_={"params": [{}, {}, {}]},
        n_splits_=5,
        edges_=["threshold=0.1 was chosen, the smallest of those tried"],
        protocol="transductive",
    )
    summary = summarize_run(detector, y, reasons=["spike", "", "", ""], search=search)
    held_out = summary["held_out"]
    assert held_out["completeness"]["fraction"] == 0.75
    assert held_out["workload"]["fraction"] == 0.5
    assert list(held_out["completeness_by_reason"]) == ["no reason given", "spike"]
    assert held_out["completeness_by_reason"]["spike"]["fraction"] == 1
    assert held_out["n_spurious"] == 2
    lines = format_summary(summary).splitlines()
    assert lines[0] == "Chosen among 3 settings: threshold=0.1, perplexity=3.667."
    assert "5 splits, transductive" in lines[1]
    assert lines[2].startswith("  completeness  0.750 (95 % interval ")
    assert lines[5].startswith("    no reason given: 0.500 (")
    assert lines[5].endswith("; 1 known)")
    search.held_out_flagged_ = np.zeros(4)
    summary = summarize_run(detector, y, search=search)
    assert summary["held_out"]["purity"] == {"fraction": None, "interval": None}
    assert "  purity        not defined (nothing is flagged)" in format_summary(summary)


def test_stability_and_effort_are_summarized(make_run):
    detector, y = make_run([1, 1, 0, 0], [1, 0, -1, -1])
    effort = expected_effort(y, [0.9, 0.5, 0.3, 0.1], unlabeled=-1, completeness=[0.95])
    outlook = InspectionOutlook(1, 2, 0.4, (0, 2), 2, effort)
    steadiness = Steadiness(0.9, (3, 4, 4))
    shares = [1, 0.5, 0, 0]
    summary = summarize_run(detector, y, stability=shares, steadiness=steadiness, outlook=outlook)
    assert summary["steadiness"] == {"similarity": 0.9, "n_flagged": (3, 4, 4)}
    assert "Steadiness 0.90" in format_summary(summary)
    assert summary["stability"] == {"always": 1, "sometimes": 1, "never": 2}
    (row,) = summary["ranking"]["expected_effort"]
    assert row["inspections"] == effort["inspections"].item()
    assert row["interval"] == effort[["inspections_low", "inspections_high"]].iloc[0].tolist()
    text = format_summary(summary)
    assert "starts elsewhere: 1 sources always, 1 sometimes, 2 never." in text
    assert f"95 % of the spurious: {row['inspections']} of 4 (95 % interval" in text
    assert "1 spurious source is known; about 0.4 more are to be expected among the 2" in text
    assert "(95 % interval 0 to 2, provided that the 2 labels behind it are a random" in text


def test_ten_reasons_and_all_others_as_one(make_run):
    n = 100
    detector, y = make_run(np.arange(n) % 2, np.ones(n, dtype=int))
    summary = summarize_run(detector, y, reasons=["edge", "edge", *map(str, range(2, n))])
    shares = summary["in_sample"]["completeness_by_reason"]
    assert list(shares)[0::10] == ["edge", "89 other reasons"]
    assert (shares["89 other reasons"]["k"], shares["89 other reasons"]["n"]) == (45, 89)
    assert sum(line.startswith("    ") for line in format_summary(summary).splitlines()) == 11
