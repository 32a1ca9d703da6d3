"""The pupil and its point spread functions obey diffraction; fluxes are in units of the noise."""

import numpy as np
import pytest

from spurclust.simulate import point_spread_function
from spurclust.simulate.optics import (
    FILTERS,
    FINE_SCALE,
    PIXEL_SCALE,
    SPIKE_ANGLES,
    WEAK_SPIKE_ANGLES,
    draw_pupil,
    fluxes_from_magnitudes,
    psf_quadrant,
)


def test_a_source_at_the_depth_is_five_sigma_in_its_aperture():
    fluxes = fluxes_from_magnitudes(np.array([band.depth for band in FILTERS]))
    noise = np.sqrt(np.pi * (0.15 / PIXEL_SCALE) ** 2)
    np.testing.assert_allclose(fluxes / noise, 5.0)


def spike_profile(image, near, far):
    """Return the mean light in a ring, per degree."""
    offsets = (np.arange(len(image)) - (len(image) - 1) / 2) * FINE_SCALE
    x, y = np.meshgrid(offsets, offsets)
    radius = np.hypot(x, y)
    ring = (radius > near) & (radius < far)
    degrees = np.rint(np.rad2deg(np.arctan2(y, x)[ring])).astype(int) % 360
    sums = np.bincount(degrees, image[ring], minlength=360)
    return sums / np.bincount(degrees, minlength=360)


def test_pupil_has_18_segments_less_three_struts_and_is_symmetric_left_to_right_only():
    step = 0.01
    pupil = draw_pupil(701, step)
    segments = 18 * np.sqrt(3) / 2 * 1.3138**2
    # Each strut crosses about two segments from side to side.
    struts = 2 * 1.31 * (0.1105 + 2 * 0.1224)
    assert pupil.sum() * step**2 == pytest.approx(segments - struts, rel=0.01)
    assert (pupil.min(), pupil.max()) == (0, 1)
    np.testing.assert_allclose(pupil, pupil[:, ::-1], atol=1e-4)
    assert np.abs(pupil - pupil[::-1]).max() > 0.9


@pytest.mark.parametrize("name", [band.name for band in FILTERS])
def test_image_of_a_point_source(name):
    image = point_spread_function(name, 1199)
    assert image.sum(dtype=np.float64) == pytest.approx(1.0, abs=1e-3)
    assert image.min() >= 0
    np.testing.assert_array_equal(image, image[:, ::-1])
    np.testing.assert_array_equal(image, image[::-1])
    assert np.unravel_index(image.argmax(), image.shape) == (599, 599)


# JWST User Documentation, "NIRCam Point Spread Functions", table of simulated widths in arcsec.
WIDTHS = [0.033, 0.040, 0.050, 0.066, 0.092, 0.145]


@pytest.mark.parametrize(("band", "width"), list(zip(FILTERS, WIDTHS, strict=True)))
def test_full_width_at_half_maximum_is_that_of_the_telescope(band, width):
    profile = psf_quadrant(band)[0, :12]
    half = np.interp(-0.5, -profile / profile[0], np.arange(12) * FINE_SCALE)
    assert 2 * half == pytest.approx(width, rel=0.05)


@pytest.mark.parametrize("name", ["F090W", "F200W"])
@pytest.mark.parametrize("roll", [0.0, 17.0])
def test_six_strong_and_two_weak_spikes(name, roll):
    profile = spike_profile(point_spread_function(name, 701, roll=roll), 2.0, 5.0)
    between = np.median(profile)
    for angles, factor in ((SPIKE_ANGLES, 30), (WEAK_SPIKE_ANGLES, 5)):
        for angle in angles:
            near = np.rint(angle + roll + np.arange(-12, 13)).astype(int) % 360
            peak = near[profile[near].argmax()]
            assert abs((peak - angle - roll + 180) % 360 - 180) <= 2
            assert profile[near].max() > factor * between
    strong, weak = (
        [profile[np.rint(a + roll + np.arange(-3, 4)).astype(int) % 360].sum() for a in angles]
        for angles in (SPIKE_ANGLES, WEAK_SPIKE_ANGLES)
    )
    assert min(strong) > max(weak)


def test_what_cannot_be_drawn_is_named():
    with pytest.raises(ValueError, match=r"'F070W': choose from F090W, F115W"):
        point_spread_function("F070W")
    with pytest.raises(ValueError, match="n_pixels is 0"):
        point_spread_function("F200W", 0)
