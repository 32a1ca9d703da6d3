import json

import numpy as np
import pandas as pd
import pytest

from spurclust.catalog import sources_table
from spurclust.report import Results
from spurclust.report.charts import (
    colorings,
    component_outline,
    curve_plot,
    dot_size,
    embedding_plot,
)

Document = pytest.importorskip("bokeh.document").Document


def plot_of(item):
    return Document.from_json(item["doc"]).roots[0]


def labels_of(item):
    return [entry.label.value for entry in plot_of(item).legend[0].items]


def ways_of(results, probability=None):
    return {way.key: way for way in colorings(results, probability)}


def group_of(way, row):
    return way.names[way.codes[row]]


def test_the_spurious_are_drawn_last(results):
    plot = plot_of(embedding_plot(results))
    columns = plot.select_one({"name": "sources"}).data
    rows = np.asarray(columns["row"])
    assert sorted(rows) == list(range(40))
    assert results.label[rows[-6:]].tolist() == [1] * 6
    assert np.array_equal(columns["x"], results.sources["tsne_x"].to_numpy()[rows])
    # What the page's script asks for.
    for name in ("pan", "box", "lasso", "fills", "outlines", "numbers", "shown-circle"):
        assert plot.select_one({"name": name}) is not None


def test_a_component_of_two_sources_has_no_outline(make_results):
    def change(sources, *_):
        sources["component"] = [1, 1, *[0] * 38]

    plot = plot_of(embedding_plot(make_results(change=change)))
    assert plot.select_one({"name": "components"}).data["number"] == ["0"]


def test_an_outline_holds_most_of_its_sources():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(500, 2)) @ np.array([[3.0, 1.0], [0.0, 0.5]]) + [10, -4]
    outline = component_outline(points)
    assert outline[0] == pytest.approx(outline[-1])
    assert outline[1:].mean(axis=0) == pytest.approx(points.mean(axis=0))
    precision = np.linalg.inv(np.cov(points.T))
    away = outline - points.mean(axis=0)
    assert np.einsum("ij,jk,ik->i", away, precision, away) == pytest.approx(4)


def test_sources_at_one_position_have_an_outline_of_no_size():
    outline = component_outline([[1, 2]] * 4)
    assert outline == pytest.approx(np.broadcast_to([1.0, 2.0], outline.shape))


def test_the_curve_shows_what_is_held_out(make_results):
    def change(sources, components, summary):
        summary["held_out"] = {
            name: {"fraction": 0.5, "interval": [0.4, 0.6]} for name in ("completeness", "workload")
        }

    tuning = pd.DataFrame({"mean_test_workload": [0.1], "mean_test_completeness": [0.4]})
    results = make_results(ranking=True, change=change, tuning=tuning)
    assert labels_of(curve_plot(results)) == [
        "no order at all",
        "ranking, held out",
        "by component, in-sample",
        "settings tried, held out",
        "the region, held out, 95 % interval",
    ]


def test_without_held_out_metrics_the_region_is_in_sample(make_results):
    def change(sources, *_):
        sources.loc[8, "spurious_probability"] = np.nan

    results = make_results(change=change, tuning=pd.DataFrame({"other": [0.1]}))
    assert labels_of(curve_plot(results)) == ["no order at all", "the region, in-sample"]


def test_without_a_known_spurious_source_there_is_no_curve(make_results):
    def change(sources, *_):
        sources["label"] = 0

    assert curve_plot(make_results(change=change)) is None


def test_a_curve_of_many_sources_is_thinned():
    rank = np.arange(3000.0)
    sources = sources_table(
        rank.astype(int).tolist(),
        embedding=np.zeros((3000, 2)),
        component=np.zeros(3000),
        spurious_probability=rank / 3000,
        flagged=rank > 2000,
        y=rank.astype(int) % 2,
    )
    results = Results("many", sources, pd.DataFrame({"in_region": [True]}), {})
    assert len(json.dumps(curve_plot(results))) < 30_000


