"""What is measured in each panel: light, blank pixels, profiles, shape, and neighbours."""

import numpy as np
from numpy.typing import NDArray

from spurclust.features.panels import QUANTILES, Float32, Panels
from spurclust.features.weights import N_RINGS, PanelPlaces, sum_weighted

Features = dict[str, Float32]

TINY = np.float32(1e-3)
"""Added to grey levels that something is divided by."""

LIGHT_SIGMA = 2.0
"""Light is what exceeds the median by so many times the noise."""

BRIGHT_SIGMA = 1.3
"""Smoothed pixels this far above the median, in noise before smoothing, are bright: four times
the noise that smoothing leaves."""


def measure_levels(panels: Panels) -> Features:
    """Measure how grey levels are distributed, whatever the unit of the data.

    Parameters
    ----------
    panels : Panels
        Of shape (n, height, width).

    Returns
    -------
    dict of str to ndarray of shape (n,)
        Quantiles; the level of the darkest pixels in units of the noise and the brightest pixel in
        units of the range, compressed; noise and its share of the scatter.
    """
    span = panels.high - panels.low
    scatter = panels.grey.std(axis=(1, 2))
    names = [f"quantile_{100 * share:02.0f}" for share in QUANTILES]
    return {
        **dict(zip(names, panels.quantiles.T, strict=True)),
        "level": np.arcsinh(panels.low / np.where(span > 0, span * panels.noise, np.inf)),
        "peak": np.log1p((panels.most - panels.low) / np.where(span > 0, span, 1)),
        "noise": panels.noise,
        "noise_share": panels.noise / (scatter + TINY),
    }


def measure_blank(panels: Panels, places: PanelPlaces) -> Features:
    """Measure where a panel has no data.

    Parameters
    ----------
    panels : Panels
        Of shape (n, height, width).
    places : PanelPlaces
        Of their shape.

    Returns
    -------
    dict of str to ndarray of shape (n,)
        Fractions of blank pixels: all, near the centre, along the border; the distance of the
        nearest from the centre in half panels (2 where none); fraction of flat pixels.
    """
    blank = panels.blank
    near = places.radius <= max(0.5, float(places.radius.min()))
    return {
        "blank": _mean(blank),
        "blank_centre": _mean(blank[:, near]),
        "blank_border": _mean(blank[:, places.border]),
        "blank_distance": np.where(blank, places.radius, np.float32(2)).min(axis=(1, 2)),
        "flat": _mean(panels.flat),
    }


def _mean(mask: NDArray[np.bool_]) -> Float32:
    """Return the share of true values of each panel."""
    rows = mask.reshape(len(mask), -1)
    return np.asarray(np.count_nonzero(rows, axis=1) / rows.shape[1], dtype=np.float32)


def measure_profile(panels: Panels, sums: dict[str, Float32], ring_squares: Float32) -> Features:
    """Measure rings around the centre, the source in it, and the sky around the source.

    Parameters
    ----------
    panels : Panels
        Of shape (n, height, width).
    sums : dict of str to ndarray of shape (n, n_parts)
        Sums of the grey levels over the parts of a panel.
    ring_squares : ndarray of shape (n, 8)
        Means of the squared grey levels over the rings.

    Returns
    -------
    dict of str to ndarray of shape (n,)
        Mean and scatter of each ring; the centre's level, and its contrast to the median and to the
        sky around it in units of the noise, compressed.
    """
    rings = sums["rings"]
    scatter = np.sqrt(np.maximum(ring_squares - rings**2, 0))
    centre, sky = sums["centre"][:, 0], sums["sky"][:, 0]
    features = {f"ring{k + 1}_mean": rings[:, k] for k in range(N_RINGS)}
    features |= {f"ring{k + 1}_scatter": scatter[:, k] for k in range(N_RINGS)}
    return features | {
        "centre": centre,
        "centre_signal": np.arcsinh((centre - panels.median) / panels.noise),
        "centre_contrast": np.arcsinh((centre - sky) / panels.noise),
    }


