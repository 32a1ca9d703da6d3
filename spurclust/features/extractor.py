"""CutoutFeatures, the step that turns cutouts into features.

A strip becomes features in three steps: its panels are found and cut out (`images`), prepared
(`panels`), and measured (`measurements`).
"""

from __future__ import annotations

from copy import copy
from functools import partial
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from spurclust.features.images import (
    LAYOUT_SOURCES,
    PanelLayout,
    as_channels,
    cut_panels,
    find_layout,
    lies_within,
    sample_sources,
    validate_images,
)
from spurclust.features.measurements import compare_panels, measure_panels
from spurclust.features.panels import Features, Float32, panel_geometry, prepare_panels
from spurclust.fitted import COUNT, IMAGES, Part, Plain, Several
from spurclust.parallel import map_row_blocks

BLOCK_PIXELS = 500_000
"""Limit of the pixels in a block of cutouts, whose arrays fit in the processor's cache. The system
would also reclaim and zero larger arrays again and again."""


class CutoutFeatures(TransformerMixin, BaseEstimator):
    """Compute named features of cutouts: of each panel, and between panels.

    Use it instead of `ImageFlattener` if defects have a typical shape but no typical position. Two
    spikes at different positions then look similar. No feature changes when a square panel is
    flipped, or turned by a quarter. A defect that shows only in its position in the panel is lost.
    It finds the panels, and undoes their enlargement.

    Parameters
    ----------
    panels : int or tuple of (int, int), default=None
        Number of panels side by side, or of rows and columns. None finds them from the gaps of one
        value between them, or as squares if the width is a multiple of the height. Every channel is
        also a panel, unless all channels are equal.
    enlargement : int, default=None
        Factor by which the panels are enlarged. None finds it from pixels that are equal in all
        fitted cutouts.
    panel_size : int, default=64
        Maximum number of pixels along a side of a panel. Larger panels are averaged. Raising it
        resolves finer defects, and takes longer.
    n_jobs : int, default=None
        Number of threads; None is 1, -1 is all cores.

    Attributes
    ----------
    n_panels_ : int
        Panels of a cutout.
    panel_shape_ : tuple of int
        Height and width of a panel when its features are computed, in pixels.
    enlargement_ : tuple of int
        Factors by which panels are enlarged, in height and in width.
    n_features_in_ : int
        Number of pixels times channels of a source.
    image_shape_ : tuple of int
        Shape of one source.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names, when fitted on a data frame with string columns.

    Notes
    -----
    The names of the features of one panel are ``panel<k>_``, from 1, and what they measure: gray
    levels (``quantile_``, ``level``, ``peak``, ``noise``), pixels without data (``blank``,
    ``flat``), rings and the source in the center (``ring``, ``center``), its light of both signs
    and its shape (``source_``), light above the sky (``light``, ``concentration_``), bright things
    beside the source (``outer_``, ``border_``, ``bright``), asymmetry (``side``, ``quadrant_``,
    ``slope``, wedges), and straight lines (``streak``). The others compare panels: ``blank_in_``,
    ``contrast_``, ``signal_``, ``similarity_`` and ``streak_alignment``.

    Beside a very bright source, 8 bits show no noise, so that background can pass for blank.

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

    _fitted_attributes: ClassVar[dict[str, Any]] = {
        **IMAGES,
        "_layout": Part(PanelLayout),
        "_names": Plain(),
        "n_panels_": COUNT,
        "panel_shape_": Several(COUNT),
        "enlargement_": Several(COUNT),
    }

    def _fitted_problem(self) -> str | None:
        """Return what is wrong if panels are not in the image, or not as described."""
        image = as_channels(np.zeros((1, *self.image_shape_), dtype=np.uint8))
        if not lies_within(self._layout, image.shape[1:]):
            return "panels lie outside of the image"
        same = vars(copy(self)._describe(image)) == vars(self)
        return None if same else "the panels are not as they are described"

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
        images = validate_images(self, X, reset=True)
        some = as_channels(images[sample_sources(images, LAYOUT_SOURCES)])
        self._layout = find_layout(some, self.panels, self.enlargement)
        return self._describe(some)

    def _describe(self, images: NDArray[Any]) -> Self:
        """Name the features, and describe the panels that were found."""
        some = cut_panels(images[:1], self._layout, self.panel_size)
        self._names = measure_cutouts(some)[0]
        self.n_panels_ = self._layout.n_panels
        self.panel_shape_ = tuple(some.shape[2:])
        self.enlargement_ = self._layout.rows.enlargement, self._layout.columns.enlargement
        return self

    def transform(self, X: ArrayLike) -> Float32:
        """Compute the features of cutouts.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), (n_samples, height, width) or \
(n_samples, height, width, n_channels)
            Rows or cutouts of the fitted shape.

        Returns
        -------
        ndarray of shape (n_samples, n_features_out), float32
            Features, in the order of `get_feature_names_out`.
        """
        check_is_fitted(self)
        images = validate_images(self, X, reset=False)
        pixels = self.n_panels_ * self.panel_shape_[0] * self.panel_shape_[1]
        # A power of two, so that several blocks fill a batch of a prediction.
        block = 1 << (int(np.clip(BLOCK_PIXELS // pixels, 1, 256)).bit_length() - 1)
        measure = partial(_measure_block, layout=self._layout, panel_size=self.panel_size)
        return map_row_blocks(measure, images, block, self.n_jobs)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[Any]:  # noqa: ARG002
        """Return the names of the features.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Not used.

        Returns
        -------
        ndarray of shape (n_features_out,)
            Names. Those that begin with ``panel<k>_`` belong to the k-th panel, from 1.
        """
        check_is_fitted(self)
        return np.array(self._names, dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def measure_alike(one: Any, other: Any) -> bool:
    """Return whether two steps compute the same features of cutouts."""
    if not (isinstance(one, CutoutFeatures) and isinstance(other, CutoutFeatures)):
        return False
    return (one._layout, one.panel_size) == (other._layout, other.panel_size)


def _measure_block(images: NDArray[Any], layout: PanelLayout, panel_size: int) -> Float32:
    """Compute the features of one block of cutouts."""
    return measure_cutouts(cut_panels(as_channels(images), layout, panel_size))[1]


def measure_cutouts(values: NDArray[Any]) -> tuple[list[str], Float32]:
    """Measure and compare the panels of an array (n_samples, n_panels, height, width)."""
    n_panels, height, width = values.shape[1:]
    geometry = panel_geometry(height, width)
    panels = prepare_panels(values.reshape(-1, height, width))
    own, angle = measure_panels(panels, geometry)
    between: Features = {}
    if n_panels > 1:
        between = compare_panels(panels, geometry, own, angle, n_panels)
    names = [f"panel{k + 1}_{name}" for k in range(n_panels) for name in own]
    of_panels = np.column_stack(list(own.values())).reshape(len(values), -1)
    features = np.column_stack([*between.values(), of_panels])
    return [*between, *names], features.astype(np.float32, copy=False)
