"""A Gaussian mixture that known labels choose among several starts."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.mixture import GaussianMixture
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from spurclust.labels import UNINSPECTED

STARTS_TIMES_COMPONENTS, MOST_STARTS = 120, 5
"""Few components depend much on their start, and are fitted quickly. Many components cover the same
groups from any start."""

TOLERANCE_OF_STARTS = 0.01
"""Ten times the tolerance of the kept mixture. Three or four iterations show the best start, which
saves ten to thirty iterations of each other start."""

_MAX_STATE = np.iinfo(np.int32).max


class GuidedMixture(GaussianMixture):
    """Fit Gaussian mixtures from several starts, and keep the one that explains the labels best.

    With few components, the start decides whether a small group of sources gets a component of its
    own, or shares a large one. It keeps the mixture with the purest components: the one where the
    labels of the inspected sources are most probable, given the share of each class in their
    component. Each mixture is fitted roughly and without labels. The best one is then fitted well.

    Parameters
    ----------
    n_components : int, default=1
        Number of components.
    n_starts : int or "auto", default="auto"
        Number of mixtures to choose from. "auto" is 120 divided by `n_components`, at least 1 and
        at most 5.
    covariance_type : {"full", "tied", "diag", "spherical"}, default="full"
        Shape of the components.
    random_state : int, RandomState or None, default=None
        Seeds the starts.

    Attributes
    ----------
    weights_, means_, covariances_, precisions_, precisions_cholesky_ : ndarray
        The components, as in `sklearn.mixture.GaussianMixture`.
    converged_, n_iter_, lower_bound_, lower_bounds_ : bool, int, float, list of float
        State of the fit of the kept mixture, as there.
    n_features_in_ : int
        Number of coordinates of a point.

    Notes
    -----
    The labels of each component have a multinomial distribution; its shares are the counts plus one
    half (Jeffreys' prior). Without labels, the most probable mixture is kept.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.embedding import GuidedMixture
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 2)) + np.repeat([[0, 0], [9, 0]], [290, 10], axis=0)
    >>> y = np.repeat([0, 1], [290, 10])
    >>> float(GuidedMixture(2, random_state=0).fit(X, y).weights_.min().round(3))
    0.033
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **GaussianMixture._parameter_constraints,
        "n_starts": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        n_starts: int | str = "auto",
        covariance_type: str = "full",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        super().__init__(n_components, covariance_type=covariance_type, random_state=random_state)
        self.n_starts = n_starts

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Fit a mixture from each start roughly, and the best one well.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Points.
        y : array-like of shape (n_samples,), default=None
            Their classes; -1 is uninspected.

        Returns
        -------
        GuidedMixture
            Itself.
        """
        self._validate_params()
        check_consistent_length(X, y)
        rng = check_random_state(self.random_state)
        starts = [self._start(rng.randint(_MAX_STATE)) for _ in range(self._n_starts)]
        components = [each.fit_predict(X) for each in starts]
        labels = np.full(len(components[0]), UNINSPECTED) if y is None else np.asarray(y)
        known = labels != UNINSPECTED
        codes = np.unique(labels[known], return_inverse=True)[1]
        worth = [
            (_label_likelihood(component[known], codes), each.lower_bound_)
            for component, each in zip(components, starts, strict=True)
        ]
        best = starts[max(range(len(starts)), key=worth.__getitem__)]
        best.set_params(tol=self.tol, warm_start=True).fit(X)
        for name, value in vars(best).items():
            if name.endswith("_"):
                setattr(self, name, value)
        return self

    def fit_predict(self, X: ArrayLike, y: ArrayLike | None = None) -> NDArray[np.int64]:
        """Fit, and return the most likely component of each point.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Points.
        y : array-like of shape (n_samples,), default=None
            Their classes; -1 is uninspected.

        Returns
        -------
        ndarray of int of shape (n_samples,)
            From 0 to `n_components - 1`.
        """
        return np.asarray(self.fit(X, y).predict(X))

    @property
    def _n_starts(self) -> int:
        if not isinstance(self.n_starts, str):
            return int(self.n_starts)
        n_starts = STARTS_TIMES_COMPONENTS // int(self.n_components)
        return min(max(n_starts, 1), MOST_STARTS)

    def _start(self, random_state: int) -> GaussianMixture:
        """Return an unfitted mixture."""
        return GaussianMixture(
            self.n_components,
            covariance_type=self.covariance_type,
            tol=TOLERANCE_OF_STARTS,
            random_state=random_state,
        )


def _label_likelihood(component: NDArray[Any], codes: NDArray[np.integer[Any]]) -> float:
    """Return the log probability of class codes, given the shares in their components."""
    if not len(codes):
        return 0.0
    counts = np.zeros((component.max() + 1, codes.max() + 1))
    np.add.at(counts, (component, codes), 1)
    shares = (counts + 0.5) / (counts.sum(axis=1) + counts.shape[1] / 2)[:, None]
    return float((counts * np.log(shares)).sum())
