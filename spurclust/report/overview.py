"""Metrics and sentences on a result, the order of inspection, and the next command."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spurclust.labels import SPURIOUS, UNINSPECTED
from spurclust.report.summary import Results
from spurclust.report.wording import describe_remaining

# The options of `spurclust run` for reading a label table, with their defaults.
_LABEL_OPTIONS = {
    "id_column": "Source_ID",
    "label_column": "Reliable_Source",
    "reason_column": "Reason",
    "spurious_value": 0,
}
_FURTHER_OPTIONS = (
    *("verdicts", "sheet", "catalogue", "catalogue_id_column"),
    "catalogue_sheet",
    *("cutout_size", "id_pattern", "field_column", "reduce"),
)


@dataclass(frozen=True)
class Metric:
    """A number as text, with its source and its interval."""

    name: str
    value: str
    detail: str = ""
    interval: tuple[float, float, float] | None = None  # low, value and high, from 0 to 1
    kind: str = "count"  # or "held_out" or "in_sample"


@dataclass(frozen=True, eq=False)
class InspectionOrder:
    """The rank of each source, 1 first, and its probability of being spurious, never NaN."""

    rank: NDArray[np.int64]
    probability: NDArray[np.float64]
    calibrated: bool  # whether the probability is that of the ranking, not that of the components
    explanation: str


def inspection_order(results: Results) -> InspectionOrder:
    """Return the run's own ranking, or the order of the components' spurious fractions."""
    fraction = results.sources["spurious_probability"].to_numpy(dtype=np.float64)
    inspected = results.label != UNINSPECTED
    overall = (results.label[inspected] == SPURIOUS).mean() if inspected.any() else 0.0
    # For a component without any inspected source, the fraction of all is a fair guess.
    fraction = np.where(np.isfinite(fraction), fraction, overall)
    probability = _complete(results.column("inspection_probability"))
    rank = _complete(results.column("inspection_rank"))
    ids = results.sources["source_id"].tolist()
    score = (-fraction if rank is None else rank).tolist()
    order = sorted(range(len(ids)), key=lambda row: (score[row], _id_key(ids[row])))
    positions = np.empty(len(order), dtype=np.int64)
    positions[order] = np.arange(1, len(order) + 1)
    return InspectionOrder(
        positions,
        np.clip(fraction if probability is None else probability, 0.0, 1.0),
        probability is not None,
        "Ordered by the spurious fraction of the component, then by id: the run has no ranking of "
        "single sources."
        if rank is None
        else "In the order of the ranking (inspection_rank), the most probably spurious first.",
    )


def _complete(values: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    """Return a column if it has a number for every source."""
    return values if values is not None and np.isfinite(values).all() else None


def _id_key(text: str) -> tuple[bool, int, str]:
    """Return a key that sorts ids of digits as numbers (9 before 10), before all others."""
    if not (text.isascii() and text.isdecimal()):
        return True, 0, text
    # More digits are larger; a conversion of a thousand digits would be slow.
    digits = text.lstrip("0")
    return False, len(digits), digits + text


def percent(fraction: float) -> str:
    """Format a fraction as a percentage with one digit, never rounded to all or nothing."""
    if 0 < fraction < 0.001:
        return "< 0.1 %"
    if 0.999 < fraction < 1:
        return "> 99.9 %"
    return f"{100 * fraction:.1f} %"


def between(low: float, high: float) -> str:
    """Format an interval of fractions, with one percent sign if that is enough."""
    start = percent(low)
    return f"{start if start.startswith('<') else start.removesuffix(' %')} to {percent(high)}"


def grouped(number: float) -> str:
    """Format a whole number with thin spaces between thousands."""
    return f"{int(number):,}".replace(",", "\u202f")


def counted(number: int, one: str, many: str) -> str:
    """Format a number with the words for one or for any other number."""
    return f"{grouped(number)} {one if number == 1 else many}"


def count_metrics(results: Results) -> list[Metric]:
    """Count sources, known spurious, flagged, and those to inspect next."""
    if results.predictions:
        return _count_predictions(results.predictions)
    label, flagged = results.label, results.flagged
    n, n_inspected = len(label), int((label != UNINSPECTED).sum())
    n_spurious, n_flagged = int((label == SPURIOUS).sum()), int(flagged.sum())
    n_next = int((flagged & (label == UNINSPECTED)).sum())
    share = f"{percent(n_spurious / n_inspected)} of the inspected" if n_inspected else ""
    return [
        Metric("sources", grouped(n), f"{grouped(n_inspected)} of them inspected"),
        Metric("known spurious", grouped(n_spurious), share),
        Metric("flagged", grouped(n_flagged), f"workload {percent(n_flagged / n)}"),
        Metric("flagged, not yet inspected", grouped(n_next), "the ones to inspect next"),
    ]


def _count_predictions(counts: Mapping[str, int]) -> list[Metric]:
    """Count new sources, which have no labels."""
    n, n_flagged, n_novel = (counts[name] for name in ("n_sources", "n_flagged", "n_novel"))
    lost = counted(counts["n_unreadable"], "other was", "others were")
    return [
        Metric("sources", grouped(n), f"{lost} unreadable" if counts["n_unreadable"] else ""),
        Metric("flagged", grouped(n_flagged), f"workload {percent(n_flagged / n)}"),
        Metric("unlike the fitted", grouped(n_novel), f"{percent(n_novel / n)}; 5.0 % is usual"),
    ]


def quality_metrics(summary: Mapping[str, Any]) -> list[Metric]:
    """Return completeness and purity of the flags, if defined, held out first."""
    metrics = []
    for kind in ("held_out", "in_sample"):
        measured = summary.get(kind) or {}
        for name in ("completeness", "purity"):
            share = measured.get(name) or {}
            if share.get("fraction") is None:
                continue
            detail = (
                f"held out, at a workload of {percent(measured['workload']['fraction'])}"
                if kind == "held_out"
                else f"in-sample, {share['k']} of {share['n']}"
            )
            metrics.append(_metric(name, share, detail, kind))
    return metrics


def _metric(name: str, share: Mapping[str, Any], detail: str, kind: str) -> Metric:
    """Return the metric of a fraction with its interval."""
    low, high = share["interval"]
    fraction = float(share["fraction"])
    return Metric(name, percent(fraction), detail, (float(low), fraction, float(high)), kind)


def reason_metrics(summary: Mapping[str, Any]) -> tuple[str, list[Metric]]:
    """Return the completeness of each reason and whether it is "held out" or "in-sample"."""
    for kind, words in (("held_out", "held out"), ("in_sample", "in-sample")):
        by_reason = (summary.get(kind) or {}).get("completeness_by_reason") or {}
        metrics = [
            _metric(str(reason), share, f"{share['n']} known", kind)
            for reason, share in by_reason.items()
            if share.get("fraction") is not None
        ]
        if metrics:
            return words, metrics
    return "", []


def statement(results: Results) -> str:
    """Return one or two sentences on the result, held out if that was measured."""
    flagged, spurious = results.flagged, results.label == SPURIOUS
    if new := results.predictions:
        return (
            f"{grouped(new['n_flagged'])} of {grouped(new['n_sources'])} new sources lie in the "
            "spurious region of the model. None of them is inspected, so how many are spurious is "
            "not known here."
        )
    n_region = int((results.components["in_region"] == 1).sum())
    if not n_region:
        return "No component is in the spurious region, so nothing is flagged."
    text = (
        f"{grouped(flagged.sum())} of {grouped(len(flagged))} sources lie in the spurious region "
        f"({counted(n_region, 'component', 'components')} of {len(results.components)}), and "
        f"{(flagged & spurious).sum()} of the {spurious.sum()} known spurious are among them."
    )
    held_out = (results.summary.get("held_out") or {}).get("completeness") or {}
    if held_out.get("fraction") is None:
        return f"{text} The same labels chose the region: expect less for uninspected sources."
    return (
        f"{text} Of spurious sources with unseen labels, expect it to hold "
        f"{percent(held_out['fraction'])} ({between(*held_out['interval'])})."
    )


def known_effort(summary: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the expected effort, if known."""
    rows = (summary.get("ranking") or {}).get("expected_effort") or []
    return [row for row in rows if row["interval"] or row.get("inspections_left") is not None]


