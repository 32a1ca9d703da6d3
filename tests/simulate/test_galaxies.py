"""Profiles hold the light they should, and spectra break where they should."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spurclust.simulate.filters import FILTERS
from spurclust.simulate.galaxies import (
    Galaxy,
    lyman_break_magnitudes,
    power_law_magnitudes,
    sersic_profile,
)
from spurclust.simulate.scenes import pixel_offsets

NO_FLUX = np.zeros(6)


def draw(galaxy, n_pixels=1201, scale=0.005):
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
    image = draw(Galaxy(0.0, 0.0, radius, index, axis_ratio, angle, NO_FLUX))
    assert image.sum(dtype=np.float64) == pytest.approx(1.0, abs=0.03)
    offsets = pixel_offsets(1201, 0.005)
    x, y = np.meshgrid(offsets, offsets)
    along = np.cos(angle) * x + np.sin(angle) * y
    across = (np.cos(angle) * y - np.sin(angle) * x) / axis_ratio
    inside = np.hypot(along, across) < radius
    assert image[inside].sum(dtype=np.float64) == pytest.approx(0.5, abs=0.03)


def test_index_one_half_is_a_gaussian():
    row = draw(Galaxy(0.0, 0.0, 0.2, 0.5, 1.0, 0.0, NO_FLUX), 401)[200].astype(np.float64)
    offsets = pixel_offsets(401, 0.005).astype(np.float64)
    sigma = 0.2 / np.sqrt(2 * np.log(2))
    np.testing.assert_allclose(row / row.max(), np.exp(-0.5 * (offsets / sigma) ** 2), atol=0.01)


def test_place_is_respected():
    image = draw(Galaxy(0.5, -0.25, 0.05, 1.0, 1.0, 0.0, NO_FLUX))
    assert np.unravel_index(image.argmax(), image.shape) == (600 - 50, 600 + 100)


@given(magnitude=st.floats(20, 30), slope=st.floats(-3, 1))
def test_redder_spectra_are_brighter_in_red_filters(magnitude, slope):
    steps = np.diff(power_law_magnitudes(magnitude, slope))
    assert (np.sign(np.round(steps, 9)) == np.sign(np.round(-2 - slope, 9))).all() or (
        abs(slope + 2) < 1e-6
    )


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
