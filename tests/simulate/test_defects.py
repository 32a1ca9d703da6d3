"""The three defects are what their reasons say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurclust.simulate.defects import count_defects, draw_close, draw_edge, draw_spike
from spurclust.simulate.optics import SPIKE_ANGLES, WEAK_SPIKE_ANGLES
from spurclust.simulate.scenes import Scene, observe, pixel_offsets, render

ROLL = 17.0
SHARES = np.array([29, 7, 22]) / 58


@given(st.integers(0, 10_000))
def test_counts_add_up_and_keep_their_proportions(n_spurious):
    counts = np.array(list(count_defects(n_spurious).values()))
    assert counts.sum() == n_spurious
    assert (np.abs(counts - n_spurious * SHARES) < 1).all()


@pytest.mark.parametrize("seed", range(25))
def test_a_spike_crosses_the_middle_along_one_of_the_telescopes_directions(seed):
    scene = draw_spike(np.random.default_rng(seed), ROLL)
    (star,) = scene.stars
    distance = np.hypot(star.x, star.y)
    assert distance > 0.7
    direction = np.rad2deg(np.arctan2(-star.y, -star.x)) - ROLL
    angles = np.array([*SPIKE_ANGLES, *WEAK_SPIKE_ANGLES])
    assert np.abs((angles - direction + 180) % 360 - 180).min() < 8

    bands = render(Scene(ROLL, stars=[star]))
    assert 4.9 < bands[3, 23:28, 23:28].max() < 61, "as bright as a detection"
    light = bands[0]
    offsets = pixel_offsets(51, 0.03)
    x, y = np.meshgrid(offsets, offsets)
    along = np.abs(x * star.x + y * star.y) / distance
    across = np.abs(x * star.y - y * star.x) / distance
    on_spike, beside = (light[(along < 0.3) & mask].mean() for mask in (across < 0.1, across > 0.4))
    assert on_spike > 4 * beside


@pytest.mark.parametrize("seed", range(25))
def test_an_edge_takes_data_away_but_not_all(seed):
    rng = np.random.default_rng(seed)
    off_data = np.isnan(observe(draw_edge(rng, ROLL), rng))
    shares = off_data.mean(axis=(0, 1))
    assert 0.05 < shares.max() < 0.95


def test_edges_are_parallel_to_the_detectors_and_sometimes_in_some_filters_only():
    edges = [draw_edge(np.random.default_rng(seed), ROLL).edge for seed in range(100)]
    angles = np.rad2deg([edge.angle for edge in edges]) - ROLL
    np.testing.assert_allclose(angles % 90 % 89.999999, 0.0, atol=1e-3)
    n_without = {int(np.isinf(edge.distances).sum()) for edge in edges}
    assert n_without == {0, 2, 4}


@pytest.mark.parametrize("seed", range(25))
def test_a_close_neighbor_outshines_the_middle(seed):
    scene = draw_close(np.random.default_rng(seed), ROLL)
    light = render(scene)[3]
    assert light.max() > light[23:28, 23:28].min()
    assert light.max() > 20
    assert np.isfinite(light).all()


def test_neighbors_are_galaxies_and_stars():
    scenes = [draw_close(np.random.default_rng(seed), ROLL) for seed in range(60)]
    assert {len(scene.stars) for scene in scenes} == {0, 1}
