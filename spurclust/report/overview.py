"""A result in figures and sentences: what a page says before any picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spurclust.report.order import InspectionOrder
from spurclust.report.run_results import Results

_HOW_CALLED = {"held_out": "held out", "in_sample": "in-sample"}


@dataclass(frozen=True)
class Figure:
    """One figure with what it is and how sure it is.

    Attributes
    ----------
    name : str
        What it is.
    value : str
        The figure, for people.
    detail : str
        What it was measured on; may be empty.
    interval : tuple of (float, float, float) or None
        Low, value and high, as fractions from 0 to 1.
    kind : str
        "count", "held_out" or "in_sample".
    """

    name: str
    value: str
    detail: str = ""
    interval: tuple[float, float, float] | None = None
    kind: str = "count"


def percent(fraction: float) -> str:
    """Write a fraction as a percentage that is never rounded to all or nothing.

    Parameters
    ----------
    fraction : float
        From 0 to 1.

    Returns
    -------
    str
        One decimal below 10 % and above 90 %.

    Examples
    --------
    >>> percent(0.5), percent(0.9996), percent(1.0), percent(0.0002)
    ('50 %', '> 99.9 %', '100 %', '< 0.1 %')
    """
    if 0 < fraction < 0.001:
        return "< 0.1 %"
    if 0.999 < fraction < 1:
        return "> 99.9 %"
    digits = 0 if 0.1 <= fraction <= 0.9 or fraction in (0, 1) else 1
    return f"{f'{100 * fraction:.{digits}f}'.removesuffix('.0')} %"


def between(low: float, high: float) -> str:
    """Write an interval of fractions, with one sign of per cent where that is enough.

    Parameters
    ----------
    low, high : float
        From 0 to 1.

    Returns
    -------
    str
        In words.

    Examples
    --------
    >>> between(0.077, 0.17)
    '7.7 to 17 %'
    """
    start = percent(low)
    return f"{start if start.startswith('<') else start.removesuffix(' %')} to {percent(high)}"


def grouped(number: float) -> str:
    """Write a whole number with thin spaces between thousands."""
    return f"{int(number):,}".replace(",", "\u202f")


def counted(number: int, one: str, many: str) -> str:
    """Write a number with the words that fit it.

    Parameters
    ----------
    number : int
        How many.
    one, many : str
        Words for one, and for any other number.

    Returns
    -------
    str
        The number and the words.

    Examples
    --------
    >>> counted(1, "look", "looks"), counted(0, "look", "looks")
    ('1 look', '0 looks')
    """
    return f"{grouped(number)} {one if number == 1 else many}"


def count_figures(results: Results) -> list[Figure]:
    """Count sources, labels and flags.

    Parameters
    ----------
    results : Results
        The tables.

    Returns
    -------
    list of Figure
        Sources, known spurious, flagged, and those to look at next.
    """
    label, flagged = results.label, results.flagged
    n, n_inspected = len(label), int((label >= 0).sum())
    n_spurious, n_flagged = int((label == 1).sum()), int(flagged.sum())
    n_next = int((flagged & (label < 0)).sum())
    share = f"{percent(n_spurious / n_inspected)} of the inspected" if n_inspected else ""
    return [
        Figure("sources", grouped(n), f"{grouped(n_inspected)} of them inspected"),
        Figure("known spurious", grouped(n_spurious), share),
        Figure("flagged", grouped(n_flagged), f"workload {percent(n_flagged / n)}"),
        Figure("flagged, not yet inspected", grouped(n_next), "the ones to look at next"),
    ]


def measured_figures(summary: Mapping[str, Any]) -> list[Figure]:
    """List how complete and how pure the flags are, held-out figures first.

    Parameters
    ----------
    summary : mapping
        Content of ``summary.json``.

    Returns
    -------
    list of Figure
        Only those that are defined.
    """
    figures = []
    held_out = summary.get("held_out") or {}
    workload = (held_out.get("workload") or {}).get("fraction")
    for name in ("completeness", "purity"):
        share = held_out.get(name) or {}
        if share.get("fraction") is not None and workload is not None:
            detail = f"held out, at a workload of {percent(workload)}"
            figures.append(_figure(name, share, detail, "held_out"))
    in_sample = summary.get("in_sample") or {}
    for name in ("completeness", "purity"):
        share = in_sample.get(name) or {}
        if share.get("fraction") is not None:
            detail = f"in-sample, {share['k']} of {share['n']}"
            figures.append(_figure(name, share, detail, "in_sample"))
    return figures


def _figure(name: str, share: Mapping[str, Any], detail: str, kind: str) -> Figure:
    """Make a figure of a fraction with its interval."""
    low, high = share["interval"]
    fraction = float(share["fraction"])
    return Figure(name, percent(fraction), detail, (float(low), fraction, float(high)), kind)


def reason_figures(summary: Mapping[str, Any]) -> tuple[str, list[Figure]]:
    """List the completeness of each reason, held out if that was measured.

    Parameters
    ----------
    summary : mapping
        Content of ``summary.json``.

    Returns
    -------
    how : str
        "held out" or "in-sample".
    figures : list of Figure
        The most frequent reason first.
    """
    for kind in ("held_out", "in_sample"):
        by_reason = (summary.get(kind) or {}).get("completeness_by_reason") or {}
        figures = [
            _figure(str(reason), share, f"{share['n']} known", kind)
            for reason, share in by_reason.items()
            if share.get("fraction") is not None
        ]
        if figures:
            return _HOW_CALLED[kind], figures
    return "", []


def expected_looks(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List how many looks the ranking expects to take for some completenesses.

    Parameters
    ----------
    summary : mapping
        Content of ``summary.json``.

    Returns
    -------
    list of dict
        "completeness", "looks" and "interval" as text; empty without a ranking.
    """
    rows = (summary.get("ranking") or {}).get("expected_effort") or []
    found = []
    for row in rows:
        interval = row.get("interval")
        around = "" if not interval else f"{grouped(interval[0])} to {grouped(interval[1])}"
        if row.get("inspections") is not None:
            found.append(
                {
                    "completeness": percent(float(row["completeness"])),
                    "looks": grouped(row["inspections"]),
                    "interval": around,
                }
            )
    return found


