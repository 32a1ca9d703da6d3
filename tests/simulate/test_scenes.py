"""Light arrives where it belongs, noise has the size it should, nothing is there off the data."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spurclust.simulate.optics import PIXEL_SCALE
from spurclust.simulate.scenes import (
    Edge,
    Galaxy,
    Scene,
    Star,
    observe,
    pixel_offsets,
    render,
    sersic_profile,
)

FLUXES = np.array([0.0, 100.0, 200.0, 300.0, 400.0, 500.0])


def galaxy(x=0.0, y=0.0, radius=0.05, fluxes=FLUXES):
    return Galaxy(x, y, radius, 1.0, 1.0, 0.0, fluxes)


def test_flux_is_kept_but_for_the_far_wings():
    totals = render(Scene(0.0, [galaxy()])).sum(axis=(1, 2))
    assert totals[0] == pytest.approx(0.0, abs=1e-3)
    assert (totals[1:] / FLUXES[1:] > 0.85).all()
    assert (totals[1:] / FLUXES[1:] < 1.01).all()


@pytest.mark.parametrize("radius", [0.02, 0.05])
@pytest.mark.parametrize("index", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("shift", [0.0, 0.004, 0.0075])
def test_flux_of_a_compact_galaxy_does_not_depend_on_where_the_pixels_are(radius, index, shift):
    compact = Galaxy(shift, -shift, radius, index, 1.0, 0.0, np.full(6, 100.0))
    star = render(Scene(0.0, stars=[Star(shift, -shift, np.full(6, 100.0))])).sum(axis=(1, 2))
    np.testing.assert_allclose(render(Scene(0.0, [compact])).sum(axis=(1, 2)), star, rtol=0.12)


@pytest.mark.parametrize(("x", "y"), [(0.3, 0.0), (0.0, 0.3), (-0.15, 0.24)])
def test_sources_are_where_they_are_put(x, y):
    for scene in (Scene(0.0, [galaxy(x, y)]), Scene(0.0, stars=[Star(x, y, FLUXES)])):
        image = render(scene)[2]
        row, column = np.unravel_index(image.argmax(), image.shape)
        assert abs(column - 25 - x / PIXEL_SCALE) <= 0.5
        assert abs(row - 25 - y / PIXEL_SCALE) <= 0.5


def test_noise_has_sigma_one_and_grows_under_bright_light():
    rng = np.random.default_rng(0)
    dark = np.stack([observe(Scene(0.0), rng) for _ in range(40)])
    np.testing.assert_allclose(dark.std(axis=(0, 1, 2)), 1.0, rtol=0.02)
    np.testing.assert_allclose(dark.mean(axis=(0, 1, 2)), 0.0, atol=0.03)
    scene = Scene(0.0, [galaxy(radius=0.3, fluxes=np.full(6, 1e5))])
    bright = np.stack([observe(scene, rng) for _ in range(40)]) - np.moveaxis(render(scene), 0, -1)
    assert (bright[:, 25, 25].std(axis=0) > 1.5).all()


def test_noise_of_neighboring_pixels_is_correlated_most_in_long_wave_filters():
    rng = np.random.default_rng(1)
    noise = np.stack([observe(Scene(0.0), rng) for _ in range(20)])
    correlation = (noise[:, :, 1:] * noise[:, :, :-1]).mean(axis=(0, 1, 2))
    assert (correlation > 0.05).all()
    assert correlation[4:].min() > correlation[:4].max()


def test_sky_has_the_given_gradient():
    flat, tilted = (
        observe(Scene(0.0, gradient=slope), np.random.default_rng(2))
        for slope in ((0.0, 0.0), (5.1, -10.2))
    )
    slopes = np.gradient(tilted - flat, axis=(1, 0))
    np.testing.assert_allclose(slopes[0], 0.1, atol=1e-4)
    np.testing.assert_allclose(slopes[1], -0.2, atol=1e-4)


def test_no_data_beyond_an_edge():
    distances = np.array([0.01, 0.31, -0.31, np.inf, 10.0, 0.01])
    image = observe(Scene(0.0, edge=Edge(0.0, distances)), np.random.default_rng(3))
    offsets = (np.arange(51) - 25) * PIXEL_SCALE
    for k, distance in enumerate(distances):
        off_data = np.isnan(image[..., k])
        np.testing.assert_array_equal(off_data.all(axis=0), offsets > distance)
        np.testing.assert_array_equal(off_data.any(axis=0), off_data.all(axis=0))


def draw_profile(galaxy, n_pixels=1201, scale=0.005):
    offsets = pixel_offsets(n_pixels, scale)
    return sersic_profile(galaxy, offsets[None, :], offsets[:, None]) * scale**2


@settings(max_examples=15, deadline=None)
@given(
    index=st.floats(0.5, 2.5),
    axis_ratio=st.floats(0.3, 1.0),
    angle=st.floats(0.0, np.pi),
    radius=st.floats(0.1, 0.25),
)
def test_total_light_is_one_and_half_of_it_is_within_the_effective_radius(
    index, axis_ratio, angle, radius
):
    image = draw_profile(Galaxy(0.0, 0.0, radius, index, axis_ratio, angle, FLUXES))
    assert image.sum(dtype=np.float64) == pytest.approx(1.0, abs=0.03)
    offsets = pixel_offsets(1201, 0.005)
    x, y = np.meshgrid(offsets, offsets)
    along = np.cos(angle) * x + np.sin(angle) * y
    across = (np.cos(angle) * y - np.sin(angle) * x) / axis_ratio
    inside = np.hypot(along, across) < radius
    assert image[inside].sum(dtype=np.float64) == pytest.approx(0.5, abs=0.03)
