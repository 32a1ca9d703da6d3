"""Draw reliable sources: spectra and random galaxies of a deep field."""

from dataclasses import dataclass

import numpy as np

from spurclust.simulate.optics import (
    FILTERS,
    PIXEL_SCALE,
    SPIKE_ANGLES,
    Float64,
    fluxes_from_magnitudes,
)
from spurclust.simulate.scenes import Edge, Galaxy, Scene, Star

_LYMAN_ALPHA = 0.1216  # micrometers
# Magnitudes are given at this wavelength, in micrometers: the middle of F150W.
_REFERENCE_WAVELENGTH = 1.5
# Redshifts at which F090W loses a quarter of its light, and F115W half.
_REDSHIFTS = (6.0, 8.6)
_BRIGHTEST = 25.0
# Signal to noise of a detected candidate within its half-light ellipse, in F150W.
_LEAST_SIGNAL_TO_NOISE = 5.0
_SHARPEST_RADIUS = 0.05
_REFERENCE = next(k for k, band in enumerate(FILTERS) if band.name == "F150W")
# Number of field galaxies per square arcsec brighter than magnitude 29.5, and its slope: a factor
# of 10 in 1 / 0.28 magnitudes.
_FIELD_DENSITY = 0.2
_FIELD_LIMIT = 29.5
_FIELD_SLOPE = 0.28
_FIELD_HALF_WIDTH = 1.1
# A field galaxy of this magnitude spoils a source within this distance, in arcsec.
_SPOILING_MAGNITUDE = 26.5
_SPOILING_DISTANCE = 0.5
_HALF_WIDTH = 0.765
_PLANCK = 14387.77  # h c / k, in micrometer kelvin


def power_law_magnitudes(magnitude: float, slope: float) -> Float64:
    """Compute the AB magnitudes of a power law; a slope of -2 is the same magnitude everywhere."""
    ratio = np.array([band.wavelength for band in FILTERS]) / _REFERENCE_WAVELENGTH
    magnitudes: Float64 = magnitude - 2.5 * (slope + 2) * np.log10(ratio)
    return magnitudes


def lyman_break_magnitudes(magnitude: float, slope: float, redshift: float) -> Float64:
    """Compute magnitudes of a power law without light blueward of Lyman alpha (infinite there)."""
    break_wavelength = _LYMAN_ALPHA * (1 + redshift)
    share = np.array([(b.red - max(b.blue, break_wavelength)) / (b.red - b.blue) for b in FILTERS])
    with np.errstate(divide="ignore"):
        dimming = -2.5 * np.log10(np.clip(share, 0, 1))
    magnitudes: Float64 = power_law_magnitudes(magnitude, slope) + dimming
    return magnitudes


def star_fluxes(magnitude: float, temperature: float) -> Float64:
    """Compute the fluxes of a black body of a temperature in kelvin."""
    wavelengths = np.array([1.5, *(band.wavelength for band in FILTERS)])
    per_frequency = wavelengths**-3.0 / np.expm1(_PLANCK / (wavelengths * temperature))
    magnitudes = magnitude - 2.5 * np.log10(per_frequency[1:] / per_frequency[0])
    return fluxes_from_magnitudes(magnitudes)


@dataclass(frozen=True, eq=False)
class Candidate:
    """A galaxy beyond redshift 6, of one part or with a second clump."""

    galaxies: list[Galaxy]
    redshift: float
    magnitude: float
    effective_radius: float


def draw_reliable(rng: np.random.Generator, roll: float) -> tuple[Scene, Candidate]:
    """Draw a reliable source; one in four is hard to distinguish from spurious ones."""
    candidate = draw_candidate(rng)
    galaxies = candidate.galaxies + draw_field(rng)
    stars: list[Star] = []
    edge = None
    chance = rng.random()
    if chance < 0.08:
        galaxies.append(_bright_neighbor(rng))
    elif chance < 0.11:
        stars.append(_nearby_star(rng))
    elif chance < 0.15:
        stars.append(_passing_spike(rng, roll))
    elif chance < 0.175:
        edge = _blank_corner(rng, roll)
    return Scene(roll, galaxies, stars, edge, draw_gradient(rng)), candidate


def draw_candidate(rng: np.random.Generator) -> Candidate:
    """Draw a galaxy beyond redshift 6: faint, small, blue, nothing in the bluest filter."""
    low, high = _REDSHIFTS
    redshift = low + (high - low) * rng.beta(1.5, 1.8)
    radius = float(np.clip(rng.lognormal(np.log(0.1), 0.5), 0.02, 0.35))
    magnitude = max(_faintest_magnitude(radius) - rng.exponential(0.8), _BRIGHTEST)
    slope = rng.normal(-2.0, 0.35)
    magnitudes = lyman_break_magnitudes(magnitude, slope, redshift)
    # The Balmer break and [O III] + H beta reach the reddest filter.
    magnitudes[-1] -= rng.uniform(0.0, 0.9)
    fluxes = fluxes_from_magnitudes(magnitudes)
    x, y = rng.uniform(-0.5, 0.5, 2) * PIXEL_SCALE
    parts = [_random_galaxy(rng, x, y, radius, fluxes)]
    if rng.random() < 0.2:
        distance, angle = rng.uniform(0.1, 0.25), rng.uniform(0, 2 * np.pi)
        clump = fluxes * rng.uniform(0.2, 0.8)
        x, y = x + distance * np.cos(angle), y + distance * np.sin(angle)
        parts.append(_random_galaxy(rng, x, y, 0.7 * radius, clump))
    return Candidate(parts, redshift, magnitude, radius)


