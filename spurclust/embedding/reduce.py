"""Rows of pixels to a few numbers: principal components, streamed from uint8."""

from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted, validate_data

from spurclust.embedding.axes import principal_axes
from spurclust.embedding.groups import take_distinct
from spurclust.embedding.pixels import Float32, project_rows


class PixelPCA(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Reduce rows of pixels to their leading principal components.

    Streams over the rows in their own dtype, so uint8 pixels never become a float64 copy, and
    works in float32. Pixels that are equal in every row, as in cutouts drawn several times
    larger, are merged first. Up to 3000 rows or distinct pixels the axes are exact; above, a
    block Krylov method comes close. `transform` gives a row the same bits in any batch, order or
    number of threads. For a few columns of data, or where float64 matters, use
    `sklearn.decomposition.PCA`.

    Parameters
    ----------
    n_components : int, default=50
        Number of components to keep, at most. Fewer rows or pixels keep all there are. More keep
        finer detail, and noise.
    n_oversamples : int, default=10
        Extra vectors in each Krylov block.
    n_iter : int, default=12
        Number of Krylov blocks, each a pass over the rows. More is more exact and slower.
    random_state : int, RandomState or None, default=None
        Seeds the first Krylov block. An int makes the result repeatable.
    n_jobs : int, default=None
        Number of threads; None is 1, -1 is all cores. The result is the same for any.

    Attributes
    ----------
    components_ : ndarray of shape (n_components_, n_features), float32
        Principal axes, by decreasing variance.
    explained_variance_ : ndarray of shape (n_components_,)
        Variance along each axis.
    mean_ : ndarray of shape (n_features,), float32
        Mean of each pixel.
    group_ : ndarray of shape (n_features,), int32
        Group of each pixel: those of a group are equal in every fitted row.
    group_mean_ : ndarray of shape (n_groups,), float32
        Mean of each pixel of a group.
    group_axes_ : ndarray of shape (n_components_, n_groups), float32
        What the axes are at each pixel of a group.
    n_components_ : int
        Number of components kept.
    n_features_in_ : int
        Number of pixels.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names, when fitted on a data frame with string columns.

    References
    ----------
    C. Musco and C. Musco, "Randomized block Krylov methods for stronger and faster approximate
    singular value decomposition", NeurIPS 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.embedding import PixelPCA
    >>> rows = np.random.default_rng(0).integers(0, 256, (30, 400), dtype=np.uint8)
    >>> PixelPCA(n_components=5, random_state=0).fit_transform(rows).shape
    (30, 5)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "n_oversamples": [Interval(Integral, 0, None, closed="left")],
        "n_iter": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "n_jobs": [None, Integral],
    }

    def __init__(
        self,
        n_components: int = 50,
        *,
        n_oversamples: int = 10,
        n_iter: int = 12,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.n_oversamples = n_oversamples
        self.n_iter = n_iter
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: ARG002
        """Find the principal axes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of pixels of any real dtype; a memory-mapped array is streamed.
        y : None
            Not used.

        Returns
        -------
        PixelPCA
            Itself.
        """
        self._fit(X)
        return self

    def fit_transform(self, X: ArrayLike, y: object = None) -> Float32:  # noqa: ARG002
        """Find the principal axes and project the same rows on them.

        What `transform` returns for them, to the bit, in less time: of pixels that are equal in
        every row only one is read.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of pixels, as in `fit`.
        y : None
            Not used.

        Returns
        -------
        ndarray of shape (n_samples, n_components_), float32
            Coordinates, in the units of the pixels.
        """
        return self._project(self._fit(X))

    def _fit(self, X: ArrayLike) -> NDArray[Any]:
        """Find the principal axes; return the distinct pixels of the rows."""
        self._validate_params()
        rows = validate_data(self, X, dtype="numeric", ensure_min_samples=2)
        self.n_components_ = min(self.n_components, *rows.shape)
        distinct, self.group_ = take_distinct(rows, self.n_jobs)
        self.group_mean_, self.group_axes_, self.explained_variance_ = principal_axes(
            distinct,
            self.group_,
            self.n_components_,
            n_oversamples=self.n_oversamples,
            n_iter=self.n_iter,
            random_state=self.random_state,
            n_jobs=self.n_jobs,
        )
        return distinct

    def _project(self, rows: NDArray[Any]) -> Float32:
        """Project rows of pixels, or of distinct pixels, on the axes."""
        return project_rows(rows, self.group_, self.group_mean_, self.group_axes_, self.n_jobs)

    @property
    def mean_(self) -> Float32:
        """Mean of each pixel."""
        self._check_fitted("mean_")
        return self.group_mean_[self.group_]

    @property
    def components_(self) -> Float32:
        """Principal axes."""
        self._check_fitted("components_")
        return self.group_axes_[:, self.group_]

    def _check_fitted(self, name: str) -> None:
        """Say that an attribute is known after fit, in the way that hasattr understands."""
        if not hasattr(self, "group_axes_"):
            raise AttributeError(f"{name} is known after fit.")

    def transform(self, X: ArrayLike) -> Float32:
        """Project rows on the principal axes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of pixels.

        Returns
        -------
        ndarray of shape (n_samples, n_components_), float32
            Coordinates, in the units of the pixels.
        """
        check_is_fitted(self)
        rows = validate_data(self, X, dtype="numeric", reset=False)
        return self._project(rows)

    @property
    def _n_features_out(self) -> int:
        """Tell ClassNamePrefixFeaturesOutMixin how many names to make."""
        return int(self.n_components_)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