def measure_light(panels: Panels, places: PanelPlaces) -> Features:
    """Measure where the light above the sky is: how much, how far off, how large, how round.

    Parameters
    ----------
    panels : Panels
        Of shape (n, height, width).
    places : PanelPlaces
        Of their shape.

    Returns
    -------
    dict of str to ndarray of shape (n,)
        Mean light; offset of its centroid and its size in half panels; ellipticity;
        concentrations: shares of the light inside a quarter and a half of the half panel.
    """
    sky = panels.median + np.float32(LIGHT_SIGMA) * panels.noise
    light = np.maximum(panels.grey - sky[:, None, None], 0).reshape(len(sky), -1)
    moments = sum_weighted(places.moments, light)
    total = moments[:, :1] + TINY
    mx, my, xx, yy, xy, inner, middle = (moments[:, 1:] / total).T
    xx, yy, xy = xx - mx**2, yy - my**2, xy - mx * my
    spread = np.maximum(xx + yy, 0)
    return {
        "light": moments[:, 0] / light.shape[1],
        "light_offset": np.hypot(mx, my),
        "light_size": np.sqrt(spread),
        "light_ellipticity": np.hypot(xx - yy, 2 * xy) / (spread + TINY),
        "concentration_25": inner,
        "concentration_50": middle,
    }


def measure_neighbours(panels: Panels, places: PanelPlaces) -> Features:
    """Measure what is bright besides the source in the centre.

    Parameters
    ----------
    panels : Panels
        Of shape (n, height, width).
    places : PanelPlaces
        Of their shape.

    Returns
    -------
    dict of str to ndarray of shape (n,)
        Distance of the brightest smoothed pixel from the centre in half panels; the brightest ones
        of all, of the outer part and of the border, above the median, in units of the noise or of
        the centre, compressed; shares of bright pixels.
    """
    smooth, median, noise = panels.smooth, panels.median, panels.noise
    rows = smooth.reshape(len(smooth), -1)
    brightest = rows.argmax(axis=1)
    near = places.radius_pixels <= max(2.0, float(places.radius_pixels.min()))
    peak, centre = rows.max(axis=1) - median, smooth[:, near].max(axis=1) - median
    features = {
        "peak_distance": places.radius.ravel()[brightest],
        "peak_over_centre": np.log1p(np.maximum(peak, 0) / (np.abs(centre) + noise)),
    }
    for name, where in {"outer": places.outer, "border": places.border}.items():
        most = smooth[:, where].max(axis=1) if where.any() else median
        features[f"{name}_peak"] = most
        features[f"{name}_peak_signal"] = np.arcsinh((most - median) / noise)
    limit = median + np.float32(BRIGHT_SIGMA) * noise
    bright = smooth > limit[:, None, None]
    return features | {
        "bright": _mean(bright),
        "bright_border": _mean(bright[:, places.border]),
    }


def measure_sides(panels: Panels, sums: dict[str, Float32]) -> Features:
    """Measure how the sides and quadrants differ, from the darkest to the brightest, and a slope.

    Parameters
    ----------
    panels : Panels
        Of shape (n, height, width).
    sums : dict of str to ndarray of shape (n, n_parts)
        Sums of the grey levels over the parts of a panel.

    Returns
    -------
    dict of str to ndarray of shape (n,)
        Levels of the sides in rising order, range of the quadrants and of their middle two, the
        slope of a fitted plane across the panel, also in units of the noise, compressed.
    """
    sides, quadrants = np.sort(sums["sides"], axis=1), np.sort(sums["quadrants"], axis=1)
    slope = np.hypot(sums["slopes"][:, 0], sums["slopes"][:, 1])
    return {
        **{f"side{k + 1}": sides[:, k] for k in range(4)},
        "quadrant_range": quadrants[:, 3] - quadrants[:, 0],
        "quadrant_middle": quadrants[:, 2] - quadrants[:, 1],
        "slope": slope,
        "slope_signal": np.arcsinh(slope / panels.noise),
    }
