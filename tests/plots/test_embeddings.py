import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from sklearn.exceptions import NotFittedError

from spurclust.plots import ComponentsDisplay, EmbeddingDisplay
from spurclust.plots.style import (
    OTHER_REASON_STYLE,
    OUTSIDE_COLOR,
    REASON_STYLES,
    REGION_FILL_COLOR,
    RELIABLE_COLOR,
    SPURIOUS_COLOR,
)


def n_drawn(axes):
    return [len(collection.get_offsets()) for collection in axes.collections]


def table(n_components, **columns):
    frame = pd.DataFrame(
        {
            "size": 50,
            "n_inspected": 40,
            "n_spurious": np.arange(n_components) % 5,
            "fraction": (np.arange(n_components) % 5) / 40,
            "fraction_low": 0.0,
            "fraction_high": 0.3,
            "in_region": np.arange(n_components) % 5 >= 2,
        }
    )
    return frame.assign(**columns).rename_axis("component")


class TestEmbedding:
    def test_every_source_is_drawn_once_and_counted(self, detector, survey, legend_texts):
        _, y = survey
        display = EmbeddingDisplay.from_estimator(detector, y)
        assert n_drawn(display.ax_) == [(y == -1).sum(), (y == 0).sum(), (y == 1).sum()]
        assert legend_texts(display) == [
            f"uninspected ({(y == -1).sum()})",
            f"reliable ({(y == 0).sum()})",
            f"spurious ({(y == 1).sum()})",
        ]

    def test_colours_and_shapes_differ(self, detector, survey):
        display = EmbeddingDisplay.from_estimator(detector, survey[1])
        handles = display.ax_.get_legend().legend_handles
        assert to_hex(handles[1].get_color()).upper() == RELIABLE_COLOR
        assert to_hex(handles[2].get_color()).upper() == SPURIOUS_COLOR
        assert [handle.get_marker() for handle in handles] == ["o", "o", "^"]
        assert handles[0].get_markerfacecolor() == "none"

    def test_axes_are_named_equal_and_without_title(self, detector, survey):
        axes = EmbeddingDisplay.from_estimator(detector, survey[1]).ax_
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("t-SNE x", "t-SNE y")
        assert axes.get_aspect() == 1
        assert axes.get_title() == ""

    def test_reasons_are_named_frequent_first_and_lie_on_top(self, legend_texts):
        label = [1] * 6 + [0]
        reason = ["edge", "spike", "spike", None, np.nan, "spike", "edge"]
        display = EmbeddingDisplay(np.arange(14).reshape(7, 2), label, reason).plot()
        assert legend_texts(display) == [
            "reliable (1)",
            "spurious: spike (3)",
            "spurious: no reason given (2)",
            "spurious: edge (1)",
        ]
        order = [collection.get_zorder() for collection in display.ax_.collections]
        assert order == sorted(order)
        assert order[0] < order[1]

    def test_many_reasons_share_the_last_sign_and_none_is_lost(self, legend_texts):
        n_reasons = len(REASON_STYLES) + 3
        reason = [f"reason {number}" for number in range(n_reasons)]
        display = EmbeddingDisplay(np.eye(n_reasons)[:, :2], [1] * n_reasons, reason).plot()
        assert legend_texts(display)[-1] == "spurious: 3 other reasons (3)"
        assert sum(n_drawn(display.ax_)) == n_reasons
        last = display.ax_.get_legend().legend_handles[-1]
        assert (to_hex(last.get_color()), last.get_marker()) == (
            OTHER_REASON_STYLE[0].lower(),
            OTHER_REASON_STYLE[1],
        )

    def test_reasons_with_dollars_and_underscores_stay_as_they_are(self, legend_texts):
        reason = ["$x_1$", "_hidden"]
        display = EmbeddingDisplay(np.eye(2), [1, 1], reason).plot()
        assert sorted(legend_texts(display)) == ["spurious: $x_1$ (1)", "spurious: _hidden (1)"]
        assert not any(t.get_parse_math() for t in display.ax_.get_legend().get_texts())

    def test_a_long_reason_is_shortened_but_keeps_its_count(self, legend_texts, stays_inside):
        display = EmbeddingDisplay(np.eye(2), [1, 1], ["very long " * 30] * 2).plot()
        (text,) = legend_texts(display)
        assert text.startswith("spurious: very long")
        assert text.endswith("(2)")
        assert "…" in text
        assert stays_inside(display)

    @pytest.mark.parametrize("n_sources", [1, 2, 20, 20_000])
    def test_any_number_of_sources(self, n_sources, stays_inside):
        rng = np.random.default_rng(n_sources)
        label = rng.integers(-1, 2, n_sources)
        display = EmbeddingDisplay(rng.normal(size=(n_sources, 2)), label).plot()
        assert sum(n_drawn(display.ax_)) == n_sources
        assert stays_inside(display)
        rasterized = [c.get_rasterized() for c in display.ax_.collections]
        assert any(rasterized) == (n_sources > 10_000)

    def test_dots_shrink_with_their_number(self):
        sizes = []
        for n_sources in (2, 1500, 200_000):
            display = EmbeddingDisplay(np.random.default_rng(0).normal(size=(n_sources, 2))).plot()
            sizes.append(display.ax_.collections[0].get_sizes()[0])
        assert sizes == sorted(sizes, reverse=True)
        assert sizes[0] <= 20
        assert sizes[-1] > 0.1

    def test_all_sources_in_one_place(self, stays_inside):
        display = EmbeddingDisplay(np.full((5, 2), 7.0), [1, 0, 0, 0, -1]).plot()
        low, high = display.ax_.get_xlim()
        assert low < 7 < high
        assert stays_inside(display)

    def test_all_spurious_and_none_inspected(self, legend_texts):
        assert legend_texts(EmbeddingDisplay(np.eye(2), [1, 1]).plot()) == ["spurious (2)"]
        assert legend_texts(EmbeddingDisplay(np.eye(2)).plot()) == ["uninspected (2)"]

    def test_the_figure_is_as_wide_as_asked_and_wastes_no_height(self, detector, survey):
        display = EmbeddingDisplay.from_estimator(detector, survey[1], width=5)
        width, height = display.figure_.get_size_inches()
        display.figure_.draw_without_rendering()
        assert width == 5
        assert display.figure_.get_tightbbox().height > height - 0.15

    def test_given_axes_are_used_and_no_figure_is_opened(self, detector, survey):
        figure = Figure()
        axes = figure.add_subplot()
        display = EmbeddingDisplay.from_estimator(detector, survey[1], ax=axes)
        assert display.ax_ is axes
        assert display.figure_ is figure
        assert pyplot.get_fignums() == []

    def test_a_figure_is_closed_when_drawing_fails(self, monkeypatch):
        monkeypatch.setattr("spurclust.plots.embeddings.add_legend", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            EmbeddingDisplay(np.eye(2)).plot()
        assert pyplot.get_fignums() == []

    def test_a_detector_that_is_not_fitted(self):
        with pytest.raises(NotFittedError, match="not fitted"):
            EmbeddingDisplay.from_estimator(object(), [0])
        with pytest.raises(NotFittedError, match="not fitted"):
            ComponentsDisplay.from_estimator(object())


class TestComponents:
    def test_bars_have_the_fractions_and_the_region_its_look(self, detector, legend_texts):
        display = ComponentsDisplay.from_estimator(detector)
        known = detector.components_.dropna()
        bars = {round(bar.get_y() + bar.get_height() / 2): bar for bar in display.ax_.patches}
        for place, (_, row) in enumerate(known.iterrows()):
            assert bars[place].get_width() == pytest.approx(100 * row["fraction"])
            color = REGION_FILL_COLOR if row["in_region"] else OUTSIDE_COLOR
            assert to_hex(bars[place].get_facecolor()).upper() == color
            assert bool(bars[place].get_hatch()) == row["in_region"]
        expected = ["in the region", "outside", "threshold 5 %", "95 % interval"]
        assert legend_texts(display) == expected

    def test_the_counts_stand_beside(self, detector):
        display = ComponentsDisplay.from_estimator(detector)
        (right,) = display.ax_.child_axes
        rows = detector.components_
        assert [text.get_text() for text in right.get_yticklabels()] == [
            f"{k}/{n}" for k, n in zip(rows["n_spurious"], rows["n_inspected"], strict=True)
        ]
        assert right.get_ylabel() == "Spurious / inspected"

    def test_intervals_and_threshold_are_where_they_belong(self):
        frame = table(1, fraction=0.1, fraction_low=0.02, fraction_high=0.27)
        axes = ComponentsDisplay(frame, 0.05).plot().ax_
        (segment,) = axes.collections[-1].get_segments()
        assert segment[:, 0] == pytest.approx([2, 27])
        assert axes.lines[0].get_xdata()[0] == 5

    def test_the_highest_fraction_first_and_unknown_last(self):
        frame = table(4, fraction=[0.1, np.nan, 0.3, 0.1], fraction_high=0.5)
        axes = ComponentsDisplay(frame, 0.05).plot(sort="fraction").ax_
        assert [text.get_text() for text in axes.get_yticklabels()] == ["2", "0", "3", "1"]
        assert axes.get_ylim()[0] > axes.get_ylim()[1]

    def test_a_component_without_inspected_sources_says_so(self):
        nothing = np.nan
        frame = table(
            2,
            n_inspected=[10, 0],
            n_spurious=[1, 0],
            fraction=[0.1, nothing],
            fraction_low=[0.0, nothing],
            fraction_high=[0.4, nothing],
            in_region=[True, False],
        )
        display = ComponentsDisplay(frame, 0.05).plot()
        assert [text.get_text().strip() for text in display.ax_.texts] == ["none inspected"]
        assert len(display.ax_.patches) == 1

    def test_nothing_inspected_at_all(self, legend_texts):
        frame = table(
            2, fraction=np.nan, fraction_low=np.nan, fraction_high=np.nan, in_region=False
        )
        display = ComponentsDisplay(frame, 0.05).plot()
        assert legend_texts(display) == ["outside", "threshold 5 %", "95 % interval"]
        assert display.ax_.get_xlim()[1] > 5

    def test_every_component_in_the_region(self, legend_texts):
        display = ComponentsDisplay(table(2, in_region=True), 0.005).plot()
        assert legend_texts(display) == ["in the region", "threshold 0.5 %", "95 % interval"]

    @pytest.mark.parametrize("n_components", [1, 2, 15, 40, 100])
    def test_numbers_do_not_overlap(self, n_components, overlaps, stays_inside):
        display = ComponentsDisplay(table(n_components), 0.05).plot()
        assert stays_inside(display)
        assert display.figure_.get_size_inches()[1] < 10
        assert overlaps(display.ax_.get_yticklabels()) == 0
        assert overlaps(display.ax_.child_axes[0].get_yticklabels()) == 0

    def test_given_axes(self):
        axes = Figure().add_subplot()
        assert ComponentsDisplay(table(3), 0.05).plot(axes).ax_ is axes

    def test_bad_input(self):
        with pytest.raises(ValueError, match="no component"):
            ComponentsDisplay(table(0), 0.05).plot()
        with pytest.raises(ValueError, match="sort='size'"):
            ComponentsDisplay(table(2), 0.05).plot(sort="size")


def test_importing_does_not_load_matplotlib():
    code = (
        "import sys, spurclust.plots as views\n"
        "assert 'matplotlib' not in sys.modules and 'PIL' not in sys.modules\n"
        "assert all(hasattr(views, name) for name in views.__all__)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
