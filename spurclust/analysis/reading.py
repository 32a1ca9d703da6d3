"""Read cutouts and labels and join them; for a large survey, only those of a reference."""

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spurclust.analysis.choosing import Draw, choose_sources, report_reference, rows_read
from spurclust.analysis.stages import Stages
from spurclust.errors import CatalogError
from spurclust.labels import RELIABLE, SPURIOUS, UNINSPECTED

if TYPE_CHECKING:
    import pandas as pd

    from spurclust.catalog import FittedModels, Labels, MatchedLabels
    from spurclust.cutouts import Cutouts, CutoutSource, ReadOptions

N_TRIED = 20
"""One of this many cutouts must be like the fitted ones."""


class Survey(NamedTuple):
    """The cutouts to fit, with their labels, and how they were read."""

    name: str
    cutouts: "Cutouts"
    labels: "MatchedLabels"
    reading: dict[str, Any]
    settings: dict[str, Any]


def read_survey(
    source: "CutoutSource",
    labels: Any,
    catalogue: Any,
    options: "ReadOptions",
    draw: Draw | None,
    stages: Stages,
) -> Survey:
    """Read the cutouts of all sources, or of a reference, and join the labels to them."""
    from spurclust.catalog.label_matching import count_labels, format_counts
    from spurclust.cutouts import warn_of_losses

    tables = label_tables(labels)
    for note in source.notes:
        stages.say(note)
    known = match_known(source, labels, tables, stages)
    if catalogue is not None:
        known = _describe(known, _match_catalogue(source, catalogue, stages))
    chosen = None
    if draw is not None:
        with stages("choosing"):
            y = known.spread(len(source))
            chosen = choose_sources(source, y, draw, options)
        report_reference(y, chosen, stages)
    with stages("reading"):
        read = source.read(chosen, options)
    warn_of_losses(read, stacklevel=3)
    read = replace(read, skipped=[*source.lost, *read.skipped])
    _refuse_few(source.name, read)
    rows = np.arange(len(source)) if chosen is None else chosen
    are_read = rows_read(source, rows, read)
    matched = known.of(are_read)
    matched = replace(matched, positions=_first_known(matched.positions, header_positions(read)))
    for names, n_files in read.extensions.items():
        stages.say(f"Read the FITS extension{'s' * ('+' in names)} {names} of {n_files} files")
    lost = known.of(np.setdiff1d(rows, are_read)).y != UNINSPECTED
    if lost.any():
        warnings.warn(f"{lost.sum()} of the skipped cutouts have a label", stacklevel=3)
    if labels is not None and (matched.y == UNINSPECTED).all():
        raise ValueError(
            f"All {len(read)} sources are uninspected: label at least one, or give no labels"
        )
    stages.say(format_counts(count_labels(matched.y, matched.reasons)))
    return Survey(
        name=source.name.rstrip("/").rpartition("/")[2] or source.name,
        cutouts=read,
        labels=matched,
        reading={"filters": source.filters, **how_read(replace(options, like=read.image_format))},
        settings={"cutouts": source.name, "labels": [table.origin for table in tables]},
    )


def _refuse_few(name: str, read: "Cutouts") -> None:
    """Raise an error for less than two cutouts, with the reason of the first skipped one."""
    if len(read) >= 2:
        return
    why = f"{name} has {len(read)} cutout{'s' * (not len(read))}: give those of a whole survey"
    for one in read.skipped[:1]:
        file = one.path or one.source_id
        why += f". {len(read.skipped)} were skipped, such as {file}: {one.reason}"
    raise CatalogError(why)


def how_read(options: "ReadOptions") -> dict[str, Any]:
    """Return, as plain values, the options to read later cutouts in the same way."""
    how = {name: getattr(options, name) for name in ("size", "reduce", "hdu", "pad")}
    if (like := options.like) is not None:
        how |= {name: getattr(like, name) for name in ("full", "center", "scale", "extensions")}
        how["dtype"] = str(like.dtype)
    return how


def options_like(
    reading: Mapping[str, Any], shape: Sequence[int] | None = None, **others: Any
) -> "ReadOptions":
    """Return the options to read cutouts like others, from the values of `how_read`."""
    from spurclust.cutouts import ImageFormat, ReadOptions

    try:
        full, center, scale = (reading.get(name) for name in ("full", "center", "scale"))
        like = ImageFormat(
            tuple(shape or full or (1, 1)),
            np.dtype(reading["dtype"]),
            full and (full[0], full[1]),
            center and (center[0], center[1]),
            scale,
            tuple(reading.get("extensions") or ()),
        )
        return ReadOptions(
            reading.get("size"),
            reading.get("reduce"),
            like,
            hdu=reading.get("hdu"),
            pad=reading.get("pad") or "center",
            **others,
        )
    except (TypeError, KeyError, IndexError) as error:
        raise CatalogError(
            f"how the cutouts were read is not known ({error!r}): run again"
        ) from error


