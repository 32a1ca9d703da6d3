import numpy as np
import pytest

from spurclust.report.colors import colourings
from spurclust.report.order import inspection_order
from spurclust.report.run_results import read_results


def ways_of(folder):
    results = read_results(folder)
    order = inspection_order(results)
    probability = order.probability if order.calibrated else None
    return results, {way.key: way for way in colourings(results, probability)}


def test_every_source_has_a_group_in_every_way(make_run):
    results, ways = ways_of(make_run(ranking=True))
    assert list(ways) == [
        *("label", "reason", "component", "region", "probability", "inspection", "stability")
    ]
    for way in ways.values():
        assert way.codes.shape == (len(results),)
        assert len(way.names) == len(way.colours) == len(way.markers)
        assert 0 <= way.codes.min() <= way.codes.max() < len(way.names)
        assert sum(way.as_dict()["counts"]) == len(results)


def test_groups_say_what_they_hold(run_folder):
    _, ways = ways_of(run_folder)
    assert list(ways) == ["label", "reason", "component", "region", "probability"]
    label = ways["label"]
    assert [label.names[code] for code in label.codes[[0, 1, 8]]] == [
        "uninspected",
        "spurious",
        "reliable",
    ]
    reason = ways["reason"]
    assert reason.names[0] == "spike"
    assert reason.names[reason.codes[13]] == "no reason given"
    assert ways["component"].names == ["0, in the region", "1"]
    region = ways["region"]
    assert region.names[region.codes[4]] == "not flagged, known spurious"
    probability = ways["probability"]
    assert probability.names[probability.codes[0]] == "0.2 to 0.5"
    assert probability.names[probability.codes[4]] == "0.05 to 0.1"


def test_an_unknown_fraction_is_a_group(make_run):
    def change(sources, *_):
        sources.loc[3, "spurious_probability"] = np.nan
        sources.loc[4, "spurious_probability"] = 1.0

    way = ways_of(make_run(change=change))[1]["probability"]
    assert way.names[way.codes[3]] == "not known"
    assert way.names[way.codes[4]] == "0.5 to 1"


@pytest.mark.parametrize(
    ("n_reasons", "last", "n_last"),
    [(8, "reliable", 0), (9, "1 other reason", 4), (12, "4 other reasons", 12)],
)
def test_rare_reasons_share_a_colour(make_run, n_reasons, last, n_last):
    def change(sources, *_):
        sources["label"] = 1
        sources["reason"] = [f"reason {row % n_reasons}" for row in range(40)]

    way = ways_of(make_run(change=change))[1]["reason"]
    assert way.names[8] == last
    assert (way.codes == 8).sum() == n_last


def test_forty_components_differ(make_run):
    def change(sources, components, _):
        for number in range(2, 40):
            components.loc[number] = components.loc[1]
        sources["component"] = range(40)

    way = ways_of(make_run(change=change))[1]["component"]
    assert len(set(zip(way.colours, way.markers, strict=True))) == 40
