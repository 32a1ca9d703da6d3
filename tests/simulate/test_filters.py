"""The filters, and magnitudes as fluxes in units of the noise."""

import numpy as np
import pytest

from spurclust.simulate.filters import FILTERS, PIXEL_SCALE, fluxes_from_magnitudes


def test_bands_follow_each_other():
    edges = [edge for band in FILTERS for edge in (band.blue, band.red)]
    assert edges == sorted(edges)
    assert all(band.blue < band.wavelength < band.red for band in FILTERS)


def test_a_source_at_the_depth_is_five_sigma_in_its_aperture():
    fluxes = fluxes_from_magnitudes(np.array([band.depth for band in FILTERS]))
    noise = np.sqrt(np.pi * (0.15 / PIXEL_SCALE) ** 2)
    np.testing.assert_allclose(fluxes / noise, 5.0)


def test_five_magnitudes_are_a_factor_of_a_hundred():
    bright, faint = (fluxes_from_magnitudes(np.full(6, m)) for m in (20.0, 25.0))
    np.testing.assert_allclose(bright / faint, 100.0)


def test_no_light_has_infinite_magnitude():
    assert fluxes_from_magnitudes(np.full(6, np.inf)) == pytest.approx(np.zeros(6), abs=0)