def test_dots_shrink_with_their_number():
    sizes = [dot_size(n) for n in (1, 100, 2000, 20_000, 10**6)]
    assert sizes == sorted(sizes, reverse=True)
    assert (sizes[0], sizes[-1]) == (11, 3.5)


def test_every_source_has_a_group_in_every_way(make_results):
    results = make_results(ranking=True)
    ways = ways_of(results, results.column("inspection_probability"))
    assert list(ways) == [
        *("label", "reason", "component", "region", "probability", "inspection", "stability")
    ]
    for way in ways.values():
        assert way.codes.shape == (len(results),)
        assert len(way.names) == len(way.colors) == len(way.markers)
        assert 0 <= way.codes.min() <= way.codes.max() < len(way.names)
        assert sum(way.as_dict()["counts"]) == len(results)


def test_groups_say_what_they_hold(results):
    ways = ways_of(results)
    assert list(ways) == ["label", "reason", "component", "region", "probability"]
    labels = [group_of(ways["label"], row) for row in (0, 1, 8)]
    assert labels == ["uninspected", "spurious", "reliable"]
    assert ways["reason"].names[0] == "spike"
    assert group_of(ways["reason"], 13) == "no reason given"
    assert ways["component"].names == ["0, in the region", "1"]
    assert group_of(ways["region"], 4) == "not flagged, known spurious"
    assert group_of(ways["probability"], 0) == "0.2 to 0.5"
    assert group_of(ways["probability"], 4) == "0.05 to 0.1"


def test_an_unknown_fraction_is_a_group(make_results):
    def change(sources, *_):
        sources.loc[3, "spurious_probability"] = np.nan
        sources.loc[4, "spurious_probability"] = 1.0

    way = ways_of(make_results(change=change))["probability"]
    assert group_of(way, 3) == "not known"
    assert group_of(way, 4) == "0.5 to 1"


@pytest.mark.parametrize(
    ("n_reasons", "name", "n_others"),
    [(10, "0 other reasons", 0), (11, "1 other reason", 3), (20, "10 other reasons", 20)],
)
def test_rare_reasons_share_a_color(make_results, n_reasons, name, n_others):
    def change(sources, *_):
        sources["label"] = 1
        sources["reason"] = [f"reason {row % n_reasons}" for row in range(40)]

    way = ways_of(make_results(change=change))["reason"]
    assert way.names[10] == name
    assert (way.codes == 10).sum() == n_others
    assert len(set(zip(way.colors, way.markers, strict=True))) == len(way.names)


def test_forty_components_differ(make_results):
    def change(sources, components, _):
        for number in range(2, 40):
            components.loc[number] = components.loc[1]
        sources["component"] = range(40)

    way = ways_of(make_results(change=change))["component"]
    assert len(set(zip(way.colors, way.markers, strict=True))) == 40


def test_other_columns_are_ways_to_color(make_results):
    def change(sources, components, summary):
        numbers = np.arange(len(sources))
        sources["z"] = np.where(numbers < 4, np.nan, numbers)
        sources["field"] = np.where(numbers < 3, "", np.where(numbers % 3, "S", "N"))
        sources["name"] = [f"g{number}" for number in numbers]
        sources["n"] = numbers % 2

    results = make_results(change=change)
    assert results.other_columns == ["z", "field", "name", "n"]
    ways = {way.title: way.as_dict() for way in colorings(results, None)}
    assert {"z", "field", "n"} < set(ways)
    assert "name" not in ways
    # In steps of equally many.
    assert ways["z"]["counts"][-1] == 4
    assert max(ways["z"]["counts"][:-1]) - min(ways["z"]["counts"][:-1]) <= 1
    assert ways["z"]["names"][0].endswith(" to 39")
    assert dict(zip(ways["field"]["names"], ways["field"]["counts"], strict=True)) == {
        "N": 13,
        "S": 24,
        "0 others": 0,
        "not known": 3,
    }
    assert ways["n"]["names"][:2] == ["0", "1"]
