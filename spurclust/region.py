"""The region rule, as pure functions: which components hold enough spurious sources.

In each component, the spurious fraction is known spurious / known. The components at or above the
threshold (5 %) form the region (`region_of`). A source is flagged if its fraction reaches the
threshold (`is_flagged`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spurclust.embedding import GuidedMixture
from spurclust.labels import SPURIOUS, UNINSPECTED
from spurclust.metrics import binomial_interval
from spurclust.parallel import map_row_blocks, single_threaded_blas

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["component_counts", "component_table", "region_of", "spurious_fractions"]


def component_counts(component: ArrayLike, y: ArrayLike, n_components: int) -> NDArray[np.int64]:
    """Count the sources, the inspected and the spurious of each component.

    Parameters
    ----------
    component : array-like of int of shape (n_samples,)
        Component of each source, from 0 to `n_components - 1`.
    y : array-like of shape (n_samples,)
        1 spurious, 0 reliable, -1 uninspected.
    n_components : int
        Number of components.

    Returns
    -------
    ndarray of shape (n_components, 3)
        Columns size, inspected, spurious.

    Examples
    --------
    >>> from spurclust.region import component_counts
    >>> component_counts([0, 0, 1], [1, -1, 0], 2)
    array([[2, 1, 1],
           [1, 1, 0]])
    """
    component, y = np.asarray(component), np.asarray(y)
    return np.stack(
        [
            np.bincount(component[chosen], minlength=n_components)
            for chosen in (slice(None), y != UNINSPECTED, y == SPURIOUS)
        ],
        axis=1,
    ).astype(np.int64)


def spurious_fractions(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Divide the known spurious sources by the inspected ones, in each component.

    Parameters
    ----------
    counts : ndarray of shape (n_components, 3)
        What `component_counts` returns.

    Returns
    -------
    ndarray of shape (n_components,)
        Fractions between 0 and 1; NaN where no source is inspected.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.region import spurious_fractions
    >>> spurious_fractions(np.array([[9, 4, 1], [3, 0, 0]]))
    array([0.25,  nan])
    """
    known = counts[:, 1].astype(float)
    fractions = np.full(len(counts), np.nan)
    np.divide(counts[:, 2], known, out=fractions, where=known > 0)
    return fractions


def region_of(fractions: NDArray[np.float64], threshold: float) -> NDArray[np.bool_]:
    """Choose the components that form the spurious region.

    Parameters
    ----------
    fractions : ndarray of shape (n_components,)
        Spurious fractions, NaN where unknown.
    threshold : float
        Minimum spurious fraction of a component in the region.

    Returns
    -------
    ndarray of bool of shape (n_components,)
        Whether the fraction is at or above the threshold; False where it is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.region import region_of
    >>> region_of(np.array([0.05, 0.01, np.nan]), 0.05)
    array([ True, False, False])
    """
    return is_flagged(fractions, threshold)


def is_flagged(probability: NDArray[np.float64], threshold: float) -> NDArray[np.bool_]:
    """Return where a spurious probability reaches the threshold, without rounding."""
    return np.asarray(probability >= threshold)


def component_table(
    counts: NDArray[np.int64], threshold: float, confidence: float = 0.95
) -> pd.DataFrame:
    """Return the table of components.

    Parameters
    ----------
    counts : ndarray of shape (n_components, 3)
        What `component_counts` returns.
    threshold : float
        Minimum spurious fraction of a component in the region.
    confidence : float, default=0.95
        Confidence of the exact interval of each fraction.

    Returns
    -------
    pandas.DataFrame
        Indexed by `component`, with columns size, n_inspected, n_spurious, fraction,
        fraction_low, fraction_high, in_region.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.region import component_table
    >>> table = component_table(np.array([[9, 4, 1], [3, 0, 0]]), 0.05)
    >>> table[["size", "fraction", "in_region"]].to_numpy().tolist()
    [[9, 0.25, True], [3, nan, False]]
    """
    import pandas as pd

    fractions = spurious_fractions(counts)
    low, high = binomial_interval(counts[:, 2], counts[:, 1], confidence)
    return pd.DataFrame(
        {
            "size": counts[:, 0],
            "n_inspected": counts[:, 1],
            "n_spurious": counts[:, 2],
            "fraction": fractions,
            "fraction_low": low,
            "fraction_high": high,
            "in_region": region_of(fractions, threshold),
        },
        index=pd.RangeIndex(len(counts), name="component"),
    )


