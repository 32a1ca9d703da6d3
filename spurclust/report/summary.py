"""A run as tables in memory, and its summary as a plain dict."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spurclust.catalog.source_columns import OWN_COLUMNS, TEXT_COLUMNS
from spurclust.labels import SPURIOUS, UNINSPECTED, frequent_reasons, name_reasons
from spurclust.metrics import binomial_interval
from spurclust.printing import short_repr
from spurclust.tuning import pool_metrics

if TYPE_CHECKING:
    import pandas as pd

_VERSIONED = ("spurclust", "numpy", "scipy", "scikit-learn", "numba")
# Long enough to distinguish two results, short enough for the name of a stored item.
_IDENTITY_LENGTH = 24


@dataclass(frozen=True, eq=False)
class Results:
    """The tables and the summary of a run: all that a report needs besides the cutouts.

    Made from tables in memory or from `spurclust.catalog.read_results`. Text columns become text
    and all others float, whatever marks missing values.

    Parameters
    ----------
    name : str
        Title of the page.
    sources : DataFrame
        One row per source, as `spurclust.catalog.sources_table` returns it.
    components : DataFrame
        One row per component, as `components_` of a detector. The number of the component is the
        index, or the column "component".
    summary : dict
        What `summarize_run` returns.
    tuning : DataFrame, default=None
        Settings that a search tried.
    audit : sequence of str, default=()
        Ids of the sample of an audit, in the order drawn.
    """

    name: str
    sources: pd.DataFrame
    components: pd.DataFrame
    summary: dict[str, Any]
    tuning: pd.DataFrame | None = None
    audit: Sequence[str] = ()

    def __post_init__(self) -> None:
        components = self.components
        if "component" not in components:
            components = components.rename_axis("component").reset_index()
        object.__setattr__(self, "components", _plain_table(components))
        object.__setattr__(self, "sources", _plain_table(self.sources))

    def __len__(self) -> int:
        return len(self.sources)

    @cached_property
    def label(self) -> NDArray[np.int8]:
        """Return 1 for spurious, 0 for reliable and -1 for uninspected sources."""
        return self.sources["label"].fillna(UNINSPECTED).to_numpy(dtype=np.int8)

    @property
    def predictions(self) -> dict[str, int]:
        """Return the counts of new sources; empty for the results of a run."""
        return self.summary.get("predictions") or {}

    @cached_property
    def flagged(self) -> NDArray[np.bool_]:
        """Return whether each source lies in the region."""
        return np.asarray(self.sources["flagged"] == 1)

    @cached_property
    def component(self) -> NDArray[np.int64]:
        """Return the component of each source."""
        return self.sources["component"].to_numpy(dtype=np.int64)

    @cached_property
    def reasons(self) -> NDArray[np.object_]:
        """Return the reason of each source, with a name for a missing one."""
        given = np.array([reason.strip() for reason in self.sources["reason"]], dtype=np.object_)
        named = np.array(name_reasons(given), dtype=np.object_)
        return np.where(self.label == SPURIOUS, named, given)

    @cached_property
    def identity(self) -> str:
        """Return a digest of the table of sources."""
        digest = hashlib.sha256()
        for name in sorted(self.sources.columns):
            column = self.sources[name]
            if column.dtype == object:
                content = json.dumps(column.tolist()).encode("ascii")
            else:
                # The last bits of a number may change when it is written to a file and read.
                content = column.to_numpy(dtype="<f4").tobytes()
            digest.update(name.encode() + content)
        return digest.hexdigest()[:_IDENTITY_LENGTH]

    @property
    def other_columns(self) -> list[str]:
        """Return the names of the columns that came from the team's tables."""
        return [str(name) for name in self.sources if name not in OWN_COLUMNS]

    def column(self, name: str) -> NDArray[np.float64] | None:
        """Return a column of numbers.

        Parameters
        ----------
        name : str
            Name of the column.

        Returns
        -------
        ndarray of shape (n_sources,) or None
            NaN where a value is missing; None if the table has no such column.
        """
        if name not in self.sources:
            return None
        return self.sources[name].to_numpy(dtype=np.float64)

    def __repr__(self) -> str:
        return short_repr(self)


