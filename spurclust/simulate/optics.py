"""The telescope: its filters, its pupil, and the point spread functions.

The pupil is JWST's: 18 hexagons around an empty center, crossed by the three struts that carry the
secondary mirror. Its power spectrum is the image of a point source at one wavelength; the image in
a filter is a mean over its band. Straight edges make spikes at right angles. The hexagons make six
strong spikes, and the two lower struts strengthen four of them. The upper strut makes two weak
spikes.

References
----------
Perrin M. D. et al. 2014, "Updated optical modeling of JWST with WebbPSF", SPIE 9143, 91433X.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft
import scipy.ndimage
import scipy.sparse
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

# Mosaics of NIRCam's short-wave detectors, 0.031 arcsec per pixel, are drizzled to this.
PIXEL_SCALE = 0.03
# Depths are quoted as 5 sigma within this radius, in arcsec.
_APERTURE_RADIUS = 0.15
_DEPTH_SIGNAL_TO_NOISE = 5.0
# Two samples per pixel: 0.9 micrometers need 0.014 arcsec to be sampled critically.
FINE_SCALE = PIXEL_SCALE / 2
# Directions of the spikes, in degrees from the x axis towards the y axis, at roll 0.
SPIKE_ANGLES = (30.0, 90.0, 150.0, 210.0, 270.0, 330.0)
WEAK_SPIKE_ANGLES = (0.0, 180.0)

# In meters, from the aperture model of WebbPSF (Perrin et al. 2014): the distance between the
# centers of two segments, the distance between two opposite sides of one, the widths of the struts.
_SEGMENT_PITCH = 1.3235
_SEGMENT_WIDTH = 1.3138
_UPPER_STRUT_WIDTH = 0.1105
_LOWER_STRUT_WIDTH = 0.1224
_LOWER_STRUT_ANGLES = (-60.0, -120.0)

# The step in the pupil (meters) sets the size of the image without wrapping: 10 arcsec at 0.8
# micrometers. The number of steps sets the sampling: a quarter of wavelength / 6.5 m.
_PUPIL_STEP = 0.008
_N_STEPS = 3240
_WAVELENGTHS_PER_BAND = 25
_ARCSEC = np.pi / (180 * 3600)
# Spikes are drawn to this distance from their star, in arcsec.
_EXTENT = 9.0


@dataclass(frozen=True)
class Filter:
    """A filter of the camera, as a top hat, with its depth in the survey."""

    name: str
    # Wavelengths of half transmission, in micrometers.
    blue: float
    red: float
    # AB magnitude of a source that is 5 sigma in an aperture of 0.15 arcsec radius.
    depth: float
    # Standard deviation of the kernel that drizzling lays over the noise, in pixels.
    noise_width: float

    @property
    def wavelength(self) -> float:
        """Middle of the band, in micrometers."""
        return (self.blue + self.red) / 2


# Half-power wavelengths: JWST User Documentation, "NIRCam Filters". Depths are those of a deep
# field. Long-wave pixels (0.063 arcsec) are drizzled to half their size, which smooths the noise.
FILTERS = (
    Filter("F090W", 0.795, 1.005, depth=29.2, noise_width=0.45),
    Filter("F115W", 1.013, 1.282, depth=29.2, noise_width=0.45),
    Filter("F150W", 1.331, 1.668, depth=29.2, noise_width=0.45),
    Filter("F200W", 1.755, 2.226, depth=29.3, noise_width=0.45),
    Filter("F277W", 2.416, 3.127, depth=29.6, noise_width=0.8),
    Filter("F444W", 3.881, 4.982, depth=29.3, noise_width=0.8),
)


def fluxes_from_magnitudes(magnitudes: Float64) -> Float64:
    """Express AB magnitudes in all filters as fluxes in units of the noise of one pixel."""
    depths = np.array([band.depth for band in FILTERS])
    n_pixels = np.pi * (_APERTURE_RADIUS / PIXEL_SCALE) ** 2
    at_depth = _DEPTH_SIGNAL_TO_NOISE * np.sqrt(n_pixels)
    fluxes: Float64 = at_depth * 10.0 ** (-0.4 * (magnitudes - depths))
    return fluxes


def draw_pupil(n_pixels: int, step: float) -> Float32:
    """Draw the transmission of the pupil, from 0 to 1, in pixels of `step` meters."""
    # The center is the pixel n_pixels // 2, and the y axis points to the single upper strut.
    axis = ((np.arange(n_pixels) - n_pixels // 2) * step).astype(np.float32)
    x, y = axis[None, :], axis[:, None]
    pupil = np.zeros((n_pixels, n_pixels), dtype=np.float32)
    reach = int(np.ceil(_SEGMENT_WIDTH / np.sqrt(3) / step)) + 2
    for x0, y0 in _segment_centers():
        column, row = (round(c / step) + n_pixels // 2 for c in (x0, y0))
        cols = slice(max(column - reach, 0), column + reach)
        rows = slice(max(row - reach, 0), row + reach)
        pupil[rows, cols] += _hexagon(x[:, cols] - x0, y[rows] - y0, step)
    struts = [(90.0, _UPPER_STRUT_WIDTH)] + [(a, _LOWER_STRUT_WIDTH) for a in _LOWER_STRUT_ANGLES]
    for angle, width in struts:
        pupil *= 1 - _strut(x, y, np.deg2rad(angle), width, step)
    return pupil


def _segment_centers() -> list[tuple[float, float]]:
    """List the centers of the 18 hexagons, two rings around the missing one."""
    centers = []
    for i in range(-2, 3):
        for j in range(-2, 3):
            if (i, j) != (0, 0) and abs(i + j) <= 2:
                x = _SEGMENT_PITCH * np.sqrt(3) / 2 * i
                centers.append((float(x), _SEGMENT_PITCH * (j + i / 2)))
    return centers


def _inside(distance: Float32, step: float) -> Float32:
    """Return the share of a pixel inside an edge; hard pixels would scatter light."""
    share: Float32 = np.clip(distance / step + 0.5, 0, 1).astype(np.float32)
    return share


def _hexagon(x: Float32, y: Float32, step: float) -> Float32:
    """Draw a segment: a hexagon with two sides parallel to the x axis."""
    nearest = np.full(np.broadcast_shapes(x.shape, y.shape), np.inf, dtype=np.float32)
    for angle in np.deg2rad(SPIKE_ANGLES[:3]):
        across = np.abs(np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y)
        nearest = np.minimum(nearest, np.float32(_SEGMENT_WIDTH / 2) - across)
    return _inside(nearest, step)


def _strut(x: Float32, y: Float32, angle: float, width: float, step: float) -> Float32:
    """Draw a strut that goes outwards from the center."""
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    across = np.abs(sin * x - cos * y)
    along = cos * x + sin * y
    return _inside(np.float32(width / 2) - across, step) * _inside(along, step)


@lru_cache(maxsize=1)
def _diffraction_quadrant() -> Float32:
    """Compute the upper right quarter of a point source's image against angle / wavelength."""
    # The pupil is real and symmetric in x, so all four quarters are equal.
    n_pupil = int(6.8 / _PUPIL_STEP)
    pupil = draw_pupil(n_pupil, _PUPIL_STEP)
    n_kept = _N_STEPS // 2
    # Along y first, and only for the kept half: half the work of a plain 2-D transform.
    rows = scipy.fft.rfft(pupil, n=_N_STEPS, axis=1, workers=1)[:, :n_kept]
    field = scipy.fft.fft(rows, n=_N_STEPS, axis=0, workers=1)[:n_kept]
    power: Float32 = field.real**2 + field.imag**2
    return power


