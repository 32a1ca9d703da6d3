"""The comparison of methods hides what it says it hides."""

import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold

from spurclust.simulate import simulate_survey


@pytest.fixture
def quality(script):
    return script("quality")


def test_labels_of_a_test_fold_are_hidden(quality):
    y = np.arange(40) % 4 == 0
    splits = list(StratifiedKFold(5).split(y, y))
    shown = []

    def method(rows, codes, seed):
        shown.append(codes.copy())
        return np.where(codes < 0, 0.25, codes)

    score, seconds = quality.held_out(method, None, y.astype(int), splits, 0)
    assert (score == 0.25).all()
    assert seconds >= 0
    for codes, (train, test) in zip(shown, splits, strict=True):
        assert (codes[test] == -1).all()
        assert (codes[train] == y[train]).all()


def test_intervals_hold_the_mean(quality):
    rng = np.random.default_rng(0)
    y = (np.arange(300) < 30).astype(int)
    scores = [y + rng.normal(size=300) for _ in range(2)]
    for metric in quality.METRICS.values():
        middle, low, high = quality.with_interval(metric, y, scores)
        assert low <= middle <= high
        assert low < high


def test_means_of_surveys_span_their_range(quality):
    def result(value):
        return [
            {"method": method, **dict.fromkeys(quality.METRICS, [value] * 3), "seconds": value}
            for method in quality.METHODS
        ]

    means = quality.mean_results([result(0.1), result(0.3)])
    assert len(means) == len(quality.METHODS)
    np.testing.assert_allclose(means[0]["workload at 95 %"], [0.2, 0.1, 0.3])
    table = quality.format_results(means)
    assert "| InspectionRanker | 0.200 (0.100 to 0.300) |" in table
    assert "| 0.2 | <= 0.034 | **FAILS** |" in quality.format_targets("simulated", means)


def test_so_many_labels_are_wrong_and_found(quality):
    y = (np.arange(300) < 30).astype(int)
    rows = np.random.default_rng(0).normal(size=(300, 6)) + 5 * y[:, None]
    given, wrong = quality.spoil_labels(y, 0)
    assert wrong.sum() == 9
    np.testing.assert_array_equal(given != y, wrong)
    assert quality.share_found(rows, given, wrong, 0) >= 0.7
    table = quality.format_wrong_labels({"a": [0.8, 0.1, 0.11], "b": [0.6, 0.1, 0.13]})
    assert "| a: workload added | 0.1 | <= 0.2 | PASS |" in table
    assert "missed: b: wrong labels found; b: workload added" in table


@pytest.mark.slow
def test_wrong_labels_of_a_survey_are_judged(quality, capsys):
    quality.compare_wrong_labels(None, None, [1], 100, 20, 1)
    assert "simulated: wrong labels found" in capsys.readouterr().out


@pytest.mark.slow
# A fifth of the few sources are spurious.
@pytest.mark.filterwarnings("ignore:The region holds", "ignore:n_components=.0 is too large")
def test_every_method_orders(quality):
    survey = simulate_survey(160, 32, random_state=0)
    results = list(quality.judge(survey.images[:, ::5, ::5], survey.y, 1))
    assert [result["method"] for result in results] == list(quality.METHODS)
    by_method = {result["method"]: result for result in results}
    ours = by_method["InspectionRanker"]["average precision"][0]
    assert ours > by_method["pixel PCA, isolation forest (no labels)"]["average precision"][0]


@pytest.mark.slow
def test_a_replay_is_drawn(script, tmp_path, capsys, monkeypatch):
    active = script("active")
    picture = tmp_path / "active.png"
    options = ["--n-sources", "120", "--n-inspections", "60", "--repeats", "1"]
    monkeypatch.setattr("sys.argv", ["active.py", *options, "--picture", str(picture)])
    active.compare(**script("bench").parse_options(active.compare))
    printed = capsys.readouterr().out
    assert "| strategy | 20 | 60 |" in printed
    for strategy in active.STRATEGIES:
        assert f"| {strategy} | " in printed
    assert picture.stat().st_size > 5000


@pytest.mark.slow
def test_regions_are_compared_on_the_sources_that_all_have(quality):
    y = (np.arange(400) < 60).astype(int)
    rows = np.random.default_rng(0).normal(size=(400, 6)) + 4 * y[:, None]
    flags = quality.flag_again(rows, y, leave_out=True)
    left_out = 6 * round(quality.LEFT_SHARE * 340)
    assert flags.shape[0] == 6
    assert 400 - left_out <= flags.shape[1] < 400
    assert quality.flag_again(rows, y, leave_out=False).shape == (6, 400)
