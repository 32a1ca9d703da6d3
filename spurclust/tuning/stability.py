"""How much random draws change the region: trees, starts of the embedding and the mixture."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice, product, repeat
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone

from spurclust.detector import SpuriousRegionDetector
from spurclust.embedding import GuidedProjection
from spurclust.features.images import validate_images
from spurclust.labels import labels_of_fit, warn_if_none_spurious
from spurclust.parallel import count_threads, map_threads
from spurclust.printing import short_repr
from spurclust.progress import track
from spurclust.region import allowed_components, check_mixture, is_flagged
from spurclust.steps import configure_mixture, configure_steps, fit_steps
from spurclust.tuning.held_out import (
    Trial,
    predict_trials,
    quiet_about_few_sources,
    warn_about_few_sources,
)

PERPLEXITY_FACTORS = (0.6, 1.0, 1.6)
"""Factors on the perplexity: 30, 50 and 80 for 50."""

N_PARTS, N_REPLICAS = 3, 2
"""A third of the trees differs from all of them as much as two whole forests differ. If the mean of
a third has the variance v, that of a forest has v / 3, and both differences have 2 v / 3."""


class Steadiness(NamedTuple):
    """How much of a region stays if other random draws make it again.

    It shows the effect of random draws, not that of the labels: a steady region can be wrong.

    Attributes
    ----------
    similarity : float
        Mean Jaccard similarity with the replicas: the sources flagged in both, divided by those
        flagged in one or both. 1 means that random draws have no effect.
    n_flagged : tuple of int
        Number of sources that each replica flags.
    """

    similarity: float
    n_flagged: tuple[int, ...]

    def __repr__(self) -> str:
        return short_repr(self)


def region_steadiness(
    detector: SpuriousRegionDetector,
    features: ArrayLike,
    y: ArrayLike,
    *,
    n_jobs: int | None = None,
) -> Steadiness:
    """Make the region of a fitted detector again with other random draws, and compare.

    Each of two replicas takes another third of the trees of the taught axis, embeds the sources
    again, and fits a mixture from another start. A third of the trees differs from all trees as
    much as another forest would. Without a `GuidedProjection`, only the start of the mixture
    changes.

    Parameters
    ----------
    detector : SpuriousRegionDetector
        The fitted detector.
    features : array-like of shape (n_samples, n_features)
        Output of its first step for the fitted sources, for example the `features` that
        `SpuriousRegionDetector.fit_assign` returns.
    y : array-like of shape (n_samples,)
        Labels of the fit, in the same order.
    n_jobs : int, default=None
        Number of threads; None is 1, -1 is all cores. The result is the same for any.

    Returns
    -------
    Steadiness
        similarity and n_flagged.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust import SpuriousRegionDetector
    >>> from spurclust.tuning import region_steadiness
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 12, 12))
    >>> X[:20, 3] += 6  # a streak
    >>> y = (np.arange(200) < 20).astype(int)
    >>> detector = SpuriousRegionDetector(3, perplexity=20, random_state=0)
    >>> features = detector.fit_assign(X, y).features
    >>> region_steadiness(detector, features, y).similarity > 0.9
    True
    """
    steps, rows = detector.pipeline_.named_steps, np.asarray(features)
    _, codes = labels_of_fit(detector, y, len(rows))
    projections: Iterable[Any] = repeat(None)
    if isinstance(steps["reduce"], GuidedProjection):
        projections = steps["reduce"].project_by_parts(rows, N_PARTS)
    # Threads wait less for each other if each makes a replica than if all share one.
    own_jobs = {"n_jobs": max(count_threads(n_jobs) // N_REPLICAS, 1)}

    def flag_again(numbered: tuple[int, Any]) -> NDArray[np.bool_]:
        random_state, part = numbered
        points = detector.embedding_
        if part is not None:
            again = {"embed": _with_settings(steps["embed"], own_jobs)}
            points = fit_steps(again, part, codes).embedding
        mixture = _with_settings(steps["mixture"], {"random_state": random_state})
        trial = [Trial(codes, points)]
        found = predict_trials(mixture, points, trial, detector.assignment, detector.n_components_)
        return is_flagged(found[0], detector.threshold)

    numbered = enumerate(islice(projections, N_REPLICAS), start=1)
    with quiet_about_few_sources():  # the fit has warned
        replicas = map_threads(flag_again, numbered, n_jobs)
    return Steadiness(
        float(np.mean([_jaccard(detector.flagged_, each) for each in replicas])),
        tuple(int(each.sum()) for each in replicas),
    )


def _jaccard(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Return the Jaccard similarity; 1 if neither flags any source."""
    either = (one | other).sum()
    return float((one & other).sum() / either) if either else 1.0


