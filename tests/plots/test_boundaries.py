"""The region over the embedding, and the bars of the components."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.contour import QuadContourSet
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture

from spurclust.plots import ComponentsDisplay, RegionDisplay
from spurclust.plots.boundaries import evaluate_region
from spurclust.plots.style import OUTSIDE_COLOR, PAGE_WIDTH, REGION_COLOR, REGION_FILL_COLOR


def is_region_filled(display):
    contours = [c for c in display.ax_.collections if isinstance(c, QuadContourSet)]
    return any(contour.filled and contour.hatches == ["////"] for contour in contours)


class TestRegion:
    def test_every_source_is_drawn_and_what_is_flagged_counted(
        self, detector, survey, legend, legend_texts
    ):
        _, y = survey
        display = RegionDisplay.from_estimator(detector, y)
        flagged, spurious = detector.flagged_, y == 1
        assert legend(display).get_title().get_text() == (
            f"flagged {flagged.sum()} of {len(y)}, {(flagged & spurious).sum()} of "
            f"{spurious.sum()} known spurious"
        )
        names = ["source outside", "source in the region", "known spurious", "region"]
        assert legend_texts(display) == [*names, "1 sigma", "2 sigma"]
        patch = legend(display).legend_handles[3]
        assert patch.get_hatch()
        assert to_hex(patch.get_edgecolor()).upper() == REGION_COLOR
        assert is_region_filled(display)
        dots = [c for c in display.ax_.collections if isinstance(c, PathCollection)]
        expected = [~flagged & ~spurious, flagged & ~spurious, spurious]
        assert [len(c.get_offsets()) for c in dots[::2]] == [group.sum() for group in expected]

    @pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
    def test_ellipses_of_one_and_two_sigma(self, build_detector, survey, covariance_type):
        mixture = GaussianMixture(covariance_type=covariance_type)
        detector = build_detector(*survey, mixture=mixture)
        fitted = detector.pipeline_[-1]
        lines = RegionDisplay.from_estimator(detector, survey[1]).ax_.lines
        assert len(lines) == 6
        whole = {
            "full": lambda c: c,
            "tied": lambda c: np.stack([c] * 3),
            "diag": lambda c: [np.diag(row) for row in c],
            "spherical": lambda c: [value * np.eye(2) for value in c],
        }[covariance_type](fitted.covariances_)
        for index, line in enumerate(lines):
            n_sigma, number = index // 3 + 1, index % 3
            apart = line.get_xydata() - fitted.means_[number]
            distance = (apart * np.linalg.solve(whole[number], apart.T).T).sum(axis=1) ** 0.5
            assert distance == pytest.approx(n_sigma)

    def test_another_mixture_has_borders_instead(self, build_detector, survey, legend_texts):
        detector = build_detector(*survey, mixture=KMeans(3, random_state=0, n_init=1))
        display = RegionDisplay.from_estimator(detector, survey[1])
        assert len(display.ax_.lines) == 0
        assert "1 sigma" not in legend_texts(display)
        assert is_region_filled(display)

    @pytest.mark.parametrize("assignment", ["hard", "soft"])
    def test_the_grid_agrees_with_the_detector(self, build_detector, survey, assignment):
        detector = build_detector(*survey, assignment=assignment)
        grid = evaluate_region(detector)
        points = np.stack(np.meshgrid(grid.x, grid.y), axis=-1).reshape(-1, 2)
        near = grid.near.ravel()
        assert np.array_equal(grid.flagged.ravel(), near & (detector.predict(points) == 1))
        component = detector.pipeline_[-1].predict(points[near])
        assert np.array_equal(grid.component.ravel()[near], component)
        column = np.abs(grid.x[:, None] - detector.embedding_[:, 0]).argmin(axis=0)
        row = np.abs(grid.y[:, None] - detector.embedding_[:, 1]).argmin(axis=0)
        assert grid.near[row, column].all()
        assert not grid.near.all()

    def test_no_region(self, build_detector, survey, legend, legend_texts):
        embedding, _ = survey
        y = np.zeros(len(embedding), dtype=int)
        with pytest.warns(UserWarning, match="the region is empty"):
            detector = build_detector(embedding, y)
        display = RegionDisplay.from_estimator(detector, y)
        assert legend(display).get_title().get_text() == f"flagged 0 of {len(y)}, no known spurious"
        assert not is_region_filled(display)
        assert legend_texts(display) == ["source outside", "1 sigma", "2 sigma"]

    @pytest.mark.parametrize(
        ("embedding", "y"), [([[0, 0], [3, 1]], [1, 0]), ([[4, 4]] * 3, [1] * 3)]
    )
    def test_few_sources_and_everything_in_the_region(
        self, build_detector, embedding, y, stays_inside, legend_texts
    ):
        display = RegionDisplay.from_estimator(build_detector(embedding, y, 1), y)
        assert stays_inside(display)
        assert is_region_filled(display)
        names = ["source in the region"] * (0 in y) + ["known spurious", "region"]
        assert legend_texts(display) == [*names, "1 sigma", "2 sigma"]

    @pytest.mark.parametrize("n_components", [1, 40])
    def test_numbers_do_not_overlap(self, build_detector, n_components, overlaps, stays_inside):
        rng = np.random.default_rng(3)
        embedding = rng.normal(size=(800, 2)) * 20
        y = (rng.random(800) < 0.05).astype(int)
        detector = build_detector(embedding, y, n_components)
        display = RegionDisplay.from_estimator(detector, y)
        numbers = [text.get_text() for text in display.ax_.texts]
        assert numbers == [str(number) for number in np.unique(detector.component_)]
        assert overlaps(display.ax_.texts) == 0
        assert stays_inside(display)
        assert (display.figure_.get_size_inches()[0] == PAGE_WIDTH) == (n_components > 15)

    def test_numbers_where_there_is_no_room(self):
        flags = np.zeros(8, dtype=bool)
        embedding = np.zeros((8, 2))
        embedding[-1] = 100
        display = RegionDisplay(embedding, [1] * 8, np.arange(8), flags, flags).plot()
        assert len(display.ax_.texts) == 8

    def test_a_component_without_sources_is_not_drawn(self):
        arrays = {"means": [[0, 0], [50, 50]], "covariances": [np.eye(2), np.eye(2)]}
        display = RegionDisplay(np.eye(2), [0, 1], [0, 0], [False] * 2, [False] * 2, **arrays)
        assert len(display.plot().ax_.lines) == 2
        assert [text.get_text() for text in display.ax_.texts] == ["0"]


def table(n_components, **columns):
    n_spurious = np.arange(n_components) % 5
    given = {
        "n_inspected": 40,
        "n_spurious": n_spurious,
        "fraction": n_spurious / 40,
        "fraction_low": 0.0,
        "fraction_high": 0.3,
        "in_region": n_spurious >= 2,
    }
    return pd.DataFrame({**given, **columns}, index=pd.RangeIndex(n_components, name="component"))


class TestComponents:
    def test_bars_have_the_fractions_and_the_region_its_look(self, detector, legend_texts):
        display = ComponentsDisplay.from_estimator(detector)
        bars = {round(bar.get_y() + bar.get_height() / 2): bar for bar in display.ax_.patches}
        for number, row in detector.components_.iterrows():
            assert bars[number].get_width() == pytest.approx(100 * row["fraction"])
            color = REGION_FILL_COLOR if row["in_region"] else OUTSIDE_COLOR
            assert to_hex(bars[number].get_facecolor()).upper() == color
            assert bool(bars[number].get_hatch()) == row["in_region"]
        expected = ["in the region", "outside", "95 % interval", "threshold 5 %"]
        assert legend_texts(display) == expected
        (right,) = display.ax_.child_axes
        rows = detector.components_
        assert [text.get_text() for text in right.get_yticklabels()] == [
            f"{k}/{n}" for k, n in zip(rows["n_spurious"], rows["n_inspected"], strict=True)
        ]
        assert right.get_ylabel() == "Spurious / inspected"

    def test_intervals_and_threshold_are_where_they_belong(self):
        frame = table(1, fraction=0.1, fraction_low=0.02, fraction_high=0.27)
        axes = ComponentsDisplay(frame, 0.05).plot().ax_
        (segment,) = axes.collections[0].get_segments()
        assert segment[:, 0] == pytest.approx([2, 27])
        assert axes.lines[0].get_xdata()[0] == 5

    def test_the_highest_fraction_first_and_unknown_last(self):
        frame = table(4, fraction=[0.1, np.nan, 0.3, 0.1], fraction_high=0.5)
        axes = ComponentsDisplay(frame, 0.05, sort="fraction").plot().ax_
        assert [text.get_text() for text in axes.get_yticklabels()] == ["2", "0", "3", "1"]
        assert axes.get_ylim()[0] > axes.get_ylim()[1]

    @pytest.mark.parametrize("n_known", [0, 1])
    def test_a_component_without_inspected_sources_says_so(self, n_known, legend_texts):
        known = np.arange(2) < n_known
        columns = {
            name: np.where(known, value, np.nan)
            for name, value in (("fraction", 0.1), ("fraction_low", 0.0), ("fraction_high", 0.4))
        }
        display = ComponentsDisplay(table(2, in_region=known, **columns), 0.05).plot()
        assert [t.get_text().strip() for t in display.ax_.texts] == ["none inspected"] * (
            2 - n_known
        )
        assert len(display.ax_.patches) == n_known
        names = ["outside", "95 % interval", "threshold 5 %"]
        assert legend_texts(display) == ["in the region"] * n_known + names
        assert display.ax_.get_xlim()[1] > 5

    @pytest.mark.parametrize("n_components", [1, 15, 100])
    def test_numbers_do_not_overlap(self, n_components, overlaps, stays_inside):
        display = ComponentsDisplay(table(n_components), 0.05).plot()
        assert stays_inside(display)
        assert display.figure_.get_size_inches()[1] < 10
        assert overlaps(display.ax_.get_yticklabels()) == 0
        assert overlaps(display.ax_.child_axes[0].get_yticklabels()) == 0
