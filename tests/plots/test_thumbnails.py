import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from spurclust.plots import CutoutEmbeddingDisplay
from spurclust.plots.style import REGION_COLOR, SPURIOUS_COLOR, UNINSPECTED_COLOR
from spurclust.plots.thumbnails import choose_thumbnails


def strips(n_sources, shape=(17, 79)):
    return np.random.default_rng(1).integers(0, 255, (n_sources, *shape), dtype=np.uint8)


def drawn_size(display):
    left, right, bottom, top = display.ax_.images[0].get_extent()
    return right - left, top - bottom


@pytest.mark.parametrize("shape", [(17, 79), (20, 20), (40, 10), (20, 20, 3), (20, 20, 5)])
def test_cutouts_do_not_overlap_and_keep_their_shape(
    detector, survey, shape, overlaps, stays_inside
):
    _, y = survey
    display = CutoutEmbeddingDisplay.from_estimator(detector, y, strips(len(y), shape))
    n_drawn = len(display.shown_) + len(display.aside_)
    assert 5 < len(display.ax_.images) == n_drawn < len(y)
    assert overlaps(display.ax_.images) == 0
    assert overlaps(display.ax_.patches) == 0
    width, height = drawn_size(display)
    assert width / height == pytest.approx(shape[1] / shape[0])
    assert stays_inside(display)


def test_cutouts_stand_at_their_sources_inside_the_axes(detector, survey):
    _, y = survey
    display = CutoutEmbeddingDisplay.from_estimator(detector, y, strips(len(y)))
    (left, right), (bottom, top) = display.ax_.get_xlim(), display.ax_.get_ylim()
    for number, image in enumerate(display.ax_.images):
        x0, x1, y0, y1 = image.get_extent()
        assert left < x0 < x1 < right
        assert bottom < y0 < y1 < top
        if number < len(display.shown_):
            place = detector.embedding_[display.shown_[number]]
            assert ((x0 + x1) / 2, (y0 + y1) / 2) == pytest.approx(place)


def test_what_stands_aside_is_joined_to_its_place_and_known_or_flagged(detector, survey):
    _, y = survey
    display = CutoutEmbeddingDisplay.from_estimator(detector, y, strips(len(y)))
    assert 0 < len(display.aside_) <= 16
    assert not set(display.aside_) & set(display.shown_)
    assert ((y == 1) | detector.flagged_)[display.aside_].all()
    images = display.ax_.images[len(display.shown_) :]
    for source, line, image in zip(display.aside_, display.ax_.lines, images, strict=True):
        x0, x1, y0, y1 = image.get_extent()
        assert line.get_xydata()[0] == pytest.approx(detector.embedding_[source])
        assert line.get_xydata()[1] == pytest.approx(((x0 + x1) / 2, (y0 + y1) / 2))
    few = CutoutEmbeddingDisplay.from_estimator(detector, y, strips(len(y)), max_cutouts=1)
    assert len(few.aside_) == 0


def test_frames_show_what_is_known(legend_texts):
    embedding = np.array([[0.0, 0], [10, 0], [20, 9], [30, 9]])
    display = CutoutEmbeddingDisplay(
        embedding, strips(4, (9, 9)), [1, 0, 1, -1], [True, True, False, False]
    ).plot()
    colors = [to_hex(patch.get_edgecolor()).upper() for patch in display.ax_.patches]
    assert colors == [SPURIOUS_COLOR, REGION_COLOR, SPURIOUS_COLOR, UNINSPECTED_COLOR]
    widths = [patch.get_linewidth() for patch in display.ax_.patches]
    assert widths[0] > widths[1] > widths[3]
    assert legend_texts(display) == ["known spurious", "flagged", "other"]
    assert display.ax_.get_legend().get_title().get_text() == "4 of 4 cutouts shown"


def test_all_dots_are_drawn_too(detector, survey):
    _, y = survey
    display = CutoutEmbeddingDisplay.from_estimator(detector, None, strips(len(y)))
    assert len(display.ax_.collections[0].get_offsets()) == len(y)