def _triangle_cdf(t: Float64) -> Float64:
    """Integrate the triangle of width 2 and area 1 from the left."""
    t = np.clip(t, -1, 1)
    area: Float64 = np.where(t < 0, (1 + t) ** 2 / 2, 1 - (1 - t) ** 2 / 2)
    return area


def _pixel_weights(n_fine: int, ratio: float) -> scipy.sparse.csr_array:
    """Return weights that integrate interpolated samples over pixels `ratio` samples wide."""
    centers = np.arange(n_fine)[:, None] * ratio
    first = np.floor(centers - ratio / 2).astype(np.int64)
    samples = first + np.arange(int(np.ceil(ratio)) + 3)
    weights = _triangle_cdf(centers + ratio / 2 - samples) - _triangle_cdf(
        centers - ratio / 2 - samples
    )
    rows = np.broadcast_to(np.arange(n_fine)[:, None], samples.shape)
    # A sample left of the center equals its mirror image.
    entries = (weights.astype(np.float32).ravel(), (rows.ravel(), np.abs(samples).ravel()))
    return scipy.sparse.csr_array(scipy.sparse.coo_array(entries))


@lru_cache(maxsize=len(FILTERS))
def psf_quadrant(band: Filter) -> Float32:
    """Compute the upper right quarter of a point spread function, in pixels of 0.015 arcsec."""
    # The first pixel is centered on the source; the four quarters together sum to 1.
    monochromatic = _diffraction_quadrant()
    n_fine = int(_EXTENT / FINE_SCALE)
    quadrant = np.zeros((n_fine, n_fine), dtype=np.float32)
    edges = np.linspace(band.blue, band.red, _WAVELENGTHS_PER_BAND + 1) * 1e-6
    for wavelength in (edges[:-1] + edges[1:]) / 2:
        ratio = FINE_SCALE * _ARCSEC / wavelength * _N_STEPS * _PUPIL_STEP
        weights = _pixel_weights(n_fine, float(ratio))
        n_used = weights.shape[1]
        columns = weights @ monochromatic[:n_used, :n_used]
        quadrant += (weights @ np.ascontiguousarray(columns.T)).T
    counts = np.full(n_fine, 2.0)
    counts[0] = 1.0
    quadrant /= np.float32(counts @ quadrant.astype(np.float64) @ counts)
    quadrant.flags.writeable = False
    return quadrant


