"""Galaxies: their profiles, and their magnitudes in every filter."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gamma

from spurclust.simulate.filters import FILTERS

__all__ = ["Galaxy", "lyman_break_magnitudes", "power_law_magnitudes", "sersic_profile"]

_LYMAN_ALPHA = 0.1216  # micrometres
# Magnitudes are given at this wavelength, in micrometres: the middle of F150W.
_REFERENCE_WAVELENGTH = 1.5
# A cusp is not drawn sharper than the samples can hold, in arcsec.
_SOFTENING = 0.002


@dataclass(frozen=True, eq=False)
class Galaxy:
    """A galaxy with a Sersic profile.

    Attributes
    ----------
    x, y : float
        Place relative to the middle of the cutout, in arcsec.
    effective_radius : float
        Semi-major axis of the ellipse that holds half the light, in arcsec.
    sersic_index : float
        0.5 is a Gaussian, 1 a disc, 4 an elliptical galaxy.
    axis_ratio : float
        Short by long axis, in (0, 1].
    angle : float
        Direction of the long axis, in radians from the x axis towards the y axis.
    fluxes : ndarray of shape (n_filters,)
        Total light per filter, in background sigma of a pixel.
    """

    x: float
    y: float
    effective_radius: float
    sersic_index: float
    axis_ratio: float
    angle: float
    fluxes: NDArray[np.float64]


def sersic_profile(
    galaxy: Galaxy, x: NDArray[np.float32], y: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Draw the surface brightness of a galaxy of total flux 1.

    Parameters
    ----------
    galaxy : Galaxy
        The galaxy; its fluxes are not used.
    x, y : ndarray
        Places relative to the middle of the cutout, in arcsec, in shapes that broadcast.

    Returns
    -------
    ndarray
        Flux per square arcsec.

    References
    ----------
    Graham A. W. & Driver S. P. 2005, "A concise reference to (projected) Sersic quantities", PASA
    22, 118. Ciotti L. & Bertin G. 1999, A&A 352, 447 (the coefficient b).
    """
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
    profile: NDArray[np.float32] = np.exp(np.float32(-b) * radius_squared ** np.float32(0.5 / n))
    profile *= np.float32(1 / total)
    return profile


def power_law_magnitudes(magnitude: float, slope: float) -> NDArray[np.float64]:
    """Compute the magnitudes of a spectrum that is a power law.

    Parameters
    ----------
    magnitude : float
        AB magnitude at 1.5 micrometres.
    slope : float
        The exponent of the flux per unit wavelength; -2 is the same magnitude everywhere.

    Returns
    -------
    ndarray of shape (n_filters,)
        AB magnitudes.

    Examples
    --------
    >>> power_law_magnitudes(28.0, -2.0).tolist()
    [28.0, 28.0, 28.0, 28.0, 28.0, 28.0]
    """
    ratio = np.array([band.wavelength for band in FILTERS]) / _REFERENCE_WAVELENGTH
    magnitudes: NDArray[np.float64] = magnitude - 2.5 * (slope + 2) * np.log10(ratio)
    return magnitudes


def lyman_break_magnitudes(magnitude: float, slope: float, redshift: float) -> NDArray[np.float64]:
    """Compute magnitudes of a young galaxy behind neutral gas: no light blueward of Lyman alpha.

    Parameters
    ----------
    magnitude : float
        AB magnitude at 1.5 micrometres.
    slope : float
        The exponent of the flux per unit wavelength in the rest-frame ultraviolet, about -2.
    redshift : float
        The redshift; blueward of 0.1216 (1 + redshift) micrometres there is no light.

    Returns
    -------
    ndarray of shape (n_filters,)
        AB magnitudes, infinite in a filter that lies blueward of the break.

    Examples
    --------
    >>> lyman_break_magnitudes(28.0, -2.0, 7.5).round(2).tolist()
    [inf, 28.09, 28.0, 28.0, 28.0, 28.0]
    """
    break_wavelength = _LYMAN_ALPHA * (1 + redshift)
    share = np.array([(b.red - max(b.blue, break_wavelength)) / (b.red - b.blue) for b in FILTERS])
    with np.errstate(divide="ignore"):
        dimming = -2.5 * np.log10(np.clip(share, 0, 1))
    magnitudes: NDArray[np.float64] = power_law_magnitudes(magnitude, slope) + dimming
    return magnitudes
