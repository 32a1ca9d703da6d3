"""How often a source is flagged when the embedding starts elsewhere."""

from collections.abc import Iterable
from itertools import product
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.mixture import GaussianMixture

from spurclust.detector import SpuriousRegionDetector
from spurclust.features.images import validate_images
from spurclust.labels import binary_labels
from spurclust.region import (
    allowed_components,
    check_mixture,
    component_counts,
    count_components,
    fit_mixture,
    memberships,
    weigh_fractions,
)
from spurclust.steps import configure_steps, fit_step
from spurclust.tuning.few_sources import quiet_about_few_sources, warn_about_few_sources

PERPLEXITY_FACTORS = (0.6, 1.0, 1.6)
"""30, 50 and 80 for a perplexity of 50: equal steps, about as far as one would go."""


def flag_stability(
    X: ArrayLike,
    y: ArrayLike,
    detector: SpuriousRegionDetector,
    *,
    random_states: Iterable[int] = (0, 1, 2, 3, 4),
    perplexities: Iterable[float] | None = None,
    n_jobs: int | None = None,
) -> NDArray[np.float64]:
    """Tell in which share of runs each source is flagged.

    A source near 0 or 1 has its verdict from the data, one in between from where the embedding
    happened to start. It does not tell whether the verdict is right, nor how it depends on the
    labels; for that, see the held-out figures.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features), (n_samples, height, width) or \
(n_samples, height, width, n_channels)
        Rows or cutouts of any real dtype.
    y : array-like of shape (n_samples,)
        Labels, as `detector.fit` takes them.
    detector : SpuriousRegionDetector
        The settings of the runs; it need not be fitted and is not changed.
    random_states : iterable of int, default=(0, 1, 2, 3, 4)
        A run for each: the seed of its embedding and of its mixture.
    perplexities : iterable of float, default=None
        With each of these. None is 0.6, 1 and 1.6 times that of the detector, if its embedding has
        one.
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
    From `init="pca"` t-SNE is the same for every seed. So each run starts it from points at random,
    `init="random"`; another `init` is kept. The seed of the mixture, which starts it elsewhere too,
    matters as much on real strips. Pixels are reduced once for all runs.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust import SpuriousRegionDetector
    >>> from spurclust.tuning import flag_stability
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 12, 12))
    >>> X[:20, 3] += 6  # a streak
    >>> y = (np.arange(200) < 20).astype(int)
    >>> share = flag_stability(X, y, SpuriousRegionDetector(3, perplexity=20), random_states=[0])
    >>> share[:20].mean() > 0.9, share[20:].mean() < 0.1
    (np.True_, np.True_)
    """
    detector = clone(detector)
    detector._validate_params()
    check_mixture(detector.mixture, detector.assignment)
    images = validate_images(detector, X, reset=True, min_samples=2)
    _, codes = binary_labels(y, detector.unlabeled)
    if len(codes) != len(images):
        raise ValueError(f"X holds {len(images)} sources, but y {len(codes)} labels.")
    seeds = list(random_states)
    reduce_seed = detector.random_state
    if not isinstance(reduce_seed, Integral):
        reduce_seed = seeds[0] if seeds else 0
    steps = configure_steps(
        {name: getattr(detector, name) for name in ("flatten", "reduce", "embed")},
        images.shape[1:],
        perplexity=detector.perplexity,
        random_state=reduce_seed,
        n_jobs=n_jobs,
    )
    embed = steps.pop("embed")
    runs = list(product(seeds, _perplexities_of(embed, perplexities)))
    if not runs:
        raise ValueError("There is no run: give at least one random state and one perplexity.")
    rows = images
    for step in steps.values():
        if step != "passthrough":
            rows, _ = fit_step(step, rows, codes)
    n_flagged = np.zeros(len(images), dtype=np.int64)
    used = []
    with quiet_about_few_sources():
        for settings in runs:
            embedding, perplexity_used = _embed(embed, rows, codes, *settings)
            n_used = allowed_components(detector.mixture, [detector.n_components], embedding)[0]
            n_flagged += _flags(detector, embedding, codes, n_used, settings[0])
            used.append((n_used, perplexity_used))
    _warn_once(detector.n_components, runs, used)
    return n_flagged / len(runs)


def _perplexities_of(embed: Any, given: Iterable[float] | None) -> list[float | None]:
    """List the perplexities to try; None is for an embedding that has none."""
    own = {} if embed == "passthrough" else embed.get_params(deep=False)
    if "perplexity" not in own:
        if given is not None:
            raise ValueError(f"embed={embed!r} takes no perplexity: leave perplexities=None.")
        return [None]
    if given is None:
        return [factor * own["perplexity"] for factor in PERPLEXITY_FACTORS]
    perplexities: list[float | None] = []
    for perplexity in given:
        if not perplexity > 0:
            raise ValueError(f"A perplexity must be above 0, got {perplexity}.")
        perplexities.append(perplexity)
    return perplexities


def _embed(
    embed: Any, rows: NDArray[Any], y: NDArray[Any], random_state: int, perplexity: float | None
) -> tuple[NDArray[np.float64], float | None]:
    """Embed rows from a start of their own; tell the perplexity used."""
    if embed == "passthrough":
        return np.asarray(rows, dtype=np.float64), None
    step = _seeded(embed, random_state)
    if perplexity is not None:
        step.set_params(perplexity=perplexity)
    init = step.get_params(deep=False).get("init")
    if isinstance(init, str) and init == "pca":
        step.set_params(init="random")
    points, step = fit_step(step, rows, y)
    return np.asarray(points, dtype=np.float64), getattr(step, "perplexity_", perplexity)


def _seeded(step: Any, random_state: int) -> Any:
    """Clone a step with this seed, if it takes one."""
    step = clone(step)
    if "random_state" in step.get_params(deep=False):
        step.set_params(random_state=random_state)
    return step


def _flags(
    detector: SpuriousRegionDetector,
    embedding: NDArray[np.float64],
    codes: NDArray[np.int8],
    n_components: int,
    random_state: int,
) -> NDArray[np.bool_]:
    """Fit the mixture, choose the region, and tell which sources lie in it."""
    given = GaussianMixture() if detector.mixture is None else detector.mixture
    mixture = fit_mixture(_seeded(given, random_state), embedding, n_components, random_state)
    component = memberships(mixture, embedding, "hard")
    counts = component_counts(component, codes, count_components(mixture, component))
    membership = memberships(mixture, embedding, detector.assignment)
    return weigh_fractions(membership, counts) >= detector.threshold


def _warn_once(
    n_components: int,
    runs: list[tuple[int, float | None]],
    used: list[tuple[int, float | None]],
) -> None:
    """Say what was too large for the sources in some run."""
    warn_about_few_sources("n_components", [n_components], [[n_used] for n_used, _ in used])
    small = {
        wanted: perplexity
        for (_, wanted), (_, perplexity) in zip(runs, used, strict=True)
        if wanted is not None and perplexity is not None
    }
    warn_about_few_sources("perplexity", list(small), [list(small.values())])