def light_at(band: Filter, x: Float64, y: Float64, roll: float) -> Float32:
    """Interpolate the point spread function, per fine pixel, at distances in arcsec."""
    cos, sin = np.cos(np.deg2rad(roll)), np.sin(np.deg2rad(roll))
    positions = np.abs(np.stack([cos * y - sin * x, cos * x + sin * y])) / FINE_SCALE
    light: Float32 = scipy.ndimage.map_coordinates(
        psf_quadrant(band), positions, order=1, mode="constant", cval=0.0, output=np.float32
    )
    return light


def point_spread_function(name: str, n_pixels: int = 401, *, roll: float = 0.0) -> Float32:
    """Return the image of a point source through a filter.

    Use it to look at the optics, or for your own simulations. The optics are perfect: there is no
    wavefront error and no scattering in the detector.

    Parameters
    ----------
    name : str
        The filter, for example "F200W".
    n_pixels : int, default=401
        Width of the image in pixels of 0.015 arcsec; with an odd number the source is centered on a
        pixel. There is no light more than 9 arcsec from the source.
    roll : float, default=0.0
        Angle by which the telescope is turned, in degrees from the x axis towards the y axis. At 0
        the strong spikes are at 30, 90, 150, ... degrees and the weak ones at 0 and 180.

    Returns
    -------
    ndarray of shape (n_pixels, n_pixels)
        The light of a source of flux 1; nearly all of it if the image is large enough.

    Raises
    ------
    ValueError
        When there is no filter of that name, or `n_pixels` is less than 1.

    Examples
    --------
    >>> image = point_spread_function("F200W", 201)
    >>> image.shape, int(image.argmax()) == 100 * 201 + 100
    ((201, 201), True)
    """
    bands = {band.name: band for band in FILTERS}
    if name not in bands:
        raise ValueError(f"there is no filter {name!r}: choose from {', '.join(bands)}")
    if n_pixels < 1:
        raise ValueError(f"n_pixels is {n_pixels}: give at least 1")
    offsets = (np.arange(n_pixels) - (n_pixels - 1) / 2) * FINE_SCALE
    x, y = np.meshgrid(offsets, offsets)
    return light_at(bands[name], x, y, roll)
