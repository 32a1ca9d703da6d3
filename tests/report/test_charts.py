import numpy as np
import pandas as pd
import pytest

from spurclust.report.charts import (
    component_outline,
    curve_plot,
    dot_size,
    embedding_plot,
    thinned,
)
from spurclust.report.run_results import read_results

pytest.importorskip("bokeh")


def models_of(item):
    """List all models of a document, however deep."""
    found = []

    def walk(value):
        if isinstance(value, dict):
            if value.get("type") == "object":
                found.append(value)
            for part in value.values():
                walk(part)
        elif isinstance(value, list):
            for part in value:
                walk(part)

    walk(item)
    return found


def named(item, name):
    return next(
        model for model in models_of(item) if model.get("attributes", {}).get("name") == name
    )


def labels_of(item):
    return [
        model["attributes"]["label"]["value"]
        for model in models_of(item)
        if model["name"] == "LegendItem"
    ]


def test_the_spurious_are_drawn_last(run_folder):
    results = read_results(run_folder)
    item = embedding_plot(results)
    entries = dict(named(item, "sources")["attributes"]["data"]["entries"])
    from bokeh.core.serialization import Deserializer

    rows = Deserializer().deserialize(entries["row"])
    assert sorted(rows) == list(range(40))
    assert results.label[np.asarray(rows)[-6:]].tolist() == [1] * 6
    x = Deserializer().deserialize(entries["x"])
    assert np.array_equal(x, results.sources["tsne_x"].to_numpy()[rows])
    for name in ("hover", "lasso", "box", "wheel", "numbers", "shown-circle"):
        assert named(item, name)


def test_a_component_of_two_sources_has_no_outline(make_run):
    def change(sources, *_):
        sources["component"] = [1, 1, *[0] * 38]

    entries = dict(
        named(embedding_plot(read_results(make_run(change=change))), "components")["attributes"][
            "data"
        ]["entries"]
    )
    assert entries["number"] == ["0"]


def test_an_outline_holds_most_of_its_sources():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(500, 2)) @ np.array([[3.0, 1.0], [0.0, 0.5]]) + [10, -4]
    outline = component_outline(points)
    assert outline.mean(axis=0) == pytest.approx(points.mean(axis=0))
    precision = np.linalg.inv(np.cov(points.T))
    away = outline - points.mean(axis=0)
    assert np.einsum("ij,jk,ik->i", away, precision, away) == pytest.approx(4)


def test_sources_in_one_place_have_an_outline_of_no_size():
    assert component_outline([[1, 2]] * 4) == pytest.approx(np.tile([1.0, 2.0], (60, 1)))


def test_the_curve_says_what_is_held_out(make_run):
    def change(sources, components, summary):
        summary["held_out"] = {
            name: {"fraction": 0.5, "interval": [0.4, 0.6]} for name in ("completeness", "workload")
        }

    folder = make_run(ranking=True, change=change)
    pd.DataFrame({"mean_test_workload": [0.1], "mean_test_completeness": [0.4]}).to_csv(
        folder / "tuning.csv", index=False
    )
    assert labels_of(curve_plot(read_results(folder))) == [
        "no order at all",
        "ranking, held out",
        "by component, in-sample",
        "settings tried, held out",
        "the region, held out, 95 % interval",
    ]


def test_without_held_out_figures_the_region_is_in_sample(make_run):
    def change(sources, *_):
        sources.loc[8, "spurious_probability"] = np.nan

    folder = make_run(change=change)
    pd.DataFrame({"other": [0.1]}).to_csv(folder / "tuning.csv", index=False)
    assert labels_of(curve_plot(read_results(folder))) == [
        "no order at all",
        "the region, in-sample",
    ]


def test_without_a_known_spurious_source_there_is_no_curve(make_run):
    def change(sources, *_):
        sources["label"] = 0

    assert curve_plot(read_results(make_run(change=change))) is None


def test_a_long_curve_keeps_its_ends():
    x = np.linspace(0, 1, 10_000)
    thin_x, thin_y = thinned(x, x**2)
    assert len(thin_x) <= 400
    assert (thin_x[0], thin_x[-1], thin_y[-1]) == (0, 1, 1)


def test_dots_shrink_with_their_number():
    sizes = [dot_size(n) for n in (1, 100, 2000, 20_000, 10**6)]
    assert sizes == sorted(sizes, reverse=True)
    assert (sizes[0], sizes[-1]) == (11, 3.5)
