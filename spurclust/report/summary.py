"""A run as a plain dict, and that dict as text."""

import math
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spurclust.metrics import binomial_interval

NO_REASON = "no reason given"
VERSIONED = ("spurclust", "numpy", "scipy", "scikit-learn", "numba")


def _proportion(k: int, n: int) -> dict[str, Any]:
    """Return k of n with its fraction and exact 95 % interval; None where n is 0."""
    low, high = binomial_interval(k, n)
    return {
        "k": int(k),
        "n": int(n),
        "fraction": k / n if n else None,
        "interval": [float(low), float(high)] if n else None,
    }


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
    effort: Any = None,
) -> dict[str, Any]:
    """Summarise a fitted detector: what was flagged, and how many of the known spurious.

    The completeness and purity here are in-sample: the same labels chose the region.

    Parameters
    ----------
    detector : SpuriousRegionDetector
        The fitted detector.
    y : array-like of shape (n_samples,)
        1 spurious, 0 reliable, -1 uninspected, in the order of the fit.
    reasons : sequence of str of length n_samples, default=()
        Why a source is spurious.
    counts : mapping, default=None
        What `spurclust.catalog.count_labels` returns.
    settings : mapping, default=None
        How the run was called.
    seconds : mapping of str to float, default=None
        Seconds of each stage.
    search : SpuriousRegionDetectorCV, default=None
        The search that chose the detector, for its held-out figures.
    stability : array-like of shape (n_samples,), default=None
        Share of runs in which each source is flagged.
    effort : DataFrame, default=None
        Result of `expected_effort` for the order of inspection.

    Returns
    -------
    dict
        Plain Python values, None for what is not defined; ready for JSON.
    """
    label, flagged = np.asarray(y), np.asarray(detector.flagged_)
    spurious, inspected = label == 1, label >= 0
    embed = detector.pipeline_.named_steps["embed"]
    kl = getattr(embed, "kl_divergence_", None)
    return {
        "written_by": "spurclust",
        "versions": {package: version(package) for package in VERSIONED},
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
            "components": [int(number) for number in np.flatnonzero(detector.region_)],
        },
        "flagged": _proportion(int(flagged.sum()), len(flagged)),
        "flagged_uninspected": int((flagged & ~inspected).sum()),
        "held_out": _held_out(search, spurious, reasons) if search is not None else None,
        "ranking": None if effort is None else {"expected_effort": _effort(effort)},
        "stability": None if stability is None else _stability(stability),
        "in_sample": {
            "completeness": _proportion(int((flagged & spurious).sum()), int(spurious.sum())),
            "purity": _proportion(
                int((flagged & spurious).sum()), int((flagged & inspected).sum())
            ),
            "completeness_by_reason": _by_reason(spurious, flagged, reasons),
        },
        "seconds": {name: round(float(value), 3) for name, value in (seconds or {}).items()},
    }


def _held_out(search: Any, spurious: NDArray[np.bool_], reasons: Sequence[str]) -> dict[str, Any]:
    """Collect what a search found of sources whose labels it was not shown."""
    from spurclust.tuning.scores import pool_figures

    figures: dict[str, Any] = {}
    for name in ("completeness", "purity", "workload"):
        value, (low, high) = getattr(search, f"{name}_"), getattr(search, f"{name}_interval_")
        known = not math.isnan(value)
        figures[name] = {
            "fraction": float(value) if known else None,
            "interval": [float(low), float(high)] if known else None,
        }
    share, tested = search.held_out_flagged_, spurious & ~np.isnan(search.held_out_flagged_)
    given = _names_of(reasons) if len(reasons) else np.full(len(spurious), NO_REASON)
    names, sizes = np.unique(given[tested], return_counts=True)
    by_reason = {}
    for place in np.argsort(-sizes, kind="stable"):
        own = np.where(tested & (given == names[place]), share, np.nan)
        fraction, interval = pool_figures(own, spurious).completeness
        by_reason[str(names[place])] = {
            "fraction": fraction,
            "interval": list(interval),
            "n": int(sizes[place]),
        }
    return {
        **figures,
        "n_spurious": int(tested.sum()),
        "completeness_by_reason": by_reason,
        "params": {name: float(value) for name, value in search.best_params_.items()},
        "n_settings": len(search.cv_results_["params"]),
        "n_splits": int(search.n_splits_),
        "protocol": search.protocol,
    }


def _effort(effort: Any) -> list[dict[str, Any]]:
    """List the inspections that find each share of the spurious, with intervals."""
    return [
        {
            "completeness": float(row["completeness"]),
            "inspections": int(row["inspections"]),
            "interval": [int(row["inspections_low"]), int(row["inspections_high"])],
        }
        for row in effort.to_dict("records")
    ]


def _stability(share: ArrayLike) -> dict[str, int]:
    """Count the sources that every run, some run or no run flags."""
    share = np.asarray(share)
    always, never = int((share == 1).sum()), int((share == 0).sum())
    return {"always": always, "sometimes": len(share) - always - never, "never": never}


