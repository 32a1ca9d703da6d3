import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from spurclust.plots import GalleryDisplay
from spurclust.plots.style import REGION_COLOR, SPURIOUS_COLOR


def cutouts(n_cutouts, shape=(17, 95)):
    return np.random.default_rng(2).integers(0, 255, (n_cutouts, *shape), dtype=np.uint8)


def captions(display):
    return [text.get_text() for text in display.ax_.texts]


def note(display):
    legend = display.ax_.get_legend()
    return "" if legend is None else legend.get_title().get_text()


@pytest.mark.parametrize(
    ("shape", "n_columns"), [((17, 95), 3), ((17, 79), 3), ((20, 20), 6), ((60, 20), 7)]
)
def test_columns_follow_the_shape(shape, n_columns):
    assert GalleryDisplay(cutouts(30, shape)).plot().n_columns_ == n_columns


@pytest.mark.parametrize("shape", [(17, 95), (20, 20), (40, 10)])
@pytest.mark.parametrize("width", [3.5, 7.1])
def test_nothing_overlaps_with_long_ids_and_reasons(shape, width, overlaps, stays_inside):
    ids = [f"jades-goods-south-medium-{number:012d}" for number in range(20)]
    reason = ["close to another source, or perhaps something else entirely"] * 20
    display = GalleryDisplay(cutouts(20, shape), ids, reason).plot(width=width, max_cutouts=20)
    assert len(display.ax_.images) == 20
    assert len(captions(display)) == 40
    assert overlaps([*display.ax_.images, *display.ax_.texts]) == 0
    assert stays_inside(display)
    assert all("…" in text for text in captions(display)[1::2])


@pytest.mark.parametrize("shape", [(17, 95), (20, 20)])
def test_a_reason_that_is_not_known_leaves_its_place_empty(shape):
    display = GalleryDisplay(cutouts(2, shape), ["a", "b"], [None, "edge data"]).plot()
    assert captions(display) == ["a", "b", "edge data"]


def test_the_ends_of_long_ids_stay():
    ids = [f"{'survey-' * 20}{number:03d}" for number in range(3)]
    texts = captions(GalleryDisplay(cutouts(3), ids).plot())
    assert [text[-3:] for text in texts] == ["000", "001", "002"]


def test_ids_are_no_mathematics():
    display = GalleryDisplay(cutouts(2), ["$x_1$", "a\n b"]).plot()
    assert captions(display) == ["$x_1$", "a b"]
    assert not any(text.get_parse_math() or text.get_usetex() for text in display.ax_.texts)
    display.figure_.draw_without_rendering()


def test_ids_of_any_type_and_positions_without_ids():
    assert captions(GalleryDisplay(cutouts(2), np.array([7, 8])).plot()) == ["7", "8"]
    assert captions(GalleryDisplay(cutouts(2)).plot()) == ["0", "1"]


def test_what_is_not_shown_is_said(stays_inside):
    display = GalleryDisplay(cutouts(60)).plot()
    n_shown = len(display.ax_.images)
    assert n_shown % display.n_columns_ == 0
    assert note(display) == f"first {n_shown} of 60 cutouts, {60 - n_shown} not shown"
    assert stays_inside(display)
    # A page is filled, and no more.
    row = (display.figure_.get_figheight() - 0.3) / (n_shown / display.n_columns_)
    assert 9 - row < display.figure_.get_figheight() < 9
    assert len(GalleryDisplay(cutouts(60)).plot(max_cutouts=60).ax_.images) == 60
    assert note(GalleryDisplay(cutouts(6)).plot(max_cutouts=1)).endswith("5 not shown")
    assert GalleryDisplay(cutouts(12)).plot().ax_.get_legend() is None


