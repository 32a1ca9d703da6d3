"""The six filters of the simulated survey, and fluxes in units of their background noise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["FILTERS", "PIXEL_SCALE", "Filter", "fluxes_from_magnitudes"]

# Mosaics of NIRCam's short-wave detectors, 0.031 arcsec per pixel, are drizzled to this.
PIXEL_SCALE = 0.03
# Depths are quoted as 5 sigma within this radius, in arcsec.
_APERTURE_RADIUS = 0.15
_DEPTH_SIGNAL_TO_NOISE = 5.0


@dataclass(frozen=True)
class Filter:
    """A filter of the camera and what the survey reaches in it.

    The bandpass is taken as a top hat, which is close for wide filters.

    Attributes
    ----------
    name : str
        As in the file names, for example "F200W".
    blue, red : float
        Wavelengths of half transmission, in micrometres.
    depth : float
        AB magnitude of a source that is 5 sigma in an aperture of 0.15 arcsec radius.
    noise_width : float
        Standard deviation of the kernel that drizzling lays over the noise, in pixels.
    """

    name: str
    blue: float
    red: float
    depth: float
    noise_width: float

    @property
    def wavelength(self) -> float:
        """Middle of the band, in micrometres."""
        return (self.blue + self.red) / 2


# Half-power wavelengths: JWST User Documentation, "NIRCam Filters". Depths are those of a deep
# field. Long-wave pixels (0.063 arcsec) are drizzled to half their size, hence smoother noise.
FILTERS = (
    Filter("F090W", 0.795, 1.005, depth=29.2, noise_width=0.45),
    Filter("F115W", 1.013, 1.282, depth=29.2, noise_width=0.45),
    Filter("F150W", 1.331, 1.668, depth=29.2, noise_width=0.45),
    Filter("F200W", 1.755, 2.226, depth=29.3, noise_width=0.45),
    Filter("F277W", 2.416, 3.127, depth=29.6, noise_width=0.8),
    Filter("F444W", 3.881, 4.982, depth=29.3, noise_width=0.8),
)


def fluxes_from_magnitudes(magnitudes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Express AB magnitudes as total flux in units of the noise of one pixel.

    Parameters
    ----------
    magnitudes : ndarray of shape (n_filters,) or float
        AB magnitudes, one per filter or one for all; infinite means no light.

    Returns
    -------
    ndarray of shape (n_filters,)
        Fluxes, in background sigma of a pixel.

    Examples
    --------
    >>> fluxes_from_magnitudes(np.full(6, 29.2)).round()
    array([44., 44., 44., 49., 64., 49.])
    """
    depths = np.array([band.depth for band in FILTERS])
    n_pixels = np.pi * (_APERTURE_RADIUS / PIXEL_SCALE) ** 2
    at_depth = _DEPTH_SIGNAL_TO_NOISE * np.sqrt(n_pixels)
    fluxes: NDArray[np.float64] = at_depth * 10.0 ** (-0.4 * (magnitudes - depths))
    return fluxes