class FlaggingMixin(ABC):
    """Methods of a classifier with a spurious probability and a threshold."""

    classes_: NDArray[Any]

    @property
    @abstractmethod
    def _threshold(self) -> float:
        """The threshold in use."""

    @abstractmethod
    def spurious_probability(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the spurious fraction at each source."""

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return a score that is positive exactly where a source is flagged.

        Parameters
        ----------
        X : array-like
            Rows or cutouts of the fitted shape.

        Returns
        -------
        ndarray of shape (n_samples,)
            Positive exactly where flagged.
        """
        return np.asarray(self.spurious_probability(X) - np.nextafter(self._threshold, -np.inf))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Flag the sources whose spurious probability reaches the threshold.

        Parameters
        ----------
        X : array-like
            Rows or cutouts of the fitted shape.

        Returns
        -------
        ndarray of shape (n_samples,)
            `classes_[1]` where flagged, else `classes_[0]`.
        """
        flagged = is_flagged(self.spurious_probability(X), self._threshold)
        return np.asarray(self.classes_[flagged.astype(int)])


SOURCES_PER_COMPONENT = 10
"""Minimum, on average. With fewer, many components hold 1 to 4 sources, and their fractions mean
nothing: the interval of one spurious of one is 2.5 to 100 %."""

NEARLY_ALL = 0.9
"""A region with a larger share of the sources saves hardly any inspection."""

MIXTURE_ROWS = 512
"""Rows of a block. All blocks are of equal size, so a point's result depends on itself only."""


def check_mixture(mixture: Any, assignment: str) -> None:
    """Raise if the given mixture cannot assign sources in the way that is asked for."""
    if mixture is not None and not (hasattr(mixture, "fit") and hasattr(mixture, "predict")):
        raise ValueError(
            f"mixture={mixture!r:.60} has no predict, so it cannot assign new sources to "
            "components: give GaussianMixture(), KMeans(), or a class of your own with fit and "
            "predict, for example one that takes the component of the nearest fitted source"
        )
    if assignment == "soft" and mixture is not None and not hasattr(mixture, "predict_proba"):
        raise ValueError(
            'assignment="soft" needs a mixture with predict_proba: '
            f'{type(mixture).__name__} has none. Use assignment="hard".'
        )


def allowed_components(
    mixture: Any, wanted: Sequence[int], embedding: NDArray[np.float64]
) -> list[int]:
    """Shrink numbers of components to what the points allow, if the mixture takes one."""
    if "n_components" not in mixture.get_params(deep=False):
        return list(wanted)
    n_distinct = len(np.unique(embedding, axis=0))
    # Ten points are enough for two components.
    most = max(
        n_distinct // SOURCES_PER_COMPONENT, min(2 * n_distinct // SOURCES_PER_COMPONENT, 2), 1
    )
    return [min(each, most) for each in wanted]


def describe_excess(components: pd.DataFrame, threshold: float, flagged: NDArray[np.bool_]) -> str:
    """Return what to do about a region of nearly all sources, "" for a smaller one."""
    n_inspected, n_spurious = components[["n_inspected", "n_spurious"]].sum()
    if flagged.mean() <= NEARLY_ALL or 2 * n_spurious > n_inspected:
        return ""
    advice = []
    if len(components) > 1:
        advice.append(
            f"raise threshold={threshold:g} (--threshold) above the spurious fraction of all "
            f"inspected sources, {n_spurious / n_inspected:.3g}"
        )
    if len(components) < len(flagged) // SOURCES_PER_COMPONENT:
        advice.append(f"raise n_components={len(components)} (-N)")
    else:
        advice.append(
            "inspect in the order of the ranking (inspection_rank), because there are too few "
            "sources for more components"
        )
    return (
        f"The region holds {flagged.sum()} of {len(flagged)} sources, and saves hardly any "
        f"inspection: {', or '.join(advice)}."
    )


def fit_mixture(
    mixture: Any, embedding: NDArray[np.float64], n_components: int, codes: NDArray[np.int8]
) -> Any:
    """Fit the mixture itself, with this number of components if it takes one."""
    if "n_components" in mixture.get_params(deep=False):
        mixture.set_params(n_components=n_components)
    # The last bits of sums depend on the number of threads and on the order.
    order = np.lexsort(embedding.T)
    with single_threaded_blas():
        if isinstance(mixture, GuidedMixture):
            return mixture.fit(embedding[order], codes[order])
        return mixture.fit(embedding[order])


def assign_components(mixture: Any, points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the most likely component of each point."""
    component: NDArray[np.int64] = map_row_blocks(mixture.predict, points, MIXTURE_ROWS).astype(
        np.int64
    )
    if component.min(initial=0) < 0:
        raise ValueError(
            f"mixture={mixture!r:.60} predicts the component {component.min()}: components are "
            "numbered from 0, and noise needs a number of its own"
        )
    return component


def count_components(mixture: Any, component: NDArray[np.int64]) -> int:
    """Return how many components a fitted mixture has, given those of the fitted points."""
    return int(getattr(mixture, "n_components", max(component.max() + 1, 1)))


def spurious_probability(
    mixture: Any, points: NDArray[np.float64], counts: NDArray[np.int64], assignment: str
) -> NDArray[np.float64]:
    """Return the spurious fraction of each point's component; for "soft" the weighted mean."""
    fractions = np.nan_to_num(spurious_fractions(counts))
    if assignment == "hard":
        return np.asarray(fractions[assign_components(mixture, points)])
    responsibilities = map_row_blocks(mixture.predict_proba, points, MIXTURE_ROWS)
    # The order of einsum's sums does not depend on the other rows.
    return np.asarray(np.einsum("ij,j->i", responsibilities, fractions))


# Colors are those of the notebook, light or dark. Rows of the region are bold and have a word.
_STYLE = """<style>
.spurclust-region {font-family: sans-serif; font-size: 0.9em; margin: 0.5em 0;}
.spurclust-region p {margin: 0.3em 0;}
.spurclust-region div {max-height: 24em; overflow: auto;}
.spurclust-region table {border-collapse: collapse; font-variant-numeric: tabular-nums;}
.spurclust-region th, .spurclust-region td {text-align: right; padding: 0.1em 0.7em;}
.spurclust-region thead {border-bottom: 1px solid;}
.spurclust-region tr.in-region {font-weight: bold;}
</style>"""
_HEADER = ("component", "size", "inspected", "spurious", "fraction", "95 % interval", "region")


def region_html(components: pd.DataFrame, threshold: float, flagged: Any) -> str:
    """Return a `div` for notebooks with the region's counts and the table of components."""
    inside = components[components["in_region"]]
    n_flagged, n_sources = int(flagged.sum()), len(flagged)
    sentences = (
        f"Spurious region: {len(inside)} of {len(components)} components, those with a spurious "
        f"fraction of at least {threshold:g}.",
        f"Flagged: {n_flagged} of {n_sources} sources (workload {n_flagged / n_sources:.3f}).",
        f"The region holds {inside['n_spurious'].sum()} of {components['n_spurious'].sum()} known "
        "spurious, in-sample: the same labels chose it.",
        *filter(None, [describe_excess(components, threshold, flagged)]),
    )
    rows = "".join(_html_row(record) for record in components.reset_index().to_dict("records"))
    head = _html_cells("th", _HEADER, ' scope="col"')
    return (
        f'<div class="spurclust-region">{_STYLE}'
        + "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
        + f"<div><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></div>"
    )


def _html_row(record: Mapping[Hashable, Any]) -> str:
    """Return the row of a component, without a fraction if none of its sources is inspected."""
    known = record["n_inspected"] > 0
    low, high = record["fraction_low"], record["fraction_high"]
    texts = (
        *(record[name] for name in ("component", "size", "n_inspected", "n_spurious")),
        f"{record['fraction']:.3f}" if known else "",
        f"{low:.3f} to {high:.3f}" if known else "",
        "yes" if record["in_region"] else "",
    )
    mark = ' class="in-region"' if record["in_region"] else ""
    return f"<tr{mark}>{_html_cells('td', texts)}</tr>"


def _html_cells(tag: str, texts: Iterable[object], attributes: str = "") -> str:
    """Return the cells of a row."""
    return "".join(f"<{tag}{attributes}>{escape(str(text))}</{tag}>" for text in texts)