def caveats(results: Results, order: InspectionOrder) -> list[str]:
    """Return sentences that a reader should know before trusting the numbers."""
    found = []
    if results.summary.get("in_sample") and not results.summary.get("held_out"):
        found.append(
            "Completeness and purity are in-sample: the labels that chose the region also judge "
            "it. A run with --tune measures them held out."
        )
    if remaining := describe_remaining(results.summary.get("ranking") or {}):
        found.append(remaining)
    found += (results.summary.get("held_out") or {}).get("edges") or []
    if not order.calibrated:
        found.append(
            "The expected completeness while you judge is a rough guide: the run has "
            "no probabilities of single sources, only the spurious fractions of the components."
        )
    n_new = results.predictions.get("n_sources", len(results))
    if n_new > len(results):
        found.append(
            f"The page shows {grouped(len(results))} of {grouped(n_new)} sources: flagged ones "
            "first, and others at random. The tables have all of them."
        )
    n_skipped = len(results.summary.get("skipped") or {})
    if n_skipped:
        skipped = counted(n_skipped, "unreadable cutout", "unreadable cutouts")
        found.append(f"The run skipped {skipped}.")
    return found


def listings(summary: Mapping[str, Any]) -> dict[str, list[tuple[str, str]]]:
    """Return titles with names and values of the settings of the run."""
    held_out = summary.get("held_out") or {}
    names = ("n_settings", "n_splits", "n_spurious", "protocol")
    sections = {
        "Settings": summary.get("settings"),
        "Predictions": summary.get("predictions"),
        "Embedding": summary.get("embedding"),
        "Region": summary.get("region"),
        "Chosen on held-out labels": {
            **(held_out.get("params") or {}),
            **{name: held_out.get(name) for name in names},
        },
        "Seconds": summary.get("seconds"),
        "Versions": summary.get("versions"),
        "Cutouts skipped by the run": summary.get("skipped"),
    }
    return {
        title: [
            (name, _text_of(value))
            for name, value in (values or {}).items()
            if value not in (None, [], "")
        ]
        for title, values in sections.items()
    }