def test_an_empty_gallery_says_so(detector, survey):
    assert captions(GalleryDisplay(np.zeros((0, 5, 5))).plot()) == ["no cutouts"]
    y = np.zeros(len(survey[1]), dtype=int)
    detector.flagged_[:] = False
    display = GalleryDisplay.from_estimator(detector, y, cutouts(len(y)), which="flagged")
    assert captions(display) == ["no cutouts"]


@pytest.mark.parametrize("which", ["spurious", "flagged", "missed", "new", "all"])
def test_the_sources_that_were_asked_for(detector, survey, which):
    _, y = survey
    detector.flagged_[np.flatnonzero(y == 1)[:3]] = False
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
        detector, y, cutouts(len(y), (4, 4)), source_id=ids, which=which, max_cutouts=1000
    )
    shown = [int(text[2:]) for text in captions(display)]
    assert sorted(shown) == np.flatnonzero(expected).tolist()
    probability = detector.spurious_probability_[shown]
    assert (np.diff(probability) <= 0).all()


def test_cutout_id_and_reason_belong_together(detector, survey):
    _, y = survey
    images = (
        np.zeros((len(y), 4, 30), dtype=np.uint8) + np.arange(len(y), dtype=np.uint8)[:, None, None]
    )
    reason = [f"r{number}" for number in range(len(y))]
    display = GalleryDisplay.from_estimator(detector, y, images, reason=reason, max_cutouts=5)
    texts = captions(display)
    for place, image in enumerate(display.ax_.images):
        value = image.get_array()[0, 0, 0]
        assert texts[2 * place : 2 * place + 2] == [f"{value}", f"r{value}"]


def test_frames_show_what_is_known(legend_texts):
    display = GalleryDisplay(cutouts(3), label=[1, 0, -1], flagged=[True, True, False]).plot()
    colors = [to_hex(patch.get_edgecolor()).upper() for patch in display.ax_.patches[:2]]
    assert colors == [SPURIOUS_COLOR, REGION_COLOR]
    assert legend_texts(display) == ["known spurious", "flagged", "other"]


def test_cubes_are_drawn_side_by_side_and_colours_as_colours():
    cube = GalleryDisplay(np.zeros((1, 10, 10, 5), dtype=np.float32)).plot()
    assert cube.ax_.images[0].get_array().shape == (10, 54, 3)
    colors = cutouts(1, (10, 10, 3))
    display = GalleryDisplay(colors).plot()
    assert np.array_equal(display.ax_.images[0].get_array(), colors[0])


def test_crop_columns_and_origin():
    display = GalleryDisplay(cutouts(4)).plot(crop=(0, 10, 5, 25), n_columns=2, origin="lower")
    assert display.n_columns_ == 2
    assert display.ax_.images[0].get_array().shape == (10, 20, 3)
    assert display.ax_.images[0].origin == "lower"


def test_low_axes_make_all_smaller(overlaps):
    axes = Figure(figsize=(7, 2)).add_subplot()
    display = GalleryDisplay(cutouts(24), reason=["edge data"] * 24).plot(axes)
    assert display.ax_ is axes
    assert overlaps([*axes.images, *axes.texts]) == 0
    assert axes.texts[0].get_fontsize() < 5


def test_bad_input():
    with pytest.raises(ValueError, match="source_id has length 3, but there are 2"):
        GalleryDisplay(cutouts(2), ["a", "b", "c"]).plot()
    with pytest.raises(ValueError, match="max_cutouts=0"):
        GalleryDisplay(cutouts(2)).plot(max_cutouts=0)
    with pytest.raises(ValueError, match="n_columns=0"):
        GalleryDisplay(cutouts(2)).plot(n_columns=0)
    with pytest.raises(ValueError, match="position must be from 0 to 1"):
        GalleryDisplay(cutouts(2), position=[2]).plot()


def test_a_wrong_choice_of_sources(detector, survey):
    with pytest.raises(ValueError, match="which='best'"):
        GalleryDisplay.from_estimator(detector, survey[1], cutouts(len(survey[1])), which="best")