def draw_field(rng: np.random.Generator) -> list[Galaxy]:
    """Draw the field galaxies of a cutout, without bright ones near its middle."""
    area = (2 * _FIELD_HALF_WIDTH) ** 2
    galaxies = []
    for _ in range(rng.poisson(_FIELD_DENSITY * area)):
        magnitude = max(_FIELD_LIMIT + np.log10(rng.random()) / _FIELD_SLOPE, 20.0)
        x, y = rng.uniform(-_FIELD_HALF_WIDTH, _FIELD_HALF_WIDTH, 2)
        galaxy = _field_galaxy(rng, x, y, magnitude)
        if magnitude > _SPOILING_MAGNITUDE or np.hypot(x, y) > _SPOILING_DISTANCE:
            galaxies.append(galaxy)
    return galaxies


def draw_gradient(rng: np.random.Generator) -> tuple[float, float]:
    """Draw the slope of the sky, in sigma over the cutout; it is nearly always flat."""
    if rng.random() > 0.1:
        return 0.0, 0.0
    x, y = rng.normal(0.0, 0.7, 2)
    return float(x), float(y)


def spiked_star(angle: float, along: float, beside: float, fluxes: Float64) -> Star:
    """Place a star whose spike, at an angle in radians, passes beside the middle of the cutout."""
    x = -along * np.cos(angle) - beside * np.sin(angle)
    y = -along * np.sin(angle) + beside * np.cos(angle)
    return Star(float(x), float(y), fluxes)


def _faintest_magnitude(radius: float) -> float:
    """Compute the magnitude of the faintest detected source of a size."""
    n_pixels = np.pi * (radius**2 + _SHARPEST_RADIUS**2) / PIXEL_SCALE**2
    least_flux = 2 * _LEAST_SIGNAL_TO_NOISE * np.sqrt(n_pixels)
    flux_at_zero = fluxes_from_magnitudes(np.zeros(len(FILTERS)))[_REFERENCE]
    return float(2.5 * np.log10(flux_at_zero / least_flux))


def _random_galaxy(
    rng: np.random.Generator, x: float, y: float, radius: float, fluxes: Float64
) -> Galaxy:
    """Draw the shape of a young galaxy."""
    index = float(np.clip(rng.lognormal(np.log(1.2), 0.45), 0.5, 4.0))
    return Galaxy(x, y, radius, index, rng.uniform(0.3, 1.0), rng.uniform(0, np.pi), fluxes)


def _field_galaxy(rng: np.random.Generator, x: float, y: float, magnitude: float) -> Galaxy:
    """Draw a galaxy of the field: the brighter, the larger."""
    radius = float(np.clip(0.25 * 10 ** (-0.09 * (magnitude - 24) + rng.normal(0, 0.2)), 0.03, 0.9))
    fluxes = fluxes_from_magnitudes(power_law_magnitudes(magnitude, rng.uniform(-2.2, 0.5)))
    index = float(np.clip(rng.lognormal(np.log(1.4), 0.5), 0.5, 4.0))
    return Galaxy(x, y, radius, index, rng.uniform(0.25, 1.0), rng.uniform(0, np.pi), fluxes)


def _around(rng: np.random.Generator, near: float, far: float) -> tuple[float, float]:
    """Draw a position at a distance from the middle, in arcsec."""
    distance, angle = rng.uniform(near, far), rng.uniform(0, 2 * np.pi)
    return float(distance * np.cos(angle)), float(distance * np.sin(angle))


def _bright_neighbor(rng: np.random.Generator) -> Galaxy:
    """Draw a bright galaxy at the border of the cutout."""
    x, y = _around(rng, 0.6, 1.05)
    return _field_galaxy(rng, x, y, rng.uniform(21.5, 24.5))


def _nearby_star(rng: np.random.Generator) -> Star:
    """Draw a star at the border of the cutout."""
    x, y = _around(rng, 0.55, 1.0)
    return Star(x, y, star_fluxes(rng.uniform(21.0, 24.0), rng.uniform(3000.0, 6500.0)))


def _passing_spike(rng: np.random.Generator, roll: float) -> Star:
    """Draw a star outside, whose spike crosses the cutout beside the source."""
    angle = np.deg2rad(roll + rng.choice(SPIKE_ANGLES))
    along, beside = rng.uniform(1.5, 5.0), rng.choice([-1, 1]) * rng.uniform(0.35, 0.7)
    magnitude = rng.uniform(16.5, 18.5) - 5 * np.log10(along / 2)
    fluxes = star_fluxes(magnitude, rng.uniform(3000.0, 6500.0))
    return spiked_star(angle, along, beside, fluxes)


def _blank_corner(rng: np.random.Generator, roll: float) -> Edge:
    """Draw an edge of the data that cuts off only a corner or a narrow strip."""
    angle = np.deg2rad(roll + 90 * rng.integers(4))
    # The distance of the cutout's corner in the direction of the edge.
    corner = _HALF_WIDTH * (abs(np.cos(angle)) + abs(np.sin(angle)))
    distances = corner - rng.uniform(0.05, 0.3) + rng.normal(0.0, 0.02, len(FILTERS))
    return Edge(float(angle), np.maximum(distances, 0.5))
