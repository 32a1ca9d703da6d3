"""A summary in words, for a terminal and for the page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_METRICS = ("completeness", "purity", "workload")


def format_summary(summary: Mapping[str, Any]) -> str:
    """Format the result of a run for a terminal.

    Parameters
    ----------
    summary : mapping
        Result of `summarize_run`.

    Returns
    -------
    str
        A few lines. In-sample metrics are marked.
    """
    if summary["labels"].get("n_inspected") == 0:
        return (
            f"None of the {summary['flagged']['n']} sources has a label, so there is no region: "
            "the most unusual come first (inspection_rank, inspect_next)."
        )
    flagged, in_sample = summary["flagged"], summary["in_sample"]
    region, held_out = summary["region"], summary.get("held_out")
    lines = []
    if held_out:
        params = ", ".join(f"{name}={value:.4g}" for name, value in held_out["params"].items())
        lines += [
            f"Chosen among {held_out['n_settings']} settings: {params}.",
            "Held out (labels not shown when the region was chosen, "
            f"{held_out['n_splits']} splits, {held_out['protocol']}):",
            *_format_metrics(held_out, "nothing is flagged"),
        ]
    numbers = ", ".join(map(str, region["components"])) or "none"
    lines += [
        f"Region: {len(region['components'])} of {region['n_components']} components ({numbers}), "
        f"where at least {100 * region['threshold']:.3g} % of the inspected are spurious.",
        f"Flagged {flagged['k']} of {flagged['n']} sources (workload {flagged['fraction']:.3f}), "
        f"{summary['flagged_uninspected']} of them uninspected.",
    ]
    if summary.get("steadiness"):
        lines.append(_format_steadiness(**summary["steadiness"]))
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


def _format_steadiness(similarity: float, n_flagged: Sequence[int]) -> str:
    """Format the steadiness of the region."""
    return (
        f"Steadiness {similarity:.2f}: the share of these that {len(n_flagged)} regions of other "
        f"random trees have in common with this one (Jaccard similarity; they flag "
        f"{', '.join(map(str, n_flagged))})."
    )


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
        if "k" in share:
            lines.append(f"    {reason}: {share['k']} of {share['n']} ({_ends(share)})")
        else:
            known = f"{share['n']} known"
            lines.append(f"    {reason}: {share['fraction']:.3f} ({_ends(share)}; {known})")
    return lines


def _ends(share: Mapping[str, Any]) -> str:
    """Format the ends of an interval."""
    low, high = share["interval"]
    return f"{low:.3f} to {high:.3f}"


def _format_outlook(ranking: Mapping[str, Any], n_sources: int) -> list[str]:
    """Format the expected numbers of spurious sources and of inspections."""
    lines = [text for text in [describe_remaining(ranking)] if text]
    effort = ranking["expected_effort"]
    if all(row["interval"] for row in effort):
        lines.append("Inspections from the start, in the order of inspection_rank, that find")
        for row in effort:
            low, high = row["interval"]
            lines.append(
                f"  {100 * row['completeness']:.0f} % of the spurious: {row['inspections']} of "
                f"{n_sources} (95 % interval {low} to {high})"
            )
    elif all(row["inspections_left"] is not None for row in effort):
        lines.append("Further inspections, in the order of inspection_rank, that probably find")
        for row in effort:
            left = row["inspections_left"]
            number = f"about {left}" if left else "none, if no more are left than expected"
            lines.append(f"  {100 * row['completeness']:.0f} % of the spurious: {number}")
    return lines


def describe_remaining(ranking: Mapping[str, Any]) -> str:
    """Return a sentence on how many spurious remain, "" if none can."""
    n_uninspected, n_expected = ranking.get("n_uninspected"), ranking.get("n_expected")
    if not n_uninspected:
        return ""
    n_found = ranking["n_found"]
    text = f"{n_found} spurious source{' is' if n_found == 1 else 's are'} known"
    if n_expected is not None:
        about = f"{n_expected:.0f}" if n_expected >= 10 else f"{n_expected:.1f}".removesuffix(".0")
        text += f"; about {about} more are to be expected among the {n_uninspected} uninspected"
    if ranking["interval"]:
        low, high = ranking["interval"]
        return (
            f"{text} (95 % interval {low} to {high}, provided that the {ranking['n_sampled']} "
            "labels behind it are a random sample of all sources)."
        )
    return (
        f"{text}. There is no interval, because the inspected sources are not known to be a random "
        "sample of all. Completeness and purity hold only for the inspected. Draw a sample with "
        "spurclust audit."
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