def fitted_options(models: "FittedModels", *, on_error: Literal["raise", "skip"]) -> "ReadOptions":
    """Return the options to read cutouts like those of the fit."""
    detector = models.detector
    return options_like(
        models.reading, detector.image_shape_, on_error=on_error, n_jobs=detector.n_jobs
    )


def with_dtype(models: "FittedModels", source: "CutoutSource") -> "FittedModels":
    """Add the pixel type of the source to the models, if that of the fit is not known."""
    if models.reading["dtype"]:
        return models
    if source.image_format is not None:
        dtype = source.image_format.dtype
    else:
        dtype = _first_dtype(source, models.reading)
    return models._replace(reading={**models.reading, "dtype": str(dtype)})


def check_fitted(source: "CutoutSource", options: "ReadOptions") -> list[str]:
    """Raise an error if none of a few cutouts is like the fitted ones; return notes on changes."""
    from spurclust.cutouts.formats import MisfitError

    # Some cutouts may be trimmed, but not all.
    options = replace(options, on_error="raise", pad="never", progress=False)
    n_tried = min(N_TRIED, len(source))
    chosen = np.linspace(0, len(source) - 1, n_tried).astype(int).tolist()
    misfit = None
    for rows in [[row] for row in chosen] if source.in_files else [[]]:
        try:
            done = list(source.read(rows, options).notes)
            if done and not rows:
                source.read([0], options)
            return done
        except MisfitError as error:
            misfit = misfit or error
        except CatalogError:
            continue  # the full read names it
    if misfit is not None:
        raise misfit
    return []


def _first_dtype(source: "CutoutSource", reading: Mapping[str, Any]) -> "np.dtype[Any]":
    """Find the pixel type of the first readable cutout."""
    from spurclust.cutouts import ReadOptions

    options = ReadOptions(reading["size"], reading["reduce"], hdu=reading["hdu"])
    reason = ""
    for row in range(len(source)):
        try:
            dtype: np.dtype[Any] = source.read([row], options).images.dtype
            return dtype
        except CatalogError as error:
            reason = reason or str(error)
    raise CatalogError(f"none of {len(source)} cutouts could be read. {reason}")


class KnownLabels(NamedTuple):
    """The labels of some sources by ascending row; other sources have none."""

    rows: NDArray[np.intp]
    matched: "MatchedLabels"

    def spread(self, n_sources: int) -> NDArray[np.int8]:
        """Return the labels of all sources."""
        y = np.full(n_sources, UNINSPECTED, dtype=np.int8)
        y[self.rows] = self.matched.y
        return y

    def of(self, rows: NDArray[np.intp]) -> "MatchedLabels":
        """Return labels, reasons, positions and other columns of some sources."""
        from spurclust.catalog.source_columns import keep_columns

        index = np.searchsorted(self.rows, rows).clip(max=len(self.rows) - 1)
        known = self.rows[index] == rows
        positions, columns = self.matched.positions, self.matched.columns
        if positions is not None:
            positions = np.where(known[:, None], positions[index], np.nan)
        if columns is not None:
            columns = keep_columns(columns, np.where(known, index, -1))
        reasons = self.matched.reasons
        return replace(
            self.matched,
            y=np.where(known, self.matched.y[index], UNINSPECTED).astype(np.int8),
            reasons=[reasons[k] if is_in else "" for k, is_in in zip(index, known, strict=True)],
            positions=positions,
            columns=columns,
        )


def label_tables(labels: Any) -> list[Any]:
    """Read label tables; return none for an array of labels."""
    import pandas as pd

    from spurclust.catalog import Labels, read_labels

    kinds = (str, os.PathLike, pd.DataFrame, Labels)
    given = [labels] if isinstance(labels, kinds) else labels
    if not isinstance(given, (list, tuple)) or not all(isinstance(one, kinds) for one in given):
        return []
    return [one if isinstance(one, Labels) else read_labels(one) for one in given]


