"""From what is in the field of a cutout to its pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft
import scipy.ndimage
from numpy.typing import NDArray

from spurclust.simulate.filters import FILTERS, PIXEL_SCALE
from spurclust.simulate.galaxies import Galaxy, sersic_profile
from spurclust.simulate.optics import FINE_SCALE, light_at

__all__ = ["N_PIXELS", "Edge", "Scene", "Star", "observe", "pixel_offsets", "render"]

# Width of a cutout, and its half in arcsec.
N_PIXELS = 51
_N_FINE = 2 * N_PIXELS
# The Fourier grid is wider than the cutout by twice the reach of the kernel: light that leaves on
# one side comes in on the other, and this keeps it out of the cutout.
_KERNEL_REACH = 30
_N_GRID = _N_FINE + 2 * _KERNEL_REACH
# A galaxy's middle is steeper than the samples: this many around it are averages of parts.
_CUSP_REACH = 4
_CUSP_PARTS = 5
# Variance of a pixel, in units of the background's, for every sigma of light in it. Background of
# 2500 electrons per pixel.
_VARIANCE_PER_SIGMA = 0.02
# Near an edge of the data fewer dithers overlap: this close (arcsec), so much more noise.
_THIN_COVERAGE_WIDTH = 0.2
_THIN_COVERAGE_NOISE = 1.5


@dataclass(frozen=True, eq=False)
class Star:
    """A point source, whose spikes may reach the cutout from outside.

    Attributes
    ----------
    x, y : float
        Place relative to the middle of the cutout, in arcsec.
    fluxes : ndarray of shape (n_filters,)
        Total light per filter, in background sigma of a pixel.
    """

    x: float
    y: float
    fluxes: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Edge:
    """A straight edge of the data.

    Attributes
    ----------
    angle : float
        Direction from the data to where there are none, in radians from x towards y.
    distances : ndarray of shape (n_filters,)
        Where it is in every filter: arcsec from the middle of the cutout, negative when the middle
        itself is off the data, infinite when the filter has no edge here.
    """

    angle: float
    distances: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scene:
    """All that one cutout shows.

    Attributes
    ----------
    roll : float
        Angle of the telescope, in degrees.
    galaxies : sequence of Galaxy
        The galaxies.
    stars : sequence of Star
        The stars, in the cutout or outside.
    edge : Edge or None
        The edge of the data.
    gradient : tuple of float
        Change of the sky over the cutout in x and y, in sigma.
    """

    roll: float
    galaxies: Sequence[Galaxy] = ()
    stars: Sequence[Star] = ()
    edge: Edge | None = None
    gradient: tuple[float, float] = (0.0, 0.0)


def pixel_offsets(n_pixels: int, scale: float) -> NDArray[np.float32]:
    """List the centres of a row of pixels relative to its middle, in arcsec.

    Parameters
    ----------
    n_pixels : int
        How many.
    scale : float
        Width of a pixel in arcsec.

    Returns
    -------
    ndarray of shape (n_pixels,)
        The centres.
    """
    return ((np.arange(n_pixels) - (n_pixels - 1) / 2) * scale).astype(np.float32)


def render(scene: Scene) -> NDArray[np.float32]:
    """Draw the light of a scene, without noise.

    Parameters
    ----------
    scene : Scene
        What the cutout shows.

    Returns
    -------
    ndarray of shape (n_filters, height, width)
        Light per pixel, in background sigma.
    """
    light = np.zeros((len(FILTERS), N_PIXELS, N_PIXELS), dtype=np.float32)
    if scene.galaxies:
        light += _binned(_convolved(scene.galaxies, scene.roll))
    for star in scene.stars:
        light += _star_light(star, scene.roll)
    return light


def observe(scene: Scene, rng: np.random.Generator) -> NDArray[np.float32]:
    """Take the picture of a scene: light, sky and noise where there are data.

    Parameters
    ----------
    scene : Scene
        What the cutout shows.
    rng : numpy.random.Generator
        Where the noise comes from.

    Returns
    -------
    ndarray of shape (height, width, n_filters)
        In units of the background sigma; NaN off the data.
    """
    light = render(scene)
    noise = _drizzled_noise(rng)
    noise *= np.sqrt(1 + _VARIANCE_PER_SIGMA * light)
    light += _sky(scene.gradient)
    if scene.edge is not None:
        beyond = _beyond(scene.edge)
        noise[beyond > -_THIN_COVERAGE_WIDTH] *= _THIN_COVERAGE_NOISE
        light[beyond > 0] = np.nan
    return np.ascontiguousarray(np.moveaxis(light + noise, 0, -1))


def _convolved(galaxies: Sequence[Galaxy], roll: float) -> NDArray[np.float32]:
    """Draw galaxies through the optics in half pixels, for the whole Fourier grid's middle."""
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
    middle: NDArray[np.float32] = images[:, inner, inner]
    # The transform leaves rounding noise of either sign.
    return np.maximum(middle, 0)


