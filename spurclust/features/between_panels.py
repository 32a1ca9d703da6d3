"""What is measured between the panels of one cutout."""

import numpy as np
from numpy.typing import NDArray

from spurclust.features.panel_features import Features
from spurclust.features.panels import Float32, Panels
from spurclust.features.weights import PanelPlaces


def measure_likeness(panels: Panels, places: PanelPlaces, n_panels: int) -> Features:
    """Measure how alike the panels of a cutout are.

    Parameters
    ----------
    panels : Panels
        Of shape (n_sources * n_panels, height, width).
    places : PanelPlaces
        Of their shape.
    n_panels : int
        Panels of a cutout, at least 2.

    Returns
    -------
    dict of str to ndarray of shape (n_sources,)
        Correlations of smoothed panels, in all pixels, in the centre and in the outer part: least,
        mean, second largest and largest of all pairs, the panel least like the others, and those
        of neighbouring panels.
    """
    above = panels.smooth - panels.median[:, None, None]
    close = places.radius_pixels <= max(5.0, float(places.radius_pixels.min()))
    features: Features = {}
    for name, where in {"all": None, "centre": close, "outer": places.radius > 0.5}.items():
        pixels = above.reshape(len(above), -1) if where is None else above[:, where]
        matrix = _correlations(pixels.reshape(-1, n_panels, pixels.shape[1]))
        first, second = np.triu_indices(n_panels, 1)
        pairs = np.sort(matrix[:, first, second], axis=1)
        others = (matrix.sum(axis=2) - 1) / (n_panels - 1)
        features |= {
            f"likeness_{name}_min": pairs[:, 0],
            f"likeness_{name}_mean": pairs.mean(axis=1),
            f"likeness_{name}_second": pairs[:, max(pairs.shape[1] - 2, 0)],
            f"likeness_{name}_max": pairs[:, -1],
            f"likeness_{name}_odd": others.min(axis=1),
        }
        features |= {
            f"likeness_{name}_panel{k + 1}_panel{k + 2}": matrix[:, k, k + 1]
            for k in range(n_panels - 1)
        }
    return features


def _correlations(pixels: Float32) -> Float32:
    """Correlate all panels of each cutout with each other; 0 with a constant one."""
    centred = pixels - pixels.mean(axis=2, keepdims=True)
    length = np.sqrt((centred**2).sum(axis=2, keepdims=True))
    unit = centred / np.maximum(length, np.float32(1e-6))
    return np.asarray(unit @ unit.transpose(0, 2, 1))


def measure_agreement(panels: Panels, own: Features, direction: Float32, n_panels: int) -> Features:
    """Measure how far the panels of a cutout agree about blank pixels, source and streak.

    Parameters
    ----------
    panels : Panels
        Of shape (n_sources * n_panels, height, width).
    own : dict of str to ndarray of shape (n_sources * n_panels,)
        What was measured in each panel.
    direction : ndarray of shape (n_sources * n_panels,)
        Angle of the streak in each panel, in radians.
    n_panels : int
        Panels of a cutout, at least 2.

    Returns
    -------
    dict of str to ndarray of shape (n_sources,)
        Shares of pixels blank in all and in any panel; the largest and the second largest contrast
        of the centre, and by how much; colours: differences of the contrast between neighbouring
        panels; alignment of the streaks, from 0 to 1.
    """
    blank = panels.blank.reshape(-1, n_panels, panels.blank[0].size)
    contrast = own["centre_contrast"].reshape(-1, n_panels)
    ranked = np.sort(contrast, axis=1)
    signal = np.sort(own["centre_signal"].reshape(-1, n_panels), axis=1)
    weight = own["streak_signal"].reshape(-1, n_panels)
    waves = weight * np.exp(2j * direction.reshape(-1, n_panels))
    return {
        "blank_in_all": _share(np.asarray(blank.all(axis=1))),
        "blank_in_any": _share(np.asarray(blank.any(axis=1))),
        "contrast_max": ranked[:, -1],
        "contrast_second": ranked[:, -2],
        "contrast_alone": ranked[:, -1] - ranked[:, -2],
        "signal_max": signal[:, -1],
        "signal_second": signal[:, -2],
        "signal_alone": signal[:, -1] - signal[:, -2],
        **{
            f"colour_panel{k + 1}_panel{k + 2}": contrast[:, k] - contrast[:, k + 1]
            for k in range(n_panels - 1)
        },
        "streak_alignment": np.asarray(
            np.abs(waves.sum(axis=1)) / (np.abs(weight).sum(axis=1) + 1e-3), dtype=np.float32
        ),
    }


def _share(mask: NDArray[np.bool_]) -> Float32:
    """Return the share of true values of each row."""
    return np.asarray(np.count_nonzero(mask, axis=1) / mask.shape[1], dtype=np.float32)
