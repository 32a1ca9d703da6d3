"""Why a source has its position in the order of inspection."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spurclust.ranking.ranker import InspectionRanker

if TYPE_CHECKING:
    import pandas as pd

BETWEEN = "between panels"
_PANEL = re.compile(r"panel\d+(?=_)")


@dataclass(frozen=True, eq=False)
class SourceExplanation:
    """The reasons for the position of a source in the order of inspection.

    Returned by `explain_source`.

    Attributes
    ----------
    probability : float
        Probability that the source is spurious.
    features : DataFrame
        One row per feature, the largest effect first. Columns: feature, value, typical (the value
        of reliable sources), effect. The effect is how far the probability falls if the feature is
        typical.
    panels : DataFrame
        The same for all features of a panel together, and for those between panels. Columns: panel,
        effect.
    nearest : ndarray of int of shape (n_neighbors,)
        Indices among the fitted sources of the most similar known spurious; -1 where there are
        fewer.
    distances : ndarray of shape (n_neighbors,)
        Their distances; 1 is typical of two random sources.
    component : dict or None
        Component of the source in the embedding, None without a detector. Keys: component,
        n_spurious, n_inspected, fraction, fraction_low, fraction_high, in_region.

    Examples
    --------
    >>> from spurclust import InspectionRanker
    >>> from spurclust.ranking import explain_source
    >>> from spurclust.simulate import simulate_survey
    >>> survey = simulate_survey(60, 20, random_state=0)
    >>> ranker = InspectionRanker(100, random_state=0).fit(survey.images, survey.y)
    >>> explain_source(ranker, survey.images[0]).component is None
    True
    """

    probability: float
    features: pd.DataFrame
    panels: pd.DataFrame
    nearest: NDArray[np.intp]
    distances: NDArray[np.float64]
    component: dict[str, Any] | None = None


def explain_source(
    ranker: InspectionRanker,
    cutout: ArrayLike,
    *,
    detector: Any = None,
    n_features: int = 10,
    n_neighbors: int = 3,
) -> SourceExplanation:
    """Explain why a source has its position in the order of inspection.

    Each feature is replaced by that of a typical reliable source: first alone, then with all others
    of its panel. Redundant features replace each other, so one alone may have little effect. The
    panels show more.

    Parameters
    ----------
    ranker : InspectionRanker
        The fitted ranker.
    cutout : array-like of shape (n_features,), (height, width) or (height, width, n_channels)
        The source.
    detector : SpuriousRegionDetector, default=None
        A fitted detector, for the source's component.
    n_features : int, default=10
        Number of features to list.
    n_neighbors : int, default=3
        Number of known spurious sources to find.

    Returns
    -------
    SourceExplanation
        The explanation.

    Examples
    --------
    >>> from spurclust import InspectionRanker
    >>> from spurclust.ranking import explain_source
    >>> from spurclust.simulate import simulate_survey
    >>> survey = simulate_survey(60, 20, random_state=0)
    >>> ranker = InspectionRanker(100, random_state=0).fit(survey.images, survey.y)
    >>> why = explain_source(ranker, survey.images[ranker.inspection_rank_ == 1][0])
    >>> len(why.features), len(why.panels), survey.y[why.nearest].tolist()
    (10, 7, [1, 1, 1])
    """
    import pandas as pd

    images = np.asarray(cutout)[None]
    rows = ranker.extract_features(images)
    names = [str(name) for name in ranker.feature_names_]
    panels = _features_by_panel(names)
    unchanged: NDArray[np.intp] = np.array([], dtype=np.intp)
    groups = [unchanged, *(np.array([k]) for k in range(len(names))), *panels.values()]
    probability = ranker.probability_without(rows[0], groups)
    effects = probability[0] - probability[1:]
    features = pd.DataFrame({"feature": names, "value": rows[0], "typical": ranker.typical_})
    features["effect"] = effects[: len(names)]
    by_panel = pd.DataFrame({"panel": list(panels), "effect": effects[len(names) :]})
    nearest, distances = ranker.nearest_spurious(images, n_neighbors, features=rows)
    return SourceExplanation(
        probability=float(probability[0]),
        features=_sort_by_effect(features).head(n_features),
        panels=_sort_by_effect(by_panel),
        nearest=nearest[0],
        distances=distances[0],
        component=None if detector is None else _component_of(detector, images),
    )


def _features_by_panel(names: list[str]) -> dict[str, NDArray[np.intp]]:
    """Return the indices of the features of each panel, and of those between panels."""
    groups: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        match = _PANEL.match(name)
        groups.setdefault(match[0] if match else BETWEEN, []).append(index)
    return {name: np.array(indices, dtype=np.intp) for name, indices in groups.items()}


def _sort_by_effect(table: pd.DataFrame) -> pd.DataFrame:
    """Sort rows by the absolute size of their effect."""
    return table.sort_values("effect", key=abs, ascending=False, kind="stable", ignore_index=True)


def _component_of(detector: Any, images: NDArray[Any]) -> dict[str, Any]:
    """Return the component of a source, with its counts."""
    component = int(detector.assign(images).component[0])
    known = detector.components_.loc[component]
    names = ("n_spurious", "n_inspected", "fraction", "fraction_low", "fraction_high", "in_region")
    return {"component": component, **{name: known[name].item() for name in names}}
