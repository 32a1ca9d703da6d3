"""Colors and sizes, axes, legends, shortened texts and saved files."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image
from sklearn.decomposition import PCA
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
    (EmbeddingDisplay(TWO, [1, 2]), "y must be 1"),
    (EmbeddingDisplay(TWO, reasons="edge"), r"reasons has shape \(\)"),
    (RegionDisplay(TWO, None, [0], FLAGS, FLAGS), r"component has shape \(1,\), but there are 2"),
    (ComponentsDisplay(TABLE, 0.05, sort="size"), "sort='size'"),
    (CutoutEmbeddingDisplay(np.eye(3)[:, :2], STRIPS), "2 cutouts, but 3 sources"),
    (CutoutEmbeddingDisplay(TWO, np.zeros((2, 100))), "not flattened rows"),
    (CutoutEmbeddingDisplay(TWO, STRIPS, crop=(20, 30, 0, 9)), "nothing of a cutout of 17 x 95"),
    (CutoutEmbeddingDisplay(TWO, STRIPS, max_cutouts=0), "max_cutouts=0"),
    (GalleryDisplay(STRIPS, ["a", "b", "c"]), r"source_ids has shape \(3,\), but there are 2"),
    (GalleryDisplay(STRIPS, max_cutouts=0), "max_cutouts=0"),
    (GalleryDisplay(STRIPS, n_columns=0), "n_columns=0"),
    (CompletenessDisplay([0, 0], [1, 1]), "no source with a probability is known"),
    (CompletenessDisplay([1, 0], [1, 1, 0]), r"y has shape \(2,\), but there are 3"),
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


# In a figure of the caller


@pytest.fixture
def fitted(survey):
    X, y = survey
    steps = {"flatten": "passthrough", "embed": PCA(2)}
    return SpuriousRegionDetector(3, unlabeled=-1, random_state=0, **steps).fit(X, y), y


def drawn_in(axes, fitted, **options):
    detector, y = fitted
    share = np.linspace(0, 1, len(y))
    known = np.where(y < 0, 0, y)
    return [
        EmbeddingDisplay.from_estimator(detector, y, ax=axes[0], **options),
        RegionDisplay.from_estimator(detector, y, ax=axes[1], **options),
        StabilityDisplay.from_estimator(detector, y, share, ax=axes[2], **options),
        ComponentsDisplay.from_estimator(detector, ax=axes[3], **options),
        CompletenessDisplay(known, share).plot(axes[4], **options),
    ]


def test_titles_legends_and_axes_of_a_figure_lie_apart_and_inside(fitted, overlaps):
    figure = Figure(figsize=(12, 3), layout="constrained")
    axes = figure.subplots(1, 5)
    for display in drawn_in(axes, fitted):
        display.ax_.set_title("set later")
    figure.draw_without_rendering()
    for each in axes:
        parts = [each.title, each.get_legend(), each.xaxis.label, each.yaxis.label, each.patch]
        assert overlaps(parts) == 0
        for part in parts:
            box = part.get_window_extent()
            assert figure.bbox.x0 <= box.x0 <= box.x1 <= figure.bbox.x1
            assert figure.bbox.y0 <= box.y0 <= box.y1 <= figure.bbox.y1


def test_a_title_set_later_finds_room_in_a_new_figure(fitted, overlaps):
    for display in drawn_in([None] * 5, fitted):
        display.ax_.set_title("set later")
        ax, figure = display.ax_, display.figure_
        figure.draw_without_rendering()
        parts = [ax.title, figure.legends[0], ax.xaxis.label, ax.yaxis.label, ax.patch]
        assert overlaps(parts) == 0
        assert min(part.get_window_extent().y0 for part in parts) >= 0


def test_legends_are_left_to_the_caller_or_take_options(fitted):
    figure = Figure()
    for display in drawn_in(figure.subplots(1, 5), fitted, legend=False, label="north", alpha=0.5):
        assert display.ax_.get_legend() is None
        _, names = display.ax_.get_legend_handles_labels()
        assert any(name.startswith("north") for name in names)
    for display in drawn_in(figure.subplots(1, 5), fitted, legend={"title": "mine"}):
        assert display.ax_.get_legend().get_title().get_text() == "mine"


def test_what_is_drawn_takes_properties_of_matplotlib(fitted):
    axes, (detector, y) = Figure().subplots(1, 3), fitted
    EmbeddingDisplay.from_estimator(detector, y, ax=axes[0], color="#00ff00")
    assert to_hex(axes[0].collections[-2].get_facecolor()[0]) == "#00ff00"
    ComponentsDisplay.from_estimator(detector, ax=axes[1], color="#00ff00")
    assert to_hex(axes[1].patches[0].get_facecolor()) == "#00ff00"
    CompletenessDisplay([1, 0], [1, 0]).plot(axes[2], color="#00ff00")
    assert axes[2].lines[-1].get_color() == "#00ff00"
    with pytest.raises(AttributeError, match="colour"):
        CompletenessDisplay([1, 0], [1, 0]).plot(axes[0], colour="red")


def test_axes_have_the_name_of_the_embedding(fitted):
    for display in drawn_in(Figure().subplots(1, 5), fitted)[:3]:
        assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("PCA x", "PCA y")
