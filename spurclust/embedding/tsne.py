"""t-SNE that can also place new rows."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.utils import Tags, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from spurclust.embedding.descent import LEAST_RATE, Schedule, descend_divergence, kl_divergence
from spurclust.embedding.field import (
    LEAST_NODES,
    N_START_NEIGHBORS,
    SPACING,
    Lattice,
    make_field,
    place_new_rows,
)
from spurclust.embedding.neighbors import (
    LARGEST_EXPONENT,
    Float32,
    center_rows,
    distinct_rows,
    joint_affinities,
    nearest_neighbors,
    unit_scale,
)
from spurclust.fitted import INPUT, Number, Plain, Several, Values
from spurclust.parallel import map_threads, single_threaded_blas

EXACT_ROWS = 5_000
"""Above this many distinct rows, a field is faster than all pairs (measured)."""

SAME_ROW = 1e-5
"""A new row is a fitted one if their distance, relative to its length, is below this: float32
results of another processor may differ as much."""

START_SCALE = 1e-4
"""Standard deviation of the starting points (Kobak and Berens 2019)."""


FARTHEST = 1e9
"""Limit of the coordinates of a saved embedding: squares stay within float32."""


def allowed_perplexity(perplexity: float, n_rows: int) -> float:
    """Shrink the perplexity to a third of the other rows, as it needs three times as many."""
    return float(min(perplexity, max(1.0, (n_rows - 1) / 3)))


def _starting_points(
    rows: Float32, init: str | NDArray[Any], random_state: int | np.random.RandomState | None
) -> Float32:
    """Return the starting points: given, drawn, or the first two principal components."""
    if not isinstance(init, str):
        return np.asarray(init, dtype=np.float32)
    if init == "random":
        drawn = check_random_state(random_state).standard_normal((len(rows), 2))
        return np.asarray(START_SCALE * drawn, dtype=np.float32)
    n_axes = min(2, *rows.shape)
    # In float64, rounding removes the last bits, which differ between processors. Rows that are
    # equal up to rounding have no variance, and PCA would divide by it.
    with single_threaded_blas(), np.errstate(invalid="ignore"):
        points = PCA(n_axes, copy=False, random_state=0).fit_transform(rows.astype(np.float64))
    points = np.pad(points, ((0, 0), (0, 2 - n_axes)))
    spread = points[:, 0].std()
    return np.asarray(points * (START_SCALE / spread if spread > 0 else 1.0), dtype=np.float32)


class TSNE(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Embed rows in two dimensions by t-SNE, and place new rows among them.

    Use it like `sklearn.manifold.TSNE`. It also has `transform`, and it returns the same bits for
    any number of threads. Distances in the result have no unit, and large distances have little
    meaning.

    It takes the parameters of scikit-learn's TSNE, except `metric`, `metric_params` (distances are
    Euclidean) and `angle` (there is no Barnes-Hut). The defaults of `perplexity` and `max_iter`
    are those of the detector.

    Parameters
    ----------
    perplexity : float, default=50.0
        Effective number of neighbors of a row, above 0. Raising it keeps more of the global
        structure. It shrinks, with a warning, to a third of the other distinct rows.
    early_exaggeration : float, default=12.0
        Factor on the attraction in the first 250 iterations.
    learning_rate : float or "auto", default="auto"
        Step length. "auto" is `max(n_samples / exaggeration / 4, 50)`. The exaggeration is
        `early_exaggeration` in the first 250 iterations, and 1 afterwards.
    max_iter : int, default=1500
        Maximum number of iterations, at least 250. It can stop earlier, see `tol`.
    n_iter_without_progress : int, default=300
        Stop after this many iterations in which the divergence did not fall.
    min_grad_norm : float, default=1e-7
        Stop when the gradient is shorter than this.
    tol : float, default=2e-4
        Stop, after early exaggeration, when the divergence fell by less than this share of itself
        in 50 iterations.
    init : {"pca", "random"} or ndarray of shape (n_samples, 2), default="pca"
        Starting points.
    method : {"auto", "exact", "fft"}, default="auto"
        All pairs, a field made by fast Fourier transforms, or a choice by number of rows.
    random_state : int, RandomState or None, default=None
        Seeds `init="random"`; `init="pca"` is the same for any.
    n_jobs : int, default=None
        Number of threads; None is 1, -1 is all cores.
    verbose : int, default=0
        Whether to print the divergence every 50 iterations.
    n_components : int, default=2
        Number of dimensions. It is always 2; 1 is ignored, with a warning.

    Attributes
    ----------
    embedding_ : ndarray of shape (n_samples, 2), float32
        Points of the fitted rows; equal rows share one.
    reference_rows_ : ndarray of shape (n_distinct, n_features), float32
        The distinct fitted rows minus `center_`, times `scale_`.
    reference_embedding_ : ndarray of shape (n_distinct, 2), float32
        Their points.
    center_ : ndarray of shape (n_features,)
        Mean of the fitted rows.
    scale_ : float
        Power of two that keeps the squares of the rows within float32.
    kl_divergence_ : float
        Divergence of the embedding of the distinct rows, in nats.
    n_iter_ : int
        Number of iterations done.
    perplexity_ : float
        Perplexity used.
    field_ : ndarray of shape (n_nodes, n_nodes), float32
        The field by which the fitted points repel new ones, as weights of quintic B-splines.
    field_lattice_ : tuple of float
        Left and bottom of the field's first node, and the distance between nodes.
    learning_rate_ : float
        Step length used after early exaggeration.
    method_ : str
        Method used.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names, when fitted on a data frame with string columns.

    Notes
    -----
    Up to 5000 distinct rows, all pairs of points repel each other in every iteration. Above, the
    repulsion is read off a field, in time that grows about in proportion to the rows. Neighbors
    are always exact. They take time as the square of the rows: a quarter of the total at 200 000
    rows. Rows of many pixels need no reduction before.

    Each new row is placed by itself. It starts at the median of its 25 nearest fitted points, and
    descends its own divergence for 250 steps. The fitted points stay. A fitted row keeps its point.

    References
    ----------
    L. van der Maaten, "Accelerating t-SNE using tree-based algorithms", JMLR 15, 2014.
    A. Belkina et al., "Automated optimized parameters for t-distributed stochastic neighbor
    embedding", Nature Communications 10, 2019.
    D. Kobak and P. Berens, "The art of using t-SNE for single-cell transcriptomics", Nature
    Communications 10, 2019.
    P. Policar, M. Strazar and B. Zupan, "Embedding to reference t-SNE space addresses batch
    effects in single-cell classification", Machine Learning 112, 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.embedding import TSNE
    >>> rows = np.random.default_rng(0).normal(size=(60, 5))
    >>> tsne = TSNE(perplexity=10, random_state=0).fit(rows)
    >>> np.array_equal(tsne.transform(rows[:3]), tsne.embedding_[:3])
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "perplexity": [Interval(Real, 0, None, closed="neither")],
        "early_exaggeration": [Interval(Real, 1, None, closed="left")],
        "learning_rate": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 250, None, closed="left")],
        "n_iter_without_progress": [Interval(Integral, 1, None, closed="left")],
        "min_grad_norm": [Interval(Real, 0, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "init": [StrOptions({"pca", "random"}), np.ndarray],
        "method": [StrOptions({"auto", "exact", "fft"})],
        "random_state": ["random_state"],
        "n_jobs": [None, Integral],
        "verbose": ["verbose"],
        "n_components": [Integral],
    }

    _fitted_attributes: ClassVar[dict[str, Any]] = {
        **INPUT,
        "embedding_": Values("f4", ("n_samples", 2), -FARTHEST, FARTHEST),
        "reference_rows_": Values("f4", ("n_distinct", "n_features_in_")),
        "reference_embedding_": Values("f4", ("n_distinct", 2), -FARTHEST, FARTHEST),
        "center_": Values("f8", ("n_features_in_",)),
        "scale_": Number(2.0**-LARGEST_EXPONENT, 2.0**LARGEST_EXPONENT),
        "field_": Values("f4", ("n_lines", "n_columns")),
        "field_lattice_": Several(Number(-FARTHEST, FARTHEST)),
        "perplexity_": Number(0),
        "kl_divergence_": Number(),
        "n_iter_": Number(0, whole=True),
        "learning_rate_": Number(0),
        "method_": Plain(),
    }

    def _fitted_problem(self) -> str | None:
        """Return what is wrong if the kernels cannot read the field."""
        sound = len(self.field_lattice_) == 3 and self.field_lattice_[2] >= SPACING
        large = min(self.field_.shape) >= LEAST_NODES
        return None if sound and large else "the field is too small"

    def __init__(
        self,
        perplexity: float = 50.0,
        *,
        early_exaggeration: float = 12.0,
        learning_rate: float | str = "auto",
        max_iter: int = 1500,
        n_iter_without_progress: int = 300,
        min_grad_norm: float = 1e-7,
        tol: float = 2e-4,
        init: str | NDArray[Any] = "pca",
        method: str = "auto",
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        n_components: int = 2,
    ) -> None:
        self.perplexity = perplexity
        self.early_exaggeration = early_exaggeration
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.n_iter_without_progress = n_iter_without_progress
        self.min_grad_norm = min_grad_norm
        self.tol = tol
        self.init = init
        self.method = method
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.n_components = n_components

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: ARG002
        """Embed rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, at least two.
        y : None
            Not used.

        Returns
        -------
        TSNE
            Itself.

        Raises
        ------
        ValueError
            When `n_components` is neither 1 nor 2, `init` has another shape, or `learning_rate` is
            too large.

        Warns
        -----
        UserWarning
            When the perplexity is too large for the rows.
        """
        self._validate_params()
        # scikit-learn's estimator checks set this parameter to 1.
        if self.n_components == 1:
            warnings.warn("n_components=1 is ignored: TSNE embeds in 2 dimensions.", stacklevel=2)
        elif self.n_components != 2:
            raise ValueError(
                f"n_components={self.n_components}: spurclust's TSNE embeds in 2 dimensions only. "
                "sklearn.manifold.TSNE embeds in others, but does not place new rows."
            )
        given = validate_data(self, X, dtype=[np.float32, np.float64], ensure_min_samples=2)
        self.center_ = given.mean(axis=0, dtype=np.float64)
        extremes = np.stack([given.min(axis=0), given.max(axis=0)])
        self.scale_ = unit_scale(np.abs(extremes - self.center_).max())
        rows = center_rows(given, self.center_, self.scale_, self.n_jobs)
        # t-SNE would push equal rows apart, but equal sources should share a point.
        first, group = distinct_rows(rows)
        self.reference_rows_ = rows if len(first) == len(rows) else rows[first]
        self.reference_embedding_ = self._embed(first, len(rows))
        lattice, self.field_ = make_field(self.reference_embedding_, self.n_jobs)
        self.field_lattice_ = lattice.left, lattice.bottom, lattice.spacing
        self.embedding_ = self.reference_embedding_[group]
        return self

    def _embed(self, first: NDArray[np.intp], n_samples: int) -> Float32:
        """Embed the distinct rows; `first` are their indices."""
        rows = self.reference_rows_
        self.perplexity_ = allowed_perplexity(self.perplexity, len(rows))
        if self.perplexity_ < self.perplexity:
            warnings.warn(
                f"perplexity={self.perplexity} is too large for {len(rows)} distinct rows: "
                f"{self.perplexity_:.4g} is used.",
                stacklevel=3,
            )
        init = self.init
        if not isinstance(init, str):
            if init.shape != (n_samples, 2):
                raise ValueError(
                    f"init has shape {init.shape}, but {n_samples} rows need ({n_samples}, 2)."
                )
            init = init[first]
        self.method_ = self.method
        if self.method == "auto":
            self.method_ = "exact" if len(rows) <= EXACT_ROWS else "fft"
        if len(rows) == 1:
            self.kl_divergence_, self.n_iter_, self.learning_rate_ = 0.0, 0, LEAST_RATE
            return np.zeros((1, 2), dtype=np.float32)
        # For wide rows, PCA takes one thread as long as the neighbors take all threads.
        parts: list[Callable[[], Any]] = [
            partial(_starting_points, rows, init, self.random_state),
            partial(joint_affinities, rows, self.perplexity_, self.n_jobs),
        ]
        start, affinities = map_threads(lambda part: part(), parts, self.n_jobs)
        points = self._descend(affinities, start)
        self.kl_divergence_ = kl_divergence(points, affinities, self.n_jobs)
        return points

    def _descend(self, affinities: Any, start: Float32) -> Float32:
        """Run the chosen descent."""
        schedule = Schedule(
            self.max_iter,
            self.early_exaggeration,
            self.learning_rate,
            self.n_iter_without_progress,
            self.min_grad_norm,
            self.tol,
        )
        self.learning_rate_ = schedule.phases(len(start))[-1].learning_rate
        points, self.n_iter_ = descend_divergence(
            affinities,
            start,
            schedule,
            interpolated=self.method_ == "fft",
            n_jobs=self.n_jobs,
            report=_print_progress if self.verbose else None,
        )
        return points

    def fit_transform(self, X: ArrayLike, y: object = None) -> Float32:
        """Embed rows and return their points.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, at least two.
        y : None
            Not used.

        Returns
        -------
        ndarray of shape (n_samples, 2), float32
            The points: `embedding_`.
        """
        return self.fit(X, y).embedding_

    def transform(self, X: ArrayLike) -> Float32:
        """Place each row by itself among the fitted ones.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, fitted or new.

        Returns
        -------
        ndarray of shape (n_samples, 2), float32
            The points.
        """
        check_is_fitted(self)
        given = validate_data(self, X, dtype=[np.float32, np.float64], reset=False)
        rows = center_rows(given, self.center_, self.scale_, self.n_jobs)
        n_neighbors = min(N_START_NEIGHBORS, len(self.reference_rows_))
        distances, indices = nearest_neighbors(
            rows, self.reference_rows_, n_neighbors, n_jobs=self.n_jobs
        )
        points = self.reference_embedding_[indices[:, 0]]
        # The order of einsum's sums does not depend on the other rows.
        lengths = np.einsum("ij,ij->i", rows, rows)
        new = distances[:, 0] > SAME_ROW**2 * lengths
        if new.any():
            points[new] = place_new_rows(
                distances[new],
                indices[new],
                self.reference_embedding_,
                Lattice(*self.field_lattice_, *self.field_.shape[::-1]),
                self.field_,
                self.n_jobs,
            )
        return points

    @property
    def _n_features_out(self) -> int:
        """Number of names that ClassNamePrefixFeaturesOutMixin makes."""
        return 2

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _print_progress(iteration: int, divergence: float, norm: float) -> None:
    """Print one line of a verbose fit."""
    print(f"[t-SNE] iteration {iteration}: KL divergence {divergence:.4f}, gradient {norm:.2e}")
