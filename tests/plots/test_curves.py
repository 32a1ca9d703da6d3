"""The curve of completeness, the surface of a search and the stability of flags."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from spurclust import SpuriousRegionDetector, SpuriousRegionDetectorCV
from spurclust.metrics import completeness_curve, get_scorer
from spurclust.plots import CompletenessDisplay, StabilityDisplay, TuningDisplay
from spurclust.tuning import InspectedStratifiedKFold

# Small surveys end in a region that holds nearly all, and small grids at their edges.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The region holds:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*of those tried:UserWarning"),
    pytest.mark.filterwarnings("ignore:n_components=:UserWarning"),
]

RNG = np.random.default_rng(0)
Y = (RNG.random(300) < 0.1).astype(int)
SCORE = np.round(RNG.random(300) + 0.5 * Y, 1)


def axes():
    return Figure().add_subplot()


class TestCompleteness:
    def test_one_repeat_is_the_curve_of_the_metrics(self):
        display = CompletenessDisplay(
            Y, SCORE, point=(0.2, 0.6), intervals=((0.1, 0.3), (0.5, 0.75))
        )
        ax = display.plot(ax=axes()).ax_
        diagonal, curve, across, along, point = ax.get_lines()
        workload, completeness = completeness_curve(Y, SCORE)
        assert_allclose(np.interp(workload, *np.array(curve.get_data()) / 100), completeness)
        assert_allclose(diagonal.get_data(), [[0, 100], [0, 100]])
        assert_allclose(point.get_data(), [[20], [60]])
        names = [text.get_text() for text in ax.get_legend().get_texts()]
        assert names == ["random order", "by probability", "chosen, 95 % intervals"]
        assert_allclose(across.get_data(), [[10, 30], [60, 60]])
        assert_allclose(along.get_data(), [[20, 20], [50, 75]])

    def test_repeats_make_a_band_around_their_mean(self):
        repeats = np.stack([SCORE, RNG.random(300), RNG.random(300)])
        ax = CompletenessDisplay(Y, repeats, point=(0.2, 0.6)).plot(ax=axes()).ax_
        (band,) = ax.collections
        names = [text.get_text() for text in ax.get_legend().get_texts()]
        assert names[1:] == ["3 repeats", "by probability", "chosen"]
        x, mean = ax.get_lines()[1].get_data()
        curves = [np.interp(x / 100, *completeness_curve(Y, row)) for row in repeats]
        assert_allclose(mean, 100 * np.mean(curves, axis=0))
        edge = band.get_paths()[0].vertices
        for k in (len(x) // 3, len(x) // 2):
            heights = edge[np.isclose(edge[:, 0], x[k]), 1]
            assert_allclose(heights.max(), 100 * np.max(curves, axis=0)[k])
            assert_allclose(heights.min(), 100 * np.min(curves, axis=0)[k])

    def test_sources_without_a_probability_or_label_do_not_count(self):
        label, score = Y.copy(), SCORE.copy()
        label[:20], score[20:40] = -1, np.nan
        display = CompletenessDisplay(label, score).plot(ax=axes())
        x, y = display.ax_.get_lines()[1].get_data()
        expected = completeness_curve(Y[40:], SCORE[40:])
        assert_allclose(np.interp(expected[0], x / 100, y / 100), expected[1])


def results(perplexities=(50,)):
    settings = [(p, n, t) for p in perplexities for n in (2, 6, 9) for t in (0.05, 0.2)]
    perplexity, n_components, threshold = np.array(settings).T
    return {
        "param_perplexity": perplexity,
        "param_n_components": n_components,
        "param_threshold": threshold,
        "mean_test_completeness": 1 - threshold - n_components / 100,
        "mean_test_workload": perplexity / 100,
    }


def test_of_a_fitted_search(survey):
    embedding, y = survey
    steps = dict.fromkeys(("flatten", "reduce", "embed"), "passthrough")
    cv = InspectedStratifiedKFold(2, unlabeled=-1, random_state=0)
    search = SpuriousRegionDetectorCV([3, 4], [0.05, 0.5], cv=cv, unlabeled=-1, **steps)
    search.set_params(random_state=0).fit(embedding, y)
    point = CompletenessDisplay.from_estimator(search, y, ax=axes()).ax_.get_lines()[-1]
    assert_allclose(point.get_data(), [[100 * search.workload_], [100 * search.completeness_]])
    ax = TuningDisplay.from_estimator(search, ax=axes()).ax_
    written = {tuple(text.get_position()): text.get_text() for text in ax.texts}
    for setting, percent in zip(
        search.cv_results_["params"], search.cv_results_["mean_test_completeness"], strict=True
    ):
        column, row = setting["n_components"] - 3, int(setting["threshold"] > 0.1)
        assert written[(column, row)] == f"{100 * percent:.0f}"


class TestTuning:
    def test_the_surface(self):
        ax = TuningDisplay(results(), 3).plot(ax=axes()).ax_
        assert [label.get_text() for label in ax.get_xticklabels()] == ["2", "6", "9"]
        assert [label.get_text() for label in ax.get_yticklabels()] == ["5", "20"]
        written = {tuple(text.get_position()): text.get_text() for text in ax.texts}
        assert written[(0, 0)] == "93"
        assert written[(2, 1)] == "71"
        assert [patch.get_xy() for patch in ax.patches] == [(0.5, 0.5)] * 2
        assert not TuningDisplay(results()).plot(ax=axes()).ax_.patches

    def test_of_several_perplexities_the_chosen_one(self):
        (mesh,) = TuningDisplay(results((10, 40)), 6).plot(ax=axes()).ax_.collections
        assert_allclose(mesh.get_array(), 40)

    @pytest.mark.parametrize(("workload", "most"), [(0.07, 7), (0.0, 100)])
    def test_small_workloads_differ_in_color(self, workload, most):
        found = {**results(), "mean_test_workload": np.linspace(0, workload, 6)}
        (mesh,) = TuningDisplay(found).plot(ax=axes()).ax_.collections
        assert_allclose(mesh.get_clim(), (0, most))

    def test_many_numbers_beside_the_squares_do_not_touch(self, overlaps, stays_inside):
        n_components, threshold = (a.ravel() for a in np.mgrid[2:41, 1:21])
        found = {"param_n_components": n_components, "param_threshold": threshold / 100}
        found |= {f"mean_test_{name}": threshold / 21 for name in ("completeness", "workload")}
        display = TuningDisplay(found, 4).plot()
        assert overlaps(display.ax_.get_xticklabels()) == 0
        assert overlaps(display.ax_.get_yticklabels()) == 0
        assert stays_inside(display)


class TestStability:
    def test_colors_and_rims(self, detector, survey):
        _, y = survey
        share = RNG.random(len(y))
        ax = StabilityDisplay.from_estimator(detector, y, share, ax=axes()).ax_
        dots, rims = ax.collections[:2]
        assert_allclose(dots.get_array(), np.sort(100 * share))
        assert_allclose(rims.get_array(), 100 * share[y == 1])
        (text,) = ax.get_legend().get_texts()
        assert text.get_text() == "known spurious"
        assert StabilityDisplay(detector.embedding_, share).plot(ax=axes()).ax_.get_legend() is None

    @pytest.mark.parametrize("scale", [(1, 1), (10, 1), (1, 10)])
    def test_what_is_written_does_not_overlap(self, scale, overlaps, stays_inside, legend):
        points = scale * RNG.normal(size=(50, 2))
        display = StabilityDisplay(points, RNG.random(50), np.arange(50) < 3).plot()
        bar = display.figure_.axes[-1]
        labels = [display.ax_.xaxis.label, bar.xaxis.label, bar.patch, display.ax_.patch]
        assert overlaps([legend(display), *labels]) == 0
        assert stays_inside(display)


@pytest.mark.parametrize("in_pipeline", [False, True])
def test_a_grid_search_with_the_documented_scorers_is_drawn(survey, in_pipeline):
    X, y = survey
    steps = {"flatten": "passthrough", "reduce": "passthrough", "embed": "passthrough"}
    estimator = SpuriousRegionDetector(unlabeled=-1, random_state=0, **steps)
    prefix = "spuriousregiondetector__" if in_pipeline else ""
    search = GridSearchCV(
        make_pipeline(StandardScaler(), estimator) if in_pipeline else estimator,
        {f"{prefix}n_components": [3, 4], f"{prefix}threshold": [0.5, 0.9]},
        scoring={name: get_scorer(name) for name in ("completeness", "neg_workload")},
        refit="completeness",
        cv=InspectedStratifiedKFold(3, unlabeled=-1, random_state=0),
    ).fit(X, y)
    display = TuningDisplay.from_estimator(search, ax=Figure().add_subplot(), cmap="cividis")
    (squares,) = [each for each in display.ax_.collections if each.get_array() is not None]
    expected = -100 * search.cv_results_["mean_test_neg_workload"].reshape(2, 2).T
    np.testing.assert_allclose(squares.get_array(), expected)
    assert squares.get_cmap().name == "cividis"


def test_a_search_without_the_metrics_or_the_parameters_is_refused():
    results = {"param_n_components": [2], "param_threshold": [0.1], "mean_test_score": [1]}
    with pytest.raises(ValueError, match="the search has no workload: give it scoring="):
        TuningDisplay(results).plot()
    del results["param_threshold"]
    with pytest.raises(ValueError, match="did not try values of threshold"):
        TuningDisplay(results).plot()
