"""Spectra break where they should; reliable sources are faint drop-outs, and some are hard."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurclust.simulate.galaxies import (
    draw_candidate,
    draw_field,
    draw_reliable,
    lyman_break_magnitudes,
    power_law_magnitudes,
    star_fluxes,
)
from spurclust.simulate.optics import FILTERS
from spurclust.simulate.scenes import Scene, render


@pytest.fixture(scope="module")
def candidates():
    return [draw_candidate(np.random.default_rng(seed)) for seed in range(300)]


def test_the_drop_out_filter_has_no_light(candidates):
    beyond = [c for c in candidates if 0.1216 * (1 + c.redshift) > FILTERS[0].red]
    assert len(beyond) > 50
    assert all(part.fluxes[0] == 0 for c in beyond for part in c.galaxies)
    assert all((part.fluxes[2:] > 0).all() for c in candidates for part in c.galaxies)


def test_candidates_are_far_faint_and_small(candidates):
    assert all(6.0 <= c.redshift <= 8.6 for c in candidates)
    assert all(25.0 <= c.magnitude < 30.0 for c in candidates)
    assert all(0.02 <= c.effective_radius <= 0.35 for c in candidates)
    shares = np.mean([len(c.galaxies) for c in candidates]) - 1
    assert 0.1 < shares < 0.3


def test_candidates_are_detected(candidates):
    for candidate in candidates[:60]:
        light = render(Scene(0.0, candidate.galaxies))[2]
        # The best that a matched filter can do.
        assert np.sqrt((light.astype(float) ** 2).sum()) > 5


def test_bright_field_galaxies_leave_the_middle_alone():
    for seed in range(300):
        for galaxy in draw_field(np.random.default_rng(seed)):
            faint = galaxy.fluxes[2] < 44.4 * 10 ** (-0.4 * (26.5 - 29.2))
            assert faint or np.hypot(galaxy.x, galaxy.y) > 0.5


def test_hard_cases_occur_and_are_a_minority():
    scenes = [draw_reliable(np.random.default_rng(seed), 17.0)[0] for seed in range(400)]
    with_star = np.mean([len(scene.stars) > 0 for scene in scenes])
    edges = [scene.edge for scene in scenes if scene.edge is not None]
    assert 0.03 < with_star < 0.15
    assert 0.005 < len(edges) / len(scenes) < 0.06
    assert min(edge.distances.min() for edge in edges) >= 0.5, "blank corners are small"


def test_stars_have_the_magnitude_asked_for_and_cool_ones_are_red():
    hot, cool = star_fluxes(20.0, 6500.0), star_fluxes(20.0, 3000.0)
    assert hot[2] == pytest.approx(cool[2], rel=0.01)
    assert hot[0] > cool[0]
    assert hot[5] < cool[5]


@given(redshift=st.floats(0.0, 12.0), slope=st.floats(-3.0, 0.0))
def test_no_light_blueward_of_lyman_alpha(redshift, slope):
    magnitudes = lyman_break_magnitudes(27.0, slope, redshift)
    without_break = power_law_magnitudes(27.0, slope)
    wavelength = 0.1216 * (1 + redshift)
    for band, magnitude, unbroken in zip(FILTERS, magnitudes, without_break, strict=True):
        if band.red <= wavelength:
            assert magnitude == np.inf
        elif band.blue >= wavelength:
            assert magnitude == unbroken
        else:
            assert magnitude > unbroken
