"""What is measured in each panel by direction: wedges, lines, and the power spectrum."""

from functools import lru_cache

import numpy as np
import scipy.fft
import scipy.sparse
from numpy.typing import NDArray

from spurclust.features.panel_features import TINY, Features
from spurclust.features.panels import Float32, Panels
from spurclust.features.weights import N_ANGLES, N_WEDGES, sum_weighted

HARMONICS = (1, 2, 3, 4, 6)
"""Periods around the centre that are measured: one neighbour, a bar, three to six spikes."""

FREQUENCIES = (0.0, 0.06, 0.12, 0.2, 0.3, 0.8)
"""Limits of the bands of the power spectrum, in cycles per pixel."""


def measure_wedges(panels: Panels, wedges: Float32, name: str) -> Features:
    """Measure how light depends on the direction from the centre.

    Parameters
    ----------
    panels : Panels
        Of shape (n, height, width).
    wedges : ndarray of shape (n, 24)
        Mean grey level of each wedge.
    name : str
        Which wedges they are.

    Returns
    -------
    dict of str to ndarray of shape (n,)
        Brightest wedge, scatter, contrast to the median wedge, brightest pair of opposite wedges,
        and the strength of each harmonic.
    """
    above = wedges - panels.median[:, None]
    scatter = above.std(axis=1)
    typical = np.median(above, axis=1)
    opposite = above.reshape(len(above), 2, N_WEDGES // 2).min(axis=1)
    strength = np.abs(scipy.fft.rfft(above, axis=1)) / N_WEDGES
    signal = (above.max(axis=1) - typical) / panels.noise
    axis_signal = (opposite.max(axis=1) - np.median(opposite, axis=1)) / panels.noise
    return {
        f"{name}_wedge_max": above.max(axis=1),
        f"{name}_wedge_scatter": scatter,
        f"{name}_wedge_signal": np.arcsinh(signal),
        f"{name}_axis_signal": np.arcsinh(axis_signal),
        **{f"{name}_harmonic{m}": strength[:, m] / (scatter + TINY) for m in HARMONICS},
    }


def measure_streaks(panels: Panels, lines: Float32) -> tuple[Features, Float32]:
    """Measure streaks in a Radon transform.

    Parameters
    ----------
    panels : Panels
        Of shape (n, height, width).
    lines : ndarray of shape (n, 24, n_lines)
        Means of the grey level above the median along lines of each direction.

    Returns
    -------
    features : dict of str to ndarray of shape (n,)
        The brightest line, its signal and its contrast to the brightest line of a typical
        direction; how the directions differ; the line through the centre; the direction of the
        streak as the angle to the nearest side, in degrees.
    direction : ndarray of shape (n,)
        Angle of the streak's normal to the x axis, in radians, from 0 to pi.
    """
    noise = panels.noise
    best, scatter = lines.max(axis=2), lines.std(axis=2)
    through = lines[:, :, lines.shape[2] // 2]
    most = best.max(axis=1)
    direction = scatter.argmax(axis=1)
    # Folded, so that flips and quarter turns of the panel do not matter.
    turned = direction % (N_ANGLES // 2)
    folded = np.minimum(turned, N_ANGLES // 2 - turned) * (180 / N_ANGLES)
    centre_line = through.max(axis=1) - np.median(through, axis=1)
    features = {
        "streak": most,
        "streak_signal": np.arcsinh(most / noise),
        "streak_contrast": most / (np.median(best, axis=1) + noise / 3),
        "streak_scatter": scatter.max(axis=1) / (np.median(scatter, axis=1) + noise / 10),
        "streak_isotropy": scatter.min(axis=1) / (scatter.max(axis=1) + TINY),
        "streak_angle": folded.astype(np.float32),
        "centre_line_signal": np.arcsinh(centre_line / noise),
    }
    return features, np.asarray(direction * (np.pi / N_ANGLES), dtype=np.float32)


def measure_spectrum(panels: Panels) -> Features:
    """Measure how the power is distributed over spatial frequencies.

    Parameters
    ----------
    panels : Panels
        Of shape (n, height, width).

    Returns
    -------
    dict of str to ndarray of shape (n,)
        Logarithm of the share of each band of frequencies.
    """
    window, bands = _window_and_bands(*panels.grey.shape[1:])
    waves = scipy.fft.rfft2((panels.grey - panels.grey.mean(axis=(1, 2), keepdims=True)) * window)
    power = (waves.real**2 + waves.imag**2).reshape(len(waves), -1)
    sums = sum_weighted(bands, power)
    shares = sums / (sums.sum(axis=1, keepdims=True) + np.float32(1e-9))
    return {f"power{k + 1}": np.log(shares[:, k] + np.float32(1e-4)) for k in range(sums.shape[1])}


@lru_cache(maxsize=8)
def _window_and_bands(height: int, width: int) -> tuple[Float32, scipy.sparse.csr_array]:
    """Make the window of panels of one shape, and the weights that sum bands of frequencies."""
    frequency = np.hypot(scipy.fft.fftfreq(height)[:, None], scipy.fft.rfftfreq(width)).ravel()
    # The columns that rfft2 leaves out mirror those it keeps.
    twice = np.full((height, width // 2 + 1), 2.0, dtype=np.float32)
    twice[:, 0] = 1
    if width % 2 == 0:
        twice[:, -1] = 1
    band = np.searchsorted(FREQUENCIES, frequency, side="right") - 1
    bands = scipy.sparse.csr_array((twice.ravel(), (band, np.arange(len(band)))))
    return np.outer(_taper(height), _taper(width)), bands


def _taper(length: int) -> Float32:
    """Make a window that falls to nothing at both ends; constant for very few pixels."""
    if length < 4:
        return np.ones(length, dtype=np.float32)
    return np.asarray(np.hanning(length + 2)[1:-1], dtype=np.float32)


def line_levels(sums: Float32, panels: Panels, long_lines: NDArray[np.bool_]) -> Float32:
    """Turn means along lines into (n, 24, n_lines) above the median, 0 for lines too short."""
    lines = sums.reshape(len(sums), *long_lines.shape)
    return np.asarray(np.where(long_lines, lines - panels.median[:, None, None], 0))
