"""CutoutFeatures: cutouts to numbers that are alike where the cause is alike."""

from functools import partial
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from spurclust.features.between_panels import measure_agreement, measure_likeness
from spurclust.features.directions import (
    line_levels,
    measure_spectrum,
    measure_streaks,
    measure_wedges,
)
from spurclust.features.images import validate_images
from spurclust.features.layout import Layout, as_channels, cut_panels, find_layout
from spurclust.features.panel_features import (
    Features,
    measure_blank,
    measure_levels,
    measure_light,
    measure_neighbours,
    measure_profile,
    measure_sides,
)
from spurclust.features.panels import Float32, Panels, prepare_panels
from spurclust.features.weights import (
    N_RINGS,
    WEDGE_RANGES,
    PanelPlaces,
    panel_places,
    sum_weighted,
)
from spurclust.parallel import map_row_blocks

BLOCK_PIXELS = 1_000_000
"""Pixels of panels in one block of cutouts: its arrays stay in the processor's cache."""


def measure_panels(panels: Panels, places: PanelPlaces) -> tuple[Features, Float32]:
    """Measure panels, each by itself.

    Parameters
    ----------
    panels : Panels
        Of shape (n, height, width).
    places : PanelPlaces
        Of their shape.

    Returns
    -------
    features : dict of str to ndarray of shape (n,)
        What was measured.
    direction : ndarray of shape (n,)
        Angle of the strongest streak, in radians.
    """
    rows = panels.grey.reshape(len(panels.grey), -1)
    whole = sum_weighted(places.weights, rows, n_squared=N_RINGS)
    sums = {name: whole[:, part] for name, part in places.parts.items()}
    squares = whole[:, -N_RINGS:]
    lines = line_levels(np.ascontiguousarray(sums["lines"]), panels, places.long_lines)
    streaks, direction = measure_streaks(panels, lines)
    features = {
        **measure_levels(panels),
        **measure_blank(panels, places),
        **measure_profile(panels, sums, squares),
        **measure_light(panels, places),
        **measure_neighbours(panels, places),
        **measure_sides(panels, sums),
        **streaks,
        **measure_spectrum(panels),
    }
    for name in WEDGE_RANGES:
        features |= measure_wedges(panels, np.ascontiguousarray(sums[name]), name)
    return features, direction


def measure_cutouts(values: NDArray[np.generic]) -> Features:
    """Measure cutouts: each of their panels, and how the panels compare.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_panels, height, width)
        Pixels, NaN where blank.

    Returns
    -------
    dict of str to ndarray of shape (n_samples,)
        What was measured, under the names of the features.
    """
    n_panels, *shape = values.shape[1:]
    places = panel_places(*shape)
    panels = prepare_panels(values.reshape(-1, *shape))
    own, direction = measure_panels(panels, places)
    features: Features = {}
    if n_panels > 1:
        features |= measure_agreement(panels, own, direction, n_panels)
        features |= measure_likeness(panels, places, n_panels)
    for panel in range(n_panels):
        features |= {
            f"panel{panel + 1}_{name}": values[panel::n_panels] for name, values in own.items()
        }
    return features


