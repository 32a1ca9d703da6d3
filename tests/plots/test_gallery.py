"""Galleries: which cutouts, in which order, with which captions, and how they find room."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from spurclust.plots import GalleryDisplay


def cutouts(n_cutouts, shape=(17, 95)):
    return np.random.default_rng(2).integers(0, 255, (n_cutouts, *shape), dtype=np.uint8)


def captions(display):
    return [text.get_text() for text in display.ax_.texts]


def pictures(display):
    return [image.get_array() for image in display.ax_.images]


@pytest.mark.parametrize(
    ("shape", "n_columns"), [((17, 95), 3), ((17, 79), 3), ((20, 20), 6), ((60, 20), 7)]
)
def test_columns_follow_the_shape(shape, n_columns):
    assert GalleryDisplay(cutouts(30, shape)).plot().n_columns_ == n_columns
    assert GalleryDisplay(cutouts(4, shape), n_columns=2).plot().n_columns_ == 2


@pytest.mark.parametrize(
    ("shape", "width"), [((17, 95), 3.5), ((17, 95), 7.1), ((20, 20), 3.5), ((40, 10), 7.1)]
)
def test_nothing_overlaps_with_long_ids_and_reasons(
    shape, width, overlaps, stays_inside, frame_boxes
):
    ids = [f"jades-goods-south-medium-{number:012d}" for number in range(12)]
    reason = ["close to another source, or perhaps something else entirely"] * 12
    display = GalleryDisplay(cutouts(12, shape), ids, reason, max_cutouts=12).plot(width=width)
    sides = np.array([box[2:] - box[:2] for box in frame_boxes(display)])
    assert sides[:, 0] / sides[:, 1] == pytest.approx([shape[1] / shape[0]] * 12)
    assert len(captions(display)) == 24
    assert overlaps([*display.ax_.images, *display.ax_.texts]) == 0
    assert stays_inside(display)
    assert all("…" in text for text in captions(display)[1::2])
    assert [text[-3:] for text in captions(display)[::2]] == [name[-3:] for name in ids]


@pytest.mark.parametrize("shape", [(17, 95), (20, 20)])
def test_a_reason_that_is_not_known_leaves_its_place_empty(shape):
    display = GalleryDisplay(cutouts(2, shape), ["a", "b"], [None, "edge data"]).plot()
    assert captions(display) == ["a", "b", "edge data"]


def test_ids_of_any_kind_are_no_mathematics():
    display = GalleryDisplay(cutouts(2), ["$x_1$", "a\n b"]).plot()
    assert captions(display) == ["$x_1$", "a b"]
    assert captions(GalleryDisplay(cutouts(2), np.array([7, 8])).plot()) == ["7", "8"]
    assert captions(GalleryDisplay(cutouts(2)).plot()) == ["0", "1"]
    assert not any(text.get_parse_math() or text.get_usetex() for text in display.ax_.texts)


def test_what_is_not_shown_is_said(stays_inside, legend):
    display = GalleryDisplay(cutouts(60)).plot()
    n_shown = len(display.shown_)
    assert n_shown % display.n_columns_ == 0
    note = legend(display).get_title().get_text()
    assert note == f"first {n_shown} of 60 cutouts, {60 - n_shown} not shown"
    assert stays_inside(display)
    # A page is filled, and no more.
    row = (display.figure_.get_figheight() - 0.3) / (n_shown / display.n_columns_)
    assert 9 - row < display.figure_.get_figheight() < 9
    assert len(GalleryDisplay(cutouts(60), max_cutouts=60).plot().shown_) == 60
    assert GalleryDisplay(cutouts(12)).plot().figure_.legends == []


def test_an_empty_gallery_says_so(detector, survey):
    assert captions(GalleryDisplay(np.zeros((0, 5, 5))).plot()) == ["no cutouts"]
    y = np.where(detector.flagged_, 1, 0)
    display = GalleryDisplay.from_estimator(detector, y, cutouts(len(y)), which="missed")
    assert captions(display) == ["no cutouts"]


@pytest.mark.parametrize("which", ["spurious", "flagged", "missed", "new", "all"])
def test_the_sources_that_were_asked_for(build_detector, survey, which):
    embedding, y = survey
    y = y.copy()
    y[np.flatnonzero(y == 0)[:2]] = 1
    detector = build_detector(embedding, y, threshold=0.2)
    flagged, spurious = detector.flagged_, y == 1
    expected = {
        "spurious": spurious,
        "flagged": flagged,
        "missed": spurious & ~flagged,
        "new": flagged & (y == -1),
        "all": np.ones(len(y), dtype=bool),
    }[which]
    ids = [f"id{number}" for number in range(len(y))]
    display = GalleryDisplay.from_estimator(
        detector, y, cutouts(len(y), (4, 4)), source_ids=ids, which=which, max_cutouts=1000
    )
    assert captions(display) == [ids[position] for position in display.shown_]
    assert 0 < expected.sum() == len(display.shown_)
    assert expected[display.shown_].all()
    assert (np.diff(detector.spurious_probability_[display.shown_]) <= 0).all()


def test_cutout_id_and_reason_belong_together(detector, survey):
    _, y = survey
    images = np.arange(len(y), dtype=np.uint8)[:, None, None].repeat(4, 1).repeat(30, 2)
    reason = [f"r{number}" for number in range(len(y))]
    display = GalleryDisplay.from_estimator(detector, y, images, reasons=reason, max_cutouts=5)
    texts = captions(display)
    for position, picture in enumerate(pictures(display)):
        value = picture[0, 0, 0]
        assert (picture == value).all()
        assert texts[2 * position : 2 * position + 2] == [f"{value}", f"r{value}"]


def test_cubes_are_drawn_side_by_side_and_colors_as_colors():
    (cube,) = pictures(GalleryDisplay(np.zeros((1, 10, 10, 5), dtype=np.float32)).plot())
    assert cube.shape[1] / cube.shape[0] == pytest.approx(5.4, rel=0.01)
    colors = cutouts(1, (10, 10, 3))
    (picture,) = pictures(GalleryDisplay(colors).plot())
    # Enlarged pixels keep their colors and edges.
    y, x = (np.arange(10) * picture.shape[0] // 10 + 4, np.arange(10) * picture.shape[1] // 10 + 4)
    assert np.array_equal(picture[np.ix_(y, x)], colors[0])


def test_low_axes_make_all_smaller(overlaps):
    axes = Figure(figsize=(7, 2)).add_subplot()
    display = GalleryDisplay(cutouts(24), reasons=["edge data"] * 24).plot(axes)
    assert display.ax_ is axes
    assert overlaps(axes.texts) == 0
    assert axes.texts[0].get_fontsize() < 5


def test_bad_input(detector, survey):
    with pytest.raises(IndexError, match="index 2 is out of bounds"):
        GalleryDisplay(cutouts(2), position=[2]).plot()
    with pytest.raises(ValueError, match="which='best'"):
        GalleryDisplay.from_estimator(detector, survey[1], cutouts(len(survey[1])), which="best")
    with pytest.raises(ValueError, match="3 cutouts, but 120 sources"):
        GalleryDisplay.from_estimator(detector, survey[1], cutouts(3))
