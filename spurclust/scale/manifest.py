"""What a folder of predictions says of itself: work goes on with the same, or not at all."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

import spurclust
from spurclust.catalog.output import atomic_write
from spurclust.cutouts.places import MANIFEST, PREDICTIONS
from spurclust.cutouts.survey import Survey
from spurclust.errors import CatalogError
from spurclust.scale.lock import locked
from spurclust.scale.parts import GO_ON, PATHS, SOURCES, PartitionSummary, file_name
from spurclust.scale.predictor import Predictor

ERRORS = "errors.csv"
FORMAT, FORMAT_VERSION = PREDICTIONS, 1


_DIFFERENCES = {
    "format_version": "of format {}, and this version writes {}",
    "spurclust": "by spurclust {}, and this is {}",
    "model": "by another model",
    "cutouts": "of other cutouts",
    "partition_size": "in partitions of {} sources, not of {}",
    "n_partitions": "in {} partitions, not {}",
    "n_sources": "of {} sources, not {}",
}
"""What a manifest must share with the work that is to go on, and how a difference is said."""

UNEVEN = "uneven numbers of"
"""How the partition size of an array with uneven chunks is said."""


def identity_of(predictor: Predictor, survey: Survey) -> dict[str, Any]:
    """Say what makes a set of predictions what it is.

    Parameters
    ----------
    predictor : Predictor
        With the models.
    survey : Survey
        What is predicted.

    Returns
    -------
    dict
        What must be the same when work goes on.
    """
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "spurclust": spurclust.__version__,
        "model": predictor.fingerprint,
        "cutouts": survey.fingerprint,
        "partition_size": survey.partition_size,
        "n_partitions": len(survey.partitions),
        "n_sources": survey.n_sources,
    }


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Read what a folder says of the predictions in it.

    Parameters
    ----------
    folder : Path
        The folder, which need not exist.

    Returns
    -------
    dict or None
        The manifest; None where there is none.

    Raises
    ------
    CatalogError
        When there is a manifest that is not of this package.
    """
    path = folder / MANIFEST
    if not os.path.lexists(path):
        return None
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CatalogError(f"{path} cannot be read ({error}): choose another folder") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise CatalogError(f"{path} is not of spurclust's predictions: choose another folder")
    return manifest


@contextmanager
def begun(folder: Path, identity: dict[str, Any]) -> Iterator[None]:
    """Hold a folder that is new, or has a part of the same predictions, for as long as the block.

    From here on its manifest says that it is not complete, until `finish` says that it is.

    Parameters
    ----------
    folder : Path
        The folder; it, and those above it, need not exist.
    identity : dict
        What `identity_of` returned.

    Raises
    ------
    CatalogError
        When the folder cannot be written to, another process works in it, or it holds anything else
        of these names.
    """
    _make(folder)
    with locked(folder):
        manifest = read_manifest(folder)
        if manifest is None:
            _refuse_foreign(folder)
        else:
            _refuse_other(folder, manifest, identity)
        if (folder / ERRORS).is_dir():
            raise CatalogError(
                f"{folder / ERRORS} is a folder, where a list of unreadable cutouts is to be: "
                "move it away"
            )
        # First, so that what comes after a crash is known to be ours.
        _write_json(folder / MANIFEST, {**identity, "complete": False})
        _make(folder / SOURCES)
        yield


def _make(folder: Path) -> None:
    """Make a folder, if it is not there."""
    if folder.exists() and not folder.is_dir():
        raise CatalogError(f"{folder} is a file: choose a folder for the predictions")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CatalogError(
            f"cannot write to {folder} ({error.strerror or error}): choose another folder"
        ) from error


def _refuse_foreign(folder: Path) -> None:
    """Raise an error where a file of somebody else would be replaced."""
    foreign = [name for name in (ERRORS, SOURCES, PATHS) if os.path.lexists(folder / name)]
    if foreign:
        raise CatalogError(
            f"{folder} holds {', '.join(foreign)}, and no {MANIFEST}: move it away or choose "
            "another folder"
        )


def _refuse_other(folder: Path, manifest: dict[str, Any], identity: dict[str, Any]) -> None:
    """Raise an error where the folder holds predictions of something else."""
    for name, what in _DIFFERENCES.items():
        there, asked = manifest.get(name), identity[name]
        if there != asked:
            sizes = [UNEVEN if size is None else size for size in (there, asked)]
            raise CatalogError(
                f"{folder} holds predictions {what.format(*sizes)}: choose another folder, or "
                "remove this one"
            )


def _write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a file that appears whole."""
    with atomic_write(path, advice=GO_ON) as part:
        part.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def finish(folder: Path, identity: dict[str, Any], summaries: Sequence[PartitionSummary]) -> None:
    """Write the list of unreadable cutouts and the complete manifest; remove what a crash left.

    Parameters
    ----------
    folder : Path
        With all partitions.
    identity : dict
        What `identity_of` returned.
    summaries : sequence of PartitionSummary
        Of all partitions.
    """
    unreadable = [one for summary in summaries for one in summary.unreadable]
    errors = folder / ERRORS
    if unreadable:
        table = pd.DataFrame(unreadable, columns=["source_id", "path", "reason"])
        with atomic_write(errors, advice=GO_ON) as part:
            table.to_csv(part, index=False, lineterminator="\n")
    else:
        errors.unlink(missing_ok=True)
    partitions = [
        {
            "file": file_name(one.number),
            "n_sources": one.n_sources,
            "n_flagged": one.n_flagged,
            "n_novel": one.n_novel,
            "n_unreadable": len(one.unreadable),
        }
        for one in summaries
    ]
    totals = {
        "n_flagged": sum(one.n_flagged for one in summaries),
        "n_novel": sum(one.n_novel for one in summaries),
        "n_unreadable": len(unreadable),
    }
    _write_json(
        folder / MANIFEST, {**identity, "complete": True, **totals, "partitions": partitions}
    )
    # Nobody else writes here: these are of processes that were killed.
    for place in (folder, folder / SOURCES):
        for stray in place.glob(".spurclust-*"):
            stray.unlink(missing_ok=True)
