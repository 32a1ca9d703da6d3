"""A run as tables in memory, and its summary as a plain dict and as text."""

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
_METRICS = ("completeness", "purity", "workload")
# Enough to distinguish two results, short enough for the name of a stored item.
_IDENTITY_LENGTH = 24


@dataclass(frozen=True, eq=False)
class Results:
    """The tables and the summary of a run, which is all that a report needs besides the cutouts.

    Built from tables in memory or from those that `spurclust.catalog.read_results` returns: text
    columns become text, all others floats, whichever way missing values are marked.

    Parameters
    ----------
    name : str
        Title of the page.
    sources : DataFrame
        One row per source, as `spurclust.catalog.sources_table` returns it.
    components : DataFrame
        One row per component, as `components_` of a detector; its numbers are the index, or the
        column "component".
    summary : dict
        What `summarize_run` returns.
    tuning : DataFrame, default=None
        The settings that a search tried.
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
        """Return the counts of new sources, which have no labels; empty for those of a run."""
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
        """Return the reason of each source, named where a spurious one has none."""
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
                # The last bits of a number may depend on how it was written to a file and read.
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
    """Return text columns as text, "" where missing, and all others as float, NaN where missing."""
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
    outlook: Any = None,
) -> dict[str, Any]:
    """Summarize a fitted detector: what is flagged, and how many of the known spurious.

    The completeness and purity here are in-sample: the same labels chose the region.

    Parameters
    ----------
    detector : SpuriousRegionDetector
        The fitted detector.
    y : array-like of shape (n_samples,)
        1 spurious, 0 reliable, -1 uninspected, in the order of the fit.
    reasons : sequence of str of length n_samples, default=()
        Why a source is spurious. The ten most frequent reasons count by themselves, all others
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
    outlook : InspectionOutlook, default=None
        What `spurclust.ranking.inspection_outlook` returns for the order of inspection.

    Returns
    -------
    dict
        Plain Python values, None for what is not defined; ready for JSON.
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
        "held_out": None if search is None else _held_out(search, spurious, reasons),
        "ranking": None if outlook is None else _outlook(outlook),
        "stability": None if stability is None else _stability(np.asarray(stability)),
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


def _held_out(search: Any, spurious: NDArray[np.bool_], reasons: Sequence[str]) -> dict[str, Any]:
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
        "params": {name: float(value) for name, value in search.best_params_.items()},
        "n_settings": len(search.cv_results_["params"]),
        "n_splits": int(search.n_splits_),
        "protocol": search.protocol,
        "edges": list(search.edges_),
    }


def _plain_metric(metric: tuple[float, float, float]) -> dict[str, Any]:
    """Return a metric and its interval, None where it is not defined."""
    value, low, high = metric
    known = not math.isnan(value)
    return {"fraction": value if known else None, "interval": [low, high] if known else None}


def _outlook(outlook: Any) -> dict[str, Any]:
    """Return what is still to be found, and after how many inspections; None where not known."""
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
    """Return a plain number or numbers, whole ones as int; None for NaN."""
    if isinstance(value, tuple):
        return [_known(each) for each in value]
    if value is None or math.isnan(value):
        return None
    return int(value) if float(value).is_integer() else float(value)


def _stability(share: NDArray[np.float64]) -> dict[str, int]:
    """Count the sources that every run, some runs or no run flags."""
    always, never = int((share == 1).sum()), int((share == 0).sum())
    return {"always": always, "sometimes": len(share) - always - never, "never": never}


def format_summary(summary: Mapping[str, Any]) -> str:
    """Format the result of a run for a terminal.

    Parameters
    ----------
    summary : mapping
        What `summarize_run` returns.

    Returns
    -------
    str
        A few lines, in-sample metrics marked as such.
    """
    flagged, in_sample = summary["flagged"], summary["in_sample"]
    region, held_out = summary["region"], summary.get("held_out")
    lines = []
    if held_out:
        params = ", ".join(f"{name}={value:g}" for name, value in held_out["params"].items())
        lines += [
            f"Chosen among {held_out['n_settings']} settings: {params}.",
            "Held out (labels not shown when the region was chosen, "
            f"{held_out['n_splits']} splits, {held_out['protocol']}):",
            *_format_metrics(held_out, "nothing is flagged"),
        ]
    numbers = ", ".join(map(str, region["components"])) or "none"
    lines += [
        f"Region: {len(region['components'])} of {region['n_components']} components ({numbers}) "
        f"hold at least {region['threshold']:.3g} spurious among the inspected.",
        f"Flagged {flagged['k']} of {flagged['n']} sources (workload {flagged['fraction']:.3f}), "
        f"{summary['flagged_uninspected']} of them uninspected.",
    ]
    overall = in_sample["purity"]["fraction"]
    if flagged["k"] == flagged["n"] and overall is not None:
        lines.append(
            "Every source is flagged, so nothing is saved: raise the threshold above the spurious "
            f"fraction of all inspected sources, {overall:.3g}."
        )
    if summary.get("stability"):
        lines.append(
            "Flagged when the embedding starts elsewhere: {always} sources always, {sometimes} "
            "sometimes, {never} never.".format(**summary["stability"])
        )
    if summary.get("ranking"):
        lines += _format_outlook(summary["ranking"], flagged["n"])
    advice = "expect less on new sources" if held_out else "--tune measures on held-out ones"
    lines += [
        f"In-sample (the same labels chose the region; {advice}):",
        *_format_metrics(in_sample, "0 of 0"),
    ]
    return "\n".join(lines)