def test_a_crop_shows_that_part(detector, survey):
    cutouts = strips(len(survey[1]))
    display = CutoutEmbeddingDisplay.from_estimator(
        detector, survey[1], cutouts, crop=(2, 12, 20, 40), max_cutouts=30
    )
    first = display.shown_[0]
    assert np.array_equal(display.ax_.images[0].get_array()[:, :, 0], cutouts[first, 2:12, 20:40])
    assert drawn_size(display)[0] / drawn_size(display)[1] == pytest.approx(2)


def test_the_mean_of_a_cube_is_shown():
    cube = np.zeros((2, 4, 4, 5), dtype=np.float32)
    cube[:, 1, 2] = 1
    display = CutoutEmbeddingDisplay(np.eye(2), cube).plot()
    picture = display.ax_.images[0].get_array()
    assert picture.shape == (4, 4, 3)
    assert picture[1, 2, 0] == 255
    assert picture[0, 0, 0] == 0


def test_fewer_cutouts_are_larger(detector, survey):
    cutouts = strips(len(survey[1]))
    few = CutoutEmbeddingDisplay.from_estimator(detector, survey[1], cutouts, max_cutouts=10)
    many = CutoutEmbeddingDisplay.from_estimator(detector, survey[1], cutouts, max_cutouts=300)
    assert drawn_size(few)[0] > drawn_size(many)[0]
    assert len(few.shown_) < len(many.shown_)


@pytest.mark.parametrize("embedding", [[[0, 0], [3, 1]], [[5, 5]] * 4, [[1, 2]]])
def test_few_sources_and_one_place(embedding, stays_inside):
    display = CutoutEmbeddingDisplay(embedding, strips(len(embedding))).plot()
    assert len(display.shown_) == len({tuple(place) for place in embedding})
    assert stays_inside(display)


def test_given_axes_and_lower_origin():
    axes = Figure().add_subplot()
    display = CutoutEmbeddingDisplay(np.eye(2), strips(2)).plot(axes, origin="lower")
    assert display.ax_ is axes
    assert axes.images[0].origin == "lower"


def test_bad_input():
    with pytest.raises(ValueError, match="3 cutouts, but 2 sources"):
        CutoutEmbeddingDisplay(np.eye(2), strips(3)).plot()
    with pytest.raises(ValueError, match="not flattened rows"):
        CutoutEmbeddingDisplay(np.eye(2), np.zeros((2, 100))).plot()
    with pytest.raises(ValueError, match="leaves nothing of a cutout of 17 x 79 pixels"):
        CutoutEmbeddingDisplay(np.eye(2), strips(2)).plot(crop=(20, 30, 0, 9))
    with pytest.raises(ValueError, match="max_cutouts=0"):
        CutoutEmbeddingDisplay(np.eye(2), strips(2)).plot(max_cutouts=0)
    with pytest.raises(ValueError, match="cutouts is a set"):
        CutoutEmbeddingDisplay(np.eye(2), {1, 2}).plot()


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1000),
    n_sources=st.integers(1, 80),
    width=st.floats(0.05, 3),
    height=st.floats(0.05, 3),
)
def test_the_choice_is_free_of_overlap_and_leaves_no_room(seed, n_sources, width, height):
    rng = np.random.default_rng(seed)
    places = rng.normal(size=(n_sources, 2)) * 3
    priority = rng.integers(0, 3, n_sources)
    chosen = choose_thumbnails(places, priority=priority, size=(width, height))
    apart = np.abs(places[:, None] - places[chosen])
    blocked = (apart[..., 0] < width) & (apart[..., 1] < height)
    assert blocked[chosen].sum() == len(chosen)
    for source in set(range(n_sources)) - set(chosen.tolist()):
        # What was left out is covered by a source of at least its own priority.
        assert priority[chosen[blocked[source]]].max(initial=-1) >= priority[source]