def _by_reason(
    spurious: NDArray[np.bool_], flagged: NDArray[np.bool_], reasons: Sequence[str]
) -> dict[str, Any]:
    """Count the flagged among the spurious of each reason, the most frequent first."""
    if not len(reasons):
        return {}
    given = _names_of(reasons)
    names, sizes = np.unique(given[spurious], return_counts=True)
    return {
        str(names[place]): _proportion(
            int((flagged & spurious & (given == names[place])).sum()), int(sizes[place])
        )
        for place in np.argsort(-sizes, kind="stable")
    }


def _names_of(reasons: Sequence[str]) -> NDArray[Any]:
    """Name the reasons as count_labels of the catalogue does."""
    return np.array([str(reason).strip() or NO_REASON for reason in reasons])


def _words(name: str, share: Mapping[str, Any]) -> str:
    """Render one proportion as a line."""
    if share["fraction"] is None:
        return f"  {name:<14}not defined (0 of 0)"
    low, high = share["interval"]
    return (
        f"  {name:<14}{share['k']} of {share['n']} = {share['fraction']:.3f} "
        f"(95 % interval {low:.3f} to {high:.3f})"
    )


def _format_held_out(held_out: Mapping[str, Any]) -> list[str]:
    """Render what to expect of sources that nobody has looked at."""
    params = ", ".join(f"{name}={value:g}" for name, value in held_out["params"].items())
    lines = [
        f"Chosen among {held_out['n_settings']} settings: {params}.",
        f"Held out (labels not shown when the region was chosen, {held_out['n_splits']} splits, "
        f"{held_out['protocol']}):",
    ]
    for name in ("completeness", "purity", "workload"):
        share = held_out[name]
        if share["fraction"] is None:
            lines.append(f"  {name:<14}not defined, nothing is flagged")
        else:
            low, high = share["interval"]
            lines.append(
                f"  {name:<14}{share['fraction']:.3f} (95 % interval {low:.3f} to {high:.3f})"
            )
    for name, share in held_out["completeness_by_reason"].items():
        low, high = share["interval"]
        lines.append(
            f"    {name}: {share['fraction']:.3f} of {share['n']} ({low:.3f} to {high:.3f})"
        )
    return lines


def _format_ranking(ranking: Mapping[str, Any] | None, n_sources: int) -> list[str]:
    """Write after how many inspections most of the spurious are found."""
    if ranking is None:
        return []
    lines = ["In the order of inspection_rank, judged without their own labels, of the spurious"]
    for row in ranking["expected_effort"]:
        low, high = row["interval"]
        lines.append(
            f"  {100 * row['completeness']:.0f} % are found in {row['inspections']} inspections "
            f"of {n_sources} (95 % interval {low} to {high})"
        )
    return lines


def _format_stability(stability: Mapping[str, int] | None) -> list[str]:
    """Say how many verdicts depend on where the embedding started."""
    if stability is None:
        return []
    return [
        "Flagged when the embedding starts elsewhere: {always} sources always, {sometimes} "
        "sometimes, {never} never.".format(**stability)
    ]


def format_components(table: Any) -> str:
    """Render the table of components for a terminal.

    Parameters
    ----------
    table : pandas.DataFrame
        `components_` of a detector.

    Returns
    -------
    str
        One line a component; a star marks those of the region.
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


def _nothing_saved(flagged: Mapping[str, Any], in_sample: Mapping[str, Any]) -> list[str]:
    """Say what to do where every source is flagged, which makes completeness 1 and is no help."""
    overall = in_sample["purity"]["fraction"]
    if flagged["k"] < flagged["n"] or overall is None:
        return []
    return [
        "Every source is flagged, so nothing is saved: raise the threshold above the spurious "
        f"fraction of all inspected sources, {overall:.3g}."
    ]


def format_summary(summary: Mapping[str, Any]) -> str:
    """Render the result in the words of the field.

    Parameters
    ----------
    summary : mapping
        What `summarize_run` returns.

    Returns
    -------
    str
        A few lines, in-sample figures marked as such.
    """
    flagged, in_sample = summary["flagged"], summary["in_sample"]
    region = summary["region"]
    numbers = ", ".join(map(str, region["components"])) or "none"
    held_out = summary["held_out"]
    advice = "expect less on new sources" if held_out else "--tune measures on held-out ones"
    lines = [
        *(_format_held_out(held_out) if held_out else []),
        f"Region: {len(region['components'])} of {region['n_components']} components ({numbers}) "
        f"hold at least {region['threshold']:.3g} spurious among the inspected.",
        f"Flagged {flagged['k']} of {flagged['n']} sources (workload {flagged['fraction']:.3f}), "
        f"{summary['flagged_uninspected']} of them uninspected.",
        *_nothing_saved(flagged, in_sample),
        *_format_stability(summary["stability"]),
        *_format_ranking(summary["ranking"], flagged["n"]),
        f"In-sample (the same labels chose the region; {advice}):",
        _words("completeness", in_sample["completeness"]),
        _words("purity", in_sample["purity"]),
    ]
    for name, share in in_sample["completeness_by_reason"].items():
        low, high = share["interval"]
        lines.append(f"    {name}: {share['k']} of {share['n']} ({low:.3f} to {high:.3f})")
    return "\n".join(lines)