def _format_metrics(metrics: Mapping[str, Any], why_undefined: str) -> list[str]:
    """Format metrics with their intervals, and below them the completeness of each reason."""
    lines = []
    shares = {name: metrics[name] for name in _METRICS if name in metrics}
    for name, share in shares.items():
        text = f"not defined ({why_undefined})"
        if share["fraction"] is not None:
            counts = f"{share['k']} of {share['n']} = " if "k" in share else ""
            text = f"{counts}{share['fraction']:.3f} (95 % interval {_ends(share)})"
        lines.append(f"  {name:<14}{text}")
    for reason, share in metrics["completeness_by_reason"].items():
        found = share.get("k", f"{share['fraction']:.3f}")
        lines.append(f"    {reason}: {found} of {share['n']} ({_ends(share)})")
    return lines


def _ends(share: Mapping[str, Any]) -> str:
    """Format the ends of an interval."""
    low, high = share["interval"]
    return f"{low:.3f} to {high:.3f}"


def _format_outlook(ranking: Mapping[str, Any], n_sources: int) -> list[str]:
    """Format what is still to be found, and how many inspections find most of the spurious."""
    lines = [describe_remaining(ranking)] if describe_remaining(ranking) else []
    effort = ranking["expected_effort"]
    if all(row["interval"] for row in effort):
        lines.append(
            "In the order of inspection_rank, judged without their own labels, of the spurious"
        )
        for row in effort:
            low, high = row["interval"]
            found = f"{100 * row['completeness']:.0f} % are found in {row['inspections']}"
            lines.append(f"  {found} inspections of {n_sources} (95 % interval {low} to {high})")
    elif all(row["inspections_left"] is not None for row in effort):
        lines.append("In the order of inspection_rank, of all these spurious")
        for row in effort:
            left = row["inspections_left"]
            when = f"after about {left} more inspections" if left else "already"
            lines.append(f"  {100 * row['completeness']:.0f} % are found {when}")
    return lines


def describe_remaining(ranking: Mapping[str, Any]) -> str:
    """Return a sentence on how many spurious are still to be found, "" where none can be."""
    n_uninspected, n_expected = ranking.get("n_uninspected"), ranking.get("n_expected")
    if not n_uninspected:
        return ""
    text = f"{ranking['n_found']} spurious sources are known"
    if n_expected is not None:
        about = f"{n_expected:.0f}" if n_expected >= 10 else f"{n_expected:.1f}".removesuffix(".0")
        text += f"; about {about} more are to be expected among the {n_uninspected} uninspected"
    if ranking["interval"]:
        low, high = ranking["interval"]
        return (
            f"{text} (95 % interval {low} to {high}, from the {ranking['n_sampled']} labels that "
            "are a random sample)."
        )
    return (
        f"{text}. There is no interval, since the inspected sources are not a random sample of "
        "all, and completeness and purity speak of the inspected only: draw a sample with "
        "`spurclust audit`."
    )


def format_components(table: pd.DataFrame) -> str:
    """Format the table of components for a terminal.

    Parameters
    ----------
    table : DataFrame
        `components_` of a detector.

    Returns
    -------
    str
        One line per component; a star marks those of the region.
    """
    lines = ["  component   size  inspected  spurious  fraction   95 % interval"]
    for number, row in table.iterrows():
        fraction = "       -" if math.isnan(row["fraction"]) else f"{row['fraction']:8.3f}"
        lines.append(
            f"{'*' if row['in_region'] else ' '} {number:>9} {row['size']:>6} "
            f"{row['n_inspected']:>10} {row['n_spurious']:>9}  {fraction}   "
            f"{row['fraction_low']:.3f} to {row['fraction_high']:.3f}"
        )
    return "\n".join(lines)
