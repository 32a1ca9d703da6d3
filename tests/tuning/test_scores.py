"""The choice of a setting, as laws, and pooled metrics."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import ParameterGrid

from spurclust.metrics import completeness_interval, purity_interval
from spurclust.tuning import choose_setting, pool_metrics
from spurclust.tuning.scores import describe_edges

FRACTIONS = st.sampled_from([0.0, 0.2, 0.5, 0.9, 0.95, 1.0])
SETTINGS = st.lists(st.tuples(FRACTIONS, FRACTIONS), min_size=1, max_size=12)


def results(settings, workload="workload"):
    found, work = np.array(settings, dtype=float).T
    sign = 1 if workload == "workload" else -1
    return {"mean_test_completeness": found, f"mean_test_{workload}": sign * work}


@pytest.mark.filterwarnings("ignore:No setting keeps")
@given(settings=SETTINGS, floor=FRACTIONS.filter(bool))
def test_the_least_workload_that_reaches_the_floor(settings, floor):
    chosen = choose_setting(results(settings), completeness=floor)
    found, work = settings[chosen]
    enough = [setting for setting in settings if setting[0] >= floor]
    if enough:
        assert found >= floor
        assert work == min(setting[1] for setting in enough)
        rivals = [setting[0] for setting in enough if setting[1] == work]
    else:
        assert found == max(setting[0] for setting in settings)
        rivals = [setting[0] for setting in settings if setting[0] == found]
        assert work == min(setting[1] for setting in settings if setting[0] == found)
    assert found == max(rivals)
    assert chosen == settings.index(settings[chosen]), "the first of equals"


@pytest.mark.filterwarnings("ignore:No setting keeps")
@given(settings=SETTINGS, limit=FRACTIONS.filter(bool))
def test_the_most_completeness_within_the_workload(settings, limit):
    chosen = choose_setting(results(settings), workload=limit)
    found, work = settings[chosen]
    within = [setting for setting in settings if setting[1] <= limit]
    if within:
        assert (found, -work) == max((setting[0], -setting[1]) for setting in within)
    else:
        assert (-work, found) == max((-setting[1], setting[0]) for setting in settings)
    assert chosen == settings.index(settings[chosen])


@pytest.mark.filterwarnings("ignore:No setting keeps")
@given(settings=SETTINGS)
def test_a_negated_workload_is_the_same(settings):
    assert choose_setting(results(settings)) == choose_setting(results(settings, "neg_workload"))


def test_rounding_in_a_mean_of_folds_decides_nothing():
    # 0.6, 0.7 and 0.8 have the mean 0.7, but not in float64.
    reached = np.average([0.6, 0.7, 0.8])
    assert reached < 0.7
    assert choose_setting(results([(1.0, 0.9), (reached, 0.3)]), completeness=0.7) == 1
    equal = [(1.0, np.average([0.1, 0.2, 0.3])), (1.0, np.average([0.3, 0.2, 0.1]))]
    assert equal[0] != equal[1]
    assert choose_setting(results(equal)) == choose_setting(results(equal[::-1])) == 0


def test_settings_with_unknown_scores_are_not_chosen():
    assert choose_setting(results([(np.nan, 0.1), (1.0, np.nan), (0.97, 0.8)])) == 2
    with pytest.raises(ValueError, match="NaN: each test fold needs"):
        choose_setting(results([(np.nan, 0.1)]))


@pytest.mark.parametrize(
    ("bound", "message"),
    [
        ({}, r"keeps completeness=0.95 .* highest completeness is used, .*0.800 at workload 0.700"),
        (
            {"workload": 0.3},
            "keeps workload=0.3 .* lowest workload is used, .*0.500 at workload 0.6",
        ),
    ],
)
def test_a_bound_that_no_setting_keeps_warns(bound, message):
    settings = results([(0.8, 0.7), (0.5, 0.6)])
    with pytest.warns(UserWarning, match=message):
        choose_setting(settings, **bound)
    with pytest.warns(UserWarning, match=r"\(n_components=3\)"):
        choose_setting(settings | {"params": [{"n_components": 3}] * 2}, **bound)


@pytest.mark.parametrize(
    ("chosen", "named"),
    [
        ((4, 0.05), []),
        ((2, 0.05), ["n_components=2 was chosen, the smallest .* smaller .* -N"]),
        ((40, 0.1), ["n_components=40 .* largest", "threshold=0.1 .* larger .*--threshold"]),
    ],
)
def test_chosen_values_at_the_edge_are_named_with_the_option(chosen, named):
    grid = {"n_components": [2, 4, 40], "perplexity": [50], "threshold": [0.01, 0.05, 0.1]}
    params = list(ParameterGrid(grid))
    best = params.index({"n_components": chosen[0], "perplexity": 50, "threshold": chosen[1]})
    completeness, workload = np.linspace(0, 1, 2 * len(params)).reshape(2, -1)
    scores = {"mean_test_completeness": completeness, "mean_test_workload": workload}
    sentences = describe_edges(grid, {"params": params, **scores}, best)
    assert len(sentences) == len(named)
    for sentence, pattern in zip(sentences, named, strict=True):
        assert re.match(pattern, sentence)


def test_what_cannot_be_exceeded_is_no_edge():
    grid = {"n_components": [1, 2], "threshold": [0.5, 1]}
    params = list(ParameterGrid(grid))
    scores = {"mean_test_completeness": np.arange(4), "mean_test_workload": np.arange(4)}
    assert not describe_edges(grid, {"params": params, **scores}, 1)
    scores = {name: np.ones(4) for name in scores}
    assert not describe_edges(grid, {"params": params, **scores}, 3)  # all are equally good


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"completeness": 0}, r"completeness must be in \(0, 1\], got 0"),
        ({"completeness": 95}, "completeness must be in"),
        ({"workload": 1.5}, "workload must be in"),
        ({"workload": -0.1}, "workload must be in"),
        ({"completeness": 0.9, "workload": 0.2}, "Both completeness=0.9 and workload=0.2"),
    ],
)
def test_bad_bounds(bounds, message):
    with pytest.raises(ValueError, match=message):
        choose_setting(results([(1.0, 0.5)]), **bounds)


@given(sources=st.lists(st.tuples(st.booleans(), st.sampled_from([0, 1, np.nan])), min_size=1))
def test_pooled_metrics_are_those_of_the_tested_sources(sources):
    spurious, flagged = (np.array(values) for values in zip(*sources, strict=True))
    tested = ~np.isnan(flagged)
    pooled = pool_metrics(flagged, spurious)
    for ours, interval in (
        (pooled.completeness, completeness_interval),
        (pooled.purity, purity_interval),
    ):
        np.testing.assert_allclose(ours, interval(spurious[tested], flagged[tested]))
    if tested.any():
        assert pooled.workload.value == flagged[tested].mean()
