"""The embedding: sources, reasons, labels in any words, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from spurclust.plots import EmbeddingDisplay
from spurclust.plots.style import (
    OTHER_REASON_STYLE,
    REASON_STYLES,
    RELIABLE_COLOR,
    SPURIOUS_COLOR,
)


def n_drawn(display):
    """Count the sources of each group; the signs of the legend have none."""
    counts = [len(collection.get_offsets()) for collection in display.ax_.collections]
    return [count for count in counts if count]


def test_every_source_is_drawn_once_and_counted(detector, survey, legend, legend_texts):
    _, y = survey
    display = EmbeddingDisplay.from_estimator(detector, y)
    counts = [(y == code).sum() for code in (-1, 0, 1)]
    assert n_drawn(display) == counts
    names = ("uninspected", "reliable", "spurious")
    assert legend_texts(display) == [f"{n} ({k})" for n, k in zip(names, counts, strict=True)]
    ring, dot, sign = legend(display).legend_handles
    assert len(ring.get_facecolor()) == 0
    assert to_hex(dot.get_facecolor()[0]).upper() == RELIABLE_COLOR
    assert to_hex(sign.get_facecolor()[0]).upper() == SPURIOUS_COLOR
    assert len(sign.get_paths()[0].vertices) < len(dot.get_paths()[0].vertices)
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("Embedding x", "Embedding y")
    assert display.ax_.get_aspect() == 1


def test_reasons_are_named_frequent_first_and_lie_on_top(legend_texts):
    label = [1] * 6 + [0]
    reason = ["edge", "spike  ", "spike", None, np.nan, "spike", "edge"]
    display = EmbeddingDisplay(np.arange(14).reshape(7, 2), label, reason).plot()
    assert legend_texts(display) == [
        "reliable (1)",
        "spurious: spike (3)",
        "spurious: no reason given (2)",
        "spurious: edge (1)",
    ]
    order = [collection.get_zorder() for collection in display.ax_.collections]
    assert order == sorted(order)
    assert order[0] < order[-1]


def test_many_reasons_share_the_last_sign_and_none_is_lost(legend, legend_texts):
    n_reasons = len(REASON_STYLES) + 3
    reason = [f"reason {number}" for number in range(n_reasons)]
    display = EmbeddingDisplay(np.eye(n_reasons)[:, :2], [1] * n_reasons, reason).plot()
    assert legend_texts(display)[-1] == "spurious: 3 other reasons (3)"
    assert sum(n_drawn(display)) == n_reasons
    last = legend(display).legend_handles[-1]
    assert to_hex(last.get_facecolor()[0]) == OTHER_REASON_STYLE[0].lower()


def test_reasons_with_dollars_and_underscores_stay_as_they_are(legend, legend_texts):
    display = EmbeddingDisplay(np.eye(2), [1, 1], ["$x_1$", "_hidden"]).plot()
    assert sorted(legend_texts(display)) == ["spurious: $x_1$ (1)", "spurious: _hidden (1)"]
    assert not any(text.get_parse_math() for text in legend(display).get_texts())


def test_a_long_reason_is_shortened_but_keeps_its_count(legend_texts, stays_inside):
    display = EmbeddingDisplay(np.eye(2), [1, 1], ["very long " * 30] * 2).plot()
    (text,) = legend_texts(display)
    assert text.startswith("spurious: very long")
    assert text.endswith("(2)")
    assert "…" in text
    assert stays_inside(display)


def area_of(display, index):
    """Return the area in square points of a group's dots or signs."""
    return display.ax_.collections[2 * index].get_sizes()[0]


def test_dots_shrink_with_their_number(stays_inside):
    rng = np.random.default_rng(0)
    sizes = []
    for n_sources in (1, 1500, 100_000):
        display = EmbeddingDisplay(rng.normal(size=(n_sources, 2))).plot()
        assert n_drawn(display) == [n_sources]
        assert stays_inside(display)
        assert display.ax_.collections[0].get_rasterized() == (n_sources > 10_000)
        sizes.append(area_of(display, 0))
    assert 20 > sizes[0] > sizes[1] > sizes[2] > 0.1


def test_signs_shrink_where_they_crowd_and_stay_larger_than_dots():
    rng = np.random.default_rng(0)
    reliable = rng.normal(size=(500, 2)) * 10
    label, sizes = [0] * 500 + [1] * 20, []
    for scale in (10, 0.5, 0.001):
        signs = scale * rng.normal(size=(20, 2))
        display = EmbeddingDisplay(np.vstack([reliable, signs]), label).plot()
        assert area_of(display, 1) > area_of(display, 0)
        sizes.append(area_of(display, 1))
    assert sizes[0] > sizes[1] >= sizes[2] >= 8


@pytest.mark.parametrize("scale", [(1, 0), (0, 1), (0, 0), (10, 1)])
def test_flat_tall_and_pointlike_embeddings(scale, stays_inside):
    points = 1e7 + np.random.default_rng(0).normal(size=(9, 2)) * scale
    display = EmbeddingDisplay(points, [1] + [0] * 8).plot()
    limits = np.array([display.ax_.get_xlim(), display.ax_.get_ylim()])
    assert (limits[:, 0] < points.min(axis=0)).all()
    assert (points.max(axis=0) < limits[:, 1]).all()
    sides = np.ptp(limits, axis=1)
    assert 0.3 < sides[0] / sides[1] < 1 / 0.3
    assert stays_inside(display)


def test_the_figure_is_as_wide_as_asked_and_wastes_no_height(detector, survey):
    display = EmbeddingDisplay.from_estimator(detector, survey[1], width=5)
    width, height = display.figure_.get_size_inches()
    display.figure_.draw_without_rendering()
    assert width == 5
    assert display.figure_.get_tightbbox().height > height - 0.15
    assert display.ax_.get_position().width > 0.85


@pytest.mark.parametrize(
    ("unlabeled", "y"),
    [
        (-1, [1, 0, -1, 0]),
        ("?", pd.Series(["spurious", "reliable", "?", "reliable"])),
        (np.nan, pd.array([1, 0, None, 0], dtype="Int64")),
    ],
)
def test_labels_in_any_words(build_detector, legend_texts, unlabeled, y):
    points = [[0, 0], [1, 0], [0, 1], [5, 5]]
    detector = build_detector(points, y, 1, unlabeled=unlabeled)
    display = EmbeddingDisplay.from_estimator(detector, y)
    assert legend_texts(display) == ["uninspected (1)", "reliable (2)", "spurious (1)"]


def test_all_spurious_and_none_inspected(detector, legend_texts):
    assert legend_texts(EmbeddingDisplay(np.eye(2), [1, 1]).plot()) == ["spurious (2)"]
    assert legend_texts(EmbeddingDisplay.from_estimator(detector, None)) == ["uninspected (120)"]


def test_a_strange_label_is_named(detector, survey):
    y = survey[1].astype(object)
    y[3] = 7
    with pytest.raises(ValueError, match=r"y\[3\] is 7, where the classifier knows 0 and 1"):
        EmbeddingDisplay.from_estimator(detector, y)
    y[3] = np.nan
    with pytest.raises(ValueError, match=r"y\[3\] is nan"):
        EmbeddingDisplay.from_estimator(detector, y)


def test_labels_of_another_length_or_shape(detector):
    with pytest.raises(ValueError, match=r"y has shape \(4,\), but there are 120 sources"):
        EmbeddingDisplay.from_estimator(detector, [0, 1, 0, 1])
    with pytest.raises(ValueError, match=r"y has shape \(120, 1\)"):
        EmbeddingDisplay.from_estimator(detector, np.zeros((120, 1)))
