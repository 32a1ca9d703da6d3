import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spurclust.plots.aside import _meet, place_aside

LIMITS = np.array([[-5.0, 5.0], [-4.0, 4.0]])


def place(places, candidates=None, taken=(), size=(1.0, 0.5), max_aside=16):
    candidates = np.arange(len(places)) if candidates is None else np.asarray(candidates)
    return place_aside(
        np.asarray(places, dtype=float),
        candidates,
        np.reshape(np.asarray(taken, dtype=float), (-1, 2)),
        size=size,
        limits=LIMITS,
        max_aside=max_aside,
    )


def on_the_way(aside, places):
    """Points along each leader, its end at the thumbnail left out."""
    steps = np.linspace(0, 1, 200)[:, None]
    return [
        places[source] + steps * (middle - places[source])
        for source, middle in zip(aside.source, aside.middle, strict=True)
    ]


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1000),
    n_sources=st.integers(1, 60),
    n_taken=st.integers(0, 5),
    width=st.floats(0.2, 3),
    height=st.floats(0.2, 3),
)
def test_nothing_is_covered_and_nothing_is_crossed(seed, n_sources, n_taken, width, height):
    rng = np.random.default_rng(seed)
    places = np.clip(rng.normal(size=(n_sources, 2)), -4, 4)
    size = np.array([width, height])
    taken = places[:n_taken]
    aside = place(places, taken=taken, size=(width, height))
    assert len(aside.source) == len(aside.middle) == len(set(aside.source.tolist())) <= 16
    boxes = np.vstack([taken, aside.middle])
    apart = np.abs(aside.middle[:, None] - boxes)
    overlapping = (apart < size - 1e-9).all(axis=2)
    assert overlapping.sum() == len(aside.source)
    assert not (np.abs(aside.middle[:, None] - places) < size / 2 - 1e-9).all(axis=2).any()
    assert (np.abs(aside.middle) + size / 2 <= LIMITS[:, 1]).all()
    for number, way in enumerate(on_the_way(aside, places)):
        others = np.delete(boxes, n_taken + number, axis=0)
        assert not (np.abs(way[:, None] - others) < size / 2 - 1e-6).all(axis=2).any()


def sides_of(way, other):
    """On which side of a line another begins and ends."""
    along, (begin, end) = way[-1] - way[0], other[[0, -1]] - way[0]
    return [np.sign(along[0] * step[1] - along[1] * step[0]) for step in (begin, end)]


def test_leaders_do_not_cross():
    rng = np.random.default_rng(4)
    places = rng.normal(size=(40, 2)) * 0.3
    aside = place(places, size=(1.2, 0.4))
    assert len(aside.source) > 5
    ways = on_the_way(aside, places)
    for first in range(len(ways)):
        for second in range(first):
            sides = [
                sides_of(ways[one], ways[other])
                for one, other in ((first, second), (second, first))
            ]
            assert not all(begin != end for begin, end in sides)


def test_the_most_wanted_comes_first_and_stands_near():
    aside = place([[0, 0], [0.1, 0], [3, 3]], candidates=[2, 0, 1], max_aside=2)
    assert aside.source.tolist() == [2, 0]
    gap = np.maximum(np.abs(aside.middle - [[3, 3], [0, 0]]) - [0.5, 0.25], 0)
    assert (np.hypot(*gap.T) <= 0.6).all()


@pytest.mark.parametrize(
    ("size", "max_aside", "candidates"),
    [((20.0, 1.0), 5, [0]), ((1.0, 1.0), 0, [0]), ((1, 1), 5, [])],
)
def test_no_room_or_nothing_to_place(size, max_aside, candidates):
    candidates = np.array(candidates, dtype=np.intp)
    aside = place([[0, 0]], candidates=candidates, size=size, max_aside=max_aside)
    assert len(aside.source) == 0
    assert aside.middle.shape == (0, 2)


def test_a_source_under_a_thumbnail_has_no_leader():
    assert place([[0, 0]], taken=[[0.2, 0]]).source.tolist() == []


def test_no_place_near_enough():
    crowd = np.stack(np.meshgrid(np.linspace(-4, 4, 40), np.linspace(-4, 4, 40)), -1).reshape(-1, 2)
    assert len(place(crowd, candidates=[820]).source) == 0


@pytest.mark.parametrize(
    ("line", "crosses"),
    [
        (((-3, 0), (3, 0)), True),
        (((0, -3), (0, 3)), True),
        (((-3, 0.6), (3, 0.6)), False),
        (((1.1, -3), (1.1, 3)), False),
        (((-3, 0), (-1.5, 0)), False),
        (((0, 0), (0, 0)), True),
        (((0.1, 0.1), (5, 5)), True),
        (((0, 2), (2, 0)), False),
    ],
)
def test_a_line_meets_a_box(line, crosses):
    box = np.array([2.0, 1.0])
    forth = np.array([line], dtype=float)
    assert _meet(forth, np.zeros((1, 2)), box).tolist() == [crosses]
    shift = np.array([[4.0, -7.0]])
    assert _meet(forth[:, ::-1] + shift, shift, box).tolist() == [crosses]
