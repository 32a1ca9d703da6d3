"""Measure each panel, and all panels of a cutout: arrays of shape (n,) by name.

Values in units of the noise are compressed by arcsinh, so that bright sources do not dominate.
Every processor computes the same bits.
"""

import numpy as np
import scipy.fft

from spurclust.features.panels import (
    N_ANGLES,
    N_RINGS,
    N_WEDGES,
    QUANTILES,
    WEDGE_RANGES,
    Features,
    Float32,
    Mask,
    PanelGeometry,
    Panels,
    round_exact,
    sum_weighted,
)
from spurclust.features.sources import measure_sources

TINY = np.float32(1e-3)
"""Added to gray levels before a division by them."""

LIGHT_SIGMA = 2.0
"""Light is above the median by this multiple of the noise."""

BRIGHT_SIGMA = 1.3
"""Smoothed pixels this far above the median, in noise before smoothing, are bright: four times
the noise that smoothing leaves."""

HARMONICS = (1, 2, 3, 4, 6)
"""Numbers of periods around the center to measure: one neighbor, a bar, three to six spikes."""


def measure_panels(panels: Panels, geometry: PanelGeometry) -> tuple[Features, Float32]:
    """Measure panels, each by itself; also return the angle of its streak, in radians."""
    rows = panels.gray.reshape(len(panels.gray), -1)
    whole = sum_weighted(geometry.weights, rows, n_squared=N_RINGS)
    sums = {name: whole[:, part] for name, part in geometry.parts.items()}
    streaks, angle = _measure_streaks(panels, sums["lines"], geometry.long_lines)
    features = {
        **_measure_levels(panels),
        **_measure_blank(panels, geometry),
        **_measure_blank_edges(panels.blank),
        **_measure_profile(panels, sums, ring_squares=whole[:, -N_RINGS:]),
        **_measure_light(panels, geometry),
        **_measure_neighbors(panels, geometry),
        **_measure_sides(panels, sums),
        **streaks,
        **measure_sources(panels),
    }
    for name in WEDGE_RANGES:
        features |= _measure_wedges(panels, np.ascontiguousarray(sums[name]), name)
    return features, angle


def compare_panels(
    panels: Panels, geometry: PanelGeometry, own: Features, angle: Float32, n_panels: int
) -> Features:
    """Measure how the panels of each cutout agree; `own` and `angle` are from `measure_panels`."""
    return {
        **_measure_agreement(panels, own, angle, n_panels),
        **_measure_similarity(panels, geometry, n_panels),
    }


def _measure_levels(panels: Panels) -> Features:
    """Measure the distribution of gray levels, in any unit of the data."""
    span = panels.high - panels.low
    scatter = panels.gray.std(axis=(1, 2))
    names = [f"quantile_{100 * share:02.0f}" for share in QUANTILES]
    return {
        **dict(zip(names, panels.quantiles.T, strict=True)),
        "level": round_exact(
            np.arcsinh, panels.low / np.where(span > 0, span * panels.noise, np.inf)
        ),
        "peak": round_exact(np.log1p, (panels.highest - panels.low) / np.where(span > 0, span, 1)),
        "noise": panels.noise,
        "noise_share": panels.noise / (scatter + TINY),
    }


def _measure_blank(panels: Panels, geometry: PanelGeometry) -> Features:
    """Measure where a panel has no data; the distance of the nearest blank pixel is 2 if none."""
    blank = panels.blank
    near = geometry.radius <= max(0.5, float(geometry.radius.min()))
    return {
        "blank": _share(blank),
        "blank_center": _share(blank[:, near]),
        "blank_border": _share(blank[:, geometry.border]),
        "blank_distance": np.where(blank, geometry.radius, np.float32(2)).min(axis=(1, 2)),
        "flat": _share(panels.flat),
    }


