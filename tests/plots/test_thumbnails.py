"""The embedding with cutouts: which are drawn, where, and what they do not cover."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from spurclust.plots import CutoutEmbeddingDisplay


def strips(n_sources, shape=(17, 79)):
    return np.random.default_rng(1).integers(0, 255, (n_sources, *shape), dtype=np.uint8)


@pytest.mark.parametrize("shape", [(17, 79), (40, 10), (20, 20, 3), (20, 20, 5)])
def test_cutouts_stand_at_their_sources_and_keep_their_shape(
    detector, survey, shape, overlaps, stays_inside, frame_boxes
):
    _, y = survey
    display = CutoutEmbeddingDisplay.from_estimator(detector, y, strips(len(y), shape))
    axes, boxes = display.ax_, frame_boxes(display)
    assert 5 < len(axes.images) == len(display.shown_) + len(display.aside_) < len(y)
    assert overlaps(axes.images) == 0
    assert boxes == pytest.approx(
        np.array([im.get_extent() for im in axes.images])[:, [0, 2, 1, 3]]
    )
    sides = boxes[:, 2:] - boxes[:, :2]
    assert sides[:, 0] / sides[:, 1] == pytest.approx([shape[1] / shape[0]] * len(boxes))
    limits = np.array([axes.get_xlim(), axes.get_ylim()])
    assert (boxes[:, :2] > limits[:, 0]).all()
    assert (boxes[:, 2:] < limits[:, 1]).all()
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    assert middles[: len(display.shown_)] == pytest.approx(detector.embedding_[display.shown_])
    assert len(axes.collections[0].get_offsets()) == len(y)
    assert stays_inside(display)


def test_what_stands_aside_is_joined_to_its_position_and_known_or_flagged(
    detector, survey, frame_boxes
):
    _, y = survey
    display = CutoutEmbeddingDisplay.from_estimator(detector, y, strips(len(y)))
    assert 0 < len(display.aside_) <= 16
    assert not set(display.aside_) & set(display.shown_)
    assert ((y == 1) | detector.flagged_)[display.aside_].all()
    boxes = frame_boxes(display)[len(display.shown_) :]
    for source, line, box in zip(display.aside_, display.ax_.lines, boxes, strict=True):
        assert line.get_xydata()[0] == pytest.approx(detector.embedding_[source])
        assert line.get_xydata()[1] == pytest.approx((box[:2] + box[2:]) / 2)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 1000),
    n_sources=st.integers(1, 80),
    shape=st.sampled_from([(5, 20), (10, 10), (20, 5)]),
    max_cutouts=st.sampled_from([5, 30, 100]),
)
def test_nothing_is_covered_and_nothing_is_crossed(seed, n_sources, shape, max_cutouts):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n_sources, 2)) * rng.uniform(0.2, 2, 2)
    label, flagged = rng.integers(-1, 2, n_sources), rng.random(n_sources) < 0.5
    cutouts = np.zeros((n_sources, *shape), dtype=np.uint8)
    display = CutoutEmbeddingDisplay(points, cutouts, label, flagged, max_cutouts=max_cutouts)
    axes = display.plot(Figure().add_subplot()).ax_
    (frames,) = [c for c in axes.collections if isinstance(c, PolyCollection)]
    boxes = np.array([path.get_extents().extents for path in frames.get_paths()])
    middles, size = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[0, 2:] - boxes[0, :2]
    apart = np.abs(middles[:, None] - middles)
    assert (apart < size).all(axis=2).sum() == len(boxes)
    n_shown = len(display.shown_)
    aside = np.abs(middles[n_shown:, None] - points)
    assert not (aside < size / 2).all(axis=2).any()
    paths = [line.get_path() for line in axes.lines]
    assert not any(one.intersects_path(other) for one, other in combinations(paths, 2))
    for number, path in enumerate(paths):
        way = path.interpolated(200).vertices
        others = np.delete(middles, n_shown + number, axis=0)
        assert not (np.abs(way[:, None] - others) < size / 2).all(axis=2).any()
    # What was left out is covered by a source of at least its own priority.
    priority = 2 * (label == 1) + flagged
    room = size + 0.2 * size[1]
    blocked = (np.abs(points[:, None] - points[display.shown_]) < room).all(axis=2)
    for source in set(range(n_sources)) - set(display.shown_.tolist()):
        assert priority[display.shown_[blocked[source]]].max(initial=-1) >= priority[source]


def test_the_mean_of_a_cube_is_shown():
    cube = np.zeros((2, 4, 4, 5), dtype=np.float32)
    cube[:, 1, 2] = 1
    picture = CutoutEmbeddingDisplay(np.eye(2), cube).plot().ax_.images[0].get_array()
    quarter = picture.shape[0] / 4
    bright = picture[int(1.5 * quarter), :, 0] == 255
    assert bright.sum() == pytest.approx(quarter, abs=1)
    assert bright[int(2.5 * quarter)]
    assert picture[0, 0, 0] == 0


def test_fewer_cutouts_are_larger(detector, survey, frame_boxes):
    few, many = (
        CutoutEmbeddingDisplay.from_estimator(
            detector, survey[1], strips(len(survey[1])), max_cutouts=number
        )
        for number in (10, 300)
    )
    assert np.ptp(frame_boxes(few)[0, ::2]) > np.ptp(frame_boxes(many)[0, ::2])
    assert len(few.shown_) < len(many.shown_)


@pytest.mark.parametrize("embedding", [[[0, 0], [3, 1]], [[5, 5]] * 4, [[1, 2]]])
def test_few_sources_and_one_position(embedding, stays_inside):
    display = CutoutEmbeddingDisplay(embedding, strips(len(embedding))).plot()
    assert len(display.shown_) == len({tuple(point) for point in embedding})
    assert stays_inside(display)