def flag_stability(
    X: ArrayLike,
    y: ArrayLike,
    detector: SpuriousRegionDetector,
    *,
    random_states: Iterable[int] = (0, 1, 2, 3, 4),
    perplexities: Iterable[float] | None = None,
    n_jobs: int | None = None,
) -> NDArray[np.float64]:
    """Compute the share of runs in which each source is flagged.

    Near 0 or 1, the data decide the flag of a source. In between, random draws do. A stable flag
    can still be wrong: see the held-out metrics.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features), (n_samples, height, width) or \
(n_samples, height, width, n_channels)
        Rows or cutouts of any real dtype.
    y : array-like of shape (n_samples,)
        Labels, as for `detector.fit`.
    detector : SpuriousRegionDetector
        The detector with the settings of the runs. It is not changed, and need not be fitted.
    random_states : iterable of int, default=(0, 1, 2, 3, 4)
        `random_state` of the embedding and the mixture of each run.
    perplexities : iterable of float, default=None
        Perplexities of the runs. None is 0.6, 1 and 1.6 times that of the detector, if its
        embedding has one.
    n_jobs : int, default=None
        Number of threads; None is 1, -1 is all cores. The result is the same for any.

    Returns
    -------
    ndarray of shape (n_samples,)
        Between 0 and 1.

    Raises
    ------
    ValueError
        When there is no run to make, or the sources or labels cannot be used.

    Notes
    -----
    With `init="pca"`, t-SNE is the same for every `random_state`. So each run starts it at random
    points (`init="random"`); any other `init` is kept. On real strips, the start of the mixture
    matters as much. Cutouts are reduced once for all runs, so all runs share the taught axis.
    `region_steadiness` shows the effect of other trees.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust import SpuriousRegionDetector
    >>> from spurclust.tuning import flag_stability
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 12, 12))
    >>> X[:20, 3] += 6  # a streak
    >>> y = (np.arange(200) < 20).astype(int)
    >>> share = flag_stability(X, y, SpuriousRegionDetector(6, perplexity=20), random_states=[1])
    >>> bool(share[:20].mean() > 0.9 and share[20:].mean() < 0.1)
    True
    """
    detector = clone(detector)
    detector._validate_params()
    check_mixture(detector.mixture, detector.assignment)
    images = validate_images(detector, X, reset=True, min_samples=2)
    _, codes = labels_of_fit(detector, y, len(images))
    warn_if_none_spurious(codes)
    states = list(random_states)
    reduce_state = detector.random_state
    if not isinstance(reduce_state, Integral):
        reduce_state = states[0] if states else 0
    detector.set_params(random_state=reduce_state, n_jobs=n_jobs)
    steps = configure_steps(detector, images.shape)
    embed = steps.pop("embed")
    runs = list(product(states, _perplexities_of(embed, perplexities)))
    if not runs:
        raise ValueError("There is no run: give at least one random state and one perplexity.")
    first = fit_steps(steps, images, codes)
    n_flagged = np.zeros(len(images), dtype=np.int64)
    used: list[tuple[int, Any]] = []
    with quiet_about_few_sources():
        for random_state, perplexity in track(runs, len(runs), "Runs", "run"):
            settings = {"random_state": random_state, "perplexity": perplexity}
            steps["embed"] = _started_elsewhere(embed, settings)
            embedded = fit_steps(steps, images, codes, fitted=first)
            points = embedded.embedding
            mixture = _with_settings(configure_mixture(detector.mixture, steps["reduce"]), settings)
            n_components = allowed_components(mixture, [detector.n_components], points)[0]
            trials = [Trial(codes, points)]
            (probability,) = predict_trials(
                mixture, points, trials, detector.assignment, n_components
            )
            n_flagged += is_flagged(probability, detector.threshold)
            used_perplexity = getattr(embedded.steps["embed"], "perplexity_", perplexity)
            used.append((n_components, used_perplexity))
    warn_about_few_sources(
        "n_components", [detector.n_components], [[n] for n, _ in used], stacklevel=3
    )
    used_of = {wanted: got for (_, wanted), (_, got) in zip(runs, used, strict=True) if wanted}
    warn_about_few_sources("perplexity", [*used_of], [[*used_of.values()]], stacklevel=3)
    return n_flagged / len(runs)


def _perplexities_of(embed: Any, given: Iterable[float] | None) -> list[float | None]:
    """List the perplexities to try; None is for an embedding without one."""
    own = {} if embed == "passthrough" else embed.get_params(deep=False)
    if "perplexity" not in own:
        if given is not None:
            raise ValueError(f"embed={embed!r} has no perplexity: leave perplexities=None.")
        return [None]
    if given is None:
        return [factor * own["perplexity"] for factor in PERPLEXITY_FACTORS]
    perplexities: list[float | None] = []
    for perplexity in given:
        if not perplexity > 0:
            raise ValueError(f"A perplexity must be above 0, got {perplexity}.")
        perplexities.append(perplexity)
    return perplexities


def _started_elsewhere(embed: Any, settings: dict[str, Any]) -> Any:
    """Return an unfitted embedding with the settings, and a random start unless it has one."""
    if isinstance(getattr(embed, "init", None), str) and embed.init == "pca":
        settings = {**settings, "init": "random"}
    return _with_settings(embed, settings)


def _with_settings(step: Any, settings: dict[str, Any]) -> Any:
    """Return a clone of a step with the settings that it has."""
    if step == "passthrough":
        return step
    own = step.get_params(deep=False)
    return clone(step).set_params(**{name: settings[name] for name in settings if name in own})
