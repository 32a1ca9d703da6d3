import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurclust.report import overview
from spurclust.report.order import inspection_order
from spurclust.report.run_results import read_results


@given(st.floats(0, 1))
def test_only_all_is_100_and_only_nothing_is_0(fraction):
    text = overview.percent(fraction)
    assert (text == "100 %") == (fraction == 1)
    assert (text == "0 %") == (fraction == 0)


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(0.077, 0.17, "7.7 to 17 %"), (0, 0.0004, "0 to < 0.1 %"), (0.0004, 1, "< 0.1 % to 100 %")],
)
def test_an_interval_has_one_sign_where_that_is_enough(low, high, words):
    assert overview.between(low, high) == words


def test_the_counts_are_those_of_the_table(run_folder):
    results = read_results(run_folder)
    figures = {figure.name: figure for figure in overview.count_figures(results)}
    assert figures["sources"].value == "40"
    assert figures["known spurious"].value == str((results.label == 1).sum())
    assert figures["flagged"].detail == "workload 50 %"
    next_ones = (results.flagged & (results.label < 0)).sum()
    assert figures["flagged, not yet inspected"].value == str(next_ones)


def test_thousands_are_grouped():
    assert overview.grouped(1234567) == "1\u202f234\u202f567"


def test_held_out_figures_come_first_and_are_the_ones_stated(make_run):
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

    results = read_results(make_run(change=change))
    figures = overview.measured_figures(results.summary)
    assert [(figure.name, figure.kind) for figure in figures] == [
        ("completeness", "held_out"),
        ("completeness", "in_sample"),
        ("purity", "in_sample"),
    ]
    assert figures[0].detail == "held out, at a workload of 30 %"
    assert overview.statement(results).endswith("expect it to hold 90 % (80 to 95 %).")
    assert overview.reason_figures(results.summary)[0] == "held out"
    assert overview.pairs(overview.choice(results.summary)) == [
        ("threshold", "0.1"),
        ("protocol", "inductive"),
    ]
    order = inspection_order(results)
    assert not any("in-sample" in sentence for sentence in overview.caveats(results, order))


def test_in_sample_figures_are_said_to_be(run_folder):
    results = read_results(run_folder)
    assert "expect less of sources nobody has inspected" in overview.statement(results)
    assert overview.reason_figures(results.summary)[0] == "in-sample"
    sentences = overview.caveats(results, inspection_order(results))
    assert sum("in-sample" in sentence for sentence in sentences) == 1
    assert sum("rough guide" in sentence for sentence in sentences) == 1


def test_an_empty_summary_has_no_figures(make_run):
    def change(sources, components, summary):
        for name in list(summary):
            if name not in ("written_by", "files"):
                del summary[name]
        components["in_region"] = False
        summary["skipped"] = {"a.png": "damaged"}

    results = read_results(make_run(change=change))
    assert overview.measured_figures(results.summary) == []
    assert overview.reason_figures(results.summary) == ("", [])
    assert overview.expected_looks(results.summary) == []
    assert overview.pairs(overview.choice(results.summary)) == []
    assert overview.statement(results).startswith("No component is in the spurious region")
    assert (
        "passed over 1 unreadable cutout."
        in overview.caveats(results, inspection_order(results))[-1]
    )


def test_expected_looks_are_those_of_the_ranking(make_run):
    results = read_results(make_run(ranking=True))
    assert overview.expected_looks(results.summary) == [
        {"completeness": "95 %", "looks": "1\u202f400", "interval": "120 to 1\u202f800"}
    ]
    assert overview.caveats(results, inspection_order(results))[1:] == []
    rows = [{"completeness": 0.9, "inspections": None}, {"completeness": 0.9, "inspections": 3}]
    found = overview.expected_looks({"ranking": {"expected_effort": rows}})
    assert [row["interval"] for row in found] == [""]


def test_components_of_the_region_come_first(make_run):
    def change(sources, components, _):
        components.loc[0, "in_region"], components.loc[1, "in_region"] = False, True
        components.loc[0, ["n_inspected", "n_spurious"]] = 0
        components.loc[0, "fraction"] = np.nan

    rows = overview.component_rows(read_results(make_run(change=change)))
    assert [row["number"] for row in rows] == [1, 0]
    assert rows[1]["fraction"] == "not known"
    assert rows[1]["interval"] is None


def test_settings_are_text():
    given = {"a": None, "b": True, "c": [1, "x"], "d": "", "e": 0.5, "f": False, "g": 0}
    assert overview.pairs(given) == [
        ("b", "yes"), ("c", "1, x"), ("e", "0.5"), ("f", "no"), ("g", "0"),
    ]  # fmt: skip