def match_known(
    source: "CutoutSource", labels: Any, tables: list[Any], stages: Stages
) -> KnownLabels:
    """Join labels to the sources of a survey that they can mean."""
    import pandas as pd

    from spurclust.catalog import MatchedLabels, match_labels, merge_labels
    from spurclust.catalog.label_matching import format_merge

    if tables:
        wanted = [source_id for part in tables for source_id in part.table["source_id"]]
        rows, ids = source.find(wanted)
        tables = [_name_by_files(part, source, rows) for part in tables]
        merged = merge_labels(tables, source_ids=ids)
        if len(tables) > 1:
            stages.say(format_merge(merged))
        return KnownLabels(rows, match_labels(merged.labels, ids))
    if labels is None:
        labels = [UNINSPECTED] * len(source)
    y = np.asarray(labels, dtype=object)
    if y.shape != (len(source),):
        kind = f"an array of shape {y.shape}" if y.ndim else f"of type {type(labels).__name__}"
        raise ValueError(
            f"labels are {kind}: give one label for each of the {len(source)} sources, or a table "
            "of labels as a file or a DataFrame"
        )
    y = np.where(pd.isna(y), UNINSPECTED, y)
    for row in np.flatnonzero(~np.isin(y, (SPURIOUS, RELIABLE, UNINSPECTED))):
        raise ValueError(
            f"label {y[row]!r} of source {row} is not 1 (spurious), 0 (reliable), or -1 or "
            "missing (uninspected)"
        )
    matched = MatchedLabels(y.astype(np.int8), [""] * len(y), [], [])
    return KnownLabels(np.arange(len(y)), matched)


def _name_by_files(table: "Labels", source: "CutoutSource", rows: NDArray[np.intp]) -> "Labels":
    """Replace ids that are names of cutout files by the ids of these cutouts."""
    import pandas as pd

    from spurclust.catalog.ids import is_picture_name

    names = table.table["source_id"]
    if not source.in_files or not names.map(is_picture_name).any():
        return table
    ids, paths = source.take(rows)
    id_of = {PurePath(path).name: one for one, path in zip(ids, paths, strict=True)}
    found = [id_of.get(PurePath(name).name, name) for name in names]
    return replace(table, table=table.table.assign(source_id=pd.Series(found, dtype=str)))


def _match_catalogue(source: "CutoutSource", catalogue: Any, stages: Stages) -> KnownLabels:
    """Return the columns of a table of sources (a path or read already) for a survey."""
    from spurclust.catalog import Labels, match_labels, read_catalogue

    table = catalogue if isinstance(catalogue, Labels) else read_catalogue(catalogue)
    rows, ids = source.find(table.table["source_id"].tolist())
    table = _name_by_files(table, source, rows)
    matched = match_labels(table, ids)
    n_described = len(ids) - len(matched.ids_without_row)
    stages.say(f"{table.origin} describes {n_described} of the {len(source)} sources")
    return KnownLabels(rows, matched)


def _describe(known: KnownLabels, described: KnownLabels) -> KnownLabels:
    """Add the columns of a catalogue to the sources; those of a label table take precedence."""
    from spurclust.catalog.source_columns import join_columns

    every = np.union1d(described.rows, known.rows)
    labels, others = known.of(every), described.of(every)
    positions = _first_known(labels.positions, others.positions)
    columns = join_columns(others.columns, labels.columns)
    return KnownLabels(every, replace(labels, positions=positions, columns=columns))


def describe_new(
    source: "CutoutSource", read: "Cutouts", catalogue: Any, stages: Stages
) -> tuple[NDArray[np.float64] | None, "pd.DataFrame | None"]:
    """Return positions and other columns of new sources, from a catalogue and FITS headers."""
    positions = header_positions(read)
    if catalogue is None:
        return positions, None
    rows = rows_read(source, np.arange(len(source)), read)
    known = _match_catalogue(source, catalogue, stages).of(rows)
    return _first_known(known.positions, positions), known.columns


def label_origins(labels: "MatchedLabels") -> list[str] | None:
    """Return how the inspected sources were chosen, if the label tables have it."""
    from spurclust.labels import ORIGIN_COLUMN

    columns = labels.columns
    if columns is None or ORIGIN_COLUMN not in columns:
        return None
    return [str(word).strip().lower() for word in columns[ORIGIN_COLUMN].fillna("")]


def header_positions(read: "Cutouts") -> NDArray[np.float64] | None:
    """Return the positions in the headers of FITS files, in degrees; None without any."""
    import pandas as pd

    from spurclust.catalog.sky import find_positions

    if not any(read.positions):
        return None
    table = pd.DataFrame(
        [one or ("", "") for one in read.positions], columns=["ra", "dec"], dtype=object
    )
    notes: list[str] = []
    table.insert(0, "source_id", read.source_ids)
    positions, _ = find_positions(table, np.arange(len(read)), notes)
    for note in notes:
        warnings.warn(f"FITS headers: {note}", stacklevel=3)
    return positions


def _first_known(
    positions: NDArray[np.float64] | None, others: NDArray[np.float64] | None
) -> NDArray[np.float64] | None:
    """Return positions, and others where they are not known."""
    if positions is None or others is None:
        return others if positions is None else positions
    return np.where(np.isnan(positions), others, positions)
