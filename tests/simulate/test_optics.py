"""The pupil and its point spread functions obey diffraction."""

import numpy as np
import pytest

from spurclust.simulate.filters import FILTERS
from spurclust.simulate.optics import (
    FINE_SCALE,
    SPIKE_ANGLES,
    WEAK_SPIKE_ANGLES,
    draw_pupil,
    point_spread_function,
    psf_quadrant,
)

NAMES = [band.name for band in FILTERS]


def polar(image):
    """Return radius (arcsec) and angle (degrees) of every pixel of a centred image."""
    offsets = (np.arange(len(image)) - (len(image) - 1) / 2) * FINE_SCALE
    x, y = np.meshgrid(offsets, offsets)
    return np.hypot(x, y), np.rad2deg(np.arctan2(y, x)) % 360


def spike_profile(image, near, far):
    """Return the mean light in a ring, per degree."""
    radius, angle = polar(image)
    ring = (radius > near) & (radius < far)
    degrees = np.rint(angle[ring]).astype(int) % 360
    sums = np.bincount(degrees, image[ring], minlength=360)
    return sums / np.bincount(degrees, minlength=360)


def radius_of_share(image, share):
    """Return the radius in arcsec of the circle that holds a share of the light."""
    radius, _ = polar(image)
    order = np.argsort(radius.ravel())
    growth = np.cumsum(image.ravel()[order].astype(np.float64))
    return radius.ravel()[order][np.searchsorted(growth, share)]


def test_pupil_has_18_segments_less_three_struts():
    step = 0.01
    pupil = draw_pupil(700, step)
    segments = 18 * np.sqrt(3) / 2 * 1.3138**2
    # Each strut crosses about two segments from side to side.
    struts = 2 * 1.31 * (0.1105 + 2 * 0.1224)
    assert pupil.sum() * step**2 == pytest.approx(segments - struts, rel=0.01)
    assert pupil.min() >= 0
    assert pupil.max() <= 1


def test_pupil_is_symmetric_left_to_right_only():
    pupil = draw_pupil(701, 0.01)
    np.testing.assert_allclose(pupil, pupil[:, ::-1], atol=1e-4)
    assert np.abs(pupil - pupil[::-1]).max() > 0.9


def test_pupil_is_blocked_in_the_middle_and_along_the_upper_strut():
    pupil = draw_pupil(701, 0.01)
    assert pupil[350, 350] == 0
    assert pupil[350 + 132, 350] == 0
    assert pupil[350 + 132, 350 + 20] == 1
    assert pupil[350 - 132, 350] == 1


@pytest.mark.parametrize("name", NAMES)
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


@pytest.mark.parametrize("share", [0.5, 0.8, 0.9])
def test_size_scales_with_wavelength(share):
    short, long = FILTERS[3], FILTERS[5]
    radii = [radius_of_share(point_spread_function(b.name, 1199), share) for b in (short, long)]
    assert radii[1] / radii[0] == pytest.approx(long.wavelength / short.wavelength, rel=0.1)


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


def test_spikes_fade_with_distance():
    image = point_spread_function("F150W", 1199)
    rings = [spike_profile(image, r, r + 1.0)[90] for r in (1.0, 2.0, 4.0)]
    assert rings[0] > rings[1] > rings[2] > 0


def test_turned_by_sixty_degrees_the_strong_spikes_fall_on_each_other():
    straight = spike_profile(point_spread_function("F115W", 501), 2.0, 3.5)
    turned = spike_profile(point_spread_function("F115W", 501, roll=60.0), 2.0, 3.5)
    assert turned[90] == pytest.approx(straight[30], rel=0.1)


def test_nothing_beyond_the_extent():
    assert point_spread_function("F444W", 1301)[650, :40].max() == 0


def test_cached_arrays_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        psf_quadrant(FILTERS[0])[0, 0] = 1


def test_unknown_filter():
    with pytest.raises(ValueError, match=r"'F070W': choose from F090W, F115W"):
        point_spread_function("F070W")


def test_no_pixels():
    with pytest.raises(ValueError, match="n_pixels is 0"):
        point_spread_function("F200W", 0)