def _measure_blank_edges(blank: Mask) -> Features:
    """Measure how blank the two blankest corners and sides are."""
    corner = max(min(blank.shape[1:]) // 6, 1)
    ends = slice(corner), slice(-corner, None)
    corners = [_share(blank[:, rows, columns]) for rows in ends for columns in ends]
    sides = [_share(side) for k in (0, -1) for side in (blank[:, k], blank[:, :, k])]
    ranked = {"corner": np.sort(corners, axis=0), "side": np.sort(sides, axis=0)}
    return {f"blank_{name}{k}": each[-k] for name, each in ranked.items() for k in (1, 2)}


def _measure_profile(panels: Panels, sums: Features, ring_squares: Float32) -> Features:
    """Measure rings around the center, the source in it, and its contrast to the sky around it."""
    rings = sums["rings"]
    scatter = np.sqrt(np.maximum(ring_squares - rings**2, 0))
    center, sky = sums["center"][:, 0], sums["sky"][:, 0]
    return {
        **{f"ring{k + 1}_mean": rings[:, k] for k in range(N_RINGS)},
        **{f"ring{k + 1}_scatter": scatter[:, k] for k in range(N_RINGS)},
        "center": center,
        "center_signal": round_exact(np.arcsinh, (center - panels.median) / panels.noise),
        "center_contrast": round_exact(np.arcsinh, (center - sky) / panels.noise),
    }


def _measure_light(panels: Panels, geometry: PanelGeometry) -> Features:
    """Measure the light above the sky: its amount, offset, size and roundness."""
    sky = panels.median + np.float32(LIGHT_SIGMA) * panels.noise
    light = np.maximum(panels.gray - sky[:, None, None], 0).reshape(len(sky), -1)
    moments = sum_weighted(geometry.moments, light)
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


def _measure_neighbors(panels: Panels, geometry: PanelGeometry) -> Features:
    """Measure bright pixels besides the source in the center."""
    smooth, median, noise = panels.smooth, panels.median, panels.noise
    rows = smooth.reshape(len(smooth), -1)
    near = geometry.radius_pixels <= max(2.0, float(geometry.radius_pixels.min()))
    peak, center = rows.max(axis=1) - median, smooth[:, near].max(axis=1) - median
    features = {
        "peak_distance": geometry.radius.ravel()[rows.argmax(axis=1)],
        "peak_over_center": round_exact(np.log1p, np.maximum(peak, 0) / (np.abs(center) + noise)),
    }
    for name, where in {"outer": geometry.outer, "border": geometry.border}.items():
        brightest = smooth[:, where].max(axis=1) if where.any() else median
        features[f"{name}_peak"] = brightest
        features[f"{name}_peak_signal"] = round_exact(np.arcsinh, (brightest - median) / noise)
    limit = median + np.float32(BRIGHT_SIGMA) * noise
    bright = smooth > limit[:, None, None]
    features["bright"] = _share(bright)
    features["bright_border"] = _share(bright[:, geometry.border])
    return features


def _measure_sides(panels: Panels, sums: Features) -> Features:
    """Measure the sides and quadrants, sorted by brightness, and the slope of a fitted plane."""
    sides, quadrants = np.sort(sums["sides"], axis=1), np.sort(sums["quadrants"], axis=1)
    slope = np.hypot(sums["slopes"][:, 0], sums["slopes"][:, 1])
    return {
        **{f"side{k + 1}": sides[:, k] for k in range(4)},
        "quadrant_range": quadrants[:, 3] - quadrants[:, 0],
        "quadrant_middle": quadrants[:, 2] - quadrants[:, 1],
        "slope": slope,
        "slope_signal": round_exact(np.arcsinh, slope / panels.noise),
    }


def _measure_wedges(panels: Panels, wedges: Float32, name: str) -> Features:
    """Measure how the mean levels of wedges depend on the direction from the center."""
    above = wedges - panels.median[:, None]
    scatter = above.std(axis=1)
    typical = np.median(above, axis=1)
    opposite = above.reshape(len(above), 2, N_WEDGES // 2).min(axis=1)
    waves = scipy.fft.rfft(above, axis=1)
    strength = np.sqrt(waves.real**2 + waves.imag**2) / N_WEDGES
    signal = (above.max(axis=1) - typical) / panels.noise
    axis_signal = (opposite.max(axis=1) - np.median(opposite, axis=1)) / panels.noise
    return {
        f"{name}_wedge_max": above.max(axis=1),
        f"{name}_wedge_scatter": scatter,
        f"{name}_wedge_signal": round_exact(np.arcsinh, signal),
        f"{name}_axis_signal": round_exact(np.arcsinh, axis_signal),
        **{f"{name}_harmonic{m}": strength[:, m] / (scatter + TINY) for m in HARMONICS},
    }


def _measure_streaks(panels: Panels, means: Float32, long_lines: Mask) -> tuple[Features, Float32]:
    """Measure streaks in a Radon transform; also return the angle of the streak's normal."""
    noise = panels.noise
    lines = means.reshape(len(means), *long_lines.shape) - panels.median[:, None, None]
    lines = np.where(long_lines, lines, 0)
    best, scatter = lines.max(axis=2), lines.std(axis=2)
    through = lines[:, :, lines.shape[2] // 2]
    brightest = best.max(axis=1)
    direction = scatter.argmax(axis=1)
    # Folded, so that flips and quarter turns of the panel have no effect.
    turned = direction % (N_ANGLES // 2)
    folded = np.minimum(turned, N_ANGLES // 2 - turned) * (180 / N_ANGLES)
    center_line = through.max(axis=1) - np.median(through, axis=1)
    features = {
        "streak": brightest,
        "streak_signal": round_exact(np.arcsinh, brightest / noise),
        "streak_contrast": brightest / (np.median(best, axis=1) + noise / 3),
        "streak_scatter": scatter.max(axis=1) / (np.median(scatter, axis=1) + noise / 10),
        "streak_isotropy": scatter.min(axis=1) / (scatter.max(axis=1) + TINY),
        "streak_angle": folded.astype(np.float32),
        "center_line_signal": round_exact(np.arcsinh, center_line / noise),
    }
    return features, np.asarray(direction * (np.pi / N_ANGLES), dtype=np.float32)


def _measure_similarity(panels: Panels, geometry: PanelGeometry, n_panels: int) -> Features:
    """Correlate the smoothed panels of a cutout: in all pixels, in the center, and further out."""
    above = panels.smooth - panels.median[:, None, None]
    # Loops over the cutouts are faster than over their few panels.
    above = np.ascontiguousarray(above.reshape(-1, n_panels, *above.shape[1:]).swapaxes(0, 1))
    near = geometry.radius_pixels <= max(5.0, float(geometry.radius_pixels.min()))
    first, second = np.triu_indices(n_panels, 1)
    features: Features = {}
    for name, where in {"all": None, "center": near, "outer": geometry.radius > 0.5}.items():
        pixels = above.reshape(*above.shape[:2], -1) if where is None else above[:, :, where]
        matrix = _correlations(pixels)
        pairs = np.sort(matrix[:, first, second], axis=1)
        others = (matrix.sum(axis=2) - 1) / (n_panels - 1)
        features |= {
            f"similarity_{name}_min": pairs[:, 0],
            f"similarity_{name}_mean": pairs.mean(axis=1),
            f"similarity_{name}_second": pairs[:, max(pairs.shape[1] - 2, 0)],
            f"similarity_{name}_max": pairs[:, -1],
            f"similarity_{name}_odd": others.min(axis=1),
        }
    return features


def _correlations(pixels: Float32) -> Float32:
    """Correlate panels (n_panels, n, n_pixels) of each cutout with each other; 0 if constant."""
    centered = pixels - pixels.mean(axis=2, keepdims=True)
    length = np.sqrt((centered**2).sum(axis=2, keepdims=True))
    unit = centered / np.maximum(length, np.float32(1e-6))
    n_panels, n_cutouts = unit.shape[:2]
    products = np.empty((n_cutouts, n_panels, n_panels), dtype=np.float32)
    for k in range(n_panels):
        # The last bits of a BLAS product depend on the processor.
        above = np.einsum("ij,kij->ki", unit[k], unit[k:])
        products[:, k, k:] = products[:, k:, k] = above.T
    return products


def _measure_agreement(panels: Panels, own: Features, angle: Float32, n_panels: int) -> Features:
    """Measure how the panels of a cutout agree about blank pixels, the source, and the streak."""
    blank = panels.blank.reshape(-1, n_panels, *panels.blank.shape[1:])
    contrast, signal, streak, angle = (
        values.reshape(-1, n_panels)
        for values in (own["center_contrast"], own["center_signal"], own["streak_signal"], angle)
    )
    features = {
        "blank_in_all": _share(np.asarray(blank.all(axis=1))),
        "blank_in_any": _share(np.asarray(blank.any(axis=1))),
    }
    for name, values in {"contrast": contrast, "signal": signal}.items():
        ranked = np.sort(values, axis=1)
        features[f"{name}_max"] = ranked[:, -1]
        features[f"{name}_second"] = ranked[:, -2]
        features[f"{name}_alone"] = ranked[:, -1] - ranked[:, -2]
    # Twice the angle, because a streak has no direction.
    sums = np.abs((streak * np.exp(2j * angle.astype(np.float64))).sum(axis=1))
    alignment = sums / (np.abs(streak).sum(axis=1) + 1e-3)
    return features | {"streak_alignment": alignment.astype(np.float32)}


def _share(mask: Mask) -> Float32:
    """Return the share of true values of each row or panel."""
    rows = mask.reshape(len(mask), -1)
    return np.asarray(rows.sum(axis=1, dtype=np.int32) / rows.shape[1], dtype=np.float32)
