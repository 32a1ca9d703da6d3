"""How the labels made in a page go back into a run."""

import shlex
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

# The options of `spurclust run` that say how a label table is read, with their defaults.
_LABEL_OPTIONS = {
    "id_column": "Source_ID",
    "label_column": "Reliable_Source",
    "reason_column": "Reason",
    "spurious_value": 0,
}


def label_columns(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Tell in which columns, and with which value, the run read its labels.

    What is judged in the page is written in the same form, so that the next run reads both.

    Parameters
    ----------
    summary : mapping
        Content of ``summary.json``.

    Returns
    -------
    dict
        "id", "label", "reason" and "spurious", the value that means spurious.
    """
    settings = summary.get("settings") or {}
    found = {name: settings.get(name, default) for name, default in _LABEL_OPTIONS.items()}
    return {
        "id": str(found["id_column"]),
        "label": str(found["label_column"]),
        "reason": str(found["reason_column"] or _LABEL_OPTIONS["reason_column"]),
        "spurious": 1 if found["spurious_value"] == 1 else 0,
    }


def judged_name(summary: Mapping[str, Any]) -> str:
    """Name the file of labels that the page offers, other than those that the run has read.

    Parameters
    ----------
    summary : mapping
        Content of ``summary.json``.

    Returns
    -------
    str
        "judged.csv" in the first round, "judged-2.csv" in the next.

    Examples
    --------
    >>> judged_name({"settings": {"labels": ["labels.xlsx", "round 1/judged.csv"]}})
    'judged-2.csv'
    """
    taken = {PurePath(table).name for table in _tables(summary)}
    number = 1
    while (name := "judged.csv" if number == 1 else f"judged-{number}.csv") in taken:
        number += 1
    return name


def _tables(summary: Mapping[str, Any]) -> list[str]:
    """List the label tables of a run."""
    labels = (summary.get("settings") or {}).get("labels") or []
    return [labels] if isinstance(labels, str) else [str(table) for table in labels]


def next_command(summary: Mapping[str, Any]) -> str:
    """Write the command that goes on with the labels made in the page.

    Parameters
    ----------
    summary : mapping
        Content of ``summary.json``.

    Returns
    -------
    str
        For a shell.
    """
    settings = summary.get("settings") or {}
    cutouts = settings.get("cutouts") or ["CUTOUTS"]
    words = ["spurclust", "run", *map(str, [cutouts] if isinstance(cutouts, str) else cutouts)]
    for table in [*(_tables(summary) or ["LABELS"]), judged_name(summary)]:
        words += ["--labels", table]
    for name, default in _LABEL_OPTIONS.items():
        if settings.get(name, default) != default:
            words += [f"--{name.replace('_', '-')}", str(settings[name])]
    return shlex.join([*words, "--out", "NEXT"])