def shrink_panels(values: NDArray[Any], panel_size: int) -> NDArray[Any]:
    """Average squares of pixels where panels are larger than they need be; NaN is left out.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_panels, height, width)
        Pixels.
    panel_size : int
        Largest height and width to return.

    Returns
    -------
    ndarray of shape (n_samples, n_panels, new_height, new_width)
        `values` itself where it is small enough.
    """
    height, width = values.shape[2:]
    factor = -(-max(height, width) // panel_size)
    if factor == 1:
        return values
    across, along = min(factor, height), min(factor, width)
    rows, columns = height // across, width // along
    top, left = (height - rows * across) // 2, (width - columns * along) // 2
    inside = values[:, :, top : top + rows * across, left : left + columns * along]
    squares = inside.reshape(*values.shape[:2], rows, across, columns, along)
    if squares.dtype.kind != "f":
        return np.asarray(squares.mean(axis=(3, 5), dtype=np.float32))
    good = ~np.isnan(squares)
    count = np.count_nonzero(good, axis=(3, 5))
    total = np.where(good, squares, 0).sum(axis=(3, 5), dtype=np.float32)
    return np.where(count > 0, total / np.maximum(count, 1), np.float32(np.nan))


class CutoutFeatures(TransformerMixin, BaseEstimator):
    """Measure cutouts, panel by panel and between panels.

    Two spikes at different places are alike in these numbers, which compare no pixels place by
    place: they do not change when a square panel is flipped or turned by a quarter. Panels are
    found and enlargement is undone. Use it in place of `ImageFlattener` where defects have shapes
    rather than places; what depends on the place in the panel alone is lost.

    Parameters
    ----------
    panels : int or tuple of (int, int), default=None
        Number of panels side by side, or rows and columns of them. None finds them, from the gaps
        of one value between them, or as squares when the width is a whole number of heights. Every
        channel is a panel as well, unless all are equal.
    enlargement : int, default=None
        By how much the panels were drawn larger than their pixels. None finds it, from pixels that
        are equal in all cutouts of the fit.
    panel_size : int, default=64
        Panels with more pixels along a side are averaged to at most so many. Raising it shows finer
        defects and costs time.
    n_jobs : int, default=None
        Number of threads; None is 1, -1 is all cores.

    Attributes
    ----------
    n_panels_ : int
        Panels of a cutout.
    panel_shape_ : tuple of int
        Height and width of a panel that is measured, in pixels.
    enlargement_ : tuple of int
        By how much panels are drawn larger, in height and in width.
    n_features_in_ : int
        Number of pixels times channels of a source.
    image_shape_ : tuple of int
        Shape of one source.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names, when fitted on a data frame with string columns.

    Notes
    -----
    The background of a panel whose light is so bright that 8 bits show no noise beside it may pass
    for blank.

    References
    ----------
    The concentration of light, and the moments of its distribution, are those of galaxy morphology:
    C. J. Conselice, "The relationship between stellar light distributions of galaxies and their
    formation histories", ApJS 147, 1 (2003).

    Examples
    --------
    >>> from spurclust.simulate import simulate_survey
    >>> from spurclust.features import CutoutFeatures
    >>> survey = simulate_survey(8, 2, random_state=0)
    >>> features = CutoutFeatures().set_output(transform="pandas").fit(survey.images)
    >>> features.n_panels_, features.panel_shape_, features.enlargement_
    (6, (51, 51), (3, 3))
    >>> features.transform(survey.images)[["blank_in_all", "panel1_streak_signal"]].shape
    (8, 2)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "panels": [None, Interval(Integral, 1, None, closed="left"), tuple],
        "enlargement": [None, Interval(Integral, 1, None, closed="left")],
        "panel_size": [Interval(Integral, 8, None, closed="left")],
        "n_jobs": [None, Integral],
    }

    def __init__(
        self,
        *,
        panels: int | tuple[int, int] | None = None,
        enlargement: int | None = None,
        panel_size: int = 64,
        n_jobs: int | None = None,
    ) -> None:
        self.panels = panels
        self.enlargement = enlargement
        self.panel_size = panel_size
        self.n_jobs = n_jobs

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: ARG002
        """Find the panels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), (n_samples, height, width) or \
(n_samples, height, width, n_channels)
            Rows or cutouts; NaN is blank. A row is a panel of one pixel's height.
        y : None
            Not used.

        Returns
        -------
        CutoutFeatures
            Itself.
        """
        self._validate_params()
        images = as_channels(validate_images(self, X, reset=True))
        self._layout = find_layout(images, self.panels, self.enlargement)
        some = shrink_panels(cut_panels(images[:1], self._layout), self.panel_size)
        self._names = list(measure_cutouts(some))
        self.n_panels_ = self._layout.n_panels
        self.panel_shape_ = tuple(some.shape[2:])
        self.enlargement_ = self._layout.rows.enlargement, self._layout.columns.enlargement
        return self

    def transform(self, X: ArrayLike) -> Float32:
        """Measure cutouts.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), (n_samples, height, width) or \
(n_samples, height, width, n_channels)
            Rows or cutouts of the fitted shape.

        Returns
        -------
        ndarray of shape (n_samples, n_features_out), float32
            What was measured, under `get_feature_names_out`.
        """
        check_is_fitted(self)
        images = as_channels(validate_images(self, X, reset=False))
        pixels = self.n_panels_ * self.panel_shape_[0] * self.panel_shape_[1]
        block = int(np.clip(BLOCK_PIXELS // pixels, 1, 256))
        measure = partial(_measure_block, layout=self._layout, panel_size=self.panel_size)
        return map_row_blocks(measure, images, block, self.n_jobs)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[Any]:  # noqa: ARG002
        """Name what is measured.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Not used.

        Returns
        -------
        ndarray of shape (n_features_out,)
            Names; those that begin with `panel<k>_` are about the k-th panel, from 1.
        """
        check_is_fitted(self)
        return np.array(self._names, dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _measure_block(images: NDArray[Any], layout: Layout, panel_size: int) -> Float32:
    """Measure one block of cutouts."""
    values = shrink_panels(cut_panels(images, layout), panel_size)
    measured = list(measure_cutouts(values).values())
    return np.stack(measured, axis=1).astype(np.float32, copy=False)
