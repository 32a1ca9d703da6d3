"""Colors and sizes, axes, legends, shortened texts and saved files."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot
from matplotlib.figure import Figure
from PIL import Image
from sklearn.exceptions import NotFittedError

from spurclust import SpuriousRegionDetector
from spurclust.plots import (
    CompletenessDisplay,
    ComponentsDisplay,
    CutoutEmbeddingDisplay,
    EmbeddingDisplay,
    GalleryDisplay,
    RegionDisplay,
    StabilityDisplay,
    TuningDisplay,
    save_figure,
)
from spurclust.plots.style import add_legend, open_axes, shorten, text_width
from spurclust.region import component_table

TWO, FLAGS = np.eye(2), [True, False]
STRIPS = np.zeros((2, 17, 95), dtype=np.uint8)
TABLE = component_table(np.array([[40, 40, 4], [30, 20, 0]]), 0.05)
RESULTS = {"param_n_components": [2, 6], "param_threshold": [0.1, 0.1]}
RESULTS |= {f"mean_test_{name}": [1, 0.5] for name in ("completeness", "workload")}
DISPLAYS = [
    EmbeddingDisplay(TWO, [0, 1]),
    RegionDisplay(TWO, [0, 1], [0, 1], FLAGS, FLAGS),
    ComponentsDisplay(TABLE, 0.05),
    CutoutEmbeddingDisplay(TWO, STRIPS),
    GalleryDisplay(STRIPS),
    CompletenessDisplay([0, 1], [0.1, 0.9]),
    TuningDisplay(RESULTS, 0),
    StabilityDisplay(TWO, [0.0, 1.0]),
]
REFUSED = [
    (EmbeddingDisplay(np.zeros((4, 3))), "has 3 dimensions: pictures need two"),
    (EmbeddingDisplay(np.zeros((0, 2))), "0 sample"),
    (EmbeddingDisplay([[0, 0], [np.nan, 1]]), "embedding contains NaN"),
    (EmbeddingDisplay(TWO, [1, 2]), "label must be 1"),
    (EmbeddingDisplay(TWO, reason="edge"), r"reason has shape \(\)"),
    (RegionDisplay(TWO, None, [0], FLAGS, FLAGS), r"component has shape \(1,\), but there are 2"),
    (ComponentsDisplay(TABLE, 0.05, sort="size"), "sort='size'"),
    (CutoutEmbeddingDisplay(np.eye(3)[:, :2], STRIPS), "2 cutouts, but 3 sources"),
    (CutoutEmbeddingDisplay(TWO, np.zeros((2, 100))), "not flattened rows"),
    (CutoutEmbeddingDisplay(TWO, STRIPS, crop=(20, 30, 0, 9)), "nothing of a cutout of 17 x 95"),
    (CutoutEmbeddingDisplay(TWO, STRIPS, max_cutouts=0), "max_cutouts=0"),
    (GalleryDisplay(STRIPS, ["a", "b", "c"]), r"source_id has shape \(3,\), but there are 2"),
    (GalleryDisplay(STRIPS, max_cutouts=0), "max_cutouts=0"),
    (GalleryDisplay(STRIPS, n_columns=0), "n_columns=0"),
    (CompletenessDisplay([0, 0], [1, 1]), "no source that has a probability is known"),
    (CompletenessDisplay([1, 0], [1, 1, 0]), r"label has shape \(2,\), but there are 3"),
    (StabilityDisplay(TWO, [0.0, 3.0]), "share of the runs"),
    (StabilityDisplay(TWO, [0.0]), "stability has shape"),
]


@pytest.fixture
def display():
    return EmbeddingDisplay(TWO, [0, 1]).plot()


@pytest.mark.parametrize("display", DISPLAYS, ids=lambda display: type(display).__name__)
def test_given_axes_are_used_and_a_new_figure_is_as_wide_as_asked(display, stays_inside):
    axes = Figure().add_subplot()
    assert display.plot(axes) is display
    assert (display.ax_, display.figure_) == (axes, axes.figure)
    assert pyplot.get_fignums() == []
    assert display.plot(width=5).figure_.get_figwidth() == pytest.approx(5)
    assert stays_inside(display)


@pytest.mark.parametrize(("display", "message"), REFUSED)
def test_what_cannot_be_drawn_is_refused(display, message):
    with pytest.raises(ValueError, match=message):
        display.plot()
    assert pyplot.get_fignums() == []


def test_a_detector_that_is_not_fitted_is_refused():
    for draw in (EmbeddingDisplay.from_estimator, RegionDisplay.from_estimator):
        with pytest.raises(NotFittedError, match="not fitted"):
            draw(SpuriousRegionDetector(), None)
    with pytest.raises(NotFittedError, match="not fitted"):
        ComponentsDisplay.from_estimator(SpuriousRegionDetector())


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg", ".PNG"])
def test_a_picture_is_saved_whole_alone_and_the_same_again(display, tmp_path, suffix):
    path = tmp_path / f"embedding{suffix}"
    assert save_figure(display, path, close=True) == path
    assert pyplot.get_fignums() == []
    assert list(tmp_path.iterdir()) == [path]
    start = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}[suffix.lower()]
    first = path.read_bytes()
    assert first.startswith(start)
    other = EmbeddingDisplay(np.eye(2), [0, 1]).plot()
    assert save_figure(other, path).read_bytes() == first


def test_writing_stays_writing_and_thousands_of_dots_are_pixels(tmp_path):
    few, many = (EmbeddingDisplay(np.random.default_rng(0).random((n, 2))) for n in (9, 4000))
    for display, n_dots in ((few, 9), (many, 0)):
        text = save_figure(display.plot(), tmp_path / "a.svg").read_text(encoding="utf-8")
        assert ">t-SNE x</text>" in text
        assert "uninspected (" in text
        # Each dot refers to its shape; so do the ticks.
        assert text.count("<use ") < n_dots + 40
        assert ("<image" in text) == (n_dots == 0)
        assert len(text) < 2_000_000
    pdf = save_figure(few, tmp_path / "a.pdf").read_bytes()
    assert b"/Type3" not in pdf
    assert b"/CIDFontType2" in pdf


def test_figures_parts_of_figures_and_strings_as_paths(tmp_path):
    figure = Figure()
    parts = figure.subfigures(1, 2)
    display = EmbeddingDisplay(np.eye(2)).plot(parts[0].add_subplot())
    for picture in (figure, parts[1], display):
        path = save_figure(picture, str(tmp_path / "a.png"))
        with Image.open(path) as image:
            assert image.size == (1280, 960)
            assert image.info["dpi"] == pytest.approx((200, 200), abs=0.1)


def test_a_failure_leaves_the_old_file_and_nothing_else(display, tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_text("old")

    def fail(part, **_):
        part.write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr(display.figure_, "savefig", fail)
    with pytest.raises(ValueError, match="disk full"):
        save_figure(display, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_bad_paths_and_displays(display, tmp_path):
    with pytest.raises(ValueError, match=r"a\.jpg: .*\.png, \.svg, \.pdf"):
        save_figure(display, tmp_path / "a.jpg")
    with pytest.raises(ValueError, match="there is no folder"):
        save_figure(display, tmp_path / "missing" / "a.png")
    with pytest.raises(ValueError, match="EmbeddingDisplay has not been plotted"):
        save_figure(EmbeddingDisplay(np.eye(2)), tmp_path / "a.png")


def test_new_axes_have_the_common_style_and_given_ones_their_own():
    with open_axes(None, width=3.5, height=2) as axes:
        assert axes.xaxis.label.get_fontsize() == 8
        assert axes.spines["left"].get_linewidth() == 0.5
    given_axes = Figure().add_subplot()
    with open_axes(given_axes, width=1, height=1) as axes:
        assert axes is given_axes
        assert axes.xaxis.label.get_fontsize() == 10


def test_a_figure_is_closed_when_drawing_fails():
    with pytest.raises(ZeroDivisionError), open_axes(None, width=3, height=2):
        1 / 0  # noqa: B018
    assert pyplot.get_fignums() == []


@pytest.mark.parametrize(("width", "n_columns"), [(9, 4), (3.5, 2), (0.5, 1)])
def test_a_legend_has_as_many_columns_as_fit(width, n_columns):
    axes = Figure(figsize=(width, 2)).add_axes((0, 0, 1, 0.5))
    handles = {f"{number} points of a group": axes.scatter([], []) for number in range(4)}
    add_legend(axes, handles, is_new=False)
    axes.figure.draw_without_rendering()
    legend = axes.get_legend()
    lefts = {round(text.get_window_extent().x0) for text in legend.get_texts()}
    assert len(lefts) == n_columns
    assert legend.get_window_extent().width <= axes.bbox.width
    assert legend.get_window_extent().y0 >= axes.bbox.y1


@settings(max_examples=50, deadline=None)
@given(
    text=st.text("abc XYZ_$%-0123", max_size=60),
    width=st.floats(10, 200),
    middle=st.booleans(),
)
def test_a_shortened_text_fits_and_keeps_its_start(text, width, middle):
    line = " ".join(text.split())
    short = shorten(text, width, 7, middle=middle)
    assert text_width(short, 7) <= width
    if text_width(line, 7) <= width:
        assert short == line
    else:
        head, tail = short.split("…")
        assert line.startswith(head)
        assert line.endswith(tail)
        assert bool(tail) <= middle
