"""Why a source stands where it does in the order of inspection."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spurclust.ranking.ranker import InspectionRanker

if TYPE_CHECKING:
    import pandas as pd

_PANEL = re.compile(r"panel\d+(?=_)")
BETWEEN = "between panels"


@dataclass(frozen=True, eq=False)
class SourceExplanation:
    """Why a source stands where it does.

    What `explain_source` returns.

    Attributes
    ----------
    probability : float
        That the source is spurious, from 0 to 1.
    features : DataFrame
        One row a feature, the most telling first: feature, value, typical (of reliable sources),
        effect: by how much the probability would fall if the feature were typical.
    panels : DataFrame
        The same for all features of a panel together, and for those between panels: panel, effect.
    nearest : ndarray of int of shape (n_neighbors,)
        The most alike known spurious, as places among the fitted sources; -1 where there are not
        so many.
    distances : ndarray of shape (n_neighbors,)
        Their distances; 1 is typical of two sources drawn at random.
    component : dict or None
        The source's component in the embedding: component, n_spurious, n_inspected, fraction,
        fraction_low, fraction_high, in_region; None without a detector.

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
    features: "pd.DataFrame"
    panels: "pd.DataFrame"
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
    """Tell why a source stands where it does in the order of inspection.

    Each feature is replaced by that of a typical reliable source, alone and with all others of its
    panel. Features that say the same stand in for each other: then each alone has little effect,
    and the panels tell more.

    Parameters
    ----------
    ranker : InspectionRanker
        The fitted ranker.
    cutout : array-like of shape (n_features,), (height, width) or (height, width, n_channels)
        The source.
    detector : SpuriousRegionDetector, default=None
        A fitted detector, to tell the source's component.
    n_features : int, default=10
        How many features to list.
    n_neighbors : int, default=3
        How many known spurious to find.

    Returns
    -------
    SourceExplanation
        Why.

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
    row = ranker.measure(images)[0]
    names = [str(name) for name in ranker.feature_names_]
    panels = panel_features(names)
    alone: list[NDArray[np.intp]] = [np.array([k]) for k in range(len(names))]
    nothing: NDArray[np.intp] = np.array([], dtype=np.intp)
    replaced = ranker.probability_without(row, [nothing, *alone, *panels.values()])
    effects = replaced[0] - replaced[1:]
    features = pd.DataFrame(
        {
            "feature": names,
            "value": row,
            "typical": ranker.typical_,
            "effect": effects[: len(names)],
        }
    )
    by_panel = pd.DataFrame({"panel": list(panels), "effect": effects[len(names) :]})
    nearest, distances = ranker.nearest_spurious(images, n_neighbors)
    return SourceExplanation(
        probability=float(replaced[0]),
        features=_most_telling(features).head(n_features),
        panels=_most_telling(by_panel),
        nearest=nearest[0],
        distances=distances[0],
        component=None if detector is None else _component_of(detector, images),
    )


def panel_features(names: list[str]) -> dict[str, NDArray[np.intp]]:
    """Group features by the panel that they are about.

    Parameters
    ----------
    names : list of str
        Names of features, as `CutoutFeatures` gives them.

    Returns
    -------
    dict of str to ndarray of int
        Places of the features of "panel1", ..., and of those between panels or of no panel.

    Examples
    --------
    >>> from spurclust.ranking.explanation import panel_features
    >>> {name: places.tolist() for name, places in panel_features(["panel1_a", "b"]).items()}
    {'panel1': [0], 'between panels': [1]}
    """
    groups: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        match = _PANEL.match(name)
        groups.setdefault(match[0] if match else BETWEEN, []).append(place)
    return {name: np.array(places, dtype=np.intp) for name, places in groups.items()}


def _most_telling(table: "pd.DataFrame") -> "pd.DataFrame":
    """Sort rows by the size of their effect, up or down."""
    order = np.argsort(-table["effect"].abs().to_numpy(), kind="stable")
    return table.iloc[order].reset_index(drop=True)


def _component_of(detector: Any, images: NDArray[Any]) -> dict[str, Any]:
    """Tell the component of a source, and what is known of it."""
    component = detector.assign(images).component
    known = detector.components_.loc[int(component[0])]
    names = ("n_spurious", "n_inspected", "fraction", "fraction_low", "fraction_high", "in_region")
    return {"component": int(component[0]), **{name: known[name].item() for name in names}}