def _plain_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return text columns as text ("" if missing), and all others as float (NaN if missing)."""
    import pandas as pd

    columns: dict[Any, Any] = {}
    for name, column in table.items():
        if name in TEXT_COLUMNS or not pd.api.types.is_numeric_dtype(column):
            columns[name] = column.astype(object).where(column.notna(), "")
        else:
            columns[name] = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return pd.DataFrame(columns).reset_index(drop=True)


def summarize_run(
    detector: Any,
    y: ArrayLike,
    *,
    reasons: Sequence[str] = (),
    counts: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    seconds: Mapping[str, float] | None = None,
    search: Any = None,
    stability: ArrayLike | None = None,
    steadiness: Any = None,
    outlook: Any = None,
) -> dict[str, Any]:
    """Summarize a fitted detector: the flagged sources, and the known spurious among them.

    The completeness and purity here are in-sample: the same labels chose the region.

    Parameters
    ----------
    detector : SpuriousRegionDetector
        The fitted detector.
    y : array-like of shape (n_samples,)
        1 spurious, 0 reliable, -1 uninspected, in the order of the fit.
    reasons : sequence of str of length n_samples, default=()
        Why a source is spurious. The ten most frequent reasons count separately, all others
        together.
    counts : mapping, default=None
        The numbers of sources, labels and reasons.
    settings : mapping, default=None
        Settings of the run.
    seconds : mapping of str to float, default=None
        Seconds of each stage.
    search : SpuriousRegionDetectorCV, default=None
        The search that chose the detector, for its held-out metrics.
    stability : array-like of shape (n_samples,), default=None
        Share of runs in which each source is flagged.
    steadiness : spurclust.tuning.Steadiness, default=None
        Steadiness of the region, from `spurclust.tuning.region_steadiness`.
    outlook : InspectionOutlook, default=None
        Result of `spurclust.ranking.inspection_outlook`.

    Returns
    -------
    dict
        Plain Python values for JSON; None for undefined ones.
    """
    label, flagged = np.asarray(y), np.asarray(detector.flagged_)
    spurious, inspected = label == SPURIOUS, label != UNINSPECTED
    embed = detector.pipeline_.named_steps["embed"]
    kl = getattr(embed, "kl_divergence_", None)
    n_found = (flagged & spurious).sum()
    return {
        "written_by": "spurclust",
        "versions": {package: version(package) for package in _VERSIONED},
        "settings": dict(settings or {}),
        "labels": dict(counts or {}),
        "embedding": {
            "perplexity": getattr(detector, "perplexity_", None),
            "kl_divergence": None if kl is None else float(kl),
            "n_iter": getattr(embed, "n_iter_", None),
        },
        "region": {
            "n_components": detector.n_components_,
            "threshold": float(detector.threshold),
            "components": np.flatnonzero(detector.region_).tolist(),
        },
        "flagged": _proportion(flagged.sum(), len(flagged)),
        "flagged_uninspected": int((flagged & ~inspected).sum()),
        "held_out": None if search is None else _held_out(search, detector, spurious, reasons),
        "ranking": None if outlook is None else _outlook(outlook),
        "stability": None if stability is None else _stability(np.asarray(stability)),
        "steadiness": None if steadiness is None else steadiness._asdict(),
        "in_sample": {
            "completeness": _proportion(n_found, spurious.sum()),
            "purity": _proportion(n_found, (flagged & inspected).sum()),
            "completeness_by_reason": {
                reason: _proportion((flagged & own).sum(), own.sum())
                for reason, own in _split_by_reason(spurious, reasons).items()
            },
        },
        "seconds": {name: round(float(value), 3) for name, value in (seconds or {}).items()},
    }


def _proportion(k: int, n: int) -> dict[str, Any]:
    """Return k of n with its fraction and exact 95 % interval; None where n is 0."""
    low, high = binomial_interval(k, n)
    return {
        "k": int(k),
        "n": int(n),
        "fraction": float(k / n) if n else None,
        "interval": [float(low), float(high)] if n else None,
    }


def _split_by_reason(
    chosen: NDArray[np.bool_], reasons: Sequence[str]
) -> dict[str, NDArray[np.bool_]]:
    """Return which of the chosen sources have each frequent reason, and which have another."""
    if not len(reasons):
        return {}
    given = np.array(name_reasons(reasons))
    names, others = frequent_reasons(Counter(given[chosen].tolist()))
    split = {name: chosen & (given == name) for name in names}
    rest = chosen & ~np.isin(given, names)
    return {**split, others: rest} if rest.any() else split


def _held_out(
    search: Any, detector: Any, spurious: NDArray[np.bool_], reasons: Sequence[str]
) -> dict[str, Any]:
    """Return the metrics of a search on sources whose labels it was not shown."""
    share = search.held_out_flagged_
    tested = spurious & ~np.isnan(share)
    by_reason = {}
    for reason, own in _split_by_reason(tested, reasons).items():
        completeness = pool_metrics(np.where(own, share, np.nan), spurious).completeness
        by_reason[reason] = {**_plain_metric(completeness), "n": int(own.sum())}
    return {
        **{
            name: _plain_metric(metric)
            for name, metric in pool_metrics(share, spurious)._asdict().items()
        },
        "n_spurious": int(tested.sum()),
        "completeness_by_reason": by_reason,
        # With few sources, settings shrink.
        "params": {
            name: float(getattr(detector, f"{name}_", value))
            for name, value in search.best_params_.items()
        },
        "n_settings": len(search.cv_results_["params"]),
        "n_splits": int(search.n_splits_),
        "protocol": search.protocol,
        "edges": list(search.edges_),
    }


def _plain_metric(metric: tuple[float, float, float]) -> dict[str, Any]:
    """Return a metric and its interval, None if it is not defined."""
    value, low, high = metric
    known = not math.isnan(value)
    return {"fraction": value if known else None, "interval": [low, high] if known else None}


def _outlook(outlook: Any) -> dict[str, Any]:
    """Return the outlook as plain values, None if not known."""
    numbers = {name: _known(value) for name, value in outlook._asdict().items() if name != "effort"}
    rows = []
    for row in outlook.effort.itertuples():
        ends = [_known(row.inspections_low), _known(row.inspections_high)]
        rows.append(
            {
                "completeness": float(row.completeness),
                "inspections": _known(row.inspections),
                "interval": None if None in ends else ends,
                "inspections_left": _known(row.inspections_left),
            }
        )
    return {**numbers, "expected_effort": rows}


def _known(value: Any) -> Any:
    """Return plain numbers, whole ones as int; None for NaN."""
    if isinstance(value, tuple):
        return [_known(each) for each in value]
    if value is None or math.isnan(value):
        return None
    return int(value) if float(value).is_integer() else float(value)


def _stability(share: NDArray[np.float64]) -> dict[str, int]:
    """Count the sources that every run, some runs or no run flags."""
    always, never = int((share == 1).sum()), int((share == 0).sum())
    return {"always": always, "sometimes": len(share) - always - never, "never": never}