def _sampled_profile(galaxy: Galaxy, offsets: NDArray[np.float32]) -> NDArray[np.float32]:
    """Draw a galaxy's profile, its cusp as means over the samples' areas."""
    profile = sersic_profile(galaxy, offsets[None, :], offsets[:, None])
    inner, places = [], []
    for centre in (galaxy.y, galaxy.x):
        nearest = round((centre - float(offsets[0])) / FINE_SCALE)
        inner.append(slice(max(nearest - _CUSP_REACH, 0), max(nearest + _CUSP_REACH + 1, 0)))
        parts = pixel_offsets(_CUSP_PARTS, FINE_SCALE / _CUSP_PARTS)
        places.append((offsets[inner[-1]][:, None] + parts).ravel())
    y, x = places
    cusp = sersic_profile(galaxy, x[None, :], y[:, None])
    blocks = cusp.reshape(len(y) // _CUSP_PARTS, _CUSP_PARTS, len(x) // _CUSP_PARTS, _CUSP_PARTS)
    profile[inner[0], inner[1]] = blocks.mean(axis=(1, 3))
    return profile


@lru_cache(maxsize=8)
def kernel_spectra(roll: float) -> NDArray[np.complex64]:
    """Fourier transforms of the cores of the point spread functions, kept for the next call.

    Parameters
    ----------
    roll : float
        Angle of the telescope, in degrees.

    Returns
    -------
    ndarray of shape (n_filters, n_grid, n_grid // 2 + 1)
        The transforms. Not to be written to.
    """
    reach = np.arange(-_KERNEL_REACH, _KERNEL_REACH + 1)
    x, y = np.meshgrid(reach * FINE_SCALE, reach * FINE_SCALE)
    kernels = np.zeros((len(FILTERS), _N_GRID, _N_GRID), dtype=np.float32)
    for kernel, band in zip(kernels, FILTERS, strict=True):
        kernel[np.ix_(reach, reach)] = light_at(band, x, y, roll)
    spectra: NDArray[np.complex64] = scipy.fft.rfft2(kernels, workers=1)
    spectra.flags.writeable = False
    return spectra


def _star_light(star: Star, roll: float) -> NDArray[np.float32]:
    """Draw a star with its spikes."""
    offsets = pixel_offsets(_N_FINE, FINE_SCALE).astype(np.float64)
    x, y = np.meshgrid(offsets - star.x, offsets - star.y)
    shares = np.stack([light_at(band, x, y, roll) for band in FILTERS])
    return _binned(shares) * star.fluxes.astype(np.float32)[:, None, None]


def _binned(fine: NDArray[np.float32]) -> NDArray[np.float32]:
    """Add up half pixels, 2 x 2."""
    rows = fine[:, 0::2] + fine[:, 1::2]
    total: NDArray[np.float32] = rows[:, :, 0::2] + rows[:, :, 1::2]
    return total


def _drizzled_noise(rng: np.random.Generator) -> NDArray[np.float32]:
    """Noise of sigma 1, correlated between neighbouring pixels as resampled data have it."""
    border = 3
    width = N_PIXELS + 2 * border
    noise = rng.standard_normal((len(FILTERS), width, width), dtype=np.float32)
    for layer, band in zip(noise, FILTERS, strict=True):
        kernel = np.exp(-0.5 * (np.arange(-border, border + 1) / band.noise_width) ** 2)
        kernel /= np.sqrt((kernel**2).sum())
        for axis in (0, 1):
            scipy.ndimage.correlate1d(layer, kernel, axis=axis, output=layer)
    return noise[:, border:-border, border:-border]


def _sky(gradient: tuple[float, float]) -> NDArray[np.float32]:
    """Draw a tilted sky of mean 0."""
    place = pixel_offsets(N_PIXELS, 1 / N_PIXELS)
    return np.float32(gradient[0]) * place[None, :] + np.float32(gradient[1]) * place[:, None]


def _beyond(edge: Edge) -> NDArray[np.float64]:
    """How far each pixel lies beyond an edge, in arcsec, per filter."""
    offsets = pixel_offsets(N_PIXELS, PIXEL_SCALE).astype(np.float64)
    along = np.cos(edge.angle) * offsets[None, :] + np.sin(edge.angle) * offsets[:, None]
    beyond: NDArray[np.float64] = along - edge.distances[:, None, None]
    return beyond