def choice(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Tell which settings a search chose, and how.

    Parameters
    ----------
    summary : mapping
        Content of ``summary.json``.

    Returns
    -------
    dict
        The settings, then the number of those tried, the splits and the protocol; empty without a
        search.
    """
    held_out = summary.get("held_out") or {}
    names = ("n_settings", "n_splits", "n_spurious", "protocol")
    return {**(held_out.get("params") or {}), **{name: held_out.get(name) for name in names}}


def component_rows(results: Results) -> list[dict[str, Any]]:
    """List the components for a table, those of the region first, by falling fraction.

    Parameters
    ----------
    results : Results
        The tables.

    Returns
    -------
    list of dict
        One for each component, with the numbers as text and the interval from 0 to 1.
    """
    table = results.components
    n_next = np.bincount(
        results.sources["component"].to_numpy(dtype=np.int64)[results.label < 0],
        minlength=len(table),
    )
    rows = []
    for place, row in enumerate(table.to_dict("records")):
        fraction = row["fraction"]
        known = fraction == fraction
        rows.append(
            {
                "number": int(row["component"]),
                "size": grouped(row["size"]),
                "n_inspected": grouped(row["n_inspected"]),
                "n_uninspected": grouped(n_next[place]),
                "n_spurious": grouped(row["n_spurious"]),
                "fraction": percent(fraction) if known else "not known",
                "between": between(row["fraction_low"], row["fraction_high"]),
                "interval": (row["fraction_low"], fraction, row["fraction_high"])
                if known
                else None,
                "in_region": row["in_region"] == 1,
                "order": (row["in_region"] != 1, -fraction if known else 0.0),
            }
        )
    return sorted(rows, key=lambda row: row["order"])


def statement(results: Results) -> str:
    """Say in one or two sentences what came out.

    Parameters
    ----------
    results : Results
        The tables.

    Returns
    -------
    str
        Completeness held out if it was measured, otherwise in-sample and said to be.
    """
    label, flagged = results.label, results.flagged
    n_region = int((results.components["in_region"] == 1).sum())
    n_known, n_held = int((label == 1).sum()), int((flagged & (label == 1)).sum())
    if not n_region:
        return "No component is in the spurious region, so nothing is flagged."
    components = "1 component" if n_region == 1 else f"{n_region} components"
    text = (
        f"{grouped(flagged.sum())} of {grouped(len(flagged))} sources lie in the spurious region "
        f"({components} of {len(results.components)}), and {n_held} of the {n_known} known "
        "spurious with them."
    )
    held_out = (results.summary.get("held_out") or {}).get("completeness") or {}
    if held_out.get("fraction") is not None:
        low, high = held_out["interval"]
        return (
            f"{text} Of spurious sources whose labels it has not seen, expect it to hold "
            f"{percent(held_out['fraction'])} ({between(low, high)})."
        )
    return f"{text} The same labels chose the region: expect less of sources nobody has inspected."


def pairs(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """List names and values as text, without those that are not set.

    Parameters
    ----------
    values : mapping
        For example the settings of a run.

    Returns
    -------
    list of (str, str)
        In the same order.
    """
    return [
        (str(name), _text_of(value))
        for name, value in values.items()
        if value not in (None, [], "")
    ]


def _text_of(value: Any) -> str:
    """Write a setting as text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_text_of, value))
    return str(value)


def caveats(results: Results, order: InspectionOrder) -> list[str]:
    """List what a reader should know before believing the figures.

    Parameters
    ----------
    results : Results
        The tables.
    order : InspectionOrder
        The order of inspection.

    Returns
    -------
    list of str
        Sentences; may be empty.
    """
    found = []
    if results.summary.get("in_sample") and not results.summary.get("held_out"):
        found.append(
            "Completeness and purity are in-sample: the labels that chose the region also judge "
            "it. A run with --tune measures them held out."
        )
    if not order.calibrated:
        found.append(
            "The expected completeness while you judge is a rough guide: the run has "
            "no probabilities of single sources, only the spurious fractions of the components."
        )
    n_skipped = len(results.summary.get("skipped") or {})
    if n_skipped:
        skipped = counted(n_skipped, "unreadable cutout", "unreadable cutouts")
        found.append(f"The run passed over {skipped}.")
    return found
