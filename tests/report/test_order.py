import numpy as np
import pytest

from spurclust.report.order import inspection_order
from spurclust.report.run_results import read_results


def test_without_a_ranking_the_fractions_order_and_ids_break_ties(make_run):
    def change(sources, *_):
        sources["source_id"] = [f"{40 - row}" for row in range(40)]
        sources.loc[0, "source_id"] = "x"

    results = read_results(make_run(change=change))
    order = inspection_order(results)
    assert not order.ranked
    assert not order.calibrated
    assert sorted(order.rank) == list(range(1, 41))
    ids = results.sources["source_id"].to_numpy()
    first = ids[np.argsort(order.rank)]
    assert first[:4].tolist() == ["5", "6", "7", "8"]
    # Text after numbers, and all of the higher fraction before any of the lower.
    assert first[19] == "x"
    assert "no ranking of single sources" in order.explanation
    assert order.probability == pytest.approx(np.where(results.flagged, 0.25, 0.05))


def test_the_ranking_is_followed(make_run):
    results = read_results(make_run(ranking=True))
    order = inspection_order(results)
    assert order.ranked
    assert order.calibrated
    assert order.rank.tolist() == results.sources["inspection_rank"].tolist()
    assert order.probability == pytest.approx(results.sources["inspection_probability"])
    assert "inspection_rank" in order.explanation


def test_a_ranking_with_holes_is_not_followed(make_run):
    def change(sources, *_):
        sources["inspection_rank"] = [np.nan, *range(2, 41)]
        sources["inspection_probability"] = [np.nan] * 40

    order = inspection_order(read_results(make_run(change=change)))
    assert not order.ranked
    assert not order.calibrated


@pytest.mark.parametrize("inspected", [True, False])
def test_a_component_of_unknown_fraction_gets_that_of_all(make_run, inspected):
    def change(sources, *_):
        sources.loc[sources["component"] == 1, "spurious_probability"] = np.nan
        if not inspected:
            sources["label"] = np.nan

    results = read_results(make_run(change=change))
    order = inspection_order(results)
    label = results.label
    expected = (label == 1).sum() / (label >= 0).sum() if inspected else 0.0
    assert order.probability[~results.flagged] == pytest.approx(expected)
