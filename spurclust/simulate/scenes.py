"""The scene of a cutout, and its image in the camera.

Positions are relative to the middle of the cutout, in arcsec; fluxes are totals, one per filter, in
units of the noise of one background pixel.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft
import scipy.ndimage
from numpy.typing import NDArray
from scipy.special import gamma

from spurclust.simulate.optics import FILTERS, FINE_SCALE, PIXEL_SCALE, Float32, Float64, light_at

# Width of a cutout in pixels.
N_PIXELS = 51
_N_FINE = 2 * N_PIXELS
# The Fourier grid is wider than the cutout by twice the reach of the kernel: light that leaves on
# one side comes in on the other, and this keeps it out of the cutout.
_KERNEL_REACH = 30
_N_GRID = _N_FINE + 2 * _KERNEL_REACH
# A galaxy's middle is steeper than the sampling: this many samples around it are averages.
_CUSP_REACH = 4
_CUSP_PARTS = 5
# Cusps are not sharper than the sampling, in arcsec.
_SOFTENING = 0.002
# Variance of a pixel per sigma of light in it, in units of the background's variance, for a
# background of 2500 electrons per pixel.
_VARIANCE_PER_SIGMA = 0.02
# Fewer dithers overlap near an edge of the data: the distance in arcsec, and the factor on the
# noise.
_THIN_COVERAGE_WIDTH = 0.2
_THIN_COVERAGE_NOISE = 1.5


@dataclass(frozen=True, eq=False)
class Galaxy:
    """A galaxy with a Sersic profile."""

    x: float
    y: float
    # Semi-major axis of the ellipse that holds half the light.
    effective_radius: float
    # 0.5 is a Gaussian, 1 a disk, 4 an elliptical galaxy.
    sersic_index: float
    axis_ratio: float
    # Of the long axis, in radians from the x axis towards the y axis.
    angle: float
    fluxes: Float64


@dataclass(frozen=True, eq=False)
class Star:
    """A point source, whose spikes may reach the cutout from outside."""

    x: float
    y: float
    fluxes: Float64


@dataclass(frozen=True, eq=False)
class Edge:
    """A straight edge of the data."""

    # Direction from the data to where there are none, in radians.
    angle: float
    # Distance from the middle of the cutout, one per filter: negative if the middle is off the
    # data, infinite without an edge.
    distances: Float64


@dataclass(frozen=True, eq=False)
class Scene:
    """The content of one cutout."""

    # Angle of the telescope, in degrees.
    roll: float
    galaxies: Sequence[Galaxy] = ()
    stars: Sequence[Star] = ()
    edge: Edge | None = None
    # Change of the sky over the cutout in x and y, in sigma.
    gradient: tuple[float, float] = (0.0, 0.0)


def pixel_offsets(n_pixels: int, scale: float) -> Float32:
    """List the centers of a row of pixels relative to its middle, in arcsec."""
    return ((np.arange(n_pixels) - (n_pixels - 1) / 2) * scale).astype(np.float32)


def render(scene: Scene) -> Float32:
    """Draw the light of a scene, without noise, of shape (n_filters, height, width)."""
    light = np.zeros((len(FILTERS), N_PIXELS, N_PIXELS), dtype=np.float32)
    if scene.galaxies:
        light += _binned(_convolved(scene.galaxies, scene.roll))
    for star in scene.stars:
        light += _star_light(star, scene.roll)
    return light


def observe(scene: Scene, rng: np.random.Generator) -> Float32:
    """Draw light, sky and noise, of shape (height, width, n_filters); NaN off the data."""
    light = render(scene)
    noise = _drizzled_noise(rng)
    noise *= np.sqrt(1 + _VARIANCE_PER_SIGMA * light)
    light += _sky(scene.gradient)
    if scene.edge is not None:
        beyond = _beyond(scene.edge)
        noise[beyond > -_THIN_COVERAGE_WIDTH] *= _THIN_COVERAGE_NOISE
        light[beyond > 0] = np.nan
    return np.ascontiguousarray(np.moveaxis(light + noise, 0, -1))


def sersic_profile(galaxy: Galaxy, x: Float32, y: Float32) -> Float32:
    """Compute the surface brightness, per square arcsec, of a galaxy of total flux 1."""
    # Graham & Driver 2005, PASA 22, 118; the coefficient b is that of Ciotti & Bertin 1999,
    # A&A 352, 447.
    n = galaxy.sersic_index
    b = 2 * n - 1 / 3 + 4 / (405 * n)
    cos, sin = np.float32(np.cos(galaxy.angle)), np.float32(np.sin(galaxy.angle))
    dx, dy = x - np.float32(galaxy.x), y - np.float32(galaxy.y)
    along = cos * dx + sin * dy
    across = (cos * dy - sin * dx) / np.float32(galaxy.axis_ratio)
    softening = np.float32(_SOFTENING**2)
    radius_squared = (along * along + across * across + softening) / np.float32(
        galaxy.effective_radius**2
    )
    area = np.pi * galaxy.effective_radius**2 * galaxy.axis_ratio
    total = 2 * n * b ** (-2 * n) * gamma(2 * n) * area
    profile: Float32 = np.exp(np.float32(-b) * radius_squared ** np.float32(0.5 / n))
    profile *= np.float32(1 / total)
    return profile


def _convolved(galaxies: Sequence[Galaxy], roll: float) -> Float32:
    """Draw galaxies through the optics in half pixels."""
    kernels = kernel_spectra(roll)
    spectra = np.zeros_like(kernels)
    offsets = pixel_offsets(_N_GRID, FINE_SCALE)
    for galaxy in galaxies:
        profile = _sampled_profile(galaxy, offsets)
        fluxes = (galaxy.fluxes * FINE_SCALE**2).astype(np.float32)
        spectra += fluxes[:, None, None] * scipy.fft.rfft2(profile, workers=1)
    spectra *= kernels
    images = scipy.fft.irfft2(spectra, s=(_N_GRID, _N_GRID), workers=1)
    inner = slice(_KERNEL_REACH, _KERNEL_REACH + _N_FINE)
    middle: Float32 = images[:, inner, inner]
    # The transform leaves rounding noise of either sign.
    return np.maximum(middle, 0)


def _sampled_profile(galaxy: Galaxy, offsets: Float32) -> Float32:
    """Draw a galaxy's profile; the samples of its cusp are means over their areas."""
    profile = sersic_profile(galaxy, offsets[None, :], offsets[:, None])
    inner, positions = [], []
    for center in (galaxy.y, galaxy.x):
        nearest = round((center - float(offsets[0])) / FINE_SCALE)
        inner.append(slice(max(nearest - _CUSP_REACH, 0), max(nearest + _CUSP_REACH + 1, 0)))
        parts = pixel_offsets(_CUSP_PARTS, FINE_SCALE / _CUSP_PARTS)
        positions.append((offsets[inner[-1]][:, None] + parts).ravel())
    y, x = positions
    cusp = sersic_profile(galaxy, x[None, :], y[:, None])
    blocks = cusp.reshape(len(y) // _CUSP_PARTS, _CUSP_PARTS, len(x) // _CUSP_PARTS, _CUSP_PARTS)
    profile[inner[0], inner[1]] = blocks.mean(axis=(1, 3))
    return profile


@lru_cache(maxsize=8)
def kernel_spectra(roll: float) -> NDArray[np.complex64]:
    """Compute the Fourier transforms of the cores of the point spread functions, one per filter."""
    reach = np.arange(-_KERNEL_REACH, _KERNEL_REACH + 1)
    x, y = np.meshgrid(reach * FINE_SCALE, reach * FINE_SCALE)
    kernels = np.zeros((len(FILTERS), _N_GRID, _N_GRID), dtype=np.float32)
    for kernel, band in zip(kernels, FILTERS, strict=True):
        kernel[np.ix_(reach, reach)] = light_at(band, x, y, roll)
    spectra: NDArray[np.complex64] = scipy.fft.rfft2(kernels, workers=1)
    spectra.flags.writeable = False
    return spectra


def _star_light(star: Star, roll: float) -> Float32:
    """Draw a star with its spikes."""
    offsets = pixel_offsets(_N_FINE, FINE_SCALE).astype(np.float64)
    x, y = np.meshgrid(offsets - star.x, offsets - star.y)
    shares = np.stack([light_at(band, x, y, roll) for band in FILTERS])
    return _binned(shares) * star.fluxes.astype(np.float32)[:, None, None]


def _binned(fine: Float32) -> Float32:
    """Sum half pixels, 2 x 2."""
    rows = fine[:, 0::2] + fine[:, 1::2]
    total: Float32 = rows[:, :, 0::2] + rows[:, :, 1::2]
    return total


def _drizzled_noise(rng: np.random.Generator) -> Float32:
    """Draw noise of sigma 1, correlated between neighboring pixels as in resampled data."""
    border = 3
    width = N_PIXELS + 2 * border
    noise = rng.standard_normal((len(FILTERS), width, width), dtype=np.float32)
    for layer, band in zip(noise, FILTERS, strict=True):
        kernel = np.exp(-0.5 * (np.arange(-border, border + 1) / band.noise_width) ** 2)
        kernel /= np.sqrt((kernel**2).sum())
        for axis in (0, 1):
            scipy.ndimage.correlate1d(layer, kernel, axis=axis, output=layer)
    return noise[:, border:-border, border:-border]


def _sky(gradient: tuple[float, float]) -> Float32:
    """Draw a tilted sky of mean 0."""
    offsets = pixel_offsets(N_PIXELS, 1 / N_PIXELS)
    return np.float32(gradient[0]) * offsets[None, :] + np.float32(gradient[1]) * offsets[:, None]


def _beyond(edge: Edge) -> Float64:
    """Compute how far each pixel lies beyond an edge, in arcsec, per filter."""
    offsets = pixel_offsets(N_PIXELS, PIXEL_SCALE).astype(np.float64)
    along = np.cos(edge.angle) * offsets[None, :] + np.sin(edge.angle) * offsets[:, None]
    beyond: Float64 = along - edge.distances[:, None, None]
    return beyond