def _text_of(value: Any) -> str:
    """Format a setting."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_text_of, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def label_options(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options with which the run has read its labels; the page writes them so."""
    given = summary.get("settings") or {}
    options = {
        name: default if given.get(name) is None else given[name]
        for name, default in _LABEL_OPTIONS.items()
    }
    # The first of several inspectors.
    columns: Any = options["label_column"]
    return {**options, "label_column": columns if isinstance(columns, str) else columns[0]}


def judged_name(summary: Mapping[str, Any]) -> str:
    """Return a name for the labels made in the page: judged.csv, or judged-2.csv after that."""
    taken = {PurePath(table).name for table in _paths(summary, "labels")}
    number = 1
    while (name := "judged.csv" if number == 1 else f"judged-{number}.csv") in taken:
        number += 1
    return name


def _paths(summary: Mapping[str, Any], name: str) -> list[str]:
    """Return a setting that is one path or a list of them as a list."""
    values = (summary.get("settings") or {}).get(name) or []
    return [values] if isinstance(values, str) else [str(value) for value in values]


def audit_command(results: Results) -> str | None:
    """Return the shell command that evaluates the sample of an audit judged in the page."""
    if not results.audit:
        return None
    words = ["spurclust", "audit", results.name, "--labels", judged_name(results.summary)]
    for name, value in label_options(results.summary).items():
        if value != _LABEL_OPTIONS[name]:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(words)


def next_command(summary: Mapping[str, Any]) -> str:
    """Return the shell command that continues with the labels made in the page."""
    given = summary.get("settings") or {}
    mosaics = [word for text in given.get("mosaic") or [] for word in ("--mosaic", text)]
    words = ["spurclust", "run", *(mosaics or _paths(summary, "cutouts") or ["CUTOUTS"])]
    has_labels = (summary.get("labels") or {}).get("n_inspected") != 0
    unnamed = ["LABELS"] * has_labels
    for table in [*(_paths(summary, "labels") or unnamed), judged_name(summary)]:
        words += ["--labels", table]
    options = {**label_options(summary), "label_column": _paths(summary, "label_column")}
    options |= {name: given.get(name) for name in _FURTHER_OPTIONS}
    options["filters"] = ",".join(given.get("filters") or []) or None
    for name, values in options.items():
        for value in values if isinstance(values, list) else [values]:
            if value not in (None, _LABEL_OPTIONS.get(name)):
                words += [f"--{name.replace('_', '-')}", str(value)]
    words += _reading_words(summary.get("reading") or {})
    words += ["--skip-unreadable"] * bool(given.get("skip_unreadable"))
    for part in given.get("label_map") or []:
        words.append("--label-map=" + ",".join(f"{word}={what}" for word, what in part.items()))
    return shlex.join([*words, "--out", "NEXT"])


def _reading_words(reading: Mapping[str, Any]) -> list[str]:
    """Return the options for reading the cutouts that differ from the defaults."""
    words = []
    if reading.get("size"):
        words += ["--size", *map(str, reading["size"])]
    if reading.get("hdu"):
        words += ["--hdu", ",".join(map(str, reading["hdu"]))]
    if reading.get("pad") not in (None, "center"):
        words += ["--pad", reading["pad"]]
    return words
